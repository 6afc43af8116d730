"""`envgen matrix show` as a command: what it prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from envgen.files import write_page
from envgen.model.errors import BadInput


def test_a_pipe_gets_plain_tables_of_at_most_120_columns(workspace: Any) -> None:
    done = workspace.envgen("matrix", "show", "--driver", "580", "--gpu", "rtx 4090")
    assert done.status == 0 and "\x1b" not in done.out
    assert done.err == "note: driver 580 is read as any driver 580.x of its branch\n"
    assert done.out.startswith("driver 580, RTX 4090 (8.9), any python\n")
    assert max(map(len, done.out.splitlines())) <= 120


def test_outside_of_a_repository_the_facts_are_those_of_envgen(workspace: Any, tmp_path: Any) -> None:
    nowhere = tmp_path / "nowhere"
    nowhere.mkdir()
    words = ("matrix", "show", "--framework", "jax", "--driver", "580.65.06")
    here, there = workspace.envgen(*words), workspace.envgen(*words, cwd=nowhere)
    note = "note: the facts that came with envgen; `envgen init` copies them into a repository\n"
    assert (there.status, there.out, there.err) == (0, here.out, note + here.err)
    assert workspace.envgen(*words, "--root", nowhere).status == 2


def test_json_has_all_platforms_unless_one_is_named(workspace: Any) -> None:
    found = [workspace.envgen("matrix", "show", "--framework", "jax", "--json", *more) for more in ((), ("--platform", "linux-64"))]
    every, one = ({cell["platform"] for cell in json.loads(done.out)["cells"]} for done in found)
    assert one == {"linux-64"} < every


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--gpu", "V10O"), "error: --gpu: no GPU `V10O` in matrices/gpus.yaml\n\nhint: did you mean `V100` (7.0)?"),
        (("--framework", "torch"), "error: --framework: no framework `torch` in matrices/\n\nhint: did you mean `pytorch`?"),
        (("--platform", "win"), "error: --platform: no platform `win` in matrices/\n\nhint: did you mean `win-64`?"),
        (("--driver", "latest"), "error: --driver: `latest` is not a version\n\nhint: write it as nvidia-smi prints it: 535"),
        (("--python", "3"), "error: --python: `3` is not a version\n\nhint: write major and minor"),
        (
            ("--html", "matrices/cuda.yaml"),
            "error: matrices/cuda.yaml: exists, and envgen did not write it\n\nhint: choose another",
        ),
        (("--html", "page.html", "--json"), "--html excludes --json and --all"),
        (("--url", "https://example.org/page.html"), "--url goes with --html"),
        (("--picture", "https://example.org/page.png"), "--picture goes with --html"),
        (
            ("--html", "page.html", "--picture", "page.png"),
            "error: --picture: programs that show links need the whole address: https://example.org/...\n",
        ),
    ],
)
def test_what_cannot_be_meant_ends_in_2(workspace: Any, words: tuple[str, ...], said: str) -> None:
    done = workspace.envgen("matrix", "show", *words)
    assert (done.status, done.out) == (2, "")
    assert said in done.err
    assert not (workspace.root / "page.html").exists()


def test_a_page_that_may_not_be_written_is_not_made(tmp_path: Path) -> None:
    (tmp_path / "other.html").write_text("<p>thesis</p>", encoding="utf-8")
    with pytest.raises(BadInput, match="exists, and envgen did not write it"):
        write_page(tmp_path / "other.html", lambda: pytest.fail("it was made"))


def test_only_a_page_of_envgen_is_overwritten(workspace: Any) -> None:
    other = workspace.root / "other.html"
    other.write_text("<p>thesis</p>", encoding="utf-8")
    pages = []
    for _ in range(2):
        assert workspace.envgen("matrix", "show", "--html", "mine.html").status == 0
        pages.append((workspace.root / "mine.html").read_bytes())
    assert pages[0] == pages[1]
    assert workspace.envgen("matrix", "show", "--html", "other.html").status == 2
    assert other.read_text(encoding="utf-8") == "<p>thesis</p>"
