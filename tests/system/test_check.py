"""`envgen check`: each rule on a repository that agrees but for one thing, with the place, the command that ends it, and `--fix`."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from click import UsageError
from click.exceptions import Exit
from click.testing import CliRunner, Result
from conftest import REPO, clean_environment, repository
from system.channel import EVERYTHING, PROJECT, PYTHONS, build, of_python

from envgen.cli.main import main
from envgen.cli.options import best_here
from envgen.lock.pipeline import lock
from envgen.lock.unchanged import RawInputs
from envgen.model.address import Address
from envgen.model.errors import CheckFailed, EnvgenError
from envgen.model.findings import Finding
from envgen.model.layout import Layout
from envgen.model.rules import Rule
from envgen.model.run import LockRequest
from envgen.review.check import Checked, check
from envgen.review.fix import fix
from envgen.review.registry import READING, STALE
from envgen.review.rules import OWN_RULES, RULES
from envgen.review.stale import stale, stale_if_unchanged
from envgen.verify import judgements
from envgen.verify.check import found_in
from envgen.verify.registry import Case

TODAY = date(2026, 6, 1)
CPU, CUDA, FILE = "environments/p/cpu", "environments/p/cu126", "environments/p/project.yaml"
LOCK, RECORDS = f"{CPU}/conda-lock.yml", "environments/index/conda-forge/linux-64/repodata.json"
TEXT = PROJECT.replace("[linux-64]", "[linux-64, osx-arm64]")
DATED = TEXT + "exclude-newer: 2025-07-01\n"


class Silent:
    """A reporter that remembers what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def begin(self, what: str, steps: int) -> None: ...
    def step(self, what: str) -> None: ...
    def end(self) -> None: ...


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one project, locked for CPU and CUDA 12.6: everything agrees."""
    folder = tmp_path_factory.mktemp("check")
    arm = (row for python in PYTHONS for row in of_python(python, "osx-arm64") if row.subdir != "noarch")
    build(folder / "index" / "conda-forge", (*EVERYTHING, *arm), ("linux-64", "osx-arm64"))
    site = repository(folder / "site", clean_environment(folder))
    shutil.copytree(REPO / "schemas", site.root / "schemas")
    site.project("p", TEXT)
    lock(Layout(site.root), LockRequest(index_folder=folder / "index"), Silent(), best_here).whole()
    return site.root


@pytest.fixture
def root(locked: Path, tmp_path: Path) -> Path:
    """A copy of it that may be changed, beside the index that it was locked from."""
    (tmp_path / "index").symlink_to(locked.parent / "index")
    shutil.copytree(locked, tmp_path / "site", symlinks=True)
    return tmp_path / "site"


def checked(root: Path, *names: str) -> Checked:
    return check(Layout(root.resolve()), names, TODAY, Silent(), best_here)


def fixed(root: Path, found: Checked) -> tuple[str, ...]:
    return fix(Layout(root.resolve()), found.findings, Silent(), best_here)


def edit(file: str, old: str, new: str, count: int = 1) -> Callable[[Path], None]:
    """Replace a text in a file, which must be there."""

    def edited(root: Path) -> None:
        text = (root / file).read_text(encoding="utf-8")
        assert re.search(old, text, re.MULTILINE | re.DOTALL), f"{file} has no {old}"
        (root / file).write_text(re.sub(old, new, text, count=count, flags=re.MULTILINE | re.DOTALL), encoding="utf-8")

    return edited


def write(file: str, text: str) -> Callable[[Path], None]:
    def written(root: Path) -> None:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text, encoding="utf-8")

    return written


def remove(*files: str) -> Callable[[Path], None]:
    return lambda root: [(root / file).unlink() for file in files] and None


def seal(root: Path, file: str = LOCK) -> None:
    """Give a lock whose packages were edited the digest that envgen would have written."""
    from envgen.formats.conda_lock import digest

    text = (root / file).read_text(encoding="utf-8")
    body = "package:" + text.partition("\npackage:")[2]
    (root / file).write_text(re.sub(r"(envgen-packages: )\w+", rf"\g<1>{digest(body)}", text), encoding="utf-8")


def steps(*changes: Callable[[Path], None]) -> Callable[[Path], None]:
    def all_of_them(root: Path) -> None:
        for change in changes:
            change(root)

    return all_of_them


def relock(root: Path) -> None:
    lock(Layout(root), LockRequest(index_folder=root.parent / "index"), Silent(), best_here).whole()


def without_release(root: Path) -> None:
    edit("matrices/pytorch.yaml", r"\n  - version: \"?2\.7\.1\"?\n.*?(?=\n  - version:)", "")(root)


def link_out(root: Path) -> None:
    (root / CPU / "notes").symlink_to("/etc/hosts")


def another_index(root: Path) -> None:
    """Records that no lock names."""
    edit(RECORDS, r'("[^"]+-py312h1234567_0\.conda": )(\{[^\n]*?\})(,?\n)', r'"aaa-1.0-0.conda": \2,\n\1\2\3')(root)


# rule -> what breaks it, the file where it is found, and the text (a pattern) of that line or of the finding
BREAKS: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "merge-conflict": (edit(LOCK, "^package:", "<<<<<<< HEAD\npackage:"), LOCK, "unresolved merge conflict"),
    "matrix-unreadable": (edit("matrices/cuda.yaml", r"\Z", "nonsense: true\n"), "matrices/cuda.yaml", "nonsense"),
    "unsatisfiable": (write(FILE, TEXT + 'driver: ">=400"\n'), FILE, "no choice meets every requirement"),
    "project-unreadable": (write(FILE, TEXT + "nonsense: true\n"), FILE, "nonsense"),
    "template-unreadable": (
        edit("templates/environment.yml.j2", r"\Z", "{{ nonsense }}"),
        "templates/environment.yml.j2",
        "nonsense",
    ),
    "lock-edited": (edit(LOCK, "version: 2.2.6", "version: 2.2.7"), LOCK, "were changed after it was written"),
    "lock-unreadable": (edit(LOCK, r"\npackage:.*", ""), LOCK, "truncated"),
    "index-unreadable": (write(RECORDS, "{"), RECORDS, "not repodata"),
    "lock-missing": (remove(LOCK), FILE, "there is no lock of target cpu"),
    "lock-foreign": (edit(LOCK, r"  custom_metadata:.*?(?=^package:)", ""), LOCK, "another tool made this one"),
    "python-not-allowed": (edit(FILE, r'">=3.11,<3.13"', '"3.11"'), FILE, "python 3.12 is locked, and 3.11 is requested"),
    "python-differs": (
        edit(f"{CUDA}/conda-lock.yml", "envgen-chosen: python 3.12", "envgen-chosen: python 3.11"),
        f"{CUDA}/conda-lock.yml",
        "python 3.11 is locked, and 3.12 in cpu",
    ),
    "framework-not-locked": (edit(FILE, r'pytorch: "2.7"', 'pytorch: "2.7", xgboost: "*"'), FILE, "xgboost is requested, and not"),
    "framework-not-allowed": (edit(FILE, "2.7", "2.6"), FILE, "pytorch 2.7.1 is locked, and 2.6 is requested"),
    "release-unknown": (without_release, LOCK, "pytorch 2.7.1 is locked, and the matrices have no such release"),
    "build-unknown": (
        edit("matrices/pytorch.yaml", r"(version: \"2\.7\.1\"\n.*?variants: \[)\"12\.6\", ", r"\1"),
        "matrices/pytorch.yaml",
        "pytorch 2.7.1 is locked for CUDA 12.6 on linux-64",
    ),
    "choice-refused": (
        edit(
            "matrices/pytorch.yaml",
            "^constraints:\n",
            'constraints:\n  - {when: {pytorch: "2.7.1"}, need: {python: "<3.12"}, because: https://example.org}\n',
        ),
        "matrices/pytorch.yaml",
        "the matrices no longer allow what is locked",
    ),
    "framework-not-requested": (edit(FILE, r"frameworks: .*?\n", "frameworks: {}\n"), LOCK, "pytorch is locked, and not requested"),
    "platform-not-locked": (edit(FILE, "osx-arm64", "osx-arm64, win-64"), FILE, "win-64 is requested, and not locked"),
    "platform-not-requested": (edit(FILE, ", osx-arm64", ""), LOCK, "osx-arm64 is locked, and not requested"),
    "lock-old": (edit(LOCK, r"    envgen-cells:.*?\n(?=package:|    envgen)", ""), LOCK, "an older envgen wrote this lock"),
    "date-not-locked": (write(FILE, DATED), FILE, "it was locked without a date"),
    "environment-missing": (remove(f"{CPU}/environment.yml"), f"{CPU}/environment.yml", "is missing"),
    "virtual-packages-missing": (remove(f"{CPU}/virtual-packages.yml"), f"{CPU}/virtual-packages.yml", "is missing"),
    "environment-unreadable": (write(f"{CPU}/environment.yml", "a: ["), f"{CPU}/environment.yml", "not YAML"),
    "environment-edited": (
        edit(f"{CPU}/environment.yml", r"  - einops\n", "  - einops\n  - scipy >=1\n"),
        f"{CPU}/environment.yml",
        "`scipy >=1` was added",
    ),
    "virtual-packages-edited": (
        edit(f"{CPU}/virtual-packages.yml", r"__glibc: ['\"]?[\d.]+['\"]?", '__glibc: "2.99"'),
        f"{CPU}/virtual-packages.yml",
        "changed by hand",
    ),
    "spec-not-locked": (edit(FILE, "einops", "einops >=0.7"), FILE, "`einops >=0.7` is requested, and not locked"),
    "spec-not-requested": (edit(FILE, ", einops", ""), f"{CPU}/environment.yml", "`einops` is locked, and not requested"),
    "pip-not-locked": (edit(FILE, r"\Z", "pip: [tomli]\n"), FILE, "tomli"),
    "pip-inputs-changed": (
        steps(edit(FILE, r"\Z", "pip: [numpy]\n"), relock, edit(LOCK, r"envgen-pip: linux-64 \w{4}", "envgen-pip: linux-64 0000")),
        FILE,
        "linux-64: what conda packages provide of PyPI is not what the pip packages were resolved beside",
    ),
    "channels-not-locked": (edit(FILE, r"\[conda-forge\]", "[conda-forge, nvidia]"), FILE, "changed to conda-forge, nvidia"),
    "virtual-packages-changed": (
        edit(FILE, r"\[cpu, cu126\]", '{cpu: {virtual-packages: {__glibc: "2.99"}}, cu126: }'),
        FILE,
        "the virtual packages changed",
    ),
    "template-changed": (
        edit("templates/environment.yml.j2", r"\A", "# A new line.\n"),
        "templates/environment.yml.j2",
        "the template changed",
    ),
    "requirements-changed": (
        steps(
            edit(f"{CPU}/environment.yml", "name: p-cpu", "name: q-cpu"),
            edit(LOCK, r"envgen-wanted: \w+", f"envgen-wanted: {'a' * 64}"),
        ),
        FILE,
        "environment.yml says something else",
    ),
    "request-changed": (
        edit(
            "matrices/pytorch.yaml",
            r"^bounds:\n",
            'bounds:\n  - {when: {pytorch: "2.7.1"}, need: {left-pad: "<9"}, breaks: it, because: https://example.org}\n',
        ),
        FILE,
        "the bounds",
    ),
    "target-removed": (edit(FILE, r"\[cpu, cu126\]", "[cpu]"), f"{CUDA}/conda-lock.yml", "p has no such target"),
    "numerics-differ": (
        steps(edit(LOCK, r"/numpy-[\d.]+-", "/numpy-1.0.0-"), seal),
        FILE,
        "numpy: 1.0.0 \\(cpu\\), .* \\(cu126\\) on linux-64",
    ),
    "spec-missing": (
        steps(edit(LOCK, r"- name: einops\n.*?(?=- name:|\Z)", ""), seal),
        LOCK,
        "`einops` is requested, and no package einops is locked",
    ),
    "spec-unmet": (
        steps(
            edit(LOCK, "pytorch-2.7.1-", "pytorch-2.6.0-"), edit(LOCK, r"(- name: pytorch\n  version: )2.7.1", r"\g<1>2.6.0"), seal
        ),
        LOCK,
        "pytorch 2.6.0 .* is locked, and `pytorch 2.7.1",
    ),
    "package-unneeded": (
        steps(edit(LOCK, r"(- name: einops\n.*?)(?=- name:|\Z)", lambda m: m[1] + m[1].replace("einops", "zzz")), seal),  # type: ignore[arg-type]
        LOCK,
        "nothing needs zzz",
    ),
    "count-differs": (edit(LOCK, r"linux-64 \d+ packages", "linux-64 1 packages"), LOCK, "the stamp has 1 packages"),
    "channels-undeclared": (edit(LOCK, r"  - url: conda-forge\n", "  - url: bioconda\n"), LOCK, "the lock declares bioconda"),
    "over-budget": (
        edit(FILE, r"\Z", "budget: {default: 1 GB, cpu: 0.001 MB}\n"),
        FILE,
        "linux-64: .* to download, and 1.0 kB allowed",
    ),
    "license-refused": (edit(FILE, r"\Z", "licenses: {deny: [unknown]}\n"), LOCK, "einops 0.8.1 has the licence unknown"),
    "record-missing": (edit(RECORDS, r'"pytorch-[^\n]*cpu[^\n]*\n', ""), LOCK, "no record of conda-forge/linux-64/pytorch"),
    "record-differs": (edit(RECORDS, r'("pytorch-[^\n]*cpu[^\n]*"sha256": ")\w{4}', r"\g<1>0000"), LOCK, "its sha256 is"),
    "hash-differs": (
        steps(edit(LOCK, r"(numpy-2\S+\n  hash:\n    md5: \w+\n    sha256: )\w{4}", r"\g<1>0000"), seal),
        f"{CUDA}/conda-lock.yml",
        "its sha256 is not that of",
    ),
    "record-unneeded": (another_index, RECORDS, "no lock names conda-forge/linux-64/aaa-1.0-0.conda"),
    "record-unordered": (edit(RECORDS, r"\Z", "\n"), RECORDS, "not written as envgen writes it"),
    "project-removed": (remove(FILE), LOCK, "its project has no project.yaml"),
    "file-left": (
        steps(edit(FILE, r"\[cpu, cu126\]", "[cpu]"), remove(f"{CUDA}/conda-lock.yml")),
        f"{CUDA}/virtual-packages.yml",
        "its target is gone",
    ),
    "temporary-file": (write(f"{CPU}/.conda-lock.yml.1.envgen-tmp", ""), f"{CPU}/.conda-lock.yml.1.envgen-tmp", "was killed"),
    "link-out": (link_out, f"{CPU}/notes", "leads out of the repository"),
}


def test_a_repository_that_agrees_has_no_finding(root: Path) -> None:
    assert checked(root) == Checked((), 2)


def test_every_rule_has_a_name_of_its_own_a_reason_a_fix_and_a_test() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    assert len(OWN_RULES) >= 25
    assert all(rule.because and rule.fix for rule in OWN_RULES)
    assert {rule.name for rule in OWN_RULES} == BREAKS.keys() | {"inputs-changed"}


def test_a_stale_lock_of_which_no_rule_says_why_is_a_finding_all_the_same(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(FILE, "einops", "einops >=0.7")(root)
    assert {row.rule for row in checked(root).findings} == {"spec-not-locked", "spec-not-requested"}
    monkeypatch.setattr("envgen.review.stale.STALE", _Silenced(STALE["inputs-changed"]))
    monkeypatch.setenv("ENVGEN_CACHE", str(root / "cache"))
    found = checked(root).findings
    assert {(row.rule, row.target, row.severity) for row in found} == {
        ("inputs-changed", "cpu", "error"), ("inputs-changed", "cu126", "error")
    }  # fmt: skip
    assert all(row.at and row.at.file == FILE and row.fix == f"envgen lock p --target {row.target}" for row in found)


class _Silenced(dict[str, Any]):
    """A registry of rules that find nothing."""

    def __init__(self, rule: Rule[Any]) -> None:
        super().__init__({rule.name: rule})


def test_a_budget_is_held_in_its_target_alone(root: Path) -> None:
    write(FILE, TEXT + "budget: 1 GB\nlicenses: {allow: [unknown, MIT]}\n")(root)
    assert checked(root).findings == ()
    write(FILE, TEXT + "budget: {cu126: 0.001 MB}\n")(root)
    said = "linux-64: 5.5 kB to download, and 1.0 kB allowed, most by pytorch (1.0 kB)"
    assert [(row.rule, row.target, row.text) for row in checked(root).findings] == [("over-budget", "cu126", said)]


def test_a_licence_that_is_not_allowed_is_named_with_each_package_and_platform(root: Path) -> None:
    write(FILE, TEXT + "licenses: {allow: [MIT]}\n")(root)
    found = checked(root).findings
    wanted = [
        (target, f"{row['platform']}: {row['name']} {row['version']} has the licence unknown, which `licenses:` does not allow")
        for target in ("cpu", "cu126")
        for row in yaml.safe_load((root / "environments/p" / target / "conda-lock.yml").read_text(encoding="utf-8"))["package"]
    ]
    assert {row.rule for row in found} == {"license-refused"}
    assert sorted((row.target, row.text) for row in found) == sorted(wanted)


def test_limits_are_judged_again_when_the_recorded_index_changes(root: Path) -> None:
    write(FILE, TEXT + "budget: {cpu: 1 MB}\n")(root)
    assert checked(root) == Checked((), 2)
    edit(RECORDS, r'("pytorch-[^\n]*cpu[^\n]*"size": )\d+', r"\g<1>3000000")(root)
    (row,) = (row for row in checked(root, "p").findings if row.rule == "over-budget")
    assert "3.0 MB to download, and 1.0 MB allowed, most by pytorch (3.0 MB)" in row.text
    assert row.at == Address(FILE, 7, 1)
    write(RECORDS, "{")(root)
    assert {row.rule for row in checked(root, "p").findings} == {"index-unreadable"}


@pytest.mark.parametrize("rule", BREAKS)
def test_each_rule_finds_its_own(root: Path, rule: str) -> None:
    breaks, file, text = BREAKS[rule]
    breaks(root)
    found = [row for row in checked(root).findings if row.rule == rule]
    assert found, [(row.rule, row.text) for row in checked(root).findings]
    first = next((row for row in found if row.at and row.at.file == file), found[0])
    assert first.at
    assert first.at.file == file
    assert re.search(text, first.text)
    assert 1 <= first.at.line <= len((root / file).read_text().splitlines()) + 1 if (root / file).is_file() else first.at.line == 1
    assert first.fix
    assert "{" not in first.fix


@pytest.mark.parametrize("rule", [rule.name for rule in OWN_RULES if rule.fix == "envgen check --fix"])
def test_what_needs_no_solve_is_fixed(root: Path, locked: Path, rule: str) -> None:
    BREAKS[rule][0](root)
    assert fixed(root, checked(root))
    assert [row.rule for row in checked(root).findings if row.rule == rule] == []


def fails(layout: Layout) -> bool:
    """Whether `lock --check` ends with an error."""
    try:
        return bool(stale(layout, LockRequest(), Silent(), best_here)[1])
    except EnvgenError:
        return True


def told_stale(layout: Layout, *targets: str) -> tuple[Finding, ...]:
    """What `lock --check` says of a repository whose projects can all be read."""
    found, errors = stale(layout, LockRequest(targets=targets), Silent(), best_here)
    assert errors == ()
    return found


@pytest.mark.parametrize("rule", BREAKS)
def test_lock_check_says_what_check_says_of_stale_locks(root: Path, rule: str) -> None:
    """One question, one answer: a target is stale for `check` exactly if `lock` would write it again."""
    BREAKS[rule][0](root)
    layout = Layout(root.resolve())
    if not layout.projects():
        return
    names = {"matrix-unreadable", "unsatisfiable", "project-unreadable", "template-unreadable"}
    found = checked(root)
    if names & {row.rule for row in found.findings}:
        assert fails(layout)
        return
    told = {(row.target, row.text) for row in found.findings if row.rule in STALE or (row.rule in READING and row.target)}
    assert {(row.target, row.text) for row in told_stale(layout)} == told


def test_what_is_not_stale_is_remembered(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = Layout(root.resolve())
    edit(FILE, r"\Z", "# a comment\n")(root)
    assert told_stale(layout) == ()
    assert told_stale(layout, "cpu") == ()
    monkeypatch.setattr("envgen.review.stale.cached_matrix", lambda _: pytest.fail("the matrices are read again"))
    assert told_stale(layout) == ()
    assert stale_if_unchanged(layout, RawInputs(layout, LockRequest()), "p", Silent()) == ()
    write("environments/p/old/conda-lock.yml", "x\n")(root)
    assert stale_if_unchanged(layout, RawInputs(layout, LockRequest()), "p", Silent()) is None
    lock(layout, LockRequest(), Silent(), best_here).whole()
    (other,) = stale_if_unchanged(layout, RawInputs(layout, LockRequest()), "p", Silent()) or ()
    assert (other.rule, other.target, other.text) == ("lock-unreadable", "old", "this lock is truncated")


def test_what_may_not_differ_is_asked_once_nothing_else_is_stale(root: Path) -> None:
    layout = Layout(root.resolve())
    edit(FILE, r"\Z", "numerics: {also: [einops]}\n")(root)
    steps(edit(LOCK, r"/numpy-[\d.]+-", "/numpy-1.0.0-"), edit(LOCK, r"/einops-[\d.]+-", "/einops-0.1-"), seal)(root)
    (one,) = told_stale(layout)
    differ = "the targets would not compute with the same: numpy: 1.0.0 (cpu), 2.2.6 (cu126) on linux-64; einops: 0.1 (cpu), 0.8.1 (cu126) on linux-64"
    assert (one.rule, str(one.at), one.text, one.fix) == ("numerics-differ", f"{FILE}:6:16", differ, "envgen update p")
    remove(f"{CUDA}/environment.yml")(root)
    assert [row.rule for row in told_stale(layout)] == ["environment-missing"]


def test_a_lock_that_follows_makes_everything_agree_again(root: Path, locked: Path) -> None:
    edit(FILE, "einops", "pip")(root)
    assert checked(root).errors
    lock(Layout(root), LockRequest(index_folder=locked.parent / "index"), Silent(), best_here).whole()
    assert checked(root) == Checked((), 2)


def test_what_would_need_a_solve_is_left_alone(root: Path) -> None:
    edit(FILE, "einops", "einops >=0.7")(root)
    remove(f"{CUDA}/environment.yml")(root)
    before = {path: path.read_bytes() for path in (root / "environments").rglob("*") if path.is_file()}
    assert fixed(root, checked(root)) == ()
    assert {path: path.read_bytes() for path in (root / "environments").rglob("*") if path.is_file()} == before


def test_a_fix_keeps_every_package(root: Path) -> None:
    edit("templates/environment.yml.j2", r"\A", "# A new line.\n")(root)
    before = (root / LOCK).read_text().partition("\npackage:")[2]
    assert fixed(root, checked(root))
    assert (root / LOCK).read_text().partition("\npackage:")[2] == before
    assert (root / CPU / "environment.yml").read_text().startswith("# A new line.")
    assert checked(root) == Checked((), 2)


def test_a_link_or_a_foreign_file_in_the_folder_of_a_target_is_not_removed(root: Path) -> None:
    write("environments/p/mine/environment.yml", "name: mine\n")(root)
    write("environments/p/mine/virtual-packages.yml", "subdirs: {}\n")(root)
    assert checked(root) == Checked((), 2)
    another_index(root)
    fixed(root, checked(root))
    assert (root / "environments/p/mine/environment.yml").is_file()


def test_what_is_remembered_is_forgotten_when_any_input_changes(root: Path) -> None:
    assert checked(root) == Checked((), 2)
    write(FILE, TEXT + "# a comment\n")(root)
    assert checked(root) == Checked((), 2)
    remove(f"{CPU}/environment.yml")(root)
    assert [row.rule for row in checked(root).findings] == ["environment-missing"]


def test_equal_platforms_of_two_projects_are_judged_once_and_each_has_its_own_findings(
    root: Path, locked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if each project were checked alone: the same findings, each at its own lock."""
    write("environments/q/project.yaml", "# q\n" + TEXT)(root)
    lock(Layout(root), LockRequest(projects=("q",), index_folder=locked.parent / "index"), Silent(), best_here).whole()
    for name in ("p", "q"):
        edit(f"environments/{name}/cu126/conda-lock.yml", "-cuda126_generic", "-cpu_generic", count=0)(root)
        seal(root, f"environments/{name}/cu126/conda-lock.yml")
    judged: list[Case] = []

    def counted(case: Case) -> tuple[Finding, ...]:
        judged.append(case)
        return found_in(case)

    monkeypatch.setattr(judgements, "found_in", counted)
    monkeypatch.setattr("envgen.review.check.remembered", lambda _kind, _key, make: make())
    alone = tuple(row for name in ("p", "q") for row in checked(root, name).findings)
    cases = len(judged)
    assert checked(root, "p", "q").findings == alone
    assert len(judged) - cases == cases / 2 == 3  # cpu on two platforms, cu126 on one
    builds = [row for row in alone if row.rule == "cpu-build"]
    assert [(row.project, row.at.file if row.at else "") for row in builds] == [
        ("p", f"{CUDA}/conda-lock.yml"),
        ("q", "environments/q/cu126/conda-lock.yml"),
    ]


def test_one_project_is_checked_alone(root: Path) -> None:
    edit(RECORDS, r"\Z", "\n")(root)
    write("environments/q/project.yaml", "nonsense: true\n")(root)
    assert checked(root, "p") == Checked((), 2)
    assert {row.rule for row in checked(root, "q").findings} == {"project-unreadable"}


# --- the command ----------------------------------------------------------------------------------------------------------


def run(root: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--root", str(root), *words], standalone_mode=False)


def test_the_command_prints_what_where_why_and_what_to_do(root: Path) -> None:
    assert (run(root, "check").return_value or 0, run(root, "check").stdout) == (0, "")
    edit(FILE, r'">=3.11,<3.13"', '"3.11"')(root)
    done = run(root, "check")
    assert isinstance(done.exception, Exit) or done.exit_code == 1 or done.return_value == 1
    assert done.stdout.startswith(
        "error: python-not-allowed (p-cpu): python 3.12 is locked, and 3.11 is requested\n"
        f"    at {FILE}:1:1\n"
        "    The lock has a Python that the project does not request.\n"
        "    fix: envgen lock p --target cpu\n"
    )
    assert "2 errors in 2 locks" in done.stderr


def test_the_command_fixes_and_checks_again(root: Path) -> None:
    remove(f"{CPU}/environment.yml")(root)
    done = run(root, "check", "--fix")
    assert "environments/p/cpu: made again, with the packages that were locked" in done.stderr
    assert "Everything agrees: 2 locks." in done.stderr
    assert done.stdout == ""


def test_the_findings_as_json_sarif_and_annotations(root: Path) -> None:
    edit(FILE, "2.7", "2.6")(root)
    data = json.loads(run(root, "check", "--json").stdout)
    (first, _) = data["findings"]
    assert (data["ok"], data["locks"], first["rule"], first["line"]) == (False, 2, "framework-not-allowed", 2)
    assert (first["project"], first["target"], first["file"], first["fix"]) == ("p", "cpu", FILE, "envgen lock p --target cpu")
    log = json.loads(run(root, "check", "--sarif").stdout)["runs"][0]
    described = [rule["id"] for rule in log["tool"]["driver"]["rules"]]
    assert len(described) == len(set(described))
    assert [described[row["ruleIndex"]] for row in log["results"]] == ["framework-not-allowed"] * 2
    assert len({row["partialFingerprints"]["envgen/v1"] for row in log["results"]}) == 2
    assert run(root, "check", "--github").stdout.startswith(
        f"::error file={FILE},line=2,title=envgen framework-not-allowed::pytorch 2.7.1 is locked, and 2.6 is requested\n"
    )
    with pytest.raises(UsageError):
        raise run(root, "check", "--json", "--sarif").exception or AssertionError


def test_a_name_cannot_give_orders_to_a_terminal_or_a_workflow(root: Path) -> None:
    """The text of a file that is checked stays text: control characters are shown by number, line breaks by %0A."""
    write(f"{CPU}/environment.yml", 'name: p\ndependencies:\n  - "x\\e[31m\\n::error::y"\n')(root)
    for form in ((), ("--json",), ("--github",)):
        done = run(root, "check", *form)
        assert "\x1b" not in done.stdout
        orders = [line for line in done.stdout.splitlines() if line.lstrip().startswith("::")]
        assert all(line.startswith(("::error file=", "::warning file=")) for line in orders)


def test_the_page_has_a_row_for_every_rule() -> None:
    page = (REPO / "docs" / "review.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([a-z][a-z-]+)` \|", page, re.MULTILINE)) == {rule.name for rule in OWN_RULES}


# --- the commands that use locks ------------------------------------------------------------------------------------------


def test_install_refuses_a_stale_lock_and_takes_it_with_an_option(root: Path) -> None:
    edit(FILE, "einops", "einops >=0.7")(root)
    done = run(root, "install", "p", "--target", "cpu", "--dry-run")
    assert isinstance(done.exception, CheckFailed)
    assert "p-cpu: its lock is stale: `einops >=0.7` is requested, and not locked" in str(done.exception)
    assert "envgen lock p --target cpu" in done.exception.hint
    assert not run(root, "install", "p", "--target", "cpu", "--dry-run", "--stale").exception
    edit(FILE, "einops >=0.7", "einops")(root)
    assert not run(root, "install", "p", "--target", "cpu", "--dry-run").exception


def test_install_takes_a_lock_whose_packages_are_not_in_question(root: Path) -> None:
    BREAKS["environment-edited"][0](root)
    assert not run(root, "install", "p", "--target", "cpu", "--dry-run").exception
    assert {row["stale"] for row in json.loads(run(root, "list", "--json").stdout)} == {""}


def test_install_says_where_it_cannot_tell(root: Path) -> None:
    edit("templates/environment.yml.j2", r"\Z", "{{ nonsense }}")(root)
    done = run(root, "install", "p", "--target", "cpu", "--dry-run")
    assert not done.exception
    assert "whether the locks are stale cannot be told: p: " in done.stderr


def test_list_and_doctor_name_stale_locks(root: Path) -> None:
    edit(FILE, r'">=3.11,<3.13"', '"3.11"')(root)
    assert [(row["target"], row["stale"]) for row in json.loads(run(root, "list", "--json").stdout)] == [
        (target, "python 3.12 is locked, and 3.11 is requested") for target in ("cpu", "cu126")
    ]
    assert re.search(r"p\s+cpu\s+stale", run(root, "list").stdout)
    told = " ".join(run(root, "doctor").stdout.split())
    assert "but its lock is stale: python 3.12 is locked, and 3.11 is requested" in told
    assert "-> lock it again: envgen lock p --target cpu" in told


@pytest.mark.parametrize(
    ("file", "rule"),
    [(FILE, "merge-conflict"), ("matrices/cuda.yaml", "merge-conflict"), (f"{CPU}/environment.yml", "environment-unreadable")],
)
def test_a_merge_conflict_in_any_file_is_named(root: Path, file: str, rule: str) -> None:
    text = (root / file).read_text()
    write(file, f"<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> topic\n")(root)
    (found,) = [row for row in checked(root).findings if row.severity == "error"]
    assert (found.rule, found.at and found.at.file, found.at and found.at.line) == (rule, file, 1)
    assert "unresolved merge conflict" in found.text


def test_why_a_project_cannot_be_read_is_not_remembered_for_another_reason(root: Path) -> None:
    path, told = root / FILE, []
    makes = (lambda: path.symlink_to(path.name), path.mkdir, lambda: path.symlink_to("nowhere"))
    for make in makes:
        path.rmdir() if path.is_dir() else path.unlink()
        make()
        told += [row.text for row in checked(root).findings if row.rule == "project-unreadable"]
    nowhere = "cannot be read: this symbolic link leads nowhere"
    assert told == [nowhere, "cannot be read: it is not a file", nowhere]


def test_a_lock_that_is_a_link_out_of_the_repository_is_not_read(root: Path) -> None:
    (root / LOCK).unlink()
    assert "lock-missing" in {row.rule for row in checked(root).findings}  # which is remembered, and is not the same
    (root / LOCK).symlink_to("/etc/passwd")
    found = {row.rule: row for row in checked(root).findings}
    assert {"lock-unreadable", "link-out"} <= found.keys()
    assert found["lock-unreadable"].text == "this symbolic link leads out of the repository"
    assert found["link-out"].at == Address(LOCK, 1, 1)
    assert not any("root:" in row.text for row in found.values())


def test_a_large_lock_is_checked(root: Path) -> None:
    """A lock of 10 MB, with packages that nothing needs: a finding for each, and no more time than its size takes."""
    text = (root / LOCK).read_text()
    entry = re.search(r"- name: einops\n.*?(?=- name:|\Z)", text, re.DOTALL)
    assert entry
    more = "".join(entry[0].replace("einops", f"zzz{number:05}") for number in range(10_000_000 // len(entry[0]) // 2))
    (root / LOCK).write_text(text + more)
    seal(root)
    found = checked(root, "p").findings
    assert sum(row.rule == "package-unneeded" for row in found) > 5000
