"""rattler: the packages of a lock into a folder. Fetches, checks every hash, links; never runs a package's own scripts."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rattler import PackageRecord, PrefixRecord, RepoDataRecord, install
from rattler.exceptions import CacheDirError, InstallerError, IoError, LinkError, TransactionError
from rattler.install import InstallerReporter
from rattler.networking import Client
from rattler.package.build_string import BuildString
from rattler.package_cache import PackageCache, ValidationMode
from rattler.package_streaming import download_bytes

from envgen.channels.channel import Place, bare, place, redacted
from envgen.formats.conda_lock import read_lock
from envgen.model.errors import BadInput, CheckFailed, EnvgenError, NoSolution
from envgen.model.facts import Platform
from envgen.model.packages import LockedPackage
from envgen.model.run import Reporter

_MISMATCH = re.compile(r"hash mismatch when extracting .*?expected (\w+), got (\w+)", re.DOTALL)
_FAILED = re.compile(r"failed to (?:fetch|link) (\S+)")
_SYSTEM = re.compile(r"\(os error \d+\)")
_NETWORK = re.compile(
    r"HTTP status|error sending request|client error \(|dns error|error decoding response body|timed out|end of file before"
)


@dataclass(frozen=True, slots=True)
class Locked:
    """What a lock holds for one platform: rattler's records, the pip packages, and the channels that all came from."""

    records: tuple[RepoDataRecord, ...]
    pip: tuple[LockedPackage, ...]
    channels: tuple[Place, ...]

    @property
    def packages(self) -> Mapping[str, str]:
        """name-version-build -> hash of the archive, hex: sha256, or md5 where the lock has no other."""
        return {_stem(record): _hash(record) for record in self.records}


def read(text: str, shown: str, platform: Platform) -> Locked:
    """The packages of a lock for a platform. Raises BadInput for a file that is no lock, and one that lacks the platform.

    Urls of private channels lose what stands for the login; the client adds it to each request again.
    """
    lock = read_lock(text, shown)
    if platform not in lock.platforms:
        there = ", ".join(sorted(lock.platforms)) or "no platform at all"
        hint = f"add {platform} to `platforms:` of the project and run `envgen lock`"
        raise BadInput(f"this lock has nothing for {platform}, which this machine is; it is for {there}", where=shown, hint=hint)
    mine = [package for package in lock.packages if package.platform == platform]
    conda = [package for package in mine if package.manager == "conda"]
    for package in conda:
        if not package.sha256 and not package.md5:
            hint = "run `envgen lock --update`: what cannot be checked is not installed"
            raise BadInput(f"{package.name} has no hash in this lock", where=package.at or shown, hint=hint)
    pip = tuple(package for package in mine if package.manager == "pip")
    return Locked(tuple(map(_record, conda)), pip, tuple(map(place, lock.channels)))


def _record(package: LockedPackage) -> RepoDataRecord:
    """A package as rattler installs it; what a lock does not say of it, the archive says."""
    url = bare(package.url)
    channel, subdir, file = url.rsplit("/", 2)
    number = re.search(r"(?:^|_)(\d+)(?:_\w*)?$", package.build)
    record = PackageRecord(
        name=package.name,
        version=package.version,
        build=BuildString(package.build),
        build_number=int(number[1]) if number else 0,
        subdir=subdir,
        depends=list(package.depends),
        md5=bytes.fromhex(package.md5) if package.md5 else None,
        sha256=bytes.fromhex(package.sha256) if package.sha256 else None,
    )
    return RepoDataRecord(record, file_name=file, url=url, channel=channel)


def link(locked: Locked, stage: Path, prefix: Path, cache: Path, again: Collection[str], client: Client, talk: Reporter) -> None:
    """Make `stage` hold just these packages, as an environment that will stand at `prefix`; only the difference is fetched.

    `again` names packages (name-version-build) to replace although their version is the same. Every archive is checked against
    its hash when it is fetched, and every file of an unpacked one in the cache when it is linked; a damaged one in the cache is
    fetched again. Raises CheckFailed for a wrong archive, NoSolution where the network fails, BadInput where the disk does.
    """
    try:
        asyncio.run(
            install(
                list(locked.records),
                stage,
                reinstall_packages={record.name.normalized for record in locked.records if _stem(record) in again},
                execute_link_scripts=False,
                show_progress=False,
                client=client,
                reporter=_Progress(talk),  # type: ignore[abstract]  # what it does not override does nothing
                alternative_target_prefix=prefix,
                package_cache=PackageCache.new_layered([cache], validation_mode=ValidationMode.full()),
            )
        )
    except (InstallerError, IoError, LinkError, TransactionError, CacheDirError) as error:
        raise _failure(str(error), locked.records, client, prefix) from None
    finally:
        talk.end()


def files(prefix: Path) -> frozenset[str]:
    """The path of every file that a conda package brought into an environment, below it, with forward slashes.

    Raises BadInput about a record that cannot be read.
    """
    found: set[str] = set()
    for path in (prefix / "conda-meta").glob("*.json"):
        try:
            found |= {Path(file).as_posix() for file in PrefixRecord.from_path(path).files}
        except IoError as error:
            raise BadInput(f"cannot be read: {error}", where=path, hint="remove this environment and install it anew") from None
    return frozenset(found)


def _stem(record: RepoDataRecord) -> str:
    return record.file_name.removesuffix(".conda").removesuffix(".tar.bz2")


def _hash(record: RepoDataRecord) -> str:
    return _hex(record.sha256) or _hex(record.md5) or ""


def _hex(found: bytes | None) -> str | None:
    return found.hex() if found else None


class _Progress(InstallerReporter):
    """rattler's events as one bar: a step for each package that is in its place."""

    def __init__(self, talk: Reporter) -> None:
        self._talk = talk
        self._names: dict[int, str] = {}

    def on_transaction_start(self, total_operations: int) -> None:
        self._talk.begin("installing", total_operations)

    def on_link_start(self, operation: int, package_name: str) -> int:
        self._names[operation] = package_name
        return operation

    def on_transaction_operation_complete(self, operation: int) -> None:
        self._talk.step(self._names.get(operation, "removing"))


# --- what went wrong ------------------------------------------------------------------------------------------------------


def _failure(text: str, records: Sequence[RepoDataRecord], client: Client, prefix: Path) -> EnvgenError:
    """The one error of rattler, told apart by its words: the disk, the network, or the archive itself."""
    text = redacted(text)
    named = _FAILED.search(text)
    record = next((record for record in records if named and named[1] in (record.file_name, record.name.normalized)), None)
    if _NETWORK.search(text):
        hint = "try again where the channel can be reached; what was fetched already is kept"
        return NoSolution(f"cannot be fetched: {_last(text)}", where=redacted(record.url) if record else prefix, hint=hint)
    if record and (found := _MISMATCH.search(text)):
        return _wrong(record, found[2])
    if _SYSTEM.search(text):
        hint = "make room, or give another place with --prefix DIR or ENVGEN_CACHE; what was there is as it was"
        return BadInput(f"cannot be written: {_last(text)}", where=prefix, hint=hint)
    if record is None:
        return CheckFailed(f"cannot be installed: {text}", where=prefix, hint="run `envgen verify` on the lock")
    return _damaged(record, client) or CheckFailed(f"{record.name.normalized}: {text}", where=redacted(record.url))


def _damaged(record: RepoDataRecord, client: Client) -> EnvgenError | None:
    """An archive that cannot be read is fetched once more, whole, to know what it is; None if it is the right one."""
    try:
        data = asyncio.run(download_bytes(client, record.url))
    except (OSError, RuntimeError) as error:
        return NoSolution(f"cannot be fetched: {redacted(str(error))}", where=redacted(record.url), hint="try again later")
    got = hashlib.sha256(data).hexdigest() if record.sha256 else hashlib.md5(data, usedforsecurity=False).hexdigest()
    return None if got == _hash(record) else _wrong(record, got)


def _wrong(record: RepoDataRecord, got: str) -> CheckFailed:
    kind = "sha256" if record.sha256 else "md5"
    return CheckFailed(
        f"{record.name.normalized} is not what was locked\n  locked  {kind} {_hash(record)}\n  fetched {kind} {got}",
        where=redacted(record.url),
        hint="the channel, or something on the way, changed the file: try another mirror or lock again; nothing was installed",
    )


def _last(text: str) -> str:
    """The innermost cause, and the first line where that says less."""
    lines = [line.removeprefix("Caused by: ") for line in text.splitlines()]
    return lines[-1] if len(lines) < 2 else f"{lines[0]}: {lines[-1]}"
