"""Of conda-lock and what comes with it (keyring, cryptography, git in Python, ...), nothing is imported by commands that pin nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distribution, packages_distributions

import pytest
from conftest import Workspace, clean_environment, repository
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from system.channel import serve
from system.stand_in import MINOR, SUBDIR, channel, python_package

from envgen.cli.main import main

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the packages that run are made for Linux")

IMPORTED = 99
GUARDED = f"""
import os, sys
names = set(sys.argv.pop(1).split())

class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in names:
            os.write(2, f"imported: {{name}}".encode())
            os._exit({IMPORTED})

sys.meta_path.insert(0, Guard())
from envgen.cli.main import main
sys.exit(main(prog_name="envgen"))
"""
COMMANDS = (
    *("--help", "verify", "doctor", "resolve p", "resolve p --explain", "list", "lock", "lock --check", "matrix show"),
    *("install p --target cpu", "run p --target cpu -- true", "probe p --target cpu"),
    *(name for name in ("check",) if name in main.commands),
)


def weight() -> set[str]:
    """The modules of what conda-lock alone requires, directly or not, and its own."""
    ours = {canonicalize_name(row.name) for row in required("conda-envgen")}
    rest = closure(ours - {"conda-lock"})
    only = closure({"conda-lock"}) - rest
    return {module for module, names in packages_distributions().items() if {canonicalize_name(name) for name in names} <= only}


def closure(names: set[str]) -> set[str]:
    """Distributions and what they require here."""
    found: set[str] = set()
    while names:
        found |= names
        names = {canonicalize_name(row.name) for name in names for row in required(name)} - found
    return found


def required(name: str) -> list[Requirement]:
    """What a distribution requires here, without its extras; a vendored or missing one requires nothing."""
    try:
        rows = [Requirement(row) for row in distribution(name).requires or ()]
    except ModuleNotFoundError:
        return []
    return [row for row in rows if not row.marker or row.marker.evaluate({"extra": ""})]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A repository with one project, locked and installed."""
    top = tmp_path_factory.mktemp("weight")
    channel(top / "www" / "c", (python_package(),))
    workspace = repository(top / "site", clean_environment(top))
    with serve(top / "www") as server:
        head = f'python: "{MINOR}.*"\ntargets: [cpu]\nplatforms: [{SUBDIR}]\nchannels: ["{server.url("c")}"]\n'
        workspace.project("p", head)
        for words in (("lock",), ("install", "p", "--target", "cpu")):
            done = workspace.envgen(*words)
            assert done.status == 0, done.err
        yield workspace


def guarded(site: Workspace, command: str) -> subprocess.CompletedProcess[str]:
    """A command in a process that ends when it imports any of it."""
    argv = [sys.executable, "-c", GUARDED, " ".join(sorted(weight())), *command.split()]
    environment = {**site.environment, "ENVGEN_CACHE": str(site.root / "no cache yet")}
    return subprocess.run(argv, cwd=site.root, env=environment, capture_output=True, text=True, timeout=120)


def test_conda_lock_brings_what_its_name_does_not_say() -> None:
    assert {"conda_lock", "keyring", "dulwich", "git", "virtualenv", "ensureconda"} <= weight()
    assert weight().isdisjoint({"click", "pydantic", "rattler", "jinja2", "yaml", "packaging"})


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_pins_nothing_imports_none_of_it(site: Workspace, command: str) -> None:
    done = guarded(site, command)
    assert done.returncode in (0, 1), done.stderr  # 1: what `doctor` and `probe` may find on any machine


def test_a_lock_with_an_unusual_requirement_of_pip_imports_it(site: Workspace) -> None:
    """So that the test before this one could fail."""
    text = (site.root / "environments/p/project.yaml").read_text(encoding="utf-8")
    site.project("q", text + "pip: [no-such-package ~=1.0]\n")
    try:
        done = guarded(site, "lock q")
        assert done.returncode == IMPORTED, done.stderr
        assert "imported: conda_lock" in done.stderr
    finally:
        (site.root / "environments/q/project.yaml").unlink()
