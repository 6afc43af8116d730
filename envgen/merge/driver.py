"""What git's merge driver does: merges the inputs of both sides, locks again what they change together, and keeps the answer.

git calls a driver for one file at a time, before it has merged the others, and does not say which commits it merges. So they are
found by their content, and everything is merged in a folder of its own; the answer is kept for the files that git asks about next.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from envgen.cache import cache_folder, keep, key_of
from envgen.channels.recorded import read_recorded, recorded_files
from envgen.lock.keep_records import compared, tidy_records
from envgen.lock.pipeline import lock
from envgen.matrix.cached import cached_matrix
from envgen.merge.inputs import merged_project
from envgen.merge.packages import merged_lock
from envgen.model.errors import BadInput, EnvgenError
from envgen.model.layout import LOCK, PROJECT, Layout, is_input, place_in_repository
from envgen.model.regular import real
from envgen.model.run import LockRequest, Reporter
from envgen.revisions import Revision, bases, merged_commits, merged_text, revision

_KEPT = 24 * 3600  # seconds
Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Sides:
    """Ours, theirs, and what both were made from: the files of each, by their path below the repository."""

    ours: Files
    base: Files
    theirs: Files

    def merging(self) -> Iterator[str]:
        """The paths that both sides changed, in different ways."""
        for path in sorted(self.ours.keys() | self.theirs.keys()):
            one, two, common = self.ours.get(path), self.theirs.get(path), self.base.get(path)
            if one != two and common not in (one, two):
                yield path

    def taken(self) -> dict[str, bytes]:
        """The files that at most one side changed, as that side has them."""
        found = {}
        for path in self.ours.keys() | self.theirs.keys():
            one, two, common = self.ours.get(path), self.theirs.get(path), self.base.get(path)
            text = two if one == common else one
            if text is not None and (one == two or common in (one, two)):
                found[path] = text
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedFile:
    """One file as git gives it to a driver: its path, and the content of the three sides."""

    path: str
    ours: bytes
    base: bytes
    theirs: bytes


def merged(top: Path, file: MergedFile, reporter: Reporter) -> tuple[bytes, str]:
    """The merged content of a file, and "" or why it has git's markers instead."""
    prefix, path = place_in_repository(file.path)
    text, clean = merged_text(file.ours, file.base, file.theirs)
    if not path:
        return text, "" if clean else "it is not a file of an envgen repository"
    try:
        answer = _answer(top / prefix, path, file, reporter)
    except EnvgenError as error:
        return text, f"{error.what}; {error.hint}" if error.hint else error.what
    if answer.get(path) is None:
        return text, "" if clean else "nothing was locked for it"
    return answer[path], ""


def _answer(root: Path, path: str, file: MergedFile, reporter: Reporter) -> Files:
    """Every file that both sides changed, merged. Raises EnvgenError where the inputs conflict or have no solution."""
    head = revision(root, "HEAD")
    found = ((base, theirs) for theirs in merged_commits(root, path, file.theirs) for base in bases(root, head, theirs))
    pairs = [(base, theirs) for base, theirs in found if _content(base, path) == (file.base or None)]
    if not pairs:
        hint = f"finish the merge with one side, `git checkout --ours {file.path}`, and run `envgen lock`"
        raise BadInput("git does not say what it merges", hint=hint)
    base, theirs = pairs[0]
    place = cache_folder() / "merges" / f"{key_of(head.commit, base.commit, theirs.commit, str(root))}.json"
    told = _kept(place)
    if told is None:
        told = _told((head, base, theirs), reporter)
        _keep(place, told)
    if isinstance(told, str):
        raise BadInput(told)
    return {name: text.encode() for name, text in told.items()}


def _content(one: Revision, path: str) -> bytes | None:
    files = [file for file in one.files([path]) if file.path.as_posix() == path]
    return next(iter(one.contents(files)), None)


def _told(revisions: tuple[Revision, Revision, Revision], reporter: Reporter) -> dict[str, str] | str:
    """The answer as text, or why there is none."""
    try:
        return {path: text.decode() for path, text in _merge(revisions, reporter).items()}
    except EnvgenError as error:
        return f"{error.what}; {error.hint}" if error.hint else error.what


def _kept(place: Path) -> dict[str, str] | str | None:
    try:
        found = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict | str) else None


def _keep(place: Path, told: dict[str, str] | str) -> None:
    keep(place, [json.dumps(told).encode()])
    for old in place.parent.glob("*"):
        if time.time() - old.stat().st_mtime > _KEPT:
            old.unlink(missing_ok=True)


# --- the merge ----------------------------------------------------------------------------------------------------------------


def _merge(revisions: tuple[Revision, Revision, Revision], reporter: Reporter) -> Files:
    ours, base, theirs = (_files(one) for one in revisions)
    sides = Sides(ours, base, theirs)
    merging = list(sides.merging())
    with tempfile.TemporaryDirectory(prefix="envgen-") as folder:
        layout = Layout(real(Path(folder)))
        _write(layout, sides.taken())
        _merge_inputs(layout, sides, [path for path in merging if is_input(path)])
        _merge_locks(layout, sides, [path for path in merging if path.endswith(f"/{LOCK}")])
        _merge_records(layout, sides)
        projects = sorted({path.split("/")[1] for path in merging} & set(layout.projects()))
        if projects:
            reporter.say(f"envgen: locking {', '.join(projects)} again, from what both sides have recorded")
            lock(
                layout, LockRequest(projects=tuple(projects), offline=True, jobs=os.cpu_count() or 1), reporter, _no_machine
            ).whole()
        tidy_records(layout, compared(layout).surplus)
        asked = (layout.root / path for path in merging)
        return {path.relative_to(layout.root).as_posix(): path.read_bytes() for path in asked if path.is_file()}


def _no_machine(*_: object) -> tuple[str, str]:
    raise BadInput("a merge does not depend on the machine", hint="run `envgen lock`")


def _files(one: Revision) -> dict[str, bytes]:
    layout = Layout(Path())
    below = [str(path) for path in (layout.matrices, layout.templates, layout.environments)]
    files = [file for file in one.files(below) if file.kind == "file"]
    return {file.path.as_posix(): text for file, text in zip(files, one.contents(files), strict=True)}


def _write(layout: Layout, files: Files) -> None:
    for name, text in files.items():
        path = layout.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)


def _merge_inputs(layout: Layout, sides: Sides, paths: Iterable[str]) -> None:
    """Merge project files, matrices and templates. Raises BadInput that names those that conflict."""
    ordered = sorted(paths, key=lambda path: path.endswith(f"/{PROJECT}"))  # the facts first: they say what a framework is
    conflicts: list[str] = []
    for path in ordered:
        versions = sides.ours.get(path, b""), sides.base.get(path, b""), sides.theirs.get(path, b"")
        is_project = path.endswith(f"/{PROJECT}") and not conflicts
        text, clean = merged_project(*versions, cached_matrix(layout)) if is_project else merged_text(*versions)
        conflicts += [] if clean else [path]
        _write(layout, {path: text})
    if conflicts:
        raise BadInput(f"{', '.join(conflicts)} {'have conflicts' if len(conflicts) > 1 else 'has a conflict'}", hint=RESOLVE)


RESOLVE = "resolve it, take one side of each lock with `git checkout --ours FILE`, and run `envgen lock`"


def _merge_locks(layout: Layout, sides: Sides, paths: Iterable[str]) -> None:
    for path in paths:
        texts = [side.get(path, b"").decode() for side in (sides.ours, sides.base, sides.theirs)]
        _write(layout, {path: merged_lock(texts[0], texts[1], texts[2], path).encode()})


def _merge_records(layout: Layout, sides: Sides) -> None:
    """The recorded index of both sides together; `lock` removes what no lock names then."""
    found: dict[str, Mapping[str, object]] = {}
    for side in (sides.theirs, sides.ours):
        with tempfile.TemporaryDirectory(prefix="envgen-") as folder:
            other = Layout(real(Path(folder)))
            prefix = layout.shown(layout.index)
            _write(other, {path: text for path, text in side.items() if path.startswith(f"{prefix}/")})
            found.update(read_recorded(other.index, prefix))
    _write(layout, {f"{layout.shown(layout.index)}/{name}": text.encode() for name, text in recorded_files(found).items()})
