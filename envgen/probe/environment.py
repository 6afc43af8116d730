"""What an installed environment says of itself: its Python, its frameworks by their packages, and the target it was made for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.version import Version

from envgen.formats.builds import CPU_WHEELS, NAMERS, PIP_TENSORFLOW, cuda_of, framework_cuda, is_cpu_build
from envgen.formats.installed import MANIFEST, META, installed_target
from envgen.formats.others import read_prefix
from envgen.install.prefixes import python
from envgen.model.errors import BadInput
from envgen.model.packages import LockedPackage
from envgen.probe.model import InstalledFramework, Meant, ProbedEnvironment

_SPEAKS = {  # framework -> the packages that say what it was made for, the first that is there
    "pytorch": (("conda", "pytorch"), ("pip", "torch")),
    "tensorflow": (("conda", "tensorflow-base"), ("conda", "tensorflow"), *(("pip", name) for name in PIP_TENSORFLOW)),
    "jax": (("conda", "jaxlib"), ("pip", "jaxlib")),
    "cupy": (("conda", "cupy-core"), ("conda", "cupy")),
}
_TARGET = re.compile(r"cu(\d{1,2})(\d)")


def described(prefix: Path, target: str = "") -> ProbedEnvironment:
    """What is installed in `prefix` and what it is meant to be: by `target`, else by its manifest, else by its build strings.

    Raises BadInput for what is no environment, or one without Python, and for a target that is none.
    """
    if not (prefix / "conda-meta").is_dir():
        raise BadInput("not a conda environment: it has no conda-meta", where=prefix, hint="give the folder of an environment")
    if not python(prefix).exists():
        raise BadInput(f"no Python in this environment: there is no {python(prefix)}", where=prefix, hint="install python into it")
    chosen, because = (target, "--target") if target else ((installed_target(prefix) or ("", ""))[1], f"{META}/{MANIFEST}")
    meant = _meant(chosen, because) if chosen else None
    return ProbedEnvironment(prefix, chosen, meant, {found.framework: found for found in _installed(prefix)})


def _meant(target: str, because: str) -> Meant:
    if target == "cpu":
        return Meant(gpu=False, because=f"target cpu ({because})")
    found = _TARGET.fullmatch(target)
    if found is None:
        raise BadInput(f"`{target}` is no target ({because})", hint="cpu, or the CUDA version without its dot: cu126")
    return Meant(gpu=True, cuda=Version(f"{found[1]}.{found[2]}"), because=f"target {target} ({because})")


# --- packages -------------------------------------------------------------------------------------------------------------


def _installed(prefix: Path) -> Iterator[InstalledFramework]:
    packages = read_prefix(prefix, str(prefix)).packages
    there = {(package.manager, package.name): package for package in packages}
    for framework, names in _SPEAKS.items():
        found = next((there[key] for key in names if key in there), None) or _cupy(packages, framework)
        if found:
            label = f"{found.name} {found.version} {found.build or '(pip)'}"
            yield InstalledFramework(framework, label, found.version, _meant_by_package(framework, found, packages))


def _cupy(packages: Sequence[LockedPackage], framework: str) -> LockedPackage | None:
    """Pip's cupy has its CUDA in its name: cupy-cuda12x."""
    return next((p for p in packages if p.manager == "pip" and p.name.startswith("cupy")), None) if framework == "cupy" else None


def _meant_by_package(framework: str, package: LockedPackage, packages: Sequence[LockedPackage]) -> Meant:
    """What a package tells: conda's by its build string, a wheel by its version or what is beside it. A plain one tells nothing."""
    cuda = cuda_of(package) if framework == "cupy" else framework_cuda(package, packages)
    told = cuda_of(package) is not None or is_cpu_build(package)
    if package.manager == "conda":
        because = f"its build string, {package.build}"
    else:
        because = f"its wheel, {package.name} {package.version}" if told or cuda is None else "the CUDA packages beside it"
    if cuda is None:
        says_nothing = package.manager == "pip" and not told and framework != "jax" and package.name not in CPU_WHEELS
        return Meant(gpu=None if says_nothing else False, because=because)
    known = cuda or _major(packages)
    return Meant(gpu=True, cuda=Version(known) if known else None, because=because)


def _major(packages: Sequence[LockedPackage]) -> str:
    """The CUDA major that an environment names; no more, because libraries of a newer minor may serve an older build."""
    named = {package.name: package.version for package in packages if package.manager == "conda"}
    return next((named[name].split(".")[0] for name in NAMERS if name in named), "")
