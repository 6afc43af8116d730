"""What one package says of CUDA: by its build string, its version, its name, what it needs and what is beside it. Pure.

Which packages there are, a Catalogue says; this module reads what all of them share. A build string names its CUDA in many
dialects: `cuda126_mkl_py312_h0_300` and `cuda112py310h0_0` (conda-forge), `py312h0_0_cuda129` (there, too), `gpu_py39h0_0`
(defaults), `py3.10_cuda11.6_cudnn8.3.2_0` and `py310_cu116` (the `pytorch` channel). A wheel says it in its version
(`2.1.0+cu118`), in its name (`nvidia-cudnn-cu12`, `cupy-cuda12x`) or not at all.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from functools import cache
from urllib.parse import unquote, urlsplit

from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName
from packaging.version import Version

from envgen.model.catalogue import Catalogue, KnownPackage, named_by, parsed
from envgen.model.facts import Platform
from envgen.model.packages import LockedPackage

_BUILT_FOR = re.compile(r"(?:^|_)(?:cu(?:da)?(\d+(?:\.\d+)+|\d{1,3})?|gpu)(?=_|py|h[0-9a-f]{7}|$)")
_CPU_BUILD = re.compile(r"(?:^|_)cpu(?=_|py|h[0-9a-f]{7}|$)")
_LOCAL = re.compile(r"\+cu(?:da)?(\d+)")
_IN_NAME = re.compile(r"-cu(\d+)$|-cuda(\d+)(?:x$|$|-)")
_HOLES = {r"\{cu\}": r"(\d{2,3})(?![\d.])", r"\{cuda\}": r"(\d+\.\d+)", r"\{version\}": r".*", r"\*": r".*", r"\?": r"."}


# --- a build string -------------------------------------------------------------------------------------------------------


def build_of(url: str) -> str:
    """The build string in a conda package's url: cuda126_py312_h0_0; "" where the url has none."""
    parts = url.rsplit("/", 1)[-1].removesuffix(".conda").removesuffix(".tar.bz2").rsplit("-", 2)
    return parts[2] if len(parts) == 3 else ""


def dotted(digits: str) -> str:
    """The version in digits of a build string: 126 is 12.6, 118 is 11.8, 92 is 9.2, 10.0.130 is 10.0; 12 and 11.6 stay."""
    if "." in digits:
        return minor_of(digits)
    if len(digits) < 2 or digits in ("11", "12", "13", "14"):
        return digits
    return f"{digits[:-1]}.{digits[-1]}"


def built_for(build: str, known: KnownPackage | None = None) -> str | None:
    """The CUDA that a build string names, "12.6" or "12"; "" for a CUDA build without a version, None for a CPU build.

    The globs of the package's row come first, then the dialects of the channels.
    """
    for glob in known.cuda_builds if known else ():
        match = _pattern(glob).fullmatch(build)
        if match:
            return dotted(match[1]) if match.groups() else _in_dialect(build) or ""
    return None if known and _any(known.cpu_builds, build) else _in_dialect(build)


def _in_dialect(build: str) -> str | None:
    found = _BUILT_FOR.findall(build)
    return dotted(max(found, key=len)) if found else None


@cache
def _pattern(glob: str) -> re.Pattern[str]:
    """A glob of build strings with the holes of a spelling, as a regular expression."""
    text = re.escape(glob)
    for hole, pattern in _HOLES.items():
        text = text.replace(hole, pattern)
    return re.compile(text)


def matches(glob: str, build: str) -> bool:
    """Whether a build string is one of a glob, which may hold the holes of a spelling."""
    return _pattern(glob).fullmatch(build) is not None


def _any(globs: Iterable[str], build: str) -> bool:
    return any(matches(glob, build) for glob in globs)


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
    local = _LOCAL.search(package.version)
    return dotted(local[1]) if local else _wheel_cuda(catalogue, known, package)


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
    named = _IN_NAME.search(package.name)
    if named:
        return dotted(named[1] or named[2])
    if known and known.role == "framework" and not is_cpu_build(catalogue, package):
        found = _needed(catalogue, known, package)
        return "" if found is None and known.only == "cuda" else found
    return "" if known and known.only == "cuda" else None


def _needed(catalogue: Catalogue, known: KnownPackage, package: LockedPackage) -> str | None:
    """The CUDA of a framework's wheel by those of CUDA's own wheels that it needs, or by what is inside it."""
    needs = [need for need in package.depends if is_cuda_wheel(catalogue, requirement_name(need))]
    if needs:
        wanted = [requirement_name(need) for need in needs if applies(need, package.platform)]
        told = (dotted(found[1]) for name in wanted if (found := _IN_NAME.search(name)) and found[1])
        return next(told, "") if wanted else None
    made = known.made_with(package.version)
    return made.cuda if made and made.inside else None


def is_cuda_wheel(catalogue: Catalogue, name: str) -> bool:
    """Whether a wheel of this name is one of CUDA's own."""
    return any(known.role == "cuda" and known.holds != "nothing" for known in catalogue.named("pip", name))


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
    marker = need.partition(";")[2].strip()
    if not marker:
        return True
    system, _, machine = platform.partition("-")
    names = {"linux": ("Linux", "linux"), "osx": ("Darwin", "darwin"), "win": ("Windows", "win32")}
    arch = {"64": "AMD64" if system == "win" else "x86_64"}.get(machine, machine)
    told = names.get(system, (system, system))
    environment = {"platform_system": told[0], "sys_platform": told[1], "platform_machine": arch, "extra": ""}
    try:
        return Marker(marker).evaluate(environment)
    except (InvalidMarker, UndefinedEnvironmentName):
        return True


def _told(version: str, precision: str = "minor") -> str:
    """What a version tells of CUDA: its major, or major and minor; "" where those are not numbers."""
    if not re.match(r"\d+(\.\d+)*$|\d+\.\d+\.", version):
        return ""
    return version.split(".", maxsplit=1)[0] if precision == "major" else minor_of(version)


def minor_of(version: str) -> str:
    """Major and minor of a version: 12.6.77 is 12.6."""
    return ".".join(version.split(".")[:2])


# --- a package among others -----------------------------------------------------------------------------------------------


def framework_cuda(catalogue: Catalogue, package: LockedPackage, beside: Iterable[LockedPackage]) -> str | None:
    """The CUDA of a framework's package; where it does not say one, that of the packages beside it that make it a CUDA build.

    A wheel that pins its CUDA runtime is for the minor of the one that it is locked with.
    """
    known, found = catalogue.of(package), cuda_of(catalogue, package)
    if known is None or is_cpu_build(catalogue, package):
        return found
    others = tuple(beside)
    if not found and known.beside:
        near = _beside(catalogue, known, package, others)
        found = found if near is None else near
    if known.runtime and found is not None and "." not in found:
        runtimes = [other for other in others if other.manager == package.manager and named_by((known.runtime,), other)]
        return _minor(found, [cuda for other in runtimes if (cuda := cuda_of(catalogue, other))])
    return found


def _beside(catalogue: Catalogue, known: KnownPackage, package: LockedPackage, others: Iterable[LockedPackage]) -> str | None:
    """The CUDA of the first package beside it that makes it a CUDA build, and is of the major that it loads."""
    major = loads(catalogue, package)
    for other in others:
        cuda = cuda_of(catalogue, other) if named_by(known.beside.get(other.manager, ()), other) else None
        if cuda is not None and (not cuda or not major or cuda.split(".")[0] == major):
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
        return (known is not None and known.only == "cpu") or _any(globs, package.build) or bool(_CPU_BUILD.search(package.build))
    return "+cpu" in package.version or (known is not None and known.only == "cpu" and not _LOCAL.search(package.version))


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
