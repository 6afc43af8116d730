"""Which drivers, GPUs and cuDNN go with a CUDA toolkit. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.model.facts import Matrix, Platform, Reason, Target
from envgen.model.gpu import Gpu
from envgen.model.toolkit import Toolkit


def driver_os(platform: Platform) -> str:
    """Which of NVIDIA's drivers a platform has: "windows" or "linux", as cuda.yaml names them."""
    return "windows" if platform.startswith("win") else "linux"


def has_code(toolkit: Toolkit, gpu: Gpu) -> bool:
    """Whether a toolkit has code for a GPU."""
    return gpu.capability in code_range(*toolkit.capabilities)


def no_code_text(toolkit: Toolkit, gpu: Gpu) -> str:
    """That a toolkit has no code for a GPU."""
    return f"{code_text(toolkit)}, not for {gpu.name} ({gpu.capability})"


def code_text(toolkit: Toolkit) -> str:
    """The GPUs that a toolkit has code for: `CUDA 12.6 has code for compute capability 5.0 to 9.0`."""
    first, last = toolkit.capabilities
    return f"CUDA {toolkit.version} has code for compute capability {first} to {last}"


@cache
def code_range(first: Version, last: Version) -> SpecifierSet:
    """The compute capabilities that code for `first` to `last` runs on: code for X.Y runs on X.Z of the same major, Z >= Y."""
    return SpecifierSet(f">={first},<{last.major + 1}", prereleases=True)


def runs_with(built: Version, cuda: Version) -> bool:
    """Whether a build for one CUDA runs with the libraries of another: of the same major, and not older."""
    return built.major == cuda.major and built <= cuda


def latest_driver(matrix: Matrix, driver: Version) -> Version:
    """The newest driver that a written version stands for.

    A bare number is a branch, as in NVIDIA's own tables: `580` stands for every driver from 580 up to the branch after it, on
    Windows also 581 and 582. A number that no toolkit came with stands for its own drivers, a version with a dot for itself.
    """
    if len(driver.release) > 1:
        return driver
    known = branches(matrix)
    later = [branch for branch in known if branch > driver.major]
    after = later[0] if later and driver.major in known else driver.major + 1
    return Version(f"{after - 1}.999")


def branches(matrix: Matrix) -> list[int]:
    """The branches of drivers that a toolkit came with, oldest first, by the numbers that they have on Linux."""
    return sorted({row.driver["linux"].major for row in matrix.toolkits.values() if "linux" in row.driver})


def cudnn_pin(matrix: Matrix, gpus: Iterable[Gpu], target: Target) -> tuple[str, Reason] | None:
    """The conda range of cuDNN versions that have code for the oldest of some GPUs; None where any version has."""
    oldest = min(gpus, key=lambda gpu: gpu.capability, default=None)
    if target.cuda is None or oldest is None:
        return None
    rows = [row for row in matrix.cudnn if target.cuda.major in row.cuda_majors]
    too_new = [row for row in rows if row.floor > oldest.capability]
    if not too_new:
        return None
    first = too_new[-1]
    bound = f"{first.version.major}.{first.version.minor}"
    return f"<{bound}", Reason(f"cuDNN {bound} and later have no code for {oldest.name} ({oldest.capability})", first.at)


def cudnn_floor(matrix: Matrix, version: Version) -> Version | None:
    """The lowest compute capability that a cuDNN has code for, by its minor; a minor between two rows is judged by the older."""
    return max((row.floor for row in matrix.cudnn if row.version.release[:2] <= version.release[:2]), default=None)
