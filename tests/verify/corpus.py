"""The corpus: `expected.yaml` says of every file in `locks/` what it is meant to be, and which rules must fire on which platform.

A rule that must fire and does not is a miss; one that fires and must not is a false alarm. Entries with a `source` are kinds that
people reported: seen-* are silent CPU builds and broken mixtures, sound-* the shapes of good locks beside them. `make bench` prints
how many of them are caught.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from packaging.version import Version

from envgen.formats.reading import read_any
from envgen.model.facts import Matrix
from envgen.model.findings import Claim
from envgen.model.gpu import Gpu
from envgen.model.packages import Lock
from envgen.model.project import Project
from envgen.verify import check
from envgen.verify import verify as proof

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Entry:
    """One file and its verdict. `wrong` maps platform, as the lock names it, -> the rules that must fire; empty for a lock that is right."""

    path: Path
    because: str
    target: str | None = None
    project: Mapping[str, Any] = field(default_factory=dict)  # gpus, driver, channels, frameworks, virtual
    wrong: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    source: str = ""  # the public issue of which it is the kind
    missed: bool = False  # whether it is known to be wrong, and nothing finds it

    @property
    def name(self) -> str:
        return self.path.parent.name if self.path.name == "conda-lock.yml" else self.path.stem


@cache
def entries() -> tuple[Entry, ...]:
    """All of them, in the order of expected.yaml."""
    rows = yaml.safe_load((HERE / "expected.yaml").read_text(encoding="utf-8"))
    return tuple(Entry(HERE / "locks" / file, **row) for file, row in rows.items())


def fired(entry: Entry, matrix: Matrix) -> dict[str, set[str]]:
    """Platform -> the rules that fire on it."""
    found: dict[str, set[str]] = {}
    for machine, rule in _findings(entry, matrix):
        found.setdefault(machine, set()).add(rule)
    return found


def _findings(entry: Entry, matrix: Matrix) -> Iterator[tuple[str, str]]:
    """Platform and rule of everything that is found. Without a target, what the lock is meant to be is decided as the command does."""
    if entry.target is None:
        asked = proof.VerifyRequest(paths=(entry.path,), target=None, project=None, virtual=None, hashes=False)
        for item in proof.verified(None, matrix, _no_project, asked):
            yield from ((item.machine, finding.rule) for finding in item.findings)
        return
    for lock in read_any(entry.path, entry.path.name):
        for finding in check.check(lock, claims(entry, lock, matrix), matrix):
            yield lock.machine or finding.platform, finding.rule


def _no_project(name: str) -> Project:
    raise AssertionError(f"no lock of the corpus belongs to a project: {name}")


def claims(entry: Entry, lock: Lock, matrix: Matrix) -> dict[str, Claim]:
    """What the lock is meant to be; nothing where it is to be inferred."""
    if entry.target is None:
        return {}
    told = entry.project
    gpus = tuple(
        matrix.gpus.get(str(name).lower()) or Gpu(name=str(name), capability=Version(name)) for name in told.get("gpus", ())
    )
    common = {
        "gpus": gpus,
        "driver": Version(told["driver"]) if "driver" in told else None,
        "channels": tuple(told.get("channels", ())),
        "frameworks": tuple(told.get("frameworks", ())),
    }
    made = proof.claims_for(lock, proof.requested_target(entry.target, matrix))
    return {
        platform: replace(claim, **common, virtual={**(claim.virtual or {}), **told.get("virtual", {})})
        for platform, claim in made.items()
    }


def misses(entry: Entry, found: Mapping[str, Iterable[str]]) -> set[tuple[str, str]]:
    """What should have fired and did not: (platform, rule)."""
    wanted = {(platform, rule) for platform, rules in entry.wrong.items() for rule in rules}
    return wanted - {(platform, rule) for platform, rules in found.items() for rule in rules}


def false_alarms(entry: Entry, found: Mapping[str, Iterable[str]]) -> set[tuple[str, str]]:
    """What fired and should not have."""
    return {(platform, rule) for platform, rules in found.items() for rule in rules if rule not in entry.wrong.get(platform, ())}


@dataclass(frozen=True, slots=True)
class Seen:
    """How many of the kinds that people reported are caught and missed, and how many sound locks have a false alarm."""

    kinds: int
    caught: int
    sound: int
    alarms: int


def seen(matrix: Matrix) -> Seen:
    """The count over the entries with a source, and over the sound ones."""
    reported = [entry for entry in entries() if entry.source and (entry.wrong or entry.missed)]
    caught = [entry for entry in reported if not entry.missed and not misses(entry, fired(entry, matrix))]
    sound = [entry for entry in entries() if not entry.wrong and not entry.missed]
    alarms = [entry for entry in sound if fired(entry, matrix)]
    return Seen(len(reported), len(caught), len(sound), len(alarms))


def score(matrix: Matrix) -> tuple[int, int, int]:
    """Misses, false alarms, and how many locks were judged."""
    judged = [(entry, fired(entry, matrix)) for entry in entries()]
    return sum(len(misses(*item)) for item in judged), sum(len(false_alarms(*item)) for item in judged), len(judged)
