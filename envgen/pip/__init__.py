"""The pip packages of a target: from what it asks for and the conda packages beside them to pinned files, by uv.

In: a PipRequest, the records beside it, the versions of the lock. Out: locked pip packages. uv is a process, and the only one that
reads an index of wheels. May import `cache`, `channels`, `formats`.
"""
