"""`envgen matrix lint`: rules over the files in `matrices/`; and the JSON Schemas by which an editor checks them.

In: the texts of the files. Out: findings with file, line and column; schema files. May import `cache`, `files`, `matrix`,
`project`, `resolver`, `yamlfile`.
"""
