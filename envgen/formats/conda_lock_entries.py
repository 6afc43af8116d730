"""The entries of a conda-lock.yml: a package from its fields, and a whole list in just conda-lock's own spelling, without YAML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from envgen.formats.checked import wrong_in
from envgen.model.address import Address
from envgen.model.packages import LockedPackage

NULLS = ("", "~", "null", "Null", "NULL")  # how YAML spells that there is no value

# A package exactly as conda-lock writes it. A scalar is in single quotes, or plain: without ": " and " #" in it.
_WORD = r"[A-Za-z0-9_./$=<~+(^](?:[ !\"$-9;-~]|:(?=[!-~])|(?<! )#)*(?<! )"
_SCALAR = rf"(?:{_WORD}|'[ -&(-~]*')"
_NEEDS = re.compile(rf"    ([A-Za-z0-9_.-]+): ({_SCALAR})\n")
_ENTRY = re.compile(
    rf"- name: ({_SCALAR})\n  version: ({_SCALAR})\n  manager: (conda|pip)\n  platform: ({_SCALAR})\n"
    rf"  dependencies:(?: \{{\}}\n|\n((?:    [A-Za-z0-9_.-]+: {_SCALAR}\n)+))  url: ({_SCALAR})\n"
    r"  hash:\n(?:    md5: ([0-9a-z]+)\n)?(?:    sha256: ([0-9a-z]+)\n)?  category: ([A-Za-z0-9_.-]+)\n  optional: (?:true|false)\n"
)


_BETWEEN = "\n- name: "  # where one entry ends and the next begins: no line inside an entry of this spelling begins like that
_REMEMBERED, _LONGEST = 20_000, 5_000  # entries, and characters of one; it has about 600
_TEXTS = 16  # locks: those of a project are read to judge one of them


class PlainEntry(NamedTuple):
    """What the text of an entry says: the package, without its place; its category; and how many lines it has."""

    package: LockedPackage
    category: str
    lines: int


@lru_cache(_TEXTS)
def plain_entries(lock: str) -> tuple[str, tuple[PlainEntry, ...]] | None:
    """What a lock says before its packages, and these, if they are in exactly that spelling; else None."""
    head, body, rest = lock.partition("\npackage:\n")
    found = _entries(rest) if body else None
    return (head, found) if found else None


def plain_packages(rest: str, line: int, shown: str) -> list[tuple[LockedPackage, str]] | None:
    """The packages of a list in exactly that spelling, each with its category; else None."""
    found = _entries(rest)
    return [*placed(found, line, shown)] if found else None


def _entries(rest: str) -> tuple[PlainEntry, ...] | None:
    """The entries of a list in exactly that spelling, ten times as fast as YAML; else None.

    Locks of one repository share most of them: each text is read once.
    """
    first, *others = rest.split(_BETWEEN)
    texts = [first.removeprefix("- name: "), *others]
    if first == texts[0] or not rest.endswith("\n"):
        return None
    texts[-1] = texts[-1][:-1]
    found = []
    for text in texts:
        entry = _entry(text) if len(text) <= _LONGEST else _read(text)
        if entry is None:
            return None
        found.append(entry)
    return tuple(found)


def placed(entries: Iterable[PlainEntry], line: int, shown: str) -> Iterator[tuple[LockedPackage, str]]:
    """The packages of entries that begin at a line of a file, each with its category."""
    for entry in entries:
        yield _placed(entry.package, Address(shown, line, 3)), entry.category
        line += entry.lines


@lru_cache(_REMEMBERED)
def _entry(text: str) -> PlainEntry | None:
    return _read(text)


def _read(text: str) -> PlainEntry | None:
    """The entry with this text, without `- name: ` before it and the end of line after it.

    None where its spelling is another, or a text of it cannot be what it stands for: the other reader says where.
    """
    found = _ENTRY.fullmatch(f"- name: {text}\n")
    if found is None:
        return None
    name, version, manager, platform, needs, url, md5, sha256, category = found.groups()
    pairs = _NEEDS.findall(needs or "")
    wanted = {key: _bare(value) for key, value in pairs}
    if len(wanted) < len(pairs):  # a repeated key
        return None
    fields = (_bare(name), _bare(version), manager, _bare(platform), _bare(url))
    hashes = {kind: value for kind, value in (("md5", md5), ("sha256", sha256)) if value not in NULLS}
    package = package_of(fields, wanted, hashes, None)
    return None if wrong_in(package.content) else PlainEntry(package, category, text.count("\n") + 1)


def _placed(package: LockedPackage, at: Address) -> LockedPackage:
    """The package at a place. Written out, because `replace` takes three times as long."""
    return LockedPackage(
        name=package.name,
        version=package.version,
        build=package.build,
        manager=package.manager,
        platform=package.platform,
        url=package.url,
        md5=package.md5,
        sha256=package.sha256,
        depends=package.depends,
        at=at,
    )


def _bare(scalar: str) -> str:
    return scalar[1:-1] if scalar.startswith("'") else scalar


def package_of(
    fields: tuple[str, str, str, str, str], needs: Mapping[str, str], hashes: Mapping[str, str | None], at: Address | None
) -> LockedPackage:
    """A package from its name, version, manager, platform and URL, what it needs, and its hashes."""
    name, version, manager, platform, url = fields
    return LockedPackage(
        name=name,
        version=version,
        build=build_of(url) if manager == "conda" else "",
        manager="pip" if manager == "pip" else "conda",
        platform=platform,
        url=url,
        md5=hashes.get("md5"),
        sha256=hashes.get("sha256"),
        depends=tuple(f"{package} {spec}".rstrip() for package, spec in needs.items()),
        at=at,
    )


def build_of(url: str) -> str:
    """The build string in a conda package's url, whose fragment does not count: cuda126_py312_h0_0; "" where the url has none."""
    parts = url.partition("#")[0].rsplit("/", 1)[-1].removesuffix(".conda").removesuffix(".tar.bz2").rsplit("-", 2)
    return parts[2] if len(parts) == 3 else ""
