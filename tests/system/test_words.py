"""Projects in the words that people bring, through the command line: what is resolved, locked, said; and bad input."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from conftest import REPO, Workspace

HEAD = 'python: "3.10"\nplatforms: [linux-64]\nchannels: [pytorch, nvidia, conda-forge]\n'
BROUGHT = HEAD + 'dependencies: ["pytorch=2.1.0", torchvision, torchaudio, cpuonly, "pytorch-cuda=11.8"]\n'
OWN = HEAD + 'frameworks: {pytorch: {version: "2.1.0", with: [torchvision, torchaudio]}}\ntargets: [cpu, cu118]\n'
NOTE = "environments/p/project.yaml:4:58: `cpuonly` is read as pytorch for target cpu ("


def test_a_project_in_words_is_locked_as_the_one_in_own_terms(workspace: Workspace, records: Path) -> None:
    workspace.project("p", OWN)
    own = workspace.envgen("lock", "--index", records)
    assert (own.status, "is read as" in own.err) == (0, False), own.err
    expected = workspace.files()
    workspace.project("p", BROUGHT)
    again = workspace.envgen("lock", "--index", records)
    assert again.talk.rstrip().endswith("Nothing to do: every lock is up to date."), again.err  # the same wish, said otherwise
    shutil.rmtree(workspace.root / "environments" / "p" / "cu118")
    done = workspace.envgen("lock", "p", "--index", records)
    assert done.status == 0, done.err
    assert done.err.count("is read as") == 5
    assert NOTE in done.err
    assert {**workspace.files(), "p/project.yaml": b""} == {**expected, "p/project.yaml": b""}


def test_every_command_knows_the_targets_by_their_names(workspace: Workspace) -> None:
    """The newest CUDA target is one target, whichever command asks, and whichever machine it runs on."""
    source = REPO / "environments" / "jax"
    shutil.copytree(source, workspace.root / "environments" / "p")
    text = (source / "project.yaml").read_text(encoding="utf-8")
    workspace.project("p", text.replace("targets: [cpu, cu129]", 'cuda: newest\ntargets: ["CPU"]'))
    shown = json.loads(workspace.envgen("resolve", "p", "--json").out)
    assert [row["target"] for row in shown] == ["cpu", "cu129"]
    assert all("`cuda: newest` is read as target cu129 (" in row["notes"][-1] for row in shown)
    assert workspace.envgen("verify", "--project", "p").status == 0
    listed = workspace.envgen("list", "p")
    assert "cu129" in listed.out
    doctor = json.loads(workspace.envgen("doctor", "p", "--json").out)
    assert [found["target"] for found in doctor["projects"][0]["targets"]] == ["cpu", "cu129"]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ('dependencies: ["cudatoolkit=12.7"]', 2, "error: environments/p/project.yaml:4:16: `cudatoolkit=12.7`: no target has this CUDA version"),
        ("cuda: maybe", 2, "error: environments/p/project.yaml:4:1: cuda: 'maybe' is not a CUDA version"),
        ('pip: ["jax[cuda13]"]', 3, "error: environments/p/project.yaml:1:1: p: no choice meets every requirement"),
        ("frameworks: {pytorch: '>=2.10'}\ncuda: {driver: '390'}", 3, "error: environments/p/project.yaml:1:1: p: no choice meets every requirement"),
        ("pip: ['torch; python_version < \"3\"']", 2, "error: environments/p/project.yaml:4:7: `torch; python_version < \"3\"` has an environment marker, but a framework is for the whole project"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_ends_with_its_code_and_a_next_step(workspace: Workspace, words: str, status: int, said: str) -> None:
    workspace.project("p", HEAD + words + "\n")
    done = workspace.envgen("resolve", "p")
    assert (done.status, done.out) == (status, "")
    assert said in done.err
    assert "\n\nhint: " in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("words", "frameworks", "targets", "channels"),
    [
        (["--framework", "tensorflow-gpu", "--target", "cudatoolkit=11.8"], {"tensorflow": "*"}, ["cu118"], ["conda-forge"]),
        (["--framework", "jax[cuda12]"], {"jax": "*"}, ["cpu", "cu129"], ["conda-forge"]),
        (["--framework", "torch=2.7", "--target", "cuda12.6"], {"pytorch": "2.7"}, ["cu126"], ["conda-forge"]),
        (
            ["--framework", "pytorch::pytorch-cuda=12.1"],
            {"pytorch": {"version": "*", "provider": "pytorch"}},
            ["cpu", "cu121"],
            ["pytorch", "nvidia", "conda-forge"],
        ),
    ],
)
def test_init_writes_own_terms_and_says_what_it_read(
    tmp_path: Path, workspace: Workspace, words: list[str], frameworks: object, targets: list[str], channels: list[str]
) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    done = workspace.envgen("--root", folder, "init", "--project", "p", *words)
    assert done.status == 0, done.err
    assert "is read as" in done.out
    data = yaml.safe_load((folder / "environments" / "p" / "project.yaml").read_text(encoding="utf-8"))
    assert (data["frameworks"], data["targets"], data["channels"], data["dependencies"]) == (frameworks, targets, channels, [])
    again = workspace.envgen("--root", folder, "resolve", "p")
    assert (again.status, again.err) == (0, "")


def test_init_refuses_what_no_word_means(tmp_path: Path, workspace: Workspace) -> None:
    done = workspace.envgen("--root", tmp_path, "init", "--project", "p", "--framework", "torch", "--target", "cudatoolkit=12.7")
    assert done.status == 2
    assert done.err == "error: `cudatoolkit=12.7`: no target has this CUDA version\n\nhint: the nearest are cu126, cu128, cu129\n"
    assert not (tmp_path / "environments").exists()
