"""The resolver: laws on the real facts, and exactness against an oracle that tries everything."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version
from unit import oracle
from unit.small import PROJECT, examples, project_of, small_matrix
from unit.worlds import OLDER, PYTHONS, with_vendor, worlds

from envgen.model.address import Address
from envgen.model.facts import Build, Matrix, Target
from envgen.model.platforms import PLATFORMS
from envgen.model.project import Project
from envgen.model.resolution import Choice, Resolution
from envgen.resolver.availability import Availability, no_index
from envgen.resolver.resolve import Problem, Unsatisfiable, answer, obstacles, possible, resolve

AT = Address("x.yaml", 1, 1)

# --- a project in one line ------------------------------------------------------------------------------------------------


def project_text(
    frameworks: str, targets: str, more: str = "", python: str = ">=3.9", platforms: str = "linux-64", channels: str = "conda-forge"
) -> str:
    """The text of a project file."""
    return f'python: "{python}"\nframeworks: {frameworks}\ntargets: [{targets}]\nplatforms: [{platforms}]\nchannels: [{channels}]\n{more}'


def version(resolution: Resolution, framework: str) -> str:
    """The chosen version of a framework."""
    return next(str(choice.release.version) for choice in resolution.choices if choice.release.framework == framework)


def chosen(resolutions: Iterable[Resolution]) -> dict[str, dict[str, str]]:
    """target -> framework -> version."""
    return {r.target.name: {c.release.framework: str(c.release.version) for c in r.choices} for r in resolutions}


def builds(resolutions: Iterable[Resolution]) -> dict[str, oracle.Environment]:
    """target -> framework -> version and the CUDA of its build, as the oracle says it."""
    return {r.target.name: {c.release.framework: c.build for c in r.choices} for r in resolutions}


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
                    choice.on(platform) in b.variants
                    and platform in b.platforms
                    and resolution.python in b.pythons
                    and b.provider == choice.provider
                    for b in choice.release.builds
                )
        assert sorted([*resolution.platforms, *(d.platform for d in resolution.dropped)]) == sorted(project.platforms)
        assert all(dropped.because.text and dropped.because.at for dropped in resolution.dropped)
        assert all(pin.because and pin.because[0].text and pin.because[0].at for pin in resolution.pins)


@pytest.mark.parametrize("name", REAL_PROJECTS)
@pytest.mark.thorough
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


APART = {  # targets -> target -> what is said of the framework that it does not share with the others
    "cpu, cu102, cu130": {
        "cu102": "pytorch 1.12.0, not 2.13.0 as in cpu (align: true): pytorch 2.13.0 has no CUDA 10.2 build for linux-64"
    },
    "cu102, cu130": {
        "cu130": "pytorch 2.13.0, not 1.12.0 as in cu102 (align: true): pytorch 1.12.0 has no CUDA 13.0 build for linux-64"
    },
    "cpu, cu118, cu126": {},
}


@pytest.mark.parametrize("targets", APART)
def test_a_target_that_cannot_share_a_version_says_so_and_why(real: Matrix, targets: str) -> None:
    text = project_text("{pytorch: '*'}", targets, python="3.10")
    found = {r.target.name: [str(warning) for warning in r.warnings] for r in resolve(real, project_of(text, real))}
    at = "environments/demo/project.yaml:2:14"
    assert found == {**{name: [] for name in found}, **{name: [f"{said} ({at})"] for name, said in APART[targets].items()}}
    free = resolve(real, project_of(f"{text}align: false\n", real))
    assert [r.warnings for r in free] == [()] * len(free)


def test_no_target_differs_from_the_reference_without_a_warning() -> None:
    seen: Counter[bool] = Counter()

    @examples(150)
    @given(worlds())
    def law(world: tuple[Matrix, Project]) -> None:
        resolutions = _resolved(*world)
        for resolution in resolutions if world[1].align else ():
            reference = next((row for row in resolutions if row.target.cuda is None), resolutions[0])
            own = chosen([resolution])[resolution.target.name].items()
            differing = [name for name, one in own if one != version(reference, name)]
            assert [warning.text.split(" ")[0] for warning in resolution.warnings if "(align: true)" in warning.text] == differing
            seen[bool(differing)] += 1

    law()
    assert seen[True] >= 1 and seen[False] >= 5


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


_TOGETHER = st.sampled_from(list(combinations(PLATFORMS, 2)))
_SOME_PYTHON = st.sampled_from(["", "==3.8.*", "==3.10.*", "==3.12.*", "==3.13.*"])


def test_the_reason_for_a_dropped_platform_of_the_real_facts_names_that_platform(real: Matrix) -> None:
    """So it is for the framework of any matrix, from any release on, in any target."""
    seen: Counter[str] = Counter()

    @examples(120, least=60)
    @given(st.data(), _TOGETHER, _SOME_PYTHON)
    def law(data: st.DataObject, platforms: tuple[str, str], python: str) -> None:
        framework = data.draw(st.sampled_from(sorted(real.frameworks)))
        releases = [str(release.version) for release in real.frameworks[framework].releases]
        oldest, target = data.draw(st.sampled_from(releases)), data.draw(st.sampled_from(sorted(real.targets)))
        text = project_text(f"{{{framework}: '>={oldest}'}}", target, platforms=", ".join(platforms), python=python or "*")
        for row in (row for resolution in _resolved(real, project_of(text, real)) for row in resolution.dropped):
            assert _platforms_in(row.because.text) == {row.platform}, row
            seen["dropped"] += 1

    law()
    assert seen["dropped"] >= 5


def test_what_is_said_of_a_platform_names_no_other() -> None:
    """Neither the reason for which it was dropped nor an obstacle to a release on it, with an index that lacks some builds."""
    seen: Counter[str] = Counter()
    some_builds = st.sets(st.tuples(st.sampled_from(["1.0", "2.0", "3.0", "4.0", "5.0"]), st.sampled_from(PLATFORMS[::4])))

    @examples(200)
    @given(worlds(), some_builds)
    def law(world: tuple[Matrix, Project], lacking: set[tuple[str, str]]) -> None:
        def held(choice: Choice, _: Target, platform: str) -> frozenset[Version]:
            return frozenset() if (str(choice.release.version), platform) in lacking else frozenset(PYTHONS)

        for resolution in _resolved(*world, held):
            said = [(row.platform, row.because.text) for row in resolution.dropped]
            said += [(row.platform, row.reason.text) for row in resolution.obstacles if row.platform]
            assert all(_platforms_in(text) <= {platform} for platform, text in said), said
            seen["said"] += len(said)

    law()
    assert seen["said"] >= 5


def _resolved(matrix: Matrix, project: Project, availability: Availability = no_index) -> tuple[Resolution, ...]:
    try:
        return resolve(matrix, project, availability)
    except Unsatisfiable:
        return ()


def _platforms_in(text: str) -> set[str]:
    """The platforms that a reason names."""
    return {platform for platform in PLATFORMS if re.search(rf"(?<![\w-]){platform}(?![\w-])", text)}


def test_without_frameworks_the_newest_python_is_taken_everywhere(real: Matrix) -> None:
    resolutions = resolve(real, project_of(REAL_PROJECTS["alone"], real))
    assert {r.python for r in resolutions} == {max(real.pythons)}


def test_without_a_cuda_target_only_the_channels_of_the_cpu_builds_are_needed(real: Matrix) -> None:
    """The official command for CPU is `-c pytorch`; the nvidia channel has what the CUDA builds depend on."""
    text = project_text("{pytorch: {version: '2.5.1', with: [torchvision, torchaudio]}}", "cpu").replace(
        "[conda", "[pytorch, conda"
    )
    assert chosen(resolve(real, project_of(text, real))) == {
        "cpu": {"pytorch": "2.5.1", "torchvision": "0.20.1", "torchaudio": "2.5.1"}
    }
    with pytest.raises(Unsatisfiable) as error:
        resolve(real, project_of(text.replace("[cpu]", "[cpu, cu121]"), real))
    needs = {obstacle.reason.text for obstacle in obstacles(error.value.problem)}
    assert "pytorch from pytorch needs nvidia in channels:" in needs


def test_an_index_has_the_last_word() -> None:
    """`held` says which pythons the records hold; a release that they do not hold is not chosen."""
    project = project_of(PROJECT)

    def only_the_older(choice: object, target: object, platform: object) -> frozenset[Version]:
        return frozenset() if "2.1.0" in str(choice) else frozenset({Version("3.10")})

    resolutions = resolve(small_matrix(), project, only_the_older)
    assert chosen(resolutions) == {"cpu": {"alpha": "2.0.0"}, "cu126": {"alpha": "2.0.0"}}
    assert str(resolutions[0].python) == "3.10"
    assert [obstacle.reason.text for obstacle in resolutions[0].obstacles] == [
        "the index holds no CPU build of alpha 2.1.0 for linux-64 that this project can use",
        "the index holds no CUDA 12.6 build of alpha 2.1.0 for linux-64 that this project can use",
    ]


def test_frameworks_of_one_environment_link_one_cudnn_major() -> None:
    """alpha 2.1.0 and beta 3.1.0 link cuDNN 9, alpha 2.0.0 and beta 3.0.0 cuDNN 8."""
    resolutions = resolve(small_matrix(), project_of(project_text("{beta: '3.0', alpha: '>=2'}", "cu126")))
    assert chosen(resolutions) == {"cu126": {"beta": "3.0.0", "alpha": "2.0.0"}}


# --- exactness: random small worlds ------------------------------------------------------------------------------------------


def by_platform(world: tuple[Matrix, Project]) -> tuple[Matrix, Project]:
    """The world in which every build for the newest CUDA is for Linux, and one for an older minor in its place for Windows."""
    matrix, project = world
    newest = max(cuda for target in matrix.targets.values() if (cuda := target.cuda))

    def split(build: Build) -> Iterator[Build]:
        if newest not in build.variants:
            yield build
            return
        yield replace(build, variants=build.variants - {newest})
        yield replace(build, variants=frozenset({newest}), platforms=frozenset({"linux-64"}))
        yield replace(build, variants=frozenset({OLDER}), platforms=frozenset({"win-64"}))

    frameworks = {
        name: replace(
            row, releases=tuple(replace(r, builds=tuple(b for build in r.builds for b in split(build))) for r in row.releases)
        )
        for name, row in matrix.frameworks.items()
    }
    return replace(matrix, frameworks=frameworks), project


@examples(150)
@given(worlds().map(by_platform))
def test_the_answer_is_the_oracles_where_platforms_have_builds_for_different_minors(world: tuple[Matrix, Project]) -> None:
    assert_exact(*world)


@examples(150)
@given(st.one_of(worlds(), worlds(older=True), worlds().map(by_platform)))
def test_whether_there_is_a_choice_is_the_same_question_without_its_reasons(world: tuple[Matrix, Project]) -> None:
    problem = Problem(*world)
    assert possible(problem) == (answer(problem) is not None)


@pytest.mark.thorough
def test_the_worlds_are_neither_all_possible_nor_all_impossible() -> None:
    """What the tests below are worth: enough worlds with an answer, with several targets, with a dropped platform, with older builds."""
    seen: Counter[str] = Counter()

    @examples(400, least=400)
    @given(st.one_of(worlds(), worlds(older=True), worlds().map(by_platform)))
    def look(world: tuple[Matrix, Project]) -> None:
        best = oracle.best(*world)
        seen["possible" if best else "impossible"] += 1
        for environments in [best.versions] if best else []:
            seen["several targets"] += len(environments) > 1
            seen["astray"] += len({str([version for version, _ in one.values()]) for one in environments.values()}) > 1
            builds = [built for one in environments.values() for _, built in one.values()]
            seen["older"] += any(OLDER in (cuda, *dict(elsewhere).values()) for cuda, elsewhere in builds)
            seen["older on one platform"] += any(elsewhere for _, elsewhere in builds)
            seen["dropped"] += any(len(kept) < len(world[1].platforms) for kept in best.platforms.values())  # type: ignore[union-attr]

    look()
    kinds = ("possible", "impossible", "several targets", "astray", "older", "older on one platform", "dropped")
    assert all(seen[kind] >= 8 for kind in kinds), seen


def assert_exact(matrix: Matrix, project: Project) -> None:
    """The resolver and the oracle say the same: whether, which versions, which python, which platforms."""
    expected = oracle.best(matrix, project)
    try:
        found = resolve(matrix, project)
    except Unsatisfiable:
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


@examples(150)
@given(worlds(three=True))
def test_the_answer_is_the_oracles_with_three_frameworks_that_bind_each_other(world: tuple[Matrix, Project]) -> None:
    assert_exact(*world)


@examples(300)
@given(st.one_of(worlds(companion=True), worlds(companion=True, older=True)))
def test_the_answer_is_the_oracles_where_builds_of_a_companion_go_with_some_releases_alone(world: tuple[Matrix, Project]) -> None:
    assert_exact(*world)


@examples(200)
@given(worlds(companion=True).flatmap(with_vendor))
def test_the_answer_is_the_oracles_where_a_companion_is_built_against_some_providers_alone(world: tuple[Matrix, Project]) -> None:
    assert_exact(*world)
