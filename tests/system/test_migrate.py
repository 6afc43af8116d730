"""`envgen init --from`: files of other tools, as teams have them, become a project whose locks hold what they asked for.

Each folder of tests/migrate/ has such files, the `project.yaml` that is made of them, and what is printed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from conftest import REPO, Workspace, clean_environment
from system import walkthrough
from system.test_scenarios import command

from envgen.formats.conda_lock import read_lock
from envgen.model.packages import Lock

CASES = sorted(path.name for path in (REPO / "tests" / "migrate").iterdir() if path.is_dir())
RECORDED = REPO / "environments" / "index"
EXPECTED = ("project.yaml", "said.txt")
NAMED = {"requirements-base.txt", "base.devenv.yml"}  # by another file
# What each is locked as from the recorded index: target -> the builds of its framework, by platform.
LOCKED = {
    "pytorch-channel-pair": {"cpu": ["cpu"], "cu113": ["cuda11.3"]},
    "two-cudas": {"cpu": ["cpu"], "cu118": ["cuda11.8"], "cu121": ["cuda12.1"]},
    "common-cpu-cuda-mac": {"cpu": ["cpu"], "cpu-macos": ["cpu"], "cu126": ["cuda126"]},
    "devenv": {"cu126": ["cuda126"]},
    "pixi": {"cpu": ["cpu", "cpu"], "cpu-macos": ["cpu"], "cu126": ["cuda126", "cuda126"]},
    "rapids": {"cu129": ["cuda129"]},
    "requirements-conda-names": {"cu126": ["cuda126"]},
    "requirements-of-conda": {"cpu": ["cpu"]},
    "conda-env-export": {"cpu": ["cpu"]},
    "explicit": {"cu116": ["cuda11.6"]},
}
FRAMEWORKS = ("pytorch", "tensorflow", "jaxlib")


def bring(workspace: Workspace, case: str, *words: object) -> tuple[int, str, str]:
    """Copy the files of a case into a repository, and bring in those that no other one names."""
    source = REPO / "tests" / "migrate" / case
    files = sorted(path.name for path in source.iterdir() if path.name not in EXPECTED)
    shutil.copytree(source, workspace.root, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*EXPECTED))
    named = [name for name in files if name not in NAMED and (source / name).is_file()]
    done = workspace.envgen("init", "--from", *named, "--project", "p", *words)
    assert "Traceback" not in done.err
    return done.status, done.out, done.err


def project_of(workspace: Workspace) -> Path:
    return workspace.root / "environments" / "p" / "project.yaml"


@pytest.mark.parametrize("case", CASES)
def test_files_become_the_project_that_they_ask_for(case: str, workspace: Workspace, update_golden: bool) -> None:
    status, out, err = bring(workspace, case, "--index", RECORDED)
    assert (status, err) == (0, "")
    said = "".join(f"{line}\n" for line in out.splitlines() if not line.startswith(("wrote ", "kept ")))
    for name, text in zip(EXPECTED, (project_of(workspace).read_text(), said), strict=True):
        path = REPO / "tests" / "migrate" / case / name
        if update_golden:
            path.write_text(text)
        assert text == path.read_text()


@pytest.mark.parametrize("case", sorted(LOCKED))
def test_what_was_brought_in_is_locked_with_the_builds_that_the_files_asked_for(case: str, workspace: Workspace) -> None:
    assert bring(workspace, case, "--index", RECORDED)[0] == 0
    done = workspace.envgen("lock", "p", "--index", RECORDED)
    assert done.status == 0, done.err
    locks = {
        path.parent.name: read_lock(path.read_text(), path.name) for path in project_of(workspace).parent.glob("*/conda-lock.yml")
    }
    assert {name: builds(lock) for name, lock in sorted(locks.items())} == LOCKED[case]
    assert workspace.envgen("verify", "--project", "p").status == 0


def builds(lock: Lock) -> list[str]:
    """What the build of the framework says of CPU or CUDA on each platform."""
    found = (package.build for package in lock.packages if package.name in FRAMEWORKS)
    return [re.findall(r"cpu|cuda[0-9.]+", build)[0] for build in found]


def test_locks_of_a_cpu_and_a_cuda_environment_become_one_project(workspace: Workspace) -> None:
    locks = [REPO / "environments" / "jax" / target / "conda-lock.yml" for target in ("cpu", "cu129")]
    done = workspace.envgen("init", "--from", *locks, "--project", "p")
    assert (done.status, done.err) == (0, "")
    text = project_of(workspace).read_text()
    for line in ('python: "3.14"', "targets: [cpu, cu129]", 'dependencies: ["optax 0.2.6"]'):
        assert line in text.splitlines()
    locked = workspace.envgen("lock", "p", "--index", RECORDED)
    assert locked.status == 0, locked.err


def test_a_pair_with_an_open_cuda_is_for_the_newest_that_the_project_allows(workspace: Workspace) -> None:
    (workspace.root / "env.yml").write_text("dependencies: [python=3.12, pytorch-cpu=2.6, cmake]\n")
    (workspace.root / "env-gpu.yml").write_text("dependencies: [python=3.12, pytorch-gpu=2.6, ninja]\n")
    done = workspace.envgen("init", "--from", "env.yml", "--from", "env-gpu.yml", "--project", "p")
    assert (done.status, done.err) == (0, "")
    assert "`pytorch-gpu=2.6` -> pytorch, target cu129" in done.out
    assert "  cu129:\n    dependencies: [ninja]\n" in project_of(workspace).read_text()


@pytest.mark.parametrize(
    ("files", "status", "what"),
    [
        ({"a.yml": "dependencies: [cpuonly, pytorch, cudatoolkit=11.3]\n"}, 2, "a.yml:1:34: `cpuonly` (a.yml:1) asks for CPU, and"),
        ({"a.yml": "dependencies: [pytorch, cudatoolkit=11.3, cuda-version=12.6]\n"}, 2, "ask for two CUDA versions"),
        ({"a.yml": "dependencies: [pytorch, cudatoolkit=9.0]\n"}, 2, "the matrices have no target for it"),
        ({"a.yml": "dependencies: []\n"}, 2, "the files ask for no package"),
        ({"a.yml": "dependencies: {numpy: 1}\n"}, 2, "a.yml:1:15: expected a list `dependencies:`"),
        ({"a.yml": "name: [\n"}, 2, "a.yml:"),
        ({"pixi.toml": "[workspace\n"}, 2, "pixi.toml:1:"),
        ({"requirements.txt": "# nothing\n"}, 2, "requirements.txt:1:1: it asks for no package"),
        ({"dependencies.yaml": "files:\n  all: {output: conda, includes: [x]}\ndependencies:\n  y: {}\n"}, 2, "no such list"),
        ({"a.yml": "includes: [[b.yml]]\ndependencies: [numpy]\n"}, 2, "a.yml:1:12: expected the path of a file"),
        ({"a.yml": "includes: b.yml\ndependencies: [numpy]\n"}, 2, "a.yml:1:11: expected a list `includes:`"),
        (
            {"pyproject.toml": "[tool.poetry.dependencies]\ntorch = '^2.5'\n"},
            2,
            (
                "pyproject.toml:1:1: requirements as Poetry alone reads them\n\nhint: run `poetry export --without-hashes "
                "--output requirements.txt`, and bring that in\n"
            ),
        ),
        ({"Containerfile": "FROM x\n"}, 2, "hint: give an environment.yml, a requirements.txt, a pixi.toml, a dependencies.yaml,"),
        (
            {"a.yml": "services: {}\n"},
            2,
            "error: a.yml: envgen cannot bring in this kind of file\n\nhint: give an environment.yml,",
        ),
        ({"a.yml": "version: 1\npackage: x\n"}, 2, "hint: restore it with `git checkout -- FILE`, or create it again"),
        ({"a.yml": "dependencies: [python=3.8, pytorch=2.7]\n"}, 3, "error: "),
    ],
)
def test_what_cannot_be_meant_is_an_error_with_its_place(
    files: dict[str, str], status: int, what: str, workspace: Workspace
) -> None:
    for name, text in files.items():
        (workspace.root / name).write_text(text)
    done = workspace.envgen("init", "--from", *files, "--project", "p")
    assert done.status == status
    assert what in done.err
    assert "Traceback" not in done.err
    assert project_of(workspace).exists() == (status == 3)  # what has no solution is there to be edited


def test_a_project_without_a_choice_is_written_and_what_comes_next_is_said(workspace: Workspace) -> None:
    (workspace.root / "a.yml").write_text("name: p-gpu\ndependencies: [python=3.8, pytorch=2.7, cudatoolkit=12.6]\n")
    done = workspace.envgen("init", "--from", "a.yml")
    shown = done.out[done.out.index("wrote environments/") :]
    assert (done.status, shown) == (
        3,
        (
            "wrote environments/p/project.yaml\nread as:\n  a.yml:2\n    `cudatoolkit=12.6` -> target cu126\n"
            "not carried over:\n  a.yml:1\n    `name:`: an environment is called <project>-<target>\n"
            "next: edit environments/p/project.yaml, then envgen lock p\n"
        ),
    )
    assert done.err.startswith("error: environments/p/project.yaml:1:1: p: no choice meets every requirement\n")
    data = json.loads(workspace.envgen("init", "--from", "a.yml", "--overwrite", "--json").out)
    assert (data["project"], data["targets"]) == ("p", [])


def test_a_project_that_exists_is_only_replaced_where_that_is_requested(workspace: Workspace) -> None:
    path = workspace.project("p", "kept\n")
    (workspace.root / "a.yml").write_text("dependencies: [python=3.12, numpy]\n")
    done = workspace.envgen("init", "--from", "a.yml", "--project", "p")
    assert (done.status, path.read_text()) == (2, "kept\n")
    assert "this project exists" in done.err
    assert workspace.envgen("init", "--from", "a.yml", "--project", "p", "--overwrite").status == 0
    assert 'python: "3.12"' in path.read_text()


@pytest.mark.parametrize("way", ["{outside}", "../outside.txt", "link.txt"])
def test_a_file_elsewhere_on_the_machine_is_not_read(way: str, workspace: Workspace) -> None:
    outside = workspace.root.parent / "outside.txt"
    outside.write_text("s3cret words\n")
    (workspace.root / "link.txt").symlink_to(outside)
    name = way.format(outside=outside)
    (workspace.root / "a.txt").write_text(f"-r {name}\neinops\n")
    done = workspace.envgen("init", "--from", "a.txt", "--project", "p", "--json")
    assert done.status == 0, done.err
    (left,) = json.loads(done.out)["not_carried_over"]
    why = "there is no such file below this folder, it cannot be read, or it includes itself"
    assert left == {"text": f"-r {name}", "at": "a.txt:1:1", "why": why}
    assert "s3cret" not in done.out + done.err


SECRET = "s3cret"
WITH_SECRETS = {
    "a channel": ("a.yml", "channels: ['https://ana:s3cret@c.example/x', conda-forge]\ndependencies: [python=3.12]\n"),
    "a channel and a user of the environment": (
        "a.yml",
        "channels: ['https://$USER:s3cret@c.example/x']\ndependencies: [python=3.12]\n",
    ),
    "a token": ("a.yml", "channels: ['https://c.example/t/s3cret/x']\ndependencies: [python=3.12]\n"),
    "the channel of a spec": ("a.yml", "dependencies: [python=3.12, 'https://ana:s3cret@c.example/x::tool']\n"),
    "an index": ("a.txt", "--extra-index-url https://ana:s3cret@c.example/simple\neinops\n"),
    "a wheel": ("a.txt", "tool @ https://ana:s3cret@c.example/tool-1.0-py3-none-any.whl\neinops\n"),
    "a wheel without a name": ("a.txt", "https://ana:s3cret@c.example/tool-1.0-py3-none-any.whl\neinops\n"),
    "a repository": ("a.txt", "-e git+https://ana:s3cret@c.example/tool.git\neinops\n"),
    "an option": ("a.txt", "--proxy http://ana:s3cret@c.example\neinops\n"),
}


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("name", WITH_SECRETS)
def test_a_password_is_printed_nowhere_and_written_nowhere(name: str, as_json: bool, workspace: Workspace) -> None:
    file, text = WITH_SECRETS[name]
    (workspace.root / file).write_text(text)
    done = workspace.envgen("init", "--from", file, "--project", "p", *(["--json"] if as_json else []))
    assert done.status == 0, done.err
    assert f"{file}:1" in done.out
    assert "***" in done.out
    assert SECRET not in done.out + done.err + project_of(workspace).read_text()


def test_the_project_has_the_name_of_the_environments(workspace: Workspace) -> None:
    (workspace.root / "env-gpu.yml").write_text("name: pose-gpu\ndependencies: [python=3.12, pytorch-gpu=2.6]\n")
    assert "wrote environments/pose/project.yaml" in workspace.envgen("init", "--from", "env-gpu.yml").out


def test_names_without_versions_in_a_list_stay_without(workspace: Workspace) -> None:
    (workspace.root / "deps.list").write_text("torch==2.6.0\nnumpy\n")
    assert workspace.envgen("init", "--from", "deps.list", "--project", "p").status == 0
    assert "pip: [numpy]" in project_of(workspace).read_text().splitlines()


def test_files_need_the_option(workspace: Workspace) -> None:
    (workspace.root / "a.yml").write_text("dependencies: [python=3.12]\n")
    done = workspace.envgen("init", "a.yml")
    assert (done.status, done.out) == (2, "")
    assert "--from FILE..." in done.err


def test_the_page_about_it_does_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "repository").mkdir()
    path = os.pathsep.join((str(command(tmp_path)), os.environ["PATH"]))
    environment = {**clean_environment(tmp_path), "ENVGEN_INDEX": str(RECORDED), "PATH": path}
    assert walkthrough.play(REPO / "docs" / "bring-in.md", tmp_path / "repository", environment) == 4
