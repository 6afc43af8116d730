"""`envgen verify` as a process: every input, every printed form, every exit code; and `envgen lock` writes nothing that fails."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import REPO, Run, Workspace
from system.channel import PROJECT, Package, build, pure

from envgen.verify.check import RULES
from envgen.verify.registry import REGISTRY

LOCKS = REPO / "tests" / "verify" / "locks"
COMMITTED = sorted((REPO / "environments").glob("*/*/conda-lock.yml"))
MD5_ONLY = "environments/legacy/cu116/conda-lock.yml"  # its cudatoolkit has no sha256 (../shared/channels/README.md)
WRONG = "wrong-channel-cudatoolkit-11.8.yml"


@pytest.fixture
def outside(workspace: Workspace, tmp_path: Path) -> Workspace:
    """A folder that is in no repository, with the corpus beside it."""
    shutil.copytree(LOCKS, tmp_path / "outside")
    return Workspace(tmp_path / "outside", workspace.environment)


def rows(run: Run) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run.out)
    return found


def rules(run: Run) -> list[str]:
    return [finding["rule"] for row in rows(run) for finding in row["findings"]]


# --- the committed locks --------------------------------------------------------------------------------------------------


def test_every_committed_lock_is_what_its_target_claims(workspace: Workspace) -> None:
    run = workspace.envgen("--root", REPO, "verify", "--json")
    assert (run.status, run.err) == (0, "")
    found = rows(run)
    assert {row["lock"] for row in found} == {path.relative_to(REPO).as_posix() for path in COMMITTED}
    for row in found:
        target = Path(row["lock"]).parent.name
        assert row["source"] == f"target {target}"
        assert row["kind"] == ("cpu" if target == "cpu" else "cuda")
        assert (row["cuda"] or "").replace(".", "") == target.removeprefix("cu") or target == "cpu"
        assert bool(row["driver"]) == (target != "cpu")
        assert [finding["rule"] for finding in row["findings"]] == (["weak-hash"] if row["lock"] == MD5_ONLY else [])


def test_a_warning_fails_only_where_that_is_asked_for(workspace: Workspace) -> None:
    assert workspace.envgen("--root", REPO, "verify", REPO / MD5_ONLY).status == 0
    assert workspace.envgen("--root", REPO, "verify", "--strict", REPO / MD5_ONLY).status == 1


def test_without_their_place_they_seem_to_be_what_they_are(workspace: Workspace, tmp_path: Path) -> None:
    """Nobody says what they are meant to be, and the same comes out."""
    copies = [shutil.copy(path, tmp_path / f"{path.parent.parent.name}-{path.parent.name}.yml") for path in COMMITTED]
    run = workspace.envgen("verify", "--json", *copies)
    assert run.status == 0
    for row in rows(run):
        target = Path(row["lock"]).stem.rpartition("-")[2]
        assert row["source"] == "inferred"
        assert "cpu" if target == "cpu" else f"cu{row['cuda'].replace('.', '')}" == target
        assert row["kind"] == ("cpu" if target == "cpu" else "cuda")


# --- further solves: every lock that genuine records give passes the gate, and verify after it -----------------------------

GRID = {
    "torch": ('frameworks: {pytorch: {version: "*", with: [torchvision]}}', ["conda-forge"], ["cpu", "cu126", "cu129"]),
    "older": ('frameworks: {pytorch: "<2.6"}', ["conda-forge"], ["cu118", "cu121"]),
    "flow": ('frameworks: {tensorflow: "*"}', ["conda-forge"], ["cpu", "cu128"]),
    "jax": ('frameworks: {jax: "*"}', ["conda-forge"], ["cpu", "cu126", "cu129"]),
    "none": ("dependencies: [pandas, scikit-learn]", ["conda-forge"], ["cpu", "cu130"]),
    "vendor": (
        'frameworks: {pytorch: {version: "*", provider: pytorch}}',
        ["pytorch", "nvidia", "conda-forge"],
        ["cpu", "cu117", "cu121"],
    ),
}


def lock_grid(workspace: Workspace, name: str, index: Path) -> None:
    """Lock every cell of a row of the grid; a cell may have no solution (status 3 or 4)."""
    wishes, channels, targets = GRID[name]
    for python in ("3.10", "3.11", "3.12"):
        for target in targets:
            lines = [
                f'python: "{python}"',
                wishes,
                f"targets: [{target}]",
                "platforms: [linux-64]",
                f"channels: [{', '.join(channels)}]",
            ]
            workspace.project(f"{name}-{python}-{target}", "\n".join(lines) + "\n")
            done = workspace.envgen("lock", f"{name}-{python}-{target}", "--index", index)
            assert done.status in (0, 3, 4), done.err


@pytest.mark.parametrize("name", GRID)
def test_what_can_be_solved_passes_the_gate(name: str, workspace: Workspace, sample: Path) -> None:
    """A solution that the gate refuses is a false alarm, or a bug."""
    lock_grid(workspace, name, sample)
    run = workspace.envgen("verify", "--json")
    assert (run.status, rules(run)) == (0, [])
    assert len(rows(run)) >= 6


@pytest.mark.parametrize("names", [("torch", "older", "flow"), ("jax", "none", "vendor")], ids="-".join)
def test_what_all_records_of_the_snapshot_give_passes_the_gate(
    names: tuple[str, ...], workspace: Workspace, snapshot: Path
) -> None:
    for name in names:
        lock_grid(workspace, name, snapshot)
    run = workspace.envgen("verify", "--json")
    assert (run.status, rules(run)) == (0, [])
    assert len(rows(run)) >= 18


# --- inputs ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "shape", "kind", "status"),
    [
        ("right-cf-cu126.yml", "conda-lock 1", "cuda", 0),
        ("right-explicit-cu126.txt", "explicit", "cuda", 0),
        ("right-list.json", "conda list", "cuda", 0),
        ("right-channel-2.5.txt", "conda list", "cuda", 0),
        ("right-none.yml", "conda-lock 1", "none", 0),
        (WRONG, "conda-lock 1", "mixed", 1),
        ("wrong-defaults-pytorch.txt", "conda list", "mixed", 1),
    ],
)
def test_a_file_outside_any_repository_is_judged_by_itself(
    outside: Workspace, file: str, shape: str, kind: str, status: int
) -> None:
    run = outside.envgen("verify", "--json", file)
    assert (run.status, run.err) == (status, "")
    (row,) = rows(run)
    assert (row["lock"], row["format"], row["kind"], row["source"]) == (file, shape, kind, "inferred")


def test_every_environment_of_a_pixi_lock_has_its_row(outside: Workspace) -> None:
    base = "https://conda.anaconda.org/conda-forge"
    urls = {kind: f"{base}/linux-64/pytorch-2.7.0-{kind}_mkl_py312_h30b5a27_300.conda" for kind in ("cpu", "cuda126")}
    lines = ["version: 6", "environments:"]
    for name, kind in (("default", "cpu"), ("gpu", "cuda126")):
        lines += [
            f"  {name}:",
            "    channels:",
            f"    - url: {base}/",
            "    packages:",
            "      linux-64:",
            f"      - conda: {urls[kind]}",
        ]
    lines += ["packages:", *(f"- conda: {url}\n  sha256: {'ab' * 32}" for url in urls.values())]
    (outside.root / "pixi.lock").write_text("\n".join(lines) + "\n", encoding="utf-8")
    run = outside.envgen("verify", "--json", "pixi.lock")
    assert [(row["environment"], row["kind"], row["format"]) for row in rows(run)] == [
        ("default", "cpu", "pixi 6"),
        ("gpu", "cuda", "pixi 6"),
    ]
    assert "pixi.lock [gpu]" in outside.envgen("verify", "pixi.lock").out


def test_an_installed_environment_is_judged(outside: Workspace) -> None:
    meta = outside.root / "env" / "conda-meta"
    meta.mkdir(parents=True)
    for name, version, wrong in (("pytorch", "1.12.1", "py3.10_cpu_0"), ("cudatoolkit", "11.8.0", "h4ba93d1_13")):
        record = {"name": name, "version": version, "build": wrong, "subdir": "linux-64", "depends": [], "files": []}
        (meta / f"{name}.json").write_text(json.dumps(record), encoding="utf-8")
    run = outside.envgen("verify", "--json", "env")
    assert (run.status, rules(run), rows(run)[0]["format"]) == (1, ["silent-cpu"], "prefix")


# --- what it is meant to be -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("cu126", []),
        ("cu127", ["other-cuda", "unknown-cuda"]),
        ("cpu", ["cuda-in-cpu"]),
        ("cu118", ["cuda-promise", "other-cuda", "virtual-package", "wrong-cuda"]),
    ],
)
def test_a_target_says_what_a_file_is_meant_to_be(outside: Workspace, target: str, found: list[str]) -> None:
    run = outside.envgen("verify", "--json", "--target", target, "right-cf-cu126.yml")
    assert (sorted(set(rules(run))), run.status) == (found, int(bool(found)))
    assert rows(run)[0]["source"] == f"target {target}"


def test_a_file_of_promises_says_it_too(outside: Workspace) -> None:
    """Beside the lock it is found; elsewhere it is named; with a target it replaces what the target promises."""
    text = 'subdirs:\n  linux-64:\n    packages: {__cuda: "12.8", __glibc: "2.28", __linux: "5", __unix: "0"}\n'
    beside = outside.root / "project"
    beside.mkdir()
    shutil.copy(outside.root / "right-cf-cpu.yml", beside / "conda-lock.yml")
    (beside / "virtual-packages.yml").write_text(text, encoding="utf-8")
    run = outside.envgen("verify", "--json", "project/conda-lock.yml")
    assert (set(rules(run)), rows(run)[0]["source"], rows(run)[0]["cuda"]) == ({"silent-cpu"}, "virtual-packages.yml", None)
    named = outside.envgen("verify", "--json", "--virtual-packages", "project/virtual-packages.yml", "right-cf-cu126.yml")
    assert (named.status, rows(named)[0]["cuda"]) == (0, "12.6")
    (beside / "virtual-packages.yml").write_text(text.replace("2.28", "2.17"), encoding="utf-8")
    both = outside.envgen(
        "verify", "--json", "--target", "cu130", "--virtual-packages", "project/virtual-packages.yml", "right-cf-cu130.yml"
    )
    assert {"virtual-package", "cuda-promise", "fact"} <= set(rules(both))


def test_a_project_brings_its_fleet_its_channels_and_its_frameworks(workspace: Workspace, tmp_path: Path) -> None:
    lines = [
        'python: "3.12"',
        "frameworks: {pytorch: '*', jax: '*'}",
        "targets: [cu126]",
        "platforms: [linux-64]",
        "channels: [nvidia]",
    ]
    workspace.project("fleet", "\n".join([*lines, "driver: '>=550'", "gpus: [A100]"]) + "\n")
    lock = shutil.copy(LOCKS / "right-cf-cu126.yml", tmp_path / "lock.yml")
    run = workspace.envgen("verify", "--json", "--project", "fleet", "--target", "cu126", lock)
    assert set(rules(run)) == {"framework-missing", "foreign-channel"}
    assert run.status == 1


def test_a_lock_in_its_place_is_held_against_its_target(workspace: Workspace) -> None:
    workspace.project("p", PROJECT)
    place = workspace.root / "environments" / "p" / "cu126" / "conda-lock.yml"
    place.parent.mkdir()
    shutil.copy(LOCKS / "right-cf-cpu.yml", place)
    run = workspace.envgen("verify", "--json")
    assert (run.status, rows(run)[0]["source"], rows(run)[0]["lock"]) == (1, "target cu126", "environments/p/cu126/conda-lock.yml")
    assert "cpu-build" in rules(run)


# --- what it prints -------------------------------------------------------------------------------------------------------


def test_a_table_and_findings_for_people(outside: Workspace) -> None:
    run = outside.envgen("verify", WRONG, "right-cf-cu126.yml", COLUMNS="200")
    assert (run.status, run.err) == (1, "")
    assert "\x1b" not in run.out
    assert re.search(
        r"^wrong-channel-cudatoolkit-11\.8\.yml\n  linux-64 +mixed +inferred +3 +- +- +1 error$", run.out, re.MULTILINE
    )
    assert re.search(r"^right-cf-cu126\.yml\n  linux-64 +cuda 12\.6 +inferred +6 +>=525\.60\.13 +- +ok$", run.out, re.MULTILINE)
    assert max(len(line) for line in run.out.partition("\n\n")[0].splitlines()) < 100
    said = "error: silent-cpu (linux-64): pytorch 1.12.1 py3.10_cpu_0: a CPU build of pytorch beside cudatoolkit 11.8.0"
    assert said in run.out
    line = (LOCKS / WRONG).read_text(encoding="utf-8").splitlines().index("- name: pytorch") + 1
    assert f"    at {WRONG}:{line}:3\n" in run.out


def test_json_says_everything(outside: Workspace) -> None:
    (row,) = rows(outside.envgen("verify", "--json", "--target", "cu126", "wrong-cf-jax-cpu.yml"))
    assert set(row) == {
        *("lock", "format", "environment", "platform", "kind", "cuda", "source", "packages"),
        *("driver", "driver_for_compilation", "verdict", "findings"),
    }
    (finding,) = row["findings"]
    assert (finding["rule"], finding["severity"], finding["chain"], row["verdict"]) == (
        "cpu-build",
        "error",
        ["jax", "jaxlib"],
        "failed",
    )
    text = (REPO / "docs" / "verify.md").read_text(encoding="utf-8")
    assert [key for key in (*row, *finding) if f"`{key}`" not in text] == []


def test_sarif_is_what_code_hosts_read(outside: Workspace) -> None:
    """The parts that SARIF 2.1.0 requires, and those that GitHub asks for on top."""
    odd = outside.root / "a folder" / "my lock.yml"
    odd.parent.mkdir()
    shutil.copy(outside.root / WRONG, odd)
    run = outside.envgen("verify", "--sarif", "a folder/my lock.yml", "right-cf-cu126.yml")
    assert (run.status, run.err) == (1, "")
    log = json.loads(run.out)
    assert (log["version"], "sarif-2.1.0" in log["$schema"]) == ("2.1.0", True)
    (found,) = log["runs"]
    driver = found["tool"]["driver"]
    assert driver["name"] == "envgen"
    assert [rule["id"] for rule in driver["rules"]] == [rule.name for rule in RULES]
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"] and rule["help"]["text"]
        assert rule["defaultConfiguration"]["level"] in ("error", "warning")
    (result,) = found["results"]
    assert result["ruleId"] == driver["rules"][result["ruleIndex"]]["id"] == "silent-cpu"
    assert result["level"] in ("none", "note", "warning", "error") and result["message"]["text"]
    (location,) = result["locations"]
    place = location["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a%20folder/my%20lock.yml"
    assert place["region"]["startLine"] >= 1 and place["region"]["startColumn"] >= 1
    assert all(isinstance(value, str) for value in result["partialFingerprints"].values())


def test_sarif_of_what_is_right_has_no_results(outside: Workspace) -> None:
    run = outside.envgen("verify", "--sarif", "right-cf-cu126.yml")
    assert (run.status, json.loads(run.out)["runs"][0]["results"]) == (0, [])


def test_annotations_for_a_workflow(outside: Workspace) -> None:
    run = outside.envgen("verify", "--github", WRONG, "wrong-weak-hash.yml", "right-cf-cu126.yml")
    found = [
        re.fullmatch(r"::(error|warning) file=([^,]+),line=(\d+),title=envgen ([a-z-]+)::(.+)", line)
        for line in run.out.splitlines()
    ]
    assert all(found)
    assert [(item[1], item[2], item[4]) for item in found if item] == [
        ("error", WRONG, "silent-cpu"),
        ("warning", "wrong-weak-hash.yml", "weak-hash"),
    ]
    assert outside.envgen("verify", "--github", "right-cf-cu126.yml").out == ""


# --- bad input ------------------------------------------------------------------------------------------------------------


def changed(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (changed("- name: numpy", "<<<<<<< HEAD\n- name: numpy"), "bad.yml:50:1: this lock has an unresolved merge conflict"),
        (changed("version: 1", "version: 99"), "bad.yml:1:1: a lock of version 99 that cannot be read"),
        (lambda text: text[: len(text) // 2], "bad.yml:"),
        (lambda text: text[: text.rindex("  category")], "bad.yml:63:3: this lock is truncated: its last package is incomplete"),
        (lambda _: "", "bad.yml:1:1: this file is empty"),
        (lambda _: "\x00\x01\x02", "bad.yml:1:1: not YAML: "),
        (lambda _: "hello\n", "bad.yml:1:1: not a lock: "),
        (lambda _: "name: demo\n", "bad.yml:1:1: `version` is missing"),
        (lambda _: "@EXPLICIT\nnumpy\n", "bad.yml:2:1: not the url of a conda package: numpy"),
        (lambda _: "[{]", "bad.yml:1:3: not JSON: "),
    ],
)
def test_a_broken_file_is_refused_with_its_address(outside: Workspace, change: Callable[[str], str], said: str) -> None:
    text = (LOCKS / "right-cf-cu118.yml").read_text(encoding="utf-8")
    (outside.root / "bad.yml").write_text(change(text), encoding="utf-8")
    run = outside.envgen("verify", "bad.yml")
    assert (run.status, run.out) == (2, "")
    assert re.sub(r":\d+:\d+", "", run.err).startswith(f"error: {re.sub(r':[0-9]+:[0-9]+', '', said)}"), run.err
    assert "\n\nhint: " in run.err
    assert "Traceback" not in run.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gone.yml"], "gone.yml: there is no such file"),
        (["."], ".: not a conda environment: it has no conda-meta/"),
        ([], "nothing to verify"),
        (["right-cf-cu126.yml", "--target", "cu1x6"], "no target `cu1x6`"),
        (["right-cf-cu126.yml", "--project", "vision"], "no target of project vision given for right-cf-cu126.yml"),
        (["right-cf-cu126.yml", "--virtual-packages", "gone.yml"], "gone.yml"),
        (["right-cf-cu126.yml", "--virtual-packages", "right-cf-cu126.yml"], "right-cf-cu126.yml: `subdirs:` is missing"),
    ],
)
def test_what_cannot_be_meant_is_refused(outside: Workspace, words: list[str], said: str) -> None:
    run = outside.envgen("verify", *words)
    assert (run.status, run.out) == (2, "")
    assert run.err.startswith(f"error: {said}"), run.err
    assert "\n\nhint: " in run.err


def test_what_cannot_be_read_does_not_hide_what_is_found_in_the_rest(outside: Workspace) -> None:
    (outside.root / "bad.yml").write_text("hello\n", encoding="utf-8")
    run = outside.envgen("verify", "--json", "gone.yml", WRONG, "bad.yml", WRONG)
    assert run.status == 2
    assert {row["lock"] for row in rows(run)} == {WRONG} and rules(run)
    assert run.err.startswith("error: gone.yml: there is no such file\n")
    assert "error: bad.yml:1:1: not a lock: " in run.err
    assert WRONG in outside.envgen("verify", "gone.yml", WRONG).out
    none = outside.envgen("verify", "--json", "gone.yml", "bad.yml", "gone.yml")
    assert (none.status, none.out, none.err.count("error: ")) == (2, "", 2)


@pytest.mark.parametrize("words", [(), ("--target", "cpu")])
def test_a_project_that_cannot_be_read_does_not_hide_what_is_found_in_the_others(
    workspace: Workspace, words: tuple[str, ...]
) -> None:
    for name in ("a", "b"):
        workspace.project(name, PROJECT)
        (workspace.root / "environments" / name / "cpu").mkdir()
        shutil.copyfile(LOCKS / "right-cf-cpu.yml", workspace.root / "environments" / name / "cpu" / "conda-lock.yml")
    workspace.project("a", "python: [")
    run = workspace.envgen("verify", "--json", *words)
    assert (run.status, {row["lock"] for row in rows(run)}) == (2, {"environments/b/cpu/conda-lock.yml"})
    assert run.err.startswith("error: environments/a/project.yaml:2:1: not YAML: ")


def test_a_promise_that_is_no_version_is_refused(outside: Workspace) -> None:
    (outside.root / "v.yml").write_text('subdirs: {linux-64: {packages: {__cuda: "new"}}}\n', encoding="utf-8")
    run = outside.envgen("verify", "right-cf-cu126.yml", "--virtual-packages", "v.yml")
    assert (run.status, "`__cuda: new` is not a version" in run.err, run.out) == (2, True, "")


def test_an_unknown_target_of_a_project_is_refused_with_its_address(workspace: Workspace) -> None:
    workspace.project("p", PROJECT)
    run = workspace.envgen("verify", "--project", "p", "--target", "cu118", LOCKS / "right-cf-cu118.yml")
    assert run.status == 2
    assert run.err.startswith("error: environments/p/project.yaml:3:")


def test_one_printed_form_at_a_time(outside: Workspace) -> None:
    run = outside.envgen("verify", "--json", "--sarif", WRONG)
    assert (run.status, run.out) == (2, "")
    assert "exclude each other" in run.err


# --- the gate -------------------------------------------------------------------------------------------------------------

SNEAKY = (
    Package("cudatoolkit", "11.8.0", "h4ba93d1_13", subdir="linux-64"),
    pure("between", "1.0", "cudatoolkit"),
    pure("sneaky", "2.0", "between"),
)


@pytest.fixture
def sneaking(workspace: Workspace, tmp_path: Path) -> Path:
    """A project locked for the CPU, and the index, where a new release of a dependency brings CUDA."""
    index = tmp_path / "index"
    build(index / "conda-forge")
    build(index / "conda-forge", [pure("sneaky", "1.0")])
    workspace.project("p", CPU_PROJECT)
    assert workspace.envgen("lock", "--index", index).status == 0
    build(index / "conda-forge", SNEAKY)
    return index


CPU_PROJECT = PROJECT.replace("einops]", "einops, sneaky]").replace("cpu, cu126", "cpu")


def test_a_release_with_builds_that_the_target_must_not_have_is_not_taken(workspace: Workspace, sneaking: Path) -> None:
    done = workspace.envgen("update", "--index", sneaking)
    assert done.status == 0, done.err
    assert "\nNothing was" not in done.err
    text = workspace.files()["p/cpu/conda-lock.yml"].decode()
    assert "/sneaky-1.0-" in text
    assert "cudatoolkit" not in text


def test_where_every_solution_has_such_a_build_it_is_named_with_what_brings_it(workspace: Workspace, sneaking: Path) -> None:
    before = workspace.files()
    workspace.project("p", CPU_PROJECT.replace("sneaky", '"sneaky >=2"'))
    done = workspace.envgen("lock", "--index", sneaking)
    assert (done.status, done.out) == (4, "")
    assert done.err.startswith("error: environments/p/project.yaml:6:31: p: for cpu on linux-64 these have no solution together")
    assert "p-cpu on linux-64: no solution without a build that `verify` refuses\n" in done.err
    what = "cuda-in-cpu: cudatoolkit 11.8.0 h4ba93d1_13 (linux-64): a part of CUDA in a CPU target"
    assert f"  {what} (brought by sneaky > between > cudatoolkit)\n" in done.err
    assert "Traceback" not in done.err
    assert {**workspace.files(), "p/project.yaml": b""} == {**before, "p/project.yaml": b""}


def test_a_lock_whose_packages_do_not_go_together_is_not_written(workspace: Workspace, tmp_path: Path) -> None:
    """No package is wrong alone, so the solver does not know."""
    index = tmp_path / "index"
    build(index / "conda-forge")
    cudnn = [Package(name, version, subdir="linux-64") for name, version in (("cudnn", "8.9.7"), ("libcudnn", "9.10.0"))]
    build(index / "conda-forge", [*cudnn, pure("both", "1.0", "cudnn 8.*", "libcudnn 9.*")])
    workspace.project("p", PROJECT.replace("einops]", "both]").replace("cpu, cu126", "cu126"))
    done = workspace.envgen("lock", "--index", index)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("error: p-cu126: the solution does not match its target\n  two-cudnn-majors: ")
    assert "(brought by both > " in done.err
    assert "`envgen help verify`" in done.err
    assert "p/cu126/conda-lock.yml" not in workspace.files()


def test_the_registry_is_filled_once() -> None:
    assert tuple(REGISTRY.values()) == RULES


def test_a_lock_that_is_written_with_a_warning_says_so(workspace: Workspace) -> None:
    shutil.copytree(REPO / "environments" / "index", workspace.root / "environments" / "index")
    workspace.project("legacy", (REPO / "environments" / "legacy" / "project.yaml").read_text(encoding="utf-8"))
    done = workspace.envgen("lock", "legacy", "--target", "cu116", "--offline")
    assert done.status == 0, done.err
    assert "legacy-cu116: warning: weak-hash: cudatoolkit 11.6.0 " in done.err
