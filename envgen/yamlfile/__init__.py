"""YAML that remembers where every value is written, and edits to it in place.

In: text. Out: data with an Address for each value; edited text, byte for byte the same elsewhere. May import `model`.
"""
