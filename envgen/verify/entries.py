"""What the entry of one package says, whatever is beside it: whether it is downloaded, its hashes, its URL. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from envgen.formats.builds import is_wheel
from envgen.formats.wheel_files import runs_on, without_label
from envgen.model.packages import Content, LockedPackage

# user:password@, a long user that is a token itself, /t/TOKEN/, ?token=...; `$NAME` in its place is right
_SECRET = re.compile(
    r"://[^/@\s:]+:(?!\$)[^/@\s]+@|://(?!\$)[^/@\s:]{20,}@"
    r"|[?&](?:access_token|token|api_?key|sig|signature|X-Amz-Signature)=(?!\$)[^&\s]+",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"^(?:[^:]|:(?!///))*/t/(?![$%<])[^/\s]+/")  # conda's; wheels may lie in a folder t/, and so may file:/// URLs
_COMMIT = re.compile(r"^git\+.*[@#=][0-9a-f]{40}\b")
_LENGTHS = {"sha256": 64, "md5": 32}  # hex digits

Entry = Content | LockedPackage


@lru_cache(20_000)  # packages: those of the locks of a repository are the same again and again
def is_ordinary(entry: Content) -> bool:
    """Whether an entry is as every tool writes those of conda: no rule about an entry alone has anything to say of it."""
    if entry.manager != "conda" or not is_downloaded(entry) or is_local(entry):
        return False
    return bool(entry.sha256) and not any((*wrong_hashes(entry), has_secret(entry), mismatch(entry)))


@lru_cache(20_000)
def virtual_needs(needs: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The virtual packages among some specs, each with its range."""
    found = (need.partition(" ") for need in needs if need.startswith("__"))
    return tuple((name, spec.split(" ")[0]) for name, _, spec in found)


@lru_cache(20_000)
def needs_driver(needs: tuple[str, ...]) -> bool:
    """Whether one of some specs is for `__cuda`."""
    return any(need.split()[:1] == ["__cuda"] for need in needs)


def is_downloaded(entry: Entry) -> bool:
    """Whether an entry tells where the package is downloaded from; one that is built from a folder or from git does not."""
    return "://" in entry.url.partition("#")[0] and (entry.manager == "pip" or not is_source(entry))


def admits(package: LockedPackage, versions: SpecifierSet | None) -> bool:
    """Whether a requirement without an exact version admits some of these."""
    found = requirement(package.asked)
    if found is None or versions is None:
        return False
    return not (found.specifier & versions).is_unsatisfiable()


@lru_cache(20_000)
def requirement(text: str) -> Requirement | None:
    """A requirement of pip (PEP 508); None for text that is not one."""
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


def is_source(entry: Entry) -> bool:
    """Whether a conda package is built from a folder or a repository."""
    return entry.url != "" and not entry.url.partition("#")[0].endswith((".conda", ".tar.bz2"))


def is_local(entry: Entry) -> bool:
    """Whether a package comes from a folder of a machine."""
    return entry.url.startswith("file:")


def is_commit(entry: Entry) -> bool:
    """Whether a package is a commit of a git repository, which is a hash."""
    return _COMMIT.search(entry.url) is not None


def is_run_by_pip(entry: Entry) -> bool:
    """Whether pip runs code of the package to install it."""
    return entry.manager == "pip" and not is_wheel(entry.url)


def wrong_hashes(entry: Entry) -> Iterator[tuple[str, str]]:
    """The hashes that are not ones of their kind, each with its kind."""
    for kind, text in (("sha256", entry.sha256), ("md5", entry.md5)):
        if text and not re.fullmatch(rf"[0-9a-fA-F]{{{_LENGTHS[kind]}}}", text):
            yield kind, text


def has_secret(entry: Entry) -> bool:
    """Whether a URL holds a password or a token."""
    return names_secret(entry.url, channel=entry.manager == "conda")


def names_secret(url: str, *, channel: bool) -> bool:
    """Whether a URL holds a password or a token; in that of a `channel` a token may be a folder."""
    return _SECRET.search(url) is not None or (channel and _TOKEN.search(url) is not None)


def mismatch(entry: Entry) -> str:
    """What a URL is for, where that is not the package of its entry; else ""."""
    return _conda_mismatch(entry) if entry.manager == "conda" else _pip_mismatch(entry)


def _conda_mismatch(entry: Entry) -> str:
    _, _, rest = entry.url.partition("://")
    subdir, _, file = rest.partition("#")[0].rpartition("/")
    parts = unquote(file).removesuffix(".conda").removesuffix(".tar.bz2").rsplit("-", 2)
    if parts != [entry.name, entry.version, entry.build]:
        return f"its url is for {' '.join(parts)}"
    subdir = subdir.rsplit("/", 1)[-1]
    return "" if subdir in (entry.platform, "noarch") else f"its url is for {subdir}, the entry for {entry.platform}"


def _pip_mismatch(entry: Entry) -> str:
    file = unquote(entry.url.partition("#")[0].rsplit("/", 1)[-1])
    try:
        if file.endswith(".whl"):
            name, version, *_ = parse_wheel_filename(without_label(file))
        elif file.endswith((".tar.gz", ".zip")):
            name, version = parse_sdist_filename(file)
        else:
            return ""
        same = name == canonicalize_name(entry.name) and version == Version(entry.version)
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return ""  # an old or a private file name: pip will judge it
    if not same:
        return f"its url is for {name} {version}"
    return "" if not file.endswith(".whl") or runs_on(file, entry.platform) else f"its url is for another platform: {file}"


def channel_of(package: LockedPackage) -> str:
    """The name of the channel that a package comes from, a mirror's included; "" where nothing says it."""
    return package.url.rsplit("/", 3)[-3] if package.url.count("/") > 3 else ""
