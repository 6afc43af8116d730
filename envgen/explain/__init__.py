"""Why a choice was made, why there is none, and what else would do.

In: a question to the resolver. Out: minimal conflicts, repairs, alternatives, advice, and the texts that tell them. May import
`resolver`, `matrix`.
"""
