"""`envgen lock --target gpu`, which is what `make env-gpu` runs, and `--target auto`, on machines made up with a fake NVML."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import REPO, Run, Workspace, clean_environment
from nvml.build import FakeNvml, absent_nvml, changes

from envgen.machine.system import current_platform

pytestmark = pytest.mark.skipif(current_platform() != "linux-64", reason="the projects here are for linux-64")

V100, A100, T4, M60, H100 = (
    "Tesla V100-SXM2-16GB:7.0",
    "NVIDIA A100-SXM4-40GB:8.0",
    "Tesla T4:7.5",
    "Tesla M60:5.2",
    "NVIDIA H100 80GB HBM3:9.0",
)
FRONTIER = "environments/frontier/project.yaml"
VISION = """\
python: "3.12"
frameworks: {pytorch: ">=2.5"}
targets: [cpu, cu126, cu129]
numerics: {may-differ: [pytorch]}
platforms: [linux-64]
channels: [conda-forge]
"""
CPU_ONLY = """\
python: "3.12"
frameworks: {pytorch: ">=2.5"}
targets: [cpu]
platforms: [linux-64]
channels: [conda-forge]
"""
LEGACY = """\
python: "3.10"
frameworks: {pytorch: "1.12.1"}
targets: [cpu, cu113, cu116]
platforms: [linux-64]
channels: [pytorch, conda-forge]
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, records: Path) -> Workspace:
    """Projects on real records, all locked: what is then chosen is told without a solve."""
    folder = tmp_path_factory.mktemp("gpu")
    for name in ("matrices", "templates"):
        shutil.copytree(REPO / name, folder / "repository" / name)
    site = Workspace(folder / "repository", {**clean_environment(folder), "ENVGEN_INDEX": str(records)})
    site.project("frontier", (REPO / FRONTIER).read_text())
    site.project("legacy", LEGACY)
    site.project("plain", CPU_ONLY)
    site.project("vision", VISION)
    done = site.envgen("lock")
    assert done.status == 0, done.err
    return site


def on(site: Workspace, machine: Mapping[str, str], *words: object, target: str = "gpu") -> Run:
    """`make env-gpu` on a machine; it must leave every file as it is, because all is locked already."""
    before = site.files()
    done = site.envgen("lock", "--target", target, *words, **changes(machine))
    assert "Traceback" not in done.err
    assert site.files() == before
    return done


def taken(done: Run) -> list[str]:
    """The targets of the final table."""
    assert done.status == 0, done.err
    return [line.split()[0] for line in done.out.splitlines() if line.startswith("  c") and "linux-64" in line]


# --- no driver ------------------------------------------------------------------------------------------------------------


def test_without_a_driver_the_newest_cuda_target_is_taken_and_that_is_said(site: Workspace) -> None:
    done = on(site, absent_nvml(), "frontier")
    assert taken(done) == ["cu130"]
    assert "frontier: cu130 (no NVIDIA driver (libnvidia-ml not found): the project's newest CUDA target)\n" in done.err


def test_a_driver_that_does_not_start_says_why_and_counts_as_none(site: Workspace, nvml: FakeNvml) -> None:
    done = on(site, nvml(init_error=18, gpus=A100), "vision")
    assert taken(done) == ["cu129"]
    assert "vision: cu129 (driver/library version mismatch" in done.err


# --- drivers and GPUs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("driver", "cuda", "gpus", "target"),
    [
        ("525.60.13", 12000, V100, "cu129"),  # any CUDA 12 runs from 525.60.13 on: minor-version compatibility
        ("525.147.05", 12000, A100, "cu129"),
        ("535.104.05", 12020, V100, "cu129"),
        ("535.104.05", 12020, A100, "cu129"),
        ("550.54.14", 12040, V100, "cu129"),
        ("550.54.14", 12040, A100, "cu129"),
        ("580.65.06", 13000, A100, "cu130"),
        ("580.65.06", 13000, V100, "cu129"),  # CUDA 13 has no code for compute capability 7.0
        ("580.65.06", 13000, T4, "cu130"),  # 7.5 is the first that CUDA 13 knows
        ("580.65.06", 13000, f"{A100},{V100}", "cu129"),  # every GPU of the machine counts
        ("580.65.06", 13000, f"{V100},{H100}", "cu129"),
        ("579.99", 12090, A100, "cu129"),
        ("999.10", 13110, A100, "cu130"),
    ],
)
def test_the_newest_target_that_driver_and_gpus_can_run_is_taken(
    site: Workspace, nvml: FakeNvml, driver: str, cuda: int, gpus: str, target: str
) -> None:
    done = on(site, nvml(driver=driver, cuda=cuda, gpus=gpus), "frontier")
    assert taken(done) == [target]
    assert done.err.startswith(f"frontier: {target} (newest CUDA target that driver {driver} can run)\n")


@pytest.mark.parametrize(
    ("driver", "target"), [("450.80.02", "cu116"), ("470.57.02", "cu116"), ("535.104.05", "cu116"), ("580.65.06", "cu116")]
)
def test_an_old_driver_still_runs_all_of_cuda_11(site: Workspace, nvml: FakeNvml, driver: str, target: str) -> None:
    assert taken(on(site, nvml(driver=driver, gpus=V100), "legacy")) == [target]


@pytest.mark.parametrize(("driver", "floor"), [("470.57.02", "525.60.13"), ("525.60.12", "525.60.13")])
def test_a_driver_too_old_for_every_target_says_what_to_do(site: Workspace, nvml: FakeNvml, driver: str, floor: str) -> None:
    done = on(site, nvml(driver=driver, cuda=11040, gpus=A100), "vision")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(
        f"error: environments/vision/project.yaml:3:1: driver {driver} cannot run any CUDA target of vision (cu126: "
    )
    assert f"needs driver {floor} or newer" in done.err
    assert done.err.endswith(f"hint: install driver {floor} or newer, or add an older CUDA target, or use `--target cpu`\n")


def test_gpus_too_old_for_every_target_say_what_to_do(site: Workspace, nvml: FakeNvml) -> None:
    done = on(site, nvml(driver="470.57.02", cuda=11040, gpus="Tesla K20:3.0"), "legacy")
    assert (done.status, done.out) == (2, "")
    assert "no CUDA target of legacy runs here (cu116: CUDA 11.6 has " in done.err
    assert "3.0" in done.err


def test_gpus_newer_than_the_newest_code_of_a_target_are_not_promised_to_run(site: Workspace, nvml: FakeNvml) -> None:
    """CUDA 11.6 has code up to 8.7: a Blackwell card (12.0) can run no build of the legacy project."""
    done = on(site, nvml(driver="580.65.06", cuda=13000, gpus="NVIDIA GeForce RTX 5090:12.0"), "legacy")
    assert (done.status, done.out) == (2, "")
    assert "no CUDA target of legacy runs here" in done.err


# --- projects -------------------------------------------------------------------------------------------------------------


def test_without_a_project_each_gets_its_own_and_cpu_projects_are_skipped_with_a_word(site: Workspace, nvml: FakeNvml) -> None:
    done = on(site, nvml(driver="580.65.06", cuda=13000, gpus=A100))
    assert taken(done) == ["cu130", "cu116", "cu129"]
    assert "plain: has no CUDA target, skipped\n" in done.err


def test_a_named_project_without_a_cuda_target_is_an_error_that_says_so(site: Workspace, nvml: FakeNvml) -> None:
    done = on(site, nvml(gpus=A100), "plain")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(
        "error: environments/plain/project.yaml:3:1: plain has no CUDA target\n\nhint: add one, for example "
    )


def test_only_cpu_projects_leave_nothing_to_do(tmp_path: Path, records: Path) -> None:
    for name in ("matrices", "templates"):
        shutil.copytree(REPO / name, tmp_path / name)
    site = Workspace(tmp_path, {**clean_environment(tmp_path), "ENVGEN_INDEX": str(records)})
    site.project("plain", CPU_ONLY)
    done = on(site, absent_nvml())
    assert (done.status, "plain: has no CUDA target, skipped\n" in done.err) == (0, True)


def test_gpu_and_a_name_together_take_each_target_once(site: Workspace, nvml: FakeNvml) -> None:
    machine = nvml(driver="535.104.05", gpus=A100)
    assert taken(on(site, machine, "--target", "cpu", "--target", "cu129", "vision")) == ["cu129", "cpu"]


@pytest.mark.parametrize(
    ("settings", "target", "why"),
    [
        ({"absent": 1}, "cpu", "no NVIDIA driver (libnvidia-ml not found)"),
        ({"driver": "535.104.05", "gpus": A100}, "cu129", "newest CUDA target that driver 535.104.05 can run"),
        ({"driver": "470.57.02", "gpus": A100}, "cpu", "driver 470.57.02 cannot run any CUDA target"),
        ({"driver": "535.104.05", "gpus": ""}, "cpu", "the NVIDIA driver lists no GPU"),
    ],
)
def test_auto_is_the_cpu_target_where_no_cuda_target_runs(
    site: Workspace, nvml: FakeNvml, settings: dict[str, object], target: str, why: str
) -> None:
    machine = absent_nvml() if "absent" in settings else nvml(**settings)
    done = on(site, machine, "vision", target="auto")
    assert taken(done) == [target]
    assert done.err.startswith(f"vision: {target} ({why}")


def test_auto_takes_a_project_without_cuda_as_it_is(site: Workspace, nvml: FakeNvml) -> None:
    done = on(site, nvml(driver="535.104.05", gpus=A100), target="auto")
    assert taken(done) == ["cu129", "cu116", "cpu", "cu129"]
    assert "plain: cpu (no CUDA target to choose)\n" in done.err


def test_a_gpu_that_cuda_visible_devices_hides_does_not_count(site: Workspace, nvml: FakeNvml) -> None:
    """CUDA 13 has no code for the V100; the A100 beside it is the one that programs see."""
    machine = nvml(driver="580.65.06", cuda=13000, gpus=f"{V100},{A100}")
    assert taken(on(site, machine, "frontier")) == ["cu129"]
    assert taken(on(site, machine | {"CUDA_VISIBLE_DEVICES": "1"}, "frontier")) == ["cu130"]
    assert taken(on(site, machine | {"CUDA_VISIBLE_DEVICES": "GPU-00000001"}, "frontier")) == ["cu130"]
    assert taken(on(site, machine | {"CUDA_VISIBLE_DEVICES": "0"}, "frontier")) == ["cu129"]


def test_json_tells_the_choice_on_stdout_and_the_reason_on_stderr(site: Workspace, nvml: FakeNvml) -> None:
    done = on(site, nvml(driver="535.104.05", gpus=A100), "--json", "vision")
    assert [(row["project"], row["target"], row["state"]) for row in json.loads(done.out)] == [("vision", "cu129", "unchanged")]
    assert done.err.startswith("vision: cu129 (newest CUDA target that driver 535.104.05 can run)\n")


# --- the machine does not leak into the lock --------------------------------------------------------------------------------


def test_the_machine_chooses_a_target_and_leaves_no_other_trace(site: Workspace, nvml: FakeNvml, tmp_path: Path) -> None:
    """The same target, locked anew on two machines, has the same bytes."""
    before = site.files()
    for machine in (absent_nvml(), nvml(driver="580.65.06", cuda=13000, gpus=H100) | {"CONDA_OVERRIDE_CUDA": "11.4"}):
        shutil.copytree(site.root, tmp_path / "copy")
        copy = Workspace(tmp_path / "copy", site.environment)
        shutil.rmtree(copy.root / "environments" / "frontier" / "cu130")
        done = copy.envgen("lock", "frontier", "--target", "gpu", **changes(machine))
        assert done.status == 0, done.err
        assert copy.files() == before
        shutil.rmtree(tmp_path / "copy")
