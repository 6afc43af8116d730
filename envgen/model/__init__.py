"""Typed, frozen values that more than one package needs, the errors, and where files lie. Every package may import it.

Imports nothing of ours.
"""
