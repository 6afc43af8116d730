"""The pip section: uv, asking a package index on loopback, and files that are pinned by hash."""

from __future__ import annotations

import hashlib
import re
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import Workspace
from system.channel import build, pure

PROJECT = """\
python: "3.12"
targets: [cpu]
platforms: [linux-64]
channels: [conda-forge]
dependencies: [numpy]
pip: ["tinyops >=1"]
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def wheel(folder: Path, version: str, name: str = "tinyops", *needs: str, tag: str = "any") -> str:
    """A genuine wheel of one module; its sha256."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-{tag}.whl"
    info = f"{name}-{version}.dist-info"
    required = "".join(f"Requires-Dist: {need}\n" for need in needs)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{required}")
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-{tag}\n")
        archive.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


# What needs tinyops without saying which, and what needs just one version of it.
USERS = {"loose": ("tinyops",), "exact": ("tinyops==1.0",)}

# Wheels of one version for some systems, and of another for one alone.
TAGS = {
    "compiled": ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux_2_17_aarch64", "win_amd64"),
    "new": ("manylinux_2_28_x86_64",),
}


def page(folder: Path, links: list[str]) -> None:
    """The page of one project in a simple index."""
    (folder / "index.html").write_text("<!DOCTYPE html><html><body>" + "\n".join(links) + "</body></html>", encoding="utf-8")


@pytest.fixture
def simple_index(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A simple index with two versions of one project: its url, and the sha256 of the newer."""
    folder = tmp_path / "simple" / "tinyops"
    hashes = {version: wheel(folder, version) for version in ("1.0", "1.1")}
    links = [
        f'<a href="tinyops-{v}-py3-none-any.whl#sha256={digest}">tinyops-{v}-py3-none-any.whl</a>' for v, digest in hashes.items()
    ]
    page(folder, links)
    for name, needs in USERS.items():
        digest = wheel(tmp_path / "simple" / name, "1.0", name, *needs)
        page(tmp_path / "simple" / name, [f'<a href="{name}-1.0-py3-none-any.whl#sha256={digest}">{name}-1.0-py3-none-any.whl</a>'])
    for name, tags in TAGS.items():
        made = {f"{name}-1.0-py3-none-{tag}.whl": wheel(tmp_path / "simple" / name, "1.0", name, tag=tag) for tag in tags}
        page(tmp_path / "simple" / name, [f'<a href="{file}#sha256={digest}">{file}</a>' for file, digest in made.items()])
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/simple", hashes["1.1"]
    server.shutdown()
    server.server_close()


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """An index folder with one tiny channel."""
    build(tmp_path / "index" / "conda-forge")
    return tmp_path / "index"


def wanting(requirement: str, url: str) -> str:
    return PROJECT.replace("tinyops >=1", requirement) + f'pip-repositories: ["{url}"]\n'


def test_pip_packages_are_locked_by_hash(workspace: Workspace, index: Path, simple_index: tuple[str, str]) -> None:
    url, digest = simple_index
    workspace.project("demo", wanting("tinyops >=1", url))
    done = workspace.envgen("lock", "--index", index)
    assert (done.status, done.talk) == (0, ""), done.err
    locked = (workspace.root / "environments/demo/cpu/conda-lock.yml").read_text(encoding="utf-8")
    assert (
        f"  manager: pip\n  platform: linux-64\n  dependencies: {{}}\n  url: {url}/tinyops/tinyops-1.1-py3-none-any.whl\n" in locked
    )
    assert f"    sha256: {digest}\n" in locked
    assert workspace.envgen("lock").talk.endswith("Nothing to do: every lock is up to date.\n")


def test_a_requirement_without_solution_is_an_error_that_writes_nothing(
    workspace: Workspace, index: Path, simple_index: tuple[str, str]
) -> None:
    workspace.project("demo", wanting("tinyops >=7", simple_index[0]))
    before = workspace.files()
    done = workspace.envgen("lock", "--index", index)
    assert (done.status, done.out) == (4, "")
    assert done.err.startswith("error: pip section of demo-cpu, linux-64: ")
    assert "tinyops" in done.err
    assert "Traceback" not in done.err
    assert workspace.files() == before


@pytest.mark.parametrize(("name", "version"), [("loose", "1.1"), ("exact", "1.0")])
def test_a_pip_package_may_need_another_in_any_version_or_in_just_one(
    name: str, version: str, workspace: Workspace, index: Path, simple_index: tuple[str, str]
) -> None:
    """The lock says what needs what; the version is that of the package in the lock."""
    workspace.project("demo", wanting(name, simple_index[0]))
    done = workspace.envgen("lock", "--index", index)
    assert (done.status, done.talk) == (0, ""), done.err
    locked = (workspace.root / "environments/demo/cpu/conda-lock.yml").read_text(encoding="utf-8")
    assert f"/tinyops-{version}-py3-none-any.whl\n" in locked
    assert "    tinyops: '*'\n" in locked
    told = workspace.envgen("verify")
    assert (told.status, told.talk) == (0, "")


def pinned(site: Workspace) -> list[str]:
    """The wheels of the lock."""
    text = (site.root / "environments/demo/cpu/conda-lock.yml").read_text(encoding="utf-8")
    return re.findall(r"/([^/]*)-py3-none-any\.whl", text)


def test_pip_packages_stay_until_what_they_were_solved_for_changes(
    workspace: Workspace, index: Path, tmp_path: Path, simple_index: tuple[str, str]
) -> None:
    """A conda package that none of them needs is something else; then the package index is not asked."""
    url, _ = simple_index
    text = wanting("tinyops >=1", url)
    workspace.project("demo", text)
    assert workspace.envgen("lock", "--index", index).status == 0
    newer = f"tinyops-1.2-py3-none-any.whl#sha256={wheel(tmp_path / 'simple' / 'tinyops', '1.2')}"
    page(tmp_path / "simple" / "tinyops", [])  # no version at all: asking would be an error
    done = workspace.envgen("add", "demo", "einops", "--index", index)
    assert done.status == 0, done.err
    assert "einops" in workspace.files()["demo/cpu/conda-lock.yml"].decode()
    assert pinned(workspace) == ["tinyops-1.1"]
    assert workspace.envgen("lock", "--dry-run", "--index", index).status == 0
    assert workspace.envgen("lock", "--check").status == 0
    page(tmp_path / "simple" / "tinyops", [f'<a href="{newer}">{newer}</a>'])
    assert workspace.envgen("update", "--index", index).status == 0
    assert pinned(workspace) == ["tinyops-1.2"]


def test_pip_packages_are_solved_again_where_the_section_or_the_python_changes(
    workspace: Workspace, index: Path, simple_index: tuple[str, str]
) -> None:
    text = wanting("tinyops >=1", simple_index[0])
    workspace.project("demo", text)
    assert workspace.envgen("lock", "--index", index).status == 0
    workspace.project("demo", text.replace(">=1", "<1.1"))
    assert workspace.envgen("lock", "--index", index).status == 0
    assert pinned(workspace) == ["tinyops-1.0"]
    workspace.project("demo", text.replace(">=1", "").replace("3.12", "3.11"))
    assert workspace.envgen("lock", "--index", index).status == 0
    assert pinned(workspace) == ["tinyops-1.0"]  # resolved again, and the locked version is preferred
    assert workspace.envgen("update", "--index", index).status == 0
    assert pinned(workspace) == ["tinyops-1.1"]


def test_a_conda_package_that_a_pip_package_needs_is_part_of_what_it_was_solved_for(
    workspace: Workspace, index: Path, simple_index: tuple[str, str]
) -> None:
    text = wanting("loose", simple_index[0])
    workspace.project("demo", text)
    build(index / "conda-forge", [pure("tinyops", "1.0")])
    assert workspace.envgen("lock", "--index", index).status == 0
    assert sorted(pinned(workspace)) == ["loose-1.0", "tinyops-1.1"]
    done = workspace.envgen("add", "demo", "tinyops", "--index", index)
    assert done.status == 0, done.err
    assert pinned(workspace) == ["loose-1.0"]


def promising(glibc: str, requirement: str, url: str) -> str:
    """A project whose target promises a libc."""
    return wanting(requirement, url).replace("targets: [cpu]", f"targets: {{cpu: {{virtual-packages: {{__glibc: '{glibc}'}}}}}}")


@pytest.mark.parametrize(("glibc", "tag"), [("2.17", "2_17"), ("2.27", "2_17"), ("2.28", "2_28")])
def test_a_wheel_is_for_the_platform_and_the_libc_that_the_target_promises(
    glibc: str, tag: str, workspace: Workspace, index: Path, simple_index: tuple[str, str]
) -> None:
    """Not for those of the machine that locks."""
    workspace.project("demo", promising(glibc, "compiled", simple_index[0]))
    done = workspace.envgen("lock", "--index", index)
    assert (done.status, done.talk) == (0, ""), done.err
    locked = (workspace.root / "environments/demo/cpu/conda-lock.yml").read_text(encoding="utf-8")
    assert f"/compiled-1.0-py3-none-manylinux_{tag}_x86_64.whl\n" in locked


def test_a_wheel_for_a_newer_libc_than_the_target_promises_is_no_solution(
    workspace: Workspace, index: Path, simple_index: tuple[str, str]
) -> None:
    workspace.project("demo", promising("2.17", "new", simple_index[0]))
    done = workspace.envgen("lock", "--index", index)
    assert (done.status, done.out) == (4, "")
    assert done.err.startswith("error: pip section of demo-cpu, linux-64: ")
    assert "new==1.0" in done.err
    assert "no wheel is for this Python or platform" in done.err
