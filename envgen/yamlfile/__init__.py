"""Reads YAML and keeps the place of every value; edits YAML text in place.

In: text. Out: data with an Address for each value, or nodes; edited text, byte for byte the same elsewhere. May import `model`.
"""
