"""What a project's requirements make of the facts: a target with its overrides, the provider of a framework. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from envgen.model.facts import Matrix, Platform, Target
from envgen.model.project import Project, RequestedFramework, RequestedTarget


def with_own_targets(matrix: Matrix, project: Project) -> Matrix:
    """The matrix with the targets of a project's own beside those of matrices/targets.yaml."""
    own = {row.name: row.own for row in project.targets if row.own and row.name not in matrix.targets}
    return replace(matrix, targets={**matrix.targets, **own}) if own else matrix


def as_asked(matrix: Matrix, project: Project) -> Matrix:
    """The facts that count for a project: wheels only where it asks for some. Facts whose wheels were left out stay as they are."""
    return matrix if matrix.with_wheels or asked_as_wheels(matrix, project) else matrix.of_packages


def asked_as_wheels(matrix: Matrix, project: Project) -> frozenset[str]:
    """The frameworks that a project asks for as wheels."""
    rows = (row for row in project.frameworks if row.provider)
    return frozenset(row.framework for row in rows if matrix.frameworks[row.framework].is_of_wheels(row.provider or ""))


def with_overrides(target: Target, requested: RequestedTarget) -> Target:
    """The target as a project changes it: fewer platforms, other virtual packages."""
    wanted = target.platforms if requested.platforms is None else requested.platforms
    platforms = tuple(platform for platform in target.platforms if platform in wanted)
    virtual = {platform: _fitting({**target.virtual[platform], **requested.virtual}, platform) for platform in platforms}
    by_platform = {platform: target.by_platform[platform] for platform in platforms if platform in target.by_platform}
    return replace(target, platforms=platforms, virtual=virtual, by_platform=by_platform)


def with_gpus(target: Target, project: Project) -> Target:
    """The target with `__cuda_arch`, the lowest compute capability of the project's GPUs, where it has CUDA (CEP 46)."""
    gpus = project.for_target(target.name).gpus
    lowest = {
        platform: min((gpu.capability for gpu in gpus if gpu.on(platform)), default=None)
        for platform in (target.platforms if target.cuda else ())
    }
    more = {platform: {"__cuda_arch": str(found)} if found else {} for platform, found in lowest.items()}
    return replace(target, virtual={platform: {**more.get(platform, {}), **row} for platform, row in target.virtual.items()})


def _fitting(virtual: Mapping[str, str], platform: Platform) -> dict[str, str]:
    """The virtual packages that a platform can have: `__glibc` says nothing of macOS, `__osx` nothing of Linux.

    Without `__cuda` there is no `__cuda_arch` (CEP 46).
    """
    foreign = {
        "linux": {"__osx", "__win"},
        "osx": {"__glibc", "__linux", "__win", "__cuda", "__cuda_arch"},
        "win": {"__glibc", "__linux", "__osx"},
    }
    left_out = foreign[platform.split("-")[0]] | (set() if "__cuda" in virtual else {"__cuda_arch"})
    return {name: value for name, value in virtual.items() if name not in left_out}


def provider_of(matrix: Matrix, project: Project, requested: RequestedFramework) -> str:
    """The provider of a framework: the requested one, else the first of the project's channels that publishes it.

    That of a companion is the provider of its framework, where that publishes it too; else the first whose builds go with those.
    """
    if requested.provider:
        return requested.provider
    framework, host = matrix.frameworks[requested.framework], host_provider(matrix, project, requested)
    known = framework.providers
    named = [channel for channel in (host, *project.channels) if channel in known] or [next(iter(known))]
    if not host:
        return named[0]
    serving = matrix.frameworks[requested.host].serving
    return next((name for name in named if any(host in serving(row) for row in known[name])), named[0])


def host_provider(matrix: Matrix, project: Project, requested: RequestedFramework) -> str:
    """The provider of the framework that a companion belongs to; "" where the project requests none."""
    return next((provider_of(matrix, project, row) for row in project.frameworks if row.framework == requested.host), "")


def is_left_out(matrix: Matrix, project: Project, requested: RequestedFramework, target: Target) -> bool:
    """Whether a target goes without a framework: a CPU target, where its provider spells no CPU build.

    A companion goes with its framework.
    """
    if any(row.framework == requested.host and is_left_out(matrix, project, row, target) for row in project.frameworks):
        return True
    spellings = matrix.frameworks[requested.framework].providers[provider_of(matrix, project, requested)]
    return target.cuda is None and not any(row.cpu for row in spellings)
