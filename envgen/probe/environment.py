"""What an installed environment is meant for, and which frameworks its packages bring."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.version import Version

from envgen.formats.builds import CPU_WHEELS, NAMERS, PIP_TENSORFLOW, cuda_of, framework_cuda, is_cpu_build
from envgen.formats.installed import MARK, META, made_for
from envgen.formats.others import read_prefix
from envgen.install.prefixes import python
from envgen.model.errors import BadInput
from envgen.model.packages import LockedPackage
from envgen.probe.model import Expectation, InstalledEnvironment, InstalledFramework

_SPEAKS = {  # framework -> the packages that say what it was made for, the first that is there
    "pytorch": (("conda", "pytorch"), ("pip", "torch")),
    "tensorflow": (("conda", "tensorflow-base"), ("conda", "tensorflow"), *(("pip", name) for name in PIP_TENSORFLOW)),
    "jax": (("conda", "jaxlib"), ("pip", "jaxlib")),
    "cupy": (("conda", "cupy-core"), ("conda", "cupy")),
}
_MODULES = {"pytorch": "torch"}  # framework -> what Python imports, where that is another name
_TARGET = re.compile(r"cu(\d{1,2})(\d)")


def read_environment(prefix: Path, target: str = "") -> InstalledEnvironment:
    """What is installed in `prefix`, and what it is meant for: by `target`, else by the mark that envgen left in it.

    Raises BadInput for a folder that is not an environment, an environment without Python, and an unknown target.
    """
    if not (prefix / "conda-meta").is_dir():
        raise BadInput("not a conda environment: it has no conda-meta", where=prefix, hint="give the folder of an environment")
    if not python(prefix).exists():
        hint = f"install python into it; expected {python(prefix)}"
        raise BadInput("this environment has no Python", where=prefix, hint=hint)
    chosen, because = (target, "--target") if target else ((made_for(prefix) or ("", ""))[1], f"{META}/{MARK}")
    expected = _meant(chosen, because) if chosen else None
    frameworks = {found.framework: found for found in _installed(prefix)}
    return InstalledEnvironment(prefix=prefix, target=chosen, expected=expected, frameworks=frameworks)


def _meant(target: str, because: str) -> Expectation:
    if target == "cpu":
        return Expectation("cpu", because=f"target cpu ({because})")
    found = _TARGET.fullmatch(target)
    if found is None:
        raise BadInput(f"`{target}` is no target ({because})", hint="cpu, or the CUDA version without its dot: cu126")
    return Expectation("cuda", cuda=Version(f"{found[1]}.{found[2]}"), because=f"target {target} ({because})")


# --- packages -------------------------------------------------------------------------------------------------------------


def _installed(prefix: Path) -> Iterator[InstalledFramework]:
    packages = read_prefix(prefix, str(prefix)).packages
    there = {(package.manager, package.name): package for package in packages}
    for framework, names in _SPEAKS.items():
        found = next((there[key] for key in names if key in there), None) or _cupy(packages, framework)
        if found:
            yield InstalledFramework(
                framework=framework,
                module=_MODULES.get(framework, framework),
                package=f"{found.name} {found.version} {found.build or '(pip)'}",
                version=found.version,
                expected=_expected(framework, found, packages),
            )


def _cupy(packages: Sequence[LockedPackage], framework: str) -> LockedPackage | None:
    """Pip's cupy has its CUDA in its name: cupy-cuda12x."""
    return next((p for p in packages if p.manager == "pip" and p.name.startswith("cupy")), None) if framework == "cupy" else None


def _expected(framework: str, package: LockedPackage, packages: Sequence[LockedPackage]) -> Expectation:
    """What a package tells: conda's by its build string, a wheel by its version or what is beside it. A plain one tells nothing."""
    cuda = cuda_of(package) if framework == "cupy" else framework_cuda(package, packages)
    told = cuda_of(package) is not None or is_cpu_build(package)
    if package.manager == "conda":
        because = f"its build string, {package.build}"
    else:
        because = f"its wheel, {package.name} {package.version}" if told or cuda is None else "the CUDA packages beside it"
    if cuda is None:
        says_nothing = package.manager == "pip" and not told and framework != "jax" and package.name not in CPU_WHEELS
        return Expectation("unknown" if says_nothing else "cpu", because=because)
    known = cuda or _major(packages)
    return Expectation("cuda", cuda=Version(known) if known else None, because=because)


def _major(packages: Sequence[LockedPackage]) -> str:
    """The CUDA major that an environment names; no more, because libraries of a newer minor may serve an older build."""
    named = {package.name: package.version for package in packages if package.manager == "conda"}
    return next((named[name].split(".")[0] for name in NAMERS if name in named), "")
