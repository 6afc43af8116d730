"""Matrix + Project -> one Resolution per target, each pin with its reason; or a Clash that `why` can explain. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from packaging.version import Version

from envgen.matrix.constraints import within
from envgen.matrix.hardware import cudnn_pin
from envgen.model.errors import EnvgenError
from envgen.model.facts import Matrix, Platform, Project, Reason, Release, RequestedFramework, Target, driver_text
from envgen.model.resolution import Choice, DroppedPlatform, Obstacle, Pin, Resolution
from envgen.resolver.candidates import Availability, Candidates, named, unasked
from envgen.resolver.cells import Cell, cell_of, known_of_choices, warnings, with_overrides
from envgen.resolver.search import Assignment, best, why_not
from envgen.resolver.search import possible as servable

Served = Mapping[
    str, tuple[tuple[Cell, ...], tuple[DroppedPlatform, ...]]
]  # by target: the cells to serve, the platforms that none can


@dataclass(frozen=True, slots=True)
class Problem:
    """What is asked: the facts, the wishes, and what an index holds."""

    matrix: Matrix
    project: Project
    held: Availability = unasked


class Unsatisfiable(EnvgenError):
    """No choice meets every requirement and every fact; `problem` is what `envgen.explain` explains."""

    exit_code = 3

    def __init__(self, what: str, *, problem: Problem, where: object = None, hint: str = "") -> None:
        super().__init__(what, where=where, hint=hint)
        self.problem = problem


def resolve(matrix: Matrix, project: Project, held: Availability = unasked) -> tuple[Resolution, ...]:
    """The best choice for every target of the project, in the project's order.

    Raises Clash where there is none; it carries the Question, for whoever tells a person why (`envgen.explain`).
    """
    question = Problem(matrix, project, held)
    found = answer(question)
    if found is None:
        hint = "change or drop one of these demands"
        raise Unsatisfiable(f"{project.name}: no choice meets every demand", problem=question, where=project.at(""), hint=hint)
    return found


def answer(question: Problem) -> tuple[Resolution, ...] | None:
    """The best choice for every target, or None."""
    offers, served, found = _searched(question)
    if found is None:
        return None
    return tuple(_resolution(offers, wish.name, *served[wish.name], found) for wish in question.project.targets)


def possible(question: Problem) -> bool:
    """Whether there is any choice."""
    return _searched(question)[2] is not None


def seen(question: Problem, wish: RequestedFramework) -> tuple[Release, ...]:
    """The releases of a framework that a wish asks for, newest first."""
    releases = question.matrix.frameworks[wish.framework].releases
    return tuple(release for release in releases if within(wish.versions, release.version))


def obstacles(question: Problem) -> tuple[Obstacle, ...]:
    """What refused choices on the way to an answer, or to none."""
    return tuple(_searched(question)[0].obstacles.values())


def _searched(question: Problem) -> tuple[Candidates, Served, Assignment | None]:
    offers = Candidates(question.matrix, question.project, question.held)
    served = _served(offers)
    cells = {name: cells for name, (cells, _) in served.items()}
    return offers, served, best(offers, cells) if all(cells.values()) else None


def _served(offers: Candidates) -> Served:
    """For each target the cells that some choice can serve, and the platforms that none can."""
    matrix, project = offers.matrix, offers.project
    result: dict[str, tuple[tuple[Cell, ...], tuple[DroppedPlatform, ...]]] = {}
    for wish in project.targets:
        target = with_overrides(matrix.targets[wish.name], wish)
        platforms = wish.platforms or project.platforms
        result[wish.name] = _cells(offers, target, platforms, older=False)
        if target.cuda and not result[wish.name][0]:  # no build for just this CUDA anywhere: an older minor runs with it
            older = _cells(offers, target, platforms, older=True)
            result[wish.name] = older if older[0] else result[wish.name]
    return result


def _cells(
    offers: Candidates, target: Target, platforms: tuple[Platform, ...], *, older: bool
) -> tuple[tuple[Cell, ...], tuple[DroppedPlatform, ...]]:
    cells, dropped = [], []
    for platform in platforms:
        if platform not in target.platforms:
            dropped.append(DroppedPlatform(platform, Reason(f"target {target.name} is not for {platform}", target.at)))
            continue
        where = cell_of(offers.matrix, offers.project, target, platform, older=older)
        reason = _unserved(offers, target, where)
        if reason:
            dropped.append(DroppedPlatform(platform, reason))
        else:
            cells.append(where)
    return tuple(cells), tuple(dropped)


def _unserved(offers: Candidates, target: Target, where: Cell) -> Reason | None:
    reason = where.unsatisfiable or next(
        filter(None, (offers.never_built(wish, where) for wish in offers.project.frameworks)), None
    )
    if reason:
        offers.refuse(reason, target.name)
        return reason
    return None if servable(offers, (where,)) else why_not(offers, (where,))


def _resolution(
    offers: Candidates,
    name: str,
    cells: tuple[Cell, ...],
    dropped: tuple[DroppedPlatform, ...],
    found: Assignment,
) -> Resolution:
    project, matrix, target, python = offers.project, offers.matrix, cells[0].target, found.python
    choices = tuple(option.choice for option in found.environments[name])
    wish = next(row for row in project.targets if row.name == name)
    known = known_of_choices(choices, python)
    said = dict.fromkeys(reason for where in cells for reason in warnings(matrix, where, known))
    return Resolution(
        project=project,
        target=target,
        platforms=tuple(where.platform for where in cells),
        dropped=dropped,
        python=python,
        choices=choices,
        pins=tuple(_pins(offers, target, choices, python)),
        dependencies=(*project.dependencies, *wish.dependencies),
        excluded=matrix.toolkits[target.cuda].excludes if target.cuda else (),
        cuda_specs=tuple(f"{name} {target.cuda}.*" for name in matrix.catalogue.cuda_pins) if target.cuda else (),
        warnings=tuple(said),
        obstacles=tuple(sorted(offers.obstacles.values(), key=lambda obstacle: obstacle.target != name)),
    )


def _pins(offers: Candidates, target: Target, choices: tuple[Choice, ...], python: Version) -> Iterator[Pin]:
    project, matrix = offers.project, offers.matrix
    shared = f"newest python that {', '.join(wish.name for wish in project.targets)} share within {project.python_text}"
    yield Pin("python", str(python), (Reason(shared, project.at("python")),))
    for choice in choices:
        wish = next(row for row in project.frameworks if row.framework == choice.release.framework)
        reason = Reason(f"newest of {wish.framework} {wish.text} from {choice.provider} for {target.name}", wish.at)
        yield Pin(choice.release.framework, str(choice.release.version), (reason,))
        if choice.variant != target.cuda:
            text = (
                f"no build of {named(choice)} is for CUDA {target.cuda}; by minor-version compatibility one for an older minor runs"
            )
            yield Pin(f"{choice.release.framework} build", f"CUDA {choice.variant}", (Reason(text, choice.release.at),))
        for name in choice.companions:
            reason = Reason(f"the {name} of {named(choice)}", choice.release.at)
            yield Pin(name, choice.release.companions[name], (reason,))
    if target.cuda:
        toolkit = matrix.toolkits[target.cuda]
        yield Pin("cuda", str(target.cuda), (Reason(f"target {target.name}", target.at),))
        floor = ", ".join(f"{driver_text(version)} ({kind})" for kind, version in toolkit.floor.items())
        yield Pin("driver", f">={floor}", (Reason(f"driver floor of CUDA {target.cuda}: {toolkit.because}", toolkit.at),))
    bound = cudnn_pin(matrix, project.gpus, target)
    if bound:
        yield Pin("cudnn", bound[0], (bound[1],))
