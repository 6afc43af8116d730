"""`pytest --require-cuda`, by a real pytest in a virtual environment with a stand-in for torch, on a made-up machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from site import getsitepackages

import pytest
from conftest import REPO, clean_environment
from nvml.build import absent_nvml, double_nvml
from system.venvs import add_torch, site_of, venv

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a virtual environment has another layout there")

PLUGIN = "envgen.cli.pytest_plugin"
GPU = double_nvml()(driver="580.65.06", cuda=13000, gpus="Tesla T4:7.5")
SKIPS = """
import pytest
torch = pytest.importorskip("torch")

def test_cpu():
    pass

@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu():
    pass
"""


@pytest.fixture(scope="module")
def cuda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("cuda"), "2.9.1+cu130", "13.0")


@pytest.fixture(scope="module")
def cpu(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("cpu"), "2.9.1+cpu", None)


def made(folder: Path, version: str, cuda: str | None) -> Path:
    """The Python of an environment with torch, two tests beside it, and pytest and what envgen needs from this environment."""
    python = venv(folder / ".venv")
    site = site_of(python)
    add_torch(site, version, cuda)
    (site / "others.pth").write_text("\n".join(getsitepackages()), encoding="utf-8")
    (folder / "tests").mkdir()
    (folder / "tests" / "test_it.py").write_text(SKIPS, encoding="utf-8")
    return python


def run(python: Path, machine: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    folder = python.parents[2]
    path = os.pathsep.join(filter(None, (machine.get("PYTHONPATH"), str(REPO))))
    environment = {**clean_environment(folder), **machine, "PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    argv = [str(python), "-m", "pytest", "-p", PLUGIN, "-p", "no:cacheprovider", *words]
    return subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_without_the_option_a_gpu_test_is_skipped_and_nothing_is_loaded(cuda: Path) -> None:
    done = run(cuda, absent_nvml(), "tests")
    assert (done.returncode, "1 passed, 1 skipped" in done.stdout) == (0, True), done.stdout
    code = f"import sys, {PLUGIN}; print(sorted(name for name in sys.modules if name.partition('.')[0] in ('envgen', 'click')))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPO)
    assert loaded.stdout.strip() == str(["envgen", "envgen.cli", PLUGIN])


@pytest.mark.parametrize("option", ["--require-cuda", "--require-cuda=torch", "--require-cuda=pytorch, torch"])
def test_with_a_gpu_the_tests_run(cuda: Path, option: str) -> None:
    done = run(cuda, GPU, "tests", option)
    assert (done.returncode, "2 passed" in done.stdout) == (0, True), done.stdout + done.stderr
    assert "require-cuda: pytorch 2.9.1+cu130 sees 1 GPU (Tesla T4), and computes on it\n" in done.stdout


@pytest.mark.parametrize("words", [(), ("-n", "2", "-p", "xdist")])
def test_without_a_gpu_the_session_fails_before_the_first_test(cuda: Path, words: tuple[str, ...]) -> None:
    done = run(cuda, {**GPU, "CUDA_VISIBLE_DEVICES": ""}, "tests", "--require-cuda", *words)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "--require-cuda: pytorch does not compute on a GPU\n" in done.stdout
    assert "pytorch: error: sees no GPU: CUDA_VISIBLE_DEVICES=(empty) hides all of them [hidden]\n    hint: unset it" in done.stdout
    assert "passed" not in done.stdout


def test_a_cpu_build_fails_beside_a_gpu(cpu: Path) -> None:
    done = run(cpu, GPU, "tests", "--require-cuda=torch")
    assert (done.returncode, "is a CPU build (torch 2.9.1+cpu (pip))" in done.stdout) == (1, True), done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("tests", "--require-cuda=jax"), "`jax` is not installed"),
        (("--require-cuda", "tests"), "`tests` is a path, not a framework"),
        (("--require-cuda", "tests/test_it.py::test_cpu"), "`tests/test_it.py::test_cpu` is a path, not a framework"),
    ],
)
def test_what_cannot_be_asked_is_a_usage_error(cuda: Path, words: tuple[str, ...], said: str) -> None:
    done = run(cuda, GPU, *words)
    assert (done.returncode, said in done.stderr, "Traceback" in done.stderr) == (4, True, False), done.stdout + done.stderr


def test_collecting_alone_probes_nothing(cuda: Path) -> None:
    assert run(cuda, absent_nvml(), "tests", "--require-cuda", "--collect-only").returncode == 0


def test_pytest_finds_the_plugin_where_envgen_is_installed() -> None:
    text = (REPO / "pyproject.toml").read_text(encoding="utf-8")
    assert f'[project.entry-points.pytest11]\nenvgen = "{PLUGIN}"\n' in text
    assert hasattr(import_module(PLUGIN), "pytest_addoption")
