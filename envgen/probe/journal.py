"""Reads what `child.py` wrote into an Answer, with versions as frameworks spell them. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from packaging.version import Version

from envgen.model.catalogue import Catalogue
from envgen.probe.libraries import cuda_name, is_driver
from envgen.probe.model import Answer, BuildKind, Device, Library, Origin, ProcessResult

_NUMBER = re.compile(r"(?:64_)?([0-9]+)(?:\.([0-9]+))?")


def read(framework: str, journal: str, process: ProcessResult, catalogue: Catalogue, locate: Callable[[str], Origin]) -> Answer:
    """The journal as an Answer. What cannot be read is left out; `locate` says to whom a file belongs."""
    told, problems = _gathered(journal)
    file = _text(told.get("file"))
    return Answer(
        framework=framework,
        process=process,
        done=told.get("done") is True,
        step=_text(told.get("step")),
        version=_text(told.get("version")),
        companion=_text(told.get("companion")),
        file=file,
        outside=bool(file) and locate(file) != "environment",
        build=_build(told),
        cuda=cuda_version(_text(told.get("cuda"))),
        compiler=cuda_version(_text(told.get("compiler"))),
        cudnn=cudnn_version(_text(told.get("cudnn"))),
        available=_truth(told.get("available")),
        devices=tuple(_devices(told.get("devices"))),
        code=tuple(_texts(told.get("code"))),
        settings=tuple(_texts(told.get("settings"))),
        ran_on=_text(told.get("ran_on")),
        agrees=_truth(told.get("agrees")),
        problems=problems,
        libraries=tuple(_libraries(told.get("libraries"), catalogue, locate)),
    )


def _gathered(journal: str) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]]:
    told: dict[str, Any] = {}
    problems = []
    for line in journal.splitlines():
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):  # cut off by a crash, or not the journal's
            continue
        if isinstance(found, dict):
            told.update(found)
            problem = found.get("problem")
            if isinstance(problem, list) and len(problem) == 2:
                problems.append((_text(problem[0]), _text(problem[1])))
    return told, tuple(problems)


def _build(told: dict[str, Any]) -> BuildKind:
    if "cuda" not in told:
        return "unknown"
    return "cpu" if told["cuda"] is None else "cuda"


def cuda_version(text: str) -> Version | None:
    """major.minor of a CUDA version: "12.6", "12.5.1", "12", "64_112" (on Windows), or 12060 as the runtime counts."""
    found = _NUMBER.match(text)
    if found is None:
        return None
    major, minor = found[1][:9], found[2]
    if minor is None and len(major) >= 4:  # 12060
        return Version(f"{int(major) // 1000}.{int(major) % 1000 // 10}")
    if minor is None and len(major) == 3:  # 64_112
        major, minor = major[:-1], major[-1]
    return Version(major if minor is None else f"{major}.{minor[:9]}")


def cudnn_version(text: str) -> Version | None:
    """A cuDNN version: 90100 is 9.1.0 and 8902 is 8.9.2; "9", "8.9" and "64_8" are read as they are."""
    found = re.match(r"(?:64_)?([0-9]{1,9}(?:\.[0-9]{1,9}){0,3})", text)
    if found is None:
        return None
    if not found[1].isdigit() or int(found[1]) < 1000:
        return Version(found[1])
    number = int(found[1])
    scale = 10000 if number >= 90000 else 1000  # the scheme changed with cuDNN 9
    return Version(f"{number // scale}.{number % scale // 100}.{number % 100}")


def _devices(found: object) -> Iterator[Device]:
    for row in found if isinstance(found, list) else ():
        if isinstance(row, dict):
            yield Device(_text(row.get("name")), _capability(row.get("capability")))


def _capability(found: object) -> Version | None:
    """A compute capability, as "7.5" or [7, 5]."""
    text = ".".join(map(_text, found)) if isinstance(found, list) else _text(found)
    return Version(text) if re.fullmatch(r"[0-9]{1,4}\.[0-9]{1,4}", text) else None


def _libraries(found: object, catalogue: Catalogue, locate: Callable[[str], Origin]) -> Iterator[Library]:
    """The libraries of CUDA and of the driver among all that were loaded."""
    for path in _texts(found):
        file = path.rsplit("/", 1)[-1]
        name = cuda_name(catalogue, file)
        if name or is_driver(file):
            yield Library(path, locate(path), name)


def _texts(found: object) -> Iterator[str]:
    yield from (_text(item) for item in (found if isinstance(found, list) else ()) if isinstance(item, str))


def _text(found: object) -> str:
    """A text that can be printed: a number as its digits, lone surrogates replaced, "" for anything else."""
    if isinstance(found, str):
        return found.encode("utf-8", "replace").decode()
    return str(found) if isinstance(found, int | float) and not isinstance(found, bool) else ""


def _truth(found: object) -> bool | None:
    return found if isinstance(found, bool) else None
