"""The rules about what an environment file asks for: what no solver finds, and where it gives CPU builds instead of CUDA's.

They judge specs as a person wrote them, before anything is solved, and only by what the matrices know: which versions of a package
were ever published, and which advice goes wrong as a solve of its specs showed. A file that pins every build is judged as a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.formats.builds import cuda_of
from envgen.formats.requirements import ANY_PLATFORM
from envgen.matrix.constraints import fulfilled
from envgen.model.advice import HOLE, Trial, filled
from envgen.model.catalogue import KnownPackage, parsed
from envgen.model.constraint import Condition
from envgen.model.packages import LockedPackage
from envgen.model.ranges import range_text
from envgen.verify.registry import Case, Violations, rule
from envgen.verify.requested_builds import missing_builds, newest_for_cpu
from envgen.verify.requests import (
    LATER,
    PYTHON,
    admitted_by,
    channels_of,
    extras_of,
    known_channels,
    of_requests,
    releases_of,
    versions_of,
)
from envgen.verify.rules_builds import said

_CPU, _NOTHING = "cpu", "nothing"  # what the trial of a piece of advice gets: a CPU build, no solution


@rule("never-published", "No channel has it, so no solver finds a solution.")
@of_requests
def never_published(case: Case) -> Violations:
    """Conda packages of which the matrices say which versions there are."""
    for package, known in case.known:
        if _never_was(package, known):
            there = ", ".join(map(range_text, known.exists))
            instead = f"; request {known.ask_for}" if known.ask_for else ""
            yield package, f"no channel ever had {package.name} {package.version}, only {there}{instead}"


@rule("not-in-channels", "No channel of the file has it, so no solver finds a solution.")
@of_requests
def not_in_channels(case: Case) -> Violations:
    """Conda packages of which the matrices say which channels alone have them, in a file whose channels they know."""
    channels = known_channels(case)
    for package, known in case.known if channels else ():
        if package.manager == "conda" and "::" not in package.asked and known.only_in and not known.only_in & set(channels):
            yield package, f"only {' or '.join(sorted(known.only_in))} has it, and the channels are {', '.join(channels)}"


@rule("never-built", "No solver finds such a build: it takes a CPU build, one of another channel, or nothing.")
@of_requests
def never_built(case: Case) -> Violations:
    """Frameworks without a build for a Python or a CUDA that is older than some that there are builds for."""
    return ((package, missing.text) for package, missing in missing_builds(case) if not missing.newer)


@rule("not-built", "The matrices know no such build; without one a solver takes a CPU build, or nothing.", severity="warning")
@of_requests
def not_built(case: Case) -> Violations:
    """Frameworks without a build for a Python or a CUDA that is newer than all that there are builds for."""
    return ((package, missing.text) for package, missing in missing_builds(case) if missing.newer)


@rule("cuda-named-twice", "Either there is no solution, or it has libraries of both.")
@of_requests
def cuda_named_twice(case: Case) -> Violations:
    """The conda packages that say which CUDA the environment is for, and builds of frameworks: they name one major."""
    named: dict[int, list[LockedPackage]] = {}
    for package, cuda in _naming(case):
        named.setdefault(Version(cuda).major, []).append(package)
    if len(named) > 1:
        first, *others = named
        beside = said(package for major in others for package in named[major])
        yield named[first][0], f"CUDA {first} ({said(named[first])}) beside {beside}"


def _naming(case: Case) -> Iterator[tuple[LockedPackage, str]]:
    yield from ((package, cuda) for package in case.namers.values() if (cuda := cuda_of(case.catalogue, package)))
    of_conda = (row for row in case.frameworks if row[0].manager == "conda" and row[0].name not in case.namers)
    yield from ((package, cuda) for package, _, cuda in of_conda if cuda)


@rule("request-gets-cpu", "CUDA is asked for, and the solver gives a CPU build without a word.")
@of_requests
def request_gets_cpu(case: Case) -> Violations:
    """Advice of the matrices whose solve ends in a CPU build, and wheels whose CUDA is a plugin that nothing asks for."""
    return chain(_heard(case, _CPU), _without_plugin(case)) if case.claim.kind == "cuda" else iter(())


@rule("newest-is-cpu", "A solver that takes the newest release gets one that computes on the CPU.", severity="warning")
@of_requests
def newest_is_cpu(case: Case) -> Violations:
    """Frameworks whose newest release is not for the CUDA of a file: it has a CPU build, or a wheel that finds no library."""
    return chain(newest_for_cpu(case), _newest_wheels(case))


def _newest_wheels(case: Case) -> Violations:
    """Wheels in a range without end whose newest release loads the libraries of a newer CUDA than that of the file."""
    if case.claim.kind != "cuda" or case.claim.cuda is None:
        return
    for package, known in case.known:
        if package.manager != "pip" or known.role != "framework" or not known.built_with or _asks_for_hardware(case, package):
            continue
        newest, versions = known.built_with[0], versions_of(package)
        is_newer = bool(newest.cuda) and not newest.inside and Version(newest.cuda).major > case.claim.cuda.major
        if is_newer and versions is not None and LATER in versions:
            loads = f"its newest release loads the libraries of CUDA {newest.cuda}"
            yield package, f"{loads}, and the file asks for CUDA {case.claim.cuda}"


@rule("no-such-extra", "pip only warns of that, and installs the package without what an extra brings.")
@of_requests
def no_such_extra(case: Case) -> Violations:
    """Extras for one kind of hardware that the requested releases of a wheel do not have."""
    for package, known in case.known:
        for extra in extras_of(package) if known.extras else ():
            if _is_for_hardware(case, extra) and _is_without(package, known.extras.get(extra)):
                having = f"only releases {range_text(known.extras[extra])} have the" if extra in known.extras else "it has no"
                yield package, f"{having} extra {extra}{f'; request {known.ask_for}' if known.ask_for else ''}"


def _is_without(package: LockedPackage, having: SpecifierSet | None) -> bool:
    """Whether no release of a range has an extra; the newest counts where it has no end. False for a range that is not read."""
    versions = versions_of(package)
    if having is None or versions is None:
        return having is None
    return LATER not in having if LATER in versions else (versions & having).is_unsatisfiable()


@rule("request-unsolvable", "No solver found a solution for what the file asks for.", severity="warning")
@of_requests
def request_unsolvable(case: Case) -> Violations:
    """Advice of the matrices whose solve has no solution."""
    return (row for row in _heard(case, _NOTHING) if row[0] and not _never_was(row[0], case.catalogue.of(row[0])))


def _without_plugin(case: Case) -> Violations:
    """Wheels of a framework whose CUDA is a plugin, where nothing asks for that, and the CUDA is for no other framework."""
    rows = case.catalogue.packages
    plugins = {row.framework for row in rows if row.role == "plugin"}
    of_plugins = {row.framework: row.ask_for for row in rows if row.framework in plugins and row.pip and row.ask_for}
    there = {known.framework for package, known in case.known if known.role == "plugin" or package.manager == "conda"}
    for package in () if any(_asks_for_hardware(case, package) for package in case.wheels) else case.wheels:
        known = case.catalogue.of(package)
        framework = known.framework if known else package.name
        others = {name for _, name, _ in case.frameworks} - {framework}
        if framework in of_plugins and framework not in there and not others:
            there.add(framework)
            yield package, f"a CPU build: its CUDA is a plugin, and nothing asks for it; request {of_plugins[framework]}"


def _asks_for_hardware(case: Case, package: LockedPackage) -> bool:
    """Whether a requirement has an extra for one kind of hardware, as `numpyro[cuda12]` has."""
    return any(_is_for_hardware(case, extra) for extra in extras_of(package))


def _is_for_hardware(case: Case, extra: str) -> bool:
    return any(word in case.catalogue.wheels.extras for word in re.findall(r"[a-z]+", extra))


# --- advice ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Followed:
    """The specs of a trial as a file has them: the packages that fill its holes, and the one that it is about.

    `fixed` are the frameworks whose version is the trial's own: what the advice says of theirs is about what was chosen instead.
    """

    holes: Mapping[str, LockedPackage]
    subject: LockedPackage
    fixed: frozenset[str]


def _heard(case: Case, gets: str) -> Violations:
    """What comes of each piece of advice that a file follows to the letter, and whose trial got this."""
    for constraint, advice in case.matrix.advice:
        trial = advice.trial
        followed = _followed(case, trial) if trial and trial.gets == gets else None
        if followed and all(_goes_wrong(case, condition, followed) for condition in constraint.when):
            holes = {name: package.version for name, package in followed.holes.items()}
            yield followed.subject, f"{filled(advice.but, holes)}; see {constraint.because} ({constraint.at})"


def _followed(case: Case, trial: Trial) -> _Followed | None:
    """What a trial is about in a file that asks for the same, from the same channels, with the usual settings; else None.

    Other packages may be there; none that decides between CPU and CUDA builds, where a solve found any: what has no solution gets
    none by asking for more.
    """
    if trial.virtual or not trial.strict or trial.platform or channels_of(case) != trial.channels:
        return None
    specs = {words[0]: words[1:] for spec in trial.specs if (words := spec.split()) and words[0] != PYTHON}
    found = {name: package for name in specs if (package := case.conda(name)) and _fits(package, specs[name])}
    if len(found) < len(specs) or (trial.gets != _NOTHING and any(package.name not in found for package in _deciding(case))):
        return None
    holes = {hole: found[name] for name, rest in specs.items() for hole in HOLE.findall(" ".join(rest))}
    own = (
        row
        for name, package in found.items()
        if package not in holes.values() and specs[name] and (row := case.catalogue.of(package))
    )
    return _Followed(holes, next(iter(found.values())), frozenset(row.framework for row in own if row.framework))


def _fits(package: LockedPackage, rest: list[str]) -> bool:
    """Whether a package is requested as the rest of a spec says: `2.7.*`, `{pytorch}.*`, with a build, or with neither."""
    if "::" in package.asked or not fnmatchcase(package.build, rest[1] if len(rest) > 1 else ""):
        return False
    if not rest:
        return package.asked == package.name
    return parsed(package.version) is not None and (rest[0].startswith("{") or fnmatchcase(f"{package.version}.", rest[0]))


def _deciding(case: Case) -> Iterator[LockedPackage]:
    """The conda packages that exist to decide between CPU and CUDA builds, and which CUDA."""
    for package, known in case.known:
        if package.manager == "conda" and (known.names_cuda or known.role == "selector" or known.only):
            yield package


def _goes_wrong(case: Case, condition: Condition, followed: _Followed) -> bool:
    """Whether a condition holds whatever a solver takes: of every release that the version of a framework admits."""
    axis = condition.axis
    if axis == "platform":
        return case.platform in (ANY_PLATFORM, *condition.names)
    if axis == "cuda":
        return case.claim.cuda is not None and fulfilled(condition, {axis: (case.claim.cuda,)})
    known = case.catalogue.of(followed.subject)
    framework = known.framework if axis == "provider" and known else axis
    if framework in followed.fixed:
        return True
    releases = releases_of(case, framework)
    if axis == "provider":
        return bool(releases) and all(any(build.provider in condition.names for build in each.builds) for each in releases)
    return bool(releases) and all(fulfilled(condition, {axis: (each.version,)}) for each in releases)


def _never_was(package: LockedPackage, known: KnownPackage | None) -> bool:
    """Whether a conda package is requested in a version that is none of those that were ever published."""
    admitted = admitted_by(package.version)
    if package.manager != "conda" or known is None or not known.exists or admitted is None:
        return False
    return all((admitted & versions).is_unsatisfiable() for versions in known.exists)
