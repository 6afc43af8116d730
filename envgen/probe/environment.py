"""What an installed environment is meant for, and which frameworks its packages bring."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.version import Version

from envgen.formats.builds import cuda_of, framework_cuda, is_cpu_build
from envgen.formats.installed import MANIFEST, META, installed_target
from envgen.formats.others import read_prefix
from envgen.install.prefixes import python
from envgen.model.catalogue import Catalogue
from envgen.model.errors import BadInput
from envgen.model.packages import LockedPackage
from envgen.probe.model import Expectation, InstalledEnvironment, InstalledFramework

_TARGET = re.compile(r"cu(\d{1,2})(\d)")


def read_environment(prefix: Path, catalogue: Catalogue, target: str = "") -> InstalledEnvironment:
    """What is installed in `prefix`, and what it is meant for: by `target`, else by the manifest that envgen wrote.

    Raises BadInput for a folder that is not an environment, an environment without Python, and an unknown target.
    """
    if not (prefix / "conda-meta").is_dir():
        raise BadInput("not a conda environment: it has no conda-meta", where=prefix, hint="give the folder of an environment")
    if not python(prefix).exists():
        hint = f"install python into it; expected {python(prefix)}"
        raise BadInput("this environment has no Python", where=prefix, hint=hint)
    chosen, because = (target, "--target") if target else ((installed_target(prefix) or ("", ""))[1], f"{META}/{MANIFEST}")
    expected = _meant(chosen, because) if chosen else None
    frameworks = {found.framework: found for found in _installed(prefix, catalogue)}
    return InstalledEnvironment(prefix=prefix, target=chosen, expected=expected, frameworks=frameworks)


def _meant(target: str, because: str) -> Expectation:
    if target == "cpu":
        return Expectation("cpu", because=f"target cpu ({because})")
    found = _TARGET.fullmatch(target)
    if found is None:
        raise BadInput(f"`{target}` is no target ({because})", hint="cpu, or the CUDA version without its dot: cu126")
    return Expectation("cuda", cuda=Version(f"{found[1]}.{found[2]}"), because=f"target {target} ({because})")


# --- packages -------------------------------------------------------------------------------------------------------------


def _installed(prefix: Path, catalogue: Catalogue) -> Iterator[InstalledFramework]:
    packages = read_prefix(prefix, str(prefix)).packages
    for framework, module in catalogue.frameworks.items():
        found = catalogue.speaker(framework, packages)
        if found:
            yield InstalledFramework(
                framework=framework,
                module=module,
                package=f"{found.name} {found.version} {found.build or '(pip)'}",
                version=found.version,
                expected=_expected(catalogue, framework, found, packages),
            )


def _expected(catalogue: Catalogue, framework: str, package: LockedPackage, packages: Sequence[LockedPackage]) -> Expectation:
    """What a package says of itself, or what is beside it: a conda package by its build string, a wheel by its version or its name.

    A wheel that says nothing may have CUDA code, unless the framework's CUDA is a plugin.
    """
    cuda = framework_cuda(catalogue, package, packages)
    told = cuda_of(catalogue, package) is not None or is_cpu_build(catalogue, package)
    if package.manager == "conda":
        because = f"its build string, {package.build}"
    else:
        because = f"its wheel, {package.name} {package.version}" if told or cuda is None else "the CUDA packages beside it"
    if cuda is None:
        by_plugin = any(known.role == "plugin" and known.framework == framework for known in catalogue.packages)
        says_nothing = package.manager == "pip" and not told and not by_plugin
        return Expectation("unknown" if says_nothing else "cpu", because=because)
    known = cuda or _major(catalogue, packages)
    return Expectation("cuda", cuda=Version(known) if known else None, because=because)


def _major(catalogue: Catalogue, packages: Sequence[LockedPackage]) -> str:
    """The CUDA major that an environment names; no more, because libraries of a newer minor may serve an older build."""
    named = {package.name: package.version for package in packages if package.manager == "conda"}
    return next((named[name].split(".")[0] for name in catalogue.namers if name in named), "")
