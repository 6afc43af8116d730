"""Projects that are locked on other machines: each batch carries its inputs, is locked in a process there, and brings its results.

What runs batches is an executor as in `concurrent.futures`. A machine needs envgen, and the folder of `--index` at the same place;
it needs no checkout.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, as_completed
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from envgen.lock.pipeline import project_names
from envgen.lock.plan import MachineTarget
from envgen.model.errors import BadInput, CheckFailed, EnvgenError, NoSolution
from envgen.model.layout import Layout
from envgen.model.run import Failure, LockRequest, LockRun, Reporter
from envgen.shards.executors import opened
from envgen.shards.results import FolderResults, Results, open_results
from envgen.shards.shared_results import lock_shared
from envgen.shards.units import Unit
from envgen.shards.work_plan import WorkPlan, plan_json, work_plan

_BATCHES, _LARGEST = 16, 16  # so many batches at least, where there are as many projects; so many projects in a batch at most
_ERRORS: Mapping[int, type[EnvgenError]] = {1: CheckFailed, 4: NoSolution}


def lock_remotely(
    layout: Layout, request: LockRequest, executor: str, reporter: Reporter, machine_target: MachineTarget
) -> LockRun:
    """Lock as `lock` does, with everything that has to be solved done by an executor (`dask=ADDRESS`).

    The files are written here, from the results. A batch that has no result is a failure of its projects.
    """
    found = work_plan(layout, request, None, reporter, machine_target)
    with tempfile.TemporaryDirectory(prefix="envgen-") as scratch:
        here = FolderResults(Path(scratch))
        shared = open_results(request.results) if request.results else None
        todo = [unit for unit in found.units if unit.state == "open" and not _taken(unit, shared, here)]
        failures = {row.project: row.error for row in found.failures}
        if todo:
            with opened(executor) as workers:
                failures |= _locked(layout, request, replace(found, units=tuple(todo)), workers, (here, shared), reporter)
        names = [name for name in project_names(layout, request) if name not in failures]
        rest = replace(request, results=scratch, moment=found.moment, projects=tuple(names) if failures else request.projects)
        done = lock_shared(layout, rest, reporter, machine_target) if names else LockRun(())
    return replace(done, failures=(*(Failure(name, error) for name, error in sorted(failures.items())), *done.failures))


def _taken(unit: Unit, shared: Results | None, here: Results) -> bool:
    """Take a result that is known already."""
    text = shared.get(unit.key) if shared else None
    if text:
        here.put(unit.key, text)
    return bool(text)


def _locked(
    layout: Layout,
    request: LockRequest,
    found: WorkPlan,
    workers: Executor,
    places: Sequence[Results | None],
    reporter: Reporter,
) -> dict[str, EnvgenError]:
    """Have some units locked and keep their results; the errors of those that have none."""
    failures: dict[str, EnvgenError] = {}
    words = _words(request)
    reporter.begin("locking", len(found.units))
    batches: dict[Future[BatchResult], WorkPlan] = {
        workers.submit(lock_batch, packed(layout, batch), words): batch for batch in _batches(found)
    }
    for done in as_completed(batches):
        batch, error = batches[done], done.exception()
        result = BatchResult(texts={}, errors={}, said=str(error), status=4) if error else done.result()
        for key, text in result.texts.items():
            for place in filter(None, places):
                place.put(key, text)
        for unit in batch.units:
            reporter.step(unit.project)
            if unit.key not in result.texts:
                failures[unit.project] = result.error(unit.project)
    reporter.end()
    return failures


def _batches(found: WorkPlan) -> Iterator[WorkPlan]:
    size = max(1, min(_LARGEST, len(found.units) // _BATCHES))
    for start in range(0, len(found.units), size):
        yield replace(found, units=found.units[start : start + size], failures=())


def _words(request: LockRequest) -> tuple[str, ...]:
    """The options of a batch that its plan does not have."""
    index = ("--index", str(request.index_folder.absolute())) if request.index_folder else ()
    return (*index, *(("--offline",) if request.offline else ()), "--pin-with", request.pin_with, "--jobs", "1")


def packed(layout: Layout, batch: WorkPlan) -> bytes:
    """All files that some units are made from, and their plan."""
    folders = (layout.matrices, layout.templates, layout.index)
    paths = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    paths += [path for unit in batch.units for path in layout.raw_files(unit.project) or ()]
    files = {path.relative_to(layout.root).as_posix(): path.read_text(encoding="utf-8") for path in paths}
    return zlib.compress(json.dumps({"files": files, "plan": plan_json(batch)}).encode())


# --- on the other machine -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """The results of a batch by key, the errors by project, what the process said, and its exit code."""

    texts: Mapping[str, str]
    errors: Mapping[str, tuple[str, str, str, int]]
    said: str
    status: int

    def error(self, project: str) -> EnvgenError:
        """The error of a project that has no result."""
        what, where, hint, status = self.errors.get(project, (f"{project}: {self.said or 'it has no result'}", "", "", self.status))
        return _ERRORS.get(status, BadInput)(what, where=where, hint=hint)


def lock_batch(inputs: bytes, words: Sequence[str]) -> BatchResult:
    """Lock a batch in a process of its own, in a temporary folder."""
    data = json.loads(zlib.decompress(inputs))
    with tempfile.TemporaryDirectory(prefix="envgen-") as scratch:
        root, results, plan = Path(scratch, "root"), Path(scratch, "results"), Path(scratch, "plan.json")
        for name, text in data["files"].items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        plan.write_text(data["plan"], encoding="utf-8")
        argv = [sys.executable, "-m", "envgen", "--root", str(root), "lock", "--cells", str(plan), "--results", str(results)]
        environment = {name: value for name, value in os.environ.items() if name not in ("ENVGEN_INDEX", "ENVGEN_RESULTS")}
        done = subprocess.run([*argv, "--json", *words], env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(results.glob("*.json"))}
    said = done.stderr.strip().removeprefix("error: ")
    return BatchResult(texts=texts, errors=_errors(done.stdout), said=said[-2000:], status=done.returncode or 4)


def _errors(text: str) -> dict[str, tuple[str, str, str, int]]:
    rows: list[Any] = []
    with suppress(ValueError):
        rows = json.loads(text) if text else []
    failed = (row for row in rows if row.get("state") == "failed")
    return {row["project"]: (row["error"], row["where"] or "", row["hint"], row["exit_code"]) for row in failed}
