"""git's merge of locks, and of what is made with them: the inputs are merged as text, and the locks are locked from the result.

In: a path and its three versions, as git gives them to a merge driver. Out: the merged text, or one with git's markers and the
reason. May import `cache`, `channels`, `formats`, `lock`, `matrix`, `project`, `revisions`.
"""
