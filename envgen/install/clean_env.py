"""Environment variables without what would lead a program to another CUDA. Pure.

A conda environment contains its own CUDA libraries and finds them by itself. A search path that leads to a toolkit of the system
takes precedence, and the program then loads libraries of two CUDA versions.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType

SEARCH_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PATH", "LIBRARY_PATH", "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH")
_CUDA_VARIABLES = re.compile(r"CUDA_(HOME|ROOT|BIN_PATH|LIB_PATH|PATH(_V\d+_\d+)?|TOOLKIT_ROOT_DIR)|CUDNN_\w+")
_PYTHON_VARIABLES = ("PYTHONPATH", "PYTHONHOME")


@dataclass(frozen=True, slots=True)
class DroppedVariable:
    """A variable that is not passed on: its whole value, or one entry of a search path."""

    variable: str
    value: str


def clean(
    environ: Mapping[str, str], prefix: str, has_cuda: Callable[[str], bool], paths: ModuleType = posixpath
) -> tuple[dict[str, str], tuple[DroppedVariable, ...]]:
    """`environ` without CUDA outside `prefix` (an absolute path) and without Python's own search paths; and what was dropped.

    `has_cuda(folder)` says whether a folder contains CUDA libraries or programs; it is only called for folders outside `prefix`.
    `paths` is posixpath or ntpath. A search path with no entry left is unset: an empty one would mean the current folder.
    """
    results = {name: _cleaned(name, value, prefix, has_cuda, paths) for name, value in environ.items()}
    kept = {name: value for name, (value, _) in results.items() if value is not None}
    return {**kept, "PYTHONNOUSERSITE": "1"}, tuple(item for _, dropped in results.values() for item in dropped)


def _cleaned(
    name: str, value: str, prefix: str, has_cuda: Callable[[str], bool], paths: ModuleType
) -> tuple[str | None, tuple[DroppedVariable, ...]]:
    """What is kept of a variable, None if nothing is, and what is dropped."""
    if name in _PYTHON_VARIABLES or (_CUDA_VARIABLES.fullmatch(name) and _is_path(value) and not within(value, prefix, paths)):
        return None, (DroppedVariable(name, value),)
    if name not in SEARCH_PATHS:
        return value, ()
    entries = value.split(paths.pathsep)
    foreign = tuple(entry for entry in entries if entry and not within(entry, prefix, paths) and has_cuda(entry))
    kept = [entry for entry in entries if entry not in foreign]
    return paths.pathsep.join(kept) if kept else None, tuple(DroppedVariable(name, entry) for entry in dict.fromkeys(foreign))


def _is_path(value: str) -> bool:
    """Whether the value of a variable is a path; that of CUDNN_VERSION, for example, is not."""
    return "/" in value or "\\" in value


def within(path: str, prefix: str, paths: ModuleType = posixpath) -> bool:
    """Whether `path` is `prefix` or lies below it, without reading the disk: `..` is resolved, links are not."""
    inner, outer = (str(paths.normcase(paths.normpath(text))) for text in (path, prefix))
    return inner == outer or inner.startswith(outer.rstrip(paths.sep) + paths.sep)
