"""Where something is written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where something is written; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.place}:{self.column}"

    @property
    def place(self) -> str:
        """The file and the line."""
        return f"{self.file}:{self.line}"
