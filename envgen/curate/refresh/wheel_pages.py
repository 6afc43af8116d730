"""What an index of wheels says of one package: the names of its files (PEP 691), and the metadata of a wheel.

That is beside the wheel (PEP 658, 714), else it is read out of the wheel, of which only the end is fetched.
"""

from __future__ import annotations

import io
import json
import re
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from typing import Any
from urllib.parse import urljoin
from zipfile import BadZipFile, ZipFile

from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from envgen.curate.refresh.index_server import RemoteFile, read, shown
from envgen.formats.wheel_files import glibc_minor
from envgen.model.errors import NoSolution
from envgen.model.facts import Platform

_LINUX: Mapping[str, Platform] = {"x86_64": "linux-64", "aarch64": "linux-aarch64"}
_METADATA = re.compile(r"[^/]+\.dist-info/METADATA")
_PART = 1 << 16  # bytes of a request for a part of a wheel: its list of files is at the end, the metadata mostly beside that
_LARGEST = 1 << 22  # bytes of metadata
_PATCH = 99  # of a minor of Python, in place of the newest


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedWheel:
    """One wheel of a release for one platform and Python; `glibc` is the oldest that its tags name."""

    version: Version
    platform: Platform
    python: Version
    glibc: Version | None
    url: str
    metadata: bool  # whether the index has its core metadata beside it


def wheels_of(index: str, package: str, pythons: Collection[Version]) -> tuple[IndexedWheel, ...]:
    """Every wheel of a package that was not yanked, of the releases that are final, for these minors of CPython with the GIL.

    Raises NoSolution where the index cannot be read or does not answer in JSON.
    """
    url = f"{index.rstrip('/')}/{canonicalize_name(package)}/"
    try:
        rows = json.loads(read(url))["files"]
    except (ValueError, KeyError, TypeError):
        hint = "an index must answer with the JSON of PEP 691"
        raise NoSolution(f"{shown(url)}: the answer is not a list of files", hint=hint) from None
    return tuple(wheel for row in rows if not row.get("yanked") for wheel in _wheels(url, row, pythons))


def requirements_of(wheel: IndexedWheel) -> tuple[str, ...] | None:
    """What a wheel requires, by its core metadata; None where nothing has that. Raises NoSolution where it cannot be read."""
    text = read(f"{wheel.url}.metadata") if wheel.metadata else _metadata_inside(wheel.url)
    return None if text is None else tuple(HeaderParser().parsestr(text).get_all("Requires-Dist") or ())


def _metadata_inside(url: str) -> str | None:
    """The core metadata inside of a wheel; None where its server sends no parts of files, and for what is not a wheel."""
    try:
        with io.BufferedReader(RemoteFile(url), _PART) as file, ZipFile(file) as wheel:
            info = next((one for one in wheel.infolist() if _METADATA.fullmatch(one.filename)), None)
            return wheel.read(info).decode("utf-8") if info and info.file_size <= _LARGEST else None
    except (OSError, EOFError, BadZipFile, zlib.error, RuntimeError, ValueError):  # as zipfile says it: damaged, encrypted, unusual
        return None


def _wheels(page: str, row: Mapping[str, Any], pythons: Collection[Version]) -> Iterator[IndexedWheel]:
    try:
        _, version, _, tags = parse_wheel_filename(row["filename"])
    except ValueError:
        return
    if version.is_prerelease or version.local:
        return
    url = urljoin(page, row["url"]).partition("#")[0]
    told = row.get("core-metadata", row.get("data-dist-info-metadata"))
    allowed = {python for python in pythons if _allows(row.get("requires-python"), python)}
    places = {
        (python, place, glibc)
        for tag in tags
        for python in sorted(allowed)
        if _runs(tag, python)
        for place, glibc in _platforms(tag.platform)
    }
    for python, place in sorted({(python, place) for python, place, _ in places}):
        floors = [glibc for one, other, glibc in places if (one, other) == (python, place) and glibc]
        yield IndexedWheel(
            version=version, platform=place, python=python, glibc=min(floors, default=None), url=url, metadata=bool(told)
        )


def _allows(required: str | None, python: Version) -> bool:
    """Whether `requires-python` allows some release of a minor."""
    try:
        found = SpecifierSet(required or "")
        return found.contains(python) or found.contains(f"{python}.{_PATCH}")
    except ValueError:
        return True  # what pip and uv do with it


def _runs(tag: Tag, python: Version) -> bool:
    """Whether a wheel with a tag is for a minor of CPython with the GIL."""
    own = re.fullmatch(r"cp3(\d+)", tag.interpreter)
    if own and tag.abi == "abi3":
        return int(own[1]) <= python.minor
    return (tag.interpreter == f"cp3{python.minor}" and not tag.abi.endswith("t")) or tag.interpreter in (
        "py3",
        f"py3{python.minor}",
    )


def _platforms(tag: str) -> Iterator[tuple[Platform, Version | None]]:
    """The platform that a tag is for, and the oldest glibc that it names."""
    minor = glibc_minor(tag)
    linux = next((place for machine, place in _LINUX.items() if tag.endswith(f"_{machine}")), None)
    if linux and (minor is not None or tag.startswith("linux_")):
        yield linux, None if minor is None else Version(f"2.{minor}")
    elif tag.startswith("macosx_"):
        yield from ((place, None) for end, place in (("arm64", "osx-arm64"), ("x86_64", "osx-64")) if tag.endswith(end))
    elif tag == "win_amd64":
        yield "win-64", None
