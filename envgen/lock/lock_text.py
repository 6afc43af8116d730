"""The text of a lock as conda-lock writes it, without conda-lock. Pure.

Importing conda-lock takes more processor time than solving a small environment. It judges this module: a contract test compares
both byte for byte. What this module does not cover raises NotCovered, and conda-lock writes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml
from yaml.resolver import Resolver

from envgen.formats.builds import requirement_name
from envgen.formats.conda_specs import NotCovered, ReadSpec, ranges
from envgen.formats.content_hash import channel_entry, content_hash, requested
from envgen.formats.pip_requirements import ReadRequirement, read_requirement
from envgen.model.catalogue import Manager
from envgen.model.facts import Platform
from envgen.model.layout import SPEC
from envgen.model.packages import LockedPackage, Solution
from envgen.model.resolution import Resolution
from envgen.model.run import Solved
from envgen.resolver import specs

LockTexts = tuple[dict[str, Any], str]
"""A lock in two parts: everything before the packages as data, and the packages as text."""

_DUMPER = getattr(yaml, "CDumper", yaml.Dumper)  # the same bytes as conda-lock's own, five times faster
_PRINTABLE = re.compile(r"[!-&(-~]*")  # no space and no apostrophe: YAML needs no escape and no second line
_QUOTED = re.compile(r"[#,\[\]{}&*!|>\"%@`]|[?:-]$|---|\.\.\.|.*:$")  # what means something else where it is not in quotes
_LONGEST_KEY = 100  # YAML writes a longer key in another way
_ENTRY = """\
- name: {name}
  version: {version}
  manager: {manager}
  platform: {platform}
  dependencies:{dependencies}
  url: {url}
  hash:{hash}
  category: main
  optional: false
"""


def dump(data: object) -> str:
    """YAML as conda-lock writes it."""
    return str(yaml.dump(data, Dumper=_DUMPER, sort_keys=False))


def lock_texts(item: Solved) -> LockTexts:
    """The lock of a target, without its custom metadata. Raises NotCovered."""
    entries = [entry for solution in item.solutions for entry in _conda_entries(item.resolution, solution)]
    entries += [_pip_entry(package) for packages in item.wheels.values() for package in packages]
    return head(item.resolution), "package:\n" + "".join(map(_text, sorted(entries, key=lambda entry: entry.place)))


# --- before the packages --------------------------------------------------------------------------------------------------


def head(resolution: Resolution) -> dict[str, Any]:
    """Everything before the packages. Raises NotCovered for a target that only conda-lock can lock, whatever its packages are."""
    project = resolution.project
    if not all(map(_PRINTABLE.fullmatch, project.pip_repositories)):
        raise NotCovered("pip-repositories")
    channels = [channel_entry(text) for text in project.channels]
    hashes = {
        platform: content_hash(
            platform,
            channels,
            _requested(resolution, platform),
            resolution.target.virtual[platform],
            _required(resolution, platform),
            project.pip_repositories,
        )
        for platform in resolution.platforms
    }
    metadata = {"content_hash": hashes, "channels": channels, "platforms": list(resolution.platforms), "sources": [SPEC]}
    return {"version": 1, "metadata": metadata}


def _requested(resolution: Resolution, platform: Platform) -> dict[str, ReadSpec]:
    """The specs of `environment.yml` for a platform by name. Beside a pip section conda-lock requests any pip."""
    found = requested(text for group in specs.groups(resolution) for text in group.on(platform))
    if specs.pip_group(resolution).on(platform):
        found["pip"] = ReadSpec(name="pip", version="*", build=None, channel=None)
    return dict(sorted(found.items()))


def _required(resolution: Resolution, platform: Platform) -> list[ReadRequirement]:
    """The pip section of `environment.yml` for a platform, sorted; of two with the same name the last one counts."""
    found = {row.name: row for row in map(read_requirement, specs.pip_group(resolution).on(platform))}
    return sorted(found.values(), key=lambda row: row.name)


# --- the packages ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What a lock says of a package."""

    manager: Manager
    platform: Platform
    name: str
    version: str
    url: str
    hashes: Mapping[str, str]
    needs: Mapping[str, str]

    @property
    def place(self) -> tuple[str, str, str]:
        """What conda-lock sorts by."""
        return self.manager, self.name, self.platform


def _conda_entries(resolution: Resolution, solution: Solution) -> Iterator[_Entry]:
    """The conda packages of one platform. conda-lock leaves out a package that nothing requested needs."""
    needs = {record.name: ranges(record.depends) for record in solution.records}
    if len(needs) < len(solution.records) or _reached(_requested(resolution, solution.platform), needs) != needs.keys():
        raise NotCovered("not each package once, and each needed by what is requested")
    for record in solution.records:
        yield _Entry(
            manager="conda",
            platform=solution.platform,
            name=record.name,
            version=record.version,
            url=record.url,
            hashes=_hashes(record.md5, record.sha256),
            needs=needs[record.name],
        )


def _pip_entry(package: LockedPackage) -> _Entry:
    return _Entry(
        manager="pip",
        platform=package.platform,
        name=package.name,
        version=package.version,
        url=package.url,
        hashes=_hashes(None, package.sha256),
        needs=wheel_needs(package),
    )


def wheel_needs(package: LockedPackage) -> dict[str, str]:
    """What a pip package needs as a lock has it: the names, sorted, each with its range or `*`."""
    return dict(sorted({requirement_name(need): need.partition(" ")[2] or "*" for need in package.depends}.items()))


def _hashes(md5: str | None, sha256: str | None) -> dict[str, str]:
    return {name: value for name, value in (("md5", md5), ("sha256", sha256)) if value is not None}


def _reached(requested: Iterable[str], needs: Mapping[str, Iterable[str]]) -> set[str]:
    """The requested packages and all that they need, apart from virtual packages."""
    found: set[str] = set()
    todo = list(requested)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo.extend(need for need in needs.get(name, ()) if not need.startswith("__"))
    return found


def _text(entry: _Entry) -> str:
    """One package. PyYAML writes it if a value may need an escape or several lines."""
    fields = {"name": entry.name, "version": entry.version, "manager": entry.manager, "platform": entry.platform, "url": entry.url}
    texts = (*fields.values(), *entry.hashes.values(), *entry.needs, *entry.needs.values())
    if all(map(_PRINTABLE.fullmatch, texts)) and all(len(name) <= _LONGEST_KEY for name in entry.needs):
        scalars = {name: _scalar(value) for name, value in fields.items()}
        return _ENTRY.format(**scalars, dependencies=_mapping(entry.needs) or " {}", hash=_mapping(entry.hashes))
    order = ("name", "version", "manager", "platform", "dependencies", "url", "hash", "category", "optional")
    data = {**fields, "dependencies": dict(entry.needs), "hash": dict(entry.hashes), "category": "main", "optional": False}
    return dump([{name: data[name] for name in order}])


def _mapping(pairs: Mapping[str, str]) -> str:
    return "".join(f"\n    {_scalar(name)}: {_scalar(value)}" for name, value in pairs.items())


@cache
def _scalar(text: str) -> str:
    """Printable text as PyYAML writes it: in quotes if it would be read as something else."""
    tag = Resolver().resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    return text if tag == "tag:yaml.org,2002:str" and not _QUOTED.match(text) else f"'{text}'"
