"""The check of a YAML file against a pydantic model.

`matrix` and `project` describe their files as models derived from `FileModel`. `checked` turns the first value that does not fit
into a BadInput with file, line and column, the path of keys, and what was expected. Importing pydantic and building a model takes
longer than most commands: only what checks a file imports this module.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Annotated, Any, TypeVar

from packaging.specifiers import SpecifierSet
from packaging.version import Version
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, WithJsonSchema, model_validator
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from envgen.model.errors import BadInput, closest
from envgen.model.layout import page_of
from envgen.model.ranges import RANGE, VERSION, version_range
from envgen.yamlfile.document import Document
from envgen.yamlfile.nodes import NO_INCLUDES, KeyPath

_INCLUDES = ("include", "includes", "import", "imports", "extends", "inherit", "$include", "$ref")
_FILES = 64  # that are remembered, as of `document.parsed`
RANGE_HINT = 'for example ">=2.5,<3" or "2.7.*"'


class FileModel(BaseModel):
    """Base class for the model of one mapping in a file: strict and frozen; an unknown key is an error with a suggestion."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", arbitrary_types_allowed=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            raise PydanticCustomError("not_a_mapping", "expected a mapping (`key: value`)")
        known = _keys(cls)
        for key in data:
            if key not in known:
                hint = NO_INCLUDES if key in _INCLUDES else cls.meant_by(key, data[key]) or closest(key, known)
                raise PydanticCustomError("unknown_key", "unknown key", {"key": key, "hint": hint})
        return data

    @classmethod
    def meant_by(cls, _: object, __: object) -> str:
        """What to write instead of a key with a value, "" for the nearest key; `{written}` in it stands for the value."""
        return ""


@cache
def _keys(shape: type[FileModel]) -> frozenset[str]:
    """The keys that a mapping may have, as they are written."""
    return frozenset(info.alias or name for name, info in shape.model_fields.items())


Shape = TypeVar("Shape", bound=FileModel)


def checked(document: Document, shape: type[Shape]) -> Shape:
    """The document as an instance of `shape`. Raises BadInput for the first value in the file that does not fit."""
    found: Shape | ValidationError = _validated(document, shape)
    if isinstance(found, ValidationError):
        items = found.errors(include_url=False)
        raise _problem(document, min(items, key=lambda item: document.at(*_path(document, item))))
    return found


def problems(document: Document, shape: type[FileModel]) -> tuple[BadInput, ...]:
    """Every value in the file that does not fit `shape`, in file order, one problem for each place."""
    error = _validated(document, shape)
    if not isinstance(error, ValidationError):
        return ()
    first: dict[Any, BadInput] = {}  # a value of a union type has one error for each member: the first is kept
    for problem in sorted((_problem(document, item) for item in error.errors(include_url=False)), key=lambda found: found.where):  # type: ignore[arg-type, return-value]
        first.setdefault((problem.where, problem.what.partition(": ")[0]), problem)
    return tuple(first.values())


@lru_cache(_FILES)
def _validated(document: Document, shape: type[Shape]) -> Shape | ValidationError:
    """What pydantic makes of a file, once for each text: lint reads the same files as what it judges."""
    try:
        return shape.model_validate(document.data)
    except ValidationError as error:
        return error.with_traceback(None)


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
    if kind == "list_type" and isinstance(item["input"], str | int | float):
        text = document.written(path)
        one = text if isinstance(item["input"], str) else f'"{text}"'
        return BadInput(f"{_spell(path)}: expected a list", where=document.at(*path), hint=f"write [{one}]")
    if "{written}" in hint:
        hint = hint.replace("{written}", document.written(path))
    message = item["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    message = f"expected {message}" if item["msg"].startswith("Input should be ") else message
    return BadInput(
        f"{_spell(path)}: {message}", where=document.at(*path), hint=hint or f"see `envgen help {page_of(document.file)}`"
    )


def _spell(path: KeyPath) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "the file"


# --- values that project files and matrices share -------------------------------------------------------------------------


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


def _range(value: object) -> SpecifierSet:
    text = _text(value)
    try:
        return version_range(text)
    except ValueError as error:
        raise PydanticCustomError("version_range", "{text}", {"text": str(error), "hint": _range_hint(text)}) from None


def _range_hint(text: str) -> str:
    """What to write instead of a text that is not a range."""
    if text.lower() in ("latest", "newest", "any"):
        return 'write "*": the newest that fits is taken'
    built = re.fullmatch(rf"(?:==?)?({VERSION})\+[a-z0-9.]+", text)
    if built:
        return f'write "{built[1]}": the target says whether it is a build for CUDA'
    caret = re.fullmatch(r"\^ ?(([0-9]{1,9})(?:\.[0-9]{1,9}){0,7})", text)
    if caret:
        return f'write ">={caret[1]},<{int(caret[2]) + 1}"'
    meant = re.sub(r"^(?:v|[a-z]+ ?(?=[0-9]))|(?<=[0-9]) +(?=[<>=!])", lambda found: "," if found[0].isspace() else "", text)
    meant = re.sub(r"\.[xX]$", ".*", meant)
    return f'write "{meant}"' if meant != text and _is_range(meant) else RANGE_HINT


def _is_range(text: str) -> bool:
    try:
        version_range(text)
    except ValueError:
        return False
    return True


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
