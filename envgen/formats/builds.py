"""What one package says of CUDA: by its build string, its version, its name, what it needs and what is beside it. Pure.

Which packages there are, a Catalogue says; this module reads what all of them share. A build string names its CUDA in many
dialects: `cuda126_mkl_py312_h0_300` and `cuda112py310h0_0` (conda-forge), `py312h0_0_cuda129` (there, too), `gpu_py39h0_0`
(defaults), `py3.10_cuda11.6_cudnn8.3.2_0` and `py310_cu116` (the `pytorch` channel). A wheel says it in its version
(`2.1.0+cu118`), in its name (`nvidia-cudnn-cu12`, `cupy-cuda12x`) or not at all.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name
from packaging.version import Version

from envgen.formats.markers import holds
from envgen.formats.marks import any_of, dotted, indexed, labelled, mark_in, minor_of, pattern
from envgen.model.catalogue import Catalogue, KnownPackage, parsed
from envgen.model.facts import Platform
from envgen.model.packages import LockedPackage

_BUILT_FOR = re.compile(r"(?:^|[_*])(?:cu(?:da)?([0-9]+(?:\.[0-9]+)+|[0-9]{1,3})?|gpu)(?=[_*]|py|h[0-9a-f]{7}|$)")  # `*`: of a spec
_CPU_BUILD = re.compile(r"(?:^|[_*])cpu(?=[_*]|py|h[0-9a-f]{7}|$)")
# --- a build string -------------------------------------------------------------------------------------------------------


def built_for(build: str, known: KnownPackage | None = None) -> str | None:
    """The CUDA that a build string names, "12.6" or "12"; "" for a CUDA build without a version, None for a CPU build.

    The globs of the package's row come first, then the dialects of the channels.
    """
    for glob in known.cuda_builds if known else ():
        match = pattern(glob).fullmatch(build)
        if match:
            return dotted(match[1]) if match.groups() else _in_dialect(build) or ""
    return None if known and any_of(known.cpu_builds, build) else _in_dialect(build)


@lru_cache(20_000)
def _in_dialect(build: str) -> str | None:
    found = _BUILT_FOR.findall(build)
    return dotted(max(found, key=len)) if found else None


@lru_cache(20_000)
def _says_cpu(build: str) -> bool:
    return _CPU_BUILD.search(build) is not None


# --- a package ------------------------------------------------------------------------------------------------------------


def framework_of(catalogue: Catalogue, package: LockedPackage) -> str | None:
    """The framework that a package is: `pytorch` for conda's `libtorch` and for pip's `torch`."""
    known = catalogue.of(package)
    return known.framework if known and known.role == "framework" and not known.stub else None


def cuda_of(catalogue: Catalogue, package: LockedPackage) -> str | None:
    """The CUDA that a package was built for or belongs to, "12.6" or "12"; "" for CUDA without a version, None for no CUDA."""
    known = catalogue.of(package)
    if package.manager == "conda":
        return _conda_cuda(known, package)
    local = mark_in(catalogue.wheels.cuda_versions, package.version)
    told = labelled(catalogue.wheels.cuda_labels, package) if local is None else local
    return _wheel_cuda(catalogue, known, package) if told is None else told


def _conda_cuda(known: KnownPackage | None, package: LockedPackage) -> str | None:
    if known is None:
        return built_for(package.build)
    if known.only == "cpu" or known.holds == "nothing":
        return None
    if known.tells != "none":
        return _told(package.version, known.tells)
    found = built_for(package.build, known)
    if found is None:
        return "" if known.only == "cuda" else None
    return found.split(".")[0] if known.any_minor else found


def _wheel_cuda(catalogue: Catalogue, known: KnownPackage | None, package: LockedPackage) -> str | None:
    if known and (known.only == "cpu" or known.holds == "nothing"):
        return None
    if known and known.tells != "none":
        return _told(package.version, known.tells)
    named = mark_in(catalogue.wheels.cuda_names, package.name)
    if named is not None:
        return named
    if known and known.role == "framework" and not is_cpu_build(catalogue, package):
        told = indexed(catalogue, catalogue.wheels.cuda_indexes, package)
        found = _needed(catalogue, known, package) if told is None else told
        return "" if found is None and known.only == "cuda" else found
    return "" if known and known.only == "cuda" else None


def _needed(catalogue: Catalogue, known: KnownPackage, package: LockedPackage) -> str | None:
    """The CUDA of a framework's wheel by those of CUDA's own wheels that it needs, or by what is inside it."""
    needs = [need for need in package.depends if is_cuda_wheel(catalogue, requirement_name(need))]
    if needs:
        wanted = [requirement_name(need) for need in needs if applies(need, package.platform)]
        told = (cuda for name in wanted if (cuda := mark_in(catalogue.wheels.cuda_names, canonicalize_name(name))))
        return next(told, "") if wanted else None
    made = known.made_with(package.version)
    return made.cuda if made and made.inside else None


def is_cuda_wheel(catalogue: Catalogue, name: str) -> bool:
    """Whether a wheel of this name is one of CUDA's own."""
    return any(known.role == "cuda" and known.holds != "nothing" for known in catalogue.named("pip", name))


def brings_cuda(catalogue: Catalogue, name: str) -> bool:
    """Whether a wheel of this name brings libraries of CUDA; tools, headers and metapackages do not."""
    return any(known.brings for known in catalogue.named("pip", name))


@lru_cache(20_000)  # urls: those of the locks of a repository are the same again and again
def is_wheel(url: str) -> bool:
    """Whether a URL is that of a wheel, as pip tells it: by the name of the file, without query and fragment."""
    name = posixpath.basename(unquote(urlsplit(url).path).rstrip("/"))
    return re.fullmatch(r"\w.*\.whl", name) is not None


def requirement_name(need: str) -> str:
    """The package that a requirement names: nvidia-nccl-cu12==2.26.2; sys_platform == "linux" names nvidia-nccl-cu12."""
    found = re.match(r"[A-Za-z0-9._-]+", need)
    return found[0] if found else ""


def applies(need: str, platform: Platform) -> bool:
    """Whether a requirement holds on a platform, as far as its marker speaks of platforms; one of an extra does not."""
    return holds(need.partition(";")[2], platform)


def _told(version: str, precision: str = "minor") -> str:
    """What a version tells of CUDA: its major, or major and minor; "" where those are not numbers."""
    if not re.match(r"[0-9]+(\.[0-9]+)*$|[0-9]+\.[0-9]+\.", version):
        return ""
    return version.split(".", maxsplit=1)[0] if precision == "major" else minor_of(version)


# --- a package among others -----------------------------------------------------------------------------------------------


class Surroundings:
    """Packages, as what is beside one of them: each question is answered once for all."""

    def __init__(self, catalogue: Catalogue, packages: Iterable[LockedPackage]) -> None:
        self._catalogue = catalogue
        self._packages = tuple(packages)
        self._asked: dict[tuple[str, ...], list[tuple[str, str]]] = {}

    def cudas(self, manager: str, names: tuple[str, ...]) -> list[tuple[str, str]]:
        """Manager and CUDA of the packages of one manager that have one of these names, each once."""
        key = (manager, *names)
        if key not in self._asked and names:
            named = (other for other in self._packages if other.manager == manager and self._catalogue.is_one_of(names, other))
            cudas = ((manager, cuda) for other in named if (cuda := cuda_of(self._catalogue, other)) is not None)
            self._asked[key] = list(dict.fromkeys(cudas))
        return self._asked.get(key, [])


def framework_cuda(catalogue: Catalogue, package: LockedPackage, beside: Surroundings) -> str | None:
    """The CUDA of a framework's package; where it does not say one, that of the packages beside it that make it a CUDA build.

    A wheel that pins its CUDA runtime is for the minor of the one that it is locked with.
    """
    known, found = catalogue.of(package), cuda_of(catalogue, package)
    if known is None or is_cpu_build(catalogue, package):
        return found
    if not found and known.beside:
        near = _beside(catalogue, known, package, beside)
        found = found if near is None else near
    if known.runtime and found is not None and "." not in found:
        return _minor(found, [cuda for _, cuda in beside.cudas(package.manager, (known.runtime,))])
    return found


def _beside(catalogue: Catalogue, known: KnownPackage, package: LockedPackage, beside: Surroundings) -> str | None:
    """The CUDA of the first package beside it that makes it a CUDA build, and is of the major that it loads."""
    major = loads(catalogue, package)
    for manager, names in known.beside.items():
        for _, cuda in beside.cudas(manager, names):
            if not cuda or not major or cuda.split(".")[0] == major:
                return cuda.split(".")[0] if known.beside_tells == "major" else cuda
    return None


def loads(catalogue: Catalogue, package: LockedPackage) -> str:
    """The CUDA major whose libraries a package loads from outside, "" where that is not known."""
    known = catalogue.of(package)
    made = known.made_with(package.version) if known else None
    return made.cuda.split(".")[0] if made and not made.inside else ""


def _minor(major: str, told: Iterable[str]) -> str:
    """The first CUDA of this major, of any where it is not known; the major itself where there is none."""
    return next((cuda for cuda in told if not major or cuda.split(".")[0] == major), major)


def is_cpu_build(catalogue: Catalogue, package: LockedPackage) -> bool:
    """Whether a package is a CPU build: it says so, or there is no other."""
    known = catalogue.of(package)
    if package.manager == "conda":
        globs = known.cpu_builds if known else ()
        return (known is not None and known.only == "cpu") or any_of(globs, package.build) or _says_cpu(package.build)
    marks = catalogue.wheels
    if version_names_cuda(catalogue, package) or is_for_other_gpus(catalogue, package):
        return False
    from_index = known is not None and known.role == "framework" and indexed(catalogue, marks.cpu_indexes, package) is not None
    marked = mark_in(marks.cpu_versions, package.version), labelled(marks.cpu_labels, package)
    return (known is not None and known.only == "cpu") or from_index or any(found is not None for found in marked)


def is_for_other_gpus(catalogue: Catalogue, package: LockedPackage) -> bool:
    """Whether a framework's wheel is for other GPUs than NVIDIA's (2.7.1+rocm6.3): neither a CPU nor a CUDA build."""
    known, marks = catalogue.of(package), catalogue.wheels
    if package.manager == "conda" or known is None or known.role != "framework":
        return False
    return (
        mark_in(marks.other_versions, package.version) is not None or indexed(catalogue, marks.other_indexes, package) is not None
    )


def version_names_cuda(catalogue: Catalogue, package: LockedPackage) -> bool:
    """Whether the version of a wheel names the CUDA that it is for."""
    return mark_in(catalogue.wheels.cuda_versions, package.version) is not None


def tells_nothing(catalogue: Catalogue, package: LockedPackage, *, complete: bool = True) -> bool:
    """Whether nothing says if a framework's package without a CUDA is a CPU build: its build string has no mark of either variant.

    A wheel without a mark is a CPU build where everything is listed that it could load (`complete`), or where its framework's CUDA
    is a plugin, which would be listed. Of several variants the machine may take one for CUDA.
    """
    variants = (mark_in(catalogue.wheels.cuda_labels, label) for label in package.variants)
    if any(cuda is not None for cuda in variants) or is_for_other_gpus(catalogue, package):
        return True
    if is_cpu_build(catalogue, package):
        return False
    return package.manager == "conda" or not (complete or has_plugin(catalogue, package))


def has_plugin(catalogue: Catalogue, package: LockedPackage) -> bool:
    """Whether a wheel's framework has its CUDA in a plugin, without which every build is for the CPU."""
    framework = framework_of(catalogue, package)
    return any(row.role == "plugin" and row.framework == framework for row in catalogue.packages)


def frameworks_of(
    catalogue: Catalogue, packages: Sequence[LockedPackage], beside: Surroundings, *, complete: bool = True
) -> tuple[tuple[tuple[LockedPackage, str, str | None], ...], frozenset[int]]:
    """Every package that is a framework, the framework, and its CUDA (None for none); and the ids of those that tell nothing of it.

    `beside` are these packages with all others. A metapackage counts only where the framework itself is not there.
    """
    named = [(package, name) for package in packages if (name := framework_of(catalogue, package))]
    real = {name for package, name in named if not _is_metapackage(catalogue, package)}
    own = [(package, name) for package, name in named if name not in real or not _is_metapackage(catalogue, package)]
    found = tuple((package, name, framework_cuda(catalogue, package, beside)) for package, name in own)
    unmarked = (id(package) for package, _, cuda in found if cuda is None and tells_nothing(catalogue, package, complete=complete))
    return found, frozenset(unmarked)


def _is_metapackage(catalogue: Catalogue, package: LockedPackage) -> bool:
    known = catalogue.of(package)
    return known is not None and known.holds == "metapackage"


def needs_cuda(catalogue: Catalogue, package: LockedPackage) -> bool:
    """Whether a package is part of CUDA itself, or useless without it."""
    known = catalogue.of(package)
    return known is not None and known.only == "cuda"


def libraries_of(catalogue: Catalogue, package: LockedPackage) -> Mapping[str, str]:
    """The shared libraries of CUDA that a package brings, each with the major of its soname: `cublas` 12."""
    known = catalogue.of(package)
    major = package.version.split(".", maxsplit=1)[0]
    return {library: soname or major for library, soname in known.brings.items()} if known else {}


def cudnn_of(catalogue: Catalogue, package: LockedPackage) -> Version | None:
    """The version of cuDNN that a package is, None for every other package."""
    known = catalogue.of(package)
    return parsed(package.version) if known and "cudnn" in known.brings else None
