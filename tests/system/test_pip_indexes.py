"""The pip section beside conda, against an index on loopback: where wheels come from, what conda provides, and what is refused."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import sleep

import pytest
from conftest import Workspace
from system.channel import build

PROJECT = """\
python: "3.12"
frameworks: {pytorch: "2.7.1"}
targets: [cpu]
platforms: [linux-64]
channels: [conda-forge]
"""
LOCK = "environments/demo/cpu/conda-lock.yml"


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.paths.append(self.path)  # type: ignore[attr-defined]
        if "/slow/" in self.path:
            sleep(8)
        if "/broken/" in self.path:
            self.send_error(503)
            return
        super().do_GET()


class Index:
    """Simple indexes below one folder, one for each first part of a path."""

    def __init__(self, folder: Path, server: ThreadingHTTPServer) -> None:
        self.folder, self.server = folder, server
        self.paths: list[str] = server.paths  # type: ignore[attr-defined]

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/{name}"

    def add(self, index: str, file: str, data: bytes, attributes: str = "", digest: str | None = None) -> str:
        """Put a file on the page of its project; its sha256, which the page says unless `digest` is another or ""."""
        page = self.folder / index / file.split("-", maxsplit=1)[0].replace("_", "-").lower()
        page.mkdir(parents=True, exist_ok=True)
        (page / file).write_bytes(data)
        own = hashlib.sha256(data).hexdigest()
        told = own if digest is None else digest
        with (page / "index.html").open("a", encoding="utf-8") as html:
            html.write(f'<a href="{file}{f"#sha256={told}" if told else ""}" {attributes}>{file}</a>\n')
        return own

    def wheel(
        self,
        index: str,
        name: str,
        version: str,
        *needs: str,
        tag: str = "py3-none-any",
        attributes: str = "",
        digest: str | None = None,
    ) -> str:
        return self.add(index, f"{name}-{version}-{tag}.whl", wheel(name, version, needs, tag), attributes, digest)


def wheel(name: str, version: str, needs: tuple[str, ...], tag: str = "py3-none-any") -> bytes:
    """A genuine wheel of one module."""
    made, info = io.BytesIO(), f"{name}-{version.split('-', maxsplit=1)[0]}.dist-info"
    required = "".join(f"Requires-Dist: {need}\n" for need in needs)
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version.split('-', maxsplit=1)[0]}\n{required}"
        )
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")
    return made.getvalue()


def sdist(name: str, version: str) -> bytes:
    """A source distribution with static metadata."""
    made, text = io.BytesIO(), f"Metadata-Version: 2.2\nName: {name}\nVersion: {version}\n"
    setup = "from setuptools import setup\nsetup()\n"
    pyproject = f'[build-system]\nrequires = []\nbuild-backend = "none"\n[project]\nname = "{name}"\nversion = "{version}"\n'
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for file, content in (("PKG-INFO", text), ("setup.py", setup), ("pyproject.toml", pyproject)):
            entry = tarfile.TarInfo(f"{name}-{version}/{file}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content.encode()))
    return made.getvalue()


@pytest.fixture
def wheels(tmp_path: Path) -> Iterator[Index]:
    folder = tmp_path / "wheels"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    server.paths = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Index(folder, server)
    server.shutdown()
    server.server_close()


@pytest.fixture
def index(tmp_path: Path) -> Path:
    build(tmp_path / "index" / "conda-forge")
    return tmp_path / "index"


def with_pip(wheels: Index, *lines: str, more: str = "", base: str = PROJECT) -> str:
    listed = ", ".join(f'"{line}"' for line in lines)
    return f'{base}pip: [{listed}]\npip-repositories: ["{wheels.url("main")}"]\n{more}'


def locked(site: Workspace, path: str = LOCK) -> str:
    return (site.root / path).read_text(encoding="utf-8")


def urls(site: Workspace, path: str = LOCK) -> list[str]:
    """The wheels of a lock: what follows the server in their URLs."""
    lines = [line.strip() for line in locked(site, path).splitlines()]
    return [line.split("/", 3)[3] for line in lines if line.startswith("url: http://127.")]


def lock(site: Workspace, index: Path, text: str) -> str:
    site.project("demo", text)
    done = site.envgen("lock", "--index", index)
    assert done.status == 0, done.err
    return done.err


def refused(site: Workspace, index: Path, text: str, status: int = 4, **environ: str) -> str:
    """What is said where a project cannot be locked; nothing is written."""
    site.project("demo", text)
    before = site.files()
    done = site.envgen("lock", "--index", index, **environ)
    assert (done.status, done.out) == (status, ""), done.err
    assert "Traceback" not in done.err
    assert site.files() == before
    return done.err


# --- what conda provides --------------------------------------------------------------------------------------------------


def test_a_pip_package_beside_the_framework_of_conda_is_locked_alone(workspace: Workspace, index: Path, wheels: Index) -> None:
    """conda's packages are leaves: the index need not have them, and nothing that the wheel of the framework needs comes along."""
    wheels.wheel("main", "torchmetrics", "1.9.0", "torch >=2.0", "numpy", "tinyops")
    wheels.wheel("main", "torch", "2.7.1", "nvidia-cublas-cu12")
    wheels.wheel("main", "tinyops", "1.0")
    lock(workspace, index, with_pip(wheels, "torchmetrics"))
    assert urls(workspace) == ["main/tinyops/tinyops-1.0-py3-none-any.whl", "main/torchmetrics/torchmetrics-1.9.0-py3-none-any.whl"]
    assert "    torch: '*'\n" in locked(workspace)
    told = workspace.envgen("verify")
    assert (told.status, told.err) == (0, ""), told.out


def test_a_requirement_that_conda_meets_is_not_installed_twice(workspace: Workspace, index: Path, wheels: Index) -> None:
    wheels.wheel("main", "numpy", "9.0")
    wheels.wheel("main", "tinyops", "1.0", "NumPy >=1")
    lock(workspace, index, with_pip(wheels, "numpy >=2", "tinyops"))
    assert urls(workspace) == ["main/tinyops/tinyops-1.0-py3-none-any.whl"]


def test_a_wheel_that_needs_another_version_than_conda_has_is_no_solution(workspace: Workspace, index: Path, wheels: Index) -> None:
    wheels.wheel("main", "tinyops", "1.0", "torch >=2.9")
    told = refused(workspace, index, with_pip(wheels, "tinyops"))
    assert "torch>=2.9" in told


def test_what_conda_moves_is_part_of_what_pip_packages_were_resolved_for(workspace: Workspace, index: Path, wheels: Index) -> None:
    """The name of the framework is another in conda and on an index."""
    wheels.wheel("main", "tinyops", "1.0", "torch")
    wheels.wheel("main", "tinyops", "2.0", "torch >=2.7")
    text = with_pip(wheels, "tinyops")
    lock(workspace, index, text.replace("2.7.1", "2.6.0"))
    assert urls(workspace) == ["main/tinyops/tinyops-1.0-py3-none-any.whl"]
    wheels.wheel("main", "tinyops", "1.5", "torch >=2.7")
    lock(workspace, index, text)
    assert urls(workspace) == ["main/tinyops/tinyops-1.0-py3-none-any.whl"]
    assert workspace.envgen("update", "--index", index).status == 0
    assert urls(workspace) == ["main/tinyops/tinyops-2.0-py3-none-any.whl"]


# --- targets and indexes --------------------------------------------------------------------------------------------------


def test_a_target_and_a_platform_have_requirements_of_their_own(workspace: Workspace, index: Path, wheels: Index) -> None:
    for name in ("common", "forcpu", "forcuda", "forlinux", "forwin"):
        wheels.wheel("main", name, "1.0")
    text = with_pip(wheels, "common", "forlinux; sys_platform == 'linux'", "forwin; sys_platform == 'win32'").replace(
        "targets: [cpu]", "targets: {cpu: {pip: [forcpu]}, cu126: {pip: [forcuda]}}\nnumerics: {may-differ: [blas]}"
    )
    lock(workspace, index, text)
    assert [url.split("/")[1] for url in urls(workspace)] == ["common", "forcpu", "forlinux"]
    assert [url.split("/")[1] for url in urls(workspace, LOCK.replace("cpu/", "cu126/"))] == ["common", "forcuda", "forlinux"]
    assert workspace.envgen("lock").talk.endswith("Nothing to do: every lock is up to date.\n")


def test_an_index_has_what_it_is_for_and_nothing_else(workspace: Workspace, index: Path, wheels: Index) -> None:
    """Dependency confusion: each index also has the packages of the other, in a version that no one can overlook."""
    wheels.wheel("main", "tinyops", "1.0", "inner")
    wheels.wheel("main", "inner", "99.0")
    wheels.wheel("main", "mine", "99.0")
    wheels.wheel("own", "mine", "1.0")
    wheels.wheel("own", "inner", "1.0", "deep")
    wheels.wheel("own", "tinyops", "99.0")
    wheels.wheel("own", "deep", "1.0")
    wheels.wheel("main", "deep", "99.0")
    more = f'pip-indexes: {{own: {{url: "{wheels.url("own")}", packages: [Mine, "inn*", deep]}}}}\n'
    lock(workspace, index, with_pip(wheels, "tinyops", "mine", more=more))
    assert [url.split("-py3")[0] for url in urls(workspace)] == [
        "own/deep/deep-1.0",
        "own/inner/inner-1.0",
        "own/mine/mine-1.0",
        "main/tinyops/tinyops-1.0",
    ]


def test_a_name_that_only_the_wrong_index_has_is_not_found(workspace: Workspace, index: Path, wheels: Index) -> None:
    wheels.wheel("own", "secret", "1.0")
    wheels.wheel("own", "mine", "1.0")
    more = f'pip-indexes: {{own: {{url: "{wheels.url("own")}", packages: [mine]}}}}\n'
    told = refused(workspace, index, with_pip(wheels, "mine", "secret", more=more))
    assert "secret was not found in the package registry" in told
    assert "hint: check the name, or say where it comes from with `pip-indexes:`" in told


def test_another_index_for_a_package_is_a_reason_to_resolve_again(workspace: Workspace, index: Path, wheels: Index) -> None:
    wheels.wheel("main", "mine", "2.0")
    wheels.wheel("own", "mine", "1.0")
    lock(workspace, index, with_pip(wheels, "mine"))
    more = f'pip-indexes: {{own: {{url: "{wheels.url("own")}", packages: [mine]}}}}\n'
    lock(workspace, index, with_pip(wheels, "mine", more=more))
    assert urls(workspace) == ["own/mine/mine-1.0-py3-none-any.whl"]


def test_a_page_of_links_counts_beside_the_index(workspace: Workspace, index: Path, wheels: Index) -> None:
    wheels.wheel("main", "tinyops", "1.0")
    wheels.wheel("links", "tinyops", "1.1")
    lock(workspace, index, with_pip(wheels, "tinyops", more=f'find-links: ["{wheels.url("links/tinyops/")}"]\n'))
    assert urls(workspace) == ["links/tinyops/tinyops-1.1-py3-none-any.whl"]


# --- which file -----------------------------------------------------------------------------------------------------------


def test_of_several_builds_of_one_version_the_highest_is_locked(workspace: Workspace, index: Path, wheels: Index) -> None:
    wheels.wheel("main", "tinyops", "1.0")
    newer = wheels.wheel("main", "tinyops", "1.0-3")
    lock(workspace, index, with_pip(wheels, "tinyops"))
    assert urls(workspace) == ["main/tinyops/tinyops-1.0-3-py3-none-any.whl"]
    assert f"    sha256: {newer}\n" in locked(workspace)


def test_a_file_without_a_hash_in_the_index_is_hashed(workspace: Workspace, index: Path, wheels: Index) -> None:
    digest = wheels.wheel("main", "tinyops", "1.0", digest="")
    lock(workspace, index, with_pip(wheels, "tinyops"))
    assert f"    sha256: {digest}\n" in locked(workspace)


def test_a_version_that_was_yanked_is_not_taken(workspace: Workspace, index: Path, wheels: Index) -> None:
    wheels.wheel("main", "tinyops", "1.0")
    wheels.wheel("main", "tinyops", "1.1", attributes='data-yanked="broken"')
    lock(workspace, index, with_pip(wheels, "tinyops"))
    assert urls(workspace) == ["main/tinyops/tinyops-1.0-py3-none-any.whl"]


def test_two_normal_forms_of_a_name_are_one_package(workspace: Workspace, index: Path, wheels: Index) -> None:
    wheels.wheel("main", "tiny_ops", "1.0")
    lock(workspace, index, with_pip(wheels, "Tiny.Ops", "tiny-ops >=1"))
    assert urls(workspace) == ["main/tiny-ops/tiny_ops-1.0-py3-none-any.whl"]
    assert "- name: tiny-ops\n" in locked(workspace)


@pytest.mark.parametrize(
    ("tag", "told"),
    [
        ("cp311-cp311-manylinux_2_17_x86_64", "no wheel is for this Python or platform"),
        ("py3-none-win_amd64", "no wheel is for this Python or platform"),
        ("py2-none-any", "no wheel is for this Python or platform"),
    ],
)
def test_a_wheel_for_something_else_is_no_solution(tag: str, told: str, workspace: Workspace, index: Path, wheels: Index) -> None:
    wheels.wheel("main", "tinyops", "1.0", tag=tag)
    assert told in refused(workspace, index, with_pip(wheels, "tinyops"))


def test_a_source_distribution_is_refused_unless_it_is_allowed_by_name(workspace: Workspace, index: Path, wheels: Index) -> None:
    digest = wheels.add("main", "tinysrc-1.0.tar.gz", sdist("tinysrc", "1.0"))
    told = refused(workspace, index, with_pip(wheels, "tinysrc"))
    assert "hint: building one runs code from it: require a version with a wheel, or list the package under `pip-build:`" in told
    lock(workspace, index, with_pip(wheels, "tinysrc", more="pip-build: [TinySrc]\n"))
    assert urls(workspace) == ["main/tinysrc/tinysrc-1.0.tar.gz"]
    assert f"    sha256: {digest}\n" in locked(workspace)


# --- an index that fails --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["closed", "broken", "slow", "empty"])
def test_an_index_that_fails_is_an_error_that_says_so(kind: str, workspace: Workspace, index: Path, wheels: Index) -> None:
    url = "http://127.0.0.1:9/simple" if kind == "closed" else wheels.url(kind)
    text = f'{PROJECT}pip: [tinyops]\npip-repositories: ["{url}"]\n'
    told = refused(workspace, index, text, ENVGEN_TIMEOUT="2")
    waits = "resolving wheels of demo-cpu, linux-64: waiting for the package index of `pip:`: 1 s so far, last for "
    waited = f"{waits}{url}/tinyops/\n"
    assert told.startswith(waited) or kind != "slow"
    assert told.removeprefix(waited).startswith("error: pip section of demo-cpu, linux-64: ")
    assert ("check the name" if kind == "empty" else "check the connection to the index") in told


def test_a_version_that_is_gone_is_an_error_and_the_lock_stays(workspace: Workspace, index: Path, wheels: Index) -> None:
    wheels.wheel("main", "tinyops", "1.0")
    lock(workspace, index, with_pip(wheels, "tinyops ==1.0"))
    (wheels.folder / "main/tinyops/index.html").write_text("")
    before = locked(workspace)
    told = refused(workspace, index, with_pip(wheels, "tinyops ==1.0", "numpy"))
    assert "Because there is no version of tinyops==1.0 and demo-cpu depends on tinyops==1.0" in told
    assert locked(workspace) == before


_NOTHING_ELSE = """\
error: pip section of demo-cpu, linux-64: No solution found when resolving dependencies
  cause: Because tinyops==1.0 {why} and only tinyops==1.0 is available, we can conclude that all versions of tinyops cannot be used.
         And because demo-cpu depends on tinyops, we can conclude that your requirements are unsatisfiable.
"""
_DAMAGED = (
    "hint: the file in the index is damaged, or another package's: require another version, and tell whoever runs the index\n"
)


@pytest.mark.parametrize(
    ("data", "attributes", "why", "then"),
    [
        (wheel("tinyops", "1.0", ()), 'data-yanked="broken"', "was yanked (reason: broken)", "\nhint: the version was withdrawn from the index: require another one\n"),
        (b"PK no zip", "", "has an invalid package format", "hint: The structure of `tinyops` (v1.0) was invalid:\n  Failed to read from zip file\n\n" + _DAMAGED),
        (wheel("other", "1.0", ()), "", "has an invalid package format", "hint: The structure of `tinyops` (v1.0) was invalid:\n  The .dist-info directory `other-1.0` does not start with the normalized package name: tinyops\n\n" + _DAMAGED),
    ],
    ids=["yanked", "damaged", "another package"],
)  # fmt: skip
def test_a_file_that_cannot_be_taken_is_told_with_what_to_do(
    data: bytes, attributes: str, why: str, then: str, workspace: Workspace, index: Path, wheels: Index
) -> None:
    wheels.add("main", "tinyops-1.0-py3-none-any.whl", data, attributes)
    assert refused(workspace, index, with_pip(wheels, "tinyops")) == _NOTHING_ELSE.format(why=why) + then


def test_a_version_that_was_yanked_is_taken_where_it_is_required(workspace: Workspace, index: Path, wheels: Index) -> None:
    wheels.wheel("main", "tinyops", "1.0", attributes='data-yanked="broken"')
    lock(workspace, index, with_pip(wheels, "tinyops ==1.0"))
    assert urls(workspace) == ["main/tinyops/tinyops-1.0-py3-none-any.whl"]


def test_no_message_has_a_password(workspace: Workspace, index: Path, wheels: Index) -> None:
    text = with_pip(wheels, "tinyops").replace("http://", "http://$WHEEL_USER:$WHEEL_WORD@").replace("/main", "/broken")
    told = refused(workspace, index, text, WHEEL_USER="alice", WHEEL_WORD="hunter2secret")
    assert "hunter2secret" not in told
    assert refused(workspace, index, text, status=2, WHEEL_USER="alice").count("WHEEL_WORD, which is not set") == 1


# --- lines of `pip:` ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("-r requirements.txt", "write the lines of requirements.txt as items of `pip:`"),
        (
            "--extra-index-url https://wheels.example/simple",
            "pip-indexes: {NAME: {url: https://wheels.example/simple, packages: [PACKAGE]}}",
        ),
        ("--index-url=https://wheels.example/simple", "write `pip-repositories: [https://wheels.example/simple]`"),
        ("-f https://wheels.example/", "write `find-links: [https://wheels.example/]`"),
        ("--no-binary tinyops", "write `pip-build: [tinyops]`"),
        ("--trusted-host x", "`envgen help pip` has the keys that there are"),
        ("git+https://git.example/me/tool.git@v1", "tool @ git+https://git.example/me/tool.git@v1"),
        ("tool @ git+https://git.example/me/tool.git@v1", "allow that with `pip-build: [tool]`"),
        ("tinyops=1.0", "einops >=0.8"),
    ],
)
@pytest.mark.parametrize("command", ["resolve", "lock"])
def test_what_is_not_a_requirement_is_refused_where_it_is_written(command: str, line: str, hint: str, workspace: Workspace) -> None:
    workspace.project("demo", f'{PROJECT}pip: [fine, "{line}"]\n')
    done = workspace.envgen(command, "demo")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("error: environments/demo/project.yaml:6:13: `")
    assert hint in done.err


def test_a_package_comes_from_one_index(workspace: Workspace) -> None:
    rows = "\n".join(
        f'  {name}: {{url: "https://{name}.example", packages: ["{glob}"]}}' for name, glob in (("a", "x_y"), ("b", "X-y"))
    )
    workspace.project("demo", f"{PROJECT}pip: [x-y]\npip-indexes:\n{rows}\n")
    done = workspace.envgen("resolve", "demo")
    assert done.status == 2
    assert "environments/demo/project.yaml:9:44: `X-y` is to come from `a` and from `b`" in done.err
