"""Whether the pip packages of a lock may stay: as long as what they were solved for is the same. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

from packaging.utils import canonicalize_name

from envgen.formats import conda_lock
from envgen.formats.builds import requirement_name
from envgen.model.facts import Platform
from envgen.model.packages import LockedPackage, Solution
from envgen.model.resolution import Resolution
from envgen.model.run import Solved


def pip_digests(item: Solved, packages: Iterable[LockedPackage]) -> dict[Platform, str]:
    """For each platform the sha256 of what its pip packages were solved for; nothing without a pip section.

    That is the section itself, the repositories, what the machine promises, the Python, and the version of each conda package that
    is, or that one of the pip packages needs.
    """
    pins = [package for package in packages if package.manager == "pip"]
    return {row.platform: _digest(item.resolution, row, pins) for row in item.solutions} if item.resolution.project.pip else {}


def kept_pins(item: Solved, shown: str) -> frozenset[Platform]:
    """The platforms whose pip packages stay as the lock has them that is there."""
    stamp = conda_lock.read_stamp(item.locked, shown) if item.locked else None
    if stamp is None or not stamp.pip:
        return frozenset()
    now = pip_digests(item, conda_lock.read_lock(item.locked, shown).packages)
    return frozenset(platform for platform, digest in now.items() if stamp.pip.get(platform) == digest)


def _digest(resolution: Resolution, solution: Solution, pins: Iterable[LockedPackage]) -> str:
    own = [package for package in pins if package.platform == solution.platform]
    named = {*(package.name for package in own), *(requirement_name(need) for package in own for need in package.depends), "python"}
    relevant = set(map(canonicalize_name, named))
    conda: Mapping[str, str] = {row.name: row.version for row in solution.records if canonicalize_name(row.name) in relevant}
    project, virtual = resolution.project, resolution.target.virtual[solution.platform]
    asked = [project.pip, project.pip_repositories, sorted(virtual.items()), sorted(conda.items())]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()
