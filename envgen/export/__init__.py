"""Locks as the files of other tools.

In: the Lock of a target, the specs of its environment.yml and what its machine promises. Out: the texts of files. May import
`channels`, `formats`.
"""
