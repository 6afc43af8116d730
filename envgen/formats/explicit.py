"""Reads `@EXPLICIT` files: the URLs of packages, as `conda list --explicit` and `conda-lock render` write them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from packaging.utils import canonicalize_name

from envgen.formats.conda_lock_entries import build_of
from envgen.formats.wheel_files import file_name
from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.facts import Platform
from envgen.model.packages import Lock, LockedPackage

PLATFORM = re.compile(r"^#\s*(?:platform|subdir):\s*(\S+)", re.MULTILINE)
_PIP_LINE = re.compile(r"#\s*pip\s+(\S+)\s+@\s+(\S+?)(?:#sha256=([0-9a-f]+))?$")  # as conda-lock renders it


def is_explicit(text: str) -> bool:
    """Whether a text is an `@EXPLICIT` file."""
    return "@EXPLICIT" in text and re.search(r"^@EXPLICIT\s*$", text, re.MULTILINE) is not None


def read_explicit(text: str, shown: str) -> Lock:
    """An `@EXPLICIT` file: urls with `#md5` or `#sha256:...`; conda-lock adds its pip packages as comments."""
    told = PLATFORM.search(text)
    lines = [(Address(shown, number, 1), line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    urls = [(at, line) for at, line in lines if line and not line.startswith(("#", "@"))]
    for at, line in urls:
        if not build_of(line) or line.count("/") < 3:
            raise BadInput(f"not the url of a conda package: {line}", where=at, hint="an explicit file has one url on each line")
    platform = told[1] if told else _subdir(line for _, line in urls)
    conda = [_of_url(line, platform, at) for at, line in urls]
    pip = [_of_pip(found, platform, at) for at, line in lines if (found := _PIP_LINE.match(line))]
    return Lock(shown=shown, format="explicit", environment="", packages=(*conda, *pip), linked=False)


def _subdir(urls: Iterable[str]) -> Platform:
    """The platform that urls belong to: their subdir that is not `noarch`."""
    return next((subdir for url in urls if (subdir := url.rsplit("/", 2)[-2]) != "noarch"), "noarch")


def _of_url(line: str, platform: Platform, at: Address) -> LockedPackage:
    url, _, digest = line.partition("#")
    kind, _, hexadecimal = digest.rpartition(":")
    sha256 = hexadecimal if kind == "sha256" or len(hexadecimal) == 64 else None
    name, version, build = url.rsplit("/", 1)[-1].removesuffix(".conda").removesuffix(".tar.bz2").rsplit("-", 2)
    md5 = hexadecimal if hexadecimal and not sha256 else None
    return LockedPackage(
        name=name, version=version, build=build, manager="conda", platform=platform, url=url, md5=md5, sha256=sha256, at=at
    )


def _version(file: str) -> str:
    """The version in the name of a wheel or a source, "" where there is none: antlr4-python3-runtime-4.9.3.tar.gz."""
    if file.endswith(".whl"):
        return file.split("-")[1] if "-" in file else ""
    found = re.fullmatch(r".+?-(v?[0-9][^-]*?)(?:\.tar\.\w+|\.tgz|\.zip)", file)
    return found[1] if found else ""


def _of_pip(found: re.Match[str], platform: Platform, at: Address) -> LockedPackage:
    name, url, sha256 = canonicalize_name(found[1]), found[2], found[3]
    return LockedPackage(
        name=name,
        version=_version(file_name(url)),
        build="",
        manager="pip",
        platform=platform,
        url=url,
        md5=None,
        sha256=sha256,
        at=at,
    )
