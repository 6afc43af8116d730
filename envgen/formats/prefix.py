"""Reads installed environments: the records in `conda-meta/`, and what pip put beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from envgen.formats.installed_files import items_of
from envgen.formats.json_text import parsed
from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.facts import Platform
from envgen.model.packages import Lock, LockedPackage
from envgen.yamlfile.text import text_of

_METADATA = re.compile(r"\.(?:dist|egg)-info/(?:METADATA|PKG-INFO)$")


def read_prefix(prefix: Path, shown: str) -> Lock:
    """What an environment's `conda-meta/` says is installed, and what pip put beside it."""
    meta = prefix / "conda-meta"
    if not meta.is_dir():
        hint = "give the folder that contains conda-meta/, or a lock"
        raise BadInput("not a conda environment: it has no conda-meta/", where=shown, hint=hint)
    records = [_record(path, f"{shown}/conda-meta/{path.name}") for path in sorted(meta.glob("*.json"))]
    platform = next((str(subdir) for record in records if (subdir := record.get("subdir")) not in (None, "noarch")), "noarch")
    conda = [_installed(record, platform, f"{shown}/conda-meta") for record in records]
    owned = {str(file) for record in records for file in items_of(record, "files") if _METADATA.search(str(file))}
    return Lock(shown=shown, format="prefix", environment=prefix.name, packages=(*conda, *_by_pip(prefix, platform, owned, shown)))


def read_folders(folders: Iterable[Path], platform: Platform) -> tuple[LockedPackage, ...]:
    """The distributions in the folders that a Python imports from, in their order; of several with one name the first counts."""
    found: dict[str, LockedPackage] = {}
    for each in distributions(path=[str(folder) for folder in folders]):
        if _name(each):
            package = _distribution(each, platform, "")
            found.setdefault(package.name, package)
    return tuple(found.values())


def _record(path: Path, shown: str) -> Mapping[str, Any]:
    hint = "reinstall that package, or the environment"
    record = parsed(text_of(path, shown, absent=hint), shown, hint)
    if not isinstance(record, dict) or not {"name", "version", "build"} <= record.keys():
        raise BadInput("not a package record: name, version or build is missing", where=shown, hint="reinstall that package")
    return record


def _installed(record: Mapping[str, Any], platform: Platform, folder: str) -> LockedPackage:
    return LockedPackage(
        name=str(record["name"]),
        version=str(record["version"]),
        build=str(record["build"]),
        manager="conda",
        platform=platform,
        url=str(record.get("url") or ""),
        md5=str(record.get("md5") or "") or None,
        sha256=str(record.get("sha256") or "") or None,
        depends=tuple(map(str, items_of(record, "depends"))),
        constrains=tuple(map(str, items_of(record, "constrains"))),
        at=Address(f"{folder}/{record['name']}-{record['version']}-{record['build']}.json", 1, 1),
    )


def pip_versions(prefix: Path) -> dict[str, str]:
    """Canonical name -> version of every distribution in site-packages, whoever installed it."""
    return {package.name: package.version for package in _by_pip(prefix, "noarch", set(), "")}


def site_packages(prefix: Path) -> tuple[Path, ...]:
    """The folders of an environment's modules, each once: conda's python also has a link lib/python3.1 -> python3.12."""
    folders = (*sorted(prefix.glob("lib/python*/site-packages")), *prefix.glob("Lib/site-packages"))
    return tuple(folder for folder in folders if not folder.parent.is_symlink())


def _by_pip(prefix: Path, platform: Platform, owned: set[str], shown: str) -> Iterator[LockedPackage]:
    """Distributions in site-packages whose metadata no conda package brought."""
    for found in distributions(path=[str(folder) for folder in site_packages(prefix)]):
        home = _home(found)
        inside = home.relative_to(prefix).as_posix() if home.is_relative_to(prefix) else str(home)
        if _name(found) and not any(file.startswith(f"{inside}/") for file in owned):
            yield _distribution(found, platform, f"{shown}/{inside}")


def _name(found: Distribution) -> str | None:
    """The name of a distribution; None where its metadata is a file, which is distutils' own: only conda's packages have those."""
    name: str | None = found.metadata["Name"] if _home(found).is_dir() else None
    return name


def _distribution(found: Distribution, platform: Platform, shown: str) -> LockedPackage:
    return LockedPackage(
        name=canonicalize_name(str(_name(found))),
        version=found.version,
        build="",
        manager="pip",
        platform=platform,
        depends=tuple(need for need in found.requires or () if "extra ==" not in need),
        at=Address(shown or str(_home(found)), 1, 1),
    )


def _home(found: Distribution) -> Path:
    """The folder of a distribution's metadata."""
    return Path(str(getattr(found, "_path", "")))
