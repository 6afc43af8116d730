"""What conda's enhancement proposals require of whoever makes locks: one test for each MUST of CEP 30, 37, 42, 43, 44, 46 and 48.

docs/channels.md has the table of these sentences, and of those that are the solver's or the installer's. A test's name has the number
of the proposal and what must hold.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import some
from rattler import MatchSpec, Version
from unit.small import project_of, real_matrix, refused

from envgen.channels.channel import locate
from envgen.channels.index import FolderIndex
from envgen.channels.query import check_own
from envgen.channels.recorded import read_recorded, recorded_files, recorded_names
from envgen.channels.relations import ChannelRelations, relation_notes
from envgen.channels.solve import Unsolvable, solve
from envgen.model.errors import BadInput
from envgen.model.facts import Target
from envgen.model.packages import SolveRequest
from envgen.model.platforms import PLATFORMS
from envgen.model.requested import with_gpus, with_overrides

REPO = Path(__file__).parents[2]
LOCKS = sorted(REPO.glob("environments/*/*/conda-lock.yml"))
PROMISED = {"__unix": "0", "__linux": "5.10", "__glibc": "2.28", "__archspec": "1 x86_64"}
PROJECT = 'python: "3.12"\ntargets: {targets}\nplatforms: [linux-64, linux-aarch64, osx-64, osx-arm64, win-64]\nchannels: [conda-forge]\ndependencies: [numpy]\n'
Record = dict[str, Any]


def record(name: str, *depends: str, version: str = "1.0", subdir: str = "noarch", **more: object) -> Record:
    base = {"name": name, "version": version, "build": "0", "build_number": 0, "depends": list(depends), "subdir": subdir}
    return {**base, "sha256": "1" * 64, "md5": "2" * 32, "size": 1, "timestamp": 1_700_000_000_000, **more}


def repodata(*records: Record, **more: object) -> Mapping[str, object]:
    rows = {f"{row['name']}-{row['version']}-{row['build']}.conda": row for row in records}
    return {"info": {"subdir": "noarch"}, "packages": {}, "packages.conda": rows, "repodata_version": 1, **more}


def solved(folder: Path, data: Mapping[str, object], *specs: str, **virtual: str | None) -> set[str]:
    """What is locked of a channel with this repodata, beside what a Linux machine promises; `__cuda` and others may be added."""
    path = folder / "c" / "noarch" / "repodata.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))
    promised = {name: value for name, value in {**PROMISED, **virtual}.items() if value is not None}
    request = SolveRequest(environment="p-cpu", platform="linux-64", specs=specs, channels=("c",), virtual=promised)
    (solution,) = solve((request,), FolderIndex(folder, "index"), 1)
    return {f"{row.name} {row.version}" for row in solution.records}


@cache
def lock(path: Path) -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = yaml.load(path.read_text(), yaml.CSafeLoader)
    return loaded


@cache
def promises() -> tuple[tuple[str, str, Mapping[str, str]], ...]:
    """Target, platform, and what is promised there, for every target of the matrices."""
    found = real_matrix().targets.values()
    return tuple((target.name, platform, target.virtual[platform]) for target in found for platform in target.platforms)


def of_project(targets: str, more: str = "") -> dict[str, Target]:
    matrix = real_matrix()
    project = project_of(PROJECT.format(targets=targets) + more, matrix)
    return {row.name: with_gpus(with_overrides(matrix.targets[row.name], row), project) for row in project.targets}


# --- CEP 30: virtual packages ---------------------------------------------------------------------------------------------


def test_30_names_of_virtual_packages_begin_with_two_underscores() -> None:
    assert all(name.startswith("__") for _, _, virtual in promises() for name in virtual)
    error = refused(lambda: project_of(PROJECT.format(targets="{cpu: {virtual-packages: {glibc: '2.35'}}}")))
    assert error and "not the name of a virtual package" in str(error)


def test_30_versions_of_virtual_packages_are_versions() -> None:
    for _, _, virtual in promises():
        assert all(Version(value.split(" ")[0]) is not None for value in virtual.values())
    error = refused(lambda: project_of(PROJECT.format(targets="{cpu: {virtual-packages: {__linux: '5.10 generic #1'}}}")))
    assert error and "expected a version" in str(error)


@pytest.mark.parametrize("name", ["__archspec", "__cuda", "__glibc", "__linux", "__osx", "__unix", "__win"])
def test_30_every_virtual_package_is_supported(tmp_path: Path, name: str) -> None:
    data = repodata(record("user", name))
    assert solved(tmp_path, data, "user", **{name: "1"}) == {"user 1.0"}
    with pytest.raises(Unsolvable):
        solved(tmp_path, data, "user", **{name: None})


def test_30_archspec_is_always_there_with_version_1() -> None:
    assert all(virtual["__archspec"].split()[0] == "1" for _, _, virtual in promises())


def test_30_archspec_is_chosen_by_its_build_string(tmp_path: Path) -> None:
    data = repodata(record("user", "__archspec * x86_64_v3"))
    assert solved(tmp_path, data, "user", __archspec="1 x86_64_v3") == {"user 1.0"}
    with pytest.raises(Unsolvable):
        solved(tmp_path, data, "user")


def test_30_cuda_is_there_with_major_and_minor_exactly_where_the_target_has_it() -> None:
    matrix = real_matrix()
    for name, platform, virtual in some(promises()):
        assert ("__cuda" in virtual) == (matrix.targets[name].cuda is not None), (name, platform)
        assert re.fullmatch(r"\d+\.\d+", virtual.get("__cuda", "0.0"))


@pytest.mark.parametrize(
    ("name", "where", "pattern"),
    [
        ("__glibc", "linux", r"\d+\.\d+"),
        ("__linux", "linux", r"\d+\.\d+(\.\d+){0,2}"),
        ("__osx", "osx", r"\d+\.\d+"),
        ("__unix", "linux osx", "0"),
        ("__win", "win", r"\d+(\.\d+){0,2}"),
    ],
)
def test_30_a_system_has_its_own_virtual_packages_and_no_other(name: str, where: str, pattern: str) -> None:
    """Their build string is 0: none is written."""
    for target, platform, virtual in some(promises()):
        assert (name in virtual) == (platform.split("-")[0] in where.split()), (target, platform)
        assert re.fullmatch(pattern, virtual.get(name, "")) or name not in virtual


def test_30_a_promise_for_another_system_is_left_out() -> None:
    target = of_project("{cpu: {virtual-packages: {__glibc: '2.35', __osx: '14.0', __win: '10', __linux: '6.1'}}}")["cpu"]
    foreign = {"linux": {"__osx", "__win"}, "osx": {"__glibc", "__linux", "__win"}, "win": {"__glibc", "__linux", "__osx"}}
    assert target.virtual.keys() == set(PLATFORMS)
    for name, virtual in target.virtual.items():
        assert not foreign[name.split("-")[0]] & virtual.keys()


def test_30_overrides_of_the_machine_that_locks_change_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are for clients that look at their machine; a lock is for the machines that its target describes."""
    data = repodata(record("user", "__cuda", "__glibc >=3"))
    monkeypatch.setenv("CONDA_OVERRIDE_CUDA", "12.6")
    monkeypatch.setenv("CONDA_OVERRIDE_GLIBC", "3.0")
    with pytest.raises(Unsolvable):
        solved(tmp_path, data, "user")


# --- CEP 37: conda-lock.yml -----------------------------------------------------------------------------------------------

METADATA = {
    "content_hash",
    "channels",
    "platforms",
    "sources",
    "time_metadata",
    "git_metadata",
    "inputs_metadata",
    "custom_metadata",
}
HEX = {"md5": r"[0-9a-f]{32}", "sha256": r"[0-9a-f]{64}"}
Law = Callable[[Mapping[str, Any], Mapping[str, Any]], bool]

OF_METADATA: dict[str, Law] = {
    "only the keys of the proposal": lambda data, meta: (
        meta.keys() <= METADATA and data.keys() == {"version", "metadata", "package"}
    ),
    "version 1": lambda data, _: data["version"] == 1,
    "a lower-case sha256 for each platform": lambda _, meta: (
        meta["content_hash"].keys() == set(meta["platforms"])
        and all(re.fullmatch(HEX["sha256"], value) for value in meta["content_hash"].values())
    ),
    "channels with a url and its variables": lambda _, meta: all(
        row.keys() == {"url", "used_env_vars"} and row["url"] and isinstance(row["used_env_vars"], list) for row in meta["channels"]
    ),
    "platforms are subdirs other than noarch": lambda _, meta: set(meta["platforms"]) <= set(PLATFORMS),
    "sources are relative paths": lambda _, meta: all(not Path(text).is_absolute() for text in meta["sources"]),
    "custom metadata are texts": lambda _, meta: all(
        isinstance(text, str) for pair in meta.get("custom_metadata", {}).items() for text in pair
    ),
    "each package once": lambda data, _: (
        len({(row["name"], row["manager"], row["platform"], row["category"]) for row in data["package"]}) == len(data["package"])
    ),
}
OF_PACKAGE: dict[str, Law] = {
    "conda or pip": lambda row, _: row["manager"] in ("conda", "pip"),
    "a platform of the metadata": lambda row, meta: row["platform"] in meta["platforms"],
    "a url": lambda row, _: "://" in row["url"],
    "hashes in hex": lambda row, _: (
        bool(row["hash"]) and row["hash"].keys() <= HEX.keys() and all(re.fullmatch(HEX[k], v) for k, v in row["hash"].items())
    ),
    "dependencies are conda specs": lambda row, _: (
        row["manager"] == "pip"
        or all(MatchSpec(f"{name} {text}".strip(), strict=False) for name, text in row["dependencies"].items())
    ),
    "optional or not": lambda row, _: isinstance(row["optional"], bool),
    "a category": lambda row, _: bool(row["category"]) and isinstance(row["category"], str),
}


@pytest.mark.thorough
@pytest.mark.parametrize("law", OF_METADATA)
def test_37_the_metadata_of_a_lock(law: str) -> None:
    assert LOCKS
    assert all(path.suffix == ".yml" and "conda-lock" in path.name for path in LOCKS)
    assert not [path for path in LOCKS if not OF_METADATA[law](lock(path), lock(path)["metadata"])]


@pytest.mark.parametrize("law", OF_PACKAGE)
def test_37_the_packages_of_a_lock(law: str) -> None:
    holds = OF_PACKAGE[law]
    assert not [(path, row["name"]) for path in LOCKS for row in lock(path)["package"] if not holds(row, lock(path)["metadata"])]


# --- CEP 42: relations between channels -----------------------------------------------------------------------------------

HOST = "https://conda.example.com"


def told(*channels: str, base: str = "", overrides: str = "") -> list[str]:
    """What is said where the last of some channels declares relations."""
    places = [locate(f"{HOST}/{channel}") for channel in channels]
    declared = {place: [ChannelRelations(base, overrides)] if place == places[-1] else [] for place in places}
    return list(relation_notes(declared))


@pytest.mark.parametrize(
    ("channel", "reference", "url"),
    [
        ("bioconda", "../conda-forge/", f"{HOST}/conda-forge"),
        ("a", "../teamX", f"{HOST}/teamX"),
        ("conda-forge/label/rc", "../..", f"{HOST}/conda-forge"),
    ],
)
def test_42_a_reference_is_read_from_the_url_of_the_channel(channel: str, reference: str, url: str) -> None:
    (base,), (overrides,) = told(channel, base=reference), told(channel, overrides=reference)
    assert base.startswith(f"channel {HOST}/{channel} declares {url} as its base: ")
    assert base.endswith(f"list it before {HOST}/{channel} in channels:")
    assert f" declares {url} as what it overrides: " in overrides
    assert overrides.endswith(f"list it after {HOST}/{channel} in channels:")


@pytest.mark.parametrize("order", [("conda-forge", "team"), ("team", "conda-forge", "team")])
def test_42_the_order_of_the_user_is_kept_and_no_channel_is_named_twice(order: tuple[str, ...]) -> None:
    assert told(*order, base="../conda-forge") == []
    assert told(*order, overrides="../conda-forge") == []


@pytest.mark.parametrize("reference", ["conda-forge", "https://evil.example/c", "/etc", "./x", "../../../../..", "..", "../a b"])
def test_42_a_reference_that_is_not_relative_is_an_error_that_is_told(reference: str) -> None:
    (text,) = told("team", base=reference)
    assert text.startswith(f"channel {HOST}/team declares relations to other channels that CEP 42 does not allow")
    assert text.endswith(": ignored")


@pytest.mark.parametrize(("base", "overrides"), [("../x", "../x"), ("../team", ""), ("", "../team"), ("../x", "../y/../x")])
def test_42_relations_that_contradict_each_other_are_an_error_that_is_told(base: str, overrides: str) -> None:
    (text,) = told("team", base=base, overrides=overrides)
    assert "CEP 42 does not allow (contradictory): ignored" in text


# --- CEP 43: conditional dependencies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "applies"),
    [
        ("other", True),
        ("other>=1", True),
        ("other>=2", False),
        ("nothing", False),
        ("__unix", True),
        ("__cuda", False),
        ("__glibc>=2.17", True),
        ("other and __unix", True),
        ("other and __cuda", False),
        ("__cuda or __unix", True),
        ("__cuda or other>=2", False),
        ("(__cuda or other) and __unix", True),
        ("__cuda or (other and __win)", False),
        ("other[version='>=1',build=0]", True),
        ("other[version='>=2']", False),
    ],
)
def test_43_a_dependency_counts_exactly_where_its_condition_holds(tmp_path: Path, when: str, applies: bool) -> None:  # noqa: FBT001
    data = repodata(record("user", "other", f'extra[when="{when}"]'), record("other"), record("extra"))
    assert ("extra 1.0" in solved(tmp_path, data, "user")) == applies


def test_43_the_range_of_a_conditional_dependency_counts_where_it_applies(tmp_path: Path) -> None:
    rows = (record("extra"), record("extra", version="2.0"))
    data = repodata(record("user", 'extra[version="<2",when="__unix"]'), *rows)
    assert solved(tmp_path, data, "user") == {"user 1.0", "extra 1.0"}


@pytest.mark.parametrize(
    "spec", ['extra[when="other[when=python]"]', 'extra[when=""]', 'extra[when="other and"]', 'extra[when="(other"]']
)
def test_43_a_condition_that_cannot_be_read_makes_its_package_unavailable(tmp_path: Path, spec: str) -> None:
    with pytest.raises(Unsolvable) as raised:
        solved(tmp_path, repodata(record("user", spec), record("other"), record("extra")), "user")
    assert "user" in str(raised.value)


@pytest.mark.parametrize(
    "spec", ['numpy>=2[when="python>=3.10"]', 'numpy[version=">=2",when="__unix"]', "user[extras=[fast]]", "user[flags=[cuda]]"]
)
def test_43_44_what_environment_yml_cannot_say_is_bad_input_in_a_project(spec: str) -> None:
    with pytest.raises(BadInput, match="environment.yml is also read by tools that do not know it") as raised:
        check_own(spec)
    assert raised.value.hint


# --- CEP 44: optional dependency groups -----------------------------------------------------------------------------------

GROUPS = {"fast": ["extra"], "a.b-c_d+1": ["extra"]}


@pytest.mark.parametrize(
    ("extras", "brings"),
    [
        ("fast", True),
        ('"fast"', True),
        ("[fast]", True),
        ("[other, fast]", True),
        ('" fast "', True),
        ("a.b-c_d+1", True),
        ("other", False),
        ("[other]", False),
    ],
)
def test_44_a_group_is_added_to_the_dependencies_and_an_absent_one_adds_nothing(tmp_path: Path, extras: str, brings: bool) -> None:  # noqa: FBT001
    data = repodata(
        record("user", f"lib[extras={extras}]"), record("lib", "base", extra_depends=GROUPS), record("base"), record("extra")
    )
    assert solved(tmp_path, data, "user") == {"user 1.0", "lib 1.0", "base 1.0", *(["extra 1.0"] if brings else [])}


@pytest.mark.parametrize("extras", ["FAST", "Fast", "[fast!]", "fa st", "[]x", f"{'x' * 65}"])
def test_44_a_name_that_is_none_is_rejected_and_never_normalized(tmp_path: Path, extras: str) -> None:
    data = repodata(record("user", f'lib[extras="{extras}"]'), record("lib", extra_depends=GROUPS), record("extra"))
    with pytest.raises(Unsolvable):
        solved(tmp_path, data, "user")


# --- CEP 46: __cuda_arch --------------------------------------------------------------------------------------------------


def test_46_the_lowest_compute_capability_of_the_gpus_is_promised_as_major_and_minor() -> None:
    target = of_project("[cpu, cu126]", "gpus: [A100, V100, RTX 4090]\n")["cu126"]
    assert {virtual["__cuda_arch"] for virtual in target.virtual.values()} == {"7.0"}


def test_46_it_is_absent_where_no_gpus_are_named_and_where_there_is_no_cuda() -> None:
    assert all("__cuda_arch" not in virtual for virtual in of_project("[cpu, cu126]")["cu126"].virtual.values())
    found = of_project("{cpu: {virtual-packages: {__cuda_arch: '8.6'}}, cu126: {}}", "gpus: [A100]\n")["cpu"]
    assert all("__cuda_arch" not in virtual for virtual in found.virtual.values())


def test_46_a_promise_of_the_project_takes_the_place_of_the_gpus() -> None:
    found = of_project("{cu126: {virtual-packages: {__cuda_arch: '8.6'}}}", "gpus: [A100]\n")["cu126"]
    assert {virtual["__cuda_arch"] for virtual in found.virtual.values()} == {"8.6"}


def test_46_a_package_that_needs_more_is_not_locked(tmp_path: Path) -> None:
    data = repodata(record("user", "__cuda_arch >=8.0"))
    assert solved(tmp_path, data, "user", __cuda="12.6", __cuda_arch="8.6") == {"user 1.0"}
    for missing in ("7.5", None):
        with pytest.raises(Unsolvable):
            solved(tmp_path, data, "user", __cuda="12.6", __cuda_arch=missing)


# --- CEP 48: repodata v3 --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["conda", "tar.bz2"])
def test_48_records_below_v3_are_read_with_the_extension_as_their_key(tmp_path: Path, kind: str) -> None:
    rows = {kind: {"user-1.0-0": record("user", 'other[version=">=1",build_number=0]')}}
    data = repodata(record("other"), v3=rows)
    assert solved(tmp_path, data, "user") == {"user 1.0", "other 1.0"}


@pytest.mark.parametrize(
    "revisions",
    [{"v3": {"message": "newer packages", "n_packages": 1}}, {"v4": {"message": None}}, {"v3": {"more": [1]}}, {}],
)
def test_48_revisions_and_their_additional_keys_do_not_matter(tmp_path: Path, revisions: Mapping[str, object]) -> None:
    data = repodata(
        record("user"), info={"subdir": "noarch", "repodata_revisions": revisions}, v4={"conda": {"user-2.0-0": {"x": 1}}}
    )
    assert solved(tmp_path, data, "user") == {"user 1.0"}


@pytest.mark.parametrize(
    "row",
    [
        record("user", 'other[when="__unix"]'),
        record("user", "other[extras=[fast]]"),
        record("user", constrains=["other[flags=[cuda]]"]),
        record("user", extra_depends={"fast": ["other"]}),
        record("user", flags=["cuda"]),
    ],
)
@pytest.mark.parametrize("suffix", [".conda", ".tar.bz2"])
def test_43_48_what_older_tools_would_misread_is_recorded_where_they_do_not_look(tmp_path: Path, row: Record, suffix: str) -> None:
    records = {f"c/noarch/user-1.0-0{suffix}": row, f"c/noarch/other-1.0-0{suffix}": record("other")}
    (text,) = recorded_files(records).values()
    data = json.loads(text)
    assert [file for section in ("packages", "packages.conda") for file in data[section]] == [f"other-1.0-0{suffix}"]
    assert data["v3"][suffix[1:]].keys() == {"user-1.0-0"}
    assert data["repodata_version"] == 1
    path = tmp_path / "c" / "noarch" / "repodata.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert read_recorded(tmp_path, "index") == records
    assert recorded_names(tmp_path) == set(records)
    assert solved(tmp_path, data, "user") >= {"user 1.0"}
