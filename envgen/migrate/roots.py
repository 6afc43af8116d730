"""What was asked for, in a file that lists everything that is installed: the packages that no other one needs. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from envgen.composition.graph import CellGraph
from envgen.migrate.model import Asked, AskedSpec, ReadAs
from envgen.model.facts import Matrix, Platform
from envgen.model.packages import LockedPackage
from envgen.project.aliases import framework_named

Needs = Callable[[LockedPackage], Sequence[str] | None]
"""What a package needs, by its record; None where no record is known."""
_ASSUMED: Platform = "linux-64"
_PYTHON = "python"
_VARIANT = re.compile(r"cpu|cuda|gpu|cu[0-9]")  # in a build that says what it is for


def reduced(matrix: Matrix, asked: Asked, needs: Needs) -> tuple[Asked, tuple[ReadAs, ...]]:
    """The environment as one that asks for its roots alone, and a note that says how many they are.

    Python, frameworks and what says which CUDA is meant are roots whatever needs them.
    """
    platforms = asked.platforms or (_ASSUMED,)
    by_platform = {platform: _of(asked.packages, platform) for platform in platforms}
    known = {platform: _with_needs(asked, packages, needs) for platform, packages in by_platform.items()}
    roots = {platform: list(_roots(matrix, platform, packages)) for platform, packages in known.items()}
    wanted = tuple(_wanted(matrix, roots, asked))
    conda = {package.name for packages in by_platform.values() for package in packages}
    kept = {package.name for packages in roots.values() for package in packages}
    what = f"{len(kept)} of its {len(conda)} packages: those that no other one needs"
    if not any(package.depends for packages in known.values() for package in packages):
        what = f"all of its {len(conda)} packages: no index says what they need; with --index DIR fewer are left"
    own = tuple(one for one in asked.wanted if one.manager == "pip")
    return replace(asked, wanted=(*wanted, *own), platforms=platforms), (ReadAs(text=asked.name, at=asked.at, meaning=what),)


def _of(packages: Iterable[LockedPackage], platform: Platform) -> list[LockedPackage]:
    return [replace(one, platform=platform) for one in packages if one.platform in (platform, "noarch")]


def _with_needs(asked: Asked, packages: Sequence[LockedPackage], needs: Needs) -> list[LockedPackage]:
    if asked.linked:
        return list(packages)
    return [replace(one, depends=tuple(needs(one) or ())) if one.manager == "conda" else one for one in packages]


def _roots(matrix: Matrix, platform: Platform, packages: Sequence[LockedPackage]) -> Iterator[LockedPackage]:
    graph = CellGraph(target="", platform=platform, packages=tuple(packages), requested=())
    roots = set(graph.roots)
    for package in packages:
        if package.name.startswith("_"):
            continue
        if package.name in roots or package.name == _PYTHON or _decides(matrix, package):
            yield package


def _decides(matrix: Matrix, package: LockedPackage) -> bool:
    """Whether a package is a framework by itself, or says which CUDA the environment is for."""
    framework = framework_named(matrix, package.name)
    if framework:
        return not matrix.frameworks[framework].companion_of and package.manager == "conda"
    return package.manager == "conda" and (package.name, "") in matrix.aliases


def _wanted(matrix: Matrix, roots: Mapping[Platform, Sequence[LockedPackage]], asked: Asked) -> Iterator[AskedSpec]:
    """The specs of roots; one that not all platforms have, or in another version, is for those that have it."""
    found: dict[tuple[str, str], list[tuple[Platform, LockedPackage]]] = {}
    for platform, packages in roots.items():
        for package in packages:
            found.setdefault((package.manager, _spec(matrix, package)), []).append((platform, package))
    for (manager, text), rows in found.items():
        only = frozenset(platform for platform, _ in rows)
        at = rows[0][1].at or asked.at
        yield AskedSpec(
            text=text, at=at, manager="pip" if manager == "pip" else "conda", only=frozenset() if len(only) == len(roots) else only
        )


def _spec(matrix: Matrix, package: LockedPackage) -> str:
    if package.manager == "pip":
        place = f" @ {package.url}" if package.url else ""  # of a commit or a folder, which has no version
        return f"{package.name}=={package.version}" if package.version else f"{package.name}{place}"
    if framework_named(matrix, package.name) or (package.name, "") in matrix.aliases:
        return f"{package.name}={package.version}" + (f"={package.build}" if _VARIANT.search(package.build) else "")
    return f"{package.name} {package.version}"
