"""`envgen facts`: the facts of a newer envgen in a repository that has its own, row by row; what was edited there stays.

In: the files of the repository, the files that come with envgen, and what the first were copied from. Out: changed texts, and what
happened to each row that differs. May import `files`, `matrix`, `yamlfile`.
"""
