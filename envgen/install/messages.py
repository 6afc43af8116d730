"""What a person is told of an environment: what was done, how it is used, and how other tools make the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from envgen.install.install import Installed
from envgen.install.select import EnvironmentRef, here, quoted
from envgen.model.layout import Layout

_WORDS = {
    "installed": "installed in",
    "updated": "updated in",
    "unchanged": "nothing to do in",
    "new": "would be installed in",
    "different": "would be changed in",
}


def outcome_text(done: Installed) -> str:
    """One line: what became of an environment; and, of a dry run, a line for each package."""
    text = f"{done.wanted.name}: {_WORDS[done.state]} {done.wanted.prefix}"
    if done.state == "updated":
        text += f" ({_counted(done)})"
    return "\n".join((text, *(_changes(done) if done.state in ("new", "different") else ())))


def _counted(done: Installed) -> str:
    change = done.change
    added, removed = len(change.added) + len(change.pip_added), len(change.removed) + len(change.pip_removed)
    return f"{added} {'package' if added == 1 else 'packages'} added, {removed} removed" + (
        f", {len(change.again)} replaced" if change.again else ""
    )


def _changes(done: Installed) -> Iterator[str]:
    change = done.change
    yield from (f"  - {name}" for name in change.removed)
    yield from (f"  + {name}" for name in change.added)
    yield from (f"  ~ {name}" for name in change.again)
    yield from (f"  - {name} {version} (pip)" for name, version in change.pip_removed.items())
    yield from (f"  + {name} {version} (pip)" for name, version in change.pip_added.items())


def outcomes_json(layout: Layout, found: Sequence[Installed]) -> str:
    """The same for machines."""
    return json.dumps([_plain(layout, done) for done in found], indent=2)


def _plain(layout: Layout, done: Installed) -> dict[str, object]:
    asked = done.wanted
    return {
        "project": asked.project,
        "target": asked.target,
        "state": done.state,
        "prefix": str(asked.prefix),
        "lock": layout.shown(asked.file),
        "activate": activation(layout, asked),
        "change": asdict(done.change),
    }


def hints_text(layout: Layout, asked: EnvironmentRef) -> str:
    """How to use a new environment, and the lines that make the same one with other tools."""
    same = "\n".join(f"  {line}" for line in commands(layout, asked))
    return f"  {activation(layout, asked)}\nthe same with other tools:\n{same}"


def activation(layout: Layout, asked: EnvironmentRef) -> str:
    """How to use an environment, in one line."""
    where = here(layout)
    if where.named(asked.prefix):
        return f"conda activate {quoted(asked.name if asked.prefix.name == asked.name else asked.prefix.name)}"
    if where.conda:
        return f"conda activate {quoted(asked.prefix)}"
    return f"{run_line(layout, asked)} -- python"


def run_line(layout: Layout, asked: EnvironmentRef) -> str:
    """The `envgen run` that means this environment."""
    elsewhere = asked.prefix not in {folder / asked.name for folder in here(layout).folders}
    return f"envgen run {asked.project} --target {asked.target}" + (f" --prefix {quoted(asked.prefix)}" if elsewhere else "")


def commands(layout: Layout, asked: EnvironmentRef) -> tuple[str, ...]:
    """The same environment with other tools, to be typed in the root; mamba is mamba 2."""
    named = asked.prefix.name == asked.name and asked.prefix.parent in here(layout).folders[:-1]
    place = f"--name {quoted(asked.name)}" if named else f"--prefix {quoted(asked.prefix)}"
    file = quoted(layout.shown(asked.file))
    return (
        f"conda-lock install {place} {file}",
        f"micromamba create {place} --file {file}",
        f"mamba create {place} --file {file}",
    )
