"""Two locks that were made from one, package by package: what the solver is asked to keep. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from envgen.formats.conda_lock import digest, metadata, read_stamp
from envgen.model.run import Stamp

_BODY, _ITEM = "\npackage:\n", "\n- name: "
_KEY = re.compile(r"(\S+)\n(?:  .*\n)*?  manager: (\S+)\n  platform: (\S+)\n")
_NOBODY_S = "f" * 64  # a digest of no inputs: the lock is solved again, and its packages are kept as far as they can be

Entries = Mapping[tuple[str, ...], str]
Key = TypeVar("Key")


def merged_lock(ours: str, base: str, theirs: str, shown: str) -> str:
    """A lock with the packages and the choices that either side changed; where both changed one, ours.

    It is what the solver is to keep, not an answer: its stamp fits no inputs. A lock of another tool is returned as ours. Raises
    BadInput for a lock that cannot be read.
    """
    stamps = [read_stamp(text, shown) if text.strip() else None for text in (ours, base, theirs)]
    mine, common, other = stamps
    if mine is None or other is None:
        return ours
    merged = merged_mapping(_entries(ours), _entries(base), _entries(theirs))
    body = "package:\n" + "".join(f"- name: {merged[key]}\n" for key in sorted(merged))
    chosen = merged_mapping(mine.chosen, common.chosen if common else {}, other.chosen)
    stamp = replace(mine, wanted=_NOBODY_S, cells=dict.fromkeys(mine.downloads, _NOBODY_S), chosen=chosen, packages=digest(body))
    return f"{_with_stamp(ours.partition(_BODY)[0], stamp)}\n{body}"


def merged_mapping(ours: Mapping[Key, str], base: Mapping[Key, str], theirs: Mapping[Key, str]) -> dict[Key, str]:
    """What either side changed; where both did, ours."""
    keys = dict.fromkeys((*ours, *theirs))
    taken = {key: theirs.get(key) if ours.get(key) == base.get(key) else ours.get(key) for key in keys}
    return {key: value for key, value in taken.items() if value is not None}


def _entries(lock: str) -> Entries:
    """The packages of a lock as text, by name, manager and platform."""
    rest = lock.partition(_BODY)[2]
    items = f"\n{rest[:-1]}".split(_ITEM)[1:]
    return {found.groups(): item for item in items if (found := _KEY.match(f"{item}\n"))}


def _with_stamp(head: str, stamp: Stamp) -> str:
    """The head of a lock with another stamp in the place of its own."""
    told = metadata(stamp)
    keys = "|".join(map(re.escape, told))
    return re.sub(rf"^    ({keys}): .*(?:\n      .*)*", lambda found: f"    {found[1]}: {told[found[1]]}", head, flags=re.MULTILINE)
