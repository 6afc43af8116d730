"""How the build of a cell is installed: the specs that `envgen lock` would write, with the code that it uses. Pure.

What a query adds (companions, the specs that some GPUs need) is given beside, for the page's script to put together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.curate.show.groups import BuildGroup
from envgen.matrix.constraints import known_of_target
from envgen.matrix.gpu_code import build_code, compiled_for
from envgen.matrix.hardware import cudnn_pin
from envgen.model.address import Address
from envgen.model.dates import NO_LIMIT
from envgen.model.facts import PUBLIC_INDEX, Build, Framework, Matrix, Reason, Release, Spelling, Target
from envgen.model.gpu import Gpu
from envgen.model.project import Project
from envgen.model.resolution import Choice, Pin, Resolution
from envgen.resolver.cells import applied_bounds, known_of_choices
from envgen.resolver.specs import groups
from envgen.resolver.spelling import filled, requested


def specs_of(matrix: Matrix, group: BuildGroup, python: Version) -> tuple[str, ...]:
    """The conda specs of a project that requests just this build; () where no project can."""
    if not (group.spelling and group.target and group.platform in group.target.virtual):
        return ()
    choice, target = _choice(group.release, group, group.spelling), group.target
    known = {**known_of_target(target, group.platform), **known_of_choices((choice,), python)}
    names = (("python", str(python)), (group.release.framework, str(group.release.version)))
    resolution = Resolution(
        project=_nobody(group),
        target=target,
        platforms=(group.platform,),
        dropped=(),
        python=python,
        choices=(choice,),
        pins=tuple(Pin(name=name, version=version, because=(Reason(""),)) for name, version in names),
        dependencies=(),
        excluded={},
        bounds=applied_bounds(matrix, {group.platform: known}),
    )
    return tuple(spec for found in groups(resolution) for spec in found.on(group.platform))


def companions_of(matrix: Matrix, framework: str) -> tuple[str, ...]:
    """The companions that most releases of a framework go with: those with builds for at least half as many releases."""
    least = len(matrix.frameworks[framework].releases) / 2
    rows = (row for row in matrix.frameworks.values() if row.companion_of == framework and len(row.releases) >= least)
    return tuple(row.name for row in sorted(rows, key=lambda row: -len(row.releases)))


def companion_specs(matrix: Matrix, group: BuildGroup, companion: str) -> Mapping[Version, tuple[str, ...]]:
    """By Python the specs, or requirements of pip, of the newest release of a companion that goes with a build."""
    framework = matrix.frameworks[companion]
    found: dict[Version, tuple[str, ...]] = {}
    for release in framework.releases if group.provider in framework.providers and group.target else ():
        spelling = framework.spellings.get((group.provider, release.version))
        pythons = {python for build in release.builds if _goes_with(build, group) for python in build.pythons}
        goes = spelling and group.provider in matrix.frameworks[group.release.framework].serving(spelling)
        if spelling and goes and group.target and not pythons <= found.keys():
            specs = requested(_choice(release, group, spelling), group.target, group.platform)
            found = {**dict.fromkeys(pythons, specs), **found}
    return found


def pip_command(matrix: Matrix, group: BuildGroup, wheels: BuildGroup, companions: Sequence[str]) -> Mapping[str, Any]:
    """The requirements and the index of the wheels of the same release and CUDA, and by Python those of companions."""
    spelling, target = wheels.spelling, group.target
    if not (spelling and target):
        return {}
    choice = _choice(wheels.release, wheels, spelling)
    index = "" if spelling.index == PUBLIC_INDEX else filled((spelling.index,), choice, target, group.platform)[0]
    found = {name: companion_specs(matrix, wheels, name) for name in companions}
    beside = {str(python): {name: specs.get(python, ()) for name, specs in found.items()} for python in wheels.pythons}
    return {"requires": requested(choice, target, group.platform), "index": index, "with": beside}


def code_specs(framework: Framework, group: BuildGroup, gpus: Sequence[Gpu]) -> list[tuple[tuple[str, ...], list[bool]]]:
    """For each of the builds that a cell has, the specs that select it, and which GPUs it has code for; [] where no spec does."""
    code = build_code(framework, group.release.version, group.provider, group.variant, group.platform) if group.variant else None
    if code is None or not any(one.specs for one in code.compiled):
        return []
    only = (replace(code, compiled=(one,)) for one in code.compiled)
    return [(row.compiled[0].specs, [compiled_for(row, (gpu,)) is not None for gpu in gpus]) for row in only]


def cudnn_specs(matrix: Matrix, target: Target | None, gpus: Sequence[Gpu]) -> list[str]:
    """For each GPU, as the oldest one, the spec that holds cuDNN at a version with code for it; "" for any version."""
    pins = (cudnn_pin(matrix, (gpu,), target) if target else None for gpu in gpus)
    return [f"cudnn {pin[0]}" if pin else "" for pin in pins]


def _choice(release: Release, group: BuildGroup, spelling: Spelling) -> Choice:
    return Choice(release=release, provider=group.provider, spelling=spelling, variant=group.variant)


def _goes_with(build: Build, group: BuildGroup) -> bool:
    if build.provider != group.provider or group.platform not in build.platforms or group.variant not in build.variants:
        return False
    return all(group.release.version in versions for name, versions in build.needs if name == group.release.framework)


def requesting(matrix: Matrix) -> Matrix:
    """The facts with just those bounds by which a package is requested."""
    return replace(matrix, bounds=tuple(bound for bound in matrix.bounds if bound.comes_with))


def _nobody(group: BuildGroup) -> Project:
    """A project without any requirement but its build."""
    nowhere = Address("", 1, 1)
    return Project(
        name="",
        python=SpecifierSet(),
        python_text="",
        frameworks=(),
        targets=(),
        platforms=(group.platform,),
        channels=(),
        dependencies=(),
        pip=(),
        driver=None,
        gpus=(),
        align=True,
        exclude_newer=NO_LIMIT,
        template="",
        addresses={"": nowhere},
    )
