"""Whether conda installs what pip is about to install: known for certain only once the files of conda's packages are there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from packaging.utils import canonicalize_name

from envgen.formats.installed import META
from envgen.formats.installed_files import listed_files, read_record
from envgen.model.errors import CheckFailed
from envgen.model.packages import LockedPackage


def refuse_provided(stage: Path, wheels: Sequence[LockedPackage], folders: Sequence[Path]) -> None:
    """Raise CheckFailed where a conda package has installed a pip package: pip would remove its files.

    `folders` are those of modules. A lock has both where neither the record nor the matrices tell conda's name of the package.
    """
    named = {canonicalize_name(wheel.name) for wheel in wheels}
    for info in (path for folder in folders for path in sorted(folder.glob("*.dist-info"))):
        name = canonicalize_name(info.name.removesuffix(".dist-info").rpartition("-")[0])
        owner = _owner(stage, info.relative_to(stage).as_posix()) if name in named else ""
        if owner:
            row = f"`{{conda: [{owner}], pip: [{name}], role: user}}`"
            hint = f"add {row} to `packages:` in a file of matrices/, and run `envgen lock`; nothing was installed"
            raise CheckFailed(f"pip package {name} is installed by conda, too, as {owner}", hint=hint)


def _owner(stage: Path, info: str) -> str:
    """The conda package that has a dist-info folder; "" for none."""
    for path in sorted((stage / META).glob("*.json")):
        record = read_record(path)
        if any(file.startswith(f"{info}/") for file in listed_files(record)):
            return str(record.get("name"))
    return ""
