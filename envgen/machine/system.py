"""What a system has, apart from what NVML reports: libc, processor, container, device files, environment variables.

Everything is read below `root` and from `environ`, without starting a process, so that a test can set up a machine in a temporary
folder. What is not readable counts as missing. Nothing is judged here; `symptoms` does that.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from packaging.version import Version

from envgen.machine import cuda_paths
from envgen.model.catalogue import Catalogue
from envgen.model.facts import Platform
from envgen.model.machine import System

# What CUDA programs, Python and the solvers of conda, mamba and pixi read; the values are shown to the user.
VARIABLES = (
    "CUDA_VISIBLE_DEVICES",
    "CUDA_DEVICE_ORDER",
    "CONDA_OVERRIDE_CUDA",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "CONDA_PREFIX",
    *cuda_paths.HOMES,
    "PYTHONPATH",
    "PYTHONNOUSERSITE",
)

_LIBC = ("lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu", "lib64", "usr/lib64", "usr/lib/x86_64-linux-gnu", "usr/lib", "lib")
_GLIBC = re.compile(rb"GNU C Library [^\n]*?version (\d+\.\d+)")
_DRIVER_FOLDERS = (
    "usr/lib/x86_64-linux-gnu",
    "usr/lib/aarch64-linux-gnu",
    "usr/lib64",
    "usr/lib",
    "usr/lib/wsl/lib",
    "usr/local/nvidia/lib64",
    "usr/local/nvidia/lib",
)
_DRIVER = re.compile(r"lib(?:cuda|nvidia-ml)\.so\.[0-9]")
_MODULE = re.compile(r"Kernel Module.*?([0-9]+\.[0-9]+(?:\.[0-9]+)?)")
# What each level adds to the one before, as /proc/cpuinfo spells it: https://gitlab.com/x86-psABIs/x86-64-ABI
_LEVELS = (
    ("x86_64_v2", {"cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"}),
    ("x86_64_v3", {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"}),
    ("x86_64_v4", {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}),
)


def inspect_system(
    catalogue: Catalogue, root: Path = Path("/"), environ: Mapping[str, str] = os.environ, platform: Platform | None = None
) -> System:
    """The system below `root` as a process with the variables `environ` sees it; the default platform is that of this process.

    `catalogue` has the names of CUDA's libraries and of the modules to look for outside of environments.
    """
    subdir = platform or current_platform()
    linux = subdir.startswith("linux")
    return System(
        platform=subdir,
        glibc=_glibc(root) if linux else None,
        musl=linux and any(name.startswith("ld-musl-") for name in cuda_paths.names(root / "lib")),
        archspec=_archspec(root, subdir),
        wsl="microsoft" in cuda_paths.text_of(root / "proc/version").lower(),
        container=_container(root, environ),
        devices=tuple(_devices(root)),
        driver_folders=tuple(_driver_folders(root, environ)),
        kernel_module=_kernel_module(root),
        outside=cuda_paths.find(root, environ, catalogue.libraries),
        mamba_cuda=cuda_paths.version_json(root, "/usr/local/cuda"),
        shadowing=tuple(_shadowing(root, environ, catalogue.imports)),
        relative_entries=_relative_entries(environ),
        variables={name: environ[name] for name in VARIABLES if name in environ},
    )


def current_platform() -> Platform:
    """The conda platform of this process: linux-64, linux-aarch64, osx-arm64, win-64, ..."""
    machine = platform.machine().lower()
    system = {"darwin": "osx", "win32": "win"}.get(sys.platform, sys.platform)
    if machine in ("x86_64", "amd64"):
        return f"{system}-64"
    arm = "aarch64" if system == "linux" else "arm64"
    return f"{system}-{arm if machine in ('aarch64', 'arm64') else machine}"


def _glibc(root: Path) -> Version | None:
    """The version in glibc's own file; None with musl and on systems that keep it elsewhere (NixOS)."""
    for place in _LIBC:
        try:
            found = _GLIBC.search((root / place / "libc.so.6").read_bytes())
        except (OSError, ValueError):
            continue
        if found:
            return Version(found[1].decode())
    return None


def _archspec(root: Path, subdir: Platform) -> str:
    """The microarchitecture level of an x86 processor, from its flags on Linux ("" elsewhere); else the architecture."""
    architecture = subdir.split("-")[-1]
    if architecture != "64":
        return architecture
    line = re.search(r"^flags\s*:(.*)$", cuda_paths.text_of(root / "proc/cpuinfo")[:100_000], re.MULTILINE)
    if line is None:
        return ""
    flags, level = set(line[1].split()), "x86_64"
    for name, required in _LEVELS:
        if not required <= flags:
            break
        level = name
    return level


def _container(root: Path, environ: Mapping[str, str]) -> str:
    group = cuda_paths.text_of(root / "proc/1/cgroup")
    found = {
        "kubernetes": "KUBERNETES_SERVICE_HOST" in environ or "kubepods" in group,
        "apptainer": "APPTAINER_CONTAINER" in environ or "SINGULARITY_CONTAINER" in environ,
        "podman": _exists(root / "run/.containerenv") or "libpod" in group,
        "docker": _exists(root / ".dockerenv") or "docker" in group,
    }
    return next((name for name, here in found.items() if here), "")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _devices(root: Path) -> Iterator[str]:
    yield from (f"/dev/{name}" for name in cuda_paths.names(root / "dev") if re.fullmatch(r"nvidia([0-9]+|ctl)|dxg", name))


def _driver_folders(root: Path, environ: Mapping[str, str]) -> Iterator[str]:
    """Folders with the driver's libraries, the usual ones and those of LD_LIBRARY_PATH; no stubs, no forward compatibility."""
    for place in dict.fromkeys(
        (*(f"/{usual}" for usual in _DRIVER_FOLDERS), *cuda_paths.entries(environ.get("LD_LIBRARY_PATH", "")))
    ):
        files = cuda_paths.names(cuda_paths.below(root, place))
        if Path(place).name != "stubs" and not cuda_paths.is_compat(place) and any(map(_DRIVER.match, files)):
            yield place


def _kernel_module(root: Path) -> str:
    found = _MODULE.search(cuda_paths.text_of(root / "proc/driver/nvidia/version"))
    return found[1] if found else ""


def _shadowing(root: Path, environ: Mapping[str, str], imports: Collection[str]) -> Iterator[str]:
    """Modules on PYTHONPATH and in the user's site-packages: Python imports them before those of an environment."""
    for entry in cuda_paths.entries(environ.get("PYTHONPATH", "")):
        yield from (f"{name} in {entry} (PYTHONPATH)" for name in _modules(root, entry, imports))
    if environ.get("PYTHONNOUSERSITE"):
        return
    base = environ.get("PYTHONUSERBASE") or f"{environ.get('HOME', '').rstrip('/')}/.local"
    for python in cuda_paths.names(cuda_paths.below(root, base) / "lib"):
        if re.fullmatch(r"python3\.[0-9]+", python):
            folder = f"{base}/lib/{python}/site-packages"
            yield from (f"{name} in {folder}" for name in _modules(root, folder, imports))


def _modules(root: Path, folder: str, imports: Collection[str]) -> Iterator[str]:
    return (name for name in cuda_paths.names(cuda_paths.below(root, folder)) if name in imports)


def _relative_entries(environ: Mapping[str, str]) -> tuple[str, ...]:
    value = environ.get("LD_LIBRARY_PATH", "")
    return tuple(entry for entry in value.split(os.pathsep) if not Path(entry).is_absolute()) if value else ()
