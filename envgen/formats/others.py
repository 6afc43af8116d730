"""The formats of other tools, read into a Lock: explicit files, pixi.lock, `conda list`, and installed environments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from envgen.formats.beside import of_other_run
from envgen.formats.builds import build_of
from envgen.formats.checked import checked
from envgen.formats.conda_lock import read_lock
from envgen.formats.installed_files import items_of, with_damage
from envgen.formats.json_text import parsed
from envgen.model.errors import BadInput
from envgen.model.facts import Address, Platform
from envgen.model.packages import Lock, LockedPackage
from envgen.yamlfile.text import text_of

if TYPE_CHECKING:
    from rattler import Environment

_PIP_LINE = re.compile(r"#\s*pip\s+(\S+)\s+@\s+(\S+?)(?:#sha256=([0-9a-f]+))?$")  # as conda-lock renders it
_EXPORT = re.compile(r"^[A-Za-z0-9_.-]+=[^=\s]+=[^=\s]+$")
_PLATFORM = re.compile(r"^#\s*(?:platform|subdir):\s*(\S+)", re.MULTILINE)
_PIXI = re.compile(r"^environments:|^  dependencies:(?: \[\]|\n  - )", re.MULTILINE)  # in version 1: conda-lock writes a mapping
_METADATA = re.compile(r"\.(?:dist|egg)-info/(?:METADATA|PKG-INFO)$")
_NESTED = 50  # levels; a pixi.lock has about six, and some brackets in its markers
_URL = re.compile(r"(https?|file)://\S+|\S+\.whl")


def read_any(path: Path, shown: str, *, hashes: bool = False) -> tuple[Lock, ...]:
    """The locks at `path`, a file or an installed environment: one, or from a pixi.lock one for each of its environments.

    The files of an environment are checked by their size, with `hashes` by their content.
    Raises BadInput, with the line where there is one, for what cannot be read or holds no package.
    """
    locks = (with_damage(checked(read_prefix(path, shown)), path, hashes=hashes),) if path.is_dir() else _read(path, shown)
    if not any(lock.packages for lock in locks):
        raise BadInput("it holds no packages", where=shown, hint="give a lock or an environment that has some")
    return locks


def _read(path: Path, shown: str) -> tuple[Lock, ...]:
    text = text_of(path, shown, absent="give a lock, a list or an environment's folder")
    if text.lstrip().startswith("["):
        return (checked(read_list_json(text, shown)),)
    if re.search(r"^@EXPLICIT\s*$", text, re.MULTILINE):
        return (checked(read_explicit(text, shown)),)
    version = re.search(r"^version:\s*(\S+)", text, re.MULTILINE)
    if version and (version[1] != "1" or _PIXI.search(text)):
        return tuple(map(checked, read_pixi(path, text, shown)))
    if version:
        lock = read_lock(text, shown)
        return (replace(lock, of_other_run=of_other_run(lock, text, path.parent)),)
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if lines and all(_EXPORT.match(line) for line in lines):
        return (checked(read_export(text, shown)),)
    return (read_lock(text, shown),)  # raises the error


# --- explicit -------------------------------------------------------------------------------------------------------------


def read_explicit(text: str, shown: str) -> Lock:
    """An `@EXPLICIT` file: urls with `#md5` or `#sha256:...`; conda-lock adds its pip packages as comments."""
    told = _PLATFORM.search(text)
    lines = [(Address(shown, number, 1), line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    urls = [(at, line) for at, line in lines if line and not line.startswith(("#", "@"))]
    for at, line in urls:
        if not build_of(line.partition("#")[0]) or line.count("/") < 3:
            raise BadInput(f"not the url of a conda package: {line}", where=at, hint="an explicit file has one url on each line")
    platform = told[1] if told else _subdir(line for _, line in urls)
    conda = [_of_url(line, platform, at) for at, line in urls]
    pip = [_of_pip(found, platform, at) for at, line in lines if (found := _PIP_LINE.match(line))]
    return Lock(shown=shown, format="explicit", environment="", packages=(*conda, *pip), linked=False)


def _subdir(urls: Iterable[str]) -> Platform:
    """The platform that urls belong to: their subdir that is not `noarch`."""
    return next((subdir for url in urls if (subdir := url.rsplit("/", 2)[-2]) != "noarch"), "noarch")


def _of_url(line: str, platform: Platform, at: Address) -> LockedPackage:
    url, _, digest = line.partition("#")
    kind, _, hexadecimal = digest.rpartition(":")
    sha256 = hexadecimal if kind == "sha256" or len(hexadecimal) == 64 else None
    name, version, build = url.rsplit("/", 1)[-1].removesuffix(".conda").removesuffix(".tar.bz2").rsplit("-", 2)
    md5 = hexadecimal if hexadecimal and not sha256 else None
    return LockedPackage(
        name=name, version=version, build=build, manager="conda", platform=platform, url=url, md5=md5, sha256=sha256, at=at
    )


def _of_pip(found: re.Match[str], platform: Platform, at: Address) -> LockedPackage:
    name, url, sha256 = canonicalize_name(found[1]), found[2], found[3]
    wheel = url.rsplit("/", 1)[-1].replace("%2B", "+").split("-")
    return LockedPackage(
        name=name,
        version=wheel[1] if len(wheel) > 1 else "",
        build="",
        manager="pip",
        platform=platform,
        url=url,
        md5=None,
        sha256=sha256,
        at=at,
    )


# --- pixi -----------------------------------------------------------------------------------------------------------------


def read_pixi(path: Path, text: str, shown: str) -> tuple[Lock, ...]:
    """A pixi.lock of any version that rattler reads."""
    from rattler import LockFile
    from rattler.exceptions import ParseCondaLockError

    conflict = re.search(r"^(<<<<<<< |>>>>>>> )", text, re.MULTILINE)
    if conflict:
        where = Address(shown, text.count("\n", 0, conflict.start()) + 1, 1)
        raise BadInput("this lock has an unresolved merge conflict", where=where, hint="take one side, or run `pixi lock` again")
    if _deepest(text) > _NESTED:  # rattler would read such a file for minutes
        raise BadInput(
            "not a lock: nested too deeply", where=Address(shown, 1, 1), hint="create it again with the tool that made it"
        )
    try:
        found = LockFile.from_path(path).environments()
    except (ParseCondaLockError, ValueError, OSError) as error:
        told = re.search(r"^version:\s*(\S+)", text, re.MULTILINE)
        line = re.search(r"at line (\d+) column (\d+)", str(error))
        where = Address(shown, int(line[1]), int(line[2])) if line else Address(shown, 1, 1)
        what = f"a lock of version {told[1] if told else '?'} that cannot be read: {error}"
        raise BadInput(what, where=where, hint="create it again with the tool that made it, or update envgen") from None
    lines = {url[0]: number for number, line in reversed([*enumerate(text.splitlines(), 1)]) if (url := _URL.search(line))}
    version = re.search(r"^version:\s*(\d+)", text, re.MULTILINE)
    environments = sorted(found, key=lambda item: (item[0] != "default", item[0]))  # rattler gives them in no order
    return tuple(_environment(name, each, f"pixi {version[1] if version else '?'}", shown, lines) for name, each in environments)


def _deepest(text: str) -> int:
    """How deep brackets, or lists in one line, are nested at most. A line that begins with a bracket continues the line before."""
    depth = deepest = 0
    for line in text.splitlines():
        depth = depth if line.lstrip()[:1] in ("[", "{") else 0
        for bracket in re.findall(r"[\[\]{}]", line):
            depth = depth + 1 if bracket in "[{" else max(0, depth - 1)
            deepest = max(deepest, depth)
    return max(deepest, *(len(run) // 2 for run in re.findall(r"(?:[-?:] ){9,}", text)), 0)


def _environment(name: str, environment: Environment, kind: str, shown: str, lines: Mapping[str, int]) -> Lock:
    packages = [
        _pixi_package(item, str(platform), Address(shown, lines.get(item.location, 1), 1))
        for platform in environment.platforms()
        for item in environment.packages(platform) or ()
    ]
    return Lock(
        shown=shown,
        format=kind,
        environment=name,
        packages=tuple(packages),
        channels=tuple(str(channel) for channel in _channels(environment)),
    )


def _channels(environment: Environment) -> Iterator[str]:
    for channel in environment.channels():
        found = re.search(r'url: "([^"]+)"|"([^"]+)"', repr(channel))
        yield (found[1] or found[2]).rstrip("/") if found else str(channel)


def _pixi_package(item: Any, platform: Platform, at: Address) -> LockedPackage:
    record = getattr(item, "package_record", None)
    hashes = item.hashes if getattr(item.hashes, "_hashes", None) else None  # rattler wraps "none" as well
    return LockedPackage(
        name=item.name if hasattr(item, "package_record") else canonicalize_name(item.name),
        version=str(item.version or ""),
        build=str(record.build) if record else "",
        manager="conda" if hasattr(item, "package_record") else "pip",
        platform=platform,
        url=item.location,
        md5=hashes.md5.hex() if hashes and hashes.md5 else None,
        sha256=hashes.sha256.hex() if hashes and hashes.sha256 else None,
        depends=tuple(record.depends if record else getattr(item, "requires_dist", ())),
        constrains=tuple(record.constrains if record else ()),
        at=at,
    )


# --- conda list -----------------------------------------------------------------------------------------------------------


def read_list_json(text: str, shown: str) -> Lock:
    """The output of `conda list --json`, or of mamba's or micromamba's: names, versions, builds, channels."""
    rows = parsed(text, shown, "create it again: conda list --json > FILE")
    if not all(isinstance(row, dict) and {"name", "version"} <= row.keys() for row in rows):
        raise BadInput("not the output of `conda list --json`", where=Address(shown, 1, 1), hint="create it again")
    platform = next((str(p) for row in rows if (p := row.get("platform")) and p not in ("noarch", "pypi")), "noarch")
    return Lock(
        shown=shown,
        format="conda list",
        environment="",
        packages=tuple(_listed(row, platform) for row in rows),
        linked=False,
        hashed=False,
    )


def _listed(row: Mapping[str, Any], platform: Platform) -> LockedPackage:
    pip = row.get("channel") == "pypi" or str(row.get("build_string", "")).startswith("pypi")
    build = "" if pip else str(row.get("build_string") or row.get("build") or "")
    name = canonicalize_name(str(row["name"])) if pip else str(row["name"])
    return LockedPackage(name=name, version=str(row["version"]), build=build, manager="pip" if pip else "conda", platform=platform)


def read_export(text: str, shown: str) -> Lock:
    """The output of `conda list --export`: one name=version=build a line, `pypi_0` for what pip installed."""
    told = _PLATFORM.search(text)
    packages = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            name, version, build = line.strip().split("=")
            pip = build.startswith("pypi_")
            row = {"name": name, "version": version, "build_string": build, "channel": "pypi" if pip else ""}
            found = _listed(row, told[1] if told else "noarch")
            packages.append(replace(found, at=Address(shown, number, 1)))
    return Lock(shown=shown, format="conda list", environment="", packages=tuple(packages), linked=False, hashed=False)


# --- an installed environment ---------------------------------------------------------------------------------------------


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
    found = [_distribution(each, platform, "") for each in distributions(path=[str(folder) for folder in folders]) if _name(each)]
    return tuple({package.name: package for package in reversed(found)}.values())[::-1]


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


def _by_pip(prefix: Path, platform: Platform, owned: set[str], shown: str) -> Iterator[LockedPackage]:
    """Distributions in site-packages whose metadata no conda package brought."""
    folders = [*prefix.glob("lib/python3.*/site-packages"), *prefix.glob("Lib/site-packages")]
    folders = [folder for folder in folders if not folder.parent.is_symlink()]  # conda's python has lib/python3.1 -> python3.12
    for found in distributions(path=[str(folder) for folder in folders]):
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
