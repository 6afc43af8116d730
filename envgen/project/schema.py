"""The shape of `project.yaml`: what it may hold, and the help that an editor shows. `project` makes a noun of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import Annotated, Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version
from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from envgen.model.facts import PLATFORMS
from envgen.model.layout import TEMPLATE
from envgen.project.collect import CUDA_HINT
from envgen.yamlfile.document import RANGE, VERSION, FileModel, RangeText, Text, VirtualName, VirtualText

SPEC = r"(?:[^\s:#]+::)?([A-Za-z0-9_][A-Za-z0-9_.-]*)\s*(?:[\s=<>!~\[][^#]*)?"
_CREDENTIALS = r"://(?!\$)[^/@]+@|://[^/@:]*:(?!\$)[^/@]+@|/t/(?!\$)[^/]+"
_CHANNEL = r"[^\s?#]+"
_DRIVER = rf" *(?:>= *)?({VERSION}) *"
_MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?"


def _dependency(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(SPEC, value) and value.isprintable():
        return value
    kind = "dependency" if isinstance(value, str) else "expected_text"
    raise PydanticCustomError(kind, "not a conda spec", {"hint": 'write for instance numpy, "pandas >=2" or conda-forge::numpy'})


def _channel(value: object) -> str:
    """Channels may hold `$NAME` where a credential belongs, never the credential itself (which is not repeated here)."""
    odd = not isinstance(value, str) or not re.fullmatch(_CHANNEL, value)
    if not isinstance(value, str) or odd or ("@" in value and "://" not in value):
        raise PydanticCustomError("channel", "not a channel", {"hint": "write conda-forge, or the url of a channel"})
    if re.search(_CREDENTIALS, value):
        hint = "put it in an environment variable and write https://$NAME:$WORD@host/... or https://host/t/$TOKEN/..."
        raise PydanticCustomError("channel", "a password or token stands in this url", {"hint": hint})
    return value


def _requirement(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable() or "#" in value:
        kind = "requirement" if isinstance(value, str) else "expected_text"
        raise PydanticCustomError(kind, "not a requirement", {"hint": 'write for instance "einops >=0.8"'})
    if re.search(_CREDENTIALS, value):
        hint = "put it in an environment variable: https://$NAME:$WORD@host/..."
        raise PydanticCustomError("requirement", "a password or token stands in this url", {"hint": hint})
    return value


def _driver(value: object) -> Version:
    found = re.fullmatch(_DRIVER, value) if isinstance(value, str) else None
    if found:
        return Version(found[1])
    kind = "driver" if isinstance(value, str) else "expected_text"
    raise PydanticCustomError(kind, "not the oldest driver", {"hint": 'write for instance ">=535"'})


def _moment(value: object) -> datetime:
    """A date means its first second, UTC."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=timezone.utc)
    try:
        text = value if isinstance(value, str) and re.fullmatch(_MOMENT, value) else ""
        found = value if isinstance(value, datetime) else datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise PydanticCustomError("date", "not a date", {"hint": "write for instance 2026-06-01"}) from None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def _framework(value: object) -> object:
    return value if isinstance(value, dict) else {"version": value}


def _targets(value: object) -> object:
    """A list of names is a mapping without overrides."""
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return {name: {} for name in value}
    if isinstance(value, dict):
        return {name: {} if row is None else row for name, row in value.items()}
    raise PydanticCustomError("targets", "expected target names", {"hint": "write for instance [cpu, cu126]"})


def _cuda(value: object) -> object:
    """A text is the version alone."""
    if value is not None and not isinstance(value, str | dict):
        raise PydanticCustomError("expected_text", "expected a string")
    if value == {}:
        raise PydanticCustomError("cuda", "says nothing", {"hint": CUDA_HINT})
    return {"version": value} if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class _Short:
    """A shape that may also be written in a shorter way; `way` makes the schema of both from that of the whole shape."""

    way: Callable[[dict[str, Any]], dict[str, Any]]

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return self.way(handler(schema))


def _version_or(row: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [{"type": "string", "pattern": RANGE}, row]}


def _text_or(row: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [{"type": "string"}, row]}


def _names_or(mapping: dict[str, Any]) -> dict[str, Any]:
    """A target whose row is left empty changes nothing. Names may be words that the matrices translate."""
    rows = {"anyOf": [mapping["additionalProperties"], {"type": "null"}]}
    names = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    return {"anyOf": [names, {**mapping, "additionalProperties": rows}]}


def _without_credentials(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "not": {"pattern": _CREDENTIALS}})


DependencyText = Annotated[str, BeforeValidator(_dependency), WithJsonSchema({"type": "string", "pattern": f"^{SPEC}$"})]
ChannelText = Annotated[str, BeforeValidator(_channel), _without_credentials(f"^{_CHANNEL}$")]
RequirementText = Annotated[str, BeforeValidator(_requirement), _without_credentials("^[^#]*$")]
DriverText = Annotated[Version, BeforeValidator(_driver), WithJsonSchema({"type": "string", "pattern": f"^{_DRIVER}$"})]
Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "pattern": f"^{_MOMENT}$"})]
PlatformName = Annotated[Text, WithJsonSchema({"enum": list(PLATFORMS)})]


class RequirementRow(FileModel):
    """What the project wants of one framework."""

    version: RangeText = Field(default_factory=SpecifierSet, description="A range such as '>=2.5,<3' or '2.7.*'. Left out: any.")
    provider: Text | None = Field(default=None, description="Who shall have built it: a provider in the framework's matrix file.")
    companions: list[Text] = Field(default=[], alias="with", description="Companions that come along: [torchvision].")


class RequestedTargetRow(FileModel):
    """What the project changes about one target."""

    platforms: list[PlatformName] | None = Field(default=None, min_length=1, description="Only these of the target's platforms.")
    virtual_packages: dict[VirtualName, VirtualText] = Field(
        default={}, alias="virtual-packages", description="What the project's machines promise on top: {__glibc: '2.35'}."
    )
    dependencies: list[DependencyText] = Field(default=[], description="Conda specs that only this target has.")


class CudaRow(FileModel):
    """One more target, by what it shall run on."""

    version: Text | None = Field(default=None, description="newest, a major, a minor, a range or the name of a target.")
    driver: DriverText | None = Field(default=None, description="The oldest driver, as in the project's own driver:.")
    gpus: list[Text] = Field(default=[], description="GPU models, as in the project's own gpus:.")


class ProjectFile(FileModel):
    """What a project wants; `envgen lock` turns it into one environment for each target."""

    python: RangeText = Field(description="A range of minors, such as '>=3.10,<3.13'; one minor is chosen for all targets.")
    frameworks: dict[Text, Annotated[RequirementRow, BeforeValidator(_framework), _Short(_version_or)]] = Field(
        default={}, description="Frameworks of the matrices, each with a range or with more wishes; all share one environment."
    )
    targets: Annotated[dict[Text, RequestedTargetRow], Field(min_length=1), BeforeValidator(_targets), _Short(_names_or)] = Field(
        default={}, description="Targets of matrices/targets.yaml: names, or name and what is changed about it."
    )
    cuda: Annotated[CudaRow | None, BeforeValidator(_cuda), _Short(_text_or)] = Field(
        default=None, description="One more target: newest, a CUDA version, or the newest that a driver and GPUs can run."
    )
    platforms: list[PlatformName] = Field(min_length=1, description="Platforms to lock for; a target takes those it can serve.")
    channels: list[ChannelText] = Field(
        min_length=1, description="Conda channels; their order is meaning. $NAME stands for a credential, never write one out."
    )
    dependencies: list[DependencyText] = Field(default=[], description="The project's own conda specs: numpy, 'pandas >=2'.")
    pip: list[RequirementText] = Field(default=[], description="Requirements for pip, which are locked, too.")
    pip_repositories: list[RequirementText] = Field(
        default=[], alias="pip-repositories", description="Where pip packages come from, instead of the public index."
    )
    driver: DriverText | None = Field(default=None, description="The oldest NVIDIA driver of the fleet, such as '>=535'.")
    gpus: list[Text] = Field(
        default=[], description="GPUs of the fleet: models in matrices/gpus.yaml, or compute capabilities such as '8.0'."
    )
    align: bool = Field(default=True, description="true: CPU and GPU targets share versions wherever that is possible.")
    exclude_newer: Moment | None = Field(
        default=None, alias="exclude-newer", description="The channels as they were on that day: 2026-06-01."
    )
    template: Text = Field(default=TEMPLATE, description="The template in templates/ that lays out environment.yml.")
