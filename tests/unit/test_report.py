"""Nouns to words: what people read and what machines read."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from conftest import some
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version
from unit.small import PROJECT, project_of, small_matrix

from envgen.cli import lock_report
from envgen.model.alignment import Differing
from envgen.model.resolution import Resolution
from envgen.model.run import Download, LockRun, Outcome
from envgen.resolver.resolve import resolve

TEXT = PROJECT.replace("[linux-64]", "[linux-64, osx-arm64]") + 'driver: ">=530"\n'
PAIR = TEXT.replace('{alpha: ">=2"}', '{alpha: ">=2", beta: ">=3"}')


def resolutions(text: str = PAIR) -> tuple[Resolution, ...]:
    """A project on the small matrix: its CUDA target has no osx-arm64, and its driver is older than one row likes."""
    return resolve(small_matrix(), project_of(text))


def outcomes() -> list[Outcome]:
    """A target that was locked and one that was not touched."""
    cpu, cuda = resolutions()
    downloads = {"linux-64": Download(53, 204_511_318), "osx-arm64": Download(49, 999)}
    return [
        Outcome(
            resolution=cpu,
            state="locked",
            downloads=downloads,
            seconds=1.25,
            path="environments/demo/cpu",
            notes=("alpha 2.0.0, not 2.1.0: because",),
        ),
        Outcome(
            resolution=cuda,
            state="unchanged",
            downloads={"linux-64": Download(99, 2_500_000_000, exact=False)},
            seconds=0.0,
            path="environments/demo/cu126",
        ),
    ]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9_940, "9.9 kB"),
        (10_000, "10 kB"),
        (340_000_000, "340 MB"),
        (1_900_000_000, "1.9 GB"),
        (12 * 10**9, "12 GB"),
    ],
)
def test_sizes_are_written_as_people_read_them(count: int, text: str) -> None:
    assert lock_report.size(count) == text


@given(st.integers(0, 10**12))
def test_a_size_is_never_more_than_four_letters_and_a_unit(count: int) -> None:
    assert re.fullmatch(r"\d{1,4}(\.\d)? (B|kB|MB|GB)", lock_report.size(count))


@pytest.mark.parametrize(("count", "text"), [(999_999, "1.0 MB"), (9_960, "10 kB"), (999_500_000, "1.0 GB")])
def test_a_size_is_rounded_before_its_unit_is_chosen(count: int, text: str) -> None:
    assert lock_report.size(count) == text


def test_the_driver_floor_is_the_oldest_linux_driver() -> None:
    cpu, cuda = resolutions()
    assert (lock_report.driver_floor(cpu), lock_report.driver_floor(cuda)) == ("-", ">=525.60.13")


def test_each_project_has_a_title_and_each_platform_of_a_target_a_row_within_80_columns() -> None:
    assert lock_report.lock_text(outcomes()) == (
        "  target   platform    packages   download   driver        time\n"
        "  ──────────────────────────────────────────────────────────────────\n"
        "environments/demo: python 3.12, alpha 2.1.0, beta 3.1.0\n"
        "  cpu      linux-64          53     205 MB   -             1.2 s\n"
        "           osx-arm64         49      999 B\n"
        "  cu126    linux-64          99   >=2.5 GB   >=525.60.13   unchanged"
    )


def test_a_project_that_was_locked_says_whether_its_versions_agree_within_80_columns() -> None:
    cpu, cuda = outcomes()
    one = Differing("numpy", {"cpu/linux-64": "2.0", "cu126/linux-64": "1.26"}, "because")
    found = replace(cpu, differing=(one, one), downloads={"linux-aarch64": Download(311, 4_300_000_000, exact=False)})
    text = lock_report.lock_text([found, replace(found, differing=()), replace(found, differing=(one,)), cuda])
    assert [line.split()[-3:-1] for line in text.splitlines()[3:-1]] == [["differ", "1.2"], ["aligned", "1.2"], ["differs", "1.2"]]
    assert text.splitlines()[-1].split()[-2:] == ["unchanged", "-"]
    assert max(map(len, text.splitlines())) <= 80


def test_a_framework_whose_version_differs_names_its_targets() -> None:
    cpu, cuda = outcomes()
    first, *others = cuda.resolution.choices
    older = replace(first, release=replace(first.release, version=Version("1.9")))
    found = replace(cuda, resolution=replace(cuda.resolution, choices=(older, *others)))
    assert "environments/demo: python 3.12, alpha 2.1.0 (cpu), 1.9 (cu126), beta 3.1.0\n" in lock_report.lock_text([cpu, found])


def test_the_notes_say_each_thing_once_with_its_address() -> None:
    twice = [*outcomes(), *outcomes()]
    assert lock_report.lock_notes(twice) == [
        "demo-cpu: alpha 2.0.0, not 2.1.0: because",
        "demo-cu126: osx-arm64 dropped: target cu126 is not for osx-arm64 (matrices/targets.yaml:9:3)",
        "demo-cu126: warning: cuda ==12.6.* with beta >=3 needs driver >=560, not driver 530 (https://beta.example/ptx) (matrices/beta.yaml:21:5)",
    ]


def test_the_next_step_names_the_project_and_the_target_or_the_first_of_many_projects() -> None:
    cpu, cuda = outcomes()
    assert lock_report.next_step([cpu]) == "next: envgen install demo --target cpu"
    assert lock_report.next_step([cpu, cuda]) == "next: envgen install demo"
    project = cpu.resolution.project
    many = [replace(cpu, resolution=replace(cpu.resolution, project=replace(project, name=f"p{number}"))) for number in range(10)]
    assert lock_report.next_step(many) == "next: envgen install PROJECT, of p0, p1, p2, p3, p4, p5, p6, p7 and 2 more"


def test_the_json_of_a_lock_says_what_the_table_says() -> None:
    cpu, cuda = json.loads(lock_report.lock_json(LockRun(tuple(outcomes()))))
    assert (cpu["project"], cpu["target"], cpu["cuda"], cpu["state"], cpu["path"]) == (
        "demo",
        "cpu",
        None,
        "locked",
        "environments/demo/cpu",
    )
    assert cpu["packages"] == {"linux-64": 53, "osx-arm64": 49}
    assert cpu["download_bytes"] == {"linux-64": 204_511_318, "osx-arm64": 999}
    assert cpu["notes"] == ["alpha 2.0.0, not 2.1.0: because"]
    assert (cuda["cuda"], cuda["state"], cuda["python"]) == ("12.6", "unchanged", "3.12")
    assert cuda["frameworks"] == {"alpha": "2.1.0", "beta": "3.1.0"}
    assert list(cuda["dropped"]) == ["osx-arm64"]
    assert len(cuda["warnings"]) == 1


def test_a_resolution_shows_every_pin_with_one_reason() -> None:
    text = lock_report.resolutions_text(resolutions(PROJECT.replace('">=2"', '"2.0"')))
    assert text.splitlines()[:5] == [
        "demo-cpu: linux-64",
        "  python 3.11",
        "      newest python >=3.9 for all of cpu, cu126 (environments/demo/project.yaml:1:1)",
        "  alpha 2.0.0",
        "      newest alpha 2.0 from conda-forge for cpu (environments/demo/project.yaml:2:14)",
    ]


def test_the_json_of_a_resolution_holds_every_pin_with_its_reasons() -> None:
    rows = json.loads(lock_report.resolutions_json(resolutions()))
    for row, resolution in some(zip(rows, resolutions(), strict=True)):
        assert row["pins"] == [
            {"name": p.name, "version": p.version, "because": [str(r) for r in p.because]} for p in resolution.pins
        ]
        assert row["platforms"] == list(resolution.platforms)
