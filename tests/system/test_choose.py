"""What solves decides: a dependency, a companion or another framework moves the choice, and `lock` says so in one line."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
from conftest import Run, Workspace, some
from system.channel import EVERYTHING, PROJECT, Package, build, compiled, of_python, serve
from unit.small import project_of, real_matrix
from unit.test_choose import assert_best
from unit.test_resolve import project_text

from envgen.channels import solve
from envgen.channels.index import FolderIndex
from envgen.lock.pipeline import lock
from envgen.model.layout import Layout
from envgen.model.run import LockRequest, Outcome

NEWEST = ("pytorch", "2.7.1")
FILE = "environments/p/project.yaml"
MORE = (
    Package("wants-old", "1.0", depends=("pytorch >=2.5,<2.7.0a0",)),
    Package("wants-wants-old", "3.0", depends=("wants-old",)),
    compiled("only-311", "1.0", "3.11"),
    compiled("only-312", "1.0", "3.12"),
    *(compiled("torchvision", version, "3.11", "cpu", ("pytorch 2.7.*",)) for version in ("0.22.1",)),
    *(
        compiled("torchvision", version, "3.12", "cpu", (f"pytorch {of}.*",))
        for version, of in (("0.22.1", "2.6"), ("0.21.0", "2.6"))
    ),
    Package("common", "1.0"),
    Package("common", "2.0"),
    Package("wants-126", "1.0", depends=("cuda-version 12.6.*",)),
    Package("pytorch-like", "1.0", depends=("common 1.*",)),
    *(
        Package(f"new-{python}", version, depends=(f"pytorch {of}.*", f"python {pythons}"))
        for python in ("311", "312")
        for version, of, pythons in (("2.0", "2.7", f"3.{python[1:]}.*"), ("1.0", "2.6", ">=3.11"))
    ),
)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index folder with one channel, conda-forge, and packages that want older releases than the newest."""
    folder = tmp_path_factory.mktemp("index")
    build(folder / "conda-forge", [*EVERYTHING, *MORE])
    return folder


@pytest.fixture
def site(workspace: Workspace) -> Workspace:
    workspace.project("p", project("wants-old"))
    return workspace


def project(dependencies: str, frameworks: str = '{pytorch: ">=2.6"}', targets: str = "cpu, cu126") -> str:
    changed = PROJECT.replace('{pytorch: "2.7"}', frameworks).replace("[cpu, cu126]", f"[{targets}]")
    return changed.replace("[numpy, einops]", f"[numpy, {dependencies}]")


def locked(site: Workspace, *words: object) -> Run:
    done = site.envgen("lock", *words)
    assert done.status == 0, done.err
    return done


def moves(run: Run, target: str = "cpu") -> list[str]:
    """The lines about one target that say that a version is not another."""
    return [found for line in run.err.splitlines() for found in re.findall(rf"^p-{target}: (\S+ \S+, not .+)$", line)]


OLDER = f"pytorch 2.6.0, not 2.7.1: wants-old 1.0 ({FILE}:6) needs pytorch >=2.5,<2.7"


def test_a_dependency_moves_the_framework_and_the_line_is_in_every_file_and_answer(site: Workspace, index: Path) -> None:
    done = locked(site, "--index", index)
    assert moves(done)[0] == moves(done, "cu126")[0] == OLDER
    text = (site.root / "environments/p/cu126/environment.yml").read_text()
    assert f"  # {OLDER}\n  - pytorch 2.6.0.* cuda126*\n" in text
    (cpu, _) = json.loads(locked(site, "--index", index, "--json", "--update").out)
    assert cpu["frameworks"] == {"pytorch": "2.6.0"}
    assert OLDER in cpu["notes"]
    assert next(pin["because"][0] for pin in cpu["pins"] if pin["name"] == "pytorch") == OLDER


def test_what_moved_is_known_without_solving_and_without_the_records_that_show_it(site: Workspace, index: Path) -> None:
    """An unchanged lock says it again, and `--offline` writes the same bytes, though the recorded index lacks the better release."""
    locked(site, "--index", index)
    before = site.files()
    (cpu, _) = json.loads(locked(site, "--index", index, "--json").out)
    assert (cpu["state"], next(pin["because"][0] for pin in cpu["pins"] if pin["name"] == "pytorch")) == ("unchanged", OLDER)
    locked(site, "--offline", "--update")
    assert site.files() == before


def test_a_target_that_is_left_open_is_the_newest_that_solves(site: Workspace, index: Path) -> None:
    """The choice lasts until `--update`; then it is made again, with the records of the locks alone, too."""
    site.project("p", project("wants-126", targets="gpu"))
    done = locked(site, "--index", index)
    (line,) = (row for row in done.err.splitlines() if row.startswith("p-cu126: target "))
    assert re.fullmatch(r"p-cu126: target cu126, not cu130: the index holds no CUDA 13.0 build of pytorch .+ for linux-64 .+", line)
    assert "# target" not in (site.root / "environments/p/cu126/environment.yml").read_text()
    before = site.files()
    with patch.object(solve, "solve", side_effect=AssertionError):
        assert "Nothing to do" in locked(site, "--index", index).err
    assert "p-cu126" in site.envgen("resolve", "p").out
    assert "cu126" in site.envgen("list").out
    for words in (("--index", index), ("--offline",)):
        assert line in locked(site, *words, "--update").err
        assert site.files() == before


def test_the_requirements_that_have_no_solution_in_the_newest_target_are_named(site: Workspace, index: Path) -> None:
    site.project("p", project("wants-126", targets="gpu").replace("targets:", "driver: '575.57'\ntargets:"))
    line = f"p-cu126: target cu126, not cu129: there is no solution with wants-126 ({FILE}:7)"
    assert line in locked(site, "--index", index).err.splitlines()


def test_a_target_that_is_named_is_not_replaced(site: Workspace, index: Path) -> None:
    site.project("p", project("wants-126", targets="cu129"))
    assert site.envgen("lock", "--index", index).status == 4


def test_a_build_for_an_older_minor_counts_where_one_for_just_the_cuda_of_the_target_does_not_solve(
    site: Workspace, tmp_path: Path
) -> None:
    """The matrices have a build for 12.9, and so has the channel, but it needs what no channel has."""
    needs = ("__cuda", "cuda-version >=12.9,<13", "numpy >=1.23,<3", "no-such-package")
    build(tmp_path / "index" / "conda-forge", [*EVERYTHING, compiled("pytorch", "2.8.0", "3.12", "cuda129_generic", needs)])
    site.project("p", project("einops", targets="cu129"))
    locked(site, "--index", tmp_path / "index")
    before = site.files()
    text = (site.root / "environments/p/cu129/environment.yml").read_text()
    assert "  - pytorch 2.7.1.* cuda126*\n  - cuda-version 12.9.*\n" in text
    assert "Nothing to do" in locked(site, "--index", tmp_path / "index").err
    locked(site, "--offline", "--update")
    assert site.files() == before


def test_a_dependency_of_a_dependency_is_named_with_the_one_that_is_asked_for(site: Workspace, index: Path) -> None:
    site.project("p", project("wants-wants-old"))
    because = f"wants-wants-old 3.0 ({FILE}:6) needs wants-old 1.0, which needs pytorch >=2.5,<2.7"
    assert moves(locked(site, "--index", index))[0] == f"pytorch 2.6.0, not 2.7.1: {because}"


def test_a_dependency_moves_python_alone(site: Workspace, index: Path) -> None:
    site.project("p", project("only-311"))
    done = locked(site, "--index", index)
    assert [line for line in moves(done) if line.startswith("python ") and "3.12" in line] == [
        f"python 3.11, not 3.12: only-311 1.0 ({FILE}:6) needs python >=3.11,<3.12"
    ]
    assert "pytorch 2.7.1" in done.out


def test_a_companion_counts_as_a_dependency(site: Workspace, index: Path) -> None:
    """torchvision 0.22 has a build for Python 3.12, but that one goes with an older pytorch."""
    site.project("p", project("einops", '{pytorch: {version: ">=2.6", with: [torchvision]}}', "cpu"))
    done = locked(site, "--index", index)
    assert "python 3.11, pytorch 2.7.1" in done.out
    assert f"python 3.11, not 3.12: torchvision 0.22.1 ({FILE}:2) needs python >=3.11,<3.12" in moves(done)


def test_packages_that_meet_in_a_third_are_told_by_what_each_needs_of_it(site: Workspace, tmp_path: Path) -> None:
    newest = (replace(row, depends=(*row.depends, "common >=2,<3.0a0")) for row in EVERYTHING if (row.name, row.version) == NEWEST)
    rest = (row for row in EVERYTHING if (row.name, row.version) != NEWEST)
    build(tmp_path / "index" / "conda-forge", [*newest, *rest, *MORE])
    site.project("p", project("pytorch-like", targets="cpu"))
    because = f"pytorch-like 1.0 ({FILE}:6) needs common 1.*, and pytorch 2.7.1 needs common >=2,<3"
    assert moves(locked(site, "--index", tmp_path / "index"))[0] == f"pytorch 2.6.0, not 2.7.1: {because}"


def test_targets_that_have_it_for_different_pythons_are_named_with_them(site: Workspace, index: Path) -> None:
    """Each target has a solution with the newest release, and they share a Python only with an older one."""
    targets = "\n  cpu: {dependencies: [new-311]}\n  cu126: {dependencies: [new-312]}"
    site.project("p", project("einops").replace("targets: [cpu, cu126]", f"targets:{targets}"))
    done = locked(site, "--index", index)
    why = "the targets have no solution with it that they share: cpu has one for python 3.11, cu126 has one for python 3.12"
    assert moves(done)[0] == moves(done, "cu126")[0] == f"pytorch 2.6.0, not 2.7.1: {why}"


def test_a_target_of_its_own_moves_with_the_one_that_must_and_says_why(site: Workspace, index: Path) -> None:
    """`align:` counts more than a newer release: the CPU target follows, in the words of the other."""
    targets = "\n  cpu:\n  cu126: {dependencies: [wants-old]}"
    site.project("p", project("einops").replace("targets: [cpu, cu126]", f"targets:{targets}"))
    done = locked(site, "--index", index)
    because = f"wants-old 1.0 ({FILE}:5) needs pytorch >=2.5,<2.7"
    assert moves(done)[0] == f"pytorch 2.6.0, not 2.7.1: cu126 cannot have it: {because}"
    assert moves(done, "cu126")[0] == f"pytorch 2.6.0, not 2.7.1: {because}"


def test_one_target_is_locked_as_it_is_with_all(site: Workspace, index: Path) -> None:
    """The other target counts though it is not asked for: the CPU target takes what both can have."""
    targets = "\n  cpu:\n  cu126: {dependencies: [wants-old]}"
    site.project("p", project("einops").replace("targets: [cpu, cu126]", f"targets:{targets}"))
    locked(site, "--index", index, "--target", "cpu")
    alone = site.files()["p/cpu/conda-lock.yml"]
    locked(site, "--index", index)
    assert site.files()["p/cpu/conda-lock.yml"] == alone


def test_a_target_that_is_up_to_date_keeps_its_versions_and_the_other_follows(site: Workspace, index: Path) -> None:
    """The newer release that the CPU target has counts more than `align:` once it is locked, if the two may differ."""
    may_differ = "numerics: {may-differ: [pytorch]}\n"
    text = project("einops").replace("targets: [cpu, cu126]", "targets:\n  cpu:\n  cu126: {dependencies: [einops]}")
    site.project("p", text + may_differ)
    locked(site, "--index", index)
    before = site.files()["p/cpu/conda-lock.yml"]
    site.project("p", text.replace("cu126: {dependencies: [einops]}", "cu126: {dependencies: [wants-old]}") + may_differ)
    done = locked(site, "--index", index)
    assert site.files()["p/cpu/conda-lock.yml"] == before
    assert moves(done, "cu126")[0] == f"pytorch 2.6.0, not 2.7.1: wants-old 1.0 ({FILE}:5) needs pytorch >=2.5,<2.7"


def test_a_build_for_an_older_minor_is_known_again(site: Workspace, tmp_path: Path) -> None:
    """Its CUDA is recorded beside the version, because the same release may have builds for several."""
    twelve_eight = Package("cuda-version", "12.8", "h5d125a7_3", constrains=("__cuda >=12", "cudatoolkit 12.8|12.8.*"))
    build(tmp_path / "index" / "conda-forge", [*EVERYTHING, twelve_eight])
    site.project("p", project("einops", '{pytorch: "2.7.1"}', "cu128"))
    locked(site, "--index", tmp_path / "index")
    text = (site.root / "environments/p/cu128/conda-lock.yml").read_text()
    assert "envgen-chosen: python 3.12, pytorch 2.7.1, pytorch-build 12.6\n" in text
    assert "Nothing to do" in locked(site, "--index", tmp_path / "index").err


def test_the_package_that_carries_the_alternatives_is_nowhere(site: Workspace, index: Path) -> None:
    locked(site, "--index", index)
    assert not [name for name, data in site.files().items() if b"envgen-alternative" in data or b"envgen.invalid" in data]


def test_live_channels_decide_in_the_same_way(site: Workspace, index: Path, tmp_path: Path) -> None:
    with serve(index) as server:
        done = site.envgen("lock", ENVGEN_MIRROR=server.url("").rstrip("/"), ENVGEN_CACHE=str(tmp_path / "own"))
    assert done.status == 0, done.err
    assert moves(done)[0] == OLDER
    live = site.files()
    locked(site, "--index", index, "--update")
    assert site.files() == live


# --- nothing solves -------------------------------------------------------------------------------------------------------


def refused(site: Workspace, index: Path) -> str:
    """What `lock` says where nothing solves; it writes nothing."""
    before = site.files()
    done = site.envgen("lock", "--index", index)
    assert (done.status, done.out) == (4, "")
    assert site.files() == before
    return done.err


def test_targets_that_cannot_share_a_python_are_named_with_the_dependencies_that_tell_them_apart(
    site: Workspace, index: Path
) -> None:
    targets = "\n  cpu: {dependencies: [only-311]}\n  cu126: {dependencies: [only-312]}"
    site.project("p", project("einops").replace("targets: [cpu, cu126]", f"targets:{targets}"))
    told = refused(site, index)
    assert "p: for cpu, cu126 these have no solution together in " in told
    assert [line.split(": ")[-1] for line in told.split("\n\n")[0].splitlines()[1:]] == [
        "target cpu",
        "target cu126",
        "only-311",
        "only-312",
    ]
    assert "\n  1. drop only-311\n       cpu, cu126: pytorch 2.7.1, python 3.12\n" in told
    assert told.count("Cannot solve the request") == 1


def test_a_second_conflict_behind_the_first_is_repaired_with_it(site: Workspace, index: Path) -> None:
    site.project("p", project("needs-old-numpy, needs-new-numpy, only-311, only-312", targets="cpu"))
    told = refused(site, index)
    assert "\n  1. drop only-311; drop needs-old-numpy\n       cpu: pytorch 2.7.1, python 3.12\n" in told


def test_a_platform_that_has_no_solution_can_be_dropped(site: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "index" / "conda-forge"
    mac = [row for python in ("3.11", "3.12") for row in of_python(python, "osx-arm64") if row.subdir != "noarch"]
    build(folder, [*EVERYTHING, *mac, compiled("linux-only", "1.0", "3.12")], ("linux-64", "osx-arm64"))
    site.project("p", project("linux-only", targets="cpu").replace("[linux-64]", "[linux-64, osx-arm64]"))
    told = refused(site, tmp_path / "index")
    assert "p: for cpu on osx-arm64 these have no solution together" in told
    assert "\n  1. drop linux-only\n" in told
    assert "\n  2. target cpu without osx-arm64\n       cpu: pytorch 2.7.1, python 3.12\n" in told


# --- what it costs --------------------------------------------------------------------------------------------------------


class Silent:
    """A Reporter that says nothing."""

    def say(self, text: str) -> None: ...

    def begin(self, what: str, steps: int) -> None: ...

    def step(self, what: str) -> None: ...

    def end(self) -> None: ...


def solves(site: Workspace, index: Path) -> tuple[int, tuple[Outcome, ...]]:
    """How often rattler solves for one lock, and what becomes of it."""
    with patch.object(solve, "rattler_solve", wraps=solve.rattler_solve) as counted:
        outcomes = lock(Layout(site.root), LockRequest(index_folder=index, jobs=2), Silent(), lambda *_: ("cpu", "")).whole()
    return counted.call_count, outcomes


def test_a_project_whose_first_choice_solves_is_solved_once_for_each_cell(site: Workspace, index: Path) -> None:
    site.project("p", project("einops"))
    count, outcomes = solves(site, index)
    assert count == sum(len(outcome.resolution.platforms) for outcome in outcomes) == 2


def test_another_choice_is_found_and_explained_in_few_solves(site: Workspace, index: Path) -> None:
    """Two cells twice, four solves for the alternatives of one of them, and three for the reason in each."""
    count, outcomes = solves(site, index)
    assert [str(outcome.resolution.choices[0].release.version) for outcome in outcomes] == ["2.6.0", "2.6.0"]
    assert 2 < count <= 14


# --- genuine records ------------------------------------------------------------------------------------------------------

CASES = {
    "flash-attn": (project_text('{pytorch: "*"}', "cu129", "dependencies: [flash-attn]\n", python=">=3.10"), "2.9.1 2.8.3 3.12"),
    "xformers": (project_text('{pytorch: "*"}', "cu118", "dependencies: [xformers]\n", python=">=3.10"), "2.4.0 0.0.27 3.11"),
    "two frameworks": (project_text('{jax: "*", tensorflow: "*"}', "cu126", python=">=3.11"), "0.5.1 2.18.0 3.12"),
    "cuml": (
        project_text("{}", "cu129", "dependencies: [cuml]\n", python=">=3.11", channels="rapidsai, conda-forge"),
        "26.2.1 26.2.0 3.12",
    ),
    "a companion": (
        project_text('{pytorch: {version: "2.9.1", with: [torchvision]}}', "cu129", python=">=3.10"),
        "2.9.1 0.24.1 3.13",
    ),
}


def test_the_choice_is_the_best_of_all_that_solve_in_the_snapshot(snapshot: Path, unpacked_cache: Path) -> None:
    matrix = real_matrix()
    for name, (text, expected) in some(CASES.items()):
        with patch.dict("os.environ", ENVGEN_CACHE=str(unpacked_cache)):
            found = assert_best(matrix, project_of(text, matrix), FolderIndex(snapshot, "snapshot"))
        assert found, name
        last = found[-1]
        assert " ".join([*(str(choice.release.version) for choice in last.choices), str(last.python)]) == expected, name
