"""From what was decided for a project to its targets with all their files: solved, pinned, read back and verified."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from envgen.formats import conda_lock
from envgen.lock.changes import with_wheels
from envgen.lock.keep_records import records_of
from envgen.lock.pip_pins import old_wheels, wheels_of
from envgen.lock.plan import Plan, rendered
from envgen.lock.render import digest
from envgen.lock.unchanged import unchanged_outcome
from envgen.model.errors import CheckFailed
from envgen.model.facts import Matrix
from envgen.model.layout import LOCK, Layout
from envgen.model.resolution import RenderedFile
from envgen.model.run import LockedProject, Outcome, PinWith, Reporter, Solved
from envgen.resolver import specs

if TYPE_CHECKING:
    from envgen.lock.choose import Solver
    from envgen.lock.decide import Decision


def locked_project(layout: Layout, followed: Plan, solved: Sequence[Solved]) -> LockedProject:
    """What is written for a project whose plan was followed, with the outcomes of all its requested targets."""
    new = {item.resolution.target.name: _outcome(layout, item) for item in solved}
    return LockedProject(
        project=followed.project.name,
        files={item.resolution.target.name: item.files for item in solved},
        records=records_of(solved),
        outcomes=tuple(new.get(target) or unchanged_outcome(layout, followed, target) for target in followed.requested),
    )


def _outcome(layout: Layout, item: Solved) -> Outcome:
    resolution = replace(item.resolution, obstacles=())  # no report needs them, and they are long
    folder = layout.target(resolution.project.name, resolution.target.name)
    return Outcome(
        resolution=resolution,
        state="relocked" if (folder / LOCK).is_file() else "locked",
        downloads=item.downloads,
        seconds=item.seconds,
        path=layout.shown(folder),
        notes=item.notes,
        changes=item.changes,
        differing=item.differing if resolution.project.align else None,
    )


def assembled(
    layout: Layout, matrix: Matrix, decision: Decision, seconds: float, solver: Solver | None, pin_with: PinWith, reporter: Reporter
) -> Iterator[Solved]:
    """Each target of a decision with its solutions, its pip packages, what they change, and its files.

    Raises NoSolution if a pip section has no solution.
    """
    from envgen.lock.solving import solved_cells

    found = solved_cells(matrix, decision, solver)
    for resolution in decision.resolutions:
        name, begun = resolution.target.name, time.perf_counter()
        wheels = wheels_of(decision.plan, resolution, found.of(resolution), matrix.catalogue, reporter)
        item = Solved(
            resolution=resolution,
            solutions=found.of(resolution),
            wheels=wheels,
            files=(),
            seconds=seconds + time.perf_counter() - begun,
            notes=(*resolution.moved.values(), *decision.changed[name]),
            changes=with_wheels(found.changes(resolution), old_wheels(decision.plan, resolution), wheels),
            dropped=tuple(row for row in decision.plan.resolutions[name].platforms if row not in resolution.platforms),
            differing=tuple(row for row in found.differing if any(cell.startswith(f"{name}/") for cell in row.versions)),
        )
        yield _pin(layout, matrix, item, pin_with)


# --- pin and verify -------------------------------------------------------------------------------------------------------


def _pin(layout: Layout, matrix: Matrix, item: Solved, pin_with: PinWith) -> Solved:
    """Add the files of a target, with a lock that has been read back and verified."""
    from envgen.lock.pin import pin

    begun, resolution = time.perf_counter(), item.resolution
    files = rendered(layout, resolution)
    file = pin(item, files, digest(resolution, files, layout.templates), matrix.catalogue, pin_with)
    warnings = _verify(layout, matrix, item, file)
    return replace(item, files=(*files, file), seconds=item.seconds + time.perf_counter() - begun, notes=(*item.notes, *warnings))


def _verify(layout: Layout, matrix: Matrix, item: Solved, file: RenderedFile) -> tuple[str, ...]:
    """Read the new lock back, check that it contains every solved package, and run the rules of `verify`. Returns their warnings.

    Raises CheckFailed if it is incomplete or breaks a rule.
    """
    from envgen.lock.wrong import finding_line
    from envgen.verify import check

    shown = layout.shown(layout.target(item.resolution.project.name, item.resolution.target.name) / LOCK)
    read = conda_lock.read_lock(file.text, shown)
    counts = Counter(package.platform for package in read.packages if package.manager == "conda")
    complete = all(counts[solution.platform] == len(solution.records) for solution in item.solutions)
    if conda_lock.read_stamp(file.text, shown) is None or not complete:
        raise CheckFailed(f"{shown}: the new lock cannot be read back", hint="nothing was written; please report this")
    findings = check.check(read, check.claims_of(item.resolution), matrix)
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        lines = "\n".join(finding_line(finding) for finding in errors)
        what = f"{specs.environment_name(item.resolution)}: the solution does not match its target\n{lines}"
        raise CheckFailed(what, hint="nothing was written; `envgen help verify` explains each rule and how to fix it")
    # the resolver has already warned about drivers that cannot run what is compiled at run time
    return tuple(f"warning: {finding_line(item).strip()}" for item in findings if item.rule != "run-time-compilation")
