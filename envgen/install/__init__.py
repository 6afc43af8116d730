"""From a lock to an environment, and a command in it.

In: a conda-lock.yml. Out: an installed prefix, changed at once or not at all. May import `formats`, `channels`, `machine`, and
`matrix`, `project`, `targets` for what a command names.
"""
