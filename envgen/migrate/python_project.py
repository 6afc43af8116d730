"""Reads `[project]` of a pyproject.toml, with what uv says beside it of where its requirements come from. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from envgen.migrate.model import Asked, AskedIndex, AskedSpec, Contents, NotCarried
from envgen.migrate.pip_lines import PipLines, why_local
from envgen.migrate.toml_lines import TomlLines
from envgen.model.errors import BadInput

_EXTRAS, _GROUPS = "optional-dependencies", "dependency-groups"
_WHY_EXTRA = "an extra of the package"
_WHY_GROUP = "a group for development: what an environment needs of it belongs to `pip:` or `dependencies:`"
_FOR_POETRY = "run `poetry export --without-hashes --output requirements.txt`, and bring that in"


def read_project(data: Mapping[str, Any], lines: TomlLines, shown: str, label: str) -> Contents:
    """What a package requires; of extras that uv takes from indexes of their own, an environment for each. Raises BadInput."""
    if "project" not in data and "poetry" in table_at(data, "tool"):
        raise BadInput("requirements as Poetry alone reads them", where=lines.at("tool", "poetry"), hint=_FOR_POETRY)
    return _Project(
        project=table_at(data, "project"), uv=table_at(table_at(data, "tool"), "uv"), lines=lines, shown=shown
    ).contents(data, label)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Project:
    project: Mapping[str, Any]
    uv: Mapping[str, Any]
    lines: TomlLines
    shown: str

    def contents(self, data: Mapping[str, Any], label: str) -> Contents:
        pip = PipLines(read_file=lambda _: None)
        base = [*self._requirements(pip, "dependencies"), *python_of(self.project, self.lines)]
        extras = table_at(self.project, _EXTRAS)
        own = [name for name in extras if any(row.get("extra") == name for _, row in self._sources())]
        asked = tuple(
            Asked(
                name=f"{self.shown} [{name}]" if name else self.shown,
                at=self.lines.at("project", _EXTRAS, name) if name else self.lines.at("project"),
                label=f"{label} {name}",
                wanted=tuple(dict.fromkeys((*base, *(self._requirements(pip, _EXTRAS, name) if name else ())))),
                indexes=tuple(self._indexes(name)),
            )
            for name in own or [""]
        )
        left = (*self._left(data, [name for name in extras if name not in own]), *pip.left)
        return Contents(asked=asked, name=str(self.project.get("name", "")), left=left, notes=tuple(pip.notes))

    def _requirements(self, pip: PipLines, *path: str) -> list[AskedSpec]:
        before = len(pip.wanted)
        for text in texts_at(table_at(self.project, path[0]) if len(path) > 1 else self.project, path[-1]):
            pip.add(text, self.lines.item(text, "project", *path))
        return pip.wanted[before:]

    def _sources(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """A package and one of the places that uv takes it from."""
        for name, rows in table_at(self.uv, "sources").items():
            yield from ((name, row) for row in (rows if isinstance(rows, list) else [rows]) if isinstance(row, Mapping))

    def _indexes(self, extra: str) -> Iterator[AskedIndex]:
        """The indexes of wheels for an environment: those of single packages first."""
        rows = (
            [row for row in self.uv.get("index", []) if isinstance(row, Mapping)] if isinstance(self.uv.get("index"), list) else []
        )
        urls = {str(row.get("name")): str(row.get("url")) for row in rows}
        for name, row in self._sources():
            if row.get("extra") in (None, extra) and (url := urls.get(str(row.get("index")))):
                at = self.lines.item(url, "tool", "uv", "index")
                yield AskedIndex(text=url, at=at, option="--extra-index-url", packages=(name,))
        for row in (row for row in rows if not row.get("explicit")):
            at = self.lines.item(str(row.get("url")), "tool", "uv", "index")
            yield AskedIndex(text=str(row.get("url")), at=at, option="--index-url" if row.get("default") else "--extra-index-url")

    def _left(self, data: Mapping[str, Any], extras: list[str]) -> Iterator[NotCarried]:
        for name in extras:
            yield NotCarried(f"[{name}]", self.lines.at("project", _EXTRAS, name), _WHY_EXTRA)
        for name in table_at(data, _GROUPS):
            yield NotCarried(f"[{_GROUPS}] {name}", self.lines.at(_GROUPS, name), _WHY_GROUP)
        for name, row in self._sources():
            if "index" not in row:
                yield NotCarried(f"[tool.uv.sources] {name}", self.lines.at("tool", "uv", "sources", name), why_local(str(row)))


def python_of(project: Mapping[str, Any], lines: TomlLines) -> list[AskedSpec]:
    """The Python that a package requires; nothing where it requires none."""
    found = project.get("requires-python")
    return [AskedSpec(text=f"python {found}", at=lines.at("project", "requires-python"))] if isinstance(found, str) else []


def table_at(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The table at a key; an empty one for anything else."""
    found = data.get(key)
    return found if isinstance(found, Mapping) else {}


def texts_at(data: Mapping[str, Any], key: str) -> list[str]:
    """The texts of a list; none for anything else."""
    found = data.get(key)
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
