"""Why each pin is what it is: the next better choice, and what stopped it; what the driver does; what others advise. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.explain.advice import advice
from envgen.explain.conflict import smallest
from envgen.explain.demands import with_wish
from envgen.explain.model import Alternative, Explained
from envgen.explain.phrases import asked
from envgen.matrix import drivers
from envgen.matrix.constraints import within
from envgen.model.facts import Project, Reason, Release, RequestedFramework
from envgen.model.resolution import Resolution
from envgen.resolver import specs
from envgen.resolver.resolve import Problem, answer, possible


def explained(question: Problem, resolutions: Sequence[Resolution]) -> tuple[Explained, ...]:
    """Every resolution of a question with what explains it."""
    return tuple(
        Explained(
            resolution=resolution,
            better=dict(_better(question, resolution, resolutions)),
            drivers=drivers.driver_notes(question.matrix, resolution),
            advice=advice(question.matrix, resolution),
            specs=tuple(spec for choice in resolution.choices for spec in specs.spelled(choice, resolution.target)),
        )
        for resolution in resolutions
    )


def _better(question: Problem, resolution: Resolution, resolutions: Sequence[Resolution]) -> Iterator[tuple[str, Alternative]]:
    python = _better_python(question, resolution, resolutions)
    if python:
        yield "python", python
    for choice in resolution.choices:
        releases = question.matrix.frameworks[choice.release.framework].releases
        newer = [release for release in releases if release.version > choice.release.version]
        if newer:
            yield choice.release.framework, _better_release(question, resolution, newer[-1], resolutions)


# --- python ---------------------------------------------------------------------------------------------------------------


def _better_python(question: Problem, resolution: Resolution, resolutions: Sequence[Resolution]) -> Alternative | None:
    newer = sorted(python for python in question.matrix.pythons if python > resolution.python)
    if not newer:
        return None
    text = f"python {newer[0]}"
    if not within(question.project.python, newer[0]):
        return Alternative(text, (Reason(f"outside {question.project.python_text}", question.project.at("python")),))
    for other in (resolution, *(row for row in resolutions if row is not resolution)):
        chosen = _alone(question, other, _versions(other))
        stopped = _stopped(replace(chosen, project=_with_python(chosen.project, newer[0])))
        if stopped:
            return Alternative(text, stopped)
    return Alternative(text, (Reason("a newer framework counts more than a newer python", None),))


def _with_python(project: Project, python: Version) -> Project:
    return replace(project, python=SpecifierSet(f"=={python}.*"), python_text=str(python))


# --- a release ------------------------------------------------------------------------------------------------------------


def _better_release(question: Problem, resolution: Resolution, newer: Release, resolutions: Sequence[Resolution]) -> Alternative:
    project, name = question.project, newer.framework
    wish = next(row for row in project.frameworks if row.framework == name)
    text = f"{name} {newer.version}"
    if not within(wish.versions, newer.version):
        return Alternative(text, (Reason(f"outside {wish.text}", wish.at),))
    alone = _stopped(_alone(question, resolution, {name: newer.version}))
    if alone:
        return Alternative(text, alone)
    pinned = replace(question, project=_pinned(project, name, newer.version))
    if project.align and not possible(pinned):
        return Alternative(text, (Reason("the targets keep one version (align: true)", project.at("align")), *_stopped(pinned)))
    return Alternative(text, (_dearer(question, pinned, resolution, wish, resolutions),))


def _alone(question: Problem, resolution: Resolution, versions: Mapping[str, Version]) -> Problem:
    """The question for one target, with the versions of some frameworks fixed."""
    project = question.project
    project = replace(project, targets=tuple(row for row in project.targets if row.name == resolution.target.name))
    for name, version in versions.items():
        project = _pinned(project, name, version)
    return replace(question, project=project)


def _pinned(project: Project, name: str, version: Version) -> Project:
    return with_wish(project, name, lambda wish: replace(wish, versions=SpecifierSet(f"=={version}"), text=str(version)))


def _stopped(question: Problem) -> tuple[Reason, ...]:
    """The facts, and the demands beside what is tried, that leave a question without an answer; none where it has one."""
    if possible(question):
        return ()
    parts, reduced = smallest(question)
    seen = replace(question, project=reduced.project)
    tried = {"framework", "version", "python"}  # what is tried is no news
    told = [part for part in parts if not (part.demand and part.kind in tried)]
    several = len(question.project.targets) > 1
    return tuple(part.tell(seen) for part in told if not part.demand or part.kind != "target" or several)


def _dearer(
    question: Problem, pinned: Problem, resolution: Resolution, wish: RequestedFramework, resolutions: Sequence[Resolution]
) -> Reason:
    """What a newer release would cost that counts more: a framework named earlier, or targets that agree."""
    then = {row.target.name: _versions(row) for row in answer(pinned) or ()}
    for other in question.project.frameworks:
        for row in resolutions:
            name, before = row.target.name, _versions(row)[other.framework]
            after = then[name][other.framework]
            if after < before:
                what = f"{name} would have {other.framework} {after} instead of {before}: frameworks count in their order"
                return Reason(what, other.at)
    only = f"the targets share python {resolution.python}, or agree on {asked(wish)} only so"
    return Reason(only, question.project.at("python"))


def _versions(resolution: Resolution) -> dict[str, Version]:
    return {choice.release.framework: choice.release.version for choice in resolution.choices}
