"""`envgen impact`: what a change of matrices/ or templates/ does to every target. Nothing is solved: the facts alone are asked.

The projects and locks are those of the work tree, on both sides: so whatever differs, the facts did it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from envgen.cache import key_of, remembered
from envgen.lock.hold import BUILD, framework_of
from envgen.matrix.cached import cached_matrix, facts_key
from envgen.model.errors import BadInput, EnvgenError
from envgen.model.facts import Matrix
from envgen.model.impact import Impact, ImpactKind, Move, TargetImpact, TargetState
from envgen.model.layout import Layout
from envgen.model.project import Project
from envgen.project.cached import cached_project
from envgen.review.asks import Asks
from envgen.review.attribution import edits_between, row_changes
from envgen.review.digests import Digests
from envgen.review.other_facts import Facts, OtherFacts
from envgen.review.rows import RowEdit

if TYPE_CHECKING:
    from envgen.review.shared import Shared

Known = TypeVar("Known")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """A target before and after."""

    project: str
    before: TargetState
    after: TargetState


class _Side:
    """A repository with some facts, and what they make of projects."""

    def __init__(self, layout: Layout, matrix: Matrix, shared: Shared) -> None:
        self.layout, self.asks = layout, Asks(matrix)
        self._shared = shared
        self._projects: dict[str, Project | None] = {}
        self._states: dict[str, tuple[TargetState, ...]] = {}

    def project(self, name: str) -> Project | None:
        """A project; None where it cannot be read with these facts, which is told as a state."""
        if name not in self._projects:
            try:
                self._projects[name] = cached_project(self.layout, self.asks.matrix, name)
            except EnvgenError:
                self._projects[name] = None
        return self._projects[name]

    def states(self, name: str, *, told: bool = True) -> tuple[TargetState, ...]:
        """What the facts make of each target of a project."""
        from envgen.review.states import states

        if name not in self._states:
            self._states[name] = tuple(states(self.layout, self.asks, name, self._shared, told=told))
        return self._states[name]

    def sees_as(self, other: _Side, name: str) -> Project | None:
        """A project that sees the same of these facts as of those of the other side; None where it does not."""
        project = other.project(name)
        return project if project and self.asks.sees_as(other.asks, project) else None


def impact(layout: Layout, base: str, folder: Path, names: Sequence[str] = ()) -> Impact:
    """What the facts of the work tree do to its targets that those of `folder` did not; `base` is what that is called.

    It comes from the cache where nothing that decides it has changed. Raises BadInput about facts that cannot be read, and about a
    project that cannot be read with any of them.
    """
    other = OtherFacts.of(layout, folder)
    if not other.matrices.is_dir():
        raise BadInput(f"{base} has no {other.matrices.name}/", hint="compare with a revision or a folder that has it")
    files = tuple(_changed(layout, other))
    if not files:
        return Impact(base=base, files=(), targets=(), count=0)
    wanted, edits = names or layout.projects(), edits_between(other, layout, files)
    digests = Digests(layout)
    both = ((_of_base(base, facts_key, other), digests.with_facts_of(other)), (facts_key(layout), digests))
    facts = chain.from_iterable((key, side.templates) for key, side in both)
    texts = chain.from_iterable((file, edit.change.kind, edit.text) for file, edit in edits)
    key = key_of("impact", base, *facts, *map(digests.of_project, wanted), *texts)
    return remembered(Impact, key, partial(_impact, layout, other, base, files, edits, wanted))


def _impact(
    layout: Layout, other: OtherFacts, base: str, files: tuple[str, ...], edits: Sequence[tuple[str, RowEdit]], names: Sequence[str]
) -> Impact:
    from envgen.review.shared import Shared

    shared = Shared(layout)
    old = _Side(other, _of_base(base, cached_matrix, other), shared)
    new = _Side(layout, cached_matrix(layout), shared)
    same = not any(file.startswith(f"{layout.templates.name}/") for file in files)
    pairs = [pair for name in names for pair in _pairs(name, old, new, same_templates=same)]
    found = tuple(told for pair in pairs if (told := _told(pair, new.asks.matrix)))
    rows = row_changes(edits, Facts(other, old.asks.matrix), _environments(found), partial(_changed_by, found, old, shared))
    return Impact(base=base, files=files, targets=found, count=len(pairs), rows=rows)


def _changed_by(found: Sequence[TargetImpact], old: _Side, shared: Shared, layout: Layout, matrix: Matrix) -> tuple[str, ...]:
    """The environments that facts change, of the projects in which all changes together do."""
    new, same = _Side(layout, matrix, shared), layout is old.layout
    names = dict.fromkeys(row.project for row in found if row.kind != "update")
    pairs = (pair for name in names for pair in _pairs(name, old, new, same_templates=same, told=False))
    return _environments(told for pair in pairs if (told := _told(pair, matrix)))


def _environments(found: Iterable[TargetImpact]) -> tuple[str, ...]:
    """What changes now, and not only with `envgen update`."""
    return tuple(row.environment for row in found if row.kind != "update")


def _of_base(base: str, read: Callable[[Layout], Known], other: OtherFacts) -> Known:
    """What is read of the facts of a base. Raises BadInput."""
    try:
        return read(other)
    except BadInput as error:
        raise BadInput(f"the facts of {base} cannot be read: {error.what}", where=error.where, hint="give another base") from None


def _changed(layout: Layout, other: OtherFacts) -> Iterator[str]:
    """The files of matrices/ and templates/ that are not the same on both sides."""
    for mine, theirs in ((layout.matrices, other.matrices), (layout.templates, other.templates)):
        names = {path.relative_to(top) for top in (mine, theirs) for path in top.rglob("*") if path.is_file()}
        for name in sorted(names):
            if _bytes(mine / name) != _bytes(theirs / name):
                yield f"{mine.name}/{name.as_posix()}"


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _pairs(name: str, old: _Side, new: _Side, *, same_templates: bool, told: bool = True) -> Iterable[_Pair]:
    """Every target of a project on both sides, by where it is requested: an open one may have another name."""
    if same_templates and (project := new.sees_as(old, name)):
        states = (TargetState(at=row.at, name=row.name) for row in project.targets)
        return (_Pair(project=name, before=row, after=row) for row in states)
    return _paired(name, old.states(name), new.states(name, told=told))


def _paired(name: str, before: tuple[TargetState, ...], after: tuple[TargetState, ...]) -> Iterator[_Pair]:
    unread = {side: next((row.why for row in rows if not row.name), "") for side, rows in (("before", before), ("after", after))}
    first, then = ({row.at: row for row in rows if row.name} for rows in (before, after))
    for at in dict.fromkeys((*then, *first)):
        known = then.get(at) or first[at]
        one = first.get(at) or TargetState(at=at, name=known.name, why=unread["before"] or "it was not requested")
        two = then.get(at) or TargetState(at=at, name=known.name, why=unread["after"] or "it is not requested any more")
        yield _Pair(project=name, before=one, after=two)


# --- what differs ---------------------------------------------------------------------------------------------------------


def _told(pair: _Pair, matrix: Matrix) -> TargetImpact | None:
    """What happens to a target, the gravest first; None where nothing does."""
    before, after = pair.before, pair.after
    kinds: tuple[tuple[ImpactKind, bool, tuple[Move, ...]], ...] = (
        ("lost", bool(after.why) and not before.why, ()),
        ("gained", bool(before.why) and not after.why, ()),
        ("moves", not before.why, tuple(_moves(before, after, matrix)) if not (before.why or after.why) else ()),
        ("solved-again", before.asked != after.asked, _asked(before, after)),
        ("rendered-again", before.files != after.files, ()),
        ("driver", before.driver != after.driver, ()),
        ("update", before.newest != after.newest, tuple(_versions(before.newest, after.newest, matrix))),
    )
    for kind, happens, moves in kinds:
        if happens and (moves or kind != "moves") and not (kind not in ("lost", "gained") and (before.why or after.why)):
            driver = _driver(before, after) if kind not in ("lost", "gained", "update") else ()
            return TargetImpact(
                project=pair.project,
                target=after.name,
                at=after.at,
                kind=kind,
                moves=(*moves, *driver),
                why=after.why or before.why,
            )
    return None


def _moves(before: TargetState, after: TargetState, matrix: Matrix) -> Iterator[Move]:
    """The target, its CUDA, its versions and its platforms that are not as before."""
    if before.name != after.name:
        yield Move(what="target", old=before.name, new=after.name)
    if before.cuda != after.cuda:
        yield Move(what="CUDA", old=before.cuda, new=after.cuda)
    yield from _versions(_built(before, after), _built(after, before), matrix)
    yield from (Move(what="platform", old=row, new="") for row in before.asked if row not in after.asked)
    yield from (Move(what="platform", old="", new=row) for row in after.asked if row not in before.asked)


def _built(state: TargetState, other: TargetState) -> Mapping[str, str]:
    """What is chosen, with the CUDA of builds that are for that of the target, where the other side's are not."""
    own = {name: state.cuda for name in other.chosen if name not in state.chosen and BUILD in name}
    return {**state.chosen, **{name: cuda for name, cuda in own.items() if framework_of(name) in state.chosen}}


def _versions(old: Mapping[str, str], new: Mapping[str, str], matrix: Matrix) -> Iterator[Move]:
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            what = name.replace(BUILD, " for CUDA")
            yield Move(what=what, old=old.get(name, ""), new=new.get(name, ""), why=_gone(matrix, name, old.get(name)))


def _gone(matrix: Matrix, name: str, version: str | None) -> str:
    """Why a version is not taken any more, where the matrices do not have it."""
    framework = matrix.frameworks.get(name)
    known = {str(release.version) for release in framework.releases} if framework else {version}
    return "" if version is None or version in known else f"the matrices have no {name} {version} any more"


def _asked(before: TargetState, after: TargetState) -> tuple[Move, ...]:
    """What the solver is asked, and was not; and the reverse. Once for all platforms."""
    old = dict.fromkeys(text for row in before.asked.values() for text in row)
    new = dict.fromkeys(text for row in after.asked.values() for text in row)
    gone = (Move(what="asked", old=text, new="") for text in old if text not in new)
    return (*gone, *(Move(what="asked", old="", new=text) for text in new if text not in old))


def _driver(before: TargetState, after: TargetState) -> tuple[Move, ...]:
    return (Move(what="driver floor", old=before.driver, new=after.driver),) if before.driver != after.driver else ()
