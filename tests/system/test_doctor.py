"""`envgen doctor` through the command line, on machines made up with a fake NVML and the locks of the example projects."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import REPO, Run, Workspace, clean_environment, some
from nvml.build import FakeNvml, absent_nvml, changes

from envgen.machine.system import current_platform

# NVML can be made up, the rest of the machine is what it is
pytestmark = pytest.mark.skipif(current_platform() != "linux-64", reason="the example projects have CUDA targets for linux-64")

V100, A100, H100 = "Tesla V100-SXM2-16GB:7.0", "NVIDIA A100-SXM4-40GB:8.0", "NVIDIA H100 80GB HBM3:9.0"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The example projects with their locks."""
    folder = tmp_path_factory.mktemp("doctor")
    for name in ("matrices", "templates", "environments"):
        shutil.copytree(REPO / name, folder / "repository" / name)
    return Workspace(folder / "repository", clean_environment(folder))


def doctor(site: Workspace, machine: Mapping[str, str], *words: object) -> Run:
    """It reads, and never writes."""
    before = site.files()
    done = site.envgen("doctor", *words, **changes(machine))
    assert "Traceback" not in done.err
    assert site.files() == before
    return done


def chosen(site: Workspace, machine: Mapping[str, str], project: str) -> str | None:
    found = json.loads(doctor(site, machine, project, "--json").out)
    (row,) = found["projects"]
    name: str | None = row["chosen"]
    return name


def block(done: Run, project: str) -> str:
    """The part of the page that is about one project."""
    return next(part for part in done.out.split("\n\n") if part.startswith(f"{project}: "))


# --- which target --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("driver", "cuda", "gpus", "targets"),
    [
        ("470.57.02", 11040, V100, {"vision": "cpu", "legacy": "cu116", "transition": "cu118", "frontier": "cpu"}),
        ("535.104.05", 12020, A100, {"vision": "cu129", "legacy": "cu116", "transition": "cu121", "tensorflow": "cu126"}),
        ("550.54.14", 12040, A100, {"frontier": "cu129"}),
        ("580.65.06", 13000, H100, {"frontier": "cu130", "jax": "cu129", "both": "cu126"}),
        ("580.65.06", 13000, "NVIDIA GeForce RTX 5090:12.0", {"frontier": "cu130", "legacy": "cpu", "tensorflow": "cpu"}),
    ],
)
def test_the_locked_target_that_fits_is_chosen(
    site: Workspace, nvml: FakeNvml, driver: str, cuda: int, gpus: str, targets: dict[str, str]
) -> None:
    machine = nvml(driver=driver, cuda=cuda, gpus=gpus)
    assert {name: chosen(site, machine, name) for name in targets} == targets


CHOICE = """
from pathlib import Path
from envgen.machine.locked import best_locked
from envgen.matrix.cached import cached_matrix
from envgen.model.layout import Layout
from envgen.project.cached import cached_project
from envgen.targets import MachineWord
layout = Layout(Path.cwd())
matrix = cached_matrix(layout)
print(best_locked(MachineWord.AUTO, layout, matrix, cached_project(layout, matrix, "frontier"))[0])
"""


@pytest.mark.parametrize("gpus", [V100, H100, f"{V100},{H100}", ""])
def test_what_installs_a_locked_target_makes_the_same_choice(site: Workspace, nvml: FakeNvml, gpus: str) -> None:
    machine = nvml(driver="580.65.06", cuda=13000, gpus=gpus)
    environment = {**site.environment, **changes(machine)}
    argv = [sys.executable, "-c", CHOICE]
    done = subprocess.run(argv, cwd=site.root, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == chosen(site, machine, "frontier")


def test_a_page_says_why_and_what_would_unlock_the_others(site: Workspace, nvml: FakeNvml) -> None:
    done = doctor(site, nvml(driver="550.54.14", cuda=12040, gpus=A100), "frontier")
    assert done.status == 0
    assert "\n  driver   550.54.14, runs CUDA 12.4\n  GPU      NVIDIA A100-SXM4-40GB, compute capability 8.0\n" in done.out
    assert block(done, "frontier") == (
        "frontier: cu129 is chosen: newest CUDA target that driver 550.54.14 can run\n"
        "  cpu      runs: needs no GPU\n"
        "> cu129    runs: by minor-version compatibility: CUDA 12 needs driver 525.60.13 or newer, and this is 550.54.14\n"
        "           but code compiled at run time (CuPy, XLA, numba, torch.compile, Triton) may fail on drivers before 575.51.03\n"
        "  cu130    no: needs driver 580.65.06 or newer, but this machine has 550.54.14\n"
        "           -> install driver 580.65.06 or newer\n"
        "           -> or, on data-centre GPUs, use conda-forge's cuda-compat, $CONDA_PREFIX/cuda-compat on LD_LIBRARY_PATH\n"
    )


def test_without_a_driver_the_cpu_target_is_right(site: Workspace) -> None:
    done = doctor(site, absent_nvml(), "vision")
    assert block(done, "vision").startswith(
        "vision: cpu is chosen: no NVIDIA driver (libnvidia-ml not found)\n> cpu      runs: needs no GPU\n"
    )


def test_a_v100_is_told_of_the_locked_cudnn(site: Workspace, nvml: FakeNvml, tmp_path: Path) -> None:
    """cuDNN 9.11 and later have no code for it, though CUDA 12.9 has: the build would start, and fail at its first convolution."""
    copy = Workspace(Path(shutil.copytree(site.root, tmp_path / "copy")), site.environment)
    machine = nvml(driver="580.65.06", cuda=13000, gpus=V100)
    assert chosen(copy, machine, "frontier") == "cu129"
    lock = copy.root / "environments/frontier/cu129/conda-lock.yml"
    kept = [line for line in lock.read_text().splitlines() if "envgen-" not in line and "custom_metadata" not in line]
    lock.write_text("\n".join(kept).replace("9.10.2.21", "9.13.1.26") + "\n")  # as another tool locked it in October 2025
    done = doctor(copy, machine, "frontier")
    assert "no: its lock has cuDNN 9.13.1.26" in done.out
    assert '-> add `gpus: ["7.0"]` to the project and run `envgen lock`' in done.out
    assert chosen(copy, machine, "frontier") == "cpu"


def test_mig_and_hidden_gpus_are_seen(site: Workspace, nvml: FakeNvml) -> None:
    machine = nvml(driver="580.65.06", cuda=13000, gpus=f"{H100},{V100}", mig="0:3") | {"CUDA_VISIBLE_DEVICES": "0"}
    done = doctor(site, machine, "frontier")
    assert "compute capability 9.0, MIG with 3 instances\n" in done.out
    assert "compute capability 7.0, hidden by CUDA_VISIBLE_DEVICES\n" in done.out
    assert block(done, "frontier").startswith("frontier: cu130 is chosen")


# --- what is not locked ----------------------------------------------------------------------------------------------------------


def test_a_target_that_is_not_locked_is_shown_and_not_chosen(site: Workspace, nvml: FakeNvml, tmp_path: Path) -> None:
    copy = Workspace(Path(shutil.copytree(site.root, tmp_path / "copy")), site.environment)
    machine = nvml(driver="580.65.06", cuda=13000, gpus=H100)
    (copy.root / "environments/frontier/cu130/conda-lock.yml").unlink()
    assert "\n  cu130    not locked; runs: driver 580.65.06 runs CUDA 13.0" in doctor(copy, machine, "frontier").out
    assert chosen(copy, machine, "frontier") == "cu129"
    for target in ("cu129", "cpu"):
        (copy.root / f"environments/frontier/{target}/conda-lock.yml").unlink()
    done = doctor(copy, machine, "frontier")
    assert (done.status, "frontier: no target is locked; run `envgen lock frontier`\n" in done.out) == (1, True)
    assert doctor(copy, machine).status == 0  # nobody asked for it by name


def test_a_lock_of_another_tool_counts_and_a_broken_one_is_bad_input(site: Workspace, nvml: FakeNvml, tmp_path: Path) -> None:
    copy = Workspace(Path(shutil.copytree(site.root, tmp_path / "copy")), site.environment)
    path = copy.root / "environments/vision/cu129/conda-lock.yml"
    text = path.read_text()
    path.write_text("\n".join(line for line in text.splitlines() if "envgen-" not in line and "custom_metadata" not in line) + "\n")
    machine = nvml(driver="580.65.06", cuda=13000, gpus=H100)
    assert chosen(copy, machine, "vision") in ("cu129", "cu126")
    path.write_text(f"<<<<<<< ours\n{text}")
    done = doctor(copy, machine, "vision")
    assert (done.status, done.out) == (2, "")
    assert "environments/vision/cu129/conda-lock.yml:1:1: this lock has an unresolved merge conflict" in done.err


# --- what ends in 1 ----------------------------------------------------------------------------------------------------------------


def test_a_named_project_that_cannot_run_here_ends_in_1(site: Workspace, nvml: FakeNvml, tmp_path: Path) -> None:
    copy = Workspace(Path(shutil.copytree(site.root, tmp_path / "copy")), site.environment)
    (copy.root / "environments/legacy/cpu/conda-lock.yml").unlink()
    done = doctor(copy, nvml(driver="440.33", cuda=10020, gpus=V100), "legacy")
    assert done.status == 1
    assert "legacy: driver 440.33 cannot run any CUDA target of legacy (cu113: needs driver 450.80.02 or newer" in done.out


def test_an_error_outside_ends_in_1(site: Workspace, nvml: FakeNvml, tmp_path: Path) -> None:
    toolkits = [tmp_path / f"cuda-{version}" / "lib64" for version in ("11.8", "12.4")]
    for folder in toolkits:
        folder.mkdir(parents=True)
        (folder / f"libcudart.so.{folder.parent.name[5:7]}").write_text("")
    machine = nvml(driver="580.65.06", cuda=13000, gpus=H100)
    path = os.pathsep.join((*map(str, toolkits), *filter(None, [machine.get("LD_LIBRARY_PATH")])))
    done = doctor(site, {**machine, "LD_LIBRARY_PATH": path}, "frontier")
    assert done.status == 1
    assert "error    LD_LIBRARY_PATH leads to CUDA 11.8" in " ".join(done.out.split("\n")).replace("  error", "error")
    assert "[two-toolkits]" in done.out
    assert doctor(site, machine | {"CUDA_VISIBLE_DEVICES": ""}, "frontier").status == 1
    assert doctor(site, machine, "frontier").status == 0


# --- where it runs ------------------------------------------------------------------------------------------------------------------


def test_outside_of_a_repository_the_machine_and_what_it_could_run_is_told(site: Workspace, nvml: FakeNvml, tmp_path: Path) -> None:
    outside = Workspace(tmp_path, site.environment)
    done = doctor(outside, nvml(driver="535.104.05", cuda=12020, gpus=A100))
    assert done.status == 0
    assert done.out.startswith("machine\n  system   ")
    assert "\n  cu130  no: needs driver 580.65.06 or newer, but this machine has 535.104.05\n" in done.out
    assert (
        "\n  cu129, cu128, cu126, cu124  runs: by minor-version compatibility: CUDA 12 needs driver 525.60.13 or newer" in done.out
    )
    assert "\n  cu121, cu120, cu118, " in done.out
    named = doctor(outside, absent_nvml(), "vision")
    assert (named.status, named.err.startswith("error: no `matrices/` in ")) == (2, True)


def test_without_a_project_all_are_shown(site: Workspace) -> None:
    done = doctor(site, absent_nvml())
    assert [part.split(":")[0] for part in done.out.split("\n\n")[2:]] == sorted(
        path.parent.name for path in (REPO / "environments").glob("*/project.yaml")
    )


def test_an_unknown_project_is_bad_input(site: Workspace) -> None:
    done = doctor(site, absent_nvml(), "visoin")
    assert (done.status, "did you mean `vision`?" in done.err) == (2, True)


def test_json_holds_what_the_page_says(site: Workspace, nvml: FakeNvml) -> None:
    machine = nvml(driver="550.54.14", cuda=12040, gpus=f"{A100},{H100}") | {"CUDA_VISIBLE_DEVICES": "0"}
    found = json.loads(doctor(site, machine, "frontier", "--json").out)
    assert found["machine"]["driver"] == "550.54.14"
    assert [gpu["capability"] for gpu in found["machine"]["gpus"]] == ["8.0"]
    assert [gpu["name"] for gpu in found["machine"]["hidden"]] == [H100.partition(":")[0]]
    assert {row["rule"] for row in found["symptoms"]} >= {"hidden-gpus"}
    assert {row["target"]: (row["fits"], row["how"], row["locked"]) for row in found["projects"][0]["targets"]} == {
        "cpu": (True, "cpu", True),
        "cu129": (True, "minor", True),
        "cu130": (False, "", True),
    }


def test_what_gpus_yaml_knows_of_a_gpu_is_told(site: Workspace, nvml: FakeNvml) -> None:
    gpus = f"{H100},NVIDIA GeForce RTX 4090:8.9,NVIDIA Unheard 7:9.9"
    found = json.loads(doctor(site, nvml(driver="580.65.06", cuda=13000, gpus=gpus), "--json").out)["machine"]
    assert [gpu["data_centre"] for gpu in found["gpus"]] == [True, False, None]
    found = json.loads(doctor(site, {**nvml(gpus=gpus), "CUDA_VISIBLE_DEVICES": ""}, "--json").out)["machine"]
    assert [gpu["data_centre"] for gpu in found["hidden"]] == [True, False, None]


def test_a_page_fits_a_terminal(site: Workspace, nvml: FakeNvml) -> None:
    done = doctor(site, nvml(driver="470.57.02", cuda=11040, gpus=f"{V100},{A100}", mig="1:0"))
    assert max(map(len, done.out.splitlines())) <= 120


WRONG = {
    "python": ("python: {\n", 2, "not YAML"),
    "choice": (
        'python: "3.13"\nframeworks: {cupy: "12.*"}\ntargets: [gpu]\nplatforms: [linux-64]\nchannels: [conda-forge]\n',
        3,
        "no choice meets every requirement",
    ),
}


WITHOUT_NAMES = [(*words, *more) for words in (("doctor",), ("list",), ("lock", "--check")) for more in ((), ("--json",))]


@pytest.mark.parametrize("kinds", [("python",), ("choice",), ("choice", "python")])
def test_the_machine_and_the_other_projects_are_shown_where_one_is_wrong(workspace: Workspace, kinds: tuple[str, ...]) -> None:
    workspace.project("good", 'python: "3.12"\ntargets: [cpu]\nplatforms: [linux-64]\nchannels: [conda-forge]\n')
    before = {words: workspace.envgen(*words) for words in WITHOUT_NAMES}
    for name in kinds:
        workspace.project(name, WRONG[name][0])
    for words, alone in some(before.items(), 6):
        done = workspace.envgen(*words)
        assert (done.out, done.status) == (alone.out, max(WRONG[name][1] for name in kinds)), done.err
        assert done.err.count("error: ") == len(kinds)
        assert all(f"environments/{name}/project.yaml" in done.err and WRONG[name][2] in done.err for name in kinds)
        named = workspace.envgen(*words, kinds[0])
        assert (named.out, named.status) == ("", WRONG[kinds[0]][1])


def test_a_repository_of_wrong_projects_alone_lists_none(workspace: Workspace) -> None:
    workspace.project("python", WRONG["python"][0])
    done = workspace.envgen("list")
    assert (done.out, done.status, done.err.count("error: ")) == ("", 2, 1)
