"""The smallest part of a list that still has a property, whatever the property."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from unit.small import examples

from envgen.explain.minimize import minimal

ITEMS = tuple(range(7))
TRUE_OF = st.sets(st.frozensets(st.sampled_from(ITEMS)), max_size=60)


@examples(200)
@given(TRUE_OF)
def test_what_is_left_has_the_property_and_without_any_item_it_has_not_and_nothing_is_asked_twice(
    true_of: set[frozenset[int]],
) -> None:
    """Also where it is true of some items and false of more of them."""
    asked: list[tuple[int, ...]] = []

    def still(items: Sequence[int]) -> bool:
        asked.append(tuple(items))
        return frozenset(items) in true_of or len(items) == len(ITEMS)

    left = minimal(ITEMS, still)
    assert list(left) == sorted(left)
    assert frozenset(left) in true_of or left == ITEMS
    assert not any(frozenset(left) - {item} in true_of for item in left)
    assert len(asked) == len(set(asked))
