"""Rules over a Lock: whether it is what it claims to be.

In: a Lock and a Claim. Out: Findings; a page, JSON, SARIF, annotations. May import `channels`, `formats`, `matrix`, `project`,
`resolver`, `table`, `targets`, `yamlfile`.
"""
