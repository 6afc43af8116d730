"""What a `conda-lock.yml` says, and the stamp that envgen leaves in its metadata. Knows the format, not the tool."""

from __future__ import annotations

import gc
import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from envgen.model.errors import BadInput
from envgen.model.facts import Address
from envgen.model.packages import Lock, LockedPackage
from envgen.model.run import Download, Stamp
from envgen.yamlfile.document import plain

_BODY = "\npackage:"
_URL = re.compile(r"^  url: (\S+\.(?:conda|tar\.bz2))$", re.MULTILINE)
_CONFLICT = re.compile(r"^(<<<<<<< |=======$|>>>>>>> |\|\|\|\|\|\|\| )", re.MULTILINE)
_CHOSEN = re.compile(r"([^\s,]+) (\d[\w.]*)")
_DOWNLOADS = re.compile(r"(\S+) (\d+) packages (>=)?(\d+) bytes")
_SEAL = re.compile(r"^    envgen-packages: ([0-9a-f]{64})$", re.MULTILINE)
_NAMED = re.compile(r"\A# Made by envgen.*\n(?:#.*\n)*?#.*--name (\S+) ")
_FIELDS = ("name", "version", "manager", "platform", "url")
_TAIL = {"dependencies", "url", "hash", "category", "optional"}
_KEYS = ("envgen-wanted", "envgen-chosen", "envgen-packages", "envgen-downloads")


def metadata(stamp: Stamp) -> dict[str, str]:
    """The stamp as conda-lock's custom metadata: strings only."""
    chosen = ", ".join(f"{name} {version}" for name, version in stamp.chosen.items())
    sizes = ", ".join(f"{platform} {_size(download)}" for platform, download in stamp.downloads.items())
    return dict(zip(_KEYS, (stamp.wanted, chosen, stamp.packages, sizes), strict=True))


def _size(download: Download) -> str:
    return f"{download.packages} packages {'' if download.exact else '>='}{download.size} bytes"


def digest(body: str) -> str:
    """sha256 of the package section, as written."""
    return hashlib.sha256(body.encode()).hexdigest()


def read_stamp(text: str, shown: str) -> Stamp | None:
    """What envgen wrote into a lock; None for a lock that another tool made.

    Cheap: only the metadata is parsed, the packages are hashed. Raises BadInput when a merge conflict was left in the file, it
    ends early or was changed by hand, because then it is not known what it says.
    """
    conflict = _CONFLICT.search(text)
    if conflict:
        raise _broken("a merge conflict was left in this lock", _line(text, conflict.start(), shown))
    head, body, rest = text.partition(_BODY)
    if not body or not text.endswith("\n"):
        raise _broken("this lock ends early", _line(text, len(text), shown))
    meta = _metadata(head, shown)
    custom = meta.get("custom_metadata") or {}
    if not isinstance(custom, dict) or any(not isinstance(custom.get(key), str) for key in _KEYS):
        return None
    found = _parsed(custom)
    if metadata(found) != custom or "python" not in found.chosen or list(found.downloads) != meta.get("platforms"):
        raise _broken("the stamp of this lock cannot be read", _line(text, text.index("envgen-"), shown))
    if found.packages != digest(f"package:{rest}"):
        raise _broken("the packages of this lock are not those that were written", _line(text, len(head) + 1, shown))
    return found


def _parsed(custom: Mapping[str, str]) -> Stamp:
    wanted, chosen, packages, sizes = (custom[key] for key in _KEYS)
    rows = _DOWNLOADS.findall(sizes)
    downloads = {platform: Download(int(count), int(size), exact=not bound) for platform, count, bound, size in rows}
    return Stamp(wanted=wanted, chosen=dict(_CHOSEN.findall(chosen)), packages=packages, downloads=downloads)


def _line(text: str, offset: int, shown: str) -> Address:
    return Address(shown, text.count("\n", 0, offset) + 1, 1)


def _broken(what: str, where: Address) -> BadInput:
    return BadInput(what, where=where, hint="take it from git again (`git checkout -- FILE`), or delete it and run `envgen lock`")


def _metadata(head: str, shown: str) -> Mapping[str, Any]:
    try:
        data = plain(head)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise _broken(f"not YAML: {error.problem}", Address(shown, mark.line + 1 if mark else 1, 1)) from None
    found = data.get("metadata") if isinstance(data, dict) else None
    if not isinstance(found, dict):
        raise _broken("this lock has no metadata", Address(shown, 1, 1))
    return found


def urls(text: str) -> list[str]:
    """The url of every conda package, without parsing the file."""
    return _URL.findall(text)


# --- the packages ---------------------------------------------------------------------------------------------------------


def read_lock(text: str, shown: str) -> Lock:
    """All packages of a conda-lock.yml, of envgen's making or another tool's, each with its line.

    Scalars are taken as written, so a version 3.10 stays one. Raises BadInput with an address when the file has a merge conflict,
    ends early, is of another version than 1 or is not such a file at all.
    """
    conflict = _CONFLICT.search(text)
    if conflict:
        raise _broken("a merge conflict was left in this lock", _line(text, conflict.start(), shown))
    reader = _Reader(shown)
    head, body, rest = text.partition(f"{_BODY}\n")
    plain = _plain(rest, head.count("\n") + 3, shown) if body else None
    top = reader.mapping(composed(head if plain else text, shown))
    version = reader.text(top, "version", reader.top)
    if version != "1":
        what = f"a lock of version {version}: this envgen reads version 1"
        raise BadInput(what, where=reader.address(top["version"]), hint="write it with conda-lock 1 or newer, or update envgen")
    packages = _once(plain or reader.packages(top))
    if not text.endswith("\n"):
        raise _broken("this lock ends early", _line(text, len(text), shown))
    meta = reader.mapping(top["metadata"]) if "metadata" in top else {}
    channels = tuple(reader.text(reader.mapping(node), "url", node) for node in reader.sequence(meta, "channels"))
    platforms = reader.sequence(meta, "platforms") if "platforms" in meta else []
    declared = tuple(node.value for node in platforms if isinstance(node, yaml.ScalarNode))
    return Lock(
        shown=shown,
        format="conda-lock 1",
        environment=_named(text),
        packages=packages,
        channels=channels,
        intact=_intact(text),
        declared=declared,
    )


def composed(text: str, shown: str) -> yaml.Node:
    """The nodes of a YAML text, without building its data: three times as fast. Raises BadInput with an address.

    The garbage collector would walk the growing tree again and again, half of the time that this takes, and find nothing.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = Address(shown, mark.line + 1, mark.column + 1) if mark else Address(shown, 1, 1)
        raise _broken(f"not YAML: {error.problem}", where) from None
    except yaml.YAMLError as error:
        raise _broken(f"not YAML: {error}", Address(shown, 1, 1)) from None
    finally:
        if collects:
            gc.enable()
    if node is None:
        raise _broken("this file is empty", Address(shown, 1, 1))
    return node


def _named(text: str) -> str:
    """The environment's name in the head that envgen writes."""
    found = _NAMED.search(text)
    return found[1] if found else ""


def _intact(text: str) -> bool:
    """False when a stamp says that the packages were others."""
    found = _SEAL.search(text)
    return not found or found[1] == digest("package:" + text.partition(_BODY)[2])


# An entry to the letter as conda-lock writes it. A scalar is in single quotes, or plain: without ": " and " #" in it.
_WORD = r"[A-Za-z0-9_./$=<~+(^](?:[ !\"$-9;-~]|:(?=[!-~])|(?<! )#)*(?<! )"
_SCALAR = rf"(?:{_WORD}|'[ -&(-~]*')"
_NEEDS = re.compile(rf"    ([A-Za-z0-9_.-]+): ({_SCALAR})\n")
_ENTRY = re.compile(
    rf"- name: ({_SCALAR})\n  version: ({_SCALAR})\n  manager: (conda|pip)\n  platform: ({_SCALAR})\n"
    rf"  dependencies:(?: \{{\}}\n|\n((?:    [A-Za-z0-9_.-]+: {_SCALAR}\n)+))  url: ({_SCALAR})\n"
    r"  hash:\n(?:    md5: ([0-9a-z]+)\n)?(?:    sha256: ([0-9a-z]+)\n)?  category: ([A-Za-z0-9_.-]+)\n  optional: (?:true|false)\n"
)


def _plain(rest: str, line: int, shown: str) -> list[tuple[LockedPackage, str]] | None:
    """The entries of a list in just that spelling, each with its category: ten times as fast as YAML. None for any other text."""
    found = []
    at = 0
    while at < len(rest):
        entry = _ENTRY.match(rest, at)
        if entry is None:
            return None
        name, version, manager, platform, needs, url, md5, sha256, category = entry.groups()
        wanted = {key: _bare(value) for key, value in _NEEDS.findall(needs or "")}
        fields = (_bare(name), _bare(version), manager, _bare(platform), _bare(url))
        hashes = {"md5": md5, "sha256": sha256}
        found.append((_package(fields, wanted, hashes, Address(shown, line, 3)), category))
        line += rest.count("\n", at, entry.end())
        at = entry.end()
    return found or None


def _bare(scalar: str) -> str:
    return scalar[1:-1] if scalar.startswith("'") else scalar


def _once(entries: Iterable[tuple[LockedPackage, str]]) -> tuple[LockedPackage, ...]:
    """One that is in several categories has an entry for each (conda-lock 3 and later): it counts once."""
    seen: dict[tuple[str, ...], set[str]] = {}
    found = []
    for package, category in entries:
        there = seen.setdefault((package.manager, package.name, package.platform, package.url), set())
        if not there or category in there:
            found.append(package)
        there.add(category)
    return tuple(found)


def _package(
    fields: tuple[str, str, str, str, str], needs: Mapping[str, str], hashes: Mapping[str, str | None], at: Address
) -> LockedPackage:
    name, version, manager, platform, url = fields
    return LockedPackage(
        name=name,
        version=version,
        build=build_of(url) if manager == "conda" else "",
        manager="pip" if manager == "pip" else "conda",
        platform=platform,
        url=url,
        md5=hashes.get("md5"),
        sha256=hashes.get("sha256"),
        depends=tuple(f"{package} {spec}".rstrip() for package, spec in needs.items()),
        at=at,
    )


class _Reader:
    """Walks the nodes of one lock; what is not there or not of the right kind is told with its address."""

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self.top = Address(shown, 1, 1)

    def address(self, node: Any) -> Address:
        return node if isinstance(node, Address) else Address(self.shown, node.start_mark.line + 1, node.start_mark.column + 1)

    def mapping(self, node: Any) -> dict[str, Any]:
        if not isinstance(node, yaml.MappingNode):
            raise _broken("not a lock: expected a mapping here", self.address(node))
        return {key.value: value for key, value in node.value}

    def sequence(self, parent: Mapping[str, Any], key: str) -> list[Any]:
        node = parent.get(key)
        if node is None or not isinstance(node, yaml.SequenceNode):
            raise _broken(f"not a lock: expected a list `{key}`", self.address(node) if node else self.top)
        return list(node.value)

    def text(self, parent: Mapping[str, Any], key: str, where: Any) -> str:
        node = parent.get(key)
        if not isinstance(node, yaml.ScalarNode):
            raise _broken(f"`{key}` is missing: this lock ends early, or is none", self.address(node or where))
        return str(node.value)

    def packages(self, top: Mapping[str, Any]) -> list[tuple[LockedPackage, str]]:
        """All entries, each with its category; the last one was cut off when it lacks what the first one has at its end."""
        nodes = self.sequence(top, "package")
        fields = [self.mapping(node) for node in nodes]
        if fields and (fields[0].keys() & _TAIL | {"hash"}) - fields[-1].keys():
            raise _broken("this lock ends early: its last package is cut off", self.address(nodes[-1]))
        categories = [
            self.text(each, "category", node) if "category" in each else "" for node, each in zip(nodes, fields, strict=True)
        ]
        found = [self.package(node, each) for node, each in zip(nodes, fields, strict=True)]
        return list(zip(found, categories, strict=True))

    def package(self, node: Any, fields: Mapping[str, Any]) -> LockedPackage:
        """One entry."""
        name, version, manager, platform, url = [self.text(fields, key, node) for key in _FIELDS]
        if manager not in ("conda", "pip"):
            raise _broken(f"expected `manager: conda` or `manager: pip`, not {manager!r}", self.address(fields["manager"]))
        needs = self.texts(fields, "dependencies")
        hashes = self.texts(fields, "hash")
        return _package((name, version, manager, platform, url), needs, hashes, self.address(node))

    def texts(self, fields: Mapping[str, Any], key: str) -> dict[str, str]:
        node = fields.get(key)
        if node is None or (isinstance(node, yaml.ScalarNode) and node.value in ("", "~", "null")):
            return {}
        found = self.mapping(node)
        return {name: self.text(found, name, node) for name in found}


def build_of(url: str) -> str:
    """The build string in a conda package's url: cuda126_py312_h0_0; "" where the url has none."""
    parts = url.rsplit("/", 1)[-1].removesuffix(".conda").removesuffix(".tar.bz2").rsplit("-", 2)
    return parts[2] if len(parts) == 3 else ""
