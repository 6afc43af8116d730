"""What a choice requests: its spelling in the matrices, filled, as conda specs or as requirements of pip. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from envgen.model.facts import Platform, Target
from envgen.model.resolution import Choice


def installed_by_pip(choice: Choice) -> bool:
    """Whether pip installs a choice."""
    return choice.spelling.manager == "pip"


def spelled(choice: Choice, target: Target, platform: Platform = "") -> tuple[str, ...]:
    """The conda specs of one choice for a target's variant on one platform; "" where both are the same on all."""
    return requested(choice, target, platform) if choice.spelling.manager == "conda" else ()


def requested(choice: Choice, target: Target, platform: Platform = "") -> tuple[str, ...]:
    """What one choice requests, as conda specs or as requirements of pip: its spelling, filled."""
    spelling = choice.spelling
    return filled(spelling.cuda if target.on(platform).cuda else spelling.cpu, choice, target, platform)


def filled(texts: Iterable[str], choice: Choice, target: Target, platform: Platform = "") -> tuple[str, ...]:
    """Texts of a spelling without their holes, for a target on one platform."""
    cuda, built_for = target.on(platform).cuda, str(choice.on(platform) or "").replace(".", "")
    values = {
        "{version}": str(choice.release.version),
        "{cuda}": str(cuda or ""),
        "{major}": str(cuda.major) if cuda else "",
        "{cu}": built_for,
        "{variant}": f"cu{built_for}" if built_for else "cpu",
    }
    return tuple(reduce(lambda text, hole: text.replace(*hole), values.items(), text) for text in texts)
