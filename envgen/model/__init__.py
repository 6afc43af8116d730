"""Typed, frozen values that more than one package needs, the errors, and where files lie. Imports nothing of ours."""
