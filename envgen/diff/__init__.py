"""What changes between two sets of locks, and what of it matters.

In: two Snapshots (revisions, folders or files) and a Matrix. Out: a Difference; a page, Markdown, JSON, HTML. May import
`channels`, `files`, `formats`, `revisions`, `verify`.
"""
