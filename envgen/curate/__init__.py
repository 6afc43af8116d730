"""Five programs that keep the facts true, and what `records` and `refresh` share: facts one by one, and published builds.

`lint`: are the facts well written? `records`: do the channels confirm them? `refresh`: what is new there? `show`: what do they
say? `update`: what does a newer envgen know? No program imports another. May import `channels`, `formats`, `matrix`, `resolver`.
"""
