"""`envgen matrix verify`: compares every fact with package records: confirmed, refuted or undecidable.

In: the facts of a matrix and an index. Out: a MatrixComparison. May import `curate`, `channels`, `table`, and `verify`, whose rules
judge what the solver returns: an environment for a fact must pass the same checks as a lock.
"""
