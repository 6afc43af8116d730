"""What `nvml.inspect` owes its callers, over real pynvml code and a made-up NVML, in child processes with warnings as errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from conftest import made_once
from nvml.build import FakeNvml, absent_nvml, build_fake_nvml, double_nvml, fake_nvml
from packaging.version import Version

from envgen.model.gpu import Gpu
from envgen.model.machine import Machine

ROOT = Path(__file__).parent.parent
V100 = Gpu(name="Tesla V100-SXM2-16GB", capability=Version("7.0"))
A100 = Gpu(name="NVIDIA A100-SXM4-40GB", capability=Version("8.0"))
TWO = "Tesla V100-SXM2-16GB:7.0,NVIDIA A100-SXM4-40GB:8.0"
TELL = """
import json
from envgen.machine.nvml import inspect
m = inspect()
gpus = [[gpu.name, str(gpu.capability)] for gpu in m.gpus]
print(json.dumps({"driver": m.driver and str(m.driver), "cuda": m.cuda and str(m.cuda), "gpus": gpus, "note": m.note}))
"""
OLD_FINDER = """
import sys, warnings
class Finder:  # as in _pynvml_redirector.py of pynvml 13.0.1
    def find_spec(self, name, path, target=None):
        if name == "pynvml":
            warnings.warn({text!r}, FutureWarning, stacklevel=2)
sys.meta_path.insert(0, Finder())
"""


@pytest.fixture(scope="session")
def library() -> FakeNvml:
    made_up = fake_nvml(made_once("nvml", build_fake_nvml))
    if made_up.variable != "LD_LIBRARY_PATH":
        pytest.skip("no C compiler for a Linux library; the double is tested all the same")
    return made_up


@pytest.fixture(params=["library", "double"])
def nvml(request: pytest.FixtureRequest) -> FakeNvml:
    fake: FakeNvml = request.getfixturevalue("library") if request.param == "library" else double_nvml()
    return fake


# Forks for each line that it reads: most of a child's time would be imports. pynvml alone is left to the children, not what it imports.
FORKS = """
import ctypes.util, json, os, string, sys, tempfile
import envgen.machine.nvml
for line in sys.stdin:
    code, environment = json.loads(line)
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        if not os.fork():
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            os.environ.clear()
            os.environ.update(environment)
            exec(code, {"__name__": "__main__"})
            sys.exit()
        status = os.waitstatus_to_exitcode(os.wait()[1])
        out.seek(0), err.seek(0)
        print(json.dumps([status, out.read(), err.read()]), flush=True)
"""
STARTED = ExitStack()


@pytest.fixture(scope="module", autouse=True)
def _ended() -> Iterator[None]:
    with STARTED:
        yield
    forking.cache_clear()


@cache
def forking(places: tuple[tuple[str, str], ...]) -> subprocess.Popen[str]:
    """A process that forks children, with the variables that count when a process starts."""
    command = [sys.executable, "-W", "error", "-c", FORKS]
    process = subprocess.Popen(command, env=dict(places), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return STARTED.enter_context(process)


def child(code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    if not hasattr(os, "fork"):
        return new_child(code, environment)
    process = forking(tuple((name, environment[name]) for name in ("LD_LIBRARY_PATH", "PYTHONPATH") if name in environment))
    assert process.stdin and process.stdout
    process.stdin.write(f"{json.dumps([code, environment])}\n")
    process.stdin.flush()
    return subprocess.CompletedProcess(code, *json.loads(process.stdout.readline()))


def new_child(code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def ask(environment: dict[str, str], before: str = "") -> Machine:
    """`inspect()` in a child that first runs `before`; it must end well and print nothing of its own."""
    done = child(before + TELL, environment)
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    return Machine(
        driver=Version(told["driver"]) if told["driver"] else None,
        cuda=Version(told["cuda"]) if told["cuda"] else None,
        gpus=tuple(Gpu(name=name, capability=Version(capability)) for name, capability in told["gpus"]),
        note=told["note"],
    )


# --- a machine that answers ---------------------------------------------------------------------------------------------


def test_one_gpu_is_told_with_driver_and_cuda_and_no_note(nvml: FakeNvml) -> None:
    machine = ask(nvml(driver="535.104.05", cuda=12020, gpus="Tesla V100-SXM2-16GB:7.0"))
    assert machine == Machine(driver=Version("535.104.05"), cuda=Version("12.2"), gpus=(V100,))


def test_different_gpus_are_told_in_nvmls_order(nvml: FakeNvml) -> None:
    assert ask(nvml(gpus=TWO)).gpus == (V100, A100)
    assert ask(nvml(gpus=",".join(reversed(TWO.split(","))))).gpus == (A100, V100)


def test_gpus_hidden_from_cuda_are_told_too(nvml: FakeNvml) -> None:
    assert ask(nvml(gpus=TWO) | {"CUDA_VISIBLE_DEVICES": "1"}).gpus == (V100, A100)


@pytest.mark.parametrize(
    ("driver", "number", "cuda"),
    [
        ("450.80.02", 11000, "11.0"),
        ("520.61.05", 11080, "11.8"),
        ("550.54.14", 12040, "12.4"),
        ("580.65.06", 13000, "13.0"),
        ("999.1", 13110, "13.11"),
    ],
)
def test_cuda_is_decoded_to_major_and_minor(nvml: FakeNvml, driver: str, number: int, cuda: str) -> None:
    machine = ask(nvml(driver=driver, cuda=number, gpus="Tesla V100-SXM2-16GB:7.0"))
    assert machine == Machine(driver=Version(driver), cuda=Version(cuda), gpus=(V100,))


def test_capability_of_two_digits_stays_one_version(nvml: FakeNvml) -> None:
    assert ask(nvml(gpus="NVIDIA GB10:12.1")).gpus == (Gpu(name="NVIDIA GB10", capability=Version("12.1")),)


def test_without_the_v2_call_v1_answers(nvml: FakeNvml) -> None:
    machine = ask(nvml(no_v2=1, driver="410.48", cuda=10000, gpus="Tesla V100-SXM2-16GB:7.0"))
    assert machine == Machine(driver=Version("410.48"), cuda=Version("10.0"), gpus=(V100,))


def test_without_libcuda_v1_answers_and_the_note_says_so(nvml: FakeNvml) -> None:
    machine = ask(nvml(no_libcuda=1, cuda=12020, gpus="Tesla V100-SXM2-16GB:7.0"))
    assert (machine.cuda, machine.gpus) == (Version("12.2"), (V100,))
    assert machine.note == "libcuda not found, so no CUDA program can start; the CUDA version is what the driver supports"


def test_bytes_of_an_old_pynvml_read_like_text(nvml: FakeNvml) -> None:
    before = """
import pynvml
def as_bytes(ask):
    return lambda *arguments: ask(*arguments).encode()
pynvml.nvmlSystemGetDriverVersion = as_bytes(pynvml.nvmlSystemGetDriverVersion)
pynvml.nvmlDeviceGetName = as_bytes(pynvml.nvmlDeviceGetName)
"""
    assert (
        ask(nvml(gpus=TWO), before)
        == ask(nvml(gpus=TWO))
        == Machine(driver=Version("535.104.05"), cuda=Version("12.2"), gpus=(V100, A100))
    )


DEVICES = """
from envgen.machine.nvml import inspect
m = inspect({visible!r})
print([(gpu.uuid[:12], gpu.mig) for gpu in m.gpus], [(gpu.uuid[:12], gpu.mig) for gpu in m.hidden])
"""
THREE = f"{TWO},Tesla T4:7.5"


def devices(environment: dict[str, str], visible: str | None = None) -> str:
    """What is seen and what is hidden: UUID and MIG instances of each."""
    done = child(DEVICES.format(visible=visible), environment)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_mig_is_the_number_of_instances_and_none_where_the_mode_is_off(nvml: FakeNvml) -> None:
    seen = devices(nvml(gpus=THREE, mig="0:2,2:0"))
    assert seen == "[('GPU-00000000', 2), ('GPU-00000001', None), ('GPU-00000002', 0)] []"


def test_a_driver_without_mig_says_nothing_of_it(nvml: FakeNvml) -> None:
    assert devices(nvml(gpus="Tesla T4:7.5")) == "[('GPU-00000000', None)] []"


def test_a_pynvml_without_mig_and_uuid_costs_nothing_else(nvml: FakeNvml) -> None:
    before = "import pynvml; del pynvml.nvmlDeviceGetMigMode, pynvml.nvmlDeviceGetUUID"
    assert ask(nvml(gpus=TWO), before) == ask(nvml(gpus=TWO))


@pytest.mark.parametrize(
    ("visible", "seen"),
    [
        (None, "012"),
        ("", ""),
        ("-1", ""),
        ("0,1,2", "012"),
        ("2,0", "20"),
        (" 1 , 2", "12"),
        ("0,-1,2", "0"),  # CUDA stops at the first that names no GPU
        ("0,7,2", "0"),
        ("NoDevFiles", ""),
        ("GPU-00000002", "2"),
        ("GPU-0000000", "012"),
        ("1,1", ""),  # error 101, invalid device ordinal
        ("MIG-4711", "1"),
    ],
)
def test_cuda_visible_devices_is_read_as_cuda_reads_it(nvml: FakeNvml, visible: str | None, seen: str) -> None:
    told = devices(nvml(gpus=THREE, mig="1:1"), visible)
    hidden = [number for number in "012" if number not in seen]
    marks = [[f"('GPU-0000000{number}', {1 if number == '1' else None})" for number in group] for group in (seen, hidden)]
    assert told == " ".join(f"[{', '.join(group)}]" for group in marks)


# --- a machine that does not ----------------------------------------------------------------------------------------------


def test_no_driver_is_an_empty_machine_that_says_so() -> None:
    assert ask(absent_nvml()) == Machine(note="no NVIDIA driver (libnvidia-ml not found)")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="LD_LIBRARY_PATH is Linux's")
def test_a_file_that_is_no_library_is_no_driver(tmp_path: Path) -> None:
    (tmp_path / "libnvidia-ml.so.1").write_text("not a library")
    assert ask(FakeNvml("LD_LIBRARY_PATH", tmp_path)()) == Machine(note="no NVIDIA driver (libnvidia-ml not found)")


@pytest.mark.parametrize(
    ("code", "note"),
    [
        (4, "no permission to use the NVIDIA driver"),
        (9, "NVIDIA driver not loaded"),
        (15, "a GPU is lost (it fell off the bus; reset it or reboot)"),
        (18, "driver/library version mismatch (the loaded NVIDIA driver is not the installed one; reboot)"),
        (999, "NVML error 999 (Unknown Error)"),
        (77, "NVML error 77 (Made Up)"),  # unknown to pynvml: the library is asked for words
    ],
)
def test_an_nvml_that_does_not_start_is_an_empty_machine_that_says_why(nvml: FakeNvml, code: int, note: str) -> None:
    assert ask(nvml(init_error=code, gpus=TWO)) == Machine(note=note)


@pytest.mark.parametrize("lost", [0, 1])
def test_a_lost_gpu_is_named_and_the_others_stay(nvml: FakeNvml, lost: int) -> None:
    entries = TWO.split(",")
    entries[lost] += ":15"
    machine = ask(nvml(gpus=",".join(entries)))
    assert machine.gpus == ((V100, A100)[1 - lost],)
    assert machine.note == f"GPU {lost}: a GPU is lost (it fell off the bus; reset it or reboot)"
    assert (machine.driver, machine.cuda) == (Version("535.104.05"), Version("12.2"))


def test_every_failure_is_in_the_note_in_the_order_of_asking(nvml: FakeNvml) -> None:
    machine = ask(nvml(driver="none", cuda=0, gpus="A:7.0:15,B:8.0:4"))
    assert machine == Machine(
        note="driver version: Invalid version: 'none'; CUDA version: NVML answers 0; "
        "GPU 0: a GPU is lost (it fell off the bus; reset it or reboot); GPU 1: no permission to use the NVIDIA driver",
    )


@pytest.mark.parametrize("driver", ["", "unknown"])
def test_an_unreadable_driver_version_costs_only_itself(nvml: FakeNvml, driver: str) -> None:
    machine = ask(nvml(driver=driver, gpus=TWO))
    assert machine == Machine(
        driver=None, cuda=Version("12.2"), gpus=(V100, A100), note=f"driver version: Invalid version: {driver!r}"
    )


def test_a_driver_without_gpus_says_so(nvml: FakeNvml) -> None:
    assert ask(nvml(gpus="")) == Machine(
        driver=Version("535.104.05"), cuda=Version("12.2"), gpus=(), note="the NVIDIA driver lists no GPU"
    )


# --- a pynvml that is not nvidia-ml-py's ----------------------------------------------------------------------------------


def test_no_pynvml_is_an_empty_machine_that_says_what_to_install(nvml: FakeNvml) -> None:
    machine = ask(nvml(gpus=TWO), 'import sys; sys.modules["pynvml"] = None')
    assert machine == Machine(note=machine.note)
    assert machine.note.startswith("cannot use NVML: ")
    assert machine.note.endswith("(install nvidia-ml-py)")


def test_an_empty_pynvml_counts_as_none() -> None:
    machine = ask(absent_nvml(), 'import sys, types; sys.modules["pynvml"] = types.ModuleType("pynvml")')
    assert machine == Machine(note="cannot use NVML: module pynvml is not NVIDIA's (install nvidia-ml-py)")


def test_a_pynvml_without_the_calls_answers_what_it_can(nvml: FakeNvml) -> None:
    machine = ask(nvml(gpus=TWO), "import pynvml; del pynvml.nvmlSystemGetCudaDriverVersion_v2")  # as in pynvml 8.0.4
    assert (machine.driver, machine.cuda, machine.gpus) == (Version("535.104.05"), None, (V100, A100))
    assert machine.note == "CUDA version: this pynvml is too old (install nvidia-ml-py, remove pynvml)"


def test_the_deprecated_distributions_warning_is_not_heard(nvml: FakeNvml) -> None:
    text = "The pynvml package is deprecated. Please install nvidia-ml-py instead. If you did not install pynvml directly, ..."
    assert ask(nvml(gpus=TWO), OLD_FINDER.format(text=text)).gpus == (V100, A100)


def test_any_other_warning_of_the_import_is_heard(nvml: FakeNvml) -> None:
    done = child(OLD_FINDER.format(text="the sky will fall") + TELL, nvml(gpus=TWO))
    assert done.returncode == 1
    assert "FutureWarning: the sky will fall" in done.stderr


# --- manners --------------------------------------------------------------------------------------------------------------

COUNT = TELL + "import pynvml; print(pynvml.nvmlLib.fake_nvml_opened(), pynvml.nvmlLib.fake_nvml_sessions())"


@pytest.mark.parametrize("settings", [{}, {"gpus": "Tesla T4:7.5:15", "driver": "none"}, {"shutdown_error": 999}])
def test_what_is_started_is_shut_down(nvml: FakeNvml, settings: dict[str, object]) -> None:
    done = child(COUNT, nvml(**settings))
    assert (done.returncode, done.stderr, done.stdout.splitlines()[-1]) == (0, "", "1 0")


def test_a_failing_shutdown_takes_no_answer_away(nvml: FakeNvml) -> None:
    assert ask(nvml(gpus=TWO, shutdown_error=999)) == Machine(driver=Version("535.104.05"), cuda=Version("12.2"), gpus=(V100, A100))


def test_asking_twice_gives_the_same(nvml: FakeNvml) -> None:
    assert ask(nvml(gpus=TWO), "from envgen.machine.nvml import inspect; inspect()") == ask(nvml(gpus=TWO))


def test_importing_the_room_does_not_import_pynvml() -> None:
    done = new_child("import sys, envgen.machine.nvml; print('pynvml' in sys.modules)", absent_nvml())
    assert (done.returncode, done.stdout.strip()) == (0, "False")
