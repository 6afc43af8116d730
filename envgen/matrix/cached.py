"""The facts of a repository, from the cache unless a file has changed. Imports the schema, and with it pydantic, only then."""

from __future__ import annotations

from itertools import chain

from envgen.cache import key_of, remembered
from envgen.matrix.files import DEFAULTS, default_text, matrix_texts
from envgen.model.facts import Matrix
from envgen.model.layout import Layout


def cached_matrix(layout: Layout) -> Matrix:
    """The facts of a repository. Raises BadInput with file:line:column."""
    shown = layout.shown(layout.matrices)
    texts = matrix_texts(layout.matrices, shown)
    key = key_of(shown, *chain.from_iterable(texts.items()), *(default_text(name) for name in DEFAULTS if name not in texts))

    def made() -> Matrix:
        from envgen.matrix.load import matrix_of_texts

        return matrix_of_texts(texts, shown)

    matrix = remembered(Matrix, key, made)
    object.__setattr__(matrix, "digest", key)
    return matrix
