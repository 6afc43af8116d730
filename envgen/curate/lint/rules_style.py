"""The rules about how the files are written: one spelling, one order, sources that can be looked up, and a schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Any

from packaging.version import Version

from envgen.curate.lint.json_schema import first_line, kind_of, named_schema
from envgen.curate.lint.registry import LintContext, LintResults, rule
from envgen.matrix.fields import minors_of
from envgen.model.address import Address
from envgen.model.platforms import PLATFORMS
from envgen.model.ranges import VERSION
from envgen.model.text import minors_text, one_line
from envgen.yamlfile.document import Document
from envgen.yamlfile.nodes import KeyPath

_PLACEHOLDERS = {"", "-", "?", "...", "because", "fixme", "me", "n/a", "na", "none", "source", "tbd", "todo", "unknown", "x", "xxx"}


def _values(context: LintContext) -> Iterator[tuple[Document, KeyPath, Any]]:
    """Every value of every file, lists and mappings included."""
    for document in context.documents.values():
        yield from ((document, path, value) for path, value in _walk((), document.data))


def _walk(path: KeyPath, value: Any) -> Iterator[tuple[KeyPath, Any]]:
    yield path, value
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _walk((*path, key), inner)


def _keys(path: KeyPath) -> tuple[str, ...]:
    """A path without the positions in lists."""
    return tuple(part for part in path if isinstance(part, str))


# --- one spelling ---------------------------------------------------------------------------------------------------------


def _python(text: str) -> str:
    return minors_text(minors_of(text))


def _version(text: str) -> str:
    return str(Version(text))


def _driver(text: str) -> str:
    """As NVIDIA writes it: 450.80.02 on Linux, 576.02 on Windows."""
    if not text.replace(".", "").isdecimal():
        return _version(text)
    first, *others = text.split(".")
    return ".".join([str(int(first)), *(part if part == "0" else f"{int(part):02d}" for part in others)])


def _range(normalized: Callable[[str], str]) -> Callable[[str], str]:
    """A range without spaces, each version of it normalized."""
    return lambda text: re.sub(rf"(?<![0-9A-Za-z.]){VERSION}", lambda found: normalized(found[0]), text.replace(" ", ""))


def _normalizer(keys: tuple[str, ...]) -> Callable[[str], str] | None:
    """What gives the values at these keys their one spelling; None where any spelling is fine."""
    match keys:
        case ("releases" | "toolkits", "version") | ("releases" | "gpus", "capability") | ("toolkits", "capabilities"):
            return _version
        case ("targets", _, "cuda"):
            return _version
        case ("releases", "builds", "variants"):
            return _range(_version)
        case ("families" | "toolkits", "linux" | "windows"):
            return _driver
        case ("releases", "builds", "python"):
            return _python
        case ("constraints" | "bounds", "when" | "need", "driver"):
            return _range(_driver)
        case ("constraints" | "bounds", "when" | "need", "archspec" | "platform" | "provider" | "target"):
            return one_line
        case ("gpus", "models" | "data-centre"):
            return one_line
        case ("constraints" | "bounds", "when" | "need", _) | ("providers", _, "releases"):
            return _range(_version)
    return None


@rule("spelling", "One spelling for each fact: a search finds every place, and a diff shows only what changed.")
def spelling(context: LintContext) -> LintResults:
    """Versions without leading zeros, drivers as NVIDIA writes them, Pythons as runs, ranges and names without stray spaces."""
    for document, path, value in _values(context):
        normalizer = _normalizer(_keys(path))
        right = normalizer(value) if normalizer and isinstance(value, str) else value
        if right != value:
            yield document.at(*path), f'"{one_line(value)}" is not in the usual spelling', f'write "{right}"'


# --- one order ------------------------------------------------------------------------------------------------------------


def _order(keys: tuple[str, ...]) -> tuple[Callable[[Any], Any], bool, str] | None:
    """How the items of a list are ordered: by which key, whether downwards, and in words. None where any order is fine."""
    match keys:
        case ("releases",) | ("toolkits",):
            return (lambda row: Version(row["version"])), True, "the newest first"
        case ("packages", "built-with"):
            return (lambda row: Version(row["from"])), True, "the newest first"
        case ("families",):
            return (lambda row: row["major"]), True, "the newest first"
        case ("withdrawn",):
            return (lambda row: str(row["date"])), True, "the newest first"
        case ("gpus",):
            return (lambda row: Version(row["capability"])), True, "the highest capability first"
        case ("releases", "builds", "variants"):
            return _oldest, False, "cpu, then the oldest CUDA first"
        case ("releases", "builds", "platforms") | ("targets", _, "platforms"):
            return PLATFORMS.index, False, ", ".join(PLATFORMS)
        case ("releases", "cuda"):
            return (lambda major: major), False, "the lowest first"
    return None


def _oldest(variant: str) -> Version:
    """The first CUDA of a variant, or of those that it stands for: `12.*`, `>=12.6,<13`. 0 for `cpu` and `any`, which name none."""
    return Version(next(iter(re.findall(r"[\d.]*\d", variant)), "0"))


def _label(item: Any) -> str:
    """What a person calls a row: its version, capability or major; any other item by itself."""
    if not isinstance(item, dict):
        return str(item)
    return str(next(item[key] for key in ("version", "from", "capability", "major", "date") if key in item))


@rule("order", "One order for each list: a new fact has one place, and nothing is written twice.")
def order(context: LintContext) -> LintResults:
    """Rows from the newest on, platforms and variants in one order, no item of a list twice."""
    for document, path, value in _values(context):
        if isinstance(value, list):
            yield from _out_of_order(document, path, value)
            yield from _twice(document, path, value)
    yield from _targets(context)


def _out_of_order(document: Document, path: KeyPath, items: list[Any]) -> LintResults:
    """The first item of a list that is in the wrong place."""
    key, downwards, text = _order(_keys(path)) or (None, False, "")
    for place, (one, other) in enumerate(pairwise(items), 1):
        if key and (key(one) < key(other) if downwards else key(other) < key(one)):
            yield document.at(*path, place), f"{_label(other)} comes after {_label(one)}", f"the order is {text}"
            return


def _twice(document: Document, path: KeyPath, items: list[Any]) -> LintResults:
    plain = [item for item in items if isinstance(item, str | int)]
    for place, item in enumerate(plain):
        if item in plain[:place]:
            yield document.at(*path, place), f"{item} is written twice", "remove one"


def _targets(context: LintContext) -> LintResults:
    """The first target that is in the wrong place: `targets` is a mapping, but people read it in order."""
    for one, other in pairwise(context.matrix.targets.values()):
        if one.cuda is not None and (other.cuda is None or other.cuda < one.cuda):
            yield other.at, f"{other.name} comes after {one.name}", "the order is cpu, then the oldest CUDA first"
            return


# --- sources and schemas --------------------------------------------------------------------------------------------------


@rule("source", "A fact is only as good as the source where it can be looked up.", severity="warning")
def source(context: LintContext) -> LintResults:
    """Every `because:` that is a placeholder, or a url without encryption."""
    for document, path, value in _values(context):
        if path[-1:] != ("because",) or not isinstance(value, str):
            continue
        if one_line(value).lower().rstrip(".!") in _PLACEHOLDERS:
            yield document.at(*path), f"`{one_line(value)}` is not a source", "write a url, or what was looked at and when"
        elif "http://" in value:
            yield document.at(*path), "http:// is not encrypted", "write https://"


@rule("schema", "The first line of a file names its schema, so that an editor checks it while it is written.", severity="warning")
def schema(context: LintContext) -> LintResults:
    """The line is missing, names a schema that does not exist, or one that is out of date."""
    for name, document in context.documents.items():
        where, folder = Address(document.file, 1, 1), str(PurePosixPath(document.file).parent)
        named, line = named_schema(context.first_lines[name]), first_line(folder, kind_of(name))
        if named is None:
            yield where, "the first line names no schema", f"begin the file with: {line}"
        elif "://" not in named:
            path = normpath(f"{folder}/{named}")
            if path not in context.schemas:
                yield where, f"there is no schema {path}", f"run `envgen matrix schemas`, and write {line}"
            elif not context.schemas[path]:
                yield where, f"{path} is out of date", "run `envgen matrix schemas`"
