"""The pip packages of a lock: those that it has, as long as what they were resolved for is the same, else those that uv finds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from envgen.lock.inputs import as_of, pip_digest
from envgen.lock.plan import Plan
from envgen.model.catalogue import Catalogue
from envgen.model.facts import Platform
from envgen.model.packages import LockedPackage, Record, Solution
from envgen.model.pip import PipRequest
from envgen.model.resolution import Resolution
from envgen.model.run import Reporter
from envgen.resolver.pip_specs import pip_requests

Wheels = Mapping[Platform, tuple[LockedPackage, ...]]
"""Pip packages by platform."""


def wheels_of(
    plan: Plan, resolution: Resolution, solutions: Iterable[Solution], catalogue: Catalogue, reporter: Reporter
) -> Wheels:
    """The pip packages of each platform that has a pip section. The reporter is told of those that are resolved.

    Raises NoSolution where uv finds none, BadInput where a variable in a URL is not set.
    """
    asked, records = pip_requests(resolution), {row.platform: row.records for row in solutions}
    old = old_wheels(plan, resolution) if resolution.target.name in plan.counting else {}
    found = {
        platform: old[platform]
        for platform, request in asked.items()
        if _may_stay(plan, resolution, old.get(platform))
        and plan.stamps[resolution.target.name].pip.get(platform)
        == pip_digest(request, records[platform], old[platform], catalogue)
    }
    todo = [request for platform, request in asked.items() if platform not in found]
    pins = {request.platform: _preferred(old.get(request.platform, ()), plan.freed) for request in todo}
    return {**found, **(_resolved(todo, records, catalogue, pins, reporter) if todo else {})}


def old_wheels(plan: Plan, resolution: Resolution) -> Wheels:
    """The pip packages that the lock of a target has, for each platform of the lock."""
    cells = {platform: plan.locked.of((resolution.target.name, platform)) for platform in resolution.platforms}
    return {platform: cell.wheels for platform, cell in cells.items() if cell}


def _may_stay(plan: Plan, resolution: Resolution, old: Iterable[LockedPackage] | None) -> bool:
    """Whether the pip packages of a platform are locked, not newer than is asked for, and none of them is to be the newest."""
    stamp = plan.stamps.get(resolution.target.name)
    dated = stamp and as_of(stamp.exclude_newer, resolution.project.exclude_newer)
    return bool(dated) and old is not None and not any(package.name in plan.freed for package in old)


def _preferred(old: Iterable[LockedPackage], freed: frozenset[str]) -> dict[str, str]:
    return {package.name: package.version for package in old if package.name not in freed}


def _resolved(
    todo: list[PipRequest],
    records: Mapping[Platform, tuple[Record, ...]],
    catalogue: Catalogue,
    pins: Mapping[Platform, Mapping[str, str]],
    reporter: Reporter,
) -> Wheels:
    from envgen.pip.solve import locked_wheels

    found = {}
    reporter.begin(f"resolving wheels of {todo[0].environment}", len(todo))
    for request in todo:
        platform = request.platform
        found[platform] = locked_wheels(request, records[platform], catalogue, pins[platform], reporter.say)
        reporter.step(request.work)
    reporter.end()
    return found
