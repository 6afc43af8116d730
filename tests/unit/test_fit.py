"""Which targets of a project fit a machine, and which is taken."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conftest import some
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from unit.small import examples, project_of, small_matrix

from envgen.machine import fit
from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix, driver_text
from envgen.model.gpu import Gpu
from envgen.model.machine import Fit, LockedTarget, Machine, System
from envgen.model.project import RequestedFramework
from envgen.targets import MachineWord

TEXT = 'python: ">=3.9"\nframeworks: {{alpha: "2.0"}}\ntargets: {targets}\nplatforms: [linux-64]\nchannels: [conda-forge]\n'
V100, B200, K40, A100 = (
    Gpu(name=name, capability=Version(capability))
    for name, capability in (("V100", "7.0"), ("B200", "10.0"), ("K40", "3.5"), ("A100", "8.0"))
)
ANY = RequestedFramework(framework="tensorflow", versions=SpecifierSet(), text="", provider=None, at=Address("", 1, 1))
LINUX = System(platform="linux-64", glibc=Version("2.36"), archspec="x86_64_v3")
MINORS = {"470.42.01": "11.4", "525.60.13": "12.0", "535.104.05": "12.2", "550.54.14": "12.4", "580.65.06": "13.0"}


def machine(driver: str | None = "580.65.06", *gpus: Gpu) -> Machine:
    return Machine(driver=Version(driver), cuda=Version(MINORS[driver]), gpus=gpus) if driver else Machine()


def best(here: Machine, targets: str = "[cpu, cu118, cu126]", word: MachineWord = MachineWord.GPU) -> tuple[str, str]:
    """The target that is taken, and why."""
    return fit.choose_target(word, here, small_matrix(), project_of(TEXT.format(targets=targets)))


def one(real: Matrix, target: str, has: Machine, here: System = LINUX, lock: LockedTarget | None = None) -> Fit:
    """How one target of this repository's matrices fits a machine."""
    return fit.target_fit(has, real, real.targets[target], here, [(ANY, "conda-forge")] if lock else [], lock)


# --- gpu --------------------------------------------------------------------------------------------------------------------


def test_without_a_driver_the_newest_cuda_target_is_taken_whatever_their_order() -> None:
    assert best(Machine()) == ("cu126", "no NVIDIA driver: the project's newest CUDA target")
    assert best(Machine(note="NVML says no"), "[cu126, cpu, cu118]") == ("cu126", "NVML says no: the project's newest CUDA target")


@pytest.mark.parametrize(
    ("driver", "target"), [("580.65.06", "cu126"), ("525.60.13", "cu126"), ("525.60.12", "cu118"), ("520.61.05", "cu118")]
)
def test_the_newest_target_that_the_driver_runs_is_taken(driver: str, target: str) -> None:
    assert best(Machine(driver=Version(driver))) == (target, f"newest CUDA target that driver {driver} can run")


def test_an_older_gpu_than_the_toolkit_has_code_for_takes_an_older_target() -> None:
    assert best(Machine(driver=Version("580"), gpus=(V100,)))[0] == "cu126"
    assert best(Machine(driver=Version("580"), gpus=(V100, K40)))[0] == "cu118"


def test_a_hidden_gpu_does_not_hold_the_others_back() -> None:
    assert best(Machine(driver=Version("580"), gpus=(V100,), hidden=(K40,)))[0] == "cu126"


def test_where_every_gpu_is_hidden_a_target_serves_one_of_them() -> None:
    assert best(Machine(driver=Version("580"), hidden=(K40,)))[0] == "cu118"
    assert best(Machine(driver=Version("580"), hidden=(V100, K40)))[0] == "cu126"
    with pytest.raises(BadInput) as caught:
        best(Machine(driver=Version("580"), hidden=(B200,)))
    assert "B200 (10.0)" in str(caught.value) and "hide the" not in str(caught.value)


def test_a_newer_gpu_than_every_toolkit_has_code_for_is_refused() -> None:
    """CUDA 12.6 ends at 9.0: nothing that it compiled runs on a B200."""
    with pytest.raises(BadInput) as caught:
        best(Machine(driver=Version("580"), gpus=(B200,)))
    assert "B200 (10.0)" in str(caught.value)


def test_a_driver_that_runs_nothing_is_refused_with_the_reason() -> None:
    with pytest.raises(BadInput) as caught:
        best(Machine(driver=Version("470.42.01")))
    assert str(caught.value) == (
        "environments/demo/project.yaml:3:1: driver 470.42.01 cannot run any CUDA target of demo "
        "(cu118: needs driver 520.61.05 or newer, but this machine has 470.42.01)\n\n"
        "hint: install driver 520.61.05 or newer, or add an older CUDA target, or use `--target cpu`"
    )


def test_a_project_without_a_cuda_target_says_so() -> None:
    with pytest.raises(BadInput) as caught:
        best(Machine(), "[cpu]")
    assert str(caught.value) == "environments/demo/project.yaml:3:1: demo has no CUDA target\n\nhint: add one, for example cu126"


def test_the_projects_own_driver_and_gpus_say_nothing_about_this_machine() -> None:
    project = project_of(TEXT.format(targets="[cu126]") + 'driver: ">=300"\ngpus: [K40]\n')
    assert fit.choose_target(MachineWord.GPU, Machine(driver=Version("580")), small_matrix(), project)[0] == "cu126"


def test_where_locks_are_asked_for_only_locked_targets_are_taken() -> None:
    project = project_of(TEXT.format(targets="[cpu, cu118, cu126]"))

    def chosen(has: Machine, *locked: str) -> str:
        locks = {name: LockedTarget(("linux-64",)) for name in locked}
        return fit.choose_target(MachineWord.GPU, has, small_matrix(), project, None, locks)[0]

    assert chosen(machine(), "cpu", "cu118") == chosen(Machine(), "cpu", "cu118") == "cu118"
    with pytest.raises(BadInput, match="demo has no locked CUDA target"):
        chosen(machine(), "cpu")


OLD = """
python: "3.10"
frameworks: {{pytorch: "{version}"}}
targets: [cpu, cu113, cu116]
platforms: [linux-64]
channels: [pytorch, conda-forge]
"""


@pytest.mark.parametrize(
    ("version", "hint"),
    [
        ("1.12.1", "change `frameworks:`, because no CUDA build of pytorch 1.12.1 has code for it, or use `--target cpu`"),
        (">=1.12", "use a target from cu118 to cu124, which has code for it, or use `--target cpu`"),
        (">=1.12,<2.1", "use target cu118, which has code for it, or use `--target cpu`"),
    ],
)
def test_a_gpu_that_is_too_new_is_no_fault_of_the_driver(real: Matrix, version: str, hint: str) -> None:
    """The newest target comes closest; an older one would have even less code, and a newer one needs a build of the framework."""
    h100 = Gpu(name="H100", capability=Version("9.0"))
    with pytest.raises(BadInput) as caught:
        fit.choose_target(MachineWord.GPU, machine("580.65.06", h100), real, project_of(OLD.format(version=version), real))
    assert caught.value.what == (
        "no CUDA target of demo runs here (cu116: CUDA 11.6 has code for compute capability 3.5 to 8.7, not for H100 (9.0))"
    )
    assert caught.value.hint == hint


# --- auto -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("has", "target", "why"),
    [
        (machine("580.65.06", V100), "cu126", "newest CUDA target that driver 580.65.06 can run"),
        (Machine(note="no NVIDIA driver (libnvidia-ml not found)"), "cpu", "no NVIDIA driver (libnvidia-ml not found)"),
        (Machine(), "cpu", "no NVIDIA driver"),
        (machine("580.65.06"), "cpu", "no GPU"),
        (replace(machine("580.65.06"), hidden=(V100,)), "cu126", "newest CUDA target"),
        (machine("470.42.01", V100), "cpu", "cannot run any CUDA target (cu118: needs driver 520.61.05 or newer"),
        (machine("580.65.06", B200), "cpu", "not for B200 (10.0)"),
    ],
)
def test_auto_takes_the_cpu_target_where_no_cuda_target_runs(has: Machine, target: str, why: str) -> None:
    name, because = best(has, word=MachineWord.AUTO)
    assert name == target
    assert why in because


def test_auto_without_a_cpu_target_is_gpu() -> None:
    assert best(Machine(), "[cu118, cu126]", MachineWord.AUTO) == best(Machine(), "[cu118, cu126]")
    assert best(machine("580.65.06"), "[cu118, cu126]", MachineWord.AUTO)[0] == "cu126"
    with pytest.raises(BadInput):
        best(machine("470.42.01", V100), "[cu118, cu126]", MachineWord.AUTO)


def test_auto_of_a_project_without_cuda_is_cpu() -> None:
    assert best(machine("580.65.06", V100), "[cpu]", MachineWord.AUTO) == (
        "cpu",
        "no CUDA target to choose",
    )


# --- verdicts, by the facts of this repository --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("driver", "target", "mode"),
    [
        ("550.54.14", "cu124", "native"),
        ("550.54.14", "cu126", "minor"),
        ("550.54.14", "cu130", None),
        ("550.54.14", "cu118", "native"),
        ("580.65.06", "cu130", "native"),
        ("470.42.01", "cu118", "minor"),
        ("470.42.01", "cu113", "native"),
        ("470.42.01", "cpu", "cpu"),
    ],
)
def test_how_a_target_runs(real: Matrix, driver: str, target: str, mode: str | None) -> None:
    assert one(real, target, machine(driver, A100)).mode == mode


def test_minor_version_compatibility_is_told_with_what_it_may_break(real: Matrix) -> None:
    found = one(real, "cu126", machine("550.54.14", A100))
    assert found.why == ("by minor-version compatibility: CUDA 12 needs driver 525.60.13 or newer, and this is 550.54.14",)
    assert found.cautions == (
        "code compiled at run time (CuPy, XLA, numba, torch.compile, Triton) may fail on drivers before 560.28.03",
    )
    assert one(real, "cu124", machine("550.54.14", A100)).cautions == ()


def test_without_what_nvml_says_of_cuda_the_driver_tells_it(real: Matrix) -> None:
    blind = Machine(driver=Version("550.54.14"))
    assert [one(real, target, blind).mode for target in ("cu124", "cu126")] == ["native", "minor"]


def test_what_unlocks_a_target_is_the_floor(real: Matrix) -> None:
    found = one(real, "cu130", machine("550.54.14", V100))
    assert found.why[0] == "needs driver 580.65.06 or newer, but this machine has 550.54.14"
    assert found.fixes[0] == "install driver 580.65.06 or newer"
    assert "not for V100 (7.0)" in found.why[1]


NAMES = ("Tesla T4", "NVIDIA A100-SXM4-40GB", "NVIDIA H100 80GB HBM3", "NVIDIA L40S", "NVIDIA GH200 480GB", "NVIDIA B200")
OTHERS = ("NVIDIA GeForce RTX 3090", "NVIDIA RTX A6000", "NVIDIA TITAN RTX", "Quadro RTX 8000", "NVIDIA GB10")


@pytest.mark.parametrize("name", [*NAMES, *OTHERS])
def test_forward_compatibility_is_for_data_centre_gpus(real: Matrix, name: str) -> None:
    found = one(real, "cu130", machine("550.54.14", Gpu(name=name, capability=Version("8.0"))))
    assert any("cuda-compat" in fix_ for fix_ in found.fixes) == (name in NAMES)


@pytest.mark.parametrize(
    ("driver", "here"),
    [
        ("470.42.01", LINUX),  # CUDA 13 is not the next major after 11
        ("550.54.14", replace(LINUX, wsl=True)),
        ("550.54.14", System(platform="win-64")),
    ],
)
def test_forward_compatibility_is_for_linux_and_the_next_major(real: Matrix, driver: str, here: System) -> None:
    a100 = Gpu(name="NVIDIA A100-SXM4-40GB", capability=Version("8.0"))
    found = one(real, "cu130", machine(driver, a100), here)
    assert found.fixes
    assert not any("cuda-compat" in fix_ for fix_ in found.fixes)


def test_wsl_is_judged_by_the_windows_driver(real: Matrix) -> None:
    """NVML tells the Windows driver's version there: 527 is enough for CUDA 12 on Linux, not on Windows."""
    has = Machine(driver=Version("527.41"), cuda=Version("12.0"), gpus=(A100,))
    assert one(real, "cu126", has).runs
    assert one(real, "cu126", has, replace(LINUX, wsl=True)).fixes == ("install driver 528.33 or newer",)


def test_on_windows_the_driver_of_wsl_is_judged(real: Matrix) -> None:
    wsl = replace(LINUX, wsl=True)
    assert one(real, "cu130", Machine(driver=Version("580.88"), cuda=Version("13.0"), gpus=(A100,)), wsl).runs
    assert one(real, "cu130", Machine(driver=Version("552.12"), cuda=Version("12.4"), gpus=(A100,)), wsl).fixes == (
        "install driver 580 or newer",
    )


def test_what_the_system_must_keep_of_the_promises(real: Matrix) -> None:
    found = one(real, "cpu", machine(), replace(LINUX, glibc=Version("2.17")))
    assert found.why == ("is solved for glibc 2.28, but this system has glibc 2.17",)
    assert found.fixes == ("use a system or container image with glibc 2.28 or newer",)
    assert one(real, "cpu", machine(), replace(LINUX, glibc=Version("2.28"))).runs
    assert one(real, "cpu", machine(), replace(LINUX, glibc=None)).runs  # nobody knows
    assert not one(real, "cpu", machine(), replace(LINUX, glibc=None, musl=True)).runs


@pytest.mark.parametrize(("level", "fits"), [("x86_64_v2", False), ("x86_64_v3", True), ("x86_64_v4", True), ("", True)])
def test_a_processor_below_the_promised_level_does_not_fit(real: Matrix, level: str, fits: bool) -> None:
    text = 'python: ">=3.10"\nplatforms: [linux-64]\nchannels: [conda-forge]\ntargets: {cpu: {virtual-packages: {__archspec: "1 x86_64_v3"}}}\n'
    (found,) = fit.project_fits(machine(), real, project_of(text, real), replace(LINUX, archspec=level))
    assert found.runs == fits


@pytest.mark.parametrize(("platform", "targets"), [("linux-aarch64", "cpu cu126"), ("osx-arm64", "cpu"), ("freebsd-64", "")])
def test_another_platform_does_not_fit_and_says_whether_it_could(real: Matrix, platform: str, targets: str) -> None:
    text = 'python: ">=3.10"\nplatforms: [linux-64]\nchannels: [conda-forge]\ntargets: [cpu, cu126]\n'
    found = fit.project_fits(machine(), real, project_of(text, real), System(platform=platform))
    assert not any(verdict.runs for verdict in found)
    assert {verdict.why for verdict in found} == {(f"is for linux-64, but this machine is {platform}",)}
    assert [verdict.target for verdict in found if verdict.fixes] == targets.split()


def test_a_lock_for_other_platforms_does_not_fit(real: Matrix) -> None:
    aarch = System(platform="linux-aarch64", glibc=Version("2.36"))
    assert one(real, "cpu", machine(), aarch).runs
    assert not one(real, "cpu", machine(), aarch, LockedTarget(("linux-64",))).runs


def test_a_locked_framework_without_code_for_the_gpu_does_not_fit(real: Matrix) -> None:
    """The builds of TensorFlow of conda-forge for CUDA 12 begin at 6.0; CUDA itself begins at 5.0."""
    m60 = Gpu(name="Tesla M60", capability=Version("5.2"))
    chosen = LockedTarget(("linux-64",), {"python": "3.12", "tensorflow": "2.18.0"})
    assert one(real, "cu129", machine("580.65.06", m60)).runs
    found = one(real, "cu129", machine("580.65.06", m60), lock=chosen)
    assert found.why[0].startswith("Tesla M60: tensorflow <2.19,>=2.15 from conda-forge for CUDA <13,>=12 has code for 6.0, 7.0, ")
    assert ", not for compute capability 5.2 (https://github.com/conda-forge/tensorflow-feedstock" in found.why[0]
    assert one(real, "cu129", machine("580.65.06", V100), lock=chosen).runs


def test_a_locked_cudnn_without_code_for_the_gpu_does_not_fit(real: Matrix) -> None:
    new, old = (LockedTarget(("linux-64",), cudnn={"linux-64": Version(version)}) for version in ("9.13.1.26", "9.10.2.21"))
    found = one(real, "cu129", machine("580.65.06", V100), lock=new)
    assert found.why[0].startswith("its lock has cuDNN 9.13.1.26, but cuDNN 9.11 and later have no code for V100 (7.0)")
    assert found.fixes == ('add `gpus: ["7.0"]` to the project and run `envgen lock`',)
    assert one(real, "cu129", machine("580.65.06", V100), lock=old).runs
    assert one(real, "cu129", machine("580.65.06", A100), lock=new).runs


def test_of_two_gpus_the_one_without_code_may_be_hidden(real: Matrix) -> None:
    others = "use a target from cu92 to cu129, which has code for it"
    assert one(real, "cu130", machine("580.65.06", V100, A100)).fixes == (others, "hide the V100 with CUDA_VISIBLE_DEVICES")
    assert one(real, "cu130", machine("580.65.06", V100, V100)).fixes == (others,)


@pytest.mark.parametrize(
    ("capability", "target", "hint"),
    [
        ("10.0", "cu126", "use a target from cu128 to cu130, which has code for it"),
        ("12.1", "cu118", "use a target from cu128 to cu130, which has code for it"),
        ("11.0", "cu129", "use target cu130, which has code for it"),
        ("2.1", "cu102", None),
    ],
)
def test_the_targets_that_have_code_for_a_gpu_are_named(real: Matrix, capability: str, target: str, hint: str | None) -> None:
    found = one(real, target, machine("580.65.06", Gpu(name="it", capability=Version(capability))))
    assert found.fixes == ((hint,) if hint else ())


# --- laws -------------------------------------------------------------------------------------------------------------------

DRIVERS = st.builds(lambda a, b, c: Version(f"{a}.{b}.{c}"), st.integers(380, 620), st.integers(0, 130), st.integers(0, 20))
GPUS = st.lists(
    st.sampled_from(("3.5", "5.2", "6.1", "7.0", "7.5", "8.0", "8.9", "9.0", "10.0", "11.0", "12.0", "12.1")), max_size=3
)


def made(driver: Version | None, capabilities: list[str]) -> Machine:
    return Machine(driver=driver, gpus=tuple(Gpu(name=f"GPU {number}", capability=Version(number)) for number in capabilities))


@pytest.mark.thorough
@examples(60)
@given(older=DRIVERS, newer=DRIVERS, capabilities=GPUS)
def test_what_fits_a_driver_fits_every_newer_one(real: Matrix, older: Version, newer: Version, capabilities: list[str]) -> None:
    older, newer = sorted((older, newer))
    for target in some(real.targets):
        before, after = one(real, target, made(older, capabilities)), one(real, target, made(newer, capabilities))
        assert after.runs >= before.runs
        assert not (before.mode == "native" and after.mode == "minor")


@examples(60)
@given(driver=st.none() | DRIVERS, capabilities=GPUS, word=st.sampled_from(MachineWord), data=st.data())
def test_the_chosen_target_is_the_newest_that_fits(
    real: Matrix, driver: Version | None, capabilities: list[str], word: MachineWord, data: st.DataObject
) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(real.targets)), min_size=1, unique=True))
    text = f'python: ">=3.10"\nplatforms: [linux-64]\nchannels: [conda-forge]\ntargets: [{", ".join(names)}]\n'
    project, has = project_of(text, real), made(driver, capabilities)
    found = {verdict.target: verdict for verdict in fit.project_fits(has, real, project, LINUX)}
    runs = sorted((v.cuda, name) for name, v in found.items() if v.runs and v.cuda)
    cuda = sorted((v.cuda, name) for name, v in found.items() if v.cuda)
    try:
        chosen, why = fit.choose_target(word, has, real, project, system=LINUX)
    except BadInput:
        assert not runs
        assert driver or not cuda
        return
    assert why
    if chosen == "cpu":
        assert word == MachineWord.AUTO
        assert not runs or not capabilities
    elif runs:
        assert chosen == runs[-1][1]
    else:
        assert driver is None
        assert chosen == cuda[-1][1]


def test_the_floor_that_is_quoted_is_just_the_border(real: Matrix) -> None:
    for target in some(real.targets.values()):
        if target.cuda:
            (hint,) = one(real, target.name, Machine()).fixes
            floor = Version(hint.split()[2])
            assert driver_text(floor) in hint
            *head, last = floor.release
            below = Version(".".join(map(str, (*head, last - 1))))
            assert one(real, target.name, Machine(driver=floor)).runs
            assert not one(real, target.name, Machine(driver=below)).runs


def test_the_driver_that_a_caution_names_is_just_the_border(real: Matrix) -> None:
    found = one(real, "cu126", Machine(driver=Version("550.54.14")))
    border = Version(found.cautions[0].split()[-1])
    assert one(real, "cu126", Machine(driver=border)).mode == "native"
    *head, last = border.release
    assert one(real, "cu126", Machine(driver=Version(".".join(map(str, (*head, last - 1)))))).mode == "minor"
