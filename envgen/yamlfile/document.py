"""A YAML file as plain data that knows where each value is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.text import shortened
from envgen.yamlfile.nodes import TEXT, KeyPath, address, compose, resolved_tag, walk
from envgen.yamlfile.text import source

_FILES = 500  # that are remembered: more than a repository has in matrices/, and most have projects
_ROOTS = 16  # that are remembered
_MOST = 100_000  # values in a file whose aliases are followed


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A YAML file: its text, and what follows from it: the plain data, and the line and column of every key and item."""

    file: str
    text: str
    data: Any = field(compare=False)
    marks: Mapping[KeyPath, tuple[int, int]] = field(compare=False)

    def at(self, *path: str | int) -> Address:
        """Where `path` is written; for a key that does not exist, where its nearest parent is."""
        while path not in self.marks:
            path = path[:-1]
        return Address(self.file, *self.marks[path])

    def written(self, path: KeyPath) -> str:
        """The scalar at `path` as it is written, without quotes: "3.10", where `data` has the number 3.1."""
        root = compose(self.text, self.file)
        return next(str(node.value) for found, _, node in walk(root) if found == path) if root else ""


def read(path: Path, shown: str) -> Document:
    """Read one YAML document; `shown` is the file name that errors use. Raises BadInput."""
    return parse(source(path, shown), shown)


def parse(text: str, shown: str, *, aliases: bool = False) -> Document:
    """Read one YAML document; an empty text is an empty mapping. Raises BadInput with an address.

    With `aliases`, a value may be the name of another one, which is written where it is named.
    """
    root = compose(text, shown, aliases=aliases)
    if aliases and root and sum(1 for _ in islice(walk(root), _MOST + 1)) > _MOST:
        raise BadInput(f"its aliases make more than {_MOST:,} values", where=address(shown, root), hint="is this the right file?")
    data: Any = _data(root, shown, SafeConstructor()) if root else {}
    marks = {path: (begin.start_mark.line + 1, begin.start_mark.column + 1) for path, begin, _ in walk(root)} if root else {}
    return Document(file=shown, text=text, data=data, marks={**marks, (): (1, 1)})


@lru_cache(_FILES)
def parsed(text: str, shown: str) -> Document:
    """What `parse` returns, once for each text: a change is tried with facts that were read before, and many rules read a file.

    Raises BadInput.
    """
    return parse(text, shown)


def data_of(text: str, shown: str) -> Any:
    """The plain data of one YAML document, which nobody may change; made once for each text. Raises BadInput."""
    try:
        return _data_of(text)
    except BadInput:
        return parse(text, shown).data  # raises it again, with the name of the file


@lru_cache(_ROOTS)
def root_of(text: str) -> yaml.Node | None:
    """The root node of one YAML document, which nobody may change; made once for each text. Raises BadInput without a file."""
    return compose(text, "")


@lru_cache(_FILES)
def _data_of(text: str) -> Any:
    root = root_of(text)
    return _data(root, "", SafeConstructor()) if root else {}


def _data(node: yaml.Node, shown: str, constructor: SafeConstructor) -> Any:
    """A node as plain data."""
    if isinstance(node, yaml.MappingNode):
        return {key.value: _data(value, shown, constructor) for key, value in node.value}
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, shown, constructor)
    return [_data(item, shown, constructor) for item in node.value]


def _scalar(node: yaml.ScalarNode, shown: str, constructor: SafeConstructor) -> Any:
    tag = resolved_tag(node)
    if tag == TEXT:
        return node.value
    try:
        return constructor.construct_document(yaml.ScalarNode(tag, node.value, node.start_mark, node.end_mark))
    except ValueError as error:
        what = str(error)
    except (LookupError, AttributeError, yaml.YAMLError):  # raised by PyYAML where the value does not fit its tag
        what = "does not fit its tag"
    raise BadInput(f"{shortened(node.value)}: {what}", where=address(shown, node), hint="put it in quotes")
