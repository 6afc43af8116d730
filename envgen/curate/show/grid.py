"""The grid: what each build asks for, and what of it a question leaves. Pure.

A *site* is where builds stand in the grid: one release, by one provider, for one variant, on one platform. What it asks for are
constraints, whether a matrix writes them as such or not, and they are judged as the search judges them: a cell is in exactly
when `resolve` takes that build for a project that asks for nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.curate.show.query import Query, platforms_of
from envgen.matrix.constraints import Known, Value, by_version, condition_text, constraint_text, fulfilled, holds, known_of_target
from envgen.matrix.hardware import code_range, driver_os, newest_driver_before
from envgen.model.facts import (
    Address,
    Build,
    Condition,
    Constraint,
    Framework,
    Gpu,
    Matrix,
    Platform,
    Release,
    Spelling,
    Target,
    Toolkit,
    Variant,
    driver_text,
    minors_text,
    variant_text,
)
from envgen.model.target_names import target_name

_EVERY, _FROM_ON = re.compile(r"==([0-9.]+)\.\*"), re.compile(r"^>=([0-9.]+)$")  # ==2.19.* is 2.19 in a matrix, too

Status = Literal["out", "warn", "met", "open"]  # refused; in all the same; held; would hold or not, if one knew more


@dataclass(frozen=True, slots=True)
class Demand:
    """What a build asks for, in words; `axis` is what of a question it is about, `unlock` what would meet it."""

    constraint: Constraint
    axis: str
    text: str
    unlock: str


@dataclass(frozen=True, slots=True)
class Site:
    """The builds of one place of the grid, what is known there whatever is asked, and what they ask for."""

    release: Release
    provider: str
    variant: Variant
    platform: Platform
    target: Target | None  # None where no target is for this CUDA
    toolkit: Toolkit | None  # None for CPU builds
    spelling: Spelling | None
    builds: tuple[Build, ...]
    known: Known
    demands: tuple[Demand, ...]
    serves: tuple[str, ...]  # targets for newer minors that have no build of their own, and get this one

    @property
    def pythons(self) -> tuple[Version, ...]:
        """The Python minors that there are builds for, oldest first."""
        return tuple(sorted({python for build in self.builds for python in build.pythons}))

    @property
    def floor(self) -> Version | None:
        """The oldest driver that runs it; None for CPU builds, and where nobody names one."""
        return self.toolkit.floor.get(driver_os(self.platform)) if self.toolkit else None

    @property
    def native(self) -> Version | None:
        """The driver that its CUDA came with."""
        return self.toolkit.driver.get(driver_os(self.platform)) if self.toolkit else None

    @property
    def compiling(self) -> Version | None:
        """The oldest driver on which what is compiled at run time is known to work: the highest figure of what only warns."""
        rules = (demand.constraint for demand in self.demands if demand.constraint.warn)
        any_gpu = (rule for rule in rules if not any(c.axis == "gpu" for c in rule.when))
        soft = (c for rule in any_gpu for c in rule.need if c.axis == "driver")
        found = [Version(s.version) for c in soft for s in c.versions or () if s.operator == ">="]
        return max(found, default=None)


@dataclass(frozen=True, slots=True)
class Told:
    """A demand as it stands for a question; `given` is what did not meet it: "driver 470", "V100 (7.0)"."""

    status: Status
    demand: Demand
    given: str = ""


@dataclass(frozen=True, slots=True)
class GridCell:
    """A site, judged: the Pythons that are left, and every demand that has something to say."""

    site: Site
    pythons: tuple[Version, ...]
    told: tuple[Told, ...]

    @property
    def verdict(self) -> Literal["in", "warn", "out"]:
        """Whether a project may have it: in, in with a warning, or out."""
        found = {row.status for row in self.told}
        return "out" if "out" in found else "warn" if "warn" in found else "in"


def grid(matrix: Matrix, question: Query) -> tuple[GridCell, ...]:
    """Every cell that a question is about: by framework, newest release first; providers, variants and platforms in order."""
    return tuple(judge(site, question) for site in sites(matrix, question.frameworks, question.platform))


def sites(matrix: Matrix, frameworks: Iterable[str], platform: Platform | None = None) -> Iterator[Site]:
    """The sites of some frameworks on one platform, or on all: a place that no row of a release speaks of is none."""
    platforms = (platform,) if platform else platforms_of(matrix)
    for framework in (matrix.frameworks[name] for name in frameworks):
        for release in framework.releases:
            for provider in framework.providers:
                rows = [build for build in release.builds if build.provider == provider]
                for variant in newest_first({variant for build in rows for variant in build.variants}):
                    for where in platforms:
                        found = tuple(build for build in rows if variant in build.variants and where in build.platforms)
                        if found:
                            yield _site(matrix, framework, release, found, variant, where)


def newest_first(variants: Iterable[Variant]) -> list[Variant]:
    """Variants as columns: CPU, then CUDA from the newest on."""
    return sorted(variants, key=lambda variant: (variant is None, variant or Version("0")), reverse=True)


def _site(
    matrix: Matrix, framework: Framework, release: Release, builds: tuple[Build, ...], variant: Variant, platform: Platform
) -> Site:
    provider = builds[0].provider
    target = next((target for target in matrix.targets.values() if target.cuda == variant), None)
    toolkit = matrix.toolkits.get(variant) if variant else None
    spelling = next((row for row in framework.providers[provider] if release.version in row.releases), None)
    served = target is not None and platform in target.virtual
    known: dict[str, tuple[Value, ...]] = {
        "target": (),
        "platform": (platform,),
        **({"cuda": (variant,)} if variant else {}),
    }
    known |= known_of_target(target, platform) if target and served else {}
    known |= {framework.name: (release.version,), "provider": (provider,) if spelling else ()}
    demands = [_python(framework, builds, variant, platform)]
    demands += [] if served else [_targeted(target, builds[0].at, variant, platform)]
    demands += [] if spelling else [_published(framework, release, provider)]
    demands += [*_driver(matrix, toolkit, platform), *_code(toolkit)] if toolkit else []
    rules = [by_version(rule, toolkit, platform) for rule in matrix.constraints] if toolkit else matrix.constraints
    demands += [_said(rule, known) for rule in rules if _speaks(matrix, rule, known)]
    serves = tuple(_serves(matrix, release, provider, variant, platform)) if spelling and spelling.newer_minor else ()
    return Site(release, provider, variant, platform, target, toolkit, spelling, builds, known, tuple(demands), serves)


def _serves(matrix: Matrix, release: Release, provider: str, variant: Variant, platform: Platform) -> Iterator[str]:
    rows = (build for build in release.builds if build.provider == provider and platform in build.platforms)
    built = {other for build in rows for other in build.variants if other}
    for target in matrix.targets.values():
        cuda = target.cuda
        if variant and cuda and variant < cuda and variant.major == cuda.major and platform in target.platforms:
            yield from () if any(variant < other <= cuda for other in built) else (target.name,)


# --- what a build asks for ------------------------------------------------------------------------------------------------


def _python(framework: Framework, builds: tuple[Build, ...], variant: Variant, platform: Platform) -> Demand:
    pythons = sorted({python for build in builds for python in build.pythons})
    between = {Version(f"{python.major}.{python.minor + 1}") for python in pythons[:-1]} - set(pythons)
    holes = "".join(f",!={python}" for python in sorted(between))
    versions = SpecifierSet(f">={pythons[0]},<={pythons[-1]}{holes}", prereleases=True)
    built = Constraint(when=(), need=(Condition("python", versions),), because=framework.because, at=builds[0].at)
    shown = minors_text(pythons, " to ")
    return Demand(
        built,
        "python",
        f"{builds[0].provider} has {variant_text(variant)} builds for {platform}: python {shown}",
        f"python {shown}",
    )


def _targeted(target: Target | None, at: Address, variant: Variant, platform: Platform) -> Demand:
    if target is None:
        name = target_name(variant)
        none = Constraint(when=(), need=(Condition("target", names=frozenset({name})),), because="", at=at)
        return Demand(none, "target", f"no target is for {variant_text(variant)}", f"a target {name} in matrices/targets.yaml")
    elsewhere = Constraint(when=(), need=(Condition("platform", names=frozenset(target.platforms)),), because="", at=target.at)
    return Demand(elsewhere, "platform", f"target {target.name} is not for {platform}", f"platform {', '.join(target.platforms)}")


def _published(framework: Framework, release: Release, provider: str) -> Demand:
    unspelled = Constraint(
        when=(), need=(Condition("provider", names=frozenset({provider})),), because=framework.because, at=release.at
    )
    text = f"{framework.name} {release.version} is not published by {provider}"
    return Demand(unspelled, "provider", text, f"how {provider} spells it, in providers:")


def _driver(matrix: Matrix, toolkit: Toolkit, platform: Platform) -> Iterator[Demand]:
    system = driver_os(platform)
    floor, native = toolkit.floor.get(system), toolkit.driver.get(system)
    if floor is None:
        yield from _unnamed_driver(matrix, toolkit, system)
        return
    cuda, least = toolkit.version, f"driver {driver_text(floor)} or newer"
    came = f"; {cuda} itself came with {driver_text(native)}" if native else ""
    rule = "the one it came with" if floor == native else f"every CUDA {cuda.major}.x runs from there on{came}"
    needed = Condition("driver", SpecifierSet(f">={floor}", prereleases=True))
    yield Demand(
        Constraint(when=(), need=(needed,), because=toolkit.because, at=toolkit.at),
        "driver",
        f"CUDA {cuda} needs {least}: {rule}",
        least,
    )


def _unnamed_driver(matrix: Matrix, toolkit: Toolkit, system: str) -> Iterator[Demand]:
    before = newest_driver_before(matrix, toolkit, system)
    if before:
        newer = Condition("driver", SpecifierSet(f">={before}", prereleases=True))
        text = f"NVIDIA names no {system.capitalize()} driver for CUDA {toolkit.version}; it is newer than {driver_text(before)}"
        yield Demand(
            Constraint(when=(), need=(newer,), because=toolkit.source, at=toolkit.at),
            "driver",
            text,
            f"a driver newer than {driver_text(before)}",
        )


def _code(toolkit: Toolkit) -> Iterator[Demand]:
    first, last = toolkit.capabilities
    kinds = f"compute capability {first} to {last}"
    compiled = Constraint(when=(), need=(Condition("gpu", code_range(first, last)),), because=toolkit.source, at=toolkit.at)
    yield Demand(compiled, "gpu", f"CUDA {toolkit.version} has code for {kinds}", f"a GPU of {kinds}")


def _speaks(matrix: Matrix, constraint: Constraint, known: Known) -> bool:
    """Whether a constraint can say anything of a site: what it is about is true there, or a question may make it true."""
    asks = {"python", "driver", "gpu"} if "cuda" in known else {"python"}
    beside = {name for name in matrix.frameworks if name not in known}
    when = all(c.axis in asks or (c.axis in known and fulfilled(c, known)) for c in constraint.when)
    return when and any(c.axis in asks or c.axis in known or c.axis in beside for c in constraint.need)


def _said(constraint: Constraint, known: Known) -> Demand:
    missing = [c for c in constraint.need if c.axis not in known or not fulfilled(c, known)]
    undecided = [c for c in (*constraint.need, *constraint.when) if c.axis not in known]
    axis = (undecided or missing or constraint.need)[0].axis
    text = _EVERY.sub(r"\1", constraint_text(constraint))
    return Demand(constraint, axis, text, " and ".join(map(_unlock, missing)))


def _unlock(condition: Condition) -> str:
    words = _FROM_ON.sub(r"\1 or newer", _EVERY.sub(r"\1", condition_text(condition)))
    if condition.axis in ("archspec", "glibc"):
        return f"a target that promises __{condition.axis} {words}"
    return f"a GPU of compute capability {words}" if condition.axis == "gpu" else f"{condition.axis} {words}"


# --- what a question leaves -----------------------------------------------------------------------------------------------


def judge(site: Site, question: Query) -> GridCell:
    """One cell: demands are held against the newest Python that is left, which is the one that a project would get."""
    known = {**site.known, **(_machine(question) if site.variant else {})}
    hard = [demand.constraint for demand in site.demands if not demand.constraint.warn]
    candidates = [python for python in site.pythons if question.python in (None, python)]
    left = tuple(p for p in candidates if all(holds(c, {**known, "python": (p,)}) is not False for c in hard))
    python = question.python or (left or site.pythons)[-1]
    told = (_told(demand, {**known, "python": (python,)}, question.gpus) for demand in site.demands)
    return GridCell(site, left, tuple(row for row in told if row))


def _machine(question: Query) -> Known:
    known: dict[str, tuple[Value, ...]] = {"gpu": tuple(gpu.capability for gpu in question.gpus)} if question.gpus else {}
    return {**known, "driver": (question.driver,)} if question.driver else known


def _told(demand: Demand, known: Known, gpus: tuple[Gpu, ...]) -> Told | None:
    verdict = holds(demand.constraint, known)
    if verdict is None:
        return None
    if verdict:
        return Told("met" if all(c.axis in known for c in demand.constraint.need) else "open", demand)
    return Told("warn" if demand.constraint.warn else "out", demand, _given(demand, known, gpus))


def _given(demand: Demand, known: Known, gpus: tuple[Gpu, ...]) -> str:
    """What of a question a demand refuses: the driver, each GPU that is refused by itself, the Python."""
    axes = {c.axis for c in (*demand.constraint.when, *demand.constraint.need)}
    said = []
    if "driver" in axes and "driver" in known:
        said.append(f"driver {driver_text(Version(str(known['driver'][0])))}")
    if "gpu" in axes and "gpu" in known:
        bad = [gpu for gpu in gpus if holds(demand.constraint, {**known, "gpu": (gpu.capability,)}) is False]
        said += [gpu_text(gpu) for gpu in bad]
    if "python" in axes:
        said.append(f"python {known['python'][0]}")
    return ", ".join(said)


def gpu_text(gpu: Gpu) -> str:
    """`V100 (7.0)`, or `compute capability 7.0`."""
    return gpu.name if gpu.name.endswith(str(gpu.capability)) else f"{gpu.name} ({gpu.capability})"
