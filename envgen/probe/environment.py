"""What an installed environment is meant for, and which frameworks its packages bring."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from packaging.version import Version

from envgen.formats.builds import Surroundings, cuda_of, framework_cuda, tells_nothing
from envgen.formats.installed import MANIFEST, META, installed_target, is_environment, python
from envgen.formats.prefix import read_folders, read_prefix
from envgen.machine.system import current_platform
from envgen.model.catalogue import Catalogue
from envgen.model.errors import BadInput
from envgen.model.facts import Target
from envgen.model.packages import LockedPackage
from envgen.model.target_names import CPU, named_cuda
from envgen.probe.interpreter import Site
from envgen.probe.model import Expectation, InstalledEnvironment, InstalledFramework

_TOLD = "--target"


def read_environment(prefix: Path, catalogue: Catalogue, target: str | Target = "") -> InstalledEnvironment:
    """What is installed in `prefix`, and what it is meant for: by `target`, else by the manifest that envgen wrote.

    Of a target of a project's own the manifest has the name alone, which says nothing of CUDA: then the packages say what they are
    for.

    Raises BadInput for a folder that is not an environment, an environment without Python, and an unknown target.
    """
    packages = read_prefix(prefix, str(prefix)).packages
    if not python(prefix).exists():
        hint = f"install python into it; expected {python(prefix)}"
        raise BadInput("this environment has no Python", where=prefix, hint=hint)
    chosen, because = (target, _TOLD) if target else ((installed_target(prefix) or ("", ""))[1], f"{META}/{MANIFEST}")
    expected = _by_target(chosen, because) if chosen else None
    return InstalledEnvironment(prefix=prefix, target=_name(chosen), expected=expected, frameworks=_frameworks(packages, catalogue))


def read_interpreter(site: Site, catalogue: Catalogue, target: str | Target = "") -> InstalledEnvironment:
    """What an interpreter can import, and what it is meant for: by `target`, else, in a conda environment, by the manifest.

    Raises BadInput for an unknown target.
    """
    python = site.interpreter.python
    if is_environment(site.prefix):
        return replace(read_environment(site.prefix, catalogue, target), interpreter=python)
    frameworks = _frameworks(read_folders(site.folders, current_platform()), catalogue)
    expected, name = _by_target(target, _TOLD) if target else None, _name(target)
    return InstalledEnvironment(prefix=site.prefix, target=name, expected=expected, frameworks=frameworks, interpreter=python)


def _by_target(target: str | Target, because: str) -> Expectation | None:
    """What a target means; None for a name in a manifest that only its project knows. Raises BadInput for such a name elsewhere."""
    name = _name(target)
    cuda = target.cuda if isinstance(target, Target) else named_cuda(target)
    if cuda:
        return Expectation("cuda", cuda=cuda, because=f"target {name} ({because})")
    if name == CPU or isinstance(target, Target):
        return Expectation("cpu", because=f"target {name} ({because})")
    if because != _TOLD:
        return None
    raise BadInput(f"`{name}` is not a target ({because})", hint="name one with --target: cpu, or cu126 for CUDA 12.6")


def _name(target: str | Target) -> str:
    return target.name if isinstance(target, Target) else target


# --- packages -------------------------------------------------------------------------------------------------------------


def _frameworks(packages: Sequence[LockedPackage], catalogue: Catalogue) -> dict[str, InstalledFramework]:
    return {found.framework: found for found in _installed(packages, catalogue)}


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
    cuda, own = framework_cuda(catalogue, package, Surroundings(catalogue, packages)), cuda_of(catalogue, package)
    said = f"its build string, {package.build}" if package.manager == "conda" else f"its wheel, {package.name} {package.version}"
    because = said if cuda == own else "the CUDA packages beside it"
    if cuda is None:
        unmarked = tells_nothing(catalogue, package, complete=False)  # a wheel may load libraries of the system
        return Expectation("unknown" if unmarked else "cpu", because=because)
    version = cuda or _major(catalogue, packages)
    return Expectation("cuda", cuda=Version(version) if version else None, because=because)


def _major(catalogue: Catalogue, packages: Sequence[LockedPackage]) -> str:
    """The CUDA major that an environment names; no more, because libraries of a newer minor may serve an older build."""
    named = {package.name: package.version for package in packages if package.manager == "conda"}
    return next((named[name].split(".")[0] for name in catalogue.namers if name in named), "")
