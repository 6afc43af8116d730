"""The condition of an environment: whether it is what its lock says, who made it, and which files are damaged.

Does not import rattler, nor YAML unless another tool made the environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from envgen.formats import installed
from envgen.formats.installed_files import damage
from envgen.install import prefixes
from envgen.install.prefixes import PrefixState
from envgen.machine.system import current_platform
from envgen.model.errors import BadInput


@dataclass(frozen=True, slots=True)
class PrefixCondition:
    """The state of a prefix; `damaged` are the damaged files of each package (name-version-build, or the name of a pip package)."""

    state: PrefixState
    damaged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def inspect(prefix: Path, text: str | None, shown: str, *, hashes: bool = False) -> PrefixCondition:
    """The condition of a prefix. `text` is the text of its lock, None if there is none; `shown` is the lock's path in messages.

    Looks at the size of every file, with `hashes` also at its content.
    """
    state = prefixes.state(prefix, prefixes.digest(text) if text is not None else None)
    if state == "foreign" and text is not None and is_equivalent(prefix, text, shown):
        state = "equivalent"
    damaged = damage(prefix, hashes=hashes)
    return PrefixCondition("damaged" if damaged and state in ("installed", "stale", "equivalent") else state, damaged)


def is_equivalent(prefix: Path, text: str, shown: str) -> bool:
    """Whether an environment that another tool made has exactly the packages of a lock: by their hashes, pip's by their version."""
    if not installed.is_environment(prefix):
        return False
    from envgen.formats.installed_files import read_records
    from envgen.formats.prefix import pip_versions
    from envgen.install.plan import same_archive
    from envgen.install.platform_lock import read

    try:
        locked, records = read(text, shown, current_platform()), read_records(prefix)
    except BadInput:  # whoever installs is told
        return False
    if records.keys() != locked.conda.keys():
        return False
    if not all(same_archive(records[dist], package) for dist, package in locked.conda.items()):
        return False
    found = pip_versions(prefix) if locked.pip else {}
    return all(found.get(wheel.name) == wheel.version for wheel in locked.pip)
