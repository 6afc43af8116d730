"""A repository with one project, `p`, whose locks are those of a test's channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from conftest import Run, Workspace


@dataclass(frozen=True)
class InstallSite:
    """Its environment goes into `.envs/`, because there is no conda here. `locks` are files of the project by a name."""

    workspace: Workspace
    locks: Mapping[str, Mapping[str, bytes]]

    @property
    def prefix(self) -> Path:
        return self.workspace.root / ".envs" / "p-cpu"

    def take(self, lock: str) -> None:
        """Make the project's files those of one of the locks."""
        self.workspace.restore(self.locks[lock])

    def install(self, *words: object, **variables: str) -> Run:
        done = self.workspace.envgen("install", "p", "--target", "cpu", *words, **variables)
        assert "Traceback" not in done.err
        return done

    def installed(self, *words: object, **variables: str) -> str:
        """An installation that must end well; what it printed."""
        done = self.install(*words, **variables)
        assert done.status == 0, done.err
        return done.out
