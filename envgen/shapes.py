"""The shapes of the matrix files: what a row may hold. `matrix` makes nouns of them."""

from __future__ import annotations

import re
from typing import Annotated

from packaging.version import Version
from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from envgen.document import RangeText, Row, Text, VersionText
from envgen.model import Platform, Variant

PLATFORMS: tuple[Platform, ...] = ("linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64")
_MINOR = re.compile(r"(\d+)\.(\d+)")


def _because(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise PydanticCustomError("because", "expected the source of this fact", {"hint": "a url, or a file and its date"})
    return value


def _minors(value: object) -> frozenset[Version]:
    """The minors of a text such as 3.9-3.12, 3.14."""
    wrong = PydanticCustomError("minors", "expected Python minors", {"hint": 'write for instance "3.9-3.13" or "3.10, 3.12"'})
    if not isinstance(value, str):
        raise PydanticCustomError("expected_text", "expected a string")
    found: set[Version] = set()
    for part in value.split(","):
        ends = [_MINOR.fullmatch(end.strip()) for end in part.split("-")]
        if not all(ends) or len(ends) > 2:
            raise wrong
        (major, first), (other, last) = (ends[0].groups(), ends[-1].groups())  # type: ignore[union-attr]
        if major != other or int(first) > int(last):
            raise wrong
        found.update(Version(f"{major}.{minor}") for minor in range(int(first), int(last) + 1))
    return frozenset(found)


def _variant(value: object) -> Variant:
    if value == "cpu":
        return None
    if isinstance(value, str) and _MINOR.fullmatch(value):
        return Version(value)
    kind = "variant" if isinstance(value, str) else "expected_text"
    raise PydanticCustomError(kind, "expected `cpu` or a CUDA version", {"hint": 'write for instance [cpu] or ["12.6"]'})


def _platform(value: object) -> str:
    if value not in PLATFORMS:
        raise PydanticCustomError("platform", "not a platform", {"hint": f"one of {', '.join(PLATFORMS)}"})
    return str(value)


Because = Annotated[str, BeforeValidator(_because)]
Minors = Annotated[frozenset[Version], BeforeValidator(_minors), WithJsonSchema({"type": "string"})]
VariantText = Annotated[Version | None, BeforeValidator(_variant), WithJsonSchema({"type": "string"})]
PlatformText = Annotated[str, BeforeValidator(_platform), WithJsonSchema({"enum": list(PLATFORMS)})]


class ConstraintRow(Row):
    when: dict[Text, Text | list[Text]] = {}
    need: dict[Text, Text | list[Text]]
    because: Because
    until: Text | None = None
    warn: bool = False


class BuildRow(Row):
    provider: Text
    variants: list[VariantText] = Field(min_length=1)
    platforms: list[PlatformText] = Field(min_length=1)
    python: Minors
    cudnn: int | None = None


class ReleaseRow(Row):
    version: VersionText
    companions: dict[Text, Text] = Field(default={}, alias="with")
    builds: list[BuildRow]
    note: Text | None = None


class CompanionRow(Row):
    cpu: Text
    cuda: Text


class SpellingRow(Row):
    releases: RangeText
    channels: list[Text] = Field(min_length=1)
    newer_minor: bool = Field(default=False, alias="newer-minor")
    cpu: list[Text]
    cuda: list[Text]
    companions: dict[Text, CompanionRow] = {}
    because: Because


class LeftOutRow(Row):
    provider: Text
    platforms: list[PlatformText] = []
    releases: RangeText | None = None
    because: Because


class FrameworkFile(Row):
    framework: Text
    because: Because
    providers: dict[Text, list[SpellingRow]]
    left_out: list[LeftOutRow] = Field(default=[], alias="left-out")
    releases: list[ReleaseRow]
    constraints: list[ConstraintRow] = []


class FamilyRow(Row):
    major: int
    linux: VersionText | None
    windows: VersionText | None
    excludes: list[Text] = []
    because: Because


class ToolkitRow(Row):
    version: VersionText
    linux: VersionText | None
    windows: VersionText | None
    capabilities: list[VersionText] = Field(min_length=2, max_length=2)
    note: Text | None = None


class CudaFile(Row):
    because: Because
    families: list[FamilyRow]
    toolkits: list[ToolkitRow]
    constraints: list[ConstraintRow] = []


class CudnnRow(Row):
    version: VersionText
    cuda: list[int]
    capability: VersionText


class CudnnFile(Row):
    because: Because
    releases: list[CudnnRow]
    constraints: list[ConstraintRow] = []


class GpuRow(Row):
    capability: VersionText
    models: list[Text]


class GpuFile(Row):
    because: Because
    gpus: list[GpuRow]


class TargetRow(Row):
    cuda: VersionText | None = None
    platforms: list[PlatformText] = Field(min_length=1)


class TargetFile(Row):
    because: Because
    virtual_packages: dict[PlatformText, dict[Text, Text]] = Field(alias="virtual-packages")
    targets: dict[Text, TargetRow]
    constraints: list[ConstraintRow] = []
