"""Why there is no choice: laws about every conflict and every repair, and what a person reads about the real facts."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import assume, given
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from unit import oracle
from unit.small import examples, project_of
from unit.test_resolve import builds, project_text, shuffled
from unit.worlds import AT, CUDAS, NAMES, PLATFORMS, PYTHONS, wish_of, with_vendor, worlds

from envgen.explain.conflict import smallest
from envgen.explain.explain import conflict
from envgen.explain.facts import facts
from envgen.explain.model import Change, Conflict, Repair
from envgen.explain.phrases import builds_reason, published_reason
from envgen.explain.repairs import repairs
from envgen.explain.report import conflict_json, conflict_text
from envgen.explain.requirements import requirements
from envgen.model.address import Address
from envgen.model.facts import Build, Framework, Matrix, Release, Spelling, Target
from envgen.model.project import Project, RequestedTarget
from envgen.model.toolkit import Toolkit
from envgen.resolver.resolve import Problem, Unsatisfiable, possible, resolve


def conflict_of(matrix: Matrix, project: Project) -> Conflict:
    """What clashes, from the error that `resolve` raises."""
    with pytest.raises(Unsatisfiable) as caught:
        resolve(matrix, project)
    return conflict(caught.value.problem)


def required(found: Conflict) -> list[str]:
    """The words of the requirements."""
    return [reason.text for reason in found.requirements]


def changes(found: Conflict) -> list[str]:
    """The words of the repairs."""
    return ["; ".join(change.text for change in repair.changes) for repair in found.repairs]


# --- laws -----------------------------------------------------------------------------------------------------------------


def assert_minimal(problem: Problem) -> None:
    """Without everything else there is no answer; without any one part, there is one: so says the oracle, which tries everything.

    What has a default (platforms) is left out in two ways, as it is and with its default: neither has an answer.
    """
    parts, reduced = smallest(problem)
    assert any(part.is_requirement for part in parts)
    for left in reduced:
        assert oracle.best(left.matrix, left.project) is None
    every = [*facts(problem), *requirements(problem)]
    names = [(part.kind, part.name) for part in every]
    assert len(set(names)) == len(names)
    kept = {(part.kind, part.name) for part in parts}
    for spared in kept:
        dropped = [part for part in every if (part.kind, part.name) not in kept - {spared}]
        either = [problem, problem]
        for part in dropped:
            either = [problem if part.has_default and not place else part.without(problem) for place, problem in enumerate(either)]
        assert any(not one.project.targets or oracle.best(one.matrix, one.project) for one in either), f"{spared} is not needed"


def _as_promised(matrix: Matrix, project: Project) -> Matrix:
    """The matrix with what the project promises of glibc: the oracle reads a target's virtual packages from there alone."""
    promised = {target.name: target.virtual for target in project.targets}
    targets = {
        name: replace(
            target, virtual={p: {**v, **(promised.get(name, {}) if p == "linux-64" else {})} for p, v in target.virtual.items()}
        )
        for name, target in matrix.targets.items()
    }
    return replace(matrix, targets=targets)


def changed(project: Project, repair: Repair, spared: Change | None = None) -> Project:
    """A project after the changes of a repair, but for one."""
    for change in repair.changes:
        project = project if change is spared else change.apply(project)
    return project


def assert_repairs_give_what_the_oracle_says(matrix: Matrix, project: Project, found: Conflict) -> None:
    """In the order of their price."""
    order = [repair.order for repair in found.repairs]
    assert order == sorted(order)
    for repair in found.repairs:
        repaired = changed(project, repair)
        expected = oracle.best(_as_promised(matrix, repaired), repaired)
        assert expected is not None
        assert builds(repair.resolutions) == dict(expected.versions)


def assert_no_change_can_be_spared(matrix: Matrix, project: Project, found: Conflict) -> int:
    """How many were tried."""
    spared = [changed(project, repair, change) for repair in found.repairs for change in repair.changes]
    for kept in spared:
        assert oracle.best(_as_promised(matrix, kept), kept) is None
    return len(spared)


def assert_a_repair_keeps_all_if_any_does(matrix: Matrix, project: Project, found: Conflict) -> None:
    """Where other releases, Pythons and targets together would do. Also where dropping a target would: that is not to end the search."""
    free = replace(
        project,
        python=SpecifierSet(),
        frameworks=tuple(replace(row, versions=SpecifierSet()) for row in project.frameworks),
    )
    choices = [
        sorted({row.name, *(name for name in matrix.targets if name != "cpu")} if row.name != "cpu" else {"cpu"})
        for row in project.targets
    ]
    others = [
        replace(free, targets=tuple(replace(row, name=name) for row, name in zip(project.targets, names, strict=True)))
        for names in product(*choices)
        if len(set(names)) == len(names)
    ]
    if any(oracle.best(matrix, other) for other in others):
        assert any(not repair.gives_up for repair in found.repairs), conflict_text(found)


def assert_the_nearest_python_is_a_repair_if_another_alone_would_do(matrix: Matrix, project: Project, found: Conflict) -> None:
    """Where no requirement on Python would do: a single Python may bring in builds for an older CUDA minor, which are the last resort."""
    anyhow = oracle.best(matrix, replace(project, python=SpecifierSet()))
    inside = [python for python in PYTHONS if python in project.python]
    helping = [
        python
        for python in sorted(matrix.pythons)
        if python not in inside and oracle.best(matrix, replace(project, python=SpecifierSet(f"=={python}.*")))
    ]
    if anyhow and helping and inside and len(found.repairs) < 6:
        nearest = min(helping, key=lambda python: min(abs(python.minor - other.minor) for other in inside))
        assert any(text.startswith("python") and text.endswith(str(nearest)) for text in changes(found))


@examples(60)
@given(worlds(platforms=("linux-64",)))
def test_a_conflict_on_one_platform_is_minimal_and_names_the_nearest_python(world: tuple[Matrix, Project]) -> None:
    assume(oracle.best(*world) is None)
    assert_minimal(Problem(*world))
    assert_the_nearest_python_is_a_repair_if_another_alone_would_do(*world, conflict(Problem(*world)))


def test_a_conflict_is_minimal_and_its_repairs_are_right() -> None:
    """On several platforms: every law for each conflict, because to draw one and to explain it takes longest."""
    spared = 0

    @examples(80)
    @given(worlds())
    def law(world: tuple[Matrix, Project]) -> None:
        nonlocal spared
        assume(oracle.best(*world) is None)
        assert_minimal(Problem(*world))
        found = conflict(Problem(*world))
        assert_repairs_give_what_the_oracle_says(*world, found)
        spared += assert_no_change_can_be_spared(*world, found)
        assert_a_repair_keeps_all_if_any_does(*world, found)

    law()
    assert spared >= 5


@examples(40)
@given(worlds(companion=True, platforms=("linux-64",)).flatmap(with_vendor))
def test_a_conflict_over_the_provider_that_a_companion_is_built_against_is_minimal(world: tuple[Matrix, Project]) -> None:
    assume(oracle.best(*world) is None)
    assert_minimal(Problem(*world))
    assert_repairs_give_what_the_oracle_says(*world, conflict(Problem(*world)))


def test_a_python_that_no_build_is_for_is_repaired_by_the_nearest_that_there_is() -> None:
    builds = (row("", PLATFORMS, *PYTHONS[1:]),)
    found = conflict(problem_of({"alpha": {"1.0": builds}}, {"alpha": ""}, ("cpu",), ("linux-64",), "==3.10.*"))
    assert changes(found) == ["python ==3.10.* -> 3.11"]


def row(cuda: str, platforms: tuple[str, ...], *pythons: Version) -> Build:
    """Builds for CPU ("") or one CUDA."""
    variant = Version(cuda) if cuda else None
    return Build(
        provider="conda-forge", variants=frozenset({variant}), platforms=frozenset(platforms), pythons=frozenset(pythons), at=AT
    )


def problem_of(
    builds: dict[str, dict[str, tuple[Build, ...]]],
    requested: dict[str, str],
    targets: tuple[str, ...],
    platforms: tuple[str, ...],
    python: str = "",
) -> Problem:
    """A problem from framework -> release -> builds, newest first, and framework -> range."""
    spelling = Spelling(
        releases=SpecifierSet(), cpu=("x",), cuda=(), channels=("conda-forge",), newer_minor=False, because="x", at=AT
    )
    frameworks = {
        name: Framework(
            name=name,
            providers={"conda-forge": (spelling,)},
            releases=tuple(
                Release(framework=name, version=Version(version), builds=found, at=AT) for version, found in rows.items()
            ),
            because="x",
        )
        for name, rows in builds.items()
    }
    described = {
        NAMES[cuda]: Target(name=NAMES[cuda], cuda=cuda, platforms=PLATFORMS, virtual={"linux-64": {}, "win-64": {}}, at=AT)
        for cuda in CUDAS
    }
    toolkits = {
        cuda: Toolkit(
            version=cuda, driver={}, floor={}, capabilities=(Version("3.5"), Version("9.0")), excludes=(), because="x", at=AT
        )
        for cuda in CUDAS[1:]
        if cuda
    }
    project = replace(
        project_of(project_text("{alpha: '*'}", "cpu")),
        python=SpecifierSet(python),
        python_text=python,
        frameworks=tuple(wish_of(name, text, line) for line, (name, text) in enumerate(requested.items(), 10)),
        targets=tuple(RequestedTarget(name=name, at=Address("p.yaml", line, 1)) for line, name in enumerate(targets, 20)),
        platforms=platforms,
    )
    matrix = Matrix(frameworks=frameworks, targets=described, toolkits=toolkits, cudnn=(), gpus={}, constraints=())
    return Problem(matrix, project)


def test_a_platform_that_comes_back_when_a_requirement_is_dropped_leaves_the_conflict_minimal() -> None:
    """Found with ENVGEN_EXAMPLES=12. Without `beta >=2` linux-64 is served again, by another release than win-64."""
    alpha = {
        "2.0": (row("11.8", PLATFORMS, *PYTHONS[:2]), row("12.6", PLATFORMS, *PYTHONS[:2]), row("12.6", PLATFORMS[1:], *PYTHONS))
    }
    beta = {
        "2.0": (row("11.8", PLATFORMS, *PYTHONS), row("12.6", PLATFORMS, PYTHONS[2])),
        "1.0": (row("12.6", PLATFORMS[:1], *PYTHONS),),
    }
    assert_minimal(problem_of({"alpha": alpha, "beta": beta}, {"beta": ">=2", "alpha": ""}, ("cu118", "cu126"), PLATFORMS))


@pytest.mark.parametrize("more", range(8))
def test_a_conflict_is_about_the_platforms_of_the_project(more: int) -> None:
    """On linux-64 cpu needs Python 3.10. On win-64 as well, cpu and cu126 would need different Pythons: nobody asked for that.

    How many facts there are decides what is dropped together; no number of them may make a difference.
    """
    alpha = {
        "3.0": (row("", ("win-64",), *PYTHONS), row("12.6", ("linux-64",), *PYTHONS)),
        "2.0": (row("", PLATFORMS, PYTHONS[0]), row("12.6", PLATFORMS, *PYTHONS[1:])),
    }
    problem = problem_of({"alpha": alpha}, {"alpha": ""}, ("cpu", "cu126"), ("linux-64",), ">=3.11")
    toolkit = problem.matrix.toolkits[Version("12.6")]
    older = {version: replace(toolkit, version=version) for version in (Version(f"12.{minor}") for minor in range(more))}
    problem = replace(problem, matrix=replace(problem.matrix, toolkits={**older, **problem.matrix.toolkits}))
    assert_minimal(problem)
    found = conflict(problem)
    assert "python >=3.11" in required(found)
    assert "python >=3.11 -> 3.10" in changes(found)


# --- what a person reads --------------------------------------------------------------------------------------------------

REAL_CONFLICTS = {
    "a hole in the channel": (
        project_text("{pytorch: '2.2.*'}", "cpu, cu121"),
        ["pytorch 2.2.*"],
        ["conda-forge has no pytorch 2.2.*; the nearest releases are 2.1.2 and 2.3.0"],
        ["pytorch 2.2.* -> 2.3.0", "pytorch 2.2.* -> 2.1.2", "pytorch from provider pytorch and channels pytorch, nvidia"],
    ),
    "a release after the last of a provider": (
        project_text("{pytorch: {version: '2.6', provider: pytorch}}", "cu124").replace("[conda", "[pytorch, nvidia, conda"),
        ["pytorch 2.6"],
        ["pytorch has no pytorch 2.6; CUDA 12.4 builds end with 2.5.1"],
        ["pytorch 2.6 -> 2.5.1"],
    ),
    "a release before the first that is listed": (
        project_text("{pytorch: '1.9.*'}", "cpu", python="3.9"),
        ["pytorch 1.9.*"],
        ["the matrices list pytorch of conda-forge from 1.10.0 on, and no 1.9.*"],
        ["pytorch 1.9.* -> 1.10.0", "pytorch from provider pytorch and channels pytorch"],
    ),
    "a CUDA that is gone": (
        project_text("{pytorch: '>=2.6'}", "cu118"),
        ["target cu118", "pytorch >=2.6"],
        ["pytorch >=2.6 from conda-forge is built for CUDA 12.6, 12.8, 12.9, 13.0; CUDA 11.8 builds end with 2.5.1"],
        ["pytorch >=2.6 -> 2.5.1", "target cu118 -> cu126"],
    ),
    "a driver that is too old": (
        project_text("{pytorch: '>=2.6'}", "cu126", 'driver: ">=470.42.01"\n'),
        ["target cu126", "driver 470.42.01"],
        ["CUDA 12.6 needs driver 525.60.13 or newer on Linux, 528.33 or newer on Windows"],
        ["driver 470.42.01 -> 525.60.13 on every machine"],
    ),
    "one GPU of two": (
        project_text("{pytorch: '>=2.10'}", "cu130", "gpus: [V100, A100]\n", python=">=3.10"),
        ["target cu130", "gpus V100 (compute capability 7.0)"],
        ["CUDA 13.0 has code for compute capability 7.5 to 12.1"],
        ["target cu130 -> cu129", "drop V100 from gpus:"],
    ),
    "a python that is too new": (
        project_text("{pytorch: '>=2.0', tensorflow: '>=2.16'}", "cpu, cu126", python=">=3.13"),
        ["tensorflow", "python >=3.13"],
        ["the CUDA 12.6 builds of tensorflow are for python 3.9-3.12"],
        ["python >=3.13 -> 3.12", "move tensorflow to a project of its own"],
    ),
    "two frameworks": (
        project_text("{pytorch: '>=2.9', tensorflow: '2.18.*'}", "cpu, cu126"),
        ["pytorch >=2.9", "tensorflow 2.18.*"],
        ["tensorflow ==2.18.* with provider conda-forge needs pytorch <2.7,>=2.4.1"],
        ["pytorch >=2.9 -> 2.6.0", "move pytorch to a project of its own"],
    ),
    "a promise that is too small": (
        project_text("{pytorch: '>=2.10'}", "cu130").replace("[cu130]", "{cu130: {virtual-packages: {__glibc: '2.17'}}}"),
        ["target cu130", "target cu130: virtual-packages __glibc 2.17", "pytorch"],
        ["cuda >=13 with provider conda-forge needs glibc >=2.28"],
        ["target cu130: virtual-packages __glibc 2.28, if every machine has it", "target cu130 -> cu129"],
    ),
    "a release that nobody knows": (
        project_text("{jax: '9.*'}", "cpu"),
        ["jax 9.*"],
        ["the matrices list jax 0.4.1 to 0.10.2"],
        ["jax 9.* -> 0.10.2"],
    ),
    "a channel that is missing": (
        project_text("{pytorch: {version: '2.1.0', provider: pytorch}}", "cu121"),
        ["pytorch from provider pytorch", "channels conda-forge"],
        ["pytorch from pytorch needs the channels pytorch, nvidia"],
        ["pytorch from provider conda-forge", "pytorch from provider pytorch and channels pytorch, nvidia"],
    ),
    "a channel that is missing for CPU": (
        project_text("{pytorch: {version: '2.1.0', provider: pytorch}}", "cpu"),
        ["pytorch from provider pytorch", "channels conda-forge"],
        ["pytorch from pytorch needs the channels pytorch"],
        ["pytorch from provider conda-forge", "pytorch from provider pytorch and channels pytorch"],
    ),
    "wheels for a newer glibc": (
        project_text("{pytorch: {version: '2.7.*', provider: pypi}}", "cu126").replace(
            "[cu126]", "{cu126: {virtual-packages: {__glibc: '2.17'}}}"
        ),
        ["target cu126: virtual-packages __glibc 2.17", "pytorch from provider pypi", "pytorch 2.7.*"],
        ["pytorch 2.7.* from pypi is built on linux-64 for CUDA 11.8, 12.6, 12.8, with glibc 2.28 or newer"],
        ["pytorch from provider conda-forge", "target cu126: virtual-packages __glibc 2.28, if every machine has it"],
    ),
    "a companion that is built against another provider": (
        project_text("{pytorch: {version: '2.3', provider: pytorch, with: [xformers]}}", "cu118", channels="conda-forge, pytorch, nvidia"),
        ["pytorch from provider pytorch", "xformers"],
        ["xformers from conda-forge is built against pytorch from conda-forge"],
        ["pytorch from provider conda-forge", "pytorch without xformers"],
    ),
    "the same, by the order of channels": (
        project_text("{pytorch: {version: '2.3', with: [xformers]}}", "cu118", channels="pytorch, nvidia, conda-forge"),
        ["pytorch", "xformers"],
        ["xformers from conda-forge is built against pytorch from conda-forge, and pytorch is from pytorch here, by the order of channels:"],
        ["pytorch from provider conda-forge", "pytorch without xformers"],
    ),
    "a companion of another provider than its framework": (
        project_text("{pytorch: {version: '2.3', provider: pytorch}, torchvision: {provider: conda-forge}}", "cpu", channels="conda-forge, pytorch"),
        ["pytorch from provider pytorch", "torchvision from provider conda-forge"],
        ["torchvision from conda-forge is built against pytorch from conda-forge"],
        ["torchvision from provider pytorch", "pytorch from provider conda-forge", "pytorch without torchvision"],
    ),
    "a companion of conda beside wheels": (
        project_text("{pytorch: {version: '2.9', provider: pypi, with: [bitsandbytes]}}", "cu129"),
        ["pytorch from provider pypi", "bitsandbytes"],
        ["bitsandbytes from conda-forge goes with pytorch from conda-forge or pytorch"],
        ["pytorch from provider conda-forge"],
    ),
    "a platform without CUDA": (
        project_text("{pytorch: '*'}", "cu126", platforms="osx-arm64"),
        ["target cu126", "platforms osx-arm64"],
        ["macOS has no CUDA"],
        ["target cu126 -> cpu", "add platform linux-64"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REAL_CONFLICTS)
def test_a_conflict_of_the_real_facts_in_words(real: Matrix, name: str) -> None:
    """In whatever order rows and keys are written."""
    text, asked, facts, out = REAL_CONFLICTS[name]
    project = project_of(text, real)
    found, other = (conflict_of(matrix, project) for matrix in (real, shuffled(real, random.Random(3))))
    assert [reason.text for reason in found.requirements if not reason.text.startswith("platforms linux-64")] == asked
    assert [reason.text for reason in found.facts] == facts
    assert changes(found) == out
    for reason in (*found.requirements, *found.facts):
        assert reason.at and reason.at.line > 0
    assert all(reason.because or "target" in reason.text for reason in found.facts)
    assert (required(other), [fact.text for fact in other.facts], changes(other)) == (required(found), facts, out)


# What people bring -> what they asked for that is in the way, the facts, and the repairs: each with what it resolves to.
BROUGHT = {
    "a new card and an old environment": (
        project_text("{torch: '==2.5.1'}", "cpu, cu121", "gpus: [NVIDIA GeForce RTX 5090]\n", channels="pytorch, nvidia, conda-forge"),
        ["target cu121", "gpus RTX 5090 (compute capability 12.0)"],
        ["CUDA 12.1 has code for compute capability 5.0 to 9.0"],
        {
            "target cu121 -> cu129; pytorch from provider conda-forge; pytorch ==2.5.1 -> 2.7.1": "cpu, cu129: pytorch 2.7.1",
            "drop target cu121": "cpu: pytorch 2.5.1",
        },
    ),
    "a new card and two old targets": (
        project_text("{pytorch: '2.3.*'}", "cu118, cu121", "gpus: [RTX 5090]\n", channels="pytorch, nvidia, conda-forge"),
        ["target cu121", "gpus RTX 5090 (compute capability 12.0)"],
        ["CUDA 12.1 has code for compute capability 5.0 to 9.0"],
        {
            "target cu118 -> cu129; target cu121 -> cu130; pytorch from provider conda-forge; pytorch 2.3.* -> 2.10.0": "cu129, cu130: pytorch 2.10.0"
        },
    ),
    "a new card and tensorflow": (
        project_text("{tensorflow: '2.14.*'}", "cu118", "gpus: [RTX 5090]\n", python="3.10"),
        ["target cu118", "gpus RTX 5090 (compute capability 12.0)"],
        ["CUDA 11.8 has code for compute capability 3.5 to 9.0"],
        {"target cu118 -> cu128; tensorflow 2.14.* -> 2.18.0": "cu128: tensorflow 2.18.0"},
    ),
    "an old card and the newest CUDA": (
        project_text("{pytorch: '2.7.1'}", "gpu", "gpus: [K80]\n", python="3.12"),
        ["a CUDA target (`gpu`)", "pytorch 2.7.1", "gpus K80 (compute capability 3.7)"],
        ["pytorch 2.7.1 from conda-forge is built for CUDA 12.6, 12.8, 12.9", "only CUDA 9.2 to 11.8 has code for K80"],
        {"pytorch 2.7.1 -> 2.4.0": "cu118: pytorch 2.4.0"},
    ),
    "cards that no CUDA has code for together": (
        project_text("{pytorch: '*'}", "gpu", "gpus: [K80, B200]\n", python="3.12"),
        ["a CUDA target (`gpu`)", "gpus K80 (compute capability 3.7)", "gpus B200 (compute capability 10.0)"],
        ["no CUDA version has code for K80 and B200"],
        {
            "drop K80 from gpus:": "cu130: pytorch 2.13.0",
            "drop B200 from gpus:": "cu118: pytorch 2.4.0",
            "target cpu instead of `gpu`": "cpu: pytorch 2.13.0",
        },
    ),
    "an old driver and any CUDA 12": (
        project_text("{pytorch: '*'}", "cpu", 'driver: ">=470"\ncuda: "12"\n', python="3.12"),
        ["a target for CUDA 12.0 to 12.9 (`cuda: 12`)", "driver 470"],
        ["CUDA 12.0 needs driver 525.60.13 or newer on Linux, 528.33 or newer on Windows"],
        {
            "target cu118 instead of `cuda: 12`": "cpu, cu118: pytorch 2.5.1",
            "driver 470 -> 525.60.13 on every machine": "cpu, cu129: pytorch 2.13.0",
            "drop `cuda: 12`": "cpu: pytorch 2.13.0",
        },
    ),
    "a GPU on a Mac": (
        project_text("{pytorch: '*'}", "gpu", python="3.11", platforms="osx-arm64"),
        ["a CUDA target (`gpu`)"],
        ["macOS has no CUDA"],
        {"target cpu instead of `gpu`": "cpu: pytorch 2.13.0", "add platform linux-64": "cu130: pytorch 2.13.0"},
    ),
    "a CUDA on a Mac, beside cpu": (
        project_text("{jax: '*'}", "cpu, cu129", python="3.12", platforms="osx-arm64"),
        ["target cu129"],
        ["macOS has no CUDA"],
        {"drop target cu129": "cpu: jax 0.10.2", "add platform linux-64": "cpu, cu129: jax 0.10.2"},
    ),
    "tensorflow on Windows": (
        'python: "3.10"\nplatforms: [win-64]\nchannels: [conda-forge]\ndependencies: [tensorflow-gpu]\n',
        ["tensorflow"],
        ["tensorflow from conda-forge has no build for win-64, only for linux-64, linux-aarch64, osx-64, osx-arm64"],
        {"add platform linux-64: WSL2 on Windows runs the environments of linux-64, with CUDA through the driver of Windows": "cu129: tensorflow 2.19.1"},
    ),
    "a release from before the matrices": (
        'python: "3.7"\nplatforms: [linux-64]\ntargets: [cpu]\nchannels: [conda-forge]\ndependencies: [tensorflow-gpu=1.15]\n',
        ["tensorflow 1.15"],
        ["the matrices list tensorflow 2.4.0 to 2.19.1"],
        {"tensorflow 1.15 -> 2.6.0": "cpu, cu112: tensorflow 2.6.0"},
    ),
    "a release that conda-forge skipped": (
        project_text("{tensorflow: '2.5.*'}", "cpu", python="3.8"),
        ["tensorflow 2.5.*"],
        ["the matrices list tensorflow 2.4.0 to 2.19.1, and no 2.5.*; the nearest are 2.4.3 and 2.6.0"],
        {"tensorflow 2.5.* -> 2.6.0": "cpu: tensorflow 2.6.0", "tensorflow 2.5.* -> 2.4.3": "cpu: tensorflow 2.4.3"},
    ),
    "a Python that no CUDA build is for": (
        project_text("{tensorflow: '*'}", "gpu", python="3.13"),
        ["tensorflow", "python 3.13"],
        ["the CUDA builds of tensorflow are for python 3.7-3.12"],
        {"python 3.13 -> 3.12": "cu129: tensorflow 2.19.1"},
    ),
    "an ARM server, a build string and an old jaxlib": (
        'python: "3.10"\nplatforms: [linux-aarch64]\nchannels: [conda-forge]\ndependencies: ["jaxlib=0.4.20=*cuda*"]\n',
        ["a CUDA target (`jaxlib=0.4.20=*cuda*`)", "jax 0.4.20"],
        ["jax 0.4.20 from conda-forge is built on linux-aarch64 without CUDA; CUDA builds for linux-aarch64 begin with 0.7.2"],
        {"jax 0.4.20 -> 0.7.2; python 3.10 -> 3.11": "cu129: jax 0.7.2"},
    ),
    "an ARM server and an old jax": (
        project_text("{jax: '0.4.34'}", "gpu", "gpus: [GH200]\n", python="3.10", platforms="linux-aarch64"),
        ["a CUDA target (`gpu`)", "jax 0.4.34"],
        ["jax 0.4.34 from conda-forge is built on linux-aarch64 without CUDA; CUDA builds for linux-aarch64 begin with 0.7.2"],
        {
            "jax 0.4.34 -> 0.7.2; python 3.10 -> 3.11": "cu129: jax 0.7.2",
        },
    ),
}  # fmt: skip


@pytest.mark.thorough
@pytest.mark.parametrize("name", BROUGHT)
def test_what_people_bring_is_answered_by_what_they_asked_for_and_by_something_to_do(real: Matrix, name: str) -> None:
    text, asked, facts, out = BROUGHT[name]
    with pytest.raises(Unsatisfiable) as caught:
        resolve(real, project_of(text, real))
    found = conflict(caught.value.problem)
    assert [reason.text for reason in found.requirements if not reason.text.startswith("platforms ")] == asked
    assert [reason.text for reason in found.facts] == facts
    assert all(fact.at and (fact.because or "target" in fact.text) for fact in found.facts)
    said = conflict_text(found).partition("repairs, nearest first, each resolved again:\n")[2].splitlines()
    given = {change.partition(". ")[2]: versions.strip() for change, versions in zip(said[::2], said[1::2], strict=False)}
    assert list(given) == list(out)
    assert all(given[change].startswith(versions) for change, versions in out.items())


@pytest.mark.thorough
def test_many_conflicts_at_once_still_have_a_repair_that_gives_up_little(real: Matrix) -> None:
    """Cards that no CUDA has code for together, a driver that is too old, and releases, Pythons and targets that do not meet."""
    frameworks = "{pytorch: {version: '2.3.*', with: [torchvision]}, tensorflow: '2.14.*', jax: '0.4.34'}"
    hardware = 'gpus: [V100, RTX 5090]\ndriver: ">=470"\n'
    targets, channels = "cpu, cu118, cu126, cu129", "pytorch, nvidia, conda-forge"
    text = project_text(frameworks, targets, hardware, python="3.13", platforms="linux-64, win-64", channels=channels)
    found = conflict_of(real, project_of(text, real))
    assert [repair.gives_up for repair in found.repairs][:1] == [1]
    assert len(found.repairs[0].changes) > 3
    assert {row.target.name for row in found.repairs[0].resolutions} == set(targets.split(", "))


def test_a_gpu_on_a_mac_is_told_what_computes_there(real: Matrix) -> None:
    with pytest.raises(Unsatisfiable) as caught:
        project_of(BROUGHT["a GPU on a Mac"][0], real)
    (note,) = conflict(caught.value.problem).notes
    assert note.text.startswith("pytorch: from 1.12 on the cpu target uses the GPU of a Mac through Metal (MPS): https://")


def test_an_old_glibc_refuses_cuda_13_and_the_repair_is_to_promise_more(real: Matrix) -> None:
    text = 'python: ">=3.10"\nframeworks: {pytorch: "*"}\nplatforms: [linux-64]\nchannels: [conda-forge]\ntargets:\n  cu130: {virtual-packages: {__glibc: "2.17"}}\n'
    found = conflict_of(real, project_of(text, real))
    assert ("target cu130: virtual-packages __glibc 2.17", 6) in [
        (reason.text, reason.at.line) for reason in found.requirements if reason.at and reason.at.column > 3
    ]
    assert [(fact.text, fact.at.file) for fact in found.facts if fact.at] == [
        ("cuda >=13 with provider conda-forge needs glibc >=2.28", "matrices/cuda.yaml")
    ]
    assert changes(found)[:2] == [
        "target cu130: virtual-packages __glibc 2.28, if every machine has it",
        "target cu130 -> cu129",
    ]


def test_two_conflicts_at_once_need_two_changes(real: Matrix) -> None:
    """Python 3.13 is too new for tensorflow, the driver too old for CUDA 12: no single change helps."""
    found = conflict_of(real, project_of(project_text("{tensorflow: '2.18.*'}", "cu126", 'driver: ">=470"\n', python="3.13"), real))
    assert all(len(repair.changes) > 1 for repair in found.repairs)
    assert "driver 470 -> 525.60.13 on every machine; python 3.13 -> 3.12" in changes(found)


@pytest.mark.parametrize("target", ["cu118", "cu126"])
def test_blackwell_needs_cuda_12_8(real: Matrix, target: str) -> None:
    project = project_of(project_text("{pytorch: '*'}", target, "gpus: [B200]\n", platforms="linux-64, win-64"), real)
    assert required(conflict_of(real, project)) == [f"target {target}", "gpus B200 (compute capability 10.0)"]


def test_an_older_build_without_code_for_the_fleet_is_not_taken(real: Matrix) -> None:
    """conda-forge's jaxlib for a target of CUDA 12.8 is built with 12.6, which has no code for Blackwell."""
    text = 'python: "3.12"\nframeworks: {jax: "*"}\ntargets: [cu128]\nplatforms: [linux-64]\nchannels: [conda-forge]\n'
    (found,) = resolve(real, project_of(f"{text}gpus: [A100]\n", real))
    assert [str(choice.variant) for choice in found.choices] == ["12.6"]
    assert "gpus B200 (compute capability 10.0)" in required(conflict_of(real, project_of(f"{text}gpus: [A100, B200]\n", real)))


def test_a_row_of_builds_with_a_source_of_its_own_is_cited_with_that_one(real: Matrix) -> None:
    """TensorFlow's row for CUDA 12.9 has one; the rows for 12.6 have that of the file."""
    for target, source in ("cu129", "tensorflow-feedstock/pull/467"), ("cu126", real.frameworks["tensorflow"].because):
        (fact,) = conflict_of(real, project_of(project_text("{tensorflow: '*'}", target, python=">=3.13"), real)).facts
        assert "builds of tensorflow are for python" in fact.text
        assert source in fact.because


def test_a_conflict_says_requirement_fact_source_and_repair_and_json_says_the_same(real: Matrix) -> None:
    found = conflict_of(real, project_of(REAL_CONFLICTS["one GPU of two"][0], real))
    page = conflict_text(found)
    assert "  environments/demo/project.yaml:6:1: gpus V100 (compute capability 7.0)\n" in page
    assert f"  {real.toolkits[Version('13.0')].at}: CUDA 13.0 has code for compute capability 7.5 to 12.1\n      because: " in page
    assert "  1. target cu130 -> cu129\n       cu129: pytorch 2.13.0, python 3.14" in page
    data = json.loads(conflict_json(found))
    assert [row["text"] for row in data["demands"]] == required(found)
    assert [row["because"] for row in data["facts"]] == [fact.because for fact in found.facts]
    assert data["ways_out"][0] == {
        "changes": ["target cu130 -> cu129"],
        "cost": 4.5,
        "gives": {"cu129": {"python": "3.14", "pytorch": "2.13.0"}},
    }


def test_repairs_are_looked_for_only_where_the_conflict_is(real: Matrix) -> None:
    problem = Problem(real, project_of(REAL_CONFLICTS["a driver that is too old"][0], real))
    parts, _ = smallest(problem)
    assert not possible(problem)
    assert {part.kind for part in parts} == {"target", "driver", "floor"}
    assert [repair.changes[0].text for repair in repairs(problem, parts)] == REAL_CONFLICTS["a driver that is too old"][3]


@pytest.mark.parametrize(
    ("versions", "said"),
    [
        (">=2.4", "pytorch has only 2.4.0, 2.4.1, 2.5.0, 2.5.1 of pytorch >=2.4"),
        (">=2.3.1", "pytorch has only 5 releases, 2.3.1 to 2.5.1, of pytorch >=2.3.1"),
    ],
)
def test_of_many_releases_of_a_provider_the_first_and_the_last_are_named(real: Matrix, versions: str, said: str) -> None:
    text = project_text(f"{{pytorch: {{version: '{versions}', provider: pytorch}}}}", "cpu")
    project = project_of(text, real)
    assert published_reason(Problem(real, project), project.frameworks[0]).text == said


_CUDAS = [Version(text) for text in ("10.2", "11.1", "11.8", "12.0", "12.6", "12.9", "13.0")]
_ANY, _EVERY_12 = frozenset({None, *_CUDAS}), frozenset(_CUDAS[3:6])


@pytest.mark.parametrize(
    ("targets", "spans", "said"),
    [
        ("cu126", [_ANY], "for any CUDA"),
        ("cpu, cu126", [_ANY], "for CPU and any CUDA"),
        ("cu126", [_ANY, *_CUDAS[:2]], "for CUDA 10.2, 11.1, some builds for any CUDA"),
        ("cpu, cu126", [_ANY, _CUDAS[1], None], "for CPU and CUDA 11.1, some builds for any CUDA"),
        ("cu126", [_CUDAS[6], _EVERY_12, _CUDAS[4], _CUDAS[2]], "for CUDA 11.8, 12.0 to 12.9, 13.0"),
        ("cu126", [_CUDAS[2], _CUDAS[1], None], "for CUDA 11.1, 11.8"),
    ],
)
def test_the_cuda_of_builds_is_told_in_order_and_once(
    real: Matrix, targets: str, spans: list[Version | None | frozenset[Version | None]], said: str
) -> None:
    stated = tuple(span if isinstance(span, frozenset) else frozenset({span}) for span in spans)
    built = replace(row("11.8", ("linux-64",), Version("3.12")), variants=frozenset[Version | None]().union(*stated), spans=stated)
    release = Release(framework="pytorch", version=Version("2.5.0"), builds=(built,), at=AT)
    matrix = replace(real, frameworks={"pytorch": replace(real.frameworks["pytorch"], releases=(release,))})
    project = project_of(project_text("{pytorch: '*'}", targets), real)
    assert builds_reason(Problem(matrix, project), project.frameworks[0]).text.endswith(f" on linux-64 {said}")
