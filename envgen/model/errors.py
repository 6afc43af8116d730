"""Every failure a user can meet: its exit code, and a text that ends in the next step.

Modules raise these; only `cli` turns them into words on stderr and an exit status (DESIGN: exit codes 0, 1, 2, 3, 4, 130).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import ClassVar

_NEAR, _NEAR_NUMBER = 0.6, 0.7  # of letters in common: `conda` is near `conda-forge`, and `cu999` is not near `cu129`


class EnvgenError(Exception):
    """A failure with an address (where), a fact (what) and a next step (hint)."""

    exit_code: ClassVar[int] = 2

    def __init__(self, what: str, *, where: object = None, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}\n\nhint: {self.hint}" if self.hint else text


class BadInput(EnvgenError):
    """A file or an option says something that cannot be meant."""


class CheckFailed(EnvgenError):
    """A lock is not what its target claims; it was not written."""

    exit_code = 1


class NoSolution(EnvgenError):
    """The solver found no set of packages, or no channel could be reached."""

    exit_code = 4


@contextmanager
def addressed(where: object, kind: type[EnvgenError] = EnvgenError) -> Iterator[None]:
    """Give an error that has no address yet the address of what it is about."""
    try:
        yield
    except kind as error:
        error.where = error.where or where
        raise


def closest(word: str, known: Iterable[str]) -> str:
    """Say what may have been meant: "did you mean `a`?", or the list of what there is."""
    names = sorted(known)
    cutoff = _NEAR_NUMBER if any(letter.isdigit() for letter in word) else _NEAR
    near = get_close_matches(word, names, n=1, cutoff=cutoff)
    if near:
        return f"did you mean `{near[0]}`?"
    shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return f"known here: {shown}" if names else "nothing is known here"
