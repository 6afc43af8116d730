"""The nodes of one YAML document: the one reader of YAML for project files, matrices, edits and locks.

The nodes are PyYAML's, composed here from its events. PyYAML's own composer is not used: it recurses in C once for each level,
so a file of brackets ends the process wherever libyaml has no depth limit (before 0.2.6, which any PyYAML that conda or a Linux
distribution built may be linked with), and its nodes do not say where an alias or a repeated key is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unicodedata import category

import yaml
from yaml import (
    AliasEvent,
    MappingEndEvent,
    MappingNode,
    MappingStartEvent,
    Node,
    ScalarEvent,
    ScalarNode,
    SequenceEndEvent,
    SequenceNode,
    StreamEndEvent,
)
from yaml.resolver import Resolver

from envgen.model.address import Address
from envgen.model.endless import no_endless_number
from envgen.model.errors import BadInput
from envgen.yamlfile.text import place

KeyPath = tuple[str | int, ...]
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
NO_INCLUDES = "includes are not supported: every file in matrices/ is read; write the values in this file"
_BYTE_ORDER_MARK = "\ufeff"
_DEEPEST = 20
_TAG = "tag:yaml.org,2002:"
TEXT = f"{_TAG}str"
_RESOLVER: Any = Resolver()


@dataclass(frozen=True, slots=True)
class Span:
    """The characters of a value, `text[start:end]`; `flow`: a scalar, or a collection in `[...]` or `{...}` style."""

    start: int
    end: int
    flow: bool


def compose(text: str, shown: str, *, aliases: bool = False) -> Node | None:
    """The root node of the only document in `text`; None if the text holds no document.

    Keys are plain text and occur once in their mapping. Scalars keep the tag that is written, or None: see `resolved_tag`. An
    alias is an error, or with `aliases` the node that it names. Marks count characters, without a byte order mark.

    Raises BadInput with an address for what is not YAML and for what a reviewer would misread.
    """
    no_endless_number(text, shown)
    loader = LOADER(text.removeprefix(_BYTE_ORDER_MARK))
    try:
        return _Composer(loader, shown, aliases=aliases).document()
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, text, shown, aliases=aliases) from None
    except yaml.YAMLError as error:
        where = place(shown, text.encode("utf-8", errors="replace"), getattr(error, "position", 0) or 0)
        what = f"not YAML: {getattr(error, 'reason', '') or error}"
        raise BadInput(what, where=where, hint="remove that character; the file must be UTF-8 text") from None
    finally:
        loader.dispose()


def address(shown: str, node: Any) -> Address:
    """Where a node or an event of PyYAML begins."""
    return Address(shown, node.start_mark.line + 1, node.start_mark.column + 1)


def walk(value: Node, begin: Node | None = None, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Node, Node]]:
    """The path of every value, the node where its address begins (its key, or the value itself in a list), and its node."""
    yield path, begin or value, value
    if isinstance(value, MappingNode):
        for key, inner in value.value:
            yield from walk(inner, key, (*path, key.value))
    elif isinstance(value, SequenceNode):
        for n, inner in enumerate(value.value):
            yield from walk(inner, inner, (*path, n))


def resolved_tag(node: ScalarNode) -> str:
    """The tag that is written at a scalar; without one, the tag that YAML 1.1 gives to its spelling."""
    if node.tag not in (None, "!"):
        return str(node.tag)
    if node.tag == "!" or node.style:
        return TEXT
    return str(_RESOLVER.resolve(ScalarNode, node.value, (True, False)))


def spans(text: str) -> dict[KeyPath, Span]:
    """The characters of every value in a text that `parse` accepts. A block ends with its last value, before comments."""
    shift = len(text) - len(text.removeprefix(_BYTE_ORDER_MARK))
    root = compose(text, "")
    return {path: _span(text, node, shift) for path, _, node in walk(root)} if root else {}


def entry_spans(text: str) -> dict[KeyPath, Span]:
    """The characters of every item of a list, and of every key with its value, in a text that `parse` accepts."""
    shift = len(text) - len(text.removeprefix(_BYTE_ORDER_MARK))
    root = compose(text, "")
    return {
        path: Span((begin or value).start_mark.index + shift, (span := _span(text, value, shift)).end, span.flow)
        for path, begin, value in (walk(root) if root else ())
    }


def _span(text: str, node: Any, shift: int) -> Span:
    flow = isinstance(node, ScalarNode) or bool(node.flow_style)
    last = node
    while not isinstance(last, ScalarNode) and not last.flow_style and last.value:
        last = last.value[-1][1] if isinstance(last, MappingNode) else last.value[-1]
    start, end = node.start_mark.index + shift, last.end_mark.index + shift
    return Span(start, start + len(text[start:end].rstrip("\r\n")), flow)


def _not_yaml(error: yaml.MarkedYAMLError, text: str, shown: str, *, aliases: bool) -> BadInput:
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(("<<<<<<< ", ">>>>>>> ", "||||||| ")):
            return BadInput(
                "this file has an unresolved merge conflict",
                where=Address(shown, number, 1),
                hint="keep one side and remove the `<<<<<<<`, `=======` and `>>>>>>>` lines",
            )
    mark = error.problem_mark or error.context_mark
    where = Address(shown, mark.line + 1, mark.column + 1) if mark else Address(shown, 1, 1)
    if "nesting depth" in str(error.problem):
        return _depth_limit(text[: mark.index] if mark else "", shown, aliases=aliases) or _too_deep(where)
    return BadInput(f"not YAML: {error.problem or error.context}", where=where, hint="fix the line and run again")


def _depth_limit(before: str, shown: str, *, aliases: bool) -> BadInput | None:
    """The error about the text before the place where libyaml's own depth limit (1000 since 0.2.6) stopped its scanner.

    The scanner runs ahead of the parser, so this error comes before any event that would be too deep.
    """
    try:
        compose(before, shown, aliases=aliases)
    except BadInput as error:
        return error
    return None


def _too_deep(where: Address) -> BadInput:
    return BadInput(
        "nested too deeply", where=where, hint=f"at most {_DEEPEST} levels are read; no file here needs more than a few"
    )


class _Composer:
    """Composes nodes from the events of one document, and refuses repeated keys, keys that are not text, foreign tags and depth."""

    def __init__(self, loader: Any, shown: str, *, aliases: bool) -> None:
        self.next_event = loader.get_event
        self.shown = shown
        self.aliases = aliases
        self.anchors: dict[str, Node] = {}

    def document(self) -> Node | None:
        self.next_event()  # the stream begins
        if isinstance(self.next_event(), StreamEndEvent):
            return None
        root = self.node(self.next_event(), 0)
        self.next_event()  # the document ends
        event = self.next_event()
        if not isinstance(event, StreamEndEvent):
            hint = "remove the `---`: a file holds one document"
            raise BadInput("expected a single document, found another", where=address(self.shown, event), hint=hint)
        return root

    def node(self, event: Any, depth: int) -> Node:
        """The node that begins with `event`, `depth` levels below the root."""
        if isinstance(event, AliasEvent):
            return self.aliased(event)
        if depth > _DEEPEST:
            raise _too_deep(address(self.shown, event))
        node = self.scalar(event) if isinstance(event, ScalarEvent) else self.collection(event, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = node  # when it is complete: no node holds itself
        return node

    def aliased(self, event: Any) -> Node:
        if not self.aliases:
            raise BadInput("aliases (`*name`) are not supported", where=address(self.shown, event), hint="write the value out")
        if event.anchor not in self.anchors:
            what = f"not YAML: found undefined alias `{event.anchor}`"
            raise BadInput(what, where=address(self.shown, event), hint="write the value out")
        return self.anchors[event.anchor]

    def scalar(self, event: Any) -> ScalarNode:
        if event.tag is not None and event.tag != "!" and not event.tag.startswith(_TAG):
            raise self.foreign_tag(event)
        if not event.value.isascii() or not event.value.isprintable():
            self.check_characters(event)
        return ScalarNode(event.tag, event.value, event.start_mark, event.end_mark, event.style)

    def check_characters(self, event: Any) -> None:
        """Refuse what a reviewer cannot see, and digits that only some tools read as digits."""
        for letter in event.value:
            if letter not in "\n\t" and category(letter)[0] == "C":
                hint = "remove it: nobody can see it"
                raise BadInput(f"the character U+{ord(letter):04X} is not supported", where=address(self.shown, event), hint=hint)
            if letter.isdecimal() and not letter.isascii():
                where, hint = address(self.shown, event), "write 0 to 9"
                raise BadInput(f"the digit {letter} (U+{ord(letter):04X}) is not supported", where=where, hint=hint)

    def collection(self, event: Any, depth: int) -> Node:
        mapping = isinstance(event, MappingStartEvent)
        if event.tag not in (None, "!", f"{_TAG}map" if mapping else f"{_TAG}seq"):
            raise self.foreign_tag(event)
        kind = MappingNode if mapping else SequenceNode
        value, end = self.pairs(depth + 1) if mapping else self.items(depth + 1)
        return kind(event.tag, value, event.start_mark, end.end_mark, event.flow_style)

    def items(self, depth: int) -> tuple[list[Node], Any]:
        """The items of a list, and the event that ends it."""
        found = []
        while not isinstance(event := self.next_event(), SequenceEndEvent):
            found.append(self.node(event, depth))
        return found, event

    def pairs(self, depth: int) -> tuple[list[tuple[ScalarNode, Node]], Any]:
        """The keys of a mapping with their values, and the event that ends it."""
        found: dict[str, tuple[ScalarNode, Node]] = {}
        while not isinstance(event := self.next_event(), MappingEndEvent):
            key = self.key(event)
            if key.value in found:
                raise BadInput(f"`{key.value}` is written twice", where=address(self.shown, key), hint="keep one of them")
            found[key.value] = (key, self.node(self.next_event(), depth))
        return list(found.values()), event

    def key(self, event: Any) -> ScalarNode:
        if not (scalar := isinstance(event, ScalarEvent)) or event.value == "<<":
            hint = "includes and merge keys (`<<`) are not supported: write the keys out" if scalar else "write the keys out"
            raise BadInput("a key must be plain text", where=address(self.shown, event), hint=hint)
        return self.scalar(event)

    def foreign_tag(self, event: Any) -> BadInput:
        hint = NO_INCLUDES if "include" in event.tag.lower() else "remove it"
        return BadInput(f"the tag {event.tag} is not supported", where=address(self.shown, event), hint=hint)
