"""Four programs that keep the facts true, and what they share: claims of the matrices, published builds, JSON Schemas.

`lint`: are the facts well written? `records`: are they true in the channels? `refresh`: what is new there? `show`: what do they
say? None of the four imports another. May import `matrix`, `project` (its schema), `resolver`, `channels`, `formats`.
"""
