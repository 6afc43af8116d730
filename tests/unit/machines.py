"""Machines made of files in a temporary folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from unit.small import real_matrix

from envgen.machine.system import inspect_system
from envgen.model.machine import System


def inspect(root: Path, environ: Mapping[str, str], platform: str = "linux-64") -> System:
    """A machine below `root`, with the names of libraries and modules of this repository's matrices."""
    return inspect_system(real_matrix().catalogue, root, environ, platform)


def build(root: Path, files: Mapping[str, str]) -> Path:
    """A machine of so many files; a text that begins with `->` is a link."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("->"):
            path.symlink_to(text[2:])
        else:
            path.write_text(text)
    return root


def toolkit(version: str, *, told: bool = True) -> dict[str, str]:
    """A CUDA toolkit as its installer leaves it, below /usr/local."""
    home = f"usr/local/cuda-{version}"
    major = version.split(".", maxsplit=1)[0]
    files = {
        f"{home}/targets/x86_64-linux/lib/libcudart.so.{major}": "",
        f"{home}/bin/nvcc": "",
        f"{home}/lib64": "->targets/x86_64-linux/lib",
    }
    return {**files, f"{home}/version.json": json.dumps({"cuda": {"version": f"{version}.1"}})} if told else files
