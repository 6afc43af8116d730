"""`envgen matrix lint`: rules over the files in `matrices/`, each with the line that it is about.

In: the texts of the files. Out: Findings. May import `curate`, `matrix`, `resolver`, `yamlfile`.
"""
