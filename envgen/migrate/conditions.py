"""Lines of an environment file that count under a condition: selectors in comments, and statements of Jinja. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from envgen.migrate.model import NotCarried
from envgen.model.address import Address
from envgen.model.facts import Platform
from envgen.model.platforms import PLATFORMS

_LINUX, _OSX, _WIN = (frozenset(one for one in PLATFORMS if one.startswith(system)) for system in ("linux", "osx", "win"))
_ALL = frozenset(PLATFORMS)
_NAMES: Mapping[str, frozenset[Platform]] = {
    **dict.fromkeys(("linux",), _LINUX),
    **dict.fromkeys(("osx", "mac", "macos"), _OSX),
    **dict.fromkeys(("win", "win64", "win-64"), _WIN),
    "unix": _LINUX | _OSX,
    **{name: frozenset({"linux-64"}) for name in ("linux64", "linux-64")},
    **{name: frozenset({"linux-aarch64"}) for name in ("aarch64", "linux-aarch64")},
    **{name: frozenset({"osx-64"}) for name in ("osx64", "osx-64")},
    **{name: frozenset({"osx-arm64"}) for name in ("arm64", "osx-arm64")},
    "x86_64": frozenset({"linux-64", "osx-64", "win-64"}),
}
_SELECTOR = re.compile(r"\s*-?\s*[^\s#].*\s#.*\[([^\[\]]+)\]\s*$")
_STATEMENT = re.compile(r"^\s*\{%-?\s*(?P<word>\w+)\s*(?P<rest>.*?)\s*-?%\}\s*$")
_WHY_SET = "a statement of Jinja; write its value out"


@dataclass(slots=True)
class PlainText:
    """A text without conditions: the lines that cannot be read are empty, and `only` has the platforms of the others by number."""

    text: str
    only: Mapping[int, frozenset[Platform]]
    left: list[NotCarried] = field(default_factory=list)


def platforms_of(selector: str) -> frozenset[Platform] | None:
    """The platforms of a selector such as `linux64`, `not win` or `linux or osx`; None where it says something else."""
    text = selector.strip().lower().removeprefix("(").removesuffix(")")
    for word, join in ((" or ", frozenset.union), (" and ", frozenset.intersection)):
        if word in text:
            parts = [platforms_of(part) for part in text.split(word)]
            known = [part for part in parts if part is not None]
            return join(*known) if len(known) == len(parts) else None
    if text.startswith("not "):
        found = platforms_of(text[4:])
        return None if found is None else _ALL - found
    return _NAMES.get(text)


def without_conditions(text: str, shown: str) -> PlainText:
    """The text with plain lines alone. A line below `{% if linux %}` or with `# [linux]` counts on these platforms."""
    found = _Lines(shown)
    for number, line in enumerate(text.splitlines(), 1):
        found.add(number, line)
    return PlainText("\n".join(found.kept) + "\n", found.only, found.left)


@dataclass(frozen=True, slots=True)
class _Branch:
    """A branch of a condition: its platforms, and those that it leaves to the ones after it; None where it says something else."""

    text: str
    platforms: frozenset[Platform] | None
    rest: frozenset[Platform] | None


def _branch(before: _Branch, text: str, named: frozenset[Platform] | None) -> _Branch:
    """The branch after another one, for some platforms of those that are left."""
    if before.rest is None:
        return _Branch(before.text, None, None)
    return _Branch(text, None, None) if named is None else _Branch(text, before.rest & named, before.rest - named)


class _Lines:
    """The lines of a text so far, and the conditions around the next one."""

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self.kept: list[str] = []
        self.only: dict[int, frozenset[Platform]] = {}
        self.left: list[NotCarried] = []
        self.conditions: list[_Branch] = []

    def add(self, number: int, line: str) -> None:
        statement = _STATEMENT.match(line)
        if statement:
            self.statement(number, line, statement["word"], statement["rest"])
        else:
            self.plain(number, line)

    def statement(self, number: int, line: str, word: str, rest: str) -> None:
        self.kept.append("")
        if word in ("if", "elif", "else"):
            before = self.conditions.pop() if word != "if" and self.conditions else _Branch("", None, _ALL)
            self.conditions.append(_branch(before, f"{word} {rest}".strip(), _ALL if word == "else" else platforms_of(rest)))
        elif word == "endif" and self.conditions:
            self.conditions.pop()
        else:
            self.drop(number, line, _WHY_SET)

    def plain(self, number: int, line: str) -> None:
        bare = line.strip()
        unknown = next((branch.text for branch in self.conditions if branch.platforms is None), None)
        if bare and not bare.startswith("#") and (unknown is not None or "{{" in line or "{%" in line):
            self.kept.append("")
            why = (
                f"it depends on `{unknown}`, which is Jinja"
                if unknown is not None
                else "an expression of Jinja; write its value out"
            )
            self.drop(number, line, why)
            return
        platforms = _ALL.intersection(*(branch.platforms or () for branch in self.conditions))
        selector = _SELECTOR.match(line)
        selected = platforms_of(selector[1]) if selector else None
        if selector and selected is None:
            self.kept.append("")
            self.drop(number, line, f"the selector `[{selector[1]}]` does not name platforms")
            return
        self.kept.append(line)
        platforms &= selected if selected is not None else platforms
        if platforms != _ALL:
            self.only[number] = platforms

    def drop(self, number: int, line: str, why: str) -> None:
        bare = line.strip()
        self.left.append(NotCarried(bare, Address(self.shown, number, line.find(bare[:1]) + 1), why))
