"""What packages of a solution need that a version which is not in it does not give: the words of a conflict between them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from envgen.channels.index import Index
from envgen.channels.query import match_spec, matching_records, name_of
from envgen.channels.versions import admits
from envgen.model.address import Address
from envgen.model.facts import Platform
from envgen.model.packages import Record

_OPEN_END = re.compile(r"(?:\.0)?a0\b")  # `<2.10.0a0` is `<2.10` without pre-releases


@dataclass(frozen=True, slots=True)
class Needing:
    """What a project asks for, the packages that it is, and where it is written."""

    text: str
    names: tuple[str, ...]
    at: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """The specs of a version that is not in a solution, and where its records are."""

    specs: tuple[str, ...]
    index: Index
    channels: tuple[str, ...]
    platform: Platform

    @property
    def versions(self) -> Mapping[str, str]:
        """Package -> a version as its specs want it."""
        rows = (spec.rpartition("::")[2].split() for spec in self.specs)
        texts = {row[0]: row[1].removesuffix(".*") for row in rows if len(row) > 1}
        python = texts.get("python")
        return {"python": f"{python}.99", "python_abi": python} if python else texts


def needs_text(needing: Sequence[Needing], needed: Needed, solution: Sequence[Record]) -> str:
    """What each needs, with its place: `flash-attn 2.8.3 (environments/x/project.yaml:9) needs pytorch >=2.9,<2.10`."""
    by_name = {record.name: record for record in solution}
    told = [_needs(row, needed, by_name) for row in needing]
    if all(told):
        return ", ".join(filter(None, told))
    return f"it has no solution with {' and '.join(_named(row, by_name) for row in needing)}"


def _named(row: Needing, solution: Mapping[str, Record]) -> str:
    """`flash-attn 2.8.3 (environments/x/project.yaml:9)`."""
    record = next((solution[name] for name in row.names if name in solution), None)
    return f"{f'{record.name} {record.version}' if record else row.text} ({row.at.place})"


def _needs(row: Needing, needed: Needed, solution: Mapping[str, Record]) -> str:
    """What one needs that the version does not give: of its packages, else of a package that both need; "" where there is none."""
    wanted = needed.versions
    for chain, name, versions in _requirements(row, solution, stop=wanted):
        if name in wanted and admits(versions, wanted[name]) is False:
            return f"{_chain(row, chain, solution)} needs {_package(name)} {_shown(versions)}"
    theirs = dict(_refused(needed, solution))
    for chain, name, versions in _requirements(row, solution, stop=wanted):
        if name in theirs and versions not in ("", "*") and not _meet(name, versions, theirs[name].versions, needed):
            return f"{_chain(row, chain, solution)} needs {_package(name)} {_shown(versions)}, and {theirs[name].text}"
    return ""


def _meet(name: str, ours: str, theirs: str, needed: Needed) -> bool:
    """Whether the index has a version of a package that is in both ranges: then they do not exclude each other."""
    versions = {str(row.version) for row in matching_records(needed.index, name, needed.channels, needed.platform)}
    return any(admits(ours, version) and admits(theirs, version) for version in versions)


def _requirements(
    row: Needing, solution: Mapping[str, Record], stop: Mapping[str, str]
) -> Iterator[tuple[tuple[Record, ...], str, str]]:
    """What the packages of a requirement need, the nearest first: by which packages, which package, in which versions."""
    chains: list[tuple[Record, ...]] = [(solution[name],) for name in row.names if name in solution]
    seen = {chain[0].name for chain in chains}
    for chain in chains:  # grows while it is walked
        for dependency in chain[-1].depends:
            name, _, rest = dependency.partition(" ")
            yield chain, name, rest.split(" ")[0]
            if name in solution and name not in seen and name not in stop:
                seen.add(name)
                chains.append((*chain, solution[name]))


def _chain(row: Needing, chain: Sequence[Record], solution: Mapping[str, Record]) -> str:
    """The requirement, and the package behind it that needs something: `a 1.0 (x.yaml:3) needs b 2.0, which`."""
    named = _named(row, solution)
    return named if len(chain) == 1 else f"{named} needs {chain[-1].name} {chain[-1].version}, which"


@dataclass(frozen=True, slots=True)
class _Refusing:
    """What a version that is not in a solution needs of a package that is, as a range and in words."""

    versions: str
    text: str


def _refused(needed: Needed, solution: Mapping[str, Record]) -> Iterator[tuple[str, _Refusing]]:
    """Packages of the solution that no record of the version can have, and what it needs of them."""
    for spec in needed.specs:
        records = matching_records(needed.index, spec, needed.channels, needed.platform)
        for dependency in records[-1].depends if records else ():
            name, _, rest = dependency.partition(" ")
            ours = solution.get(name)
            if ours and all(_refuses(record.depends, name, ours.version) for record in records):
                versions = rest.split(" ")[0]
                text = f"{name_of(match_spec(spec))} {records[-1].version} needs {_package(name)} {_shown(versions)}"
                yield name, _Refusing(versions, text)


def _refuses(depends: Sequence[str], name: str, version: str) -> bool:
    rows = (words for words in map(str.split, depends) if words[0] == name and len(words) > 1)
    return any(admits(words[1], version) is False for words in rows)


def _package(name: str) -> str:
    """The package as a person knows it: `python_abi` is a Python."""
    return "python" if name == "python_abi" else name


def _shown(versions: str) -> str:
    return _OPEN_END.sub("", versions)
