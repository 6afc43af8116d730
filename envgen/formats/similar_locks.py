"""Many conda-lock.yml that share packages, as those of one repository and its revisions do: each package is parsed once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from envgen.formats.checked import checked
from envgen.formats.conda_lock import environment_name, read_lock
from envgen.formats.conda_lock_entries import plain_packages
from envgen.model.errors import BadInput
from envgen.model.packages import Lock, LockedPackage

_HEAD = re.compile(r"(?:#.*\n)*version: 1\nmetadata:\n(?:  .*\n)*(?:  .*)?")
_ITEM, _MAIN = "\n- name: ", "\n  category: main\n"


def read_similar(text: str, shown: str, known: dict[str, LockedPackage]) -> Lock:
    """As `read_lock`, for many locks that share packages: an entry that is in `known` is not parsed again, and new ones are added.

    The packages have no line, and whether the lock is intact is not asked. Raises BadInput as `read_lock` does.
    """
    head, _, rest = text.partition("\npackage:\n")
    entries = rest[len(_ITEM) - 1 : -1].split(_ITEM)
    plain = rest.startswith(_ITEM[1:]) and rest.endswith("\n") and rest.count(_MAIN) == len(entries)  # in no second category
    if not plain or not _HEAD.fullmatch(head) or not _learn({entry for entry in entries if entry not in known}, shown, known):
        return read_lock(text, shown)
    packages = tuple(known[entry] for entry in entries)
    return Lock(shown=shown, format="conda-lock 1", environment=environment_name(text), packages=packages)


def _learn(entries: Iterable[str], shown: str, known: dict[str, LockedPackage]) -> bool:
    """Add entries to those that are known; whether all are as conda-lock writes them, and hold nothing that cannot be meant."""
    for entry in entries:
        found = plain_packages(f"{_ITEM[1:]}{entry}\n", 1, shown)
        if not found:
            return False
        package = replace(found[0][0], at=None)
        try:
            checked(Lock(shown=shown, format="", environment="", packages=(package,)))
        except BadInput:  # the whole lock says where
            return False
        known[entry] = package
    return True
