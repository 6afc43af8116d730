"""Which environments a command is about: the target that was named or that fits this machine, its lock, and its prefix."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from envgen.formats.installed import is_environment, read_manifest
from envgen.install import prefixes
from envgen.install.condition import is_equivalent
from envgen.install.prefixes import EnvironmentFolders
from envgen.model.errors import BadInput
from envgen.model.layout import LOCK, Layout
from envgen.model.run import Reporter
from envgen.model.target_names import CPU, named_cuda

_PLAIN_ON_WINDOWS = re.compile(r"[A-Za-z0-9_.:\\/+-][A-Za-z0-9_.:\\/+~-]*")
_EXPANDED = re.compile("[$`\u201c-\u201e]")  # what PowerShell reads within double quotes: typographic ones end a string, too
_TWICE = r"\1\1"
_SINGLE = re.compile("(['\u2018-\u201b])")  # PowerShell's single quotes


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
    layout: Layout, projects: Sequence[str], word: str, prefix: Path | None, reporter: Reporter
) -> tuple[EnvironmentRef, ...]:
    """The environments of the target that `word` means: of these projects, or of every project that has it locked.

    Raises BadInput if a named project has no such target, or no project has.
    """
    if projects:
        return tuple(environment_of(layout, project, word, prefix, reporter) for project in dict.fromkeys(projects))
    found = {project: name for project in layout.projects() if (name := _locked_or_skipped(layout, project, word, reporter))}
    if not found:
        where, hint = layout.shown(layout.environments), "run `envgen lock` first; `envgen list` shows what is locked"
        raise BadInput(f"no project has a locked target `{word}`", where=where, hint=hint)
    return tuple(_reference(layout, project, name, prefix) for project, name in found.items())


def _locked_or_skipped(layout: Layout, project: str, word: str, reporter: Reporter) -> str | None:
    """The locked target of a project that a word means; None if it has none, after saying that the project is skipped."""
    if not layout.locked_targets(project):
        reporter.say(f"{project}: skipped, no target is locked")
        return None
    try:
        name = _locked_target(layout, project, word, reporter)
    except BadInput as error:
        if word.lower() != "gpu":
            raise
        reporter.say(f"{project}: skipped, {error.what}")
        return None
    if name is None:
        reporter.say(f"{project}: skipped, {word} is not locked")
    return name


def environment_of(layout: Layout, project: str, word: str, prefix: Path | None, reporter: Reporter) -> EnvironmentRef:
    """The environment of the locked target that a word means for a project. Raises BadInput if there is none."""
    layout.known_project(project)
    name = _locked_target(layout, project, word, reporter)
    if name is None:
        what = f"{project} has no locked target `{word}`"
        raise BadInput(what, where=layout.shown(layout.environments / project), hint=_how_to_lock(layout, project, word))
    return _reference(layout, project, name, prefix)


def _reference(layout: Layout, project: str, target: str, prefix: Path | None) -> EnvironmentRef:
    text = prefixes.lock_text(layout, project, target)
    place = prefix or local_folders(layout).prefix(f"{project}-{target}")
    place = Path(os.path.realpath(place) if place.is_symlink() else os.path.abspath(place))  # noqa: PTH100 - keeps links above
    if not place.name:
        hint = "choose a folder below it with --prefix DIR"
        raise BadInput("an environment cannot be installed at the root of a file system", where=place, hint=hint)
    lock = layout.target(project, target) / LOCK
    return EnvironmentRef(project=project, target=target, prefix=place, lock=lock, lock_digest=prefixes.digest(text))


def installed_environment(layout: Layout, project: str, word: str, prefix: Path | None, reporter: Reporter) -> EnvironmentRef:
    """The environment of a target where it is installed: by envgen, or by another tool with exactly the packages of the lock.

    Raises BadInput if it is not installed; the hint is the command to run.
    """
    environment = environment_of(layout, project, word, prefix, reporter)
    if _is_installed(layout, environment):
        return environment
    places = prefixes.find(environment.name, local_folders(layout), Path.home()) if prefix is None else ()
    elsewhere = next((found for place in places if _is_installed(layout, found := replace(environment, prefix=place))), None)
    if elsewhere:
        return elsewhere
    more = f" --prefix {quoted(prefix)}" if prefix else ""
    command = f"envgen install {project} --target {environment.target}{more}"
    manifest, hint = read_manifest(environment.prefix), f"run `{command}`{for_powershell(command)}"
    what = f"{environment.name} is not installed"
    if is_environment(environment.prefix):
        other = "another tool made this environment, and its packages are not those of the lock"
        what += f" here: envgen created this environment for {manifest.name}" if manifest else f" here: {other}"
        hint += " with another --prefix DIR, or with --force to replace its packages"
    raise BadInput(what, where=environment.prefix, hint=hint)


def _is_installed(layout: Layout, environment: EnvironmentRef) -> bool:
    manifest = read_manifest(environment.prefix)
    if manifest:
        return manifest.name == environment.name
    text = prefixes.lock_text(layout, environment.project, environment.target)
    return is_equivalent(environment.prefix, text, layout.shown(environment.lock))


def quoted(word: object) -> str:
    """A word quoted for this system's shell.

    On Windows as cmd.exe and PowerShell both read it, or as PowerShell alone does: `for_powershell`.
    """
    text = str(word)
    if sys.platform != "win32":
        return shlex.quote(text)
    if _PLAIN_ON_WINDOWS.fullmatch(text):
        return text
    return f"'{_SINGLE.sub(_TWICE, text)}'" if _EXPANDED.search(text) else f'"{text}"'


def for_powershell(command: str) -> str:
    """A remark on a command that cmd.exe reads in another way than PowerShell; "" for any other, and on other systems.

    Nothing keeps cmd.exe from replacing `%NAME%` in a command that calls a batch file, as conda is one.
    """
    other = sys.platform == "win32" and (_EXPANDED.search(command) or command.count("%") > 1)
    return " (in PowerShell: cmd.exe reads another path)" if other else ""


def local_folders(layout: Layout) -> EnvironmentFolders:
    """The folders for environments on this machine."""
    return prefixes.environment_folders(layout, os.environ, Path.home())


def _locked_target(layout: Layout, project: str, word: str, reporter: Reporter) -> str | None:
    """The locked target of a project that a word means, None if there is none. If the word is its name, reads no matrices."""
    locked = layout.locked_targets(project)
    if word in locked:
        return word
    from envgen import targets
    from envgen.machine.locked import best_locked
    from envgen.matrix.cached import cached_matrix
    from envgen.project.cached import cached_project, is_own_target

    if word == CPU or named_cuda(word):
        return None
    matrix = cached_matrix(layout)
    if word in [row.name for row in cached_project(layout, matrix, project).targets]:
        return None
    if targets.meaning(word, matrix) is None and is_own_target(layout, matrix, word):
        return None
    meant = targets.in_command(word, matrix)
    if isinstance(meant, targets.TargetRange):
        name = targets.newest_of(meant, locked)
        if name:
            reporter.say(f"{project}: `{word}` is read as target {name}")
        return name
    name, why = best_locked(meant, layout, matrix, cached_project(layout, matrix, project, reporter))
    reporter.say(f"{project}: {name} ({why})")
    return name


def _how_to_lock(layout: Layout, project: str, word: str) -> str:
    """A hint for a project that has no locked target that a word means: lock it, or name a target that the project has."""
    from envgen import targets
    from envgen.matrix.cached import cached_matrix
    from envgen.project.cached import cached_project

    matrix = cached_matrix(layout)
    known = [row.name for row in cached_project(layout, matrix, project).targets]
    meant = targets.meaning(word, matrix)
    name = word if word in known else targets.newest_of(meant, known) if isinstance(meant, targets.TargetRange) else None
    if name:
        return f"run `envgen lock {project} --target {name}` first"
    return f"its targets are {', '.join(known)}"


@cache
def cuda_libraries(layout: Layout) -> frozenset[str]:
    """CUDA's shared libraries, without prefix and suffix, as the matrices name them."""
    from envgen.matrix.cached import cached_matrix

    return cached_matrix(layout).catalogue.libraries
