"""CUDA and cuDNN outside of every environment: what a search path, a variable or a usual folder leads to. Looks, never judges.

Everything is read below `root`, from `environ`, without starting a process. What cannot be read is not there: an entry that
dangles, a folder that may not be listed, a version.json that is no JSON.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from envgen.model.machine import Outsider

HOMES = ("CUDA_HOME", "CUDA_PATH", "CUDA_ROOT")
_LOCAL = "usr/local"
_SYSTEM = ("usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib64", "usr/lib", "usr/local/lib")
_RUNTIME = re.compile(r"libcudart\.so\.(\d+(?:\.\d+)*)$|cudart64_(\d+)\.dll$", re.IGNORECASE)
_CUDNN = re.compile(r"libcudnn\.so\.(\d+(?:\.\d+)*)$|cudnn64_(\d+)\.dll$", re.IGNORECASE)
_LIBRARY = re.compile(r"lib(?:cudart|cublas|cublasLt|cufft|curand|cusparse|cusolver|nccl|nvrtc)\.so\.\d")
_COMPILER = {"nvcc", "nvcc.exe"}
_FOLDER = re.compile(r"cuda-(\d+(?:\.\d+)?)$")
_TEXT = re.compile(r"CUDA Version (\d+\.\d+(?:\.\d+)?)")
# the driver's own libcuda is no toolkit: in WSL some preload it on purpose
_PRELOADED = re.compile(
    r"lib(?:cuda(?!\.so)|cudart|cudnn|cublas|cufft|curand|cusparse|cusolver|nccl|nvrtc|nvJitLink)[\w-]*\.so", re.IGNORECASE
)
_LARGEST = 1_000_000  # bytes of a version file; what is larger is something else


def find(root: Path, environ: Mapping[str, str]) -> tuple[Outsider, ...]:
    """Everything of CUDA that lies outside of environments, in the order in which it would be found; each way to it once."""
    found = (*_loaded(root, environ), *_preloaded(environ), *_on_path(root, environ), *_homes(root, environ), *_on_disk(root))
    prefix = environ.get("CONDA_PREFIX", "")
    own = {prefix, _resolved(root, prefix)} if prefix else set()
    return tuple(dict.fromkeys(thing for thing in found if not own & {thing.folder, *map(str, Path(thing.folder).parents)}))


def entries(value: str) -> tuple[str, ...]:
    """The folders of a search path, without those that are relative: these mean another place wherever one is."""
    return tuple(entry for entry in value.split(os.pathsep) if Path(entry).is_absolute())


def names(folder: Path) -> tuple[str, ...]:
    """The names in a folder, sorted; none where it cannot be listed."""
    try:
        return tuple(sorted(path.name for path in folder.iterdir()))
    except (OSError, ValueError):
        return ()


def text_of(path: Path) -> str:
    """The text of a small file, "" where there is none that can be read."""
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return ""
        return path.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return ""


def below(root: Path, place: str) -> Path:
    """An absolute path of the machine, as it lies under `root`."""
    return root / place.lstrip("/")


def version_json(root: Path, folder: str) -> str:
    """What `version.json` of a toolkit names, "?" where it cannot be understood, "" where there is none."""
    if "version.json" not in names(below(root, folder)):
        return ""
    try:
        version = json.loads(text_of(below(root, folder) / "version.json"))["cuda"]["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "?"
    return version if isinstance(version, str) and re.fullmatch(r"\d+(\.\d+)*", version) else "?"


def _loaded(root: Path, environ: Mapping[str, str]) -> Iterator[Outsider]:
    for entry in entries(environ.get("LD_LIBRARY_PATH", "")):
        inside = names(below(root, entry))
        if Path(entry).name == "stubs" and any(name.startswith("libcuda.so") for name in inside):
            yield Outsider(kind="driver stub", version="", folder=entry, via="LD_LIBRARY_PATH")
        if any(_LIBRARY.match(name) for name in inside):
            yield _toolkit(root, entry, "LD_LIBRARY_PATH")
        yield from _cudnn(entry, inside, "LD_LIBRARY_PATH")


def _preloaded(environ: Mapping[str, str]) -> Iterator[Outsider]:
    for library in re.split(r"[:\s]+", environ.get("LD_PRELOAD", "")):
        if _PRELOADED.match(library.rsplit("/", 1)[-1]):
            found = re.search(r"\.so\.(\d+(?:\.\d+)*)$", library)
            yield Outsider(
                kind="cuDNN" if "cudnn" in library else "CUDA", version=found[1] if found else "", folder=library, via="LD_PRELOAD"
            )


def _on_path(root: Path, environ: Mapping[str, str]) -> Iterator[Outsider]:
    for entry in entries(environ.get("PATH", "")):
        inside = names(below(root, entry))
        compiler = next((name for name in inside if name.lower() in _COMPILER), None)
        if compiler:
            yield _toolkit(root, str(Path(_resolved(root, f"{entry}/{compiler}")).parent), "PATH")
        elif any(name.lower().startswith("cudart64_") for name in inside):
            yield _toolkit(root, entry, "PATH")
        yield from (thing for thing in _cudnn(entry, inside, "PATH") if any(name.lower().endswith(".dll") for name in inside))


def _homes(root: Path, environ: Mapping[str, str]) -> Iterator[Outsider]:
    for variable in HOMES:
        entry = environ.get(variable, "")
        if entry and Path(entry).is_absolute() and names(below(root, entry)):
            yield _toolkit(root, entry, variable)


def _on_disk(root: Path) -> Iterator[Outsider]:
    for name in names(root / _LOCAL):
        folder = f"/{_LOCAL}/{name}"
        if (name == "cuda" or _FOLDER.match(name)) and names(below(root, folder)):
            yield _toolkit(root, folder, "disk")
            yield from (
                thing for lib in ("lib64", "lib") for thing in _cudnn(f"{folder}/{lib}", names(root / folder[1:] / lib), "disk")
            )
    for place in _SYSTEM:
        inside = names(root / place)
        if any(_RUNTIME.match(name) for name in inside):
            yield Outsider(kind="CUDA", version=_longest(_RUNTIME, inside), folder=f"/{place}", via="disk")
        yield from _cudnn(f"/{place}", inside, "disk")


def _cudnn(folder: str, inside: tuple[str, ...], via: str) -> Iterator[Outsider]:
    if version := _longest(_CUDNN, inside):
        yield Outsider(kind="cuDNN", version=version, folder=folder, via=via)


def _toolkit(root: Path, folder: str, via: str) -> Outsider:
    """The toolkit that a folder belongs to: the folder itself, or the nearest one above that says which version it is."""
    home = _resolved(root, folder)
    for place in (home, *(str(parent) for parent in list(Path(home).parents)[:3])):
        if version := _says(root, place):
            return Outsider(kind="CUDA", version=version, folder=place, via=via)
    inside = (names(below(root, home) / lib) for lib in (".", "lib64", "lib", "targets/x86_64-linux/lib", "bin"))
    return Outsider(
        kind="CUDA", version=next((v for listed in inside if (v := _longest(_RUNTIME, listed))), ""), folder=home, via=via
    )


def _says(root: Path, place: str) -> str:
    """The version that a toolkit's own folder tells: by version.json, by version.txt (before CUDA 11.1), by its name."""
    told = version_json(root, place).rstrip("?")
    written = _TEXT.search(text_of(below(root, place) / "version.txt"))
    named = _FOLDER.search(place)
    return told or (written[1] if written else "") or (named[1] if named else "")


def _resolved(root: Path, folder: str) -> str:
    """Where a folder really is, below `root`: /usr/local/cuda is most often a link to /usr/local/cuda-12.4."""
    try:
        real, top = below(root, folder).resolve(), root.resolve()
    except (OSError, RuntimeError, ValueError):  # RuntimeError: a link that leads to itself, before Python 3.13
        return folder
    if root == Path(root.anchor):
        return str(real)
    return f"/{real.relative_to(top).as_posix()}" if real.is_relative_to(top) else folder


def _longest(pattern: re.Pattern[str], inside: tuple[str, ...]) -> str:
    """The most exact version that file names tell: libcudart.so.12 and libcudart.so.12.4.127 are the same library."""
    versions = [next(filter(None, found.groups())) for name in inside if (found := pattern.match(name))]
    return max(versions, key=len, default="")
