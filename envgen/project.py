"""`environments/<name>/project.yaml` to a Project, or exactly which line is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Annotated, Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version
from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from envgen.document import (
    RANGE,
    TARGET,
    VERSION,
    Document,
    RangeText,
    Row,
    TargetName,
    Text,
    VirtualName,
    VirtualText,
    checked,
    read,
)
from envgen.errors import BadInput, closest
from envgen.layout import TEMPLATE
from envgen.model import PLATFORMS, Address, Dependency, Framework, Matrix, Platform, Project, TargetWish, Wish

_SPEC = r"(?:[^\s:#]+::)?([A-Za-z0-9_][A-Za-z0-9_.-]*)\s*(?:[\s=<>!~\[][^#]*)?"
_CREDENTIALS = r"://(?!\$)[^/@]+@|://[^/@:]*:(?!\$)[^/@]+@|/t/(?!\$)[^/]+"
_CHANNEL = r"[^\s?#]+"
_DRIVER = rf" *(?:>= *)?({VERSION}) *"
_MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?"


def _dependency(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(_SPEC, value) and value.isprintable():
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


@dataclass(frozen=True, slots=True)
class _Short:
    """A shape that may also be written in a shorter way; `way` makes the schema of both from that of the whole shape."""

    way: Callable[[dict[str, Any]], dict[str, Any]]

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return self.way(handler(schema))


def _version_or(row: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [{"type": "string", "pattern": RANGE}, row]}


def _names_or(mapping: dict[str, Any]) -> dict[str, Any]:
    """A target whose row is left empty changes nothing."""
    (pattern,) = mapping["patternProperties"]
    rows = {pattern: {"anyOf": [mapping["patternProperties"][pattern], {"type": "null"}]}}
    names = {"type": "array", "items": {"type": "string", "pattern": TARGET}, "minItems": 1}
    return {"anyOf": [names, {**mapping, "patternProperties": rows}]}


def _without_credentials(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "not": {"pattern": _CREDENTIALS}})


DependencyText = Annotated[str, BeforeValidator(_dependency), WithJsonSchema({"type": "string", "pattern": f"^{_SPEC}$"})]
ChannelText = Annotated[str, BeforeValidator(_channel), _without_credentials(f"^{_CHANNEL}$")]
RequirementText = Annotated[str, BeforeValidator(_requirement), _without_credentials("^[^#]*$")]
DriverText = Annotated[Version, BeforeValidator(_driver), WithJsonSchema({"type": "string", "pattern": f"^{_DRIVER}$"})]
Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "pattern": f"^{_MOMENT}$"})]
PlatformName = Annotated[Text, WithJsonSchema({"enum": list(PLATFORMS)})]


class FrameworkRow(Row):
    """What the project wants of one framework."""

    version: RangeText = Field(default_factory=SpecifierSet, description="A range such as '>=2.5,<3' or '2.7.*'. Left out: any.")
    provider: Text | None = Field(default=None, description="Who shall have built it: a provider in the framework's matrix file.")
    companions: list[Text] = Field(default=[], alias="with", description="Companions that come along: [torchvision].")


class TargetRow(Row):
    """What the project changes about one target."""

    platforms: list[PlatformName] | None = Field(default=None, min_length=1, description="Only these of the target's platforms.")
    virtual_packages: dict[VirtualName, VirtualText] = Field(
        default={}, alias="virtual-packages", description="What the project's machines promise on top: {__glibc: '2.35'}."
    )
    dependencies: list[DependencyText] = Field(default=[], description="Conda specs that only this target has.")


class ProjectFile(Row):
    """What a project wants; `envgen lock` turns it into one environment for each target."""

    python: RangeText = Field(description="A range of minors, such as '>=3.10,<3.13'; one minor is chosen for all targets.")
    frameworks: dict[Text, Annotated[FrameworkRow, BeforeValidator(_framework), _Short(_version_or)]] = Field(
        default={}, description="Frameworks of the matrices, each with a range or with more wishes; all share one environment."
    )
    targets: Annotated[dict[TargetName, TargetRow], Field(min_length=1), BeforeValidator(_targets), _Short(_names_or)] = Field(
        description="Targets of matrices/targets.yaml: names, or name and what is changed about it."
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


def load_project(path: Path, shown: str, matrix: Matrix) -> Project:
    """Read one project file and hold every name in it against the matrix. Raises BadInput with file:line:column."""
    document = read(path, shown)
    file = checked(document, ProjectFile)
    names = _Names(document, matrix)
    platforms = names.platforms(file.platforms, "platforms")
    return Project(
        name=path.parent.name,
        python=names.python(file.python),
        python_text=_raw(document, "python"),
        frameworks=tuple(names.wish(name, row) for name, row in file.frameworks.items()),
        targets=tuple(names.target(index, name, row) for index, (name, row) in enumerate(file.targets.items())),
        platforms=platforms,
        channels=tuple(file.channels),
        dependencies=names.dependencies(file.dependencies, "dependencies"),
        pip=tuple(file.pip),
        pip_repositories=tuple(file.pip_repositories),
        driver=file.driver,
        gpus=names.gpus(file.gpus),
        align=file.align,
        exclude_newer=file.exclude_newer,
        template=file.template,
        addresses={"": document.at(), **{key: document.at(key) for key in document.data}},
    )


def _raw(document: Document, *path: str) -> str:
    value: Any = document.data
    for part in path:
        value = value.get(part, "") if isinstance(value, Mapping) else ""
    return str(value)


class _Names:
    """Turns the names of one project file into nouns; an unknown one is an error with its address and a suggestion."""

    def __init__(self, document: Document, matrix: Matrix) -> None:
        self.document = document
        self.matrix = matrix
        self.owners = {name: framework for framework in matrix.frameworks.values() for name in framework.companions}

    def at(self, *path: str | int) -> Address:
        return self.document.at(*path)

    def python(self, found: SpecifierSet) -> SpecifierSet:
        known = sorted(self.matrix.pythons)
        patch = [str(part) for part in found if len(part.version.removesuffix(".*").split(".")) > 2]
        if patch:
            hint = "write minors, 3.12 and not 3.12.4: the solver takes the newest patch release"
            raise BadInput(f"python: {patch[0]} names a patch release", where=self.at("python"), hint=hint)
        if known and not any(version in found for version in known):
            hint = f"the matrices know python {known[0]} to {known[-1]}"
            raise BadInput(f"python: no known minor is in {_raw(self.document, 'python')}", where=self.at("python"), hint=hint)
        return found

    def wish(self, name: str, row: FrameworkRow) -> Wish:
        path = ("frameworks", name)
        framework = self.matrix.frameworks.get(name)
        if framework is None:
            raise BadInput(f"no framework `{name}` in matrices/", where=self.at(*path), hint=closest(name, self.matrix.frameworks))
        if row.provider is not None and row.provider not in framework.providers:
            hint = closest(row.provider, framework.providers)
            raise BadInput(f"{name} has no provider `{row.provider}`", where=self.at(*path, "provider"), hint=hint)
        for index, companion in enumerate(row.companions):
            if companion not in framework.companions:
                hint = closest(companion, framework.companions)
                raise BadInput(f"`{companion}` does not follow {name}", where=self.at(*path, "with", index), hint=hint)
        text = _raw(self.document, *path, "version") or _raw(self.document, *path)
        text = text if row.version != SpecifierSet() else "any version"
        return Wish(name, row.version, text, row.provider, tuple(row.companions), self.at(*path))

    def target(self, index: int, name: str, row: TargetRow) -> TargetWish:
        listed = isinstance(self.document.data["targets"], list)
        path: tuple[str | int, ...] = ("targets", index if listed else name)
        if name not in self.matrix.targets:
            raise BadInput(
                f"no target `{name}` in matrices/targets.yaml", where=self.at(*path), hint=closest(name, self.matrix.targets)
            )
        platforms = self.platforms(row.platforms, *path, "platforms") if row.platforms is not None else None
        extra = self.dependencies(row.dependencies, *path, "dependencies")
        return TargetWish(name, self.at(*path), platforms, row.virtual_packages, extra)

    def platforms(self, found: list[str], *path: str | int) -> tuple[Platform, ...]:
        known = {platform for target in self.matrix.targets.values() for platform in target.platforms}
        for index, platform in enumerate(found):
            if platform not in known:
                raise BadInput(f"no target serves `{platform}`", where=self.at(*path, index), hint=closest(platform, known))
        return tuple(sorted(set(found)))

    def dependencies(self, found: list[str], *path: str | int) -> tuple[Dependency, ...]:
        return tuple(self.dependency(spec, self.at(*path, index)) for index, spec in enumerate(found))

    def dependency(self, spec: str, at: Address) -> Dependency:
        match = re.fullmatch(_SPEC, spec)
        name = match[1].lower() if match else spec
        owner: Framework | None = self.owners.get(name)
        if owner:
            hint = f"write it as `{owner.name}: {{version: ..., with: [{name}]}}`, so that it gets the same CPU or CUDA build"
            raise BadInput(f"`{name}` follows {owner.name} and belongs to frameworks:", where=at, hint=hint)
        if name in self.matrix.frameworks or name == "python":
            hint = "envgen chooses its build for every target; write only the version there"
            raise BadInput(f"`{name}` belongs to {'python:' if name == 'python' else 'frameworks:'}", where=at, hint=hint)
        return Dependency(spec, name, at)

    def gpus(self, found: list[str]) -> tuple[str, ...]:
        for index, name in enumerate(found):
            if name.lower() not in self.matrix.gpus and not re.fullmatch(r"[0-9]{1,3}\.[0-9]", name):
                hint = f'{closest(name.lower(), self.matrix.gpus)} A compute capability such as "8.0" will do as well.'
                raise BadInput(f"no GPU `{name}` in matrices/gpus.yaml", where=self.at("gpus", index), hint=hint)
        return tuple(found)
