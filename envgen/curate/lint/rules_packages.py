"""The rules about rows of `packages`: each names something, is reached, and refers to packages that there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from envgen.curate.lint.registry import LintContext, LintResults, rule
from envgen.model.catalogue import MANAGERS, Manager
from envgen.yamlfile.document import Document

_CONDITIONS = ("versions", "platforms", "build")
_OF_A_FRAMEWORK = ("framework", "companion", "plugin", "selector")


def _rows(context: LintContext) -> Iterator[tuple[Document, int, Mapping[str, Any]]]:
    """Every row about packages, its file and its place there, in the order in which they are looked up."""
    files = sorted(context.documents.items(), key=lambda item: (item[0] == "packages.yaml", item[0]))
    for _, document in files:
        rows = document.data.get("packages", []) if isinstance(document.data, dict) else []
        yield from ((document, index, row) for index, row in enumerate(rows))


def _names(row: Mapping[str, Any]) -> Iterator[tuple[Manager, int, str]]:
    for manager in MANAGERS:
        yield from ((manager, place, name) for place, name in enumerate(row.get(manager, ())))


@rule("unnamed-package", "A row about packages names at least one.")
def unnamed_package(context: LintContext) -> LintResults:
    """Rows with neither `conda` nor `pip`."""
    for document, index, row in _rows(context):
        if not any(_names(row)):
            yield document.at("packages", index), "this row names no package", "add `conda:` or `pip:`, or remove the row"


@rule("shadowed-package", "The first row that names a package counts, unless it is about some versions, platforms or builds alone.")
def shadowed_package(context: LintContext) -> LintResults:
    """Names, not globs, that an earlier row without conditions has."""
    first: dict[tuple[Manager, str], str] = {}
    for document, index, row in _rows(context):
        for manager, place, name in _names(row):
            if (manager, name) in first:
                text = f"the row at {first[manager, name]} is about {manager}'s {name}, too"
                yield document.at("packages", index, manager, place), text, "remove one, or give the first a condition"
        if not any(key in row for key in _CONDITIONS):
            first |= {(manager, name): str(document.at("packages", index)) for manager, _, name in _names(row)}


@rule("package-role", "What belongs to a framework is written in its file.")
def package_role(context: LintContext) -> LintResults:
    """Rows of packages.yaml that say that they are a framework, or belong to one."""
    for document, index, row in _rows(context):
        if row.get("role") in _OF_A_FRAMEWORK and "framework" not in document.data:
            text = f"role {row['role']} in a file that is of no framework"
            yield document.at("packages", index, "role"), text, "move the row to the framework's file, or correct the role"


@rule("unknown-package", "A row that refers to a package which no row names never finds it.")
def unknown_package(context: LintContext) -> LintResults:
    """The names in `overrules`, `runtime`, `same-version-as` and `beside`."""
    for document, index, row in _rows(context):
        for path, managers, name in _references(row):
            if not any(context.matrix.catalogue.named(manager, name) for manager in managers):
                yield document.at("packages", index, *path), f"no row names {name}", "correct the name, or add a row for it"


def _references(row: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], tuple[Manager, ...], str]]:
    """The packages that a row refers to: where, of which managers, and the name."""
    own = tuple(manager for manager in MANAGERS if manager in row)
    yield from ((("overrules", place), own, name) for place, name in enumerate(row.get("overrules", ())))
    yield from (((key,), own, row[key]) for key in ("runtime", "same-version-as") if key in row)
    for manager in MANAGERS:
        names = row.get("beside", {}).get(manager, ())
        yield from ((("beside", manager, place), (manager,), name) for place, name in enumerate(names))
