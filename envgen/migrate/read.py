"""What kind of file it is that a user named, and its reader."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from envgen.formats.environment_file import is_environment_file
from envgen.formats.reading import is_known, read_any
from envgen.formats.requirements import is_requirements
from envgen.migrate.environment_files import read_environment
from envgen.migrate.locks import of_locks
from envgen.migrate.model import Asked, AskedSpec, Contents, ReadAs
from envgen.migrate.pip_lines import PipLines, ReadFile
from envgen.migrate.pixi_manifest import read_manifest
from envgen.migrate.rapids import is_rapids, read_rapids
from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.regular import real
from envgen.yamlfile.text import text_of

_ABSENT = "give an environment.yml, a requirements.txt, a pixi.toml, a dependencies.yaml, a lock or a list of packages"
_NUMBERED = re.compile(r"^dependencies:", re.MULTILINE)
_COMPILED = re.compile(r"^\s*#\s+via\b", re.MULTILINE)
_OF_PIP = re.compile(r"^-|^\.|\s--|[;@\\]|://|^[^\s=<>~!]+\[(?!.*=)")  # options, markers, places, extras
_NOT_OF_PIP = re.compile(
    r"(?:\S+::)?python\s*(?:[=<>!~\s].*)?$|[^\s=<>~!]+\s*=(?!=)|\S+::"
)  # Python itself, `numpy=1.26`, `channel::name`


def read_contents(path: Path, shown: str, hardware: Collection[str] = ()) -> Contents:
    """What a file asks for; `shown` is its name in messages, and `hardware` is as for `read_any`.

    Raises BadInput, with the line where there is one.
    """
    text, label = text_of(path, shown, _ABSENT), path.stem
    if path.suffix == ".toml" and path.name != "pylock.toml":
        return read_manifest(text, shown, label)
    if is_rapids(text):
        return read_rapids(text, shown)
    if is_environment_file(text) or (_NUMBERED.search(text) and path.suffix in (".yml", ".yaml")):
        return read_environment(text, shown, label, _beside(path, shown))
    if path.suffix in (".txt", ".in") and not _of_conda(text) and not (is_requirements(text) and _COMPILED.search(text)):
        return _requirements(text, shown, label, _beside(path, shown))
    try:
        return of_locks(read_any(path, shown, hardware=hardware), shown, label)
    except BadInput:
        if is_known(text):
            raise
        raise BadInput("envgen cannot bring in this kind of file", where=shown, hint=_ABSENT) from None


def _of_conda(text: str) -> bool:
    """Whether a text is a list that conda wrote: of URLs, or of name=version=build."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return "@EXPLICIT" in lines or (bool(lines) and all(re.fullmatch(r"[^=\s]+=[^=\s]+=[^=\s]+", line) for line in lines))


def _requirements(text: str, shown: str, label: str, read_file: ReadFile) -> Contents:
    lines = PipLines(read_file=read_file)
    if found := _specs(text, shown):
        mark = next(one for one in found if _NOT_OF_PIP.match(one.text))
        note = ReadAs(text=mark.text, at=mark.at, meaning="all lines of this file are specs for conda: pip has no such requirement")
        return Contents(asked=(Asked(name=shown, at=Address(shown, 1, 1), label=label, wanted=found),), notes=(note,))
    lines.add_text(text, shown)
    if not (lines.wanted or lines.indexes or lines.left):
        raise BadInput("it asks for no package", where=Address(shown, 1, 1), hint=_ABSENT)
    asked = Asked(name=shown, at=Address(shown, 1, 1), label=label, wanted=tuple(lines.wanted), indexes=tuple(lines.indexes))
    return Contents(asked=(asked,), left=tuple(lines.left), notes=tuple(lines.notes))


def _specs(text: str, shown: str) -> tuple[AskedSpec, ...]:
    """The specs of a file for `conda install --file`, which has some that no index for pip can serve; () for any other file."""
    lines = ((number, re.sub(r"(?:^|\s+)#.*$", "", line).strip()) for number, line in enumerate(text.splitlines(), 1))
    found = tuple(AskedSpec(text=line, at=Address(shown, number, 1)) for number, line in lines if line)
    of_pip = any(_OF_PIP.search(one.text) for one in found)
    return found if not of_pip and any(_NOT_OF_PIP.match(one.text) for one in found) else ()


def _beside(path: Path, shown: str) -> ReadFile:
    """Reads a file that another one names, by its path from there.

    None for one that cannot be read, and for one that is neither below the folder of the first nor below the current one.
    """
    roots = (real(path.parent), Path.cwd())

    def read(name: str) -> tuple[str, str] | None:
        other = path.parent / name
        try:
            if not any(real(other).is_relative_to(root) for root in roots):
                return None
            return text_of(other, name, ""), (Path(shown).parent / name).as_posix()
        except (BadInput, OSError, ValueError):  # links in a circle, a null byte in a name
            return None

    return read
