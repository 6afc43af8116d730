"""The resolver: laws on the real facts, and exactness against an oracle that tries everything."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from unit import oracle
from unit.small import PROJECT, examples, project_of, small_matrix

from envgen.errors import Clash
from envgen.model import (
    Address,
    Build,
    Condition,
    Conflict,
    Constraint,
    Framework,
    Gpu,
    Matrix,
    Project,
    Release,
    Resolution,
    Spelling,
    Target,
    TargetWish,
    Toolkit,
    Wish,
)
from envgen.resolve import resolve

AT = Address("x.yaml", 1, 1)

# --- a project in one line ------------------------------------------------------------------------------------------------


def project_text(
    frameworks: str, targets: str, more: str = "", python: str = ">=3.9", platforms: str = "linux-64", channels: str = "conda-forge"
) -> str:
    """The text of a project file."""
    return f'python: "{python}"\nframeworks: {frameworks}\ntargets: [{targets}]\nplatforms: [{platforms}]\nchannels: [{channels}]\n{more}'


def conflict_of(matrix: Matrix, project: Project) -> Conflict:
    """What clashes."""
    with pytest.raises(Clash) as caught:
        resolve(matrix, project)
    assert isinstance(caught.value.conflict, Conflict)
    return caught.value.conflict


def version(resolution: Resolution, framework: str) -> str:
    """The chosen version of a framework."""
    return next(str(choice.release.version) for choice in resolution.choices if choice.release.framework == framework)


def chosen(resolutions: Iterable[Resolution]) -> dict[str, dict[str, str]]:
    """target -> framework -> version."""
    return {r.target.name: {c.release.framework: str(c.release.version) for c in r.choices} for r in resolutions}


def builds(resolutions: Iterable[Resolution]) -> dict[str, oracle.Environment]:
    """target -> framework -> version and the CUDA of its build, as the oracle says it."""
    return {r.target.name: {c.release.framework: (c.release.version, c.variant) for c in r.choices} for r in resolutions}


def pins(resolution: Resolution) -> dict[str, str]:
    """Pins by name."""
    return {pin.name: pin.version for pin in resolution.pins}


# --- laws on the real facts -----------------------------------------------------------------------------------------------

REAL_PROJECTS = {
    "vision": project_text("{pytorch: {version: '>=2.5', with: [torchvision]}}", "cpu, cu126, cu129", python="3.12", platforms="linux-64, osx-arm64, win-64"),
    "legacy": project_text("{pytorch: '1.12.1'}", "cpu, cu113, cu116", python="3.10", channels="pytorch, conda-forge"),
    "transition": project_text("{pytorch: {version: '2.1.0', with: [torchvision, torchaudio]}}", "cpu, cu118, cu121", python="3.10", channels="pytorch, nvidia, conda-forge"),
    "tensorflow": project_text("{tensorflow: '2.18'}", "cpu, cu126", python="3.12", platforms="linux-64, linux-aarch64"),
    "jax": project_text("{jax: '>=0.7'}", "cpu, cu129", platforms="linux-64, osx-64, osx-arm64"),
    "both": project_text("{pytorch: '>=2.5', tensorflow: '>=2.17'}", "cpu, cu126", python="3.12"),
    "thirteen": project_text("{pytorch: '>=2.10'}", "cu130", python=">=3.10"),
    "loose": project_text("{pytorch: '*'}", "cu118, cpu, cu126", "align: false\n"),
    "older minor": project_text("{pytorch: '>=2.6', tensorflow: '*'}", "cu128", platforms="linux-64, linux-aarch64"),
    "alone": project_text("{}", "cpu, cu126"),
}  # fmt: skip


@pytest.mark.parametrize("name", REAL_PROJECTS)
def test_what_is_chosen_satisfies_wish_python_and_platforms(real: Matrix, name: str) -> None:
    project = project_of(REAL_PROJECTS[name], real)
    resolutions = resolve(real, project)
    assert [r.target.name for r in resolutions] == [wish.name for wish in project.targets]
    assert len({r.python for r in resolutions}) == 1
    for resolution in resolutions:
        assert resolution.python in project.python
        assert [choice.release.framework for choice in resolution.choices] == [wish.framework for wish in project.frameworks]
        for wish, choice in zip(project.frameworks, resolution.choices, strict=True):
            assert choice.release.version in wish.versions
            for platform in resolution.platforms:
                assert any(
                    choice.variant in b.variants
                    and platform in b.platforms
                    and resolution.python in b.pythons
                    and b.provider == choice.provider
                    for b in choice.release.builds
                )
        assert sorted([*resolution.platforms, *(d.platform for d in resolution.dropped)]) == sorted(project.platforms)
        assert all(dropped.because.text and dropped.because.at for dropped in resolution.dropped)
        assert all(pin.because and pin.because[0].text and pin.because[0].at for pin in resolution.pins)


@pytest.mark.parametrize("name", REAL_PROJECTS)
def test_the_answer_on_the_real_facts_is_the_oracles(real: Matrix, name: str) -> None:
    project = project_of(REAL_PROJECTS[name], real)
    answer = oracle.best(real, project)
    assert answer
    resolutions = resolve(real, project)
    assert builds(resolutions) == dict(answer.versions)
    assert resolutions[0].python == answer.python
    assert {r.target.name: r.platforms for r in resolutions} == answer.platforms


@pytest.mark.parametrize("name", REAL_PROJECTS)
def test_the_order_of_rows_and_keys_changes_nothing(real: Matrix, name: str) -> None:
    project = project_of(REAL_PROJECTS[name], real)
    mixed = shuffled(real, random.Random(7))
    assert chosen(resolve(mixed, project)) == chosen(resolve(real, project))
    assert [pins(r) for r in resolve(mixed, project)] == [pins(r) for r in resolve(real, project)]


def shuffled(matrix: Matrix, dice: random.Random) -> Matrix:
    """The same facts, with build rows, constraints and keys in another order (releases stay newest first, that is their law)."""

    def mix(items: Iterable[object]) -> list[object]:
        found = list(items)
        dice.shuffle(found)
        return found

    frameworks = {
        name: replace(framework, releases=tuple(replace(r, builds=tuple(mix(r.builds))) for r in framework.releases))  # type: ignore[arg-type]
        for name, framework in mix(matrix.frameworks.items())  # type: ignore[attr-defined,misc]
    }
    return replace(
        matrix,
        frameworks=frameworks,
        constraints=tuple(mix(matrix.constraints)),  # type: ignore[arg-type]
        toolkits=dict(mix(matrix.toolkits.items())),  # type: ignore[call-overload]
        targets=dict(mix(matrix.targets.items())),  # type: ignore[call-overload]
    )


def test_targets_share_one_version_with_align_and_take_the_newest_without(real: Matrix) -> None:
    text = project_text("{pytorch: '*'}", "cpu, cu118")
    aligned = chosen(resolve(real, project_of(text, real)))
    free = chosen(resolve(real, project_of(text + "align: false\n", real)))
    assert aligned["cpu"] == aligned["cu118"] == free["cu118"]
    assert Version(free["cpu"]["pytorch"]) > Version(aligned["cpu"]["pytorch"])


def test_cuda_13_with_a_v100_is_refused_and_names_both_places(real: Matrix) -> None:
    text = project_text("{pytorch: '>=2.10'}", "cu130", "gpus: [V100]\n", python=">=3.10")
    conflict = conflict_of(real, project_of(text, real))
    assert [(reason.text, str(reason.at)) for reason in conflict.demands] == [
        ("target cu130", "environments/demo/project.yaml:3:11"),
        ("gpus V100", "environments/demo/project.yaml:6:1"),
    ]
    toolkit = real.toolkits[Version("13.0")]
    assert [(reason.text, reason.at) for reason in conflict.facts] == [
        ("CUDA 13.0 has code for compute capability 7.5 to 12.1, not for V100 (7.0)", toolkit.at)
    ]
    assert toolkit.at.file == "matrices/cuda.yaml"


def test_an_old_driver_with_a_new_cuda_is_refused_and_names_both_places(real: Matrix) -> None:
    conflict = conflict_of(real, project_of(project_text("{pytorch: '>=2.6'}", "cu126", 'driver: ">=470.42.01"\n'), real))
    assert [reason.text for reason in conflict.demands] == ["target cu126", "driver 470.42.01"]
    assert [reason.text for reason in conflict.facts] == [
        "CUDA 12.6 needs driver 525.60.13 or newer, the fleet's oldest is 470.42.01"
    ]


def test_a_driver_between_floor_and_toolkit_is_allowed_and_warned_of(real: Matrix) -> None:
    (resolution,) = resolve(real, project_of(project_text("{pytorch: '>=2.6'}", "cu126", 'driver: ">=535"\n'), real))
    assert [
        warning.text.removesuffix(" (torch.compile; https://docs.nvidia.com/deploy/cuda-compatibility/)")
        for warning in resolution.warnings
    ] == ["pytorch >=2.0 needs driver >=560.28.03 (that of CUDA 12.6), not driver 535"]


def test_cudnn_is_held_below_9_11_for_a_v100_on_cuda_12_and_free_without(real: Matrix) -> None:
    text = project_text("{pytorch: '>=2.6'}", "cpu, cu126", python="3.12")
    cpu, cuda = resolve(real, project_of(text + "gpus: [V100, A100]\n", real))
    assert pins(cuda)["cudnn"] == "<9.11"
    assert "cudnn" not in pins(cpu)
    assert "cudnn" not in pins(resolve(real, project_of(text + "gpus: [A100]\n", real))[1])
    assert "cudnn" not in pins(resolve(real, project_of(text, real))[1])


@pytest.mark.parametrize(
    ("target", "fits"), [("cu118", False), ("cu126", False), ("cu128", True), ("cu129", True), ("cu130", True)]
)
def test_blackwell_needs_cuda_12_8(real: Matrix, target: str, fits: bool) -> None:
    project = project_of(project_text("{pytorch: '*'}", target, "gpus: [B200]\n", platforms="linux-64, win-64"), real)
    if fits:
        assert resolve(real, project)[0].target.name == target
    else:
        assert [reason.text for reason in conflict_of(real, project).demands] == [f"target {target}", "gpus B200"]


def test_an_old_glibc_refuses_cuda_13_and_names_the_row(real: Matrix) -> None:
    text = 'python: ">=3.10"\nframeworks: {pytorch: "*"}\nplatforms: [linux-64]\nchannels: [conda-forge]\ntargets:\n  cu130: {virtual-packages: {__glibc: "2.17"}}\n'
    conflict = conflict_of(real, project_of(text, real))
    assert [reason.text for reason in conflict.demands] == ["target cu130"]
    assert any(
        "glibc >=2.28, not glibc 2.17" in reason.text and reason.at and reason.at.file == "matrices/cuda.yaml"
        for reason in conflict.facts
    )


def test_a_cuda_without_builds_of_its_own_takes_those_for_an_older_minor_and_says_so(real: Matrix) -> None:
    """No pytorch of conda-forge for linux-64 was built for CUDA 12.8; those for 12.6 run with its libraries."""
    (resolution,) = resolve(real, project_of(project_text("{pytorch: '2.7.1'}", "cu128"), real))
    assert [choice.variant for choice in resolution.choices] == [Version("12.6")]
    assert pins(resolution)["pytorch build"] == "CUDA 12.6"
    assert pins(resolution)["cuda"] == "12.8"


def test_a_platform_without_builds_is_dropped_with_its_reason(real: Matrix) -> None:
    text = project_text("{pytorch: '>=2.6'}", "cpu, cu126", platforms="linux-64, osx-arm64")
    cpu, cuda = resolve(real, project_of(text, real))
    assert (cpu.platforms, cpu.dropped) == (("linux-64", "osx-arm64"), ())
    assert cuda.platforms == ("linux-64",)
    assert [(d.platform, d.because.text, d.because.at) for d in cuda.dropped] == [
        ("osx-arm64", "target cu126 is not for osx-arm64", real.targets["cu126"].at)
    ]


def test_a_missing_channel_is_named(real: Matrix) -> None:
    conflict = conflict_of(real, project_of(project_text("{pytorch: {version: '2.1.0', provider: pytorch}}", "cu121"), real))
    assert any("needs channel pytorch, nvidia in channels:" in reason.text for reason in conflict.facts)


def test_without_frameworks_the_newest_python_is_taken_everywhere(real: Matrix) -> None:
    resolutions = resolve(real, project_of(REAL_PROJECTS["alone"], real))
    assert {r.python for r in resolutions} == {max(real.pythons)}


def test_an_index_has_the_last_word() -> None:
    """`held` says which pythons the records hold; a release that they do not hold is not chosen."""
    project = project_of(PROJECT)

    def only_the_older(choice: object, target: object, platform: object) -> frozenset[Version]:
        return frozenset() if "2.1.0" in str(choice) else frozenset({Version("3.10")})

    resolutions = resolve(small_matrix(), project, only_the_older)
    assert chosen(resolutions) == {"cpu": {"alpha": "2.0.0"}, "cu126": {"alpha": "2.0.0"}}
    assert str(resolutions[0].python) == "3.10"
    reasons = [reason.text for pin in resolutions[0].pins if pin.name == "alpha" for reason in pin.because]
    assert reasons == [
        "newest of alpha >=2 from conda-forge for cpu",
        "the index holds no CPU build of alpha 2.1.0 for linux-64 that this project can use",
    ]


def test_frameworks_of_one_environment_link_one_cudnn_major() -> None:
    """alpha 2.1.0 and beta 3.1.0 link cuDNN 9, alpha 2.0.0 and beta 3.0.0 cuDNN 8."""
    resolutions = resolve(small_matrix(), project_of(project_text("{beta: '3.0', alpha: '>=2'}", "cu126")))
    assert chosen(resolutions) == {"cu126": {"beta": "3.0.0", "alpha": "2.0.0"}}


# --- exactness: random small worlds ------------------------------------------------------------------------------------------

PLATFORMS = ("linux-64", "win-64")
PYTHONS = tuple(map(Version, ("3.10", "3.11", "3.12")))
CUDAS = (None, Version("11.8"), Version("12.6"))
OLDER = Version("12.4")  # no target of its own; its builds run for cu126 where nothing is built for 12.6
NAMES = {None: "cpu", CUDAS[1]: "cu118", CUDAS[2]: "cu126"}


@st.composite
def releases(draw: st.DrawFn, framework: str, mixed: bool, cudas: tuple[Version | None, ...]) -> tuple[Release, ...]:
    """One to five releases; with `mixed`, rows of one release may link different cuDNN majors."""
    found = []
    for number in range(draw(st.sampled_from([3, 2, 4, 5, 1])), 0, -1):
        major = draw(st.sampled_from([9, 9, 8, None]))
        rows = []
        for cuda in cudas:
            for _ in range(draw(st.sampled_from([1, 2, 1, 1, 1, 0]))):
                platforms = frozenset(draw(st.sampled_from([PLATFORMS, PLATFORMS, PLATFORMS, PLATFORMS[:1], PLATFORMS[1:]])))
                pythons = frozenset(draw(st.sampled_from([PYTHONS, PYTHONS, PYTHONS[1:], PYTHONS[:2], PYTHONS[2:], PYTHONS[:1]])))
                linked = None if cuda is None else draw(st.sampled_from([9, 8])) if mixed else major
                rows.append(Build("conda-forge", frozenset({cuda}), platforms, pythons, AT, linked))
        found.append(Release(framework, Version(f"{number}.0"), {}, tuple(rows), Address(f"{framework}.yaml", 100 - number, 1)))
    return tuple(found)


@st.composite
def constraints(draw: st.DrawFn) -> Constraint:
    """One to two conditions on each side, on the axes that real rows use."""

    def versions(axis: str, *texts: str) -> st.SearchStrategy[Condition]:
        return st.sampled_from([Condition(axis, SpecifierSet(text)) for text in texts])

    some = ("==1.*", ">=3", "<3", "==2.*", ">=2,<4")
    when = st.one_of(
        versions("alpha", *some),
        versions("beta", *some),
        versions("cuda", ">=12", "<12"),
        st.sampled_from([Condition("platform", names=frozenset({p})) for p in PLATFORMS]),
    )
    need = st.one_of(
        versions("alpha", *some),
        versions("beta", *some),
        versions("python", ">=3.11", "<3.12"),
        versions("driver", ">=530"),
        versions("gpu", ">=7.5"),
        versions("cuda", "<12"),
        versions("glibc", ">=2.28"),
    )
    left = draw(st.lists(when, min_size=1, max_size=2, unique_by=lambda c: c.axis))
    right = draw(st.lists(need, min_size=1, max_size=2, unique_by=lambda c: c.axis))
    return Constraint(
        tuple(left), tuple(right), "x", Address("c.yaml", draw(st.integers(1, 99)), 1), None, draw(st.integers(0, 9)) == 0
    )


@st.composite
def worlds(
    draw: st.DrawFn, mixed: bool = False, older: bool = False, platforms: tuple[str, ...] = PLATFORMS
) -> tuple[Matrix, Project]:
    """A small matrix and a project that may or may not be possible in it."""
    cudas = (*CUDAS[:2], OLDER) if older else draw(st.sampled_from([CUDAS, (*CUDAS, OLDER)]))
    newer_minor = draw(st.sampled_from([True, True, True, False]))
    spelling = Spelling(
        SpecifierSet(), ("x {version}.* cpu_*",), ("x {version}.* cuda{cu}*",), {}, ("conda-forge",), newer_minor, "x", AT
    )
    frameworks = {
        name: Framework(name, {"conda-forge": (spelling,)}, draw(releases(name, mixed, cudas)), "x") for name in ("alpha", "beta")
    }
    virtual = {"linux-64": {"__glibc": draw(st.sampled_from(["2.17", "2.28"]))}, "win-64": {"__win": "0"}}
    targets = {NAMES[cuda]: Target(NAMES[cuda], cuda, PLATFORMS, virtual, AT) for cuda in CUDAS}
    floors = {"linux": Version("525"), "windows": Version("528")}
    toolkits = {
        CUDAS[1]: Toolkit(Version("11.8"), {}, {"linux": Version("450")}, (Version("3.5"), Version("9.0")), (), "x", AT),
        OLDER: Toolkit(OLDER, floors, floors, (Version("5.0"), Version("9.0")), (), "x", AT),
        CUDAS[2]: Toolkit(Version("12.6"), floors, floors, (Version("5.0"), Version("9.0")), (), "x", AT),
    }
    gpus = {"k40": Gpu("K40", Version("3.5")), "v100": Gpu("V100", Version("7.0")), "a100": Gpu("A100", Version("8.0"))}
    rows = tuple(draw(st.lists(constraints(), max_size=draw(st.sampled_from([0, 1, 2, 3])))))
    matrix = Matrix(frameworks, targets, toolkits, (), gpus, rows)  # type: ignore[arg-type]
    known = [NAMES[CUDAS[2]], "cpu"] if older else sorted(targets)
    wished = draw(st.sampled_from([("alpha",), ("alpha", "beta"), ("beta", "alpha"), ("alpha", "beta")]))
    ranges = st.sampled_from(["", "", "", "", ">=2", "<4", "==3.*", ">=2,<5"])
    wishes = tuple(_wish(name, draw(ranges), line) for line, name in enumerate(wished, 10))
    names = draw(st.permutations(known))[: draw(st.sampled_from([2, 2, 3, 3, 1]))]
    return matrix, Project(
        name="demo",
        python=SpecifierSet(python := draw(st.sampled_from(["", "", "", ">=3.11", "<3.12", "==3.10.*"]))),
        python_text=python,
        frameworks=wishes,
        targets=tuple(TargetWish(name, Address("p.yaml", 20 + line, 1)) for line, name in enumerate(names)),
        platforms=draw(st.sampled_from([platforms, platforms, platforms[:1], platforms[-1:]])),
        channels=("conda-forge",),
        dependencies=(),
        pip=(),
        driver=draw(st.sampled_from([None, None, None, None, Version("535"), Version("526"), Version("470")])),
        gpus=draw(st.sampled_from([(), (), (), ("A100",), ("A100",), ("V100", "A100"), ("K40",)])),
        align=draw(st.sampled_from([True, True, False])),
        exclude_newer=None,
        template="x",
        addresses={
            "": Address("p.yaml", 1, 1),
            "driver": Address("p.yaml", 2, 1),
            "gpus": Address("p.yaml", 3, 1),
            "python": Address("p.yaml", 4, 1),
        },
    )


def _wish(name: str, text: str, line: int) -> Wish:
    return Wish(name, SpecifierSet(text), text, None, (), Address("p.yaml", line, 1))


def test_the_worlds_are_neither_all_possible_nor_all_impossible() -> None:
    """What the tests below are worth: enough worlds with an answer, with several targets, with a dropped platform, with older builds."""
    seen: Counter[str] = Counter()

    @examples(200)
    @given(st.one_of(worlds(), worlds(older=True)))
    def look(world: tuple[Matrix, Project]) -> None:
        answer = oracle.best(*world)
        seen["possible" if answer else "impossible"] += 1
        for environments in [answer.versions] if answer else []:
            seen["several targets"] += len(environments) > 1
            seen["astray"] += len({str([version for version, _ in one.values()]) for one in environments.values()}) > 1
            seen["older"] += any(cuda == OLDER for one in environments.values() for _, cuda in one.values())
            seen["dropped"] += any(len(kept) < len(world[1].platforms) for kept in answer.platforms.values())  # type: ignore[union-attr]

    look()
    assert all(seen[kind] >= 8 for kind in ("possible", "impossible", "several targets", "astray", "older", "dropped")), seen


def assert_exact(matrix: Matrix, project: Project) -> None:
    """The resolver and the oracle say the same: whether, which versions, which python, which platforms."""
    expected = oracle.best(matrix, project)
    try:
        found = resolve(matrix, project)
    except Clash:
        assert expected is None, f"resolve found nothing, the oracle found {expected}"
        return
    assert expected is not None, f"resolve found {chosen(found)}, the oracle nothing"
    assert builds(found) == dict(expected.versions)
    assert {r.python for r in found} == {expected.python}
    assert {r.target.name: r.platforms for r in found} == expected.platforms


@examples(300)
@given(worlds())
def test_the_answer_is_the_oracles(world: tuple[Matrix, Project]) -> None:
    assert_exact(*world)


@examples(150)
@given(worlds(older=True))
def test_the_answer_is_the_oracles_where_a_target_must_take_builds_for_an_older_minor(world: tuple[Matrix, Project]) -> None:
    assert_exact(*world)


@examples(150)
@given(worlds(mixed=True))
def test_the_answer_is_the_oracles_where_one_release_has_builds_for_two_cudnn_majors(world: tuple[Matrix, Project]) -> None:
    """Python and cuDNN belong to one build: a build for python 3.10 with cuDNN 8 beside one for 3.11 with cuDNN 9 is not a build for 3.10 with 9."""
    assert_exact(*world)


def assert_minimal(matrix: Matrix, project: Project) -> None:
    """With the conflict's demands alone there is no answer; without any one of them there is."""
    assert oracle.best(matrix, project) is None
    demands = {reason.text for reason in conflict_of(matrix, project).demands}
    assert demands
    reduced = project
    for text, without in every_demand(project).items():
        reduced = reduced if text in demands else without(reduced)
    assert demands <= set(every_demand(project))
    assert oracle.best(matrix, reduced) is None
    for text in demands:
        fewer = every_demand(project)[text](reduced)
        assert not fewer.targets or oracle.best(matrix, fewer) is not None, f"{text} need not be dropped"


def every_demand(project: Project) -> dict[str, Callable[[Project], Project]]:
    """The words of each demand -> the project without it."""
    found: dict[str, Callable[[Project], Project]] = {}
    for target in project.targets:
        found[f"target {target.name}"] = lambda p, name=target.name: replace(
            p, targets=tuple(t for t in p.targets if t.name != name)
        )
    for wish in project.frameworks:
        found[f"{wish.framework} {wish.text}"] = lambda p, name=wish.framework: replace(
            p, frameworks=tuple(replace(w, versions=SpecifierSet()) if w.framework == name else w for w in p.frameworks)
        )
    if project.driver:
        found[f"driver {project.driver}"] = lambda p: replace(p, driver=None)
    if project.gpus:
        found[f"gpus {', '.join(project.gpus)}"] = lambda p: replace(p, gpus=())
    found[f"python {project.python_text}"] = lambda p: replace(p, python=SpecifierSet())
    return found


@examples(200)
@given(worlds(platforms=("linux-64",)))
def test_every_demand_of_a_conflict_on_one_platform_is_needed_for_it(world: tuple[Matrix, Project]) -> None:
    assume(oracle.best(*world) is None)
    assert_minimal(*world)


@examples(200)
@given(worlds())
def test_every_demand_of_a_conflict_is_needed_for_it(world: tuple[Matrix, Project]) -> None:
    """On several platforms as well."""
    assume(oracle.best(*world) is None)
    assert_minimal(*world)


def test_a_platform_that_comes_back_when_a_demand_is_dropped_leaves_the_conflict_minimal() -> None:
    """Found with ENVGEN_EXAMPLES=12. Without `beta >=2` linux-64 is served again, by another release than win-64."""

    def build(cuda: str, platforms: tuple[str, ...], *pythons: Version) -> Build:
        return Build("conda-forge", frozenset({Version(cuda)}), frozenset(platforms), frozenset(pythons), AT)

    alpha = Release(
        "alpha",
        Version("2.0"),
        {},
        (build("11.8", PLATFORMS, *PYTHONS[:2]), build("12.6", PLATFORMS, *PYTHONS[:2]), build("12.6", PLATFORMS[1:], *PYTHONS)),
        AT,
    )
    betas = (
        Release("beta", Version("2.0"), {}, (build("11.8", PLATFORMS, *PYTHONS), build("12.6", PLATFORMS, PYTHONS[2])), AT),
        Release("beta", Version("1.0"), {}, (build("12.6", PLATFORMS[:1], *PYTHONS),), AT),
    )
    spelling = Spelling(SpecifierSet(), (), (), {}, ("conda-forge",), False, "x", AT)
    frameworks = {
        name: Framework(name, {"conda-forge": (spelling,)}, rows, "x") for name, rows in (("alpha", (alpha,)), ("beta", betas))
    }
    targets = {NAMES[cuda]: Target(NAMES[cuda], cuda, PLATFORMS, {"linux-64": {}, "win-64": {}}, AT) for cuda in CUDAS[1:]}
    toolkits = {cuda: Toolkit(cuda, {}, {}, (Version("3.5"), Version("9.0")), (), "x", AT) for cuda in CUDAS[1:]}
    matrix = Matrix(frameworks, targets, toolkits, (), {}, ())  # type: ignore[arg-type]
    wishes = tuple(TargetWish(name, Address("p.yaml", 20 + line, 1)) for line, name in enumerate(("cu118", "cu126")))
    project = project_of(PROJECT)
    asked = replace(
        project,
        python=SpecifierSet(),
        python_text="",
        frameworks=(_wish("beta", ">=2", 10), _wish("alpha", "", 11)),
        targets=wishes,
        platforms=PLATFORMS,
    )
    assert_minimal(matrix, asked)


def test_an_older_build_without_code_for_the_fleet_is_not_taken(real: Matrix) -> None:
    """conda-forge's jaxlib for a target of CUDA 12.8 is built with 12.6, which has no code for Blackwell."""
    text = 'python: "3.12"\nframeworks: {jax: "*"}\ntargets: [cu128]\nplatforms: [linux-64]\nchannels: [conda-forge]\n'
    (found,) = resolve(real, project_of(f"{text}gpus: [A100]\n", real))
    assert [str(choice.variant) for choice in found.choices] == ["12.6"]
    conflict = conflict_of(real, project_of(f"{text}gpus: [A100, B200]\n", real))
    assert "gpus A100, B200" in {demand.text for demand in conflict.demands}
