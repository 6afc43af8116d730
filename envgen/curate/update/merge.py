"""Merges the rows of two texts of a file, with what both were made from. Comments and the order of the rows stay. Pure."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from envgen.yamlfile.rows import FileRow, file_rows

RowState = Literal["new", "changed", "gone", "edited", "own", "removed", "conflict", "unknown"]
"""Of a row: the newer facts have it, changed it, or have it no more; edited, added or removed here alone; changed on both sides; or
different, and nothing says on which side it was changed."""
_BYTE_ORDER_MARK = "\ufeff"
BaseRow = tuple[str, str]
"""The digest and the name of a row of the text that both were made from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowDifference:
    """A row that differs; its line here, 0 where it is not here, and its line in the merged text; how the newer facts have it."""

    state: RowState
    name: str
    line: int
    merged_line: int
    newer: str


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged text, and the rows in which the two texts differed."""

    text: str
    rows: tuple[RowDifference, ...]


@dataclass(frozen=True, slots=True)
class _Group:
    """The place of a row in each text, and the digest that it had in the text that both were made from."""

    here: int | None
    newer: int | None
    base: str | None


def base_rows(text: str) -> tuple[BaseRow, ...]:
    """What is remembered of a text for the next merge."""
    return tuple((_digest(row), row.name) for row in file_rows(text))


def merge(here: str, newer: str, base: Sequence[BaseRow] | None, *, take_newer: bool = False) -> Merged:
    """The text with what the newer one changes, except in rows that were edited here.

    Without a `base`, no row that is in both texts is changed. With `take_newer`, rows that were changed on both sides, or on nobody
    knows which, are taken from the newer text.
    """
    mine, new = file_rows(here), file_rows(newer)
    groups = tuple(_groups(mine, new, base))
    states = {group: _state(group, mine, new, based=base is not None) for group in groups}
    taken = {group: _is_newer(state, take_newer=take_newer) for group, state in states.items()}
    states = _without_their_key(_keys_kept(states, taken, mine), taken, mine, new)
    texts = {g.here: _text(g, mine, new, newer=taken[g]) for g in groups if g.here is not None}
    partners = {group.newer: group.here for group in groups if group.newer is not None and group.here is not None}
    added = [group.newer for group in groups if group.here is None and group.newer is not None and taken[group]]
    places = _places(mine, new, partners, sorted(added))
    return _composed(mine, new, texts, places, states)


def _groups(mine: Sequence[FileRow], new: Sequence[FileRow], base: Sequence[BaseRow] | None) -> Iterator[_Group]:
    """Every row of any of the texts, once."""
    ours, theirs, was = _keys(mine), _keys(new), dict(enumerate(base or ()))
    to_mine, to_new = _paired(was, ours), _paired(was, theirs)
    for number, (digest, _) in was.items():
        yield _Group(to_mine.get(number), to_new.get(number), digest)
    left = {n: key for n, key in ours.items() if n not in to_mine.values()}
    others = {n: key for n, key in theirs.items() if n not in to_new.values()}
    pairs = _paired(left, others)
    yield from (_Group(n, pairs.get(n), None) for n in left)
    yield from (_Group(None, n, None) for n in others if n not in pairs.values())


def _keys(rows: Sequence[FileRow]) -> dict[int, BaseRow]:
    return {number: (_digest(row), row.name) for number, row in enumerate(rows)}


def _digest(row: FileRow) -> str:
    lines = (line.rstrip() for line in row.text.removeprefix(_BYTE_ORDER_MARK).strip().splitlines())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def _paired(one: Mapping[int, BaseRow], other: Mapping[int, BaseRow]) -> dict[int, int]:
    """Which rows are the same: those of one name, first those with the same text, then in their order."""
    found: dict[int, int] = {}
    for start in (0, 1):  # the digest and the name, then the name alone
        places: dict[BaseRow | tuple[str, ...], list[int]] = defaultdict(list)
        taken = set(found.values())
        for number, key in other.items():
            if number not in taken:
                places[key[start:]].append(number)
        for number, key in one.items():
            if number not in found and places[key[start:]]:
                found[number] = places[key[start:]].pop(0)
    return found


def _state(group: _Group, mine: Sequence[FileRow], new: Sequence[FileRow], *, based: bool) -> RowState | None:
    """What is different about a row; None where nothing is, or where neither text has it."""
    here = None if group.here is None else _digest(mine[group.here])
    newer = None if group.newer is None else _digest(new[group.newer])
    if here == newer:
        return None
    if group.base is None and here and newer:
        return "conflict" if based else "unknown"
    if here == group.base:
        return "new" if here is None else "gone" if newer is None else "changed"
    if newer == group.base:
        return "own" if newer is None else "removed" if here is None else "edited"
    return "conflict"


def _is_newer(state: RowState | None, *, take_newer: bool) -> bool:
    return state in ("new", "changed", "gone") or (take_newer and state in ("conflict", "unknown"))


def _keys_kept(
    states: Mapping[_Group, RowState | None], taken: dict[_Group, bool], mine: Sequence[FileRow]
) -> dict[_Group, RowState | None]:
    """The states, in which a key that the newer text has no more is the repository's own while rows below it stay."""
    stay = {group: mine[group.here] for group in states if group.here is not None and not (taken[group] and group.newer is None)}
    below = {row.key for row in stay.values() if not row.heads}
    kept = [g for g in states if g.here is not None and g not in stay and mine[g.here].heads and mine[g.here].key in below]
    taken |= dict.fromkeys(kept, False)
    return {**states, **dict.fromkeys(kept, "own")}


def _without_their_key(
    states: Mapping[_Group, RowState | None], taken: dict[_Group, bool], mine: Sequence[FileRow], new: Sequence[FileRow]
) -> dict[_Group, RowState | None]:
    """The states, in which a new row below a key that was removed here is a conflict, and is not taken."""
    here = {row.key for row in mine}
    news = {group: new[group.newer] for group in states if group.here is None and group.newer is not None}
    here |= {row.key for group, row in news.items() if row.heads and taken[group]}
    lost = [group for group, row in news.items() if taken[group] and row.key not in here]
    taken |= dict.fromkeys(lost, False)
    return {**states, **dict.fromkeys(lost, "conflict")}


def _text(group: _Group, mine: Sequence[FileRow], new: Sequence[FileRow], *, newer: bool) -> str | None:
    """The text of a row that is here; None where it is taken out."""
    if not newer:
        return None if group.here is None else mine[group.here].text
    return None if group.newer is None else new[group.newer].text


def _places(
    mine: Sequence[FileRow], new: Sequence[FileRow], partners: Mapping[int, int], added: Sequence[int]
) -> dict[int, list[int]]:
    """The rows to add, by the number of the row here that they come after; -1: before all."""
    last = {row.key: number for number, row in enumerate(mine)}
    found: dict[int, list[int]] = defaultdict(list)
    for number in added:
        key = new[number].key
        before = [n for n in range(number) if n in partners and new[n].key == key]
        if key in last:
            place = partners[before[-1]]  # the key itself at least
        else:
            place = next((last[new[n].key] for n in reversed(range(number)) if new[n].key in last), -1)
        found[place].append(number)
    return found


def _composed(
    mine: Sequence[FileRow],
    new: Sequence[FileRow],
    texts: Mapping[int, str | None],
    places: Mapping[int, Sequence[int]],
    states: Mapping[_Group, RowState | None],
) -> Merged:
    """The merged text, and the differences in the order of its rows; of those that are in neither, in that of the newer text."""
    parts, lines, number = list[str](), dict[tuple[str, int], int](), 1
    for place in range(-1, len(mine)):
        own = [("here", place, text, mine[place].comments)] if (text := texts.get(place)) is not None else []
        for side, n, text, comments in (*own, *(("newer", n, new[n].text, new[n].comments) for n in places.get(place, ()))):
            whole = text if text.endswith("\n") else f"{text}\n"
            lines[side, n] = number + comments
            number += whole.count("\n")
            parts.append(whole)
    found = [_difference(group, state, mine, new, lines) for group, state in states.items() if state]
    return Merged("".join(parts), tuple(sorted(found, key=lambda row: (row.merged_line or row.line, row.name))))


def _difference(
    group: _Group, state: RowState, mine: Sequence[FileRow], new: Sequence[FileRow], lines: Mapping[tuple[str, int], int]
) -> RowDifference:
    here = None if group.here is None else mine[group.here]
    newer = None if group.newer is None else new[group.newer]
    named = here or newer
    before = sum(row.text.count("\n") for row in mine[: group.here or 0])
    return RowDifference(
        state=state,
        name=named.name if named else "",
        line=before + here.comments + 1 if here else 0,
        merged_line=lines.get(("here", -2 if group.here is None else group.here), 0)
        or lines.get(("newer", -2 if group.newer is None else group.newer), 0),
        newer=newer.text.strip("\n") if newer else "",
    )
