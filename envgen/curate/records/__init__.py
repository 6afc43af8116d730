"""`envgen matrix verify`: compares every fact with package records: confirmed, refuted or undecidable.

In: the facts of a matrix and an index. Out: a MatrixComparison. May import `channels`, `curate`, `table`, `verify`.
"""
