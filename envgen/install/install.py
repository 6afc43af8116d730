"""Install a locked environment: plan what changes, build it beside the prefix, and put it in place in one step."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from envgen.formats import installed
from envgen.formats.installed import InstallManifest, Wheel
from envgen.install import prefixes, transaction
from envgen.install.clean_env import clean
from envgen.install.condition import PrefixCondition, inspect
from envgen.install.prefixes import PrefixState
from envgen.install.select import EnvironmentRef, local_folders
from envgen.machine.system import current_platform
from envgen.model.errors import BadInput, CheckFailed, addressed
from envgen.model.layout import SPEC, Layout
from envgen.model.run import Reporter

if TYPE_CHECKING:
    from envgen.install.plan import Installed, InstallPlan
    from envgen.install.platform_lock import PlatformLock

# The last three: what a dry run would do
InstallState = Literal["installed", "updated", "repaired", "adopted", "unchanged", "new", "different", "adoptable"]

_DONE: Mapping[PrefixState, InstallState] = {"absent": "installed", "damaged": "repaired"}  # others: updated
_OTHER_PREFIX = "choose another folder with --prefix DIR"


@dataclass(frozen=True, slots=True)
class InstallResult:
    """What became of one environment; of a dry run, what would become of it. `plan` is None where nothing was compared."""

    environment: EnvironmentRef
    state: InstallState
    plan: InstallPlan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallOptions:
    """How to install: `force` takes over an environment of another origin, `hashes` also compares the content of every file.

    `builds` names the pip packages that may be built from source, which runs code from them. With a `folder` every package comes
    from there, and none from a server.
    """

    force: bool = False
    dry_run: bool = False
    hashes: bool = False
    builds: frozenset[str] = frozenset()
    folder: Path | None = None


# --- the steps ------------------------------------------------------------------------------------------------------------


def install(layout: Layout, environment: EnvironmentRef, reporter: Reporter, options: InstallOptions) -> InstallResult:
    """Make the environment at its prefix match its lock exactly, or leave everything as it is; then add packages in folders.

    Raises what `locked_packages` and `local.install_local` raise.
    """
    found = locked_packages(layout, environment, reporter, options)
    if not options.dry_run and _may_have_folders(layout.project(environment.project)):
        from envgen.install.local import install_local
        from envgen.matrix.cached import cached_matrix
        from envgen.project.cached import cached_project

        project = cached_project(layout, cached_matrix(layout), environment.project)
        install_local(layout, project, environment.prefix, environment.name, reporter)
    return found


def _may_have_folders(project: Path) -> bool:
    """Whether a project may ask for packages in folders, by its text alone: without `pip:` there are none."""
    return project.is_file() and b"pip" in project.read_bytes()


def locked_packages(layout: Layout, environment: EnvironmentRef, reporter: Reporter, options: InstallOptions) -> InstallResult:
    """Make the environment at its prefix match its lock exactly, or leave everything as it is.

    If it is up to date, this costs a look at each of its files. Raises BadInput if envgen must not change what is at the prefix,
    and what `link` and `wheels` raise.
    """
    prefix = environment.prefix
    if not options.dry_run:
        transaction.recover(prefix)
    condition = _checked(layout, environment, options)
    if condition.state == "installed":
        return InstallResult(environment, "unchanged")
    locked = _read_lock(layout, environment, reporter, options)
    there, plan = _compared(prefix, locked, condition)
    if options.dry_run:
        return InstallResult(environment, _would_be(condition.state, plan), plan)
    if not plan and condition.state != "absent":  # the lock changed, but not for this platform, or another tool was faster
        with transaction.os_errors_as_bad_input(prefix):
            prefixes.write_manifest(prefix, _manifest(environment, locked, _kept_wheels(there, locked, plan)))
        return InstallResult(environment, "adopted" if condition.state == "equivalent" else "unchanged", plan)
    with transaction.staged(prefix) as stage:
        condition = _checked(layout, environment, options)
        if condition.state == "installed":  # by another run, before this one got the lock
            return InstallResult(environment, "unchanged")
        there, plan = _compared(prefix, locked, condition)
        _build(layout, environment, locked, there, plan, stage, reporter)
        transaction.commit(stage, prefix)
    _register(layout, environment)
    return InstallResult(environment, _DONE.get(condition.state, "updated"), plan)


def _would_be(state: PrefixState, plan: InstallPlan) -> InstallState:
    """What a dry run answers."""
    if state == "absent":
        return "new"
    return "different" if plan else "adoptable" if state == "equivalent" else "unchanged"


def _checked(layout: Layout, environment: EnvironmentRef, options: InstallOptions) -> PrefixCondition:
    """The condition of the prefix. Raises BadInput if envgen must not change what is there."""
    prefix = environment.prefix
    text = prefixes.lock_text(layout, environment.project, environment.target)
    with transaction.os_errors_as_bad_input(prefix):
        found = inspect(prefix, text, layout.shown(environment.lock), hashes=options.hashes)
    state = found.state
    if prefix.exists() and not prefix.is_dir():
        raise BadInput("this is a file", where=prefix, hint=_OTHER_PREFIX)
    if state == "foreign" and not installed.is_environment(prefix):
        raise BadInput("this folder is not empty and not a conda environment", where=prefix, hint=_OTHER_PREFIX)
    if (prefix / "condabin").is_dir():
        raise BadInput("this is conda's own installation", where=prefix, hint=_OTHER_PREFIX)
    manifest = installed.read_manifest(prefix)
    if not options.force and (state == "foreign" or (manifest and manifest.name != environment.name)):
        what = f"envgen created this environment for {manifest.name}" if manifest else "envgen did not create this environment"
        hint = f"{_OTHER_PREFIX}, or use --force to replace its packages by those of the lock (other files stay)"
        raise BadInput(what, where=prefix, hint=hint)
    return PrefixCondition("stale") if manifest and state == "installed" and manifest.name != environment.name else found


def _read_lock(layout: Layout, environment: EnvironmentRef, reporter: Reporter, options: InstallOptions) -> PlatformLock:
    """The lock of an environment, judged. Raises BadInput if it must not be installed, or the folder lacks a package."""
    from envgen.formats.conda_lock import read_lock, read_stamp
    from envgen.install import platform_lock, wheels
    from envgen.install.archives import in_folder
    from envgen.install.judge import judge
    from envgen.matrix.cached import cached_matrix
    from envgen.project.cached import cached_project

    shown, text = layout.shown(environment.lock), prefixes.lock_text(layout, environment.project, environment.target)
    read_stamp(text, shown)  # reports what is wrong with a damaged lock
    spec, lock = environment.lock.with_name(SPEC), read_lock(text, shown)
    found = platform_lock.of_platform(lock, current_platform(), layout.read(spec) if spec.is_file() else None)
    wheels.check(found.pip, shown)
    matrix = cached_matrix(layout)
    project = cached_project(layout, matrix, environment.project)
    for warning in judge(lock, found.platform, project, matrix, options.builds | set(project.pip_build)):
        reporter.say(f"{environment.name}: {warning}")
    return in_folder(found, options.folder) if options.folder else found


def _compared(prefix: Path, locked: PlatformLock, condition: PrefixCondition) -> tuple[Installed, InstallPlan]:
    """What is at a prefix, which need not exist, and what a lock changes there."""
    from envgen.formats.installed_files import read_records
    from envgen.install.plan import Installed, plan

    there = Installed(records=read_records(prefix), manifest=installed.read_manifest(prefix), damaged=condition.damaged)
    return there, plan(there, locked)


def _build(
    layout: Layout,
    environment: EnvironmentRef,
    locked: PlatformLock,
    there: Installed,
    plan: InstallPlan,
    stage: Path,
    reporter: Reporter,
) -> None:
    """Build the new environment in the stage: start from a copy of the old one, remove and add packages."""
    from envgen.cache import cache_folder
    from envgen.channels.client import client
    from envgen.channels.mirrors import notes
    from envgen.formats.installed_files import listed_files
    from envgen.install import link, wheels
    from envgen.install.records import recorded

    prefix = environment.prefix
    variables, _ = clean(os.environ, str(stage), lambda _: False, os.path)
    if installed.is_environment(prefix):
        transaction.clone(prefix, stage, {file for record in there.records.values() for file in listed_files(record)})
        (stage / installed.META / installed.MANIFEST).unlink(missing_ok=True)
        _clear(stage, prefix, (file for files in there.damaged.values() for file in files))
        wheels.uninstall(stage, {name: there.wheels[name] for name in plan.pip_removed}, variables)
    again = frozenset((*plan.replaced, *plan.relinked))
    for note in [] if locked.files else notes(locked.channels):
        reporter.say(note)
    folder, channels = cache_folder() / "packages", client(locked.channels)
    job = link.Linking(locked=locked, stage=stage, prefix=prefix, cache=folder, client=channels, again=again)
    link.link(job, recorded(layout, locked), reporter)
    new = [wheel for wheel in locked.pip if wheel.name in plan.pip_added]
    if new:
        reporter.say(f"{environment.name}: installing with pip: {', '.join(plan.pip_added)}")
    with addressed(layout.shown(environment.lock)):
        found = wheels.install(stage, prefix, new, variables)
    prefixes.write_manifest(stage, _manifest(environment, locked, {**_kept_wheels(there, locked, plan), **found}))
    _check_and_record(environment, locked, stage)


def _clear(stage: Path, prefix: Path, damaged: Iterable[str]) -> None:
    """Remove empty folders in the place of damaged files. Raises BadInput for a folder with content, which may be the user's."""
    for file in damaged:
        if (stage / file).is_dir() and not (stage / file).is_symlink():
            try:
                (stage / file).rmdir()
            except OSError:
                what = "this folder is in the place of a file of a package"
                raise BadInput(what, where=prefix / file, hint="move it away") from None


def _check_and_record(environment: EnvironmentRef, locked: PlatformLock, stage: Path) -> None:
    """Check that the packages in the stage are those of the lock, with all their files, and write conda's history."""
    from envgen.formats.installed_files import damage, read_records
    from envgen.install.history import appended

    records = read_records(stage)
    odd = (records.keys() ^ locked.conda.keys()) | damage(stage).keys()
    if odd:
        what = f"the installed packages differ from the lock: {', '.join(sorted(odd))}"
        raise CheckFailed(what, where=environment.prefix, hint="please report this")
    path = stage / installed.META / "history"
    old = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    command = f"envgen install {environment.project} --target {environment.target}"
    path.write_text(appended(old, records, locked.requested, command, datetime.now().astimezone()), encoding="utf-8")


def _kept_wheels(there: Installed, locked: PlatformLock, plan: InstallPlan) -> Mapping[str, Wheel]:
    """The pip packages of an environment that do not change."""
    kept = {wheel.name for wheel in locked.pip} - plan.pip_added.keys()
    return {name: wheel for name, wheel in there.wheels.items() if name in kept}


def _manifest(environment: EnvironmentRef, locked: PlatformLock, pip: Mapping[str, Wheel]) -> InstallManifest:
    from envgen.install.platform_lock import archive_hash

    return InstallManifest(
        project=environment.project,
        target=environment.target,
        platform=current_platform(),
        lock=environment.lock_digest,
        packages={dist: archive_hash(package) for dist, package in sorted(locked.conda.items())},
        pip=pip,
        requested=locked.requested,
        version=installed.MANIFEST_VERSION,
    )


def _register(layout: Layout, environment: EnvironmentRef) -> None:
    """Make git ignore an environment below the root, and list one outside conda's folders in conda's own list."""
    folders = local_folders(layout)
    if environment.prefix.parent == folders.own:
        (folders.own / ".gitignore").write_text("*\n", encoding="utf-8")
    elif not folders.named(environment.prefix):
        with suppress(OSError):  # a convenience: if it fails, the environment still works
            prefixes.register(environment.prefix, Path.home())
