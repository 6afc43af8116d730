"""Environment markers (PEP 508): whether a requirement holds on a platform, as the reader of a lock asks it.

Every answer is the same on every machine: nothing is taken from the Python that runs envgen.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache, lru_cache

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from envgen.model.facts import Platform

UNIVERSAL: tuple[Platform, ...] = ("linux-64", "linux-aarch64", "osx-arm64", "win-64")
"""The platforms that a lock without platforms of its own is read for."""
PYTHON = "3.12"  # where nothing tells a version
_SYSTEMS = {"linux": ("Linux", "linux", "posix"), "osx": ("Darwin", "darwin", "posix"), "win": ("Windows", "win32", "nt")}
_OF_PLATFORM = re.compile(r"\b(?:sys_platform|platform_system|platform_machine|os_name)\b")
_EXTRA = re.compile(
    r"(?P<q>['\"])(?P<left>[^'\"]*)(?P=q)\s*(?P<in>==|!=)\s*extra\b|\bextra\s*(?P<is>==|!=)\s*(?P<r>['\"])(?P<right>[^'\"]*)(?P=r)"
)
_YES, _NO = "python_version >= '0'", "python_version < '0'"
_PYTHONS = tuple(f"3.{minor}" for minor in range(8, 21))


def of_platforms(marker: str) -> bool:
    """Whether a marker tells platforms apart."""
    return _OF_PLATFORM.search(marker) is not None


def holds(marker: str, platform: Platform, python: str = PYTHON, extras: Collection[str] = ()) -> bool:
    """Whether a marker holds on a platform, for a Python X.Y and with these extras; True for one that cannot be read."""
    plain = _without_extras(marker, frozenset(extras))
    return not plain or _holds(plain, platform, python)


@lru_cache(20_000)  # a uv.lock with conflicts says the same of a thousand packages, in a thousand letters each
def _without_extras(marker: str, extras: frozenset[str]) -> str:
    """A marker in which each comparison with an extra is replaced by its truth."""
    return _EXTRA.sub(lambda found: _truth(found, extras), marker).strip()


def _truth(found: re.Match[str], extras: Collection[str]) -> str:
    name, sign = (found["left"], found["in"]) if found["in"] else (found["right"], found["is"])
    return _YES if (name in extras) == (sign == "==") else _NO


def marker_of(platform: Platform) -> str:
    """The marker that holds on one platform alone."""
    found = _of_machine(platform)
    return " and ".join(f"{name} == '{found[name]}'" for name in ("sys_platform", "platform_machine"))


def _of_machine(platform: Platform) -> dict[str, str]:
    """The names of markers that a platform decides."""
    system, _, machine = platform.partition("-")
    platform_system, sys_platform, os_name = _SYSTEMS.get(system, (system, system, system))
    arch = {"64": "AMD64" if system == "win" else "x86_64"}.get(machine, machine)
    return {"platform_system": platform_system, "sys_platform": sys_platform, "os_name": os_name, "platform_machine": arch}


@cache
def _holds(marker: str, platform: Platform, python: str) -> bool:
    environment = {
        **_of_machine(platform),
        "platform_release": "",
        "platform_version": "",
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "implementation_version": f"{python}.0",
        "platform_python_implementation": "CPython",
        "extra": "",
    }
    try:
        return Marker(marker).evaluate(environment)
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName, RecursionError, ValueError):
        return True


def oldest_python(versions: str) -> str:
    """The oldest Python X.Y in a range such as `>=3.10,<3.13`; PYTHON where the range cannot be read or has none."""
    try:
        wanted = SpecifierSet(versions)
    except InvalidSpecifier:
        return PYTHON
    return next((python for python in _PYTHONS if wanted.contains(f"{python}.99")), PYTHON)
