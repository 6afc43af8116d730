"""Link the conda packages of a lock with rattler: fetch, check every hash, link, complete the records.

Packages' link scripts are not run.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from rattler import RepoDataRecord, install
from rattler.exceptions import CacheDirError, InstallerError, IoError, LinkError, TransactionError
from rattler.install import InstallerReporter
from rattler.networking import Client
from rattler.package_cache import PackageCache, ValidationMode
from rattler.package_streaming import download_to_writer

from envgen.channels.channel import redacted
from envgen.channels.client import host
from envgen.channels.limits import limits
from envgen.channels.watch import TooLarge, Unreachable, watched
from envgen.formats import installed
from envgen.formats.environment_yml import spec_name
from envgen.formats.installed_files import listed_files, located, read_record, read_records
from envgen.install.archives import check_all
from envgen.install.arrivals import ArchiveHash, PackageArrivals
from envgen.install.contents import ContentJudge
from envgen.install.platform_lock import PlatformLock, dist_name
from envgen.install.records import completed, from_lock, spelled
from envgen.model.errors import BadInput, CheckFailed, EnvgenError, NoSolution
from envgen.model.run import Reporter

_COPIES = "__clobbers__"
_CHANGED = "the file was changed in the channel or on the way: try another mirror, or lock again; nothing was installed"
_MISMATCH = re.compile(r"hash mismatch when extracting .*?expected (\w+), got (\w+)", re.DOTALL)
_FAILED = re.compile(r"failed to (?:fetch|link) (\S+)")
_SYSTEM = re.compile(r"\(os error \d+\)")
_NETWORK = re.compile(
    r"HTTP status|error sending request|client error \(|dns error|error decoding response body|timed out|end of file before"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Linking:
    """One installation: `stage` is filled for an environment that will be moved to `prefix`; `cache` holds the packages.

    `again` are the packages (name-version-build) that are linked although they are there.
    """

    locked: PlatformLock
    stage: Path
    prefix: Path
    cache: Path
    client: Client
    again: frozenset[str] = frozenset()


def link(job: Linking, known: Mapping[str, RepoDataRecord], reporter: Reporter) -> None:
    """Make the conda packages in the stage exactly those of the lock, with complete records. `known` are records in full.

    Only fetches and links the difference. Checks every archive against its hash when it is fetched, and every file in the package
    cache when it is linked; fetches a damaged package again. Raises CheckFailed if a hash does not match, NoSolution if the
    network fails, BadInput if the disk does.
    """
    records = {dist: known.get(dist) or from_lock(package) for dist, package in job.locked.conda.items()}
    own = {dist: {"url": record.url, "channel": record.channel} for dist, record in records.items()}
    old = installed.packages(job.stage) - job.again
    _take_from(_checked_files(job.locked, records.keys() - old), records)
    _locate(job.stage)
    _match_hashes(job.stage, records, old & records.keys())
    _learn_site_packages(job.stage, records)
    try:
        _install(job, records, job.again, reporter)
        _complete(job.stage, {dist: own[dist] for dist in records.keys() - old}, known)
        if _learn_site_packages(job.stage, records):
            moved = {dist for dist, record in read_records(job.stage).items() if record.get("noarch") == "python"}
            _install(job, records, moved, reporter)
            _complete(job.stage, {dist: own[dist] for dist in moved}, known)
    finally:
        reporter.end()
    _tidy(job.stage)
    _request(job.stage, job.locked.requested)


def _install(job: Linking, records: Mapping[str, RepoDataRecord], again: Collection[str], reporter: Reporter) -> None:
    """Let rattler install. Raises CheckFailed for a package that would write outside the environment, and as `link` does."""
    by_name, contents = {record.name.normalized: record for record in records.values()}, ContentJudge(job.cache)
    dists, arrivals = {record.name.normalized: dist for dist, record in records.items()}, PackageArrivals(by_name)
    work = install(
        list(records.values()),
        job.stage,
        reinstall_packages={record.name.normalized for dist, record in records.items() if dist in again},
        execute_link_scripts=False,
        show_progress=False,
        client=job.client,
        reporter=_Progress(reporter, dists, contents, arrivals),  # type: ignore[abstract]  # what it does not override does nothing
        alternative_target_prefix=job.prefix,
        package_cache=PackageCache.new_layered([job.cache], validation_mode=ValidationMode.full()),
    )
    try:
        asyncio.run(watched(work, arrivals, _servers(job), limits(), reporter.say))
    except Unreachable as error:
        error.where, error.hint = job.prefix, f"{error.hint}; packages that were fetched are kept"
        raise
    except TooLarge as error:
        error.where, error.hint = job.prefix, _CHANGED
        raise
    except (InstallerError, IoError, LinkError, TransactionError, CacheDirError) as error:
        raise _refused(records, contents) or _failure(str(error), list(records.values()), job.client, job.prefix) from None
    if refused := _refused(records, contents):  # if rattler had linked it nevertheless: the stage is removed
        raise refused


def _servers(job: Linking) -> str:
    return " or ".join(dict.fromkeys(host(channel) for channel in job.locked.channels)) or "the server"


def _locate(stage: Path) -> None:
    """Say in the records of other tools where files are: rattler removes them by these paths."""
    for path in (stage / installed.META).glob("*.json"):
        record = read_record(path)
        if (found := located(record)) is not record:
            _write(path, found)


def _match_hashes(stage: Path, records: Mapping[str, RepoDataRecord], kept: Iterable[str]) -> None:
    """Drop the hashes that the records of installed packages do not have: else rattler links them again."""
    for dist in kept:
        there = read_record(stage / installed.META / f"{dist}.json")
        records[dist].sha256 = records[dist].sha256 if there.get("sha256") else None
        records[dist].md5 = records[dist].md5 if there.get("md5") else None


def _checked_files(locked: PlatformLock, linked: Iterable[str]) -> dict[str, Path]:
    """The packages that are linked from files: of a folder, or of a channel that is one. Raises CheckFailed for a wrong hash.

    rattler checks the hash of what it fetches from a server, not that of a file.
    """
    own = {dist: urlsplit(package.url) for dist, package in locked.conda.items() if package.url.startswith("file:")}
    files = {**{dist: Path(url2pathname(url.path)) for dist, url in own.items()}, **locked.files}
    found = {dist: files[dist] for dist in linked if dist in files}
    check_all({locked.conda[dist]: path for dist, path in sorted(found.items())})
    return found


def _take_from(files: Mapping[str, Path], records: Mapping[str, RepoDataRecord]) -> None:
    for dist, path in files.items():
        records[dist].url = path.as_uri()


def _complete(stage: Path, linked: Mapping[str, Mapping[str, str]], known: Container[str]) -> None:
    """Add to the records of packages that were just linked what only their archives say; and their own URLs, wherever they lay."""
    for dist, own in linked.items():
        path = stage / installed.META / f"{dist}.json"
        _write(path, {**completed(read_record(path), from_lock_alone=dist not in known), **own})


def _learn_site_packages(stage: Path, records: Mapping[str, RepoDataRecord]) -> bool:
    """Take the folder for Python's packages from the record of the Python in the stage; whether `records` had another one.

    A free-threaded Python has its own folder, which its archive names, and perhaps not the record that it was linked with.
    """
    python = next((record for record in records.values() if record.name.normalized == "python"), None)
    path = stage / installed.META / f"{dist_name(python.url)}.json" if python else None
    if python is None or path is None or not path.is_file():
        return False
    folder, known = read_record(path).get("python_site_packages_path"), python.python_site_packages_path
    python.python_site_packages_path = folder
    return bool(folder != known)


def _tidy(stage: Path) -> None:
    """Remove what rattler leaves in an environment: its cache tag, and the copies of files that several packages have.

    As with conda, each of the packages lists the file in its place.
    """
    tag, copies = stage / "CACHEDIR.TAG", stage / _COPIES
    if tag.is_file() and "rattler" in tag.read_text(encoding="utf-8", errors="replace"):
        tag.unlink()
    if not copies.is_dir():
        return
    for path in (stage / installed.META).glob("*.json"):
        record = read_record(path)
        if any(file.startswith(f"{_COPIES}/") for file in listed_files(record)):
            _write(path, _in_place(record))
    shutil.rmtree(copies)


def _in_place(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record with the paths that its files have in the package."""
    entries = record["paths_data"]["paths"]
    places = {entry["_path"]: entry.get("original_path", entry["_path"]) for entry in entries}
    paths = [{**{k: v for k, v in entry.items() if k != "original_path"}, "_path": places[entry["_path"]]} for entry in entries]
    files = [places.get(file, file) for file in record["files"]]
    return {**record, "files": files, "paths_data": {**record["paths_data"], "paths": paths}}


def _request(stage: Path, specs: Iterable[str]) -> None:
    """Write the requested specs into the records of their packages, and none into the others."""
    requested: dict[str, list[str]] = {}
    for spec in specs:
        requested.setdefault(spec_name(spec), []).append(spelled(spec))
    for path in (stage / installed.META).glob("*.json"):
        record = read_record(path)
        wanted = requested.get(str(record["name"]), [])
        if record.get("requested_specs") != wanted or "requested_spec" in record:  # the latter is what old tools wrote
            _write(path, {**{key: value for key, value in record.items() if key != "requested_spec"}, "requested_specs": wanted})


def _write(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record with one key on each line: to indent the thousands of paths would take ten times as long."""
    lines = (f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in record.items())
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _hash(record: RepoDataRecord) -> str:
    return (record.sha256 or record.md5 or b"").hex()


class _Progress(InstallerReporter):
    """Reports rattler's progress: one step for each package that is installed or removed.

    rattler calls it before it reads what a package consists of, which is the moment to judge that.
    """

    def __init__(self, reporter: Reporter, dists: Mapping[str, str], contents: ContentJudge, arrivals: PackageArrivals) -> None:
        self.contents = contents
        self._arrivals = arrivals
        self._reporter = reporter
        self._dists = dists
        self._names: dict[int, str] = {}

    def on_transaction_start(self, total_operations: int) -> None:
        self._reporter.begin("installing", total_operations)

    def on_populate_cache_start(self, operation: int, package_name: str) -> int:
        self._arrivals.started(operation, package_name)
        return operation

    def on_validate_start(self, cache_entry: int) -> int:
        self._arrivals.validating(cache_entry, now=True)
        return cache_entry

    def on_validate_complete(self, validate_idx: int) -> None:
        self._arrivals.validating(validate_idx, now=False)

    def on_download_start(self, cache_entry: int) -> int:
        return cache_entry

    def on_download_progress(self, download_idx: int, progress: int, total: int | None) -> None:
        self._arrivals.progress(download_idx, progress)

    def on_populate_cache_complete(self, cache_entry: int) -> None:
        self._arrivals.ended(cache_entry)

    def on_link_start(self, operation: int, package_name: str) -> int:
        self._names[operation] = package_name
        self.contents.judge(self._dists[package_name])
        return operation

    def on_transaction_operation_complete(self, operation: int) -> None:
        self._reporter.step(self._names.get(operation, "removing"))


# --- errors ---------------------------------------------------------------------------------------------------------------


def _refused(records: Mapping[str, RepoDataRecord], contents: ContentJudge) -> CheckFailed | None:
    """The error for a package that was refused; None if there is none."""
    for dist, reason in sorted(contents.refused.items()):
        hint = "nothing was installed; do not use this package: tell whoever runs the channel"
        return CheckFailed(f"{dist}: {reason}", where=redacted(records[dist].url), hint=hint)
    return None


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
    fetching = ArchiveHash(record)
    work = download_to_writer(client, record.url, fetching)
    try:
        asyncio.run(watched(work, fetching, urlsplit(record.url).netloc, limits()))
    except (OSError, RuntimeError) as error:
        return NoSolution(f"cannot be fetched: {redacted(str(error))}", where=redacted(record.url), hint="try again later")
    except (TooLarge, Unreachable) as error:
        return NoSolution(error.what, where=redacted(record.url), hint=_CHANGED if isinstance(error, TooLarge) else error.hint)
    fetched = fetching.found.hexdigest()
    return None if fetched == _hash(record) else _wrong_hash(record, fetched)


def _wrong_hash(record: RepoDataRecord, fetched: str) -> CheckFailed:
    name, kind = record.name.normalized, "sha256" if record.sha256 else "md5"
    return CheckFailed(
        f"the hash of {name} does not match the lock\n  locked  {kind} {_hash(record)}\n  fetched {kind} {fetched}",
        where=redacted(record.url),
        hint=_CHANGED,
    )


def _summary(text: str) -> str:
    """The first line and the innermost cause of an error."""
    lines = [line.removeprefix("Caused by: ") for line in text.splitlines()]
    return lines[-1] if len(lines) < 2 else f"{lines[0]}: {lines[-1]}"
