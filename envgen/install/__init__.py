"""Install locked environments, list them, and run commands in them.

In: a conda-lock.yml. Out: an installed prefix, updated completely or not at all, or a folder with its packages. May import `cache`,
`channels`, `formats`, `machine`, `matrix`, `project`, `table`, `targets`, `verify`.
"""
