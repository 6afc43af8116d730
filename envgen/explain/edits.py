"""Projects with one thing changed. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from itertools import takewhile
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.model.project import Dependency, Project, RequestedFramework, RequestedTarget


def edited(project: Project, **changes: Any) -> Project:
    """The project with other values of some fields."""
    return replace(project, **changes)


def with_framework(project: Project, name: str, **changes: Any) -> Project:
    """The project with other values of a requested framework; unchanged where it does not request it."""
    rows = (replace(row, **changes) if row.framework == name else row for row in project.frameworks)
    return replace(project, frameworks=tuple(rows))


def with_target(project: Project, name: str, **changes: Any) -> Project:
    """The project with other values of a requested target; unchanged where it does not request it."""
    rows = (replace(row, **changes) if row.name == name else row for row in project.targets)
    return replace(project, targets=tuple(rows))


def named_target(row: RequestedTarget, name: str) -> RequestedTarget:
    """A requested target by another name; an open one is no longer open."""
    return RequestedTarget(
        name=name,
        at=row.at,
        platforms=row.platforms,
        virtual=row.virtual,
        dependencies=row.dependencies,
        driver=row.driver,
        gpus=row.gpus,
    )


def with_other_target(project: Project, name: str, to: str) -> Project:
    """The project with one target in place of another."""
    rows = (named_target(row, to) if row.name == name else row for row in project.targets)
    return replace(project, targets=tuple(rows))


def with_python(project: Project, python: Version) -> Project:
    """The project for one Python minor."""
    return replace(project, python=SpecifierSet(f"=={python}.*"), python_text=str(python))


def with_release(project: Project, framework: str, version: Version) -> Project:
    """The project with just one release of a framework."""
    return with_framework(project, framework, versions=SpecifierSet(f"=={version}"), text=str(version))


def with_any_release(project: Project, framework: str) -> Project:
    """The project with every release of a framework."""
    return with_framework(project, framework, versions=SpecifierSet(), text="any version")


def without_framework(project: Project, name: str) -> Project:
    """The project without a framework and its companions."""
    return replace(project, frameworks=tuple(row for row in project.frameworks if name not in (row.framework, row.host)))


def with_promise(project: Project, name: str, package: str, value: str) -> Project:
    """The project in which the machines of a target have a virtual package."""
    before = next((row.virtual for row in project.targets if row.name == name), {})
    return with_target(project, name, virtual={**before, package: value})


def without_promise(project: Project, name: str, package: str) -> Project:
    """The project in which a target has a virtual package as the matrices say."""
    before = next((row.virtual for row in project.targets if row.name == name), {})
    return with_target(project, name, virtual={key: value for key, value in before.items() if key != package})


def channels_before(project: Project, own: Collection[str]) -> tuple[str, ...]:
    """The channels of a project before the first of some; none where it has none of those."""
    found = tuple(takewhile(lambda channel: channel not in own, project.channels))
    return found if len(found) < len(project.channels) else ()


def with_channels_behind(project: Project, moved: Collection[str], own: Collection[str]) -> Project:
    """The project with some of its channels right behind the last of its `own`, of which it has one, in their order."""
    left = [channel for channel in project.channels if channel not in moved]
    place = 1 + max(number for number, channel in enumerate(left) if channel in own)
    behind = [channel for channel in project.channels if channel in moved]
    return replace(project, channels=(*left[:place], *behind, *left[place:]))


def without_target(project: Project, name: str) -> Project:
    """The project without a target."""
    return replace(project, targets=tuple(row for row in project.targets if row.name != name))


def without_target_gpu(project: Project, name: str, written: str) -> Project:
    """The project in which one target's machines do not have one of its GPUs."""
    before = next((row.gpus for row in project.targets if row.name == name), ())
    return with_target(project, name, gpus=tuple(gpu for gpu in before if gpu.written != written))


def without_gpu(project: Project, written: str) -> Project:
    """The project without one GPU, by what `gpus:` calls it."""
    return replace(project, gpus=tuple(gpu for gpu in project.gpus if gpu.written != written))


def with_any_version(project: Project, dependency: Dependency) -> Project:
    """The project with any version of a dependency in the place of those that it requests."""
    return with_dependency(project, dependency, replace(dependency, spec=dependency.name))


def dependencies(project: Project) -> tuple[Dependency, ...]:
    """Every dependency of a project, those of single targets last."""
    return (*project.dependencies, *(row for target in project.targets for row in target.dependencies))


def with_dependency(project: Project, old: Dependency, new: Dependency | None) -> Project:
    """The project with another dependency in the place of one, or with none."""

    def changed(rows: tuple[Dependency, ...]) -> tuple[Dependency, ...]:
        return tuple(found for row in rows if (found := new if row == old else row))

    targets = tuple(replace(row, dependencies=changed(row.dependencies)) for row in project.targets)
    return replace(project, dependencies=changed(project.dependencies), targets=targets)


def requested_framework(project: Project, name: str) -> RequestedFramework:
    """What a project requests of a framework that it has."""
    return next(row for row in project.frameworks if row.framework == name)
