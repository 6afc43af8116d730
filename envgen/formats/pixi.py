"""Reads `pixi.lock`, versions 1 to 7: a Lock for each environment, and for each named platform of one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.facts import Platform
from envgen.model.packages import Lock, LockedPackage

if TYPE_CHECKING:
    from rattler import Environment

_DYNAMIC = "<dynamic>"  # how rattler says that the metadata in a folder have the version
_NESTED = 50  # levels; a pixi.lock has about six, and some brackets in its markers
_LISTS = ("\nenvironments:", "\n  dependencies: []", "\n  dependencies:\n  - ")  # a regular expression takes 20 times as long
_ENTRY = re.compile(r"^\s*(?:- )?(?:conda|pypi|conda_source|url|path):\s*(?:\S+ @ )?(\S+)\s*$")


def is_pixi(text: str) -> bool:
    """Whether a text is a pixi.lock; one of version 1 has lists where conda-lock writes mappings."""
    version = re.search(r"^version:\s*(\S+)", text, re.MULTILINE)
    return version is not None and (version[1] != "1" or any(mark in text for mark in _LISTS))


def read_pixi(path: Path, text: str, shown: str) -> tuple[Lock, ...]:
    """A pixi.lock of any version that rattler reads. Raises BadInput, with the line where one is known."""
    from rattler import LockFile
    from rattler.exceptions import ParseCondaLockError

    conflict = re.search(r"^(<<<<<<< |>>>>>>> )", text, re.MULTILINE)
    if conflict:
        where = Address(shown, text.count("\n", 0, conflict.start()) + 1, 1)
        raise BadInput("this lock has an unresolved merge conflict", where=where, hint="take one side, or run `pixi lock` again")
    if _deepest(text) > _NESTED:  # rattler would read such a file for minutes
        raise BadInput(
            "not a lock: nested too deeply", where=Address(shown, 1, 1), hint="create it again with the tool that made it"
        )
    version = _version(text)
    try:
        found = LockFile.from_path(path.absolute()).environments()  # rattler takes local wheels from the folder of an absolute path
    except (ParseCondaLockError, ValueError, OSError) as error:
        raise _unreadable(text, version, str(error), shown) from None
    lines = {entry[1]: number for number, line in reversed([*enumerate(text.splitlines(), 1)]) if (entry := _ENTRY.match(line))}
    environments = sorted(found, key=lambda item: (item[0] != "default", item[0]))  # rattler gives them in no order
    return tuple(lock for name, each in environments for lock in _environment(name, each, f"pixi {version}", shown, lines))


def _version(text: str) -> str:
    told = re.search(r"^version:\s*(\S+)", text, re.MULTILINE)
    return told[1] if told else "?"


def _unreadable(text: str, version: str, error: str, shown: str) -> BadInput:
    """The error about a lock that rattler cannot read, with its line where it or the text tells one."""
    local = re.search(r'relative URL without a base: "(.*)"', error)
    if local:  # versions 1 to 3, which have no environments
        at = next((number for number, line in enumerate(text.splitlines(), 1) if local[1] in line), 1)
        what = f"a package from a folder ({local[1]}) in a lock of version {version}, which cannot say which folder that is"
        return BadInput(what, where=Address(shown, at, 1), hint="write the lock again with pixi 0.39 or newer: pixi lock")
    line = re.search(r"at line (\d+) column (\d+)", error)
    where = Address(shown, int(line[1]), int(line[2])) if line else Address(shown, 1, 1)
    if "missing field `environments`" in error:
        what = f"a pixi.lock of version {version} without `environments:`: it is truncated, or not a pixi.lock"
        return BadInput(what, where=where, hint="restore it from git, or create it again: pixi lock")
    what = f"a lock of version {version} that cannot be read: {error}"
    return BadInput(what, where=where, hint="create it again with the tool that made it, or update envgen")


def _deepest(text: str) -> int:
    """How deep brackets, or lists in one line, are nested at most. A line that begins with a bracket continues the line before."""
    depth = deepest = 0
    for line in text.splitlines():
        depth = depth if line.lstrip()[:1] in ("[", "{") else 0
        for bracket in re.findall(r"[\[\]{}]", line):
            depth = depth + 1 if bracket in "[{" else max(0, depth - 1)
            deepest = max(deepest, depth)
    return max(deepest, *(len(run) // 2 for run in re.findall(r"(?:[-?:] ){9,}", text)), 0)


def _environment(name: str, environment: Environment, kind: str, shown: str, lines: Mapping[str, int]) -> Iterator[Lock]:
    """A lock with all platforms of an environment that are named as their subdir, and one for each named platform.

    So the platforms of a lock are subdirs, and each named one has its own virtual packages.
    """
    platforms = sorted(environment.platforms(), key=lambda each: each.name)  # rattler has them in another order each time
    named = [each for each in platforms if each.name != str(each.subdir) or each.virtual_packages]
    channels = tuple(_channels(environment))
    for group in ([each for each in platforms if each not in named], *([each] for each in named)):
        packages = [
            _pixi_package(item, str(each.subdir), Address(shown, lines.get(item.location, 1), 1))
            for each in group
            for item in environment.packages(each) or ()
        ]
        if packages or not named:
            machine = group[0].name if group and group[0] in named else ""
            promises = dict(_promise(text) for each in group for text in each.virtual_packages)
            yield Lock(
                shown=shown,
                format=kind,
                environment=name,
                packages=tuple(packages),
                channels=channels,
                machine=machine,
                promises=promises,
            )


def _promise(text: str) -> tuple[str, str]:
    """A virtual package and its version: __cuda=12 is ("__cuda", "12"); __archspec=0=zen4 is ("__archspec", "0 zen4")."""
    name, _, version = text.partition("=")
    return name.strip(), version.replace("=", " ").strip()


def _channels(environment: Environment) -> Iterator[str]:
    for channel in environment.channels():
        found = re.search(r'url: "([^"]+)"|"([^"]+)"', repr(channel))
        yield (found[1] or found[2]).rstrip("/") if found else str(channel)


def _pixi_package(item: Any, platform: Platform, at: Address) -> LockedPackage:
    """One package; what pixi builds from source has no hash, and before it was built no build string."""
    if not hasattr(item, "package_record"):
        return _wheel(item, platform, at)
    record = item.package_record
    return LockedPackage(
        name=item.name,
        version=str(record.version if record else item.version or ""),  # as the record spells it: 2024.07.02
        build=str(record.build) if record else "",
        manager="conda",
        platform=platform,
        url=item.location,
        md5=record.md5.hex() if record and record.md5 else None,
        sha256=record.sha256.hex() if record and record.sha256 else None,
        depends=tuple(record.depends if record else ()),
        constrains=tuple(record.constrains if record else ()),
        at=at,
    )


def _wheel(item: Any, platform: Platform, at: Address) -> LockedPackage:
    version = str(item.version or "")
    hashes = item.hashes if getattr(item.hashes, "_hashes", None) else None  # rattler wraps "none" as well
    return LockedPackage(
        name=canonicalize_name(item.name),
        version="" if version == _DYNAMIC else version,
        build="",
        manager="pip",
        platform=platform,
        url=item.location,
        md5=hashes.md5.hex() if hashes and hashes.md5 else None,
        sha256=hashes.sha256.hex() if hashes and hashes.sha256 else None,
        depends=tuple(item.requires_dist),
        at=at,
    )
