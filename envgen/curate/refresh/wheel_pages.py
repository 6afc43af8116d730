"""What an index of wheels says of one package: the names of its files (PEP 691), and the metadata beside a wheel (PEP 658, 714)."""

from __future__ import annotations

import json
import re
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from typing import Any
from urllib.error import URLError
from urllib.parse import unquote, urljoin, urlsplit

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from envgen.channels.limits import limits
from envgen.formats.wheel_files import glibc_minor
from envgen.model.errors import BadInput, NoSolution
from envgen.model.facts import Platform

_ACCEPT = "application/vnd.pypi.simple.v1+json"
_LINUX: Mapping[str, Platform] = {"x86_64": "linux-64", "aarch64": "linux-aarch64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedWheel:
    """One wheel of a release for one platform and Python; `glibc` is the oldest that its tags name."""

    version: Version
    platform: Platform
    python: Version
    glibc: Version | None
    metadata: str  # the URL of its core metadata, "" where the index has none


def wheels_of(index: str, package: str) -> tuple[IndexedWheel, ...]:
    """Every wheel of a package that was not yanked, for CPython with the GIL, of the releases that are final.

    Raises NoSolution where the index cannot be read or does not answer in JSON.
    """
    url = f"{index.rstrip('/')}/{canonicalize_name(package)}/"
    try:
        rows = json.loads(_read(url))["files"]
    except (ValueError, KeyError, TypeError):
        hint = "an index must answer with the JSON of PEP 691"
        raise NoSolution(f"{_shown(url)}: the answer is not a list of files", hint=hint) from None
    return tuple(wheel for row in rows if not row.get("yanked") for wheel in _wheels(url, row))


def requirements_at(url: str) -> tuple[str, ...]:
    """What a wheel requires, by its core metadata."""
    return tuple(HeaderParser().parsestr(_read(url)).get_all("Requires-Dist") or ())


def _read(url: str) -> str:
    if urlsplit(url).scheme not in ("http", "https"):
        raise BadInput(f"{_shown(url)} is not the URL of an index", hint="write http:// or https://")
    most = limits()
    try:
        with urllib.request.urlopen(_request(url), timeout=most.timeout) as answer:  # noqa: S310 - the scheme is one of HTTP
            data: bytes = answer.read(most.size + 1)
        if len(data) > most.size:
            hint = "ENVGEN_MAX_SIZE or --max-size raises the limit"
            raise NoSolution(f"{_shown(url)} sends too much: more than {most.size // 10**6} MB", hint=hint)
        return data.decode("utf-8")
    except (URLError, OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise NoSolution(f"{_shown(url)} cannot be read: {reason}", hint="is the index reachable?") from None


def _request(url: str) -> urllib.request.Request:
    """A request with the login of a URL in its header, where urllib wants it."""
    parts = urlsplit(url)
    login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    headers = {"Authorization": f"Basic {b64encode(login.encode()).decode()}"} if parts.username else {}
    return urllib.request.Request(_shown(url), headers={"Accept": _ACCEPT, **headers})  # noqa: S310


def _shown(url: str) -> str:
    """A URL without its credentials."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _wheels(page: str, row: Mapping[str, Any]) -> Iterator[IndexedWheel]:
    try:
        _, version, _, tags = parse_wheel_filename(row["filename"])
    except InvalidWheelFilename:
        return
    if version.is_prerelease or version.local:
        return
    url = urljoin(page, row["url"]).partition("#")[0]
    told = row.get("core-metadata", row.get("data-dist-info-metadata"))
    places = {
        (tag.interpreter, place, glibc) for tag in tags if not tag.abi.endswith("t") for place, glibc in _platforms(tag.platform)
    }
    for interpreter, place in sorted({(interpreter, place) for interpreter, place, _ in places}):
        minor = re.fullmatch(r"cp3(\d+)", interpreter)
        floors = [glibc for one, other, glibc in places if (one, other) == (interpreter, place) and glibc]
        if minor:
            yield IndexedWheel(
                version=version,
                platform=place,
                python=Version(f"3.{minor[1]}"),
                glibc=min(floors, default=None),
                metadata=f"{url}.metadata" if told else "",
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
