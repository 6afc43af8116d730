"""What a command costs beside its work: its imports where no file has changed since the last run, its walks through the repository."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import REPO, Workspace

from envgen.cli.main import main
from envgen.model.layout import Layout

RUN = """
import sys
from envgen.cli.main import main
status = main.main(sys.argv[1:], standalone_mode=False)
assert not status, status
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""
COMMANDS = {
    "list": set(),
    "resolve legacy": set(),
    "verify": {"rattler", "yaml"},
    "lock": {"yaml"},
    "matrix show": set(),
}
HEAVY = {"conda_lock", "filelock", "jinja2", "pydantic", "pydantic_core", "pynvml", "rattler", "rich", "yaml", "zstandard"}


@pytest.fixture
def site(workspace: Workspace) -> Workspace:
    """A repository with one of the examples, locked, and what is recorded of its packages."""
    for name in ("legacy", "index"):
        shutil.copytree(REPO / "environments" / name, workspace.root / "environments" / name)
    assert workspace.envgen("lock", "--offline").status == 0
    return workspace


def imported(site: Workspace, command: str, cache: Path) -> tuple[str, set[str]]:
    """What a command prints in a process of its own, and the libraries that it has imported at its end."""
    argv = [sys.executable, "-c", RUN, *command.split()]
    environment = {**site.environment, "ENVGEN_CACHE": str(cache)}
    done = subprocess.run(argv, cwd=site.root, env=environment, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout, set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("command", COMMANDS)
def test_a_run_after_another_imports_no_schema_and_prints_the_same(site: Workspace, command: str, tmp_path: Path) -> None:
    before = site.files()
    first, modules = imported(site, command, tmp_path / "new cache")
    assert "pydantic" in modules
    again, modules = imported(site, command, tmp_path / "new cache")
    assert again == first
    assert modules & HEAVY == COMMANDS[command]
    assert site.files() == before


@pytest.mark.parametrize("command", ["list", "verify", "verify --target cpu"])
def test_the_locks_of_a_repository_are_looked_for_once(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are: looking again for each of them takes time that grows with the square of their number."""
    shutil.copytree(REPO / "matrices", tmp_path / "matrices")
    for name in ("a", "b", "c"):
        shutil.copytree(REPO / "environments" / "legacy", tmp_path / "environments" / name)
    walks: list[int] = []
    locks = Layout.locks
    monkeypatch.setattr(Layout, "locks", lambda layout: walks.append(1) or locks(layout))
    done = CliRunner().invoke(main, ["--root", str(tmp_path), *command.split(), "--json"], standalone_mode=False)
    assert not done.exception
    assert set(names_in(done.stdout)) == {"a", "b", "c"}
    assert len(walks) <= 1


def names_in(text: str) -> list[str]:
    """The projects in what `list` or `verify` prints."""
    return [row["project"] if "project" in row else Path(row["lock"]).parts[1] for row in json.loads(text)]
