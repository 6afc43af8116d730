"""The indexes of wheels that files name: which frameworks come from one, and which keys of a project the others become. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from packaging.utils import canonicalize_name

from envgen.channels.canonical import CREDENTIALS
from envgen.formats.builds import requirement_name
from envgen.migrate.model import WHY_CREDENTIAL, AskedIndex, NotCarried, ReadAs
from envgen.migrate.translate import Translated
from envgen.migrate.variants import ReadEnvironment, index_variant
from envgen.model.facts import PUBLIC_INDEX, Framework, Matrix

_VARIANT = "{variant}"
_WHY_CONDA = "the target says which wheels, and the framework comes from a conda channel"
_WHY_UNASKED = "nothing that is carried over comes from it"
_WHY_PART = "other files for pip do not name it, and `{key}:` is for all targets: write `{key}: [URL]` if it may be"
_WHY_EXTRA = (
    "it does not say which packages come from it: write `pip-indexes: {NAME: {url: URL, packages: [PACKAGE]}}` with those that come"
    " from it and from no other index"
)
_WHY_FOLDER = "a folder or a page on this machine: write `find-links: [/PATH]`, or `file://` with its path"
_INSTEAD = "instead of the public index"
_WHY_OTHERS = (
    "other files for pip do not take {packages} from it: write `pip-indexes: {{NAME: {{url: URL, packages: [{packages}]}}}}`"
)


def frameworks_of_wheels(matrix: Matrix, environments: Sequence[ReadEnvironment]) -> Mapping[str, str]:
    """The frameworks that come as wheels, each with its provider of wheels.

    They are those that pip alone is asked for, in versions that have wheels, where a file names the index of these wheels.
    A companion comes from where its framework does.
    """
    urls = {index.bare for one in environments for index in one.asked.indexes}
    rows: dict[str, list[Translated]] = {}
    for item in (item for one in environments for item in one.items):
        if item.framework:
            rows.setdefault(item.framework.framework, []).append(item)
    found = {name for name, items in rows.items() if _as_wheels(matrix.frameworks[name], items, urls)}
    hosts = {name: host if (host := matrix.frameworks[name].companion_of) in rows else name for name in rows}
    return {name: matrix.frameworks[name].of_wheels for name, host in hosts.items() if host in found}


def _as_wheels(framework: Framework, items: Iterable[Translated], urls: Iterable[str]) -> bool:
    provider = framework.of_wheels
    if not any(_is_index_of(framework, url) for url in urls):
        return False
    versions = [row.version for row in framework.releases if any(build.provider == provider for build in row.builds)]
    wanted = [item.framework.versions if item.wanted.manager == "pip" and item.framework else None for item in items]
    return all(one is not None and any(version in one for version in versions) for one in wanted)


def _is_index_of(framework: Framework, url: str) -> bool:
    """Whether a URL is the index of one variant of a framework's wheels, or a page in it."""
    indexes = {row.index for row in framework.providers.get(framework.of_wheels, ())} - {PUBLIC_INDEX}
    hole = re.escape(_VARIANT)
    return any(re.fullmatch(re.escape(index).replace(hole, r"(?:cpu|cu[0-9]+)") + r"(?:/.*)?", url) for index in indexes)


@dataclass(slots=True, kw_only=True)
class WheelIndexes:
    """What becomes of the indexes: keys of the project, and a line of the report for each."""

    repositories: list[str] = field(default_factory=list)
    find_links: list[str] = field(default_factory=list)
    purposes: dict[str, list[str]] = field(default_factory=dict)  # the URL of an index -> the packages that come from it alone
    left: list[NotCarried] = field(default_factory=list)
    notes: list[ReadAs] = field(default_factory=list)


def wheel_indexes(
    matrix: Matrix, environments: Sequence[ReadEnvironment], wheels: Mapping[str, str], requirements: Iterable[str]
) -> WheelIndexes:
    """What becomes of every index that the environments name.

    `wheels` are the frameworks that come as wheels, `requirements` what the project asks pip for.
    """
    found, taken = WheelIndexes(), {_name(text) for text in requirements}
    of_pip = [one for one in environments if any(item.wanted.manager == "pip" for item in one.items)]
    for index in (index for one in environments for index in one.asked.indexes):
        everywhere = all(_names(one, index) for one in of_pip if _asks(one, index))
        names = [name for name in wheels if _is_index_of(matrix.frameworks[name], index.bare)]
        names.sort(key=lambda name: bool(matrix.frameworks[name].companion_of))
        marked = index_variant(matrix.catalogue.wheels, index.bare) is not None
        asked = not index.packages or not taken.isdisjoint(map(_name, index.packages))
        _sort(found, index, names, _why_left(index, marked=marked, everywhere=everywhere, asked=asked))
    return found


def _name(requirement: str) -> str:
    return canonicalize_name(requirement_name(requirement))


def _names(one: ReadEnvironment, index: AskedIndex) -> bool:
    return any((row.option, row.bare, row.packages) == (index.option, index.bare, index.packages) for row in one.asked.indexes)


def _asks(one: ReadEnvironment, index: AskedIndex) -> bool:
    """Whether an environment asks pip for what an index is for."""
    wanted = {_name(item.wanted.text) for item in one.items if item.wanted.manager == "pip"}
    return not index.packages or not wanted.isdisjoint(map(_name, index.packages))


def _sort(found: WheelIndexes, index: AskedIndex, names: Sequence[str], reasons: Iterator[str]) -> None:
    """Put one index where it belongs."""
    if names:
        meaning = f"{', '.join(names)} as wheels: `provider: pypi`"
        found.notes.append(ReadAs(text=index.text, at=index.at, meaning=meaning))
        return
    why = next(reasons, None)
    if why:
        found.left.append(NotCarried(index.text, index.at, why))
        return
    if index.packages:
        rows = found.purposes.setdefault(index.text, [])
        rows.extend(name for name in index.packages if name not in rows)
        found.notes.append(ReadAs(text=index.text, at=index.at, meaning=f"`pip-indexes:`, for {', '.join(index.packages)}"))
        return
    key, rows, more = (
        ("pip-repositories", found.repositories, f", {_INSTEAD}")
        if index.option == "--index-url"
        else ("find-links", found.find_links, "")
    )
    rows.extend({index.text} - set(rows))
    found.notes.append(ReadAs(text=index.text, at=index.at, meaning=f"`{key}:`{more}"))


def _why_left(index: AskedIndex, *, marked: bool, everywhere: bool, asked: bool) -> Iterator[str]:
    """Why an index is not carried over, the first reason first."""
    if marked:
        yield _WHY_CONDA
    if not asked:
        yield _WHY_UNASKED
    if index.option == "--extra-index-url" and not index.packages:
        yield _WHY_EXTRA
    if re.search(CREDENTIALS, index.text):
        yield WHY_CREDENTIAL
    if not re.match(r"https?://", index.text):
        yield _WHY_FOLDER
    if index.packages and not everywhere:
        yield _WHY_OTHERS.format(packages=", ".join(index.packages))
    if not everywhere:
        yield _WHY_PART.format(key="pip-repositories" if index.option == "--index-url" else "find-links")
