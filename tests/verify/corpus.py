"""The corpus: `expected.yaml` says of every file in `locks/` what it is meant to be, and which rules must fire on which platform.

A rule that must fire and does not is a miss; one that fires and must not is a false alarm. Entries with a `source` are kinds that
people reported: seen-* are silent CPU builds and broken mixtures, sound-* the shapes of good locks beside them. `make bench` prints
how many of them are caught.
`findings/` has every finding of a wrong lock whole: which package it is about, and its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from packaging.version import Version

from envgen.formats.reading import read_any
from envgen.model.facts import Matrix
from envgen.model.findings import Claim, Finding
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


def findings(entry: Entry, matrix: Matrix) -> list[Finding]:
    """Every finding of a file, by its platform as the lock names it.

    Without a target, what the lock is meant to be is decided as the command does.
    """
    if entry.target is None:
        asked = proof.VerifyRequest(paths=(entry.path,), target=None, project=None, virtual=None, hashes=False)
        items, errors = proof.verified(None, matrix, _no_project, asked)
        assert not errors, errors
        return [replace(finding, platform=item.machine) for item in items for finding in item.findings]
    locks = read_any(entry.path, entry.path.name)
    found = ((lock, finding) for lock in locks for finding in check.check(lock, claims(entry, lock, matrix), matrix))
    return [replace(finding, platform=lock.machine or finding.platform) for lock, finding in found]


def _no_project(name: str) -> Project:
    raise AssertionError(f"no lock of the corpus belongs to a project: {name}")


def fired(entry: Entry, matrix: Matrix) -> dict[str, set[str]]:
    """Platform -> the rules that fire on it."""
    found: dict[str, set[str]] = {}
    for finding in findings(entry, matrix):
        found.setdefault(finding.platform, set()).add(finding.rule)
    return found


def told(finding: Finding) -> str:
    """A finding whole, in one line: on which platform, how grave, by which rule, about which package, what, brought by what."""
    brought = f" [{' > '.join(finding.chain)}]" if finding.chain else ""
    package = f"{finding.package}: " if finding.package else ""
    text = re.sub(r"(matrices/[a-z0-9-]+\.yaml)(:\d+)+", r"\1", finding.text)  # the lines of the facts move
    return f"{finding.platform} {finding.severity} {finding.rule}: {package}{text}{brought}"


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
