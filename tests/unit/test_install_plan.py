"""What an installation changes, and conda's history: pure functions, without an environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from envgen.formats.environment_yml import read_specs, spec_name
from envgen.formats.installed import MANIFEST_VERSION, InstallManifest, Wheel
from envgen.formats.installed_files import damaged_files, listed_files, located, wheel_files
from envgen.install.history import appended
from envgen.install.plan import Installed, InstallPlan, interpreter, plan, same_archive
from envgen.install.platform_lock import PlatformLock, dist_name, read
from envgen.install.records import from_lock, spelled
from envgen.model.errors import BadInput
from envgen.model.packages import LockedPackage

CHANNEL = "https://conda.anaconda.org/conda-forge"
PYTHON, NEXT, THREADS = "python-3.12.9-h0_0_cpython", "python-3.13.2-h0_0_cp313", "python-3.13.2-h0_0_cp313t"
NOW = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - conda writes local time


def package(dist: str, sha256: str = "a" * 64, md5: str | None = "b" * 32) -> LockedPackage:
    name, version, build = dist.rsplit("-", 2)
    url = f"{CHANNEL}/linux-64/{dist}.conda"
    return LockedPackage(
        name=name, version=version, build=build, manager="conda", platform="linux-64", url=url, sha256=sha256, md5=md5
    )


def lock(*dists: str, requested: tuple[str, ...] = (), pip: tuple[LockedPackage, ...] = ()) -> PlatformLock:
    return PlatformLock(
        platform="linux-64", conda={dist: package(dist) for dist in dists}, pip=pip, channels=(), requested=requested
    )


def record(*files: str, **more: Any) -> dict[str, Any]:
    return {"sha256": "a" * 64, "subdir": "linux-64", "files": list(files), **more}


def there(records: Mapping[str, Mapping[str, Any]], version: int = MANIFEST_VERSION, **more: Any) -> Installed:
    manifest = InstallManifest(project="p", target="cpu", platform="linux-64", lock="", packages={}, version=version, **more)
    return Installed(records=records, manifest=manifest)


# --- the plan -------------------------------------------------------------------------------------------------------------


def test_nothing_differs() -> None:
    found = plan(there({"a-1-0": record("a.txt")}), lock("a-1-0"))
    assert (found, bool(found)) == (InstallPlan(), False)


def test_a_damaged_package_is_linked_again_and_the_first_file_is_named() -> None:
    installed = replace(there({"a-1-0": record(), "b-1-0": record()}), damaged={"a-1-0": ("x",), "b-1-0": ("y", "z")})
    assert dict(plan(installed, lock("a-1-0", "b-1-0")).relinked) == {
        "a-1-0": "1 file was missing or changed: x",
        "b-1-0": "2 files were missing or changed: y",
    }


def test_an_environment_without_a_manifest_has_a_plan() -> None:
    assert dict(plan(Installed(records={"a-1-0": record()}, manifest=None), lock("a-1-0")).relinked) == {}


def test_the_other_hash_decides_where_one_is_missing() -> None:
    md5_only = replace(package("a-1-0"), sha256=None)
    assert same_archive({"sha256": "a" * 64, "md5": "b" * 32}, md5_only)
    assert not same_archive({"sha256": "a" * 64, "md5": "c" * 32}, md5_only)


def test_there_is_no_interpreter_without_python() -> None:
    assert interpreter(()) == ""
    assert interpreter(["python-dateutil-2.9.0-pyhd_0"]) == ""


@pytest.mark.parametrize(
    ("old", "new", "again"),
    [
        pytest.param(PYTHON, PYTHON, False, id="the same Python"),
        pytest.param(PYTHON, "python-3.12.10-h1_2_cpython", False, id="another patch release"),
        pytest.param(PYTHON, NEXT, True, id="another minor"),
        pytest.param(NEXT, PYTHON, True, id="the minor before"),
        pytest.param(NEXT, THREADS, True, id="free-threaded"),
        pytest.param(THREADS, NEXT, True, id="with the lock again"),
        pytest.param("python-3.9.18-0_73_pypy", "python-3.9.18-h0_0_cpython", True, id="CPython for PyPy"),
    ],
)
def test_noarch_packages_are_linked_again_for_another_python(old: str, new: str, again: bool) -> None:
    records = {old: record(), "pure-1-0": record(noarch="python"), "data-1-0": record(noarch="generic"), "native-1-0": record()}
    found = plan(there(records), lock(new, "pure-1-0", "data-1-0", "native-1-0"))
    assert dict(found.relinked) == ({"pure-1-0": "Python has changed"} if again else {})


def test_the_interpreter_is_that_of_the_package_python_and_of_no_other() -> None:
    assert interpreter(["python-dateutil-2.9-py_0", "python-3.13.2-h0_0_cp313t", "python_abi-3.13-8_cp313t"]) == "3.13 cp313t"
    assert interpreter(["python_abi-3.13-8_cp313"]) == ""


def test_pip_packages_are_installed_again_for_another_python() -> None:
    wheel = LockedPackage(name="w", version="1", build="", manager="pip", platform="linux-64", sha256="c" * 64)
    installed = there({NEXT: record()}, pip={"w": Wheel("1", "c" * 64, "lib/w-1.dist-info")})
    assert not plan(installed, lock(NEXT, pip=(wheel,)))
    assert plan(installed, lock(THREADS, pip=(wheel,))).pip_added == {"w": "1"}


def test_packages_that_share_a_file_with_one_that_changes_are_linked_again_and_so_on() -> None:
    records = {"a-1-0": record("x", "y"), "b-1-0": record("y", "z"), "c-1-0": record("z"), "d-1-0": record("other")}
    found = plan(there(records), lock("b-1-0", "c-1-0", "d-1-0"))
    assert (found.removed, set(found.relinked)) == (("a-1-0",), {"b-1-0", "c-1-0"})


def test_records_of_an_older_envgen_are_written_again() -> None:
    found = plan(there({"a-1-0": record(), "b-1-0": record()}, version=1), lock("a-1-0"))
    assert (dict(found.relinked), found.removed) == ({"a-1-0": "its record was not complete"}, ("b-1-0",))


def test_another_archive_of_the_same_name_replaces_the_package() -> None:
    assert plan(there({"a-1-0": record(sha256="f" * 64)}), lock("a-1-0")).replaced == ("a-1-0",)


@pytest.mark.parametrize(
    ("found", "same"),
    [
        ({"sha256": "a" * 64, "md5": "b" * 32}, True),
        ({"sha256": "a" * 64}, True),
        ({"md5": "b" * 32}, True),
        ({"sha256": "f" * 64, "md5": "b" * 32}, False),
        ({"md5": "f" * 32}, False),
        ({}, False),
    ],
)
def test_archives_are_compared_by_the_best_hash_that_both_sides_have(found: Mapping[str, object], same: bool) -> None:
    assert same_archive(found, package("a-1-0")) is same


def test_changed_specs_are_a_change() -> None:
    found = plan(there({"a-1-0": record()}, requested=("a",)), lock("a-1-0", requested=("a >=1",)))
    assert (bool(found), found.packages, found.requested) == (True, False, True)


# --- the history ----------------------------------------------------------------------------------------------------------


def named(*dists: str, subdir: str = "linux-64", channel: str = CHANNEL) -> dict[str, dict[str, Any]]:
    return {dist: {"url": f"{channel}/{subdir}/{dist}.conda", "subdir": subdir} for dist in dists}


def test_an_entry_says_what_came_what_went_and_what_was_requested() -> None:
    first = appended("", named("a-1-0", "b-1-0"), ("a", "conda-forge::b >=1"), "envgen install p --target cpu", NOW)
    assert first == (
        "==> 2026-01-02 03:04:05 <==\n"
        "# cmd: envgen install p --target cpu\n"
        "+conda-forge/linux-64::a-1-0\n"
        "+conda-forge/linux-64::b-1-0\n"
        "# update specs: ['a', 'conda-forge::b >=1']\n"
    )
    second = appended(first, named("a-2-0"), ("a >=2",), "envgen install p --target cpu", NOW)
    assert second == first + (
        "==> 2026-01-02 03:04:05 <==\n"
        "# cmd: envgen install p --target cpu\n"
        "-conda-forge/linux-64::a-1-0\n"
        "-conda-forge/linux-64::b-1-0\n"
        "+conda-forge/linux-64::a-2-0\n"
        "# remove specs: ['b']\n"
        "# update specs: ['a >=2']\n"
    )
    assert appended(second, named("a-2-0"), ("a >=2",), "another command", NOW) == second


@pytest.mark.parametrize(
    ("channel", "shown"),
    [
        ("https://repo.anaconda.com/pkgs/main", "defaults"),
        ("https://repo.anaconda.com/pkgs/free", "https://repo.anaconda.com/pkgs/free"),
        ("https://conda.anaconda.org/nvidia/label/cuda-11.8.0", "nvidia/label/cuda-11.8.0"),
        ("https://user:secret@conda.example.org/t/token/private", "https://conda.example.org/private"),
    ],
)
def test_channels_are_named_as_conda_names_them_and_without_credentials(channel: str, shown: str) -> None:
    assert f"+{shown}/linux-64::a-1-0\n" in appended("", named("a-1-0", channel=channel), (), "c", NOW)


def test_an_entry_of_conda_is_understood() -> None:
    old = (
        "==> 2025-01-01 00:00:00 <==\n# cmd: conda create --name x a b\n# conda version: 25.1.1\n"
        "+conda-forge/linux-64::a-1-0\n+conda-forge/linux-64::c-1-0\n# update specs: [\"a[version='>=1']\", 'c']\n"
        "==> 2025-01-02 00:00:00 <==\n# cmd: conda remove c\n-conda-forge/linux-64::c-1-0\n# remove specs: ['c']\n"
    )
    new = appended(old, named("a-1-0"), ("a",), "c", NOW)
    assert new.removeprefix(old).splitlines()[2:] == ["# update specs: ['a']"]


@pytest.mark.parametrize(
    "text", ["", "\n", "nonsense", "==>", "# update specs: [1, 'a'\n", "==> x <==\n# update specs: ['a', {}]\n"]
)
def test_a_history_that_was_written_by_hand_is_continued(text: str) -> None:
    new = appended(text, named("a-1-0"), ("a",), "c", NOW)
    assert new.endswith("+conda-forge/linux-64::a-1-0\n# update specs: ['a']\n")


# --- specs ----------------------------------------------------------------------------------------------------------------


def test_the_specs_of_an_environment_yml_are_those_of_conda() -> None:
    text = "name: x\ndependencies:\n  - python 3.12.*\n  - conda-forge::numpy >=2\n  - pip:\n      - einops\n"
    assert read_specs(text, "environment.yml", "linux-64") == ("python 3.12.*", "conda-forge::numpy >=2")
    assert [spec_name(spec) for spec in ("Python=3.12", "a::b-c >=1", "x[build=cuda*]", "numpy>=2", "")] == [
        *("python", "b-c", "x", "numpy", "")
    ]


@pytest.mark.parametrize("text", ["", "name: x\n", "dependencies:\n", "dependencies: 3\n", "- a\n"])
def test_an_environment_yml_without_dependencies_has_no_specs(text: str) -> None:
    assert read_specs(text, "environment.yml", "linux-64") == ()


def test_an_environment_yml_that_is_not_yaml_is_told_by_its_place() -> None:
    with pytest.raises(BadInput, match=r"environment\.yml:\d+:\d+"):
        read_specs("dependencies: [a\n", "environment.yml", "linux-64")


LOCK = """\
version: 1
metadata:
  channels:
    - url: conda-forge
      used_env_vars: []
  platforms: [linux-64]
  sources: [environment.yml]
  content_hash: {linux-64: x}
package:
- name: numpy
  version: 2.2.6
  manager: conda
  platform: linux-64
  dependencies: {}
  url: https://conda.anaconda.org/conda-forge/linux-64/numpy-2.2.6-py312_0.conda
  hash:
    md5: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
  category: main
  optional: false
"""


def test_without_an_environment_yml_every_package_counts_as_requested() -> None:
    """None is then removed as unused when another one is."""
    assert read(LOCK, "lock", "linux-64").requested == ("numpy",)
    assert read(LOCK, "lock", "linux-64", "dependencies: [numpy >=2, winreg]\n").requested == ("numpy >=2",)
    assert dist_name("https://u:p@example.org/c/linux-64/numpy-2.2.6-py312_0.tar.bz2") == "numpy-2.2.6-py312_0"


@pytest.mark.parametrize(
    ("spec", "written"), [("numpy>=2,<3", "numpy >=2,<3"), ("a ==>1", "a ==>1"), ("python 3.12.*", "python 3.12.*")]
)
def test_a_requested_spec_is_recorded_as_rattler_writes_it_or_as_it_is(spec: str, written: str) -> None:
    assert spelled(spec) == written


# --- files ----------------------------------------------------------------------------------------------------------------


def paths(*names: str, **more: Any) -> dict[str, Any]:
    return {"paths_version": 1, "paths": [{"_path": name, "path_type": "hardlink", **more} for name in names]}


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("site-packages/a/b.py", "lib/python3.12/site-packages/a/b.py"),
        ("site-packages/a/b.py", "lib/python3.13t/site-packages/a/b.py"),
        ("site-packages/a/b.py", "Lib/site-packages/a/b.py"),
        ("python-scripts/tool", "bin/tool"),
        ("python-scripts/tool.exe", "Scripts/tool.exe"),
    ],
)
def test_files_of_noarch_packages_are_found_where_conda_put_them(path: str, place: str) -> None:
    found = located({"files": ["share/x", place], "paths_data": paths("share/x", path)})
    assert [entry["_path"] for entry in found["paths_data"]["paths"]] == ["share/x", place]
    assert list(listed_files({"files": ["share/x", place], "paths_data": paths("share/x", path)})) == ["share/x", place]


def test_a_record_without_paths_lists_its_files() -> None:
    assert list(listed_files({"files": ["a", "b"]})) == ["a", "b"]
    assert listed_files({"paths_data": {"paths": "x"}, "files": None}) == {}


def test_a_path_of_two_packages_only_has_to_be_there(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("12345")
    owners = {"a": {"x": {"size_in_bytes": 5}}, "b": {"x": {"size_in_bytes": 7}}}
    assert damaged_files(tmp_path, owners) == {}
    assert damaged_files(tmp_path, {"b": owners["b"]}) == {"b": ("x",)}
    (tmp_path / "x").unlink()
    assert damaged_files(tmp_path, owners) == {"a": ("x",), "b": ("x",)}


def test_the_files_of_a_wheel_are_those_of_its_record(tmp_path: Path) -> None:
    info = tmp_path / "lib/python3.12/site-packages/w-1.dist-info"
    info.mkdir(parents=True)
    (info / "RECORD").write_text("w.py,sha256=x,12\n../../../bin/w,sha256=y,3\nw-1.dist-info/RECORD,,\n\n")
    wheel = Wheel("1", "c" * 64, "lib/python3.12/site-packages/w-1.dist-info")
    assert wheel_files(tmp_path, wheel) == {
        "lib/python3.12/site-packages/w.py": {"size_in_bytes": 12},
        "bin/w": {"size_in_bytes": 3},
        "lib/python3.12/site-packages/w-1.dist-info/RECORD": {},
    }
    (info / "RECORD").unlink()
    assert list(wheel_files(tmp_path, wheel)) == ["lib/python3.12/site-packages/w-1.dist-info/RECORD"]


@pytest.mark.parametrize(
    "change",
    [{"version": "1..x!"}, {"version": "1e!"}, {"build": "a'b"}, {"name": "x+y!"}, {"sha256": "xyz"}, {"md5": "1"}],
)
def test_a_package_that_rattler_cannot_read_is_bad_input(change: dict[str, str]) -> None:
    told = {"name": "x", "version": "1.0", "build": "0", "url": "https://h/c/noarch/x-1.0-0.conda", "sha256": "ab" * 32, **change}
    with pytest.raises(BadInput):
        from_lock(LockedPackage(manager="conda", platform="linux-64", **told))
