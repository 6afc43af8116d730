"""Where a file lies that a framework loaded: in its environment, with the driver, or elsewhere. Looks at the disk."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from envgen.formats.installed import is_environment
from envgen.model.regular import real
from envgen.probe.libraries import is_driver
from envgen.probe.model import Origin

_SITE = ("*/lib", "*/*/lib")
_CONDA = ("lib", *(f"lib/python*/site-packages/{folder}" for folder in _SITE), "targets/*/lib")


def origin(path: str, homes: Iterable[Path]) -> Origin:
    """To whom a loaded file belongs; `homes` are the folders of the environment: its prefix, or those that its Python imports from.

    A package may be linked into the environment from a package cache: the kernel then reports the path in the cache.
    """
    folders = tuple(homes)
    if any(within(path, home) for home in folders):
        return "environment"
    name = path.rsplit("/", 1)[-1]
    if is_driver(name) and "/stubs/" not in path:
        return "driver"
    stem = name.split(".so")[0]
    places = [(home, place) for home in folders for place in (_CONDA if is_environment(home) else _SITE)]
    links = (link for home, place in places for link in home.glob(f"{place}/{stem}.so*"))
    return "environment" if any(_same(link, path) for link in links) else "foreign"


def within(path: str, prefix: Path) -> bool:
    """Whether a file lies in an environment, by its path or its real path; an environment nested in `envs/` is another one."""
    homes = {prefix.absolute(), real(prefix)}
    places = {Path(path), real(Path(path))}
    inside = [place.relative_to(home) for place in places for home in homes if place.is_relative_to(home)]
    return any(place.parts[:1] != ("envs",) for place in inside)


def _same(link: Path, path: str) -> bool:
    try:
        return link.samefile(path)
    except OSError:  # a dangling link, a deleted file
        return False
