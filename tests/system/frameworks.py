"""Stand-ins for torch, tensorflow, jax and cupy, as `.conda` packages that are built and named like conda-forge's.

    frameworks.torch("2.7.1")                                          # a CPU build
    frameworks.torch("2.7.1", cuda="12.6", code=("sm_70", "sm_90"))    # a CUDA build, and the libcudart that it loads

They answer like the real ones for their build, for the driver and the GPUs of the fake NVML (FAKE_NVML_*, see nvml.build) and
for CUDA_VISIBLE_DEVICES. A CUDA build loads libcudart.so.N below the environment's lib by its RUNPATH, so that LD_LIBRARY_PATH
wins over it, as it does in reality; `cudart` also makes that foreign library. `at_import` is Python code that runs when the
framework is imported: how it crashes, hangs or complains.
"""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

from system.stand_in import MINOR, SITE, SUBDIR, File, Package

SOURCES = Path(__file__).parent / "stand_ins"
CODE = ("sm_70", "sm_75", "sm_80", "sm_86", "sm_90", "compute_90")


def compiler() -> str | None:
    """The C compiler, where this is Linux and there is one: elsewhere the stand-ins load no library."""
    return (which("cc") or which("gcc") or which("clang")) if sys.platform.startswith("linux") else None


def torch(
    version: str, cuda: str | None = None, code: tuple[str, ...] = CODE, at_import: str = "", cudnn: int = 91000
) -> tuple[Package, ...]:
    """pytorch, and what it needs; `cudnn` is the number that it tells: 91000 is 9.10.0."""
    build = f"cuda{_short(cuda)}_generic_py{_py()}_h0123456_200" if cuda else f"cpu_generic_py{_py()}_h0123456_0"
    files = _module("torch", version, cuda, code, at_import, cudnn)
    return (_package("pytorch", version, build, cuda, files), *_cuda_packages(cuda))


def vendor_torch(version: str, cuda: str | None = None, torchvision: str = "") -> tuple[Package, ...]:
    """pytorch as its own channel builds it: py3.11_cuda11.8_cudnn8.7.0_0 with pytorch-cuda, py3.11_cpu_0 with cpuonly; and torchvision."""
    kind = "cuda" if cuda else "cpu"
    build = f"py{MINOR}_cuda{cuda}_cudnn8.7.0_0" if cuda else f"py{MINOR}_cpu_0"
    mutex = Package("pytorch-mutex", "1.0", kind)
    needs = (f"python {MINOR}.*", f"pytorch-mutex 1.0 {kind}", *((f"pytorch-cuda {cuda}.*",) if cuda else ()))
    found = [mutex, Package("pytorch", version, build, needs, subdir=SUBDIR, files=_module("torch", version, cuda, CODE, ""))]
    if torchvision:
        mark = f"cu{_short(cuda)}" if cuda else "cpu"
        found.append(Package("torchvision", torchvision, f"py{_py()}_{mark}", (f"pytorch {version}", needs[0]), subdir=SUBDIR))
    if cuda is None:
        return (*found, Package("cpuonly", "2.0", "0", ("pytorch-mutex 1.0 cpu",)))
    version_package, runtime = _cuda_packages(cuda)
    return (
        *found,
        Package("pytorch-cuda", cuda, "h0123456_0", (f"cuda-cudart {cuda}.*",), subdir=SUBDIR),
        version_package,
        runtime,
    )


def tensorflow(version: str, cuda: str | None = None, at_import: str = "") -> tuple[Package, ...]:
    """tensorflow-base, which holds the code, and tensorflow, which depends on it."""
    build = f"cuda{_short(cuda)}py{_py()}h0123456_200" if cuda else f"cpu_py{_py()}h0123456_0"
    base = _package("tensorflow-base", version, build, cuda, _module("tensorflow", version, cuda, (), at_import))
    whole = Package("tensorflow", version, build, (f"tensorflow-base {version} {build}",), subdir=SUBDIR)
    return (base, whole, *_cuda_packages(cuda))


def jax(version: str, cuda: str | None = None, at_import: str = "") -> tuple[Package, ...]:
    """jax, which is the same for all, and jaxlib, which is built for one CUDA."""
    build = f"cuda{_short(cuda)}_py{_py()}h0123456_200" if cuda else f"cpu_py{_py()}h0123456_0"
    files: dict[str, File] = {f"{SITE}/jaxlib/__init__.py": "", f"{SITE}/jaxlib/version.py": f"__version__ = {version!r}\n"}
    if cuda:
        number = int(cuda.split(".")[0]) * 1000 + int(cuda.split(".")[1]) * 10
        files[f"{SITE}/jaxlib/cuda/__init__.py"] = ""
        files[f"{SITE}/jaxlib/cuda/_versions.py"] = f"def cuda_runtime_build_version():\n    return {number}\n"
    module = _module("jax", version, cuda, (), at_import)
    lib = _package("jaxlib", version, build, cuda, files)
    return (
        lib,
        Package("jax", version, "pyhd8ed1ab_0", (f"jaxlib {version}",), subdir=SUBDIR, files=module),
        *_cuda_packages(cuda),
    )


def cupy(version: str, cuda: str, at_import: str = "", nvrtc: str | None = "12.6") -> tuple[Package, ...]:
    """cupy; there is no CPU build of it. `nvrtc` is its version, of what compiles at run time, None if it is missing."""
    files = _module("cupy", version, cuda, (), at_import, nvrtc=nvrtc)
    return (_package("cupy-core", version, f"py{_py()}h0123456_0", cuda, files), *_cuda_packages(cuda))


def unscripted(name: str, version: str, cuda: str | None = None, at_import: str = "") -> tuple[Package, ...]:
    """A framework that envgen has no probe script for."""
    build = f"cuda{_short(cuda)}_py{_py()}h0123456_200" if cuda else f"cpu_py{_py()}h0123456_0"
    files = _module(name, version, cuda, (), at_import, source="unscripted")
    return (_package(name, version, build, cuda, files), *_cuda_packages(cuda))


def cudart(folder: Path, cuda: str) -> Path:
    """A libcudart.so.N for `cuda` in `folder`, as an installed toolkit has one; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"libcudart.so.{cuda.split('.', maxsplit=1)[0]}"
    path.write_bytes(_libraries(cuda)[0])
    return path


# --- how they are made ----------------------------------------------------------------------------------------------------


def _package(name: str, version: str, build: str, cuda: str | None, files: dict[str, File]) -> Package:
    depends = (f"python {MINOR}.*", *(("__cuda", f"cuda-version {cuda}.*", f"cuda-cudart {cuda}.*") if cuda else ()))
    return Package(name, version, build, depends, subdir=SUBDIR, files=files)


def _module(
    name: str,
    version: str,
    cuda: str | None,
    code: tuple[str, ...],
    at_import: str,
    cudnn: int = 91000,
    *,
    source: str = "",
    nvrtc: str | None = None,
) -> dict[str, File]:
    folder = f"{SITE}/{name}"
    facts = {
        "VERSION": version,
        "CUDA": cuda,
        "CODE": code if cuda else (),
        "CUDNN": cudnn if cuda else None,
        "AT_IMPORT": at_import,
        "COMPILER": nvrtc,
    }
    files: dict[str, File] = {
        f"{folder}/__init__.py": (SOURCES / f"{source or name}.py").read_text(encoding="utf-8"),
        f"{folder}/_driver.py": (SOURCES / "driver.py").read_text(encoding="utf-8"),
        f"{folder}/_build.py": "".join(f"{key} = {value!r}\n" for key, value in facts.items()),
    }
    if cuda and compiler():
        files[f"{folder}/lib/libcode.so"] = _libraries(cuda)[1]
    return files


def _cuda_packages(cuda: str | None) -> tuple[Package, ...]:
    if cuda is None:
        return ()
    files: dict[str, File] = {}
    if compiler():
        major = cuda.split(".")[0]
        files = {f"lib/libcudart.so.{cuda}.77": _libraries(cuda)[0], f"lib/libcudart.so.{major}": Path(f"libcudart.so.{cuda}.77")}
    version = Package("cuda-version", cuda, "h0123456_3", constrains=(f"__cuda >={cuda.split('.')[0]}",))
    return (version, Package("cuda-cudart", f"{cuda}.77", "h0123456_0", (f"cuda-version {cuda}.*",), subdir=SUBDIR, files=files))


@cache
def _libraries(cuda: str) -> tuple[bytes, bytes]:
    """A libcudart that knows its version, and the framework's code, which finds it by RUNPATH in the environment's lib."""
    major, minor = cuda.split(".")
    runtime = f"int cudaRuntimeVersion(void) {{ return {int(major) * 1000 + int(minor) * 10}; }}\n"
    user = "int cudaRuntimeVersion(void);\nint runtime_version(void) { return cudaRuntimeVersion(); }\n"
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        soname = f"libcudart.so.{major}"
        _compile(folder / soname, runtime, f"-Wl,-soname,{soname}")
        search = ("-Wl,--enable-new-dtags", "-Wl,-rpath,$ORIGIN/../../../..", f"-L{folder}", f"-l:{soname}")
        _compile(folder / "libcode.so", user, *search)
        return (folder / soname).read_bytes(), (folder / "libcode.so").read_bytes()


def _compile(library: Path, source: str, *words: str) -> None:
    path = library.with_suffix(".c")
    path.write_text(source)
    subprocess.run([str(compiler()), "-shared", "-fPIC", "-Wall", "-o", str(library), str(path), *words], check=True)


def _short(cuda: str | None) -> str:
    return (cuda or "").replace(".", "")


def _py() -> str:
    return MINOR.replace(".", "")
