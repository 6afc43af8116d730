"""The facts: the schema of `matrices/`, loading, conditions, drivers, GPU names.

In: YAML files. Out: a Matrix, or the file, line and column that is wrong. May import `yamlfile`, `resolver` (constraints).
"""
