"""`envgen init` in a repository that exists: it adds what is missing to a project and to git's files, and changes nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import Workspace
from system import forks


def test_a_project_gets_targets_and_platforms_that_it_lacks(workspace: Workspace) -> None:
    assert workspace.envgen("init", "--project", "demo", "--framework", "pytorch").status == 0
    path = workspace.root / "environments" / "demo" / "project.yaml"
    done = workspace.envgen("init", "--project", "demo", "--target", "12.9", "--platform", "win-64", "--json")
    assert json.loads(done.out)["notes"] == [f"added {name} to environments/demo/project.yaml" for name in ("cu129", "win-64")]
    assert "targets:\n- cpu\n- cu129\nplatforms:\n- linux-64\n- win-64\n" in path.read_text()
    text = path.read_text()
    again = workspace.envgen("init", "--project", "demo", "--target", "cu129", "--framework", "pytorch")
    assert "kept environments/demo/project.yaml" in again.out.splitlines() and path.read_text() == text


def test_python_driver_and_gpus_are_options_of_a_new_project(workspace: Workspace) -> None:
    words = ("--framework", "pytorch", "--target", "cu126", "--python", ">=3.11,<3.14", "--driver", "535.104.05", "--gpu", "V100")
    assert workspace.envgen("init", "--project", "demo", *words, "--gpu", "A100").status == 0
    path = workspace.root / "environments" / "demo" / "project.yaml"
    rows = {"python: '>=3.11,<3.14'", "driver: '>=535.104.05'", "gpus:", "- V100", "- A100"}
    assert rows <= set(path.read_text().splitlines())
    again = workspace.envgen("init", "--project", "demo", *words, "--gpu", "H100")
    assert again.out.splitlines()[0] == "added H100 to environments/demo/project.yaml"
    before = path.read_text()
    for option, value, line, text in (("--driver", "580", 12, ">=580"), ("--python", "3.12", 3, "3.12")):
        done = workspace.envgen("init", "--project", "demo", option, value)
        key = option.removeprefix("--")
        where = f"environments/demo/project.yaml:{line}:1"
        assert done.err.startswith(f"error: {where}: this project exists, and its `{key}:` is another\n"), done.err
        assert done.err.endswith(f'hint: edit it by hand: {key}: "{text}"\n')
    assert path.read_text() == before


@pytest.mark.parametrize(
    ("words", "what"),
    [(("--driver", "12.6"), "driver"), (("--gpu", "RTX 9999"), "RTX 9999"), (("--python", "three"), "python")],
)
def test_options_that_cannot_be_meant_write_nothing(workspace: Workspace, words: tuple[str, ...], what: str) -> None:
    before = workspace.files()
    done = workspace.envgen("init", "--project", "demo", "--framework", "pytorch", *words)
    assert (done.status, done.out, workspace.files()) == (2, "", before) and what in done.err and "hint: " in done.err


def test_a_word_that_is_no_file_is_taken_for_the_name_of_a_project(workspace: Workspace) -> None:
    said, hint = workspace.envgen("init", "demo"), "\n\nhint: see `envgen init --help`\n"
    assert said.status == 2 and said.err.endswith(f"; a project is named with --project: envgen init --project demo{hint}"), (
        said.err
    )
    (workspace.root / "environment.yml").write_text("dependencies: [python]\n")
    assert workspace.envgen("init", "environment.yml").err == f"error: files are brought in with --from FILE...{hint}"


def test_comments_and_versions_of_a_project_stay(workspace: Workspace) -> None:
    text = 'python: "3.12"\nframeworks: {pytorch: ">=2.5"}  # ours\ntargets:\n  cpu:\n  cu126: {platforms: [linux-64]}\n'
    path = workspace.project("demo", f"{text}platforms: [linux-64]\nchannels: [conda-forge]\n")
    done = workspace.envgen("init", "--project", "demo", "--framework", "pytorch", "--framework", "jax", "--target", "cu129")
    assert done.status == 0, done.err
    new = path.read_text()
    assert '{pytorch: ">=2.5", jax: "*"}  # ours\n' in new and {"  cu126: {platforms: [linux-64]}", "  cu129: {}"} <= set(
        new.splitlines()
    )


@pytest.mark.parametrize(
    ("line", "written", "words", "by_hand"),
    [
        ("targets: [cpu]", "targets: &all\n  - cpu", ("--target", "cu129"), "add cu129 below targets:"),
        ("platforms: [linux-64]", "platforms: &all\n  - linux-64", ("--platform", "win-64"), "add win-64 below platforms:"),
        ('frameworks: {pytorch: "*"}', 'frameworks: &all\n  pytorch: "*"', ("--framework", "jax"), "add jax below frameworks:"),
    ],
)
def test_where_a_file_cannot_be_edited_the_key_to_edit_is_named(
    workspace: Workspace, line: str, written: str, words: tuple[str, ...], by_hand: str
) -> None:
    text = 'python: "3.12"\nframeworks: {pytorch: "*"}\ntargets: [cpu]\nplatforms: [linux-64]\nchannels: [conda-forge]\n'
    path = workspace.project("demo", text.replace(line, written))
    before = workspace.files()
    done = workspace.envgen("init", "--project", "demo", *words)
    place = "environments/demo/project.yaml"
    what = f"error: {place}: cannot edit this file in the way it is written; nothing was changed"
    assert (done.status, done.out, done.err) == (2, "", f"{what}\n\nhint: edit it by hand: {by_hand}\n")
    assert workspace.files() == before and path.is_file() and not (workspace.root / "envgen.mk").exists()


@pytest.mark.parametrize("old", ["mine/", "mine/\n", ""])
def test_lines_of_git_are_appended_once(workspace: Workspace, old: str) -> None:
    path = workspace.root / ".gitignore"
    path.write_text(old)
    first = workspace.envgen("init", "--project", "demo", "--framework", "pytorch")
    text = path.read_text()
    assert text.startswith(f"{old.rstrip()}\n" if old else "# ") and text.splitlines().count(".envs/") == 1
    assert {"wrote .gitignore", "wrote .gitattributes"} <= set(first.out.splitlines())
    again = workspace.envgen("init", "--project", "demo")
    assert {"kept .gitignore", "kept .gitattributes"} <= set(again.out.splitlines()) and path.read_text() == text


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
def test_bash_completes_what_the_script_says(workspace: Workspace, tmp_path: Path) -> None:
    """The script is sourced, and asked to complete a command line of which the last word is begun."""
    workspace.project("vision", "")
    command = tmp_path / "bin" / "envgen"
    command.parent.mkdir()
    forks.program(command)
    script = workspace.envgen("completion", "bash").out
    asked = 'COMP_WORDS=(envgen lock vi); COMP_CWORD=2; _envgen_completion envgen vi lock; echo "${COMPREPLY[@]}"'
    environment = {**workspace.environment, "PATH": f"{command.parent}:{workspace.environment['PATH']}"}
    argv = ["bash", "--norc", "-c", f"{script}\n{asked}"]
    done = subprocess.run(argv, cwd=workspace.root, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("vision\n", "")


def test_a_makefile_that_includes_envgen_mk_needs_no_line(workspace: Workspace) -> None:
    (workspace.root / "Makefile").write_text("all:\n\ttrue\n\ninclude envgen.mk\n")
    assert "add this line" not in workspace.envgen("init", "--project", "demo", "--framework", "pytorch").out
