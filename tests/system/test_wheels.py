"""The pip part of an environment: the real pip, real wheels from loopback, each by its hash."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from conftest import Run, Workspace, clean_environment, repository
from system.channel import Server, serve
from system.stand_in import MINOR, SITE, SUBDIR, Package, channel, pip_package, python_module, python_package

from envgen.install.pip_process import PipArrivals

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the packages that run are made for Linux")


def wheel(folder: Path, name: str, version: str) -> None:
    """A genuine wheel of one module with a script that says where it runs."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}.py", f'import sys\nversion = "{version}"\ndef main():\n    print(sys.prefix)\n')
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/entry_points.txt", f"[console_scripts]\n{name}-says = {name}:main\n")
        archive.writestr(f"{info}/RECORD", "")


def index_of(folder: Path) -> None:
    """A simple index of the wheels in each folder below `folder`."""
    for project in folder.iterdir():
        names = [path.name for path in sorted(project.glob("*.whl"))]
        hashes = {name: hashlib.sha256((project / name).read_bytes()).hexdigest() for name in names}
        links = "\n".join(f'<a href="{name}#sha256={hashes[name]}">{name}</a>' for name in names)
        (project / "index.html").write_text(f"<!DOCTYPE html><html><body>\n{links}\n</body></html>", encoding="utf-8")


@dataclass(frozen=True)
class Site:
    workspace: Workspace
    server: Server
    locks: Mapping[str, Mapping[str, bytes]]

    @property
    def prefix(self) -> Path:
        return self.workspace.root / ".envs" / "p-cpu"

    @property
    def lock(self) -> Path:
        return self.workspace.root / "environments/p/cpu/conda-lock.yml"

    def take(self, lock: str) -> None:
        self.workspace.restore(self.locks[lock])

    def install(self, *words: object, **variables: str) -> Run:
        done = self.workspace.envgen("install", "p", "--target", "cpu", *words, **variables)
        assert "Traceback" not in done.err
        return done

    def installed(self) -> None:
        done = self.install()
        assert done.status == 0, done.err

    def wheels(self) -> set[str]:
        return {path.name.removesuffix(".dist-info") for path in self.prefix.glob(f"{SITE}/tiny*.dist-info")}


WISHES = {
    "one": 'dependencies: [pip]\npip: ["tinyops ==1.0"]\n',
    "newer": 'dependencies: [pip]\npip: ["tinyops ==1.1"]\n',
    "two": 'dependencies: [pip]\npip: ["tinyops ==1.0", "tinylib ==1.0"]\n',
    "of conda": 'dependencies: [pip, python-tinyops]\npip: ["tinyops ==1.0"]\n',
    "none": "dependencies: [pip]\n",
    "conda too": 'dependencies: [pip, alpha]\npip: ["tinyops ==1.0"]\n',
    "no pip": 'dependencies: [alpha]\npip: ["tinyops ==1.0"]\n',
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    top = tmp_path_factory.mktemp("world")
    info = "site-packages/TinyOps-1.0.dist-info/METADATA"
    ours = {"site-packages/tinyops.py": "", info: "Metadata-Version: 2.1\nName: TinyOps\nVersion: 1.0\n"}
    renamed = Package("python-tinyops", "1.0", "pyh1234567_0", ("python >=3.10",), files=ours, python=True)
    channel(top / "www" / "c", (python_package(), pip_package(), python_module("alpha", "1.0"), renamed))
    for name, version in (("tinyops", "1.0"), ("tinyops", "1.1"), ("tinylib", "1.0")):
        wheel(top / "www" / "simple" / name, name, version)
    index_of(top / "www" / "simple")
    site = repository(top / "site", clean_environment(top))
    locks = {}
    with serve(top / "www") as server:
        head = f'python: "{MINOR}.*"\ntargets: [cpu]\nplatforms: [{SUBDIR}]\nchannels: ["{server.url("c")}"]\n'
        for name, wishes in WISHES.items():
            more = f'pip-repositories: ["{server.url("simple")}"]\n' if "\npip:" in wishes else ""
            site.project("p", head + wishes + more)
            done = site.envgen("lock")
            assert done.status == 0, done.err
            locks[name] = site.files()
        yield Site(site, server, locks)


@pytest.fixture
def site(world: Site, tmp_path: Path) -> Iterator[Site]:
    environment = {**clean_environment(tmp_path), "ENVGEN_CACHE": world.workspace.environment["ENVGEN_CACHE"]}
    made = replace(world, workspace=repository(tmp_path / "site", environment))
    made.take("one")
    world.server.requests.clear()
    yield made
    vars(world.server).pop("answer", None)


def test_pip_packages_are_installed_and_their_scripts_name_the_final_place(site: Site) -> None:
    site.installed()
    assert site.wheels() == {"tinyops-1.0"}
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}  # the run keeps nothing either
    said = subprocess.run([site.prefix / "bin" / "tinyops-says"], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout == f"{site.prefix}\n"
    named = [path for path in site.prefix.rglob("*") if path.is_file() and b"envgen-tmp" in path.read_bytes()]
    assert named == []
    compiled = [path for path in site.prefix.rglob("*.pyc") if not path.is_relative_to(site.prefix / SITE / "pip")]
    assert compiled == []  # bytecode would name the stage; that of the stand-in for pip names no place


def test_the_record_of_a_corrected_script_is_right(site: Site) -> None:
    """`pip check` does not look, `pip uninstall` and auditors do."""
    import base64

    site.installed()
    script = (site.prefix / "bin" / "tinyops-says").read_bytes()
    hashed = base64.urlsafe_b64encode(hashlib.sha256(script).digest()).decode().rstrip("=")
    record = (site.prefix / SITE / "tinyops-1.0.dist-info" / "RECORD").read_text()
    assert f"../../../bin/tinyops-says,sha256={hashed},{len(script)}\n" in record


def test_the_users_own_settings_of_pip_and_python_change_nothing(site: Site, tmp_path: Path) -> None:
    done = site.install(
        PIP_TARGET=str(tmp_path / "target"), PIP_USER="1", PIP_REQUIRE_VIRTUALENV="1", PYTHONUSERBASE=str(tmp_path / "user")
    )
    assert done.status == 0, done.err
    assert site.wheels() == {"tinyops-1.0"}
    assert not (tmp_path / "target").exists()
    assert not (tmp_path / "user").exists()


def test_nothing_to_do_asks_no_index(site: Site) -> None:
    site.installed()
    site.server.requests.clear()
    assert site.install().out == f"p-cpu: already up to date in {site.prefix}\n"
    assert site.server.requests == []


@pytest.mark.parametrize(
    ("one", "other", "there"),
    [
        ("one", "newer", {"tinyops-1.1"}),
        ("one", "two", {"tinyops-1.0", "tinylib-1.0"}),
        ("two", "one", {"tinyops-1.0"}),
        ("two", "none", set()),
        ("none", "two", {"tinyops-1.0", "tinylib-1.0"}),
    ],
)
def test_an_update_adds_replaces_and_removes(site: Site, one: str, other: str, there: set[str]) -> None:
    site.take(one)
    site.installed()
    site.take(other)
    site.installed()
    assert site.wheels() == there
    scripts = {path.name for path in (site.prefix / "bin").glob("tiny*-says")}
    assert scripts == {f"{name.partition('-')[0]}-says" for name in there}
    assert site.install().out == f"p-cpu: already up to date in {site.prefix}\n"


def test_pip_packages_that_stay_are_not_fetched_again(site: Site) -> None:
    site.installed()
    script = (site.prefix / "bin" / "tinyops-says").stat().st_ino
    site.take("conda too")
    site.server.requests.clear()
    site.installed()
    assert not [line for line in site.server.requests if ".whl" in line]
    assert (site.prefix / "bin" / "tinyops-says").stat().st_ino == script


def test_a_pip_package_that_somebody_removed_is_told_and_comes_back(site: Site) -> None:
    site.installed()
    subprocess.run([site.prefix / "bin/python", "-I", "-m", "pip", "uninstall", "-y", "tinyops"], check=True, capture_output=True)
    (row,) = json.loads(site.workspace.envgen("list", "--json").out)
    assert row["state"] == "changed"
    site.installed()
    assert site.wheels() == {"tinyops-1.0"}


def test_a_removed_pip_package_that_is_not_wanted_any_more_is_forgotten(site: Site) -> None:
    site.installed()
    subprocess.run([site.prefix / "bin/python", "-I", "-m", "pip", "uninstall", "-y", "tinyops"], check=True, capture_output=True)
    site.take("none")
    site.installed()
    (row,) = json.loads(site.workspace.envgen("list", "--json").out)
    assert row["state"] == "installed"


def test_a_wrong_wheel_is_named_with_both_hashes_and_the_old_environment_stays(site: Site) -> None:
    site.installed()
    site.take("newer")
    right = (site.server.folder / "simple/tinyops/tinyops-1.1-py3-none-any.whl").read_bytes()

    def answer(path: str, authorization: str | None) -> tuple[int, bytes]:
        status, body = Server.answer(site.server, path, authorization)
        return (200, body + b"\0") if path.endswith("tinyops-1.1-py3-none-any.whl") else (status, body)

    site.server.answer = answer  # type: ignore[method-assign]
    done = site.install()
    assert (done.status, done.out) == (1, "")
    url = f"{site.server.url('simple')}/tinyops/tinyops-1.1-py3-none-any.whl"
    assert f"error: {url}: the hash of tinyops does not match the lock\n" in done.err
    assert f"locked  sha256 {hashlib.sha256(right).hexdigest()}\n" in done.err
    assert f"fetched sha256 {hashlib.sha256(right + bytes(1)).hexdigest()}\n" in done.err
    assert site.wheels() == {"tinyops-1.0"}
    assert sorted(path.name for path in site.prefix.parent.iterdir()) == [".gitignore", "p-cpu"]


def test_a_package_that_conda_has_under_another_name_is_not_installed_twice(site: Site) -> None:
    """Its record does not tell the name on PyPI; with the row of the hint, the lock has it once."""
    site.take("of conda")
    done = site.install()
    row = "{conda: [python-tinyops], pip: [tinyops], role: user}"
    assert (done.status, done.out) == (1, "")
    assert done.err.endswith(
        "pip package tinyops is installed by conda, too, as python-tinyops\n\n"
        f"hint: add `{row}` to `packages:` in a file of matrices/, and run `envgen lock`; nothing was installed\n"
    )
    assert not site.prefix.exists()
    facts = site.workspace.root / "matrices" / "packages.yaml"
    facts.write_text(facts.read_text(encoding="utf-8").replace("\npackages:\n", f"\npackages:\n  - {row}\n"), encoding="utf-8")
    done = site.workspace.envgen("lock", "p")
    assert done.status == 0, done.err
    assert "manager: pip" not in site.lock.read_text(encoding="utf-8")
    site.installed()


def test_a_wheel_that_cannot_be_fetched_is_no_solution(site: Site) -> None:
    (site.server.folder / "simple/tinyops/tinyops-1.0-py3-none-any.whl").rename(site.server.folder / "away")
    try:
        done = site.install()
    finally:
        (site.server.folder / "away").rename(site.server.folder / "simple/tinyops/tinyops-1.0-py3-none-any.whl")
    assert done.status == 4
    assert "pip packages cannot be fetched" in done.err
    assert not site.prefix.exists()


@pytest.mark.parametrize("fault", ["silent", "drips"])
def test_a_server_that_sends_nothing_or_too_little_is_given_up(site: Site, fault: str) -> None:
    from system import faulty

    how = faulty.silent if fault == "silent" else faulty.drip
    with faulty.faulty(site.server.folder, faulty.only("tinyops-1.0-py3-none-any.whl", how)) as server:
        url = f"{site.server.url('simple')}/tinyops"
        edited(site, lambda text: text.replace(url, f"{server.url('simple')}/tinyops"))
        done = site.install(ENVGEN_TIMEOUT="2")
    assert done.status == 4, done.err
    assert "the server of the pip packages sent" in done.err
    assert not site.prefix.exists()


def edited(site: Site, change: Callable[[str], str]) -> None:
    """Change a lock as a person or another tool does: without the stamp."""
    text = re.sub(r"  custom_metadata:\n(    .*\n)+", "", site.lock.read_text())
    site.lock.write_text(change(text))


def test_a_pip_package_without_a_sha256_is_refused(site: Site) -> None:
    def change(text: str) -> str:
        head, pip = text.split("  manager: pip\n")
        return head + "  manager: pip\n" + re.sub(r"sha256: \w+\n", f"md5: {'0' * 32}\n", pip)

    edited(site, change)
    done = site.install()
    assert done.status == 2
    assert "environments/p/cpu/conda-lock.yml: pip package tinyops has no sha256 in this lock" in done.err
    assert not site.prefix.exists()


def test_an_environment_without_pip_is_told_what_it_lacks(site: Site) -> None:
    site.take("no pip")
    edited(site, lambda text: re.sub(r"- name: pip\n(  .*\n)+", "", text))
    done = site.install()
    assert done.status == 2, done.err
    assert "the lock has pip packages, but no pip to install them with" in done.err
    assert "add `pip` to `dependencies:`" in done.err
    assert not site.prefix.exists()


@pytest.mark.parametrize("file", [f"{SITE}/tinyops.py", "bin/tinyops-says", f"{SITE}/tinyops-1.0.dist-info/RECORD"])
def test_a_damaged_file_of_a_pip_package_is_noticed_and_repaired(site: Site, file: str) -> None:
    site.installed()
    (site.prefix / file).unlink()
    (row,) = json.loads(site.workspace.envgen("list", "--json").out)
    assert (row["state"], row["damaged"]) == ("damaged", [file])
    if "RECORD" not in file:
        assert "damaged-files" in site.workspace.envgen("verify", site.prefix).out
    done = site.install()
    assert (done.status, done.out) == (0, f"p-cpu: repaired in {site.prefix} (1 package added, 1 removed)\n"), done.err
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}  # the run keeps nothing either
    said = subprocess.run([site.prefix / "bin" / "tinyops-says"], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout == f"{site.prefix}\n"
    (row,) = json.loads(site.workspace.envgen("list", "--json").out)
    assert row["state"] == "installed"


@pytest.mark.skipif(sys.platform == "win32", reason="ps is POSIX's")
def test_elsewhere_than_on_linux_ps_tells_whether_pip_computes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True) as pip:
        arrivals, end = PipArrivals(tmp_path, pip.pid), time.monotonic() + 60
        before = arrivals.arrived()
        while (after := arrivals.arrived()) == before and time.monotonic() < end:
            time.sleep(0.1)
        pip.kill()
    assert after > before
    nobody = PipArrivals(tmp_path, 2**22 + 1)
    assert nobody.arrived() == 0
