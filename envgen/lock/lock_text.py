"""The text of a lock as conda-lock writes it, without conda-lock: for locks without a pip section. Pure.

Importing conda-lock takes more processor time than solving a small environment. It judges this module: a contract test compares
both byte for byte. What this module does not cover raises NotCovered, and conda-lock writes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import yaml
from yaml.resolver import Resolver

from envgen.formats.conda_specs import NotCovered, ReadSpec, ranges
from envgen.formats.content_hash import channel_entry, content_hash, requested
from envgen.model.facts import Platform
from envgen.model.layout import SPEC
from envgen.model.packages import Record, Solution
from envgen.model.resolution import Resolution
from envgen.model.run import Solved
from envgen.resolver import specs
from envgen.resolver.pip_specs import pip_requests

LockTexts = tuple[dict[str, Any], str]
"""A lock in two parts: everything before the packages as data, and the packages as text."""

_DUMPER = getattr(yaml, "CDumper", yaml.Dumper)  # the same bytes as conda-lock's own, five times faster
_PRINTABLE = re.compile(r"[!-&(-~]*")  # no space and no apostrophe: YAML needs no escape and no second line
_QUOTED = re.compile(r"[#,\[\]{}&*!|>\"%@`]|[?:-]$|---|\.\.\.|.*:$")  # what means something else where it is not in quotes
_LONGEST_KEY = 100  # YAML writes a longer key in another way
_ENTRY = """\
- name: {name}
  version: {version}
  manager: conda
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
    entries = {key: text for solution in item.solutions for key, text in _entries(item.resolution, solution).items()}
    return head(item.resolution), "package:\n" + "".join(entries[key] for key in sorted(entries))


# --- before the packages --------------------------------------------------------------------------------------------------


def head(resolution: Resolution) -> dict[str, Any]:
    """Everything before the packages. Raises NotCovered for a target that only conda-lock can lock, whatever its packages are."""
    if pip_requests(resolution) or resolution.project.pip_repositories:
        raise NotCovered("a pip section")
    channels = [channel_entry(text) for text in resolution.project.channels]
    hashes = {
        platform: content_hash(platform, channels, _requested(resolution, platform), resolution.target.virtual[platform])
        for platform in resolution.platforms
    }
    metadata = {"content_hash": hashes, "channels": channels, "platforms": list(resolution.platforms), "sources": [SPEC]}
    return {"version": 1, "metadata": metadata}


def _requested(resolution: Resolution, platform: Platform) -> dict[str, ReadSpec]:
    """The specs of `environment.yml` for a platform by name."""
    return requested(text for group in specs.groups(resolution) for text in group.on(platform))


# --- the packages ---------------------------------------------------------------------------------------------------------


def _entries(resolution: Resolution, solution: Solution) -> dict[tuple[str, Platform], str]:
    """The entries of one platform, by name and platform. conda-lock leaves out a package that nothing requested needs."""
    needs = {record.name: ranges(record.depends) for record in solution.records}
    if len(needs) < len(solution.records) or _reached(_requested(resolution, solution.platform), needs) != needs.keys():
        raise NotCovered("not each package once, and each needed by what is requested")
    return {(record.name, solution.platform): _entry(record, solution.platform, needs[record.name]) for record in solution.records}


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


def _entry(record: Record, platform: Platform, needs: Mapping[str, str]) -> str:
    """One package. PyYAML writes it if a value may need an escape or several lines."""
    hashes = {name: value for name, value in (("md5", record.md5), ("sha256", record.sha256)) if value is not None}
    fields = {"name": record.name, "version": record.version, "platform": platform, "url": record.url}
    texts = (*fields.values(), *hashes.values(), *needs, *needs.values())
    if all(map(_PRINTABLE.fullmatch, texts)) and all(len(name) <= _LONGEST_KEY for name in needs):
        scalars = {name: _scalar(value) for name, value in fields.items()}
        return _ENTRY.format(**scalars, dependencies=_mapping(needs) or " {}", hash=_mapping(hashes))
    order = ("name", "version", "manager", "platform", "dependencies", "url", "hash", "category", "optional")
    data = {**fields, "manager": "conda", "dependencies": needs, "hash": hashes, "category": "main", "optional": False}
    return dump([{name: data[name] for name in order}])


def _mapping(pairs: Mapping[str, str]) -> str:
    return "".join(f"\n    {_scalar(name)}: {_scalar(value)}" for name, value in pairs.items())


@cache
def _scalar(text: str) -> str:
    """Printable text as PyYAML writes it: in quotes if it would be read as something else."""
    tag = Resolver().resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    return text if tag == "tag:yaml.org,2002:str" and not _QUOTED.match(text) else f"'{text}'"
