"""Random small worlds: a matrix of two frameworks and a project that may or may not be possible in it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product

from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.model.address import Address
from envgen.model.constraint import Condition, Constraint
from envgen.model.dates import ExcludeNewer
from envgen.model.facts import Build, Framework, Matrix, Release, Spelling, Target
from envgen.model.gpu import Gpu
from envgen.model.project import Project, RequestedFramework, RequestedTarget
from envgen.model.toolkit import Toolkit

AT = Address("x.yaml", 1, 1)
PLATFORMS = ("linux-64", "win-64")
PYTHONS = tuple(map(Version, ("3.10", "3.11", "3.12")))
CUDAS = (None, Version("11.8"), Version("12.6"))
OLDER = Version("12.4")  # no target of its own; its builds run for cu126 where nothing is built for 12.6
NAMES = {None: "cpu", CUDAS[1]: "cu118", CUDAS[2]: "cu126"}


# What is drawn from, made once: hypothesis takes longer to make one than to draw from it.
_COUNTS = st.sampled_from([3, 2, 4, 5, 1])
_MAJORS = st.sampled_from([9, 9, 8, None])
_ROWS = st.sampled_from([1, 2, 1, 1, 1, 0])
_PLATFORMS = [frozenset(some) for some in (PLATFORMS, PLATFORMS, PLATFORMS, PLATFORMS[:1], PLATFORMS[1:])]
_PYTHONS = [frozenset(some) for some in (PYTHONS, PYTHONS, PYTHONS[1:], PYTHONS[:2], PYTHONS[2:], PYTHONS[:1])]
_PLACES = st.sampled_from(list(product(_PLATFORMS, _PYTHONS)))
_MIXED = st.sampled_from([9, 8, 9, 8, None])
_NEEDED = st.sampled_from(["==1.*", "==2.*", "==3.*", ">=2", "<3", ">=1"])
_CUDAS = st.sampled_from([CUDAS, (*CUDAS, OLDER)])
_MOSTLY = st.sampled_from([True, True, True, False])
_GLIBCS = st.sampled_from(["2.17", "2.28"])
_REQUESTED = st.sampled_from(["", "", "", "", ">=2", "<4", "==3.*", ">=2,<5"])
_REQUESTED_PYTHONS = st.sampled_from(["", "", "", ">=3.11", "<3.12", "==3.10.*"])
_DRIVERS = st.sampled_from([None, None, None, None, Version("535"), Version("526"), Version("470")])
_ALIGNED = st.sampled_from([True, True, False])
_FRAMEWORKS = st.sampled_from([("alpha",), ("alpha", "beta"), ("beta", "alpha"), ("alpha", "beta")])
_BOTH = st.just(("alpha", "beta"))
_CONSTRAINTS = st.sampled_from([0, 1, 2, 3])
PROVIDERS = ("conda-forge", "vendor")
_PUBLISHED = st.sampled_from([PROVIDERS, PROVIDERS, PROVIDERS, PROVIDERS[:1], PROVIDERS[1:]])
_NONE = st.just(())
_AGAINST = st.sampled_from([(), PROVIDERS[:1], PROVIDERS[1:], PROVIDERS])
_TARGETS = st.sampled_from([2, 2, 3, 3, 1])
_SOMETIMES = st.integers(0, 9)
_SAME = st.booleans()
_WANTED_PROVIDERS = st.sampled_from([None, None, *PROVIDERS])
_CHANNELS = st.sampled_from([PROVIDERS, PROVIDERS, PROVIDERS[::-1], PROVIDERS[:1]])
_GPUS = st.sampled_from([(), (), (), ("a100",), ("a100",), ("v100", "a100"), ("k40",)])


@cache
def _orders(names: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.permutations(names)


@cache
def _requested(platforms: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.sampled_from([platforms, platforms, platforms[:1], platforms[-1:]])


@cache
@st.composite
def releases(draw: st.DrawFn, framework: str, mixed: bool, cudas: tuple[Version | None, ...], most: int = 5) -> tuple[Release, ...]:
    """One to five releases; with `mixed`, rows of one release may link different cuDNN majors."""
    found = []
    for number in range(min(most, draw(_COUNTS)), 0, -1):
        major = draw(_MAJORS)
        rows = []
        for cuda in cudas:
            for _ in range(draw(_ROWS)):
                platforms, pythons = draw(_PLACES)
                linked = None if cuda is None else draw(_MIXED) if mixed else major
                rows.append(
                    Build(
                        provider="conda-forge",
                        variants=frozenset({cuda}),
                        platforms=platforms,
                        pythons=pythons,
                        at=AT,
                        cudnn=linked,
                    )
                )
        found.append(
            Release(
                framework=framework,
                version=Version(f"{number}.0"),
                builds=tuple(rows),
                at=Address(f"{framework}.yaml", 100 - number, 1),
            )
        )
    return tuple(found)


@cache
def _sides(three: bool) -> tuple[st.SearchStrategy[list[Condition]], st.SearchStrategy[list[Condition]]]:
    """What constraints may have on each side; with `three` frameworks, gamma as well."""

    def versions(axis: str, *texts: str) -> st.SearchStrategy[Condition]:
        return st.sampled_from([Condition(axis, SpecifierSet(text)) for text in texts])

    def some(*conditions: st.SearchStrategy[Condition]) -> st.SearchStrategy[list[Condition]]:
        return st.lists(st.one_of(*conditions), min_size=1, max_size=2, unique_by=lambda c: c.axis)

    ranges = ("==1.*", ">=3", "<3", "==2.*", ">=2,<4")
    frameworks = [versions("alpha", *ranges), versions("beta", *ranges)]
    frameworks += [versions("gamma", "==1.*", ">=2")] if three else []
    platforms = st.sampled_from([Condition("platform", names=frozenset({p})) for p in PLATFORMS])
    return (
        some(*frameworks, versions("cuda", ">=12", "<12"), platforms),
        some(
            *frameworks,
            versions("python", ">=3.11", "<3.12"),
            versions("driver", ">=530"),
            versions("gpu", ">=7.5"),
            versions("cuda", "<12"),
            versions("glibc", ">=2.28"),
        ),
    )


@cache
@st.composite
def constraints(draw: st.DrawFn, three: bool = False) -> Constraint:
    """One to two conditions on each side, on the axes that real rows use."""
    when, need = _sides(three)
    left, right = draw(when), draw(need)
    return Constraint(when=tuple(left), need=tuple(right), because="x", at=AT, until=None, warn=draw(_SOMETIMES) == 0)


@cache
def _rows(three: bool, most: int) -> st.SearchStrategy[list[Constraint]]:
    return st.lists(constraints(three), max_size=most)


@st.composite
def companions(draw: st.DrawFn, framework: Framework) -> Framework:
    """The framework as a companion of alpha: each build needs some of its releases, and perhaps its build for the same CUDA."""

    def needing(build: Build) -> Build:
        return replace(build, needs=(("alpha", SpecifierSet(draw(_NEEDED))),))

    rows = tuple(replace(row, builds=tuple(map(needing, row.builds))) for row in framework.releases)
    same = draw(_SAME)
    spelled = {name: tuple(replace(row, same_cuda=same) for row in found) for name, found in framework.providers.items()}
    return replace(framework, releases=rows, providers=spelled, companion_of="alpha")


@st.composite
def with_vendor(draw: st.DrawFn, world: tuple[Matrix, Project]) -> tuple[Matrix, Project]:
    """A world in which a second provider has most of the builds, too, and in which a companion may be built against either."""
    matrix, project = world

    def moved(framework: Framework) -> Framework:
        releases = tuple(
            replace(row, builds=tuple(replace(build, provider=name) for build in row.builds for name in draw(_PUBLISHED)))
            for row in framework.releases
        )
        (spelling,) = framework.providers["conda-forge"]
        against = _AGAINST if framework.companion_of else _NONE
        providers = {name: (replace(spelling, channels=(name,), built_against=draw(against)),) for name in PROVIDERS}
        return replace(framework, releases=releases, providers=providers)

    rows = tuple(replace(row, provider=draw(_WANTED_PROVIDERS)) for row in project.frameworks)
    channels = draw(_CHANNELS)
    frameworks = {name: moved(framework) for name, framework in matrix.frameworks.items()}
    return replace(matrix, frameworks=frameworks), replace(project, frameworks=rows, channels=channels)


@st.composite
def worlds(
    draw: st.DrawFn,
    mixed: bool = False,
    older: bool = False,
    platforms: tuple[str, ...] = PLATFORMS,
    three: bool = False,
    companion: bool = False,
) -> tuple[Matrix, Project]:
    """A small matrix and a project that may or may not be possible in it; with `three` frameworks there are fewer releases.

    With `companion` beta is a companion of alpha.
    """
    names_of = ("alpha", "beta", "gamma") if three else ("alpha", "beta")
    cudas = (*CUDAS[:2], OLDER) if older else draw(_CUDAS)
    newer_minor = draw(_MOSTLY)
    spelling = Spelling(
        releases=SpecifierSet(),
        cpu=("x {version}.* cpu_*",),
        cuda=("x {version}.* cuda{cu}*",),
        channels=("conda-forge",),
        newer_minor=newer_minor,
        because="x",
        at=AT,
    )
    frameworks = {
        name: Framework(
            name=name,
            providers={"conda-forge": (spelling,)},
            releases=draw(releases(name, mixed, cudas, 2 if three else 5)),
            because="x",
        )
        for name in names_of
    }
    if companion:
        frameworks["beta"] = draw(companions(frameworks["beta"]))
    virtual = {"linux-64": {"__glibc": draw(_GLIBCS)}, "win-64": {"__win": "0"}}
    targets = {NAMES[cuda]: Target(name=NAMES[cuda], cuda=cuda, platforms=PLATFORMS, virtual=virtual, at=AT) for cuda in CUDAS}
    floors = {"linux": Version("525"), "windows": Version("528")}
    toolkits = {
        CUDAS[1]: Toolkit(
            version=Version("11.8"),
            driver={},
            floor={"linux": Version("450")},
            capabilities=(Version("3.5"), Version("9.0")),
            excludes=(),
            because="x",
            at=AT,
        ),
        OLDER: Toolkit(
            version=OLDER,
            driver=floors,
            floor=floors,
            capabilities=(Version("5.0"), Version("9.0")),
            excludes=(),
            because="x",
            at=AT,
        ),
        CUDAS[2]: Toolkit(
            version=Version("12.6"),
            driver=floors,
            floor=floors,
            capabilities=(Version("5.0"), Version("9.0")),
            excludes=(),
            because="x",
            at=AT,
        ),
    }
    gpus = {
        "k40": Gpu(name="K40", capability=Version("3.5")),
        "v100": Gpu(name="V100", capability=Version("7.0")),
        "a100": Gpu(name="A100", capability=Version("8.0")),
    }
    drawn = draw(_rows(three, draw(_CONSTRAINTS)))
    rows = tuple(replace(row, at=Address("c.yaml", line, 1)) for line, row in enumerate(drawn, 1))
    matrix = Matrix(frameworks=frameworks, targets=targets, toolkits=toolkits, cudnn=(), gpus=gpus, constraints=rows)  # type: ignore[arg-type]
    known = ("cu126", "cpu") if older else tuple(sorted(targets))
    some = _BOTH if companion else _FRAMEWORKS
    wished = draw(_orders(names_of) if three else some)
    wishes = tuple(wish_of(name, draw(_REQUESTED), line) for line, name in enumerate(wished, 10))
    wishes = tuple(replace(row, host=frameworks[row.framework].companion_of) for row in wishes)
    names = draw(_orders(known))[: draw(_TARGETS) if not three else 2]
    return matrix, Project(
        name="demo",
        python=SpecifierSet(python := draw(_REQUESTED_PYTHONS)),
        python_text=python,
        frameworks=wishes,
        targets=tuple(RequestedTarget(name=name, at=Address("p.yaml", 20 + line, 1)) for line, name in enumerate(names)),
        platforms=draw(_requested(platforms)),
        channels=("conda-forge",),
        dependencies=(),
        pip=(),
        driver=draw(_DRIVERS),
        gpus=tuple(gpus[name] for name in draw(_GPUS)),
        align=draw(_ALIGNED),
        exclude_newer=ExcludeNewer(),
        template="x",
        addresses={
            "": Address("p.yaml", 1, 1),
            "driver": Address("p.yaml", 2, 1),
            "gpus": Address("p.yaml", 3, 1),
            "python": Address("p.yaml", 4, 1),
        },
    )


def wish_of(name: str, text: str, line: int) -> RequestedFramework:
    return RequestedFramework(framework=name, versions=SpecifierSet(text), text=text, provider=None, at=Address("p.yaml", line, 1))
