"""Matrix + Project -> one Resolution for each target, each pin with its reason; or Unsatisfiable. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

from packaging.version import Version

from envgen.matrix.gpu_code import compiled_for
from envgen.model.errors import EnvgenError
from envgen.model.facts import Matrix, Platform, Reason, Target
from envgen.model.project import Project
from envgen.model.requested import as_asked, with_gpus, with_overrides, with_own_targets
from envgen.model.resolution import AppliedBound, Choice, DroppedPlatform, Obstacle, Resolution
from envgen.resolver.availability import Availability, Counts, every_release, no_index
from envgen.resolver.candidates import Candidates, code_of
from envgen.resolver.cells import Cell, applied_bounds, cell_of, known_of_choices, not_for, warnings, with_older
from envgen.resolver.dependencies import dependencies_of, left_out_of
from envgen.resolver.pins import pins
from envgen.resolver.search import Assignment, best, every, serve
from envgen.resolver.target_choices import Refused, TargetChoice


@dataclass(frozen=True)  # without slots: a cached property needs a place
class Problem:
    """What is to be resolved: the facts, the requirements, and what an index holds. It is searched once."""

    matrix: Matrix
    project: Project
    availability: Availability = no_index

    def __post_init__(self) -> None:
        """Take the facts that count for the project, with its own targets, once: explanations change facts, too."""
        object.__setattr__(self, "matrix", with_own_targets(as_asked(self.matrix, self.project), self.project))

    @cached_property
    def searched(self) -> Searched:
        """What the search finds where nothing is refused."""
        return search(self)


class Unsatisfiable(EnvgenError):
    """No choice meets every requirement and every fact; `problem` is what `envgen.explain` explains."""

    exit_code = 3

    def __init__(self, what: str, *, problem: Problem, where: object = None, hint: str = "") -> None:
        super().__init__(what, where=where, hint=hint)
        self.problem = problem


def resolve(matrix: Matrix, project: Project, availability: Availability = no_index) -> tuple[Resolution, ...]:
    """The best choice for every target of the project, in the project's order. Raises Unsatisfiable where there is none."""
    return chosen(Problem(matrix, project, availability))


def chosen(problem: Problem) -> tuple[Resolution, ...]:
    """The answer to a problem. Raises Unsatisfiable where there is none."""
    found = answer(problem)
    if found is None:
        raise unsatisfiable(problem)
    return found


def unsatisfiable(problem: Problem) -> Unsatisfiable:
    """The error for a problem that has no answer."""
    what = f"{problem.project.name}: no choice meets every requirement"
    return Unsatisfiable(what, problem=problem, where=problem.project.at(""), hint="change or drop one of these requirements")


def answer(
    problem: Problem, refused: Refused = frozenset(), older: Collection[str] = (), counts: Counts = every_release
) -> tuple[Resolution, ...] | None:
    """The best choice for every target without selections that are refused, among the releases that count; or None.

    `older` are targets for which builds for an older minor count although builds for just their CUDA serve them.
    """
    plain = counts is every_release and not (refused or older)
    return answer_of(problem, problem.searched if plain else search(problem, refused, older, counts))


def answer_of(problem: Problem, searched: Searched) -> tuple[Resolution, ...] | None:
    """The answer that was found by a search of this problem, or of another that asks the same."""
    found = searched.assignment
    return tuple(_resolution(problem, searched, row.name, found) for row in problem.project.targets) if found else None


def possible(problem: Problem) -> bool:
    """Whether there is any choice; the first target that none can serve ends the search."""
    candidates = Candidates(problem.matrix, problem.project, problem.availability, told=False)
    served: dict[str, _Served] = {}
    for target, platforms in _targets(problem):
        served[target.name] = _served(candidates, target, platforms, ())
        if not served[target.name].cells:
            return False
    if [len(row.cells) for row in served.values()] == [1]:
        return True  # which was found when its only cell was served
    return _searched_among(candidates, served, frozenset()).assignment is not None


def target_choices(
    problem: Problem, name: str, older: Collection[str] = (), among: Sequence[Platform] = ()
) -> Iterator[TargetChoice]:
    """Everything that the facts let one target have, the best first; the index only says which platforms it keeps.

    `older` is as for `answer`; `among` are the platforms that the target may keep, all of them where it is empty.
    """
    candidates = Candidates(problem.matrix, problem.project, problem.availability)
    target, platforms = next(row for row in _targets(problem) if row[0].name == name)
    served = _served(candidates, target, tuple(p for p in platforms if not among or p in among), older)
    for found in every(candidates, served.cells) if served.cells else ():
        choices = tuple(candidate.choice for candidate in found.combinations[name] if candidate)
        yield TargetChoice(target=name, python=found.python, choices=choices, cells=served.cells)


def with_choice(matrix: Matrix, resolution: Resolution, choice: TargetChoice) -> Resolution:
    """A resolution with another choice for its target, and what the solver is asked for that; its pins stay as they are."""
    return replace(
        resolution,
        platforms=tuple(cell.platform for cell in choice.cells),
        python=choice.python,
        choices=choice.choices,
        bounds=_bounds(matrix, choice.cells, choice.choices, choice.python),
        code_specs=_code_specs(matrix, choice.cells, choice.choices),
    )


def obstacles(problem: Problem) -> tuple[Obstacle, ...]:
    """The obstacles to other choices, whether or not there is an answer."""
    return problem.searched.obstacles


# --- targets and their platforms ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    """The cells of one target that some choice can serve, the platforms that no choice can, and the obstacles.

    `exact` is the same without the platforms that have only builds for older minors, where there are such beside others.
    """

    cells: tuple[Cell, ...]
    dropped: tuple[DroppedPlatform, ...]
    obstacles: tuple[Obstacle, ...]
    exact: _Served | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """A problem, searched: what each target keeps, and the best assignment, None where there is none."""

    served: Mapping[str, _Served]
    assignment: Assignment | None
    obstacles: tuple[Obstacle, ...]


def search(
    problem: Problem, refused: Refused = frozenset(), older: Collection[str] = (), counts: Counts = every_release
) -> Searched:
    """A problem searched, as for `answer`."""
    candidates = Candidates(problem.matrix, problem.project, problem.availability, counts)
    few = counts is not every_release and not older
    if few and (found := _at_once(candidates, problem, refused)):
        return found
    served = {target.name: _served(candidates, target, platforms, older) for target, platforms in _targets(problem)}
    return _searched_among(candidates, served, refused)


def _at_once(candidates: Candidates, problem: Problem, refused: Refused) -> Searched | None:
    """A problem of few releases searched with all cells, each for just its CUDA: an answer serves each; None without one."""
    served: dict[str, _Served] = {}
    for target, platforms in _targets(problem):
        own = [platform for platform in platforms if platform in target.platforms]
        cells = tuple(cell_of(problem.matrix, problem.project, target.on(platform), platform) for platform in own)
        if not cells or any(_never_served(candidates, cell) for cell in cells):
            return None
        dropped = tuple(not_for(problem.matrix, problem.project, target, platform) for platform in platforms if platform not in own)
        served[target.name] = _Served(cells=cells, dropped=dropped, obstacles=())
    found = _searched_with(candidates, served, refused)
    return found if found.assignment else None


def _searched_among(candidates: Candidates, served: Mapping[str, _Served], refused: Refused) -> Searched:
    """A problem searched with all cells; where that has no answer, without the platforms that have only older builds."""
    found = _searched_with(candidates, served, refused)
    exact = {name: row.exact or row for name, row in served.items()}
    return found if found.assignment or exact == served else _searched_with(candidates, exact, refused)


def _searched_with(candidates: Candidates, served: Mapping[str, _Served], refused: Refused) -> Searched:
    met = tuple(obstacle for row in served.values() for obstacle in row.obstacles)
    if not all(row.cells for row in served.values()):
        return Searched(served=served, assignment=None, obstacles=met)
    found = best(candidates, {name: row.cells for name, row in served.items()}, refused)
    return Searched(served=served, assignment=found.assignment, obstacles=(*met, *found.obstacles))


def _targets(problem: Problem) -> Iterator[tuple[Target, tuple[Platform, ...]]]:
    """Each requested target as the project changes it, and the platforms requested for it."""
    for requested in problem.project.targets:
        target = with_overrides(problem.matrix.targets[requested.name], requested)
        target = with_gpus(target, problem.project)
        yield target, requested.platforms or problem.project.platforms


def _served(candidates: Candidates, target: Target, platforms: tuple[Platform, ...], always: Collection[str]) -> _Served:
    """The cells of a target; builds for older minors count on a platform where no build is for just its CUDA, and for `always`."""
    matrix, project = candidates.matrix, candidates.project
    own = {name: cell_of(matrix, project, target.on(name), name) for name in platforms if name in target.platforms}
    exact = _cells(candidates, target, platforms, own)
    kept = {cell.platform for cell in exact.cells} - (own.keys() if target.name in always else set())
    if target.cuda is None or kept == own.keys():
        return exact
    with_others = {name: cell if name in kept else with_older(matrix, project, cell) for name, cell in own.items()}
    older = _cells(candidates, target, platforms, with_others)
    if not older.cells:
        return replace(exact, obstacles=(*exact.obstacles, *older.obstacles))
    if kept and kept == {cell.platform for cell in older.cells}:
        return exact
    why = {row.platform: row for row in exact.dropped}
    dropped = tuple(why.get(row.platform, row) for row in older.dropped)
    return replace(older, dropped=dropped, exact=exact if kept else None)


def _cells(candidates: Candidates, target: Target, platforms: tuple[Platform, ...], own: Mapping[Platform, Cell]) -> _Served:
    cells, dropped, met = [], [], list[Obstacle]()
    for platform in platforms:
        cell = own.get(platform)
        if cell is None:
            dropped.append(not_for(candidates.matrix, candidates.project, target, platform))
            continue
        reason, obstacles = _unserved(candidates, cell)
        met.extend(obstacles)
        if reason:
            dropped.append(DroppedPlatform(platform, reason))
        else:
            cells.append(cell)
    return _Served(cells=tuple(cells), dropped=tuple(dropped), obstacles=tuple(met))


def _never_served(candidates: Candidates, cell: Cell) -> Reason | None:
    """Why a cell cannot be served whatever is chosen; None where nothing says so."""
    never_built = (candidates.never_built(requested, cell) for requested in candidates.frameworks(cell.target))
    return cell.unsatisfiable or next(filter(None, never_built), None)


def _unserved(candidates: Candidates, cell: Cell) -> tuple[Reason | None, tuple[Obstacle, ...]]:
    """Why no choice serves a cell, or None if one does; and the obstacles to choices."""
    reason = _never_served(candidates, cell)
    if reason:
        return reason, (Obstacle(reason=reason, target=cell.target.name, platform=cell.platform, release=None),)
    nothing = Reason("no choice serves it", cell.target.at)
    if not candidates.told:
        if candidates.lacks_any((cell,)):
            return nothing, ()
        if candidates.any_serves(cell.target):
            return None, ()
    found = serve(candidates, (cell,))
    why = _why_unserved(candidates, (cell,), found.obstacles) if candidates.told and not found.assignment else nothing
    return None if found.assignment else why, found.obstacles


def _why_unserved(candidates: Candidates, cells: tuple[Cell, ...], obstacles: Sequence[Obstacle]) -> Reason:
    """The most telling reason why nothing serves some cells: a framework without candidates, or two that exclude each other."""
    target, project = cells[0].target, candidates.project
    if not candidates.pythons:
        return Reason(f"python: nothing in {project.python_text}", project.at("python"))
    found = candidates.of(cells)
    for framework in (framework for framework, rows in found.items() if not rows):
        releases = {release.at for release in candidates.matrix.frameworks[framework].releases}
        nothing = Reason(f"no release of {framework} has a build for {target.name} on {cells[0].platform}", target.at)
        return next((row.reason for row in obstacles if row.release in releases or row.release is None), nothing)
    pythons = [frozenset(chain.from_iterable(row.pythons for row in rows)) for rows in found.values()]
    if pythons and not frozenset.intersection(*pythons):
        listed = " and ".join(f"{one} (python {_listed(some)})" for one, some in zip(found, pythons, strict=True))
        return Reason(f"no python is in all of {listed}", project.at("python"))
    return obstacles[-1].reason if obstacles else Reason(f"no python in {project.python_text} is left", project.at("python"))


def _listed(values: Iterable[Version]) -> str:
    return ", ".join(map(str, sorted(values)))


# --- the answer -----------------------------------------------------------------------------------------------------------


def _resolution(problem: Problem, searched: Searched, name: str, found: Assignment) -> Resolution:
    matrix, project, served = problem.matrix, problem.project.for_target(name), searched.served[name]
    target = next(target for target, _ in _targets(problem) if target.name == name)
    choices = tuple(candidate.choice for candidate in found.combinations[name] if candidate)
    known = known_of_choices(choices, found.python)
    return Resolution(
        project=project,
        target=target,
        platforms=tuple(cell.platform for cell in served.cells),
        dropped=served.dropped,
        python=found.python,
        choices=choices,
        pins=pins(matrix, problem.project, target, served.cells, choices, found.python),
        dependencies=dependencies_of(matrix, project, target),
        left_out=left_out_of(matrix, project, target),
        excluded={cell.platform: matrix.toolkits[cuda].excludes for cell in served.cells if (cuda := cell.target.cuda)},
        bounds=_bounds(matrix, served.cells, choices, found.python),
        cuda_specs=_cuda_specs(matrix, served.cells),
        code_specs=_code_specs(matrix, served.cells, choices),
        warnings=(
            *_unaligned(problem.project, searched, name, found),
            *dict.fromkeys(r for cell in served.cells for r in warnings(matrix, cell, known)),
        ),
        obstacles=tuple(sorted(searched.obstacles, key=lambda obstacle: obstacle.target != name)),
    )


def _bounds(matrix: Matrix, cells: tuple[Cell, ...], choices: tuple[Choice, ...], python: Version) -> tuple[AppliedBound, ...]:
    known = known_of_choices(choices, python)
    return applied_bounds(matrix, {cell.platform: {**cell.known, **known} for cell in cells})


def _cuda_specs(matrix: Matrix, cells: tuple[Cell, ...]) -> dict[Platform, tuple[str, ...]]:
    cudas = {cell.platform: cell.target.cuda for cell in cells if cell.target.cuda}
    return {platform: tuple(f"{name} {cuda}.*" for name in matrix.catalogue.cuda_pins) for platform, cuda in cudas.items()}


def _unaligned(project: Project, searched: Searched, name: str, found: Assignment) -> Iterator[Reason]:
    """The frameworks whose version a target does not share with the reference, although the targets should agree, and why."""
    reference = next(iter(found.combinations))
    for requested, own, shared in zip(project.frameworks, found.combinations[name], found.combinations[reference], strict=True):
        if not (project.align and own and shared):
            continue
        one, other = own.choice.release, shared.choice.release
        if one.version != other.version:
            met = [row.reason.text for row in searched.obstacles if row.target == name and row.release == other.at]
            because = met[0] if met else f"{name} cannot have it with the rest of the project"
            what = f"{one.framework} {one.version}, not {other.version} as in {reference} (align: true): {because}"
            yield Reason(what, project.addresses.get("align", requested.at))


def _code_specs(matrix: Matrix, cells: tuple[Cell, ...], choices: tuple[Choice, ...]) -> tuple[str, ...]:
    """What selects the builds with code for the project's GPUs; on several platforms only those that no solver would prefer."""
    specs: dict[str, None] = {}
    for cell in cells:
        for code in filter(None, (code_of(matrix, choice, cell) for choice in choices)):
            found = compiled_for(code, cell.gpus) if cell.gpus else None
            if found and (len(cells) == 1 or found != code.compiled[0]):
                specs.update(dict.fromkeys(found.specs))
    return tuple(specs)
