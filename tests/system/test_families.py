"""A project of each family of packages is locked from the snapshot of public channels, and `envgen verify` judges what comes.

For CPU, and for CUDA where the snapshot has records of it: it has no CUDA build of XGBoost, LightGBM and bitsandbytes, and nothing of PyG.
"""

from __future__ import annotations

import json
from pathlib import Path

from conftest import Workspace
from system import families_cuda

PYTORCH = "pytorch, conda-forge, nvidia"
FAMILIES = {
    "xgboost": ('"3.12"', "{xgboost: '*'}", "cpu", "linux-64", "conda-forge"),
    "lightgbm": ('"3.12"', "{lightgbm: '4.6'}", "cpu", "linux-64, osx-arm64", "conda-forge"),
    "faiss": ('"3.12"', "{faiss: '*'}", "cpu", "linux-64", "conda-forge"),
    "faiss-of-pytorch": ('"3.9"', "{faiss: {version: '*', provider: pytorch}}", "cpu, cu113", "linux-64", PYTORCH),
    "torchtext": ('"3.10"', "{torchtext: '*', torchdata: '*'}", "cpu, cu116", "linux-64", PYTORCH),
    "bitsandbytes": ('"3.14"', "{bitsandbytes: '*'}", "cpu", "linux-64", "conda-forge"),
    "torchvision": ('"3.12"', "{pytorch: {version: '2.10', with: [torchvision]}}", "cpu, cu129", "linux-64", "conda-forge"),
    "torchaudio": ('"3.12"', "{torchaudio: '2.10'}", "cu129", "linux-64", "conda-forge"),
    "onnxruntime": ('"3.11"', "{onnxruntime: '1.22'}", "cpu, cu129", "linux-64", "conda-forge"),
}


def test_a_project_of_each_family_locks_and_passes_verify(workspace: Workspace, snapshot: Path) -> None:
    """One test, because it is skipped where there is no snapshot."""
    lock_those_with_a_cpu_build(workspace, snapshot)
    families_cuda.lock_each(workspace, snapshot)


def lock_those_with_a_cpu_build(workspace: Workspace, snapshot: Path) -> None:
    for name, (python, frameworks, targets, platforms, channels) in FAMILIES.items():
        text = (
            f"python: {python}\nframeworks: {frameworks}\ntargets: [{targets}]\nplatforms: [{platforms}]\nchannels: [{channels}]\n"
        )
        workspace.project(name, text)
    locked = workspace.envgen("lock", "--index", snapshot)
    assert locked.status == 0, locked.err
    done = workspace.envgen("verify", "--json")
    rows = json.loads(done.out)
    assert (done.status, [row for row in rows if row["verdict"] != "passed"]) == (0, [])
    judged = {tuple(Path(row["lock"]).parts[-3:-1]) for row in rows}
    assert judged == {(name, target) for name, (_, _, targets, _, _) in FAMILIES.items() for target in targets.split(", ")}
