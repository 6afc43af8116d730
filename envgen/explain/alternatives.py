"""Why each pin is what it is: the next better choice and what prevented it, what the driver does, what others advise. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from packaging.version import Version

from envgen.explain import edits
from envgen.explain.advice import advice
from envgen.explain.conflict import smallest
from envgen.explain.model import Alternative, Explained, Part
from envgen.matrix import drivers
from envgen.matrix.constraints import within
from envgen.model.facts import Reason, Release
from envgen.model.project import RequestedFramework
from envgen.model.resolution import Resolution
from envgen.resolver import specs
from envgen.resolver.resolve import Problem, answer, possible


def explained(problem: Problem, resolutions: Sequence[Resolution]) -> tuple[Explained, ...]:
    """Every resolution of a problem with what explains it."""
    return tuple(
        Explained(
            resolution=resolution,
            alternatives=dict(_alternatives(problem, resolution, resolutions)),
            drivers=drivers.driver_notes(problem.matrix, resolution),
            advice=advice(problem.matrix, resolution),
            specs=tuple(_spelled(resolution)),
        )
        for resolution in resolutions
    )


def _spelled(resolution: Resolution) -> Iterator[str]:
    """What is requested of each framework, with the platform where that differs."""
    for choice in resolution.choices:
        group = specs.spelled_group(choice, resolution)
        yield from (*(f"{spec} ({platform})" for platform, spec in group.only), *group.specs)


def _alternatives(problem: Problem, resolution: Resolution, resolutions: Sequence[Resolution]) -> Iterator[tuple[str, Alternative]]:
    python = _newer_python(problem, resolution, resolutions)
    if python:
        yield "python", python
    for choice in resolution.choices:
        releases = problem.matrix.frameworks[choice.release.framework].releases
        newer = [release for release in releases if release.version > choice.release.version]
        if newer:
            yield choice.release.framework, _newer_release(problem, resolution, newer[-1], resolutions)


# --- python ---------------------------------------------------------------------------------------------------------------


def _newer_python(problem: Problem, resolution: Resolution, resolutions: Sequence[Resolution]) -> Alternative | None:
    newer = sorted(python for python in problem.matrix.pythons if python > resolution.python)
    if not newer:
        return None
    text = f"python {newer[0]}"
    if not within(problem.project.python, newer[0]):
        return Alternative(text, (Reason(f"outside {problem.project.python_text}", problem.project.at("python")),))
    for other in (resolution, *(row for row in resolutions if row is not resolution)):
        chosen = _alone(problem, other, _versions(other))
        prevented_by = preventing(replace(chosen, project=edits.with_python(chosen.project, newer[0])))
        if prevented_by:
            return Alternative(text, prevented_by)
    return Alternative(text, (Reason("a newer framework counts more than a newer python", None),))


# --- a release ------------------------------------------------------------------------------------------------------------


def _newer_release(problem: Problem, resolution: Resolution, newer: Release, resolutions: Sequence[Resolution]) -> Alternative:
    project, name = problem.project, newer.framework
    requested = edits.requested_framework(project, name)
    text = f"{name} {newer.version}"
    if not within(requested.versions, newer.version):
        return Alternative(text, (Reason(f"outside {requested.text}", requested.at),))
    prevented_by = preventing(_alone(problem, resolution, {name: newer.version}))
    if prevented_by:
        return Alternative(text, prevented_by)
    pinned = replace(problem, project=edits.with_release(project, name, newer.version))
    if project.align and not possible(pinned):
        aligned = Reason("the targets share one version (align: true)", project.at("align"))
        return Alternative(text, (aligned, *preventing(pinned)))
    return Alternative(text, (_price(problem, pinned, resolution, requested, resolutions),))


def _alone(problem: Problem, resolution: Resolution, versions: Mapping[str, Version]) -> Problem:
    """The problem for one target, with the releases of some frameworks fixed."""
    project = problem.project
    project = replace(project, targets=tuple(row for row in project.targets if row.name == resolution.target.name))
    for name, version in versions.items():
        project = edits.with_release(project, name, version)
    return replace(problem, project=project)


def preventing(problem: Problem) -> tuple[Reason, ...]:
    """The facts, and the requirements beside what is tried, that leave a problem without an answer; none where it has one."""
    if possible(problem):
        return ()
    parts, reduced = smallest(problem)
    told = replace(problem, project=reduced[-1].project)
    several = len(problem.project.targets) > 1
    return tuple(part.reason(told) for part in parts if _is_news(part, several_targets=several))


def _is_news(part: Part, *, several_targets: bool) -> bool:
    """Whether a part says more than what is tried: the release, the Python, the only target."""
    return part.kind not in ("framework", "version", "python") and (part.kind != "target" or several_targets)


def _price(
    problem: Problem, pinned: Problem, resolution: Resolution, requested: RequestedFramework, resolutions: Sequence[Resolution]
) -> Reason:
    """What a newer release would cost that counts more: a framework named earlier, or what the targets share.

    `pinned` has the newer release in every target; without `align:` it may have no answer.
    """
    then = {row.target.name: _versions(row) for row in answer(pinned) or ()}
    for other in problem.project.frameworks if then else ():
        for row in resolutions:
            name, before = row.target.name, _versions(row).get(other.framework)
            after = then[name].get(other.framework)
            if before and after and after < before:  # a target may leave a framework out
                what = f"{name} would have {other.framework} {after} instead of {before}: earlier frameworks count more"
                return Reason(what, other.at)
    agree = f" and agree on {requested}" if problem.project.align else ""
    return Reason(f"without it, the targets share python {resolution.python}{agree}", problem.project.at("python"))


def _versions(resolution: Resolution) -> dict[str, Version]:
    return {choice.release.framework: choice.release.version for choice in resolution.choices}
