"""An environment of variables without what would lead a program to another CUDA. Pure.

A conda environment brings its own CUDA libraries and finds them by itself. A search path that leads to a toolkit of the
system comes first, and then a program loads half of one CUDA and half of another.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType

SEARCHED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PATH", "LIBRARY_PATH", "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH")
_POINTS = re.compile(r"CUDA_(HOME|ROOT|BIN_PATH|LIB_PATH|PATH(_V\d+_\d+)?|TOOLKIT_ROOT_DIR)|CUDNN_\w+")
_PYTHON = ("PYTHONPATH", "PYTHONHOME")


@dataclass(frozen=True, slots=True)
class DroppedVariable:
    """One entry of a search path, or the whole value of a variable, that is not passed on."""

    variable: str
    value: str


def clean(
    environ: Mapping[str, str], prefix: str, looks_foreign: Callable[[str], bool], rules: ModuleType = posixpath
) -> tuple[dict[str, str], tuple[DroppedVariable, ...]]:
    """`environ` without foreign CUDA paths and without Python's own search variables, and what was dropped.

    `rules` are those of paths: posixpath or ntpath. `looks_foreign(folder)` says whether a folder holds a CUDA toolkit or cuDNN;
    it is asked only about folders outside `prefix` (an absolute path). A search path of which nothing is left is unset: an empty
    one would mean the current folder.
    """
    kept: dict[str, str] = {}
    dropped: list[DroppedVariable] = []
    for name, value in environ.items():
        if name in _PYTHON or (_POINTS.fullmatch(name) and _is_path(value) and not within(value, prefix, rules)):
            dropped.append(DroppedVariable(name, value))
        elif name in SEARCHED:
            entries = value.split(rules.pathsep)
            foreign = [entry for entry in entries if entry and not within(entry, prefix, rules) and looks_foreign(entry)]
            dropped += [DroppedVariable(name, entry) for entry in dict.fromkeys(foreign)]
            if len(foreign) < len(entries):
                kept[name] = rules.pathsep.join(entry for entry in entries if entry not in foreign)
        else:
            kept[name] = value
    return {**kept, "PYTHONNOUSERSITE": "1"}, tuple(dropped)


def _is_path(value: str) -> bool:
    """CUDNN_VERSION is no path."""
    return "/" in value or "\\" in value


def within(path: str, prefix: str, rules: ModuleType = posixpath) -> bool:
    """Whether a path lies below `prefix`, by its text alone; `..` is resolved, links are not."""
    inner, outer = (str(rules.normcase(rules.normpath(text))) for text in (path, prefix))
    return inner == outer or inner.startswith(outer.rstrip(rules.sep) + rules.sep)
