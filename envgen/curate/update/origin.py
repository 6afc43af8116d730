"""What the facts of a repository were copied from: a digest of each row, in a file beside them that is committed with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from packaging.version import Version

from envgen import __version__
from envgen.curate.update.merge import BaseRow, base_rows
from envgen.model.errors import BadInput
from envgen.model.layout import Layout

_HINT = "restore it from git, or delete it: without it, no row that is here is changed"


@dataclass(frozen=True, slots=True)
class CopiedFrom:
    """The version of envgen that facts came with, and the rows of each file."""

    version: str
    files: Mapping[str, tuple[BaseRow, ...]]


def origin_text(texts: Mapping[str, str]) -> str:
    """The file for facts that are copied now, by file name."""
    files = {name: [" ".join(row) for row in base_rows(text)] for name, text in texts.items()}
    return json.dumps({"envgen": __version__, "files": files}, indent=1, ensure_ascii=False) + "\n"


def origin_of(layout: Layout) -> CopiedFrom | None:
    """What the facts of a repository were copied from; None where that is not recorded.

    Raises BadInput for a file that envgen did not write, and for facts of a newer envgen: this one has only older rows for them.
    """
    path, shown = layout.origin, layout.shown(layout.origin)
    if not (path.exists() or path.is_symlink()):
        return None
    try:
        found = _parsed(json.loads(layout.read(path)))
        newer = Version(found.version) > Version(__version__)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise BadInput("this file is not what envgen writes", where=shown, hint=_HINT) from None
    if newer:
        what = f"the facts here came with envgen {found.version}, and this is the older envgen {__version__}"
        raise BadInput(what, where=shown, hint="install that envgen, or a newer one: this one would take newer rows back")
    return found


def _parsed(data: Any) -> CopiedFrom:
    rows = {name: tuple(_row(text) for text in texts) for name, texts in data["files"].items()}
    return CopiedFrom(str(Version(data["envgen"])), rows)


def _row(text: str) -> BaseRow:
    digest, name = text.split(" ", 1)
    return digest, name
