"""The processes that fork the runs of tests: one for all workers of xdist, as long as anybody may ask it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from system import forks

from envgen import __version__

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="nothing is forked elsewhere")
TESTS = str(Path(__file__).parents[1])
ASKS = """
import json, os, sys
from pathlib import Path
from system import forks
forks.IMPORTED = "envgen.cli.main"  # in a tenth of the time that all of it takes
for line in sys.stdin:
    done = forks.run(["--version"], Path.cwd(), dict(os.environ), timeout=60)
    print(json.dumps([done.returncode, *done.stdout.splitlines(), done.stderr]), flush=True)
forks.stop()
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Of a worker whose runs say first who forked them."""
    shared, first = tmp_path / ("servers" * 30), tmp_path / "first"
    shared.mkdir()
    first.mkdir()
    (first / "sitecustomize.py").write_text("import os\nprint(os.getppid())\n", encoding="utf-8")
    path = f"{first}{os.pathsep}{forks.CODE}"
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": path, forks.SHARED: str(shared)}


@contextmanager
def worker(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A process that forks a run for each line that it reads."""
    code = f"import sys\nsys.path.insert(0, {TESTS!r})\n{ASKS}"
    words = [sys.executable, "-S", "-c", code]
    started = subprocess.Popen(
        words, env=environment, cwd=environment["HOME"], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with started as process:
        yield process


def forked(process: subprocess.Popen[str]) -> int:
    """Have a worker fork a run; the process that did it."""
    assert process.stdin
    assert process.stdout
    process.stdin.write("\n")
    process.stdin.flush()
    status, number, version, error = json.loads(process.stdout.readline())
    assert (status, version, error) == (0, f"envgen, version {__version__}", "")
    return int(number)


def ended(process_id: int) -> bool:
    """Whether a process ends within a minute."""
    until = time.monotonic() + 60
    with suppress(ProcessLookupError):
        while time.monotonic() < until:
            os.kill(process_id, 0)
            time.sleep(0.02)
        return False
    return True


def test_workers_share_a_process_that_forks_and_it_ends_with_the_last_of_them_also_a_killed_one(
    environment: dict[str, str],
) -> None:
    with worker(environment) as one:
        first = forked(one)
        with worker(environment) as other:
            assert [forked(other), forked(one), forked(other)] == [first] * 3
        assert forked(one) == first
    assert ended(first)
    assert os.listdir(environment[forks.SHARED]) == []
    with worker(environment) as late:
        second = forked(late)
        late.kill()
    assert second != first
    assert ended(second)


def test_a_worker_that_started_it_ends_after_the_others(environment: dict[str, str]) -> None:
    with worker(environment) as other:
        with worker(environment) as one:
            first = forked(one)
            assert forked(other) == first
            assert one.stdin
            one.stdin.close()
            assert forked(other) == first
            assert one.poll() is None
            assert other.stdin
            other.stdin.close()
            assert one.wait(60) == 0
    assert ended(first)


def test_a_program_for_others_is_forked_where_there_is_a_process_for_its_environment(
    environment: dict[str, str], tmp_path: Path
) -> None:
    program = tmp_path / "bin" / "envgen"
    program.parent.mkdir()
    code = f"import sys\nsys.path.insert(0, {TESTS!r})\nfrom pathlib import Path\nfrom system import forks\nforks.program(Path({str(program)!r}))"
    subprocess.run([sys.executable, "-S", "-c", code], env={**environment, "PYTHONPATH": forks.CODE}, check=True)
    with worker(environment) as one:
        first = forked(one)
        for variables, by_it in (({}, True), ({"LANG": "C"}, False)):
            told = subprocess.run(
                [program, "--version"], env={**environment, **variables}, capture_output=True, text=True, check=False
            )
            number, *rest = told.stdout.splitlines()
            assert (told.returncode, rest, told.stderr) == (0, [f"envgen, version {__version__}"], "")
            assert (int(number) == first) == by_it
        wrong = subprocess.run([program, "lock", "--nonsense"], env=environment, capture_output=True, text=True, check=False)
        assert (wrong.returncode, "--nonsense" in wrong.stderr) == (2, True)
