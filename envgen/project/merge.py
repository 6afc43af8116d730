"""What a person's words add to a project: frameworks and targets, each once; or which two of them exclude each other. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

from packaging.specifiers import SpecifierSet

from envgen.model.errors import BadInput
from envgen.model.facts import Address, Matrix, Project, RequestedFramework, RequestedTarget
from envgen.project.aliases import ANY, AliasMeaning, exactly, nearest, served

Open = Mapping[Address, SpecifierSet]


@dataclass(frozen=True, slots=True)
class Draft:
    """A project that is not settled: a target in `open`, by its address, has no name yet but the newest CUDA of a range."""

    project: Project
    heard: tuple[AliasMeaning, ...] = ()
    open: Open = field(default_factory=dict)


def heed(matrix: Matrix, draft: Draft) -> Draft:
    """The draft with all that was heard among its frameworks and targets.

    Raises BadInput about a CUDA without a target, a project without targets, and a contradiction, with both addresses.
    """
    targets, unnamed = _targets(matrix, draft)
    if not targets:
        raise BadInput("targets is missing", where=draft.project.at(""), hint="add it")
    frameworks = _frameworks(matrix, draft, targets)
    return replace(draft, project=replace(draft.project, frameworks=frameworks, targets=targets), open=unnamed)


# --- frameworks -----------------------------------------------------------------------------------------------------------


def _frameworks(matrix: Matrix, draft: Draft, targets: Sequence[RequestedTarget]) -> tuple[RequestedFramework, ...]:
    """One wish for each framework, in the order in which they are first named."""
    written = draft.project.frameworks
    there = {wish.at for wish in written}
    everywhere = {wish.framework for wish in written}
    everywhere |= {one.wish.framework for one in draft.heard if one.wish and one.inside is None}
    for one in draft.heard:
        if one.wish and one.wish.framework not in everywhere:
            _for_all_targets(draft, targets, one, one.wish)
    found: dict[str, RequestedFramework] = {}
    for wish in (*written, *(one.wish for one in draft.heard if one.wish and one.wish.at not in there)):
        found[wish.framework] = _both(matrix, found[wish.framework], wish) if wish.framework in found else wish
    return tuple(found.values())


def _for_all_targets(draft: Draft, targets: Sequence[RequestedTarget], one: AliasMeaning, wish: RequestedFramework) -> None:
    """A framework that no target lacks may stand below each of them; one that is for some of them cannot be had."""
    inside = {other.inside for other in draft.heard if other.wish and other.wish.framework == wish.framework}
    lacking = [target.name or "the newest CUDA" for target in targets if target.at not in inside]
    if lacking:
        hint = f"write it under `frameworks:`, or give {' and '.join(lacking)} a project without it"
        what = f"`{one.text}` stands below one target, but all targets of a project share its frameworks"
        raise BadInput(what, where=one.at, hint=hint)


def _both(matrix: Matrix, one: RequestedFramework, other: RequestedFramework) -> RequestedFramework:
    """What two wishes for one framework say together. Raises BadInput where no release is in both, or no provider."""
    if one.provider and other.provider and one.provider != other.provider:
        _contradiction(f"provider {one.provider}", one.at, f"provider {other.provider}", other.at, one.framework)
    versions, text = _versions(matrix, one, other)
    companions = tuple(dict.fromkeys((*one.companions, *other.companions)))
    return RequestedFramework(
        framework=one.framework,
        versions=versions,
        text=text,
        provider=one.provider or other.provider,
        companions=companions,
        at=one.at,
    )


def _versions(matrix: Matrix, one: RequestedFramework, other: RequestedFramework) -> tuple[SpecifierSet, str]:
    """The range of both, as it was written where one of them says nothing new."""
    releases = [release.version for release in matrix.frameworks[one.framework].releases]
    first, second = ({version for version in releases if version in wish.versions} for wish in (one, other))
    together = one.versions & other.versions
    if together.is_unsatisfiable() or (first and second and not first & second):
        _contradiction(one.text, one.at, other.text, other.at, one.framework)
    if other.text == ANY or (first and first <= second):
        return one.versions, one.text
    if one.text == ANY or (second and second <= first):
        return other.versions, other.text
    return together, f"{one.text},{other.text}"


def _contradiction(one: str, here: Address, other: str, there: Address, what: str) -> None:
    raise BadInput(f"{what} {other} is asked for, and {one} at {here}", where=there, hint="nothing is both: keep one of them")


# --- targets --------------------------------------------------------------------------------------------------------------


def _targets(matrix: Matrix, draft: Draft) -> tuple[tuple[RequestedTarget, ...], Open]:
    """Every target that is written or follows from words; the CPU target that words add comes first, a CUDA target last."""
    targets, unnamed = draft.project.targets, dict(draft.open)
    own = {target.at for target in targets}
    for one in draft.heard:
        if one.cuda is not None and not served(matrix, one.cuda):
            raise BadInput(f"`{one.text}`: no target has such a CUDA", where=one.at, hint=nearest(matrix, one.text))
        if one.inside is not None:
            _fits_inside(matrix, one, next(target for target in targets if target.at == one.inside), unnamed)
    shared = [one for one in draft.heard if one.inside is None and one.at not in own]
    if any(one.cpu for one in shared):
        targets = _with_cpu(matrix, targets, next(one.at for one in shared if one.cpu))
    claims = [one for one in shared if one.cuda is not None]
    if claims:
        together = reduce(lambda found, one: _one_cuda(matrix, found, one, claims), claims, SpecifierSet(prereleases=True))
        targets = _with_cuda(matrix, targets, unnamed, claims[0], together)
    return targets, unnamed


def _fits_inside(matrix: Matrix, one: AliasMeaning, target: RequestedTarget, unnamed: dict[Address, SpecifierSet]) -> None:
    """What stands below a target is about this target: it may narrow which CUDA it is, not say another."""
    cuda = _cuda_of(matrix, target, unnamed)
    name = target.name or "the newest CUDA"
    if (one.cpu and cuda is not None) or (one.cuda is not None and (cuda is None or not served(matrix, cuda & one.cuda))):
        where_to = "the CPU target" if one.cpu else "a target of that CUDA"
        hint = f"take it out: what target it is says all; or write {where_to} under `targets:`"
        raise BadInput(f"`{one.text}` stands below target {name}, which is for something else", where=one.at, hint=hint)
    if one.cuda is not None and cuda is not None and target.at in unnamed:
        unnamed[target.at] = cuda & one.cuda


def _one_cuda(matrix: Matrix, found: SpecifierSet, one: AliasMeaning, claims: Iterable[AliasMeaning]) -> SpecifierSet:
    """The CUDA that all claims up to this one share: an environment has one."""
    together = found & (one.cuda or SpecifierSet())
    if not served(matrix, together):
        others = [other for other in claims if other is not one and other.cuda is not None and one.cuda is not None]
        other = next((o for o in others if o.cuda is not None and not served(matrix, o.cuda & one.cuda)), others[0])  # type: ignore[operator]
        hint = "an environment has one CUDA: keep one of them, or write both under `targets:` for an environment of each"
        raise BadInput(f"`{one.text}` and `{other.text}` ({other.at}) are two CUDAs", where=one.at, hint=hint)
    return together


def _with_cpu(matrix: Matrix, targets: tuple[RequestedTarget, ...], at: Address) -> tuple[RequestedTarget, ...]:
    name = next(target.name for target in matrix.targets.values() if target.cuda is None)
    return targets if any(target.name == name for target in targets) else (RequestedTarget(name=name, at=at), *targets)


def _with_cuda(
    matrix: Matrix,
    targets: tuple[RequestedTarget, ...],
    unnamed: dict[Address, SpecifierSet],
    claim: AliasMeaning,
    cuda: SpecifierSet,
) -> tuple[RequestedTarget, ...]:
    """A CUDA target that is there already, named or not, will do if it can be one of the range; else there must be none."""
    there = [(target, found) for target in targets if (found := _cuda_of(matrix, target, unnamed)) is not None]
    if not there:
        unnamed[claim.at] = cuda
        return (*targets, RequestedTarget(name="", at=claim.at))
    fits = [target for target, found in there if served(matrix, found & cuda)]
    if not fits:
        names = ", ".join(target.name for target, _ in there if target.name) or "the newest CUDA"
        hint = f"take it out; or write its CUDA under `targets:`, beside {names}, for an environment of each"
        raise BadInput(f"`{claim.text}` is another CUDA than that of {names}", where=claim.at, hint=hint)
    if not any(target.name for target in fits):
        unnamed.update({target.at: unnamed[target.at] & cuda for target in fits})
    return targets


def _cuda_of(matrix: Matrix, target: RequestedTarget, unnamed: Open) -> SpecifierSet | None:
    """The range of CUDA versions that a target can still be; None for CPU."""
    return unnamed[target.at] if target.at in unnamed else exactly(matrix.targets[target.name])
