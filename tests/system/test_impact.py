"""`envgen impact`: each kind of change of the facts, on a real git repository with a locked project."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from conftest import clean_environment, repository
from system.channel import PROJECT, build
from system.git import Repository, made
from system.test_check import Silent, edit, steps

from envgen.cli.main import main
from envgen.cli.options import best_here
from envgen.lock.pipeline import lock
from envgen.model.errors import BadInput
from envgen.model.impact import Impact, Move, RowChange, TargetImpact
from envgen.model.layout import Layout
from envgen.model.run import LockRequest
from envgen.review.attribution import MOST, edits_between
from envgen.review.impact import impact
from envgen.review.impact_report import impact_markdown, impact_text
from envgen.review.other_facts import Facts, OtherFacts
from envgen.review.rows import at_file

FILE, PYTORCH = "environments/p/project.yaml", "matrices/pytorch.yaml"
RANGE = PROJECT.replace('"2.7"', '">=2.6"')
OPEN = RANGE.replace("[cpu, cu126]", "[cpu]") + "cuda: newest\n"


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git repository with one project that is locked, all in one commit."""
    folder = tmp_path_factory.mktemp("impact")
    build(folder / "index" / "conda-forge")
    site = repository(folder / "site", clean_environment(folder))
    site.project("p", RANGE)
    lock(Layout(site.root), LockRequest(index_folder=folder / "index"), Silent(), best_here).whole()
    made(site.root).commit("locked")
    return site.root


@pytest.fixture
def root(committed: Path, tmp_path: Path) -> Path:
    """A copy of it that may be changed."""
    shutil.copytree(committed, tmp_path / "site", symlinks=True)
    return tmp_path / "site"


def run(root: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--root", str(root), "impact", *words], standalone_mode=False)


def told(root: Path, *words: str) -> list[str]:
    """The lines of the answer, without the headline and the rows."""
    return [line for line in lines(root, *words)[1:] if not line.startswith("  by ")]


def by(root: Path) -> list[str]:
    """The rows of the answer, each with the targets that it changes."""
    return [line.removeprefix("  by ") for line in lines(root) if line.startswith("  by ")]


def lines(root: Path, *words: str) -> list[str]:
    done = run(root, *words)
    assert not done.exception, done.exception
    return done.stdout.splitlines()


def without(*releases: str) -> Callable[[Path], None]:
    """Delete rows of pytorch's releases."""
    rows = (rf"\n  - version: \"{re.escape(release)}\"\n.*?(?=\n  - version:)" for release in releases)
    return steps(*(edit(PYTORCH, row, "") for row in rows))


def bound(text: str) -> Callable[[Path], None]:
    return edit(PYTORCH, "^constraints:\n", f"constraints:\n  - {text}\n")


GONE = "the matrices have no pytorch 2.7.1 any more"
CHANGES: dict[str, tuple[Callable[[Path], None], list[str]]] = {
    "a release in use is deleted": (
        without("2.7.1"),
        [f"  2 move from pytorch 2.7.1 to 2.7.0 ({GONE}): p-cpu, p-cu126"],
    ),
    "the builds of one target are deleted": (
        edit(PYTORCH, r"(version: \"2\.7\.1\"\n.*?variants: \[)\"12\.6\", ", r"\1"),
        [
            "  1 moves from pytorch 2.7.1 to 2.7.0: p-cu126",
            "  1 with `envgen update` would move from pytorch 2.7.1 to 2.7.0: p-cpu",
        ],
    ),
    "a Python is ruled out": (
        bound('{when: {pytorch: ">=2.6"}, need: {python: "<3.12"}, because: https://example.org}'),
        ["  2 move from python 3.12 to 3.11: p-cpu, p-cu126"],
    ),
    "a driver floor rises": (
        edit("matrices/cuda.yaml", r'(major: 12, linux: ")525.60.13', r"\g<1>580.65.06"),
        ["  driver floor 525.60.13 (linux), 528.33 (windows) -> 580.65.06 (linux), 528.33 (windows): p-cu126"],
    ),
    "a bound is added": (
        edit(
            PYTORCH,
            "^bounds:\n",
            'bounds:\n  - {when: {pytorch: ">=2.6"}, need: {left-pad: "<9"}, breaks: it, because: https://example.org}\n',
        ),
        ["  2 keep the choice, solved again: ask for `left-pad <9 (limit)`: p-cpu, p-cu126"],
    ),
    "a template changes": (
        edit("templates/environment.yml.j2", r"\A", "# A new line.\n"),
        ["  2 are rendered again, without a solve: p-cpu, p-cu126"],
    ),
    "a comment changes": (edit(PYTORCH, r"\Z", "# a comment\n"), []),
    "a platform is taken from a target": (
        edit("matrices/targets.yaml", r"(cu126: \{cuda: \"12.6\", platforms: \[)linux-64, ", r"\1"),
        [],
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_kind_of_change(root: Path, change: str) -> None:
    changes, lines = CHANGES[change]
    changes(root)
    found = told(root)
    if change == "a platform is taken from a target":
        assert re.fullmatch(
            r"  1 has no choice any more \(.*linux-64.*\): p-cu126|  2 have no choice any more \(.*\): p-cpu, p-cu126", found[0]
        )
    else:
        assert found == lines


def test_nothing_differs_from_what_is_committed(root: Path) -> None:
    (root / FILE).write_text(RANGE + "# the project is not a fact\n")
    assert run(root).stdout == "no fact and no template differs from HEAD\n"


def test_the_headline_counts_targets(root: Path) -> None:
    without("2.7.1")(root)
    assert run(root).stdout.startswith(f"{PYTORCH}: 2 of 2 targets change\n")
    (root / FILE).write_text(RANGE.replace(">=2.6", "2.6"))
    assert run(root).stdout == f"{PYTORCH}: none of 2 targets change\n"


def test_a_target_without_a_choice_says_why(root: Path) -> None:
    (root / FILE).write_text(RANGE.replace(">=2.6", "2.7"))
    without("2.7.1", "2.7.0")(root)
    (line,) = told(root)
    assert line.startswith("  2 have no choice any more (")
    assert "pytorch 2.7" in line
    assert line.endswith("): p-cpu, p-cu126")


def test_a_target_of_the_matrices_that_is_in_use_is_not_deleted_in_silence(root: Path) -> None:
    edit("matrices/targets.yaml", r"\n  cu126:[^\n]*", "")(root)
    (line,) = told(root)
    assert re.fullmatch(rf"  2 have no choice any more \({FILE}:3:\d+: .*cu126.*\): p-cpu, p-cu126", line)


def test_a_new_release_moves_nothing_until_an_update(root: Path, committed: Path) -> None:
    without("2.7.1")(root)
    Repository(root).commit("2.7.1 is gone")
    (root / FILE).write_text(RANGE.replace(">=2.6", ">=2.6,<2.8"))
    shutil.rmtree(root / "environments/p/cu126")
    shutil.rmtree(root / "environments/p/cpu")
    lock(Layout(root), LockRequest(index_folder=committed.parent / "index"), Silent(), best_here).whole()
    Repository(root).git("checkout", "HEAD~1", "--", PYTORCH)
    assert told(root) == ["  2 with `envgen update` would move from pytorch 2.7.0 to 2.7.1: p-cpu, p-cu126"]
    assert not run(root, "--exit-code").exception


def test_an_open_target_moves_to_another_cuda(root: Path) -> None:
    (root / FILE).write_text(OPEN)
    shutil.rmtree(root / "environments/p/cu126")
    edit(PYTORCH, r"\n  - version: \"2\.(8|9|1\d)[^\n]*\n.*?(?=\n  - version: \"2\.7\.1)", "")(root)
    Repository(root).commit("nothing newer than 2.7.1")
    edit(PYTORCH, r"(version: \"2\.7\.1\"\n.*?variants: \[\"12\.6\"), \"12\.9\"", r"\1")(root)
    assert told(root) == ["  1 moves from pytorch for CUDA 12.9 to 12.6: p-cu129"]
    edit("matrices/targets.yaml", r"\n  cu129:[^\n]*", "")(root)
    found = told(root)
    assert "  1 moves from CUDA 12.9 to 12.8: p-cu128" in found
    assert "  1 moves from target cu129 to cu128: p-cu128" in found


def row_at(root: Path, file: str, text: str) -> int:
    return next(number for number, line in enumerate((root / file).read_text().splitlines(), 1) if text in line)


def test_a_row_that_changes_alone_is_named_with_its_targets(root: Path) -> None:
    line = row_at(root, PYTORCH, '- version: "2.7.1"')
    without("2.7.1")(root)
    assert by(root) == [f'{PYTORCH}:{line} of HEAD, removed: releases: version: "2.7.1" (2 of 2): p-cpu, p-cu126']


def test_each_row_has_the_targets_that_it_changes(root: Path) -> None:
    """Four rows of three files change, of which one changes nothing."""
    edit(PYTORCH, r"(version: \"2\.7\.1\"\n.*?variants: \[)\"12\.6\", ", r"\1")(root)
    edit("matrices/cuda.yaml", r'(major: 12, linux: ")525.60.13', r"\g<1>580.65.06")(root)
    edit("templates/environment.yml.j2", r"\A", "# A new line.\n")(root)
    bound('{when: {pytorch: "1.4.0"}, need: {python: "<3.9"}, because: https://example.org}')(root)
    found = by(root)
    texts = (Repository(root).git("show", f"HEAD:{PYTORCH}"), (root / PYTORCH).read_text())
    pairs = zip(*(text.splitlines() for text in texts), strict=False)
    variants = next(number for number, (old, new) in enumerate(pairs, 1) if old != new)
    driver = row_at(root, "matrices/cuda.yaml", 'major: 12, linux: "580.65.06"')
    assert found[0].startswith(f"matrices/cuda.yaml:{driver}, changed: families: ")
    assert found[0].endswith(" (1 of 2): p-cu126")
    assert found[1:] == [
        f'{PYTORCH}:{variants}, changed: releases: version: "2.7.1" (1 of 2): p-cu126',
        "templates/environment.yml.j2:1, changed (2 of 2): p-cpu, p-cu126",
    ]
    data = json.loads(run(root, "--json").stdout)
    assert [(row["file"], row["kind"], row["environments"]) for row in data["rows"]] == [
        ("matrices/cuda.yaml", "changed", ["p-cu126"]),
        (PYTORCH, "changed", ["p-cu126"]),
        ("templates/environment.yml.j2", "changed", ["p-cpu", "p-cu126"]),
    ]
    assert f"by matrices/cuda.yaml:{driver}" in re.sub(r"&#(\d+);", lambda one: chr(int(one[1])), run(root, "--markdown").stdout)


def test_a_row_changes_what_it_changes_in_a_repository_where_nothing_else_changed(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of three files, one of a new file and one that cannot be read alone: each as if it were the only change."""
    for name in ("matrices", "templates"):
        shutil.copytree(root / name, tmp_path / "base" / name)
    without("2.7.1")(root)
    edit("matrices/cuda.yaml", r'(major: 12, linux: ")525.60.13', r"\g<1>580.65.06")(root)
    edit("matrices/targets.yaml", r"\n  cu126:[^\n]*", "")(root)
    edit("templates/environment.yml.j2", r"\A", "# A new line.\n")(root)
    (root / "templates" / "other.j2").write_text("x")
    layout, base = Layout(root), OtherFacts.of(Layout(root), tmp_path / "base")
    found = impact(layout, "base", tmp_path / "base")
    plain = [(row.file, row.line, alone) for row, alone in plainly(layout, base, found.files, tmp_path) if alone]
    assert [(row.file, row.line, row.environments) for row in found.rows] == plain
    assert len(plain) == 4
    monkeypatch.delattr(Facts, "with_file")  # which is asked only where something changed
    assert impact(layout, "base", tmp_path / "base") == found


def plainly(layout: Layout, base: Layout, files: Sequence[str], folder: Path) -> Iterator[tuple[RowChange, tuple[str, ...]]]:
    """Each row with what it changes where the facts are those of the base but for it."""
    for number, (file, change) in enumerate(edits_between(base, layout, files)):
        place = folder / str(number)
        shutil.copytree(base.matrices.parent, place)
        (place / file).write_text(change.text)
        try:
            found = impact(OtherFacts.of(layout, place), "base", base.matrices.parent)
            yield at_file(change.change, file), tuple(row.environment for row in found.changed)
        except BadInput:
            yield at_file(change.change, file), ()


def test_half_of_a_change_that_cannot_be_read_alone_is_no_row(root: Path) -> None:
    """A target is renamed, and no framework may name one that is not there: the rows belong together."""
    edit("matrices/targets.yaml", r"\n  cu126:[^\n]*", "")(root)
    edit("templates/environment.yml.j2", r"\A", "# A new line.\n")(root)
    assert any(line.startswith("templates/environment.yml.j2:1, changed (2 of 2)") for line in by(root))
    assert any("targets: cu126" in line and line.endswith("(2 of 2): p-cpu, p-cu126") for line in by(root))


def test_many_rows_are_not_told_apart(root: Path) -> None:
    edit(PYTORCH, r"because: https://github.com/", "because: http://github.com/", count=0)(root)
    without("2.7.1")(root)
    rows = len(re.findall("http://github.com/", (root / PYTORCH).read_text()))
    assert bool(by(root)) == (rows < MOST)


def test_a_solve_shows_the_packages(root: Path, committed: Path) -> None:
    without("2.7.1", "2.7.0")(root)
    before = {path: path.read_bytes() for path in (root / "environments").rglob("*") if path.is_file()}
    index = ("--solve", "--index", str(committed.parent / "index"))
    found = told(root, *index)
    assert found[0] == f"  2 move from pytorch 2.7.1 to 2.6.0 ({GONE}): p-cpu, p-cu126"
    assert any(re.match(r"  pytorch 2\.7\.1 -> 2\.6\.0", line) for line in found)
    data = json.loads(run(root, *index, "--json").stdout)
    (moved,) = data["targets"][0]["packages"]["linux-64"]["moved"]
    assert (moved["name"], moved["to"]) == ("pytorch", "2.6.0")
    assert {path: path.read_bytes() for path in (root / "environments").rglob("*") if path.is_file()} == before


def test_the_answer_as_json_and_the_exit_code(root: Path) -> None:
    without("2.7.1")(root)
    data = json.loads(run(root, "--json").stdout)
    assert (data["base"], data["files"], data["changed"], data["count"]) == ("HEAD", [PYTORCH], 2, 2)
    first = data["targets"][0]
    assert (first["project"], first["target"], first["kind"], first["at"]) == ("p", "cpu", "moves", f"{FILE}:3:11")
    assert first["moves"] == [{"what": "pytorch", "old": "2.7.1", "new": "2.7.0", "why": GONE}]
    assert getattr(run(root, "--exit-code").exception, "exit_code", run(root, "--exit-code").return_value) == 1


def test_the_base_is_a_revision_a_folder_or_where_branches_part(root: Path, committed: Path) -> None:
    git = Repository(root)
    git.git("checkout", "--quiet", "-b", "topic")
    without("2.7.1")(root)
    git.commit("topic")
    git.git("checkout", "--quiet", "main")
    edit("templates/environment.yml.j2", r"\A", "# main\n")(root)
    git.commit("main")
    git.git("checkout", "--quiet", "topic")
    assert run(root, "main").stdout.startswith(f"{PYTORCH}, templates/environment.yml.j2: 2 of 2")
    assert run(root, "main", "--merge-base").stdout.startswith(f"{PYTORCH}: 2 of 2")
    assert run(root, str(committed)).stdout.startswith(f"{PYTORCH}: 2 of 2")


@pytest.mark.parametrize(
    ("base", "what"),
    [("nowhere", "there is no revision `nowhere`"), ("--", "there is no revision|no fact"), ("./none", "there is no revision")],
)
def test_a_base_that_does_not_exist(root: Path, base: str, what: str) -> None:
    done = run(root, base)
    assert re.search(what, str(done.exception or done.stdout))


def test_a_repository_without_git_takes_a_folder(root: Path, committed: Path) -> None:
    shutil.rmtree(root / ".git")
    done = run(root)
    assert isinstance(done.exception, BadInput)
    assert "not in a git repository" in done.exception.what
    assert not run(root, str(committed)).exception
    assert "has no matrices/" in str(run(root, str(root / "environments")).exception)


def test_a_base_whose_facts_cannot_be_read(root: Path) -> None:
    edit("matrices/cuda.yaml", r"\Z", "nonsense: true\n")(root)
    Repository(root).commit("broken")
    Repository(root).git("checkout", "HEAD~1", "--", "matrices")
    done = run(root)
    assert isinstance(done.exception, BadInput)
    assert done.exception.what.startswith("the facts of HEAD cannot be read")


def test_a_project_that_the_base_could_not_have_has_a_choice_now(root: Path) -> None:
    """Its framework is new in the matrices: for the base the project has an error."""
    base = root.parent / "base"
    for folder in ("matrices", "templates"):
        shutil.copytree(root / folder, base / folder)
    (base / "matrices/bitsandbytes.yaml").unlink()
    (root / FILE).write_text(RANGE.replace("frameworks: {", 'frameworks: {bitsandbytes: "*", '))
    found = impact(Layout(root), "base", base)
    assert [(row.target, row.kind) for row in found.targets] == [("cpu", "gained"), ("cu126", "gained")]
    assert "bitsandbytes" in found.targets[0].why
    assert "  2 have a choice now: p-cpu, p-cu126" in impact_text(found)


def test_a_name_in_a_comment_is_neither_markup_nor_a_mention() -> None:
    bad = TargetImpact(
        project="p",
        target="cpu",
        at=None,  # type: ignore[arg-type]
        kind="moves",
        moves=(Move(what="<img src=x>", old="[a](b)", new="@team\n::error::{oops}"),),
    )
    text = impact_markdown(Impact(base="`x`\n# y", files=("matrices/<b>.yaml",), targets=(bad,), count=1))
    assert "<img" not in text
    assert "<b>" not in text
    assert "@team" not in text
    assert "](b)" not in text
    assert not [line for line in text.splitlines() if line.startswith(("::", "# "))]
    assert "{oops}" in impact_text(Impact(base="x", files=("f",), targets=(bad,), count=1))


def test_a_comment_that_would_be_too_long_is_cut_and_says_so() -> None:
    rows = tuple(
        TargetImpact(project="p", target=f"cu{n}", at=None, kind="moves", moves=(Move(what="x", old="1", new=f"{n}" * 9),))  # type: ignore[arg-type]
        for n in range(3000)
    )
    text = impact_markdown(Impact(base="x", files=("f",), targets=rows, count=3000))
    assert len(text) <= 65_000
    assert re.search(r"\d+ more changes do not fit here: `envgen impact` shows all\.$", text)
