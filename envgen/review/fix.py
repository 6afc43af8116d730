"""`envgen check --fix`: what can be made right without a solve. The only module here that writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from envgen.channels.recorded import read_recorded, recorded_files
from envgen.files import leftovers, remove_files, write_files
from envgen.lock.keep_records import compared, tidy_records
from envgen.lock.one_writer import one_writer
from envgen.lock.pipeline import lock
from envgen.lock.plan import MachineTarget, plan
from envgen.lock.removed_targets import remove_their_files
from envgen.matrix.cached import cached_matrix
from envgen.model.errors import EnvgenError
from envgen.model.facts import Matrix
from envgen.model.findings import Finding
from envgen.model.layout import Layout
from envgen.model.resolution import RenderedFile
from envgen.model.run import LockRequest, Reporter
from envgen.project.cached import cached_project
from envgen.review.registry import is_fixable
from envgen.review.repository import left_over


def fix(layout: Layout, findings: Sequence[Finding], reporter: Reporter, machine_target: MachineTarget) -> tuple[str, ...]:
    """Make again what needs no solve, and remove what is left over; what was done, one line each.

    Raises BadInput where a file cannot be written. What would need a solve is left as it is.
    """
    done = [*_rendered(layout, findings, reporter, machine_target)]
    if any(map(is_fixable, findings)):
        done += [f"{layout.shown(path)}: removed" for path in leftovers(layout.environments)]
        with one_writer(layout, reporter):  # which removes what killed runs left
            done += [line for step in _STEPS for line in step(layout, findings)]
    return tuple(done)


def _rendered(layout: Layout, findings: Iterable[Finding], reporter: Reporter, machine_target: MachineTarget) -> Iterator[str]:
    """Make the files of targets whose lock answers all that is asked: they keep every package."""
    matrix = cached_matrix(layout)
    for name, target in dict.fromkeys((found.project, found.target) for found in findings if is_fixable(found) and found.target):
        request = LockRequest(projects=(name,), targets=(target,), offline=True)
        if _needs_no_solve(layout, matrix, request, reporter, machine_target):
            for outcome in lock(layout, request, reporter, machine_target).whole():
                yield f"{outcome.path}: made again, with the packages that were locked"


def _needs_no_solve(
    layout: Layout, matrix: Matrix, request: LockRequest, reporter: Reporter, machine_target: MachineTarget
) -> bool:
    try:
        if request.targets[0] not in {row.name for row in cached_project(layout, matrix, request.projects[0]).targets}:
            return False
        found = plan(layout, matrix, request.projects[0], request, reporter, machine_target)
    except EnvgenError:  # which is a finding of its own
        return False
    return found is not None and bool(found.todo) and found.is_locked


# --- what is left over ----------------------------------------------------------------------------------------------------


def _targets(layout: Layout, findings: Sequence[Finding]) -> Iterator[str]:
    """The files of targets that their project does not have."""
    matrix = cached_matrix(layout)
    for name in dict.fromkeys(found.project for found in findings if found.rule == "target-removed"):
        for target in remove_their_files(layout, cached_project(layout, matrix, name)):
            yield f"{layout.shown(layout.target(name, target))}: removed"


def _left(layout: Layout, findings: Sequence[Finding]) -> Iterator[str]:
    wanted = {found.at.file for found in findings if found.rule == "file-left" and found.at}
    paths = [path for path in left_over(layout) if layout.shown(path) in wanted]
    remove_files(paths)
    yield from (f"{layout.shown(path)}: removed" for path in paths)


def _records(layout: Layout, findings: Sequence[Finding]) -> Iterator[str]:
    """The recorded index, with the records that locks name and no others."""
    if any(found.rule in ("record-unneeded", "record-unordered", "target-removed") for found in findings):
        records = read_recorded(layout.index, layout.shown(layout.index))
        for name, text in recorded_files(records).items():
            path = layout.index / name
            if layout.read(path) != text:
                write_files(path.parent, (RenderedFile(path.name, text),), layout)
                yield f"{layout.shown(path)}: written again"
        drift = compared(layout)
        tidy_records(layout, drift.surplus)
        if drift.surplus:
            yield f"{layout.shown(layout.index)}: {len(drift.surplus)} record{'s' * (len(drift.surplus) > 1)} removed"


_STEPS: tuple[Callable[[Layout, Sequence[Finding]], Iterator[str]], ...] = (_targets, _left, _records)
