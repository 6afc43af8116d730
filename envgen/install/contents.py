"""What an unpacked package would write when it is linked, judged before it is: nothing outside the environment."""

from __future__ import annotations

import json
import posixpath
import re
import shutil
from collections.abc import Iterator, Mapping
from glob import escape
from pathlib import Path

from rattler.package import PathsJson

from envgen.model.text import shortened

_ENTRY_POINT = re.compile(r"[\w][\w.+-]*")  # the script's name
_RECORDED = re.compile(r"conda-meta/(.+\.json|envgen|history)")  # the records of packages, envgen's manifest, conda's history
_DRIVE = re.compile(r"[A-Za-z]:")


class ContentJudge:
    """Judges unpacked packages one after the other, and takes a refused one out of the cache, so that it cannot be linked.

    `refused` maps the name-version-build of a refused package to the reason.
    """

    def __init__(self, cache: Path) -> None:
        self.refused: dict[str, str] = {}
        self._cache = cache
        self._leading_out: dict[str, str] = {}  # links that lead out of the environment -> the package that has them
        self._below: dict[str, str] = {}  # folders that files lie in -> a package that has such a file

    def judge(self, dist: str) -> bool:
        """Whether a package may be linked; `dist` is its name-version-build, and the name of its folder in the cache."""
        for folder in (self._cache / dist, *self._cache.glob(f"{escape(dist)}-*/")):
            reason = next(self._reasons(folder, dist), None) if (folder / "info").is_dir() else None
            if reason:
                self.refused[dist] = reason
                shutil.rmtree(folder, ignore_errors=True)
        return dist not in self.refused

    def _reasons(self, folder: Path, dist: str) -> Iterator[str]:
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
            self._below.update(dict.fromkeys(_parents(path), dist))
            if entry.path_type.softlink and _link_leads_out(folder, path):
                self._leading_out[path] = dist
        through = next((path for path in self._leading_out if path in self._below), None)
        if through and dist in (self._leading_out[through], self._below[through]):
            yield f"it would write through a link that leads outside the environment: {shortened(through)}"
        yield from _of_python(index, link)


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


def _link_leads_out(folder: Path, path: str) -> bool:
    """Whether the target of a link is outside the environment, by its text."""
    try:
        target = (folder / path).readlink().as_posix()
    except OSError:
        return False
    found = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    return found.startswith(("/", "../")) or found == ".."


def _object(path: Path) -> Mapping[str, object]:
    """The JSON object in a file; empty without the file. Raises OSError and ValueError."""
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} is not an object")  # noqa: TRY004 - it is a value, read from a file
    return found
