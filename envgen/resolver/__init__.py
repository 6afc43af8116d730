"""Candidates, cells and the exact search: which release of each framework, and which Python, every target gets.

In: a Matrix and a Project, and which Pythons an index holds for a choice. Out: Resolutions, one for each target, or
Unsatisfiable with the Problem that has no answer; the conda specs of a Resolution. Pure. May import `matrix`.
"""
