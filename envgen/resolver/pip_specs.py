"""What the pip section of a target asks for on each platform: the project's own requirements, and those of its choices. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from envgen.model.facts import Platform
from envgen.model.pip import PipIndex, PipRequest
from envgen.model.resolution import Resolution
from envgen.resolver.wheels import from_wheels


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
        indexes=(*project.pip_indexes, *_others(chosen.indexes, project.pip_indexes)),
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


def _others(indexes: Iterable[PipIndex], own: Collection[PipIndex]) -> Iterator[PipIndex]:
    """Indexes of the matrices, without the packages that the project has an index of its own for, such as a mirror."""
    for index in indexes:
        left = tuple(name for name in index.packages if not any(other.serves(name) for other in own))
        if left:
            yield replace(index, packages=left)
