"""`make gpu-check` on a machine without a GPU: the double of NVML and a stand-in for a framework answer; `make gpu-pack`'s command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPO, Workspace, clean_environment
from system import forks

from envgen.machine.system import current_platform

sys.path.insert(0, str(REPO / "benchmarks" / "gpu"))
from gpu_pack import LEFT_OUT, download, leave_out, platforms  # noqa: E402

SCRIPT = REPO / "benchmarks" / "gpu" / "gpu_check.py"


@pytest.mark.skipif(current_platform() != "linux-64", reason="the example projects have CUDA targets for linux-64")
def test_a_made_up_machine_passes_and_its_report_names_no_path(tmp_path: Path, workspace: Workspace) -> None:
    environment = {name: value for name, value in clean_environment(tmp_path).items() if name != "PYTHONPATH"}
    assert workspace.envgen("--version").status == 0  # so that there is a process that forks
    forks.program(tmp_path / "envgen")
    argv = [sys.executable, str(SCRIPT), "--double", "--out", str(tmp_path / "out"), "--raw", str(tmp_path / "raw.json")]
    argv += ["--envgen", str(tmp_path / "envgen")]
    done = subprocess.run(argv, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "the machine is made up with a double of NVML" in done.stdout
    text = (tmp_path / "out" / "made-up.json").read_text(encoding="utf-8")
    told = json.loads(text)
    assert told["machine"]["gpus"] == [{"name": "NVIDIA H100 80GB HBM3", "capability": "9.0", "mig": None}]
    assert (told["made_up"], told["machine"]["driver"], told["faults"]) == (True, "580.65.06", [])
    assert {check["state"] for check in told["checks"]} == {"passed"}
    assert len(told["checks"]) > 25
    assert told["frameworks"]["python 1"][0]["state"] == "ok"
    for secret in (str(tmp_path), "GPU-0000", sys.prefix):
        assert secret not in text
        assert secret not in (tmp_path / "out" / "made-up.html").read_text(encoding="utf-8")
    assert "probe/python 1/stubs" in json.loads((tmp_path / "raw.json").read_text(encoding="utf-8"))


def test_wheels_are_packed_for_the_other_machine_only(tmp_path: Path) -> None:
    command = download(tmp_path / "envgen.whl", "3.13", "2.28", tmp_path)
    assert {"--only-binary=:all:", "cp313", "abi3", "none", "manylinux_2_28_x86_64", "manylinux2014_x86_64"} <= set(command)
    assert not any("macos" in word or "aarch64" in word for word in command)
    assert command[command.index("--python-version") + 1] == "3.13"
    assert "manylinux_2_29_x86_64" not in platforms("2.28") and platforms("2.31")[0] == "manylinux_2_31_x86_64"


def test_what_only_locking_needs_is_not_packed(tmp_path: Path) -> None:
    kept = {"uvloop-1.0-py3-none-any.whl", "conda_envgen-0.1.0-py3-none-any.whl"}
    for name in {*kept, *(f"{name}-1.0-py3-none-any.whl" for name in LEFT_OUT)}:
        (tmp_path / name).touch()
    leave_out(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == kept
