"""What `resolve` must answer, by trying everything: slow, short, and written from the documentation, not from the search.

The documented preference (DESIGN.md, the docstrings of search.py): with `align` the fewest targets whose version of a framework
differs from the reference target's (the CPU target, else the project's first), framework by framework in the project's order;
then the newest versions, framework by framework, the reference target first and the others in the project's order; then the
newest python. A target keeps the platforms that can be served when nothing else is asked of it. On a platform that no build for its
own CUDA can serve it takes builds for older minors of its major where the spelling says that they can be asked for so. Where that
has no answer, a target that has builds for its own CUDA on some platforms keeps these alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product

from packaging.version import Version

from envgen.model.constraint import Condition, Constraint
from envgen.model.facts import Build, Matrix, Platform, Release, Spelling, Target, Variant
from envgen.model.project import Project, RequestedFramework, RequestedTarget

Built = tuple[Variant, tuple[tuple[Platform, Variant], ...]]  # the CUDA on the first platform, and on those that have another
Environment = Mapping[str, tuple[Version, Built]]
Kept = Mapping[str, Mapping[Platform, tuple[Variant, ...]]]  # target -> each platform that it keeps -> what builds may be for
Allowed = Callable[[str, Environment, Version], bool]  # whether a target may have an environment with a python


@dataclass(frozen=True)
class Answer:
    """The best answer: target -> framework -> version and the CUDA of its builds, one python, the platforms that each target keeps."""

    versions: Mapping[str, Environment]
    python: Version
    platforms: Mapping[str, tuple[Platform, ...]]


def best(matrix: Matrix, project: Project, allowed: Allowed = lambda *_: True) -> Answer | None:
    """The best answer in which every target has an allowed environment, or None where there is none."""
    for kept in _kept(matrix, project):
        found = _best(matrix, project, kept, allowed) if all(kept.values()) else None
        if found:
            return found
    return None


def _best(matrix: Matrix, project: Project, kept: Kept, allowed: Allowed) -> Answer | None:
    """The best answer with just these platforms."""
    order = sorted(project.targets, key=lambda wish: wish.name != "cpu")
    answers = [
        (dict(zip((wish.name for wish in order), chosen, strict=True)), python)
        for python in _minors(matrix, project)
        for chosen in product(*(_environments(matrix, project, matrix.targets[w.name], kept[w.name], python) for w in order))
    ]
    for chosen, python in sorted(answers, key=lambda answer: _rank(project, order, kept, *answer)):
        if all(allowed(name, environment, python) for name, environment in chosen.items()):
            return Answer(chosen, python, {name: tuple(row) for name, row in kept.items()})
    return None


def _minors(matrix: Matrix, project: Project) -> list[Version]:
    return [python for python in sorted(matrix.pythons) if python in project.python]


def _kept(matrix: Matrix, project: Project) -> Iterator[Kept]:
    """The platforms of every target: with those that have builds for older minors alone, and without them beside others."""
    own, with_older = {}, {}
    for wish in project.targets:
        target = matrix.targets[wish.name]
        asked = [p for p in (project.platforms if wish.platforms is None else wish.platforms) if p in target.platforms]
        older = tuple(
            cuda
            for cuda in _same_major(matrix, target.cuda)
            if cuda is None or _covered(matrix, [gpu.capability for gpu in project.gpus], cuda)
        )
        exact = {p: (target.cuda,) for p in asked if _served(matrix, project, target, p, (target.cuda,))}
        others = {p: older for p in asked if p not in exact and _served(matrix, project, target, p, older)}
        with_older[wish.name] = {p: {**exact, **others}[p] for p in asked if p in exact or p in others}
        own[wish.name] = exact or others
    yield with_older
    if own != with_older:
        yield own


def kept(matrix: Matrix, project: Project, name: str) -> list[tuple[Platform, ...]]:
    """The platforms that a target may keep, the best first."""
    return list(dict.fromkeys(tuple(found[name]) for found in _kept(matrix, project)))


def _served(matrix: Matrix, project: Project, target: Target, platform: Platform, variants: tuple[Variant, ...]) -> bool:
    return any(_environments(matrix, project, target, {platform: variants}, python) for python in _minors(matrix, project))


def _same_major(matrix: Matrix, cuda: Variant) -> tuple[Variant, ...]:
    return tuple(version for version in matrix.toolkits if cuda and version.major == cuda.major and version <= cuda)


def _rank(
    project: Project, order: list[RequestedTarget], kept: Kept, chosen: Mapping[str, Environment], python: Version
) -> tuple[object, ...]:
    """Smaller is better."""
    names, frameworks = [wish.name for wish in order], [wish.framework for wish in project.frameworks]
    strays = [sum(chosen[name][f][0] != chosen[names[0]][f][0] for name in names) if project.align else 0 for f in frameworks]
    versions = [(_negative(chosen[name][f][0]), *_variants(chosen[name][f][1], kept[name])) for f in frameworks for name in names]
    return (*strays, *versions, _negative(python))


def _variants(built: Built, platforms: Iterable[Platform]) -> list[tuple[int, ...]]:
    return [_negative(dict(built[1]).get(platform, built[0])) for platform in platforms]


@cache
def _negative(version: Variant) -> tuple[int, ...]:
    return tuple(-part for part in (*version.release, 0, 0, 0)[:4]) if version else ()


def _environments(
    matrix: Matrix, project: Project, target: Target, variants: Mapping[Platform, tuple[Variant, ...]], python: Version
) -> list[Environment]:
    """Every set of framework versions and builds that one target can have on all of these platforms with this python."""
    platforms = tuple(variants)
    builds = [
        [
            (release, row)
            for release in matrix.frameworks[wish.framework].releases
            for row in product(*variants.values())
            if _offered(matrix, project, wish, release, all(one == target.cuda for one in row))
            and all(_builds(matrix, project, wish, release, *place, python) for place in zip(row, platforms, strict=True))
        ]
        for wish in project.frameworks
    ]
    return [
        {release.framework: (release.version, _built(platforms, row)) for release, row in chosen}
        for chosen in product(*builds)
        if all(
            _installable(matrix, project, target, platform, tuple((release, row[place]) for release, row in chosen), python)
            for place, platform in enumerate(platforms)
        )
    ]


def _built(platforms: tuple[Platform, ...], row: tuple[Variant, ...]) -> Built:
    return row[0], tuple((platform, one) for platform, one in zip(platforms, row, strict=True) if one != row[0])


def _provider(matrix: Matrix, project: Project, wish: RequestedFramework) -> str:
    """The requested one, that of the framework, the first of the channels: of those that publish it, the first that goes with that."""
    known = matrix.frameworks[wish.framework].providers
    host = _host_provider(matrix, project, wish)
    places = [place for place in (host, *project.channels) if place in known] or list(known)[:1]
    fitting = [place for place in places if any(_goes_with_provider(row, host) for row in known[place])]
    return wish.provider or (fitting or places)[0]


def _host_provider(matrix: Matrix, project: Project, wish: RequestedFramework) -> str | None:
    hosts = [row for row in project.frameworks if row.framework == wish.host]
    return _provider(matrix, project, hosts[0]) if hosts else None


def _goes_with_provider(row: Spelling, host: str | None) -> bool:
    """Whether builds of a companion were made for those of a provider of its framework. No provider here has wheels."""
    return host is None or not row.built_against or host in row.built_against


def _offered(matrix: Matrix, project: Project, wish: RequestedFramework, release: Release, own: bool) -> bool:
    if release.version not in wish.versions:
        return False
    rows = [
        row
        for row in matrix.frameworks[wish.framework].providers[_provider(matrix, project, wish)]
        if release.version in row.releases
    ]
    if not rows or not _goes_with_provider(rows[0], _host_provider(matrix, project, wish)):
        return False
    return (own or rows[0].newer_minor) and set(rows[0].channels) <= set(project.channels)


def _builds(
    matrix: Matrix,
    project: Project,
    wish: RequestedFramework,
    release: Release,
    variant: Variant,
    platform: Platform,
    python: Version,
) -> list[Build]:
    """The builds of a release for a variant on a platform with a python."""
    provider = _provider(matrix, project, wish)
    return [
        build
        for build in release.builds
        if build.provider == provider and variant in build.variants and platform in build.platforms and python in build.pythons
    ]


def _installable(
    matrix: Matrix,
    project: Project,
    target: Target,
    platform: Platform,
    chosen: tuple[tuple[Release, Variant], ...],
    python: Version,
) -> bool:
    """Whether there is one build of each release that can stand together, on this platform, for this hardware."""
    wishes = project.frameworks
    rows: list[list[Build]] = [
        [
            build
            for build in _builds(matrix, project, wish, release, variant, platform, python)
            if _goes_with(matrix, wish, build, variant, release.version, chosen)
        ]
        for wish, (release, variant) in zip(wishes, chosen, strict=True)
    ]
    if not any(len({build.cudnn for build in builds if build.cudnn is not None}) <= 1 for builds in product(*rows)):
        return False
    if not _runs(matrix, project, target, platform):
        return False
    facts: dict[str, list[object]] = {"target": [target.name], "platform": [platform], "python": [python]}
    bound = {"gpu": _capabilities(project, platform)}
    if target.cuda and project.gpus and not bound["gpu"]:
        return False
    facts["provider"] = [_provider(matrix, project, wish) for wish in wishes]
    facts.update({release.framework: [release.version] for release, _ in chosen})
    if target.cuda:
        facts["cuda"] = [target.cuda]
        facts |= _driver(matrix, project, target.cuda, platform) if project.driver else {}
    if "__glibc" in target.virtual[platform]:
        facts["glibc"] = [Version(target.virtual[platform]["__glibc"])]
    if "__archspec" in target.virtual[platform]:
        facts["archspec"] = [target.virtual[platform]["__archspec"].split(" ")[-1]]
    gpus: Iterable[Version | None] = bound["gpu"] or [None] if target.cuda else [None]
    builds: list[dict[str, list[object]]] = [
        {release.framework: [release.version], "build": [variant]} for release, variant in chosen if variant
    ]
    alone = [{**{name: value for name, value in facts.items() if name not in matrix.frameworks}, **build} for build in builds]
    written, of_builds = ([c for c in matrix.constraints if not c.warn and bool(c.says) == says] for says in (False, True))
    return all(
        _met(c, known | ({"gpu": [gpu]} if gpu else {}))
        for rules, worlds in ((written, [facts]), (of_builds, alone))
        for c in rules
        for known in worlds
        for gpu in gpus
    )


def _goes_with(
    matrix: Matrix,
    wish: RequestedFramework,
    build: Build,
    variant: Variant,
    version: Version,
    chosen: tuple[tuple[Release, Variant], ...],
) -> bool:
    """Whether a build of a companion goes with the release of its framework that is chosen, and with its build."""
    for name, versions in build.needs:
        for release, other in chosen:
            if release.framework == name:
                spelled = matrix.frameworks[wish.framework].providers[build.provider]
                rows = [row for row in spelled if version in row.releases]
                if release.version not in versions or (any(row.same_cuda for row in rows) and other != variant):
                    return False
    return True


def _capabilities(project: Project, platform: Platform) -> list[Version]:
    return [gpu.capability for gpu in project.gpus if not gpu.platforms or platform in gpu.platforms]


def _driver(matrix: Matrix, project: Project, cuda: Version, platform: Platform) -> dict[str, list[object]]:
    """The newest driver that the written one may be, and what constraints call it."""
    have, own = _newest(matrix, project.driver or Version("0")), matrix.toolkits[cuda].driver.get(_system(platform))
    return {"driver": [have], "driver name": ["older" if own and have < own else "toolkit"]}


def _newest(matrix: Matrix, driver: Version) -> Version:
    """A number without a dot is a branch of drivers: all of them, up to the branch after it."""
    if "." in str(driver):
        return driver
    branches = sorted(row.driver["linux"].major for row in matrix.toolkits.values() if "linux" in row.driver)
    after = [branch for branch in branches if branch > driver.major] if driver.major in branches else []
    return Version(f"{(after[0] if after else driver.major + 1) - 1}.999")


def _system(platform: Platform) -> str:
    return "windows" if platform.startswith("win") else "linux"


def _runs(matrix: Matrix, project: Project, target: Target, platform: Platform) -> bool:
    if target.cuda is None:
        return True
    floor = matrix.toolkits[target.cuda].floor.get(_system(platform))
    if project.driver and floor and _newest(matrix, project.driver) < floor:
        return False
    return _covered(matrix, _capabilities(project, platform), target.cuda)


def _covered(matrix: Matrix, capabilities: Iterable[Version], cuda: Version) -> bool:
    low, high = matrix.toolkits[cuda].capabilities
    return all(low <= gpu and gpu.major <= high.major for gpu in capabilities)


def _met(constraint: Constraint, facts: Mapping[str, list[object]]) -> bool:
    """Where all of `when` is known and so, nothing that is known of `need` may be otherwise."""
    if not all(condition.axis in facts and _so(condition, facts) for condition in constraint.when):
        return True
    return all(_so(condition, facts) for condition in constraint.need if condition.axis in facts)


def _so(condition: Condition, facts: Mapping[str, list[object]]) -> bool:
    def one(value: object) -> bool:
        if condition.versions is None:
            return value in condition.names
        return isinstance(value, Version) and value in condition.versions

    named = condition.axis == "driver" and condition.versions is None
    return any(map(one, facts["driver name" if named else condition.axis]))
