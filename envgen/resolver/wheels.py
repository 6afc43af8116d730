"""What the frameworks of a resolution that come from wheels add to its pip section. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from packaging.utils import canonicalize_name

from envgen.model.facts import PUBLIC_INDEX, Platform
from envgen.model.pip import PipIndex
from envgen.model.resolution import Choice, Resolution
from envgen.resolver.spelling import filled, installed_by_pip, requested


@dataclass(frozen=True, slots=True, kw_only=True)
class FromWheels:
    """What the choices of a target whose provider is an index of wheels add to its pip section on one platform."""

    requirements: tuple[str, ...] = ()  # with the local version of the build
    constraints: tuple[str, ...] = ()  # on what a framework leaves open
    indexes: tuple[PipIndex, ...] = ()  # that of the framework, for it and its companions


def from_wheels(resolution: Resolution, platform: Platform) -> FromWheels:
    """What the choices add on one platform."""
    choices = [choice for choice in resolution.choices if installed_by_pip(choice)]
    wanted = [requested(choice, resolution.target, platform) for choice in choices]
    bounded = [*(_bounded(choice, resolution, platform) for choice in choices), _pinned(resolution, platform) if choices else ()]
    return FromWheels(
        requirements=tuple(dict.fromkeys(chain.from_iterable(wanted))),
        constraints=tuple(dict.fromkeys(chain.from_iterable(bounded))),
        indexes=tuple(_indexes(choices, resolution, platform)),
    )


def _bounded(choice: Choice, resolution: Resolution, platform: Platform) -> tuple[str, ...]:
    texts = choice.spelling.if_installed if resolution.target.on(platform).cuda else ()
    return filled(texts, choice, resolution.target, platform)


def _pinned(resolution: Resolution, platform: Platform) -> tuple[str, ...]:
    """The bounds that pins put on wheels, such as that on cuDNN for an old GPU."""
    pins = [pin for pin in resolution.pins if "(" not in pin.name or pin.name.endswith(f"({platform})")]
    return tuple(f"{wheel}{pin.version}" for pin in pins for wheel in pin.wheels)


def _indexes(choices: list[Choice], resolution: Resolution, platform: Platform) -> Iterator[PipIndex]:
    """The indexes that are not the public one, each with the packages that come from it alone."""
    found: dict[str, tuple[Choice, list[str]]] = {}
    for choice in choices:
        index = choice.spelling.index
        if index != PUBLIC_INDEX:
            url = filled((index,), choice, resolution.target, platform)[0]
            named = map(_name, requested(choice, resolution.target, platform))
            found.setdefault(url, (choice, []))[1].extend(named)
    for url, (choice, names) in found.items():
        yield PipIndex(
            name=f"{choice.release.framework}-{url.rstrip('/').rpartition('/')[2]}",
            url=url,
            packages=tuple(dict.fromkeys(names)),
            at=choice.spelling.at,
        )


def _name(requirement: str) -> str:
    """The package of a requirement, in PyPI's normal form."""
    return str(canonicalize_name(re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]))
