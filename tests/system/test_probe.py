"""`envgen probe` on environments that are installed for real, from packages that stand in for the frameworks (see frameworks)."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, Workspace, clean_environment, repository
from nvml.build import FakeNvml, absent_nvml, changes
from system import frameworks, stand_in
from system.processes import ends

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for Python is a link")
needs_compiler = pytest.mark.skipif(frameworks.compiler() is None, reason="no C compiler for libraries of Linux")

T4, V100, RTX = "Tesla T4:7.5", "Tesla V100:7.0", "NVIDIA GeForce RTX 5090:12.0"
Machine = Mapping[str, str]
Make = Callable[..., Path]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("probe")
    return repository(folder / "repository", clean_environment(folder))


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Install packages beside the stand-in for Python."""
    return lambda *packages: stand_in.environment(tmp_path_factory.mktemp("made"), [stand_in.python_package(), *packages])


@pytest.fixture(scope="module")
def cpu(make: Make) -> Path:
    return make(*frameworks.torch("2.7.1"), *frameworks.tensorflow("2.19.1"), *frameworks.jax("0.7.2"))


@pytest.fixture(scope="module")
def cuda(make: Make) -> Path:
    packages = [*frameworks.torch("2.7.1", "12.6"), *frameworks.tensorflow("2.19.1", "12.6"), *frameworks.jax("0.7.2", "12.6")]
    return make(*packages, *frameworks.cupy("13.6.0", "12.6"))


@pytest.fixture(scope="module")
def torch(make: Make) -> Path:
    return make(*frameworks.torch("2.7.1", "12.6"))


def machine(fake: Mapping[str, str], **more: str) -> dict[str, str]:
    """A made-up machine, with variables of its own."""
    return {**changes(fake), **more}


def bare() -> dict[str, str]:
    return machine(absent_nvml())


def probe(site: Workspace, prefix: Path, here: Machine, *words: object) -> tuple[int, dict[str, Any]]:
    """The status and the JSON of a probe that says nothing on stderr."""
    done = site.envgen("probe", "--prefix", prefix, "--json", *words, **here)
    assert done.err == ""
    return done.status, json.loads(done.out)


def states(found: Mapping[str, Any]) -> dict[str, str]:
    return {row["framework"]: row["state"] for row in found["frameworks"]}


def rules(found: Mapping[str, Any]) -> list[list[str]]:
    return [[issue["rule"] for issue in row["issues"]] for row in found["frameworks"]]


# --- right ----------------------------------------------------------------------------------------------------------------


def test_cpu_builds_are_right_without_a_driver_and_with_one(site: Workspace, nvml: FakeNvml, cpu: Path) -> None:
    for here in (bare(), machine(nvml(driver="560.35.03", cuda=12060, gpus=T4))):
        status, found = probe(site, cpu, here)
        assert (status, found["state"]) == (0, "ok")
        assert states(found) == {"pytorch": "ok", "tensorflow": "ok", "jax": "ok"}
        assert [(row["cuda_build"], row["ran_on"], row["agrees"], row["libraries"]) for row in found["frameworks"]] == [
            (False, "cpu", True, [])
        ] * 3


def test_cuda_builds_are_right_where_they_compute_on_the_gpu(site: Workspace, nvml: FakeNvml, cuda: Path) -> None:
    status, found = probe(site, cuda, machine(nvml(driver="560.35.03", cuda=12060, gpus=T4)))
    assert (status, found["state"]) == (0, "ok"), found
    assert states(found) == {"pytorch": "ok", "tensorflow": "ok", "jax": "ok", "cupy": "ok"}
    for row in found["frameworks"]:
        assert (row["cuda"], row["ran_on"], row["agrees"]) == ("12.6", "gpu", True)
        assert row["devices"] == [{"name": "Tesla T4", "capability": "7.5"}]


@needs_compiler
def test_the_libraries_are_of_the_environment_and_of_the_driver(site: Workspace, nvml: FakeNvml, torch: Path) -> None:
    _, found = probe(site, torch, machine(nvml(driver="560.35.03", cuda=12060, gpus=T4)))
    told = {(Path(row["path"]).name, row["origin"]) for row in found["frameworks"][0]["libraries"]}
    assert told == {("libcudart.so.12.6.77", "environment"), ("libnvidia-ml.so.1", "driver")}


def test_people_get_a_table_and_the_reason_of_each_verdict(site: Workspace, cpu: Path, cuda: Path) -> None:
    good = site.envgen("probe", "--prefix", cpu, **bare())
    assert (good.status, good.err, "\x1b" in good.out) == (0, "", False)
    assert "pytorch: ok: sees no GPU, as expected of a CPU build\n" in good.out
    bad = site.envgen("probe", "--prefix", cuda, "--framework", "tensorflow", **bare())
    assert (bad.status, bad.err) == (1, "")
    assert [*bad.out.splitlines()[2].split()] == ["tensorflow", "2.19.1", "CUDA", "12.6", "CUDA", "12.6", "none", "cpu", "error"]
    assert "machine: no NVIDIA driver (libnvidia-ml not found)\n" in bad.out
    assert (
        "tensorflow: error: sees no GPU: no NVIDIA driver (libnvidia-ml not found) [no-driver]\n    hint: install the driver"
        in bad.out
    )
    assert "pytorch" not in bad.out


def test_the_active_environment_is_asked_where_none_is_named(site: Workspace, cpu: Path) -> None:
    done = site.envgen("probe", "--framework", "jax", "--json", CONDA_PREFIX=str(cpu), **bare())
    assert (done.status, json.loads(done.out)["prefix"]) == (0, str(cpu))


def test_a_probe_needs_no_repository(tmp_path: Path, cpu: Path) -> None:
    done = Workspace(tmp_path, clean_environment(tmp_path)).envgen("probe", "--prefix", cpu, **bare())
    assert (done.status, done.err) == (0, "")


def test_a_probe_leaves_the_environment_as_it_is(site: Workspace, cpu: Path) -> None:
    before = sorted(path for path in cpu.rglob("*"))
    probe(site, cpu, bare())
    assert sorted(path for path in cpu.rglob("*")) == before


# --- a GPU is meant and not seen --------------------------------------------------------------------------------------------


def test_without_a_driver_every_cuda_build_says_so(site: Workspace, cuda: Path) -> None:
    status, found = probe(site, cuda, bare())
    assert (status, rules(found)) == (1, [["no-driver"]] * 4)


def test_a_driver_that_is_too_old_is_told_with_its_floor(site: Workspace, nvml: FakeNvml, cuda: Path) -> None:
    status, found = probe(site, cuda, machine(nvml(driver="470.57.02", cuda=11040, gpus=T4)))
    assert (status, rules(found)) == (1, [["driver-too-old"]] * 4)
    assert found["frameworks"][0]["reason"] == "sees no GPU: CUDA 12.6 requires driver 525.60.13 or newer, and this is 470.57.02"


def test_minor_version_compatibility_is_no_error(site: Workspace, nvml: FakeNvml, torch: Path) -> None:
    status, found = probe(site, torch, machine(nvml(driver="535.104.05", cuda=12020, gpus=T4)))
    assert (status, rules(found)) == (0, [["newer-than-driver"]])


def test_a_build_that_compiles_with_an_older_cuda_than_its_own_is_right(site: Workspace, nvml: FakeNvml, make: Make) -> None:
    """CuPy compiles with the environment's NVRTC, not with that of the CUDA that it was built with."""
    here = machine(nvml(driver="535.104.05", cuda=12020, gpus=T4))
    status, found = probe(site, make(*frameworks.cupy("13.6.0", "12.6", nvrtc="12.2")), here)
    assert (status, rules(found), found["frameworks"][0]["compiler"]) == (0, [[]], "12.2")
    status, found = probe(site, make(*frameworks.cupy("13.6.0", "12.0", nvrtc="12.6")), here)
    assert (status, rules(found)) == (0, [["newer-than-driver"]])
    assert found["frameworks"][0]["issues"][0]["text"].startswith("compiles at run time with CUDA 12.6")


def test_a_build_that_cannot_compile_is_an_error(site: Workspace, nvml: FakeNvml, make: Make) -> None:
    here = machine(nvml(driver="560.35.03", cuda=12060, gpus=T4))
    status, found = probe(site, make(*frameworks.cupy("13.6.0", "12.6", nvrtc=None)), here)
    assert (status, rules(found)) == (1, [["matmul-failed"]])
    assert "failed to load libnvrtc.so.12" in found["frameworks"][0]["reason"]


def test_a_driver_without_a_gpu_is_told(site: Workspace, nvml: FakeNvml, torch: Path) -> None:
    status, found = probe(site, torch, machine(nvml(driver="560.35.03", cuda=12060)))
    assert (status, rules(found)) == (1, [["no-gpu"]])


@pytest.mark.parametrize("visible", ["", "-1", "2"])
def test_hidden_gpus_are_told(site: Workspace, nvml: FakeNvml, cuda: Path, visible: str) -> None:
    here = machine(nvml(driver="560.35.03", cuda=12060, gpus=f"{T4},{V100}"), CUDA_VISIBLE_DEVICES=visible)
    status, found = probe(site, cuda, here)
    assert (status, rules(found)) == (1, [["hidden"]] * 4)


def test_one_gpu_hidden_of_two_is_a_note(site: Workspace, nvml: FakeNvml, cuda: Path) -> None:
    here = machine(nvml(driver="560.35.03", cuda=12060, gpus=f"{T4},{V100}"), CUDA_VISIBLE_DEVICES="1")
    status, found = probe(site, cuda, here)
    assert (status, rules(found)) == (0, [["some-hidden"]] * 4)
    assert found["frameworks"][0]["devices"] == [{"name": "Tesla V100", "capability": "7.0"}]
    assert found["frameworks"][0]["issues"][0]["text"] == "sees 1 of 2 GPUs: CUDA_VISIBLE_DEVICES=1"


def test_a_gpu_without_code_in_the_build_is_told(site: Workspace, nvml: FakeNvml, make: Make) -> None:
    env = make(*frameworks.torch("2.6.0", "12.6", code=("sm_80", "sm_90")))
    status, found = probe(site, env, machine(nvml(driver="580.65.06", cuda=13000, gpus=RTX)))
    assert (status, found["frameworks"][0]["reason"]) == (
        1,
        "has no code for NVIDIA GeForce RTX 5090 (compute capability 12.0), only sm_80 sm_90",
    )
    assert found["frameworks"][0]["problems"][0]["step"] == "matmul"


def test_a_convolution_that_will_fail_is_foretold(site: Workspace, nvml: FakeNvml, make: Make) -> None:
    """cuDNN 9.13 has no code for a V100, though torch has; the matmul does not need it."""
    env = make(*frameworks.torch("2.7.1", "12.6", cudnn=91300))
    status, found = probe(site, env, machine(nvml(driver="560.35.03", cuda=12060, gpus=V100)))
    assert (status, found["state"], rules(found)) == (0, "warning", [["no-code-in-cudnn"]])


@pytest.mark.parametrize("word", ["--target", "mark"])
def test_a_cpu_build_in_a_cuda_target_is_the_silent_error_that_this_is_for(
    site: Workspace, nvml: FakeNvml, make: Make, word: str
) -> None:
    env = make(*frameworks.torch("2.7.1"))
    if word == "mark":
        mark = {"project": "vision", "target": "cu126", "lock": "0", "platform": "linux-64"}
        (env / "conda-meta" / "envgen").write_text(json.dumps(mark))
    words = ("--target", "cu126") if word == "--target" else ()
    status, found = probe(site, env, machine(nvml(driver="560.35.03", cuda=12060, gpus=T4)), *words)
    assert (status, found["target"], rules(found)) == (1, "cu126", [["cpu-build"]])


# --- a GPU is seen, or a CUDA build is there, and should not be -----------------------------------------------------------


def test_a_gpu_seen_in_a_cpu_target_is_an_error_and_a_blind_cuda_build_a_warning(
    site: Workspace, nvml: FakeNvml, torch: Path
) -> None:
    status, found = probe(site, torch, machine(nvml(driver="560.35.03", cuda=12060, gpus=T4)), "--target", "cpu")
    assert (status, rules(found)) == (1, [["gpu-in-cpu"]])
    status, found = probe(site, torch, bare(), "--target", "cpu")
    assert (status, rules(found), found["state"]) == (0, [["cuda-in-cpu"]], "warning")


def test_a_build_for_another_major_than_the_target_is_an_error(site: Workspace, nvml: FakeNvml, torch: Path) -> None:
    status, found = probe(site, torch, machine(nvml(driver="560.35.03", cuda=12060, gpus=T4)), "--target", "cu118")
    assert (status, rules(found)) == (1, [["other-cuda"]])


# --- from outside ---------------------------------------------------------------------------------------------------------


@needs_compiler
def test_a_toolkit_in_ld_library_path_wins_and_is_named(site: Workspace, nvml: FakeNvml, torch: Path, tmp_path: Path) -> None:
    """The loader takes LD_LIBRARY_PATH before the RUNPATH of the environment's own libraries."""
    foreign = frameworks.cudart(tmp_path / "cuda-12.4" / "lib64", "12.4")
    (tmp_path / "cuda").symlink_to("cuda-12.4")
    here = machine(nvml(driver="560.35.03", cuda=12060, gpus=T4))
    here["LD_LIBRARY_PATH"] = f"{here['LD_LIBRARY_PATH']}:{tmp_path}/cuda/lib64"
    status, found = probe(site, torch, here)
    assert (status, found["state"], rules(found)) == (0, "warning", [["foreign-library"]])
    assert found["frameworks"][0]["issues"][0] == {
        "rule": "foreign-library",
        "severity": "warning",
        "text": f"loaded libcudart.so.12 from outside the environment: {foreign.parent}",
        "hint": f"LD_LIBRARY_PATH contains {tmp_path}/cuda/lib64; try without it",
    }


@needs_compiler
def test_a_library_of_another_major_from_outside_is_an_error(site: Workspace, nvml: FakeNvml, make: Make, tmp_path: Path) -> None:
    foreign = frameworks.cudart(tmp_path / "cuda-11.8", "11.8")
    env = make(*frameworks.torch("2.7.1", "12.6", at_import=f"import ctypes; ctypes.CDLL({str(foreign)!r})"))
    status, found = probe(site, env, machine(nvml(driver="560.35.03", cuda=12060, gpus=T4)))
    assert (status, rules(found)) == (1, [["foreign-library"]])
    assert "but the build is for CUDA 12.6 and cuDNN 9.10.0" in found["frameworks"][0]["reason"]


def test_a_framework_from_another_place_is_not_the_environments(site: Workspace, cpu: Path, make: Make) -> None:
    other = make(*frameworks.torch("2.6.0"))
    here = bare()
    here["PYTHONPATH"] = os.pathsep.join((here["PYTHONPATH"], str(other / stand_in.SITE)))
    status, found = probe(site, cpu, here, "--framework", "pytorch")
    assert (status, rules(found)) == (1, [["other-version", "foreign-framework"]])
    assert found["frameworks"][0]["origin"].startswith(str(other))


@needs_compiler
def test_a_missing_library_is_named(site: Workspace, make: Make) -> None:
    env = make(*frameworks.torch("2.7.1", "12.6", at_import="import ctypes; ctypes.CDLL('libcudnn.so.9')"))
    status, found = probe(site, env, bare())
    assert (status, rules(found)) == (1, [["missing-library"]])
    assert found["frameworks"][0]["reason"] == "cannot be imported: libcudnn.so.9 is missing or cannot be loaded"


# --- what gives no answer ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "rule", "text"),
    [
        ("import os; os.kill(os.getpid(), 11)", "crashed", "crashed with SIGSEGV, in the step `import`"),
        ("import os; os.abort()", "crashed", "crashed with SIGABRT, in the step `import`"),
        ("raise ImportError('no numpy')", "import-failed", "cannot be imported: ImportError: no numpy"),
        ("import os; os._exit(3)", "no-answer", "exited early with status 3, in the step `import`"),
        ("import time; time.sleep(600)", "timed-out", "gave no answer within 4 s, in the step `import`"),
    ],
)
def test_one_that_gives_no_answer_does_not_keep_the_others_from_answering(
    site: Workspace, make: Make, code: str, rule: str, text: str
) -> None:
    env = make(*frameworks.torch("2.7.1", at_import=code), *frameworks.jax("0.7.2"))
    status, found = probe(site, env, bare(), "--timeout", "4")
    assert (status, rules(found), states(found)) == (1, [[], [rule]], {"jax": "ok", "pytorch": "error"})
    assert found["frameworks"][1]["reason"].startswith(text)


@pytest.fixture
def hanging(site: Workspace, make: Make, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A probe that waits for a framework, and the process that it waits for."""
    pid = tmp_path / "pid"
    code = f"""
import os, time
with open({str(pid)!r} + "-", "w") as file:
    file.write(str(os.getpid()))
os.rename({str(pid)!r} + "-", {str(pid)!r})
time.sleep(600)
"""
    env = make(*frameworks.torch("2.7.1", at_import=code))
    argv = [sys.executable, "-m", "envgen", "probe", "--prefix", str(env)]
    here = {**site.environment, **bare()}
    with subprocess.Popen(argv, cwd=site.root, env=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not pid.exists():
            assert process.poll() is None
            time.sleep(0.02)
        yield process, int(pid.read_text())


def test_ctrl_c_leaves_no_process(hanging: tuple[subprocess.Popen[str], int]) -> None:
    process, pid = hanging
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, "Traceback" in err) == (130, "", False)
    assert ends(pid)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ends a process with its parent")
def test_a_probe_that_is_killed_leaves_no_process(hanging: tuple[subprocess.Popen[str], int]) -> None:
    process, pid = hanging
    process.kill()
    process.communicate(timeout=60)
    assert ends(pid)


# --- a framework without a probe script -----------------------------------------------------------------------------------


def one(site: Workspace, env: Path, *words: object, **variables: str) -> tuple[int, dict[str, Any]]:
    """The status of a probe of one module, and what it found."""
    status, found = probe(site, env, {**bare(), **variables}, "--framework", "loom", *words)
    (row,) = found["frameworks"]
    return status, row


def test_any_module_is_imported_and_its_version_and_libraries_are_told(site: Workspace, make: Make) -> None:
    status, row = one(site, make(*frameworks.unscripted("loom", "3.1.4", "12.6")))
    assert (status, row["state"], row["version"]) == (0, "note", "3.1.4")
    assert [issue["rule"] for issue in row["issues"]] == ["import-only", "no-target"]
    assert (row["available"], row["devices"], row["ran_on"], row["agrees"], row["problems"]) == (None, [], None, None, [])
    if frameworks.compiler():
        assert [(Path(library["path"]).name, library["origin"]) for library in row["libraries"]] == [
            ("libcudart.so.12.6.77", "environment")
        ]
        assert row["reason"] == "can be imported, and loads 1 CUDA library"


def test_a_module_that_crashes_when_it_is_imported_is_an_error(site: Workspace, make: Make) -> None:
    status, row = one(site, make(*frameworks.unscripted("loom", "3.1.4", at_import="import os; os.kill(os.getpid(), 11)")))
    assert (status, row["state"], [issue["rule"] for issue in row["issues"]]) == (1, "error", ["crashed"])
    assert row["reason"] == "crashed with SIGSEGV, in the step `import`"


def test_a_module_that_raises_when_it_is_imported_is_an_error(site: Workspace, make: Make) -> None:
    """Not the one that is missing is reported, but the one that lacks another."""
    status, row = one(site, make(*frameworks.unscripted("loom", "3.1.4", at_import="import shuttle")))
    assert (status, [issue["rule"] for issue in row["issues"]]) == (1, ["import-failed"])
    assert row["reason"] == "cannot be imported: ModuleNotFoundError: No module named 'shuttle'"


@pytest.fixture
def known(site: Workspace) -> Iterator[Workspace]:
    """A repository whose matrices know the framework `loom`; envgen itself does not."""
    path = site.root / "matrices" / "loom.yaml"
    path.write_text("framework: loom\nbecause: https://loom.example\npackages:\n  - {conda: [loom]}\n", encoding="utf-8")
    yield site
    path.unlink()


def test_a_framework_that_only_the_matrices_know_is_probed_like_any_other(known: Workspace, make: Make) -> None:
    env = make(*frameworks.unscripted("loom", "3.1.4"), *frameworks.torch("2.7.1"))
    status, found = probe(known, env, bare())
    assert (status, states(found)) == (0, {"loom": "note", "pytorch": "ok"})
    status, found = probe(known, env, bare(), "--target", "cu126")
    assert (status, states(found)) == (1, {"loom": "error", "pytorch": "error"})
    assert rules(found) == [["cpu-build", "import-only"], ["cpu-build"]]
    loom = found["frameworks"][0]
    assert loom["reason"] == f"is a CPU build ({loom['package']}), which sees no GPU on any machine"


@needs_compiler
def test_a_library_that_a_module_loads_from_outside_is_named(site: Workspace, make: Make, tmp_path: Path) -> None:
    foreign = frameworks.cudart(tmp_path / "cuda-12.4" / "lib64", "12.4")
    env = make(*frameworks.unscripted("loom", "3.1.4", "12.6"))
    status, row = one(site, env, "--target", "cu126", LD_LIBRARY_PATH=str(foreign.parent))
    assert (status, row["state"], row["libraries"]) == (0, "warning", [{"path": str(foreign), "origin": "foreign"}])
    assert row["reason"] == f"loaded libcudart.so.12 from outside the environment: {foreign.parent}"
    assert row["issues"][0]["hint"] == f"LD_LIBRARY_PATH contains {foreign.parent}; try without it"


@needs_compiler
def test_cuda_libraries_in_an_environment_for_cpu_are_a_warning(site: Workspace, make: Make) -> None:
    status, row = one(site, make(*frameworks.unscripted("loom", "3.1.4", "12.6")), "--target", "cpu")
    assert (status, [issue["rule"] for issue in row["issues"]]) == (0, ["cuda-in-cpu", "import-only"])


# --- bad input ------------------------------------------------------------------------------------------------------------


def refused(done: Run, *texts: str) -> None:
    assert (done.status, done.out, "Traceback" in done.err) == (2, "", False)
    assert all(text in done.err for text in texts), done.err


def test_what_cannot_be_asked_is_bad_input(site: Workspace, cpu: Path, make: Make, tmp_path: Path) -> None:
    refused(site.envgen("probe"), "no environment is active", "hint: activate one, or give --prefix")
    refused(site.envgen("probe", "--prefix", tmp_path), "not a conda environment: it has no conda-meta")
    refused(site.envgen("probe", "--prefix", tmp_path / "none"), "not a conda environment")
    refused(site.envgen("probe", "--prefix", make()), "no framework of the matrices is installed", "hint: name another")
    refused(
        site.envgen("probe", "--prefix", cpu, "--framework", "cupy"), "`cupy` is not installed", "installed here: jax, pytorch, ten"
    )
    refused(
        site.envgen("probe", "--prefix", cpu, "--framework", "mxnet"),
        "`mxnet` is not installed",
        "installed here: jax, pytorch, ten",
    )
    refused(
        site.envgen("probe", "--prefix", cpu, "--target", "gpu"),
        "--target: `gpu` depends on the machine, and an environment was made for one",
    )
    for timeout in ("0", "-1", "0.5", "soon", "nan", "86401"):
        refused(site.envgen("probe", "--prefix", cpu, "--timeout", timeout), "--timeout")


def test_an_environment_without_its_python_is_bad_input(site: Workspace, cpu: Path, tmp_path: Path) -> None:
    shutil.copytree(cpu, tmp_path / "env", symlinks=True)
    python = tmp_path / "env" / "bin" / "python"
    python.unlink()
    refused(site.envgen("probe", "--prefix", tmp_path / "env"), "this environment has no Python")
    python.write_text("not a program")
    refused(site.envgen("probe", "--prefix", tmp_path / "env"), "cannot start", "hint: the environment is broken")
