"""Why the locks of a project are not what their inputs make now: the one answer of `check`, `lock --check`, `install` and `list`.

Nothing is solved, nothing written, no index asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from envgen.formats import conda_lock
from envgen.lock.ask import Replays
from envgen.lock.numerics import check_locked
from envgen.lock.pipeline import project_names
from envgen.lock.plan import MachineTarget, Plan, plan, rendered
from envgen.lock.removed_targets import removed_targets
from envgen.lock.render import digest
from envgen.lock.unchanged import RawInputs, has_shortcut, remember_unchanged, unchanged
from envgen.matrix.cached import cached_matrix
from envgen.model.address import Address
from envgen.model.errors import BadInput, EnvgenError, NoSolution
from envgen.model.facts import Matrix
from envgen.model.findings import Finding
from envgen.model.layout import FILES, LOCK, Layout
from envgen.model.run import LockRequest, Reporter
from envgen.review import rules_choices, rules_files  # noqa: F401 - they fill the registry
from envgen.review.made import made, of_error
from envgen.review.registry import CHECK_FIX, RELOCK, STALE, TargetCase

_REMOVED, _NUMERICS = "target-removed", "numerics-differ"


@STALE.rule(_REMOVED, "The lock of a target that its project does not have: nothing updates it.", fix=CHECK_FIX)
def _target_removed(_: TargetCase) -> Iterator[tuple[Address, str]]:
    """Found by project, because such a target has no case."""
    yield from ()


@STALE.rule(_NUMERICS, "The targets of a project compute with the same, unless it says otherwise.", fix="envgen update {project}")
def _numerics_differ(_: TargetCase) -> Iterator[tuple[Address, str]]:
    """Found by project, because it is between its targets."""
    yield from ()


@STALE.rule("inputs-changed", "The lock is not what its inputs make now.", fix=RELOCK)
def _inputs_changed(_: TargetCase) -> Iterator[tuple[Address, str]]:
    """What is left where no other rule says what changed."""
    yield from ()


def stale(
    layout: Layout, request: LockRequest, reporter: Reporter, machine_target: MachineTarget
) -> tuple[tuple[Finding, ...], tuple[EnvgenError, ...]]:
    """What is stale of the requested targets of the requested projects, and what keeps it from being told of the others of them.

    Raises BadInput where it can be told of none.
    """
    raw = RawInputs(layout, request) if has_shortcut(request) else None
    names = [name for name in project_names(layout, request) if raw is None or unchanged(raw, name, reporter) is None]
    matrix = cached_matrix(layout) if names else None
    if matrix is None:
        return (), ()
    replays, found, errors = Replays(matrix), list[Finding](), list[EnvgenError]()
    for name in names:
        try:
            found += tuple(stale_of_project(layout, matrix, name, request, reporter, machine_target, replays, raw))
        except EnvgenError as error:
            errors.append(error)
    return tuple(found), tuple(errors)


def stale_of_project(
    layout: Layout,
    matrix: Matrix,
    name: str,
    request: LockRequest,
    reporter: Reporter,
    machine_target: MachineTarget,
    replays: Replays,
    raw: RawInputs | None = None,
) -> Iterator[Finding]:
    """What is stale of the requested targets, and the locks of targets that the project does not have.

    Where a lock cannot be read, only that: the choices of the others depend on it. Raises BadInput and Unsatisfiable about the
    project, and BadInput about its template. With `raw` a project that has nothing to do is remembered.
    """
    damaged = tuple(unreadable(layout, name))
    yield from damaged
    found = None if damaged else plan(layout, matrix, name, request, reporter, machine_target, replays)
    if found:
        for target in found.todo:
            yield from _of_target(layout, matrix, found, target)
        gone = () if request.targets else removed_targets(layout, found.project)
        for target in gone:
            at = Address(layout.shown(layout.target(name, target) / LOCK), 1, 1)
            yield made(STALE[_REMOVED], at, f"{name} has no such target", name, target)
        differing = () if found.todo else tuple(_differing(layout, matrix, found))
        yield from differing
        if raw and not (found.todo or gone or differing):
            remember_unchanged(layout, raw, found)


def _differing(layout: Layout, matrix: Matrix, found: Plan) -> Iterator[Finding]:
    """What the targets of a project with nothing to do may not differ in, and do."""
    try:
        check_locked(matrix, found)
    except NoSolution as error:
        at = error.where if isinstance(error.where, Address) else Address(layout.shown(layout.project(found.project.name)), 1, 1)
        first, *rows = error.what.splitlines()
        text = f"{first.partition(': ')[2]} {'; '.join(row.strip() for row in rows)}"
        yield made(STALE[_NUMERICS], at, text, found.project.name)


def stale_if_unchanged(layout: Layout, raw: RawInputs, name: str, reporter: Reporter) -> tuple[Finding, ...] | None:
    """What is stale of a project that has nothing to do, by a digest: locks of other targets. None where no digest says so."""
    outcomes = unchanged(raw, name, reporter)
    known = {outcome.resolution.target.name for outcome in outcomes or ()}
    others = (target for target in layout.locked_targets(name) if target not in known)
    return None if outcomes is None else tuple(unreadable(layout, name, others))


def unreadable(layout: Layout, project: str, targets: Iterable[str] | None = None) -> Iterator[Finding]:
    """The locks of a project, or those of some targets of it, that cannot be read, and why."""
    for target in layout.locked_targets(project) if targets is None else targets:
        path = layout.target(project, target) / LOCK
        try:
            conda_lock.read_stamp(layout.read(path), layout.shown(path))
        except BadInput as error:
            yield of_error("lock", error, layout.shown(path), project, target)


def _of_target(layout: Layout, matrix: Matrix, found: Plan, target: str) -> Iterable[Finding]:
    case = _case(layout, matrix, found, target)
    findings = [made(rule, at, text, found.project.name, target) for rule in STALE.values() for at, text in rule.judge(case)]
    return findings or [made(STALE["inputs-changed"], case.requested.at, "its inputs changed", found.project.name, target)]


def _case(layout: Layout, matrix: Matrix, found: Plan, target: str) -> TargetCase:
    folder = layout.target(found.project.name, target)
    held = found.held.get(target)
    files = rendered(layout, held) if held else ()
    return TargetCase(
        matrix=matrix,
        plan=found,
        name=target,
        folder=layout.shown(folder),
        template=layout.shown(layout.templates / found.project.template),
        texts={name: layout.read(folder / name) for name in FILES if (folder / name).is_file()},
        rendered=files,
        wanted=digest(held, files, layout.templates) if held else "",
    )
