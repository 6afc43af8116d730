"""Reads environment.yml, environment.devenv.yml and what `conda env export` writes. Pure, apart from files that they include."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from envgen.migrate.conditions import PlainText, without_conditions
from envgen.migrate.model import Asked, AskedSpec, ChannelLine, Contents, NotCarried
from envgen.migrate.pip_lines import PipLines, ReadFile
from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.facts import Platform
from envgen.model.packages import LockedPackage
from envgen.model.platforms import PLATFORMS
from envgen.yamlfile.nodes import address, compose

_HINT = "an environment file has lists `channels:` and `dependencies:`"
_WHY = {
    "prefix": "the place on one machine",
    "variables": "variables of an environment are set after it is made: conda env config vars set",
    "environment": "variables of an environment are set after it is made: conda env config vars set",
    "category": "a category of conda-lock: make a project for it",
}
_ROOT = re.compile(r"\{\{\s*root\s*\}\}(/?)")  # of a devenv file: its own folder
_EXPORTED = re.compile(r"(?:\S+::)?(?P<name>[^\s=]+)=(?P<version>[^\s=*]+)=(?P<build>[^\s=*]+)")
_SYSTEMS = (("/Users/", "osx-arm64"), ("/", "linux-64"))


def read_environment(text: str, shown: str, label: str, read_file: ReadFile, seen: frozenset[str] = frozenset()) -> Contents:
    """What an environment file asks for; `seen` are the texts that include it. Raises BadInput, with the line, for another file."""
    plain = without_conditions(_ROOT.sub(lambda found: "" if found[1] else ".", text), shown)
    root = compose(plain.text, shown, aliases=True)
    top = {str(key.value): (key, value) for key, value in root.value} if isinstance(root, MappingNode) else {}
    reader = _Reader(shown, plain, PipLines(read_file=read_file))
    for key, value in _items(top, "dependencies", shown):
        reader.dependency(key, value)
    channels = tuple(ChannelLine(str(node.value), address(shown, node)) for _, node in _items(top, "channels", shown))
    platforms = tuple(str(node.value) for _, node in _items(top, "platforms", shown) if node.value in PLATFORMS)
    included = list(_included(_items(top, "includes", shown), reader, read_file, seen | {text}))
    name = top["name"][1].value if "name" in top and isinstance(top["name"][1], ScalarNode) else ""
    asked = Asked(
        name=shown,
        at=Address(shown, 1, 1),
        label=f"{label} {name}",
        wanted=(*(one for file in included for one in file.wanted), *reader.wanted, *reader.pip.wanted),
        channels=(*channels, *(line for file in included for line in file.channels)),
        platforms=platforms or _of_prefix(top),
        indexes=tuple(reader.pip.indexes),
    )
    left = (*plain.left, *_keys(top, shown), *reader.left, *reader.pip.left)
    return Contents(asked=(_exported(asked),), name=str(name), left=left, notes=tuple(reader.pip.notes))


def _exported(asked: Asked) -> Asked:
    """The environment with its packages, where the file lists everything that is installed: every conda spec has a build."""
    conda = [(one, _EXPORTED.fullmatch(one.text)) for one in asked.wanted if one.manager == "conda"]
    packages = tuple(
        LockedPackage(
            name=found["name"], version=found["version"], build=found["build"], manager="conda", platform="noarch", at=one.at
        )
        for one, found in conda
        if found
    )
    return replace(asked, packages=packages) if len(packages) == len(conda) > 1 else asked


class _Reader:
    """The specs of one file so far."""

    def __init__(self, shown: str, plain: PlainText, pip: PipLines) -> None:
        self.shown, self.plain, self.pip = shown, plain, pip
        self.wanted: list[AskedSpec] = []
        self.left: list[NotCarried] = []

    def dependency(self, at: Address, node: Node) -> None:
        """Read an item of `dependencies:`: a spec, or a mapping with `pip:`, of which a file may have several."""
        if isinstance(node, ScalarNode):
            text = re.sub(r"\s+#.*$", "", str(node.value)).strip()
            self.wanted.append(AskedSpec(text=text, at=at, only=self.plain.only.get(at.line, frozenset())))
        elif isinstance(node, MappingNode):
            own = {str(key.value): (key, value) for key, value in node.value}
            for key, (where, _) in own.items():
                if key != "pip":
                    self.left.append(NotCarried(f"{key}:", address(self.shown, where), "neither a conda spec nor `pip:`"))
            for place, item in _items(own, "pip", self.shown):
                self.pip.add(str(item.value), place)
        else:
            raise BadInput("expected a spec, or `pip:` with a list", where=at, hint=_HINT)


def _items(top: dict[str, tuple[Any, Any]], key: str, shown: str) -> Iterator[tuple[Address, Any]]:
    """The items of a list, each with its place; none where the key is missing or empty."""
    node = top[key][1] if key in top else None
    if node is None or (isinstance(node, ScalarNode) and node.value in ("", "~", "null")):
        return
    if not isinstance(node, SequenceNode):
        raise BadInput(f"expected a list `{key}:`", where=address(shown, node), hint=_HINT)
    yield from ((address(shown, item), item) for item in node.value)


def _keys(top: dict[str, tuple[Any, Any]], shown: str) -> Iterator[NotCarried]:
    """The keys that a project does not have."""
    for key, (node, _) in top.items():
        if key == "includes":
            continue
        if key == "name":
            yield NotCarried("name:", address(shown, node), "an environment is called <project>-<target>")
        elif key not in ("dependencies", "channels", "platforms"):
            yield NotCarried(f"{key}:", address(shown, node), _WHY.get(key, "a project has no such key"))


def _of_prefix(top: dict[str, tuple[Any, Any]]) -> tuple[Platform, ...]:
    """The platform that the place of an exported environment tells."""
    value = str(top["prefix"][1].value) if "prefix" in top else ""
    if re.match(r"[A-Za-z]:\\", value):
        return ("win-64",)
    return next(((platform,) for begin, platform in _SYSTEMS if value.startswith(begin)), ())


def _included(items: Iterable[tuple[Address, Node]], reader: _Reader, read_file: ReadFile, seen: frozenset[str]) -> Iterator[Asked]:
    """The environments of the files that a devenv file includes, each on the platforms for which it does."""
    for at, node in items:
        if not isinstance(node, ScalarNode):
            raise BadInput("expected the path of a file", where=at, hint="`includes:` is a list: `[{{ root }}/base.devenv.yml]`")
        file = read_file(node.value)
        if file is None or file[0] in seen:
            why = "it includes itself" if file else "there is no such file that can be read"
            reader.left.append(NotCarried(node.value, at, why))
            continue
        folder = posixpath.dirname(node.value)
        contents = read_environment(*file, label="", read_file=_from(folder, read_file), seen=seen)
        reader.left.extend(contents.left)
        reader.pip.notes.extend(contents.notes)
        only = reader.plain.only.get(at.line, frozenset())
        yield from (replace(asked, wanted=tuple(_only_on(asked.wanted, only))) for asked in contents.asked)


def _only_on(wanted: Iterable[AskedSpec], platforms: frozenset[Platform]) -> Iterator[AskedSpec]:
    """Requirements that count on some platforms alone, without those that are for others; empty where they count on all."""
    for one in wanted:
        if not (one.only and platforms):
            yield replace(one, only=one.only or platforms)
        elif one.only & platforms:
            yield replace(one, only=one.only & platforms)


def _from(folder: str, read_file: ReadFile) -> ReadFile:
    """A reader of paths that begin in another folder."""
    return lambda path: read_file(posixpath.join(folder, path))
