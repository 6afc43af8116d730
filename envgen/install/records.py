"""Complete records of locked packages: a lock has names, URLs and hashes, an environment needs all that a channel says.

They come from the recorded index, which has what the solver read; what it does not have comes from the archives.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rattler import MatchSpec, PackageRecord, RepoDataRecord
from rattler.exceptions import InvalidMatchSpecError, InvalidPackageNameError, InvalidUrlError, InvalidVersionError
from rattler.package.build_string import BuildString

from envgen.channels.channel import bare, locate
from envgen.channels.index import FolderIndex
from envgen.formats.json_text import UNREADABLE
from envgen.install.contents import leads_out
from envgen.install.platform_lock import PlatformLock, dist_name
from envgen.model.errors import BadInput, EnvgenError
from envgen.model.layout import Layout
from envgen.model.packages import LockedPackage

_FROM_ARCHIVE = (
    *("arch", "platform", "noarch", "constrains", "features", "track_features", "license", "license_family", "timestamp"),
    *("python_site_packages_path", "extra_depends", "flags"),
)


def recorded(layout: Layout, locked: PlatformLock) -> dict[str, RepoDataRecord]:
    """name-version-build -> record, for the packages that the recorded index has with the hash of the lock.

    An index that is missing or damaged has none.
    """
    try:
        index = FolderIndex(layout.index, layout.shown(layout.index))
        found = {dist: _in_index(index, package, locked) for dist, package in locked.conda.items()}
    except EnvgenError:
        return {}
    return {dist: record for dist, record in found.items() if record}


def _in_index(index: FolderIndex, package: LockedPackage, locked: PlatformLock) -> RepoDataRecord | None:
    base, _, file = bare(package.url).rsplit("/", 2)
    for record in index.records(package.name, locate(base), locked.platform):
        if record.file_name == file and _is_named(record, dist_name(file)) and _has_hash(record, package):
            return _with_hashes(record, package)
    return None


def _is_named(record: RepoDataRecord, dist: str) -> bool:
    """Whether a record says of itself what its file is called: it becomes the names of files and folders."""
    folder = record.python_site_packages_path
    return f"{record.name.normalized}-{record.version}-{record.build}" == dist and not (folder and leads_out(folder))


def _has_hash(record: RepoDataRecord, package: LockedPackage) -> bool:
    pairs = ((record.sha256, package.sha256), (record.md5, package.md5))
    return next((one.hex() == other for one, other in pairs if one and other), False)


def from_lock(package: LockedPackage) -> RepoDataRecord:
    """What the lock alone says of a package: enough to fetch it. Raises BadInput if rattler cannot read it."""
    base, subdir, file = bare(package.url).rsplit("/", 2)
    try:
        record = PackageRecord(
            name=package.name,
            version=package.version,
            build=BuildString(package.build),
            build_number=0,
            subdir=subdir,
            depends=list(package.depends),
        )
        found = RepoDataRecord(record, file_name=file, url=f"{base}/{subdir}/{file}", channel=f"{base}/")
        return _with_hashes(found, package)
    except (ValueError, InvalidVersionError, InvalidPackageNameError, InvalidUrlError) as error:
        hint = "restore the lock from git, or run `envgen lock`"
        raise BadInput(f"{package.name} cannot be read: {error}", where=package.at, hint=hint) from None


def completed(record: Mapping[str, Any], *, from_lock_alone: bool) -> dict[str, Any]:
    """The record of an installed package, with what its archive says where the record says nothing.

    The archive is the folder that the package was linked from. What the record says goes first: a channel may have corrected it
    since the package was built. The dependencies in a lock have no build strings; the archive's are taken where they agree.
    """
    path = Path(str(record.get("extracted_package_dir"))) / "info" / "index.json"
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        number = {"build_number": int(index["build_number"])}
    except (*UNREADABLE, TypeError, KeyError) as error:
        raise BadInput(f"cannot be read: {error}", where=path, hint="remove this folder and try again") from None
    paths = {"paths_data": {**record["paths_data"], "paths": [_path(entry) for entry in record["paths_data"]["paths"]]}}
    depends = {"depends": index["depends"]} if from_lock_alone and _agree(record["depends"], index.get("depends", ())) else {}
    return {
        **record,
        **number,
        **depends,
        **paths,
        **{key: index[key] for key in _FROM_ARCHIVE if index.get(key) and not record.get(key)},
    }


def _path(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a record says of a path. rattler hashes the target of a link, where conda expects the hash of what it leads to."""
    return {key: value for key, value in entry.items() if entry.get("path_type") != "softlink" or key != "sha256_in_prefix"}


def _agree(locked: Iterable[str], archived: Iterable[str]) -> bool:
    """Whether a lock has the dependencies of an archive: for each package one of its versions, without the build."""
    have, want = ({_version(spec) for spec in specs} for specs in (archived, locked))
    return want <= have and {name for name, _ in have} == {name for name, _ in want}


def _version(spec: str) -> tuple[str, str]:
    """The name and the version of a dependency, in one spelling."""
    try:
        found = MatchSpec(spec, strict=False)
    except InvalidMatchSpecError:  # an old package: there is nothing to agree on but the text
        return spec, ""
    return str(found.name), str(found.version or "*")


def spelled(spec: str) -> str:
    """A spec as rattler writes it; as it is, if only other tools understand it."""
    try:
        return str(MatchSpec(spec, strict=False))
    except InvalidMatchSpecError:
        return spec


def _with_hashes(record: RepoDataRecord, package: LockedPackage) -> RepoDataRecord:
    record.sha256 = bytes.fromhex(package.sha256) if package.sha256 else None
    record.md5 = bytes.fromhex(package.md5) if package.md5 else None
    return record
