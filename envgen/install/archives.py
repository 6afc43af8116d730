"""The files of locked packages, conda's and pip's, and their places in a folder that is carried to a site without network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from envgen.channels.channel import redacted
from envgen.channels.recorded import key_of
from envgen.install.platform_lock import PlatformLock, archive_hash
from envgen.model.errors import BadInput, CheckFailed
from envgen.model.packages import LockedPackage

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One file. `place` is its path in the folder, `digest` its hash in hex, `size` its bytes where a record says so."""

    name: str
    url: str
    place: str
    kind: Literal["sha256", "md5"]
    digest: str
    size: int | None = None

    def is_at(self, path: Path) -> bool:
        """Whether a path holds this file. Reads all of it, unless its size tells."""
        return path.is_file() and self.size in (None, path.stat().st_size) and digest(path, self.kind) == self.digest


def archive(package: LockedPackage, size: int | None = None) -> Archive:
    """The file of a locked package. Raises BadInput for a URL that is not that of a package."""
    kind: Literal["sha256", "md5"] = "sha256" if package.sha256 else "md5"
    digest = archive_hash(package)
    return Archive(name=package.name, url=package.url, place=_place(package), kind=kind, digest=digest, size=size)


def _place(package: LockedPackage) -> str:
    """As in any index folder, `<channel>/<subdir>/<file>`; what is pip's, below `pip/` by its hash."""
    if package.manager == "conda":
        return key_of(package.url)
    file = unquote(package.url.partition("#")[0].rsplit("/", 1)[-1])
    if not file or file != Path(file).name or "\\" in file:
        raise BadInput(f"{package.name}: not the URL of a file: {redacted(package.url)}", where=package.at)
    return f"pip/{package.sha256}/{file}"


def digest(path: Path, kind: str) -> str:
    """The hash of a file, in hex."""
    found = hashlib.new(kind, usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            found.update(piece)
    return found.hexdigest()


def wrong_hash(wanted: Archive, fetched: str, where: object, hint: str) -> CheckFailed:
    """The error for a file that is not what its lock says."""
    what = f"the hash of {wanted.name} does not match the lock\n  locked  {wanted.kind} {wanted.digest}"
    return CheckFailed(f"{what}\n  fetched {wanted.kind} {fetched}", where=where, hint=hint)


def in_folder(locked: PlatformLock, folder: Path) -> PlatformLock:
    """The same packages, each from its file in a folder. Raises BadInput where the folder lacks one."""
    files = {dist: folder.absolute() / archive(package).place for dist, package in locked.conda.items()}
    wheels = {package: folder.absolute() / archive(package).place for package in locked.pip}
    missing = [path for path in (*files.values(), *wheels.values()) if not path.is_file()]
    if missing:
        more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
        hint = "`envgen index export` makes a folder with every package of the committed locks"
        raise BadInput(f"no such package{more}", where=missing[0], hint=hint)
    return replace(locked, files=files, pip=tuple(replace(package, url=path.as_uri()) for package, path in wheels.items()))


def check_all(files: Mapping[LockedPackage, Path]) -> None:
    """Compare files with the hashes that their lock has for them. Raises CheckFailed, and BadInput where one cannot be read."""
    for package, path in files.items():
        wanted = archive(package)
        try:
            fetched = digest(path, wanted.kind)
        except OSError as error:
            raise BadInput(f"cannot be read: {error.strerror or error}", where=path, hint="nothing was installed") from None
        if fetched != wanted.digest:
            raise wrong_hash(wanted, fetched, path, "copy it again, or remove it and export again; nothing was installed")
