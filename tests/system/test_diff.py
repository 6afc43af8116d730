"""`envgen diff` on real git repositories: what BASE and HEAD may be, and what is said of those that cannot be compared."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from conftest import REPO, Workspace
from system.git import Repository, made
from unit.lock_texts import entry, lock_of, lock_text

LOCK = "environments/app/cu126/conda-lock.yml"
CUDA = ("pytorch 2.7.1 cuda126_mkl_py312_h0_300", "cuda-version 12.6 h0_3", "numpy 2.2.6 py312h1_0")
CPU = ("pytorch 2.7.1 cpu_mkl_py312_h0_100", *CUDA[1:])
NEWER = (*CUDA[:2], "numpy 2.3.0 py312h1_0")


@pytest.fixture
def two(tmp_path: Path) -> Repository:
    """A repository whose branch `cpu` has the CPU build of a framework in a CUDA target, and whose main has another NumPy."""
    repository = made(tmp_path / "repository")
    repository.write(LOCK, lock_of(*CUDA))
    repository.write("environments/app/cpu/conda-lock.yml", lock_of(CPU[0], CUDA[2]))
    repository.commit("locked")
    repository.git("switch", "--quiet", "--create", "cpu")
    repository.write(LOCK, lock_of(*CPU))
    repository.commit("a CPU build")
    repository.git("switch", "--quiet", "main")
    repository.write(LOCK, lock_of(*NEWER))
    repository.commit("newer")
    return repository


def of(found: Repository, workspace: Workspace, *words: object, status: int = 0) -> str:
    """What `envgen diff` prints in a repository."""
    done = workspace.envgen("diff", *words, cwd=found.root)
    assert done.status == status, done.err
    return done.out if status < 2 else done.out + done.err


def test_two_revisions(two: Repository, workspace: Workspace) -> None:
    text = of(two, workspace, "main", "cpu")
    assert text.splitlines()[0].startswith("main (")
    assert "CUDA 12.6 -> CPU: pytorch 2.7.1" in text
    assert "numpy 2.3.0 -> 2.2.6" in text


def test_three_dots_begin_where_the_branch_was_made(two: Repository, workspace: Workspace) -> None:
    text = of(two, workspace, "main...cpu")
    assert "CUDA 12.6 -> CPU: pytorch 2.7.1" in text
    assert "numpy" not in text
    assert "numpy" in of(two, workspace, "main..cpu")


def test_without_words_the_work_tree_is_compared_with_git_s_head(two: Repository, workspace: Workspace) -> None:
    assert "nothing changes in 2 locks" in of(two, workspace)
    two.write(LOCK, lock_of(*CPU))
    assert "CUDA 12.6 -> CPU: pytorch 2.7.1" in of(two, workspace)
    assert "CUDA 12.6 -> CPU: pytorch 2.7.1" in of(two, workspace, "HEAD", LOCK)
    assert "CUDA 12.6 -> CPU: pytorch 2.7.1" in of(two, workspace, f"HEAD:{LOCK}", f"cpu:{LOCK}")


def test_it_runs_in_a_folder_below_the_repository(two: Repository, workspace: Workspace) -> None:
    done = workspace.envgen("diff", "main", "cpu", cwd=two.root / "environments")
    assert "CUDA 12.6 -> CPU" in done.out


def test_folders_and_files_without_git(tmp_path: Path, workspace: Workspace) -> None:
    for name, specs in (("a", CUDA), ("b", CPU)):
        place = tmp_path / name / "gpu.conda-lock.yml"
        place.parent.mkdir()
        place.write_text(lock_of(*specs), encoding="utf-8")
    for one, other in ((tmp_path / "a", tmp_path / "b"), (tmp_path / "a/gpu.conda-lock.yml", tmp_path / "b/gpu.conda-lock.yml")):
        done = workspace.envgen("diff", one, other, cwd=tmp_path)
        assert "CUDA 12.6 -> CPU: pytorch 2.7.1" in done.out, done.err


def test_explicit_lists_and_pixi_locks(tmp_path: Path, workspace: Workspace) -> None:
    url = "https://conda.anaconda.org/conda-forge/linux-64"
    for name, build in (("a", "cuda126_mkl_py312_h0_300"), ("b", "cpu_mkl_py312_h0_100")):
        text = f"@EXPLICIT\n{url}/pytorch-2.7.1-{build}.conda#{'ab' * 16}\n"
        (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
        package = f"- conda: {url}/pytorch-2.7.1-{build}.conda"
        environment = "environments:\n  gpu:\n    channels:\n    - url: https://conda.anaconda.org/conda-forge/\n    packages:\n      linux-64:\n"
        pixi = f"version: 6\n{environment}      {package}\npackages:\n{package}\n  sha256: {name * 64}\n  depends: []\n"
        (tmp_path / f"{name}.lock").write_text(pixi, encoding="utf-8")
    assert "CUDA 12.6 -> CPU: pytorch 2.7.1" in workspace.envgen("diff", "a.txt", "b.txt", cwd=tmp_path).out
    assert "CUDA 12.6 -> CPU: pytorch 2.7.1" in workspace.envgen("diff", "a.lock", "b.lock", cwd=tmp_path).out


def test_the_same_in_json_markdown_and_html(two: Repository, workspace: Workspace, tmp_path: Path) -> None:
    data = json.loads(of(two, workspace, "main", "cpu", "--json"))
    assert ("flip", "pytorch", "CUDA 12.6", "CPU") in [
        (row["kind"], row["name"], row["from"], row["to"]) for row in data["changes"]
    ]
    assert "`CUDA 12.6` → `CPU`: `pytorch` `2.7.1`" in of(two, workspace, "main", "cpu", "--markdown")
    of(two, workspace, "main", "cpu", "--html", tmp_path / "page.html")
    assert "<code>CUDA 12.6</code>" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_exit_code(two: Repository, workspace: Workspace) -> None:
    of(two, workspace, "main", "cpu", "--exit-code", status=1)
    of(two, workspace, "main", "main", "--exit-code")


def test_the_same_bytes_again(two: Repository, workspace: Workspace) -> None:
    assert of(two, workspace, "main", "cpu", "--markdown") == of(two, workspace, "main", "cpu", "--markdown")


# --- bad input --------------------------------------------------------------------------------------------------------------


def test_a_base_that_does_not_exist(two: Repository, workspace: Workspace) -> None:
    text = of(two, workspace, "nowhere", status=2)
    assert "error: " in text
    assert "there is no revision `nowhere`" in text
    assert "a file or a folder of this name does not exist either" in text


@pytest.mark.parametrize(
    "word", ["", "-x", "--output=/tmp/x", "main:nowhere", "main:../../etc/passwd", "main..nowhere", "a\x1b[31mb"]
)
def test_words_that_name_nothing(two: Repository, workspace: Workspace, word: str) -> None:
    done = workspace.envgen("diff", "--", word, "main", cwd=two.root)
    assert done.status == 2
    assert "\x1b" not in done.err
    assert "Traceback" not in done.err


def test_a_folder_without_git(tmp_path: Path, workspace: Workspace) -> None:
    done = workspace.envgen("diff", cwd=tmp_path)
    assert done.status == 2
    assert "not in a git repository" in done.err


def test_a_shallow_clone(two: Repository, workspace: Workspace, tmp_path: Path) -> None:
    two.git("clone", "--quiet", "--depth", "1", f"file://{two.root}", tmp_path / "shallow")
    text = of(Repository(tmp_path / "shallow"), workspace, "HEAD~1", status=2)
    assert "git fetch --unshallow" in text


def test_a_lock_that_was_deleted_and_one_that_was_renamed(two: Repository, workspace: Workspace) -> None:
    two.git("rm", "--quiet", "environments/app/cpu/conda-lock.yml")
    two.write("environments/app/gpu/conda-lock.yml", lock_of(*NEWER))
    two.git("rm", "--quiet", LOCK)
    two.commit("moved")
    text = of(two, workspace, "HEAD~1", "HEAD")
    assert "- app/cpu linux-64: cpu, 2 packages" in text
    assert "app/cu126 -> app/gpu: renamed" in text


def test_merge_conflicts_in_a_lock(two: Repository, workspace: Workspace) -> None:
    """The other locks are compared; the conflict is named with its line, and is an error where it is in the newer side."""
    two.write("environments/app/cpu/conda-lock.yml", lock_of(CPU[0], "numpy 2.3.0 py312h1_0"))
    two.write(LOCK, lock_of(*CUDA).replace("- name: numpy", "<<<<<<< ours\n- name: numpy\n=======\n>>>>>>> theirs\n- name: numpy"))
    text = of(two, workspace, status=2)
    assert f"{LOCK}:" in text.replace("\n      ", " ")
    assert "unresolved merge conflict" in text.replace("\n      ", " ")
    assert "numpy 2.2.6 -> 2.3.0" in text
    two.commit("broken")
    two.write(LOCK, lock_of(*CUDA))
    assert "unresolved merge conflict" in of(two, workspace).replace("\n      ", " ")


def test_links(two: Repository, workspace: Workspace, tmp_path: Path) -> None:
    """One to another lock counts as that lock; one that leads out of the repository is not read."""
    secret = tmp_path / "secret"
    secret.write_text("a secret", encoding="utf-8")
    inside, outside = two.root / "a/conda-lock.yml", two.root / "b/conda-lock.yml"
    for place, to in ((inside, Path("..") / LOCK), (outside, secret)):
        place.parent.mkdir()
        place.symlink_to(to)
    for words, commit in (((), False), (("HEAD~1", "HEAD"), True)):
        if commit:
            two.commit("links")
        text = of(two, workspace, *words, status=2)
        assert "+ a/conda-lock.yml linux-64: cuda 12.6" in text
        assert "link" in text
        assert "a secret" not in text


def test_a_pipe_in_the_place_of_a_lock(two: Repository, workspace: Workspace) -> None:
    (two.root / LOCK).unlink()
    os.mkfifo(two.root / LOCK)
    assert "a pipe" in of(two, workspace, status=2).replace("\n      ", " ")


def test_line_endings_are_no_change(two: Repository, workspace: Workspace) -> None:
    place = two.root / LOCK
    place.write_bytes(place.read_bytes().replace(b"\n", b"\r\n"))
    assert "nothing changes" in of(two, workspace)


@pytest.mark.parametrize("name", ["evil\x1b[2J", "a\n::error::x", "x|y", "<script>", "`x`"])
def test_names_that_are_not_ones(two: Repository, workspace: Workspace, name: str) -> None:
    text = lock_of(*CUDA).replace("name: numpy", f"name: {json.dumps(name)}")
    two.write(LOCK, text)
    for words in ((), ("--markdown",), ("--json",)):
        said = of(two, workspace, *words, status=2)
        assert "\x1b" not in said
        assert not [line for line in said.splitlines() if line.startswith("::")]
        assert "--markdown" not in words or not re.search(r"x\|y|<script>", re.sub(r"`+.*?`+", "", said))


def test_a_lock_of_10_mb(two: Repository, workspace: Workspace) -> None:
    many = [entry(f"package-{number} 1.{number % 7} h0_0") for number in range(35_000)]
    two.write(LOCK, lock_text(many))
    assert (two.root / LOCK).stat().st_size > 10e6
    assert "Added" in of(two, workspace)


# --- the examples' own history ----------------------------------------------------------------------------------------------


def cuda_of_text(text: str) -> set[str]:
    """The CUDA of a lock by its text alone: the first two parts of what pins it."""
    names = {"cuda-version", "cudatoolkit", "pytorch-cuda"}
    rows = (row.splitlines() for row in text.split("\n- name: ")[1:])
    return {".".join(row[1].split(": ")[1].strip("'").split(".")[:2]) for row in rows if row[0] in names}


def kinds_of_text(text: str) -> dict[str, str]:
    """Package -> `cpu` or `cuda`, of those whose build strings begin with it; by the text alone."""
    files = re.findall(r"/([\w.-]+)-[^/-]+-(cpu|cuda)[^/-]*\.(?:conda|tar\.bz2)$", text, re.MULTILINE)
    found: dict[str, set[str]] = {}
    for name, kind, *_ in files:
        found.setdefault(name, set()).add(kind)
    return {name: kinds.pop() for name, kinds in found.items() if len(kinds) == 1}


@pytest.fixture(scope="session")
def history(repo: Path) -> list[str]:
    """The commits that changed the examples' locks, newest first."""
    if not (repo / ".git").exists():
        pytest.skip("this checkout has no history")
    commits = Repository(repo).git("log", "--format=%H", "--no-merges", "--", "environments").split()
    if len(commits) < 3:
        pytest.skip("this clone is shallow")
    return commits


def test_every_flip_and_every_move_of_cuda_in_the_history_of_the_examples_is_on_the_first_screen(
    history: list[str], workspace: Workspace
) -> None:
    """Each commit again: what changes of CUDA in a lock, found by its text alone, is in the first 20 lines."""
    repository = Repository(REPO)
    for commit in history[:-1]:
        done = workspace.envgen("diff", f"{commit}~1", commit, cwd=REPO)
        assert done.status == 0, done.err
        screen = " ".join(" ".join(done.out.splitlines()[:20]).split())
        for path in repository.git(
            "diff", "--name-only", "--diff-filter=M", f"{commit}~1", commit, "--", "*/conda-lock.yml"
        ).split():
            texts = [repository.git("show", f"{revision}:{path}") for revision in (f"{commit}~1", commit)]
            old, new = map(cuda_of_text, texts)
            assert old == new or all(f"CUDA {cuda}" in screen for cuda in old ^ new), (commit, path, screen)
            before, after = map(kinds_of_text, texts)
            flipped = [name for name in before.keys() & after.keys() if before[name] != after[name]]
            assert not flipped or ("CPU" in screen and any(name.removeprefix("lib") in screen for name in flipped)), (commit, path)


def test_a_relock_that_flips_a_build_is_told_first_with_hundreds_of_other_changes(two: Repository, workspace: Workspace) -> None:
    """The reading of texts by which the history is judged finds the flip, too."""
    rest = [f"lib{number} 1.{{}} h0_0" for number in range(300)]
    two.write(LOCK, lock_of(*CUDA, *(row.format(0) for row in rest)))
    two.commit("many")
    before = (two.root / LOCK).read_text()
    two.write(LOCK, lock_of(*CPU, *(row.format(1) for row in rest)))
    assert (kinds_of_text(before)["pytorch"], kinds_of_text((two.root / LOCK).read_text())["pytorch"]) == ("cuda", "cpu")
    assert "CUDA 12.6 -> CPU: pytorch 2.7.1" in " ".join(" ".join(of(two, workspace).splitlines()[:20]).split())
