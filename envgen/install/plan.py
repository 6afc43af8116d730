"""What an installation changes: the difference between a lock and what is at a prefix. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envgen.formats.installed import MANIFEST_VERSION, InstallManifest, Wheel
from envgen.formats.installed_files import InstalledRecords, listed_files
from envgen.model.packages import LockedPackage

if TYPE_CHECKING:
    from envgen.install.platform_lock import PlatformLock


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What is at a prefix, which need not exist: the records in `conda-meta/`, envgen's manifest, and the damaged files.

    `damaged` has the pip packages by their name.
    """

    records: InstalledRecords = field(default_factory=dict)
    manifest: InstallManifest | None = None
    damaged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def wheels(self) -> Mapping[str, Wheel]:
        """The pip packages that envgen installed."""
        return self.manifest.pip if self.manifest else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallPlan:
    """What an installation changes: conda packages as name-version-build, pip packages as name -> version.

    `replaced` have the same name, version and build, but another archive. `relinked` are the same package, linked again for a
    reason. `requested` says whether the specs of environment.yml have changed.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    relinked: Mapping[str, str] = field(default_factory=dict)
    pip_added: Mapping[str, str] = field(default_factory=dict)
    pip_removed: Mapping[str, str] = field(default_factory=dict)
    requested: bool = False

    @property
    def packages(self) -> bool:
        """Whether any package changes."""
        return any((self.added, self.removed, self.replaced, self.relinked, self.pip_added, self.pip_removed))

    def __bool__(self) -> bool:
        return self.packages or self.requested


def plan(installed: Installed, locked: PlatformLock) -> InstallPlan:
    """The difference between what is installed and a lock."""
    have, want = installed.records.keys(), locked.conda.keys()
    replaced = {dist for dist in have & want if not same_archive(installed.records[dist], locked.conda[dist])}
    going = {*(have - want), *replaced}
    moved = interpreter(have) != interpreter(want)  # another Python has another folder for packages
    old, new = installed.wheels, {wheel.name: wheel for wheel in locked.pip}
    intact = old.keys() - installed.damaged.keys()
    kept = {name for name in intact & new.keys() if old[name].sha256 == new[name].sha256 and not moved}
    return InstallPlan(
        added=tuple(sorted(want - have)),
        removed=tuple(sorted(have - want)),
        replaced=tuple(sorted(replaced)),
        relinked=dict(sorted(_relinked(installed, (have & want) - replaced, going, moved=moved).items())),
        pip_added={name: new[name].version for name in sorted(new.keys() - kept)},
        pip_removed={name: old[name].version for name in sorted(old.keys() - kept)},
        requested=installed.manifest is not None and installed.manifest.requested != locked.requested,
    )


def same_archive(record: Mapping[str, object], package: LockedPackage) -> bool:
    """Whether the record of an installed package has the hash that the lock has; if both have two, the sha256 decides."""
    pairs = ((record.get("sha256"), package.sha256), (record.get("md5"), package.md5))
    return next((one == other for one, other in pairs if one and other), False)


def interpreter(dists: Iterable[str]) -> str:
    """What packages for the Python among these depend on: its minor version and implementation, as in "3.13 cp313t".

    "" if there is no Python. The implementation is the last part of the build string: cpython, cp313t (free-threaded), pypy.
    """
    found = next((dist for dist in dists if dist.startswith("python-") and dist.count("-") == 2), "")
    _, version, build = found.split("-") if found else ("", "", "")
    return f"{'.'.join(version.split('.')[:2])} {build.rpartition('_')[2]}".strip()


def _relinked(installed: Installed, kept: set[str], going: set[str], *, moved: bool) -> dict[str, str]:
    """Packages that stay, but are linked again -> the reason."""
    found: dict[str, str] = {}
    if installed.manifest and installed.manifest.version < MANIFEST_VERSION:
        found = dict.fromkeys(kept, "its record was not complete")
    for dist in kept - found.keys():
        files = installed.damaged.get(dist, ())
        if files:
            found[dist] = f"{len(files)} {'file was' if len(files) == 1 else 'files were'} missing or changed: {files[0]}"
        elif moved and installed.records[dist].get("noarch") == "python":
            found[dist] = "Python has changed"
    return {**found, **_sharing(installed.records, kept - found.keys(), {*going, *found})}


def _sharing(records: InstalledRecords, kept: set[str], going: set[str]) -> dict[str, str]:
    """Packages that have a file in common with one that is removed or linked again: removing that one removes the file."""
    found: dict[str, str] = {}
    files = {dist: set(listed_files(records[dist])) for dist in {*kept, *going}}
    gone = set().union(*(files[dist] for dist in going))
    while more := {dist for dist in kept - found.keys() if files[dist] & gone}:
        found |= dict.fromkeys(more, "it has files in common with another package that changes")
        gone |= set().union(*(files[dist] for dist in more))
    return found
