"""The history of an environment in conda's format: what was requested, and which packages came and went.

conda and mamba read from it what a person asked for, so that removing a package keeps the rest. Pure.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from envgen.channels.channel import ALIAS, bare
from envgen.formats.environment_yml import spec_name
from envgen.formats.installed_files import InstalledRecords

_DEFAULTS = re.compile(r"https://repo\.anaconda\.com/pkgs/(main|r|msys2)")  # what conda means by `defaults`
_SPECS = re.compile(r"# *(\w+) specs: *(\[.*\])")


def appended(history: str, records: InstalledRecords, requested: Sequence[str], command: str, when: datetime) -> str:
    """`history` with an entry after which it holds these packages and these specs; unchanged if it does already.

    `command` is what was run, on one line; `when` the local time.
    """
    held, now = _packages(history), {_name(dist, record) for dist, record in records.items()}
    old, new = _requested(history), {spec_name(spec): spec for spec in requested}
    if held == now and old == new:
        return history
    removed = sorted(old.keys() - new.keys())
    lines = [
        f"==> {when:%Y-%m-%d %H:%M:%S} <==",
        f"# cmd: {command}",
        *(f"-{name}" for name in sorted(held - now)),
        *(f"+{name}" for name in sorted(now - held)),
        *([f"# remove specs: {removed}"] if removed else []),
        f"# update specs: {list(requested)}",
    ]
    return "\n".join((*filter(None, [history.rstrip("\n")]), *lines, ""))


def _name(dist: str, record: Mapping[str, Any]) -> str:
    """How conda names an installed package: `conda-forge/noarch::absl-py-2.5.0-pyhd8ed1ab_0`."""
    channel = bare(str(record.get("url") or "")).rpartition("/")[0].rpartition("/")[0]
    channel = "defaults" if _DEFAULTS.fullmatch(channel) else channel.removeprefix(f"{ALIAS}/")
    return f"{channel}/{record.get('subdir')}::{dist}"


def _sections(history: str) -> Iterator[list[str]]:
    """The lines of each entry."""
    found: list[str] = []
    for line in filter(None, map(str.strip, history.splitlines())):
        if line.startswith("==>"):
            yield found
            found = []
        else:
            found.append(line)
    yield found


def _packages(history: str) -> set[str]:
    """The packages that an environment has after all entries."""
    held: set[str] = set()
    for lines in _sections(history):
        changes = [line for line in lines if not line.startswith("#")]
        if any(line.startswith(("+", "-")) for line in changes):
            held -= {line[1:] for line in changes if line.startswith("-")}
            held |= {line[1:] for line in changes if line.startswith("+")}
        elif changes:  # an old conda wrote the whole list
            held = set(changes)
    return held


def _requested(history: str) -> dict[str, str]:
    """Package -> the spec that was requested last."""
    found: dict[str, str] = {}
    for lines in _sections(history):
        for action, specs in (pair for line in lines if (pair := _specs(line))):
            for spec in specs:
                found.pop(spec_name(spec), None)
                if action not in ("remove", "uninstall"):
                    found[spec_name(spec)] = spec
    return found


def _specs(line: str) -> tuple[str, list[str]] | None:
    found = _SPECS.fullmatch(line)
    try:
        specs = ast.literal_eval(found[2]) if found else []
        return (found[1], [spec for spec in specs if isinstance(spec, str) and spec_name(spec)]) if found else None
    except (ValueError, SyntaxError, RecursionError, MemoryError):  # written by hand: conda's to report
        return None
