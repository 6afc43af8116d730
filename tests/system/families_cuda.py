"""Packages that are built for CUDA alone, locked from real package records, and judged by verify."""

from __future__ import annotations

from pathlib import Path

from conftest import Workspace
from unit.test_families_cuda import project

FAMILIES = {  # a project, and the versions that it gets
    "cupy": (
        project("{cupy: '*'}", "cpu, cu126, cu130", more="numerics: {may-differ: [cupy]}\n"),
        "cupy 14.1.1 (cu126), 14.0.1 (cu130)",
    ),
    "rapids": (project("{cudf: '*', cuml: '*'}", more="dependencies: [dask-cuda]\n"), "cudf 26.2.1, cuml 26.2.0"),
    "flash-attn": (project("{pytorch: '*', flash-attn: '*'}"), "pytorch 2.9.1, flash-attn 2.8.3"),
    "triton": (project("{pytorch: '*', triton: '*'}"), "pytorch 2.10.0, triton 3.6.0"),
    "xformers": (project("{pytorch: '*', xformers: '*'}", "cu118").replace("3.12", "3.11"), "pytorch 2.4.0, xformers 0.0.27"),
    "numba-cuda": (project("{numba-cuda: '*'}", "cpu, cu129, cu130"), "numba-cuda 0.22.2"),
    "openmm": (project("{openmm: '*'}", "cu118").replace("3.12", "3.10"), "openmm 8.1.2"),
}


def lock_each(workspace: Workspace, snapshot: Path) -> None:
    """Lock a project of each of these families, and verify every lock."""
    for name, (text, versions) in FAMILIES.items():
        workspace.project(name, text)
        done = workspace.envgen("lock", name, "--index", snapshot)
        assert done.status == 0, f"{name}: {done.err}"
        assert f", {versions}\n" in done.out + done.err, name
        if "[cpu" in text:
            assert f"{name.replace('rapids', 'cudf')} left out: it needs CUDA" in done.out + done.err
    verified = workspace.envgen("verify")
    assert verified.status == 0, verified.out + verified.err
