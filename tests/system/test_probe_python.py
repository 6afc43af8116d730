"""`envgen probe --python`: virtual environments, PYTHONPATH, and what is no Python."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, Workspace, clean_environment
from nvml.build import absent_nvml, changes, double_nvml
from system.venvs import add_torch, program, site_of, venv

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a virtual environment has another layout there")

T4 = {"driver": "580.65.06", "cuda": 13000, "gpus": "Tesla T4:7.5"}
GPU = changes(double_nvml()(**T4))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A folder outside of any repository."""
    folder = tmp_path_factory.mktemp("probe")
    return Workspace(folder, clean_environment(folder))


@pytest.fixture(scope="module")
def cuda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    python = venv(tmp_path_factory.mktemp("cuda") / ".venv")
    add_torch(site_of(python), "2.9.1+cu130", "13.0")
    return python


@pytest.fixture(scope="module")
def cpu(tmp_path_factory: pytest.TempPathFactory) -> Path:
    python = venv(tmp_path_factory.mktemp("cpu") / ".venv")
    add_torch(site_of(python), "2.9.1+cpu", None)
    return python


def framework(done: Run) -> dict[str, Any]:
    """The one framework that was probed."""
    assert done.err == ""
    (row,) = json.loads(done.out)["frameworks"]
    found: dict[str, Any] = row
    return found


def rules(row: dict[str, Any]) -> list[str]:
    return [issue["rule"] for issue in row["issues"]]


def refused(done: Run, what: str, hint: str) -> None:
    assert (done.status, done.out) == (2, "")
    assert done.err == f"error: {what}\n\nhint: {hint}\n"


# --- a virtual environment ------------------------------------------------------------------------------------------------


def test_a_virtual_environment_is_probed_like_any_other(site: Workspace, cuda: Path) -> None:
    row = framework(site.envgen("probe", "--python", cuda, "--json", **GPU))
    assert (row["state"], row["package"], row["ran_on"]) == ("ok", "torch 2.9.1+cu130 (pip)", "gpu")
    assert row["origin"] == str(site_of(cuda) / "torch" / "__init__.py")
    assert row["meant"] == {"gpu": True, "cuda": "13.0", "because": "its wheel, torch 2.9.1+cu130"}


def test_an_interpreter_may_be_named_by_a_relative_path_and_by_a_command(site: Workspace, cuda: Path) -> None:
    relative = site.envgen("probe", "--python", "bin/python", "--json", cwd=cuda.parent.parent, **GPU)
    path = os.pathsep.join((str(cuda.parent), os.environ["PATH"]))
    command = site.envgen("probe", "--python", "python", "--json", PATH=path, **GPU)
    assert framework(relative)["state"] == framework(command)["state"] == "ok"


def test_a_cpu_wheel_is_right_unless_cuda_is_required(site: Workspace, cpu: Path) -> None:
    done = site.envgen("probe", "--python", cpu, "--json", **GPU)
    assert (done.status, framework(done)["state"]) == (0, "ok")
    done = site.envgen("probe", "--python", cpu, "--require-cuda", "--json", **GPU)
    assert (done.status, rules(framework(done))) == (1, ["cpu-build"])


def test_a_cuda_wheel_without_a_driver_is_an_error(site: Workspace, cuda: Path) -> None:
    done = site.envgen("probe", "--python", cuda, "--json", **changes(absent_nvml()))
    assert (done.status, rules(framework(done))) == (1, ["no-driver"])


# --- PYTHONPATH -----------------------------------------------------------------------------------------------------------


def test_a_framework_on_pythonpath_hides_the_environments_own(site: Workspace, cuda: Path, cpu: Path) -> None:
    path = os.pathsep.join((str(site_of(cpu)), GPU["PYTHONPATH"]))
    done = site.envgen("probe", "--python", cuda, "--json", **{**GPU, "PYTHONPATH": path})
    row = framework(done)
    assert (done.status, row["origin"]) == (1, str(site_of(cpu) / "torch" / "__init__.py"))
    assert {"cpu-build", "foreign-framework"} <= set(rules(row))


def test_a_framework_on_pythonpath_alone_is_not_installed(site: Workspace, cuda: Path, tmp_path: Path) -> None:
    python = venv(tmp_path / ".venv")
    path = os.pathsep.join((str(site_of(cuda)), GPU["PYTHONPATH"]))
    done = site.envgen("probe", "--python", python, **{**GPU, "PYTHONPATH": path})
    hint = "name another environment with --prefix or --python, or one of its modules with --framework"
    refused(done, f"{python}: no framework of the matrices is installed", hint)


# --- what cannot be probed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["no/such/python", "python-that-nobody-has"])
def test_what_is_not_there_is_bad_input(site: Workspace, name: str) -> None:
    done = site.envgen("probe", "--python", name)
    refused(done, f"{site.root / name}: no such Python interpreter", "give its path, for example .venv/bin/python")


def test_an_empty_name_is_not_taken_for_the_active_environment(site: Workspace, cuda: Path) -> None:
    done = site.envgen("probe", "--python", "", CONDA_PREFIX=str(cuda.parent.parent))
    refused(done, "--python names no interpreter", "give its path, for example .venv/bin/python")


def test_a_folder_is_bad_input(site: Workspace, cuda: Path) -> None:
    folder = cuda.parent.parent
    hint = "give its interpreter, for example .venv/bin/python; a conda environment can be named with --prefix"
    refused(site.envgen("probe", "--python", folder), f"{folder}: this is a folder, not a Python interpreter", hint)


@pytest.mark.parametrize(
    "says",
    [
        "hello",
        "",
        "[]",
        "null",
        '{"version": [3, 12]}',
        '{"version": "new", "prefix": "/", "base": "/", "path": []}',
        '{"version": [3, 12], "prefix": "/", "base": "/", "path": 7}',
    ],
)
def test_another_program_is_no_python(site: Workspace, tmp_path: Path, says: str) -> None:
    path = program(tmp_path / "python", says)
    what = f"{path}: this is not a Python interpreter, or it does not start"
    refused(site.envgen("probe", "--python", path), what, "give the path of a Python that starts by itself")


def test_a_file_that_is_no_program_is_no_python(site: Workspace, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("python 3.12\n", encoding="utf-8")
    done = site.envgen("probe", "--python", tmp_path / "notes.txt")
    assert (done.status, "this is not a Python interpreter, or it does not start" in done.err) == (2, True)


@pytest.mark.parametrize(("version", "shown"), [("[3, 5]", "3.5"), ("[2, 7]", "2.7")])
def test_a_python_that_is_too_old_is_told_with_its_version(site: Workspace, tmp_path: Path, version: str, shown: str) -> None:
    path = program(tmp_path / "python", f'{{"version": {version}, "prefix": "/", "base": "/", "path": []}}')
    what = f"{path}: this is Python {shown}; the probe needs Python 3.6 or newer"
    refused(site.envgen("probe", "--python", path), what, "give a newer one")


def test_python_and_an_environment_are_not_named_together(site: Workspace, cuda: Path) -> None:
    for words in (("vision",), ("--prefix", cuda.parent.parent)):
        done = site.envgen("probe", "--python", cuda, *words)
        assert (done.status, "--python names the environment already" in done.err) == (2, True)


def test_a_framework_that_is_not_installed_is_told_with_the_interpreter(site: Workspace, cuda: Path) -> None:
    done = site.envgen("probe", "--python", cuda, "--framework", "jax", **GPU)
    refused(done, f"{cuda}: `jax` is not installed", "installed here: pytorch")
