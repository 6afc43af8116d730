"""The verdict on an answer: every reason is reached, and laws that hold for any answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from envgen.matrix.gpu_code import has_code
from envgen.model.facts import Matrix
from envgen.model.gpu import Gpu
from envgen.model.machine import Machine
from envgen.probe.libraries import counts_like_cuda, cuda_name, soname_major
from envgen.probe.model import (
    STATES,
    Answer,
    BuildKind,
    Device,
    Expectation,
    InstalledEnvironment,
    InstalledFramework,
    LaunchEnvironment,
    Library,
    ProbeResult,
    ProcessResult,
    Verdict,
    worst,
)
from envgen.probe.rules_answer import ANSWER
from envgen.probe.rules_no_answer import NO_ANSWER, signal_name
from envgen.probe.rules_no_gpu import NO_GPU
from envgen.probe.verdict import evaluate

V = Version
T4, V100 = Gpu(name="Tesla T4", capability=V("7.5")), Gpu(name="Tesla V100", capability=V("7.0"))
BARE = Machine(note="no NVIDIA driver (libnvidia-ml not found)")
HOST = Machine(driver=V("560.35.03"), cuda=V("12.6"), gpus=(T4,))
CODE = ("sm_70", "sm_75", "sm_80", "sm_90", "compute_90")
FINE = ProcessResult(0)
SEES = Answer(
    framework="pytorch",
    process=FINE,
    done=True,
    step="exit",
    version="2.7.1",
    file="/env/torch/__init__.py",
    build="cuda",
    cuda=V("12.6"),
    cudnn=V("9.10"),
    available=True,
    devices=(Device("Tesla T4", V("7.5")),),
    code=CODE,
    ran_on="gpu",
    agrees=True,
    libraries=(Library("/env/lib/libcudart.so.12", "environment"), Library("/usr/lib/libcuda.so.1", "driver")),
)
BLIND = replace(SEES, available=False, devices=(), ran_on="cpu")
ONLY_IMPORTED = Answer(framework="pytorch", process=FINE, done=True, step="exit", version="2.7.1", file="/env/torch.py")
CPU = replace(BLIND, build="cpu", cuda=None, cudnn=None, code=(), libraries=())
CUDA_BUILD = InstalledFramework(
    framework="pytorch",
    module="torch",
    package="pytorch 2.7.1 cuda126_py312_200",
    version="2.7.1",
    expected=Expectation("cuda", cuda=V("12.6")),
)
CPU_BUILD = replace(
    CUDA_BUILD, package="pytorch 2.7.1 cpu_generic_py312_0", expected=Expectation("cpu", because="its build string")
)
PLAIN_WHEEL = replace(CUDA_BUILD, package="torch 2.7.1 (pip)", expected=Expectation("unknown"))
FOREIGN = Library("/usr/local/cuda-12.4/lib64/libcudart.so.12.4.127", "foreign", "cudart")


class Facts:
    """The facts behind a name; hypothesis shows what a test is given, and they are long."""

    def __init__(self, matrix: Matrix) -> None:
        self.matrix = matrix


@pytest.fixture(scope="module")
def facts(real: Matrix) -> Facts:
    return Facts(real)


EXPECTED: Mapping[str, Expectation | None] = {
    "": None,
    "cpu": Expectation("cpu"),
    "cu126": Expectation("cuda", cuda=V("12.6")),
    "cu118": Expectation("cuda", cuda=V("11.8")),
}


def environment(installed: InstalledFramework = CUDA_BUILD, target: str = "") -> InstalledEnvironment:
    frameworks = {installed.framework: installed}
    return InstalledEnvironment(prefix=Path("/env"), target=target, expected=EXPECTED[target], frameworks=frameworks)


def rules(verdict: Verdict) -> list[tuple[str, str]]:
    return [(issue.rule, issue.severity) for issue in verdict.issues]


class Evaluate:
    """`evaluate` with a fine machine where a test says nothing else."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    def __call__(
        self, answer: Answer, here: InstalledEnvironment | None = None, machine: Machine = HOST, **launch: object
    ) -> Verdict:
        return evaluate(answer, here or environment(), machine, LaunchEnvironment(**launch), self.facts.matrix)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def verdict(facts: Facts) -> Evaluate:
    return Evaluate(facts)


# --- right ----------------------------------------------------------------------------------------------------------------


def test_a_cuda_build_that_computes_on_the_gpu_is_right(verdict: Evaluate) -> None:
    found = verdict(SEES)
    assert (found.state, found.issues, found.reason) == ("ok", (), "sees 1 GPU (Tesla T4), and computes on it")


@pytest.mark.parametrize("machine", [BARE, HOST])
@pytest.mark.parametrize("here", [environment(CPU_BUILD), environment(CPU_BUILD, "cpu")])
def test_a_cpu_build_for_cpu_is_right_on_any_machine(verdict: Evaluate, machine: Machine, here: InstalledEnvironment) -> None:
    found = verdict(CPU, here, machine)
    assert (found.state, found.issues, found.reason) == ("ok", (), "sees no GPU, as expected of a CPU build")


# --- a GPU is expected and not seen: each reason ----------------------------------------------------------------------------

OLD = Machine(driver=V("470.57.2"), cuda=V("11.4"), gpus=(T4,))
REASONS: Mapping[str, tuple[Answer, Machine, Mapping[str, object], str]] = {
    "cpu-build": (CPU, HOST, {}, "is a CPU build (pytorch 2.7.1 cuda126_py312_200), which sees no GPU on any machine"),
    "no-driver": (BLIND, BARE, {}, "sees no GPU: no NVIDIA driver (libnvidia-ml not found)"),
    "driver-too-old": (BLIND, OLD, {}, "sees no GPU: CUDA 12.6 requires driver 525.60.13 or newer, and this is 470.57.02"),
    "no-gpu": (BLIND, replace(HOST, gpus=()), {}, "sees no GPU: the driver lists none"),
    "hidden": (BLIND, HOST, {"visible_devices": ""}, "sees no GPU: CUDA_VISIBLE_DEVICES=(empty) hides all of them"),
    "stub-driver": (
        replace(BLIND, libraries=(Library("/usr/local/cuda/lib64/stubs/libcuda.so.1", "foreign"),)),
        HOST,
        {},
        "sees no GPU: it loaded /usr/local/cuda/lib64/stubs/libcuda.so.1, a stub that is only for linking",
    ),
    "other-driver": (
        replace(BLIND, libraries=(Library("/usr/local/cuda-12.4/compat/libcuda.so.550.54.15", "driver"),)),
        HOST,
        {"library_path": (("/usr/local/cuda/compat", "/usr/local/cuda-12.4/compat"),)},
        "sees no GPU: it loaded libcuda of driver 550.54.15 from /usr/local/cuda-12.4/compat, and the driver here is 560.35.03",
    ),
    "no-code": (
        replace(BLIND, code=("sm_80", "sm_90")),
        HOST,
        {},
        "has no code for Tesla T4 (compute capability 7.5), only sm_80 sm_90",
    ),
    "foreign-library": (
        replace(BLIND, libraries=(FOREIGN,)),
        HOST,
        {},
        "sees no GPU, and loaded libcudart.so.12.4.127 from outside the environment: /usr/local/cuda-12.4/lib64",
    ),
    "missing-library": (
        replace(BLIND, process=ProcessResult(0, "W: Could not load dynamic library 'libcudnn.so.8'; dlerror: ...\n")),
        HOST,
        {},
        "sees no GPU: it did not find libcudnn.so.8",
    ),
    "shadowed-library": (
        replace(BLIND, process=ProcessResult(0, "W: Could not load dynamic library 'libcudnn.so.8'; invalid ELF header\n")),
        HOST,
        {"shadowing": {"/x": ("libcudnn.so.8",)}},
        (
            "sees no GPU; a library in LD_LIBRARY_PATH may have been loaded instead of its own: "
            "W: Could not load dynamic library 'libcudnn.so.8'; invalid ELF header"
        ),
    ),
    "unexplained": (
        replace(BLIND, problems=(("devices", "CUDA unknown error"),)),
        HOST,
        {},
        "sees no GPU, although this machine has one (Tesla T4): CUDA unknown error",
    ),
}


@pytest.mark.parametrize("rule", REASONS)
def test_an_expected_gpu_that_is_not_seen_has_its_reason(verdict: Evaluate, rule: str) -> None:
    answer, machine, launch, text = REASONS[rule]
    found = verdict(answer, None, machine, **launch)
    assert (found.state, found.issues[0].rule, found.reason) == ("error", rule, text)
    assert found.issues[0].hint


def test_every_rule_for_a_missing_gpu_is_tested() -> None:
    assert len(REASONS) == len(NO_GPU)


@pytest.mark.parametrize("rule", sorted(set(REASONS) - {"cpu-build"}))
def test_if_nothing_says_what_is_expected_a_missing_gpu_is_a_warning(verdict: Evaluate, rule: str) -> None:
    answer, machine, launch, text = REASONS[rule]
    found = verdict(answer, environment(PLAIN_WHEEL), machine, **launch)
    assert (found.issues[0].rule, found.issues[0].severity, found.reason) == (rule, "warning", text)
    assert ("no-target", "note") in rules(found)


@pytest.mark.parametrize(
    ("driver", "cuda", "build", "old"),
    [
        ("525.60.13", "12.0", "12.9", False),  # minor-version compatibility: any CUDA 12 runs from here on
        ("525.60.12", "12.0", "12.0", True),
        ("450.80.02", "11.0", "11.8", False),
        ("575.57.08", "12.9", "13.0", True),
        ("580.65.06", "13.0", "13.0", False),
        ("580.65.06", "13.0", "12.6", False),
        ("535.104.05", "12.2", "12.7", False),  # never released: its family's floor holds
        ("520.61.05", "11.8", "12.7", True),
    ],
)
def test_the_driver_floor_is_that_of_cuda_yaml(verdict: Evaluate, driver: str, cuda: str, build: str, old: bool) -> None:
    machine = Machine(driver=V(driver), cuda=V(cuda), gpus=(Gpu(name="A100", capability=V("8.0")),))
    found = verdict(replace(BLIND, cuda=V(build)), environment(replace(CUDA_BUILD, expected=Expectation("cuda"))), machine)
    assert (found.issues[0].rule == "driver-too-old") == old


def test_a_setting_that_selects_the_device_is_what_to_try_without(verdict: Evaluate) -> None:
    (issue,) = verdict(replace(BLIND, settings=("JAX_PLATFORMS=cpu",)), environment(), HOST).issues
    assert (issue.rule, "with JAX_PLATFORMS=cpu" in issue.text) == ("unexplained", True)
    assert issue.hint.startswith("try without JAX_PLATFORMS, which selects its device; else check `nvidia-smi`")


def test_on_windows_cuda_13_needs_driver_580(verdict: Evaluate) -> None:
    """576.02 came with CUDA 12.9."""
    machine = Machine(driver=V("576.02"), cuda=V("12.9"), gpus=(T4,))
    found = verdict(replace(BLIND, cuda=V("13.0")), None, machine, system="windows")
    assert found.reason == "sees no GPU: CUDA 13.0 requires driver 580 or newer, and this is 576.02"


@pytest.mark.parametrize(
    ("visible", "hides"),
    [
        *(("", True), ("-1", True), ("1", True), ("NoDevFiles", True), ("7,0", True), ("0", False), ("0,7", False)),
        *(("GPU-1a2b", False), ("GPU-1a2b3c4d-0", False), ("GPU-2", True), ("GPU-2,0", True), ("0,GPU-2", False)),
        *(("0,0", True), ("0,GPU-1a2b", True), ("0,7,0", False)),
        *(("MIG-1a2b", True), ("MIG-GPU-1a2b/0/0", True)),  # no GPU is cut into instances
    ],
)
def test_cuda_reads_visible_devices_up_to_the_first_that_is_not_there(verdict: Evaluate, visible: str, hides: bool) -> None:
    machine = replace(HOST, gpus=(replace(T4, uuid="GPU-1a2b3c4d-0000"),))
    assert (verdict(BLIND, None, machine, visible_devices=visible).issues[0].rule == "hidden") == hides


def test_what_a_machine_does_not_tell_hides_nothing(verdict: Evaluate) -> None:
    """A GPU that keeps its UUID to itself, and instances, whose names do not tell their GPU."""
    assert verdict(BLIND, visible_devices="GPU-2").issues[0].rule == "unexplained"
    cut = replace(HOST, gpus=(replace(T4, uuid="GPU-1", mig=2),))
    assert verdict(BLIND, None, cut, visible_devices="MIG-1a2b").issues[0].rule == "unexplained"


@pytest.mark.parametrize(
    "file",
    ["libcuda.so.560.35.03", "libcuda.so.560.35.3", "libcuda.so.1", "libcuda.so.1.1", "libcuda.so", "libcudart.so.550.54.15"],
)
def test_a_libcuda_of_the_same_driver_or_of_none_is_no_reason(verdict: Evaluate, file: str) -> None:
    """On WSL its file is libcuda.so.1.1 whatever the driver."""
    answer = replace(BLIND, libraries=(Library(f"/usr/lib/wsl/lib/{file}", "driver"),))
    assert verdict(answer).issues[0].rule == "unexplained"


def test_a_newer_libcuda_that_sees_the_gpu_is_right(verdict: Evaluate) -> None:
    """That is what a `compat` folder is for."""
    assert verdict(replace(SEES, libraries=(Library("/usr/local/cuda-13.0/compat/libcuda.so.580.95.05", "driver"),))).state == "ok"


def test_a_warning_of_python_is_quoted_not_its_line_of_code(verdict: Evaluate) -> None:
    told = "/env/torch/cuda/__init__.py:182: UserWarning: CUDA initialization: Error 803\n  return torch._C._cuda_getDeviceCount() > 0\n"
    found = verdict(replace(BLIND, process=ProcessResult(0, told)))
    assert found.reason == "sees no GPU, although this machine has one (Tesla T4): CUDA initialization: Error 803"
    found = verdict(replace(BLIND, process=ProcessResult(0, "W: first\n  second\n")))
    assert found.reason == "sees no GPU, although this machine has one (Tesla T4): second"


def test_a_foreign_library_comes_with_what_led_to_it(verdict: Evaluate) -> None:
    answer = replace(SEES, libraries=(FOREIGN,))
    assert verdict(
        answer, library_path=(("/opt/x", "/opt/x"), ("/usr/local/cuda-12.4/lib64/", "/usr/local/cuda-12.4/lib64"))
    ).issues[0].hint == ("LD_LIBRARY_PATH contains /usr/local/cuda-12.4/lib64/; try without it")
    linked = (("/usr/local/cuda/lib64", "/usr/local/cuda-12.4/lib64"),)
    assert verdict(answer, library_path=linked).issues[0].hint == "LD_LIBRARY_PATH contains /usr/local/cuda/lib64; try without it"
    assert "ldconfig" in verdict(answer, library_path=(("/usr/local/cuda-12", "/usr/local/cuda-12"),)).issues[0].hint


def test_what_selects_the_device_is_shown_with_a_gpu_that_is_not_used(verdict: Evaluate) -> None:
    found = verdict(replace(BLIND, settings=("LOOM_DEVICE=cpu",)), visible_devices="0")
    assert found.reason == "sees no GPU, although this machine has one (Tesla T4), with CUDA_VISIBLE_DEVICES=0, LOOM_DEVICE=cpu"
    found = verdict(replace(SEES, ran_on="cpu", settings=("LOOM_DEVICE=cpu",)))
    assert found.reason == "sees a GPU, but computes on cpu (LOOM_DEVICE=cpu)"


# --- no answer ------------------------------------------------------------------------------------------------------------

ANSWERED_NOTHING = {
    "timed-out": (
        replace(SEES, done=False, step="matmul", process=ProcessResult(None, "", 120.2)),
        "gave no answer within 120 s, in the step `matmul`",
    ),
    "crashed": (
        replace(SEES, done=False, step="import", process=ProcessResult(-11, "Fatal: x\n")),
        "crashed with SIGSEGV, in the step `import` (Fatal: x)",
    ),
    "no-driver": (
        replace(SEES, problems=(("import", "ImportError: libcuda.so.1: cannot open shared object file: No such file"),)),
        "cannot be imported: libcuda.so.1 is missing, which comes with the driver",
    ),
    "missing-library": (
        replace(SEES, problems=(("import", "ImportError: libcudnn.so.9: cannot open shared object file: No such file"),)),
        "cannot be imported: libcudnn.so.9 is missing or cannot be loaded",
    ),
    "import-failed": (replace(SEES, problems=(("import", "ImportError: no numpy"),)), "cannot be imported: ImportError: no numpy"),
    "no-answer": (
        Answer(framework="pytorch", process=ProcessResult(3, "bad interpreter\n")),
        "exited early with status 3, before the probe began (bad interpreter)",
    ),
}


@pytest.mark.parametrize("rule", ANSWERED_NOTHING)
@pytest.mark.parametrize("here", [environment(), environment(CPU_BUILD), environment(PLAIN_WHEEL)])
def test_a_framework_that_gives_no_answer_is_an_error_whatever_is_expected(
    verdict: Evaluate, rule: str, here: InstalledEnvironment
) -> None:
    answer, text = ANSWERED_NOTHING[rule]
    found = verdict(answer, here)
    assert rules(found) == [(rule, "error")]
    assert found.reason.startswith(text)


def test_a_crash_with_a_foreign_library_loaded_suspects_it(verdict: Evaluate) -> None:
    answer = replace(SEES, done=False, process=ProcessResult(-6), libraries=(FOREIGN,))
    assert (
        verdict(answer, library_path=(("/usr/local/cuda-12.4/lib64", "/x"),)).issues[0].hint.startswith("LD_LIBRARY_PATH contains")
    )


@pytest.mark.parametrize(
    "answer",
    [
        replace(SEES, done=False, process=ProcessResult(-11)),
        replace(SEES, problems=(("import", "ImportError: /x/libcudart.so.12: invalid ELF header"),)),
        replace(SEES, problems=(("import", "ImportError: libcudart.so.12: cannot open shared object file: No such file"),)),
        replace(SEES, ran_on="", problems=(("matmul", "libcublas.so.12: invalid ELF header"),)),
    ],
)
def test_a_library_that_fails_to_load_leaves_only_its_folder_to_suspect(verdict: Evaluate, answer: Answer) -> None:
    named = "LD_LIBRARY_PATH contains /x, which holds libcublas.so.12, libcudart.so.12; try without it"
    (issue,) = verdict(answer, shadowing={"/x": ("libcublas.so.12", "libcudart.so.12")}).issues
    assert (issue.severity, issue.hint) == ("error", named)
    assert verdict(answer).issues[0].hint != named


@pytest.mark.parametrize(
    ("answer", "here", "expected"),
    [
        (SEES, environment(PLAIN_WHEEL), []),
        (SEES, environment(), []),
        (SEES, environment(CUDA_BUILD, "cu126"), []),
        (BLIND, environment(PLAIN_WHEEL), [("unexplained", "error")]),
        (CPU, environment(CPU_BUILD), [("cpu-build", "error")]),
        (CPU, environment(CPU_BUILD, "cpu"), [("cpu-build", "error")]),
        (replace(SEES, ran_on="", agrees=None), environment(), [("not-shown", "error")]),
        (replace(SEES, ran_on="cpu"), environment(), [("ran-on-cpu", "error")]),
        (replace(SEES, ran_on="", problems=(("matmul", "out of memory"),)), environment(), [("matmul-failed", "error")]),
    ],
)
def test_with_cuda_required_a_framework_is_fine_only_if_it_computes_on_a_gpu(
    verdict: Evaluate, answer: Answer, here: InstalledEnvironment, expected: list[tuple[str, str]]
) -> None:
    assert rules(verdict(answer, replace(here, cuda_required=True))) == expected


def test_signals_have_names() -> None:
    assert [signal_name(number) for number in (11, 6, 9, 250)] == ["SIGSEGV", "SIGABRT", "SIGKILL", "signal 250"]


# --- always ---------------------------------------------------------------------------------------------------------------

OTHER_FOREIGN = Library("/usr/local/cuda-11.8/lib64/libcublas.so.11", "foreign", "cublas")
FOREIGN_CUDNN = Library("/usr/lib/x86_64-linux-gnu/libcudnn.so.8", "foreign", "cudnn")
TWO = replace(HOST, gpus=(T4, V100))
REQUIRED = replace(environment(), cuda_required=True)
FINDINGS: Mapping[str, tuple[Answer, InstalledEnvironment, Machine, tuple[str, str]]] = {
    "a GPU in a CPU target": (SEES, environment(CUDA_BUILD, "cpu"), HOST, ("gpu-in-cpu", "error")),
    "a CUDA build in a CPU target": (BLIND, environment(CUDA_BUILD, "cpu"), BARE, ("cuda-in-cpu", "warning")),
    "another version": (replace(SEES, version="2.6.0"), environment(), HOST, ("other-version", "error")),
    "another CUDA than the package": (replace(SEES, cuda=V("12.4")), environment(), HOST, ("other-cuda", "error")),
    "another CUDA than the target": (SEES, environment(CUDA_BUILD, "cu118"), HOST, ("other-cuda", "error")),
    "not the environment's own": (replace(SEES, outside=True), environment(), HOST, ("foreign-framework", "error")),
    "a foreign library": (replace(SEES, libraries=(FOREIGN,)), environment(), HOST, ("foreign-library", "warning")),
    "of another major": (replace(SEES, libraries=(OTHER_FOREIGN,)), environment(), HOST, ("foreign-library", "error")),
    "another cuDNN": (replace(SEES, libraries=(FOREIGN_CUDNN,)), environment(), HOST, ("foreign-library", "error")),
    "in a CPU target": (replace(CPU, libraries=(OTHER_FOREIGN,)), environment(CPU_BUILD), HOST, ("foreign-library", "warning")),
    "no code": (replace(SEES, code=("sm_80",), ran_on="", agrees=None), environment(), HOST, ("no-code", "error")),
    "no code for another GPU": (
        replace(SEES, code=("sm_75",), devices=(*SEES.devices, Device("Tesla V100", V("7.0")))),
        environment(),
        TWO,
        ("no-code", "warning"),
    ),
    "cuDNN without code": (
        replace(SEES, cudnn=V("9.13.0"), devices=(Device("Tesla V100", V("7.0")),)),
        environment(),
        replace(HOST, gpus=(V100,)),
        ("no-code-in-cudnn", "warning"),
    ),
    "an older driver of the same major": (SEES, environment(), replace(HOST, cuda=V("12.2")), ("newer-than-driver", "note")),
    "one GPU of two": (SEES, environment(), TWO, ("some-hidden", "note")),
    "no code by its CUDA": (
        replace(SEES, cuda=V("13.0"), code=(), devices=(Device("Tesla V100", V("7.0")),), ran_on="", agrees=None),
        environment(replace(CUDA_BUILD, expected=Expectation("cuda"))),
        Machine(driver=V("580.65.06"), cuda=V("13.0"), gpus=(V100,)),
        ("no-code", "error"),
    ),
    "no kernel image": (
        replace(SEES, code=(), ran_on="", agrees=None, problems=(("matmul", "no kernel image is available"),)),
        environment(),
        HOST,
        ("no-code", "error"),
    ),
    "a matmul that fails": (
        replace(SEES, ran_on="", problems=(("matmul", "out of memory"),)),
        environment(),
        HOST,
        ("matmul-failed", "error"),
    ),
    "a matmul on the CPU": (replace(SEES, ran_on="cpu"), environment(), HOST, ("ran-on-cpu", "error")),
    "a wrong matmul": (replace(SEES, agrees=False), environment(), HOST, ("wrong-result", "error")),
    "only imported": (ONLY_IMPORTED, environment(), HOST, ("import-only", "note")),
    "not shown to compute": (ONLY_IMPORTED, REQUIRED, HOST, ("not-shown", "error")),
    "nothing said": (SEES, environment(PLAIN_WHEEL), HOST, ("no-target", "note")),
}


def test_a_cpu_build_that_was_only_imported_has_one_error(verdict: Evaluate) -> None:
    """Nothing more has to show that it computes on no GPU."""
    found = verdict(replace(ONLY_IMPORTED, build="cpu", cuda=None), REQUIRED, HOST)
    assert rules(found) == [("cpu-build", "error")]


def test_a_folder_is_named_once(verdict: Evaluate) -> None:
    """The stub that hides the GPU is not told again as a library from outside; one of another major is, because that is more."""
    stub = Library("/opt/cuda/stubs/libcuda.so.1", "foreign")
    found = verdict(replace(BLIND, libraries=(stub, FOREIGN)), environment(), HOST)
    assert [(issue.rule, issue.folder) for issue in found.issues] == [
        ("stub-driver", "/opt/cuda/stubs"),
        ("foreign-library", "/usr/local/cuda-12.4/lib64"),
    ]
    other = verdict(replace(BLIND, libraries=(OTHER_FOREIGN,)), environment(), HOST)
    assert [issue.severity for issue in other.issues] == ["error", "error"]
    assert "but the build is for CUDA 12.6" in other.issues[1].text


@pytest.mark.parametrize(
    ("build", "compiler", "said"),
    [
        ("12.6", "12.2", ""),  # what was built needs no newer driver, by minor-version compatibility; what compiles is as old as it
        ("12.2", "12.2", ""),
        (
            "12.2",
            "12.6",
            "compiles at run time with CUDA 12.6, but the driver supports CUDA 12.2: code compiled at run time may fail",
        ),
        ("12.6", None, "is built for CUDA 12.6, but the driver supports CUDA 12.2: code compiled at run time may fail"),
    ],
)
def test_what_compiles_at_run_time_decides_whether_it_may_fail(
    verdict: Evaluate, build: str, compiler: str | None, said: str
) -> None:
    installed = replace(CUDA_BUILD, expected=Expectation("cuda", cuda=V("12")))
    answer = replace(SEES, cuda=V(build), compiler=V(compiler) if compiler else None)
    found = verdict(answer, environment(installed), replace(HOST, cuda=V("12.2")))
    assert [issue.text for issue in found.issues] == ([said] if said else [])


@pytest.mark.parametrize("name", FINDINGS)
def test_what_is_found_beside(verdict: Evaluate, name: str) -> None:
    answer, here, machine, expected = FINDINGS[name]
    assert rules(verdict(answer, here, machine)) == [expected]


def test_every_rule_has_a_test() -> None:
    tested = {rule for *_, (rule, _) in FINDINGS.values()}
    by_matmul, by_target = {"matmul-failed", "ran-on-cpu", "wrong-result"}, {"cuda-in-cpu"}  # beside no-code and gpu-in-cpu
    assert len(tested - by_matmul - by_target) + 1 == len(ANSWER)
    assert len(ANSWERED_NOTHING) - 2 == len(NO_ANSWER)  # one of them names a missing library, or the driver's


@pytest.mark.parametrize(("told", "package"), [("2.7.1+cu126", "2.7.1"), ("2.1.0.post300", "2.1.0"), ("2.7.1", "2.7.1+cu126")])
def test_what_a_build_adds_to_a_version_is_no_difference(verdict: Evaluate, told: str, package: str) -> None:
    installed = replace(CUDA_BUILD, version=package)
    assert verdict(replace(SEES, version=told), environment(installed)).state == "ok"


def test_a_build_for_another_minor_serves_a_target(verdict: Evaluate) -> None:
    """envgen takes a build for an older minor where there is no other; the cuda-version dialect allows it."""
    package = replace(CUDA_BUILD, expected=Expectation("cuda", cuda=V("12.4")))
    assert verdict(replace(SEES, cuda=V("12.4")), environment(package, "cu126")).state == "ok"


def test_the_libraries_of_one_folder_are_one_issue(verdict: Evaluate) -> None:
    both = (FOREIGN, Library("/usr/local/cuda-12.4/lib64/libcublas.so.12", "foreign"))
    (issue,) = verdict(replace(SEES, libraries=both)).issues
    assert issue.text.startswith("loaded libcudart.so.12.4.127, libcublas.so.12 from outside")


@pytest.mark.parametrize(
    ("cudnn", "gpu", "warns"), [("9.10.2", V100, False), ("9.11.0", V100, True), ("9.13.0", T4, False), ("9", V100, False)]
)
def test_cudnn_has_its_own_floor(verdict: Evaluate, cudnn: str, gpu: Gpu, warns: bool) -> None:
    """From 9.11 on it has no code below 7.5; "9" alone, as TensorFlow says it, tells nothing."""
    answer = replace(SEES, cudnn=V(cudnn), devices=(Device(gpu.name, gpu.capability),))
    assert (("no-code-in-cudnn", "warning") in rules(verdict(answer, None, replace(HOST, gpus=(gpu,))))) == warns


def test_words_of_a_framework_stand_in_one_line(verdict: Evaluate) -> None:
    answer = replace(SEES, problems=(("import", "ImportError:\n\x1b[31mnumpy " + "x" * 9999 + "\n"),))
    reason = verdict(answer).reason
    assert reason.startswith("cannot be imported: ImportError: [31mnumpy xxx")
    assert reason.isprintable() and len(reason) < 400


# --- a framework without a probe script -----------------------------------------------------------------------------------

OWN = Library("/env/lib/libcudart.so.12", "environment")
UNKNOWN_BUILD = replace(CUDA_BUILD, package="pytorch 2.7.1 h0123456_0", expected=Expectation("unknown"))
FOR_118 = replace(CUDA_BUILD, expected=Expectation("cuda", cuda=V("11.8")))
NOTE = ("import-only", "note")
BY_PACKAGE: Mapping[str, tuple[Answer, InstalledEnvironment, list[tuple[str, str]]]] = {
    "a CPU build in a CUDA target": (ONLY_IMPORTED, environment(CPU_BUILD, "cu126"), [("cpu-build", "error"), NOTE]),
    "a CPU build in a CPU target": (ONLY_IMPORTED, environment(CPU_BUILD, "cpu"), [NOTE]),
    "a CUDA build in a CUDA target": (ONLY_IMPORTED, environment(CUDA_BUILD, "cu126"), [NOTE]),
    "a CUDA build in a CPU target": (ONLY_IMPORTED, environment(CUDA_BUILD, "cpu"), [("cuda-in-cpu", "warning"), NOTE]),
    "a build for another CUDA": (ONLY_IMPORTED, environment(FOR_118, "cu126"), [("other-cuda", "error"), NOTE]),
    "a build that says nothing": (ONLY_IMPORTED, environment(UNKNOWN_BUILD, "cu126"), [NOTE]),
    "libraries of the environment in a CPU target": (
        replace(ONLY_IMPORTED, libraries=(OWN,)),
        environment(UNKNOWN_BUILD, "cpu"),
        [("cuda-in-cpu", "warning"), NOTE],
    ),
    "a library from outside": (replace(ONLY_IMPORTED, libraries=(FOREIGN,)), environment(), [("foreign-library", "warning"), NOTE]),
    "a library from outside, of another major": (
        replace(ONLY_IMPORTED, libraries=(OTHER_FOREIGN,)),
        environment(),
        [("foreign-library", "error"), NOTE],
    ),
    "a library from outside, beside an unknown build": (
        replace(ONLY_IMPORTED, libraries=(OTHER_FOREIGN,)),
        environment(UNKNOWN_BUILD, "cu126"),
        [("foreign-library", "warning"), NOTE],
    ),
    "a module with a version of its own": (
        replace(ONLY_IMPORTED, version="4"),
        environment(),
        [("other-version", "warning"), NOTE],
    ),
    "a module from outside": (replace(ONLY_IMPORTED, outside=True), environment(), [("foreign-framework", "error"), NOTE]),
}


@pytest.mark.parametrize("machine", [BARE, HOST])
@pytest.mark.parametrize("name", BY_PACKAGE)
def test_without_a_probe_script_the_verdict_says_what_package_and_libraries_tell(
    verdict: Evaluate, name: str, machine: Machine
) -> None:
    answer, here, expected = BY_PACKAGE[name]
    assert rules(verdict(answer, here, machine)) == expected


@pytest.mark.parametrize(
    ("libraries", "text"), [((), "no CUDA libraries"), ((OWN,), "1 CUDA library"), ((OWN, OWN), "2 CUDA libraries")]
)
def test_the_reason_says_no_more_than_was_asked(verdict: Evaluate, libraries: tuple[Library, ...], text: str) -> None:
    assert verdict(replace(ONLY_IMPORTED, libraries=libraries)).reason == f"can be imported, and loads {text}"


# --- GPU code and libraries -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gpu", "code", "driver", "runs"),
    [
        ("7.0", "sm_70", "12.6", True),
        ("7.5", "sm_70", "12.6", True),  # a later minor of the same major
        ("7.0", "sm_75", "12.6", False),
        ("8.0", "sm_75", "12.6", False),
        ("8.7", "sm_86", "12.6", False),  # NVIDIA's exceptions
        ("8.9", "sm_86", "12.6", True),
        ("10.1", "sm_100", "12.8", False),
        ("10.3", "sm_100", "12.9", True),
        ("12.0", "sm_90 compute_90", "12.6", True),  # PTX is compiled for what comes later
        ("12.0", "sm_90 compute_90", "12.4", False),  # not by a driver that does not know its version
        ("8.0", "compute_90", "12.6", False),
        ("9.0", "sm_90a", "12.6", True),
        ("9.1", "sm_90a", "12.6", False),
        ("10.3", "sm_100f", "12.9", True),
        ("12.0", "sm_100f", "12.9", False),
        ("7.0", "gfx90a", "12.6", None),
        ("7.0", "", "12.6", None),
    ],
)
def test_code_runs_by_the_rules_of_binary_and_ptx_compatibility(gpu: str, code: str, driver: str, runs: bool | None) -> None:
    assert has_code(V(gpu), code.split(), compiles=V(driver) >= V("12.6")) is runs


@pytest.mark.parametrize(
    ("gpu", "code", "runs"),
    [("8.7", "sm_80 sm_86 sm_90", False), ("8.7", "sm_87", True), ("8.7", "sm_80 compute_80", False), ("7.2", "sm_70", False)],
)
def test_on_a_tegra_only_code_for_just_its_capability_counts(gpu: str, code: str, runs: bool) -> None:
    assert has_code(V(gpu), code.split(), tegra=True) is runs


@pytest.mark.parametrize(
    ("file", "name", "major"),
    [
        ("libcudart.so.12", "cudart", 12),
        ("libcudart-d0da41ae.so.11.0", "cudart", 11),
        ("libcublasLt.so.13", "cublasLt", 13),
        ("libnvrtc-builtins.so.12.6", "nvrtc", 12),
        ("libcupti.so.12", "cupti", 12),
        ("libcudnn_ops_infer.so.8", "cudnn", 8),
        ("libcufft.so.11", "cufft", 11),
        ("libcusparseLt.so.0", "cusparseLt", 0),
        ("libcudart.so", "cudart", None),
        ("libcuda.so.1", "", 1),
        ("libcurl.so.4", "", 4),
        ("libtorch_cuda.so", "", None),
        ("libOpenCL.so.1", "", 1),
        ("libcudart.a", "", None),
    ],
)
def test_a_file_name_tells_the_library_and_its_major(facts: Facts, file: str, name: str, major: int | None) -> None:
    assert cuda_name(facts.matrix.catalogue, file) == name
    assert soname_major(Library(f"/x/{file}", "foreign")) == major


@pytest.mark.parametrize(
    ("name", "does"),
    [("cudart", True), ("cublas", True), ("cublasLt", True), ("nvrtc", True), ("cupti", True)]
    + [("cufft", False), ("cusparse", False), ("cusolver", False), ("cudnn", False), ("nccl", False), ("", False)],
)
def test_some_libraries_count_like_cuda(facts: Facts, name: str, does: bool) -> None:
    """cuFFT 11 and cuSPARSE 12 are both of CUDA 12."""
    assert counts_like_cuda(facts.matrix.catalogue, name) is does


# --- laws -----------------------------------------------------------------------------------------------------------------

builds: st.SearchStrategy[BuildKind] = st.sampled_from(["cpu", "cuda", "unknown"])
versions = st.sampled_from([None, V("10.2"), V("11.8"), V("12"), V("12.6"), V("13.0"), V("99.9")])
texts = st.sampled_from(["", "x", "libcudnn.so.8: cannot open shared object file", "no kernel image", "\u2603 \x00"])
codes = st.lists(st.sampled_from(["sm_70", "sm_90a", "compute_90", "gfx90a", "", "sm_", "sm_1000"]), max_size=3).map(tuple)
paths = st.sampled_from(["/env/lib/libcudart.so.12", "/x/stubs/libcuda.so.1", "libcublas.so.11", "/usr/lib/libcudnn.so.8", "/"])
libraries = st.builds(
    Library, paths, st.sampled_from(["environment", "driver", "foreign"]), st.sampled_from(["", "cudart", "cublas", "cudnn", "x"])
)
devices = st.builds(Device, texts, st.sampled_from([None, V("3.5"), V("7.5"), V("12.0")]))
steps = st.sampled_from(["import", "build", "devices", "matmul", "libraries"])
answers = st.builds(
    Answer,
    framework=st.sampled_from(["pytorch", "tensorflow", "jax", "cupy", "other"]),
    process=st.builds(ProcessResult, st.sampled_from([None, 0, 1, -6, -9, -11, -250]), texts),
    done=st.booleans(),
    step=steps,
    version=texts,
    outside=st.booleans(),
    build=builds,
    cuda=versions,
    cudnn=versions,
    available=st.sampled_from([None, True, False]),
    devices=st.lists(devices, max_size=3).map(tuple),
    code=codes,
    ran_on=st.sampled_from(["", "gpu", "cpu", "mps"]),
    agrees=st.sampled_from([None, True, False]),
    problems=st.lists(st.tuples(steps, texts), max_size=2).map(tuple),
    libraries=st.lists(libraries, max_size=3).map(tuple),
)
machines = st.builds(
    Machine,
    driver=st.sampled_from([None, V("470.57.2"), V("560.35.3"), V("999")]),
    cuda=versions,
    gpus=st.lists(st.sampled_from([T4, V100]), max_size=2).map(tuple),
    note=texts,
)
expectations = st.builds(Expectation, builds, versions)
launches = st.builds(
    LaunchEnvironment,
    visible_devices=st.sampled_from([None, "", "0", "1,x"]),
    library_path=st.just((("/usr/lib", "/usr/lib"), ("/x", "/"))),
    system=st.sampled_from(["linux", "windows"]),
    shadowing=st.sampled_from([{}, {"/x": ("libcudart.so.12",)}]),
)
environments = st.builds(
    lambda expected, installed: InstalledEnvironment(
        prefix=Path("/env"), target="", expected=expected, frameworks={found.framework: found for found in installed}
    ),
    st.none() | expectations,
    st.lists(
        st.builds(
            InstalledFramework,
            framework=st.sampled_from(["pytorch", "jax"]),
            module=st.just("torch"),
            package=texts,
            version=texts,
            expected=expectations,
        ),
        max_size=2,
    ),
)


@given(answers, environments, machines, launches)
def test_with_cuda_required_no_error_means_that_a_gpu_computed(
    facts: Facts, answer: Answer, here: InstalledEnvironment, machine: Machine, launch: LaunchEnvironment
) -> None:
    found = evaluate(answer, replace(here, cuda_required=True), machine, launch, facts.matrix)
    assert found.state == "error" or (answer.ran_on == "gpu" and answer.sees_gpu)


@given(answers, environments, machines, launches)
def test_any_answer_has_a_verdict_with_a_reason(
    facts: Facts, answer: Answer, here: InstalledEnvironment, machine: Machine, launch: LaunchEnvironment
) -> None:
    found = evaluate(answer, here, machine, launch, facts.matrix)
    assert found.state in STATES
    assert found.reason
    assert all(issue.severity in STATES[1:] and issue.text for issue in found.issues)


@given(answers, machines, launches)
def test_a_sound_cpu_build_without_a_gpu_is_never_an_error_for_cpu(
    facts: Facts, answer: Answer, machine: Machine, launch: LaunchEnvironment
) -> None:
    sound = replace(answer, done=True, available=False, devices=(), problems=(), version="2.7.1", process=FINE, outside=False)
    sound = replace(sound, framework="pytorch", build="cpu", cuda=None, cudnn=None, agrees=True)
    assert evaluate(sound, environment(CPU_BUILD, "cpu"), machine, launch, facts.matrix).state in ("ok", "warning")
    assert evaluate(replace(sound, libraries=()), environment(CPU_BUILD), machine, launch, facts.matrix).state == "ok"


@given(answers, machines, launches)
def test_an_expected_gpu_that_is_not_seen_is_always_an_error(
    facts: Facts, answer: Answer, machine: Machine, launch: LaunchEnvironment
) -> None:
    blind = replace(answer, available=False)
    assert evaluate(blind, environment(CUDA_BUILD, "cu126"), machine, launch, facts.matrix).state == "error"


@given(st.lists(answers, max_size=4), environments, machines)
def test_the_whole_is_as_bad_as_its_worst_part(
    facts: Facts, told: list[Answer], here: InstalledEnvironment, machine: Machine
) -> None:
    verdicts = tuple(evaluate(answer, here, machine, LaunchEnvironment(), facts.matrix) for answer in told)
    states = {verdict.state for verdict in verdicts}
    whole = ProbeResult(here, machine, verdicts).state
    assert whole == next((state for state in reversed(STATES) if state in states), "ok") == worst(states)


@given(answers, environments, machines, launches)
def test_without_a_probe_script_an_error_is_one_of_what_was_seen(
    facts: Facts, answer: Answer, here: InstalledEnvironment, machine: Machine, launch: LaunchEnvironment
) -> None:
    imported = replace(ONLY_IMPORTED, framework=answer.framework, version=answer.version, libraries=answer.libraries)
    found = evaluate(imported, here, machine, launch, facts.matrix)
    errors = {issue.rule for issue in found.issues if issue.severity == "error"}
    package = here.frameworks.get(answer.framework)
    build, cuda = (package.expected.build, package.expected.cuda) if package else ("unknown", None)
    wanted = found.expected
    allowed = {"cpu-build"} if (build, wanted.build) == ("cpu", "cuda") else set()
    allowed |= {"other-cuda"} if cuda and wanted.cuda and cuda.major != wanted.cuda.major else set()
    allowed |= {"foreign-library"} if cuda and any(library.origin == "foreign" for library in imported.libraries) else set()
    assert errors <= allowed
