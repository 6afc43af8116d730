"""A draft to a Project: the newest CUDA that is asked for gets the name of a target, and all that was translated is said. Pure.

Nothing here depends on the machine: the newest target is the newest that goes with the rest of the project.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from packaging.specifiers import SpecifierSet

from envgen.model.errors import BadInput
from envgen.model.facts import Address, Matrix, Project, Reason, RequestedFramework, RequestedTarget, Target
from envgen.project.aliases import ANY, AliasMeaning, served
from envgen.project.merge import Draft, heed
from envgen.resolver import constraints
from envgen.resolver.resolve import Unsatisfiable, resolve


def settled(matrix: Matrix, draft: Draft) -> Project:
    """The project that a draft means, with a note about each word that was translated.

    Raises BadInput about words that exclude each other, Clash where no target goes with the rest of the project.
    """
    merged = heed(matrix, draft)
    project = merged.project
    for at, cuda in merged.open.items():
        project = _named(matrix, project, at, cuda)
    project = replace(project, targets=_once(project.targets))
    return replace(project, notes=(*project.notes, *(_note(matrix, draft, project, one) for one in draft.heard)))


# --- the newest that goes with the rest -----------------------------------------------------------------------------------


def _named(matrix: Matrix, project: Project, at: Address, cuda: SpecifierSet) -> Project:
    """The project with a name for the open target at an address: the newest of its range with which all resolves."""
    candidates = served(matrix, cuda)
    trials = [_with_name(project, at, target.name) for target in candidates]
    if len(trials) == 1:
        return trials[0]
    alive = [trial for target, trial in zip(candidates, trials, strict=True) if _alive(matrix, trial, at, target)]
    clashes: list[Unsatisfiable] = []
    for trial in alive or trials[-1:]:  # what the oldest lacks is what all lack
        try:
            resolve(matrix, _known_part(trial))
        except Unsatisfiable as clash:
            clashes.append(clash)
        else:
            return trial
    tried = f"none of {', '.join(target.name for target in candidates)} goes with the rest of the project"
    clashes[0].hint = f"{tried}; {clashes[0].hint}"
    raise clashes[0]


def _with_name(project: Project, at: Address, name: str) -> Project:
    return replace(project, targets=tuple(replace(w, name=name) if w.at == at else w for w in project.targets))


def _known_part(project: Project) -> Project:
    """The project without the targets that have no name yet."""
    return replace(project, targets=_once(tuple(wish for wish in project.targets if wish.name)))


def _alive(matrix: Matrix, project: Project, at: Address, candidate: Target) -> bool:
    """Whether the fleet can run a target at all; spares the search for why it cannot."""
    wish = next(wish for wish in project.targets if wish.at == at)
    target = constraints.with_overrides(candidate, wish)
    asked = wish.platforms or project.platforms
    return any(constraints.cell(matrix, project, target, p).dead is None for p in target.platforms if p in asked)


def _once(targets: Sequence[RequestedTarget]) -> tuple[RequestedTarget, ...]:
    """Each target once, with the overrides of the wish that has some. Raises BadInput where two have."""
    found: dict[str, RequestedTarget] = {}
    for wish in targets:
        there = found.setdefault(wish.name or str(wish.at), wish)
        if there is wish or not _overrides(wish):
            continue
        if _overrides(there):
            hint = "write what it changes about it once, below its name"
            raise BadInput(f"target {wish.name} is meant here, and at {there.at}", where=wish.at, hint=hint)
        found[wish.name] = replace(wish, at=there.at)
    return tuple(found.values())


def _overrides(wish: RequestedTarget) -> bool:
    return bool(wish.platforms or wish.virtual or wish.dependencies)


# --- notes ----------------------------------------------------------------------------------------------------------------


def _note(matrix: Matrix, draft: Draft, project: Project, one: AliasMeaning) -> Reason:
    """What a word was read as, why, and what to write to be rid of the note."""
    heard_at = {other.at for other in draft.heard}
    wish = next((wish for wish in project.frameworks if one.wish and wish.framework == one.wish.framework), None)
    names = _meant(matrix, project, one)
    written = {wish.name for wish in draft.project.targets if wish.at not in heard_at}
    parts, instead = [], list(one.also)
    if one.wish and wish:
        parts.append(_named_wish(one.wish))
        own = next((w for w in draft.project.frameworks if w.framework == wish.framework and w.at not in heard_at), None)
        if own is None or own != wish:
            instead.insert(0, f"`frameworks: {{{spelled(wish)}}}`")
    if names:
        parts.append(f"target{'s' if len(names) > 1 else ''} {' and '.join(names)}")
        if not set(names) <= written:
            instead.append(f"`targets: [{', '.join(wish.name for wish in project.targets)}]`")
    todo = f"write {' and '.join(instead)} instead" if instead else "leave it out, all it says is said already"
    return Reason(f"`{one.text}` is read as {' for '.join(parts)} ({one.because}); {todo}", one.at)


def _meant(matrix: Matrix, project: Project, one: AliasMeaning) -> list[str]:
    """The targets of a settled project that a word is about."""
    if one.cuda is None and not one.cpu:
        return []
    names = [wish.name for wish in project.targets if wish.at in (one.inside, one.at)]
    if names:
        return names
    cudas = {wish.name: matrix.targets[wish.name].cuda for wish in project.targets}
    return [name for name, cuda in cudas.items() if (cuda is None if one.cuda is None else cuda is not None and cuda in one.cuda)]


def _named_wish(wish: RequestedFramework) -> str:
    version = "" if wish.text == ANY else f" {wish.text}"
    company = f"{' and '.join(wish.companions)} of " if wish.companions else ""
    return f"{company}{wish.framework}{version}{f' from {wish.provider}' if wish.provider else ''}"


def spelled(wish: RequestedFramework) -> str:
    """A wish as it stands below `frameworks:`."""
    version = '"*"' if wish.text == ANY else f'"{wish.text}"'
    more = [f"provider: {wish.provider}"] if wish.provider else []
    more += [f"with: [{', '.join(wish.companions)}]"] if wish.companions else []
    return f"{wish.framework}: {{{', '.join((f'version: {version}', *more))}}}" if more else f"{wish.framework}: {version}"
