"""What the frameworks inside an environment see, and whether that is what the environment is meant for.

In: an installed prefix, a Matrix. Out: a ProbeResult, with a verdict on each framework. `child.py` and the files in `scripts/`
run inside that environment, without envgen; the other modules judge what they wrote. May import `formats`, `machine`, `matrix`,
`table`.
"""
