"""The shapes of the matrix files: what a row may hold, and the help that an editor shows. `matrix` makes nouns of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any

from packaging.version import Version
from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from envgen.document import RANGE, RangeText, Row, TargetName, Text, VersionText, VirtualName, VirtualText, Written
from envgen.model import PLATFORMS, Variant

_MINOR = r"[0-9]{1,3}\.[0-9]{1,3}"
_MINORS = rf" *{_MINOR} *(?:- *{_MINOR} *)?(?:, *{_MINOR} *(?:- *{_MINOR} *)?)*"
# one letter that can be seen: no blank, no control character, none of Unicode's invisible ones
_VISIBLE = (
    r"[^\x00-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f"
    r"\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff]"
)
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"


def _because(value: object) -> str:
    if not isinstance(value, str) or not re.search(_VISIBLE, value):
        raise PydanticCustomError("because", "expected the source of this fact", {"hint": "a url, or a file and its date"})
    return value


def _minors(value: object) -> frozenset[Version]:
    """The minors of a text such as 3.9-3.12, 3.14."""
    if not isinstance(value, str):
        raise PydanticCustomError("expected_text", "expected a string")
    runs = (
        [[end.strip().split(".") for end in part.split("-")] for part in value.split(",")] if re.fullmatch(_MINORS, value) else []
    )
    if not runs or any(run[0][0] != run[-1][0] or int(run[0][1]) > int(run[-1][1]) for run in runs):
        raise PydanticCustomError("minors", "expected Python minors", {"hint": 'write for instance "3.9-3.13" or "3.10, 3.12"'})
    return frozenset(Version(f"{run[0][0]}.{minor}") for run in runs for minor in range(int(run[0][1]), int(run[-1][1]) + 1))


def _variant(value: object) -> Variant:
    if value == "cpu":
        return None
    if isinstance(value, str) and re.fullmatch(_MINOR, value):
        return Version(value)
    kind = "variant" if isinstance(value, str) else "expected_text"
    raise PydanticCustomError(kind, "expected `cpu` or a CUDA version", {"hint": 'write for instance [cpu] or ["12.6"]'})


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


Because = Annotated[
    str,
    BeforeValidator(_because),
    WithJsonSchema({"type": "string", "pattern": _VISIBLE}),
    Field(description="The source of this fact: a url, or what was looked at and when. Never blank."),
]
Minors = Annotated[frozenset[Version], BeforeValidator(_minors), WithJsonSchema({"type": "string", "pattern": f"^{_MINORS}$"})]
MinorText = Annotated[Version, BeforeValidator(_minor), WithJsonSchema({"type": "string", "pattern": f"^{_MINOR}$"})]
VariantText = Annotated[
    Version | None,
    BeforeValidator(_variant),
    WithJsonSchema({"anyOf": [{"const": "cpu"}, {"type": "string", "pattern": f"^{_MINOR}$"}]}),
]
PlatformText = Annotated[str, BeforeValidator(_platform), WithJsonSchema({"enum": list(PLATFORMS)})]
PlatformKey = Annotated[str, BeforeValidator(_platform), WithJsonSchema({"pattern": f"^(?:{'|'.join(PLATFORMS)})$"})]
_PREFIX = r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,7}"
PrefixText = Annotated[str, Written(_PREFIX, "not the beginning of a version", 'write for instance "0.22"')]
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date", "pattern": f"^{_DAY}$"})]
Major = Annotated[int, Field(ge=1, le=999)]
Names = Annotated[list[Text], Field(min_length=1)]


# The axes of constraints that have names, and those that have ranges; a framework is an axis with a range as well.
NAMED: Mapping[str, str] = {
    "archspec": "Processor level that the target promises: x86_64_v3, or a list of them.",
    "platform": "Platform, or a list of them.",
    "provider": "Provider of one of the frameworks, or a list of them.",
    "target": "Target, or a list of them.",
}
RANGED: Mapping[str, str] = {
    "cuda": "CUDA of the target; nothing in CPU targets.",
    "driver": "The oldest driver that the project names.",
    "glibc": "glibc that the target promises.",
    "gpu": "Compute capability; each of the project's GPUs is judged by itself.",
    "python": "Python minor.",
}


class _Axes:
    """The schema of `when` and `need`: each axis with its kind of value."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        made: dict[str, Any] = handler(schema)
        platform = {"enum": list(PLATFORMS)}
        names = {axis: platform if axis == "platform" else {"type": "string"} for axis in NAMED}
        several = {axis: {"anyOf": [name, {"type": "array", "items": name, "minItems": 1}]} for axis, name in names.items()}
        ranged = {"type": "string", "pattern": RANGE}
        made["properties"] = {
            **{axis: {**several[axis], "description": text} for axis, text in NAMED.items()},
            **{axis: {**ranged, "description": text} for axis, text in RANGED.items()},
        }
        made["additionalProperties"] = {**ranged, "description": "A framework, and a range of its releases."}
        return made


Conditions = Annotated[dict[Text, Text | Names], _Axes()]


class ConstraintRow(Row):
    """Where all of `when` holds, all of `need` must hold."""

    when: Conditions = Field(
        default={}, description="Applies where all of these hold: axis and value, such as {cuda: '>=12', platform: linux-64}."
    )
    need: Annotated[dict[Text, Text | Names], Field(min_length=1), _Axes()] = Field(
        description="What must then hold, written as `when` is."
    )
    because: Because
    until: Day | None = Field(
        default=None, description="The day from which this need no longer be so; `envgen matrix lint` asks again then."
    )
    warn: bool = Field(default=False, description="true: only say so, choose all the same.")


class BuildRow(Row):
    """One fact: these variants exist, each for all of these platforms and Python minors."""

    provider: Text = Field(description="Who publishes it: a name under `providers`.")
    variants: list[VariantText] = Field(min_length=1, description="`cpu`, or the CUDA versions that it was built for.")
    platforms: list[PlatformText] = Field(min_length=1, description="Platforms that have these builds.")
    python: Minors = Field(description="Python minors: '3.9-3.13', or '3.10, 3.12', or both mixed.")
    cudnn: Major | None = Field(default=None, description="The cuDNN major that these builds link.")


class ReleaseRow(Row):
    """One published version and its builds."""

    version: VersionText = Field(description="The release, in full.")
    companions: dict[Text, PrefixText] = Field(
        default={}, alias="with", description="Companions: name, and the prefix of the version that belongs to this release."
    )
    builds: list[BuildRow] = Field(description="Each line is one fact. A combination that stands in no line does not exist.")
    note: Text | None = Field(default=None, description="What a person should know of this release.")


class CompanionRow(Row):
    """One conda spec for a CPU target, one for a CUDA target."""

    cpu: Text = Field(description="The spec for a CPU target; {version} is the prefix in the release's `with`.")
    cuda: Text = Field(description="The spec for a CUDA target; holes: {version}, {cuda}, {cu}.")


class SpellingRow(Row):
    """How a provider names the builds of a range of releases."""

    releases: RangeText = Field(description="The releases that are asked for in this way. No release may be in two rows.")
    channels: list[Text] = Field(min_length=1, description="All of these must be in the project's `channels:`.")
    newer_minor: bool = Field(
        default=False,
        alias="newer-minor",
        description="true where a build for an older CUDA minor may be used in a target for a newer one.",
    )
    cpu: list[Text] = Field(description="Conda specs for a CPU target; hole: {version}.")
    cuda: list[Text] = Field(
        description="Conda specs for a CUDA target; holes: {version}, {cuda} (the target's, 12.6), {cu} (the build's, 126)."
    )
    companions: dict[Text, CompanionRow] = Field(default={}, description="One spec for each companion.")
    because: Because


class FrameworkFile(Row):
    """One framework: releases, builds, and how they are asked for."""

    framework: Text = Field(description="Its name; the file is called so.")
    because: Because
    providers: dict[Text, list[SpellingRow]] = Field(description="Provider, and how it spells its builds.")
    releases: list[ReleaseRow] = Field(description="Every known release, newest first.")
    constraints: list[ConstraintRow] = Field(
        default=[], description="What does not go together, and is not said by the rows above."
    )


class FamilyRow(Row):
    """All toolkits of one CUDA major: minor-version compatibility."""

    major: Major = Field(description="The CUDA major.")
    linux: VersionText | None = Field(description="Oldest Linux driver that runs every toolkit of the major; null: no figure.")
    windows: VersionText | None = Field(description="Oldest Windows driver that runs every toolkit of the major; null: no figure.")
    excludes: list[Text] = Field(default=[], description="Packages that may not be in an environment of this major.")
    because: Because


class ToolkitRow(Row):
    """One CUDA toolkit."""

    version: MinorText = Field(description="CUDA as major.minor.")
    linux: VersionText | None = Field(description="The Linux driver that came with its first release; null: no figure.")
    windows: VersionText | None = Field(description="The Windows driver that came with its first release; null: no figure.")
    capabilities: list[MinorText] = Field(
        min_length=2, max_length=2, description="First and last compute capability that it has code for."
    )
    note: Text | None = Field(default=None, description="What a person should know of this toolkit.")


class CudaFile(Row):
    """CUDA: which driver a toolkit needs, and which GPUs it has code for."""

    because: Because
    families: list[FamilyRow] = Field(description="One row for each major with minor-version compatibility, newest first.")
    toolkits: list[ToolkitRow] = Field(description="One row for each toolkit, newest first.")
    constraints: list[ConstraintRow] = Field(default=[], description="What holds of CUDA whatever the framework.")


class CudnnRow(Row):
    """One cuDNN version in conda-forge."""

    version: VersionText = Field(description="cuDNN, in full.")
    cuda: list[Major] = Field(min_length=1, description="CUDA majors that it was built for.")
    capability: MinorText = Field(description="Lowest compute capability that it has code for.")


class CudnnFile(Row):
    """cuDNN: for which CUDA, for which GPUs."""

    because: Because
    releases: list[CudnnRow] = Field(description="Every known version, newest first.")
    constraints: list[ConstraintRow] = Field(default=[], description="What holds of cuDNN whatever the framework.")


class GpuRow(Row):
    """The models of one compute capability."""

    capability: MinorText = Field(description="Compute capability as major.minor.")
    models: list[Text] = Field(min_length=1, description="Models as people call them; capitals do not matter.")


class GpuFile(Row):
    """GPU models by compute capability."""

    because: Because
    gpus: list[GpuRow] = Field(description="One row for each compute capability, newest first.")


class TargetRow(Row):
    """What one environment is made for."""

    cuda: MinorText | None = Field(default=None, description="Its CUDA; without it a CPU target.")
    platforms: list[PlatformText] = Field(min_length=1, description="Platforms with any build for it.")


class TargetFile(Row):
    """Targets: what an environment is made for, and what its machine promises to the solver."""

    because: Because
    virtual_packages: dict[PlatformKey, dict[VirtualName, VirtualText]] = Field(
        alias="virtual-packages",
        description="What every machine of a platform is taken to have: a version, or a version and a build.",
    )
    targets: dict[TargetName, TargetRow] = Field(description="`cpu`, or `cu` and the digits of the CUDA.")
    constraints: list[ConstraintRow] = Field(default=[], description="What holds of targets whatever the framework.")


# Every file in matrices/ that is not a framework. A new kind of file is one line here: its schema and its lint follow.
KINDS: Mapping[str, type[Row]] = {
    "cuda.yaml": CudaFile,
    "cudnn.yaml": CudnnFile,
    "gpus.yaml": GpuFile,
    "targets.yaml": TargetFile,
}
