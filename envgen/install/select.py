"""Which environments a command is about: the target that was named or that fits this machine, its lock, and its prefix."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from envgen.formats.installed import read_manifest
from envgen.install import prefixes
from envgen.install.prefixes import EnvironmentFolders
from envgen.model.errors import BadInput
from envgen.model.layout import LOCK, Layout
from envgen.model.run import Reporter
from envgen.targets import AUTO, GPU


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentRef:
    """The environment of a project's target, which need not exist yet: its prefix, the path of its lock, and the lock's digest."""

    project: str
    target: str
    prefix: Path
    lock: Path
    lock_digest: str

    @property
    def name(self) -> str:
        """vision-cu126."""
        return f"{self.project}-{self.target}"


def requested(
    layout: Layout, projects: Sequence[str], target: str, prefix: Path | None, reporter: Reporter
) -> tuple[EnvironmentRef, ...]:
    """The environments of these projects; without any, of every project that has the target, and why the others are skipped.

    Raises BadInput if a named project has no such environment, or no project has.
    """
    if projects:
        return tuple(environment_of(layout, project, target, prefix, reporter) for project in dict.fromkeys(projects))
    found = []
    for project in layout.projects():
        locked = locked_targets(layout, project)
        if not locked or (target not in locked and target not in (AUTO, GPU)):
            reporter.say(f"{project}: skipped, {target} is not locked" if locked else f"{project}: skipped, no target is locked")
            continue
        try:
            found.append(environment_of(layout, project, target, prefix, reporter))
        except BadInput as error:
            if target != GPU:
                raise
            reporter.say(f"{project}: skipped, {error.what}")
    if not found:
        where, hint = layout.shown(layout.environments), "run `envgen lock` first; `envgen list` shows what is locked"
        raise BadInput(f"no project has a locked target `{target}`", where=where, hint=hint)
    return tuple(found)


def environment_of(layout: Layout, project: str, target: str, prefix: Path | None, reporter: Reporter) -> EnvironmentRef:
    """The environment of a project's target. Raises BadInput if the target is not locked. Reads no other lock than this one."""
    layout.known_project(project)
    locked = locked_targets(layout, project)
    if target in (AUTO, GPU):
        target, why = _target(layout, project, target, reporter)
        reporter.say(f"{project}: {target} ({why})")
    elif target not in locked:
        hint = f"locked targets: {', '.join(locked)}; " if locked else ""
        hint += f"run `envgen lock {project} --target {target}` first"
        raise BadInput(f"{project} has no locked target `{target}`", where=layout.shown(layout.target(project, target)), hint=hint)
    text = prefixes.lock_text(layout, project, target)
    place = prefix or local_folders(layout).prefix(f"{project}-{target}")
    place = Path(os.path.realpath(place) if place.is_symlink() else os.path.abspath(place))  # noqa: PTH100 - keeps links above
    if not place.name:
        hint = "choose a folder below it with --prefix DIR"
        raise BadInput("an environment cannot be installed at the root of a file system", where=place, hint=hint)
    lock = layout.target(project, target) / LOCK
    return EnvironmentRef(project=project, target=target, prefix=place, lock=lock, lock_digest=prefixes.digest(text))


def installed_prefix(layout: Layout, project: str, target: str, prefix: Path | None, reporter: Reporter) -> Path:
    """The prefix where envgen installed a target's environment. Raises BadInput if it did not; the hint is the command to run."""
    environment = environment_of(layout, project, target, prefix, reporter)
    manifest = read_manifest(environment.prefix)
    if manifest and manifest.name == environment.name:
        return environment.prefix
    elsewhere = prefixes.find(environment.name, local_folders(layout), Path.home()) if prefix is None else ()
    if elsewhere:
        return elsewhere[0]
    more = f" --prefix {quoted(prefix)}" if prefix else ""
    hint = f"run `envgen install {project} --target {environment.target}{more}`"
    raise BadInput(f"{environment.name} is not installed", where=environment.prefix, hint=hint)


def quoted(word: object) -> str:
    """A word quoted for this system's shell."""
    return subprocess.list2cmdline([str(word)]) if sys.platform == "win32" else shlex.quote(str(word))


def locked_targets(layout: Layout, project: str) -> tuple[str, ...]:
    """The targets of a project that have a lock."""
    return tuple(path.parent.name for path in layout.locks() if path.parent.parent.name == project)


def local_folders(layout: Layout) -> EnvironmentFolders:
    """The folders for environments on this machine."""
    return prefixes.environment_folders(layout, os.environ, Path.home())


def _target(layout: Layout, project: str, word: str, reporter: Reporter) -> tuple[str, str]:
    """The locked target that `word` means on this machine, and why; `envgen doctor` chooses the same one."""
    from envgen.machine.locked import best_locked
    from envgen.matrix.load import load_matrix
    from envgen.project.load import load

    matrix = load_matrix(layout.matrices, layout.shown(layout.matrices))
    return best_locked(word, layout, matrix, load(layout, matrix, project, reporter))


@cache
def cuda_libraries(layout: Layout) -> frozenset[str]:
    """CUDA's shared libraries, without prefix and suffix, as the matrices name them."""
    from envgen.matrix.load import load_matrix

    return load_matrix(layout.matrices, layout.shown(layout.matrices)).catalogue.libraries
