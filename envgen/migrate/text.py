"""The text of a `project.yaml`. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from envgen.formats.selectors import scalar
from envgen.migrate.draft import DraftRow, ProjectDraft
from envgen.model.text import one_line

_WIDTH = 100


def project_text(draft: ProjectDraft) -> str:
    """The keys of a draft as people write them: lists in one line where they fit."""
    return "".join(f"{line}\n" for line in _lines(draft))


def _lines(draft: ProjectDraft) -> Iterator[str]:
    yield f"# What this project requests, brought in from {one_line(', '.join(draft.sources))}."
    yield f'python: "{draft.python}"'
    if draft.frameworks:
        yield "frameworks:"
        for name, row in draft.frameworks.items():
            version = f'"{row["version"]}"'
            provider = row.get("provider")
            yield f"  {name}: {f'{{version: {version}, provider: {provider}}}' if provider else version}"
    yield from _targets(draft.targets)
    yield from _list("platforms", draft.platforms)
    yield from _list("channels", draft.channels)
    yield from _list("dependencies", draft.dependencies)
    if draft.pip:
        yield from _list("pip", draft.pip)
    if draft.pip_repositories:
        yield from _list("pip-repositories", draft.pip_repositories)
    yield from _pip_indexes(draft.pip_indexes)
    if draft.find_links:
        yield from _list("find-links", draft.find_links)


def _pip_indexes(rows: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Each index with a purpose, by a name that is made of its host, and a number where that is not the first."""
    if rows:
        yield "pip-indexes:"
    names: list[str] = []
    for url, packages in rows.items():
        host = re.sub(r"[^a-z0-9]+", "-", (urlsplit(url).hostname or "index").lower()).strip("-")
        names.append(host)
        name = host if names.count(host) == 1 else f"{host}-{names.count(host)}"
        yield f"  {name}: {{url: {json.dumps(url)}, packages: [{', '.join(map(_item, packages))}]}}"


def _targets(rows: Sequence[DraftRow]) -> Iterator[str]:
    if not any(row.cuda or row.platforms or row.dependencies or row.pip for row in rows):
        yield from _list("targets", [row.key for row in rows])
        return
    yield "targets:"
    for row in rows:
        yield f"  {_key(row.key)}:"
        if row.cuda:
            yield f"    cuda: {row.cuda if row.cuda == 'none' else f'{chr(34)}{row.cuda}{chr(34)}'}"
        if row.platforms:
            yield from _list("platforms", row.platforms, "    ")
        if row.dependencies:
            yield from _list("dependencies", row.dependencies, "    ")
        if row.pip:
            yield from _list("pip", row.pip, "    ")


def _key(text: str) -> str:
    return f'"{text}"' if text[:1].isdigit() else text


def _list(key: str, items: Sequence[str], indent: str = "") -> Iterator[str]:
    """A list in one line, or one item on each line where that is too long."""
    texts = [_item(item) for item in items]
    line = f"{indent}{key}: [{', '.join(texts)}]"
    if len(line) <= _WIDTH:
        yield line
        return
    yield f"{indent}{key}:"
    yield from (f"{indent}  - {text}" for text in texts)


def _item(text: str) -> str:
    """A text in a list, in quotes where it has a character that means something there."""
    plain = scalar(text)
    return plain if plain[:1] in ("'", '"') or not any(mark in text for mark in ",[]{} #:=<>") else json.dumps(text)
