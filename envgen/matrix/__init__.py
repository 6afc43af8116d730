"""The facts: the schema of `matrices/`, loading, constraints, drivers, GPU names.

In: YAML files. Out: a Matrix, or the file, line and column that is wrong. May import `cache`, `channels`, `yamlfile`.
"""
