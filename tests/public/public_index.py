"""Locks with wheels of the public index, which uv asks by default: only on request, by `make test-public`, and where it can be reached.

They are locked in a temporary folder, beside the conda packages of a small channel, and never written into this repository.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from conftest import CERTIFICATES, Workspace
from system.channel import build
from system.test_pip_changes import Told

from envgen.lock.pipeline import lock
from envgen.machine.locked import best_here
from envgen.model.errors import NoSolution
from envgen.model.layout import Layout
from envgen.model.run import LockRequest

LONGEST = 60.0  # seconds for one project; it takes two to five
PROJECT = 'python: ">=3.11,<3.13"\nplatforms: [linux-64]\nchannels: [conda-forge]\ndependencies: [numpy]\n'


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A small channel with conda's torch; uv begins with an empty cache, and trusts whom this machine trusts."""
    monkeypatch.setenv("ENVGEN_CACHE", str(tmp_path / "cache"))
    for name, value in CERTIFICATES.items():
        monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)
    build(tmp_path / "index" / "conda-forge")
    return tmp_path / "index"


def wheels(site: Workspace, index: Path, text: str) -> dict[str, dict[str, str]]:
    """Target -> wheel -> version, as a project is locked with progress and in the time that is allowed."""
    site.project("public", PROJECT + text)
    told, begun = Told(), time.monotonic()
    try:
        outcomes = lock(Layout(site.root), LockRequest(projects=("public",), index_folder=index), told, best_here).whole()
    except NoSolution as error:
        if error.hint.startswith("check the connection"):
            pytest.skip("the public index cannot be reached from here")
        raise
    assert time.monotonic() - begun < LONGEST
    targets = [outcome.resolution.target.name for outcome in outcomes]
    assert [task for task in told.tasks if "wheels" in task[0]] == [(f"resolving wheels of public-{name}", 1) for name in targets]
    return {name: _of(site.root / "environments/public" / name / "conda-lock.yml") for name in targets}


def _of(path: Path) -> dict[str, str]:
    rows = [row for row in yaml.safe_load(path.read_text(encoding="utf-8"))["package"] if row["manager"] == "pip"]
    assert all(len(row["hash"]["sha256"]) == 64 and row["url"].endswith(".whl") for row in rows)
    return {row["name"]: row["version"] for row in rows}


def test_torchmetrics_beside_condas_torch(workspace: Workspace, index: Path) -> None:
    """Neither a second torch nor wheels of NVIDIA come with it."""
    found = wheels(workspace, index, 'frameworks: {pytorch: "*"}\ntargets: [cpu, cu126]\npip: [torchmetrics]\n')
    assert found.keys() == {"cpu", "cu126"}
    assert found["cpu"] == found["cu126"]
    assert {"torchmetrics", "lightning-utilities"} <= found["cpu"].keys()
    assert not [name for name in found["cpu"] if name.startswith(("nvidia-", "cuda-", "triton", "numpy"))]
    assert "torch" not in found["cpu"]


def test_tensorflow_with_its_cuda_wheels(workspace: Workspace, index: Path) -> None:
    """Its extra brings CUDA's libraries, none of them newer than the target's CUDA."""
    found = wheels(workspace, index, 'frameworks: {tensorflow: {version: "2.21.*", provider: pypi}}\ntargets: [cpu, cu129]\n')
    assert not any(name.startswith("nvidia-") for name in found["cpu"])
    assert found["cpu"]["tensorflow"] == found["cu129"]["tensorflow"]
    assert found["cu129"]["nvidia-cuda-runtime-cu12"].startswith("12.9.")
    assert {"nvidia-cudnn-cu12", "nvidia-nccl-cu12", "nvidia-cublas-cu12"} <= found["cu129"].keys()
