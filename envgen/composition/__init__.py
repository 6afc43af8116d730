"""What a lock is made of: who brought a package, the tree, sizes, licences.

In: the locks of a project, what is requested beside them, the recorded index. Out: values about them; pages and JSON. May import
`channels`, `formats`, `table`.
"""
