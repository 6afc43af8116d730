"""What a project could give up: every demand as a Part of a conflict. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from packaging.specifiers import SpecifierSet

from envgen.explain.model import Part
from envgen.model.facts import Project, Reason, RequestedFramework, RequestedTarget, driver_text
from envgen.resolver.resolve import Problem

Without = Callable[[Project], Project]


def demands(question: Problem) -> Iterator[Part]:
    """Every demand of the project, those first that a person gives up last."""
    project = question.project
    yield from (part for target in project.targets for part in _of_target(target))
    yield from (part for wish in project.frameworks for part in _of_wish(wish))
    if project.driver:
        text = f"driver {driver_text(project.driver)}"
        yield _demand("driver", "", Reason(text, project.at("driver")), lambda p: replace(p, driver=None))
    for gpu in dict.fromkeys(project.gpus):
        yield _demand("gpu", gpu.written, Reason(f"gpus {gpu.written}", project.at("gpus")), _without_gpu(gpu.written))
    text = f"platforms {', '.join(project.platforms)}"
    known = tuple(sorted({platform for target in question.matrix.targets.values() for platform in target.platforms}))
    yield _demand("platforms", "", Reason(text, project.at("platforms")), lambda p: replace(p, platforms=known))
    text = f"channels {', '.join(project.channels)}"
    every = tuple(dict.fromkeys((*project.channels, *_every_channel(question))))
    yield _demand("channels", "", Reason(text, project.at("channels")), lambda p: replace(p, channels=every))
    reason = Reason(f"python {project.python_text}", project.at("python"))
    yield _demand("python", "", reason, lambda p: replace(p, python=SpecifierSet(), python_text="any python"))


def _demand(kind: str, name: str, reason: Reason, without: Without) -> Part:
    return Part(
        kind=kind,
        name=name,
        tell=lambda _: reason,
        without=lambda question: replace(question, project=without(question.project)),
        demand=True,
    )


def _of_target(target: RequestedTarget) -> Iterator[Part]:
    name = target.name
    yield _demand(
        "target",
        name,
        Reason(f"target {name}", target.at),
        lambda p: replace(p, targets=tuple(t for t in p.targets if t.name != name)),
    )
    if target.platforms is not None:
        reason = Reason(f"target {name}: platforms {', '.join(target.platforms)}", target.at)
        yield _demand("target platforms", name, reason, lambda p: with_target(p, name, lambda t: replace(t, platforms=None)))
    if target.virtual:
        promised = ", ".join(f"{package} {value}" for package, value in sorted(target.virtual.items()))
        reason = Reason(f"target {name}: virtual-packages {promised}", target.at)
        yield _demand("promise", name, reason, lambda p: with_target(p, name, lambda t: replace(t, virtual={})))


def _of_wish(wish: RequestedFramework) -> Iterator[Part]:
    name = wish.framework
    others = _demand(
        "framework",
        name,
        Reason(name, wish.at),
        lambda p: replace(p, frameworks=tuple(w for w in p.frameworks if w.framework != name)),
    )
    yield others
    if wish.provider:
        reason = Reason(f"{name} from provider {wish.provider}", wish.at)
        yield _demand("provider", name, reason, lambda p: with_wish(p, name, lambda w: replace(w, provider=None)))
    for companion in wish.companions:
        reason = Reason(f"{name} with {companion}", wish.at)
        yield _demand("companion", f"{name} {companion}", reason, lambda p, c=companion: without_companion(p, name, c))  # type: ignore[misc]
    if wish.versions != SpecifierSet():
        reason = Reason(f"{name} {wish.text}", wish.at)
        yield _demand("version", name, reason, lambda p: any_version(p, name))


def wish_of(project: Project, framework: str) -> RequestedFramework:
    """What a project asks of a framework that it has."""
    return next(wish for wish in project.frameworks if wish.framework == framework)


def any_version(project: Project, framework: str) -> Project:
    """The project with no word about the version of a framework."""
    return with_wish(project, framework, lambda wish: replace(wish, versions=SpecifierSet(), text="any version"))


def with_target(project: Project, name: str, change: Callable[[RequestedTarget], RequestedTarget]) -> Project:
    """The project with one of its targets changed; as it is where it has no such target."""
    return replace(project, targets=tuple(change(row) if row.name == name else row for row in project.targets))


def with_wish(project: Project, framework: str, change: Callable[[RequestedFramework], RequestedFramework]) -> Project:
    """The project with one of its frameworks changed; as it is where it has no such framework."""
    return replace(project, frameworks=tuple(change(row) if row.framework == framework else row for row in project.frameworks))


def without_companion(project: Project, framework: str, companion: str) -> Project:
    """The project without one companion of a framework."""
    return with_wish(project, framework, lambda w: replace(w, companions=tuple(c for c in w.companions if c != companion)))


def _without_gpu(name: str) -> Without:
    return lambda project: replace(project, gpus=tuple(gpu for gpu in project.gpus if gpu.written != name))


def _every_channel(question: Problem) -> Iterator[str]:
    """Every channel that a spelling of one of the project's frameworks needs."""
    for wish in question.project.frameworks:
        for spellings in question.matrix.frameworks[wish.framework].providers.values():
            yield from (channel for spelling in spellings for channel in spelling.channels)
