"""Which environments a command means: the target that is named or fits this machine, its lock, and its place."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from envgen.formats.installed import read_mark
from envgen.install import prefixes
from envgen.install.prefixes import Places
from envgen.model.errors import BadInput
from envgen.model.layout import LOCK, Layout
from envgen.model.run import Reporter
from envgen.targets import AUTO, GPU


@dataclass(frozen=True, slots=True)
class EnvironmentRef:
    """One environment that is asked for. `lock` is the digest of its lock, `file` where that lies."""

    project: str
    target: str
    prefix: Path
    file: Path
    lock: str

    @property
    def name(self) -> str:
        """vision-cu126."""
        return f"{self.project}-{self.target}"


def asked(layout: Layout, projects: Sequence[str], target: str, prefix: Path | None, talk: Reporter) -> tuple[EnvironmentRef, ...]:
    """The environments of the named projects; of all that can be meant without a name, and of the others it is said why not."""
    if projects:
        return tuple(wanted(layout, project, target, prefix, talk) for project in dict.fromkeys(projects))
    found = []
    for project in layout.projects():
        locked = locked_targets(layout, project)
        if not locked or (target not in locked and target not in (AUTO, GPU)):
            talk.say(f"{project}: {target} is not locked, skipped" if locked else f"{project}: nothing is locked, skipped")
            continue
        try:
            found.append(wanted(layout, project, target, prefix, talk))
        except BadInput as error:
            if target != GPU:
                raise
            talk.say(f"{error.what}; skipped")
    if not found:
        where, hint = layout.shown(layout.environments), "run `envgen lock` first; `envgen list` shows what is locked"
        raise BadInput(f"no project has a locked target `{target}`", where=where, hint=hint)
    return tuple(found)


def wanted(layout: Layout, project: str, target: str, prefix: Path | None, talk: Reporter) -> EnvironmentRef:
    """The environment of a project's target: which one, and where it is or goes. Raises BadInput; reads no lock but this one."""
    layout.known_project(project)
    locked = locked_targets(layout, project)
    if target in (AUTO, GPU):
        target, why = _target(layout, project, target, talk)
        talk.say(f"{project}: {target} ({why})")
    elif target not in locked:
        hint = f"locked are {', '.join(locked)}; " if locked else ""
        hint += f"run `envgen lock {project} --target {target}` first"
        raise BadInput(f"{project} has no locked target `{target}`", where=layout.shown(layout.target(project, target)), hint=hint)
    text = prefixes.lock_text(layout, project, target)
    place = prefix or here(layout).default(f"{project}-{target}")
    place = Path(os.path.realpath(place) if place.is_symlink() else os.path.abspath(place))  # noqa: PTH100 - `..` goes, links stay
    if not place.name:
        raise BadInput("the root of a file system is no place for an environment", where=place, hint="give a folder below it")
    return EnvironmentRef(project, target, place, layout.target(project, target) / LOCK, prefixes.digest(text))


def installed(layout: Layout, project: str, target: str, prefix: Path | None, talk: Reporter) -> Path:
    """The environment that `envgen install` made for a target, or BadInput with the line that makes it."""
    found = wanted(layout, project, target, prefix, talk)
    mark = read_mark(found.prefix)
    if mark and mark.name == found.name:
        return found.prefix
    elsewhere = prefixes.find(found.name, here(layout), Path.home()) if prefix is None else ()
    if elsewhere:
        return elsewhere[0]
    more = f" --prefix {quoted(prefix)}" if prefix else ""
    raise BadInput(
        f"{found.name} is not installed", where=found.prefix, hint=f"envgen install {project} --target {found.target}{more}"
    )


def quoted(word: object) -> str:
    """A word as this system's shell reads it back."""
    return subprocess.list2cmdline([str(word)]) if sys.platform == "win32" else shlex.quote(str(word))


def locked_targets(layout: Layout, project: str) -> tuple[str, ...]:
    """The targets of a project that have a lock."""
    return tuple(path.parent.name for path in layout.locks() if path.parent.parent.name == project)


def here(layout: Layout) -> Places:
    """Where environments live on this machine."""
    return prefixes.places(layout, os.environ, Path.home())


def _target(layout: Layout, project: str, word: str, talk: Reporter) -> tuple[str, str]:
    """The locked target that fits this machine, and why: doctor's own choice."""
    from envgen.machine.locked import best_locked
    from envgen.matrix.load import load_matrix
    from envgen.project.load import load

    matrix = load_matrix(layout.matrices, layout.shown(layout.matrices))
    return best_locked(word, layout, matrix, load(layout, matrix, project, talk))
