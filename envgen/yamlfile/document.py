"""A YAML file as plain data that knows where each value is written, and its check against a pydantic model.

`matrix` and `project` describe their files as models derived from `FileModel`. `checked` turns the first value that does not fit
into a BadInput with file, line and column, the path of keys, and what was expected.
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
from yaml.constructor import SafeConstructor

from envgen.model.errors import BadInput, closest
from envgen.model.facts import Address
from envgen.yamlfile.nodes import NO_INCLUDES, TEXT, KeyPath, address, compose, place, resolved_tag, walk

_LARGEST = 1_000_000  # bytes: about 40 times the largest file in matrices/; read in two seconds
_INCLUDES = ("include", "includes", "import", "imports", "extends", "inherit", "$include", "$ref")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A YAML file: its text, the plain data in it, and the line and column of every key and item."""

    file: str
    text: str
    data: Any
    marks: Mapping[KeyPath, tuple[int, int]]

    def at(self, *path: str | int) -> Address:
        """Where `path` is written; for a key that does not exist, where its nearest parent is."""
        while path and path not in self.marks:
            path = path[:-1]
        return Address(self.file, *self.marks[path])

    def written(self, path: KeyPath) -> str:
        """The scalar at `path` as it is written, without quotes: "3.10", where `data` has the number 3.1."""
        root = compose(self.text, self.file)
        return next(str(node.value) for found, _, node in walk(root) if found == path) if root else ""


def read(path: Path, shown: str) -> Document:
    """Read one YAML document; `shown` is the file name that errors use. Raises BadInput."""
    return parse(source(path, shown), shown)


def source(path: Path, shown: str) -> str:
    """The text of a YAML file that a person wrote, at most 1 MB. Raises BadInput."""
    if path.exists() and not path.is_file():
        raise BadInput("cannot be read: it is not a file", where=shown, hint="move it away; a file belongs here")
    if path.is_file() and path.stat().st_size > _LARGEST:
        what = f"{path.stat().st_size / 1e6:.1f} MB is too large: at most {_LARGEST / 1e6:.0f} MB is read"
        raise BadInput(what, where=Address(shown, 1, 1), hint="a file here holds one row for each fact; is this the right file?")
    return text_of(path, shown, absent="`envgen init` writes one")


def text_of(path: Path, shown: str, absent: str, *, exact: bool = False) -> str:
    """The text of a file that a user named or wrote; `absent` is the hint if it does not exist. Raises BadInput.

    `exact` keeps line endings as they are; otherwise each becomes a newline.
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
        where = place(shown, bytes(error.object), error.start)
        raise BadInput(what, where=where, hint="save it as UTF-8; some editors write UTF-16 or Latin-1") from None


def parse(text: str, shown: str) -> Document:
    """Read one YAML document; an empty text is an empty mapping. Raises BadInput with an address."""
    root = compose(text, shown)
    data: Any = _data(root, shown, SafeConstructor()) if root else {}
    marks = {path: (begin.start_mark.line + 1, begin.start_mark.column + 1) for path, begin, _ in walk(root)} if root else {}
    return Document(file=shown, text=text, data=data, marks={**marks, (): (1, 1)})


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
    raise BadInput(f"{_cut(node.value)}: {what}", where=address(shown, node), hint="put it in quotes")


def _cut(text: str) -> str:
    """A value as errors quote it: at most 60 characters."""
    return repr(text if len(text) <= 60 else f"{text[:60]}...")


class FileModel(BaseModel):
    """Base class for the model of one mapping in a file: strict and frozen; an unknown key is an error with a suggestion."""

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
    """The document as an instance of `shape`. Raises BadInput for the first value in the file that does not fit."""
    try:
        return shape.model_validate(document.data)
    except ValidationError as error:
        items = error.errors(include_url=False)
        raise _problem(document, min(items, key=lambda item: document.at(*_path(document, item)))) from None


def problems(document: Document, shape: type[FileModel]) -> tuple[BadInput, ...]:
    """Every value in the file that does not fit `shape`, in file order, one problem for each place."""
    try:
        shape.model_validate(document.data)
    except ValidationError as error:
        return _problems(document, error)
    return ()


def _problems(document: Document, error: ValidationError) -> tuple[BadInput, ...]:
    """In file order. A value of a union type has one error for each member: the first is kept."""
    first: dict[Any, BadInput] = {}
    for problem in sorted((_problem(document, item) for item in error.errors(include_url=False)), key=lambda found: found.where):  # type: ignore[arg-type, return-value]
        first.setdefault((problem.where, problem.what.partition(": ")[0]), problem)
    return tuple(first.values())


def _path(document: Document, item: Any) -> KeyPath:
    """The path in the file that pydantic's `loc` names: the parts of it that are not union members."""
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
    if kind in ("string_type", "expected_text") and type(item["input"]) in (int, float):
        text = f"expected a string, got the number {item['input']}"
        return BadInput(f"{_spell(path)}: {text}", where=document.at(*path), hint=f'put it in quotes: "{document.written(path)}"')
    if kind in ("too_short", "too_long"):
        few, count = kind == "too_short", context.get("min_length", context.get("max_length"))
        text = f"expected at {'least' if few else 'most'} {count} item{'s' if count > 1 else ''}, not {context['actual_length']}"
        return BadInput(f"{_spell(path)}: {text}", where=document.at(*path), hint="add an item" if few else "remove one")
    message = item["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    message = f"expected {message}" if item["msg"].startswith("Input should be ") else message
    return BadInput(f"{_spell(path)}: {message}", where=document.at(*path), hint=hint or "see docs/matrices.md")


def _spell(path: KeyPath) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "the file"


# --- values that project files and matrices share -------------------------------------------------------------------------

# Versions are PEP 440 without epochs and local parts. A number has at most nine digits; longer ones are mistakes.
VERSION = r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,7}(?:(?:a|b|rc)[0-9]{1,9})?(?:\.post[0-9]{1,9})?(?:\.dev[0-9]{1,9})?"
RANGE = rf"^(?!,)(?:(?:^|,) *(?:\*|(?:==?|!=|<=|>=|<|>|~=)? *{VERSION}(?:\.\*)?) *)+$"
RANGE_HINT = 'for example ">=2.5,<3" or "2.7.*"'


@dataclass(frozen=True, slots=True)
class Written:
    """Annotates text that must match a pattern, in the loader and in the JSON Schema; `what` is the error for other text."""

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
    raise PydanticCustomError("version", "not a version", {"hint": 'for example "2.7.1"'})


def _specifier(part: str) -> str:
    """One comma-separated part in PEP 440 spelling; in conda's, `2.7`, `=2.7` and `2.7.*` all mean 2.7.x."""
    if part[:1] in ("<", ">", "!", "~") or part.startswith("=="):
        return part
    return "" if part == "*" else f"=={part.lstrip('= ').removesuffix('.*')}.*"


def version_range(text: str) -> SpecifierSet:
    """A range such as ">=2,<3", "2.7.*", or "2.7" for every 2.7.x. Raises ValueError for other text and for an empty range."""
    if not re.fullmatch(RANGE, text):
        raise ValueError(f"{_cut(text)} is not a version range")
    try:
        found = SpecifierSet(",".join(_specifier(part.strip()) for part in text.split(",")), prereleases=True)
    except InvalidSpecifier:
        raise ValueError(f"{text!r} is not a version range") from None
    if found.is_unsatisfiable():
        raise ValueError(f"no version is in the range {text!r}")
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
VirtualName = Annotated[str, Written(r"__[a-z0-9_]{1,60}", "not the name of a virtual package", 'for example __glibc: "2.35"')]
_VIRTUAL = rf"{VERSION}(?: [A-Za-z0-9_.+-]{{1,60}})?"
VirtualText = Annotated[
    str, Written(_VIRTUAL, "expected a version, or a version and a build string", 'for example "2.35" or "1 x86_64_v3"')
]
