"""The rules about machines: what the locked packages need, against what the target promises.

Virtual packages, the driver, the GPUs. Figures come from `matrices/`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product

from packaging.version import InvalidVersion, Version

from envgen.channels.versions import admits
from envgen.formats.builds import is_wheel
from envgen.formats.wheel_files import file_name, glibc_minor, platform_tags
from envgen.matrix.constraints import Value, holds, violation_text
from envgen.matrix.gpu_code import BUILD
from envgen.matrix.hardware import cudnn_floor, has_code, latest_driver
from envgen.model.catalogue import parsed
from envgen.model.facts import driver_text
from envgen.model.gpu import Gpu
from envgen.verify.registry import Case, Violations, oldest_toolkit, rule, toolkit_of

_IMPLIED = {"linux": ("__unix", "__linux"), "osx": ("__unix", "__osx"), "win": ("__win",)}


@rule("virtual-package", "A machine that has just what the target promises cannot install the package.")
def virtual_package(case: Case) -> Violations:
    """`__glibc`, `__cuda`, `__archspec` ... of every locked package; `__cuda` in a CPU target is `cuda-in-cpu`."""
    promised = case.claim.virtual
    if promised is None:
        return
    for package, traits in case.telling:
        for name, spec in traits.virtual:
            if not (name == "__cuda" and case.claim.cuda is None):
                text = _unmet(case, name, spec, promised)
                if text:
                    yield package, text


def _unmet(case: Case, name: str, spec: str, promised: Mapping[str, str]) -> str:
    have = promised.get(name)
    if have is None:
        implied = case.claim.more_virtual or name in _IMPLIED.get(case.platform.split("-")[0], ())
        return "" if implied else f"needs {name}{f' {spec}' if spec else ''}, which {case.claim.source} does not promise"
    version = have.split(" ")[0]
    return f"needs {name} {spec}; {case.claim.source} promises {version}" if admits(spec, version) is False else ""


@rule("wheel-glibc", "pip does not install a wheel for a newer glibc than the machine's.")
def wheel_glibc(case: Case) -> Violations:
    """The `manylinux_2_28` in a wheel's name against the promised `__glibc`; of several, the oldest."""
    promised = (case.claim.virtual or {}).get("__glibc", "").split(" ")[0]
    for package in case.wheels if promised else ():
        tags = platform_tags(file_name(package.url)) if is_wheel(package.url) else []
        minor = min((found for tag in tags if (found := glibc_minor(tag)) is not None), default=None)
        if minor is not None and admits(f">=2.{minor}", promised) is False:
            yield package, f"needs __glibc >=2.{minor}; {case.claim.source} promises {promised}"


@rule("microarchitecture", "The build uses instructions that the promised processor does not have, and ends with SIGILL.")
def microarchitecture(case: Case) -> Violations:
    """conda-forge's `_x86_64-microarch-level N` against the promised `__archspec`."""
    level = case.conda("_x86_64-microarch-level")
    promised = (case.claim.virtual or {}).get("__archspec", "").split(" ")[-1]
    have = re.fullmatch(r"x86_64(?:_v([0-9]))?", promised)
    needs = parsed(level.version) if level else None
    if level and needs and have and needs.major > int(have[1] or 1):
        wanted = f"x86_64_v{needs.major}"
        yield level, f"needs a processor of level {wanted}; {case.claim.source} promises {promised}"


@rule("cuda-promise", "The package constrains the driver to its CUDA major, which a conda-lock.yml does not record.")
def cuda_promise(case: Case) -> Violations:
    """Packages of which the matrices say so, against the promised `__cuda`; without one, the CUDA of frameworks and libraries."""
    promised = (case.claim.virtual or {}).get("__cuda")
    found = [
        (package, version) for package, known in case.known if known.constrains_driver and (version := parsed(package.version))
    ]
    found = found or [(package, Version(cuda)) for package, _, cuda in case.frameworks if cuda]
    found = found or [(package, Version(cuda)) for package, cuda in case.cudas if cuda and case.brings(package)]
    for package, version in found if promised else ():
        if case.driver_cuda and not _driver_runs(case, version, case.driver_cuda):
            newer = version.major > case.driver_cuda.major
            driver = f"a driver for CUDA {version.major}" if newer else f"a driver newer than that of CUDA {case.driver_cuda}"
            yield package, f"needs {driver}; {case.claim.source} promises __cuda {promised}"


def _driver_runs(case: Case, cuda: Version, promised: Version) -> bool:
    """Whether drivers whose newest CUDA is the promised one run another; those that the facts do not know run all of its major.

    A promised major without a minor, as pixi's `cuda = "12"`, is that of drivers which run all of it.
    """
    if len(promised.release) < 2:
        return cuda.major <= promised.major
    needed, have = oldest_toolkit(case.matrix, cuda), toolkit_of(case.matrix, promised)
    floor, driver = needed.floor.get(case.system) if needed else None, have.driver.get(case.system) if have else None
    if cuda.major <= promised.major and (cuda <= promised or floor is None or driver is None):
        return True
    return floor is not None and driver is not None and latest_driver(case.matrix, Version(str(driver.major))) >= floor


# --- driver ---------------------------------------------------------------------------------------------------------------


@rule("unknown-cuda", "The matrices do not know this CUDA, so its driver and its GPUs are not checked.", severity="warning")
def unknown_cuda(case: Case) -> Violations:
    """A CUDA without a row in cuda.yaml; the figures of its neighbours are not its own."""
    cuda, newest = case.claim.cuda, max(case.matrix.toolkits, default=None)
    if case.claim.kind == "cuda" and cuda and newest and case.toolkit is None:
        known = f"newer than {newest}, the newest" if cuda > newest else "none"
        yield None, f"CUDA {cuda} is {known} in matrices/cuda.yaml: the driver and the GPUs that it needs are not known"


@rule("driver-too-old", "The project's oldest driver cannot run this CUDA.")
def driver_too_old(case: Case) -> Violations:
    """The project's `driver:` against the floor of the family (minor-version compatibility), or of the toolkit before CUDA 11."""
    floor, _ = case.driver_floors
    have = case.claim.driver
    if floor and have and latest_driver(case.matrix, have) < floor:
        yield None, f"{case.told} needs driver {driver_text(floor)} or newer; the oldest is {driver_text(have)}"


@rule(
    "run-time-compilation", "The driver runs the build, but perhaps not the code that is compiled at run time.", severity="warning"
)
def run_time_compilation(case: Case) -> Violations:
    """A driver between the floor of the family and the toolkit's own: it may not know code that a newer toolkit makes."""
    floor, compiling = case.driver_floors
    have = case.claim.driver
    latest = latest_driver(case.matrix, have) if have else None
    if compiling and have and latest and (floor is None or latest >= floor) and latest < compiling:
        wanted = f"code compiled at run time ({', '.join(case.compilers)}) needs driver {driver_text(compiling)} or newer"
        yield None, f"{wanted}; the oldest is {driver_text(have)}"


# --- GPUs -----------------------------------------------------------------------------------------------------------------


@rule("gpu-without-code", "The build has no code for a GPU of the project, and fails with `no kernel image is available`.")
def gpu_without_code(case: Case) -> Violations:
    """The range of the target's toolkit, and of the one that a framework's build was made with; then the code of the build itself.

    An older minor may have made the build. Code for X.Y runs on X.Z, Z >= Y, of the same major.
    """
    if case.claim.kind != "cuda" or case.claim.cuda is None:
        return
    lacking: set[str] = set()
    built = {case.claim.cuda: None, **{Version(cuda): package for package, _, cuda in case.frameworks if cuda and "." in cuda}}
    for cuda, package in built.items():
        toolkit = toolkit_of(case.matrix, cuda)
        for gpu in case.gpus if toolkit else ():
            if toolkit and not has_code(toolkit, gpu):
                low, high = toolkit.capabilities
                held = f"has code for compute capability {low} to {high}"
                lacking.add(gpu.name)
                yield package, f"CUDA {cuda} {held}, not for {gpu.name} ({gpu.capability})"
    yield from _without_own_code(case, [gpu for gpu in case.gpus if gpu.name not in lacking])


def _without_own_code(case: Case, gpus: Sequence[Gpu]) -> Violations:
    """What the builds of frameworks have no code for, by the rows of `code` in matrices/."""
    for package, framework, cuda in case.frameworks if gpus else ():
        shared = {**_known(case), BUILD: (Version(cuda),)} if cuda and "." in cuda else {}
        rules = (row for row in case.matrix.constraints if row.says and any(c.axis == framework for c in row.when))
        for rule_of_code, gpu in product(rules if shared else (), gpus):
            known = {**shared, "gpu": (gpu.capability,)}
            if holds(rule_of_code, known) is False:
                yield package, f"{gpu.name}: {violation_text(rule_of_code, known)} ({rule_of_code.at})"


@rule("cudnn-without-code", "This cuDNN has no code for a GPU of the project.")
def cudnn_without_code(case: Case) -> Violations:
    """CuDNN 9.11 and later have nothing below 7.5 (matrices/cudnn.yaml)."""
    for package, version in case.cudnns:
        floor = cudnn_floor(case.matrix, version)
        for gpu in case.gpus if floor and case.claim.kind == "cuda" else ():
            if floor and gpu.capability < floor:
                yield package, f"has code from compute capability {floor} on, not for {gpu.name} ({gpu.capability})"


_HARDWARE = {"gpu", "glibc", "archspec"}


@rule("fact", "A constraint in matrices/ needs more than the target promises.")
def fact(case: Case) -> Violations:
    """Constraints of the matrices on GPUs, glibc and processors; `because` names their source."""
    known = _known(case)
    if case.claim.kind != "cuda" or not known:
        return
    for constraint in case.matrix.constraints:
        wants = {condition.axis for condition in constraint.need}
        if not constraint.warn and not constraint.says and wants & _HARDWARE and holds(constraint, known) is False:
            yield None, f"{violation_text(constraint, known)} ({constraint.at})"


def _known(case: Case) -> dict[str, tuple[Value, ...]]:
    virtual = case.claim.virtual or {}
    known: dict[str, tuple[Value, ...]] = {"platform": (case.platform,), **_versions(case)}
    if case.claim.cuda:
        known["cuda"] = (case.claim.cuda,)
    if case.gpus:
        known["gpu"] = tuple(gpu.capability for gpu in case.gpus)
    glibc = virtual.get("__glibc", "").split(" ")[0]
    if re.fullmatch(r"[0-9]+(\.[0-9]+)*", glibc):
        known["glibc"] = (Version(glibc),)
    if "__archspec" in virtual:
        known["archspec"] = (virtual["__archspec"].split(" ")[-1],)
    return known


def _versions(case: Case) -> dict[str, tuple[Value, ...]]:
    """Each framework's version, and the provider that conda's builds come from."""
    found: dict[str, tuple[Value, ...]] = {}
    for package, framework, _ in case.frameworks:
        if package.manager == "conda":
            try:
                found[framework] = (Version(package.version),)
            except InvalidVersion:
                continue
            if package.url.count("/") > 3:
                found["provider"] = (package.url.split("/")[-3],)
    return found
