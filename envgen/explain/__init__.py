"""Why a choice was made, why there is none, and what else would do.

In: a Problem of the resolver. Out: minimal conflicts, repairs, alternatives and advice, as values and as text. May import
`matrix`, `resolver`.
"""
