"""The rules about how the files are written: one spelling, one order, a source that can be looked up, help in the editor."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any

from packaging.version import Version

from envgen.curate.json_schema import first_line, kind_of, referred
from envgen.curate.lint.registry import Facts, LintResults, rule
from envgen.model.facts import PLATFORMS, Address, minors_text
from envgen.yamlfile.document import VERSION, Document
from envgen.yamlfile.nodes import KeyPath

_PLACEHOLDERS = {"", "-", "?", "...", "because", "fixme", "me", "n/a", "na", "none", "source", "tbd", "todo", "unknown", "x", "xxx"}


def _leaves(document: Document) -> Iterator[tuple[KeyPath, Any]]:
    """Every value that holds no others, and where it is."""
    left: list[tuple[KeyPath, Any]] = [((), document.data)]
    while left:
        path, value = left.pop()
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
        if inner is None:
            yield path, value
        else:
            left += [((*path, key), held) for key, held in inner]


def _keys(path: KeyPath) -> tuple[str, ...]:
    """A path without the places in lists."""
    return tuple(part for part in path if isinstance(part, str))


# --- one spelling ---------------------------------------------------------------------------------------------------------


def _python(text: str) -> str:
    found: set[Version] = set()
    for part in text.split(","):
        first, last = (Version(end.strip()) for end in (part.split("-")[0], part.split("-")[-1]))
        found |= {Version(f"{first.major}.{minor}") for minor in range(first.minor, last.minor + 1)}
    return minors_text(found)


def _version(text: str) -> str:
    return text if text == "cpu" else str(Version(text))


def _driver(text: str) -> str:
    """As NVIDIA writes it: 450.80.02 on Linux, 576.02 on Windows."""
    if not text.replace(".", "").isdecimal():
        return _version(text)
    first, *others = text.split(".")
    return ".".join([str(int(first)), *(part if part == "0" else f"{int(part):02d}" for part in others)])


def _numbers(how: Callable[[str], str]) -> Callable[[str], str]:
    """A range: each version in its own spelling, and no blanks."""
    return lambda text: re.sub(rf"(?<![0-9A-Za-z.]){VERSION}", lambda found: how(found[0]), text.replace(" ", ""))


def _name(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _speller(keys: tuple[str, ...]) -> Callable[[str], str] | None:
    """How a value at these keys is spelled; None where any spelling will do."""
    match keys:
        case ("releases" | "toolkits", "version") | ("releases" | "gpus", "capability") | ("toolkits", "capabilities"):
            return _version
        case ("targets", _, "cuda") | ("releases", "builds", "variants"):
            return _version
        case ("families" | "toolkits", "linux" | "windows"):
            return _driver
        case ("releases", "builds", "python"):
            return _python
        case ("constraints", "when" | "need", "driver"):
            return _numbers(_driver)
        case ("constraints", "when" | "need", "archspec" | "platform" | "provider" | "target") | ("gpus", "models" | "data-centre"):
            return _name
        case ("constraints", "when" | "need", _) | ("providers", _, "releases"):
            return _numbers(_version)
    return None


@rule("spelling", "One fact, one spelling: a search finds all of them, and a diff shows only what changed.")
def spelling(facts: Facts) -> LintResults:
    """Versions without leading zeros, drivers as NVIDIA writes them, Python minors as runs, ranges and names without odd blanks."""
    for document in facts.documents.values():
        for path, value in sorted(_leaves(document), key=lambda leaf: document.at(*leaf[0])):
            speller = _speller(_keys(path))
            right = speller(value) if speller and isinstance(value, str) else value
            if right != value:
                yield document.at(*path), f'"{_name(value)}" is written "{right}"', f'write "{right}"'


# --- one order ------------------------------------------------------------------------------------------------------------


def _order(keys: tuple[str, ...]) -> tuple[Callable[[Any], Any], str] | None:
    """How the items of a list, or the keys of `targets`, are ordered, and that in words; None where any order will do."""
    match keys:
        case ("releases",) | ("toolkits",):
            return (lambda row: _back(Version(row["version"]))), "the newest first"
        case ("families",):
            return (lambda row: -row["major"]), "the newest first"
        case ("gpus",):
            return (lambda row: _back(Version(row["capability"]))), "the highest capability first"
        case ("releases", "builds", "variants"):
            return (lambda text: (text != "cpu", Version("0" if text == "cpu" else text))), "cpu, then the oldest CUDA first"
        case ("releases", "builds", "platforms") | ("targets", _, "platforms"):
            return PLATFORMS.index, ", ".join(PLATFORMS)
        case ("releases", "cuda"):
            return (lambda major: major), "the lowest first"
    return None


def _label(item: Any) -> str:
    """What a person calls a row, or the item itself."""
    named = (item[key] for key in ("version", "capability", "major") if key in item) if isinstance(item, dict) else iter((item,))
    return str(next(named))


def _back(version: Version) -> tuple[int, ...]:
    """A key that sorts the newest first."""
    return tuple(-part for part in (*version.release, *(0,) * (8 - len(version.release))))


def _lists(document: Document) -> Iterator[tuple[KeyPath, list[Any]]]:
    left: list[tuple[KeyPath, Any]] = [((), document.data)]
    while left:
        path, value = left.pop()
        if isinstance(value, list):
            yield path, value
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        left += [((*path, key), held) for key, held in inner]


@rule("order", "One order: a new fact has one place, and nothing stands twice.")
def order(facts: Facts) -> LintResults:
    """Rows from the newest on, platforms and variants in one order, no item of a list twice."""
    for document in facts.documents.values():
        for path, items in sorted(_lists(document), key=lambda found: document.at(*found[0])):
            ordered = _order(_keys(path))
            for place, (one, other) in enumerate(pairwise(items), 1):
                if ordered and ordered[0](other) < ordered[0](one):
                    yield document.at(*path, place), f"{_label(other)} stands behind {_label(one)}", f"the order is {ordered[1]}"
                    break
            yield from _twice(document, path, items)
    yield from _targets(facts)


def _twice(document: Document, path: KeyPath, items: list[Any]) -> LintResults:
    plain = [item for item in items if isinstance(item, str | int)]
    for place, item in enumerate(plain):
        if item in plain[:place]:
            yield document.at(*path, place), f"{item} is written twice", "remove one"


def _targets(facts: Facts) -> LintResults:
    """A mapping has an order as well: that in which people read it."""
    targets = list(facts.matrix.targets.values())
    for one, other in pairwise(targets):
        if one.cuda is not None and (other.cuda is None or other.cuda < one.cuda):
            yield other.at, f"{other.name} stands behind {one.name}", "the order is cpu, then the oldest CUDA first"
            return


# --- sources, and help in the editor ----------------------------------------------------------------------------------------


@rule("source", "A fact is as good as the place where it can be looked up.", severity="warning")
def source(facts: Facts) -> LintResults:
    """Every `because:`: a word that only fills the place, or an address without encryption."""
    for document in facts.documents.values():
        for path, value in sorted(_leaves(document), key=lambda leaf: document.at(*leaf[0])):
            if path[-1:] != ("because",) or not isinstance(value, str):
                continue
            if _name(value).lower().rstrip(".!") in _PLACEHOLDERS:
                yield document.at(*path), f"`{_name(value)}` is no source", "write a url, or what was looked at and when"
            elif "http://" in value:
                yield document.at(*path), "http:// can be changed on its way", "write https://"


@rule("schema", "The first line of a file names its schema, so that an editor checks it while it is written.", severity="warning")
def schema(facts: Facts) -> LintResults:
    """The line is missing, names what is not there, or what another envgen wrote."""
    for name, document in facts.documents.items():
        where, folder = Address(document.file, 1, 1), str(PurePosixPath(document.file).parent)
        told, line = referred(facts.heads[name]), first_line(folder, kind_of(name))
        if told is None:
            yield where, "the first line names no schema", f"write above all else: {line}"
        elif "://" not in told:
            path = _joined(folder, told)
            if path not in facts.schemas:
                yield where, f"there is no schema {path}", f"run `envgen matrix schemas`, and write {line}"
            elif not facts.schemas[path]:
                yield where, f"{path} is not what this envgen knows of the file", "run `envgen matrix schemas`"


def _joined(folder: str, relative: str) -> str:
    """A path below the root, `..` taken out."""
    parts: list[str] = []
    for part in (*PurePosixPath(folder).parts, *PurePosixPath(relative).parts):
        if part == ".." and parts:
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)
