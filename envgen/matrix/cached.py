"""The facts of a repository, from the cache unless a file has changed. Imports the schema, and with it pydantic, only then."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

from envgen.cache import key_of, remembered
from envgen.matrix.files import DEFAULTS, default_text, matrix_texts
from envgen.model.facts import Matrix
from envgen.model.layout import Layout


def facts_key(layout: Layout) -> str:
    """The digest of the facts of a repository, and of this program: what has the same was made from the same facts."""
    return _key(layout, matrix_texts(layout.matrices, layout.shown(layout.matrices)))


def _key(layout: Layout, texts: Mapping[str, str]) -> str:
    defaults = (default_text(name) for name in DEFAULTS if name not in texts)
    return key_of(layout.shown(layout.matrices), *chain.from_iterable(texts.items()), *defaults)


def cached_matrix(layout: Layout) -> Matrix:
    """The facts of a repository. Raises BadInput with file:line:column."""
    shown = layout.shown(layout.matrices)
    texts = matrix_texts(layout.matrices, shown)
    key = _key(layout, texts)

    def made() -> Matrix:
        from envgen.matrix.load import matrix_of_texts

        return matrix_of_texts(texts, shown)

    matrix = remembered(Matrix, key, made)
    object.__setattr__(matrix, "digest", key)
    return matrix
