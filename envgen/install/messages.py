"""What envgen prints about an environment: what was done, how to use it, and how other tools create the same one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from envgen.install import prefixes
from envgen.install.install import InstallResult, InstallState
from envgen.install.plan import InstallPlan
from envgen.install.select import EnvironmentRef, for_powershell, local_folders, quoted
from envgen.model.layout import Layout
from envgen.model.packages import LockedPackage

if TYPE_CHECKING:
    from envgen.install.export import Exported

_STATES: dict[InstallState, str] = {
    "installed": "installed in",
    "updated": "updated in",
    "repaired": "repaired in",
    "adopted": "adopted in",
    "unchanged": "already up to date in",
    "new": "would be installed in",
    "different": "would be updated in",
    "adoptable": "would be adopted in",
}


def result_text(result: InstallResult) -> str:
    """One line that says what became of an environment; after a dry run, also one line for each package that would change."""
    text = f"{result.environment.name}: {_STATES[result.state]} {result.environment.prefix}"
    if result.plan and result.state in ("updated", "repaired"):
        text += f" ({_counts(result.plan)})"
    if result.state in ("adopted", "adoptable"):
        text += " (another tool made it, with the packages of the lock; no package changes)"
    return "\n".join((text, *(_changes(result.plan) if result.plan and result.state in ("new", "different") else ())))


def _counts(plan: InstallPlan) -> str:
    if not plan.packages:
        return "only what conda's history says was requested"
    added, removed = len(plan.added) + len(plan.pip_added), len(plan.removed) + len(plan.pip_removed)
    more = [f"{len(found)} {word}" for found, word in ((plan.replaced, "replaced"), (plan.relinked, "linked again")) if found]
    return ", ".join((f"{added} {'package' if added == 1 else 'packages'} added", f"{removed} removed", *more))


def _changes(plan: InstallPlan) -> Iterator[str]:
    yield from (f"  - {name}" for name in plan.removed)
    yield from (f"  + {name}" for name in plan.added)
    yield from (f"  ~ {name}" for name in plan.replaced)
    yield from (f"  ~ {name} ({reason})" for name, reason in plan.relinked.items())
    yield from (f"  - {name} {version} (pip)" for name, version in plan.pip_removed.items())
    yield from (f"  + {name} {version} (pip)" for name, version in plan.pip_added.items())
    if not plan.packages:
        yield "  ~ what conda's history says was requested"


def exported_text(done: Exported) -> str:
    """One line that says what a folder has now."""
    wheels = f" and {done.wheels} pip packages" if done.wheels else ""
    what = f"{done.packages} conda packages{wheels} of {len(done.locks)} lock{'' if len(done.locks) == 1 else 's'}"
    return f"{done.folder}: {what}, {done.size / 1e6:,.0f} MB ({done.fetched} fetched)"


def exported_json(done: Exported) -> str:
    """The same as JSON; sizes are in bytes."""
    return json.dumps({**asdict(done), "folder": str(done.folder)}, indent=2)


def results_json(layout: Layout, results: Sequence[InstallResult]) -> str:
    """The results as JSON."""
    return json.dumps([_plain(layout, result) for result in results], indent=2)


def _plain(layout: Layout, result: InstallResult) -> dict[str, object]:
    environment, plan = result.environment, result.plan or InstallPlan()
    return {
        "project": environment.project,
        "target": environment.target,
        "state": result.state,
        "prefix": str(environment.prefix),
        "lock": layout.shown(environment.lock),
        "activate": activation(layout, environment),
        "change": {
            "added": plan.added,
            "removed": plan.removed,
            "again": plan.replaced,
            "linked_again": dict(plan.relinked),
            "pip_added": dict(plan.pip_added),
            "pip_removed": dict(plan.pip_removed),
        },
    }


def usage_text(layout: Layout, environment: EnvironmentRef) -> str:
    """How to use a new environment, and the commands that create the same one with other tools."""
    lines = "\n".join(f"  {line}{for_powershell(line)}" for line in commands(layout, environment))
    others = f"\nto create the same environment with other tools:\n{lines}" if lines else ""
    command = activation(layout, environment)
    return f"  {command}{for_powershell(command)}{others}"


def activation(layout: Layout, environment: EnvironmentRef) -> str:
    """The command that activates an environment; without conda, the one that runs Python in it."""
    folders = local_folders(layout)
    if folders.named(environment.prefix):
        return f"conda activate {quoted(environment.prefix.name)}"
    if folders.conda:
        return f"conda activate {quoted(environment.prefix)}"
    return f"{_run_command(layout, environment)} -- python"


def _run_command(layout: Layout, environment: EnvironmentRef) -> str:
    elsewhere = environment.prefix not in {folder / environment.name for folder in local_folders(layout).all}
    return f"envgen run {environment.project} --target {environment.target}" + (
        f" --prefix {quoted(environment.prefix)}" if elsewhere else ""
    )


def commands(layout: Layout, environment: EnvironmentRef) -> tuple[str, ...]:
    """The commands with which other tools can create the same environment, run from the root; `mamba` is mamba 2.

    conda-lock fills in the variables in the URLs of private channels, mamba and micromamba do not. conda-lock identifies packages
    by their md5, which some channels do not tell.
    """
    prefix = environment.prefix
    named = prefix.name == environment.name and local_folders(layout).named(prefix)
    place = f"--name {quoted(environment.name)}" if named else f"--prefix {quoted(prefix)}"
    file = quoted(layout.shown(environment.lock))
    packages = _packages(layout, environment)
    conda_lock = all(package.md5 for package in packages if package.manager == "conda")
    mamba = not any("$" in package.url for package in packages)
    return (
        *([f"conda-lock install {place} {file}"] if conda_lock else []),
        *([f"micromamba create {place} --file {file}", f"mamba create {place} --file {file}"] if mamba else []),
    )


def _packages(layout: Layout, environment: EnvironmentRef) -> tuple[LockedPackage, ...]:
    from envgen.formats.conda_lock import read_lock

    return read_lock(prefixes.lock_text(layout, environment.project, environment.target), layout.shown(environment.lock)).packages
