"""The files of a git revision: by name and object, as bytes, or as a folder. Fetches nothing and runs no code of the repository.

Only git's own commands read the repository. They use no hooks, filters, text conversions and attributes: what is read is what was
committed, byte for byte.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from envgen.model.errors import BadInput
from envgen.model.regular import real

_KINDS: dict[str, Literal["file", "link"]] = {"100644": "file", "100755": "file", "120000": "link"}  # not submodules
_ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX")  # a hook has those of its repository
_SILENT = {"GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
_SHALLOW = "this clone is shallow: run `git fetch --unshallow`, or set `fetch-depth: 0` where a workflow checks it out"


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionFile:
    """A file of a revision: its path below the folder that is read, and git's id of its content."""

    path: PurePosixPath
    kind: Literal["file", "link"]
    object_id: str


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit, and the folder of its repository that is read: `envgen` looks at nothing outside of it."""

    folder: Path
    name: str
    commit: str

    def files(self, below: Iterable[str] = ()) -> tuple[RevisionFile, ...]:
        """The files below some paths (default: all), sorted by path. Submodules are not among them. Raises BadInput."""
        only = ("--", *paths) if (paths := tuple(below)) else ()
        said = _git(self.folder, ("ls-tree", "-r", "-z", self.commit, *only))
        rows = (row.partition("\t") for row in said.split("\0") if row)
        return tuple(file for head, _, path in rows if (file := _file(head, PurePosixPath(path), self.name)))

    def changed(self, below: Iterable[str]) -> tuple[PurePosixPath, ...]:
        """The files below some paths that are not in the work tree as they are here: changed, gone, or new and not ignored."""
        paths = ("--", *below)
        said = _git(self.folder, ("diff", "--no-ext-diff", "--name-only", "-z", "--relative", self.commit, *paths))
        said += _git(self.folder, ("ls-files", "--others", "--exclude-standard", "-z", *paths))
        return tuple(PurePosixPath(row) for row in said.split("\0") if row)

    def contents(self, files: Iterable[RevisionFile]) -> Iterator[bytes]:
        """The content of files, in their order; of a link, the path that it leads to. Raises BadInput if git does not have one."""
        command = _command(self.folder, ("cat-file", "--batch"))
        with subprocess.Popen(command, env=_environ(), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as git:  # noqa: S603 - a list
            if git.stdin and git.stdout:
                for file in files:
                    git.stdin.write(f"{file.object_id}\n".encode())
                    git.stdin.flush()
                    yield self._content(git.stdout, file)
                git.stdin.close()

    def _content(self, stream: IO[bytes], file: RevisionFile) -> bytes:
        head = stream.readline().split()
        if len(head) != 3:
            hint = "a clone with a filter leaves files out, and a damaged one loses them: fetch the revision again"
            raise BadInput(f"git does not have {file.path} of the revision {self.name}", where=str(self.folder), hint=hint)
        size = int(head[2])
        return stream.read(size + 1)[:size]

    def write(self, files: Collection[RevisionFile], place: Path) -> None:
        """Write files below a folder. Raises BadInput for a symbolic link that leads out of it."""
        for file, content in zip(files, self.contents(files), strict=True):
            path = place / file.path
            self._check_inside(path.parent, place, file)
            path.parent.mkdir(parents=True, exist_ok=True)
            if file.kind == "file":
                path.write_bytes(content)
            else:
                path.symlink_to(os.fsdecode(content))
        for file in files:  # when all links are there: each may lead through others
            self._check_inside(place / file.path, place, file)

    def _check_inside(self, path: Path, place: Path, file: RevisionFile) -> None:
        if not real(path).is_relative_to(place):
            where, hint = f"{self.name}:{file.path}", "put a file there, or a link to a file of the same folder"
            raise BadInput("this symbolic link leads out of the repository", where=where, hint=hint)


def revision(folder: Path, name: str) -> Revision:
    """The commit that a name means in the repository of a folder: a branch, a tag, an id, `HEAD~2`.

    Raises BadInput where git is not installed, the folder is not in a repository, or there is no such revision.
    """
    _check_name(name)
    shallow = _git(folder, ("rev-parse", "--is-shallow-repository")).strip() == "true"
    found = _run(folder, ("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"))
    if found.returncode:
        raise BadInput(f"there is no revision `{name}`", where=str(folder), hint=_hint(folder, shallow=shallow))
    return Revision(folder, name, found.stdout.strip())


def merge_base(folder: Path, name: str, other: str = "HEAD") -> Revision:
    """The newest commit that two revisions both come from. Raises BadInput as `revision` does, and where there is none."""
    one, two = revision(folder, name), revision(folder, other)
    found = _run(folder, ("merge-base", one.commit, two.commit))
    if found.returncode:
        shallow = _git(folder, ("rev-parse", "--is-shallow-repository")).strip() == "true"
        hint = _SHALLOW if shallow else "compare with a revision that this one comes from"
        raise BadInput(f"{name} and {other} have no commit in common", where=str(folder), hint=hint)
    return Revision(folder, name, found.stdout.strip())


@contextmanager
def as_folder(folder: Path, name: str, below: Sequence[str] = ()) -> Iterator[Path]:
    """A folder with what a revision or a folder holds below some paths (default: all), until the block ends.

    A name that git knows is a revision, any other the path of a folder, which is returned as it is; `./name` is always a path.
    Raises BadInput as `revision` does.
    """
    if _is_path(name) and Path(name).is_dir():
        yield real(Path(name))
        return
    try:
        found = revision(folder, name)
    except BadInput:
        if not Path(name).is_dir():
            raise
        yield real(Path(name))
        return
    with tempfile.TemporaryDirectory(prefix="envgen-") as place:
        root = real(Path(place))
        found.write(found.files(below), root)
        yield root


def _is_path(name: str) -> bool:
    return Path(name).is_absolute() or re.match(r"\.{1,2}([/\\]|$)", name) is not None


def _check_name(name: str) -> None:
    if not name or name.startswith("-") or not name.isprintable():
        raise BadInput(f"{name!r} is not the name of a revision", hint="give a branch, a tag or a commit, such as origin/main")


def _hint(folder: Path, *, shallow: bool) -> str:
    if shallow:
        return _SHALLOW
    if _run(folder, ("rev-parse", "--verify", "--quiet", "HEAD")).returncode:
        return "the repository has no commit yet"
    return "`git branch --all` lists the branches here, `git fetch origin` brings those of the server"


def _file(head: str, path: PurePosixPath, name: str) -> RevisionFile | None:
    """A row of `git ls-tree`; None for a submodule. Raises BadInput for a path that no checkout could have."""
    mode, _, object_id = head.split(" ")
    if path.is_absolute() or ".." in path.parts or (os.name == "nt" and re.search(r"[\\:]", str(path))):
        raise BadInput(f"the revision {name} has a file that cannot be checked out: {path}", hint="compare with another revision")
    kind = _KINDS.get(mode)
    return RevisionFile(path=path, kind=kind, object_id=object_id) if kind else None


def _command(folder: Path, words: Sequence[str]) -> list[str]:
    return ["git", "--no-pager", "--literal-pathspecs", "-C", str(folder), *words]


def _environ() -> dict[str, str]:
    """The environment of the caller without what names another repository, and without questions and downloads."""
    return {**{name: value for name, value in os.environ.items() if name not in _ELSEWHERE}, **_SILENT}


def _run(folder: Path, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 - a list, and no name in it begins with a dash
            _command(folder, words),
            env=_environ(),
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="surrogateescape",  # as Python reads names of files
        )
    except FileNotFoundError:
        raise BadInput("git is not installed, or not on PATH", hint="install git, or compare with a folder") from None


def _git(folder: Path, words: Sequence[str]) -> str:
    """What git prints. Raises BadInput with its own words where it fails."""
    found = _run(folder, words)
    if found.returncode:
        said = next((line for line in found.stderr.splitlines() if line.startswith(("fatal: ", "error: "))), found.stderr.strip())
        what = said.partition(": ")[2] or said or "git failed"
        if "not a git repository" in what:
            raise BadInput("this folder is not in a git repository", where=str(folder), hint="run `git init`, or give a folder")
        hint = "`git config --global --add safe.directory DIR` trusts it" if "ownership" in what else "run `git status` there"
        raise BadInput(f"git says: {what}", where=str(folder), hint=hint)
    return found.stdout


# --- what is being merged ---------------------------------------------------------------------------------------------------


def merged_text(ours: bytes, base: bytes, theirs: bytes) -> tuple[bytes, bool]:
    """Two texts that were made from one, merged line by line as git does, and whether that worked; else with git's markers."""
    with tempfile.TemporaryDirectory(prefix="envgen-") as folder:
        paths = [Path(folder, name) for name in ("ours", "base", "theirs")]
        for path, text in zip(paths, (ours, base, theirs), strict=True):
            path.write_bytes(text)
        words = ("merge-file", "-p", "-L", "ours", "-L", "base", "-L", "theirs", *(path.name for path in paths))
        found = subprocess.run(  # noqa: S603 - a list of our own words
            _command(Path(folder), words), env=_environ(), capture_output=True, check=False
        )
    return (found.stdout, found.returncode == 0) if found.returncode < 128 else (ours, False)


def merged_commits(folder: Path, path: str, theirs: bytes) -> tuple[Revision, ...]:
    """The commits that may be the ones that git is merging into HEAD: those in which a path below the folder has this content.

    `git merge` says in its environment which one it is, a rebase in its own files; of a cherry-pick only the content tells.
    """
    content = _object_id(folder, theirs)
    found = []
    for name in dict.fromkeys((*_announced(folder), *_with_content(folder, path, content))):
        try:
            one = revision(folder, name)
            if any(file.object_id == content for file in one.files([path])):
                found.append(one)
        except BadInput:
            continue
    return tuple(found)


def bases(folder: Path, one: Revision, other: Revision) -> tuple[Revision, ...]:
    """The commits that two revisions may both be changes of: the newest that both come from, and the parent of the second."""
    names = _run(folder, ("merge-base", "--all", one.commit, other.commit)).stdout.split()
    parent = _run(folder, ("rev-parse", "--verify", "--quiet", f"{other.commit}^1")).stdout.split()
    return tuple(Revision(folder, name, name) for name in dict.fromkeys((*names, *parent)))


def _announced(folder: Path) -> Iterator[str]:
    """The commits that git says it is merging."""
    yield from (name.removeprefix("GITHEAD_") for name in os.environ if name.startswith("GITHEAD_"))
    yield from ("MERGE_HEAD", "CHERRY_PICK_HEAD")
    done = _run(folder, ("rev-parse", "--git-path", "rebase-merge/done")).stdout.strip()
    place = folder / done
    if done and place.is_file():
        yield from place.read_text(encoding="utf-8", errors="replace").split()[-1:0:-1]


def _with_content(folder: Path, path: str, content: str) -> Sequence[str]:
    """The newest commits of any branch that gave a file this content, or took it away."""
    words = ("log", "--all", "--max-count=20", "--format=%H", f"--find-object={content}", "--", path)
    return _run(folder, words).stdout.split()


def _object_id(folder: Path, content: bytes) -> str:
    done = subprocess.run(  # noqa: S603 - a list of our own words
        _command(folder, ("hash-object", "--stdin")), env=_environ(), input=content, capture_output=True, check=False
    )
    return done.stdout.decode().strip()


def set_config(folder: Path, values: Mapping[str, str]) -> None:
    """Set values in the configuration of this clone. Raises BadInput outside of a repository."""
    _git(folder, ("rev-parse", "--git-dir"))
    for key, value in values.items():
        _git(folder, ("config", "--local", key, value))
