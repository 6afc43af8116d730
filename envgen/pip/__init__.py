"""The pip packages of a target: from what it asks for and the conda packages beside them to pinned files, by uv.

`solve.locked_wheels` is the way in. uv is a process, and the only one that reads an index of wheels. Imports channels and formats.
"""
