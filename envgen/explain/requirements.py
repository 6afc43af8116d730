"""What a project could give up: every requirement as a Part of a conflict. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain

from packaging.specifiers import SpecifierSet

from envgen.explain import edits
from envgen.explain.model import Part, RequirementKind
from envgen.explain.target_phrases import target_text
from envgen.model.address import Address
from envgen.model.facts import Matrix, Reason, driver_text
from envgen.model.gpu import Gpu
from envgen.model.open_target import OpenTarget
from envgen.model.project import Project, RequestedFramework, RequestedTarget, target_key
from envgen.resolver.resolve import Problem


def requirements(problem: Problem) -> Iterator[Part]:
    """Every requirement of the project, those first that a person gives up last."""
    project = problem.project
    for target in sorted(project.targets, key=lambda row: not isinstance(row, OpenTarget)):
        yield from _of_target(problem.matrix, project, target)
    for requested in project.frameworks:
        yield from _of_framework(requested)
    if project.driver:
        yield _part("driver", "", f"driver {driver_text(project.driver)}", project.at("driver"), partial(edits.edited, driver=None))
    for gpu in dict.fromkeys(project.gpus):
        yield _part("gpu", gpu.written, _gpu_text(gpu), project.at("gpus"), partial(edits.without_gpu, written=gpu.written))
    known = tuple(sorted({platform for target in problem.matrix.targets.values() for platform in target.platforms}))
    everywhere = partial(edits.edited, platforms=known)
    text = f"platforms {', '.join(project.platforms)}"
    yield _part("platforms", "", text, project.at("platforms"), everywhere, has_default=True)
    every = tuple(dict.fromkeys((*project.channels, *_needed_channels(problem))))
    text = f"channels {', '.join(project.channels)}"
    yield _part("channels", "", text, project.at("channels"), partial(edits.edited, channels=every))
    any_python = partial(edits.edited, python=SpecifierSet(), python_text="any python")
    yield _part("python", "", f"python {project.python_text}", project.at("python"), any_python)
    yield from _of_dependencies(problem)


def _of_target(matrix: Matrix, project: Project, target: RequestedTarget) -> Iterator[Part]:
    name = target.name
    yield _part("target", name, target_text(matrix, target), target.at, partial(edits.without_target, name=name))
    if target.platforms is not None:
        text = f"target {name}: platforms {', '.join(target.platforms)}"
        default = partial(edits.with_target, name=name, platforms=None)
        yield _part("target platforms", name, text, target.at, default, has_default=True)
    for package, value in sorted(target.virtual.items()):
        text, default = (
            f"target {name}: virtual-packages {package} {value}",
            partial(edits.without_promise, name=name, package=package),
        )
        yield _part("virtual packages", f"{name} {package}", text, _below(project, target, package), default, has_default=True)

    if target.driver:
        at, text = _below(project, target, "driver"), f"target {name}: driver {driver_text(target.driver)}"
        yield _part("driver", name, text, at, partial(edits.with_target, name=name, driver=None), has_default=True)
    for gpu in dict.fromkeys(target.gpus):
        at, change = _below(project, target, "gpus"), partial(edits.without_target_gpu, name=name, written=gpu.written)
        yield _part("gpu", f"{name} {gpu.written}", f"target {name}: {_gpu_text(gpu)}", at, change, has_default=True)


def _gpu_text(gpu: Gpu) -> str:
    """`gpus V100 (compute capability 7.0)`, or as it is written where that is a compute capability."""
    more = "" if gpu.written == str(gpu.capability) else f" (compute capability {gpu.capability})"
    return f"gpus {gpu.written}{more}"


def _below(project: Project, target: RequestedTarget, key: str) -> Address:
    return project.addresses.get(target_key(target, key), target.at)


def _of_framework(requested: RequestedFramework) -> Iterator[Part]:
    name, at = requested.framework, requested.at
    yield _part("framework", name, name, at, partial(edits.without_framework, name=name))
    if requested.provider:
        text, default = f"{name} from provider {requested.provider}", partial(edits.with_framework, name=name, provider=None)
        yield _part("provider", name, text, at, default, has_default=True)
    if requested.versions:
        yield _part("version", name, str(requested), at, partial(edits.with_any_release, framework=name))


def _of_dependencies(problem: Problem) -> Iterator[Part]:
    """The dependencies on packages that bounds are about: no other one matters before the solver is asked."""
    project, bounded = problem.project, {need.axis for bound in problem.matrix.bounds for need in bound.need}
    found = chain(project.dependencies, *(target.dependencies for target in project.targets))
    for dependency in (one for one in found if one.name in bounded and one.spec != one.name):
        change = partial(edits.with_any_version, dependency=dependency)
        yield _part("dependency", dependency.spec, f"dependencies {dependency.spec}", dependency.at, change)


def _part(
    kind: RequirementKind, name: str, text: str, at: Address, without: Callable[[Project], Project], *, has_default: bool = False
) -> Part:
    return Part(
        kind=kind,
        name=name,
        reason=lambda _: Reason(text, at),
        without=lambda problem: replace(problem, project=without(problem.project)),
        has_default=has_default,
    )


def _needed_channels(problem: Problem) -> Iterator[str]:
    """Every channel that a spelling of one of the project's frameworks needs."""
    for requested in problem.project.frameworks:
        for spellings in problem.matrix.frameworks[requested.framework].providers.values():
            yield from (channel for spelling in spellings for channel in spelling.channels)
