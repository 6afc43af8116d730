"""The rules of build truth: a CUDA target holds CUDA builds, a CPU target holds none, and there is one CUDA.

They judge by build strings and by what is locked together, never by what happens to be installed beside it: cudatoolkit or
cuda-version in an environment prove nothing (their demand on `__cuda` is a constraint, void where there is no driver).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from packaging.version import Version

from envgen.formats.builds import COMPANIONS, NAMERS, cudnn_of, is_cpu_build, is_library, runtime_of, tensorflow_loads, version_of
from envgen.model.packages import LockedPackage
from envgen.verify.registry import Case, rule

Violations = Iterator[tuple[LockedPackage | None, str]]


def said(packages: Iterable[LockedPackage], most: int = 3) -> str:
    """Packages as a sentence names them: cudatoolkit 11.8.0, cudnn 8.9.7.29 and 4 more."""
    names = [f"{package.name} {package.version}" for package in packages]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _newer(cuda: str, wanted: Version) -> bool:
    """Whether a build's CUDA is of another major than the target's, or a newer minor; a bare major says no minor."""
    found = Version(cuda)
    if found.major != wanted.major:
        return True
    return len(found.release) > 1 and len(wanted.release) > 1 and found > wanted


# --- a CUDA target --------------------------------------------------------------------------------------------------------


@rule("cpu-build", "A CPU build in a CUDA target imports and runs, slowly: nobody gets an error.")
def cpu_build(case: Case) -> Violations:
    """Frameworks, their companions, and whatever a CUDA build was chosen for."""
    if case.claim.kind != "cuda":
        return
    for package, framework, cuda in case.frameworks:
        if cuda is None:
            meant = f"in a target for {case.told}"
            yield package, f"{_cpu(package, framework)} {meant}{_instead(case, package, framework)}"
    judged = {id(package) for package, _, _ in case.frameworks}
    told = {id(package) for package, _ in case.cudas}
    for package in (package for package in case.packages if id(package) not in judged):
        if package.name in COMPANIONS and is_cpu_build(package):
            yield package, f"a CPU build beside frameworks for {case.told}"
        elif package.name in case.claim.builds and id(package) not in told:
            yield package, f"no CUDA build, where one for {case.claim.builds[package.name][0]} was chosen"


def _cpu(package: LockedPackage, framework: str) -> str:
    """What a package is that computes on the CPU; TensorFlow's wheel has GPU code, which is of no use without its libraries."""
    if package.manager == "pip" and package.name == "tensorflow":
        return f"tensorflow, which loads CUDA {tensorflow_loads(package)}," if tensorflow_loads(package) else "tensorflow"
    return f"a CPU build of {framework}"


def _instead(case: Case, package: LockedPackage, framework: str) -> str:
    if case.claim.frameworks and framework not in case.claim.frameworks:
        return f": the project does not name {framework}, something else brought it; name it under `frameworks` to get a CUDA build"
    if package.manager == "pip" and package.name == "tensorflow":
        return ": none of the libraries that it loads is locked; ask for tensorflow[and-cuda] (2.14 or newer)"
    if package.manager == "pip" and package.name == "jaxlib":
        return ": no CUDA plugin is locked; ask for jax[cuda12] or jax[cuda13]"
    return _never_built(case, package)


_VENDOR_CPU = re.compile(r"py3\.\d+_cpu_\d+")  # a CPU build of the pytorch channel


def _never_built(case: Case, package: LockedPackage) -> str:
    """Why a CUDA that was asked for did not come: the pytorch channel built up to 1.12 for cudatoolkit, then for pytorch-cuda."""
    toolkit = case.conda("cudatoolkit")
    if package.name != "pytorch" or toolkit is None or not _VENDOR_CPU.fullmatch(package.build):
        return ""
    version = version_of(package)
    if version and version >= Version("1.13"):
        return "; from 1.13 on the pytorch channel's CUDA builds come with pytorch-cuda, none with cudatoolkit"
    return f"; the pytorch channel has no build of it for cudatoolkit {'.'.join(toolkit.version.split('.')[:2])}"


@rule("wrong-cuda", "A build for another CUDA needs another driver, or other libraries, than the target promises.")
def wrong_cuda(case: Case) -> Violations:
    """Builds of frameworks, held against what was chosen for them, else against the target."""
    wanted = case.claim.cuda
    if case.claim.kind != "cuda" or wanted is None:
        return
    told = [(package, cuda) for package, cuda in case.cudas if package.name in COMPANIONS or package.name in case.claim.builds]
    for package, cuda in [*((package, cuda) for package, _, cuda in case.frameworks), *told]:
        chosen, exact = case.claim.builds.get(package.name, (wanted, False))
        if exact and cuda is not None and cuda != str(chosen):
            yield package, f"built for CUDA {cuda or 'without a version'}, where one for {chosen} was chosen"
        elif cuda and _newer(cuda, chosen):
            yield package, f"built for CUDA {cuda} in a target for CUDA {wanted}"


@rule("cpu-selector", "A package that exists to select CPU builds keeps every later solve on the CPU.")
def cpu_selector(case: Case) -> Violations:
    """`cpuonly`, and the mutex of the pytorch channel, in a CUDA target."""
    if case.claim.kind != "cuda":
        return
    for package in case.packages:
        if package.name == "cpuonly" or (package.name == "pytorch-mutex" and package.build == "cpu"):
            yield package, f"selects CPU builds in a target for {case.told}"


@rule("framework-missing", "A lock without the framework that its project asks for is of no use to it.")
def framework_missing(case: Case) -> Violations:
    """Frameworks that the claim names, and packages whose build was chosen."""
    there = {framework for _, framework, _ in case.frameworks}
    for name in case.claim.frameworks:
        if name not in there:
            yield None, f"the project asks for {name}, which is not here"
    names = {package.name for package in case.packages}
    for name in case.claim.builds:
        if name not in names:
            yield None, f"{name} was chosen, and is not here"


@rule("stub-package", "The package of that name holds nothing and fails on purpose.")
def stub_package(case: Case) -> Violations:
    """Pip's tensorflow-gpu from 2.12 on (its own description says so)."""
    found = case.by_name.get(("pip", "tensorflow-gpu"))
    version = version_of(found) if found else None
    if found and version and version >= Version("2.12"):
        yield found, "is a stub that fails on purpose; ask for tensorflow[and-cuda] (2.14 or newer) or tensorflow"


# --- a CPU target ---------------------------------------------------------------------------------------------------------


@rule("silent-cpu", "A CPU build beside CUDA's libraries is what is left when a CUDA build was asked for and not found.")
def silent_cpu(case: Case) -> Violations:
    """CPU builds of frameworks in an environment that also holds CUDA, whatever it calls itself."""
    if case.claim.kind not in ("cpu", "mixed"):
        return
    cuda = [package for package, _ in case.cudas if package.name in NAMERS or cudnn_of(package)]
    cuda += [package for package, _, built in case.frameworks if built is not None]
    for package, framework, built in case.frameworks:
        if built is None and cuda:
            yield package, f"{_cpu(package, framework)} beside {said(cuda)}: the silent CPU build{_never_built(case, package)}"


@rule("cuda-in-cpu", "A CUDA build in a CPU target is gigabytes of libraries that nothing uses, or a GPU that nobody expects.")
def cuda_in_cpu(case: Case) -> Violations:
    """CUDA builds, parts of CUDA, and whatever needs a driver."""
    if case.claim.kind != "cpu":
        return
    told = {id(package) for package, _ in case.cudas}
    built = {id(package): cuda for package, _, cuda in case.frameworks}
    for package in case.packages:
        if is_library(package):
            yield package, "a part of CUDA in a CPU target"
        elif id(package) in told or built.get(id(package)) is not None:
            yield package, "a CUDA build in a CPU target"
        elif any(need.split()[:1] == ["__cuda"] for need in package.depends):
            yield package, "needs a GPU driver (`__cuda`) in a CPU target"


# --- one CUDA -------------------------------------------------------------------------------------------------------------


@rule("other-cuda", "What names the environment's CUDA names another one than the target's.")
def other_cuda(case: Case) -> Violations:
    """`pytorch-cuda`, `cudatoolkit`, `cuda-version`: the most binding one says just the target's, the others agree with it.

    Beside pytorch-cuda they say nothing: see `_HELPERS`.
    """
    wanted = case.claim.cuda
    if case.claim.kind != "cuda" or wanted is None or len(wanted.release) < 2:
        return
    named = {
        package.name: (package, cuda)
        for package, cuda in case.cudas
        if cuda and package.name in NAMERS and package.manager == "conda"
    }
    first = True
    for package, cuda in (named[name] for name in NAMERS if name in named):
        loose = not first and ("pytorch-cuda" in named or (Version(cuda).major == wanted.major and wanted.major >= 12))
        if cuda != str(wanted) and not loose:
            yield package, f"CUDA {package.version} in a target for CUDA {wanted}"
        first = False


# pytorch-cuda bounds what it needs of the nvidia channel, but cuda-libraries does not bound libcufile and cuda-opencl: they come
# in their newest release, of whatever CUDA, and bring a cuda-version with them. PyTorch loads neither.
_HELPERS = frozenset({"cuda-version", "cuda-opencl"})


@rule("two-cuda-majors", "Libraries of two CUDA majors in one process: which one is loaded is chance.")
def two_cuda_majors(case: Case) -> Violations:
    """Conda's and pip's packages together; the larger group is taken for the environment's own."""
    groups: dict[int, list[LockedPackage]] = {}
    ignored = _HELPERS if case.conda("pytorch-cuda") else frozenset()
    for package, cuda in case.cudas:
        if cuda and package.name not in ignored:
            groups.setdefault(Version(cuda).major, []).append(package)
    for major in sorted(groups, key=lambda major: len(groups[major]))[:-1]:
        others = [package for other, packages in groups.items() if other != major for package in packages]
        yield groups[major][0], f"CUDA {major} ({said(groups[major])}) beside {said(others)}"


@rule("two-cuda-minors", "Before CUDA 12 a toolkit's libraries are for one minor; two of them do not mix.")
def two_cuda_minors(case: Case) -> Violations:
    """What names a minor of CUDA 11 or older. Build strings do not count: conda-forge's for 11.2 also run with newer ones."""
    named: dict[str, list[LockedPackage]] = {}
    for package, cuda in case.cudas:
        tells = package.name in NAMERS or (package.manager == "pip" and "+cu" in package.version)
        if tells and "." in cuda and Version(cuda).major < 12:
            named.setdefault(cuda, []).append(package)
    if len({Version(cuda).major for cuda in named}) == 1 and len(named) > 1:
        first = min(named, key=Version)
        yield named[first][0], " beside ".join(f"CUDA {cuda} ({said(named[cuda])})" for cuda in sorted(named, key=Version))


@rule("two-cudnn-majors", "A framework links libcudnn.so.8 or libcudnn.so.9: the majors do not replace each other.")
def two_cudnn_majors(case: Case) -> Violations:
    """Conda's and pip's cuDNN together."""
    found = {version.major: package for package in case.packages if (version := cudnn_of(package))}
    if len(found) > 1:
        yield found[min(found)], " beside ".join(f"cuDNN {found[major].version}" for major in sorted(found))


@rule("cudnn-for-cuda", "This cuDNN was not built for the environment's CUDA.")
def cudnn_for_cuda(case: Case) -> Violations:
    """Conda's cuDNN against the majors that conda-forge built it for."""
    wanted = case.claim.cuda
    rows = {row.version: row for row in case.matrix.cudnn}
    for package in case.packages:
        row = rows.get(version) if (version := cudnn_of(package)) and package.manager == "conda" else None
        if row and wanted and case.claim.kind == "cuda" and wanted.major not in row.cuda_majors:
            majors = " and ".join(str(major) for major in sorted(row.cuda_majors))
            yield package, f"built for CUDA {majors}, in an environment for CUDA {wanted}"


# cuDNN that a wheel was built with: it takes one of the same major that is not older in major.minor, and no other
# (https://www.tensorflow.org/install/source#gpu, https://docs.jax.dev/en/latest/changelog.html).
_WANTS = {
    "tensorflow": {"2.18": "9.3", "2.15": "8.9", "2.14": "8.7", "2.12": "8.6", "2.5": "8.1", "2.4": "8.0", "2.1": "7.6"},
    "jax-cuda12-plugin": {"0.6": "9.8", "0.4.31": "9.1", "0.4.30": "9.0"},
    "jax-cuda13-plugin": {"0.7": "9.12"},
}


@rule("cudnn-for-framework", "The framework was built with a newer cuDNN than the one that is here.")
def cudnn_for_framework(case: Case) -> Violations:
    """Wheels of TensorFlow and JAX, whatever brings cuDNN; conda's builds state their demand as a dependency."""
    for name, rows in _WANTS.items():
        framework = case.by_name.get(("pip", name))
        built = version_of(framework) if framework else None
        wants = next((Version(least) for since, least in rows.items() if built and built >= Version(since)), None)
        for package in case.packages if framework and wants else ():
            version = cudnn_of(package)
            if wants and framework and version and (version < wants or version.major != wants.major):
                yield package, f"{name} {framework.version} was built with cuDNN {wants}"


@rule("plugin-mismatch", "JAX leaves a CUDA plugin of another version alone, and runs on the CPU.")
def plugin_mismatch(case: Case) -> Violations:
    """The plugin and its PJRT against jaxlib: major.minor.micro are the same."""
    jaxlib = case.by_name.get(("pip", "jaxlib"))
    wanted = version_of(jaxlib) if jaxlib else None
    for package in case.packages:
        if wanted and package.manager == "pip" and re.fullmatch(r"jax-cuda\d+-(plugin|pjrt)", package.name):
            version = version_of(package)
            if version and version.release[:3] != wanted.release[:3]:
                yield package, f"is not for jaxlib {wanted}"


# --- one source -----------------------------------------------------------------------------------------------------------


@rule("framework-twice", "conda and pip both bring the framework: the later one overwrites files of the other.")
def framework_twice(case: Case) -> Violations:
    """The pip package is named."""
    conda = {framework: package for package, framework, _ in case.frameworks if package.manager == "conda"}
    for package, framework, _ in case.frameworks:
        if package.manager == "pip" and framework in conda:
            yield package, f"{framework} from pip and from conda ({said([conda[framework]])})"


@rule("cuda-libraries-twice", "conda and pip both bring CUDA's libraries: which one is loaded depends on the order of imports.")
def cuda_libraries_twice(case: Case) -> Violations:
    """Shared libraries only; tools and headers do no harm."""
    brought: dict[str, dict[str, LockedPackage]] = {"conda": {}, "pip": {}}
    for package in case.packages:
        library = runtime_of(package)
        if library:
            brought[package.manager].setdefault(library, package)
    for library, package in brought["pip"].items():
        twin = brought["conda"].get(library)
        if twin:
            yield package, f"{library} from pip and from conda ({said([twin])})"


_LINKED = ("torchvision", "torchaudio", "xformers", "torchcodec")  # compiled against one build of torch


@rule("companion-elsewhere", "What was compiled against another build of torch may fail at import.", severity="warning")
def companion_elsewhere(case: Case) -> Violations:
    """Wheels of companions beside conda's pytorch, and the reverse."""
    torch = {package.manager: package for package, framework, _ in case.frameworks if framework == "pytorch"}
    for package in case.packages:
        if package.name in _LINKED and torch and package.manager not in torch:
            other = next(iter(torch.values()))
            yield package, f"from {package.manager}, and {other.name} {other.version} from {other.manager}"
