"""A PipRequest as the files and options of `uv pip compile`. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from envgen.model.dates import ExcludeNewer
from envgen.model.errors import BadInput
from envgen.model.pip import PipRequest

PYPROJECT, CONFIGURATION, CONSTRAINTS, PYLOCK, NAMED = (
    "pyproject.toml",
    "uv.toml",
    "constraints.txt",
    "pylock.toml",
    "requirements.txt",
)
_MACHINES = {"64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
_GLIBCS = (17, 28, *range(31, 41))  # of the manylinux platforms that uv knows
_NO_DATE = "false"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question to uv. `python` is that of conda, `provided` what conda's packages provide: PyPI name -> version.

    `indexed` are packages that no requirement names and that come from an index of their own; `pins` are the versions that a lock
    has, which are preferred.
    """

    request: PipRequest
    python: str
    provided: Mapping[str, str]
    indexed: tuple[str, ...] = ()
    pins: Mapping[str, str] | None = None

    @property
    def requirements(self) -> tuple[str, ...]:
        """All that is requested."""
        return (*self.request.requirements, *self.indexed)

    @property
    def direct(self) -> frozenset[str]:
        """The names of all that is requested."""
        return frozenset(filter(None, map(name_of, self.requirements)))


def name_of(requirement: str) -> str:
    """The package that a requirement names, in PyPI's normal form; "" for what cannot be read."""
    try:
        return canonicalize_name(Requirement(requirement).name)
    except InvalidRequirement:
        return ""


def pyproject(question: Question, urls: Mapping[str, str]) -> str:
    """The pyproject.toml that asks it; `urls` are those of the indexes with their credentials."""
    request = question.request
    sources = {name: place for name in sorted(question.direct) for place, index in enumerate(request.indexes) if index.serves(name)}
    lines = ["[project]", f"name = {_text(request.environment)}", 'version = "0"']
    lines += [f"dependencies = {_texts(question.requirements)}", "[tool.uv.sources]"]
    lines += [f'{_text(name)} = {{ index = "index-{place}" }}' for name, place in sources.items()]
    for place, index in enumerate(request.indexes):
        lines += ["[[tool.uv.index]]", f'name = "index-{place}"', f"url = {_text(urls[index.url])}", "explicit = true"]
    return "\n".join(lines) + "\n"


def configuration(request: PipRequest, urls: Mapping[str, str]) -> str:
    """The uv.toml with the indexes for everything else. uv reads no other configuration."""
    lines = []
    for url in request.repositories:
        last = url == request.repositories[-1]
        lines += ["[[index]]", f"url = {_text(urls[url])}", *(["default = true"] if last else [])]
    return "\n".join(lines) + "\n"


def constraints(question: Question, stubs: Mapping[str, Path]) -> str:
    """What counts for a package if it is needed: what conda provides is exactly that, a stub without dependencies of its own."""
    own = (line for line in question.request.constraints if name_of(line) not in stubs)
    return "".join(f"{line}\n" for line in (*own, *(f"{name} @ {path.as_uri()}" for name, path in sorted(stubs.items()))))


def preferences(pins: Mapping[str, str]) -> str:
    """Locked versions as a pylock.toml, which uv prefers."""
    rows = (f"[[packages]]\nname = {_text(name)}\nversion = {_text(version)}\n" for name, version in sorted(pins.items()))
    return 'lock-version = "1.0"\ncreated-by = "envgen"\n' + "".join(rows)


def options(question: Question, urls: Mapping[str, str]) -> list[str]:
    """The options for platform, Python, dates and what may be built."""
    request = question.request
    found = ["--python-version", question.python, "--python-platform", uv_platform(request), *_dates(request.exclude_newer)]
    found += ["--only-binary", ":all:"]
    found += [part for name in request.build if _is_safe_to_build(question, name) for part in ("--no-binary", name)]
    return found + [part for link in request.find_links for part in ("--find-links", urls.get(link, link))]


def _is_safe_to_build(question: Question, name: str) -> bool:
    """Whether a package comes from where the project says: what is for an index of its own is not built from elsewhere."""
    return name in question.direct or not any(index.serves(name) for index in question.request.indexes)


def _dates(limit: ExcludeNewer) -> list[str]:
    """The dates as options. Those of conda channels are not about wheels."""
    default, found = limit.default, [] if limit.default is None else ["--exclude-newer", limit.default.isoformat()]
    for name, date in limit.packages.items():
        if date or default:
            found += ["--exclude-newer-package", f"{name}={date.isoformat() if date else _NO_DATE}"]
    return found


def uv_platform(request: PipRequest) -> str:
    """The platform as uv names it: of Linux with the newest glibc of its list that the machine promises to have."""
    system, _, machine = request.platform.partition("-")
    if system == "linux":
        minor = glibc_of(request)
        known = [one for one in _GLIBCS if one <= minor]
        if not known:
            what = f"{request.environment}, {request.platform}: no wheel is for glibc 2.{minor}"
            raise BadInput(what, hint="wheels need glibc 2.17 or newer: raise __glibc under virtual-packages:")
        return f"{_MACHINES[machine]}-manylinux_2_{known[-1]}"
    return f"{_MACHINES[machine]}-{'apple-darwin' if system == 'osx' else 'pc-windows-msvc'}"


def glibc_of(request: PipRequest) -> int:
    """The minor of the glibc that the machine promises to have: 28 for 2.28."""
    text = request.virtual.get("__glibc", "2.17").split(" ")[0]
    return int(text.split(".")[1]) if text.startswith("2.") else 0


def macos_of(request: PipRequest) -> str:
    """The macOS that the machine promises to have; "" where nothing says."""
    return request.virtual.get("__osx", "").split(" ")[0]


def places(request: PipRequest) -> tuple[str, ...]:
    """The URLs of everything that is asked, credentials as `$NAME`."""
    return tuple(dict.fromkeys((*request.repositories, *(index.url for index in request.indexes), *request.find_links)))


def hosts(urls: Iterable[str]) -> list[str]:
    """The hosts of some URLs, for messages."""
    return sorted({host for url in urls if (host := urlsplit(url).hostname)})


def _text(value: str) -> str:
    return json.dumps(value)  # a basic string of TOML


def _texts(values: Sequence[str]) -> str:
    return json.dumps(list(values))
