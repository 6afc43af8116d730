"""`envgen check`: everything that disagrees in a repository. No solve, no network, no GPU; writes only into the cache.

What was found is remembered by the digest of all that it was found in: a project whose files and facts are unchanged is not read
again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from envgen.cache import key_of, remembered
from envgen.curate.lint.lint import RULES as LINT_RULES
from envgen.curate.lint.lint import lint_matrices
from envgen.formats import conda_lock
from envgen.formats.conda_lock import read_stamp
from envgen.formats.environment_yml import read_specs
from envgen.lock.plan import MachineTarget
from envgen.matrix.cached import cached_matrix
from envgen.matrix.files import DEFAULTS, default_text, matrix_texts
from envgen.model.errors import BadInput, EnvgenError
from envgen.model.facts import Address, Matrix
from envgen.model.findings import Finding, Verified
from envgen.model.layout import LOCK, SPEC, Layout
from envgen.model.rules import Rule
from envgen.model.run import LockRequest, Reporter
from envgen.project.cached import cached_project
from envgen.resolver.resolve import Unsatisfiable
from envgen.review import rules_content, rules_repository  # noqa: F401 - they fill the registries
from envgen.review.registry import CONTENT, READING, REPOSITORY, STALE, LockCase
from envgen.review.repository import repository_case
from envgen.review.stale import FILES, made, of_error, stale_of_project
from envgen.verify.check import RULES as VERIFY_RULES
from envgen.verify.verify import VerifyRequest, verified
from envgen.yamlfile.document import parse

OWN_RULES: tuple[Rule[Any], ...] = (*READING.values(), *STALE.values(), *CONTENT.values(), *REPOSITORY.values())
RULES: tuple[Rule[Any], ...] = (*OWN_RULES, *VERIFY_RULES, *LINT_RULES)
"""Every rule whose findings `check` reports."""

_UPDATE = "envgen update {project} --target {target}"
_TOLD_BETTER = {"other-run", "edited"}  # rules of verify about what `check` says with its reason


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
    facts = _facts(layout, today)
    try:
        matrix = cached_matrix(layout)
    except BadInput:  # which is among the findings about the facts
        return Checked(facts, 0)
    digests = _Digests(layout)
    told = partial(_project, layout, matrix, reporter, machine_target, digests)
    projects = tuple(found for name in names or layout.projects() for found in told(name))
    locks = [path for path in digests.locks if not names or path.parent.parent.name in names]
    return Checked((*(() if names else facts), *projects, *(() if names else _repository(layout, digests))), len(locks))


class _Digests:
    """The digests of the files below environments/, each read once."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._found: dict[Path, str] = {}
        self.locks = layout.locks()

    def text(self, path: Path) -> str:
        """The text of a file; "" for one that is missing or cannot be read: whoever needs it says so."""
        try:
            return self._layout.read(path) if path.is_file() else ""
        except BadInput:
            return ""

    def of(self, path: Path) -> str:
        """The digest of a file's text; "" for one that is missing."""
        if path not in self._found:
            text = self.text(path)
            self._found[path] = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest() if text else ""
        return self._found[path]


# --- the facts ------------------------------------------------------------------------------------------------------------


def _facts(layout: Layout, today: date) -> tuple[Finding, ...]:
    """What `matrix lint` finds, or why a file of the matrices cannot be read."""
    shown = layout.shown(layout.matrices)
    try:
        texts = matrix_texts(layout.matrices, shown)
    except BadInput as error:
        return (of_error("matrix", error, shown),)
    schemas = (
        path.read_text(encoding="utf-8", errors="replace") for path in sorted(layout.schemas.glob("*.json")) if path.is_file()
    )
    defaults = (default_text(name) for name in DEFAULTS if name not in texts)
    key = key_of("lint", shown, str(today), *chain.from_iterable(texts.items()), *defaults, *schemas)
    return remembered(tuple, key, lambda: tuple(_lint(layout, today)))


def _lint(layout: Layout, today: date) -> Iterator[Finding]:
    findings, errors = lint_matrices(layout, today)
    yield from (of_error("matrix", error, layout.shown(layout.matrices)) for error in errors)
    for found in findings:
        yield Finding(
            rule=found.rule, severity=found.severity, platform="", package="", text=found.text, at=found.at, fix=found.hint
        )


# --- a project ------------------------------------------------------------------------------------------------------------


def _project(
    layout: Layout, matrix: Matrix, reporter: Reporter, machine_target: MachineTarget, digests: _Digests, name: str
) -> tuple[Finding, ...]:
    """What disagrees in one project; from the cache where none of its files and none of the facts has changed."""
    project, targets = layout.known_project(name), layout.locked_targets(name)
    files = [layout.target(name, target) / file for target in targets for file in FILES]
    templates = sorted(path for path in layout.templates.glob("**/*") if path.is_file())
    inputs = [(layout.shown(path), digests.of(path)) for path in (project, *templates, *files)]
    key = key_of("check", matrix.digest, name, *chain.from_iterable(inputs))

    def found() -> tuple[Finding, ...]:
        stale = tuple(_stale(layout, matrix, name, reporter, machine_target))
        return (*stale, *_content(layout, matrix, name, stale, digests))

    return found() if "$" in digests.text(project) else remembered(tuple, key, found)  # `$NAME`: the environment is an input


def _stale(layout: Layout, matrix: Matrix, name: str, reporter: Reporter, machine_target: MachineTarget) -> Iterator[Finding]:
    """What is stale, or why it cannot be told."""
    shown = layout.shown(layout.project(name))
    try:
        cached_project(layout, matrix, name)
    except EnvgenError as error:
        if not _is_of_a_lock(layout, name, error):
            yield of_error("project", error, shown, name)
            return
    try:
        yield from stale_of_project(layout, matrix, name, LockRequest(projects=(name,)), reporter, machine_target)
    except Unsatisfiable as error:
        yield of_error("project", error, shown, name)
    except BadInput as error:
        yield of_error("template", error, shown, name)


def _is_of_a_lock(layout: Layout, name: str, error: EnvgenError) -> bool:
    """Whether reading a project failed in one of its locks, which says what an open target is."""
    return (
        isinstance(error.where, Address)
        and error.where.file.startswith(f"{layout.shown(layout.project(name).parent)}/")
        and (error.where.file.endswith(LOCK))
    )


def _content(layout: Layout, matrix: Matrix, name: str, stale: Sequence[Finding], digests: _Digests) -> Iterator[Finding]:
    """What is wrong with what the locks of a project hold, where they can be read."""
    unread = {found.target for found in stale if found.rule in READING}
    known = _known_targets(layout, matrix, name)
    is_stale = {found.target for found in stale}
    for target in layout.locked_targets(name):
        path = layout.target(name, target) / LOCK
        if target in unread or target not in known:
            continue
        try:
            items = verified(layout, matrix, partial(cached_project, layout, matrix), VerifyRequest(paths=(path,)))
            if target not in is_stale:
                yield from _held(layout, matrix, items, name, target, digests.text(path))
        except BadInput as error:
            yield of_error("lock", error, layout.shown(path), name, target)
            continue
        yield from _verified(items, name, target)


def _known_targets(layout: Layout, matrix: Matrix, name: str) -> frozenset[str]:
    try:
        return frozenset(row.name for row in cached_project(layout, matrix, name).targets)
    except EnvgenError:
        return frozenset()


def _verified(items: Iterable[Verified], name: str, target: str) -> Iterator[Finding]:
    """What `verify` finds."""
    fix = _UPDATE.format(project=name, target=target)
    for item in items:
        for found in (found for found in item.findings if found.rule not in _TOLD_BETTER):
            at = found.at or Address(item.lock.shown, 1, 1)
            yield replace(found, at=at, project=name, target=target, fix=fix)


def _held(layout: Layout, matrix: Matrix, items: Sequence[Verified], name: str, target: str, text: str) -> Iterator[Finding]:
    """What the rules about the packages of a lock find."""
    lock = items[0].lock
    stamp = read_stamp(text, lock.shown)
    spec = layout.target(name, target) / SPEC
    if stamp is None or not spec.is_file():
        return
    told, shown = layout.read(spec), layout.shown(spec)
    case = LockCase(
        lock=lock,
        text=text,
        stamp=stamp,
        specs={platform: read_specs(told, shown, platform) for platform in lock.platforms},
        pip=_pip_of(told, shown),
        channels=cached_project(layout, matrix, name).channels,
    )
    yield from (made(rule, at, what, name, target) for rule in CONTENT.values() for at, what in rule.judge(case))


def _pip_of(text: str, shown: str) -> tuple[str, ...]:
    """The pip section of an environment.yml."""
    data = parse(text, shown).data
    rows = data.get("dependencies") if isinstance(data, Mapping) else None
    found = (row.get("pip") for row in rows or () if isinstance(row, Mapping))
    return tuple(str(item) for items in found for item in items or ())


# --- the repository -------------------------------------------------------------------------------------------------------


def _repository(layout: Layout, digests: _Digests) -> tuple[Finding, ...]:
    """What disagrees between all locks and the recorded index, and what is left over."""
    index = sorted(path for path in layout.index.glob("**/*.json") if path.is_file())
    inputs = ((layout.shown(path), digests.of(path)) for path in (*digests.locks, *index))
    there = sorted(layout.shown(path) for path in layout.environments.rglob("*"))
    key = key_of("repository", *chain.from_iterable(inputs), *there)

    def found() -> tuple[Finding, ...]:
        try:
            case = repository_case(layout, {path: digests.text(path) for path in digests.locks})
        except BadInput as error:
            return (of_error("index", error, layout.shown(layout.index)),)
        return tuple(made(rule, at, text) for rule in REPOSITORY.values() for at, text in rule.judge(case))

    return remembered(tuple, key, found)
