"""`envgen matrix refresh`: what the channels hold and a framework's file does not say, as edits to that file.

In: a framework's file and an index. Out: a diff. May import `curate`, `formats`, `matrix`, `yamlfile`, `files`.
"""
