"""The schema of `project.yaml`: its keys and values, and the help that an editor shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timezone
from difflib import get_close_matches
from typing import Annotated, Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version
from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from envgen.channels.canonical import CREDENTIALS
from envgen.matrix.channel_field import ChannelText, without_credentials
from envgen.model.dates import MOMENT, NO_DATE, moment
from envgen.model.layout import TEMPLATE
from envgen.model.platforms import PLATFORMS
from envgen.model.ranges import RANGE, VERSION
from envgen.project.limits_schema import BudgetRows, LicensesRow
from envgen.yamlfile.schema import FileModel, RangeText, Text, VirtualName, VirtualText, Written

CUDA_HINT = 'write newest, "12", "12.6" or {driver: "535"}'
OWN_CUDA_HINT = 'write "12.9", or {linux-64: "12.9", win-64: "12.8"}, or none'
SPEC = r"(?:[^\s:#]+::)?([A-Za-z0-9_][A-Za-z0-9_.-]*)\s*(?:[\s=<>!~\[][^#]*)?"
_DRIVER = rf" *(?:>= *)?[Rr]?({VERSION}) *"  # NVIDIA calls the branch 535 R535


_OF_OTHERS = {
    "gpu": "write `cuda: newest` for a CUDA target; `gpus:` lists models of GPUs",
    "name": "remove it: a project is called as its folder is",
    "packages": "packages are listed under `dependencies:`",
    "prefix": "it is a key of environment.yml: `envgen init --from FILE` reads such files",
    "variables": "it is a key of environment.yml: `envgen init --from FILE` reads such files",
}
_SURE = 0.8  # of letters in common: `platform` is `platforms`, and `cudnn` is not `cuda`


def _dependency(value: object) -> str:
    if isinstance(value, str) and value.startswith("__"):
        hint = "write it under `virtual-packages:` of a target; a CUDA target promises `__cuda` without that"
        raise PydanticCustomError("expected_text", "a virtual package is what a machine has, not a dependency", {"hint": hint})
    if isinstance(value, str) and re.fullmatch(SPEC, value) and value.isprintable():
        return value
    raise PydanticCustomError("expected_text", "not a conda spec", {"hint": _spec_hint(value)})


def _spec_hint(value: object) -> str:
    """How to write what was meant for a conda spec."""
    if isinstance(value, dict) and "pip" in value:
        return "requirements of pip are listed under the key `pip:` of the project"
    if isinstance(value, dict) and len(value) == 1 and all(isinstance(part, str | int | float) for part in value.values()):
        name, version = next(iter(value.items()))
        return f'write it as one text, such as "{name} {version}"'
    return 'for example numpy, "pandas >=2" or conda-forge::numpy'


def repository_hint(text: str) -> str:
    """How to write a repository without a name before it, such as `-e git+https://host/x.git#egg=x`; "" for other text."""
    found = re.search(r"(?:^|\s)(git\+[^\s#]+)(?:#(?:\S*&)?egg=([\w.-]+))?", text)
    if not found or "@" in text[: found.start()]:
        return ""
    guess = re.sub(r"(?:\.git)?(?:@.*)?$", "", found[1].split("?", maxsplit=1)[0]).rpartition("/")[2]
    return f'name the package: "{found[2] or guess or "name"} @ {found[1]}"'


def _requirement(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable() or "#" in value:
        hint = repository_hint(value) if isinstance(value, str) else ""
        raise PydanticCustomError("expected_text", "not a requirement", {"hint": hint or 'for example "einops >=0.8"'})
    if re.search(CREDENTIALS, value):
        hint = "put it in an environment variable: https://$NAME:$WORD@host/..."
        raise PydanticCustomError("requirement", "this URL contains a password or token", {"hint": hint})
    return value


def _driver(value: object) -> Version:
    found = re.fullmatch(_DRIVER, value) if isinstance(value, str) else None
    if found:
        return Version(found[1])
    raise PydanticCustomError("expected_text", "not a driver version", {"hint": 'for example ">=535"'})


def _moment(value: object) -> datetime | None:
    """A time with its zone, or None for `none`; a date is its first second in UTC, and a time without a zone is in UTC."""
    if value == NO_DATE:
        return None
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=timezone.utc)
    found = value if isinstance(value, datetime) else moment(value) if isinstance(value, str) else None
    if found is None:
        raise PydanticCustomError("date", "not a date", {"hint": f"for example 2026-06-01, or {NO_DATE}"})
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def _dates(value: object) -> object:
    """A date alone as a mapping with that date."""
    return value if value is None or isinstance(value, dict) else {"default": value}


def _framework(value: object) -> object:
    if value is None:
        raise PydanticCustomError("expected_text", "expected a version range", {"hint": 'write "*" for any version'})
    return value if isinstance(value, dict) else {"version": value}


def _frameworks(value: object) -> object:
    """The mapping; a list of names, or one name, is refused with the mapping that was meant."""
    names = [value] if isinstance(value, str) else value
    misplaced = [key for key in ("version", "provider", "with") if isinstance(value, dict) and key in value]
    if isinstance(value, dict) and misplaced:
        name = next((key for key in value if key not in misplaced), "NAME")
        keys = ", ".join(f"{key}: ..." for key in dict.fromkeys(("version", *misplaced)))
        context = {"key": misplaced[0], "hint": f"write {{{name}: {{{keys}}}}}"}
        raise PydanticCustomError("frameworks", "{key} is a key of one framework", context)
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        return value
    rows = [re.split(r"\s*={1,2}\s*|\s+", name.strip(), maxsplit=1) for name in names]
    meant = ", ".join(f'{name}: "{"".join(version) or "*"}"' for name, *version in rows)
    hint = f"write {{{meant}}}"
    raise PydanticCustomError("frameworks", "expected a mapping of frameworks to versions", {"hint": hint})


def _targets(value: object) -> object:
    """A list of names as a mapping without changes."""
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return {name: {} for name in value}
    if isinstance(value, dict):
        return {name: {} if row is None else row for name, row in value.items()}
    hint = f"write [{value}]" if isinstance(value, str) and value else "for example [cpu, cu126]"
    raise PydanticCustomError("targets", "expected target names", {"hint": hint})


def _cuda(value: object) -> object:
    """A string as a mapping with the version alone."""
    if value is not None and not isinstance(value, str | dict):
        raise PydanticCustomError("expected_text", "expected a string")
    if value == {}:
        raise PydanticCustomError("cuda", "is empty", {"hint": CUDA_HINT})
    return {"version": value} if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class _Either:
    """A value that may be written in a shorter form, too; `schema` makes the JSON Schema of both from that of the long form."""

    schema: Callable[[dict[str, Any]], dict[str, Any]]

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return self.schema(handler(schema))


def _version_or(row: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [{"type": "string", "pattern": RANGE}, row]}


def _text_or(row: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [{"type": "string"}, row]}


def _date_or(row: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [_DATE_SCHEMA, row]}


def _names_or(mapping: dict[str, Any]) -> dict[str, Any]:
    """Names, or a mapping in which a target may be empty. A name may be a target word, so any string is valid."""
    rows = {"anyOf": [mapping["additionalProperties"], {"type": "null"}]}
    names = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    return {"anyOf": [names, {**mapping, "additionalProperties": rows}]}


def _index(value: object) -> str:
    text = _requirement(value)
    if re.fullmatch(r"(?:https?|file)://\S+|/\S+", text):
        return text
    raise PydanticCustomError("index", "not the URL of an index", {"hint": "for example https://wheels.example.com/simple"})


DependencyText = Annotated[str, BeforeValidator(_dependency), WithJsonSchema({"type": "string", "pattern": f"^{SPEC}$"})]
RequirementText = Annotated[str, BeforeValidator(_requirement), without_credentials("^[^#]*$")]
IndexText = Annotated[str, BeforeValidator(_index), without_credentials(r"^((https?|file)://|/)[^\s#]+$")]
WheelName = Annotated[
    str,
    Written(r"[A-Za-z0-9*]([A-Za-z0-9*._-]*[A-Za-z0-9*])?", "not the name of a pip package", "a name such as einops, or my-*"),
]
DriverText = Annotated[Version, BeforeValidator(_driver), WithJsonSchema({"type": "string", "pattern": f"^{_DRIVER}$"})]
_DATE_SCHEMA = {"type": "string", "pattern": f"^(?:{MOMENT}|{NO_DATE})$"}
DateOrNone = Annotated[datetime | None, BeforeValidator(_moment), WithJsonSchema(_DATE_SCHEMA)]
PackageName = Annotated[
    str,
    Written(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", "not the name of a package", "a name such as numpy, without a version or a channel"),
]
PlatformName = Annotated[Text, WithJsonSchema({"enum": list(PLATFORMS)})]


class RequestedFrameworkRow(FileModel):
    """What the project requests of one framework."""

    version: RangeText = Field(default_factory=SpecifierSet, description="A range such as '>=2.5,<3' or '2.7.*'. Left out: any.")
    provider: Text | None = Field(default=None, description="Who publishes it: a provider in the framework's file in matrices/.")
    companions: list[Text] = Field(default=[], alias="with", description="Companions to install with it.")


def _cuda_of(value: object) -> object:
    if isinstance(value, str) or (isinstance(value, dict) and value and all(isinstance(text, str) for text in value.values())):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise PydanticCustomError("expected_text", "expected a string")
    raise PydanticCustomError("target_cuda", "not a CUDA version", {"hint": OWN_CUDA_HINT})


class RequestedTargetRow(FileModel):
    """What the project changes about one target, or (with `cuda`) a target of its own."""

    cuda: Annotated[str | dict[PlatformName, str] | None, BeforeValidator(_cuda_of)] = Field(
        default=None, description="Makes it a target of the project's own: '12.9', one for each platform, or none for CPU."
    )
    platforms: list[PlatformName] | None = Field(default=None, min_length=1, description="Only these of the target's platforms.")
    virtual_packages: dict[VirtualName, VirtualText] = Field(
        default={}, alias="virtual-packages", description="What the project's machines promise in addition: {__glibc: '2.35'}."
    )
    dependencies: list[DependencyText] = Field(default=[], description="Conda specs for this target only.")
    pip: list[RequirementText] = Field(default=[], description="Requirements from PyPI for this target only.")
    driver: DriverText | None = Field(default=None, description="The oldest driver of this target's machines, instead of driver:.")
    gpus: list[Text] = Field(default=[], description="The GPU models of this target's machines, instead of gpus:.")


class CudaRow(FileModel):
    """One more target: the newest CUDA of a version, or for a driver and GPUs."""

    version: Text | None = Field(default=None, description="newest, a major, a minor, a range, or the name of a target.")
    driver: DriverText | None = Field(default=None, description="The oldest driver, as under driver:.")
    gpus: list[Text] = Field(default=[], description="GPU models, as under gpus:.")


class PipIndexRow(FileModel):
    """An index of wheels for the packages that it names."""

    url: IndexText = Field(description="Its URL; write $NAME in place of a credential.")
    packages: list[WheelName] = Field(min_length=1, description="What comes from it, and from nowhere else: [mypackage, 'my-*'].")


class ExcludeNewerRow(FileModel):
    """Up to which date packages count: by package, by channel, and for the rest."""

    default: DateOrNone = Field(default=None, description="For everything that has no date of its own: 2026-06-01, or none.")
    channels: dict[ChannelText, DateOrNone] = Field(default={}, description="For all packages of a channel: {my-channel: none}.")
    packages: dict[PackageName, DateOrNone] = Field(
        default={}, description="For a package, from whatever channel: {numpy: 2026-07-01}."
    )


class NumericsRow(FileModel):
    """What must be the same in all targets because it decides which numbers come out."""

    may_differ: list[Text] = Field(
        default=[], alias="may-differ", description="What may differ all the same: a framework, numpy, scipy, blas."
    )
    also: list[Text] = Field(default=[], description="Conda packages that must have one version, too.")


class ProjectFile(FileModel):
    """What a project requests; `envgen lock` makes one environment for each target of it."""

    @classmethod
    def meant_by(cls, key: object, value: object) -> str:
        """What to write instead of a key of another tool, or of a package as a key."""
        if key in _OF_OTHERS:
            return _OF_OTHERS[str(key)]
        known = [info.alias or name for name, info in cls.model_fields.items()]
        is_package = isinstance(value, str | int | float) and re.fullmatch(SPEC, str(key)) is not None
        sure = get_close_matches(str(key), known, n=1, cutoff=_SURE)
        return f"a package is listed under `dependencies:`, as in [{key}={{written}}]" if is_package and not sure else ""

    python: RangeText = Field(description="A range of minors, such as '>=3.10,<3.13'; one minor is chosen for all targets.")
    frameworks: Annotated[
        dict[Text, Annotated[RequestedFrameworkRow, BeforeValidator(_framework), _Either(_version_or)]],
        BeforeValidator(_frameworks),
    ] = Field(
        default={}, description="Frameworks of the matrices, each with a version range or a mapping; they share one environment."
    )
    targets: Annotated[dict[Text, RequestedTargetRow], Field(min_length=1), BeforeValidator(_targets), _Either(_names_or)] = Field(
        default={}, description="Targets of matrices/targets.yaml: names, or a mapping of names to what the project changes."
    )
    cuda: Annotated[CudaRow | None, BeforeValidator(_cuda), _Either(_text_or)] = Field(
        default=None, description="One more target: newest, a CUDA version, or the newest that a driver and GPUs can run."
    )
    platforms: list[PlatformName] = Field(min_length=1, description="Platforms to lock for; a target keeps those that it supports.")
    channels: list[ChannelText] = Field(
        min_length=1, description="Conda channels in order of priority. Write $NAME in place of a credential."
    )
    dependencies: list[DependencyText] = Field(default=[], description="The project's own conda specs: numpy, 'pandas >=2'.")
    pip: list[RequirementText] = Field(default=[], description="Requirements from PyPI; they are locked, too.")
    pip_repositories: list[IndexText] = Field(
        default=[], alias="pip-repositories", description="Where pip packages come from, instead of the public index."
    )
    pip_indexes: dict[Text, PipIndexRow] = Field(
        default={}, alias="pip-indexes", description="Indexes of wheels, each for the packages that it names, and for no other."
    )
    find_links: list[IndexText] = Field(
        default=[], alias="find-links", description="Pages or folders of wheels that count beside the index."
    )
    pip_build: list[WheelName] = Field(
        default=[], alias="pip-build", description="Pip packages that are built from source, which runs code from them."
    )
    driver: DriverText | None = Field(default=None, description="The oldest NVIDIA driver in use, such as '>=535'.")
    gpus: list[Text] = Field(
        default=[], description="GPU models in use: names in matrices/gpus.yaml, or compute capabilities such as '8.0'."
    )
    align: bool = Field(default=True, description="true: CPU and GPU targets share versions wherever that is possible.")
    exclude_newer: Annotated[ExcludeNewerRow | None, BeforeValidator(_dates), _Either(_date_or)] = Field(
        default=None,
        alias="exclude-newer",
        description="Use the channels as they were on a date: 2026-06-01, or a mapping with other dates for channels and packages.",
    )
    numerics: NumericsRow = Field(
        default_factory=NumericsRow,
        description="Frameworks, numpy, scipy and BLAS must be the same in all targets, unless it says otherwise.",
    )
    budget: BudgetRows = Field(
        default={}, description="What a platform of a target may download: '4 GB', or targets and `default` with a size each."
    )
    licenses: LicensesRow | None = Field(default=None, description="The licences that packages may have.")
    template: Text = Field(default=TEMPLATE, description="The template in templates/ for environment.yml.")
