"""What pip is asked for the frameworks of a resolution that come from wheels. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

from envgen.model.facts import PUBLIC_INDEX, Platform
from envgen.model.resolution import Choice, Resolution
from envgen.resolver.specs import filled, is_wheel, requested


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameworkWheels:
    """What pip is asked for one framework on one platform of a target.

    `index` is the URL of the only index that the packages of `requirements` may come from, "" for the public one.
    `if_installed` are requirements that hold where something brings the package, as constraints of pip do.
    """

    framework: str
    requirements: tuple[str, ...]
    index: str
    if_installed: tuple[str, ...]


def framework_wheels(resolution: Resolution, platform: Platform) -> tuple[FrameworkWheels, ...]:
    """What pip is asked for each framework from wheels on one platform, in the order of the project."""
    return tuple(_wheels(choice, resolution, platform) for choice in resolution.choices if is_wheel(choice))


def wheel_requirements(resolution: Resolution) -> tuple[str, ...]:
    """What pip is asked for all frameworks on all platforms of a resolution: what differs by platform has a marker."""
    each = {platform: framework_wheels(resolution, platform) for platform in resolution.platforms}
    found: dict[str, list[Platform]] = {}
    for platform, rows in each.items():
        for requirement in chain.from_iterable(row.requirements for row in rows):
            found.setdefault(requirement, []).append(platform)
    return tuple(text if len(platforms) == len(each) else _marked(text, platforms) for text, platforms in found.items())


_MARKERS = {
    "linux-64": 'sys_platform == "linux" and platform_machine == "x86_64"',
    "linux-aarch64": 'sys_platform == "linux" and platform_machine == "aarch64"',
    "osx-64": 'sys_platform == "darwin" and platform_machine == "x86_64"',
    "osx-arm64": 'sys_platform == "darwin" and platform_machine == "arm64"',
    "win-64": 'sys_platform == "win32"',
}


def _marked(requirement: str, platforms: list[Platform]) -> str:
    """A requirement for some platforms alone."""
    text, _, own = requirement.partition(";")
    where = " or ".join(_MARKERS[platform] for platform in platforms)
    return f"{text.strip()}; ({own.strip()}) and ({where})" if own else f"{text.strip()}; {where}"


def _wheels(choice: Choice, resolution: Resolution, platform: Platform) -> FrameworkWheels:
    spelling, target = choice.spelling, resolution.target
    bounded = spelling.if_installed if target.on(platform).cuda else ()
    index = "" if spelling.index == PUBLIC_INDEX else filled((spelling.index,), choice, target, platform)[0]
    return FrameworkWheels(
        framework=choice.release.framework,
        requirements=requested(choice, target, platform),
        index=index,
        if_installed=filled(bounded, choice, target, platform),
    )
