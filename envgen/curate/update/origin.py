"""What the facts of a repository were copied from: a digest of each row, in a file beside them that is committed with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

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
    """What the facts of a repository were copied from; None where that is not recorded. Raises BadInput."""
    if not layout.origin.is_file():
        return None
    try:
        data = json.loads(layout.read(layout.origin))
        files = {name: tuple((row[:12], row[13:]) for row in rows) for name, rows in data["files"].items()}
        return CopiedFrom(str(data["envgen"]), files)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadInput("this file is not what envgen writes", where=layout.shown(layout.origin), hint=_HINT) from None
