"""The companion in ten lines of docs/matrices.md is true: its commands are run on channels made up for it, and print what the page says."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

from conftest import REPO, clean_environment
from system import walkthrough
from system.publishing import PYTHONS, Entry, publish, record_of
from system.test_scenarios import command

from envgen.curate.facts import facts
from envgen.matrix.load import load_matrix
from envgen.model.facts import Matrix

TITLE = "### A companion in ten lines\n"
BESIDE = (Entry("cuda-version", "12.9", "0"), Entry("cudnn", "9.10.2.21", "0", subdir="linux-64"))


def records(matrix: Matrix) -> list[Entry]:
    """The builds of the companion as its file claims them, those of PyTorch 2.8, and what they need."""
    claimed = facts(matrix, ("pytorch", "torchharbour"), ("linux-64",))
    made = {fact.framework: [] for fact in claimed}  # type: dict[str, list[Entry]]
    for fact in claimed:
        if fact.framework == "torchharbour" or (fact.provider, str(fact.version)) == ("conda-forge", "2.8.0"):
            made[fact.framework].append(record_of(fact))
    linked = [replace(row, depends=(*row.depends, "pytorch >=2.8.0,<2.9.0a0")) for row in made["torchharbour"]]
    pythons = [Entry("python", f"{minor}.9", "0_cpython", subdir="linux-64") for minor in PYTHONS]
    abis = [Entry("python_abi", minor, f"1_cp{minor.replace('.', '')}", (f"python {minor}.*",)) for minor in PYTHONS]
    return [*made["pytorch"], *linked, *pythons, *abis, *BESIDE]


def test_a_companion_in_ten_lines_is_linted_resolved_locked_and_verified(tmp_path: Path) -> None:
    folder, page = tmp_path / "repository", tmp_path / "matrices.md"
    text = (REPO / "docs" / "matrices.md").read_text(encoding="utf-8")
    page.write_text(TITLE + re.split(r"^##+ ", text.partition(TITLE)[2], flags=re.MULTILINE)[0])
    (file,) = (step for step in walkthrough.steps(page.read_text()) if step.file.startswith("matrices/"))
    assert len(file.text.splitlines()) <= 12
    for part in ("matrices", "templates", "schemas"):
        shutil.copytree(REPO / part, folder / part)
    (folder / file.file).write_text(file.text)
    publish(folder / "channels", records(load_matrix(folder / "matrices")), ("conda-forge",))
    environment = {
        **clean_environment(tmp_path),
        "PATH": os.pathsep.join((str(command(tmp_path)), os.environ["PATH"])),
        "COLUMNS": "120",
    }
    assert walkthrough.play(page, folder, environment) == 5
