"""Targets of a project's own: how they are read, what they resolve to on each platform, and what they are refused for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from conftest import REPO
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from unit.small import PROJECT, project_of, small_matrix
from unit.test_resolve import project_text

from envgen.explain.explain import conflict
from envgen.lock import render
from envgen.lock.hold import Hold, held_choices, stamped
from envgen.machine.fit import project_fits
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix
from envgen.model.machine import Machine
from envgen.model.project import Project
from envgen.model.resolution import Resolution
from envgen.model.run import Stamp
from envgen.resolver import specs
from envgen.resolver.resolve import Unsatisfiable, answer, resolve

FILE = "environments/demo/project.yaml"
NAMES = "a target of your own has a name of its own: lower case letters, digits and `-`, such as old-cluster"
CUDAS = 'write "12.9", or {linux-64: "12.9", win-64: "12.8"}, or none'
BY_PLATFORM = '{cpu: , gpu: {cuda: {win-64: "12.8", linux-64: "12.9"}}}'


def with_targets(targets: str, platforms: str = "[linux-64]") -> str:
    return PROJECT.replace("[cpu, cu126]", targets).replace("[linux-64]", platforms, 1)


def real_project(matrix: Matrix, targets: str, more: str = "") -> Project:
    text = project_text('{pytorch: ">=2.8,<2.10"}', "TARGETS", more, python="3.12", platforms="linux-64, win-64")
    return project_of(text.replace("[TARGETS]", targets), matrix)


# --- reading --------------------------------------------------------------------------------------------------------------


def test_a_row_with_cuda_is_a_target_under_its_own_name() -> None:
    row = '{old: {cuda: "11.8", driver: "470", gpus: [K40], virtual-packages: {__glibc: "2.17"}, dependencies: [numpy]}}'
    (found,) = project_of(with_targets(row)).targets
    assert found.own
    assert (found.name, found.own.name, found.own.cuda, found.own.platforms) == ("old", "old", Version("11.8"), ("linux-64",))
    assert found.own.virtual["linux-64"] == small_matrix().targets["cu118"].virtual["linux-64"]
    assert (found.driver, [gpu.name for gpu in found.gpus]) == (Version("470"), ["K40"])
    assert (dict(found.virtual), [row.name for row in found.dependencies]) == ({"__glibc": "2.17"}, ["numpy"])
    assert str(found.own.at) == f"{FILE}:3:11"


def test_none_is_a_target_for_cpu() -> None:
    (found,) = project_of(with_targets("{laptop: {cuda: none}}")).targets
    assert found.own
    assert found.own.cuda is None
    assert found.own.platforms == small_matrix().targets["cpu"].platforms


def test_a_cuda_for_each_platform_makes_a_target_with_just_these_platforms(real: Matrix) -> None:
    found = real_project(real, BY_PLATFORM).targets[1].own
    assert found
    assert found.platforms == ("linux-64", "win-64")
    assert {platform: str(found.on(platform).cuda) for platform in found.platforms} == {"linux-64": "12.9", "win-64": "12.8"}
    assert {platform: found.virtual[platform]["__cuda"] for platform in found.platforms} == {"linux-64": "12.9", "win-64": "12.8"}
    assert found.cuda_text == "CUDA 12.9 on linux-64, 12.8 on win-64"


def test_the_same_cuda_on_each_platform_is_one_cuda(real: Matrix) -> None:
    found = real_project(real, '{gpu: {cuda: {win-64: "12.8", linux-64: "12.8.1"}}}').targets[0].own
    assert found
    assert (str(found.cuda), dict(found.by_platform)) == ("12.8", {})


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ('{cu126: {cuda: "12.6"}}', f"3:11: `cu126` is a target of matrices/targets.yaml, for CUDA 12.6\n\nhint: remove `cuda:`, or choose another name; {NAMES}"),
        ('{Old: {cuda: "12.6"}}', f"3:11: `Old` cannot be the name of a target\n\nhint: {NAMES}"),
        ('{index: {cuda: "12.6"}}', f"3:11: `index` cannot be the name of a target\n\nhint: {NAMES}"),
        ('{auto: {cuda: "12.6"}}', f"3:11: `auto` has a meaning already, as a target word\n\nhint: {NAMES}"),
        ('{cuda12: {cuda: "12.6"}}', f"3:11: `cuda12` has a meaning already, as a target word\n\nhint: {NAMES}"),
        ('{alpha: {cuda: "12.6"}}', f"3:11: `alpha` has a meaning already, as a target word\n\nhint: {NAMES}"),
        ('{old: {cuda: "12"}}', f"3:17: `12` is not one CUDA version\n\nhint: {CUDAS}"),
        ("{old: {cuda: newest}}", f"3:17: `newest` is not one CUDA version\n\nhint: {CUDAS}"),
        ('{old: {cuda: "12.7"}}', "3:17: no target has CUDA 12.7\n\nhint: the nearest are cu118, cu126"),
        ("{old: {cuda: 12.6}}", '3:17: targets.old.cuda: expected a string, got the number 12.6\n\nhint: put it in quotes: "12.6"'),
        ("{old: {cuda: {}}}", f"3:17: targets.old.cuda: not a CUDA version\n\nhint: {CUDAS}"),
        ("{old: {cuda: {linux-64: none}}}", "3:24: linux-64 without CUDA, in a target with CUDA\n\nhint: a target is for CPU or for CUDA on all of its platforms: leave the platform out, and list it under `cpu`"),
        ('{old: {cuda: {osx-arm64: "12.6"}}}', f"3:24: CUDA 12.6 is not for osx-arm64, but for linux-64, win-64\n\nhint: {CUDAS}"),
        ('{old: {cuda: {win-64: "12.6"}}}', "3:24: win-64 has a CUDA here and is not in platforms:\n\nhint: add it there, or remove its CUDA; there is linux-64"),
        ('{old: {cuda: "12.6", driver: "12.6"}}', "3:31: `12.6` is a CUDA version, as nvidia-smi prints it, and not a driver\n\nhint: write what nvidia-smi prints as \"Driver Version\", or \">=560\", the branch that CUDA 12.6 came with"),
        ("{cpu: , olf: {platforms: [linux-64]}}", "3:18: no target `olf` in matrices/targets.yaml\n\nhint: known here: cpu, cu118, cu126; a target of the project's own has `cuda:`"),
        ('{old: {cuda: "12.6", virtual-packages: {__cuda: "11.8"}}}', "3:50: __cuda 11.8 is older than CUDA 12.6 of target old\n\nhint: remove it: target old promises __cuda 12.6"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_target_is_refused_where_it_is_written(targets: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        project_of(with_targets(targets))
    assert str(caught.value) == f"{FILE}:{message}"


def test_a_gpu_of_one_target_is_read_as_those_of_the_project_are(real: Matrix) -> None:
    found = real_project(real, '{old: {cuda: "12.8", gpus: [Tesla V100-SXM2-32GB]}}')
    assert [gpu.name for gpu in found.targets[0].gpus] == ["V100"]
    assert not found.gpus
    assert any("Tesla V100-SXM2-32GB" in note.text for note in found.notes)


# --- resolving ------------------------------------------------------------------------------------------------------------


def test_each_platform_gets_the_builds_for_its_own_cuda(real: Matrix) -> None:
    _, gpu = resolve(real, real_project(real, BY_PLATFORM))
    assert gpu.platforms == ("linux-64", "win-64")
    asked = {row.platform: row.specs for row in specs.requests(gpu)}
    assert asked["linux-64"] == ("python 3.12.*", "pytorch 2.9.1.* cuda129*", "cuda-version 12.9.*")
    assert asked["win-64"] == ("python 3.12.*", "pytorch 2.9.1.* cuda128*", "cuda-version 12.8.*")
    assert {pin.name: pin.version for pin in gpu.pins if pin.name.startswith(("cuda", "driver"))} == {
        "cuda (linux-64)": "12.9",
        "driver (linux-64)": ">=525.60.13 (linux)",
        "cuda (win-64)": "12.8",
        "driver (win-64)": ">=528.33 (windows)",
    }
    assert stamped(gpu) == {"python": "3.12", "pytorch": "2.9.1"}


def test_a_platform_without_a_build_for_just_the_cuda_of_its_target_gets_one_for_an_older_minor(real: Matrix) -> None:
    (found,) = resolve(real, real_project(real, "[cu129]"))
    assert found.platforms == ("linux-64", "win-64")
    asked = {row.platform: row.specs[1:] for row in specs.requests(found)}
    assert asked["linux-64"] == ("pytorch 2.9.1.* cuda129*", "cuda-version 12.9.*")
    assert asked["win-64"] == ("pytorch 2.9.1.* cuda128*", "cuda-version 12.9.*")
    pin = next(pin for pin in found.pins if pin.name == "pytorch build (win-64)")
    assert (pin.version, pin.because[0].text.split(";")[0]) == (
        "CUDA 12.8",
        "pytorch 2.9.1 has no build for CUDA 12.9 on win-64",
    )
    assert stamped(found) == {"python": "3.12", "pytorch": "2.9.1", "pytorch-build-win-64": "12.8"}


def test_a_stamp_with_a_build_for_one_platform_allows_that_and_no_other(real: Matrix) -> None:
    project = real_project(real, "[cu129]")
    (found,) = resolve(real, project)

    def kept(chosen: dict[str, str]) -> Resolution:
        stamp = Stamp(wanted="", cells={}, chosen=chosen, packages="", downloads={})
        hold = Hold(stamps={"cu129": stamp}, python=True, whole=frozenset({"cu129"}))
        found = answer(hold.problem(real, project))
        assert found
        return found[0]

    assert (kept(stamped(found)).choices, kept(stamped(found)).platforms) == (found.choices, found.platforms)
    assert kept({**stamped(found), "pytorch-build-linux-64": "12.8"}).platforms == ("win-64",)


def test_the_driver_and_the_gpus_of_a_target_are_its_own(real: Matrix) -> None:
    targets = '{new: {cuda: "12.9"}, old: {cuda: "12.9", platforms: [linux-64], driver: "525", gpus: [V100]}}'
    new, old = resolve(real, real_project(real, targets, 'driver: "580"\n'))
    assert [str(row.project.driver) for row in (new, old)] == ["580", "525"]
    assert "__cuda_arch" not in new.target.virtual["linux-64"]
    assert old.target.virtual["linux-64"]["__cuda_arch"] == "7.0"
    assert "cudnn <9.11" in specs.request(old, "linux-64").specs
    assert "cudnn <9.11" not in specs.request(new, "linux-64").specs
    assert any("575" in warning.text for warning in old.warnings)
    assert not new.warnings


def test_a_conflict_names_the_target_and_its_driver_with_their_lines_and_what_to_do(real: Matrix) -> None:
    project = real_project(real, '{cpu: , old: {cuda: "12.9", driver: "470"}}')
    with pytest.raises(Unsatisfiable) as caught:
        resolve(real, project)
    found = conflict(caught.value.problem)
    texts = {reason.text: reason.at for reason in found.requirements}
    assert list(texts) == ["target old (CUDA 12.9)", "target old: driver 470"]
    driver = texts["target old: driver 470"]
    assert driver
    assert driver.line == project.targets[1].at.line
    assert driver.column > project.targets[1].at.column
    assert "driver 470 -> 525.60.13 on every machine of target old" in str(found.repairs)


def test_platforms_that_no_release_serves_together_are_a_conflict() -> None:
    targets = '{mixed: {cuda: {linux-64: "11.8", win-64: "12.6"}}}'
    project = project_of(with_targets(targets, "[linux-64, win-64]"))
    with pytest.raises(Unsatisfiable) as caught:
        resolve(small_matrix(), project)
    assert "target mixed (CUDA 11.8 on linux-64, 12.6 on win-64)" in str(conflict(caught.value.problem))


def test_a_machine_is_judged_by_the_cuda_of_its_platform(real: Matrix) -> None:
    project = real_project(real, '{gpu: {cuda: {linux-64: "13.0", win-64: "12.8"}}}')
    (fit,) = project_fits(Machine(driver=Version("570.26"), cuda=Version("12.8")), real, project)
    assert (fit.target, str(fit.cuda), fit.runs) == ("gpu", "13.0", False)


def test_a_constraint_on_what_is_chosen_raises_the_driver_of_each_platform(real: Matrix) -> None:
    targets = '{gpu: {cuda: {linux-64: "12.9", linux-aarch64: "13.0"}}}'
    text = project_text('{cudf: ">=25.10"}', "TARGETS", python="3.12", platforms="linux-64, linux-aarch64")
    text = text.replace("[TARGETS]", targets).replace("[conda-forge]", "[rapidsai, conda-forge]")
    (found,) = resolve(real, project_of(text, real))
    assert {pin.name: pin.version for pin in found.pins if pin.name.startswith("driver")} == {
        "driver (linux-64)": ">=535 (linux)",
        "driver (linux-aarch64)": ">=580.65.06 (linux)",
    }


@pytest.mark.parametrize("targets", ["[cu129]", BY_PLATFORM])
def test_what_a_lock_has_for_each_platform_stays_where_newer_is_allowed(real: Matrix, targets: str) -> None:
    project = real_project(real, targets)
    older = replace(project, frameworks=(replace(project.frameworks[0], versions=SpecifierSet("==2.8.0")),))
    locked = resolve(real, older)
    assert {str(row.choices[0].release.version) for row in locked} == {"2.8.0"}
    stamps = {row.target.name: Stamp(wanted="", cells={}, chosen=stamped(row), packages="", downloads={}) for row in locked}
    held = held_choices(real, project, stamps)
    assert {name: (row.choices[0].build, row.platforms) for name, row in held.items()} == {
        row.target.name: (row.choices[0].build, row.platforms) for row in locked
    }


def test_what_a_lock_chose_keeps_the_driver_and_the_gpus_of_its_target(real: Matrix) -> None:
    project = real_project(real, '{old: {cuda: "12.9", platforms: [linux-64], driver: "525", gpus: [V100]}}')
    (found,) = resolve(real, project)
    stamp = Stamp(wanted="", cells={}, chosen=stamped(found), packages="", downloads={})
    assert held_choices(real, project, {"old": stamp})["old"] == found


# --- rendering ------------------------------------------------------------------------------------------------------------


def rendered(real: Matrix, targets: str, templates: Path = REPO / "templates") -> str:
    found = resolve(real, real_project(real, targets))[-1]
    return render.render(found, templates, "templates", FILE)[0].text


def test_a_spec_for_one_platform_has_the_selector_that_conda_lock_reads(real: Matrix) -> None:
    text = rendered(real, "[cpu, cu129]")
    assert "  - pytorch 2.9.1.* cuda129*  # [linux64]\n  - pytorch 2.9.1.* cuda128*  # [win64]\n  - cuda-version 12.9.*\n" in text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "{{ spec | scalar }}",
            "{{ spec }}",
            "does not render `- pytorch 2.9.1.* cuda129*  # [linux64]`, which is for one platform",
        ),
        ("{{ spec | scalar }}", "{{ spec }} # [win]", "it renders `- python 3.12.* # [win]`, which conda-lock would read as"),
    ],
)
def test_a_template_cannot_change_the_platforms_of_a_spec(real: Matrix, tmp_path: Path, old: str, new: str, message: str) -> None:
    text = (REPO / "templates" / "environment.yml.j2").read_text()
    assert old in text
    (tmp_path / "environment.yml.j2").write_text(text.replace(old, new, 1))
    with pytest.raises(BadInput) as caught:
        rendered(real, "[cu129]", tmp_path)
    assert message in str(caught.value)


def test_other_selectors_are_other_content(real: Matrix) -> None:
    text = rendered(real, "[cu129]")
    other = text.replace("[linux64]", "[x]").replace("[win64]", "[linux64]").replace("[x]", "[win64]")
    assert render.same_data(text, text)
    assert not render.same_data(text, other)
    found = resolve(real, real_project(real, "[cu129]"))[0]
    files = render.render(found, REPO / "templates", "templates", FILE)
    swapped = (replace(files[0], text=other), files[1])
    assert render.digest(found, files, REPO / "templates") != render.digest(found, swapped, REPO / "templates")
