"""`envgen facts`: newer facts are taken row by row; what was edited in a repository stays, with its comments, and is named."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import REPO, some

from envgen.cli.main import main
from envgen.curate.update import origin, update
from envgen.curate.update.merge import base_rows, merge
from envgen.model.errors import BadInput
from envgen.model.layout import Layout
from envgen.yamlfile.rows import file_rows

BASE = """\
# A file of facts.
because: https://example.org

words: [a,
        b]
releases:
  # the newest
  - version: "2"
    builds:
      - {variants: [cpu]}
  - {version: "1", builds: []}  # the first
targets:
  cpu: {platforms: [linux-64]}
"""
NEW = BASE.replace("releases:\n", 'releases:\n  - {version: "3", builds: []}\n')
ONE = '  - {version: "1", builds: []}  # the first\n'
MINE = '  - {version: "0", builds: []}  # ours\n'


def states(here: str, newer: str, base: str | None = BASE, **options: bool) -> tuple[str, list[tuple[str, str, int, int]]]:
    found = merge(here, newer, base_rows(base) if base is not None else None, **options)
    return found.text, [(row.state, row.name, row.line, row.merged_line) for row in found.rows]


FACTS = sorted((REPO / "matrices").glob("*.yaml"))


@pytest.mark.thorough
def test_the_rows_of_each_file_are_together_its_text() -> None:
    for path in some(FACTS, 30):
        text = path.read_text(encoding="utf-8")
        rows = file_rows(text)
        assert "".join(row.text for row in rows) == text and len(rows) > 2
        assert merge(text, text, base_rows(text)).text == text
    assert [(row.name, row.comments) for row in file_rows(BASE)] == [
        ("because:", 1),
        ("words:", 1),
        ("releases:", 0),
        ('releases: version: "2"', 1),
        ('releases: version: "1"', 0),
        ("targets:", 0),
        ("targets: cpu", 0),
    ]


def test_what_only_the_newer_facts_change_is_taken() -> None:
    assert states(BASE, NEW) == (NEW, [("new", 'releases: version: "3"', 0, 7)])
    changed = BASE.replace("[cpu]", "[cpu, 12]").replace(ONE, "")
    text, found = states(BASE, changed)
    assert text == changed
    assert found == [("changed", 'releases: version: "2"', 8, 8), ("gone", 'releases: version: "1"', 11, 0)]
    whole = BASE + 'bounds:\n  - {version: "9"}\n'
    assert states(BASE, whole)[0] == whole
    assert states(whole, BASE, whole)[0] == BASE


def test_what_was_edited_added_or_removed_here_stays_beside_what_is_newer() -> None:
    here = BASE.replace("[cpu]}", "[cpu]}  # tried").replace(ONE, MINE)
    text, found = states(here, NEW)
    assert text == here.replace("releases:\n", 'releases:\n  - {version: "3", builds: []}\n')
    assert found == [
        ("removed", 'releases: version: "1"', 0, 0),
        ("new", 'releases: version: "3"', 0, 7),
        ("edited", 'releases: version: "2"', 8, 9),
        ("own", 'releases: version: "0"', 11, 12),
    ]


@pytest.mark.parametrize(
    ("here", "newer"),
    [
        (BASE.replace("[cpu]", "[cpu, 11]"), BASE.replace("[cpu]", "[cpu, 12]")),
        (BASE.replace(ONE, ""), BASE.replace(ONE, ONE.replace("[]", "[x]"))),
        (BASE.replace(ONE, ONE.replace("[]", "[x]")), BASE.replace(ONE, "")),
        (BASE.replace(ONE, ONE + MINE), BASE.replace(ONE, ONE + MINE.replace("[]", "[x]"))),
        (BASE.partition("releases:")[0], NEW),
    ],
    ids=["changed twice", "removed here", "gone there", "added twice", "key removed here"],
)
def test_a_row_that_both_change_stays_and_is_a_conflict_until_the_newer_one_is_asked_for(here: str, newer: str) -> None:
    text, found = states(here, newer)
    assert text == here and "conflict" in {state for state, *_ in found}
    assert "conflict" not in {state for state, *_ in states(here, newer, newer)[1]}  # once it was said
    assert {*states(here, newer, take_newer=True)[0].splitlines()} >= {line for line in newer.splitlines() if "x]" in line}


def test_without_what_both_were_made_from_rows_are_added_and_none_is_changed() -> None:
    here = BASE.replace("[cpu]", "[cpu, 11]").replace(ONE, MINE)
    text, found = states(here, NEW, None)
    assert sorted(row[:2] for row in found) == [
        ("new", 'releases: version: "1"'),
        ("new", 'releases: version: "3"'),
        ("own", 'releases: version: "0"'),
        ("unknown", 'releases: version: "2"'),
    ]
    assert "[cpu, 11]" in text and MINE in text and ONE in text
    assert "[cpu, 11]" not in states(here, NEW, None, take_newer=True)[0]


def test_a_key_that_the_newer_facts_have_no_more_stays_with_the_rows_that_were_added_below_it() -> None:
    here = f"{BASE}  mine: {{}}\n"
    text, found = states(here, BASE.partition("targets:")[0])
    assert text == here.replace("  cpu: {platforms: [linux-64]}\n", "")
    assert [row[:2] for row in found] == [("own", "targets:"), ("gone", "targets: cpu"), ("own", "targets: mine")]


def test_ends_of_lines_and_blank_lines_around_a_row_are_no_edits_and_a_last_line_gets_an_end() -> None:
    here = BASE.replace("# the newest\n", "# the newest   \n").replace("targets:", "\n\ntargets:")
    assert states(here, BASE) == (here, [])
    added = f"{BASE}  more: {{}}\n"
    assert states(BASE.rstrip("\n"), added)[0] == added


def test_rows_of_one_name_are_told_apart_by_their_text() -> None:
    base = 'a:\n  - {x: "1", y: 1}\n  - {x: "1", y: 2}\n  - {x: "1", y: 3}\n'
    here, newer = base.replace('  - {x: "1", y: 1}\n', ""), base.replace("y: 3", "y: 4")
    assert states(here, newer, base)[0] == 'a:\n  - {x: "1", y: 2}\n  - {x: "1", y: 4}\n'


# --- the command ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that `envgen init` began."""
    root = tmp_path_factory.mktemp("facts")
    done = CliRunner().invoke(
        main, ["init", "--root", str(root), "--project", "demo", "--framework", "jax"], catch_exceptions=False
    )
    assert "wrote matrices/origin.json" in done.stdout.splitlines()
    return root


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The facts of a newer envgen, with which the commands compare; the folder may be changed."""
    shutil.copytree(REPO / "matrices", tmp_path / "newer" / "matrices")
    monkeypatch.setattr(update, "starter", lambda: tmp_path / "newer")
    return tmp_path / "newer" / "matrices"


@pytest.fixture
def root(begun: Path, tmp_path: Path) -> Path:
    return shutil.copytree(begun, tmp_path / "root")


@pytest.fixture
def facts(root: Path) -> Callable[..., tuple[int, list[str]]]:
    def call(*words: str) -> tuple[int, list[str]]:
        done = CliRunner().invoke(main, ["facts", *words, "--root", str(root)], catch_exceptions=False)
        return done.exit_code, done.stdout.splitlines()

    return call


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


CAPABILITY = '{version: "11.8", linux: "520.61.05"'


def line_of(path: Path, part: str) -> int:
    return next(number for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if part in line)


@pytest.mark.thorough
def test_the_newer_facts_are_taken_and_the_edited_row_is_named(
    root: Path, newer: Path, facts: Callable[..., tuple[int, list[str]]]
) -> None:
    cuda = root / "matrices" / "cuda.yaml"
    edit(cuda, CAPABILITY, '{version: "11.8", linux: "521.00"')
    edit(newer / "cuda.yaml", '{version: "11.7", linux: "515.43.04"', '{version: "11.7", linux: "515.43.05"')
    (newer / "mxnet.yaml").unlink()
    place = f'  matrices/cuda.yaml:{line_of(cuda, "521.00")}: toolkits: version: "11.8"'
    status, said = facts("status", "--exit-code")
    assert (status, said[0].partition(",")[0]) == (1, "facts of envgen 0.1.0")
    assert said[2:] == ["  matrices/cuda.yaml: 1 changed", "  matrices/mxnet.yaml: gone", "edited here; kept:", place]
    before = cuda.read_bytes()
    assert facts("update", "--dry-run")[0] == 0 and cuda.read_bytes() == before
    assert facts("update")[0] == 0
    text = cuda.read_text(encoding="utf-8")
    assert "521.00" in text and "515.43.05" in text and not (root / "matrices" / "mxnet.yaml").exists()
    status, said = facts("status", "--exit-code")
    assert (status, said[1:]) == (0, ["nothing newer in envgen 0.1.0", "edited here; kept:", place])


@pytest.mark.thorough
def test_a_conflict_is_named_with_the_newer_row_and_the_exit_code_is_1(
    root: Path, newer: Path, facts: Callable[..., tuple[int, list[str]]]
) -> None:
    edit(root / "matrices" / "cuda.yaml", CAPABILITY, '{version: "11.8", linux: "521.00"')
    edit(newer / "cuda.yaml", CAPABILITY, '{version: "11.8", linux: "522.00"')
    status, said = facts("update")
    assert status == 1 and "changed both here and in the newer facts; this repository's is kept:" in said
    assert said[-1].startswith('    newer: - {version: "11.8", linux: "522.00"')
    assert facts("update") == (0, facts("status")[1])
    assert "521.00" in (root / "matrices" / "cuda.yaml").read_text(encoding="utf-8")


def test_what_does_not_go_together_is_refused_before_anything_is_written(
    root: Path, newer: Path, facts: Callable[..., tuple[int, list[str]]]
) -> None:
    path = root / "matrices" / "cuda.yaml"
    edit(path, "toolkits:\n", 'toolkits:\n  - {linux: "1.0", windows: null, version: "99.9", capabilities: ["5.0", "9.0"]}\n')
    edit(
        newer / "cuda.yaml",
        "toolkits:\n",
        'toolkits:\n  - {version: "99.9", linux: "1.0", windows: null, capabilities: ["5.0", "9.0"]}\n',
    )
    before = path.read_bytes()
    with pytest.raises(BadInput, match="the rows of this repository and the newer ones do not go together: .*99.9") as caught:
        facts("update")
    assert path.read_bytes() == before and str(caught.value.where).startswith("matrices/cuda.yaml:")


def test_a_file_that_was_removed_or_edited_here_stays_so(
    root: Path, newer: Path, facts: Callable[..., tuple[int, list[str]]]
) -> None:
    (root / "matrices" / "mxnet.yaml").unlink()
    edited = root / "matrices" / "xgboost.yaml"
    edit(edited, "\n", "\n# ours\n")
    edit(edited, "because:", "because: ours,")
    (newer / "xgboost.yaml").unlink()
    status, said = facts("update")
    assert (status, said[1:]) == (
        1,
        [
            said[1],
            "changed both here and in the newer facts; this repository's is kept:",
            "  matrices/xgboost.yaml: the whole file",
            "removed here; left out:",
            "  matrices/mxnet.yaml: the whole file",
        ],
    )
    assert edited.is_file() and not (root / "matrices" / "mxnet.yaml").exists()


def test_a_file_that_is_not_yaml_is_named_with_its_line_here(root: Path, facts: Callable[..., tuple[int, list[str]]]) -> None:
    (root / "matrices" / "cuda.yaml").write_text("a: 1\n<<<<<<< HEAD\nb: [\n", encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        facts("status")
    assert (caught.value.what, str(caught.value.where)) == ("this file has an unresolved merge conflict", "matrices/cuda.yaml:2:1")


def test_windows_ends_of_lines_are_no_edits_and_stay(root: Path, newer: Path, facts: Callable[..., tuple[int, list[str]]]) -> None:
    path = root / "matrices" / "cuda.yaml"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    edit_newer = '{version: "11.7", linux: "515.43.05"'
    edit(newer / "cuda.yaml", '{version: "11.7", linux: "515.43.04"', edit_newer)
    assert facts("update")[1][2:] == ["  matrices/cuda.yaml: 1 changed"]
    data = path.read_bytes()
    assert edit_newer.encode() in data and data.count(b"\r\n") == data.count(b"\n")


@pytest.mark.thorough
def test_a_repository_that_does_not_say_what_it_was_copied_from(
    root: Path, newer: Path, facts: Callable[..., tuple[int, list[str]]]
) -> None:
    (root / "matrices" / "origin.json").unlink()
    edit(newer / "cuda.yaml", CAPABILITY, '{version: "11.8", linux: "522.00"')
    (root / "matrices" / "mxnet.yaml").unlink()
    status, said = facts("update", "--dry-run")
    assert status == 1 and said[0].startswith("facts of an unknown version")
    assert "  matrices/mxnet.yaml: a new file" in said
    assert "not the same here and in the newer facts; this repository's is kept:" in said
    assert facts("update", "--theirs")[0] == 0
    assert "522.00" in (root / "matrices" / "cuda.yaml").read_text(encoding="utf-8")
    assert json.loads("\n".join(facts("status", "--json")[1]))["rows"] == []


DAMAGED = {
    "a merge conflict": "<<<<<<< HEAD\n",
    "a list": "[]",
    "no files": '{"envgen": "0.1.0"}',
    "files that are a list": '{"envgen": "0.1.0", "files": []}',
    "a number for rows": '{"envgen": "0.1.0", "files": {"cuda.yaml": 3}}',
    "a list for a row": '{"envgen": "0.1.0", "files": {"cuda.yaml": [["a b"]]}}',
    "a row without a name": '{"envgen": "0.1.0", "files": {"cuda.yaml": ["aaaaaaaaaaaa"]}}',
    "a number for the version": '{"envgen": 1, "files": {}}',
    "a version that steers a terminal": '{"envgen": "\\u001b[2J", "files": {}}',
    "nested without end": "[" * 100_000,
    "an endless number": f'{{"envgen": {"9" * 5000}, "files": {{}}}}',
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_origin_is_an_error_with_what_to_do(text: str, tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.matrices.mkdir()
    layout.origin.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        origin.origin_of(layout)
    error = caught.value
    assert (error.what, error.where) == ("this file is not what envgen writes", "matrices/origin.json")
    assert error.hint == "restore it from git, or delete it: without it, no row that is here is changed"


def test_an_origin_that_is_no_file_of_the_repository_is_not_read(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "root")
    layout.matrices.mkdir(parents=True)
    assert origin.origin_of(layout) is None
    outside = tmp_path / "outside.json"
    outside.write_text('{"envgen": "0.1.0", "files": {}}', encoding="utf-8")
    for make, said in (
        (lambda: layout.origin.mkdir(), "cannot be read: it is a folder"),
        (lambda: os.mkfifo(layout.origin), "cannot be read: it is not a regular file"),
        (lambda: layout.origin.symlink_to(outside), "this symbolic link leads out of the repository"),
        (lambda: layout.origin.write_bytes(b" " * 50_000_001), "cannot be read: 50 MB is too large: at most 50 MB is read"),
    ):
        make()
        with pytest.raises(BadInput) as caught:
            origin.origin_of(layout)
        assert (caught.value.what, caught.value.where) == (said, "matrices/origin.json")
        layout.origin.rmdir() if layout.origin.is_dir() else layout.origin.unlink()


def test_names_of_files_that_climb_out_of_the_repository_are_no_files_here(
    root: Path, newer: Path, facts: Callable[..., tuple[int, list[str]]]
) -> None:
    outside = root.parent / "outside.yaml"
    outside.write_text("a: 1\n", encoding="utf-8")
    path = root / "matrices" / "origin.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["files"] |= {"../../outside.yaml": [" ".join(row) for row in base_rows("a: 1\n")], str(outside): []}
    path.write_text(json.dumps(data), encoding="utf-8")
    assert facts("update") == (0, [facts("status")[1][0], "nothing newer in envgen 0.1.0"])
    assert outside.read_text(encoding="utf-8") == "a: 1\n" and "outside" not in path.read_text(encoding="utf-8")


def test_facts_of_a_newer_envgen_are_not_taken_back(root: Path, facts: Callable[..., tuple[int, list[str]]]) -> None:
    edit(root / "matrices" / "origin.json", '"envgen": "0.1.0"', '"envgen": "0.10.0"')
    with pytest.raises(BadInput) as caught:
        facts("update")
    assert caught.value.what == "the facts here came with envgen 0.10.0, and this is the older envgen 0.1.0"
    assert caught.value.hint == "install that envgen, or a newer one: this one would take newer rows back"


def test_a_byte_order_mark_and_other_separators_of_lines_are_no_edits() -> None:
    assert states(f"\ufeff{BASE}", BASE) == (f"\ufeff{BASE}", [])
    odd = BASE.replace("[a,", '["a\u2028",')
    assert states(odd, NEW.replace("[a,", '["a\u2028",'), odd)[1] == [("new", 'releases: version: "3"', 0, 7)]
    assert "".join(row.text for row in file_rows(odd)) == odd
    assert [row.text for row in file_rows(odd)][-1] == file_rows(BASE)[-1].text


def test_the_facts_that_envgen_comes_with_are_not_compared_with_themselves() -> None:
    done = CliRunner().invoke(main, ["facts", "status", "--root", str(REPO)], catch_exceptions=False)
    assert done.stdout == "these are the facts that envgen 0.1.0 itself comes with\n"
