"""Reads `pylock.toml`, the lock of PEP 751: what pip, uv and PDM write for all platforms at once."""

from __future__ import annotations

import re

from packaging.utils import canonicalize_name

from envgen.formats.markers import UNIVERSAL, holds, of_platforms, oldest_python
from envgen.formats.toml_text import Table, parsed_toml, table_lines
from envgen.formats.wheel_files import PackageFile, fitting, variants_among, with_present_needs
from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.facts import Platform
from envgen.model.packages import Lock, LockedPackage

_HINT = "create it again with the tool that wrote it: `created-by` in the file names it"


def is_pylock(text: str) -> bool:
    """Whether a text is a `pylock.toml`."""
    return "lock-version" in text and re.search(r'^lock-version\s*=\s*"', text, re.MULTILINE) is not None


def read_pylock(text: str, shown: str) -> tuple[Lock, ...]:
    """The packages for each platform that its `environments` allow, with all extras and groups. Raises BadInput with the line."""
    top = Table(parsed_toml(text, shown, _HINT), Address(shown, 1, 1), _HINT)
    version = top.text("lock-version")
    if version.partition(".")[0] != "1":
        what = f"pylock.toml of version {version} is not supported: this envgen reads version 1"
        raise BadInput(
            what, where=Address(shown, 1, 1), hint="create it again with a tool that writes version 1.0, or update envgen"
        )
    lines = table_lines(text, "packages")
    tables = [Table(each, _at(shown, lines, n), _HINT) for n, each in enumerate(top.items("packages"))]
    markers, python = top.texts("environments"), oldest_python(top.text("requires-python"))
    platforms = [p for p in UNIVERSAL if not markers or any(holds(marker, p, python) for marker in markers)]
    platforms = _with_files(tables, platforms, python)
    if not any(of_platforms(marker) for marker in (*markers, *(each.text("marker") for each in tables))):
        platforms = platforms[:1]
    packages = [found for platform in platforms for each in tables if (found := _package(each, platform, python))]
    return (Lock(shown=shown, format="pylock 1", environment="", packages=with_present_needs(packages)),)


def _at(shown: str, lines: list[int], number: int) -> Address:
    return Address(shown, lines[number] if number < len(lines) else 1, 1)


def _with_files(tables: list[Table], platforms: list[Platform], python: str) -> list[Platform]:
    """The platforms on which each package that has wheels has one that fits; all, where no platform is one of them.

    A lock may be made for one platform, and list only the files for it.
    """
    wheels = [(each.text("marker"), [_file(wheel) for wheel in each.tables("wheels")]) for each in tables]
    fits = [
        platform
        for platform in platforms
        if all(
            fitting(files, (), platform, python)
            for marker, files in wheels
            if files and holds(_without_sets(marker), platform, python)
        )
    ]
    return fits or platforms


def _package(table: Table, platform: Platform, python: str) -> LockedPackage | None:
    """A package on a platform; None where its marker does not hold there."""
    if not holds(_without_sets(table.text("marker")), platform, python):
        return None
    name, version = table.text("name"), table.text("version")
    if not name:
        raise BadInput("a package without `name`", where=table.at, hint=_HINT)
    wheels = [_file(each) for each in table.tables("wheels")]
    others = [_file(table.table(key)) for key in ("sdist", "archive") if key in table.data]
    found = fitting(wheels, others, platform, python)
    return LockedPackage(
        name=canonicalize_name(name),
        version=version,
        build="",
        manager="pip",
        platform=platform,
        url=found.url if found else _source(table),
        sha256=(found.sha256 or None) if found else None,
        depends=tuple(each.text("name") for each in table.tables("dependencies")),
        at=table.at,
        index=table.text("index"),
        variants=variants_among(wheels, platform, python),
    )


def _file(table: Table) -> PackageFile:
    return PackageFile(table.text("url") or table.text("path"), table.table("hashes").text("sha256"))


def _source(table: Table) -> str:
    """Where a package comes from that has no files: a repository at a commit, or a folder."""
    vcs = table.table("vcs")
    if vcs.data:
        return f"{vcs.text('type')}+{vcs.text('url') or vcs.text('path')}@{vcs.text('commit-id')}"
    return table.table("directory").text("path")


def _without_sets(marker: str) -> str:
    """A marker without what it asks of extras and groups: all of them are taken."""
    return re.sub(r"(['\"])[^'\"]*\1\s+in\s+(?:extras|dependency_groups)\b", "python_version >= '0'", marker)
