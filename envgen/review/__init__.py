"""Programs for reviews: whether everything agrees (`check`), what a change of the facts does (`impact`), the jobs of CI.

In: the files of a repository, for `impact` those of two revisions. Out: findings, and what moves in each target. Nothing is solved,
and only `fix.py` writes. May import `cache`, `channels`, `composition`, `curate.lint`, `explain`, `files`, `formats`, `lock`,
`matrix`, `outputs`, `project`, `resolver`, `verify`, `yamlfile`.
"""
