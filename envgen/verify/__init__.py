"""Rules over a Lock: whether it is what it claims to be.

In: a Lock and a Claim, a Matrix, Projects. Out: Findings; a page, JSON, SARIF, annotations. May import `channels`, `formats`,
`matrix`, `outputs`, `table`, `targets`.
"""
