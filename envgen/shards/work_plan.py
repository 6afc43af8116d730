"""A plan of what has to be locked, as a file: `envgen plan --json` writes it, `envgen lock --cells` and `--merge` read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from envgen.lock.pipeline import project_names
from envgen.lock.plan import MachineTarget, plan
from envgen.matrix.cached import cached_matrix
from envgen.model.dates import dates_text, read_dates
from envgen.model.errors import BadInput, EnvgenError
from envgen.model.layout import Layout
from envgen.model.run import Failure, LockRequest, Reporter
from envgen.revisions import revision
from envgen.shards.units import Unit, UnitKeys

_FORMAT = 1
_HINT = "give the output of `envgen plan --json`, or a part of its `units`"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkPlan:
    """The units of a repository, the options that their keys are of, and the projects that cannot be planned."""

    units: tuple[Unit, ...]
    update: bool = False
    exclude_newer: str = ""
    moment: str = ""
    failures: tuple[Failure, ...] = ()

    @property
    def cells(self) -> Mapping[str, str]:
        """Project -> key, of the units with something to do."""
        return {unit.project: unit.key for unit in self.units if unit.state == "open"}

    def request(self, asked: LockRequest) -> LockRequest:
        """The request to lock its cells, with the options of the plan."""
        dates, cells = read_dates(self.exclude_newer) or {}, self.cells
        return replace(asked, projects=tuple(cells), update=self.update, exclude_newer=dates, moment=self.moment, cells=cells)


def work_plan(
    layout: Layout, request: LockRequest, base: str | None, reporter: Reporter, machine_target: MachineTarget
) -> WorkPlan:
    """The plan for the requested projects; with a `base`, for those with something to do or with files that changed since then.

    A project with nothing to do is `locked`: its lock is what its inputs say.
    """
    changed = _changed_projects(layout, base) if base else None
    live = not (request.offline or request.index_folder)
    moment = datetime.now(timezone.utc).isoformat(timespec="seconds") if live else ""
    asked, matrix = replace(request, moment=moment), cached_matrix(layout)
    keys, units, failures = UnitKeys(layout, asked), list[Unit](), list[Failure]()
    for name in project_names(layout, request):
        try:
            found = plan(layout, matrix, name, asked, reporter, machine_target)
            if found and (changed is None or found.todo or name in changed):
                units.append(keys.unit(found))
        except EnvgenError as error:
            failures.append(Failure(name, error.with_traceback(None)))
    dates = dates_text(request.exclude_newer)
    return WorkPlan(units=tuple(units), update=request.update, exclude_newer=dates, moment=moment, failures=tuple(failures))


def _changed_projects(layout: Layout, base: str) -> frozenset[str]:
    """The projects with files that differ from those of a commit. Raises BadInput where git does not know it."""
    changed = revision(layout.root, base).changed([layout.shown(layout.environments)])
    return frozenset(path.parts[1] for path in changed if len(path.parts) > 2)


def shard(found: WorkPlan, place: int, count: int) -> WorkPlan:
    """Every `count`-th unit with something to do, from the `place`-th on; places begin with 1."""
    todo = [unit for unit in found.units if unit.state == "open"]
    return replace(found, units=tuple(todo[place - 1 :: count]))


def plan_json(found: WorkPlan) -> str:
    """The plan as the file that other commands read."""
    data = {
        "envgen-plan": _FORMAT,
        "update": found.update,
        "exclude_newer": found.exclude_newer,
        "moment": found.moment,
        "units": [asdict(unit) for unit in found.units],
        "failures": [{"project": row.project, "error": row.error.what, "exit_code": row.error.exit_code} for row in found.failures],
    }
    return json.dumps(data, indent=2)


def read_plan(path: Path | None, text: str) -> WorkPlan:
    """The plan in the text of a file. Raises BadInput where it is not one."""
    try:
        return _parsed(json.loads(text))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(f"not a plan: {error}", where=path or "stdin", hint=_HINT) from None


def _parsed(data: Any) -> WorkPlan:
    if data["envgen-plan"] != _FORMAT:
        raise ValueError(f"format {data['envgen-plan']}")
    units = tuple(Unit(**{**row, "cells": tuple(row["cells"])}) for row in data["units"])
    texts = [data["exclude_newer"], data["moment"], *(text for unit in units for text in (unit.project, unit.key, unit.asked))]
    if not all(isinstance(text, str) for text in texts) or not isinstance(data["update"], bool):
        raise TypeError("a value of another type")
    if read_dates(data["exclude_newer"]) is None:
        raise ValueError(f"dates {data['exclude_newer']}")
    return WorkPlan(units=units, update=data["update"], exclude_newer=data["exclude_newer"], moment=data["moment"])
