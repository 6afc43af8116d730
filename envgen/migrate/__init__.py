"""What other tools' files ask for, as a project of envgen.

In: the texts of files (environment.yml, requirements.txt, pixi.toml, dependencies.yaml, locks, lists) and a Matrix. Out: the text
of a `project.yaml`, how each word was read, and every line that was not carried over, with the reason. May import `channels`,
`composition`, `formats`, `project`, `targets`, `yamlfile`.
"""
