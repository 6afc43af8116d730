"""From a lock to an environment: what there is to do, and all of it at once or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from envgen.formats import installed
from envgen.formats.installed import Mark, Wheel
from envgen.install import prefixes, transaction, wheels
from envgen.install.clean_env import clean
from envgen.install.select import EnvironmentRef, here
from envgen.machine.system import platform_here
from envgen.model.errors import BadInput, CheckFailed, addressed
from envgen.model.layout import Layout
from envgen.model.run import Reporter

if TYPE_CHECKING:
    from envgen.install.link import Locked


@dataclass(frozen=True, slots=True)
class InstallPlan:
    """What an installation changes: conda packages by name-version-build, pip packages as name -> version.

    `again` has the same version and build, and another archive.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    pip_added: Mapping[str, str] = field(default_factory=dict)
    pip_removed: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any((self.added, self.removed, self.again, self.pip_added, self.pip_removed))


@dataclass(frozen=True, slots=True)
class Installed:
    """How one came out. `state` is installed, updated, unchanged; or, of a dry run, what it would be."""

    wanted: EnvironmentRef
    state: str
    change: InstallPlan = InstallPlan()


# --- the story ------------------------------------------------------------------------------------------------------------


def install(layout: Layout, asked: EnvironmentRef, talk: Reporter, *, force: bool = False, dry: bool = False) -> Installed:
    """Make the environment at its prefix hold just what the lock says, or leave everything as it is.

    Costs a listing where there is nothing to do. Raises BadInput for a place that is not ours to change, and what linking and
    pip raise.
    """
    if not dry:
        transaction.sweep(asked.prefix)
    state = _judged(asked, force)
    if state == "installed":
        return Installed(asked, "unchanged")
    locked = _read(layout, asked)
    change = _change(asked.prefix, locked)
    if dry:
        return Installed(asked, "new" if state == "absent" else "different" if change else "unchanged", change)
    if not change and state != "absent":  # the lock changed, but nothing of it for this machine
        with transaction.refusals(asked.prefix):
            prefixes.write_mark(asked.prefix, _mark(asked, locked, _kept_wheels(asked.prefix, locked, change)))
        return Installed(asked, "unchanged")
    with transaction.staged(asked.prefix) as stage:
        if _judged(asked, force) == "installed":  # another run made it while this one waited
            return Installed(asked, "unchanged")
        _build(layout, asked, locked, change, stage, talk)
        transaction.put(stage, asked.prefix)
    _announce(layout, asked)
    return Installed(asked, "installed" if state == "absent" else "updated", change)


def _judged(asked: EnvironmentRef, force: bool) -> str:
    """The state of the prefix, or BadInput when it is not ours to change."""
    prefix = asked.prefix
    with transaction.refusals(prefix):
        state = prefixes.state(prefix, asked.lock)
    if prefix.exists() and not prefix.is_dir():
        raise BadInput("a file is in this place", where=prefix, hint="give another place with --prefix DIR")
    if state == "foreign" and not installed.is_environment(prefix):
        raise BadInput(
            "this folder is not empty and no conda environment", where=prefix, hint="give another place with --prefix DIR"
        )
    if (prefix / "condabin").is_dir():
        raise BadInput("this is conda's own installation", where=prefix, hint="give another place with --prefix DIR")
    mark = installed.read_mark(prefix)
    if not force and (state == "foreign" or (mark and mark.name != asked.name)):
        whose = f"envgen made this environment for {mark.name}" if mark else "envgen did not make this environment"
        hint = "give another place with --prefix DIR; or --force: its packages become those of the lock, other files stay"
        raise BadInput(whose, where=prefix, hint=hint)
    return "stale" if mark and state == "installed" and mark.name != asked.name else state


def _read(layout: Layout, asked: EnvironmentRef) -> Locked:
    from envgen.formats.conda_lock import read_stamp
    from envgen.install import link

    shown, text = layout.shown(asked.file), prefixes.lock_text(layout, asked.project, asked.target)
    read_stamp(text, shown)  # says of a broken lock what is wrong with it
    locked = link.read(text, shown, platform_here())
    wheels.check(locked.pip, shown)
    return locked


def _change(prefix: Path, locked: Locked) -> InstallPlan:
    """What differs between a prefix, which need not be there, and a lock."""
    mark = installed.read_mark(prefix)
    have, hashes = installed.packages(prefix), mark.packages if mark else {}
    old = {name: wheel for name, wheel in mark.pip.items() if (prefix / wheel.info).is_dir()} if mark else {}
    want = {wheel.name: wheel for wheel in locked.pip}
    moved = _python(have) != _python(locked.packages)  # site-packages has another path then
    kept = {n for n in old.keys() & want.keys() if old[n].sha256 == want[n].sha256 and not moved}
    return InstallPlan(
        added=tuple(sorted(locked.packages.keys() - have)),
        removed=tuple(sorted(have - locked.packages.keys())),
        again=tuple(sorted(name for name in have & locked.packages.keys() if hashes.get(name) != locked.packages[name])),
        pip_added={name: want[name].version for name in sorted(want.keys() - kept)},
        pip_removed={name: old[name].version for name in sorted(old.keys() - kept)},
    )


def _python(packages: Mapping[str, str] | frozenset[str]) -> str:
    """The minor version of the python among packages: 3.12."""
    found = next((name for name in packages if name.startswith("python-") and name.count("-") == 2), "")
    return ".".join(found.removeprefix("python-").split("-")[0].split(".")[:2])


def _build(layout: Layout, asked: EnvironmentRef, locked: Locked, change: InstallPlan, stage: Path, talk: Reporter) -> None:
    """Make the stage what the prefix shall be: the old environment without what goes, with what comes."""
    from envgen.channels.index import cache_folder, client
    from envgen.install import link

    environ, _ = clean(os.environ, str(stage), lambda _: False, os.path)
    if installed.is_environment(asked.prefix):
        transaction.clone(asked.prefix, stage, link.files(asked.prefix))
        (stage / installed.META / installed.MARK).unlink(missing_ok=True)
        wheels.uninstall(stage, tuple(change.pip_removed), environ)
    link.link(locked, stage, asked.prefix, cache_folder() / "packages", set(change.again), client(locked.channels), talk)
    if installed.packages(stage) != locked.packages.keys():
        odd = ", ".join(sorted(installed.packages(stage) ^ locked.packages.keys()))
        raise CheckFailed(f"what was installed is not what is locked: {odd}", where=asked.prefix, hint="please report this")
    new = [wheel for wheel in locked.pip if wheel.name in change.pip_added]
    if new:
        talk.say(f"{asked.name}: pip installs {', '.join(change.pip_added)}")
    with addressed(layout.shown(asked.file)):
        found = wheels.install(stage, asked.prefix, new, environ)
    prefixes.write_mark(stage, _mark(asked, locked, {**_kept_wheels(asked.prefix, locked, change), **found}))


def _kept_wheels(prefix: Path, locked: Locked, change: InstallPlan) -> dict[str, Wheel]:
    """The pip packages of an environment that stay as they are."""
    mark, stay = installed.read_mark(prefix), {wheel.name for wheel in locked.pip} - change.pip_added.keys()
    return {name: wheel for name, wheel in (mark.pip if mark else {}).items() if name in stay}


def _mark(asked: EnvironmentRef, locked: Locked, pip: Mapping[str, Wheel]) -> Mark:
    return Mark(asked.project, asked.target, platform_here(), asked.lock, dict(sorted(locked.packages.items())), pip)


def _announce(layout: Layout, asked: EnvironmentRef) -> None:
    """Tell git and conda of a new environment: git leaves ours alone, conda lists one outside its folders."""
    where = here(layout)
    if asked.prefix.parent == where.own:
        (where.own / ".gitignore").write_text("*\n", encoding="utf-8")
    elif not where.named(asked.prefix):
        with suppress(OSError):  # conda's own list: a convenience, no reason to fail
            prefixes.register(asked.prefix, Path.home())
