"""A repository with other facts than its own: those of a folder, or those of another layout with one file changed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from envgen.matrix.files import matrix_texts
from envgen.model.facts import Matrix
from envgen.model.layout import Layout


class OtherFacts(Layout):
    """A repository with the matrices and templates of another folder."""

    __slots__ = ("facts",)
    facts: Path

    @classmethod
    def of(cls, layout: Layout, facts: Path) -> OtherFacts:
        """The repository with the facts of a folder."""
        found = cls(layout.root)
        object.__setattr__(found, "facts", facts)
        return found

    @property
    def matrices(self) -> Path:
        return self.facts / super().matrices.name

    @property
    def templates(self) -> Path:
        return self.facts / super().templates.name

    def shown(self, path: Path) -> str:
        """A path below one of the two folders as a person reads it."""
        return path.relative_to(self.facts).as_posix() if path.is_relative_to(self.facts) else super().shown(path)


class Facts:
    """The facts of a layout, as they are and with one file changed: the others are read from the disk once, and parsed once."""

    def __init__(self, layout: Layout, matrix: Matrix) -> None:
        self._layout = layout
        self._matrix = matrix

    def with_file(self, file: str, text: str | None, folder: Path) -> tuple[Layout, Matrix]:
        """The facts where a file, such as `matrices/cuda.yaml`, has another text, or is missing (None).

        A changed template is written below `folder`, which must not exist. Raises BadInput with file:line:column.
        """
        top, _, name = file.partition("/")
        if top != self._layout.matrices.name:
            return self._with_template(name, text, folder), self._matrix
        if "/" in name or not name.endswith(".yaml"):
            return self._layout, self._matrix
        from envgen.matrix.load import matrix_of_texts

        others = {other: known for other, known in self._texts.items() if other != name}
        changed = {} if text is None else {name: text}
        return self._layout, matrix_of_texts(dict(sorted({**others, **changed}.items())), self._shown)

    def _with_template(self, name: str, text: str | None, folder: Path) -> Layout:
        found = OtherFacts.of(self._layout, folder)
        if self._layout.templates.is_dir():
            shutil.copytree(self._layout.templates, found.templates)
        path = found.templates / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.unlink()
        else:
            path.write_text(text, encoding="utf-8")
        return found

    @cached_property
    def _texts(self) -> Mapping[str, str]:
        return matrix_texts(self._layout.matrices, self._shown)

    @property
    def _shown(self) -> str:
        return self._layout.shown(self._layout.matrices)
