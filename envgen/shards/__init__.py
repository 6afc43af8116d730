"""The same work on many machines: a plan in parts, the results of each part, and what joins them.

In: a repository and what is to be locked. Out: plans (`envgen plan`), results by the digest of their inputs, and the locks that are
joined from them. May import `cache`, `channels`, `formats`, `lock`, `matrix`, `project`, `revisions`, `verify`.
"""
