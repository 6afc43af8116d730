"""A package spec in parts: a conda spec in any of its forms, or a requirement of pip. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from packaging.requirements import Requirement

from envgen.model.errors import BadInput
from envgen.model.text import one_line

EXAMPLE = 'for example "name >=2.5,<3"'
_LONGEST = 200  # letters of a spec
_HEAD = re.compile(
    r"(?:(?P<channel>[^\s:]+)::)?(?P<name>[A-Za-z0-9_][\w.-]*)\s*(?:\[(?P<extras>[^\]=]*)\]\s*)?(?P<rest>(?:[\s=<>!~\[].*)?)"
)
_PART = r"[=<>!~]{0,3}\s*[\w.*+!-]+"
_REST = re.compile(rf"(?P<version>{_PART}(?:\s*,\s*{_PART})*)?(?:(?:\s+|\s*=\s*)(?P<build>[\w.*]+))?")
_LABEL = re.compile(r"\+([A-Za-z0-9.]+)")
_ONE_BUILD = ("build_number", "file_name", "md5", "sha256", "url")  # keys of a MatchSpec that select one build, or few


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageSpec:
    """A package spec in parts. `rest` is what follows name and extras, the version and the build, not parsed yet."""

    text: str
    name: str = ""  # "" for what is not a spec of a named package
    extras: tuple[str, ...] = ()
    rest: str = ""
    channel: str = ""
    conditional: bool = False  # it has an environment marker of pip


def conda_spec(text: str) -> PackageSpec:
    """A conda spec in parts: `channel::name=2.5`, `name >=12,<13`, `name[extra] 0.7.*`, `name[version=2.5]`."""
    plain = text.strip()
    match = _HEAD.fullmatch(plain) if len(plain) < _LONGEST else None
    if match is None:
        return PackageSpec(text=plain)
    extras = tuple(part.strip() for part in (match["extras"] or "").split(",") if part.strip())
    return PackageSpec(text=plain, name=match["name"], extras=extras, rest=match["rest"].strip(), channel=match["channel"] or "")


def pip_spec(text: str) -> PackageSpec:
    """A requirement of pip in parts; without a name where it is a URL or a file. Conda's spelling is read as a conda spec."""
    try:
        found = Requirement(text)
        rest = str(found.specifier)
    except ValueError:  # InvalidRequirement, or a number of more digits than Python reads
        return conda_spec(text)
    return PackageSpec(
        text=text.strip(),
        name="" if found.url else found.name,
        extras=tuple(sorted(found.extras)),
        rest=rest,
        conditional=found.marker is not None,
    )


def without_brackets(spec: PackageSpec, at: object) -> PackageSpec:
    """The spec with the keys of its brackets, `name[version=2.5,build=cuda*,channel=x]`, in their places: rattler reads them.

    Raises BadInput for a spec that cannot be parsed, and for keys that select one build or one platform.
    """
    if "[" not in spec.rest and "/" not in spec.channel:
        return spec
    from rattler import MatchSpec
    from rattler.exceptions import InvalidMatchSpecError

    try:
        found = MatchSpec(spec.text, strict=False)
    except InvalidMatchSpecError as error:
        cause = one_line(str(error).partition("\n")[0])
        raise BadInput(f"`{spec.text}` cannot be parsed: {cause}", where=at, hint=EXAMPLE) from None
    keys = [key for key in _ONE_BUILD if getattr(found, key, None) is not None]
    if keys:
        hint = "write version and build alone: `name[version=2.5,build=cuda*]`"
        raise BadInput(f"`{spec.text}` selects a build by its {keys[0]}, but envgen chooses the build", where=at, hint=hint)
    if found.subdir:
        hint = "remove it: `platforms:` says where it is wanted"
        raise BadInput(f"`{spec.text}` is for {found.subdir} alone, but a framework is for the whole project", where=at, hint=hint)
    rest = f"{found.version or '*'} {found.build or ''}".strip()
    return replace(spec, rest=rest, channel=(found.channel.name or "") if found.channel else "")


def version_and_builds(spec: PackageSpec, at: object) -> tuple[str, list[str]]:
    """The version in a spec, and what names its build: the labels of local versions, the build string. Raises BadInput."""
    match = _REST.fullmatch(spec.rest)
    if match is None:
        alternatives = "|" in spec.rest
        what = "is one version or another, which envgen does not read" if alternatives else "cannot be parsed"
        raise BadInput(f"`{spec.text}` {what}", where=at, hint=EXAMPLE)
    version = match["version"] or ""
    if version.startswith("=") and not version.startswith("=="):
        version = version[1:].strip()
    builds = [*_LABEL.findall(version), *([match["build"]] if (match["build"] or "*").strip("*") else [])]
    return _LABEL.sub("", version), builds
