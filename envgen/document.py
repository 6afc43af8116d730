"""One YAML file, read with the safe loader, that remembers where everything in it is written.

`matrix` and `project` describe the shape of their files as pydantic models derived from `Row`; `checked` turns what does
not fit into a BadInput that names file, line and column, the path of keys, and what was expected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from envgen.errors import BadInput, closest
from envgen.model import Address

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
KeyPath = tuple[str | int, ...]
_DEEPEST = 20
_PLAIN = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


@dataclass(frozen=True, slots=True)
class Span:
    """Where a value stands in a text, in characters, from its first one to behind its last; `flow`: in `[...]` or `{...}` style."""

    start: int
    end: int
    flow: bool


@dataclass(frozen=True, slots=True)
class Document:
    """Plain data, the address of every key and item, and the spelling of every unquoted number."""

    file: str
    data: Any
    marks: Mapping[KeyPath, Address]
    numbers: Mapping[KeyPath, str]

    def at(self, *path: str | int) -> Address:
        """Where `path` is written; for a key that is not there, where its parent is."""
        while path and path not in self.marks:
            path = path[:-1]
        return self.marks[path]


def read(path: Path, shown: str) -> Document:
    """Read one YAML document; `shown` is the file name that errors use. Raises BadInput."""
    return parse(text_of(path, shown, absent="`envgen init` writes one"), shown)


def text_of(path: Path, shown: str, absent: str, *, exact: bool = False) -> str:
    """The text of a file that a user named or wrote; `absent` is what to do where there is none. Raises BadInput.

    `exact` keeps the ends of its lines as they are; else each is a newline.
    """
    try:
        with path.open(encoding="utf-8", newline="" if exact else None) as file:
            return file.read()
    except FileNotFoundError:
        raise BadInput("there is no such file", where=shown, hint=absent) from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot be read: {error}", where=shown, hint="it must be a readable UTF-8 text file") from None


def spans(text: str) -> dict[KeyPath, Span]:
    """Where every value of a YAML text stands; a text that `parse` accepts. A block ends with its last value, comments aside."""
    found: dict[KeyPath, Span] = {}

    def visit(node: Any, path: KeyPath) -> int:
        children: list[tuple[str | int, Any]] = []
        if isinstance(node, yaml.MappingNode):
            children = [(key.value, value) for key, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            children = list(enumerate(node.value))
        ends = [visit(child, (*path, name)) for name, child in children]
        flow = isinstance(node, yaml.ScalarNode) or bool(node.flow_style)
        end = node.end_mark.index if flow or not ends else ends[-1]
        end -= len(text[node.start_mark.index : end]) - len(text[node.start_mark.index : end].rstrip("\r\n"))
        found[path] = Span(node.start_mark.index, end, flow)
        return end

    visit(
        yaml.compose(text, Loader=yaml.SafeLoader), ()
    )  # the loader in Python: it counts characters, the one in C may count bytes
    return found


def plain(text: str) -> Any:
    """The data of a YAML text that a program wrote, without addresses. Raises yaml.YAMLError."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - the safe loader, in C where there is one


def parse(text: str, shown: str) -> Document:
    """Read one YAML document from text. Raises BadInput with an address."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        reader = _Reader(loader, shown)
        top = Address(shown, 1, 1)
        data = {} if node is None else reader.value(node, ())
        return Document(shown, data, {**reader.marks, (): top}, reader.numbers)
    except yaml.MarkedYAMLError as error:
        raise _yaml_error(error, text, shown) from None
    except yaml.YAMLError as error:
        raise BadInput(f"not YAML: {error}", where=Address(shown, 1, 1), hint="it must be a UTF-8 text file") from None
    finally:
        loader.dispose()


def _yaml_error(error: yaml.MarkedYAMLError, text: str, shown: str) -> BadInput:
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(("<<<<<<< ", ">>>>>>> ", "||||||| ")):
            return BadInput(
                "a merge conflict was left in this file",
                where=Address(shown, number, 1),
                hint="choose one side and remove the `<<<<<<<`, `=======` and `>>>>>>>` lines",
            )
    mark = error.problem_mark or error.context_mark
    where = Address(shown, mark.line + 1, mark.column + 1) if mark else Address(shown, 1, 1)
    return BadInput(f"not YAML: {error.problem or error.context}", where=where, hint="mend the line and run again")


class _Reader:
    """Walks the nodes of one document; refuses what a reviewer would read wrongly: repeated keys, aliases, non-text keys."""

    def __init__(self, loader: Any, shown: str) -> None:
        self.loader = loader
        self.shown = shown
        self.marks: dict[KeyPath, Address] = {}
        self.numbers: dict[KeyPath, str] = {}
        self.seen: set[int] = set()

    def address(self, node: Any) -> Address:
        return Address(self.shown, node.start_mark.line + 1, node.start_mark.column + 1)

    def value(self, node: Any, path: KeyPath) -> Any:
        self.marks.setdefault(path, self.address(node))
        if id(node) in self.seen:
            raise BadInput("aliases (`*name`) are not used here", where=self.address(node), hint="write the value out")
        self.seen.add(id(node))
        if len(path) > _DEEPEST:
            raise BadInput("nested too deeply", where=self.address(node), hint="no file here needs more than a few levels")
        if not isinstance(node, yaml.ScalarNode) and node.tag not in _PLAIN:
            raise BadInput(f"the tag {node.tag} is not used here", where=self.address(node), hint="remove it")
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        if node.tag in ("tag:yaml.org,2002:float", "tag:yaml.org,2002:int"):
            self.numbers[path] = node.value
        return self.scalar(node)

    def scalar(self, node: Any) -> Any:
        try:
            return self.loader.construct_object(node)
        except ValueError as error:
            raise BadInput(f"{node.value!r}: {error}", where=self.address(node), hint="put it in quotes") from None
        except (LookupError, AttributeError):  # of PyYAML's constructors, about a value that its tag does not fit
            raise BadInput(f"{node.value!r} does not fit its tag", where=self.address(node), hint="put it in quotes") from None

    def mapping(self, node: Any, path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key, str) or key_node.tag == "tag:yaml.org,2002:merge":
                raise BadInput("a key must be plain text", where=self.address(key_node), hint="write the keys out")
            if key in found:
                raise BadInput(f"`{key}` is written twice", where=self.address(key_node), hint="keep one of them")
            self.marks[(*path, key)] = self.address(key_node)
            found[key] = self.value(value_node, (*path, key))
        return found


class Row(BaseModel):
    """The shape of one mapping in a file: strict, frozen, unknown keys refused with a suggestion."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", arbitrary_types_allowed=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            raise PydanticCustomError("not_a_mapping", "expected a mapping (`key: value`)")
        known = {info.alias or name for name, info in cls.model_fields.items()}
        for key in data:
            if key not in known:
                context = {"key": key, "hint": closest(key, known)}
                raise PydanticCustomError("unknown_key", "unknown key", context)
        return data


Shape = TypeVar("Shape", bound=Row)


def checked(document: Document, shape: type[Shape]) -> Shape:
    """The document as `shape`, or BadInput about the first thing in the file that does not fit."""
    try:
        return shape.model_validate(document.data)
    except ValidationError as error:
        problems = [_problem(document, item) for item in error.errors(include_url=False)]
    raise min(problems, key=lambda problem: problem.where)


def _problem(document: Document, item: Any) -> Any:
    path: KeyPath = ()
    for part in item["loc"]:  # pydantic adds the names of union members; the marks know which parts are keys
        path = (*path, part) if (*path, part) in document.marks else path
    context = item.get("ctx", {})
    kind, hint = item["type"], context.get("hint", "")
    if kind == "missing":
        return BadInput(f"{_spell((*path, item['loc'][-1]))} is missing", where=document.at(*path), hint="add it")
    if kind == "unknown_key":
        path = (*path, context["key"])
    elif path in document.numbers and kind in ("string_type", "expected_text"):
        raw = document.numbers[path]
        text = f"expected a string, got the number {item['input']}"
        return BadInput(f"{_spell(path)}: {text}", where=document.at(*path), hint=f'put it in quotes: "{raw}"')
    message = item["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    message = f"expected {message}" if item["msg"].startswith("Input should be ") else message
    return BadInput(f"{_spell(path)}: {message}", where=document.at(*path), hint=hint or "see docs/matrices.md")


def _spell(path: KeyPath) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "the file"


# --- values that both kinds of file use -----------------------------------------------------------------------------------


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("expected_text", "expected a string")
    return value


def _version(value: object) -> Version:
    try:
        return Version(_text(value))
    except InvalidVersion:
        raise PydanticCustomError("version", "not a version, such as 2.7.1", {"hint": "write digits and dots"}) from None


def _specifier(part: str) -> str:
    """One comma-separated part in PEP 440 spelling; `2.7`, `=2.7` and `2.7.*` are all conda's way to say 2.7.x."""
    if part[:1] in ("<", ">", "!", "~") or part.startswith("=="):
        return part
    return "" if part == "*" else f"=={part.lstrip('=').removesuffix('.*')}.*"


def version_range(text: str) -> SpecifierSet:
    """A range as people write it: ">=2,<3", "2.7.*", or "2.7" for every 2.7.x. Raises ValueError when it is not one or is empty."""
    parts = [part.strip() for part in text.split(",")]
    try:
        found = SpecifierSet(",".join(map(_specifier, parts)), prereleases=True)
    except InvalidSpecifier:
        raise ValueError(f"{text!r} is not a version range") from None
    if found.is_unsatisfiable():
        raise ValueError(f"the range {text!r} is empty: no version is in it")
    return found


def _range(value: object) -> SpecifierSet:
    hint, text = {"hint": 'write for instance ">=2.5,<3" or "2.7.*"'}, _text(value)
    try:
        return version_range(text)
    except ValueError as error:
        raise PydanticCustomError("version_range", "{text}", {"text": str(error), **hint}) from None


Text = Annotated[str, BeforeValidator(_text)]
VersionText = Annotated[Version, BeforeValidator(_version), WithJsonSchema({"type": "string", "pattern": r"^[0-9][0-9a-z.]*$"})]
RangeText = Annotated[SpecifierSet, BeforeValidator(_range), WithJsonSchema({"type": "string"})]
