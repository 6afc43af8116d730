"""Candidates, constraints and the exact search.

In: a Matrix and a Project. Out: Resolutions, one for each target, or a Clash. Pure. May import `model`.
"""
