"""What uv answers: a pylock.toml and a list of who needs what, as locked packages. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import BuildTag, InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from envgen.formats.toml_text import Table, parsed_toml, table_lines
from envgen.formats.wheel_files import MANYLINUX
from envgen.model.address import Address
from envgen.model.errors import BadInput, NoSolution
from envgen.model.packages import LockedPackage
from envgen.model.pip import PipRequest
from envgen.model.text import shortened
from envgen.pip.question import glibc_of, macos_of

_OLDEST_MACOS = {"x86_64": (10, 16), "arm64": (11, 0)}
_PINNED = re.compile(r"^(\S+?)(?:==| @ )\S+", re.MULTILINE)
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_ANSWER = "pylock.toml"
_REPORT = "please report this, with the version of uv (`uv --version`) and the index that you use"


def locked(text: str, needs: str, request: PipRequest, python: str, stubs: Iterable[str]) -> tuple[LockedPackage, ...]:
    """The packages of an answer that conda does not provide, sorted by name, each with the best of its files.

    `stubs` are the names that conda provides. Raises NoSolution where no file of a package is for the Python and the platform,
    for one without a sha256, and for an answer that is not a pylock.toml.
    """
    conda, by_name, tags = set(stubs), _needs(needs), _tags(request, python)
    try:
        rows = [row for row in _rows(text) if canonicalize_name(row.text("name")) not in conda]
        found = [_package(row, request, tags) for row in rows]
    except BadInput as error:
        raise NoSolution(f"{request.place}: the answer of uv cannot be read: {error.where}: {error.what}", hint=_REPORT) from None
    return tuple(
        sorted((replace(one, depends=tuple(sorted(by_name.get(one.name, ())))) for one in found), key=lambda package: package.name)
    )


def _rows(text: str) -> list[Table]:
    """The packages of a pylock.toml, each with its line. Raises BadInput where it has another shape."""
    data, lines = parsed_toml(text, _ANSWER, _REPORT), table_lines(text, "packages")
    found = Table(data, Address(_ANSWER, 1, 1), _REPORT).items("packages")
    places = [Address(_ANSWER, line, 1) for line in lines] if len(lines) == len(found) else [Address(_ANSWER, 1, 1)] * len(found)
    rows = [Table(row, at, _REPORT) for row, at in zip(found, places, strict=True)]
    for row in rows:
        if not _NAME.fullmatch(row.text("name")):
            raise BadInput(f"expected the name of a package, not {shortened(row.text('name'))}", where=row.at, hint=_REPORT)
    return rows


def _package(row: Table, request: PipRequest, tags: Mapping[Tag, int]) -> LockedPackage:
    name = canonicalize_name(row.text("name"))
    url, digest = _source(row) or _best(row, request, tags)
    if not digest:
        what = f"{request.place}: the index gives no sha256 for {name}, and its file has none"
        raise NoSolution(what, hint="take the package from another index")
    return LockedPackage(
        name=name,
        version=row.text("version") or "0",
        build="",
        manager="pip",
        platform=request.platform,
        url=url,
        sha256=digest,
    )


def _source(row: Table) -> tuple[str, str | None] | None:
    """A commit, an archive or a source distribution; None for a package with wheels. A commit stands for its own hash."""
    if "vcs" in row.data:
        vcs = row.table("vcs")
        commit, url, folder = vcs.text("commit-id"), vcs.text("url"), vcs.text("subdirectory")
        below = f"#subdirectory={folder}" if folder else ""
        return _one_line(row, f"git+{url}@{commit}{below}"), commit if _COMMIT.fullmatch(commit) else None
    kind = "archive" if "archive" in row.data else "sdist" if "sdist" in row.data and not row.items("wheels") else None
    return _file(row.table(kind)) if kind else None


def _file(row: Table) -> tuple[str, str | None]:
    """The URL of a file and its sha256. Raises BadInput where it has neither URL nor path, or what cannot be locked as one."""
    path, digest = row.text("path"), row.table("hashes").text("sha256")
    url = row.text("url") or (f"file://{path}" if path else "")
    if not url:
        raise BadInput("expected a file with `url` or `path`", where=row.at, hint=_REPORT)
    if digest and not _SHA256.fullmatch(digest):
        raise BadInput(f"expected a sha256, not {shortened(digest)}", where=row.at, hint=_REPORT)
    return _one_line(row, url), digest or None


def _one_line(row: Table, url: str) -> str:
    """A URL. Raises BadInput for one with control characters, or with a blank, which only the path of a local file may have."""
    try:
        urlsplit(url)
    except ValueError:
        url = ""
    if not url or not url.isprintable() or (" " in url and not url.startswith("file://")):
        raise BadInput("expected a URL on one line, without blanks", where=row.at, hint=_REPORT)
    return url


def _best(row: Table, request: PipRequest, tags: Mapping[Tag, int]) -> tuple[str, str | None]:
    """The wheel whose tags are the most special for the platform; of equal ones that of the highest build."""
    ranked: list[tuple[tuple[int, BuildTag, str], tuple[str, str | None]]] = []
    for wheel in row.tables("wheels"):
        url, digest = _file(wheel)
        try:
            _, _, build, own = parse_wheel_filename(unquote(urlsplit(url).path.rpartition("/")[2]))
        except InvalidWheelFilename:
            continue
        ranks = [tags[tag] for tag in own if tag in tags]
        if ranks:
            ranked.append(((-min(ranks), build, url), (url, digest)))
    if not ranked:
        what = f"{request.place}: no file of {row.text('name')} {row.text('version')} is for this Python and platform"
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
