"""The pip packages of a lock: those that it has, as long as what they were resolved for is the same, else those that uv finds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from packaging.utils import canonicalize_name

from envgen.formats import conda_lock
from envgen.formats.builds import requirement_name
from envgen.lock.inputs import as_of
from envgen.model.catalogue import Catalogue
from envgen.model.facts import Platform
from envgen.model.layout import LOCK
from envgen.model.packages import LockedPackage, Solution
from envgen.model.pip import PipRequest
from envgen.model.run import Solved
from envgen.pip.provided import provided
from envgen.pip.question import name_of
from envgen.resolver.pip_specs import pip_request, pip_requests


def pip_packages(item: Solved, solution: Solution, catalogue: Catalogue) -> tuple[LockedPackage, ...]:
    """The pip packages of one platform. Raises NoSolution where uv finds none, BadInput where a variable in a URL is not set."""
    request = pip_request(item.resolution, solution.platform)
    if request is None:
        return ()
    old = _locked(item, solution.platform)
    if solution.platform in kept_pins(item, catalogue):
        return tuple(old)
    from envgen.pip.solve import locked_wheels

    return locked_wheels(request, solution.records, catalogue, {one.name: one.version for one in old if one.name not in item.freed})


def pip_digests(item: Solved, packages: Iterable[LockedPackage], catalogue: Catalogue) -> dict[Platform, str]:
    """For each platform the sha256 of what its pip packages were resolved for; nothing without a pip section.

    That is all that uv is asked, apart from dates, and the version of what conda provides of them and of what they need.
    """
    pins = [package for package in packages if package.manager == "pip"]
    asked = pip_requests(item.resolution)
    return {row.platform: _digest(asked[row.platform], row, pins, catalogue) for row in item.solutions if row.platform in asked}


def kept_pins(item: Solved, catalogue: Catalogue) -> frozenset[Platform]:
    """The platforms whose pip packages stay as the lock has them that is there."""
    stamp = conda_lock.read_stamp(item.locked, LOCK) if item.locked else None
    if stamp is None or not stamp.pip or not as_of(stamp.exclude_newer, item.resolution.project.exclude_newer):
        return frozenset()
    packages = conda_lock.read_lock(item.locked, LOCK).packages
    now = pip_digests(item, packages, catalogue)
    freed = {one.platform for one in packages if one.manager == "pip" and one.name in item.freed}
    return frozenset(platform for platform, digest in now.items() if stamp.pip.get(platform) == digest and platform not in freed)


def _locked(item: Solved, platform: Platform) -> list[LockedPackage]:
    packages = conda_lock.read_lock(item.locked, LOCK).packages if item.locked else ()
    return [package for package in packages if package.manager == "pip" and package.platform == platform]


def _digest(request: PipRequest, solution: Solution, pins: Iterable[LockedPackage], catalogue: Catalogue) -> str:
    own = [package for package in pins if package.platform == solution.platform]
    named = {*(package.name for package in own), *(requirement_name(need) for package in own for need in package.depends)}
    relevant = {*map(canonicalize_name, named), *map(name_of, request.requirements)}
    conda = {name: version for name, version in provided(solution.records, catalogue).items() if name in relevant}
    conda |= {row.name: row.version for row in solution.records if row.name == "python"}
    indexes = [[index.url, index.packages] for index in request.indexes]
    lists = [request.requirements, request.constraints, indexes, request.repositories, request.find_links, request.build]
    return hashlib.sha256(json.dumps([*lists, sorted(request.virtual.items()), sorted(conda.items())]).encode()).hexdigest()
