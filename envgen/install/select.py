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
from envgen.model.target_names import CPU, named_cuda


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
    """The environments of the named projects; without names of every project that has the target, the others are skipped."""
    if projects:
        return tuple(wanted(layout, project, target, prefix, talk) for project in dict.fromkeys(projects))
    found = {project: name for project in layout.projects() if (name := _or_skipped(layout, project, target, talk))}
    if not found:
        where, hint = layout.shown(layout.environments), "run `envgen lock` first; `envgen list` shows what is locked"
        raise BadInput(f"no project has a locked target `{target}`", where=where, hint=hint)
    return tuple(_reference(layout, project, name, prefix) for project, name in found.items())


def _or_skipped(layout: Layout, project: str, word: str, talk: Reporter) -> str | None:
    """The locked target of a project that a word means; None where the project is skipped, after saying why."""
    if not locked_targets(layout, project):
        talk.say(f"{project}: nothing is locked, skipped")
        return None
    try:
        name = _locked_target(layout, project, word, talk)
    except BadInput as error:
        if word.lower() != "gpu":
            raise
        talk.say(f"{error.what}; skipped")
        return None
    if name is None:
        talk.say(f"{project}: {word} is not locked, skipped")
    return name


def wanted(layout: Layout, project: str, target: str, prefix: Path | None, talk: Reporter) -> EnvironmentRef:
    """The environment of a project's target: which one, and where it is or goes. Raises BadInput; reads no lock but this one."""
    layout.known_project(project)
    name = _locked_target(layout, project, target, talk)
    if name is None:
        what = f"{project} has no locked target `{target}`"
        raise BadInput(what, where=layout.shown(layout.environments / project), hint=_how_to_lock(layout, project, target))
    return _reference(layout, project, name, prefix)


def _reference(layout: Layout, project: str, target: str, prefix: Path | None) -> EnvironmentRef:
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


def _locked_target(layout: Layout, project: str, word: str, talk: Reporter) -> str | None:
    """The locked target of a project that a word means, None where none is. Reads no fact where the word is the name of one."""
    locked = locked_targets(layout, project)
    if word in locked:
        return word
    from envgen import targets
    from envgen.machine.locked import best_locked
    from envgen.matrix.load import load_matrix
    from envgen.project.load import load

    if word == CPU or named_cuda(word):
        return None
    matrix = load_matrix(layout.matrices, layout.shown(layout.matrices))
    meant = targets.in_command(word, matrix)
    if isinstance(meant, targets.TargetRange):
        name = targets.newest_of(meant, locked)
        if name:
            talk.say(f"{project}: `{word}` is read as target {name}")
        return name
    name, why = best_locked(meant, layout, matrix, load(layout, matrix, project, talk))
    talk.say(f"{project}: {name} ({why})")
    return name


def _how_to_lock(layout: Layout, project: str, word: str) -> str:
    """What to do where a project has no locked target that a word means: lock it if the project has it, else name another."""
    from envgen import targets
    from envgen.matrix.load import load_matrix
    from envgen.project.load import load

    matrix = load_matrix(layout.matrices, layout.shown(layout.matrices))
    meant, known = targets.in_command(word, matrix), [row.name for row in load(layout, matrix, project).targets]
    name = targets.newest_of(meant, known) if isinstance(meant, targets.TargetRange) else None
    if name:
        return f"run `envgen lock {project} --target {name}` first"
    return f"its targets are {', '.join(known)}"
