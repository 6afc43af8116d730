"""Edits the text of a YAML file; what an edit does not touch stays as it is, byte for byte. Pure.

The result is read back: unless its data are the old data with the edits applied, the edits are refused.
"""

from __future__ import annotations

import copy
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from envgen.model.errors import BadInput
from envgen.yamlfile.document import parse
from envgen.yamlfile.nodes import KeyPath, Span, entry_spans, spans

_PLAIN = re.compile(r"[A-Za-z_][\w.-]*")
_WRITTEN_KEY = re.compile(r"""(?:"[^"]*"|'[^']*'|[^\s:#"']+)\s*:""")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}  # YAML reads these as other than text


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change to a file; paths are those before any edit.

    `set`: the value at `path` becomes `value`, on one line. `insert`: `value` is inserted into the list at `path[:-1]`, before its
    item `path[-1]`. `remove`: the item or key at `path` is removed; a mapping keeps one key at least. `add`: the mapping at
    `path[:-1]` gets the key `path[-1]`. `unlist`: the list at `path` becomes a mapping of its items to the values in `value`.
    """

    kind: Literal["set", "insert", "remove", "add", "unlist"]
    path: KeyPath
    value: Any = None
    why: str = ""


def spliced(text: str, edits: Sequence[Edit], shown: str) -> str:
    """The text with the edits applied. Raises BadInput if the way that the file is written does not allow them."""
    if not edits:
        return text
    newline = "\r\n" if "\r\n" in text else "\n"
    whole = text if text.endswith("\n") else text + newline
    canvas = _Canvas(old=whole, spans=spans(whole), entries=entry_spans(whole), newline=newline)
    lists: dict[KeyPath, list[Edit]] = defaultdict(list)
    for edit in edits:
        if edit.kind in ("insert", "remove"):
            lists[edit.path[:-1]].append(edit)
        else:
            {"set": _set, "add": _add, "unlist": _unlist}[edit.kind](canvas, edit)
    for path, group in sorted(lists.items(), key=lambda item: -len(item[0])):  # inner lists first: an outer list copies their text
        (_flow_list if canvas.spans[path].flow else _block_list)(canvas, path, group)
    new = canvas.taken(0, len(whole))
    new = new if text.endswith("\n") else new.removesuffix(newline)
    if _data(new, shown) != applied(parse(text, shown).data, edits):
        hint = "edit it by hand: " + "; ".join(dict.fromkeys(edit.why for edit in edits))
        raise BadInput("cannot edit this file in the way it is written; nothing was changed", where=shown, hint=hint)
    return new


def _data(text: str, shown: str) -> Any:
    """The data of an edited text; None where the edits made it something else than YAML."""
    try:
        return parse(text, shown).data
    except BadInput:
        return None


def applied(data: Any, edits: Iterable[Edit]) -> Any:
    """The data of a file with the edits applied."""
    data = copy.deepcopy(data)
    lists: dict[KeyPath, list[Edit]] = defaultdict(list)
    for edit in edits:
        if edit.kind in ("insert", "remove"):
            lists[edit.path[:-1]].append(edit)
        else:
            _at(data, edit.path[:-1])[edit.path[-1]] = edit.value
    for path in sorted(lists, key=len, reverse=True):  # inner lists first: an outer one may move them
        old, removed = _at(data, path), {edit.path[-1] for edit in lists[path] if edit.kind == "remove"}
        if isinstance(old, dict):
            for key in removed:
                del old[key]
            continue
        inserted = _insertions(lists[path])
        old[:] = [
            item for n in range(len(old) + 1) for item in (*inserted.get(n, ()), *(old[n : n + 1] if n not in removed else ()))
        ]
    return data


def _at(data: Any, path: KeyPath) -> Any:
    for part in path:
        data = data[part]
    return data


def _insertions(edits: Iterable[Edit]) -> Mapping[int, list[Any]]:
    """The values to insert, by the index of the item that follows them."""
    found: dict[int, list[Any]] = defaultdict(list)
    for edit in edits:
        if edit.kind == "insert":
            found[int(edit.path[-1])].append(edit.value)
    return found


# --- the text -------------------------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class _Canvas:
    """A text that ends in a newline, the spans of its values, its line ending, and the replacements to make."""

    old: str
    spans: Mapping[KeyPath, Span]
    entries: Mapping[KeyPath, Span]  # the same with their keys
    newline: str
    changes: list[tuple[int, int, str]] = field(default_factory=list)

    def replace(self, start: int, end: int, text: str) -> None:
        self.changes.append((start, end, text))

    def insert_lines(self, at: int, lines: Iterable[str]) -> None:
        self.replace(at, at, "".join(line + self.newline for line in lines))

    def line_start(self, at: int) -> int:
        return self.old.rfind("\n", 0, at) + 1

    def line_end(self, at: int) -> int:
        """The index of the first character of the next line."""
        return self.old.index("\n", at) + 1

    def column(self, at: int) -> int:
        return at - self.line_start(at)

    def taken(self, start: int, end: int) -> str:
        """A part of the text with its replacements made, in the order of the text; they are then no longer pending."""
        inside = [change for change in self.changes if start <= change[0] and change[1] <= end]
        self.changes = [change for change in self.changes if change not in inside]
        parts, at = [], start
        for first, last, new in sorted(inside, key=lambda change: change[:2]):
            parts += [self.old[at:first], new]
            at = last
        return "".join((*parts, self.old[at:end]))


def _set(canvas: _Canvas, edit: Edit) -> None:
    """Set a value; an empty list or mapping is written after its key, in the place of lines."""
    span, entry = canvas.spans[edit.path], canvas.entries[edit.path]
    key = _WRITTEN_KEY.match(canvas.old, entry.start)
    if edit.value in ([], {}) and not span.flow and key:
        canvas.replace(key.end(), key.end(), f" {flow(edit.value)}")
        canvas.replace(canvas.line_start(span.start), canvas.line_end(span.end), "")
    else:
        canvas.replace(span.start, span.end, " " * (span.start == span.end) + flow(edit.value))


def _flow_list(canvas: _Canvas, path: KeyPath, edits: Sequence[Edit]) -> None:
    """Edit a list such as `[a, b]`, or remove keys of `{a: 1, b: 2}`: what stays keeps its text, and the text before it."""
    span = canvas.spans[path]
    names = [name for name in canvas.entries if len(name) == len(path) + 1 and name[:-1] == path]
    items = [canvas.entries[name] for name in names]
    removed = {names.index(edit.path) for edit in edits if edit.kind == "remove"}
    inserted = _insertions(edits)
    ends = [span.start + 1, *(item.end for item in items)]
    leads = [canvas.old[end : item.start] for end, item in zip(ends, items, strict=False)]
    parts: list[str] = []
    for n in range(len(items) + 1):
        for value in inserted.get(n, ()):
            parts += [", " if parts else leads[0] if leads else "", flow(value)]
        if n < len(items) and n not in removed:
            parts += [(leads[n] if n else ", ") if parts else leads[0], canvas.taken(items[n].start, items[n].end)]
    canvas.replace(span.start + 1, ends[-1], "".join(parts))


def _block_list(canvas: _Canvas, path: KeyPath, edits: Sequence[Edit]) -> None:
    """Edit a list with one `- item` per line, or remove keys of a mapping with one per line, by whole lines."""
    count = _length(canvas, path)
    for edit in edits:
        if edit.kind == "remove":
            span = canvas.entries[edit.path]
            canvas.replace(canvas.line_start(span.start), canvas.line_end(span.end), "")
    for n, values in _insertions(edits).items():
        dash = canvas.column(canvas.spans[path].start)
        at = _line_after(canvas, (*path, n - 1), dash) if n else _line_before(canvas, canvas.spans[path], dash)
        lines = [line for value in values for line in _item(canvas, path, value, dash, min(n, count - 1))]
        canvas.insert_lines(at, lines)


def _line_after(canvas: _Canvas, path: KeyPath, dash: int) -> int:
    """The line after an item of a block list and after the comment lines that are indented as part of it."""
    at = canvas.line_end(canvas.spans[path].end)
    while at < len(canvas.old):
        line = canvas.old[at : canvas.line_end(at)]
        if not line.lstrip(" ").startswith("#") or len(line) - len(line.lstrip(" ")) <= dash:
            return at
        at = canvas.line_end(at)
    return at


def _line_before(canvas: _Canvas, first: Span, dash: int) -> int:
    """The line of the first item of a block list, or of the comment lines directly above it at its indent."""
    at = canvas.line_start(first.start)
    while at:
        line = canvas.old[canvas.line_start(at - 1) : at]
        if line[:dash].strip() or not line[dash:].startswith("#"):
            return at
        at = canvas.line_start(at - 1)
    return at


def _item(canvas: _Canvas, path: KeyPath, value: Any, dash: int, like: int) -> list[str]:
    """The lines of a new item: a release as a block if its neighbour is one, anything else on one line."""
    lead, neighbour = " " * dash + "- ", canvas.spans[(*path, like)]
    if not isinstance(value, dict) or not value.get("builds") or neighbour.flow:
        return [lead + flow(value)]
    indent = canvas.column(neighbour.start)
    builds = canvas.spans.get((*path, like, "builds"))
    inner = canvas.column(builds.start) if builds and not builds.flow else indent + 2
    pad = " " * indent
    keys = [f"{key}: {flow(found)}" for key, found in value.items() if key != "builds"]
    head = [lead.ljust(indent) + keys[0], *(pad + key for key in keys[1:]), f"{pad}builds:"]
    return [*head, *(" " * inner + "- " + flow(row) for row in value["builds"])]


def _add(canvas: _Canvas, edit: Edit) -> None:
    """Add a key to a mapping: to that of the file after its last key, to any other after its first one."""
    path, key = edit.path[:-1], f"{edit.path[-1]}: {flow(edit.value)}"
    span = canvas.spans[path]
    inside = [found for name, found in canvas.spans.items() if len(name) == len(path) + 1 and name[:-1] == path]
    first = min(inside, key=lambda found: found.start, default=None)
    if first is None:
        canvas.replace(span.start + 1, span.start + 1, key)
    elif span.flow:
        last = max(inside, key=lambda found: found.end) if "with" in path[-1:] else first
        canvas.replace(last.end, last.end, f", {key}")
    else:
        after = first if path else max(inside, key=lambda found: found.end)
        canvas.insert_lines(canvas.line_end(after.end), [" " * canvas.column(span.start) + key])


def _unlist(canvas: _Canvas, edit: Edit) -> None:
    """Make a list of names a mapping: each item becomes a key where it is, so comments and lines stay."""
    span = canvas.spans[edit.path]
    outer = canvas.column(canvas.entries[edit.path].start)
    for n, value in enumerate(edit.value.values()):
        item = canvas.spans[(*edit.path, n)]
        canvas.replace(item.end, item.end, f": {flow(value)}")
        if not span.flow:
            dash = canvas.old.rindex("-", canvas.line_start(item.start), item.start)
            canvas.replace(dash, item.start, "" if canvas.column(dash) > outer else " " * (item.start - dash))
    if span.flow:
        canvas.replace(span.start, span.start + 1, "{")
        canvas.replace(span.end - 1, span.end, "}")


def _length(canvas: _Canvas, path: KeyPath) -> int:
    return sum(len(name) == len(path) + 1 and name[:-1] == path for name in canvas.spans)


# --- values ---------------------------------------------------------------------------------------------------------------


def flow(value: Any) -> str:
    """A value on one line, as matrices/ has it: {provider: conda-forge, variants: ["12.6"]}."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(found)}" for key, found in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value)


def scalar(value: Any) -> str:
    """A number as it is; text in quotes unless it is a plain word."""
    if isinstance(value, int):
        return str(value)
    return value if _PLAIN.fullmatch(value) and value.lower() not in _WORDS else json.dumps(value, ensure_ascii=False)
