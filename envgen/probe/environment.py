"""What an installed environment is meant for, and which frameworks its packages bring."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.version import Version

from envgen.formats.builds import cuda_of, framework_cuda, is_cpu_build
from envgen.formats.installed import MANIFEST, META, installed_target, python
from envgen.formats.others import read_prefix
from envgen.model.catalogue import Catalogue
from envgen.model.errors import BadInput
from envgen.model.facts import Target
from envgen.model.packages import LockedPackage
from envgen.model.target_names import CPU, named_cuda
from envgen.probe.model import Expectation, InstalledEnvironment, InstalledFramework

_TOLD = "--target"


def read_environment(prefix: Path, catalogue: Catalogue, target: str = "", own: Target | None = None) -> InstalledEnvironment:
    """What is installed in `prefix`, and what it is meant for: by `target`, else by the manifest that envgen wrote.

    `own` is the target where it is one of a project's own. The manifest has its name alone, which says nothing of CUDA: then the
    packages say what they are for.

    Raises BadInput for a folder that is not an environment, an environment without Python, and an unknown target.
    """
    packages = read_prefix(prefix, str(prefix)).packages
    if not python(prefix).exists():
        hint = f"install python into it; expected {python(prefix)}"
        raise BadInput("this environment has no Python", where=prefix, hint=hint)
    chosen, because = (target, _TOLD) if target else ((installed_target(prefix) or ("", ""))[1], f"{META}/{MANIFEST}")
    expected = _by_target(chosen, because, own) if chosen else None
    frameworks = {found.framework: found for found in _installed(packages, catalogue)}
    return InstalledEnvironment(prefix=prefix, target=chosen, expected=expected, frameworks=frameworks)


def _by_target(target: str, because: str, own: Target | None) -> Expectation | None:
    if target == CPU or (own and own.cuda is None):
        return Expectation("cpu", because=f"target {target} ({because})")
    cuda = own.cuda if own else named_cuda(target)
    if cuda is None and because != _TOLD:
        return None
    if cuda is None:
        raise BadInput(f"`{target}` is not a target ({because})", hint="name one with --target: cpu, or cu126 for CUDA 12.6")
    return Expectation("cuda", cuda=cuda, because=f"target {target} ({because})")


# --- packages -------------------------------------------------------------------------------------------------------------


def _installed(packages: Sequence[LockedPackage], catalogue: Catalogue) -> Iterator[InstalledFramework]:
    for framework, module in catalogue.frameworks.items():
        found = catalogue.speaker(framework, packages)
        if found:
            yield InstalledFramework(
                framework=framework,
                module=module,
                package=f"{found.name} {found.version} {found.build or '(pip)'}",
                version=found.version,
                expected=_expected(catalogue, found, packages),
            )


def _expected(catalogue: Catalogue, package: LockedPackage, packages: Sequence[LockedPackage]) -> Expectation:
    """What a package says of its build: by its build string, a wheel by its version or name; or what is beside it says it."""
    cuda, own = framework_cuda(catalogue, package, packages), cuda_of(catalogue, package)
    said = f"its build string, {package.build}" if package.manager == "conda" else f"its wheel, {package.name} {package.version}"
    because = said if cuda == own else "the CUDA packages beside it"
    if cuda is None:
        return Expectation("cpu" if _is_cpu(catalogue, package) else "unknown", because=because)
    version = cuda or _major(catalogue, packages)
    return Expectation("cuda", cuda=Version(version) if version else None, because=because)


def _is_cpu(catalogue: Catalogue, package: LockedPackage) -> bool:
    """Whether a package that names no CUDA is a CPU build: it says so, or every CUDA build would have said otherwise.

    A conda package's CUDA builds say so if the matrices know their build strings, a wheel's if the framework's CUDA is a plugin.
    """
    known = catalogue.of(package)
    if known is None or is_cpu_build(catalogue, package):
        return known is not None
    if package.manager == "conda":
        return bool(known.cuda_builds)
    return any(row.role == "plugin" and row.framework == known.framework for row in catalogue.packages)


def _major(catalogue: Catalogue, packages: Sequence[LockedPackage]) -> str:
    """The CUDA major that an environment names; no more, because libraries of a newer minor may serve an older build."""
    named = {package.name: package.version for package in packages if package.manager == "conda"}
    return next((named[name].split(".")[0] for name in catalogue.namers if name in named), "")
