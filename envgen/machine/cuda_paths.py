"""Find CUDA and cuDNN outside of environments: what search paths, variables and the usual folders lead to.

Everything is read below `root` and from `environ`, without starting a process. What is not readable counts as missing: a dangling
link, a folder without permission, a version.json that is not JSON. The names of CUDA's libraries come from the matrices; those of
the two that tell a version, cudart and cuDNN, are here.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from envgen.model.machine import SystemCuda
from envgen.model.regular import real

HOMES = ("CUDA_HOME", "CUDA_PATH", "CUDA_ROOT")
_LOCAL = "usr/local"
_SYSTEM = ("usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib64", "usr/lib", "usr/local/lib")
_CUDART, _CUDNN = (
    re.compile(rf"lib{name}\.so\.([0-9]+(?:\.[0-9]+)*)$|{name}64_([0-9]+)\.dll$", re.IGNORECASE) for name in ("cudart", "cudnn")
)
_LIBCUDA = re.compile(r"libcuda\.so\.([0-9]+\.[0-9]+(?:\.[0-9]+)?)$")  # libcuda.so.1 names no version
_VERSIONED = ("cudart", "cudnn")
_NVCC = {"nvcc", "nvcc.exe"}
_HEADERS = {"cuda_runtime.h", "cudnn.h", "cudnn_version.h"}
_STUB = "libcuda.so"  # the driver's library has a number at its end; this is the one that programs are linked against
_SHARED = re.compile(r"\.(so|dylib|dll)\b", re.IGNORECASE)
_FOLDER = re.compile(r"cuda-([0-9]+(?:\.[0-9]+)?)$")
_TEXT = re.compile(r"CUDA Version ([0-9]+\.[0-9]+(?:\.[0-9]+)?)")
_LARGEST = 1_000_000  # bytes of a version file; a larger file is something else


def find(root: Path, environ: Mapping[str, str], libraries: Collection[str]) -> tuple[SystemCuda, ...]:
    """CUDA outside of environments in the order in which it would be found; one that several variables lead to, once for each.

    `libraries` are the names of CUDA's shared libraries without prefix and suffix, such as "cudart".
    """
    found = (
        *_on_library_path(root, environ, libraries),
        *_preloaded(environ, libraries),
        *_on_path(root, environ),
        *_homes(root, environ),
        *_on_disk(root),
    )
    prefix = environ.get("CONDA_PREFIX", "")
    active = {prefix, _resolved(root, prefix)} if prefix else set()
    return tuple(dict.fromkeys(item for item in found if not active & {item.folder, *map(str, Path(item.folder).parents)}))


def is_toolkit(files: Collection[str]) -> bool:
    """Whether a folder with these files is of a CUDA toolkit or cuDNN, by the files that every version has."""
    return any(name.lower() in _NVCC | _HEADERS | {_STUB} or _library(_VERSIONED).fullmatch(name) for name in files)


def has_library(files: Iterable[str], libraries: Collection[str]) -> bool:
    """Whether one of these files is one of these shared libraries, given without prefix and suffix."""
    pattern = _library(libraries)
    return any(pattern.fullmatch(name) for name in files)


def is_shared_library(file: str) -> bool:
    """Whether a file is a shared library of any kind, by its name."""
    return _SHARED.search(file) is not None


def _library(names: Collection[str]) -> re.Pattern[str]:
    """The file names of shared libraries on Linux, macOS and Windows, such as libcudart.so.12 and cudart64_12.dll."""
    any_of = "|".join(map(re.escape, sorted(names)))
    posix = rf"lib(?:{any_of})(?:_\w+)?(?:\.so(?:\.[0-9]+)*|(?:\.[0-9]+)*\.dylib)"
    return re.compile(rf"{posix}|(?:{any_of})(?:64)?(?:_\w+)?\.dll", re.IGNORECASE)


def entries(value: str) -> tuple[str, ...]:
    """The absolute folders of a search path; a relative one means another folder in every working directory."""
    return tuple(entry for entry in value.split(os.pathsep) if Path(entry).is_absolute())


def is_searched(folder: str) -> bool:
    """Whether a folder is one of the system, which the loader searches without any variable."""
    return folder.strip("/") in _SYSTEM


def is_compat(folder: str) -> bool:
    """Whether a folder is one of NVIDIA's forward compatibility: `compat` or `compat/lib`, where a package may prefix its name."""
    return any(f"-{part}".endswith("-compat") for part in Path(folder).parts[-2:])


def names(folder: Path) -> tuple[str, ...]:
    """The sorted names of the files in a folder; empty if it cannot be listed."""
    try:
        return tuple(sorted(path.name for path in folder.iterdir()))
    except (OSError, ValueError):
        return ()


def text_of(path: Path) -> str:
    """The text of a small file; "" if there is none that can be read."""
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return ""
        return path.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return ""


def below(root: Path, path: str) -> Path:
    """An absolute path of the machine, below `root`."""
    return root / path.lstrip("/")


def version_json(root: Path, folder: str) -> str:
    """The CUDA version in the `version.json` of a toolkit; "?" if that is not readable, "" if there is none."""
    if "version.json" not in names(below(root, folder)):
        return ""
    try:
        version = json.loads(text_of(below(root, folder) / "version.json"))["cuda"]["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "?"
    return version if isinstance(version, str) and re.fullmatch(r"[0-9]+(\.[0-9]+)*", version) else "?"


def _on_library_path(root: Path, environ: Mapping[str, str], libraries: Collection[str]) -> Iterator[SystemCuda]:
    toolkit = {*libraries, "cudart"} - {"cudnn"}
    for entry in entries(environ.get("LD_LIBRARY_PATH", "")):
        files = names(below(root, entry))
        if Path(entry).name == "stubs" and any(name.startswith(_STUB) for name in files):
            yield SystemCuda(kind="driver stub", version="", folder=entry, via="LD_LIBRARY_PATH")
        elif is_compat(entry) and any(name.startswith(_STUB) for name in files):
            yield SystemCuda(kind="libcuda", version=_most_precise(_LIBCUDA, files), folder=entry, via="LD_LIBRARY_PATH")
        elif has_library(files, toolkit):  # a folder of stubs has one for each library
            yield _toolkit(root, entry, "LD_LIBRARY_PATH")
        yield from _cudnn(entry, files, "LD_LIBRARY_PATH")


def _preloaded(environ: Mapping[str, str], libraries: Collection[str]) -> Iterator[SystemCuda]:
    """CUDA's libraries in LD_PRELOAD. libcuda belongs to the driver; in WSL some preload it on purpose."""
    for path in re.split(r"[:\s]+", environ.get("LD_PRELOAD", "")):
        if has_library([path.rsplit("/", 1)[-1]], {*libraries, *_VERSIONED}):
            version = re.search(r"\.so\.([0-9]+(?:\.[0-9]+)*)$", path)
            kind: Literal["CUDA", "cuDNN"] = "cuDNN" if "cudnn" in path else "CUDA"
            yield SystemCuda(kind=kind, version=version[1] if version else "", folder=path, via="LD_PRELOAD")


def _on_path(root: Path, environ: Mapping[str, str]) -> Iterator[SystemCuda]:
    for entry in entries(environ.get("PATH", "")):
        files = names(below(root, entry))
        nvcc = next((name for name in files if name.lower() in _NVCC), None)
        if nvcc:
            yield _toolkit(root, str(Path(_resolved(root, f"{entry}/{nvcc}")).parent), "PATH")
        elif any(name.lower().startswith("cudart64_") for name in files):
            yield _toolkit(root, entry, "PATH")
        yield from (item for item in _cudnn(entry, files, "PATH") if any(name.lower().endswith(".dll") for name in files))


def _homes(root: Path, environ: Mapping[str, str]) -> Iterator[SystemCuda]:
    for variable in HOMES:
        folder = environ.get(variable, "")
        if folder and Path(folder).is_absolute() and names(below(root, folder)):
            yield _toolkit(root, folder, variable)


def _on_disk(root: Path) -> Iterator[SystemCuda]:
    for name in names(root / _LOCAL):
        folder = f"/{_LOCAL}/{name}"
        if (name == "cuda" or _FOLDER.match(name)) and names(below(root, folder)):
            yield _toolkit(root, folder, "disk")
            for lib in ("lib64", "lib"):
                yield from _cudnn(f"{folder}/{lib}", names(root / folder[1:] / lib), "disk")
    for place in _SYSTEM:
        files = names(root / place)
        if any(_CUDART.match(name) for name in files):
            yield SystemCuda(kind="CUDA", version=_most_precise(_CUDART, files), folder=f"/{place}", via="disk")
        yield from _cudnn(f"/{place}", files, "disk")


def _cudnn(folder: str, files: tuple[str, ...], via: str) -> Iterator[SystemCuda]:
    if version := _most_precise(_CUDNN, files):
        yield SystemCuda(kind="cuDNN", version=version, folder=folder, via=via)


def _toolkit(root: Path, folder: str, via: str) -> SystemCuda:
    """The toolkit that a folder belongs to: the folder itself or the nearest one above it that tells its version."""
    home = _resolved(root, folder)
    for place in (home, *(str(parent) for parent in list(Path(home).parents)[:3])):
        if version := _told_version(root, place):
            return SystemCuda(kind="CUDA", version=version, folder=place, via=via)
    files = (names(below(root, home) / lib) for lib in (".", "lib64", "lib", "targets/x86_64-linux/lib", "bin"))
    version = next((found for listed in files if (found := _most_precise(_CUDART, listed))), "")
    return SystemCuda(kind="CUDA", version=version, folder=home, via=via)


def _told_version(root: Path, folder: str) -> str:
    """The version of a toolkit by its version.json, its version.txt (before CUDA 11.1), or the name of its folder."""
    told = version_json(root, folder).rstrip("?")
    written = _TEXT.search(text_of(below(root, folder) / "version.txt"))
    named = _FOLDER.search(folder)
    return told or (written[1] if written else "") or (named[1] if named else "")


def _resolved(root: Path, folder: str) -> str:
    """A folder below `root` with links resolved: /usr/local/cuda is usually a link to /usr/local/cuda-12.4."""
    try:
        found, top = real(below(root, folder)), real(root)
    except (OSError, ValueError):
        return folder
    if root == Path(root.anchor):
        return str(found)
    return f"/{found.relative_to(top).as_posix()}" if found.is_relative_to(top) else folder


def _most_precise(pattern: re.Pattern[str], files: tuple[str, ...]) -> str:
    """The most precise version in file names: libcudart.so.12 and libcudart.so.12.4.127 are the same library."""
    versions = [next(filter(None, found.groups())) for name in files if (found := pattern.match(name))]
    return max(versions, key=len, default="")
