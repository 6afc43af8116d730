"""The two sides of a comparison: a revision, a folder or a file, and of their locks those that have to be read.

What has the same content on both sides is not parsed, unless a lock that belongs to it changes.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha1
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Protocol

from envgen.diff.list import list_text
from envgen.diff.model import Snapshot
from envgen.formats.conda_lock import downloads_of
from envgen.formats.reading import read_any
from envgen.formats.similar_locks import read_similar
from envgen.model.errors import BadInput
from envgen.model.layout import LOCK, lock_project
from envgen.model.packages import Lock, LockedPackage
from envgen.model.regular import real
from envgen.revisions import Revision, RevisionFile, merge_base, revision

_LOCKS = re.compile(
    r"(?:[^/]*conda-lock[^/]*\.ya?ml|pixi\.lock|(?:conda|explicit)-[^/]*\.lock|[^/]*explicit[^/]*\.txt|conda-[^/]*\.txt"
    r"|spec-(?:file|list)[^/]*\.txt)",
    re.IGNORECASE,
)
_CONDA_LOCK = re.compile(r"\n- name: .*\n(?:  .*\n)*?  manager: ")
_PASSED_OVER = {"node_modules", "__pycache__"}  # and folders whose name begins with a dot
WORK_TREE = "the work tree"


class Source(Protocol):
    """One side before it is read. `ids` maps the path of each lock to what identifies its content."""

    @property
    def name(self) -> str:
        """The side as a person knows it."""

    @property
    def ids(self) -> Mapping[str, str]:
        """Path -> the id that git gives its content; "" for a link that leads nowhere."""

    def texts(self, paths: list[str]) -> Iterator[bytes]:
        """The content of files, in their order."""


# --- three kinds of sides ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RevisionSource:
    """The locks of a revision; a link counts as the file that it leads to."""

    revision: Revision
    files: Mapping[str, RevisionFile]
    links: Mapping[str, str] = field(default_factory=dict)  # path of a link -> why it is not read

    @property
    def name(self) -> str:
        return f"{self.revision.name} ({self.revision.commit[:8]})"

    @property
    def ids(self) -> Mapping[str, str]:
        return {**{path: file.object_id for path, file in self.files.items()}, **dict.fromkeys(self.links, "")}

    def texts(self, paths: list[str]) -> Iterator[bytes]:
        return self.revision.contents(self.files[path] for path in paths)


@dataclass(frozen=True, slots=True)
class FolderSource:
    """The locks of a folder, or files under names of their own."""

    name: str
    places: Mapping[str, Path]
    inside: Path | None = None  # a link that leads out of this folder is not followed

    @property
    def ids(self) -> Mapping[str, str]:
        return {path: self._id(place) for path, place in self.places.items()}

    def texts(self, paths: list[str]) -> Iterator[bytes]:
        return (self.places[path].read_bytes() for path in paths)

    def _id(self, place: Path) -> str:
        leads_out = self.inside and place.is_symlink() and not real(place).is_relative_to(real(self.inside))
        if leads_out or not place.is_file():
            return ""
        data = place.read_bytes()
        return sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def is_lock(path: str) -> bool:
    """Whether a file has the name of a lock, as conda-lock, pixi and `conda list --explicit` are used."""
    return _LOCKS.fullmatch(path.rpartition("/")[2]) is not None


def of_revision(found: Revision, below: str = "", exactly: str = "") -> RevisionSource:
    """The locks of a revision below a path, or the one file at a path. Raises BadInput where there is no such file."""
    everything = {file.path.as_posix(): file for file in found.files([exactly or below] if exactly or below else ())}
    if exactly and exactly not in everything:
        raise BadInput(
            f"the revision {found.name} has no file {exactly}", hint=f"`git ls-tree -r --name-only {found.name}` lists them"
        )
    chosen = {path: file for path, file in everything.items() if exactly or is_lock(path)}
    files, links = {}, {}
    for path, file in chosen.items():
        if file.kind == "file":
            files[path] = file
            continue
        to = normpath(str(PurePosixPath(path).parent / os.fsdecode(next(iter(found.contents([file]))))))
        target = (
            next((one for one in found.files([to]) if one.path.as_posix() == to and one.kind == "file"), None)
            if _inside(to)
            else None
        )
        if target:
            files[path] = target
        else:
            links[path] = f"a symbolic link to {to}, which is not a file of the revision"
    return RevisionSource(found, files, links)


def _inside(path: str) -> bool:
    return not path.startswith(("/", ".."))


def of_folder(folder: Path, name: str) -> FolderSource:
    """The locks of a folder. Hidden folders and those of packages are passed over."""
    found: dict[str, Path] = {}
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith(".") and each not in _PASSED_OVER)
        paths = [Path(place, each) for each in sorted(names) if is_lock(each)]
        found.update({path.relative_to(folder).as_posix(): path for path in paths})
    return FolderSource(name, found, folder)


# --- what the words of the command line mean --------------------------------------------------------------------------------


def sources(root: Path, base: str | None, head: str | None) -> tuple[Source, Source]:
    """The two sides that BASE and HEAD mean: HEAD of git and the work tree where they are not given.

    Each is a folder, a file, a revision, or `REVISION:PATH`; `A..B` is both, and so is `A...B`, which begins where B left A. Two
    files are compared under one name, a file and a revision at its path. Raises BadInput for what is none of these.
    """
    if base is not None and head is None and not Path(base).exists() and (range_ := re.fullmatch(r"(.*?)\.\.(\.?)(.*)", base)):
        one, dot, two = range_[1] or "HEAD", range_[2], range_[3] or "HEAD"
        start = merge_base(root, one, two) if dot else revision(root, one)
        return of_revision(start), of_revision(revision(root, two))
    if "" in (base, head):
        raise BadInput("an empty word names no revision, folder or file", hint="give a branch, a folder or a lock, or leave it out")
    base = "HEAD" if base is None else base
    files = [Path(word) for word in (base, head) if word and Path(word).is_file()]
    if len(files) == 2:
        key = files[1].name
        return FolderSource(str(files[0]), {key: files[0]}), FolderSource(str(files[1]), {key: files[1]})
    if files:
        return _with_file(root, base, head, files[0])
    return _source(root, base), of_folder(root, WORK_TREE) if head is None else _source(root, head)


def _with_file(root: Path, base: str, head: str | None, file: Path) -> tuple[Source, Source]:
    """A file and the same path of a revision or a folder; a file alone is compared with the one of git's HEAD."""
    if head is None:
        base, head = "HEAD", base
    if not real(file).is_relative_to(real(root)):
        raise BadInput("this file is not in the repository", where=file, hint="give two files, or a file of this repository")
    path = real(file).relative_to(real(root)).as_posix()

    def side(word: str) -> Source:
        if Path(word).is_file():
            return FolderSource(word, {path: file})
        if Path(word).is_dir():
            return FolderSource(word, {path: Path(word) / path})
        return of_revision(revision(root, word), exactly=path)

    return side(base), side(head)


def _source(root: Path, word: str) -> Source:
    if Path(word).is_dir():
        return of_folder(Path(word), word)
    name, colon, path = word.partition(":")
    if not colon:
        try:
            return of_revision(revision(root, word))
        except BadInput as error:
            if word != "HEAD":  # which nobody needs to type
                error.hint = f"{error.hint}; a file or a folder of this name does not exist either"
            raise
    found = revision(root, name)
    below = found.files([path])
    if not below:
        raise BadInput(f"the revision {name} has no `{path}`", hint=f"`git ls-tree -r --name-only {name}` lists its files")
    is_file = any(file.path.as_posix() == path for file in below)
    return of_revision(found, exactly=path) if is_file else of_revision(found, below=path)


# --- reading ----------------------------------------------------------------------------------------------------------------


def snapshots(base: Source, head: Source, hardware: Collection[str] = ()) -> tuple[Snapshot, Snapshot]:
    """Both sides with the locks that differ, and those that belong to one that does; `hardware` is as for `read_any`."""
    old, new = base.ids, head.ids
    differing = {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}
    groups = {_group(path) for path in differing}
    wanted = {path for path in old.keys() | new.keys() if path in differing or _group(path) in groups}
    known = _Known(hardware=hardware)
    return _snapshot(base, old, wanted, known), _snapshot(head, new, wanted, known)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What was read already: locks by path and content, and packages by their text. `hardware` is as for `read_any`."""

    hardware: Collection[str]
    locks: dict[tuple[str, str], tuple[Lock, ...]] = field(default_factory=dict)
    entries: dict[str, LockedPackage] = field(default_factory=dict)


def _group(path: str) -> str:
    """What is read together: the locks of a project, or of a folder; see `places.group_of`."""
    return lock_project(path) or (path if path.endswith("pixi.lock") else f"{path.rpartition('/')[0]}/")


def _snapshot(side: Source, ids: Mapping[str, str], wanted: set[str], known: _Known) -> Snapshot:
    locks, unread, downloads = {}, {}, {}
    paths = sorted(path for path in wanted & ids.keys() if ids[path])
    unread.update(
        {
            path: "it is not a file of this folder, but a link that leads elsewhere, a pipe or a device"
            for path in wanted & ids.keys()
            if not ids[path]
        }
    )
    for path, data in zip(paths, side.texts(paths), strict=True):
        try:
            if (path, ids[path]) not in known.locks:
                known.locks[path, ids[path]] = locks_of(data, path, known.entries, known.hardware)
            locks[path] = known.locks[path, ids[path]]
            downloads[path] = downloads_of(data[:20_000].decode("utf-8", "replace"))
        except BadInput as error:
            unread[path] = f"{error.where}: {error.what}" if error.where else error.what
    return Snapshot(name=side.name, names=frozenset(ids), locks=locks, unread=unread, downloads=downloads)


def locks_of(
    data: bytes, shown: str, entries: dict[str, LockedPackage] | None = None, hardware: Collection[str] = ()
) -> tuple[Lock, ...]:
    """The locks in the content of a file; `entries` are the packages of the locks read before. Raises BadInput."""
    try:
        text = data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise BadInput(f"not text: {error.reason}", where=shown, hint="give a lock") from None
    if shown.endswith(LOCK) or _CONDA_LOCK.search(text[:100_000]):
        return (read_similar(text, shown, {} if entries is None else entries),)
    with tempfile.TemporaryDirectory(prefix="envgen-") as folder:
        place = Path(folder, "lock")
        place.write_bytes(data)
        return read_any(place, shown, hardware=hardware)


def repository_of(folder: Path) -> Path:
    """The top of the git repository that a folder is in; the folder itself outside of one."""
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), folder)


def textconv_of(path: Path, hardware: Collection[str] = ()) -> str:
    """The packages of a lock, one on each line, sorted; the text as it is where it is not a lock, so that git can show it.

    Raises BadInput if there is no such file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror or error}", where=path, hint="give a lock") from None
    try:
        return list_text(locks_of(data, path.name, hardware=hardware))
    except BadInput:
        return data.decode("utf-8", "replace")
