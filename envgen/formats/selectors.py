"""Lines of an environment.yml for one platform: conda-lock reads a selector in their comment, such as `# [linux64]`."""

from __future__ import annotations

import re
from functools import lru_cache

import yaml

from envgen.model.facts import Platform

_SELECTORS = {"linux-64": "linux64", "linux-aarch64": "aarch64", "osx-64": "osx64", "osx-arm64": "arm64", "win-64": "win64"}
_SELECTED = re.compile(r"\s*[^\s#].*#.*\[([^\[\]]+)\]")


class OnPlatform(str):
    """A spec for one platform."""

    __slots__ = ("selector",)
    selector: str

    @classmethod
    def of(cls, spec: str, platform: Platform) -> OnPlatform:
        """A spec with the selector of its platform."""
        found = cls(spec)
        found.selector = _SELECTORS[platform]
        return found


def scalar(value: object) -> str:
    """A string as YAML writes it on one line, in quotes only where necessary; for one platform with the selector of conda-lock."""
    text = _scalar(str(value))
    return f"{text}  # [{value.selector}]" if isinstance(value, OnPlatform) else text


@lru_cache(2_000)  # specs: those of the targets of a repository are the same again and again
def _scalar(text: str) -> str:
    style = None if text.isprintable() else '"'  # only in double quotes is a line break an escape
    return yaml.safe_dump(text, width=10**6, default_style=style).removesuffix("\n").removesuffix("\n...")


def selected(text: str) -> list[str]:
    """The lines of an environment.yml that conda-lock reads on some platforms alone."""
    return [line.strip() for line in text.splitlines() if _SELECTED.match(line)]


def for_platform(text: str, platform: Platform) -> str:
    """The text of an environment.yml of envgen's without the lines for other platforms; these lines are left empty."""
    own = _SELECTORS.get(platform)
    found = ((line, _SELECTED.match(line)) for line in text.splitlines())
    return "".join("\n" if match and match[1] != own else f"{line}\n" for line, match in found)
