"""What a lock holds for one platform, and what was requested of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from envgen.channels.channel import ChannelLocation, bare, locate
from envgen.formats.conda_lock import read_lock
from envgen.formats.environment_yml import read_specs, spec_name
from envgen.model.errors import BadInput
from envgen.model.facts import Platform
from envgen.model.packages import Lock, LockedPackage


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformLock:
    """A lock's content for one platform: the conda packages by name-version-build, the pip packages, the channels of the lock.

    `requested` are the specs of environment.yml; `files` are packages that are taken from files, by name-version-build.
    """

    platform: Platform
    conda: Mapping[str, LockedPackage]
    pip: tuple[LockedPackage, ...]
    channels: tuple[ChannelLocation, ...]
    requested: tuple[str, ...] = ()
    files: Mapping[str, Path] = field(default_factory=dict)


def read(text: str, shown: str, platform: Platform, environment: str | None = None) -> PlatformLock:
    """The packages of a lock for a platform, as `of_platform`; `shown` is the lock's path in messages."""
    return of_platform(read_lock(text, shown), platform, environment)


def of_platform(lock: Lock, platform: Platform, environment: str | None = None) -> PlatformLock:
    """The packages of a lock for a platform. `environment` is the text of environment.yml.

    URLs of private channels are stripped of their credentials; the client adds these to each request. Raises BadInput if the lock
    does not have the platform, or has a package without a hash.
    """
    shown = lock.shown
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
    return PlatformLock(
        platform=platform,
        conda={dist_name(package.url): package for package in conda},
        pip=tuple(package for package in selected if package.manager == "pip"),
        channels=tuple(map(locate, lock.channels)),
        requested=_requested(conda, environment, shown, platform),
    )


def _requested(conda: Sequence[LockedPackage], environment: str | None, shown: str, platform: Platform) -> tuple[str, ...]:
    """The specs of environment.yml for this platform; without that file every package, so that none is removed as unused."""
    names = {package.name for package in conda}
    specs = read_specs(environment, shown, platform) if environment is not None else ()
    return tuple(spec for spec in specs if spec_name(spec) in names) or tuple(sorted(names))


def dist_name(url: str) -> str:
    """The name of a conda package's file without its suffix: name-version-build."""
    return bare(url).rsplit("/", 1)[-1].removesuffix(".conda").removesuffix(".tar.bz2")


def archive_hash(package: LockedPackage) -> str:
    """The hash of a package's archive in hex: the sha256, or the md5 if the lock has no sha256."""
    return package.sha256 or package.md5 or ""
