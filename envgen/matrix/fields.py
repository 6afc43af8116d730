"""The kinds of values in matrix files: how each is written, what it is read into, and its JSON Schema for editors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, Literal

from packaging.specifiers import SpecifierSet
from packaging.version import Version
from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from envgen.model.facts import Variant
from envgen.model.platforms import PLATFORMS
from envgen.model.ranges import RANGE, version_range
from envgen.yamlfile.schema import Text, Written

StatedVariant = Variant | SpecifierSet | Literal["any"]  # as a row states it: a variant, or those that a build stands for
_MINOR = r"[0-9]{1,3}\.[0-9]{1,3}"
_MINORS = rf" *{_MINOR} *(?:- *{_MINOR} *)?(?:, *{_MINOR} *(?:- *{_MINOR} *)?)*"
# a visible character: not a space, a control character or an invisible character of Unicode
_VISIBLE = (
    r"[^\x00-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f"
    r"\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff]"
)
_CUDA = r"[0-9]{1,3}(?:\.[0-9]{1,3})?"
_WORD = r"[A-Za-z0-9][A-Za-z0-9._-]*"
WORD = rf"({_WORD})(?:\[({_WORD})\])?"
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"


def _because(value: object) -> str:
    if not isinstance(value, str) or not re.search(_VISIBLE, value):
        raise PydanticCustomError("because", "expected the source of this fact", {"hint": "a url, or a file and its date"})
    return value


def minors_of(value: object) -> frozenset[Version]:
    """The minors of a text such as 3.9-3.12, 3.14."""
    if not isinstance(value, str):
        raise PydanticCustomError("expected_text", "expected a string")
    return _minors(value)


@cache
def _minors(text: str) -> frozenset[Version]:
    """Most rows name the minors that others name: each text is read once."""
    runs = [[end.strip().split(".") for end in part.split("-")] for part in text.split(",")] if re.fullmatch(_MINORS, text) else []
    if not runs or any(run[0][0] != run[-1][0] or int(run[0][1]) > int(run[-1][1]) for run in runs):
        raise PydanticCustomError("minors", "expected Python minors", {"hint": 'write for instance "3.9-3.13" or "3.10, 3.12"'})
    return frozenset(Version(f"{run[0][0]}.{minor}") for run in runs for minor in range(int(run[0][1]), int(run[-1][1]) + 1))


def _variant(value: object) -> Variant:
    if value == "cpu":
        return None
    if isinstance(value, str) and re.fullmatch(_MINOR, value):
        return Version(value)
    kind = "variant" if isinstance(value, str) else "expected_text"
    hint = 'write for instance [cpu] or ["12.6"], or "12.*" for builds that run with every CUDA 12'
    raise PydanticCustomError(kind, "expected `cpu` or a CUDA version", {"hint": hint})


def _stated_variant(value: object) -> StatedVariant:
    """A variant, or several in one: a range of CUDA versions, or `any` for builds without one."""
    if value == "any":
        return "any"
    if not isinstance(value, str) or not re.search(r"[<>=*]", value):
        return _variant(value)
    try:
        return version_range(value)
    except ValueError:
        raise PydanticCustomError(
            "range", "not a range of CUDA versions", {"hint": 'for instance "12.*" or ">=12.2,<13"'}
        ) from None


def _minor(value: object) -> Version:
    if isinstance(value, str) and re.fullmatch(_MINOR, value):
        return Version(value)
    kind = "minor" if isinstance(value, str) else "expected_text"
    raise PydanticCustomError(kind, "expected major.minor", {"hint": 'write two numbers and a dot, such as "12.6"'})


def _platform(value: object) -> str:
    if value not in PLATFORMS:
        raise PydanticCustomError("platform", "not a platform", {"hint": f"one of {', '.join(PLATFORMS)}"})
    return str(value)


def _day(value: object) -> date:
    """A date, in quotes or not."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(value if isinstance(value, str) and re.fullmatch(_DAY, value) else "")
    except ValueError:
        raise PydanticCustomError("day", "expected a date", {"hint": "write year, month and day: 2027-06-30"}) from None


def _word(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(WORD, value):
        return value
    kind = "word" if isinstance(value, str) else "expected_text"
    raise PydanticCustomError(kind, "not a word", {"hint": 'write the name of a package, or one with an extra: "name[extra]"'})


def _asked(value: object) -> str:
    """The CUDA that an alias requests: none, newest, a major or a minor."""
    if isinstance(value, str) and (value in ("none", "newest") or re.fullmatch(_CUDA, value)):
        return value
    kind = "asked" if isinstance(value, str) else "expected_text"
    raise PydanticCustomError(kind, "not a CUDA request", {"hint": 'write none, newest, "12" or "12.6"'})


Because = Annotated[
    str,
    BeforeValidator(_because),
    WithJsonSchema({"type": "string", "pattern": _VISIBLE}),
    Field(description="The source of this fact: a url, or what was looked at and when."),
]
Minors = Annotated[frozenset[Version], BeforeValidator(minors_of), WithJsonSchema({"type": "string", "pattern": f"^{_MINORS}$"})]
MinorText = Annotated[Version, BeforeValidator(_minor), WithJsonSchema({"type": "string", "pattern": f"^{_MINOR}$"})]
VariantText = Annotated[
    Version | None,
    BeforeValidator(_variant),
    WithJsonSchema({"anyOf": [{"const": "cpu"}, {"type": "string", "pattern": f"^{_MINOR}$"}]}),
]
StatedText = Annotated[
    StatedVariant,
    PlainValidator(_stated_variant, json_schema_input_type=str),
    WithJsonSchema({"anyOf": [{"enum": ["cpu", "any"]}, {"type": "string", "pattern": RANGE}]}),
]
PlatformText = Annotated[str, BeforeValidator(_platform), WithJsonSchema({"enum": list(PLATFORMS)})]
PlatformKey = Annotated[str, BeforeValidator(_platform), WithJsonSchema({"pattern": f"^(?:{'|'.join(PLATFORMS)})$"})]
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date", "pattern": f"^{_DAY}$"})]
Major = Annotated[int, Field(ge=1, le=999)]
WordText = Annotated[str, BeforeValidator(_word), WithJsonSchema({"type": "string", "pattern": f"^{WORD}$"})]
AskedText = Annotated[str, BeforeValidator(_asked), WithJsonSchema({"type": "string", "pattern": f"^(?:none|newest|{_CUDA})$"})]
Names = Annotated[list[Text], Field(min_length=1)]
CudaText = Annotated[str, Written(_CUDA, "not a CUDA version", 'write a major or a minor: "12", "10.2"')]
PackageText = Annotated[
    str,
    Written(
        r"[A-Za-z0-9_*][A-Za-z0-9._*\[\]-]*", "not the name of a package", "letters, digits, `.`, `_`, `-` and, for anything, `*`"
    ),
]
BoundedText = Annotated[str, Written(r"[a-z0-9_][a-z0-9._-]*", "not the name of a conda package", "write it in lower case: numpy")]
ImportText = Annotated[
    str, Written(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", "not a name that Python imports", "letters, digits and `_`")
]
CodeText = Annotated[
    str,
    Written(r"(?:sm|compute)_[0-9]{2,4}[af]?", "not the name of code for a GPU", "write it as nvcc does: sm_80 or compute_90"),
]
WheelIndexText = Annotated[
    str,
    Written(
        r"public|https?://[^\s@?#]+",
        "not the index of wheels",
        "write `public`, or a URL such as https://wheels.example/whl/{variant}; credentials belong into a project",
    ),
]
SonameText = Annotated[str, Written(r"version|[0-9]{1,4}", "not the major of a soname", 'write version, or a number: "12"')]


# The axes of constraints: those with names, and those with ranges. A framework is an axis with a range too.
NAMED: Mapping[str, str] = {
    "archspec": "Processor level that the target promises: x86_64_v3, or a list of them.",
    "platform": "Platform, or a list of them.",
    "provider": "Provider of one of the frameworks, or a list of them.",
    "target": "Target, or a list of them.",
}
DRIVERS = ("toolkit", "older")  # what a condition may call a driver instead of a version: see constraints.Driver
RANGED: Mapping[str, str] = {
    "cuda": "CUDA of the target; unknown in CPU targets.",
    "driver": "The oldest driver of the project: a range; `toolkit`: not older than the toolkit's own; `older`.",
    "glibc": "glibc that the target promises.",
    "gpu": "Compute capability; each of the project's GPUs is checked by itself.",
    "python": "Python minor.",
}


# Axes of advice alone.
ADVISED: Mapping[str, str] = {"dropped": "Platform that the project requested and the target cannot serve, or a list of them."}


@dataclass(frozen=True, slots=True)
class Axes:
    """The JSON Schema of `when` and `need`: each axis with its kind of value."""

    more: Mapping[str, str] = field(default_factory=dict)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        made: dict[str, Any] = handler(schema)
        platform, named = {"enum": list(PLATFORMS)}, {**NAMED, **self.more}
        names = {axis: platform if axis in ("platform", "dropped") else {"type": "string"} for axis in named}
        several = {axis: {"anyOf": [name, {"type": "array", "items": name, "minItems": 1}]} for axis, name in names.items()}
        ranged = {"type": "string", "pattern": RANGE}
        made["properties"] = {
            **{axis: {**several[axis], "description": text} for axis, text in named.items()},
            **{axis: {**ranged, "description": text} for axis, text in RANGED.items()},
            "driver": {"anyOf": [{"enum": list(DRIVERS)}, ranged], "description": RANGED["driver"]},
        }
        made["additionalProperties"] = {
            **ranged,
            "description": "A framework or companion, and its versions.",
        }
        return made


Conditions = Annotated[dict[Text, Text | Names], Axes()]
AXES = tuple(sorted((*NAMED, *RANGED)))
