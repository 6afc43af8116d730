"""Whether locks are what their inputs say, and why not. Nothing is solved, nothing written, no index asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.version import Version

from envgen.formats import conda_lock
from envgen.lock.hold import PYTHON
from envgen.lock.inputs import as_of
from envgen.lock.pipeline import project_names
from envgen.lock.plan import MachineTarget, Plan, plan, rendered
from envgen.lock.render import same_data
from envgen.lock.stale import stale_targets
from envgen.matrix.cached import cached_matrix
from envgen.model.errors import BadInput
from envgen.model.layout import LOCK, SPEC, VIRTUAL, Layout
from envgen.model.resolution import RenderedFile, Resolution
from envgen.model.run import Stamp
from envgen.yamlfile.document import parse

if TYPE_CHECKING:
    from envgen.model.facts import Matrix
    from envgen.model.run import LockRequest, Reporter


@dataclass(frozen=True, slots=True)
class Outdated:
    """A target whose lock is not what its inputs say, and the reasons."""

    project: str
    target: str
    reasons: tuple[str, ...]


def check(layout: Layout, request: LockRequest, reporter: Reporter, machine_target: MachineTarget) -> tuple[Outdated, ...]:
    """The requested targets that `lock` would write again, and locks of targets that their project does not have."""
    matrix = cached_matrix(layout)
    found = (_of_project(layout, matrix, name, request, reporter, machine_target) for name in project_names(layout, request))
    return tuple(row for rows in found for row in rows)


def _of_project(
    layout: Layout, matrix: Matrix, name: str, request: LockRequest, reporter: Reporter, machine_target: MachineTarget
) -> Iterator[Outdated]:
    damaged = dict(_damaged(layout, name))
    yield from (Outdated(name, target, (reason,)) for target, reason in damaged.items())
    found = None if damaged else plan(layout, matrix, name, request, reporter, machine_target)
    if found:
        for target in found.todo:
            yield Outdated(name, target, tuple(_reasons(layout, found, target)) or ("its inputs changed",))
        if not request.targets:
            gone = f"{name} has no such target"
            yield from (Outdated(name, target, (gone,)) for target in stale_targets(layout, found.project))


def _damaged(layout: Layout, project: str) -> Iterator[tuple[str, str]]:
    """The locks that cannot be read, and why."""
    for target in layout.locked_targets(project):
        path = layout.target(project, target) / LOCK
        try:
            conda_lock.read_stamp(layout.read(path), layout.shown(path))
        except BadInput as error:
            yield target, error.what


def _reasons(layout: Layout, found: Plan, target: str) -> Iterator[str]:
    stamp = found.stamps.get(target)
    if stamp is None:
        yield "there is no lock that envgen wrote"
    elif target not in found.held:
        yield _not_allowed(found, stamp)
    else:
        row = found.held[target]
        yield from _platforms(stamp, row)
        yield from _dates(stamp, row)
        for file in rendered(layout, row):
            yield from _differences(layout, row, file)


def _not_allowed(found: Plan, stamp: Stamp) -> str:
    project, chosen = found.project, stamp.chosen
    if project.python and Version(chosen[PYTHON]) not in project.python:
        return f"python {chosen[PYTHON]} is locked, and {project.python_text} is requested"
    for row in project.frameworks:
        if row.framework not in chosen:
            return f"{row.framework} is requested, and not locked"
        if Version(chosen[row.framework]) not in row.versions:
            return f"{row.framework} {chosen[row.framework]} is locked, and {row.text} is requested"
    return f"{', '.join(f'{name} {version}' for name, version in chosen.items())}: the matrices no longer allow what is locked"


def _platforms(stamp: Stamp, row: Resolution) -> Iterator[str]:
    yield from (f"{platform} is requested, and not locked" for platform in row.platforms if platform not in stamp.downloads)
    yield from (f"{platform} is locked, and not requested" for platform in stamp.downloads if platform not in row.platforms)
    if not stamp.cells:
        yield "an older envgen wrote this lock, which does not say what was asked for it"


def _dates(stamp: Stamp, row: Resolution) -> Iterator[str]:
    wanted = row.project.exclude_newer
    if not as_of(stamp.exclude_newer, wanted):
        was = f"as of {stamp.exclude_newer}" if stamp.exclude_newer else "without a date"
        yield f"it was locked {was}, and {wanted} is requested"


def _differences(layout: Layout, row: Resolution, file: RenderedFile) -> Iterator[str]:
    """What one file on disk says that the inputs do not, and the reverse."""
    path = layout.target(row.project.name, row.target.name) / file.name
    if not path.is_file():
        yield f"{file.name} is missing"
        return
    there = layout.read(path)
    try:
        old, new = (parse(text, file.name).data for text in (there, file.text))
    except BadInput as error:
        yield f"{file.name}: {error.what}"
        return
    told = list(_in_specs(old, new)) if file.name == SPEC and isinstance(old, Mapping) else []
    yield from told
    if not told and not same_data(there, file.text):
        yield f"{_WHAT[file.name]} changed: {file.name} says something else"


_WHAT = {SPEC: "the requirements", VIRTUAL: "the virtual packages"}


def _in_specs(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before, after = (list(map(_shown, _listed(data.get("dependencies")))) for data in (old, new))
    yield from (f"{spec} is requested, and not locked" for spec in after if spec not in before)
    yield from (f"{spec} is locked, and not requested" for spec in before if spec not in after)
    if _listed(old.get("channels")) != _listed(new.get("channels")):
        yield f"the channels changed to {', '.join(map(str, _listed(new.get('channels'))))}"


def _listed(value: object) -> Iterable[object]:
    return value if isinstance(value, list) else []


def _shown(spec: object) -> str:
    return f"`{spec}`" if isinstance(spec, str) else "the pip section"
