"""The files beside a lock: whether it was made from them. A run that is ended between them leaves files of two runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from envgen.formats.conda_specs import NotCovered
from envgen.formats.content_hash import channel_entry, content_hash, requested
from envgen.formats.environment_yml import spec_name
from envgen.formats.selectors import for_platform
from envgen.formats.virtual_packages import read_virtual_packages
from envgen.model.facts import Platform
from envgen.model.layout import SPEC, VIRTUAL
from envgen.model.packages import Lock
from envgen.yamlfile.document import data_of
from envgen.yamlfile.text import source


def of_other_run(lock: Lock, folder: Path, read: Callable[[Path, str], str] = source) -> tuple[Platform, ...]:
    """The platforms of a lock of envgen's whose content hash is not that of the environment.yml and virtual-packages.yml beside it.

    Of a lock with a pip section, whose hash only conda-lock can compute, those that lack a package that environment.yml requests.
    Raises BadInput if one of the files cannot be read.
    """
    hashes, spec, virtual = lock.content_hashes, folder / SPEC, folder / VIRTUAL
    if not hashes or not spec.is_file() or not virtual.is_file():
        return ()
    shown = lock.shown.rpartition("/")[0]
    place = f"{shown}/{SPEC}" if shown else SPEC
    told, promised = read(spec, place), read_virtual_packages(virtual, read)
    asked = {platform: data_of(for_platform(told, platform), place) for platform in hashes}
    return tuple(platform for platform, data in asked.items() if not _is_of(lock, platform, hashes[platform], data, promised))


def _is_of(lock: Lock, platform: Platform, locked: str, data: Any, virtual: Mapping[Platform, Mapping[str, str]]) -> bool:
    """Whether a platform of a lock was made from what environment.yml says for it, and from the virtual packages."""
    if not isinstance(data, dict) or not isinstance(data.get("dependencies"), list):
        return False
    try:
        found = _hash(platform, data, virtual.get(platform, {}))
    except NotCovered:
        return _requested_names(data) <= _names(lock, platform)
    return platform in virtual and found == locked


def _hash(platform: Platform, data: Mapping[str, Any], virtual: Mapping[str, str]) -> str:
    """The content hash of a platform. Raises NotCovered."""
    if "pip-repositories" in data or not all(isinstance(item, str) for item in data["dependencies"]):
        raise NotCovered("a pip section")
    channels = [channel_entry(str(channel)) for channel in data.get("channels") or ()]
    return content_hash(platform, channels, requested(data["dependencies"]), virtual)


def _requested_names(data: Mapping[str, Any]) -> set[str]:
    return {name for item in data["dependencies"] if isinstance(item, str) and (name := spec_name(item))}


def _names(lock: Lock, platform: Platform) -> set[str]:
    return {package.name for package in lock.packages if package.platform == platform and package.manager == "conda"}
