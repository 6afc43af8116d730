"""A repository whose files are read once: what is digested is what is judged. Nor is a folder looked into twice."""

from __future__ import annotations

from pathlib import Path

from envgen.model.layout import Layout
from envgen.model.regular import text_in


class ReadOnce(Layout):
    """A repository that remembers the files that it has read, until it is told to forget them."""

    __slots__ = ("_checked", "_links", "_listed", "_raw", "_targets", "_texts")
    _texts: dict[Path, str]
    _raw: dict[Path, bytes]  # of the files whose text was not asked for, or does not tell them
    _checked: set[Path]  # the files whose text was asked for, which no link leads out of the repository
    _listed: dict[str, tuple[Path, ...]]
    _targets: dict[tuple[str, str], Path]
    _links: dict[Path, Path | None]

    @classmethod
    def of(cls, layout: Layout) -> ReadOnce:
        """A repository as it is now."""
        found = cls(layout.root)
        object.__setattr__(found, "_checked", set())
        for name in ("_texts", "_raw", "_listed", "_targets", "_links"):
            object.__setattr__(found, name, {})
        return found

    def forget(self) -> None:
        """Forget what was read so far: nothing that follows looks at it."""
        for kept in (self._texts, self._raw, self._checked, self._listed, self._targets, self._links):
            kept.clear()

    @property
    def reads_once(self) -> bool:
        return True

    def data(self, path: Path) -> bytes:
        if path in self._raw:
            return self._raw[path]
        if path in self._texts:
            return self._texts[path].encode()
        self._raw[path] = super().data(path)
        return self._raw[path]

    def read(self, path: Path) -> str:
        if path not in self._checked:
            super().read(path)
            self._checked.add(path)
        return self._texts[path]

    def _text(self, path: Path) -> str:
        if path not in self._texts:
            data = self.data(path)
            self._texts[path] = text_in(data)
            if b"\r" not in data:
                del self._raw[path]
        return self._texts[path]

    def target(self, project: str, target: str) -> Path:
        if (project, target) not in self._targets:
            self._targets[project, target] = super().target(project, target)
        return self._targets[project, target]

    def target_files(self, project: str) -> tuple[Path, ...]:
        if project not in self._listed:
            self._listed[project] = super().target_files(project)
        return self._listed[project]

    def _link_out(self, path: Path) -> Path | None:
        if path not in self._links:
            above = self._link_out(path.parent) if len(path.parts) > len(self.root.parts) else None
            self._links[path] = above or (path if self._leads_out(str(path)) else None)
        return self._links[path]
