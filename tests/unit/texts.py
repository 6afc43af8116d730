"""Texts of some form: what a regular expression says, drawn in pieces and not letter by letter, which takes hypothesis much longer."""

from __future__ import annotations

from string import ascii_lowercase, digits

from hypothesis import strategies as st

LOWER = ascii_lowercase + digits


def word(letters: str, least: int, most: int | None = None) -> st.SearchStrategy[str]:
    """Some of these letters: so many at least, and at most."""
    return st.text(letters, min_size=least, max_size=most)


def joined(*parts: str | st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts one after the other."""
    return st.tuples(*(st.just(part) if isinstance(part, str) else part for part in parts)).map("".join)


def maybe(*parts: str | st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """The same, or nothing."""
    return st.one_of(st.just(""), joined(*parts))


def several(part: st.SearchStrategy[str], most: int) -> st.SearchStrategy[str]:
    """None of a text, or up to so many one after the other."""
    return st.lists(part, max_size=most).map("".join)
