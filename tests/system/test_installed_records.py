"""What `envgen install` leaves is a whole conda environment: every record and every file as rattler makes them of the full records
of the same channel, after a first installation and after each change of the lock.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import clean_environment, repository
from rattler import Channel, MatchSpec, PrefixRecord, RepoDataRecord, SparseRepoData, solve
from rattler import install as rattler_install
from rattler.exceptions import SolverError
from system.channel import Server, serve
from system.conda_history import requested_and_held
from system.install_site import InstallSite
from system.stand_in import PLACEHOLDER, SUBDIR, Package, channel, python_module, python_package

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the packages that run are made for Linux")

SPEAKS = "import sys\ndef main():\n    print(sys.prefix)\n"
BINARY = b"\x7fELF\0\0" + PLACEHOLDER.encode() + b"/lib\0" + bytes(range(256))
NATIVE = {
    "lib/libnative.so.1.0": BINARY,
    "lib/libnative.so.1": Path("libnative.so.1.0"),
    "lib/libnative.so": Path("libnative.so.1"),
    "lib/native": Path("../share/native"),  # a link to a folder
    "share/native/where.txt": f"{PLACEHOLDER}/share\n",
    "bin/native": f"#!{PLACEHOLDER}/bin/python\nimport sys\nprint(sys.prefix)\n",
}
SAYS = {"license": "BSD-3-Clause", "license_family": "BSD"}


def native(version: str, **files: str) -> Package:
    """A compiled package with everything that a record can say of files: links, and the prefix in text and in a binary."""
    return Package(
        "native",
        version,
        "h0123456_1",
        constrains=("cudatoolkit 12.*",),
        subdir=SUBDIR,
        files={**NATIVE, **files},
        index={**SAYS, "build_number": 1},
    )


def described(package: Package) -> Package:
    return Package(**{**vars(package), "index": SAYS, "constrains": ("other >=2",)})


PACKAGES = (
    python_package("3.12.9"),
    python_package("3.13.2", build="h0123456_0_cp313"),
    python_package("3.13.2", build="h0123456_0_cp313t", threads=True),
    Package("free-threading", "1.0", "h0123456_0", ("python ==3.13.2 *_cp313t",), subdir=SUBDIR),
    native("1.0"),
    native("2.0", **{"share/native/new.txt": "new\n"}),
    described(python_module("toolie", "1.0", SPEAKS, script=True)),
    described(python_module("toolie", "2.0", SPEAKS, script=True)),
    Package("data", "1.0", "h7654321_0", files={"share/data.txt": "data\n"}, index=SAYS),
    Package("first", "1.0", "h0123456_0", subdir=SUBDIR, files={"share/common.txt": "first\n", "share/first.txt": "1\n"}),
    Package("second", "1.0", "h0123456_0", ("first",), subdir=SUBDIR, files={"share/common.txt": "the second\n"}),
    Package("second", "2.0", "h0123456_0", ("first",), subdir=SUBDIR, files={"share/common.txt": "the new second\n"}),
)
LOCKS = {
    "plain": ("3.12.*", "toolie, native, data"),
    "older": ("3.12.*", "toolie <2, native <2, data"),
    "without": ("3.12.*", "native"),
    "minor": ("3.13.*", "toolie, native, data"),
    "threads": ("3.13.*", "toolie, native, data, free-threading"),
    "common": ("3.12.*", "toolie, first, second <2"),
    "common-older": ("3.12.*", "toolie <2, first, second <2"),
    "new-common": ("3.12.*", "toolie, first, second"),
    "no-common": ("3.12.*", "toolie, first"),
}


@dataclass(frozen=True)
class World:
    """A server with packages, the files of a project locked against it in several ways, and a cache that all tests share."""

    server: Server
    cache: Path
    locks: Mapping[str, Mapping[str, bytes]]
    references: Mapping[str, Path]

    @property
    def channel(self) -> Path:
        return self.server.folder / "c"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    top = tmp_path_factory.mktemp("records")
    channel(top / "www" / "c", PACKAGES)
    site = repository(top / "site", clean_environment(top))
    with serve(top / "www") as server:
        locks, references = {}, {}
        for name, (python, wishes) in LOCKS.items():
            listed = ", ".join(f'"{wish}"' for wish in wishes.split(", "))
            head = f'python: "{python}"\ntargets: [cpu]\nplatforms: [{SUBDIR}]\n'
            site.project("p", head + f'channels: ["{server.url("c")}"]\ndependencies: [{listed}]\n')
            done = site.envgen("lock", "--update")
            assert done.status == 0, done.err
            locks[name] = site.files()
            references[name] = _reference(server, locks[name]["p/cpu/conda-lock.yml"].decode(), top / "reference" / name)
        yield World(server, top / "cache", locks, references)


def _reference(server: Server, lock: str, prefix: Path) -> Path:
    """The environment that rattler makes of the packages of a lock, with the channel's own records."""
    found = [
        record
        for subdir in (SUBDIR, "noarch")
        for record in _records(server, subdir)
        if f"/{record.subdir}/{record.file_name}\n" in lock
    ]
    asyncio.run(rattler_install(found, prefix, cache_dir=prefix.parent / "pkgs", show_progress=False))
    return prefix


def _records(server: Server, subdir: str) -> list[RepoDataRecord]:
    file = SparseRepoData(Channel(server.url("c")), subdir, server.folder / "c" / subdir / "repodata.json")
    return [record for name in file.package_names() for record in file.load_records(name)]


@dataclass(frozen=True)
class Site(InstallSite):
    """A repository of a test's own."""

    world: World

    def installs(self, lock: str, *words: object) -> str:
        """Install a lock; what was printed."""
        self.take(lock)
        return self.installed(*words)

    def state(self) -> dict[str, Any]:
        (row,) = json.loads(self.workspace.envgen("list", "--json").out)
        assert isinstance(row, dict)
        return row


@pytest.fixture
def site(world: World, tmp_path: Path) -> Site:
    root = repository(tmp_path / "site", {**clean_environment(tmp_path), "ENVGEN_CACHE": str(world.cache)})
    return Site(root, world.locks, world)


# --- comparing ------------------------------------------------------------------------------------------------------------


def records(prefix: Path) -> dict[str, dict[str, Any]]:
    """Every record of an environment without what depends on its place, on its cache, and on what was requested."""
    return {path.name: _placeless(json.loads(path.read_text())) for path in sorted((prefix / "conda-meta").glob("*.json"))}


def _placeless(record: dict[str, Any]) -> dict[str, Any]:
    cache = record.pop("extracted_package_dir")
    assert record["link"].pop("source") == cache
    assert Path(cache).is_dir()
    record.pop("requested_specs")
    places = {entry["_path"]: entry.pop("original_path", entry["_path"]) for entry in record["paths_data"]["paths"]}
    for entry in record["paths_data"]["paths"]:
        entry["_path"] = places[entry["_path"]]
        if entry["path_type"] == "softlink":  # rattler hashes the link's target, and conda takes that for the content
            entry.pop("sha256_in_prefix", None)
        if "prefix_placeholder" in entry or entry["path_type"] == "unix_python_entry_point":
            for key in ("sha256", "sha256_in_prefix", "size_in_bytes"):
                entry.pop(key, None)
    record["files"] = sorted(places[file] for file in record["files"])
    record["paths_data"]["paths"].sort(key=lambda entry: entry["_path"])
    return record


def tree(prefix: Path) -> dict[str, bytes]:
    """Every file and link of an environment, but for what conda's tools keep there; `{prefix}` stands for its path."""
    found = {}
    for folder, names, files in os.walk(prefix):
        for path in (Path(folder) / name for name in (*names, *files)):
            place = path.relative_to(prefix).as_posix()
            if place.startswith(("conda-meta", "__clobbers__", "CACHEDIR.TAG")) or (path.is_dir() and not path.is_symlink()):
                continue
            data = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
            found[place] = _without_prefix(data, os.fsencode(prefix))
    return found


def _without_prefix(data: bytes, prefix: bytes) -> bytes:
    """A binary keeps its size: the place that a shorter prefix leaves is filled with zeros."""
    return data.replace(prefix, b"{prefix}").rstrip(b"\0") if b"\0" not in data else data.replace(prefix, b"").replace(b"\0", b"")


def check_like_reference(prefix: Path, reference: Path) -> None:
    """Record by record and file by file what rattler makes, and every file where its record says."""
    ours, theirs = records(prefix), records(reference)
    assert ours.keys() == theirs.keys()
    for name in theirs:
        assert ours[name] == theirs[name], name
    assert tree(prefix) == tree(reference)
    for record in ours.values():
        assert [file for file in record["files"] if not os.path.lexists(prefix / file)] == []
    assert sorted(path.name for path in prefix.iterdir()) == sorted(
        path.name for path in reference.iterdir() if path.name not in ("CACHEDIR.TAG", "__clobbers__")
    )


def works(prefix: Path) -> None:
    """Python finds the modules, and the scripts run."""
    said = subprocess.run(
        [prefix / "bin" / "python", "-c", "import toolie; print(toolie.__file__)"], capture_output=True, text=True, check=True
    )
    assert said.stdout.startswith(f"{prefix}/lib/python")
    for script in ("toolie", "native"):
        if (prefix / "bin" / script).exists():
            ran = subprocess.run([prefix / "bin" / script], capture_output=True, text=True, check=True)
            assert ran.stdout == f"{prefix}\n"


# --- a first installation -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lock", LOCKS)
def test_a_new_environment_is_record_by_record_what_rattler_makes(site: Site, lock: str) -> None:
    site.installs(lock)
    check_like_reference(site.prefix, site.world.references[lock])
    if lock != "without":
        works(site.prefix)


def test_the_records_say_what_the_archives_say(site: Site) -> None:
    """In so many words: the comparison with rattler would not notice what both lack."""
    site.installs("threads")
    found = {record["name"]: record for record in records(site.prefix).values()}
    assert (found["native"]["constrains"], found["native"]["build_number"]) == (["cudatoolkit 12.*"], 1)
    assert (found["native"]["license"], found["native"]["license_family"]) == ("BSD-3-Clause", "BSD")
    assert (found["toolie"]["noarch"], found["data"]["noarch"]) == ("python", "generic")
    assert found["python"]["python_site_packages_path"] == "lib/python3.13t/site-packages"
    assert found["python"]["track_features"] == "free_threading"
    assert {found[name]["timestamp"] for name in found} == {1748736000000}
    assert all(found[name]["size"] > 0 for name in found)
    assert (found["native"]["arch"], found["native"]["platform"]) == ("x86_64", "linux")


@pytest.mark.parametrize("lock", ["plain", "threads"])
def test_without_the_recorded_index_the_archives_say_it(site: Site, lock: str) -> None:
    """All but the size of the archive and the time at which the channel listed it, which no archive says."""
    site.take(lock)
    shutil.rmtree(site.workspace.root / "environments" / "index")
    site.installed()
    ours, theirs = records(site.prefix), records(site.world.references[lock])
    for record in theirs.values():
        del record["size"], record["indexed_timestamp"]
    assert ours == theirs
    assert tree(site.prefix) == tree(site.world.references[lock])
    works(site.prefix)


# --- changes --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("plain", "minor", id="the next minor of Python"),
        pytest.param("minor", "plain", id="back to the minor before"),
        pytest.param("minor", "threads", id="a free-threaded Python"),
        pytest.param("threads", "minor", id="one with the lock again"),
        pytest.param("threads", "plain", id="another minor and the lock again"),
        pytest.param("older", "plain", id="an upgrade"),
        pytest.param("plain", "older", id="a downgrade"),
        pytest.param("plain", "without", id="a removal"),
        pytest.param("without", "plain", id="an addition"),
        pytest.param("common", "new-common", id="a common file changes"),
        pytest.param("common", "common-older", id="another package beside a common file"),
        pytest.param("new-common", "no-common", id="one owner of a common file goes"),
        pytest.param("no-common", "common", id="a second owner of a file comes"),
        pytest.param("common", "plain", id="all owners of a common file go"),
    ],
)
def test_after_a_change_every_file_and_record_is_as_in_a_new_environment(site: Site, one: str, other: str) -> None:
    site.installs(one)
    site.installs(other)
    check_like_reference(site.prefix, site.world.references[other])
    assert site.installed() == f"p-cpu: already up to date in {site.prefix}\n"
    assert site.state()["state"] == "installed"
    if other != "without":
        works(site.prefix)


def test_without_the_recorded_index_a_free_threaded_python_is_noticed_too(site: Site) -> None:
    site.installs("minor")
    site.take("threads")
    shutil.rmtree(site.workspace.root / "environments" / "index")
    site.installed()
    assert tree(site.prefix) == tree(site.world.references["threads"])


def test_the_reason_why_packages_are_linked_again_is_told(site: Site) -> None:
    site.installs("plain")
    assert "  ~ toolie-2.0-pyh1234567_0 (Python has changed)" in site.installs("minor", "--dry-run").splitlines()
    assert site.installed().endswith("(1 package added, 1 removed, 1 linked again)\n")


def test_an_environment_with_records_of_an_older_envgen_is_made_whole(site: Site) -> None:
    """Its records had no `noarch`, no `constrains` and no license, its history was empty, and files were in two places."""
    site.installs("plain")
    for path in (site.prefix / "conda-meta").glob("*.json"):
        record = json.loads(path.read_text())
        for key in ("noarch", "constrains", "license", "license_family", "timestamp", "size", "arch", "platform"):
            record.pop(key, None)
        path.write_text(json.dumps({**record, "build_number": 0}))
    manifest = site.prefix / "conda-meta" / "envgen"
    old = {key: value for key, value in json.loads(manifest.read_text()).items() if key not in ("requested", "version")}
    manifest.write_text(json.dumps(old))
    (site.prefix / "conda-meta" / "history").write_text("")
    (site.prefix / "CACHEDIR.TAG").write_text("# This file is a cache directory tag created by rattler.\n")
    assert site.state()["state"] == "stale"
    site.installed()
    check_like_reference(site.prefix, site.world.references["plain"])
    assert site.state()["state"] == "installed"


# --- what conda reads -----------------------------------------------------------------------------------------------------


def test_the_history_has_what_was_requested_and_what_is_there(site: Site) -> None:
    url = site.world.server.url("c")
    site.installs("plain")
    first = (site.prefix / "conda-meta" / "history").read_text()
    assert requested_and_held(site.prefix) == (
        {"python": "python 3.12.*", "toolie": "toolie", "native": "native", "data": "data"},
        {
            f"{url}/{SUBDIR}::python-3.12.9-h0123456_0_cpython",
            f"{url}/{SUBDIR}::native-2.0-h0123456_1",
            f"{url}/noarch::toolie-2.0-pyh1234567_0",
            f"{url}/noarch::data-1.0-h7654321_0",
        },
    )
    site.installs("without")
    requested, held = requested_and_held(site.prefix)
    assert (requested, len(held)) == ({"python": "python 3.12.*", "native": "native"}, 2)
    assert (site.prefix / "conda-meta" / "history").read_text().startswith(first)


def test_specs_that_change_alone_are_recorded_and_link_nothing(site: Site) -> None:
    site.installs("plain")
    spec = site.workspace.root / "environments/p/cpu/environment.yml"
    lock = site.workspace.root / "environments/p/cpu/conda-lock.yml"
    inode = (site.prefix / "share/data.txt").stat().st_ino
    spec.write_text(spec.read_text().replace("- toolie", "- toolie >=1"))
    lock.write_text(lock.read_text().replace("# Made by envgen", "# Made again by envgen", 1))
    assert site.installed() == f"p-cpu: updated in {site.prefix} (only what conda's history says was requested)\n"
    assert requested_and_held(site.prefix)[0]["toolie"] == "toolie >=1"
    assert json.loads((site.prefix / "conda-meta/toolie-2.0-pyh1234567_0.json").read_text())["requested_specs"] == ["toolie >=1"]
    assert (site.prefix / "share/data.txt").stat().st_ino == inode


def prefix_records(prefix: Path) -> list[PrefixRecord]:
    return [PrefixRecord.from_path(path) for path in sorted((prefix / "conda-meta").glob("*.json"))]


def test_a_package_that_an_installed_one_does_not_allow_is_refused_by_the_solver(site: Site, tmp_path: Path) -> None:
    """From the records of the environment alone: the channel of the new package knows nothing of the others."""
    site.installs("plain")
    toolkits = tuple(Package("cudatoolkit", version, "h0123456_0", subdir=SUBDIR) for version in ("11.8.0", "12.1.0"))
    source = Channel(channel(tmp_path / "toolkits", toolkits).as_uri())
    there = prefix_records(site.prefix)

    def solved(spec: str) -> list[RepoDataRecord]:
        wishes = [MatchSpec(spec), *(MatchSpec(f"{record.name.normalized} =={record.version}") for record in there)]
        work = solve(sources=[source], specs=wishes, platforms=[SUBDIR, "noarch"], locked_packages=list(there))  # type: ignore[list-item]
        return asyncio.run(work)

    assert len(solved("cudatoolkit 12.*")) == len(there) + 1
    with pytest.raises(SolverError, match="cudatoolkit"):
        solved("cudatoolkit 11.8.*")


def test_removing_one_package_leaves_the_others_requested(site: Site) -> None:
    """A client that removes a package solves for what else was requested."""
    site.installs("plain")
    there = prefix_records(site.prefix)
    left = [spec for record in there if record.name.normalized != "toolie" for spec in record.requested_specs]
    assert sorted(left) == ["data", "native", "python 3.12.*"]
    source = Channel(site.world.channel.as_uri())
    work = solve(
        sources=[source],
        specs=[MatchSpec(spec) for spec in left],
        platforms=[SUBDIR, "noarch"],  # type: ignore[list-item]
        locked_packages=list(there),
    )
    assert {record.name.normalized for record in asyncio.run(work)} == {"data", "native", "python"}


# --- files that are not what their records say ----------------------------------------------------------------------------


def cut(path: Path) -> None:
    path.unlink()
    path.write_text("cut")


def grown(path: Path) -> None:
    """The content changes in place, as when somebody edits it with `sed -i`."""
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data + b"# more")


DAMAGES = {
    "a module is gone": ("toolie", "lib/python3.12/site-packages/toolie/__init__.py", Path.unlink),
    "a script is gone": ("toolie", "bin/toolie", Path.unlink),
    "a link is gone": ("native", "lib/libnative.so.1", Path.unlink),
    "a file is shorter": ("data", "share/data.txt", cut),
    "a module is longer": ("toolie", "lib/python3.12/site-packages/toolie/__init__.py", grown),
    "a folder is in the place of a file": ("data", "share/data.txt", lambda path: (path.unlink(), path.mkdir())),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_noticed_by_list_verify_and_install_which_repairs_it(site: Site, damage: str) -> None:
    site.installs("plain")
    package, file, spoil = DAMAGES[damage]
    spoil(site.prefix / file)
    row = site.state()
    assert (row["state"], row["damaged"]) == ("damaged", [file])
    assert "damaged: 1 file is" in " ".join(site.workspace.envgen("list").out.split())
    verified = site.workspace.envgen("verify", site.prefix)
    assert (verified.status, f"damaged-files ({SUBDIR}): {package}" in verified.err + verified.out) == (1, True)
    assert file in verified.err + verified.out
    dry = site.installed("--dry-run")
    assert f"(1 file was missing or changed: {file})" in dry
    assert site.installed() == f"p-cpu: repaired in {site.prefix} (0 packages added, 0 removed, 1 linked again)\n"
    check_like_reference(site.prefix, site.world.references["plain"])
    assert (site.state()["state"], site.state()["damaged"]) == ("installed", [])
    assert "damaged-files" not in site.workspace.envgen("verify", site.prefix).out


def test_bytecode_that_is_removed_or_compiled_is_no_damage(site: Site) -> None:
    site.installs("plain")
    works(site.prefix)
    record = site.prefix / "conda-meta/toolie-2.0-pyh1234567_0.json"
    data = json.loads(record.read_text())
    data["paths_data"]["paths"].append({"_path": "lib/python3.12/site-packages/toolie/__pycache__/a.pyc", "path_type": "pyc_file"})
    record.write_text(json.dumps(data))
    assert site.state()["state"] == "installed"


def test_content_of_the_same_size_is_compared_on_request(site: Site) -> None:
    site.installs("plain")
    for file in ("share/data.txt", "share/native/where.txt"):  # the second is another one in each environment
        path = site.prefix / file
        changed = path.read_bytes().swapcase()
        path.unlink()
        path.write_bytes(changed)
    assert site.installed().startswith("p-cpu: already up to date")
    assert "damaged-files" not in site.workspace.envgen("verify", site.prefix).out
    verified = site.workspace.envgen("verify", site.prefix, "--checksums")
    assert (verified.status, "share/data.txt" in verified.out, "share/native/where.txt" in verified.out) == (1, True, True)
    assert site.installed("--checksums").startswith(f"p-cpu: repaired in {site.prefix} (")
    check_like_reference(site.prefix, site.world.references["plain"])
    assert "damaged-files" not in site.workspace.envgen("verify", site.prefix, "--checksums").out


def test_a_damaged_file_is_repaired_with_an_update_too(site: Site) -> None:
    site.installs("older")
    (site.prefix / "share/data.txt").unlink()
    assert site.installs("plain").endswith("(2 packages added, 2 removed, 1 linked again)\n")
    check_like_reference(site.prefix, site.world.references["plain"])


# --- environments of other tools ------------------------------------------------------------------------------------------


def by_another_tool(site: Site, lock: str) -> None:
    """An environment that another client made from the same lock, without anything of envgen's."""
    _reference(site.world.server, site.world.locks[lock]["p/cpu/conda-lock.yml"].decode(), site.prefix)


def by_conda(site: Site, lock: str) -> None:
    """The same with records as conda writes them for packages of an explicit file (seen with conda 26.7)."""
    by_another_tool(site, lock)
    for path in (site.prefix / "conda-meta").glob("*.json"):
        record = json.loads(path.read_text())
        del record["sha256"]
        record |= {"channel": f"{record['channel']}{record['subdir']}", "requested_spec": record["name"]}
        if record.get("noarch") == "python":
            for entry in record["paths_data"]["paths"]:
                entry["_path"] = entry["_path"].replace("lib/python3.12/", "")
            record["files"].append("lib/python3.12/site-packages/toolie/__pycache__/__init__.cpython-312.pyc")
            record["paths_data"]["paths"].append({"_path": record["files"][-1], "path_type": "pyc_file"})
        path.write_text(json.dumps(record))


def contents(prefix: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(prefix)): path.read_bytes()
        for path in sorted(prefix.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    }


def test_an_environment_of_another_tool_with_the_packages_of_the_lock_is_taken_as_it_is(site: Site) -> None:
    site.take("plain")
    by_another_tool(site, "plain")
    before = contents(site.prefix)
    row = site.state()
    assert (row["state"], row["prefix"]) == ("equivalent", str(site.prefix))
    assert "installed by another tool" in " ".join(site.workspace.envgen("list").out.split())
    ran = site.workspace.envgen("run", "p", "--target", "cpu", "--quiet", "--", "toolie")
    assert (ran.status, ran.out, ran.err) == (0, f"{site.prefix}\n", "")
    probed = site.workspace.envgen("probe", "p", "--target", "cpu", "--framework", "toolie", "--json")
    assert (json.loads(probed.out)["prefix"], json.loads(probed.out)["target"]) == (str(site.prefix), "cpu")
    assert site.workspace.envgen("verify", site.prefix).status == 0
    assert contents(site.prefix) == before


def test_install_adopts_an_environment_of_another_tool_and_links_nothing(site: Site) -> None:
    site.take("plain")
    by_another_tool(site, "plain")
    before = contents(site.prefix)
    note = "(another tool made it, with the packages of the lock; no package changes)"
    assert site.installed("--dry-run") == f"p-cpu: would be adopted in {site.prefix} {note}\n"
    assert contents(site.prefix) == before
    assert site.installed() == f"p-cpu: adopted in {site.prefix} {note}\n"
    after = contents(site.prefix)
    assert after.pop("conda-meta/envgen")
    assert after == before
    assert site.installed() == f"p-cpu: already up to date in {site.prefix}\n"
    site.installs("older")
    check_like_reference(site.prefix, site.world.references["older"])


def test_an_environment_of_conda_is_adopted_and_updated(site: Site) -> None:
    """It has no sha256, and says of noarch files where they are in the package."""
    site.take("plain")
    by_conda(site, "plain")
    assert site.state()["state"] == "equivalent"
    (site.prefix / "lib/python3.12/site-packages/toolie/__init__.py").rename(site.prefix / "kept")
    assert site.state()["damaged"] == ["lib/python3.12/site-packages/toolie/__init__.py"]
    (site.prefix / "kept").rename(site.prefix / "lib/python3.12/site-packages/toolie/__init__.py")
    assert site.installed().startswith("p-cpu: adopted")
    kept = (site.prefix / "lib/libnative.so.1.0").stat().st_ino
    site.installs("minor")
    assert tree(site.prefix) == tree(site.world.references["minor"])
    assert (site.prefix / "lib/libnative.so.1.0").stat().st_ino == kept  # not linked again


@pytest.mark.parametrize("change", ["another hash", "another package", "one package less", "another version"])
def test_an_environment_of_another_tool_with_other_packages_is_not_taken(site: Site, change: str) -> None:
    site.take("plain")
    by_another_tool(site, "older" if change == "another version" else "plain")
    record = site.prefix / "conda-meta" / "data-1.0-h7654321_0.json"
    data = json.loads(record.read_text())
    if change == "another hash":
        record.write_text(json.dumps({**data, "sha256": "0" * 64}))
    elif change == "another package":
        record.with_name("other-1.0-h7654321_0.json").write_text(json.dumps({**data, "name": "other"}))
    elif change == "one package less":
        record.unlink()
    assert site.state()["state"] == "foreign"
    ran = site.workspace.envgen("run", "p", "--target", "cpu", "--", "true")
    assert (ran.status, "and its packages are not those of the lock" in ran.err, "--force" in ran.err) == (2, True, True)
    refused = site.install()
    assert (refused.status, "envgen did not create this environment" in refused.err) == (2, True)
    site.installed("--force")
    check_like_reference(site.prefix, site.world.references["plain"])


def test_a_damaged_environment_of_another_tool_is_repaired(site: Site) -> None:
    site.take("plain")
    by_another_tool(site, "plain")
    (site.prefix / "share/data.txt").unlink()
    assert (site.state()["state"], site.state()["damaged"]) == ("damaged", ["share/data.txt"])
    assert site.installed().startswith("p-cpu: repaired")
    check_like_reference(site.prefix, site.world.references["plain"])


def test_a_folder_with_content_in_the_place_of_a_file_is_not_removed(site: Site) -> None:
    site.installs("plain")
    (site.prefix / "share/data.txt").unlink()
    (site.prefix / "share/data.txt").mkdir()
    (site.prefix / "share/data.txt/mine").write_text("mine")
    done = site.install()
    assert (done.status, done.out) == (2, "")
    assert f"{site.prefix}/share/data.txt: this folder is in the place of a file of a package" in done.err
    assert (site.prefix / "share/data.txt/mine").read_text() == "mine"


def test_a_record_under_the_name_of_another_package_is_told(site: Site) -> None:
    site.installs("plain")
    record = site.prefix / "conda-meta" / "data-1.0-h7654321_0.json"
    record.rename(record.with_name("data-1.0-h7654321_1.json"))
    done = site.install()
    assert (done.status, done.out) == (2, "")
    assert "data-1.0-h7654321_1.json: is the record of data-1.0-h7654321_0" in done.err
