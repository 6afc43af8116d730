"""Which locks `verify` looks at, and what each is meant to be: by the command line, its place, the file beside it, or itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import REPO
from unit.small import project_of, real_matrix, refused
from unit.test_rules import NUMPY, TORCH

from envgen.install.platform_lock import archive_hash, of_platform
from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.layout import VIRTUAL, Layout
from envgen.model.packages import Lock
from envgen.model.project import Project
from envgen.project.cached import cached_project
from envgen.verify.verify import VerifyRequest, _claims, _of_promise, _own, _shown, verified

HERE = Layout(REPO)
LOCK = Lock(
    shown="l.yml", format="conda-lock 1", environment="", packages=(NUMPY, replace(NUMPY, platform="osx-arm64"), replace(NUMPY, platform="win-64"))
)  # fmt: skip
PROJECT = """\
python: "3.12"
frameworks: {pytorch: "2.6.*", torchvision: "*", cudf: "*"}
targets: {cpu: , cu126: , cluster: {cuda: "11.8", virtual-packages: {__glibc: "2.17"}}}
platforms: [linux-64, osx-arm64, win-64]
channels: [conda-forge]
driver: ">=535"
"""


def committed(name: str) -> Project:
    return cached_project(HERE, real_matrix(), name)


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A repository with two projects, one of which has a target of its own; with locks, which nobody reads."""
    root = tmp_path_factory.mktemp("claims")
    for place in ("one/cpu", "one/cluster", "one/cu126", "two/cpu", "two/cu129"):
        (root / "environments" / place).mkdir(parents=True)
        (root / "environments" / place / "conda-lock.yml").write_text("", encoding="utf-8")
        (root / "environments" / place.partition("/")[0] / "project.yaml").write_text(PROJECT, encoding="utf-8")
    return Layout(root)


def by_name(name: str) -> Project:
    text = (
        PROJECT
        if name == "one"
        else PROJECT.replace('cu126: , cluster: {cuda: "11.8", virtual-packages: {__glibc: "2.17"}}', "cu129: ")
    )
    return project_of(text, real_matrix(), name)


def asked(*paths: Path, **more: Any) -> VerifyRequest:
    return VerifyRequest(paths=paths, **more)


@pytest.mark.parametrize(
    ("words", "places"),
    [
        ({}, "one/cluster one/cpu one/cu126 two/cpu two/cu129"),
        ({"project": "two"}, "two/cpu two/cu129"),
        ({"target": "cpu"}, "one/cpu two/cpu"),
        ({"target": "cu126"}, "one/cu126"),
        ({"target": "12"}, "one/cu126 two/cu129"),
        ({"target": "cluster"}, "one/cluster"),
        ({"target": "cluster", "project": "one"}, "one/cluster"),
        ({"target": "newest", "project": "two"}, "two/cu129"),
    ],
)
def test_the_locks_of_a_repository_are_chosen_by_project_and_target(words: dict[str, str], places: str, layout: Layout) -> None:
    found = _own(layout, asked(**words), real_matrix(), by_name)
    assert " ".join(path.parent.relative_to(layout.environments).as_posix() for path in found) == places


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"project": "three"}, "no project `three`"),
        ({"target": "gpu"}, "`gpu` depends on the machine, and `envgen verify` gives the same answer on every machine"),
        ({"target": "cluster", "project": "two"}, "no target `cluster` in matrices/targets.yaml"),
    ],
)
def test_what_no_lock_is_called_is_bad_input(words: dict[str, str], said: str, layout: Layout) -> None:
    error = refused(lambda: _own(layout, asked(**words), real_matrix(), by_name))
    assert error is not None and said in error.what


def test_without_a_path_the_locks_of_the_repository_are_verified_or_nothing_is() -> None:
    matrix = real_matrix()
    found, errors = verified(HERE, matrix, committed, asked(project="legacy", target="cpu"))
    assert errors == ()
    assert [(row.lock.shown, row.claim.source) for row in found] == [("environments/legacy/cpu/conda-lock.yml", "target cpu")]
    error = refused(lambda: verified(None, matrix, committed, asked()))
    assert error is not None
    assert error.what == "nothing to verify"
    assert error.hint == "give a lock, a list or the folder of an environment, or run in a repository with locks"


def test_a_path_is_shown_below_its_repository_or_as_it_was_given(layout: Layout, tmp_path: Path) -> None:
    path = layout.root / "environments/one/cpu"
    assert [_shown(path, layout), _shown(path, None), _shown(tmp_path, layout)] == [
        "environments/one/cpu",
        str(path),
        str(tmp_path),
    ]


# --- claims ---------------------------------------------------------------------------------------------------------------


def told(
    path: Path, layout: Layout | None, lock: Lock = LOCK, **words: Any
) -> dict[str, tuple[str, str, str, tuple[str, ...], str]] | str:
    """What each platform is meant to be: kind, CUDA, source, frameworks and glibc; or the error."""
    try:
        found = _claims(lock, path, layout, asked(**words), real_matrix(), by_name)
    except BadInput as error:
        return f"{error.what}; {error.hint}"
    return {
        platform: (row.kind, str(row.cuda or ""), row.source, row.frameworks, (row.virtual or {}).get("__glibc", ""))
        for platform, row in found.items()
    }


GPU, CPU = ("pytorch", "cudf"), ("pytorch",)  # cudf has no CPU build


@pytest.mark.parametrize(
    ("place", "words", "expected"),
    [
        ("one/cu126", {}, ("cuda", "12.6", "target cu126", GPU, "2.28")),
        ("one/cpu", {}, ("cpu", "", "target cpu", CPU, "2.28")),
        ("one/cluster", {}, ("cuda", "11.8", "target cluster", GPU, "2.17")),
        ("one/cpu", {"target": "cu126"}, ("cuda", "12.6", "target cu126", GPU, "2.28")),
        ("one/cu126", {"project": "two", "target": "cpu"}, ("cpu", "", "target cpu", CPU, "2.28")),
        ("elsewhere", {"project": "one", "target": "cu126"}, ("cuda", "12.6", "target cu126", GPU, "2.28")),
        ("elsewhere", {"target": "cu126"}, ("cuda", "12.6", "target cu126", (), "2.28")),
        ("elsewhere", {"target": "12.7"}, ("cuda", "12.7", "target cu127", (), "")),
    ],
)
def test_a_lock_is_meant_to_be_what_its_place_or_the_command_line_says(
    place: str, words: dict[str, str], expected: tuple[object, ...], layout: Layout
) -> None:
    found = told(layout.environments / place / "conda-lock.yml", layout, **words)
    assert isinstance(found, dict)
    assert found["linux-64"][:4] == expected[:4]
    assert found["linux-64"][4] == expected[4] or place == "elsewhere"
    assert found["osx-arm64"][:2] == ("cpu", "")  # whatever the target


@pytest.mark.parametrize(
    ("words", "in_repository", "said"),
    [
        ({"project": "one"}, True, "no target of project one given for l.yml; add --target TARGET"),
        ({"project": "one"}, False, "no target of project one given for l.yml; run in the repository of that project"),
        (
            {"project": "one", "target": "cu130"},
            True,
            "one has no target `cu130`; known here: cluster, cpu, cu126; add it: `envgen init --project one --target cu130`",
        ),
        ({"target": "cu1"}, True, "no target `cu1`; the nearest are cu92, cu101, cu102"),
    ],
)
def test_what_does_not_say_what_a_lock_is_meant_to_be_is_bad_input(
    words: dict[str, str], in_repository: bool, said: str, layout: Layout, tmp_path: Path
) -> None:
    assert told(tmp_path / "l.yml", layout if in_repository else None, **words) == said


PROMISED = "subdirs:\n  linux-64: {packages: {__glibc: '2.31', MORE}}\n"


def promise(folder: Path, more: str = "__unix: 0") -> Path:
    path = folder / VIRTUAL
    path.write_text(PROMISED.replace("MORE", more), encoding="utf-8")
    return path


def test_virtual_packages_beside_a_lock_say_what_it_is_for(tmp_path: Path) -> None:
    path, cuda = tmp_path / "l.yml", replace(LOCK, packages=(TORCH,))
    assert told(path, None) == {}
    promise(tmp_path)
    assert told(path, None) == {"linux-64": ("cpu", "", VIRTUAL, (), "2.31")}
    promise(tmp_path, "__cuda: '12.8 0'")
    assert told(path, None, cuda) == {"linux-64": ("cuda", "12.6", VIRTUAL, (), "2.31")}
    promise(tmp_path, "__cuda: new")
    assert told(path, None) == '`__cuda: new` is not a version; write a version such as "12.6"'


def test_virtual_packages_that_are_named_stand_in_place_of_the_targets(tmp_path: Path) -> None:
    virtual = promise(tmp_path)
    found = told(tmp_path / "x/l.yml", None, target="cu126", virtual=virtual)
    assert isinstance(found, dict)
    assert {name: row[4] for name, row in found.items()} == {"linux-64": "2.31", "osx-arm64": "", "win-64": ""}
    assert found["win-64"][:3] == ("cuda", "12.6", "target cu126")
    assert told(tmp_path / "x/l.yml", None, virtual=virtual) == {"linux-64": ("cpu", "", VIRTUAL, (), "2.31")}
    assert set(_of_promise(LOCK, virtual, real_matrix().catalogue)) == {"linux-64"}


def test_a_lock_that_promises_virtual_packages_is_for_such_a_machine(tmp_path: Path) -> None:
    lock = replace(LOCK, packages=(TORCH,), machine="server", promises={"__glibc": "2.35"})
    assert told(tmp_path / "l.yml", None, lock) == {"linux-64": ("cuda", "12.6", "platform server", (), "2.35")}
    (claim,) = _claims(lock, tmp_path / "l.yml", None, asked(), real_matrix(), by_name).values()
    assert claim.more_virtual


@pytest.mark.parametrize(
    ("manifest", "source"),
    [
        ('{"project": "one", "target": "cu126"}', "target cu126"),
        ('{"project": "three", "target": "cu126"}', ""),
        ("{", ""),
    ],
)
def test_an_environment_that_envgen_installed_is_meant_to_be_its_target(
    manifest: str, source: str, layout: Layout, tmp_path: Path
) -> None:
    (tmp_path / "conda-meta").mkdir()
    (tmp_path / "conda-meta/envgen").write_text(manifest, encoding="utf-8")
    found = told(tmp_path, layout)
    assert isinstance(found, dict)
    assert {row[2] for row in found.values()} == ({source} if source else set())
    assert told(tmp_path, None) == {}


# --- the lock of a platform -----------------------------------------------------------------------------------------------

BARE = replace(NUMPY, sha256=None, md5=None)
WHEEL = replace(NUMPY, name="einops", manager="pip")


@pytest.mark.parametrize(
    ("lock", "platform", "said"),
    [
        (LOCK, "linux-aarch64", "l.yml: this lock is for linux-64, osx-arm64, win-64, but this machine is linux-aarch64\n\nhint: add linux-aarch64 to `platforms:` in the project and run `envgen lock`"),
        (replace(LOCK, packages=()), "linux-64", "l.yml: this lock is for no platform, but this machine is linux-64\n\nhint: add linux-64 to `platforms:` in the project and run `envgen lock`"),
        (replace(LOCK, packages=(BARE,)), "linux-64", "l.yml: numpy has no hash in this lock\n\nhint: run `envgen lock --update`; envgen only installs packages that it can check"),
        (replace(LOCK, packages=(replace(BARE, at=Address("l.yml", 7, 3)),)), "linux-64", "l.yml:7:3: numpy has no hash in this lock\n\nhint: run `envgen lock --update`; envgen only installs packages that it can check"),
    ],
)  # fmt: skip
def test_a_lock_that_cannot_be_installed_here_says_why(lock: Lock, platform: str, said: str) -> None:
    assert str(refused(lambda: of_platform(lock, platform))) == said


def test_a_platform_has_its_own_packages_of_conda_and_of_pip() -> None:
    found = of_platform(replace(LOCK, packages=(*LOCK.packages, WHEEL), channels=("conda-forge",)), "linux-64")
    assert (list(found.conda), found.pip, found.requested) == (["numpy-2.2.6-py312h1234567_0"], (WHEEL,), ("numpy",))
    assert [row.canonical for row in found.channels] == ["https://conda.anaconda.org/conda-forge"]
    specs = "dependencies: [numpy >=2, 'conda-forge::NumPy', scipy]\n"
    assert of_platform(LOCK, "linux-64", specs).requested == ("numpy >=2", "conda-forge::NumPy")
    assert of_platform(LOCK, "linux-64", "dependencies: [scipy]\n").requested == ("numpy",)


def test_the_hash_of_an_archive_is_its_sha256_or_else_its_md5() -> None:
    rows = [replace(NUMPY, sha256=sha, md5=md5) for sha, md5 in (("a", "b"), (None, "b"), (None, None), ("a", None))]
    assert [archive_hash(row) for row in rows] == ["a", "b", "", "a"]
