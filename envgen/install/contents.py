"""What an unpacked package would write when it is linked, judged before it is: nothing outside the environment."""

from __future__ import annotations

import json
import posixpath
import re
import shutil
from collections.abc import Iterator, Mapping
from glob import escape
from pathlib import Path
from unicodedata import normalize

from rattler.package import PathsJson

from envgen.model.text import shortened

_ENTRY_POINT = re.compile(r"[\w][\w.+-]*")  # the script's name
_RECORDED = re.compile(r"conda-meta/(.+\.json|envgen|history)")  # the records of packages, envgen's manifest, conda's history
_SITE, _IN_SITE = re.compile(r"^(?:[Ll]ib/(?:[\w.]+/)?)?site-packages/"), "lib/python/site-packages/"  # of noarch packages, too
_LINKS = 40  # that may be followed one after the other, as Linux does
_DRIVE = re.compile(r"[A-Za-z]:")


class ContentJudge:
    """Judges unpacked packages one after the other, and takes a refused one out of the cache, so that it cannot be linked.

    `refused` maps the name-version-build of a refused package to the reason.
    """

    def __init__(self, cache: Path) -> None:
        self.refused: dict[str, str] = {}
        self._cache = cache
        self._links: dict[str, str] = {}  # links -> what is written in them
        self._folders: set[str] = set()  # that files lie in

    def judge(self, dist: str) -> bool:
        """Whether a package may be linked; `dist` is its name-version-build, and the name of its folder in the cache."""
        for folder in (self._cache / dist, *self._cache.glob(f"{escape(dist)}-*/")):
            reason = next(self._reasons(folder), None) if (folder / "info").is_dir() else None
            if reason:
                self.refused[dist] = reason
                shutil.rmtree(folder, ignore_errors=True)
        return dist not in self.refused

    def _reasons(self, folder: Path) -> Iterator[str]:
        """Why a package must not be linked."""
        try:
            entries = PathsJson.from_package_directory_with_deprecated_fallback(folder).paths
            index, link = (_object(folder / "info" / name) for name in ("index.json", "link.json"))
        except (OSError, ValueError, RuntimeError) as error:
            yield f"its metadata cannot be read: {error}"
            return
        for entry in entries:
            path = str(entry.relative_path).replace("\\", "/")
            if leads_out(path):
                yield f"it would write outside the environment: {shortened(path)}"
            if _RECORDED.fullmatch(posixpath.normpath(path)):
                yield f"it would write what installers record: {shortened(path)}"
            self._learn(folder, path)
        through = [link for link in self._links.keys() & self._folders if self._leads_out(link)]
        if through:
            yield f"it would write through a link that leads outside the environment: {shortened(min(through))}"
        yield from _of_python(index, link)

    def _learn(self, folder: Path, path: str) -> None:
        """Remember a path of a package, and where it leads if it is a link, whatever its metadata says."""
        new = [parent for parent in _parents(path) if _key(parent) not in self._folders]
        self._folders.update(map(_key, new))
        for place in (path, *new):
            if (folder / place).is_symlink():
                self._links[_key(place)] = (folder / place).readlink().as_posix()

    def _leads_out(self, path: str) -> bool:
        """Whether a path leads outside by way of the links, step by step as a system follows it, or in a circle."""
        there: list[str] = []
        steps, followed = path.split("/"), 0
        while steps:
            step = steps.pop(0)
            if step == ".." and not there:
                return True
            if step == "..":
                there.pop()
            elif step not in ("", "."):
                target = self._links.get("/".join((*there, step)))
                followed += target is not None
                if target is None:
                    there.append(step)
                elif target.startswith("/") or followed > _LINKS:
                    return True
                else:
                    steps = [*_spelled(target).split("/"), *steps]
        return False


def _key(path: str) -> str:
    """A path as an environment has it, in one spelling."""
    return _spelled(posixpath.normpath(_SITE.sub(_IN_SITE, f"{path}/")))


def _spelled(path: str) -> str:
    """A path in one spelling: file systems may not tell apart letters of another case."""
    return normalize("NFKC", path).casefold()


def _of_python(index: Mapping[str, object], link: Mapping[str, object]) -> Iterator[str]:
    """What the metadata of Python's packages says of places: the folder for packages, and the names of scripts."""
    site = index.get("python_site_packages_path")
    if site is not None and leads_out(str(site)):
        yield f"its folder for packages is outside the environment: {shortened(str(site))}"
    noarch = link.get("noarch")
    points = noarch.get("entry_points") if isinstance(noarch, dict) else None
    for point in points if isinstance(points, list) else ():
        name = str(point).partition("=")[0].strip()
        if not _ENTRY_POINT.fullmatch(name):
            yield f"it would write a script outside the environment: {shortened(name)}"


def leads_out(path: str) -> bool:
    """Whether a path is not one of a file below the folder that it is relative to; on any system."""
    parts = path.replace("\\", "/").split("/")
    return path.startswith(("/", "\\")) or bool(_DRIVE.match(path)) or ".." in parts or not path.strip("/.") or "\0" in path


def _parents(path: str) -> Iterator[str]:
    while path := posixpath.dirname(path):
        yield path


def _object(path: Path) -> Mapping[str, object]:
    """The JSON object in a file; empty without the file. Raises OSError and ValueError."""
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} is not an object")  # noqa: TRY004 - it is a value, read from a file
    return found
