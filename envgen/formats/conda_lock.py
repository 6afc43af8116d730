"""Reads `conda-lock.yml`, and the stamp that envgen writes into its metadata. Knows the format, not the tool."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from envgen.formats.checked import checked
from envgen.formats.collector import no_garbage_collection
from envgen.formats.conda_lock_entries import NULLS, package_of, placed, plain_entries
from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.facts import Platform
from envgen.model.packages import Lock, LockedPackage
from envgen.model.run import Download, Stamp
from envgen.yamlfile.document import data_of, root_of
from envgen.yamlfile.nodes import address, compose

_BODY = "\npackage:"
_URL = re.compile(r"\n  url: (\S+\.(?:conda|tar\.bz2))(?=\n)")  # begins with plain text, which is found five times as fast as `^`
_OF_PLATFORM = re.compile(r"\n  platform: (\S+)\n(?:  (?!url:).*\n)*?  url: (\S+\.(?:conda|tar\.bz2))(?=\n)")
_OF_PIP = re.compile(r"\n- name: (\S+)\n  version: .*\n  manager: pip\n")
_CONFLICT = re.compile(r"\n(?:<<<<<<< |=======(?:\n|\Z)|>>>>>>> |\|\|\|\|\|\|\| )")  # of a text with an end of line before it
_CHOSEN = re.compile(r"([^\s,]+) (\d[\w.]*)")
_CELL = re.compile(r"(\S+) ([0-9a-f]{64})")
_DOWNLOADS = re.compile(r"(\S+) (\d+) packages (>=)?(\d+) bytes")
_STAMPED_DOWNLOADS = re.compile(r"^    envgen-downloads: (.*(?:\n      .*)*)", re.MULTILINE)
_SEAL = re.compile(r"^    envgen-packages: ([0-9a-f]{64})$", re.MULTILINE)
_NAMED = re.compile(r"\A# Made by envgen.*\n(?:#.*\n)*?#.*--name (\S+) ")
_FIELDS = ("name", "version", "manager", "platform", "url")
_TAIL = {"dependencies", "url", "hash", "category"}
_OURS = "restore it with `git checkout -- FILE`, or delete it and run `envgen lock`"
_THEIRS = "restore it with `git checkout -- FILE`, or create it again with the tool that made it"
_KEYS = ("envgen-wanted", "envgen-chosen", "envgen-packages", "envgen-downloads")
_CELLS, _MOVED, _DROPPED, _DATE = "envgen-cells", "envgen-moved", "envgen-dropped", "envgen-exclude-newer"
_PIP = "envgen-pip"


def metadata(stamp: Stamp) -> dict[str, str]:
    """The stamp as conda-lock's custom metadata, which holds only strings."""
    chosen = ", ".join(f"{name} {version}" for name, version in stamp.chosen.items())
    sizes = ", ".join(f"{platform} {_size(download)}" for platform, download in stamp.downloads.items())
    more = {
        **{key: ", ".join(map(" ".join, digests.items())) for key, digests in ((_CELLS, stamp.cells), (_PIP, stamp.pip))},
        _MOVED: "\n".join(stamp.moved.values()),
        _DROPPED: ", ".join(stamp.dropped),
        _DATE: stamp.exclude_newer,
    }
    known = dict(zip(_KEYS, (stamp.wanted, chosen, stamp.packages, sizes), strict=True))
    return {**known, **{name: text for name, text in more.items() if text}}


def _size(download: Download) -> str:
    return f"{download.packages} packages {'' if download.exact else '>='}{download.size} bytes"


def digest(body: str) -> str:
    """sha256 of the package section, as written."""
    return hashlib.sha256(body.encode()).hexdigest()


@lru_cache(16)  # a plan, and each check of a lock, ask for it again
def read_stamp(text: str, shown: str) -> Stamp | None:
    """The stamp in a lock; None for a lock that another tool wrote.

    Parses only the metadata and hashes the packages. Raises BadInput for a lock that has a merge conflict, is truncated, or was
    changed by hand.
    """
    _unmerged(text, shown)
    head, body, _ = text.partition(_BODY)
    if not body or not text.endswith("\n"):
        raise _broken("this lock is truncated", _line(text, len(text), shown))
    meta = _metadata(head, shown)
    custom = meta.get("custom_metadata") or {}
    if not isinstance(custom, dict) or any(not isinstance(custom.get(key), str) for key in _KEYS):
        return None
    custom = {key: str(value) for key, value in custom.items()}
    found = _parsed(custom)
    if metadata(found) != custom or "python" not in found.chosen or list(found.downloads) != meta.get("platforms"):
        raise _broken("the metadata that envgen wrote into this lock cannot be read", _line(text, text.index("envgen-"), shown))
    if found.packages != _digest_in(text):
        raise _broken("the packages of this lock were changed after it was written", _line(text, len(head) + 1, shown))
    return found


def _parsed(custom: Mapping[str, str]) -> Stamp:
    wanted, chosen, packages, sizes = (custom[key] for key in _KEYS)
    rows = _DOWNLOADS.findall(sizes)
    downloads = {platform: Download(int(count), int(size), exact=not bound) for platform, count, bound, size in rows}
    moved = {line.split(" ")[0]: line for line in custom.get(_MOVED, "").splitlines()}
    return Stamp(
        wanted=wanted,
        cells=dict(_CELL.findall(custom.get(_CELLS, ""))),
        chosen=dict(_CHOSEN.findall(chosen)),
        packages=packages,
        downloads=downloads,
        moved=moved,
        dropped=tuple(filter(None, custom.get(_DROPPED, "").split(", "))),
        exclude_newer=custom.get(_DATE, ""),
        pip=dict(_CELL.findall(custom.get(_PIP, ""))),
    )


def _line(text: str, offset: int, shown: str) -> Address:
    return Address(shown, text.count("\n", 0, offset) + 1, 1)


def _unmerged(text: str, shown: str) -> None:
    """Raise BadInput where a lock has git's conflict markers."""
    conflict = _CONFLICT.search(f"\n{text}")
    if conflict:
        hint = "take one side with `git checkout --ours FILE`, then run `envgen lock`; `envgen init --git` has git merge locks"
        raise BadInput("this lock has an unresolved merge conflict", where=_line(text, conflict.start(), shown), hint=hint)


def _broken(what: str, where: object) -> BadInput:
    return BadInput(what, where=where, hint=_OURS)


def _metadata(head: str, shown: str) -> Mapping[str, Any]:
    try:
        data = data_of(head, shown)
    except BadInput as error:
        raise _broken(error.what, error.where) from None
    found = data.get("metadata") if isinstance(data, dict) else None
    if not isinstance(found, dict):
        raise _broken("this lock has no metadata", Address(shown, 1, 1))
    return found


def downloads_of(text: str) -> dict[Platform, Download]:
    """What each platform downloads, as the stamp says; of a lock without a stamp nothing. The head of the file is enough."""
    told = _STAMPED_DOWNLOADS.search(text)
    rows = _DOWNLOADS.findall(" ".join(told[1].split())) if told else ()
    return {platform: Download(int(count), int(size), exact=not bound) for platform, count, bound, size in rows}


def is_ours(text: str) -> bool:
    """Whether a lock has the stamp of envgen."""
    return _SEAL.search(text) is not None


def urls(text: str) -> list[str]:
    """The url of every conda package, without parsing the file."""
    return _URL.findall(text)


def pip_names(text: str) -> list[str]:
    """The name of every pip package of a lock that envgen wrote, without parsing the file."""
    return _OF_PIP.findall(text)


def urls_by_platform(text: str) -> dict[Platform, list[str]]:
    """The url of every conda package of a lock that envgen wrote, without parsing the file."""
    plain = plain_entries(text)
    rows = [(row.package.platform, row.package.url) for row in plain[1] if row.package.manager == "conda"] if plain else ()
    found: dict[Platform, list[str]] = {}
    for platform, url in rows or _OF_PLATFORM.findall(text):
        found.setdefault(platform, []).append(url)
    return found


# --- the packages ---------------------------------------------------------------------------------------------------------


def is_conda_lock(text: str) -> bool:
    """Whether a text may be a conda-lock.yml, which `read_lock` finds out: it has a version."""
    return re.search(r"^version:", text, re.MULTILINE) is not None


def read_lock(text: str, shown: str) -> Lock:
    """All packages of a conda-lock.yml, whichever tool wrote it, each with its line.

    Scalars are read as text, so version 3.10 stays 3.10. Raises BadInput with an address if the file has a merge conflict, is
    truncated, has another version than 1, is not a conda-lock.yml, or has names and URLs that cannot be ones.
    """
    try:
        with no_garbage_collection():
            return _read(text, shown)
    except BadInput as error:
        if error.hint == _OURS and not text.startswith("# Made by envgen") and not _SEAL.search(text):
            error.hint = _THEIRS
        raise


def _read(text: str, shown: str) -> Lock:
    reader = _Reader(shown)
    plain = plain_entries(text)
    _unmerged(plain[0] if plain else text, shown)
    top = reader.mapping(_root(plain[0], shown, read_before=True) if plain else _root(text, shown))
    version = reader.text(top, "version", reader.top)
    if version != "1":
        what = f"lock version {version} is not supported: this envgen reads version 1"
        hint = "create it again with conda-lock 1 or later, or update envgen"
        raise BadInput(what, where=address(shown, top["version"]), hint=hint)
    packages = _once(placed(plain[1], plain[0].count("\n") + 3, shown) if plain else reader.packages(top))
    if not text.endswith("\n"):
        raise _broken("this lock is truncated", _line(text, len(text), shown))
    meta = reader.mapping(top["metadata"]) if "metadata" in top else {}
    channels = tuple(reader.channel(node) for node in (reader.sequence(meta, "channels") if "channels" in meta else ()))
    platforms = reader.sequence(meta, "platforms") if "platforms" in meta else []
    declared = tuple(node.value for node in platforms if isinstance(node, ScalarNode))
    return checked(
        Lock(
            shown=shown,
            format="conda-lock 1",
            environment=environment_name(text),
            packages=packages,
            channels=channels,
            intact=_intact(text),
            declared=declared,
            content_hashes=_content_hashes(meta) if is_ours(text) else {},
        ),
        judged=plain is not None,
    )


def _content_hashes(meta: Mapping[str, Any]) -> dict[Platform, str]:
    node = meta.get("content_hash")
    return {str(key.value): str(value.value) for key, value in node.value} if isinstance(node, MappingNode) else {}


def _root(text: str, shown: str, *, read_before: bool = False) -> Node:
    """The root node of a lock, or of a head that may have been read for its stamp. Raises BadInput with an address."""
    if read_before:
        with suppress(BadInput):
            return _there(root_of(text), shown)
    try:
        return _there(compose(text, shown, aliases=True), shown)
    except BadInput as error:
        raise _broken(error.what, error.where) from None


def _there(root: Node | None, shown: str) -> Node:
    if root is None:
        raise _broken("this file is empty", Address(shown, 1, 1))
    return root


def environment_name(text: str) -> str:
    """The environment's name in the comment that envgen writes at the top; "" without one."""
    found = _NAMED.search(text)
    return found[1] if found else ""


@lru_cache(16)  # it is asked for with the stamp, and with the packages
def _digest_in(text: str) -> str:
    """sha256 of the package section of a lock."""
    return digest(f"package:{text.partition(_BODY)[2]}")


def _intact(text: str) -> bool:
    """Whether the packages are the ones that were hashed into the stamp; True without a stamp."""
    found = _SEAL.search(text)
    return not found or found[1] == _digest_in(text)


def _once(entries: Iterable[tuple[LockedPackage, str]]) -> tuple[LockedPackage, ...]:
    """Each package once: conda-lock 3 and later write it again for each of its categories."""
    rows = tuple(entries)
    if len({category for _, category in rows}) < 2:
        return tuple(package for package, _ in rows)
    seen: dict[tuple[str, ...], set[str]] = {}
    found = []
    for package, category in rows:
        there = seen.setdefault((package.manager, package.name, package.platform, package.url), set())
        if not there or category in there:
            found.append(package)
        there.add(category)
    return tuple(found)


class _Reader:
    """Reads the nodes of one lock. Raises BadInput with an address for a node that is missing or of another kind."""

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self.top = Address(shown, 1, 1)

    def address(self, node: Any) -> Address:
        return node if isinstance(node, Address) else address(self.shown, node)

    def mapping(self, node: Any) -> dict[str, Any]:
        if not isinstance(node, MappingNode):
            raise _broken("not a lock: expected a mapping here", self.address(node))
        return {key.value: value for key, value in node.value}

    def sequence(self, parent: Mapping[str, Any], key: str) -> list[Any]:
        node = parent.get(key)
        if node is None or not isinstance(node, SequenceNode):
            raise _broken(f"not a lock: expected a list `{key}`", self.address(node) if node else self.top)
        return list(node.value)

    def text(self, parent: Mapping[str, Any], key: str, where: Any) -> str:
        node = parent.get(key)
        if not isinstance(node, ScalarNode):
            raise _broken(f"`{key}` is missing: this lock is truncated, or not a conda-lock file", self.address(node or where))
        return str(node.value)

    def channel(self, node: Any) -> str:
        """A channel: its `url`, or as some tools write it the plain text."""
        return str(node.value) if isinstance(node, ScalarNode) else self.text(self.mapping(node), "url", node)

    def packages(self, top: Mapping[str, Any]) -> list[tuple[LockedPackage, str]]:
        """All packages, each with its category. The last one is incomplete if it lacks a key that all others have."""
        nodes = self.sequence(top, "package")
        fields = [self.mapping(node) for node in nodes]
        usual = _TAIL.intersection(*fields[:-1]) if len(fields) > 1 else set()
        if fields and (usual | {"hash"}) - fields[-1].keys():
            raise _broken("this lock is truncated: its last package is incomplete", self.address(nodes[-1]))
        categories = [
            self.text(each, "category", node) if "category" in each else "" for node, each in zip(nodes, fields, strict=True)
        ]
        found = [self.package(node, each) for node, each in zip(nodes, fields, strict=True)]
        return list(zip(found, categories, strict=True))

    def package(self, node: Any, fields: Mapping[str, Any]) -> LockedPackage:
        name, version, manager, platform, url = [self.text(fields, key, node) for key in _FIELDS]
        if manager not in ("conda", "pip"):
            raise _broken(f"expected `manager: conda` or `manager: pip`, not {manager!r}", self.address(fields["manager"]))
        needs = self.needs(fields)
        hashes = {kind: value for kind, value in self.texts(fields, "hash").items() if value not in NULLS}
        return package_of((name, version, manager, platform, url), needs, hashes, self.address(node))

    def needs(self, fields: Mapping[str, Any]) -> dict[str, str]:
        """The dependencies: package -> range. Some tools write a list of specs."""
        node = fields.get("dependencies")
        if not isinstance(node, SequenceNode):
            return self.texts(fields, "dependencies")
        return {name: rest for item in node.value if isinstance(item, ScalarNode) for name, _, rest in [item.value.partition(" ")]}

    def texts(self, fields: Mapping[str, Any], key: str) -> dict[str, str]:
        node = fields.get(key)
        if node is None or (isinstance(node, ScalarNode) and node.value in NULLS):
            return {}
        found = self.mapping(node)
        return {name: self.text(found, name, node) for name in found}
