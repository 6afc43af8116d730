"""Every console block of README and docs is run by a test, or says why it is not.

A page, or a section of one, is run in the repository that its stage makes. What is not here is run by the test that `ELSEWHERE` names.
What is installed comes from a channel of stand-ins; all other records are those of the recorded index.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from conftest import REPO, clean_environment, some
from nvml.build import FakeNvml, changes
from system import (
    record,
    test_companion_page,
    test_export_formats,
    test_migrate,
    test_probe_page,
    test_quickstart,
    test_scenarios,
    walkthrough,
)
from system.git import Repository, made
from system.test_scenarios import A100, command

from envgen.curate.update.origin import origin_text
from envgen.matrix.files import matrix_texts

LINUX = sys.platform.startswith("linux") and platform.machine() == "x86_64"
RECORDED = REPO / "environments" / "index"
PAGES = sorted(
    path.relative_to(REPO).as_posix()
    for path in (*REPO.glob("*.md"), *(REPO / "docs").rglob("*.md"))
    if path.name != "CHANGELOG.md"
)


def clone(folder: Path) -> None:
    """This repository as a clone has it, in git."""
    for part in ("matrices", "templates", "schemas", "environments"):
        shutil.copytree(REPO / part, folder / part)
    (folder / ".gitignore").write_text(".*.envgen-lock\n.*.envgen-tmp\n", encoding="utf-8")
    made(folder).commit("as it is")


def branched(folder: Path) -> None:
    """A clone with a branch on which a lock for CUDA was overwritten with the one for CPU."""
    clone(folder)
    vision, repository = folder / "environments" / "vision", Repository(folder)
    repository.git("checkout", "--quiet", "-b", "slip")
    shutil.copy(vision / "cpu" / "conda-lock.yml", vision / "cu126" / "conda-lock.yml")
    repository.commit("one lock for both")
    repository.git("checkout", "--quiet", "main")


def with_a_toolkit(folder: Path) -> None:
    """A clone beside a CUDA toolkit that somebody installed by hand."""
    clone(folder)
    toolkit = folder / "toolkits" / "cuda-11.8"
    (toolkit / "lib64").mkdir(parents=True)
    (toolkit / "lib64" / "libcudart.so.11.0").touch()
    (toolkit / "version.json").write_text('{"cuda": {"version": "11.8.1"}}', encoding="utf-8")


def older(folder: Path) -> None:
    """A clone with the facts of an older envgen, which have no jax 0.10.2."""
    clone(folder)
    jax = folder / "matrices" / "jax.yaml"
    before, release, rest = jax.read_text(encoding="utf-8").partition('  - version: "0.10.2"\n')
    assert release
    jax.write_text(before + rest[rest.index("  - version:") :], encoding="utf-8")
    (folder / "matrices" / "origin.json").write_text(origin_text(matrix_texts(folder / "matrices", "matrices")), encoding="utf-8")


def facts(folder: Path) -> None:
    """The facts and the layout, and no project."""
    for part in ("matrices", "templates", "schemas"):
        shutil.copytree(REPO / part, folder / part)


STAGES: Mapping[str, Callable[[Path], None]] = {
    "docs/composition.md": clone,
    "docs/diff.md": branched,
    "docs/doctor.md": with_a_toolkit,
    "docs/faq.md": clone,
    "docs/how-to/add-a-cuda-target.md": facts,
    "docs/how-to/build-an-image.md": clone,
    "docs/how-to/check-in-ci.md": clone,
    "docs/how-to/resolve-a-merge-conflict.md": clone,
    "docs/how-to/update-one-package.md": clone,
    "docs/how-to/use-a-private-channel.md": facts,
    "docs/how-to/use-an-old-driver.md": facts,
    "docs/locking.md": clone,
    "docs/matrices.md": older,
    "docs/projects.md": clone,
    "docs/review.md": clone,
    "docs/team.md": clone,
    "docs/verify.md": clone,
}
USUAL = ("575.57.08", 12090, A100)  # driver, CUDA, GPUs
MACHINES = {"docs/doctor.md": ("550.54.14", 12040, f"{A100},{A100}")}
ELSEWHERE: Mapping[str, Callable[..., None]] = {
    "README.md": test_quickstart.test_the_readme_shows_what_the_tutorials_show,  # and the recording, below
    "docs/bring-in.md": test_migrate.test_the_page_about_it_does_what_it_says,
    "docs/export.md": test_export_formats.test_the_page_about_it_does_what_it_says,
    "docs/channels.md": test_quickstart.test_the_pages_about_installing_and_channels,
    "docs/how-to/install-without-network.md": test_quickstart.test_on_a_site_without_network,
    "docs/install.md": test_quickstart.test_the_pages_about_installing_and_channels,
    "docs/probe.md": test_probe_page.test_the_page_about_probing,
    "docs/tutorials/from-environment-files.md": record.tape,
    "docs/tutorials/own-repository.md": test_quickstart.test_in_your_own_repository,
    "docs/tutorials/quickstart.md": test_quickstart.test_from_the_clone_to_the_gpu,
    **{f"docs/scenarios/{page.name}": test_scenarios.test_a_walk_through_is_true for page in test_scenarios.PAGES},
}
NOT_RUN = 6  # blocks; each has its reason beside it


def text(page: str) -> str:
    return (REPO / page).read_text(encoding="utf-8")


def parts(page: str) -> list[str]:
    """A page by its headings, without the section that has a test of its own."""
    return [
        part for part in re.split(r"^(?=##+ )", text(page), flags=re.MULTILINE) if not part.startswith(test_companion_page.TITLE)
    ]


@pytest.mark.skipif(not LINUX, reason="the pages are told on linux-64")
@pytest.mark.parametrize("page", STAGES)
def test_what_a_page_shows_is_what_the_commands_print(page: str, tmp_path: Path, unpacked_cache: Path, nvml: FakeNvml) -> None:
    folder = tmp_path / "repository"
    folder.mkdir()
    driver, cuda, gpus = MACHINES.get(page, USUAL)
    environment = {
        **clean_environment(tmp_path),
        **changes(nvml(driver=driver, cuda=cuda, gpus=gpus)),
        "PATH": os.pathsep.join((str(command(tmp_path)), os.environ["PATH"])),
        "ENVGEN_INDEX": str(RECORDED),
        "ENVGEN_CACHE": str(unpacked_cache),
        "COLUMNS": "120",
    }
    STAGES[page](folder)
    told = tmp_path / Path(page).name
    told.write_text("".join(parts(page)), encoding="utf-8")
    assert walkthrough.play(told, folder, environment) >= 1


@pytest.mark.parametrize("page", PAGES)
def test_every_console_block_is_run_or_says_why_not(page: str) -> None:
    commands = [step for step in walkthrough.steps(text(page)) if step.command]
    assert walkthrough.unmarked(text(page)) == []
    assert bool(commands) == (page in {*STAGES, *ELSEWHERE}), page


def test_what_is_not_run_is_counted() -> None:
    reasons = [reason for page in PAGES for reason in walkthrough.reasons(text(page))]
    assert len(reasons) == NOT_RUN
    assert all(len(reason) > 10 for reason in some(reasons))


def test_a_block_that_nothing_runs_is_found() -> None:
    assert walkthrough.unmarked("a\n\n    $ envgen list\n    b\n") == ["$ envgen list"]
    assert walkthrough.unmarked("```\n$ envgen list\n```\n") == ["```\n$ envgen list"]
    assert walkthrough.unmarked("<!-- not run: no GPU -->\n\n    $ envgen list\n    b\n") == []
    assert walkthrough.reasons("<!-- not run: no GPU -->\n```console\n$ envgen list\n```\n") == ["no GPU"]
    assert walkthrough.steps("<!-- not run: no GPU -->\n```console\n$ envgen list\n```\n") == []


def test_the_names_of_pages_are_topics_of_help() -> None:
    names = [Path(page).stem for page in PAGES if page.startswith("docs/")]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.skipif(not LINUX, reason="the recording is made on linux-64")
def test_the_recording_is_what_the_commands_print(tmp_path: Path, unpacked_cache: Path) -> None:
    shown = record.tape(tmp_path, unpacked_cache)
    assert steady(record.cast(shown)) == steady(record.CAST.read_text("utf-8")), "run: PYTHONPATH=.:tests python -m system.record"
    assert f"```console\n{steady(record.readme(shown))}```" in steady(text("README.md"))


def steady(shown: str) -> str:
    """Without the seconds that a solve took, and how many files the facts have today."""
    return re.sub(r"\d+ files", "N files", re.sub(r"\d+\.\d s", "N s", shown))
