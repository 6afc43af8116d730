"""Reads pixi.toml and pyproject.toml with [tool.pixi]: features, environments and targets. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from envgen.formats.toml_text import parsed_toml
from envgen.migrate.model import Asked, AskedIndex, AskedSpec, ChannelLine, Contents, IndexOption, NotCarried, promised
from envgen.migrate.pip_lines import PipLines
from envgen.migrate.python_project import python_of, read_project, table_at, texts_at
from envgen.migrate.toml_lines import TomlLines
from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.facts import Platform
from envgen.model.platforms import PLATFORMS

_HINT = "give a pixi.toml, or a pyproject.toml with [project] or [tool.pixi]"
_SYSTEMS: Mapping[str, frozenset[Platform]] = {
    "linux": frozenset({"linux-64", "linux-aarch64"}),
    "osx": frozenset({"osx-64", "osx-arm64"}),
    "win": frozenset({"win-64"}),
    "unix": frozenset({"linux-64", "linux-aarch64", "osx-64", "osx-arm64"}),
    **{platform: frozenset({platform}) for platform in PLATFORMS},
}
_DROPPED = {
    "tasks": "tasks of pixi: a Makefile, or `envgen run PROJECT -- COMMAND`",
    "activation": "activation scripts and variables of pixi",
    "host-dependencies": "for building a package",
    "build-dependencies": "for building a package",
    "package": "for building a package",
    "dev": "source dependencies of pixi",
    "constraints": "bounds for what is not requested",
}
_OPTIONS, _PYPI = "pypi-options", "pypi-dependencies"
_INDEXES = {"index-url", "extra-index-urls", "find-links"}  # keys of `pypi-options` that are carried over


def read_manifest(text: str, shown: str, label: str) -> Contents:
    """The environments of a manifest. Raises BadInput for what is not TOML."""
    data, lines = parsed_toml(text, shown, _HINT), TomlLines(text, shown)
    pixi = table_at(data, "tool").get("pixi") if shown.endswith("pyproject.toml") else data
    if not isinstance(pixi, Mapping) or not (pixi.get("workspace") or pixi.get("project")):
        return read_project(data, lines, shown, label)
    prefix = ("tool", "pixi") if pixi is not data else ()
    return _Manifest(data=pixi, lines=lines, shown=shown, prefix=prefix, pip=PipLines(read_file=lambda _: None)).contents(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manifest:
    data: Mapping[str, Any]
    lines: TomlLines
    shown: str
    prefix: tuple[str, ...]
    pip: PipLines

    def contents(self, whole: Mapping[str, Any]) -> Contents:
        """One environment for each of pixi's: its features in their order, and the default one unless it goes without."""
        environments = table_at(self.data, "environments")
        rows = {
            "default": [],
            **{name: self._features(name, row) for name, row in environments.items()},
        }
        without = {name for name, row in environments.items() if isinstance(row, Mapping) and row.get("no-default-feature")}
        asked = tuple(self._environment(name, features, name not in without, whole) for name, features in rows.items())
        if self._named and not environments:
            asked = tuple(self._of_platform(row, whole) for row in self._named)
        own = [one for one in asked if one.label != "default"] if not any(one.wanted for one in asked[:1]) else list(asked)
        workspace = self._workspace
        return Contents(asked=tuple(own), name=str(workspace.get("name", "")), left=(*self._left(), *self.pip.left))

    @property
    def _workspace(self) -> Mapping[str, Any]:
        return table_at(self.data, "workspace") or table_at(self.data, "project")

    @property
    def _key(self) -> tuple[str]:
        return ("workspace",) if "workspace" in self.data else ("project",)

    def _list(self, data: Mapping[str, Any], key: str, *path: str) -> Sequence[Any]:
        """The items of a list. Raises BadInput, with its line, for anything else."""
        found = data.get(key, [])
        if not isinstance(found, list):
            raise BadInput(f"expected a list `{key}`", where=self.lines.at(*self.prefix, *path, key), hint=_HINT)
        return found

    def _features(self, name: str, row: Any) -> Sequence[str]:
        """The features of an environment, which is a list of them, or a table that has one."""
        table = {"features": row} if isinstance(row, list) else row if isinstance(row, Mapping) else {}
        return [str(feature) for feature in self._list(table, "features", "environments", name)]

    @property
    def _named(self) -> list[Mapping[str, Any]]:
        """The platforms with a name or with virtual packages of their own."""
        return [row for row in self._list(self._workspace, "platforms", *self._key) if isinstance(row, Mapping)]

    def _of_platform(self, row: Mapping[str, Any], whole: Mapping[str, Any]) -> Asked:
        """The default environment on a named platform, with the dependencies of the targets whose name fits."""
        found, name, cuda = self._environment("default", (), True, whole), str(row.get("name", "")), row.get("cuda")
        wanted = list(found.wanted)
        for target, own in table_at(self.data, "target").items():
            if target not in _SYSTEMS and isinstance(own, Mapping) and fnmatchcase(name, target):
                wanted += self._specs((*self.prefix, "target", target), own, frozenset())
        return replace(
            found,
            name=f"{self.shown} [{name}]",
            label=name,
            wanted=tuple(dict.fromkeys(wanted)),
            platforms=(_subdir(row),),
            cuda=promised(str(cuda.get("driver")) if isinstance(cuda, Mapping) else str(cuda) if cuda else None),
        )

    def _environment(self, name: str, features: Sequence[str], with_default: bool, whole: Mapping[str, Any]) -> Asked:
        places: list[tuple[tuple[str, ...], Mapping[str, Any]]] = [
            (("feature", feature), table_at(table_at(self.data, "feature"), feature)) for feature in features
        ]
        places += [((), self.data)] if with_default else []
        wanted = [one for path, table in places for one in self._wanted(path, table)]
        if with_default and self.prefix:
            project = table_at(whole, "project")
            for text in texts_at(project, "dependencies"):
                wanted += self._wheels(text, self.lines.item(text, "project", "dependencies"), frozenset())
            wanted += [] if any(one.text.split(" ")[0] == "python" for one in wanted) else python_of(project, self.lines)
        cuda = next((str(found) for _, table in places if (found := table_at(table, "system-requirements").get("cuda"))), None)
        return Asked(
            name=f"{self.shown} [{name}]",
            at=self.lines.at(*self.prefix, "environments", name),
            label=" ".join((name, *features)),
            wanted=tuple(wanted),
            channels=self._channels(features),
            platforms=self._platforms(features),
            cuda=promised(cuda),
            indexes=tuple(dict.fromkeys(one for path, table in places for one in self._indexes((*self.prefix, *path), table))),
        )

    def _indexes(self, path: tuple[str, ...], table: Mapping[str, Any]) -> Iterator[AskedIndex]:
        """The indexes of wheels of a feature, and those that one of its dependencies comes from, on any platform."""
        options = table_at(table, _OPTIONS)
        own: dict[str, tuple[IndexOption, list[str]]] = {
            "index-url": ("--index-url", [url] if isinstance(url := options.get("index-url"), str) else []),
            "extra-index-urls": ("--extra-index-url", texts_at(options, "extra-index-urls")),
            "find-links": ("--find-links", _places(options.get("find-links"))),
        }
        for key, (option, texts) in own.items():
            yield from (AskedIndex(text=text, at=self.lines.item(text, *path, _OPTIONS, key), option=option) for text in texts)
        targets = [((*path, "target", name), own) for name, own in table_at(table, "target").items() if isinstance(own, Mapping)]
        for place, rows in ((path, table), *targets):
            for name, row in table_at(rows, _PYPI).items():
                if isinstance(row, Mapping) and isinstance(url := row.get("index"), str):
                    at = self.lines.at(*place, _PYPI, name)
                    yield AskedIndex(text=url, at=at, option="--extra-index-url", packages=(name,))

    def _wanted(self, path: tuple[str, ...], table: Mapping[str, Any]) -> Iterator[AskedSpec]:
        """The dependencies of a feature, and those of its targets for some platforms alone."""
        path = (*self.prefix, *path)
        yield from self._specs(path, table, frozenset())
        for name, own in table_at(table, "target").items():
            if name in _SYSTEMS and isinstance(own, Mapping):
                yield from self._specs((*path, "target", name), own, _SYSTEMS[name])

    def _specs(self, path: tuple[str, ...], table: Mapping[str, Any], only: frozenset[Platform]) -> Iterator[AskedSpec]:
        for name, row in table_at(table, "dependencies").items():
            yield AskedSpec(text=_conda_spec(name, row), at=self.lines.at(*path, "dependencies", name), only=only)
        for name, row in table_at(table, _PYPI).items():
            at = self.lines.at(*path, _PYPI, name)
            yield from self._wheels(_requirement(name, row), at, only)

    def _wheels(self, text: str, at: Address, only: frozenset[Platform]) -> list[AskedSpec]:
        """What a requirement of pip asks for."""
        before = len(self.pip.wanted)
        self.pip.add(text, at)
        return [replace(one, only=only or one.only) for one in self.pip.wanted[before:]]

    def _channels(self, features: Sequence[str]) -> tuple[ChannelLine, ...]:
        """Those of the features first, which have priority over the workspace's, as pixi has it."""
        places = [("feature", feature) for feature in features]
        names: list[tuple[tuple[str, ...], Any]] = [
            (path, item)
            for path in places
            for item in self._list(table_at(table_at(self.data, "feature"), path[1]), "channels", *path)
        ]
        names += [(self._key, item) for item in self._list(self._workspace, "channels", *self._key)]
        texts = [(path, str(item.get("channel", "")) if isinstance(item, Mapping) else str(item)) for path, item in names]
        return tuple(ChannelLine(text, self.lines.item(text, *self.prefix, *path, "channels")) for path, text in texts)

    def _platforms(self, features: Sequence[str]) -> tuple[Platform, ...]:
        """The platforms of the workspace that all of the features have; a named one counts as its subdir."""
        found = list(map(_subdir, self._list(self._workspace, "platforms", *self._key)))
        for feature in features:
            own = self._list(table_at(table_at(self.data, "feature"), feature), "platforms", "feature", feature)
            found = [one for one in found if one in map(_subdir, own)] if own else found
        return tuple(dict.fromkeys(one for one in found if one in PLATFORMS))

    def _left(self) -> Iterator[NotCarried]:
        used = {feature for name, row in table_at(self.data, "environments").items() for feature in self._features(name, row)}
        for name in table_at(self.data, "feature").keys() - used:
            yield NotCarried(f"[feature.{name}]", self.lines.at(*self.prefix, "feature", name), "no environment has this feature")
        for path, table in (((), self.data), *((("feature", name), row) for name, row in table_at(self.data, "feature").items())):
            for key in sorted(_DROPPED.keys() & table.keys()):
                yield NotCarried(f"[{'.'.join((*path, key))}]", self.lines.at(*self.prefix, *path, key), _DROPPED[key])
            for key in sorted(table_at(table, _OPTIONS).keys() - _INDEXES):
                at = self.lines.at(*self.prefix, *path, _OPTIONS, key)
                yield NotCarried(f"{'.'.join((*path, _OPTIONS, key))}", at, "an option of pixi for wheels; uv is run without it")


def _subdir(platform: Any) -> str:
    return (
        platform
        if isinstance(platform, str)
        else str(platform.get("platform") or platform.get("subdir") or platform.get("name", ""))
        if isinstance(platform, Mapping)
        else ""
    )


def _conda_spec(name: str, row: Any) -> str:
    """A conda dependency of a manifest as a spec."""
    if not isinstance(row, Mapping):
        return name if row == "*" else f"{name} {row}"
    version, build, channel = (str(row.get(key) or "") for key in ("version", "build", "channel"))
    words = " ".join(filter(None, (name, version if version != "*" or build else "", build)))
    if not version and build:
        words = f"{name} * {build}"
    return f"{channel}::{words}" if channel else words


def _requirement(name: str, row: Any) -> str:
    """A dependency of a manifest on a wheel as a requirement; a folder or a repository is left as what it is."""
    if not isinstance(row, Mapping):
        return name if row == "*" else f"{name} {row}"
    extras = f"[{','.join(texts_at(row, 'extras'))}]" if row.get("extras") else ""
    place = row.get("git") or row.get("path") or row.get("url")
    if place:
        return (
            f"{name}{extras} @ git+{place}" if row.get("git") else f"{name}{extras} @ {place}" if row.get("url") else f"-e {place}"
        )
    version = str(row.get("version", "*"))
    return f"{name}{extras}" if version == "*" else f"{name}{extras} {version}"


def _places(found: Any) -> list[str]:
    """The pages and folders of `find-links`."""
    rows = [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else []
    return [str(place) for row in rows if (place := row.get("url") or row.get("path"))]
