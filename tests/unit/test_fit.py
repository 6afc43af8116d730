"""Which target of a project fits a machine."""

from __future__ import annotations

import pytest
from packaging.version import Version
from unit.small import project_of, small_matrix

from envgen.errors import BadInput
from envgen.fit import best_for
from envgen.model import Gpu, Machine

TEXT = 'python: ">=3.9"\nframeworks: {{alpha: "2.0"}}\ntargets: {targets}\nplatforms: [linux-64]\nchannels: [conda-forge]\n'
V100, B200, K40 = (Gpu(name, Version(capability)) for name, capability in (("V100", "7.0"), ("B200", "10.0"), ("K40", "3.5")))


def fit(machine: Machine, targets: str = "[cpu, cu118, cu126]") -> tuple[str, str]:
    """The target that is taken, and why."""
    return best_for(machine, small_matrix(), project_of(TEXT.format(targets=targets)))


def test_without_a_driver_the_newest_cuda_target_is_taken_whatever_their_order() -> None:
    assert fit(Machine()) == ("cu126", "no NVIDIA driver here: the project's newest CUDA target")
    assert fit(Machine(note="NVML says no"), "[cu126, cpu, cu118]") == ("cu126", "NVML says no: the project's newest CUDA target")


@pytest.mark.parametrize(
    ("driver", "target"), [("580.65.06", "cu126"), ("525.60.13", "cu126"), ("525.60.12", "cu118"), ("520.61.05", "cu118")]
)
def test_the_newest_target_that_the_driver_runs_is_taken(driver: str, target: str) -> None:
    assert fit(Machine(driver=Version(driver))) == (target, f"newest CUDA target that driver {driver} can run")


def test_an_older_gpu_than_the_toolkit_has_code_for_takes_an_older_target() -> None:
    assert fit(Machine(driver=Version("580"), gpus=(V100,)))[0] == "cu126"
    assert fit(Machine(driver=Version("580"), gpus=(V100, K40)))[0] == "cu118"


def test_a_newer_gpu_than_every_toolkit_has_code_for_is_refused() -> None:
    """CUDA 12.6 ends at 9.0: nothing that it compiled runs on a B200."""
    with pytest.raises(BadInput) as caught:
        fit(Machine(driver=Version("580"), gpus=(B200,)))
    assert "B200 (10.0)" in str(caught.value)


def test_a_driver_that_runs_nothing_is_refused_with_the_reason() -> None:
    with pytest.raises(BadInput) as caught:
        fit(Machine(driver=Version("470.42.01")))
    assert str(caught.value) == (
        "environments/demo/project.yaml:3:1: driver 470.42.01 can run no CUDA target of demo: "
        "CUDA 11.8 needs driver 520.61.05 or newer, the fleet's oldest is 470.42.01\n\n"
        "hint: update the driver, add an older CUDA target, or use `make env-cpu`"
    )


def test_a_project_without_a_cuda_target_says_so() -> None:
    with pytest.raises(BadInput) as caught:
        fit(Machine(), "[cpu]")
    assert str(caught.value) == "environments/demo/project.yaml:3:1: demo has no CUDA target\n\nhint: add one, for instance cu126"


def test_the_projects_own_driver_and_gpus_say_nothing_about_this_machine() -> None:
    project = project_of(TEXT.format(targets="[cu126]") + 'driver: ">=300"\ngpus: [K40]\n')
    assert best_for(Machine(driver=Version("580")), small_matrix(), project)[0] == "cu126"
