"""Reads environment.yml, environment.devenv.yml and what `conda env export` writes. Pure, apart from files that they include."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from envgen.migrate.conditions import PlainText, without_conditions
from envgen.migrate.model import Asked, AskedSpec, ChannelLine, Contents, NotCarried
from envgen.migrate.pip_lines import PipLines, ReadFile
from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.facts import PLATFORMS, Platform
from envgen.model.packages import LockedPackage
from envgen.yamlfile.nodes import address, compose

_HINT = "an environment file has lists `channels:` and `dependencies:`"
_WHY = {
    "prefix": "the place on one machine",
    "variables": "variables of an environment are set after it is made: conda env config vars set",
    "environment": "variables of an environment are set after it is made: conda env config vars set",
    "category": "a category of conda-lock: make a project for it",
}
_ROOT = re.compile(r"^\s*-\s*['\"]?\{\{\s*root\s*\}\}/?(?P<path>[^'\"#]+?)['\"]?\s*$")
_EXPORTED = re.compile(r"(?:\S+::)?(?P<name>[^\s=]+)=(?P<version>[^\s=*]+)=(?P<build>[^\s=*]+)")
_SYSTEMS = (("/Users/", "osx-arm64"), ("/", "linux-64"))


def read_environment(text: str, shown: str, label: str, read_file: ReadFile) -> Contents:
    """What an environment file asks for. Raises BadInput, with the line, for what is not one."""
    plain = without_conditions(text, shown)
    root = compose(plain.text, shown, aliases=True)
    top = {str(key.value): (key, value) for key, value in root.value} if isinstance(root, MappingNode) else {}
    reader = _Reader(shown, plain, PipLines(read_file=read_file))
    for key, value in _items(top, "dependencies", shown):
        reader.dependency(key, value)
    channels = tuple(ChannelLine(str(node.value), address(shown, node)) for _, node in _items(top, "channels", shown))
    platforms = tuple(str(node.value) for _, node in _items(top, "platforms", shown) if node.value in PLATFORMS)
    included = list(_included(text, shown, reader, read_file))
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


def _included(text: str, shown: str, reader: _Reader, read_file: ReadFile) -> Iterator[Asked]:
    """The files below `includes:` of a devenv file, whose paths begin with `{{ root }}`."""
    found, inside = {}, False
    for number, line in enumerate(text.splitlines(), 1):
        inside = line.startswith("includes:") or (inside and not re.match(r"[A-Za-z]", line))
        if inside and (match := _ROOT.match(line)):
            found[number] = match["path"]
    reader.plain.left[:] = [one for one in reader.plain.left if one.at.line not in found]
    for number, path in found.items():
        file = read_file(path)
        if file is None:
            reader.left.append(NotCarried(path, Address(shown, number, 1), "there is no such file that can be read"))
            continue
        contents = read_environment(*file, label="", read_file=_once(read_file, path))
        reader.left.extend(contents.left)
        yield from contents.asked


def _once(read_file: ReadFile, path: str) -> Callable[[str], tuple[str, str] | None]:
    """A reader that does not read a file again: files may include each other."""
    return lambda other: None if other == path else read_file(other)
