"""Reads environment files: what `conda env export` writes, and an environment.yml in which a person pinned some packages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from yaml import MappingNode, ScalarNode, SequenceNode

from envgen.formats.requirements import ANY_PLATFORM, index_of, pip_package
from envgen.formats.selectors import for_platform
from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.facts import Platform
from envgen.model.packages import Lock, LockedPackage
from envgen.yamlfile.nodes import address, compose

_HINT = "an environment file has a list `dependencies:` of specs such as `numpy=1.26.4`, and `pip:` with a list"
_BRACKETS = re.compile(r"([^\[]+)\[(.*)\]\s*")
_KEY = re.compile(r"(version|build|channel)\s*=\s*['\"]?([^'\",]+)")
_SPEC = re.compile(r"(?:\S+::)?(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]*)\s*(?P<rest>.*)")
_EXACT = re.compile(r"(?:==?)?\s*(?P<version>[0-9][A-Za-z0-9_.!+-]*?)(?:\.\*|\*)?(?:(?:\s*=\s*|\s+)(?P<build>[A-Za-z0-9_.*+-]+))?")
_ANY = re.compile(r"(?:=?\s*\*\s*=?\s*|\S*[<>!~|,]\S*\s+)(?P<build>[A-Za-z0-9_.*+-]+)")


def is_environment_file(text: str) -> bool:
    """Whether a text is an environment file: it has `dependencies:` at its top, and no packages of a lock."""
    return bool(re.search(r"^dependencies:", text, re.MULTILINE)) and not re.search(
        r"^(?:package|packages|version):", text, re.MULTILINE
    )


def read_environment_file(text: str, shown: str) -> Lock:
    """Its packages, with version and build where they are pinned; a build may be a pattern. Raises BadInput with the line.

    It is complete where every conda package has a build, as `conda env export` writes it.
    """
    root = compose(text, shown, aliases=True)
    top = {key.value: value for key, value in root.value} if isinstance(root, MappingNode) else {}
    platforms = [node.value for node in _listed(top, "platforms", shown) if isinstance(node, ScalarNode)] or [ANY_PLATFORM]
    whole = top if platforms == [ANY_PLATFORM] else None
    listed = (package for platform in platforms for package in _packages(whole or _top(text, shown, platform), shown, platform))
    found = _joined(listed)
    conda = [package for package in found if package.manager == "conda"]
    name = top.get("name")
    channels = [node.value for node in _listed(top, "channels", shown) if isinstance(node, ScalarNode)]
    return Lock(
        shown=shown,
        format="environment file",
        environment=name.value if isinstance(name, ScalarNode) else "",
        packages=tuple(found),
        channels=tuple(channels),
        linked=False,
        hashed=False,
        complete=bool(conda) and all(package.version and package.build and "*" not in package.build for package in conda),
    )


def _joined(packages: Iterable[LockedPackage]) -> list[LockedPackage]:
    """Each package once where what is asked of it agrees, as conda and pip join it: `imageio=2.19` and `imageio[ffmpeg]`."""
    found: dict[tuple[object, ...], LockedPackage] = {}
    for package in packages:
        key = (package.manager, package.name, package.platform)
        known = found.setdefault(key, package)
        pins, have = (package.version, package.build), (known.version, known.build)
        if any(pin and other and pin != other for pin, other in zip(pins, have, strict=True)):
            found[(*key, package.at)] = package
        elif sum(map(bool, pins)) > sum(map(bool, have)):
            found[key] = package
    return list(found.values())


def _top(text: str, shown: str, platform: Platform) -> dict[str, Any]:
    """The keys of the file and their values, without the lines for other platforms."""
    root = compose(for_platform(text, platform), shown, aliases=True)
    return {key.value: value for key, value in root.value} if isinstance(root, MappingNode) else {}


def _packages(top: dict[str, Any], shown: str, platform: Platform) -> Iterator[LockedPackage]:
    for node in _listed(top, "dependencies", shown):
        if isinstance(node, ScalarNode):
            yield _conda(node.value, platform, address(shown, node))
        elif isinstance(node, MappingNode):
            own = {key.value: value for key, value in node.value}
            yield from _pip(_listed(own, "pip", shown), shown, platform)
        else:
            raise BadInput("expected a spec, or `pip:` with a list", where=address(shown, node), hint=_HINT)


def _listed(top: dict[str, Any], key: str, shown: str) -> list[Any]:
    """The nodes in the list of a key; none where the key is missing or empty."""
    node = top.get(key)
    if node is None or (isinstance(node, ScalarNode) and node.value in ("", "~", "null")):
        return []
    if not isinstance(node, SequenceNode):
        raise BadInput(f"expected a list `{key}`", where=address(shown, node), hint=_HINT)
    return list(node.value)


def _conda(text: str, platform: Platform, at: Address) -> LockedPackage:
    """The package that a conda spec names."""
    brackets = _BRACKETS.fullmatch(text)
    keys = dict(_KEY.findall(brackets[2])) if brackets else {}
    found = _SPEC.fullmatch((brackets[1] if brackets else text).strip())
    if found is None:
        raise BadInput(f"not a conda spec: {text[:80]}", where=at, hint=_HINT)
    rest = found["rest"].strip()
    exact = _EXACT.fullmatch(rest)
    other = _ANY.fullmatch(rest)
    return LockedPackage(
        name=found["name"].lower(),
        version=exact["version"] if exact else keys.get("version", "").lstrip("= ").removesuffix(".*") if keys else "",
        build=(exact["build"] if exact else other["build"] if other else keys.get("build")) or "",
        manager="conda",
        platform=platform,
        asked=text.strip(),
        at=at,
    )


def _pip(nodes: list[Any], shown: str, platform: Platform) -> Iterator[LockedPackage]:
    index = ""
    for node in nodes:
        at = address(shown, node)
        if not isinstance(node, ScalarNode):
            raise BadInput("expected a requirement", where=at, hint=_HINT)
        line = re.sub(r"\s+#.*", "", node.value).strip()
        index = index_of(line) or index
        named = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*\s*(?:[\[=<>~!;@(]|$)", line)
        package = pip_package(line, platform, at) if named else None
        if package:
            yield LockedPackage(
                name=package.name,
                version=package.version,
                build="",
                manager="pip",
                platform=platform,
                url=package.url,
                asked=package.asked,
                at=at,
                index=index,
            )
