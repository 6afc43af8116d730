"""Reads `requirements.txt`, with or without hashes, as pip-compile, `uv pip compile`, `pip freeze` and people write it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from envgen.formats.markers import PYTHON, UNIVERSAL, holds, of_platforms
from envgen.formats.wheel_files import with_present_needs
from envgen.model.address import Address
from envgen.model.endless import no_endless_number
from envgen.model.errors import BadInput
from envgen.model.facts import Platform
from envgen.model.packages import Lock, LockedPackage

ANY_PLATFORM: Platform = "noarch"  # where nothing tells a platform
_HINT = "a line is `name==version`, an option such as `--index-url URL`, or a comment"
_LOOKS = re.compile(
    r"-{1,2}[A-Za-z]|[A-Za-z0-9][A-Za-z0-9._-]*\s*(?:\[[^\]]*\]\s*)?(?:[=<>~!]=|[<>@;(]|$)|\S+://|\.{0,2}/|\S+\.whl\b"
)
_PINNED = re.compile(
    r"^[A-Za-z0-9][A-Za-z0-9._-]*\s*(?:\[[^\]]*\]\s*)?(?:==| @ )|^--?(?:hash|(?:extra-)?index-url|find-links|i|f|r)\b", re.MULTILINE
)
_OPTION = re.compile(r"(?:--(?P<long>[a-z-]+)|-(?P<short>[a-z]))(?:\s+|=|(?<=-[a-z]))(?P<value>\S+)?")
_OPTION_AFTER = re.compile(r"\s(--?(?:f|i|find-links|(?:extra-)?index-url)[\s=]\s*\S+)\s*$")
_HASH = re.compile(r"\s--hash[=\s](\S+?):([^\s\\]+)")
_PYTHON = re.compile(r"^#.*(?:with Python |--python-version[= ])(3\.\d+)", re.MULTILINE)
_VIA = re.compile(r"^\s*#\s+(via)?\s*([A-Za-z0-9][A-Za-z0-9._-]*)?(?:\s+\(.*\))?\s*$")
_INDEXES = {"i": "index-url", "f": "find-links"}


@dataclass(slots=True, kw_only=True)
class _Row:
    """A requirement of the file, its line, its hashes, and the packages that brought it, as the comments say."""

    text: str
    at: Address
    hashes: list[tuple[str, str]]
    via: list[str] = field(default_factory=list)


def is_requirements(text: str) -> bool:
    """Whether every line of a text can be one of a `requirements.txt`, and one of them pins something or is an option."""
    return _PINNED.search(text) is not None and all(_LOOKS.match(line) for line in _lines(text))


def may_be_requirements(text: str) -> bool:
    """Whether every line of a text can be one of a `requirements.txt`, as those of many other texts can; its name must say it."""
    lines = _lines(text)
    return bool(lines) and all(_LOOKS.match(line) for line in lines)


def _lines(text: str) -> list[str]:
    lines = (re.sub(r"(?:^|\s)#.*", "", line).strip() for _, line in _logical(text))
    return [line for line in lines if line]


def read_requirements(text: str, shown: str) -> tuple[Lock, ...]:
    """The packages of a `requirements.txt`, for each platform that its markers tell apart. Raises BadInput, with the line.

    Without hashes it need not list everything that will be installed.
    """
    no_endless_number(text, shown)
    rows, indexes, more = _rows(text, shown)
    told = _PYTHON.search(text)
    python = told[1] if told else PYTHON
    needs: dict[str, list[str]] = {}
    for row in rows:
        for above in row.via:
            needs.setdefault(canonicalize_name(above), []).append(pip_name(row.text))
    platforms = UNIVERSAL if any(of_platforms(row.text) for row in rows) else (ANY_PLATFORM,)
    found = [(platform, row, pip_package(row.text, platform, row.at, python)) for platform in platforms for row in rows]
    packages = [
        replace(package, index=indexes, sha256=_sha256(row), depends=tuple(needs.get(package.name, ())))
        for _, row, package in found
        if package
    ]
    complete = bool(rows) and not more and all(row.hashes for row in rows)
    return (
        Lock(
            shown=shown,
            format="requirements",
            environment="",
            packages=with_present_needs(packages),
            linked=bool(needs),
            hashed=False,
            complete=complete,
        ),
    )


def pip_package(text: str, platform: Platform, at: Address, python: str = PYTHON) -> LockedPackage | None:
    """The package that a requirement pins, without a version where it pins none; None where its marker does not hold."""
    try:
        wanted = Requirement(text)
    except (InvalidRequirement, RecursionError, ValueError) as error:
        option = _OPTION_AFTER.search(text)
        hint = f"put `{option[1]}` on a line of its own, before this one" if option else _HINT
        raise BadInput(f"not a requirement: {str(error).splitlines()[0]}", where=at, hint=hint) from None
    if wanted.marker and platform != ANY_PLATFORM and not holds(str(wanted.marker), platform, python):
        return None
    pins = [each.version for each in wanted.specifier if each.operator in ("==", "===") and not each.version.endswith(".*")]
    version = pins[0] if pins else _version_of(wanted.url or "")
    return LockedPackage(
        name=canonicalize_name(wanted.name),
        version=version,
        build="",
        manager="pip",
        platform=platform,
        url=wanted.url or "",
        asked=text,
        at=at,
    )


def pip_name(text: str) -> str:
    """The package that a requirement names."""
    found = re.match(r"[A-Za-z0-9._-]+", text)
    return canonicalize_name(found[0]) if found else ""


def _version_of(url: str) -> str:
    """The version in the file name of a wheel's URL."""
    parts = url.partition("#")[0].rsplit("/", 1)[-1].replace("%2B", "+").split("-")
    return parts[1] if len(parts) > 3 and url.partition("#")[0].endswith(".whl") else ""


def index_of(line: str) -> str:
    """The index or folder of wheels that an option names; "" for any other line."""
    found = _OPTION.match(line.strip())
    name = _INDEXES.get(found["short"] or "", found["long"] or "") if found else ""
    return (found["value"] or "").rstrip("/") if found and name in ("index-url", "extra-index-url", "find-links") else ""


def _rows(text: str, shown: str) -> tuple[list[_Row], str, bool]:
    """The requirements, the index that is not everyone's, and whether there are others in files that it names."""
    rows: list[_Row] = []
    indexes, more = [], False
    for number, line in _logical(text):
        plain = line.strip()
        if plain.startswith("#"):
            for row in rows[-1:]:
                row.via.extend(_brought_by(line))
        elif plain.startswith("-"):
            index = index_of(plain)
            indexes += [index] if index else []
            more = more or re.match(r"-(?:r|e|-requirement|-editable)\b", plain) is not None
        elif _is_named(plain):
            bare = re.sub(r"(?:^|\s)(?:--[a-z]|#).*$", "", plain).strip()
            rows.append(
                _Row(
                    text=bare,
                    at=Address(shown, number, 1),
                    hashes=_HASH.findall(plain),
                    via=list(_brought_by(plain[plain.find(" #") :])),
                )
            )
        else:
            more = True  # a folder, or the URL of a wheel without its name
    return rows, next(iter(reversed(indexes)), ""), more


def _is_named(line: str) -> bool:
    """Whether a line begins with the name of a package, not with a folder or a URL."""
    word = line.partition(" ")[0]
    return "://" not in word and ".whl" not in word and not word.startswith((".", "/"))


def _brought_by(comment: str) -> Iterator[str]:
    """The package in a comment such as `# via torch`, or `#   torch` in a list of them."""
    found = _VIA.match(comment)
    if found and found[2] and (found[1] or comment.strip().startswith("#  ")):
        yield found[2]


def _sha256(row: _Row) -> str | None:
    return next((value for kind, value in row.hashes if kind == "sha256"), None)


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Each line with its number; one that ends in a backslash goes on in the next."""
    held: list[str] = []
    begun = 0
    for number, line in enumerate(text.splitlines(), 1):
        begun = begun if held else number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            held.append(line[:-1])
            continue
        whole = " ".join([*held, line])
        held = []
        if whole.strip():
            yield begun, whole
    if held:
        yield begun, " ".join(held)
