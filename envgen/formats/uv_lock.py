"""Reads `uv.lock`: one resolution for all platforms, from which each platform, and each of several extras, takes its own part."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from packaging.utils import canonicalize_name

from envgen.formats.markers import UNIVERSAL, holds, oldest_python
from envgen.formats.toml_text import Table, parsed_toml, table_lines
from envgen.formats.wheel_files import PackageFile, fitting, variants_among
from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.facts import Platform
from envgen.model.packages import Lock, LockedPackage

_HINT = "create it again: uv lock"
_LOCAL = ("virtual", "editable", "directory", "path")


def is_uv_lock(text: str) -> bool:
    """Whether a text is a `uv.lock`."""
    return (
        "[[package]]" in text  # which is found in a moment
        and re.search(r"^version = \d+$", text, re.MULTILINE) is not None
        and re.search(r"^\[\[package\]\]", text, re.MULTILINE) is not None
    )


def read_uv_lock(text: str, shown: str, hardware: Collection[str] = ()) -> tuple[Lock, ...]:
    """A lock for each choice among the extras and groups that exclude each other, on every platform that it can be installed on.

    Those for one kind of hardware, named by one of the words of `hardware`, count as such, whether or not the project declares that
    they exclude each other. All others are taken together, for the oldest Python of the project. Raises BadInput with the line.
    """
    top = Table(parsed_toml(text, shown, _HINT), Address(shown, 1, 1), _HINT)
    version = top.data.get("version")
    if version != 1:
        what = f"uv.lock of version {version} is not supported: this envgen reads version 1"
        raise BadInput(what, where=Address(shown, 1, 1), hint="create it again with an older uv, or update envgen")
    lines = table_lines(text, "package")
    nodes = [_node(each, Address(shown, lines[n] if n < len(lines) else 1, 1)) for n, each in enumerate(top.items("package"))]
    graph = _Graph(nodes, _roots(top, nodes), oldest_python(top.text("requires-python")))
    markers = top.texts("supported-markers")
    platforms = [p for p in UNIVERSAL if not markers or any(holds(marker, p, graph.python) for marker in markers)]
    declared = [item for conflict in top.items("conflicts") for item in _items(conflict, top)]
    excluding = [*dict.fromkeys((*declared, *graph.of_hardware(hardware)))]
    return tuple(
        Lock(
            shown=shown,
            format="uv 1",
            environment=chosen.name if chosen else "",
            packages=tuple(graph.packages(platforms, chosen, excluding)),
        )
        for chosen in (None, *excluding)
    )


@dataclass(frozen=True, slots=True)
class _Choice:
    """An extra or a dependency group of a package, one of several that exclude each other."""

    package: str
    kind: str  # extra, or group
    name: str

    @property
    def word(self) -> str:
        """How a marker names it: extra-7-project-cpu."""
        return f"{self.kind}-{len(self.package)}-{self.package}-{self.name}"


def _items(conflict: Any, top: Table) -> Iterator[_Choice]:
    for each in conflict if isinstance(conflict, list) else ():
        table = Table(each, top.at, _HINT)
        for kind in ("extra", "group"):
            if table.text(kind):
                yield _Choice(table.text("package"), kind, table.text(kind))


@dataclass(frozen=True, eq=False, kw_only=True)
class _Node:
    """A package of the file, with its dependencies; `optional` are those of its extras and of its groups, by (kind, name)."""

    table: Table
    name: str
    version: str
    markers: tuple[str, ...]
    needs: tuple[Table, ...]
    optional: Mapping[tuple[str, str], tuple[Table, ...]]

    @cached_property
    def files(self) -> tuple[list[PackageFile], list[PackageFile]]:
        """Its wheels, and its source."""
        sources = [self.table.table("sdist")] if "sdist" in self.table.data else []
        return [_file(each) for each in self.table.tables("wheels")], [_file(each) for each in sources]


def _node(data: Any, at: Address) -> _Node:
    table = Table(data, at, _HINT)
    if not table.text("name"):
        raise BadInput("a package without `name`", where=at, hint=_HINT)
    groups = (("extra", "optional-dependencies"), ("group", "dev-dependencies"))
    return _Node(
        table=table,
        name=table.text("name"),
        version=table.text("version"),
        markers=tuple(table.texts("resolution-markers")),
        needs=tuple(table.tables("dependencies")),
        optional={(kind, name): tuple(table.table(key).tables(name)) for kind, key in groups for name in table.table(key).data},
    )


def _file(table: Table) -> PackageFile:
    return PackageFile(
        table.text("url") or table.text("path") or table.text("filename"), table.text("hash").removeprefix("sha256:")
    )


def _roots(top: Table, nodes: Iterable[_Node]) -> tuple[_Node, ...]:
    """The packages of the project itself; of a script those that it requires; else all."""
    manifest = top.table("manifest")
    members = set(manifest.texts("members"))
    wanted = {each.text("name") for each in manifest.tables("requirements")}
    local = [
        node for node in nodes if node.name in members or (not members and node.table.table("source").data.keys() & set(_LOCAL[:2]))
    ]
    return tuple(local) or tuple(node for node in nodes if not wanted or node.name in wanted)


class _Graph:
    """What is installed, found by walking from the project to its dependencies."""

    def __init__(self, nodes: Iterable[_Node], roots: tuple[_Node, ...], python: str) -> None:
        self.python = python
        self.roots = roots
        self._files: dict[tuple[_Node, Platform], tuple[PackageFile | None, tuple[str, ...]]] = {}
        self.by_name: dict[str, list[_Node]] = {}
        for node in nodes:
            self.by_name.setdefault(node.name, []).append(node)

    def of_hardware(self, words: Collection[str]) -> Iterator[_Choice]:
        """The extras and groups of the project that are for one kind of hardware, by their names: a word, and perhaps a version."""
        named = re.compile(rf"(?:^|[-_])(?:{'|'.join(map(re.escape, words)) or '(?!)'})[0-9.]*x?(?![a-z])")
        return (each for each in self._others(()) if named.search(each.name))

    def packages(
        self, platforms: Sequence[Platform], chosen: _Choice | None, excluding: Collection[_Choice]
    ) -> Iterator[LockedPackage]:
        """What is installed with one of the choices that exclude each other, or with none, on each platform where it can be.

        It cannot where the project itself or the choice needs a package that has neither a wheel for the platform nor a source; on
        all, where it can on none. What other extras and groups need without a file for the platform is not installed there, nor
        what it would bring.
        """
        others = [*self._others(excluding)]
        possible = [p for p in platforms if not any(self._has_no_file(node, p) for node in self._installed(p, chosen, ()))]
        for platform in possible or platforms:
            needs = self._installed(platform, chosen, others, with_files=bool(possible))
            yield from (self._package(node, platform, names) for node, names in needs.items())

    def _has_no_file(self, node: _Node, platform: Platform) -> bool:
        return bool(node.files[0]) and self._file(node, platform)[0] is None

    def _file(self, node: _Node, platform: Platform) -> tuple[PackageFile | None, tuple[str, ...]]:
        """The file of a package for a platform, and its variants."""
        if (node, platform) not in self._files:
            wheels, others = node.files
            found = fitting(wheels, others, platform, self.python), variants_among(wheels, platform, self.python)
            self._files[node, platform] = found
        return self._files[node, platform]

    def _others(self, excluding: Collection[_Choice]) -> Iterator[_Choice]:
        """The extras and groups of the project that exclude no other."""
        every = (_Choice(node.name, kind, name) for node in self.roots for kind, name in node.optional)
        return (each for each in every if each not in excluding)

    def _installed(
        self, platform: Platform, chosen: _Choice | None, others: Iterable[_Choice], *, with_files: bool = False
    ) -> dict[_Node, list[str]]:
        """The packages on a platform, without the project itself, each with the names of those that it needs.

        With `with_files` without those that have no file for the platform.
        """
        taken = [*others, *([chosen] if chosen else [])]
        words = frozenset([chosen.word] if chosen else [])
        queue: list[tuple[_Node, tuple[str, str] | None]] = [(node, None) for node in self.roots]
        queue += [(node, (each.kind, each.name)) for each in taken for node in self.roots if node.name == each.package]
        seen, needs = set(queue), dict[_Node, list[str]]()
        for node, part in queue:  # grows while it is walked
            needs.setdefault(node, [])
            for need in node.needs if part is None else node.optional.get(part, ()):
                other = self._other(need, platform, words)
                if other and not (with_files and self._has_no_file(other, platform)):
                    needs[node].append(other.name)
                    new = [(other, None), *((other, ("extra", extra)) for extra in need.texts("extra"))]
                    queue += [each for each in new if each not in seen]
                    seen.update(new)
        own = {node for node in self.roots if node.table.table("source").data.keys() & set(_LOCAL)}
        return {node: found for node, found in needs.items() if node not in own}

    def _other(self, need: Table, platform: Platform, words: frozenset[str]) -> _Node | None:
        """The package that a dependency means on a platform; None where its marker does not hold, or no such package is there."""
        if not holds(need.text("marker"), platform, self.python, words):
            return None
        version, source = need.text("version"), need.data.get("source")
        named = [node for node in self.by_name.get(need.text("name"), ()) if not version or node.version == version]
        fitting_source = [node for node in named if source is None or node.table.data.get("source") == source]
        here = (
            n for n in fitting_source if not n.markers or any(holds(marker, platform, self.python, words) for marker in n.markers)
        )
        return next(here, None) or next(iter(fitting_source), None)

    def _package(self, node: _Node, platform: Platform, needs: list[str]) -> LockedPackage:
        found, variants = self._file(node, platform)
        source = node.table.table("source")
        return LockedPackage(
            name=canonicalize_name(node.name),
            version=node.version,
            build="",
            manager="pip",
            platform=platform,
            url=found.url if found else _place(source),
            sha256=(found.sha256 or None) if found else None,
            depends=tuple(dict.fromkeys(needs)),
            at=node.table.at,
            index=source.text("registry"),
            variants=variants,
        )


def _place(source: Table) -> str:
    """Where a package comes from that has no files: a repository at a commit, a folder, or a URL."""
    if source.text("git"):
        return f"git+{source.text('git')}"
    return next((source.text(key) for key in ("url", *_LOCAL) if source.text(key)), "")
