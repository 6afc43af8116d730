"""What arrives of packages while rattler installs them, as its callbacks tell."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping

from rattler import RepoDataRecord

LARGEST = 5_000_000_000  # bytes of a package whose size is in no record


class PackageArrivals:
    """Bytes of downloads. Where nothing is being fetched, packages are checked or linked, and no server is waited for."""

    def __init__(self, records: Mapping[str, RepoDataRecord]) -> None:
        """`records` are by name."""
        self._records = records
        self._names: dict[int, str] = {}
        self._fetching: set[int] = set()
        self._bytes: dict[int, int] = {}

    def started(self, entry: int, name: str) -> None:
        """A package is looked for in the cache, and fetched if it is not there."""
        self._names[entry] = name
        self._fetching.add(entry)

    def validating(self, entry: int, *, now: bool) -> None:
        """A package of the cache is being checked; then it is either good, or fetched."""
        (self._fetching.discard if now else self._fetching.add)(entry)

    def progress(self, entry: int, count: int) -> None:
        """So many bytes of a package have come."""
        self._bytes[entry] = max(count, self._bytes.get(entry, 0))

    def ended(self, entry: int) -> None:
        """A package is in the cache."""
        self._fetching.discard(entry)

    def arrived(self) -> int:
        return sum(self._bytes.values()) + (0 if self._fetching else time.monotonic_ns())

    def excess(self) -> str:
        """A package that is larger than its record says."""
        found = (_excess(self._records[self._names[entry]], count) for entry, count in list(self._bytes.items()))
        return next(filter(None, found), "")

    def unfinished(self) -> bool:
        return False


class ArchiveHash:
    """A writer that only hashes an archive, as its record does."""

    def __init__(self, record: RepoDataRecord) -> None:
        self.found = hashlib.sha256() if record.sha256 else hashlib.md5(usedforsecurity=False)
        self._record, self._count = record, 0

    def write(self, data: bytes) -> int:
        """Take a piece of the archive."""
        self.found.update(data)
        self._count += len(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing."""

    def arrived(self) -> int:
        return self._count

    def excess(self) -> str:
        """An archive that is larger than its record says."""
        return _excess(self._record, self._count)

    def unfinished(self) -> bool:
        return False


def _excess(record: RepoDataRecord, count: int) -> str:
    most = record.size or LARGEST
    return f"{record.file_name} has more than {most:,} bytes" if count > most else ""
