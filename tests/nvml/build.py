"""Environments for child processes that find a made-up NVML; the library path counts at a process's start only.

    run([sys.executable, "-m", "envgen", ...], env=nvml(driver="450.80.02", cuda=11000, gpus="Tesla T4:7.5"))

Settings (each becomes FAKE_NVML_<NAME>): `driver` (535.104.05), `cuda` (12020), `gpus` ("name:major.minor,..."; a third
field is the error that asking for this GPU gives: "Tesla T4:7.5:15"), `init_error`, `shutdown_error`, `no_v2` (1: the v2
CUDA call is missing), `no_libcuda` (1), `mig` ("0:2,1:0": GPU 0 is cut into two MIG instances, GPU 1 is in that mode without
any). Errors are nvmlReturn_t numbers.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import which

HERE = Path(__file__).parent


@dataclass(frozen=True)
class FakeNvml:
    """A search path that leads to a made-up NVML; call it with settings to get a child's whole environment."""

    variable: str
    folder: Path

    def __call__(self, **settings: object) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FAKE_NVML_")}
        path = os.pathsep.join(filter(None, [str(self.folder), inherited.get(self.variable)]))
        return inherited | {self.variable: path} | {f"FAKE_NVML_{name.upper()}": str(value) for name, value in settings.items()}


def build_fake_nvml(folder: Path) -> Path | None:
    """Compile fake_nvml.c to `folder`/libnvidia-ml.so.1; None off Linux (another loader) and where no C compiler is.

    A compiler that fails is an error (CalledProcessError), not an absent one.
    """
    compiler = which("cc") or which("gcc") or which("clang")
    if compiler is None or not sys.platform.startswith("linux"):
        return None
    library = folder / "libnvidia-ml.so.1"
    command = [compiler, "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-o", str(library), str(HERE / "fake_nvml.c")]
    subprocess.run(command, check=True)
    return library


def fake_nvml(folder: Path) -> FakeNvml:
    """The library that `build_fake_nvml` built into a folder; the double where it could not be built."""
    return FakeNvml("LD_LIBRARY_PATH", folder) if any(folder.iterdir()) else double_nvml()


def double_nvml() -> FakeNvml:
    """The double of ctypes, on any system; the child must be Python and honour PYTHONPATH."""
    return FakeNvml("PYTHONPATH", HERE / "double")


def absent_nvml() -> dict[str, str]:
    """The environment of a child that finds no NVML, even on a machine that has one."""
    return double_nvml()(absent=1)


def changes(environment: Mapping[str, str]) -> dict[str, str]:
    """What a made-up machine changes in the environment; this checkout stays importable."""
    changed = {name: value for name, value in environment.items() if os.environ.get(name) != value}
    if "PYTHONPATH" in changed:
        changed["PYTHONPATH"] = os.pathsep.join((changed["PYTHONPATH"], str(HERE.parents[1])))
    return changed
