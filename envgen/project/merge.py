"""The requirements of a project file and of its aliases in one: each framework once, each target once. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix
from envgen.model.project import RequestedFramework, RequestedTarget
from envgen.model.target_names import CPU
from envgen.project.aliases import ANY, AliasMeaning, any_version
from envgen.project.contradictions import check_companion, contradiction, exclude_each_other, unknown
from envgen.project.draft import Draft, DraftTarget
from envgen.project.notes import host_note
from envgen.targets import TargetRange, exists, intersection, nearest, newest_first


def merged(matrix: Matrix, draft: Draft) -> Draft:
    """The draft with all that its aliases request among its frameworks and targets.

    Raises BadInput for a CUDA version without a target, a project without targets, and a contradiction, with both addresses.
    """
    targets = _targets(matrix, draft)
    if not targets:
        hint = "write for example `targets: [cpu]`, or `cuda: newest` for the newest CUDA that the rest allows"
        raise BadInput("targets is missing", where=draft.project.at(""), hint=hint)
    frameworks = _frameworks(matrix, draft, targets)
    named = {row.framework for row in (*draft.project.frameworks, *(alias.framework for alias in draft.aliases if alias.framework))}
    notes = tuple(host_note(row, frameworks) for row in frameworks if row.framework not in named)
    project = replace(draft.project, frameworks=frameworks, notes=(*draft.project.notes, *notes))
    return replace(draft, project=project, targets=targets)


# --- frameworks -----------------------------------------------------------------------------------------------------------


def _frameworks(matrix: Matrix, draft: Draft, targets: Sequence[DraftTarget]) -> tuple[RequestedFramework, ...]:
    """One requirement for each framework, in the order in which they are first named."""
    written = draft.project.frameworks
    keys = {requested.at for requested in written}
    everywhere = {requested.framework for requested in written}
    everywhere |= {alias.framework.framework for alias in draft.aliases if alias.framework and alias.inside is None}
    for alias in draft.aliases:
        if alias.framework and alias.framework.framework not in everywhere:
            _require_below_every_target(matrix, draft, targets, alias, alias.framework.framework)
    more = (alias.framework for alias in draft.aliases if alias.framework and alias.framework.at not in keys)
    rows: dict[str, list[RequestedFramework]] = {}
    for one in (*written, *more):
        rows.setdefault(one.framework, []).append(one)
    frameworks = _hosts_first(matrix, [_together_as_one(matrix, found) for found in rows.values()])
    by_name = {row.framework: row for row in frameworks}
    for row in frameworks:
        if row.host:
            check_companion(matrix, row, by_name[row.host])
    return frameworks


def _hosts_first(matrix: Matrix, found: Sequence[RequestedFramework]) -> tuple[RequestedFramework, ...]:
    """The frameworks, those that only a companion names in any version, and the companions."""
    named = {row.framework for row in found}
    lacking = {row.host: row.at for row in found if row.host and row.host not in named}
    hosts = (any_version(matrix, name, at) for name, at in lacking.items())
    return (*(row for row in found if not row.host), *hosts, *(row for row in found if row.host))


def _together_as_one(matrix: Matrix, rows: Sequence[RequestedFramework]) -> RequestedFramework:
    """All requirements on one framework as one. Raises BadInput where no release meets all, or they name two providers."""
    found = rows[0]
    for place, other in enumerate(rows[1:], 1):
        earlier = next((row for row in (*rows[:place], found) if exclude_each_other(matrix, row, other)), None)
        if earlier:
            raise contradiction(earlier, other)
        found = _both(matrix, found, other)
    return found


def _require_below_every_target(
    matrix: Matrix, draft: Draft, targets: Sequence[DraftTarget], alias: AliasMeaning, framework: str
) -> None:
    """Raise BadInput where a framework is written below some targets and not below all: an environment of each must have it.

    CPU targets do not count where all its builds are for CUDA.
    """
    below = {other.inside for other in draft.aliases if other.framework and other.framework.framework == framework}
    for_cpu = any(row.cpu for rows in matrix.frameworks[framework].providers.values() for row in rows)
    having = (target for target in targets if for_cpu or target.allowed.cuda is not None)
    lacking = [_shown(target) for target in having if target.requested.at not in below]
    if lacking:
        hint = f"list it under `frameworks:`, or give {' and '.join(lacking)} a project of its own"
        what = f"`{alias.text}` is listed under one target, but all targets of a project share its frameworks"
        raise BadInput(what, where=alias.at, hint=hint)


def _both(matrix: Matrix, one: RequestedFramework, other: RequestedFramework) -> RequestedFramework:
    """Two requirements on one framework, which do not exclude each other, as one."""
    releases = [release.version for release in matrix.frameworks[one.framework].releases]
    first, second = ({version for version in releases if version in part.versions} for part in (one, other))
    provider = one.provider or other.provider
    versions, text = one.versions & other.versions, f"{one.text},{other.text}"
    if other.text == ANY or (first and first <= second):
        versions, text = one.versions, one.text
    elif one.text == ANY or (second and second <= first):
        versions, text = other.versions, other.text
    return RequestedFramework(framework=one.framework, versions=versions, text=text, provider=provider, at=one.at, host=one.host)


# --- targets --------------------------------------------------------------------------------------------------------------


def _targets(matrix: Matrix, draft: Draft) -> tuple[DraftTarget, ...]:
    """Every target that is listed or requested by an alias. An alias adds the CPU target first, and a CUDA target last."""
    for alias in draft.aliases:
        if alias.target and not newest_first(alias.target, matrix):
            hint = "; ".join((nearest(alias.text, matrix), *_unknown(matrix, draft)))
            raise BadInput(f"`{alias.text}`: no target has this CUDA version", where=alias.at, hint=hint)
    targets = tuple(_narrowed(matrix, target, draft.aliases) for target in draft.targets)
    listed = {target.requested.at for target in targets}
    shared = [alias for alias in draft.aliases if alias.target and alias.inside is None and alias.at not in listed]
    cuda = [alias for alias in shared if alias.target and alias.target.cuda is not None]
    targets = _with_cpu(targets, next((alias.at for alias in shared if alias not in cuda), None))
    return _with_cuda(matrix, targets, cuda)


def _unknown(matrix: Matrix, draft: Draft) -> Iterator[str]:
    """What the matrices do not have of the requested frameworks: an unknown CUDA version often stands beside older releases."""
    rows = [*draft.project.frameworks, *(alias.framework for alias in draft.aliases if alias.framework)]
    for row in dict.fromkeys(rows):
        yield from unknown(matrix, row, draft.project.platforms)


def _narrowed(matrix: Matrix, target: DraftTarget, aliases: Sequence[AliasMeaning]) -> DraftTarget:
    """The target after the aliases that are listed under it: they may say which CUDA version it is, not that it is another."""
    allowed = target.allowed
    for alias in aliases:
        if alias.inside == target.requested.at and alias.target:
            if not exists(allowed, alias.target, matrix):
                where_to = "the CPU target" if alias.target.cuda is None else "a target with that CUDA version"
                hint = f"remove it, because the name of the target says all; or add {where_to} to `targets:`"
                raise BadInput(f"`{alias.text}` is listed under {_shown(target)}, and is for another", where=alias.at, hint=hint)
            allowed = intersection(allowed, alias.target)
    return target if target.requested.name else replace(target, allowed=allowed)


def _with_cpu(targets: tuple[DraftTarget, ...], at: Address | None) -> tuple[DraftTarget, ...]:
    """The targets with the CPU target, if an alias at `at` requests it and it is not listed."""
    if at is None or any(target.allowed.cuda is None for target in targets):
        return targets
    return (DraftTarget(RequestedTarget(name=CPU, at=at), TargetRange(None)), *targets)


def _with_cuda(matrix: Matrix, targets: tuple[DraftTarget, ...], aliases: Sequence[AliasMeaning]) -> tuple[DraftTarget, ...]:
    """The targets with one that meets all aliases for CUDA: one that is listed, if there is any CUDA target, else a new one."""
    if not aliases:
        return targets
    wanted, there = _together(matrix, aliases), [target for target in targets if target.allowed.cuda is not None]
    if not there:
        return (*targets, DraftTarget(RequestedTarget(name="", at=aliases[0].at), wanted))
    fitting = [target for target in there if exists(target.allowed, wanted, matrix)]
    if not fitting:
        names = " and ".join(map(_shown, there))
        hint = f"remove it; or add its CUDA version to `targets:`, beside {names}, for an environment of each"
        raise BadInput(f"`{aliases[0].text}` is for another CUDA version than {names}", where=aliases[0].at, hint=hint)
    if any(target.requested.name for target in fitting):
        return targets
    return tuple(replace(t, allowed=intersection(t.allowed, wanted)) if t in fitting else t for t in targets)


def _together(matrix: Matrix, aliases: Sequence[AliasMeaning]) -> TargetRange:
    """The range that is common to aliases for CUDA. Raises BadInput where there is none: an environment has one CUDA version."""
    found = _allowed(aliases[0])
    for alias in aliases[1:]:
        if not exists(found, _allowed(alias), matrix):
            others = [other for other in aliases if other is not alias]
            other = next((o for o in others if not exists(_allowed(o), _allowed(alias), matrix)), others[0])
            hint = "an environment has one: keep one of the two, or list both under `targets:` for an environment of each"
            what = f"`{alias.text}` and `{other.text}` ({other.at}) request two CUDA versions"
            raise BadInput(what, where=alias.at, hint=hint)
        found = intersection(found, _allowed(alias))
    return found


def _allowed(alias: AliasMeaning) -> TargetRange:
    return alias.target or TargetRange(None)


def _shown(target: DraftTarget) -> str:
    return f"target {target.requested.name}" if target.requested.name else "the newest CUDA target"
