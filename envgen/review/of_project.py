"""What disagrees in one project: what is stale of it, and what is wrong with its locks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from envgen.composition.cells import records_of_cells, sizes_of
from envgen.composition.graph import CellGraph
from envgen.formats.conda_lock import read_stamp
from envgen.formats.environment_yml import read_specs
from envgen.formats.reading import read_conda_lock
from envgen.lock.ask import Replays
from envgen.lock.plan import MachineTarget
from envgen.model.address import Address
from envgen.model.errors import BadInput, EnvgenError
from envgen.model.facts import Matrix
from envgen.model.findings import Finding, Verified
from envgen.model.layout import LOCK, SPEC, Layout
from envgen.model.packages import Lock
from envgen.model.project import Project
from envgen.model.run import LockRequest, Reporter
from envgen.project.cached import cached_project
from envgen.resolver.resolve import Unsatisfiable
from envgen.review import rules_content, rules_limits  # noqa: F401 - they fill the registries
from envgen.review.made import made, of_error
from envgen.review.registry import CONTENT, LIMITS, READING, LimitCase, LockCase
from envgen.review.stale import stale_of_project
from envgen.verify.judgements import Judgements
from envgen.verify.verify import verified_as
from envgen.yamlfile.document import data_of
from envgen.yamlfile.text import source_in

_UPDATE = "envgen update {project} --target {target}"
_TOLD_BETTER = {"other-run", "edited"}  # rules of verify about what `check` says with its reason


def stale_or_why(
    layout: Layout, matrix: Matrix, name: str, reporter: Reporter, machine_target: MachineTarget, replays: Replays
) -> Iterator[Finding]:
    """What is stale of a project, or why that cannot be told."""
    shown = layout.shown(layout.project(name))
    try:
        cached_project(layout, matrix, name)
    except EnvgenError as error:
        if not _is_of_a_target(error, shown):  # its locks say what an open target is
            yield of_error("project", error, shown, name)
            return
    try:
        request = LockRequest(projects=(name,))
        yield from stale_of_project(layout, matrix, name, request, reporter, machine_target, replays)
    except Unsatisfiable as error:
        yield of_error("project", error, shown, name)
    except BadInput as error:
        yield of_error("lock" if _is_of_a_target(error, shown) else "template", error, shown, name)


def _is_of_a_target(error: EnvgenError, project: str) -> bool:
    """Whether an error is about a file of a target, and not about the project or a template."""
    place = error.where.file if isinstance(error.where, Address) else str(error.where)
    return place.startswith(f"{project.rpartition('/')[0]}/") and place != project


def of_locks(layout: Layout, matrix: Matrix, name: str, stale: Sequence[Finding], judgements: Judgements) -> Iterator[Finding]:
    """What is wrong with what the locks of a project hold, where they can be read; `judgements` are those of other projects."""
    try:
        project = cached_project(layout, matrix, name)
    except EnvgenError:  # which is a finding of its own
        return
    unread = {found.target for found in stale if found.rule in READING}
    known, is_stale = {row.name for row in project.targets}, {found.target for found in stale}
    for target in layout.locked_targets(name):
        if target in known and target not in unread:
            yield from _of_lock(layout, matrix, project, target, judgements, is_stale=target in is_stale)


def _of_lock(
    layout: Layout, matrix: Matrix, project: Project, target: str, judgements: Judgements, *, is_stale: bool
) -> Iterator[Finding]:
    path = layout.target(project.name, target) / LOCK
    try:
        text = layout.read(path)
        lock = read_conda_lock(path, text, layout.shown(path), partial(source_in, layout))
        items = verified_as(lock, project, target, matrix, judgements)
        if not is_stale:
            yield from _held(layout, project, lock, target, text)
            yield from _exceeded(layout, project, target, lock)
    except BadInput as error:
        if not is_stale:  # else it is a file beside the lock, which is reported
            yield of_error("lock", error, layout.shown(path), project.name, target)
        return
    yield from _verified(items, project.name, target)


def _verified(items: Iterable[Verified], name: str, target: str) -> Iterator[Finding]:
    """What `verify` finds."""
    fix = _UPDATE.format(project=name, target=target)
    for item in items:
        for found in (found for found in item.findings if found.rule not in _TOLD_BETTER):
            at = found.at or Address(item.lock.shown, 1, 1)
            yield replace(found, at=at, project=name, target=target, fix=fix)


def _held(layout: Layout, project: Project, lock: Lock, target: str, text: str) -> Iterator[Finding]:
    """What the rules about the packages of a lock find."""
    stamp = read_stamp(text, lock.shown)
    spec = layout.target(project.name, target) / SPEC
    if stamp is None or not spec.is_file():
        return
    told, shown = layout.read(spec), layout.shown(spec)
    case = LockCase(
        lock=lock,
        text=text,
        stamp=stamp,
        specs={platform: read_specs(told, shown, platform) for platform in lock.platforms},
        pip=_pip_of(told, shown),
        channels=project.channels,
    )
    yield from (made(rule, at, what, project.name, target) for rule in CONTENT.values() for at, what in rule.judge(case))


def _exceeded(layout: Layout, project: Project, target: str, lock: Lock) -> Iterator[Finding]:
    """What the rules about the limits of a project find."""
    if not project.licenses and project.budget.of(target) is None:
        return
    cells = [
        CellGraph(
            target=target,
            platform=platform,
            packages=tuple(package for package in lock.packages if package.platform == platform),
            requested=(),
        )
        for platform in lock.platforms
    ]
    try:
        records = records_of_cells(layout, cells)
    except BadInput as error:
        yield of_error("index", error, layout.shown(layout.index), project.name, target)
        return
    case = LimitCase(project=project, lock=lock, sizes=sizes_of(cells, records), records=records)
    yield from (made(rule, at, what, project.name, target) for rule in LIMITS.values() for at, what in rule.judge(case))


def _pip_of(text: str, shown: str) -> tuple[str, ...]:
    """The pip section of an environment.yml."""
    data = data_of(text, shown)
    rows = data.get("dependencies") if isinstance(data, Mapping) else None
    found = (row.get("pip") for row in rows or () if isinstance(row, Mapping))
    return tuple(str(item) for items in found for item in items or ())
