"""Whether a lock was made from the files beside it, platform by platform: with real files, and one change of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest
from conftest import REPO
from unit.small import refused

from envgen.formats.beside import of_other_run
from envgen.formats.conda_lock import read_lock
from envgen.formats.content_hash import channel_entry, content_hash, requested
from envgen.formats.environment_yml import read_specs
from envgen.formats.virtual_packages import read_virtual_packages
from envgen.model.layout import LOCK, SPEC, VIRTUAL
from envgen.model.packages import Lock

FOLDER = REPO / "environments" / "vision" / "cpu"
ALL = ("linux-64", "osx-arm64", "win-64")
DEPENDENCIES = "dependencies:\n"


@cache
def files() -> dict[str, str]:
    return {name: (FOLDER / name).read_text(encoding="utf-8") for name in (LOCK, SPEC, VIRTUAL)}


@cache
def lock(text: str = "") -> Lock:
    return read_lock(text or files()[LOCK], "x/cpu/conda-lock.yml")


@dataclass(frozen=True)
class Change:
    """A text in a file, what takes its place, and the platforms whose lock is then of another run."""

    file: str
    old: str
    new: str
    found: tuple[str, ...]


CHANGES = {
    "nothing": Change(SPEC, "", "", ()),
    "a comment": Change(SPEC, "\n", "\n# a comment\n", ()),
    "a dependency": Change(SPEC, DEPENDENCIES, f"{DEPENDENCIES}  - zlib\n", ALL),
    "a dependency of one platform": Change(SPEC, DEPENDENCIES, f"{DEPENDENCIES}  - zlib  # [win64]\n", ("win-64",)),
    "a channel": Change(SPEC, "  - conda-forge\n", "  - conda-forge\n  - nvidia\n", ALL),
    "no channels": Change(SPEC, "channels:\n  - conda-forge\n", "", ALL),
    "dependencies that are no list": Change(SPEC, DEPENDENCIES, "dependencies: 5\nothers:\n", ALL),
    "pip, and what is requested is there": Change(SPEC, DEPENDENCIES, f"{DEPENDENCIES}  - pip: [x]\n", ()),
    "pip, and a request that is not there": Change(SPEC, DEPENDENCIES, f"{DEPENDENCIES}  - pip: [x]\n  - not-there\n", ALL),
    "pip, and a package of one platform": Change(SPEC, DEPENDENCIES, f"{DEPENDENCIES}  - pip: [x]\n  - pywinpty\n", ALL[:2]),
    "indexes of pip alone": Change(SPEC, DEPENDENCIES, f"pip-repositories: []\n{DEPENDENCIES}", ()),
    "a virtual package": Change(VIRTUAL, "__glibc: '2.28'", "__glibc: '2.29'", ("linux-64",)),
    "virtual packages of one platform": Change(VIRTUAL, "  win-64:\n", "  win-65:\n", ("win-64",)),
    "no stamp": Change(LOCK, "envgen-packages", "envgen-package", ()),
    "another content hash": Change(LOCK, "    osx-arm64: ", "    osx-arm64: 0", ("osx-arm64",)),
}


def beside(folder: Path, change: Change, *, without: str = "") -> tuple[str, ...]:
    """The platforms of another run, with the files in a folder."""
    texts = {**files(), change.file: files()[change.file].replace(change.old, change.new, 1)}
    assert change.old in files()[change.file]
    for name, text in texts.items():
        if name != without:
            (folder / name).write_text(text, encoding="utf-8")
    return of_other_run(lock(texts[LOCK]), folder)


@pytest.mark.parametrize("name", CHANGES)
def test_a_lock_is_of_another_run_where_the_files_beside_it_say_something_else(name: str, tmp_path: Path) -> None:
    assert beside(tmp_path, CHANGES[name]) == CHANGES[name].found


@pytest.mark.parametrize("without", [SPEC, VIRTUAL])
def test_without_one_of_the_files_nothing_is_known(without: str, tmp_path: Path) -> None:
    assert beside(tmp_path, CHANGES["another content hash"], without=without) == ()


def test_a_wheel_is_not_the_conda_package_that_is_requested(tmp_path: Path) -> None:
    change = CHANGES["pip, and a request that is not there"]
    beside(tmp_path, change)
    conda = next(package for package in lock().packages if package.platform == "linux-64")
    rows = [type(conda)(name="not-there", version="1", build="", manager="pip", platform=platform) for platform in ALL]
    more = replace(lock(), packages=(*lock().packages, *rows))
    assert of_other_run(more, tmp_path) == ALL


@pytest.mark.parametrize(("shown", "place"), [("x/cpu/conda-lock.yml", "x/cpu/environment.yml"), (LOCK, SPEC)])
def test_a_file_that_cannot_be_read_is_named_as_the_lock_is(shown: str, place: str, tmp_path: Path) -> None:
    beside(tmp_path, CHANGES["nothing"])
    (tmp_path / SPEC).write_text("a: [", encoding="utf-8")
    named = replace(lock(), shown=shown)
    error = refused(lambda: of_other_run(named, tmp_path))
    assert error is not None and str(error.where).startswith(f"{place}:")


def test_of_a_lock_without_a_stamp_nothing_is_read(tmp_path: Path) -> None:
    beside(tmp_path, CHANGES["nothing"])
    (tmp_path / VIRTUAL).write_text("a: [", encoding="utf-8")
    assert of_other_run(lock(files()[LOCK].replace("envgen-packages", "envgen-package")), tmp_path) == ()


def test_a_lock_with_pip_may_hold_just_what_is_requested(tmp_path: Path) -> None:
    beside(tmp_path, CHANGES["pip, and what is requested is there"])
    names = ("python", "pytorch", "torchvision", "numpy", "pandas", "matplotlib", "jupyterlab")
    rows = tuple(row for row in lock().packages if row.name in names)
    assert of_other_run(replace(lock(), packages=rows), tmp_path) == ()
    assert of_other_run(replace(lock(), packages=rows[1:]), tmp_path) == (rows[0].platform,)


def test_a_platform_without_virtual_packages_is_of_another_run_even_where_the_rest_agrees(tmp_path: Path) -> None:
    beside(tmp_path, CHANGES["virtual packages of one platform"])
    specs = requested(read_specs(files()[SPEC], SPEC, "win-64"))
    digest = content_hash("win-64", [channel_entry("conda-forge")], specs, {})
    text = re.sub(r"(    win-64: )[0-9a-f]{64}", rf"\g<1>{digest}", files()[LOCK])
    assert text.count(digest) == 1
    assert of_other_run(lock(text), tmp_path) == ("win-64",)


def test_environment_yml_that_is_a_list_is_of_another_run(tmp_path: Path) -> None:
    beside(tmp_path, CHANGES["nothing"])
    (tmp_path / SPEC).write_text("[]\n", encoding="utf-8")
    assert of_other_run(lock(), tmp_path) == ALL


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]\n", "`subdirs:` is missing"),
        ("a: 1\n", "`subdirs:` is missing"),
        ("subdirs: {linux-64: 5}\n", "a subdir has no `packages:`"),
        ("subdirs: {linux-64: {packages: []}}\n", "a subdir has no `packages:`"),
    ],
)
def test_virtual_packages_that_are_none_are_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / VIRTUAL
    path.write_text(text, encoding="utf-8")
    error = refused(lambda: read_virtual_packages(path))
    assert error is not None
    assert (error.what, str(error.where), error.hint) == (said, str(path), "`envgen help projects` has an example of such a file")


def test_virtual_packages_are_texts(tmp_path: Path) -> None:
    path = tmp_path / VIRTUAL
    path.write_text("subdirs: {linux-64: {packages: {__cuda: 12.6, __unix: 0}}, win-64: {packages: {}}}\n", encoding="utf-8")
    assert read_virtual_packages(path) == {"linux-64": {"__cuda": "12.6", "__unix": "0"}, "win-64": {}}
