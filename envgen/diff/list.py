"""A lock as a sorted list, one package on each line: what git shows in its own diffs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from envgen.diff.cell import source_of
from envgen.model.packages import Lock, LockedPackage


def list_text(locks: Sequence[Lock]) -> str:
    """Every package of some locks by environment, platform and name, with its build, source and hash."""
    return "".join(f"{line}\n" for lock in locks for line in _lines(lock))


def _lines(lock: Lock) -> Iterator[str]:
    packages = sorted(
        lock.packages, key=lambda package: (package.platform, package.name, package.manager, package.version, package.build)
    )
    for package in packages:
        environment = f"[{lock.environment}] " if lock.environment and lock.format.startswith(("pixi", "uv")) else ""
        yield f"{environment}{lock.machine or package.platform} {_line(package)}"


def _line(package: LockedPackage) -> str:
    digest = f"sha256:{package.sha256}" if package.sha256 else f"md5:{package.md5}" if package.md5 else "no-hash"
    source = source_of(package) or "?"
    manager = "pip " if package.manager == "pip" else ""
    return " ".join(filter(None, (f"{manager}{package.name}", package.version, package.build, source, digest)))
