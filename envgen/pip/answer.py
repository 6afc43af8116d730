"""What uv answers: a pylock.toml and a list of who needs what, as locked packages. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import BuildTag, InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from envgen.formats.toml_text import parsed_toml
from envgen.formats.wheel_files import MANYLINUX
from envgen.model.errors import NoSolution
from envgen.model.packages import LockedPackage
from envgen.model.pip import PipRequest
from envgen.pip.question import glibc_of, macos_of

_OLDEST_MACOS = {"x86_64": (10, 16), "arm64": (11, 0)}
_PINNED = re.compile(r"^(\S+?)(?:==| @ )\S+", re.MULTILINE)
_COMMIT = re.compile(r"[0-9a-f]{40,64}")


def locked(text: str, needs: str, request: PipRequest, python: str, stubs: Iterable[str]) -> tuple[LockedPackage, ...]:
    """The packages of an answer that conda does not provide, sorted by name, each with the best of its files.

    `stubs` are the names that conda provides. Raises NoSolution where no file of a package is for the Python and the platform,
    and for one without a sha256.
    """
    conda, by_name, tags = set(stubs), _needs(needs), _tags(request, python)
    rows = [row for row in parsed_toml(text, "pylock.toml", "").get("packages", ()) if canonicalize_name(row["name"]) not in conda]
    found = [_package(row, request, tags) for row in rows]
    return tuple(
        sorted((replace(one, depends=tuple(sorted(by_name.get(one.name, ())))) for one in found), key=lambda package: package.name)
    )


def _package(row: Mapping[str, Any], request: PipRequest, tags: Mapping[Tag, int]) -> LockedPackage:
    name = canonicalize_name(row["name"])
    url, digest = _source(row) or _best(row, request, tags)
    if not digest:
        what = f"{request.place}: the index gives no sha256 for {name}, and its file has none"
        raise NoSolution(what, hint="take the package from another index")
    return LockedPackage(
        name=name,
        version=str(row.get("version", "0")),
        build="",
        manager="pip",
        platform=request.platform,
        url=url,
        sha256=digest,
    )


def _source(row: Mapping[str, Any]) -> tuple[str, str | None] | None:
    """A commit, an archive or a source distribution; None for a package with wheels. A commit stands for its own hash."""
    if "vcs" in row:
        commit = str(row["vcs"].get("commit-id", ""))
        below = f"#subdirectory={row['vcs']['subdirectory']}" if row["vcs"].get("subdirectory") else ""
        return f"git+{row['vcs'].get('url', '')}@{commit}{below}", commit if _COMMIT.fullmatch(commit) else None
    one = row.get("archive") or (row.get("sdist") if not row.get("wheels") else None)
    return _file(one) if one else None


def _file(row: Mapping[str, Any]) -> tuple[str, str | None]:
    return str(row.get("url") or f"file://{row['path']}"), row.get("hashes", {}).get("sha256")


def _best(row: Mapping[str, Any], request: PipRequest, tags: Mapping[Tag, int]) -> tuple[str, str | None]:
    """The wheel whose tags are the most special for the platform; of equal ones that of the highest build."""
    ranked: list[tuple[tuple[int, BuildTag, str], tuple[str, str | None]]] = []
    for wheel in row.get("wheels", ()):
        url, digest = _file(wheel)
        try:
            _, _, build, own = parse_wheel_filename(unquote(urlsplit(url).path.rpartition("/")[2]))
        except InvalidWheelFilename:
            continue
        ranks = [tags[tag] for tag in own if tag in tags]
        if ranks:
            ranked.append(((-min(ranks), build, url), (url, digest)))
    if not ranked:
        what = f"{request.place}: no file of {row['name']} {row.get('version', '')} is for this Python and platform"
        raise NoSolution(what, hint="require another version, or take the package from a conda channel")
    return max(ranked)[1]


# --- tags -----------------------------------------------------------------------------------------------------------------


def _tags(request: PipRequest, python: str) -> dict[Tag, int]:
    """The tags of wheels that fit a CPython of a version on the platform, each with its rank, the best first."""
    version = tuple(int(part) for part in python.split(".")[:2])
    platforms = list(_platforms(request))
    found = [*cpython_tags(version, platforms=platforms), *compatible_tags(version, f"cp{version[0]}{version[1]}", platforms)]
    return {tag: rank for rank, tag in reversed(list(enumerate(found)))}


def _platforms(request: PipRequest) -> Iterator[str]:
    system, _, machine = request.platform.partition("-")
    arch = {"64": "x86_64"}.get(machine, machine)
    if system == "win":
        yield "win_amd64" if machine == "64" else f"win_{machine}"
    elif system == "osx":
        parts = tuple(int(part) for part in macos_of(request).split(".")[:2] if part.isdigit())
        newest = (parts[0], parts[1] if len(parts) > 1 else 0) if parts else _OLDEST_MACOS.get(arch, (11, 0))
        yield from mac_platforms(max(newest, _OLDEST_MACOS.get(arch, (11, 0))), arch)
    else:
        for minor in range(glibc_of(request), min(MANYLINUX.values()) - 1, -1):
            yield f"manylinux_2_{minor}_{arch}"
            yield from (f"{name}_{arch}" for name, older in MANYLINUX.items() if older == minor)
        yield f"linux_{arch}"


# --- who needs what -------------------------------------------------------------------------------------------------------


def _needs(text: str) -> dict[str, set[str]]:
    """Package -> the packages that it needs, from a requirements.txt with the comment `# via` below each package."""
    found: dict[str, set[str]] = {}
    own = ""
    for line in text.splitlines():
        pinned = _PINNED.match(line)
        own = canonicalize_name(re.sub(r"\[.*", "", pinned[1])) if pinned else own
        for via in _vias(line):
            found.setdefault(via, set()).add(own)
    return found


def _vias(line: str) -> Iterator[str]:
    """The packages in a line of such a comment; files have a space or a parenthesis after them."""
    comment = line.strip().removeprefix("# via").removeprefix("#").strip() if line.strip().startswith("#") else ""
    if comment and re.fullmatch(r"[A-Za-z0-9][\w.-]*(?:\[[^\]]*\])?", comment):
        yield canonicalize_name(comment.partition("[")[0])
