"""The rules about pairs of packages that are known not to work: the bounds of the matrices, on any lock of any tool."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from packaging.utils import canonicalize_name

from envgen.formats.marks import matches, minor_of
from envgen.matrix.constraints import Value, bound_text, holds, within
from envgen.model.catalogue import parsed
from envgen.model.constraint import Bound
from envgen.model.packages import LockedPackage
from envgen.verify.registry import Case, Violations, rule

_PIP = "pip"  # what provides a wheel: no provider of the matrices has this name


@rule("known-broken", "With this version of a package the framework cannot be used.")
def known_broken(case: Case) -> Violations:
    """The bounds of the matrices, for the frameworks of conda and of pip."""
    return _outside(case, partly=False)


@rule("partly-broken", "With this version of a package a part of the framework fails.", severity="warning")
def partly_broken(case: Case) -> Violations:
    """Bounds with `partly: true`."""
    return _outside(case, partly=True)


def _outside(case: Case, *, partly: bool) -> Violations:
    """Each package outside a bound that applies, with each bound once, however many packages a framework has."""
    found: dict[tuple[LockedPackage, str], None] = {}
    broken = [(bound, refused) for bound in case.matrix.bounds if bound.partly == partly and (refused := [*_refused(case, bound)])]
    for known in _facts(case) if broken else ():
        for bound, refused in broken:
            if holds(bound, known) is not None:
                text = f"{bound_text(bound)}; see {bound.because} ({bound.at})"
                found.update(dict.fromkeys((package, text) for package in refused))
    yield from found


def _refused(case: Case, bound: Bound) -> Iterator[LockedPackage]:
    """The packages of conda and of pip whose versions a bound does not admit."""
    for condition in bound.need:
        for name in _spelled(condition.axis):
            package = case.by_name.get(name)
            version = parsed(package.version) if package else None
            if package and version and condition.versions is not None and not within(condition.versions, version):
                yield package


@cache
def _spelled(name: str) -> tuple[tuple[str, str], ...]:
    """The keys of a package of conda and of pip."""
    return ("conda", name), ("pip", str(canonicalize_name(name)))


def _facts(case: Case) -> Iterator[Mapping[str, tuple[Value, ...]]]:
    """For each package that is a framework what is known about it, as the conditions of bounds name it."""
    shared = _shared(case)
    for package, framework, _ in case.frameworks:
        version = parsed(package.version)
        if version:
            yield {**shared, framework: (version,), **_provider(case, package, framework)}


def _shared(case: Case) -> dict[str, tuple[Value, ...]]:
    known: dict[str, tuple[Value, ...]] = {"platform": (case.platform,)}
    if case.claim.cuda:
        known["cuda"] = (case.claim.cuda,)
    for package, row in case.known:
        version = parsed(package.version)
        if row.role == "companion" and version:
            known[package.name] = (version,)
    python = case.conda("python")
    minor = parsed(minor_of(python.version)) if python else None
    return {**known, "python": (minor,)} if minor else known


def _provider(case: Case, package: LockedPackage, framework: str) -> dict[str, tuple[Value, ...]]:
    """Who provides a package: its channel, by its url; where there is none, those whose builds look like it."""
    if package.manager == "pip":
        return {"provider": (_PIP,)}
    parts = package.url.split("/")
    return {"provider": (parts[-3],) if len(parts) > 4 else tuple(_builders(case, package, framework))}


def _builders(case: Case, package: LockedPackage, framework: str) -> Iterator[str]:
    """The providers that request a package by a glob which its build string fits."""
    facts, version = case.matrix.frameworks.get(framework), parsed(package.version)
    for provider in facts.providers if facts and version else ():
        spelling = facts.spelling(provider, version) if facts and version else None
        specs = [spec.rpartition("::")[2].split() for spec in (*spelling.cpu, *spelling.cuda)] if spelling else []
        if any(len(words) > 2 and words[0] == package.name and matches(words[2], package.build) for words in specs):
            yield provider
