"""What holds a project back: every fact that matters to it, as a Part of a conflict. Pure.

To drop a fact is to ask what would be if it did not hold: a build for every CUDA and platform, for every Python, no driver floor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.explain.demands import any_version, wish_of
from envgen.explain.model import Part
from envgen.explain.phrases import asked, builds_told, listed, offers_told, pythons_told
from envgen.matrix.constraints import constraint_text
from envgen.matrix.hardware import newest_driver_before
from envgen.model.facts import (
    Build,
    Constraint,
    Framework,
    Matrix,
    Reason,
    Release,
    RequestedFramework,
    Spelling,
    Target,
    Toolkit,
    driver_text,
)
from envgen.resolver.candidates import unasked
from envgen.resolver.cells import provider_of
from envgen.resolver.resolve import Problem, obstacles, seen

_NO_FLOOR = {"linux": Version("0"), "windows": Version("0")}
_ANY_CAPABILITY = (Version("0"), Version("999"))


def limits(question: Problem) -> Iterator[Part]:
    """Every fact that can hold this project back, those first that say least."""
    for wish in question.project.frameworks:
        yield from _of_framework(wish)
        if not seen(question, wish):
            yield Part(
                kind="known",
                name=wish.framework,
                tell=lambda q, name=wish.framework: _known_told(q, name),  # type: ignore[misc]
                without=_unbound(wish.framework),
            )
    names = {wish.framework for wish in question.project.frameworks}
    rows = [row for row in question.matrix.constraints if not row.warn and _about(question, row) <= names]
    yield from (_of_constraint(row) for row in sorted(rows, key=constraint_text))  # in an order that no file decides
    for name in dict.fromkeys(target.name for target in question.project.targets):
        yield from _of_target(question.matrix.targets[name])
    for toolkit in _toolkits(question):
        yield from _of_toolkit(toolkit, question.matrix)
    if question.held is not unasked:
        yield Part(kind="index", name="", tell=_index_told, without=lambda q: replace(q, held=unasked))


def _about(question: Problem, constraint: Constraint) -> set[str]:
    """The frameworks without which a constraint does not apply."""
    return {condition.axis for condition in constraint.when if condition.axis in question.matrix.frameworks}


def _of_framework(wish: RequestedFramework) -> Iterator[Part]:
    name = wish.framework

    def part(
        kind: str, tell: Callable[[Problem, RequestedFramework], Reason], change: Callable[[Framework, Problem], Framework]
    ) -> Part:
        return Part(
            kind=kind,
            name=name,
            tell=lambda q: tell(q, wish_of(q.project, name)),
            without=lambda q: _with_framework(q, name, lambda f: change(f, q)),
        )

    yield part("companions", _companions_told, lambda f, _: _with_companions(f, wish.companions))
    yield part("needed channels", _channels_told, lambda f, _: _with_spellings(f, lambda s: replace(s, channels=())))
    yield part("newer minor", _newer_minor_told, lambda f, _: _with_spellings(f, lambda s: replace(s, newer_minor=True)))
    yield part("cudnn", _cudnn_told, lambda f, _: _with_builds(f, lambda b: replace(b, cudnn=None)))
    yield part("offers", offers_told, lambda f, _: _offered_everywhere(f))
    yield part("pythons", pythons_told, lambda f, q: _with_builds(f, lambda b: replace(b, pythons=q.matrix.pythons)))
    yield part("builds", builds_told, _built_for_all)


def _of_constraint(constraint: Constraint) -> Part:
    reason = Reason(constraint_text(constraint), constraint.at, constraint.because)

    def without(question: Problem) -> Problem:
        rows = tuple(row for row in question.matrix.constraints if row != constraint)
        return _with(question, constraints=rows)

    return Part(kind="constraint", name=str(constraint.at), tell=lambda _: reason, without=without)


def _of_target(target: Target) -> Iterator[Part]:
    name = target.name
    told = Reason(f"target {name} is for {', '.join(target.platforms)}", target.at)
    yield Part(
        kind="target platforms",
        name=name,
        tell=lambda _: told,
        without=lambda q: _with_target(q, name, lambda t: _on_all_platforms(t, q.matrix)),
    )
    promised = {p: v for promises in target.virtual.values() for p, v in promises.items() if p in ("__glibc", "__archspec")}
    for package, value in promised.items():
        promise = Reason(f"target {name} promises {package} {value}", target.at)
        yield Part(
            kind="default promise",
            name=f"{name} {package}",
            tell=lambda _, told=promise: told,  # type: ignore[misc]
            without=lambda q, package=package: _with_target(q, name, lambda t: _unpromised(t, package)),  # type: ignore[misc]
        )


def _of_toolkit(toolkit: Toolkit, matrix: Matrix) -> Iterator[Part]:
    cuda, (low, high) = toolkit.version, toolkit.capabilities
    floor = Reason(f"CUDA {cuda} needs driver {_floors(toolkit, matrix)}", toolkit.at, toolkit.because)
    yield Part(
        kind="floor",
        name=str(cuda),
        tell=lambda _: floor,
        without=lambda q: _with_toolkit(q, cuda, lambda t: replace(t, floor=_NO_FLOOR)),
    )
    code = Reason(f"CUDA {cuda} has code for compute capability {low} to {high}", toolkit.at, toolkit.source)
    yield Part(
        kind="capabilities",
        name=str(cuda),
        tell=lambda _: code,
        without=lambda q: _with_toolkit(q, cuda, lambda t: replace(t, capabilities=_ANY_CAPABILITY)),
    )


def _floors(toolkit: Toolkit, matrix: Matrix) -> str:
    """`525.60.13 or newer on Linux, 528.33 or newer on Windows`."""
    found = {system: f"{driver_text(floor)} or newer" for system, floor in toolkit.floor.items()}
    for system in {"linux", "windows"} - set(found):
        before = newest_driver_before(matrix, toolkit, system)
        found |= {system: f"newer than {driver_text(before)}"} if before else {}
    return ", ".join(f"{text} on {system.capitalize()}" for system, text in sorted(found.items()))


def _toolkits(question: Problem) -> list[Toolkit]:
    """The toolkits of the project's targets, and older ones of their majors: builds may be for those."""
    wanted = [cuda for target in question.project.targets if (cuda := question.matrix.targets[target.name].cuda)]
    return [
        toolkit
        for version, toolkit in sorted(question.matrix.toolkits.items())
        if any(version.major == cuda.major and version <= cuda for cuda in wanted)
    ]


def _unbound(framework: str) -> Callable[[Problem], Problem]:
    """As if there were every release that anybody could name."""
    return lambda q: replace(q, project=any_version(q.project, framework))


# --- the matrix without a fact --------------------------------------------------------------------------------------------


def _with(question: Problem, **changes: object) -> Problem:
    return replace(question, matrix=replace(question.matrix, **changes))  # type: ignore[arg-type]


def _with_framework(question: Problem, name: str, change: Callable[[Framework], Framework]) -> Problem:
    frameworks = question.matrix.frameworks
    return _with(question, frameworks={**frameworks, name: change(frameworks[name])})


def _with_target(question: Problem, name: str, change: Callable[[Target], Target]) -> Problem:
    targets = question.matrix.targets
    return _with(question, targets={**targets, name: change(targets[name])})


def _with_toolkit(question: Problem, version: Version, change: Callable[[Toolkit], Toolkit]) -> Problem:
    toolkits = question.matrix.toolkits
    return _with(question, toolkits={**toolkits, version: change(toolkits[version])})


def _with_builds(framework: Framework, change: Callable[[Build], Build]) -> Framework:
    releases = tuple(replace(row, builds=tuple(map(change, row.builds))) for row in framework.releases)
    return replace(framework, releases=releases)


def _with_spellings(framework: Framework, change: Callable[[Spelling], Spelling]) -> Framework:
    providers = {name: tuple(map(change, rows)) for name, rows in framework.providers.items()}
    return replace(framework, providers=providers)


def _with_companions(framework: Framework, names: Iterable[str]) -> Framework:
    """Every release has these, and every provider."""
    spelled = _with_spellings(framework, lambda s: replace(s, companions={**dict.fromkeys(names, ("", "")), **s.companions}))
    releases = tuple(replace(row, companions={**dict.fromkeys(names, "0"), **row.companions}) for row in framework.releases)
    return replace(spelled, releases=releases)


def _built_for_all(framework: Framework, question: Problem) -> Framework:
    """Every build row is for every variant and on every platform."""
    platforms = frozenset(platform for target in question.matrix.targets.values() for platform in target.platforms)
    variants = frozenset((None, *question.matrix.toolkits))
    return _with_builds(framework, lambda b: replace(b, platforms=platforms, variants=variants))


def _offered_everywhere(framework: Framework) -> Framework:
    """Every provider publishes every release: what it lacks it has as the others have it."""
    providers = {name: (*rows, replace(rows[0], releases=SpecifierSet())) for name, rows in framework.providers.items()}
    return replace(framework, providers=providers, releases=tuple(_shared(row, providers) for row in framework.releases))


def _shared(release: Release, providers: Mapping[str, object]) -> Release:
    missing = set(providers) - {row.provider for row in release.builds}
    return replace(
        release, builds=(*release.builds, *(replace(row, provider=name) for name in sorted(missing) for row in release.builds))
    )


def _on_all_platforms(target: Target, matrix: Matrix) -> Target:
    """The target on every platform that another target knows the promises of."""
    virtual = {p: promise for other in matrix.targets.values() for p, promise in other.virtual.items()}
    cuda = {"__cuda": str(target.cuda)} if target.cuda else {}
    return replace(
        target,
        platforms=tuple(virtual),
        virtual={p: {**promise, **cuda, **target.virtual.get(p, {})} for p, promise in virtual.items()},
    )


def _unpromised(target: Target, package: str) -> Target:
    virtual = {p: {name: value for name, value in row.items() if name != package} for p, row in target.virtual.items()}
    return replace(target, virtual=virtual)


# --- in words -------------------------------------------------------------------------------------------------------------


def _known_told(question: Problem, name: str) -> Reason:
    framework = question.matrix.frameworks[name]
    newest, oldest = framework.releases[0], framework.releases[-1]
    return Reason(f"the matrices know {name} {oldest.version} to {newest.version}", newest.at, framework.because)


def _companions_told(question: Problem, wish: RequestedFramework) -> Reason:
    framework = question.matrix.frameworks[wish.framework]
    what = f"{asked(wish)} from {provider_of(question.matrix, question.project, wish)} has no"
    return Reason(f"{what} {' and '.join(wish.companions)}", framework.releases[0].at, framework.because)


def _spelling(question: Problem, wish: RequestedFramework) -> Spelling:
    """The spelling that matters: that of the newest release asked for."""
    provider = provider_of(question.matrix, question.project, wish)
    found = (question.matrix.spellings.get((wish.framework, provider, row.version)) for row in seen(question, wish))
    return next((row for row in found if row), question.matrix.frameworks[wish.framework].providers[provider][0])


def _channels_told(question: Problem, wish: RequestedFramework) -> Reason:
    spelling = _spelling(question, wish)
    provider = provider_of(question.matrix, question.project, wish)
    what = f"{wish.framework} from {provider} needs the channels {', '.join(spelling.channels)}"
    return Reason(what, spelling.at, spelling.because)


def _newer_minor_told(question: Problem, wish: RequestedFramework) -> Reason:
    spelling = _spelling(question, wish)
    what = f"{wish.framework} {spelling.releases}: a build for an older CUDA minor cannot be asked for beside the target's own"
    return Reason(what, spelling.at, spelling.because)


def _cudnn_told(question: Problem, wish: RequestedFramework) -> Reason:
    rows = [(release, row) for release in seen(question, wish) for row in release.builds if row.cudnn]
    majors = listed(sorted({row.cudnn for _, row in rows if row.cudnn}))
    at = rows[0][1].at if rows else None
    return Reason(f"{asked(wish)} links cuDNN {majors}", at, question.matrix.frameworks[wish.framework].because)


def _index_told(question: Problem) -> Reason:
    """What the index lacks, in the words of the search."""
    lacking = [row.reason for row in obstacles(question) if row.index]
    if not lacking:
        return Reason("the index does not hold every package that the matrices know")
    more = f" (nor {len(lacking) - 1} others)" if len(lacking) > 1 else ""
    return replace(lacking[0], text=f"{lacking[0].text}{more}")
