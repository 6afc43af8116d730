"""Lines for pip, in a requirements.txt or in the `pip:` section of an environment file, each read for what it is. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import get_args

from packaging.requirements import InvalidRequirement, Requirement

from envgen.formats.markers import holds, of_platforms
from envgen.migrate.model import AskedIndex, AskedSpec, IndexOption, NotCarried, ReadAs
from envgen.model.address import Address
from envgen.model.endless import no_endless_number
from envgen.model.platforms import PLATFORMS

ReadFile = Callable[[str], "tuple[str, str] | None"]  # a path in a file -> the text there, and how messages call it
_OPTION = re.compile(r"(?P<name>--?[A-Za-z][a-z-]*)(?:\s+|=|(?<=^-[a-zA-Z]))?(?P<value>.*)")
_LONG = {"-r": "--requirement", "-c": "--constraint", "-e": "--editable", "-i": "--index-url", "-f": "--find-links"}
_CONDA_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*(?:\[[^\]]*\])?)\s*=\s*([0-9][^=\s]*)")
_WHY_FOLDER = "no index has it: list it under `pip:`, by its path from the folder with matrices/; `envgen help pip` has the forms"
_WHY_URL = "no index has it: list it under `pip:`, as `NAME @ URL`; `envgen help pip` has the forms"
_WHY_OPTION = "an option of pip, which envgen does not run to make a lock"
_PLACE = re.compile(r"(?:[./]|file:).*|[^@]+://.*|[^@;]+\.(?:whl|tar\.gz|zip)")  # a file, though a name may end in `.whl`, too
_WHY_FILE = "there is no such file below this folder, it cannot be read, or it includes itself"
_DEEPEST = 10


def why_local(text: str) -> str:
    """Why a folder, a file or a repository is not carried over, and where to write it."""
    return _WHY_URL if "://" in text and not text.startswith("file:") else _WHY_FOLDER


@dataclass(slots=True, kw_only=True)
class PipLines:
    """What the lines for pip so far ask for."""

    read_file: ReadFile
    wanted: list[AskedSpec] = field(default_factory=list)
    indexes: list[AskedIndex] = field(default_factory=list)
    left: list[NotCarried] = field(default_factory=list)
    notes: list[ReadAs] = field(default_factory=list)
    _depth: int = 0

    def add_text(self, text: str, shown: str) -> None:
        """Read the text of a requirements.txt; a line that ends in a backslash goes on in the next.

        Raises BadInput, with its place, for a number without end.
        """
        no_endless_number(text, shown)
        held, begun = "", 0
        for number, line in enumerate(text.splitlines(), 1):
            begun = begun if held else number
            held += line.removesuffix("\\") if line.endswith("\\") else line
            if not line.endswith("\\"):
                self.add(held, Address(shown, begun, 1))
                held = ""
        self.add(held, Address(shown, begun, 1))

    def add(self, text: str, at: Address) -> None:
        """Read one line."""
        line = re.sub(r"(?:^|\s+)#.*$", "", text).strip()
        line = re.sub(r"\s+--hash[=\s]\S+", "", line).strip()
        if line.startswith("-"):
            self._option(line, at)
        elif line:
            requirement, *options = re.split(r"\s+(?=--[a-z])", line)
            self.left.extend(NotCarried(option, at, _WHY_OPTION) for option in options)
            self._requirement(requirement, at)

    def _option(self, line: str, at: Address) -> None:
        found = _OPTION.match(line)
        name = _LONG.get(found["name"], found["name"]) if found else line
        value = found["value"].strip() if found else ""
        if name == "--requirement":
            self._file(line, value, at)
        elif option := next((one for one in get_args(IndexOption) if one == name), None):
            self.indexes.append(AskedIndex(text=re.sub(r"\$\{(\w+)\}", r"$\1", value), at=at, option=option))
        elif name == "--editable":
            self.left.append(NotCarried(line, at, why_local(line)))
        elif name == "--constraint":
            self.left.append(NotCarried(line, at, "a file of constraints: list those that matter as packages"))
        else:
            self.left.append(NotCarried(line, at, _WHY_OPTION))

    def _file(self, line: str, name: str, at: Address) -> None:
        found = self.read_file(name) if self._depth < _DEEPEST else None
        if found is None:
            self.left.append(NotCarried(line, at, _WHY_FILE))
            return
        self._depth += 1
        self.add_text(*found)
        self._depth -= 1

    def _requirement(self, line: str, at: Address) -> None:
        pinned = _CONDA_PIN.fullmatch(line)
        if pinned:
            text = f"{pinned[1]}=={pinned[2]}"
            self.notes.append(ReadAs(text=line, at=at, meaning=f"`{text}`: pip has no `=`"))
            line = text
        if _PLACE.fullmatch(line):
            self.left.append(NotCarried(line, at, why_local(line)))
            return
        try:
            found = Requirement(line)
        except InvalidRequirement:
            self.left.append(NotCarried(line, at, "not a requirement of pip (PEP 508)"))
            return
        marker = str(found.marker) if found.marker else ""
        only = frozenset[str]()
        if of_platforms(marker):
            only = frozenset(platform for platform in PLATFORMS if holds(marker, platform))
            if "python" not in marker and "implementation" not in marker:
                found.marker = None
        self.wanted.append(AskedSpec(text=_spelled(found), at=at, manager="pip", only=only))


def _spelled(found: Requirement) -> str:
    """A requirement on one line, as people write it: `einops >=0.7`."""
    extras = f"[{','.join(sorted(found.extras))}]" if found.extras else ""
    rest = f" @ {found.url}" if found.url else f" {found.specifier}" if found.specifier else ""
    marker = f" ; {found.marker}" if found.marker else ""
    return f"{found.name}{extras}{rest}{marker}"
