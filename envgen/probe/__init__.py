"""What the frameworks inside an environment see, and whether that is what was meant.

In: an installed prefix. Out: Probed answers and verdicts. May import `formats`, `install`, `machine`, `matrix`.
"""
