"""Install a locked environment: plan what changes, build it beside the prefix, and put it in place in one step."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from envgen.formats import installed
from envgen.formats.installed import InstallManifest, Wheel
from envgen.install import prefixes, transaction, wheels
from envgen.install.clean_env import clean
from envgen.install.prefixes import PrefixState
from envgen.install.select import EnvironmentRef, local_folders
from envgen.machine.system import current_platform
from envgen.model.errors import BadInput, CheckFailed, addressed
from envgen.model.layout import Layout
from envgen.model.run import Reporter

if TYPE_CHECKING:
    from envgen.install.link import PlatformLock

InstallState = Literal["installed", "updated", "unchanged", "new", "different"]  # the last two: what a dry run would do

_OTHER_PREFIX = "choose another folder with --prefix DIR"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallPlan:
    """What an installation changes: conda packages as name-version-build, pip packages as name -> version.

    `replaced` have the same name, version and build, but another archive.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    pip_added: Mapping[str, str] = field(default_factory=dict)
    pip_removed: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any((self.added, self.removed, self.replaced, self.pip_added, self.pip_removed))


@dataclass(frozen=True, slots=True)
class InstallResult:
    """What became of one environment; of a dry run, what would become of it."""

    environment: EnvironmentRef
    state: InstallState
    plan: InstallPlan = InstallPlan()


# --- the steps ------------------------------------------------------------------------------------------------------------


def install(
    layout: Layout, environment: EnvironmentRef, reporter: Reporter, *, force: bool = False, dry_run: bool = False
) -> InstallResult:
    """Make the environment at its prefix match its lock exactly, or leave everything as it is.

    If it is up to date, this costs one listing of `conda-meta/`. Raises BadInput if envgen must not change what is at the
    prefix, and what `link` and `wheels` raise.
    """
    prefix = environment.prefix
    if not dry_run:
        transaction.recover(prefix)
    state = _checked_state(environment, force)
    if state == "installed":
        return InstallResult(environment, "unchanged")
    locked = _read_lock(layout, environment)
    plan = _plan(prefix, locked)
    if dry_run:
        return InstallResult(environment, "new" if state == "absent" else "different" if plan else "unchanged", plan)
    if not plan and state != "absent":  # the lock changed, but not for this platform
        with transaction.os_errors_as_bad_input(prefix):
            prefixes.write_manifest(prefix, _manifest(environment, locked, _kept_wheels(prefix, locked, plan)))
        return InstallResult(environment, "unchanged")
    with transaction.staged(prefix) as stage:
        if _checked_state(environment, force) == "installed":  # by another run, before this one got the lock
            return InstallResult(environment, "unchanged")
        _build(layout, environment, locked, plan, stage, reporter)
        transaction.commit(stage, prefix)
    _register(layout, environment)
    return InstallResult(environment, "installed" if state == "absent" else "updated", plan)


def _checked_state(environment: EnvironmentRef, force: bool) -> PrefixState:
    """The state of the prefix. Raises BadInput if envgen must not change what is there."""
    prefix = environment.prefix
    with transaction.os_errors_as_bad_input(prefix):
        state = prefixes.state(prefix, environment.lock_digest)
    if prefix.exists() and not prefix.is_dir():
        raise BadInput("this is a file", where=prefix, hint=_OTHER_PREFIX)
    if state == "foreign" and not installed.is_environment(prefix):
        raise BadInput("this folder is not empty and not a conda environment", where=prefix, hint=_OTHER_PREFIX)
    if (prefix / "condabin").is_dir():
        raise BadInput("this is conda's own installation", where=prefix, hint=_OTHER_PREFIX)
    manifest = installed.read_manifest(prefix)
    if not force and (state == "foreign" or (manifest and manifest.name != environment.name)):
        what = f"envgen created this environment for {manifest.name}" if manifest else "envgen did not create this environment"
        hint = f"{_OTHER_PREFIX}, or use --force to replace its packages by those of the lock (other files stay)"
        raise BadInput(what, where=prefix, hint=hint)
    return "stale" if manifest and state == "installed" and manifest.name != environment.name else state


def _read_lock(layout: Layout, environment: EnvironmentRef) -> PlatformLock:
    from envgen.formats.conda_lock import read_stamp
    from envgen.install import link

    shown, text = layout.shown(environment.lock), prefixes.lock_text(layout, environment.project, environment.target)
    read_stamp(text, shown)  # reports what is wrong with a damaged lock
    locked = link.read(text, shown, current_platform())
    wheels.check(locked.pip, shown)
    return locked


def _plan(prefix: Path, locked: PlatformLock) -> InstallPlan:
    """The difference between a prefix, which need not exist, and a lock."""
    manifest = installed.read_manifest(prefix)
    have, hashes = installed.packages(prefix), manifest.packages if manifest else {}
    old = {name: wheel for name, wheel in manifest.pip.items() if (prefix / wheel.info).is_dir()} if manifest else {}
    new = {wheel.name: wheel for wheel in locked.pip}
    moved = _python(have) != _python(locked.packages)  # another Python minor has another site-packages folder
    kept = {name for name in old.keys() & new.keys() if old[name].sha256 == new[name].sha256 and not moved}
    return InstallPlan(
        added=tuple(sorted(locked.packages.keys() - have)),
        removed=tuple(sorted(have - locked.packages.keys())),
        replaced=tuple(sorted(name for name in have & locked.packages.keys() if hashes.get(name) != locked.packages[name])),
        pip_added={name: new[name].version for name in sorted(new.keys() - kept)},
        pip_removed={name: old[name].version for name in sorted(old.keys() - kept)},
    )


def _python(packages: Iterable[str]) -> str:
    """The minor version of the package python among these (name-version-build), as in "3.12"; "" if there is none."""
    found = next((name for name in packages if name.startswith("python-") and name.count("-") == 2), "")
    return ".".join(found.removeprefix("python-").split("-")[0].split(".")[:2])


def _build(
    layout: Layout, environment: EnvironmentRef, locked: PlatformLock, plan: InstallPlan, stage: Path, reporter: Reporter
) -> None:
    """Build the new environment in the stage: start from a copy of the old one, remove and add packages."""
    from envgen.cache import cache_folder
    from envgen.channels.index import client
    from envgen.install import link

    prefix = environment.prefix
    variables, _ = clean(os.environ, str(stage), lambda _: False, os.path)
    if installed.is_environment(prefix):
        transaction.clone(prefix, stage, link.installed_files(prefix))
        (stage / installed.META / installed.MANIFEST).unlink(missing_ok=True)
        wheels.uninstall(stage, tuple(plan.pip_removed), variables)
    link.link(locked, stage, prefix, cache_folder() / "packages", set(plan.replaced), client(locked.channels), reporter)
    if installed.packages(stage) != locked.packages.keys():
        odd = ", ".join(sorted(installed.packages(stage) ^ locked.packages.keys()))
        raise CheckFailed(f"the installed packages differ from the lock: {odd}", where=prefix, hint="please report this")
    new = [wheel for wheel in locked.pip if wheel.name in plan.pip_added]
    if new:
        reporter.say(f"{environment.name}: installing with pip: {', '.join(plan.pip_added)}")
    with addressed(layout.shown(environment.lock)):
        found = wheels.install(stage, prefix, new, variables)
    prefixes.write_manifest(stage, _manifest(environment, locked, {**_kept_wheels(prefix, locked, plan), **found}))


def _kept_wheels(prefix: Path, locked: PlatformLock, plan: InstallPlan) -> dict[str, Wheel]:
    """The pip packages of an environment that do not change."""
    manifest, kept = installed.read_manifest(prefix), {wheel.name for wheel in locked.pip} - plan.pip_added.keys()
    return {name: wheel for name, wheel in (manifest.pip if manifest else {}).items() if name in kept}


def _manifest(environment: EnvironmentRef, locked: PlatformLock, pip: Mapping[str, Wheel]) -> InstallManifest:
    return InstallManifest(
        project=environment.project,
        target=environment.target,
        platform=current_platform(),
        lock=environment.lock_digest,
        packages=dict(sorted(locked.packages.items())),
        pip=pip,
    )


def _register(layout: Layout, environment: EnvironmentRef) -> None:
    """Make git ignore an environment below the root, and list one outside conda's folders in conda's own list."""
    folders = local_folders(layout)
    if environment.prefix.parent == folders.own:
        (folders.own / ".gitignore").write_text("*\n", encoding="utf-8")
    elif not folders.named(environment.prefix):
        with suppress(OSError):  # a convenience: if it fails, the environment still works
            prefixes.register(environment.prefix, Path.home())
