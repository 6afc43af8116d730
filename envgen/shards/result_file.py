"""The result of a unit as a file: what was locked for one project, on whichever machine, with the key of its inputs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

from envgen.cache import decoded, encoded
from envgen.channels.recorded import key_of
from envgen.formats import conda_lock
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix
from envgen.model.layout import LOCK, SPEC, VIRTUAL
from envgen.model.resolution import RenderedFile
from envgen.model.run import LockedProject, UnchangedProject
from envgen.verify import check

_FORMAT = 1
_DELETE = "delete it: it is made again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was locked for a unit, and of which inputs."""

    key: str
    asked: str
    locked: LockedProject


def result_text(found: Result) -> str:
    """The file of a result. The same for the same unit: it does not say how long anything took."""
    locked = found.locked
    outcomes = tuple(replace(outcome, seconds=0.0) for outcome in locked.outcomes)
    data = {
        "envgen-result": _FORMAT,
        "key": found.key,
        "asked": found.asked,
        "project": locked.project,
        "files": {target: {file.name: file.text for file in files} for target, files in sorted(locked.files.items())},
        "records": dict(sorted(locked.records.items())),
        "outcomes": encoded(UnchangedProject(outcomes)),
    }
    body = json.dumps(data, sort_keys=True, ensure_ascii=False)
    return f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}\n"


def read_result(text: str, shown: str) -> Result:
    """The result in a file. Raises BadInput where it was cut short, or is not one."""
    digest, _, body = text.partition("\n")
    body = body.removesuffix("\n")
    if hashlib.sha256(body.encode(errors="surrogatepass")).hexdigest() != digest:
        raise BadInput("not a result, or not the whole of it", where=shown, hint=_DELETE)
    try:
        return _parsed(json.loads(body))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(f"not a result that this envgen can read: {error}", where=shown, hint=_DELETE) from None


def _parsed(data: Any) -> Result:
    if data["envgen-result"] != _FORMAT:
        raise ValueError(f"format {data['envgen-result']}")
    outcomes = decoded(data["outcomes"])
    if not isinstance(outcomes, UnchangedProject) or not {*_texts(data)} <= {SPEC, VIRTUAL, LOCK}:
        raise ValueError("it has other parts")
    files = {
        target: tuple(RenderedFile(name, files[name]) for name in (SPEC, VIRTUAL, LOCK)) for target, files in data["files"].items()
    }
    locked = LockedProject(project=data["project"], files=files, records=data["records"], outcomes=outcomes.outcomes)
    return Result(key=data["key"], asked=data["asked"], locked=locked)


def _texts(data: Any) -> list[str]:
    return [name for files in data["files"].values() for name in files]


def check_result(found: Result, matrix: Matrix, shown: str) -> None:
    """Check the locks of a result as new locks are checked. Raises BadInput.

    They can be read, pass the rules of `verify`, and the records are those of their packages.
    """
    by_target = {outcome.resolution.target.name: outcome.resolution for outcome in found.locked.outcomes}
    named: set[str] = set()
    for target, files in found.locked.files.items():
        text = next(file.text for file in files if file.name == LOCK)
        lock = conda_lock.read_lock(text, f"{shown}, {target}/{LOCK}")
        named.update(key_of(url) for url in conda_lock.urls(text))
        wrong = target not in by_target or conda_lock.read_stamp(text, lock.shown) is None
        findings = [] if wrong else check.check(lock, check.claims_of(by_target[target]), matrix)
        rule = next((row for row in findings if row.severity == "error"), None)
        if wrong or rule:
            why = f"{rule.rule}: {rule.package}: {rule.text}" if rule else "it is not a lock of this project"
            raise BadInput(f"the result for {found.locked.project}-{target} is not used: {why}", where=shown, hint=_DELETE)
    if set(found.locked.records) != named:
        raise BadInput("its records are not those of its locks", where=shown, hint=_DELETE)
