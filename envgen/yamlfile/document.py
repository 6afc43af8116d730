"""One YAML file, read with the safe loader, that remembers where everything in it is written.

`matrix` and `project` describe the shape of their files as pydantic models derived from `Row`; `checked` turns what does
not fit into a BadInput that names file, line and column, the path of keys, and what was expected.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, WithJsonSchema, model_validator
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from envgen.model.errors import BadInput, closest
from envgen.model.facts import Address
from envgen.yamlfile.events import NO_INCLUDES, KeyPath, Reader, quoted

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LARGEST = 1_000_000  # bytes; forty times the largest file of this repository, and read in two seconds
_INCLUDES = ("include", "includes", "import", "imports", "extends", "inherit", "$include", "$ref")


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
    return parse(source(path, shown), shown)


def source(path: Path, shown: str) -> str:
    """The text of a YAML file that a person wrote, which is never large. Raises BadInput."""
    if path.exists() and not path.is_file():
        raise BadInput("cannot be read: it is not a file", where=shown, hint="move it away; a file belongs here")
    if path.is_file() and path.stat().st_size > _LARGEST:
        what = f"{path.stat().st_size / 1e6:.1f} MB is too large: at most {_LARGEST / 1e6:.0f} MB is read"
        raise BadInput(what, where=Address(shown, 1, 1), hint="it holds one row for each fact; is this the right file?")
    return text_of(path, shown, absent="`envgen init` writes one")


def text_of(path: Path, shown: str, absent: str, *, exact: bool = False) -> str:
    """The text of a file that a user named or wrote; `absent` is what to do where there is none. Raises BadInput.

    `exact` keeps the ends of its lines as they are; else each is a newline.
    """
    try:
        with path.open(encoding="utf-8", newline="" if exact else None) as file:
            return file.read()
    except FileNotFoundError:
        raise BadInput("there is no such file", where=shown, hint=absent) from None
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=shown, hint="it must be a readable text file") from None
    except UnicodeDecodeError as error:
        what = f"not UTF-8 text: byte 0x{error.object[error.start]:02x}, {error.reason}"
        where = _place(shown, bytes(error.object), error.start)
        raise BadInput(what, where=where, hint="save it as UTF-8; some editors write UTF-16 or Latin-1") from None


def _place(shown: str, data: bytes, offset: int) -> Address:
    """The line and column of a byte."""
    before = data[:offset].decode("utf-8", errors="replace").split("\n")
    return Address(shown, len(before), len(before[-1]) + 1)


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
        reader = Reader(loader, shown)
        data = reader.document()
        return Document(shown, data, {**reader.marks, (): Address(shown, 1, 1)}, reader.numbers)
    except yaml.MarkedYAMLError as error:
        raise _yaml_error(error, text, shown) from None
    except yaml.YAMLError as error:
        where = _place(shown, text.encode("utf-8", errors="replace"), getattr(error, "position", 0) or 0)
        what = f"not YAML: {getattr(error, 'reason', '') or error}"
        raise BadInput(what, where=where, hint="remove that character; it must be a UTF-8 text file") from None
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


class FileModel(BaseModel):
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
                context = {"key": key, "hint": NO_INCLUDES if key in _INCLUDES else closest(key, known)}
                raise PydanticCustomError("unknown_key", "unknown key", context)
        return data


Shape = TypeVar("Shape", bound=FileModel)


def checked(document: Document, shape: type[Shape]) -> Shape:
    """The document as `shape`, or BadInput about the first thing in the file that does not fit."""
    try:
        return shape.model_validate(document.data)
    except ValidationError as error:
        items = error.errors(include_url=False)
        raise _problem(document, min(items, key=lambda item: document.at(*_path(document, item)))) from None


def problems(document: Document, shape: type[FileModel]) -> tuple[BadInput, ...]:
    """Everything in the file that does not fit, in its order; one problem for each place."""
    try:
        shape.model_validate(document.data)
    except ValidationError as error:
        return _problems(document, error)
    return ()


def _problems(document: Document, error: ValidationError) -> tuple[BadInput, ...]:
    """In the order of the file; a union of shapes complains once for each of them, and its first complaint will do."""
    first: dict[Any, BadInput] = {}
    for problem in sorted((_problem(document, item) for item in error.errors(include_url=False)), key=lambda found: found.where):  # type: ignore[arg-type, return-value]
        first.setdefault((problem.where, problem.what.partition(": ")[0]), problem)
    return tuple(first.values())


def _path(document: Document, item: Any) -> KeyPath:
    """Where pydantic means: it adds the names of union members, and the marks know which parts are keys."""
    path: KeyPath = ()
    for part in item["loc"]:
        path = (*path, part) if (*path, part) in document.marks else path
    if item["type"] == "unknown_key":
        return (*path, item["ctx"]["key"])
    return path


def _problem(document: Document, item: Any) -> BadInput:
    path = _path(document, item)
    context = item.get("ctx", {})
    kind, hint = item["type"], context.get("hint", "")
    if kind == "missing":
        return BadInput(f"{_spell((*path, item['loc'][-1]))} is missing", where=document.at(*path), hint="add it")
    if path in document.numbers and kind in ("string_type", "expected_text"):
        raw = document.numbers[path]
        text = f"expected a string, got the number {item['input']}"
        return BadInput(f"{_spell(path)}: {text}", where=document.at(*path), hint=f'put it in quotes: "{raw}"')
    if kind in ("too_short", "too_long"):
        few, count = kind == "too_short", context.get("min_length", context.get("max_length"))
        text = f"expected at {'least' if few else 'most'} {count} item{'s' if count > 1 else ''}, not {context['actual_length']}"
        return BadInput(f"{_spell(path)}: {text}", where=document.at(*path), hint="add what belongs here" if few else "remove one")
    message = item["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    message = f"expected {message}" if item["msg"].startswith("Input should be ") else message
    return BadInput(f"{_spell(path)}: {message}", where=document.at(*path), hint=hint or "see docs/matrices.md")


def _spell(path: KeyPath) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "the file"


# --- values that both kinds of file use -----------------------------------------------------------------------------------

# What a version is here: the plain part of PEP 440. Numbers end at nine digits, which is where mistakes begin.
VERSION = r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,7}(?:(?:a|b|rc)[0-9]{1,9})?(?:\.post[0-9]{1,9})?(?:\.dev[0-9]{1,9})?"
RANGE = rf"^(?!,)(?:(?:^|,) *(?:\*|(?:==?|!=|<=|>=|<|>|~=)? *{VERSION}(?:\.\*)?) *)+$"
RANGE_HINT = 'write for instance ">=2.5,<3" or "2.7.*"'


@dataclass(frozen=True, slots=True)
class Written:
    """Text that is wholly of a pattern, for the loader and for editors alike; `what` says what was wrong with another."""

    pattern: str
    what: str
    hint: str

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{self.pattern}$"}

    def _check(self, value: object) -> str:
        if re.fullmatch(self.pattern, _text(value)):
            return str(value)
        raise PydanticCustomError("written", "{text}", {"text": self.what, "hint": self.hint})


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("expected_text", "expected a string")
    return value


def _version(value: object) -> Version:
    if re.fullmatch(VERSION, _text(value)):
        return Version(str(value))
    raise PydanticCustomError("version", "not a version, such as 2.7.1", {"hint": "write digits and dots"})


def _specifier(part: str) -> str:
    """One comma-separated part in PEP 440 spelling; `2.7`, `=2.7` and `2.7.*` are all conda's way to say 2.7.x."""
    if part[:1] in ("<", ">", "!", "~") or part.startswith("=="):
        return part
    return "" if part == "*" else f"=={part.lstrip('= ').removesuffix('.*')}.*"


def version_range(text: str) -> SpecifierSet:
    """A range as people write it: ">=2,<3", "2.7.*", or "2.7" for every 2.7.x. Raises ValueError when it is not one or is empty."""
    if not re.fullmatch(RANGE, text):
        raise ValueError(f"{quoted(text)} is not a version range")
    try:
        found = SpecifierSet(",".join(_specifier(part.strip()) for part in text.split(",")), prereleases=True)
    except InvalidSpecifier:
        raise ValueError(f"{text!r} is not a version range") from None
    if found.is_unsatisfiable():
        raise ValueError(f"the range {text!r} is empty: no version is in it")
    return found


def _range(value: object) -> SpecifierSet:
    text = _text(value)
    try:
        return version_range(text)
    except ValueError as error:
        raise PydanticCustomError("version_range", "{text}", {"text": str(error), "hint": RANGE_HINT}) from None


Text = Annotated[str, BeforeValidator(_text)]
VersionText = Annotated[Version, BeforeValidator(_version), WithJsonSchema({"type": "string", "pattern": f"^{VERSION}$"})]
RangeText = Annotated[SpecifierSet, BeforeValidator(_range), WithJsonSchema({"type": "string", "pattern": RANGE})]
TARGET = r"^(?:cpu|cu[0-9]{2,6})$"
TargetName = Annotated[str, BeforeValidator(_text), WithJsonSchema({"type": "string", "pattern": TARGET})]
VirtualName = Annotated[str, Written(r"__[a-z0-9_]{1,60}", "no name of a virtual package", 'write for instance __glibc: "2.35"')]
_VIRTUAL = rf"{VERSION}(?: [A-Za-z0-9_.+-]{{1,60}})?"
VirtualText = Annotated[
    str, Written(_VIRTUAL, "not a version, nor a version and a build", 'write for instance "2.35" or "1 x86_64_v3"')
]
