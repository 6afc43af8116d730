"""`project.yaml` and its aliases to a Project.

In: a YAML file and a Matrix. Out: a Project in envgen's own terms, with a note for each alias. May import `cache`,
`channels`, `formats`, `matrix`, `resolver`, `targets`, `yamlfile`.
"""
