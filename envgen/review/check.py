"""`envgen check`: everything that disagrees in a repository. No solve, no network, no GPU; writes only into the cache.

What was found is remembered by the digest of all that it was found in: a project whose files and facts are unchanged is not read
again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from envgen.cache import key_of, remembered
from envgen.matrix.cached import cached_matrix
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix
from envgen.model.findings import Finding
from envgen.model.layout import Layout
from envgen.review.digests import Digests
from envgen.review.read_once import ReadOnce
from envgen.review.workers import shared_out, worth

if TYPE_CHECKING:
    from envgen.lock.plan import MachineTarget
    from envgen.model.run import Reporter

_LOCKS = 30  # that are worth a process
_OF_ALL, _OF_EACH = 10_000, 60_000  # what a project and a lock take, however little they hold, in bytes that take as long


@dataclass(frozen=True, slots=True)
class Checked:
    """What was checked, and what was found."""

    findings: tuple[Finding, ...]
    locks: int

    @property
    def errors(self) -> int:
        """How many findings make the check fail."""
        return sum(found.severity == "error" for found in self.findings)


def check(layout: Layout, names: Sequence[str], today: date, reporter: Reporter, machine_target: MachineTarget) -> Checked:
    """Everything that disagrees: in the facts, in each project, in the recorded index. With `names` only what is about these
    projects.
    """
    try:
        matrix = cached_matrix(layout)
    except BadInput:  # which is among the findings about the facts
        return Checked(tuple(_facts(layout, today)), 0)
    layout = ReadOnce.of(layout)
    digests = Digests(layout)
    wanted = names or layout.projects()

    def judged(name: str) -> tuple[tuple[Finding, ...], Mapping[Path, str]]:
        found = _project(layout, matrix, machine_target, digests, name), digests.of_locks(name)
        layout.forget()
        return found

    locks = [path for path in digests.locks if not names or path.parent.parent.name in names]
    found: dict[str, tuple[Finding, ...]] = {}
    with shared_out(judged, _sizes(wanted, locks), worth(len(locks), _LOCKS)) as judgements:
        reporter.begin("checking", len(wanted))
        facts = () if names else tuple(_facts(layout, today))
        for name, (findings, files) in judgements:
            found[name] = findings
            digests.take(files)
            reporter.step(name)
    reporter.end()
    projects = tuple(chain.from_iterable(found[name] for name in wanted))
    return Checked(projects if names else (*facts, *projects, *_repository(layout, digests)), len(locks))


def _sizes(names: Iterable[str], locks: Iterable[Path]) -> Mapping[str, int]:
    """How much work each project is, in bytes of its locks."""
    found = dict.fromkeys(names, _OF_ALL)
    for path in locks:
        if (name := path.parent.parent.name) in found:
            found[name] += _OF_EACH + path.stat().st_size
    return found


class _Quiet:
    """A reporter that shows nothing: what is remembered is not said again, so it is not said the first time."""

    def say(self, text: str) -> None:
        pass

    def begin(self, what: str, steps: int) -> None:
        pass

    def step(self, what: str) -> None:
        pass

    def end(self) -> None:
        pass


# --- the facts ------------------------------------------------------------------------------------------------------------


def _facts(layout: Layout, today: date) -> Iterator[Finding]:
    """What `matrix lint` finds, or why files of the matrices cannot be read."""
    from envgen.curate.lint.cached import linted
    from envgen.review.made import of_error

    found = linted(layout, today)
    yield from (of_error("matrix", error, layout.shown(layout.matrices)) for error in found.errors)
    for row in found.findings:
        yield Finding(
            rule=f"lint-{row.rule}",
            severity=row.severity,
            platform="",
            package="",
            text=row.text,
            at=row.at,
            fix=row.hint,
        )


# --- a project ------------------------------------------------------------------------------------------------------------


def _project(layout: Layout, matrix: Matrix, machine_target: MachineTarget, digests: Digests, name: str) -> tuple[Finding, ...]:
    """What disagrees in one project; from the cache where none of its files and none of the facts has changed."""

    def found() -> tuple[Finding, ...]:
        from envgen.review.of_project import of_locks

        stale = _stale(layout, matrix, name, machine_target, digests)
        return (*stale, *of_locks(layout, matrix, name, stale, digests.judgements))

    return remembered(tuple, key_of("project", digests.inputs_of(matrix, name)), found)


def stale_now(layout: Layout, matrix: Matrix, name: str, machine_target: MachineTarget, digests: Digests) -> tuple[Finding, ...]:
    """What is stale of a project, or why that cannot be told; from the cache where nothing that decides it has changed."""

    def found() -> tuple[Finding, ...]:
        from envgen.review.stale import stale_if_unchanged

        known = stale_if_unchanged(layout, digests.raw, name, _Quiet())
        return _stale(layout, matrix, name, machine_target, digests) if known is None else known

    return remembered(tuple, key_of("stale", digests.inputs_of(matrix, name)), found)


def _stale(layout: Layout, matrix: Matrix, name: str, machine_target: MachineTarget, digests: Digests) -> tuple[Finding, ...]:
    from envgen.review.of_project import stale_or_why

    return tuple(stale_or_why(layout, matrix, name, _Quiet(), machine_target, digests.replays(matrix)))


# --- the repository -------------------------------------------------------------------------------------------------------


def _repository(layout: Layout, digests: Digests) -> tuple[Finding, ...]:
    """What disagrees between all locks and the recorded index, and what is left over."""
    there = sorted(layout.shown(path) for path in layout.environments.rglob("*"))
    key = key_of("repository", digests.of_repository(), *there)

    def found() -> tuple[Finding, ...]:
        from envgen.review import rules_repository  # noqa: F401 - it fills the registry
        from envgen.review.made import made, of_error
        from envgen.review.registry import REPOSITORY
        from envgen.review.repository import repository_case

        try:
            case = repository_case(layout, {path: digests.text(path) for path in digests.locks})
        except BadInput as error:
            return (of_error("index", error, layout.shown(layout.index)),)
        return tuple(made(rule, at, text) for rule in REPOSITORY.values() for at, text in rule.judge(case))

    return remembered(tuple, key, found)
