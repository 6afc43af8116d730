"""The digests by which `check` and `impact` find again what they found of the same files."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from envgen.cache import key_of
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix
from envgen.model.layout import LOCK, Layout

if TYPE_CHECKING:
    from envgen.lock.ask import Replays
    from envgen.lock.unchanged import RawInputs
    from envgen.verify.judgements import Judgements

_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)")


class Digests:
    """The digests of what decides about projects: the templates, and the files below environments/, each read once."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._found: dict[Path, str] = {}
        self._projects: dict[str, str] = {}
        self._replays: Replays | None = None

    def with_facts_of(self, layout: Layout) -> Digests:
        """The digests of the same files below environments/, and of the templates of a layout with other facts."""
        found = Digests(layout)
        found._found, found._projects = self._found, self._projects
        return found

    @cached_property
    def locks(self) -> tuple[Path, ...]:
        """Every lock, sorted."""
        return self._layout.locks()

    @cached_property
    def templates(self) -> str:
        """The digest of all templates."""
        return self._all(sorted(path for path in self._layout.templates.glob("**/*") if path.is_file()))

    @cached_property
    def raw(self) -> RawInputs:
        """The digests by which `lock` knows that a project has nothing to do."""
        from envgen.lock.unchanged import RawInputs
        from envgen.model.run import LockRequest

        return RawInputs(self._layout, LockRequest())

    @cached_property
    def judgements(self) -> Judgements:
        """What `verify` says of the platforms of the locks that were looked at so far."""
        from envgen.verify.judgements import Judgements

        return Judgements()

    def replays(self, matrix: Matrix) -> Replays:
        """What was searched among what is locked so far, by these facts."""
        from envgen.lock.ask import Replays

        if self._replays is None:
            self._replays = Replays(matrix)
        return self._replays

    def inputs_of(self, matrix: Matrix, name: str) -> str:
        """The digest of all that decides what is found in a project."""
        return key_of(matrix.digest, self.templates, name, self.of_project(name))

    def of_project(self, name: str) -> str:
        """The digest of a project file, of the files of its targets, and of what they name."""
        if name not in self._projects:
            project, files = self._layout.project(name), self._layout.target_files(name)
            text = self.text(project)
            records = self._records if any(key in text for key in ("budget", "licenses")) else ()  # limits are judged by them
            named = sorted(set(_VARIABLE.findall(text)))  # a channel may have `$NAME` in it
            environment = ((variable, os.environ.get(variable, "")) for variable in named)
            self._projects[name] = key_of(self._all((project, *files, *records)), *chain.from_iterable(environment))
        return self._projects[name]

    def of_locks(self, name: str) -> Mapping[Path, str]:
        """The digest of each lock of a project."""
        return {path: self._of(path) for path in self._layout.target_files(name) if path.name == LOCK}

    def take(self, files: Mapping[Path, str]) -> None:
        """Know the digests of files that another process has read."""
        self._found |= files

    def of_repository(self) -> str:
        """The digest of all locks and of the recorded index."""
        return self._all((*self.locks, *self._records))

    def text(self, path: Path) -> str:
        """The text of a file; "" for one that is missing or cannot be read: whoever needs it says so."""
        try:
            return self._layout.read(path) if path.is_file() else ""
        except BadInput:
            return ""

    @cached_property
    def _records(self) -> tuple[Path, ...]:
        return tuple(sorted(path for path in self._layout.index.glob("**/*.json") if path.is_file()))

    def _all(self, paths: Iterable[Path]) -> str:
        return key_of(*chain.from_iterable((self._layout.shown(path), self._of(path)) for path in paths))

    def _of(self, path: Path) -> str:
        """The digest of a file; "" for one that is missing, which is not the same as one that cannot be read."""
        if path not in self._found:
            own = path.is_relative_to(self._layout.root)
            try:
                self._found[path] = hashlib.sha256(self._layout.data(self._layout.inside(path) if own else path)).hexdigest()
            except (BadInput, OSError) as error:
                self._found[path] = f"cannot be read: {error}" if path.exists() or path.is_symlink() else ""
        return self._found[path]
