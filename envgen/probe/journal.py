"""What `inside` wrote down, as an Answer; and versions as frameworks write them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from packaging.version import Version

from envgen.probe.model import Answer, Device, Ended, Library

_NUMBER = re.compile(r"(?:64_)?(\d+)(?:\.(\d+))?")


def read(framework: str, journal: str, ended: Ended) -> Answer:
    """The journal of `inside` as an Answer. What cannot be read is as if it had not been said; nothing is raised.

    Libraries are "foreign" until someone who knows the disk has placed them.
    """
    told, problems = _gathered(journal)
    return Answer(
        framework,
        ended,
        done=told.get("done") is True,
        doing=_text(told.get("doing")),
        version=_text(told.get("version")),
        beside=_text(told.get("beside")),
        origin=_text(told.get("origin")),
        built=told["cuda"] is not None if "cuda" in told else None,
        cuda=cuda_version(_text(told.get("cuda"))),
        cudnn=cudnn_version(_text(told.get("cudnn"))),
        available=_truth(told.get("available")),
        devices=tuple(_devices(told.get("devices"))),
        code=tuple(_texts(told.get("code"))),
        ran_on=_text(told.get("ran_on")),
        agrees=_truth(told.get("agrees")),
        problems=problems,
        libraries=tuple(Library(path, "foreign") for path in _texts(told.get("libraries"))),
    )


def _gathered(journal: str) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]]:
    told: dict[str, Any] = {}
    problems = []
    for line in journal.splitlines():
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):  # cut off by a crash, or not ours
            continue
        if isinstance(found, dict):
            told.update(found)
            problem = found.get("problem")
            if isinstance(problem, list) and len(problem) == 2:
                problems.append((_text(problem[0]), _text(problem[1])))
    return told, tuple(problems)


def cuda_version(text: str) -> Version | None:
    """major.minor of a CUDA version as frameworks write it: 12.6, 12.5.1, 12, or 64_112 (TensorFlow on Windows)."""
    found = _NUMBER.match(text)
    if found is None:
        return None
    major, minor = found[1][:9], found[2]
    if minor is None and len(major) >= 3:  # 64_112
        major, minor = major[:-1], major[-1]
    return Version(major if minor is None else f"{major}.{minor[:9]}")


def cudnn_version(text: str) -> Version | None:
    """A cuDNN version as frameworks write it: 90100 is 9.1.0, 8902 is 8.9.2, "9", "8.9" and 64_8 stand for themselves."""
    found = re.match(r"(?:64_)?(\d{1,9}(?:\.\d{1,9}){0,3})", text)
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
            capability = _text(row.get("capability"))
            known = re.fullmatch(r"\d{1,4}\.\d{1,4}", capability)
            yield Device(_text(row.get("name")), Version(capability) if known else None)


def _texts(found: object) -> Iterator[str]:
    yield from (_text(item) for item in (found if isinstance(found, list) else ()) if isinstance(item, str))


def _text(found: object) -> str:
    """A text that can be printed: a number as its digits, lone surrogates replaced, "" for what is neither."""
    if isinstance(found, str):
        return found.encode("utf-8", "replace").decode()
    return str(found) if isinstance(found, int | float) and not isinstance(found, bool) else ""


def _truth(found: object) -> bool | None:
    return found if isinstance(found, bool) else None
