"""Locks change as little as an edit allows, and say what moved and what forced it; `update` takes what is newer."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from conftest import Run, Workspace, clean_environment, repository
from system.channel import EVERYTHING, PROJECT, Package, build, compiled, of_python, pure, serve
from unit.made_up import Row, write_channel

FILE = "environments/p/project.yaml"
OLD = (
    *EVERYTHING,
    *(row for python in ("3.11", "3.12") for row in of_python(python, "osx-arm64") if row.subdir != "noarch"),
    pure("leaf", "1.0"),
    pure("tool", "1.0", "leaf >=1"),
)
NEW = (
    *OLD,
    *(compiled("numpy", "2.3.0", python, subdir=subdir) for python in ("3.11", "3.12") for subdir in ("linux-64", "osx-arm64")),
    pure("einops", "0.9.0"),
    pure("leaf", "2.0"),
    pure("tool", "2.0", "leaf >=2"),
    pure("eager", "1.0"),
    pure("eager", "2.0", "numpy >=2.3", "leaf >=2"),
    Package("wants-old", "1.0", depends=("pytorch >=2.5,<2.7.0a0",)),
    pure("narrow", "1.0", "numpy >=2.3"),
    pure("before-tool", "1.0", "leaf <2"),
)


def channel(folder: Path, packages: tuple[Package, ...]) -> Path:
    build(folder / "conda-forge", packages, ("linux-64", "osx-arm64"))
    return folder


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index folder as it was when the project was locked."""
    return channel(tmp_path_factory.mktemp("before"), OLD)


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same index folder later: newer versions of what is locked, and new packages."""
    return channel(tmp_path_factory.mktemp("after"), NEW)


@pytest.fixture(scope="module")
def locked_before(tmp_path_factory: pytest.TempPathFactory, before: Path) -> dict[str, bytes]:
    """The files of a project with a CPU and a CUDA target that was locked from the older index."""
    folder = tmp_path_factory.mktemp("locked")
    made = repository(folder / "site", clean_environment(folder))
    made.project("p", project("tool"))
    run(made, "lock", "--index", before)
    return made.files()


@pytest.fixture
def site(workspace: Workspace, locked_before: dict[str, bytes]) -> Workspace:
    """That project."""
    workspace.restore(locked_before)
    return workspace


def project(more: str = "", targets: str = "[cpu, cu126]", platforms: str = "linux-64", pytorch: str = ">=2.6") -> str:
    text = PROJECT.replace('"2.7"', f'"{pytorch}"').replace("[cpu, cu126]", targets).replace("[linux-64]", f"[{platforms}]")
    return text.replace("[numpy, einops]", f"[numpy, einops{', ' if more else ''}{more}]")


def unused(folder: Path) -> Path:
    """An index folder without records, which a run that needs none does not open."""
    made = folder / "no-records"
    made.mkdir()
    return made


def run(site: Workspace, *words: object, status: int = 0) -> Run:
    done = site.envgen(*words)
    assert done.status == status, done.err
    return done


def packages(site: Workspace, target: str = "cpu", platform: str = "linux-64") -> dict[str, str]:
    """Package -> version in a lock."""
    text = (site.root / "environments/p" / target / "conda-lock.yml").read_text(encoding="utf-8")
    return {row["name"]: row["version"] for row in yaml.safe_load(text)["package"] if row["platform"] == platform}


def entries(site: Workspace, target: str, platform: str) -> list[str]:
    """The lines of each package of one platform, as they are in the lock."""
    text = (site.root / "environments/p" / target / "conda-lock.yml").read_text(encoding="utf-8")
    rows = text.partition("\npackage:\n- ")[2].rstrip("\n").split("\n- ")
    return [row for row in rows if f"  platform: {platform}\n" in row]


# --- lock -----------------------------------------------------------------------------------------------------------------


def test_a_new_dependency_brings_its_own_packages_and_nothing_else_moves(site: Workspace, after: Path) -> None:
    old = packages(site)
    site.project("p", project("tool, before-tool"))
    done = run(site, "lock", "--index", after)
    assert packages(site) == {**old, "before-tool": "1.0"}
    assert "p: 0 moved, 2 added, 0 removed in 2 cells\n  + before-tool 1.0\n" in done.out


def test_a_new_dependency_moves_what_it_forces_and_says_so(site: Workspace, after: Path) -> None:
    old = packages(site)
    site.project("p", project("tool, narrow"))
    done = run(site, "lock", "--index", after, "--json")
    assert packages(site) == {**old, "narrow": "1.0", "numpy": "2.3.0"}
    cpu = json.loads(done.out)[0]["changes"]["linux-64"]
    assert cpu["moved"] == [
        {"name": "numpy", "manager": "conda", "from": "2.2.6", "to": "2.3.0", "because": "narrow 1.0 needs numpy >=2.3"}
    ]
    assert (cpu["added"], cpu["removed"]) == ([{"name": "narrow", "manager": "conda", "version": "1.0"}], [])


def test_the_report_of_changes_fits_in_80_columns(site: Workspace, after: Path) -> None:
    site.project("p", project("tool, narrow, before-tool", targets="\n  cpu:\n  cu126: {dependencies: [wants-old]}"))
    done = run(site, "lock", "--index", after)
    assert "  numpy 2.2.6 -> 2.3.0: narrow 1.0 needs numpy >=2.3\n" in done.out
    assert max(map(len, done.out.splitlines())) <= 80


def test_a_new_dependency_is_an_older_one_where_the_newest_would_move_what_is_locked(site: Workspace, after: Path) -> None:
    old = packages(site)
    site.project("p", project("eager, tool"))
    run(site, "lock", "--index", after)
    assert packages(site) == {**old, "eager": "1.0"}


def test_a_framework_moves_where_a_dependency_forces_it_and_the_python_stays(site: Workspace, after: Path) -> None:
    site.project("p", project("tool, wants-old"))
    done = run(site, "lock", "--index", after)
    assert packages(site)["pytorch"] == packages(site, "cu126")["pytorch"] == "2.6.0"
    assert packages(site)["numpy"] == "2.2.6"
    assert "  pytorch 2.7.1 -> 2.6.0" in done.out
    assert f"p-cpu: pytorch 2.6.0, not 2.7.1: wants-old 1.0 ({FILE}:6) needs pytorch >=2.5,<2.7" in done.err


def test_a_framework_stays_where_the_project_excludes_the_python(workspace: Workspace, before: Path) -> None:
    workspace.project("p", project("tool", pytorch="2.6.*"))
    run(workspace, "lock", "--index", before)
    workspace.project("p", project("tool").replace(">=3.11,<3.13", "3.11"))
    done = run(workspace, "lock", "--index", before)
    assert (packages(workspace)["python"], packages(workspace)["pytorch"]) == ("3.11.9", "2.6.0")
    assert packages(workspace, "cu126")["pytorch"] == "2.6.0"
    assert "pytorch 2.6.0" in done.out


def test_the_python_stays_where_the_project_excludes_the_framework(workspace: Workspace, before: Path) -> None:
    workspace.project("p", project("tool").replace(">=3.11,<3.13", "3.11"))
    run(workspace, "lock", "--index", before)
    workspace.project("p", project("tool", pytorch="2.6.*"))
    run(workspace, "lock", "--index", before)
    assert (packages(workspace)["python"], packages(workspace)["pytorch"]) == ("3.11.9", "2.6.0")


def test_a_new_platform_leaves_the_other_as_it_is(site: Workspace, after: Path) -> None:
    old, cuda = entries(site, "cpu", "linux-64"), entries(site, "cu126", "linux-64")
    site.project("p", project("tool", platforms="linux-64, osx-arm64"))
    run(site, "lock", "--index", after)
    assert entries(site, "cpu", "linux-64") == old
    assert entries(site, "cu126", "linux-64") == cuda
    assert packages(site, platform="osx-arm64")["pytorch"] == "2.7.1"


def test_a_platform_that_goes_needs_no_index_and_takes_only_itself(site: Workspace, before: Path, tmp_path: Path) -> None:
    site.project("p", project("tool", platforms="linux-64, osx-arm64"))
    run(site, "lock", "--index", before)
    old = entries(site, "cpu", "linux-64")
    site.project("p", project("tool"))
    run(site, "lock", "--index", unused(tmp_path))
    assert (entries(site, "cpu", "linux-64"), entries(site, "cpu", "osx-arm64")) == (old, [])


def test_a_new_target_takes_the_versions_of_the_locked_ones(site: Workspace, after: Path) -> None:
    site.project("p", project("tool", targets="[cpu]"))
    run(site, "lock", "--index", after)
    old = site.files()["p/cpu/conda-lock.yml"]
    site.project("p", project("tool"))
    run(site, "lock", "--index", after)
    assert site.files()["p/cpu/conda-lock.yml"] == old
    assert packages(site, "cu126")["pytorch"] == packages(site)["pytorch"]


def test_a_target_that_goes_takes_its_files_with_it(site: Workspace, after: Path) -> None:
    old = site.files()["p/cpu/conda-lock.yml"]
    (site.root / "environments/p/cu126/notes.txt").write_text("mine", encoding="utf-8")
    site.project("p", project("tool", targets="[cpu]"))
    assert "p-cu126: p has no such target" in run(site, "lock", "--check", status=1).out
    done = run(site, "lock", "--index", after)
    assert "environments/p/cu126 removed: p has no target cu126" in done.err
    assert site.files()["p/cpu/conda-lock.yml"] == old
    assert [name for name in site.files() if name.startswith("p/cu126/")] == ["p/cu126/notes.txt"]


def test_a_removed_dependency_takes_what_only_it_needed(site: Workspace, after: Path) -> None:
    old = packages(site)
    site.project("p", project())
    done = run(site, "lock", "--index", after)
    assert packages(site) == {name: version for name, version in old.items() if name not in ("tool", "leaf")}
    assert "p: 0 moved, 0 added, 4 removed in 2 cells" in done.out


def test_a_row_of_the_matrices_that_no_lock_chose_changes_nothing(workspace: Workspace, before: Path) -> None:
    """The newest release of the matrices is not in the index; without its row every lock stays, and nothing is solved."""
    workspace.project("p", project("tool", pytorch="*"))
    run(workspace, "lock", "--index", before)
    old = workspace.files()
    matrix = workspace.root / "matrices" / "pytorch.yaml"
    text = matrix.read_text(encoding="utf-8")
    newest = re.search(r"^  - version: .*\n(?:    .*\n|      .*\n|\s*#.*\n)+", text, re.MULTILINE)
    assert newest
    assert "2.7.1" not in newest[0]
    matrix.write_text(text.replace(newest[0], ""), encoding="utf-8")
    assert "Nothing to do" in run(workspace, "lock", "--index", unused(workspace.root)).err
    assert workspace.files() == old


def test_a_lock_whose_choice_is_not_allowed_any_more_moves_only_that(site: Workspace, after: Path) -> None:
    old = packages(site)
    site.project("p", project("tool", pytorch="2.6.*"))
    run(site, "lock", "--index", after)
    assert packages(site) == {**old, "pytorch": "2.6.0"}


def test_a_package_that_the_index_has_no_more_moves_and_says_so(site: Workspace, tmp_path: Path) -> None:
    rest = tuple(row for row in NEW if (row.name, row.version) != ("numpy", "2.2.6"))
    site.project("p", project("tool, before-tool"))
    done = run(site, "lock", "--index", channel(tmp_path / "rest", rest))
    assert "  numpy 2.2.6 -> 2.3.0: the index does not have it any more\n" in done.out


def test_live_channels_move_as_little(site: Workspace, after: Path, tmp_path: Path) -> None:
    old = packages(site)
    site.project("p", project("tool, narrow"))
    with serve(after) as server:
        done = site.envgen("lock", ENVGEN_MIRROR=server.url("").rstrip("/"), ENVGEN_CACHE=str(tmp_path / "own"))
    assert done.status == 0, done.err
    assert packages(site) == {**old, "narrow": "1.0", "numpy": "2.3.0"}
    live = site.files()
    run(site, "lock", "--index", after)
    assert site.files() == live


def test_a_dry_run_says_what_a_run_does_and_writes_nothing(site: Workspace, after: Path) -> None:
    site.project("p", project("tool, narrow"))
    old = site.files()
    dry = run(site, "lock", "--index", after, "--dry-run")
    assert site.files() == old
    assert dry.err.endswith("Nothing was written.\n")
    wet = run(site, "lock", "--index", after)
    assert [line for line in wet.out.splitlines() if "->" in line] == [line for line in dry.out.splitlines() if "->" in line] != []


def test_a_new_template_is_rendered_without_a_solve(site: Workspace) -> None:
    template = site.root / "templates" / "environment.yml.j2"
    template.write_text(f"# a line more\n{template.read_text(encoding='utf-8')}", encoding="utf-8")
    old = entries(site, "cpu", "linux-64")
    run(site, "lock", "--index", unused(site.root))
    assert (site.root / "environments/p/cpu/environment.yml").read_text(encoding="utf-8").startswith("# a line more\n")
    assert entries(site, "cpu", "linux-64") == old


def test_a_target_that_lost_a_platform_to_the_index_is_unchanged_at_the_next_run(workspace: Workspace, tmp_path: Path) -> None:
    """The lock says which; an update tries again."""
    workspace.project("p", project(targets="[cpu]", platforms="linux-64, osx-arm64", pytorch="2.7.1"))
    rest = tuple(row for row in OLD if (row.name, row.subdir) != ("pytorch", "osx-arm64"))
    part = channel(tmp_path / "part", rest)
    assert "osx-arm64 dropped by the index" in run(workspace, "lock", "--index", part).err
    assert "Nothing to do" in run(workspace, "lock", "--index", part).err
    run(workspace, "update", "--index", channel(tmp_path / "whole", OLD))
    assert "pytorch" in packages(workspace, platform="osx-arm64")


# --- update ---------------------------------------------------------------------------------------------------------------


def test_an_update_is_what_a_lock_from_scratch_is(site: Workspace, after: Path) -> None:
    run(site, "update", "--index", after)
    updated = site.files()
    for target in ("cpu", "cu126"):
        (site.root / "environments/p" / target / "conda-lock.yml").unlink()
    run(site, "lock", "--index", after)
    assert site.files() == updated
    assert packages(site)["numpy"] == "2.3.0"


def test_one_package_is_updated_with_what_it_forces(site: Workspace, after: Path) -> None:
    old = packages(site)
    done = run(site, "update", "p", "--package", "tool", "--index", after)
    assert packages(site) == packages(site) | {**old, "tool": "2.0", "leaf": "2.0"}
    assert "  leaf 1.0 -> 2.0: tool 2.0 needs leaf >=2\n" in done.out
    assert "  tool 1.0 -> 2.0\n" in done.out
    assert "Nothing to do" in run(site, "lock", "--index", after).err


def test_a_framework_is_updated_and_the_rest_stays(workspace: Workspace, before: Path, after: Path) -> None:
    workspace.project("p", project("tool", pytorch="2.6.*"))
    run(workspace, "lock", "--index", before)
    old = packages(workspace)
    workspace.project("p", project("tool"))
    assert "Nothing to do" in run(workspace, "lock", "--index", after).err
    run(workspace, "update", "--package", "pytorch", "--index", after)
    assert packages(workspace) == {**old, "pytorch": "2.7.1"}


def test_a_dry_run_of_an_update_writes_nothing(site: Workspace, after: Path) -> None:
    old = site.files()
    assert "numpy 2.2.6 -> 2.3.0" in run(site, "update", "--index", after, "--dry-run").out
    assert site.files() == old


def test_an_unknown_package_is_refused_with_a_suggestion(site: Workspace, after: Path) -> None:
    done = run(site, "update", "--package", "nunpy", "--index", after, status=2)
    assert "no lock of p has a package `nunpy`" in done.err
    assert "did you mean `numpy`?" in done.err


# --- check ----------------------------------------------------------------------------------------------------------------

EDITS = {
    "a dependency": (project("tool, leaf"), "`leaf` is requested, and not locked"),
    "a dependency that is gone": (project(), "`tool` is locked, and not requested"),
    "a platform": (project("tool", platforms="linux-64, osx-arm64"), "osx-arm64 is requested, and not locked"),
    "a framework": (project("tool", pytorch="2.6.*"), "pytorch 2.7.1 is locked, and 2.6.* is requested"),
    "a Python": (project("tool").replace(">=3.11,<3.13", "3.11"), "python 3.12 is locked, and 3.11 is requested"),
    "a date": (project("tool") + "exclude-newer: 2026-06-01\n", "it was locked without a date, and 2026-06-01T00:00:00+00:00 is"),
    "a promise": (
        project("tool", targets='\n  cpu: {virtual-packages: {__glibc: "2.35"}}\n  cu126:'),
        "the virtual packages changed",
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_is_not_locked_is_named_without_an_index(site: Workspace, edit: str) -> None:
    text, reason = EDITS[edit]
    assert run(site, "lock", "--check").out == ""
    site.project("p", text)
    old = site.files()
    done = run(site, "lock", "--locked", "--index", unused(site.root), status=1)
    assert f"p-cpu: {reason}" in done.out
    assert site.files() == old
    (found, *_) = json.loads(run(site, "lock", "--check", "--json", status=1).out)
    assert (found["project"], found["target"]) == ("p", "cpu")


def test_locks_that_are_missing_or_damaged_are_named(site: Workspace) -> None:
    (site.root / "environments/p/cpu/environment.yml").unlink()
    assert "p-cpu: environment.yml is missing" in run(site, "lock", "--check", status=1).out
    (site.root / "environments/p/cpu/conda-lock.yml").unlink()
    assert "p-cpu: there is no lock of target cpu" in run(site, "lock", "--check", status=1).out
    path = site.root / "environments/p/cu126/conda-lock.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("version: 2.2.6", "version: 2.2.7"), encoding="utf-8")
    assert "p-cu126: the packages of this lock were changed" in run(site, "lock", "--check", status=1).out


def test_a_check_does_not_go_with_what_writes(site: Workspace) -> None:
    assert run(site, "lock", "--check", "--update", status=2).out == ""


# --- add and remove -------------------------------------------------------------------------------------------------------


def text_of(site: Workspace) -> str:
    return (site.root / FILE).read_text(encoding="utf-8")


def test_a_dependency_is_added_in_place_and_locked(site: Workspace, after: Path) -> None:
    text = project("tool").replace("targets:", "# ours\ntargets:") + "# the end\n"
    site.project("p", text)
    run(site, "add", "p", "narrow", "leaf >=1", "--index", after)
    assert text_of(site) == text.replace("tool]", 'tool, narrow, "leaf >=1"]')
    assert packages(site)["narrow"] == "1.0"
    run(site, "add", "p", "leaf <2", "--index", after)
    run(site, "remove", "p", "narrow", "--index", after)
    assert text_of(site) == text.replace("tool]", 'tool, "leaf <2"]')
    assert "narrow" not in packages(site)


def test_a_dependency_of_one_target(site: Workspace, after: Path) -> None:
    old = site.files()["p/cpu/conda-lock.yml"]
    run(site, "add", "p", "before-tool", "--target", "cu126", "--index", after)
    assert "targets: {cpu: {}, cu126: {dependencies: [before-tool]}}\n" in text_of(site)
    assert ("before-tool" in packages(site), "before-tool" in packages(site, "cu126")) == (False, True)
    assert site.files()["p/cpu/conda-lock.yml"] == old
    assert "target cu126 requests it: add --target cu126" in run(site, "remove", "p", "before-tool", status=2).err
    run(site, "remove", "p", "before-tool", "--target", "cu126", "--index", after)
    assert "before-tool" not in packages(site, "cu126")


def test_a_framework_is_added_to_the_frameworks(site: Workspace, after: Path) -> None:
    run(site, "add", "p", "pytorch 2.6.*", "--index", after)
    assert 'frameworks: {pytorch: "2.6.*"}\n' in text_of(site)
    assert packages(site)["pytorch"] == "2.6.0"


@pytest.mark.parametrize(
    "written",
    ["frameworks: {pytorch: '>=2.6'}", "frameworks: {torch: '>=2.6'}", "frameworks:\n  pytorch:  # ours\n    version: '>=2.6'"],
)
def test_a_framework_is_removed_by_its_name_however_it_is_written(workspace: Workspace, before: Path, written: str) -> None:
    text = project("tool").replace('frameworks: {pytorch: ">=2.6"}', f"{written}  # needed")
    workspace.project("p", text)
    run(workspace, "lock", "--index", before)
    done = run(workspace, "remove", "p", "pytorch", "--index", before)
    assert "  - pytorch 2.7.1" in done.out
    assert "frameworks: {}" in text_of(workspace)
    assert ("pytorch" in packages(workspace), packages(workspace)["tool"]) == (False, "1.0")
    run(workspace, "add", "p", "pytorch 2.6.*", "--index", before)
    assert 'frameworks: {pytorch: "2.6.*"}' in text_of(workspace)
    assert packages(workspace, "cu126")["pytorch"] == "2.6.0"


def test_a_list_of_targets_with_one_on_each_line_becomes_a_mapping_in_place(workspace: Workspace, before: Path) -> None:
    text = project("tool", targets="\n  # small\n  - cpu\n  - cu126  # large")
    workspace.project("p", text)
    run(workspace, "lock", "--index", before)
    run(workspace, "add", "p", "leaf", "--target", "cu126", "--index", before)
    assert "targets: \n  # small\n  cpu: {}\n  cu126: {dependencies: [leaf]}  # large\n" in text_of(workspace)


def test_without_a_solution_the_project_stays_as_it_is(site: Workspace, after: Path) -> None:
    old = site.files()
    run(site, "add", "p", "numpy >=99", "--index", after, status=4)
    run(site, "add", "p", "no-such-package", "--index", after, status=2)
    run(site, "add", "p", "narrow", "--index", after, "--dry-run")
    assert site.files() == old


# --- builds that a target must not have -----------------------------------------------------------------------------------

WITHOUT_FRAMEWORKS = PROJECT.replace('frameworks: {pytorch: "2.7"}\n', "")
BRINGING = (
    pure("brings", "1.0", "pytorch"),
    pure("brings-newest", "1.0", "pytorch 2.9.0"),
    compiled("pytorch", "2.9.0", "3.12", "cpu_generic"),  # nobody built it for CUDA
)


@pytest.fixture(scope="module")
def bringing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index folder in which other packages bring a framework, and the newest release of it has CPU builds alone."""
    return channel(tmp_path_factory.mktemp("bringing"), (*EVERYTHING, *BRINGING))


def builds_of(site: Workspace, target: str, name: str = "pytorch") -> list[str]:
    return re.findall(rf"/({name}-[^/]*)\.conda", site.files()[f"p/{target}/conda-lock.yml"].decode())


def test_a_framework_that_another_package_brings_is_a_build_for_the_target(workspace: Workspace, bringing: Path) -> None:
    """The project does not request it."""
    workspace.project("p", WITHOUT_FRAMEWORKS)
    run(workspace, "lock", "--index", bringing)
    run(workspace, "add", "p", "brings", "--index", bringing)
    (cpu,), (cuda,) = builds_of(workspace, "cpu"), builds_of(workspace, "cu126")
    assert ("cpu_generic" in cpu, "cuda126_generic" in cuda) == (True, True)
    run(workspace, "verify", "environments/p/cu126/conda-lock.yml")


def test_where_there_is_no_build_for_the_target_the_project_stays_as_it_is(workspace: Workspace, bringing: Path) -> None:
    workspace.project("p", WITHOUT_FRAMEWORKS)
    run(workspace, "lock", "--index", bringing)
    old = workspace.files()
    done = run(workspace, "add", "p", "brings-newest", "--index", bringing, status=4)
    assert (
        "  cpu-build: pytorch 2.9.0 cpu_generic_py312h1234567_0 (linux-64): a CPU build of pytorch in a target for CUDA 12.6"
        in done.err
    )
    assert " (brought by brings-newest > pytorch)\n" in done.err
    assert workspace.files() == old


# --- aligned --------------------------------------------------------------------------------------------------------------

OF_CPU = (
    *EVERYTHING,
    Package("shared", "1.0"),
    Package("shared", "2.0"),
    Package("shared", "3.0"),
    Package("brings", "1.0", depends=("shared",)),
    Package("for-cuda", "1.0", depends=("shared <3",)),
    Package("for-cpu", "1.0", depends=("shared >=3",)),
)


@pytest.fixture(scope="module")
def sharing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index folder in which what one target needs limits a package that all have."""
    return channel(tmp_path_factory.mktemp("sharing"), OF_CPU)


def limited(cpu: str = "", more: str = "") -> str:
    targets = f"\n  cpu: {{dependencies: [{cpu}]}}\n  cu126: {{dependencies: [for-cuda]}}"
    return project("brings", targets=targets) + more


def test_all_targets_take_the_version_that_the_most_constrained_one_can_have(workspace: Workspace, sharing: Path) -> None:
    """Nothing in the CPU target keeps it from the newest."""
    workspace.project("p", limited())
    done = run(workspace, "lock", "--index", sharing)
    assert packages(workspace)["shared"] == packages(workspace, "cu126")["shared"] == "2.0"
    assert [line.split()[-3] for line in done.out.splitlines() if " linux-64 " in line] == ["aligned", "aligned"]
    workspace.project("p", limited(more="align: false\n"))
    run(workspace, "lock", "--update", "--index", sharing)
    assert (packages(workspace)["shared"], packages(workspace, "cu126")["shared"]) == ("3.0", "2.0")


def test_a_package_that_has_to_differ_does_alone_and_says_why(workspace: Workspace, sharing: Path) -> None:
    workspace.project("p", limited("for-cpu"))
    done = run(workspace, "lock", "--index", sharing, "--json")
    (found,) = json.loads(done.out)[0]["differing"]
    assert (found["package"], found["versions"]) == ("shared", {"cpu/linux-64": "3.0", "cu126/linux-64": "2.0"})
    assert found["because"] in ("for-cpu 1.0 needs shared >=3", "for-cuda 1.0 needs shared <3")
    assert json.loads(done.out)[1]["differing"] == [found]


def test_platforms_share_versions_too(workspace: Workspace, tmp_path: Path) -> None:
    """The newest numpy is not built for one of them."""
    mac = [row for python in ("3.11", "3.12") for row in of_python(python, "osx-arm64") if row.subdir != "noarch"]
    newest = [compiled("numpy", "2.3.0", python) for python in ("3.11", "3.12")]
    folder = channel(tmp_path / "index", (*EVERYTHING, *mac, *newest))
    workspace.project("p", project(targets="[cpu]", platforms="linux-64, osx-arm64"))
    run(workspace, "lock", "--index", folder)
    assert packages(workspace)["numpy"] == packages(workspace, platform="osx-arm64")["numpy"] == "2.2.6"


def test_what_is_locked_does_not_move_to_agree_and_an_update_aligns_it(workspace: Workspace, sharing: Path) -> None:
    workspace.project("p", limited().replace("{dependencies: [for-cuda]}", ""))
    run(workspace, "lock", "--index", sharing)
    workspace.project("p", limited())
    done = run(workspace, "lock", "--index", sharing, "--json")
    assert (packages(workspace)["shared"], packages(workspace, "cu126")["shared"]) == ("3.0", "2.0")
    assert [row["package"] for row in json.loads(done.out)[1]["differing"]] == ["shared"]
    run(workspace, "update", "--package", "shared", "--index", sharing)
    assert packages(workspace)["shared"] == packages(workspace, "cu126")["shared"] == "2.0"


def test_packages_of_cuda_itself_need_not_agree(workspace: Workspace, tmp_path: Path) -> None:
    twelve_nine = [
        compiled("pytorch", "2.7.1", python, "cuda129_generic", ("__cuda", "cuda-version >=12.9,<13", "numpy >=1.23,<3"))
        for python in ("3.11", "3.12")
    ]
    folder = channel(tmp_path / "index", (*EVERYTHING, *twelve_nine))
    workspace.project("p", project(targets="[cu126, cu129]"))
    done = run(workspace, "lock", "--index", folder, "--json")
    assert {packages(workspace, name)["cuda-version"] for name in ("cu126", "cu129")} == {"12.6", "12.9"}
    assert [row["differing"] for row in json.loads(done.out)] == [[], []]


# --- dates ----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dated(tmp_path_factory: pytest.TempPathFactory, after: Path) -> Path:
    """The later index folder; its packages were made on 2025-06-01, and nothing says when they were indexed."""
    folder = tmp_path_factory.mktemp("dated")
    for path in after.glob("*/*/repodata.json"):
        data = json.loads(path.read_text(encoding="utf-8"))
        for section in ("packages", "packages.conda"):
            for record in data[section].values():
                record.pop("indexed_timestamp", None)
        place = folder / path.relative_to(after)
        place.parent.mkdir(parents=True)
        place.write_text(json.dumps(data), encoding="utf-8")
    return folder


def stamp_date(site: Workspace) -> list[str]:
    text = (site.root / "environments/p/cpu/conda-lock.yml").read_text(encoding="utf-8")
    return re.findall(r"envgen-exclude-newer: '?([^'\n]+)", text)


def test_a_lock_says_its_date_and_is_valid_as_of_later_ones(workspace: Workspace, dated: Path) -> None:
    workspace.project("p", project("tool"))
    run(workspace, "lock", "--index", dated, "--exclude-newer", "2025-07-01")
    assert stamp_date(workspace) == ["2025-07-01T00:00:00+00:00"]
    old = workspace.files()
    for date in ("2025-07-01", "2025-08-01T12:00"):
        workspace.project("p", f"{project('tool')}exclude-newer: {date}\n")
        assert "Nothing to do" in run(workspace, "lock", "--index", dated).err
    workspace.project("p", project("tool"))
    assert "Nothing to do" in run(workspace, "lock", "--index", dated).err
    assert workspace.files() == old
    run(workspace, "update", "--index", dated)
    assert stamp_date(workspace) == []


def test_an_earlier_date_takes_away_what_is_too_new(workspace: Workspace, dated: Path) -> None:
    workspace.project("p", project("tool"))
    run(workspace, "lock", "--index", dated)
    assert run(workspace, "lock", "--index", dated, "--exclude-newer", "2025-05-01", status=4).out == ""
    done = run(workspace, "lock", "--check", "--exclude-newer", "2025-05-01", status=1)
    assert "p-cpu: it was locked without a date, and 2025-05-01T00:00:00+00:00 is requested\n" in done.out


@pytest.mark.parametrize(("date", "status"), [("2025-06-01T02:00+02:00", 0), ("2025-06-01T01:59+02:00", 4), ("2025-06-01", 0)])
def test_the_zone_of_a_date_counts(workspace: Workspace, dated: Path, date: str, status: int) -> None:
    """A package is there from the second on in which it was made, in UTC."""
    workspace.project("p", project("tool"))
    run(workspace, "lock", "--index", dated, "--exclude-newer", date, status=status)


def test_a_package_counts_from_when_it_was_indexed_where_the_channel_says_that(workspace: Workspace, after: Path) -> None:
    """It was indexed today. The search and the solver agree on it: Python is not there either."""
    workspace.project("p", project("tool"))
    assert "the index holds no" in run(workspace, "lock", "--index", after, "--exclude-newer", "2025-07-01", status=4).err


def test_what_is_not_a_date_is_refused(workspace: Workspace) -> None:
    workspace.project("p", project("tool"))
    assert "--exclude-newer: not a date: yesterday" in run(workspace, "lock", "--exclude-newer", "yesterday", status=2).err


def test_a_record_without_a_timestamp_was_not_there_on_any_date(workspace: Workspace, tmp_path: Path) -> None:
    """Nothing says that it was; without a date it is used."""
    rows = [Row("python", "3.12.9"), Row("leaf", "1.0")]
    write_channel(tmp_path / "index", rows)
    workspace.project("p", 'python: "3.12"\ntargets: [cpu]\nplatforms: [linux-64]\nchannels: [conda-forge]\ndependencies: [leaf]\n')
    run(workspace, "lock", "--index", tmp_path / "index", "--exclude-newer", "2030-01-01", status=4)
    run(workspace, "lock", "--index", tmp_path / "index")
    assert packages(workspace)["leaf"] == "1.0"


def test_the_same_inputs_date_and_records_are_the_same_bytes(workspace: Workspace, dated: Path) -> None:
    workspace.project("p", project("tool"))
    run(workspace, "lock", "--index", dated, "--exclude-newer", "2025-07-01")
    old = workspace.files()
    for target in ("cpu", "cu126"):
        (workspace.root / "environments/p" / target / "conda-lock.yml").unlink()
    run(workspace, "lock", "--index", dated, "--exclude-newer", "2025-07-01", "--jobs", 1)
    assert workspace.files() == old
