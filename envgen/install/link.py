"""Install the conda packages of a lock with rattler: fetch, check every hash, link. Packages' link scripts are not run."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rattler import PackageRecord, PrefixRecord, RepoDataRecord, install
from rattler.exceptions import CacheDirError, InstallerError, IoError, LinkError, TransactionError
from rattler.install import InstallerReporter
from rattler.networking import Client
from rattler.package.build_string import BuildString
from rattler.package_cache import PackageCache, ValidationMode
from rattler.package_streaming import download_bytes

from envgen.channels.channel import ChannelLocation, bare, locate, redacted
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
class PlatformLock:
    """A lock's content for one platform: rattler's records, the pip packages, and the channels of the lock."""

    records: tuple[RepoDataRecord, ...]
    pip: tuple[LockedPackage, ...]
    channels: tuple[ChannelLocation, ...]

    @property
    def packages(self) -> Mapping[str, str]:
        """name-version-build -> hash of the archive in hex: the sha256, or the md5 if the lock has no sha256."""
        return {_dist_name(record): _hash(record) for record in self.records}


def read(text: str, shown: str, platform: Platform) -> PlatformLock:
    """The packages of a lock for a platform. `shown` is the lock's path in messages.

    URLs of private channels are stripped of their credentials; the client adds these to each request. Raises BadInput if the file
    is not a lock, does not have the platform, or has a package without a hash.
    """
    lock = read_lock(text, shown)
    if platform not in lock.platforms:
        others = ", ".join(sorted(lock.platforms)) or "no platform"
        hint = f"add {platform} to `platforms:` in the project and run `envgen lock`"
        raise BadInput(f"this lock is for {others}, but this machine is {platform}", where=shown, hint=hint)
    selected = [package for package in lock.packages if package.platform == platform]
    conda = [package for package in selected if package.manager == "conda"]
    for package in conda:
        if not package.sha256 and not package.md5:
            hint = "run `envgen lock --update`; envgen only installs packages that it can check"
            raise BadInput(f"{package.name} has no hash in this lock", where=package.at or shown, hint=hint)
    pip = tuple(package for package in selected if package.manager == "pip")
    return PlatformLock(tuple(map(_record, conda)), pip, tuple(map(locate, lock.channels)))


def _record(package: LockedPackage) -> RepoDataRecord:
    """A package as a record for rattler, which reads what is not in the lock from the archive."""
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


def link(
    locked: PlatformLock,
    stage: Path,
    prefix: Path,
    cache: Path,
    replaced: Collection[str],
    client: Client,
    reporter: Reporter,
) -> None:
    """Make the conda packages in `stage` exactly those of a lock, for an environment that will be moved to `prefix`.

    Only fetches and links the difference. `replaced` are packages (name-version-build) to install again although their version
    and build are the same. Checks every archive against its hash when it is fetched, and every file in the package cache when it
    is linked; fetches a damaged package again. Raises CheckFailed if a hash does not match, NoSolution if the network fails,
    BadInput if the disk does.
    """
    try:
        asyncio.run(
            install(
                list(locked.records),
                stage,
                reinstall_packages={record.name.normalized for record in locked.records if _dist_name(record) in replaced},
                execute_link_scripts=False,
                show_progress=False,
                client=client,
                reporter=_Progress(reporter),  # type: ignore[abstract]  # methods that it does not override do nothing
                alternative_target_prefix=prefix,
                package_cache=PackageCache.new_layered([cache], validation_mode=ValidationMode.full()),
            )
        )
    except (InstallerError, IoError, LinkError, TransactionError, CacheDirError) as error:
        raise _failure(str(error), locked.records, client, prefix) from None
    finally:
        reporter.end()


def installed_files(prefix: Path) -> frozenset[str]:
    """Every file that conda packages installed in an environment, relative to it and with forward slashes.

    Raises BadInput if a record in `conda-meta/` is not readable.
    """
    return frozenset(file for path in (prefix / "conda-meta").glob("*.json") for file in _files(path))


def _files(path: Path) -> Iterator[str]:
    try:
        yield from (Path(file).as_posix() for file in PrefixRecord.from_path(path).files)
    except IoError as error:
        raise BadInput(f"cannot be read: {error}", where=path, hint="remove this environment and install it again") from None


def _dist_name(record: RepoDataRecord) -> str:
    return record.file_name.removesuffix(".conda").removesuffix(".tar.bz2")


def _hash(record: RepoDataRecord) -> str:
    return _hex(record.sha256) or _hex(record.md5) or ""


def _hex(found: bytes | None) -> str | None:
    return found.hex() if found else None


class _Progress(InstallerReporter):
    """Reports rattler's progress: one step for each package that is installed or removed."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._names: dict[int, str] = {}

    def on_transaction_start(self, total_operations: int) -> None:
        self._reporter.begin("installing", total_operations)

    def on_link_start(self, operation: int, package_name: str) -> int:
        self._names[operation] = package_name
        return operation

    def on_transaction_operation_complete(self, operation: int) -> None:
        self._reporter.step(self._names.get(operation, "removing"))


# --- errors ---------------------------------------------------------------------------------------------------------------


def _failure(text: str, records: Sequence[RepoDataRecord], client: Client, prefix: Path) -> EnvgenError:
    """Translate rattler's error into one of ours. Its text tells what failed: the disk, the network, or the archive."""
    text = redacted(text)
    named = _FAILED.search(text)
    record = next((record for record in records if named and named[1] in (record.file_name, record.name.normalized)), None)
    if _NETWORK.search(text):
        hint = "check the connection to the channel and try again; packages that were fetched are kept"
        return NoSolution(f"cannot be fetched: {_summary(text)}", where=redacted(record.url) if record else prefix, hint=hint)
    if record and (found := _MISMATCH.search(text)):
        return _wrong_hash(record, found[2])
    if _SYSTEM.search(text):
        hint = "free some space, or choose another folder with --prefix DIR or ENVGEN_CACHE; nothing was changed"
        return BadInput(f"cannot be written: {_summary(text)}", where=prefix, hint=hint)
    if record is None:
        return CheckFailed(f"cannot be installed: {text}", where=prefix, hint="run `envgen verify` on the lock")
    return _damaged(record, client) or CheckFailed(f"{record.name.normalized}: {text}", where=redacted(record.url))


def _damaged(record: RepoDataRecord, client: Client) -> EnvgenError | None:
    """Fetch an archive that rattler could not unpack once more to compute its hash; None if the hash is right."""
    try:
        data = asyncio.run(download_bytes(client, record.url))
    except (OSError, RuntimeError) as error:
        return NoSolution(f"cannot be fetched: {redacted(str(error))}", where=redacted(record.url), hint="try again later")
    fetched = hashlib.sha256(data).hexdigest() if record.sha256 else hashlib.md5(data, usedforsecurity=False).hexdigest()
    return None if fetched == _hash(record) else _wrong_hash(record, fetched)


def _wrong_hash(record: RepoDataRecord, fetched: str) -> CheckFailed:
    name, kind = record.name.normalized, "sha256" if record.sha256 else "md5"
    return CheckFailed(
        f"the hash of {name} does not match the lock\n  locked  {kind} {_hash(record)}\n  fetched {kind} {fetched}",
        where=redacted(record.url),
        hint="the file was changed in the channel or on the way: try another mirror, or lock again; nothing was installed",
    )


def _summary(text: str) -> str:
    """The first line and the innermost cause of an error."""
    lines = [line.removeprefix("Caused by: ") for line in text.splitlines()]
    return lines[-1] if len(lines) < 2 else f"{lines[0]}: {lines[-1]}"
