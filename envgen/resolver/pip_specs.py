"""What the pip section of a target asks for on each platform: the project's own requirements, and those of its choices. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from envgen.model.facts import Platform
from envgen.model.pip import PipIndex, PipRequest
from envgen.model.resolution import Resolution


@dataclass(frozen=True, slots=True, kw_only=True)
class FromWheels:
    """What the choices of a target whose provider is an index of wheels add to its pip section on one platform."""

    requirements: tuple[str, ...] = ()  # with the local version of the build
    constraints: tuple[str, ...] = ()  # on what a framework leaves open
    indexes: tuple[PipIndex, ...] = ()  # that of the framework, for it and its companions


def pip_request(resolution: Resolution, platform: Platform) -> PipRequest | None:
    """What uv is asked for one platform; None where nothing comes from an index of wheels there."""
    project, chosen = resolution.project.for_target(resolution.target.name), from_wheels(resolution, platform)
    requirements = tuple(dict.fromkeys((*chosen.requirements, *project.pip)))
    if not requirements:
        return None
    return PipRequest(
        environment=resolution.environment,
        platform=platform,
        requirements=requirements,
        constraints=chosen.constraints,
        indexes=(*project.pip_indexes, *chosen.indexes),
        repositories=project.pip_repositories,
        find_links=project.find_links,
        build=project.pip_build,
        virtual=resolution.target.virtual[platform],
        exclude_newer=project.exclude_newer,
    )


def pip_requests(resolution: Resolution) -> dict[Platform, PipRequest]:
    """What uv is asked, for each platform that has something from an index of wheels."""
    found = {platform: pip_request(resolution, platform) for platform in resolution.platforms}
    return {platform: request for platform, request in found.items() if request}


def from_wheels(resolution: Resolution, platform: Platform) -> FromWheels:  # noqa: ARG001 - no provider has wheels yet
    """What the choices add on one platform."""
    return FromWheels()
