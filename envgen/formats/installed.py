"""What an installed environment says of itself: conda's folder of metadata, and the mark that envgen leaves there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from envgen.model.errors import BadInput
from envgen.model.facts import Platform

META, MARK = "conda-meta", "envgen"  # the mark has no `.json`: conda reads every such file of the folder as a package


@dataclass(frozen=True, slots=True)
class Wheel:
    """A pip package that envgen put into an environment. `info` is its dist-info folder, below the prefix; `sha256` is hex."""

    version: str
    sha256: str
    info: str


@dataclass(frozen=True, slots=True)
class Mark:
    """What envgen remembers of an environment that it made: from which lock (sha256 of its text), and what it put there.

    `packages` maps the name of a package's file in `conda-meta/` (name-version-build) to the hash of its archive.
    """

    project: str
    target: str
    platform: Platform
    lock: str
    packages: Mapping[str, str]
    pip: Mapping[str, Wheel] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """vision-cu126."""
        return f"{self.project}-{self.target}"


def is_environment(prefix: Path) -> bool:
    """Whether conda, or a tool like it, made this folder."""
    return (prefix / META).is_dir()


def packages(prefix: Path) -> frozenset[str]:
    """name-version-build of every conda package in an environment."""
    return frozenset(path.name.removesuffix(".json") for path in (prefix / META).glob("*.json"))


def read_mark(prefix: Path) -> Mark | None:
    """The mark that envgen left in an environment; None where there is none, or one that cannot be read."""
    try:
        data = json.loads((prefix / META / MARK).read_text(encoding="utf-8"))
        wheels = {name: Wheel(**wheel) for name, wheel in data["pip"].items()}
        return Mark(**{**data, "packages": dict(data["packages"].items()), "pip": wheels})
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def made_for(prefix: Path) -> tuple[str, str] | None:
    """The project and the target that the mark names; None without a mark. Raises BadInput about one that names none."""
    place = prefix / META / MARK
    if not place.exists():
        return None
    try:
        data = json.loads(place.read_text(encoding="utf-8"))
        project, target = data.get("project", ""), data["target"]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        project = target = None
    if not isinstance(project, str) or not isinstance(target, str):
        raise BadInput("this mark does not name a target", where=place, hint="say with --target what is meant, or install again")
    return project, target
