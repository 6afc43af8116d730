"""`envgen matrix refresh`: what package records hold and a framework's file does not claim, as edits to that file.

In: the matrix, its files and an index. Out: changed texts, and notes on what a person must write. May import `channels`,
`curate`, `files`, `formats`, `matrix`, `yamlfile`.
"""
