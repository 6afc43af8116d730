"""The builds of the matrix in groups, one for each cell of the grid, and what each group needs. Pure.

A group is one release by one provider, for one variant, on one platform. What it needs are constraints, whether the matrix writes
them as such or not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.curate.show.query import platforms_of
from envgen.matrix.constraints import Known, Value, by_version, condition_text, constraint_text, fulfilled, known_of_target
from envgen.matrix.gpu_code import BUILD
from envgen.matrix.hardware import code_range, driver_os, runs_with
from envgen.model.address import Address
from envgen.model.constraint import Condition, Constraint
from envgen.model.facts import Build, Framework, Matrix, Platform, Release, Spelling, Target, Variant, driver_text, variant_text
from envgen.model.target_names import target_name
from envgen.model.text import minors_text
from envgen.model.toolkit import Toolkit

_PREFIX, _FROM = re.compile(r"==([0-9.]+)\.\*"), re.compile(r"^>=([0-9.]+)$")  # ==2.19.* is written 2.19 in a matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildConstraint:
    """What a build needs, in words. `axis` is what it is about, `fix` what would meet it."""

    rule: Constraint
    axis: str
    text: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildGroup:
    """The builds of one cell, what is known of it without a query, and what they need.

    `target` is None where no target is for this CUDA, `toolkit` for CPU builds. `serves` are targets for newer minors that have no
    build of their own and get this one. `host` is the framework that it is a companion of, "" for none.
    """

    release: Release
    provider: str
    variant: Variant
    platform: Platform
    target: Target | None
    toolkit: Toolkit | None
    spelling: Spelling | None
    builds: tuple[Build, ...]
    known: Known
    constraints: tuple[BuildConstraint, ...]
    serves: tuple[str, ...]
    host: str = ""

    @property
    def built_against(self) -> tuple[str, ...]:
        """The providers of its framework whose builds a companion goes with; () where no row says it."""
        return self.spelling.built_against if self.host and self.spelling else ()

    @property
    def pythons(self) -> tuple[Version, ...]:
        """The Pythons that there are builds for, oldest first."""
        return tuple(sorted({python for build in self.builds for python in build.pythons}))

    @property
    def floor(self) -> Version | None:
        """The oldest driver that runs it; None for CPU builds, and where none is known."""
        return self.toolkit.floor.get(driver_os(self.platform)) if self.toolkit else None

    @property
    def native(self) -> Version | None:
        """The driver that its CUDA came with."""
        return self.toolkit.driver.get(driver_os(self.platform)) if self.toolkit else None

    @property
    def compiling(self) -> Version | None:
        """The oldest driver on which code compiled at run time is known to work: the newest that a warning for any GPU asks for."""
        rules = (item.rule for item in self.constraints if item.rule.warn)
        any_gpu = (rule for rule in rules if not any(c.axis == "gpu" for c in rule.when))
        ranges = (c.versions or () for rule in any_gpu for c in rule.need if c.axis == "driver")
        return max((Version(part.version) for found in ranges for part in found if part.operator == ">="), default=None)


def build_groups(matrix: Matrix, frameworks: Iterable[str], platform: Platform | None = None) -> Iterator[BuildGroup]:
    """The builds of some frameworks by release, provider, variant and platform; on one platform, or on all."""
    platforms = (platform,) if platform else platforms_of(matrix)
    for framework in (matrix.frameworks[name] for name in frameworks):
        rules = tuple(_rules(matrix, framework))
        for release in framework.releases:
            for provider in framework.providers:
                rows = [build for build in release.builds if build.provider == provider]
                for variant in cpu_then_newest({variant for build in rows for variant in build.variants}):
                    for where in platforms:
                        builds = tuple(build for build in rows if variant in build.variants and where in build.platforms)
                        if builds:
                            yield _group(matrix, framework, release, builds, variant, where, rules)


def cpu_then_newest(variants: Iterable[Variant]) -> list[Variant]:
    """Variants in the order of columns: CPU, then the newest CUDA first."""
    return sorted(variants, key=lambda variant: (variant is None, variant or Version("0")), reverse=True)


def _rules(matrix: Matrix, framework: Framework) -> Iterator[Constraint]:
    """The constraints of the matrix that may say something about one framework where no other is requested."""
    others = matrix.frameworks.keys() - {framework.name}
    return (rule for rule in matrix.constraints if not any(condition.axis in others for condition in rule.when))


def _group(
    matrix: Matrix,
    framework: Framework,
    release: Release,
    builds: tuple[Build, ...],
    variant: Variant,
    platform: Platform,
    rules: Iterable[Constraint],
) -> BuildGroup:
    provider = builds[0].provider
    target = next((target for target in matrix.targets.values() if target.cuda == variant), None)
    toolkit = matrix.toolkits.get(variant) if variant else None
    spelling = framework.spellings.get((provider, release.version))
    known = _known(target, variant, platform) | {framework.name: (release.version,), "provider": (provider,) if spelling else ()}
    known |= {BUILD: (variant,)} if variant else {}
    found = [
        _python(framework, builds, variant, platform),
        *_target(target, builds[0].at, variant, platform),
        *(() if spelling else (_spelling(framework, release, provider),)),
        *((*_driver(toolkit, platform), _code(toolkit)) if toolkit else ()),
        *_constraints(matrix, rules, toolkit, platform, known),
    ]
    return BuildGroup(
        release=release,
        provider=provider,
        variant=variant,
        platform=platform,
        target=target,
        toolkit=toolkit,
        spelling=spelling,
        builds=builds,
        known=known,
        constraints=tuple(found),
        serves=tuple(_serves(matrix, release, provider, variant, platform)) if spelling and spelling.newer_minor else (),
        host=framework.companion_of,
    )


def _known(target: Target | None, variant: Variant, platform: Platform) -> dict[str, tuple[Value, ...]]:
    """What is known of a cell before its release: by its target, or by its platform and CUDA alone where it has none."""
    if target and platform in target.virtual:
        return known_of_target(target, platform)
    return {"target": (), "platform": (platform,), **({"cuda": (variant,)} if variant else {})}


def _serves(matrix: Matrix, release: Release, provider: str, variant: Variant, platform: Platform) -> Iterator[str]:
    rows = (build for build in release.builds if build.provider == provider and platform in build.platforms)
    built = {other for build in rows for other in build.variants if other}
    for target in matrix.targets.values():
        cuda = target.cuda
        if variant and cuda and variant != cuda and runs_with(variant, cuda) and platform in target.platforms:
            yield from () if any(variant < other <= cuda for other in built) else (target.name,)


# --- what a build needs ---------------------------------------------------------------------------------------------------


def _needs(condition: Condition, because: str, at: Address) -> Constraint:
    """A constraint that always applies."""
    return Constraint(when=(), need=(condition,), because=because, at=at)


def _python(framework: Framework, builds: tuple[Build, ...], variant: Variant, platform: Platform) -> BuildConstraint:
    pythons = sorted({python for build in builds for python in build.pythons})
    between = {Version(f"{python.major}.{python.minor + 1}") for python in pythons[:-1]} - set(pythons)
    gaps = "".join(f",!={python}" for python in sorted(between))
    versions = SpecifierSet(f">={pythons[0]},<={pythons[-1]}{gaps}", prereleases=True)
    text = f"python {minors_text(pythons, ' to ')}"
    return BuildConstraint(
        rule=_needs(Condition("python", versions), builds[0].because or framework.because, builds[0].at),
        axis="python",
        text=f"{builds[0].provider} has {variant_text(variant)} builds for {platform}: {text}",
        fix=text,
    )


def _target(target: Target | None, at: Address, variant: Variant, platform: Platform) -> Iterator[BuildConstraint]:
    """That a target must be for the build's CUDA and platform; nothing where one is."""
    if target is None:
        name = target_name(variant)
        yield BuildConstraint(
            rule=_needs(Condition("target", names=frozenset({name})), "", at),
            axis="target",
            text=f"no target is for {variant_text(variant)}",
            fix=f"a target {name} in matrices/targets.yaml",
        )
    elif platform not in target.virtual:
        yield BuildConstraint(
            rule=_needs(Condition("platform", names=frozenset(target.platforms)), "", target.at),
            axis="platform",
            text=f"target {target.name} is not for {platform}",
            fix=f"platform {', '.join(target.platforms)}",
        )


def _spelling(framework: Framework, release: Release, provider: str) -> BuildConstraint:
    return BuildConstraint(
        rule=_needs(Condition("provider", names=frozenset({provider})), framework.because, release.at),
        axis="provider",
        text=f"no row of `providers` covers {framework.name} {release.version} from {provider}",
        fix=f"a row in providers.{provider} that covers {release.version}",
    )


def _driver(toolkit: Toolkit, platform: Platform) -> Iterator[BuildConstraint]:
    system = driver_os(platform)
    floor, native = toolkit.floor.get(system), toolkit.driver.get(system)
    if floor is None:
        return
    cuda, least = toolkit.version, f"driver {driver_text(floor)} or newer"
    came_with = f"; {cuda} itself came with {driver_text(native)}" if native else ""
    rule = "the driver that it came with" if floor == native else f"it runs every CUDA {cuda.major}.x{came_with}"
    needed = Condition("driver", SpecifierSet(f">={floor}", prereleases=True))
    yield BuildConstraint(
        rule=_needs(needed, toolkit.because, toolkit.at), axis="driver", text=f"CUDA {cuda} needs {least}: {rule}", fix=least
    )


def _code(toolkit: Toolkit) -> BuildConstraint:
    first, last = toolkit.capabilities
    range_ = f"compute capability {first} to {last}"
    return BuildConstraint(
        rule=_needs(Condition("gpu", code_range(first, last)), toolkit.source, toolkit.at),
        axis="gpu",
        text=f"CUDA {toolkit.version} has code for {range_}",
        fix=f"a GPU of {range_}",
    )


def _constraints(
    matrix: Matrix, rules: Iterable[Constraint], toolkit: Toolkit | None, platform: Platform, known: Known
) -> Iterator[BuildConstraint]:
    """The constraints that can apply."""
    applicable = (rule for rule in rules if _can_apply(matrix, rule, known))
    return (_in_words(by_version(rule, toolkit, platform) if toolkit else rule, known) for rule in applicable)


def _can_apply(matrix: Matrix, rule: Constraint, known: Known) -> bool:
    """Whether a constraint can say anything about a cell: its `when` is met, or a query may meet it."""
    queried = {"python", "driver", "gpu"} if "cuda" in known else {"python"}
    for c in rule.when:  # most rows end here
        if c.axis not in queried and not (c.axis in known and fulfilled(c, known)):
            return False
    return any(c.axis in queried or c.axis in known or c.axis in matrix.frameworks for c in rule.need)


def _in_words(rule: Constraint, known: Known) -> BuildConstraint:
    unmet = [c for c in rule.need if c.axis not in known or not fulfilled(c, known)]
    undecided = [c for c in (*rule.need, *rule.when) if c.axis not in known]
    return BuildConstraint(
        rule=rule,
        axis=(undecided or unmet or rule.need)[0].axis,
        text=_PREFIX.sub(r"\1", constraint_text(rule)),
        fix="a GPU that it has code for" if rule.says else " and ".join(map(_fix, unmet)),
    )


def _fix(condition: Condition) -> str:
    words = _FROM.sub(r"\1 or newer", _PREFIX.sub(r"\1", condition_text(condition)))
    if condition.axis in ("archspec", "glibc"):
        return f"a target that promises __{condition.axis} {words}"
    return f"a GPU of compute capability {words}" if condition.axis == "gpu" else f"{condition.axis} {words}"
