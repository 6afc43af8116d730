"""A repository whose files are read once: what is digested is what is judged. Nor is a folder looked for twice."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from envgen.model.layout import Layout

_FILES = 64  # that are remembered: more than a project has


class ReadOnce(Layout):
    """A repository that remembers the texts of the files that were read last."""

    __slots__ = ("_target", "_text")
    _text: Callable[[Path], str]
    _target: Callable[[str, str], Path]

    @classmethod
    def of(cls, layout: Layout) -> ReadOnce:
        """A repository as it is now."""
        found = cls(layout.root)
        object.__setattr__(found, "_text", lru_cache(_FILES)(layout.read))
        object.__setattr__(found, "_target", lru_cache(_FILES)(layout.target))
        return found

    def read(self, path: Path) -> str:
        return self._text(path)

    def target(self, project: str, target: str) -> Path:
        return self._target(project, target)
