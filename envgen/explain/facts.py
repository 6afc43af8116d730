"""What holds a project back: every fact that matters to it, as a Part of a conflict. Pure.

To drop a fact is to ask what would be if it did not hold: a build for every CUDA and platform, for every Python, no driver floor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.explain import edits
from envgen.explain.model import FactKind, Part
from envgen.explain.phrases import (
    builds_reason,
    built_against_reason,
    channels_reason,
    cudnn_reason,
    known_reason,
    needs_reason,
    newer_minor_reason,
    published_reason,
    pythons_reason,
)
from envgen.explain.target_phrases import code_reason, described_reason, floors_reason, floors_text, target_text
from envgen.matrix.constraints import bound_text, constraint_text
from envgen.matrix.gpu_code import code_text as build_code_text
from envgen.matrix.hardware import code_text, runs_with
from envgen.model.constraint import Bound, Constraint
from envgen.model.facts import Build, Framework, Matrix, Reason, Release, Spelling, Target
from envgen.model.open_target import OpenTarget, names_of
from envgen.model.project import RequestedFramework, RequestedTarget
from envgen.model.toolkit import Toolkit
from envgen.resolver.availability import no_index
from envgen.resolver.candidates import requested_releases
from envgen.resolver.resolve import Problem, obstacles

_NO_FLOOR = {"linux": Version("0"), "windows": Version("0")}
_ANY_CAPABILITY = (Version("0"), Version("999"))
_FrameworkReason = Callable[[Problem, RequestedFramework], Reason]
_FrameworkChange = Callable[[Framework], Framework]


def facts(problem: Problem) -> Iterator[Part]:
    """Every fact that can hold this project back, those first that say least."""
    for requested in problem.project.frameworks:
        yield from _of_framework(requested)
    names = {requested.framework for requested in problem.project.frameworks}
    rows = [row for row in problem.matrix.constraints if not row.warn and _about(problem, row) <= names]
    yield from (_of_constraint(row) for row in sorted(rows, key=constraint_text))  # in an order that no file decides
    bounds = [row for row in problem.matrix.bounds if _about(problem, row) <= names]
    yield from (_of_bound(row) for row in sorted(bounds, key=constraint_text))
    for target in {row.name: row for row in problem.project.targets}.values():
        yield from _of_target(problem.matrix, target)
    yield from _of_toolkits(problem)
    for requested in problem.project.frameworks:
        yield from _of_releases(problem, requested)
    if problem.availability is not no_index:
        yield Part(kind="index", name="", reason=_index_reason, without=lambda p: replace(p, availability=no_index))


def _about(problem: Problem, constraint: Constraint) -> set[str]:
    """The frameworks without which a constraint does not apply."""
    return {condition.axis for condition in constraint.when if condition.axis in problem.matrix.frameworks}


def _of_framework(requested: RequestedFramework) -> Iterator[Part]:
    part = partial(_framework_part, requested.framework)
    yield part("needs", needs_reason, lambda _: _with_any_host)
    if requested.host:
        yield part("built against", built_against_reason, partial(_with_any_provider, host=requested.host))
    yield part("needed channels", channels_reason, lambda _: partial(_with_spellings, channels=(), cpu_channels=()))
    yield part("newer minor", newer_minor_reason, lambda _: partial(_with_spellings, newer_minor=True))
    yield part("cudnn", cudnn_reason, lambda _: partial(_with_builds, cudnn=None))
    yield part("code", _code_reason, lambda _: partial(replace, code=()))
    yield part("published", published_reason, lambda _: _published_everywhere)
    yield part("pythons", pythons_reason, lambda p: partial(_with_builds, pythons=p.matrix.pythons))
    yield part("builds", builds_reason, lambda p: _built_for_all(p.matrix))


def _of_releases(problem: Problem, requested: RequestedFramework) -> Iterator[Part]:
    """That none of the requested releases is known: the last fact of all, because where it holds no other matters."""
    if not requested_releases(problem.matrix, requested):
        yield Part(
            kind="known",
            name=requested.framework,
            reason=lambda p: known_reason(p, requested),
            without=lambda p: replace(p, project=edits.with_any_release(p.project, requested.framework)),
        )


def _code_reason(problem: Problem, requested: RequestedFramework) -> Reason:
    """That some GPUs have builds of their own; what constraints say of the others is a part of its own."""
    releases = [release.version for release in requested_releases(problem.matrix, requested)]
    several = (row for row in problem.matrix.frameworks[requested.framework].code if len(row.compiled) > 1)
    rows = [row for row in several if any(version in row.releases for version in releases)]
    said = (Reason(f"{build_code_text(requested.framework, row)}, each in builds of its own", row.at, row.because) for row in rows)
    return next(said, Reason("no GPU has builds of its own", requested.at))


def _framework_part(name: str, kind: FactKind, reason: _FrameworkReason, change: Callable[[Problem], _FrameworkChange]) -> Part:
    changed: dict[int, tuple[Framework, Framework]] = {}  # by identity: a search for a conflict drops the same fact many times

    def without(problem: Problem) -> Problem:
        framework = problem.matrix.frameworks[name]
        if id(framework) not in changed:
            changed[id(framework)] = framework, change(problem)(framework)
        return _with_framework(problem, name, changed[id(framework)][1])

    return Part(
        kind=kind,
        name=name,
        reason=lambda problem: reason(problem, edits.requested_framework(problem.project, name)),
        without=without,
    )


def _of_constraint(constraint: Constraint) -> Part:
    return _row_part("constraint", constraint, Reason(constraint_text(constraint), constraint.at, constraint.because))


def _of_bound(bound: Bound) -> Part:
    return _row_part("bound", bound, Reason(bound_text(bound), bound.at, bound.because))


def _row_part(kind: FactKind, row: Constraint, reason: Reason) -> Part:
    return Part(
        kind=kind, name=str(row.at), reason=lambda _: reason, without=lambda problem: without_rows(problem, (row,)), row=row
    )


def without_rows(problem: Problem, rows: Iterable[Constraint]) -> Problem:
    """The problem without some constraints and bounds."""
    gone, matrix = set(map(id, rows)), problem.matrix
    if not gone:
        return problem
    constraints = tuple(row for row in matrix.constraints if id(row) not in gone)
    return _with_matrix(problem, constraints=constraints, bounds=tuple(row for row in matrix.bounds if id(row) not in gone))


def _of_target(matrix: Matrix, requested: RequestedTarget) -> Iterator[Part]:
    targets = [matrix.targets[name] for name in names_of(requested)]
    described = partial(described_reason, requested=requested)
    yield _target_part("described platforms", requested, "", described, lambda p: partial(_on_all_platforms, matrix=p.matrix))
    promised = {p: v for row in targets for held in row.virtual.values() for p, v in held.items() if p in ("__glibc", "__archspec")}
    for package, value in promised.items():
        promise = Reason(f"{target_text(matrix, requested)} promises {package} {value}", targets[0].at)
        without = partial(_without_virtual, package=package)
        yield _target_part("default virtual package", requested, package, lambda _, r=promise: r, lambda _, w=without: w)  # type: ignore[misc]


def _target_part(
    kind: FactKind,
    requested: RequestedTarget,
    package: str,
    reason: Callable[[Problem], Reason],
    change: Callable[[Problem], Callable[[Target], Target]],
) -> Part:
    def without(problem: Problem) -> Problem:
        targets = problem.matrix.targets
        return _with_matrix(problem, targets={**targets, **{name: change(problem)(targets[name]) for name in names_of(requested)}})

    return Part(kind=kind, name=f"{requested.name} {package}".strip(), reason=reason, without=without)


def _of_toolkits(problem: Problem) -> Iterator[Part]:
    """The facts of each toolkit of a target with a name, and one fact of each kind for all those that an open target may have."""
    rows = problem.project.targets
    named = _toolkits(problem.matrix, (row.name for row in rows if not isinstance(row, OpenTarget)))
    for toolkit in named:
        needs = Reason(f"CUDA {toolkit.version} needs driver {floors_text(toolkit)}", toolkit.at, toolkit.because)
        yield _toolkits_part("floor", str(toolkit.version), [toolkit], lambda _, r=needs: r, floor=_NO_FLOOR)  # type: ignore[misc]
        code = Reason(code_text(toolkit), toolkit.at, toolkit.source)
        yield _toolkits_part("capabilities", str(toolkit.version), [toolkit], lambda _, r=code: r, capabilities=_ANY_CAPABILITY)  # type: ignore[misc]
    for row in (row for row in rows if isinstance(row, OpenTarget)):
        toolkits = [toolkit for toolkit in _toolkits(problem.matrix, row.any_of) if toolkit not in named]
        floors, code_of = partial(floors_reason, toolkits=toolkits), partial(code_reason, toolkits=toolkits)
        yield _toolkits_part("floor", row.name, toolkits, floors, floor=_NO_FLOOR)
        yield _toolkits_part("capabilities", row.name, toolkits, code_of, capabilities=_ANY_CAPABILITY)


def _toolkits_part(
    kind: FactKind, name: str, rows: Sequence[Toolkit], reason: Callable[[Problem], Reason], **changes: object
) -> Part:
    def without(problem: Problem) -> Problem:
        toolkits = problem.matrix.toolkits
        changed = {row.version: replace(toolkits[row.version], **changes) for row in rows}  # type: ignore[arg-type]
        return _with_matrix(problem, toolkits={**toolkits, **changed})

    return Part(kind=kind, name=name, reason=reason, without=without)


def _toolkits(matrix: Matrix, names: Iterable[str]) -> list[Toolkit]:
    """The toolkits of some targets, and those whose builds run with them."""
    cudas = [cuda for name in names for cuda in matrix.targets[name].variants if cuda]
    return [toolkit for version, toolkit in sorted(matrix.toolkits.items()) if any(runs_with(version, cuda) for cuda in cudas)]


def _index_reason(problem: Problem) -> Reason:
    """What the index lacks, as the search found it."""
    lacking = list(dict.fromkeys(row.reason for row in obstacles(problem) if row.index))
    if not lacking:
        return Reason("the index does not hold every package that the matrices list")
    more = f" (and {len(lacking) - 1} more)" if len(lacking) > 1 else ""
    return replace(lacking[0], text=f"{lacking[0].text}{more}")


# --- the matrix without a fact --------------------------------------------------------------------------------------------


def _with_matrix(problem: Problem, **changes: object) -> Problem:
    return replace(problem, matrix=replace(problem.matrix, **changes))  # type: ignore[arg-type]


def _with_framework(problem: Problem, name: str, framework: Framework) -> Problem:
    return _with_matrix(problem, frameworks={**problem.matrix.frameworks, name: framework})


def _with_builds(framework: Framework, **changes: object) -> Framework:
    """The framework with other values of some fields in every build row."""

    def changed(build: Build) -> Build:
        return replace(build, **changes)  # type: ignore[arg-type]

    releases = tuple(replace(row, builds=tuple(map(changed, row.builds))) for row in framework.releases)
    return replace(framework, releases=releases)


def _with_any_host(framework: Framework) -> Framework:
    """Every build of a companion goes with every build of its framework."""
    return _with_spellings(_with_builds(framework, needs=()), same_cuda=False)


def _with_any_provider(problem: Problem, host: str) -> _FrameworkChange:
    """Every build of a companion goes with the builds of every provider of its framework."""
    return partial(_with_spellings, built_against=tuple(problem.matrix.frameworks[host].providers))


def _with_spellings(framework: Framework, **changes: object) -> Framework:
    """The framework with other values of some fields in every spelling."""

    def changed(spelling: Spelling) -> Spelling:
        return replace(spelling, **changes)  # type: ignore[arg-type]

    return replace(framework, providers={name: tuple(map(changed, rows)) for name, rows in framework.providers.items()})


def _built_for_all(matrix: Matrix) -> _FrameworkChange:
    """Every build row is for every variant and on every platform."""
    platforms = frozenset(platform for target in matrix.targets.values() for platform in target.platforms)
    return partial(_with_builds, platforms=platforms, variants=frozenset((None, *matrix.toolkits)))


def _published_everywhere(framework: Framework) -> Framework:
    """Every provider publishes every release: what it lacks it has as the others have it."""
    providers = {name: (*rows, replace(rows[0], releases=SpecifierSet())) for name, rows in framework.providers.items()}
    return replace(framework, providers=providers, releases=tuple(_shared(row, providers) for row in framework.releases))


def _shared(release: Release, providers: Mapping[str, object]) -> Release:
    missing = sorted(set(providers) - {row.provider for row in release.builds})
    copies = (replace(row, provider=name) for name in missing for row in release.builds)
    return replace(release, builds=(*release.builds, *copies))


def _on_all_platforms(target: Target, matrix: Matrix) -> Target:
    """The target on every platform that another target describes."""
    virtual = {p: promise for other in matrix.targets.values() for p, promise in other.virtual.items()}
    cuda = {"__cuda": str(target.cuda)} if target.cuda else {}
    promised = {p: {**promise, **cuda, **target.virtual.get(p, {})} for p, promise in virtual.items()}
    return replace(target, platforms=tuple(virtual), virtual=promised)


def _without_virtual(target: Target, package: str) -> Target:
    virtual = {p: {name: value for name, value in row.items() if name != package} for p, row in target.virtual.items()}
    return replace(target, virtual=virtual)
