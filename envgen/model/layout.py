"""Where every file is under a root. No other module names a folder of the repository."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from envgen.model.errors import BadInput, closest
from envgen.model.regular import real, regular_bytes, text_in

SPEC, VIRTUAL, LOCK = "environment.yml", "virtual-packages.yml", "conda-lock.yml"
PROJECT = "project.yaml"
FILES = (SPEC, VIRTUAL, LOCK)
"""What envgen writes for a target, in the order in which it is written."""
TEMPLATE = "environment.yml.j2"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_RESERVED = {"index"}


def checked_name(kind: str, name: str) -> str:
    """Return `name` when it can be a folder below `environments/` and nothing else; raise BadInput otherwise."""
    if not _NAME.fullmatch(name) or ".." in name or name.lower() in _RESERVED:
        raise BadInput(
            f"{kind} name {name!r} cannot be used",
            hint="letters, digits, `.`, `_` and `-`, beginning with a letter or a digit; `index` is taken",
        )
    return name


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of one repository."""

    root: Path

    @property
    def matrices(self) -> Path:
        return self.root / "matrices"

    @property
    def origin(self) -> Path:
        """What the matrices were copied from, row by row."""
        return self.matrices / "origin.json"

    @property
    def templates(self) -> Path:
        return self.root / "templates"

    @property
    def schemas(self) -> Path:
        """JSON Schemas of the files that people write; editors read them."""
        return self.root / "schemas"

    @property
    def environments(self) -> Path:
        return self.root / "environments"

    @property
    def index(self) -> Path:
        """The recorded index: full records of all packages that the committed locks hold."""
        return self.inside(self.environments / "index")

    @property
    def writer(self) -> Path:
        """The lock file of the run that writes this repository. It is there only meanwhile."""
        return self.environments / ".writer.envgen-lock"

    def project(self, name: str) -> Path:
        return self.inside(self.environments / checked_name("project", name) / PROJECT)

    def target(self, project: str, target: str) -> Path:
        return self.inside(self.environments / checked_name("project", project) / checked_name("target", target))

    def inside(self, path: Path) -> Path:
        """`path` below the root. Raises BadInput where a symbolic link on the way leads out of the root."""
        if link := self._link_out(path):
            hint = "what is below environments/ is read and written as part of this repository: put a file or a folder there"
            raise BadInput("this symbolic link leads out of the repository", where=self.shown(link), hint=hint)
        return path

    def _link_out(self, path: Path) -> Path | None:
        """The first symbolic link on the way to a path that leads out of the root.

        It is asked about every file: a `Path` for each folder on the way would take four times as long.
        """
        place = str(self.root)
        for part in path.parts[len(self.root.parts) :]:
            place = os.path.join(place, part)  # noqa: PTH118
            if self._leads_out(place):
                return Path(place)
        return None

    def _leads_out(self, place: str) -> bool:
        return os.path.islink(place) and not real(Path(place)).is_relative_to(real(self.root))  # noqa: PTH114

    def shown(self, path: Path) -> str:
        """`path` as a person reads it: below the root, with forward slashes."""
        text, root = str(path), f"{self.root}{os.sep}"
        if text.startswith(root):  # a third of the time of what follows, for most of the paths that there are
            return text[len(root) :].replace(os.sep, "/")
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)

    def projects(self) -> tuple[str, ...]:
        """Names of the projects under this root, sorted; also of those whose file cannot be read, which is not to be overlooked."""
        found = (path for path in self.environments.glob("*") if _holds_project(path) and not self._link_out(path / PROJECT))
        return tuple(sorted(path.name for path in found))

    def project_folders(self) -> tuple[str, ...]:
        """The names of the folders that may hold a project or locks, sorted."""
        found = (path.name for path in self.environments.glob("*") if _may_hold(path) and path.name not in _RESERVED)
        return tuple(sorted(found))

    def raw_files(self, project: str) -> tuple[Path, ...] | None:
        """The project file and the files of every target that there are, sorted; None where a link is among them."""
        folder = self.environments / project
        folders = [path for path in folder.glob("*") if path.is_dir()]
        named = [folder / "project.yaml", *(path / name for path in folders for name in (SPEC, VIRTUAL, LOCK))]
        found = [path for path in named if path.exists() or path.is_symlink()]
        plain = not any(path.is_symlink() for path in (self.environments, folder, *folders, *found))
        return tuple(sorted(found)) if plain and all(path.is_file() for path in found) else None

    def locks(self) -> tuple[Path, ...]:
        """Every lock under this root, sorted."""
        return tuple(sorted(path for path in self.environments.glob(f"*/*/{LOCK}") if path.is_file() and not self._link_out(path)))

    def locked_targets(self, project: str) -> tuple[str, ...]:
        """The targets of a project that have a lock, sorted."""
        locks = [path for path in self.target_files(project) if path.name == LOCK]
        return tuple(path.parent.name for path in locks if path.is_file() and not self._link_out(path))

    def target_files(self, project: str) -> tuple[Path, ...]:
        """The files below a project that are named as those of a target, sorted."""
        folder = self.environments / project
        try:
            with os.scandir(folder) as entries:
                names = sorted(entry.name for entry in entries if entry.is_dir())
        except OSError:
            return ()
        return tuple(path for name in names for file in sorted(FILES) if (path := folder / name / file).exists())

    def lock_place(self, path: Path) -> tuple[str, str] | None:
        """The project and the target of a lock that is in its place under this root; None for any other path."""
        folder = path.parent
        placed = path == self.environments / folder.parent.name / folder.name / LOCK
        return (folder.parent.name, folder.name) if placed and path.is_file() else None

    def read(self, path: Path) -> str:
        """The text of a file of this repository. Raises BadInput where it cannot be read."""
        try:
            return self._text(self.inside(path) if path.is_relative_to(self.root) else path)
        except (OSError, UnicodeDecodeError) as error:
            hint = "restore it from git, or delete it"
            raise BadInput(f"cannot be read: {error}", where=self.shown(path), hint=hint) from None

    def _text(self, path: Path) -> str:
        return text_in(self.data(path))

    def data(self, path: Path) -> bytes:
        """The bytes of a regular file, wherever it is. Raises OSError."""
        return regular_bytes(path)

    @property
    def reads_once(self) -> bool:
        """Whether what was read of a project is not read again while it is looked at."""
        return False

    def known_project(self, name: str) -> Path:
        """The project file of `name`, or BadInput that says which projects there are, or what is in the place of the file."""
        path = self.project(name)
        if path.is_file():
            return path
        if not _holds_project(path.parent):
            raise BadInput(f"there is no project `{name}`", where=self.shown(path), hint=closest(name, self.projects()))
        link = next((place for place in (path.parent, path) if _leads_nowhere(place)), None)
        if link:
            hint = "restore it from git, or remove the link"
            raise BadInput("cannot be read: this symbolic link leads nowhere", where=self.shown(link), hint=hint)
        raise BadInput("cannot be read: it is not a file", where=self.shown(path), hint="move it away; a file belongs here")


def _holds_project(folder: Path) -> bool:
    """Whether a project file is in a folder, or a link to no file; or whether the folder itself is a link to no folder."""
    named = _NAME.fullmatch(folder.name) and folder.name not in _RESERVED
    return os.path.lexists(folder / PROJECT) or bool(named and _leads_nowhere(folder))


def _may_hold(folder: Path) -> bool:
    return folder.is_dir() or folder.is_symlink()


def _leads_nowhere(path: Path) -> bool:
    """Whether a path is a link to what is not there, or to itself."""
    return path.is_symlink() and not path.exists()


def find_root(start: Path) -> Path:
    """The nearest folder, from `start` upwards, that holds `matrices/`."""
    for folder in (start, *start.parents):
        if (folder / "matrices").is_dir():
            return folder
    raise BadInput(
        f"no `matrices/` in {start} or above it",
        hint="start here with `envgen init --project NAME --framework FRAMEWORK --target cpu`, or with what you have, "
        "`envgen init --from FILE`; or give --root DIR",
    )


def pages() -> Path:
    """The folder with the pages of the documentation: inside the wheel, or in the checkout."""
    return starter() / "docs"


def page_of(file: str) -> str:
    """The page that explains the keys of a file: of a project, or of the matrices."""
    return "projects" if file.replace("\\", "/").rpartition("/")[2] == PROJECT else "matrices"


def starter() -> Path:
    """The matrices and templates that `envgen init` copies: inside the wheel, or the checkout that this code runs from."""
    package = Path(__file__).parents[1]
    return package / "starter" if (package / "starter").is_dir() else package.parent


def lock_project(path: str) -> str:
    """The project of a lock that is in its place below a repository, by its path with forward slashes; "" for any other lock."""
    parts = path.split("/")
    placed = len(parts) > 3 and parts[-1] == LOCK and parts[-4] == "environments"
    return "/".join((*parts[:-4], parts[-3])) if placed else ""


def lock_name(path: str) -> str:
    """The project and the target of such a lock, `vision/cu126`; the path of any other."""
    project = lock_project(path)
    return f"{project}/{path.split('/')[-2]}" if project else path


def place_in_repository(path: str) -> tuple[str, str]:
    """The folder of a repository, "" or "sub/", and the path below it of one of its files; ("", "") for a file of none."""
    for folder in ("environments", "matrices", "templates"):
        before, found, after = f"/{path}".rpartition(f"/{folder}/")
        if found:
            return f"{before[1:]}/" if before else "", f"{folder}/{after}"
    return "", ""


def is_input(path: str) -> bool:
    """Whether a file below a repository is one that people write: a project, facts, or a template."""
    return path.startswith(("matrices/", "templates/")) or (path.count("/") == 2 and path.endswith(f"/{PROJECT}"))
