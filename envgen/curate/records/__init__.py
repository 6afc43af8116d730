"""`envgen matrix verify`: compares every fact with package records: confirmed, refuted or undecidable.

In: the facts of a matrix and an index. Out: a Comparison. May import `curate`, `channels`, and `verify`, whose rules judge what the
solver returns: an environment for a fact must pass the same checks as a lock.
"""
