"""`envgen export`: a lock as the files of other tools, each read back by a reader of its format, with the packages of the lock."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
import yaml
from conftest import REPO, Workspace
from packaging.requirements import Requirement
from rattler import LockFile
from system import walkthrough
from system.test_scenarios import command

from envgen.formats.conda_lock import read_lock
from envgen.formats.environment_file import read_environment_file
from envgen.formats.explicit import read_explicit
from envgen.formats.reading import read_any
from envgen.formats.virtual_packages import read_virtual_packages
from envgen.model.packages import Lock, LockedPackage

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SHA = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
WHEEL = "https://wheels.example.org/f/tinyops-1.0+cu126-py3-none-any.whl"
SDIST = "https://wheels.example.org/f/smallops-2.0.tar.gz"
PIP = "".join(
    f"- name: {name}\n  version: '{version}'\n  manager: pip\n  platform: linux-64\n  dependencies: {{}}\n  url: {url}\n"
    f"  hash:\n    sha256: {SHA}\n  category: main\n  optional: false\n"
    for name, version, url in (("smallops", "2.0", SDIST), ("tinyops", "1.0+cu126", WHEEL))
)


TORCH = PIP.partition("- name: tinyops")[0].replace("smallops", "torch").replace("'2.0'", "'2.15.0+cpu'")
PLACES = """
pip: [tinyops, smallops]
pip-repositories: ["https://$NAME:$WORD@wheels.example.org/simple", "https://more.example.org/simple"]
pip-indexes: {team: {url: "https://$NAME:$WORD@team.example.org/simple", packages: [smallops]}}
find-links: ["https://wheels.example.org/links/", "/srv/wheels"]
"""


@pytest.fixture
def locked(workspace: Workspace) -> Workspace:
    """The committed projects `vision`, `legacy`, and `wheels`: JAX for CPU with two pip packages."""
    for name in ("vision", "legacy"):
        shutil.copytree(REPO / "environments" / name, workspace.root / "environments" / name)
    folder = workspace.root / "environments" / "wheels"
    shutil.copytree(REPO / "environments" / "jax", folder)
    shutil.rmtree(folder / "cu129")
    with (folder / "cpu" / "conda-lock.yml").open("a") as file:
        file.write(PIP)
    return workspace


def exported(workspace: Workspace, *words: object) -> str:
    done = workspace.envgen("export", *words)
    assert done.status == 0, done.err
    return done.out


def lock_of(workspace: Workspace, project: str, target: str) -> Lock:
    path = workspace.root / "environments" / project / target / "conda-lock.yml"
    return read_lock(path.read_text(), path.name)


def on(lock: Lock, platform: str, manager: str = "conda") -> list[LockedPackage]:
    return [one for one in lock.packages if one.platform == platform and one.manager == manager]


def test_a_list_of_urls_has_the_packages_of_the_lock(locked: Workspace) -> None:
    text = exported(locked, "vision", "--target", "cu126", "--platform", "win-64", "--format", "explicit")
    found = read_explicit(text, "list")
    expected = on(lock_of(locked, "vision", "cu126"), "win-64")
    assert [(one.url, one.md5) for one in found.packages] == [(one.url, one.md5) for one in expected]
    assert {one.platform for one in found.packages} == {"win-64"}


def test_pip_packages_of_a_list_are_comments_as_conda_lock_writes_them(locked: Workspace) -> None:
    text = exported(locked, "wheels", "--platform", "linux-64", "--format", "explicit")
    found = on(read_explicit(text, "list"), "linux-64", "pip")
    assert [(one.name, one.url, one.sha256) for one in found] == [("smallops", SDIST, SHA), ("tinyops", WHEEL, SHA)]


@pytest.mark.parametrize(("project", "target", "channel"), [("vision", "cpu", ""), ("legacy", "cu116", "pytorch::")])
def test_an_environment_file_pins_version_and_build_of_every_package(
    project: str, target: str, channel: str, locked: Workspace
) -> None:
    text = exported(locked, project, "--target", target, "--platform", "linux-64", "--format", "environment")
    found = read_environment_file(text, "environment.yml")
    expected = on(lock_of(locked, project, target), "linux-64")
    assert found.complete
    assert [(one.name, one.version, one.build) for one in found.packages] == [
        (one.name, one.version, one.build) for one in expected
    ]
    assert found.channels == (*lock_of(locked, project, target).channels, "nodefaults")
    assert re.search(rf"^  - {channel}pytorch=", text, re.MULTILINE)


def test_an_environment_file_has_pip_packages_with_their_hashes(locked: Workspace) -> None:
    text = exported(locked, "wheels", "--platform", "linux-64", "--format", "environment")
    assert text.endswith(f"  - pip:\n      - smallops @ {SDIST}#sha256={SHA}\n      - tinyops @ {WHEEL}#sha256={SHA}\n")


def test_a_workspace_of_pixi_has_a_named_platform_for_each_cell(locked: Workspace, tmp_path: Path) -> None:
    exported(locked, "vision", "--format", "pixi", "--output", tmp_path / "out")
    locks = {lock.machine: lock for lock in read_any(tmp_path / "out" / "pixi.lock", "pixi.lock")}
    assert locks.keys() == {
        *("cpu-linux-64", "cpu-osx-arm64", "cpu-win-64", "cu126-linux-64", "cu126-win-64", "cu129-linux-64"),
    }
    for name, found in locks.items():
        target, _, platform = name.partition("-")
        expected = on(lock_of(locked, "vision", target), platform)
        assert {(one.name, one.url, one.sha256) for one in found.packages} == {(one.name, one.url, one.sha256) for one in expected}
        virtual = read_virtual_packages(locked.root / "environments" / "vision" / target / "virtual-packages.yml")[platform]
        assert dict(found.promises) == {key: value for key, value in virtual.items() if value != "0"}
    depends = {one.name: one.depends for one in locks["cu126-linux-64"].packages}
    assert any(need.startswith("cuda-version") for need in depends["pytorch"])


def test_the_manifest_of_pixi_promises_what_its_lock_does(locked: Workspace, tmp_path: Path) -> None:
    exported(locked, "vision", "--target", "cpu", "--target", "cu126", "--format", "pixi", "--output", tmp_path)
    data = tomllib.loads((tmp_path / "pixi.toml").read_text())
    rows = {row["name"]: row for row in data["workspace"]["platforms"]}
    assert list(rows)[:2] == ["cu126-linux-64", "cu126-win-64"]  # what pixi takes first where both can run
    assert rows["cu126-linux-64"] == {
        "name": "cu126-linux-64",
        "platform": "linux-64",
        "archspec": "x86_64",
        "cuda": "12.6",
        "glibc": "2.28",
        "linux": "5.10",
    }
    assert data["target"]["cu126-linux-64"]["dependencies"]["pytorch"] == {"version": "2.6.0.*", "build": "cuda126*"}
    assert data["target"]["cpu-linux-64"]["dependencies"]["pandas"] == ">=2"


def test_what_was_exported_to_pixi_can_be_brought_in_again(locked: Workspace, tmp_path: Path) -> None:
    exported(locked, "vision", "--format", "pixi", "--output", tmp_path)
    done = locked.envgen("init", "--from", tmp_path / "pixi.toml", "--project", "again")
    assert (done.status, done.err) == (0, "")
    text = (locked.root / "environments" / "again" / "project.yaml").read_text()
    assert [one for one in ("cpu", "cu126", "cu129") if one not in text] == []
    assert 'dependencies: [numpy, "pandas >=2", matplotlib, jupyterlab]' in text.splitlines()


def test_pip_packages_are_in_the_lock_of_pixi(locked: Workspace, tmp_path: Path) -> None:
    exported(locked, "wheels", "--platform", "linux-64", "--format", "pixi", "--output", tmp_path)
    (lock,) = read_any(tmp_path / "pixi.lock", "pixi.lock")
    assert [(one.name, one.version, one.url, one.sha256) for one in on(lock, "linux-64", "pip")] == [
        ("smallops", "2.0", SDIST, SHA),
        ("tinyops", "1.0+cu126", WHEEL, SHA),
    ]


def test_the_places_of_wheels_are_options_of_pixi_and_come_back(locked: Workspace, tmp_path: Path) -> None:
    """In the manifest and, where pixi compares them, in the lock; a login is in neither."""
    project = locked.root / "environments" / "wheels" / "project.yaml"
    project.write_text(project.read_text() + PLACES)
    lock_file = locked.root / "environments" / "wheels" / "cpu" / "conda-lock.yml"
    lock_file.write_text(lock_file.read_text() + TORCH)
    exported(locked, "wheels", "--platform", "linux-64", "--format", "pixi", "--output", tmp_path)
    data = tomllib.loads((tmp_path / "pixi.toml").read_text())
    assert data["pypi-options"] == {
        "index-url": "https://wheels.example.org/simple",
        "extra-index-urls": ["https://more.example.org/simple"],
        "find-links": [{"url": "https://wheels.example.org/links/"}, {"path": "/srv/wheels"}],
    }
    assert data["target"]["cpu-linux-64"]["pypi-dependencies"] == {
        "smallops": {"version": "==2.0", "index": "https://team.example.org/simple"},
        "tinyops": "==1.0+cu126",
        "torch": {"version": "==2.15.0+cpu", "index": "https://download.pytorch.org/whl/cpu"},
    }
    LockFile.from_path(tmp_path / "pixi.lock").to_path(tmp_path / "again.lock")  # what rattler has read
    lock = yaml.safe_load((tmp_path / "again.lock").read_text())["environments"]["default"]
    assert lock["indexes"] == ["https://wheels.example.org/simple", "https://more.example.org/simple"]
    assert lock["find-links"] == [{"url": "https://wheels.example.org/links/"}, {"path": "/srv/wheels"}]
    assert locked.envgen("init", "--from", tmp_path / "pixi.toml", "--project", "again").status == 0
    text = (locked.root / "environments" / "again" / "project.yaml").read_text()
    assert 'pip-repositories: ["https://wheels.example.org/simple"]\n' in text
    assert '  team-example-org: {url: "https://team.example.org/simple", packages: [smallops]}\n' in text


def test_without_an_index_that_of_uv_is_the_one_of_pixi(locked: Workspace, tmp_path: Path) -> None:
    exported(locked, "wheels", "--platform", "linux-64", "--format", "pixi", "--output", tmp_path)
    data = tomllib.loads((tmp_path / "pixi.toml").read_text())
    (index,) = yaml.safe_load((tmp_path / "pixi.lock").read_text())["environments"]["default"]["indexes"]
    assert data["pypi-options"] == {"index-url": index}
    assert re.fullmatch(r"https://[a-z.]+/simple", index)
    exported(locked, "vision", "--format", "pixi", "--output", tmp_path, "--overwrite")
    assert "pypi" not in (tmp_path / "pixi.toml").read_text()
    assert "indexes" not in (tmp_path / "pixi.lock").read_text()


def test_requirements_have_url_and_hash_of_each_pip_package(locked: Workspace, tmp_path: Path) -> None:
    exported(locked, "wheels", "--platform", "linux-64", "--format", "requirements", "--output", tmp_path / "r.txt")
    (lock,) = read_any(tmp_path / "r.txt", "r.txt")
    assert [(one.name, one.url, one.sha256) for one in lock.packages] == [("smallops", SDIST, SHA), ("tinyops", WHEEL, SHA)]
    lines = (tmp_path / "r.txt").read_text().splitlines()
    assert [Requirement(line.rstrip(" \\")).name for line in lines if "@" in line] == ["smallops", "tinyops"]


def test_a_pylock_is_valid_and_for_one_platform(locked: Workspace, tmp_path: Path) -> None:
    text = exported(locked, "wheels", "--platform", "linux-64", "--format", "pylock")
    pylock = pytest.importorskip("packaging.pylock")
    found = pylock.Pylock.from_dict(tomllib.loads(text))
    assert [str(package.name) for package in found.packages] == ["smallops", "tinyops"]
    assert [str(marker) for marker in found.environments] == ['sys_platform == "linux" and platform_machine == "x86_64"']
    assert str(found.requires_python) == "==3.14.*"
    (tmp_path / "pylock.toml").write_text(text)
    (lock,) = read_any(tmp_path / "pylock.toml", "pylock.toml")
    assert {(one.name, one.version) for one in lock.packages} == {("smallops", "2.0"), ("tinyops", "1.0+cu126")}


def test_a_dockerfile_has_a_stage_for_each_target_with_commands_that_exist(locked: Workspace) -> None:
    text = exported(locked, "vision", "--format", "dockerfile")
    stages = re.findall(r"^FROM (\S+) AS (\S+)$", text, re.MULTILINE)
    assert stages[1:] == [
        (base, name) for one in ("cpu", "cu126", "cu129") for base, name in (("envgen", f"install-{one}"), ("$BASE", one))
    ]
    assert text.count("NVIDIA_VISIBLE_DEVICES=all") == 2
    for line in re.findall(r"^RUN envgen (.*)$", text, re.MULTILINE):
        done = locked.envgen(*shlex.split(line), "--print-commands")
        assert done.status == 0, done.err
        assert "/opt/env" in done.out


@pytest.mark.parametrize(
    ("words", "status", "what"),
    [
        (("vision", "--format", "explicit"), 2, "3 targets are locked\n\nhint: choose one: --target cpu or --target cu126"),
        (("vision", "--target", "cpu", "--format", "explicit"), 2, "choose one: --platform linux-64 or --platform osx-arm64"),
        (("vision", "--target", "cu118", "--format", "explicit"), 2, "vision has no locked target `cu118`"),
        (("nothing", "--format", "explicit"), 2, "there is no project `nothing`"),
        (("vision", "--format", "pixi"), 2, "give a folder with --output DIR"),
        (("vision", "--target", "cu129", "--format", "pylock"), 2, "vision-cu129 has no pip packages on linux-64"),
        (("vision", "--target", "gpu", "--format", "explicit"), 2, "depends on the machine"),
        (("vision", "--target", "cpu", "--platform", "osx-arm64", "--format", "dockerfile"), 2, "vision is not locked for Linux"),
        (("vision", "--target", "cu129", "--platform", "osx-64", "--format", "explicit"), 2, "nothing that is requested is locked"),
    ],
)
def test_what_cannot_be_exported_is_an_error_that_says_what_to_do(
    words: tuple[str, ...], status: int, what: str, locked: Workspace
) -> None:
    done = locked.envgen("export", *words)
    assert (done.status, done.out) == (status, "")
    assert what in done.err


def test_a_target_of_a_project_without_a_lock_is_to_be_locked_first(workspace: Workspace) -> None:
    workspace.project("new", 'python: "3.12"\ntargets: [cpu]\nplatforms: [linux-64]\nchannels: [conda-forge]\n')
    done = workspace.envgen("export", "new", "--target", "cpu", "--format", "explicit")
    assert (done.status, done.err) == (2, "error: new has no locked target `cpu`\n\nhint: run `envgen lock new` first\n")


def test_a_file_that_exists_is_only_replaced_where_that_is_requested(locked: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("kept\n")
    words = ("export", "legacy", "--target", "cpu", "--format", "explicit", "--output", path)
    assert locked.envgen(*words).status == 2
    assert path.read_text() == "kept\n"
    assert locked.envgen(*words, "--overwrite").status == 0
    assert "@EXPLICIT" in path.read_text()


@pytest.mark.parametrize("there", [True, False])
def test_a_link_at_the_place_of_an_exported_file_is_never_written_through(locked: Workspace, tmp_path: Path, there: bool) -> None:
    other, path = tmp_path / "other.txt", tmp_path / "list.txt"
    if there:
        other.write_text("kept\n")
    path.symlink_to(other)
    words = ("export", "legacy", "--target", "cpu", "--format", "explicit", "--output", path)
    done = locked.envgen(*words)
    assert (done.status, done.out) == (2, "")
    assert "this file exists" in done.err
    assert path.is_symlink()
    assert locked.envgen(*words, "--overwrite").status == 0
    assert not path.is_symlink()
    assert "@EXPLICIT" in path.read_text()
    assert other.exists() == there
    assert not there or other.read_text() == "kept\n"


def test_a_lock_that_is_a_link_out_of_the_repository_is_not_read(locked: Workspace, tmp_path: Path) -> None:
    lock = locked.root / "environments" / "legacy" / "cpu" / "conda-lock.yml"
    shutil.move(lock, tmp_path / "outside.yml")
    lock.symlink_to(tmp_path / "outside.yml")
    done = locked.envgen("export", "legacy", "--target", "cpu", "--format", "explicit")
    assert (done.status, done.out) == (2, "")
    assert done.err == "error: legacy has no locked target `cpu`\n\nhint: known here: cu113, cu116\n"
    done = locked.envgen("ci-matrix", "legacy")
    assert [line.split()[1] for line in done.out.splitlines()] == ["cu113", "cu116"]


def test_the_page_about_it_does_what_it_says(locked: Workspace, tmp_path: Path) -> None:
    environment = {**locked.environment, "PATH": os.pathsep.join((str(command(tmp_path)), os.environ["PATH"]))}
    assert walkthrough.play(REPO / "docs" / "export.md", locked.root, environment) == 6
