"""The lines of `pip:`: a requirement, a package in a folder, or an option of pip, which has a key of its own here. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.facts import Reason
from envgen.model.pip import LocalPackage, PipIndex
from envgen.project.schema import PipIndexRow, repository_hint
from envgen.yamlfile.document import Document

_OPTION = re.compile(r"(?P<option>--?[A-Za-z][\w-]*)(?:[\s=]+(?P<value>.+))?")
_PATH = re.compile(r"(?P<path>\.{1,2}(?:[/\\].*?)?|[/~].*?|[A-Za-z]:[/\\].*?|file:.*?)\s*(?P<extras>\[[\w\s,.-]+\])?")
_FILE = re.compile(r".*\.(?:whl|zip|tar\.gz)", re.IGNORECASE)  # as a name it has letters that a package may have, too
_INSTEAD = {
    **dict.fromkeys(("-r", "--requirement"), "write the lines of {value} as items of `pip:`"),
    **dict.fromkeys(("-c", "--constraint"), "write the bounds of {value} as requirements, or as `dependencies:` for conda"),
    **dict.fromkeys(("-i", "--index-url"), "write `pip-repositories: [{value}]`"),
    "--extra-index-url": "write `pip-indexes: {{NAME: {{url: {value}, packages: [PACKAGE]}}}}`",
    **dict.fromkeys(("-f", "--find-links"), "write `find-links: [{value}]`"),
    "--no-binary": "write `pip-build: [{value}]`",
    "--only-binary": "remove it: only wheels are taken, unless `pip-build:` names the package",
    "--pre": "write a version that is a pre-release, such as `PACKAGE >=2.0rc1`",
    "--no-deps": "remove it: conda's packages count as they are, and what else a package needs is locked",
}
_NO_OPTION = "remove it: options of pip do not belong to `pip:`; `envgen help pip` has the keys that there are"


def local_package(text: str, at: Address) -> LocalPackage | None:
    """The package in a folder that a line is about; None for a requirement. Raises BadInput for any other option of pip."""
    found = _OPTION.fullmatch(text.strip())
    if found is None:
        return _in_folder(text.strip(), at, editable=False)
    option, value = found["option"], (found["value"] or "").strip()
    if option in ("-e", "--editable") and (package := _in_folder(value, at, editable=True)):
        return package
    hint = _INSTEAD.get(option, _NO_OPTION).format(value=value or "...")
    if option in ("-e", "--editable"):
        hint = repository_hint(value) or "write a folder, such as `-e .` or `-e ./packages/mine`"
    raise BadInput(f"`{option}` is an option of pip, not a requirement", where=at, hint=hint)


def _in_folder(text: str, at: Address, *, editable: bool) -> LocalPackage | None:
    """A path, with extras or without; None for other text."""
    found = _PATH.fullmatch(text)
    return LocalPackage(path=found["path"], editable=editable, at=at, extras=found["extras"] or "") if found else None


def local_note(package: LocalPackage) -> Reason:
    """That a package in a folder is not locked, nor what it needs."""
    kind = "an editable package" if package.editable else "a package in a folder"
    what = f"`{package}`, {kind}, is not locked: `envgen install` installs it after the lock, without dependencies"
    return Reason(f"{what}; list what {package.extras} needs under `pip:`" if package.extras else what, package.at)


def check_requirement(text: str, at: Address, build: Collection[str]) -> None:
    """Raise BadInput for what is not a requirement (PEP 508), and for a repository whose package is not allowed to be built."""
    try:
        found = Requirement(text)
    except InvalidRequirement as error:
        hint = 'for example "einops >=0.8", "name @ git+https://host/name@rev", or "-e ." for a folder'
        hint = repository_hint(text) or hint
        cause = str(error).split("\n", 1)[0]
        raise BadInput(f"`{text}` is not a requirement: {cause}", where=at, hint=hint) from None
    if found.url and found.url.startswith("file:"):
        raise BadInput(f"`{text}` is a file of this machine", where=at, hint="write its path alone, such as ./packages/mine")
    if _FILE.fullmatch(found.name) and not found.url:
        raise BadInput(
            f"`{text}` is the name of a file, not of a package", where=at, hint=f"write its path, such as ./{found.name}"
        )
    name = canonicalize_name(found.name)
    if found.url and "+" in found.url.split("://", maxsplit=1)[0] and name not in build:
        hint = f"if you trust it, allow that with `pip-build: [{name}]`"
        raise BadInput(f"`{text}` is built from its repository, which runs code from it", where=at, hint=hint)


def pip_indexes(document: Document, rows: Mapping[str, PipIndexRow]) -> tuple[PipIndex, ...]:
    """The indexes with a purpose. Raises BadInput for a package that two of them name."""
    found = []
    taken: dict[str, str] = {}
    for name, row in rows.items():
        packages = tuple(_normal(package) for package in row.packages)
        for place, package in enumerate(packages):
            if taken.setdefault(package, name) != name:
                what = f"`{row.packages[place]}` is to come from `{taken[package]}` and from `{name}`"
                raise BadInput(what, where=document.at("pip-indexes", name, "packages", place), hint="keep it in one of the two")
        found.append(PipIndex(name=name, url=row.url, packages=packages, at=document.at("pip-indexes", name)))
    return tuple(found)


def _normal(glob: str) -> str:
    return re.sub(r"[-_.]+", "-", glob).lower()
