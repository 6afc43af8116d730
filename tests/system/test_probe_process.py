"""A framework probed in a process of its own: one that crashes, hangs, floods or says nothing is reported, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from system.processes import ends
from unit.small import real_matrix

from envgen.model.errors import BadInput
from envgen.probe import runner
from envgen.probe.model import Answer, Interpreter

KNOWN = real_matrix().catalogue

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups")

GOOD = """\
from types import SimpleNamespace as N
__version__ = "2.7.1"
version = N(cuda=None)
cuda = N(is_available=lambda: False, get_arch_list=lambda: [])
backends = N(cudnn=N(version=lambda: None))
class tensor:
    def __init__(self, rows): self.rows = rows; self.device = N(type="cpu")
    def to(self, device): return self
    def cpu(self): return self
    def tolist(self): return self.rows
    def __matmul__(self, other):
        return tensor([[sum(a * b for a, b in zip(row, column)) for column in zip(*other.rows)] for row in self.rows])
"""


def interpreter(python: Path, home: Path) -> Interpreter:
    return Interpreter(python, (home,), (home / "bin",))


def ask(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str, limit: float = 60) -> Answer:
    """What a `torch` that runs `code` when it is imported answers to the interpreter of the tests."""
    (folder / "torch.py").write_text(code, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return runner.run_probe(interpreter(Path(sys.executable), folder), "pytorch", "torch", KNOWN, limit)


def test_a_framework_is_asked_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = ask(tmp_path, monkeypatch, GOOD)
    assert (answer.process.status, answer.done, answer.problems) == (0, True, ())
    assert (answer.version, answer.build, answer.available) == ("2.7.1", "cpu", False)
    assert (answer.ran_on, answer.agrees) == ("cpu", True)
    assert (answer.file, answer.outside) == (str(tmp_path / "torch.py"), False)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL, signal.SIGILL])
def test_a_crash_tells_its_signal_and_what_was_learnt_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    code = GOOD + f"import os\ncuda.is_available = lambda: os.kill(os.getpid(), {int(number)})\n"
    answer = ask(tmp_path, monkeypatch, code)
    assert (answer.process.status, answer.done, answer.step, answer.version) == (-number, False, "devices", "2.7.1")
    assert not list(tmp_path.glob("core*"))


def test_what_hangs_is_stopped_with_everything_that_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pids = tmp_path / "pids"
    code = f"""\
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"])
open({str(pids)!r}, "w").write(f"{{os.getpid()}} {{child.pid}}")
time.sleep(600)
"""
    answer = ask(tmp_path, monkeypatch, code, limit=5)
    assert (answer.process.status, answer.done, answer.step) == (None, False, "import")
    assert all(ends(int(pid)) for pid in pids.read_text().split())


def test_what_is_left_behind_by_one_that_ended_is_stopped_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = tmp_path / "pid"
    code = (
        GOOD
        + f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(pid)!r}, "w").write(str(child.pid))
"""
    )
    assert ask(tmp_path, monkeypatch, code).done
    assert ends(int(pid.read_text()))


def test_a_flood_on_both_streams_changes_nothing_and_its_end_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        GOOD
        + """
import os
for stream in (1, 2):
    for _ in range(200):
        os.write(stream, b"{\\"version\\": \\"9\\"}\\xff\\n" * 4096)
os.write(2, b"the end \\xfe\\n")
"""
    )
    answer = ask(tmp_path, monkeypatch, code)
    assert (answer.version, answer.done) == ("2.7.1", True)
    assert answer.process.stderr.endswith("the end \ufffd\n")
    assert len(answer.process.stderr) < 20_000


@pytest.mark.parametrize("text", ["\\udce9", "\\x00", "caf\\xe9 \\u2603", "\\n{}\\n"])
def test_texts_of_any_kind_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    answer = ask(tmp_path, monkeypatch, GOOD + f'__version__ = "2.7.1{text}"\n')
    assert answer.done
    answer.version.encode()


def test_one_that_leaves_early_says_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = ask(tmp_path, monkeypatch, "import os\nos._exit(7)\n")
    assert (answer.process.status, answer.done, answer.step) == (7, False, "import")


def test_one_that_crashes_when_all_is_said_has_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = GOOD + "import atexit, os\natexit.register(lambda: os.kill(os.getpid(), 11))\n"
    answer = ask(tmp_path, monkeypatch, code)
    assert (answer.process.status, answer.done) == (-11, True)


def test_modules_of_envgen_are_not_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project may have a module `model` or `search`, as envgen has."""
    (tmp_path / "model.py").write_text("")
    answer = ask(tmp_path, monkeypatch, GOOD + "import model\n__version__ = model.__file__\n")
    assert answer.version == str(tmp_path / "model.py")
    without = ask(tmp_path, monkeypatch, GOOD + "import resolve\n")
    assert without.problem("import") == "ModuleNotFoundError: No module named 'resolve'"


def test_nothing_is_written_beside_what_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(tmp_path, monkeypatch, GOOD)
    assert [path.name for path in tmp_path.iterdir()] == ["torch.py"]


@pytest.mark.parametrize("mode", [0o644, 0o755])
def test_an_interpreter_that_does_not_start_is_bad_input(tmp_path: Path, mode: int) -> None:
    python = tmp_path / "python"
    python.write_bytes(b"\x00not a program")
    python.chmod(mode)
    with pytest.raises(BadInput, match="cannot start"):
        runner.run_probe(interpreter(python, tmp_path), "pytorch", "torch", KNOWN, 60)


@pytest.mark.skipif(
    "ENVGEN_REAL_TORCH" not in os.environ, reason="ENVGEN_REAL_TORCH names no Python with a real torch (docs/probe.md)"
)
def test_a_real_torch_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """ENVGEN_REAL_TORCH: a Python that has torch, or the folder of its environment."""
    named = Path(os.environ["ENVGEN_REAL_TORCH"]).absolute()
    python = named / "bin" / "python" if named.is_dir() else named
    monkeypatch.delenv("PYTHONWARNINGS", raising=False)
    answer = runner.run_probe(interpreter(python, python.parent.parent), "pytorch", "torch", KNOWN, 600)
    assert (answer.done, answer.problems, answer.agrees) == (True, (), True), answer
    assert answer.build == ("cuda" if answer.cuda else "cpu")
    assert answer.ran_on == ("gpu" if answer.available else "cpu")
