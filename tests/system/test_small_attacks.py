"""What a repository, a shell or a variable may hold: closed streams, links that lead out, folders that are not there, words like options."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPO, Workspace
from system.git import Repository, made

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")

PROJECT = """\
python: "3.12"
targets: [cpu]
platforms: [linux-64]
channels: [conda-forge]
dependencies: [numpy]
"""


@pytest.fixture
def locked(workspace: Workspace, index: Path) -> Workspace:
    workspace.project("p", PROJECT)
    done = workspace.envgen("lock", "--index", index)
    assert done.status == 0, done.err
    return workspace


# --- streams --------------------------------------------------------------------------------------------------------------


def in_shell(site: Workspace, words: str) -> tuple[int, str]:
    """The status of `envgen WORDS` in a shell, redirections included, and what came out on both streams."""
    command = f'"{sys.executable}" -m envgen {words}'
    argv = ["bash", "-c", f"set -o pipefail; {command}"]
    done = subprocess.run(argv, cwd=site.root, env=dict(site.environment), capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("list >&-", 0),
        ("list 2>&-", 0),
        ("list <&- >&- 2>&-", 0),
        ("--help >&-", 0),
        ("list --json | head -1", 0),
        ("verify | head -1", 0),
        ("lock >&- 2>&-", 0),
        ("lock nothing-here 2>&-", 2),
        ("lock nothing-here >&-", 2),
        ("list >/dev/full", 2),
        ("lock 2>/dev/full", 0),
        ("lock nothing-here 2>/dev/full", 2),
    ],
)
def test_a_stream_that_takes_nothing_is_no_fault(locked: Workspace, words: str, status: int) -> None:
    before = locked.files()
    found, said = in_shell(locked, words)
    assert found == status, said
    assert "Traceback" not in said
    assert "fault of envgen" not in said
    assert locked.files() == before


def test_what_is_printed_goes_into_no_file_that_is_written(workspace: Workspace, index: Path) -> None:
    """With stdout closed, the next file that is opened would get its number."""
    workspace.project("p", PROJECT)
    assert in_shell(workspace, f"lock --index '{index}' >&- 2>&-")[0] == 0
    closed = workspace.files()
    (workspace.root / "environments" / "p" / "cpu" / "conda-lock.yml").unlink()
    assert workspace.envgen("lock", "--index", index).status == 0
    assert workspace.files() == closed


# --- links ----------------------------------------------------------------------------------------------------------------


def contents(place: Path) -> dict[Path, bytes]:
    """The files at a place, or the file that it is."""
    return {path: path.read_bytes() for path in (place, *place.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("name", ["p", "p/project.yaml", "p/cpu", "p/cpu/conda-lock.yml", "index", ""])
def test_a_link_that_leads_out_of_the_root_is_neither_read_nor_written(
    locked: Workspace, index: Path, tmp_path: Path, name: str
) -> None:
    place, outside = locked.root / "environments" / name, tmp_path / "outside"
    place.rename(outside)
    place.symlink_to(outside)
    before = contents(outside)
    done = locked.envgen("lock", "p", "--index", index)
    assert done.status == 2, done.out
    assert f"error: environments{'/' if name else ''}{name}: this symbolic link leads out of the repository\n" in done.err
    for words in (("lock", "p", "--update", "--index", index), ("install", "p", "--target", "cpu", "--dry-run"), ("verify",)):
        done = locked.envgen(*words)
        assert "Traceback" not in done.err
        assert done.status in (0, 2)  # a link in the place of a lock is replaced
    assert contents(outside) == before


def test_a_project_that_is_a_link_out_is_not_listed(locked: Workspace, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "project.yaml").write_text("secret: words\n")
    (locked.root / "environments" / "evil").symlink_to(tmp_path / "outside")
    for words in (("list",), ("verify",), ("lock",)):
        done = locked.envgen(*words)
        assert done.status == 0, done.err
        assert "evil" not in done.out + done.err


def test_a_link_inside_the_root_is_followed(locked: Workspace, index: Path) -> None:
    top = locked.root / "environments"
    (top / "p").rename(locked.root / "elsewhere")
    (top / "p").symlink_to(locked.root / "elsewhere")
    done = locked.envgen("lock", "p", "--index", index)
    assert done.status == 0, done.err
    assert "Nothing to do" in done.err


# --- options and variables ------------------------------------------------------------------------------------------------


LOOPS = ("environments/loop", "environments/q/project.yaml", "environments/p/loop", "environments/p/cpu/loop", "templates/loop.j2")


NOWHERE = "cannot be read: this symbolic link leads nowhere\n"
Q, LOOP = f"environments/q/project.yaml: {NOWHERE}", f"environments/loop: {NOWHERE}"
FOUND = (f"(loop): {NOWHERE}    at environments/loop:1:1\n", f"(q): {NOWHERE}    at environments/q/project.yaml:1:1\n")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ("list", 2, (LOOP, Q)),
        ("doctor", 2, (LOOP, Q)),
        ("check", 1, FOUND),
        ("lock loop", 2, (LOOP,)),
        ("lock q", 2, (Q,)),
        ("lock --check", 2, (LOOP, Q)),
        ("lock --offline", 2, (LOOP, Q)),
        ("check q", 2, (Q,)),
        ("check p", 0, ()),
        ("resolve q", 2, (Q,)),
        ("install q", 2, (Q,)),
        ("verify --project q --target cpu environments/p/cpu/conda-lock.yml", 2, (Q,)),
        ("init --project q --framework jax", 2, (Q,)),
        ("diff HEAD", 0, ()),
        ("impact HEAD", 0, ()),
        ("verify", 0, ()),
        ("export q --format explicit", 2, (Q,)),
        ("--root environments/loop list", 2, ()),
    ],
)
def test_a_link_that_leads_to_itself_is_told_where_a_project_is_looked_for(
    locked: Workspace, words: str, status: int, said: tuple[str, ...]
) -> None:
    for name in LOOPS:
        place = locked.root / name
        place.parent.mkdir(exist_ok=True)
        place.symlink_to(place.name)
    made(locked.root)
    Repository(locked.root).commit("links")
    done = locked.envgen(*words.split())
    assert "fault" not in done.err
    assert done.status == status, done.err
    assert tuple(text for text in (LOOP, Q, *FOUND) if text in done.out + done.err) == said, done.err


def test_an_index_folder_that_is_not_there_is_an_error_even_if_there_is_nothing_to_do(locked: Workspace) -> None:
    done = locked.envgen("lock", "--index", "/nonexistent")
    assert done.status == 2
    assert done.err.startswith("error: --index /nonexistent: there is no such folder\n\nhint: ")
    done = locked.envgen("lock", ENVGEN_INDEX="/nonexistent")
    assert (done.status, done.err.splitlines()[0]) == (2, "error: ENVGEN_INDEX=/nonexistent: there is no such folder")
    assert locked.envgen("lock", "--offline", ENVGEN_INDEX="/nonexistent").status == 0


WORDS = [
    "; touch made",
    "$(shell touch made)",
    "$(touch made)",
    "`touch made`",
    "a'b;touch made",
    "--index=/x",
    "$$(touch made)",
    "x\ntouch made",
    "a\\",
]


@pytest.mark.parametrize(
    ("python", "said"), [("false", "false does not run: make PYTHON=... setup"), ("./old", "needs Python 3.10 or newer")]
)
def test_a_python_that_does_not_run_is_not_called_old(tmp_path: Path, python: str, said: str) -> None:
    for name in ("pyproject.toml", "constraints.txt", "envgen/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    old = tmp_path / "old"
    old.write_text('#!/bin/sh\n[ -z "$2" ]\n', encoding="utf-8")
    old.chmod(0o755)
    argv = ["make", "-f", str(REPO / "Makefile"), f"PYTHON={python}", "setup"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, said in done.stdout) == (2, True), done.stdout


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("makefile", ["Makefile", "envgen.mk"])
def test_what_project_and_target_say_is_data_for_make_and_the_shell(tmp_path: Path, makefile: str, words: str) -> None:
    from envgen.cli.scaffold import _MAKE

    path = tmp_path / "mk"
    path.write_text((REPO / "Makefile").read_text() if makefile == "Makefile" else _MAKE)
    shows = tmp_path / "shows"
    shows.write_text('#!/bin/sh\nfor word in "$@"; do printf "%s\\n" "$word"; done\n')
    shows.chmod(0o755)
    asked = words.split()
    for verb, before in (
        ("env-cpu", ["lock", "--target", "cpu", "--"]),
        ("install-cpu", ["install", "--target", "cpu", "--"]),
        ("doctor", ["doctor", "--"]),
    ):
        for given, variables in (((f"PROJECT={words}", f"TARGET={words}"), {}), ((), {"PROJECT": words, "TARGET": words})):
            argv = ["make", "-s", "-f", str(path), "-o", "setup", f"ENVGEN={shows}", *given, verb]
            done = subprocess.run(argv, cwd=tmp_path, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
            assert done.stdout.splitlines() == [*before, *asked], done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mk", "shows"]


def test_init_makes_git_ignore_what_a_killed_run_leaves(tmp_path: Path, workspace: Workspace) -> None:
    done = workspace.envgen("--root", tmp_path, "init", "--project", "p")
    assert done.status == 0, done.err
    (tmp_path / "environments" / "p" / ".project.yaml.1.envgen-tmp").write_text("")
    (tmp_path / "environments" / ".writer.envgen-lock").write_text("")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    said = subprocess.run(["git", "status", "--short", "-uall"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert "envgen-tmp" not in said
    assert "envgen-lock" not in said
    assert "environments/p/project.yaml" in said
