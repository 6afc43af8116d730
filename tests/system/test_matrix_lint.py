"""`envgen matrix lint` and `schemas`, and matrices that cannot be read, through the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Workspace

PROJECT = 'python: "3.12"\nframeworks: {pytorch: "*"}\ntargets: [cpu]\nplatforms: [linux-64]\nchannels: [conda-forge]\n'


def state(root: Path) -> dict[str, bytes]:
    """Every file of a repository, to compare before and after."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def change(root: Path, file: str, old: str, new: str) -> None:
    path = root / "matrices" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def add(root: Path, file: str, text: str) -> int:
    """Append lines to a file; returns the number of the first."""
    path = root / "matrices" / file
    before = path.read_text(encoding="utf-8")
    path.write_text(before + text, encoding="utf-8")
    return before.count("\n") + 1


def test_schemas_are_written_once_and_then_lint_finds_nothing(workspace: Workspace) -> None:
    bare = workspace.envgen("matrix", "lint")
    assert bare.status == 0
    assert bare.out.splitlines()[0] == "matrices/advice.yaml:1:1: schema (warning): there is no schema schemas/advice.schema.json"
    assert "    run `envgen matrix schemas`" in bare.out.splitlines()[1]
    files = len(list((workspace.root / "matrices").glob("*.yaml")))
    assert bare.err.startswith(f"{files} warnings; ")
    assert workspace.envgen("matrix", "lint", "--strict").status == 1
    written = workspace.envgen("matrix", "schemas")
    assert (written.status, written.out.splitlines()[0]) == (0, "wrote schemas/advice.schema.json")
    again = workspace.envgen("matrix", "schemas")
    assert (again.status, again.out, again.err) == (0, "", "every schema is up to date\n")
    before = state(workspace.root)
    clean = workspace.envgen("--root", workspace.root, "matrix", "lint", "--strict")
    assert (clean.status, clean.out) == (0, "")
    assert clean.err.startswith("nothing found; ")
    assert state(workspace.root) == before


def test_every_finding_is_told_with_its_place_and_the_exit_code_is_one(workspace: Workspace) -> None:
    workspace.envgen("matrix", "schemas")
    line = add(workspace.root, "pytorch.yaml", '  - {when: {cuda: ">=14"}, need: {glibc: ">=2.28"}, because: https://x.example}\n')
    change(workspace.root, "cuda.yaml", '"450.80.02"', '"450.80.2"')
    done = workspace.envgen("matrix", "lint")
    assert (done.status, done.out.splitlines()) == (
        1,
        [
            'matrices/cuda.yaml:15:17: spelling: "450.80.2" is not in the usual spelling',
            '    write "450.80.02"',
            f"matrices/pytorch.yaml:{line}:13: never-applies: nothing in the matrices can have cuda >=14",
            "    correct it, or remove the row",
        ],
    )
    assert done.err.startswith("2 errors; ")
    rows = json.loads(workspace.envgen("matrix", "lint", "--json").out)
    assert [(row["rule"], row["severity"], row["file"], row["line"], row["column"]) for row in rows] == [
        ("spelling", "error", "matrices/cuda.yaml", 15, 17),
        ("never-applies", "error", "matrices/pytorch.yaml", line, 13),
    ]
    assert all(row["text"] and row["hint"] for row in rows)


def test_files_that_cannot_be_read_are_told_together(workspace: Workspace) -> None:
    change(workspace.root, "cuda.yaml", '"13.3"', "13.3")
    change(workspace.root, "gpus.yaml", "models:", "modles:")
    (workspace.root / "matrices" / "x.yaml").write_text("[" * 300_000, encoding="utf-8")
    done = workspace.envgen("matrix", "lint", "--json")
    assert (done.status, done.out) == (2, "")
    assert [line for line in done.err.splitlines() if line.startswith("error: ")] == [
        "error: matrices/cuda.yaml:20:6: toolkits[2].version: expected a string, got the number 13.3",
        "error: matrices/gpus.yaml:36:5: gpus[0].modles: unknown key",
        "error: matrices/x.yaml:1:22: nested too deeply",
    ]
    assert "Traceback" not in done.err


def _circle(root: Path) -> None:
    (root / "matrices" / "a.yaml").symlink_to("a.yaml")


@pytest.mark.parametrize("words", [("matrix", "lint"), ("resolve", "p")])
@pytest.mark.parametrize(
    ("spoil", "start"),
    [
        (lambda root: (root / "matrices" / "jax.yaml").write_text("[" * 300_000), "matrices/jax.yaml:1:22: nested too deeply"),
        (lambda root: (root / "matrices" / "jax.yaml").write_text("- 1\n" * 2_500_000), "matrices/jax.yaml:1:1: 10.0 MB is too large"),
        (lambda root: (root / "matrices" / "jax.yaml").write_text("framework: jax\nbecause: &a [*a]\n"), "matrices/jax.yaml:2:14: aliases"),
        (lambda root: (root / "matrices" / "jax.yaml").write_bytes(b"\xff\xfej\0"), "matrices/jax.yaml:1:1: not UTF-8 text"),
        (lambda root: add(root, "jax.yaml", "include: pytorch.yaml\n"), "matrices/jax.yaml:"),
        (lambda root: (root / "matrices" / "a.yaml").mkdir(), "matrices/a.yaml: cannot be read: it is not a file"),
        (_circle, "matrices/a.yaml: cannot be read: Too many levels of symbolic links"),
        (lambda root: (root / "matrices" / "gpus.yaml").unlink(), "matrices/gpus.yaml: there is no such file"),
        (lambda root: change(root, "targets.yaml", '"2.28"', '"two"'), "matrices/targets.yaml:"),
        (lambda root: change(root, "jax.yaml", '"3.11-3.14"', '"3.11-3.99999999"'), "matrices/jax.yaml:"),
    ],
)  # fmt: skip
def test_a_matrix_that_cannot_be_read_ends_in_a_place_and_a_next_step(
    workspace: Workspace, spoil: Callable[[Path], object], start: str, words: tuple[str, ...]
) -> None:
    workspace.project("p", PROJECT)
    spoil(workspace.root)
    done = workspace.envgen(*words)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"error: {start}"), done.err
    assert done.err.rpartition("\n\nhint: ")[2].strip()
    assert "Traceback" not in done.err


def test_what_init_writes_is_clean_and_names_its_schemas(workspace: Workspace, tmp_path: Path) -> None:
    root = tmp_path / "team"
    root.mkdir()
    done = workspace.envgen("init", "--root", root, "--project", "demo", "--framework", "jax")
    assert done.status == 0, done.err
    assert (root / "schemas" / "project.schema.json").is_file() and "\nwrote schemas/ (" in done.out
    first = (root / "environments" / "demo" / "project.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=../../schemas/project.schema.json"
    clean = workspace.envgen("matrix", "lint", "--strict", "--root", root)
    assert (clean.status, clean.out) == (0, ""), clean.err
    again = workspace.envgen("init", "--root", root, "--project", "demo", "--framework", "jax")
    assert "\nkept schemas/ (" in again.out
