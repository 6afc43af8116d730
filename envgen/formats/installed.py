"""What an installed environment records about itself: conda's metadata folder, and the manifest that envgen writes there."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from envgen.formats.json_text import UNREADABLE
from envgen.model.errors import BadInput
from envgen.model.facts import Platform

META, MANIFEST = "conda-meta", "envgen"  # without `.json`: conda reads every *.json file in this folder as a package
MANIFEST_VERSION = 2  # 1 (not written): the records in conda-meta/ were not complete


@dataclass(frozen=True, slots=True)
class Wheel:
    """A pip package that envgen installed. `info` is its dist-info folder, relative to the prefix; `sha256` is in hex."""

    version: str
    sha256: str
    info: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallManifest:
    """What envgen recorded about an environment that it installed: the lock (sha256 of its text) and the packages.

    `packages` maps the name of a package's file in `conda-meta/` (name-version-build) to the hash of its archive. `requested` are
    the specs of environment.yml.
    """

    project: str
    target: str
    platform: Platform
    lock: str
    packages: Mapping[str, str]
    pip: Mapping[str, Wheel] = field(default_factory=dict)
    requested: tuple[str, ...] = ()
    version: int = 1

    @property
    def name(self) -> str:
        """vision-cu126."""
        return f"{self.project}-{self.target}"


_FIELDS = {field.name for field in fields(InstallManifest)}


def is_environment(prefix: Path) -> bool:
    """Whether a folder is an environment of conda or of a compatible tool."""
    return (prefix / META).is_dir()


def python(prefix: Path) -> Path:
    """The path of an environment's Python interpreter."""
    return prefix / "python.exe" if sys.platform == "win32" else prefix / "bin" / "python"


def packages(prefix: Path) -> frozenset[str]:
    """name-version-build of every conda package in an environment."""
    return frozenset(path.name.removesuffix(".json") for path in (prefix / META).glob("*.json"))


def read_manifest(prefix: Path) -> InstallManifest | None:
    """The manifest in an environment; None if there is none, or if it is not readable."""
    try:
        data = json.loads((prefix / META / MANIFEST).read_text(encoding="utf-8"))
        wheels = {name: Wheel(**wheel) for name, wheel in data["pip"].items()}
        known = {key: data[key] for key in _FIELDS & data.keys()}  # a newer envgen may have added others
        requested = tuple(data.get("requested", ()))
        return InstallManifest(**{**known, "packages": dict(data["packages"].items()), "pip": wheels, "requested": requested})
    except (*UNREADABLE, TypeError, KeyError, AttributeError):
        return None


def installed_target(prefix: Path) -> tuple[str, str] | None:
    """The project and the target in the manifest of an environment; None without a manifest.

    Raises BadInput if the manifest does not name a target.
    """
    path = prefix / META / MANIFEST
    if not path.exists():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        project, target = data.get("project", ""), data["target"]
    except (*UNREADABLE, TypeError, KeyError, AttributeError):
        project = target = None
    if not isinstance(project, str) or not isinstance(target, str):
        raise BadInput("the manifest does not name a target", where=path, hint="name it with --target, or install again")
    return project, target
