"""The condition of environments on a disk, and every text that `install` prints about one, whole."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from unit import told
from unit.lock_texts import CHANNEL, entry, lock_text

from envgen.formats.installed import MANIFEST_VERSION, InstallManifest, Wheel
from envgen.install import condition
from envgen.install.condition import inspect, is_equivalent
from envgen.install.export import Exported
from envgen.install.install import InstallResult
from envgen.install.messages import activation, commands, exported_json, exported_text, result_text, results_json, usage_text
from envgen.install.plan import InstallPlan
from envgen.install.prefixes import digest, write_manifest
from envgen.install.select import EnvironmentRef
from envgen.model.layout import Layout

# --- the condition of an environment --------------------------------------------------------------------------------------

LOCK = lock_text([entry("zlib 1.3 0", sha="ab" * 32), entry("numpy 2.2.6 0", sha="cd" * 32)])
OF_PIP = lock_text([entry("zlib 1.3 0", sha="ab" * 32), entry("pip einops 0.8", sha="ef" * 32)])
ZLIB, NUMPY = ("zlib-1.3-0", "ab" * 32), ("numpy-2.2.6-0", "cd" * 32)
DAMAGED = {"zlib-1.3-0": ("lib/gone.so",)}


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of Linux, whichever it is."""
    monkeypatch.setattr(condition, "current_platform", lambda: "linux-64")


def environment(folder: Path, *packages: tuple[str, str], pip: str = "", file: str = "") -> Path:
    """An environment as conda leaves it: a record for each package; einops of this version; a file that zlib should have."""
    for dist, sha256 in packages:
        name, version, build = dist.split("-")
        paths = [{"_path": file, "path_type": "hardlink", "size_in_bytes": 1}] if file and name == "zlib" else []
        row = {"name": name, "version": version, "build": build, "sha256": sha256, "files": [], "paths_data": {"paths": paths}}
        path = folder / "conda-meta" / f"{dist}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**row, "subdir": "linux-64", "depends": []}), encoding="utf-8")
    if pip:
        info = folder / f"lib/python3.12/site-packages/einops-{pip}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: Einops\nVersion: {pip}\n", encoding="utf-8")
    return folder


def recorded(prefix: Path, lock: str, *packages: tuple[str, str], wheel: str = "") -> Path:
    """The environment with what envgen records of it."""
    info = Wheel(version="0.8", sha256="ef" * 32, info=wheel)
    write_manifest(
        prefix,
        InstallManifest(
            project="p",
            target="cpu",
            platform="linux-64",
            lock=digest(lock),
            packages=dict(packages),
            pip={"einops": info} if wheel else {},
            version=MANIFEST_VERSION,
        ),
    )
    return prefix


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("make", "lock", "state", "damaged"),
    [
        (lambda folder: folder, LOCK, "absent", {}),
        (lambda folder: environment(folder, ZLIB, NUMPY), LOCK, "equivalent", {}),
        (lambda folder: environment(folder, ZLIB, NUMPY), None, "foreign", {}),
        (lambda folder: environment(folder, ZLIB), LOCK, "foreign", {}),
        (lambda folder: environment(folder, ZLIB, NUMPY, file="lib/gone.so"), LOCK, "damaged", DAMAGED),
        (lambda folder: environment(folder, ZLIB, file="lib/gone.so"), LOCK, "foreign", DAMAGED),
        (lambda folder: recorded(environment(folder, ZLIB, NUMPY), LOCK, ZLIB, NUMPY), LOCK, "installed", {}),
        (lambda folder: recorded(environment(folder, ZLIB, NUMPY), "other", ZLIB, NUMPY), LOCK, "stale", {}),
        (lambda folder: recorded(environment(folder, ZLIB, NUMPY), LOCK, ZLIB, NUMPY), None, "stale", {}),
        (lambda folder: recorded(environment(folder, ZLIB, NUMPY), LOCK, ZLIB), LOCK, "changed", {}),
        (lambda folder: recorded(environment(folder, ZLIB, file="lib/gone.so"), LOCK, ZLIB), LOCK, "damaged", DAMAGED),
        (lambda folder: recorded(environment(folder, ZLIB, file="lib/gone.so"), "other", ZLIB), LOCK, "damaged", DAMAGED),
        (lambda folder: recorded(environment(folder, ZLIB, file="lib/gone.so"), LOCK, NUMPY), LOCK, "changed", DAMAGED),
    ],
)  # fmt: skip
def test_the_condition_of_an_environment(
    make: Callable[[Path], Path], lock: str | None, state: str, damaged: Mapping[str, tuple[str, ...]], tmp_path: Path
) -> None:
    found = inspect(make(tmp_path / "env"), lock, "conda-lock.yml")
    assert (found.state, dict(found.damaged)) == (state, damaged)


@pytest.mark.usefixtures("here")
def test_the_content_of_files_is_compared_where_that_is_asked_for(tmp_path: Path) -> None:
    prefix = recorded(environment(tmp_path / "env", ZLIB), LOCK, ZLIB)
    path = prefix / "conda-meta/zlib-1.3-0.json"
    row = json.loads(path.read_text(encoding="utf-8"))
    row["paths_data"]["paths"] = [{"_path": "a", "path_type": "hardlink", "size_in_bytes": 1, "sha256": "0" * 64}]
    path.write_text(json.dumps(row), encoding="utf-8")
    (prefix / "a").write_text("x", encoding="utf-8")
    assert inspect(prefix, LOCK, "l.yml").state == "installed"
    assert inspect(prefix, LOCK, "l.yml", hashes=True).state == "damaged"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("make", "lock", "same"),
    [
        (lambda folder: environment(folder, ZLIB, NUMPY), LOCK, True),
        (lambda folder: environment(folder, ZLIB, ("numpy-2.2.6-0", "0" * 64)), LOCK, False),
        (lambda folder: environment(folder, ZLIB), LOCK, False),
        (lambda folder: environment(folder, ZLIB, NUMPY, ("a-1-0", "0" * 64)), LOCK, False),
        (lambda folder: environment(folder, ZLIB, NUMPY), LOCK.replace("linux-64", "win-64"), False),
        (lambda folder: environment(folder, ZLIB, NUMPY), "not a lock", False),
        (lambda folder: environment(folder, ZLIB, pip="0.8"), OF_PIP, True),
        (lambda folder: environment(folder, ZLIB, pip="0.7"), OF_PIP, False),
        (lambda folder: environment(folder, ZLIB), OF_PIP, False),
        (lambda folder: environment(folder), LOCK, False),
    ],
)  # fmt: skip
def test_an_environment_of_another_tool_has_just_the_packages_of_a_lock(
    make: Callable[[Path], Path], lock: str, same: bool, tmp_path: Path
) -> None:
    assert is_equivalent(make(tmp_path / "env"), lock, "conda-lock.yml") is same


def test_an_environment_whose_records_cannot_be_read_is_not_that_of_a_lock(here: None, tmp_path: Path) -> None:
    prefix = environment(tmp_path / "env", ZLIB, NUMPY)
    (prefix / "conda-meta/zlib-1.3-0.json").write_text("{", encoding="utf-8")
    assert is_equivalent(prefix, LOCK, "conda-lock.yml") is False


# --- what is printed ------------------------------------------------------------------------------------------------------

PLAN = InstallPlan(
    added=("a-1-0", "b-1-0"),
    removed=("c-1-0",),
    replaced=("d-1-0",),
    relinked={"e-1-0": "its file x is gone"},
    pip_added={"einops": "0.8"},
    pip_removed={"old": "1"},
)
ONE = InstallPlan(added=("a-1-0",))
HISTORY = InstallPlan(requested=True)
WITH_MD5 = LOCK.replace("  hash:\n", f"  hash:\n    md5: {'0' * 32}\n")
PRIVATE = WITH_MD5.replace(CHANNEL, "https://$USER:$PASS@h.example/c")
PLACES: Mapping[str, tuple[str, str, str]] = {  # the prefix, conda's folder, the lock
    "in conda's folder": ("envs/p-cpu", "envs", WITH_MD5),
    "in conda's folder, under another name": ("envs/mine", "envs", WITH_MD5),
    "beside conda's folder": ("my env/p-cpu", "envs", WITH_MD5),
    "without conda, below the root": ("root/.envs/p-cpu", "", WITH_MD5),
    "without conda, elsewhere": ("mine/p-cpu", "", WITH_MD5),
    "a lock without md5": ("envs/p-cpu", "envs", LOCK),
    "a private channel": ("envs/p-cpu", "envs", PRIVATE),
    "a private channel, without md5": ("envs/p-cpu", "envs", PRIVATE.replace("md5", "old")),
}
EXPORTED = Exported(folder=Path("out"), locks=("p cpu", "p cu126"), packages=1200, wheels=3, size=2_345_600_000, fetched=7)


def site(folder: Path, monkeypatch: pytest.MonkeyPatch, prefix: str, conda: str, lock: str) -> tuple[Layout, EnvironmentRef]:
    """A repository with one lock, and the place of its environment, on a machine with or without conda."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("HOME", str(folder / "home"))
    for name in ("CONDA_ENVS_PATH", "CONDA_ENVS_DIRS", "CONDA_EXE", "CONDA_PREFIX", "CONDA_ROOT", "MAMBA_ROOT_PREFIX", "MAMBA_EXE"):
        monkeypatch.delenv(name, raising=False)
    if conda:
        monkeypatch.setenv("CONDA_ENVS_PATH", str(folder / conda))
    layout = Layout(folder / "root")
    path = layout.target("p", "cpu") / "conda-lock.yml"
    path.parent.mkdir(parents=True)
    path.write_text(lock, encoding="utf-8")
    return layout, EnvironmentRef(project="p", target="cpu", prefix=folder / prefix, lock=path, lock_digest="0")


def lines_of(title: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is printed about an environment in one place."""
    layout, ref = site(folder, monkeypatch, *PLACES[title])
    rows = [activation(layout, ref), *commands(layout, ref), "-- as a new environment", *usage_text(layout, ref).splitlines()]
    return [row.replace(str(folder), "/HERE") for row in rows]


def texts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What is printed of each result."""
    layout, ref = site(folder, monkeypatch, *PLACES["in conda's folder"])
    states = ("installed", "updated", "repaired", "adopted", "unchanged", "new", "different", "adoptable")
    found = {}
    for state in states:
        rows = [InstallResult(ref, state), *(InstallResult(ref, state, plan) for plan in (PLAN, ONE, HISTORY))]
        found[state] = [line for row in rows for line in result_text(row).splitlines()]
    found["as JSON"] = results_json(layout, [InstallResult(ref, "updated", PLAN), InstallResult(ref, "unchanged")]).splitlines()
    one = replace(EXPORTED, locks=("p cpu",), wheels=0, packages=2, size=1_500_000, fetched=0)
    found["a folder of packages"] = [exported_text(EXPORTED), exported_text(one), *exported_json(EXPORTED).splitlines()]
    return {title: [line.replace(str(folder), "/HERE") for line in rows] for title, rows in found.items()}


@pytest.mark.skipif(sys.platform == "win32", reason="paths and quotes are others there")
def test_every_text_is_what_was_written_down(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, update_golden: bool
) -> None:
    found = {title: lines_of(title, tmp_path_factory.mktemp("places"), monkeypatch) for title in PLACES}
    found |= texts(tmp_path_factory.mktemp("texts"), monkeypatch)
    if update_golden:
        told.write("install.txt", found)
    assert found == told.written("install.txt")
