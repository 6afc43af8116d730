"""What changes between two sets of locks: what is found, in which order, and how it is written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from conftest import REPO
from unit.lock_texts import entry, lock_of, lock_text
from unit.small import real_matrix, refused

from envgen.diff import markdown, page, report
from envgen.diff.compare import compare
from envgen.diff.list import list_text
from envgen.diff.model import KINDS, CellPlace, Difference, LockChange, Resized, Snapshot
from envgen.diff.sources import is_lock
from envgen.formats import similar_locks
from envgen.formats.conda_lock import read_lock
from envgen.formats.environment_file import read_environment_file
from envgen.formats.similar_locks import read_similar
from envgen.model.packages import Lock, LockedPackage

CPU, CUDA = "environments/app/cpu/conda-lock.yml", "environments/app/cu126/conda-lock.yml"
TORCH_CUDA, TORCH_CPU = "pytorch 2.7.1 cuda126_mkl_py312_h0_300", "pytorch 2.7.1 cpu_mkl_py312_h0_100"
GPU = (TORCH_CUDA, "cuda-version 12.6 h0_3", "cudnn 9.10.1.4 h0_0", "numpy 2.2.6 py312h1_0", "python 3.12.11 h9_0_cpython")


def side(name: str, texts: Mapping[str, str]) -> Snapshot:
    """Locks by their paths, as one side."""
    locks = {path: (read_lock(text, path),) for path, text in texts.items()}
    return Snapshot(name=name, names=frozenset(texts), locks=locks)


def difference(old: Mapping[str, str], new: Mapping[str, str]) -> Difference:
    """What changes from the locks of one side to those of the other."""
    return compare(side("main", old), side("branch", new), real_matrix())


def kinds(found: Difference) -> list[tuple[str, str, str, str]]:
    """Each change as kind, name, old, new."""
    return [(change.kind, change.name, change.old, change.new) for change in found.changes]


def moved(old: str, new: str, path: str = CUDA) -> list[tuple[str, str, str, str]]:
    """What changes in one lock where one package takes the place of another."""
    rest = [spec for spec in GPU if spec.split()[0] not in (old.split(maxsplit=1)[0], new.split(maxsplit=1)[0])]
    return kinds(difference({path: lock_of(*rest, old)}, {path: lock_of(*rest, new)}))


def test_the_same_locks_do_not_differ() -> None:
    found = difference({CUDA: lock_of(*GPU)}, {CUDA: lock_of(*GPU)})
    assert not found
    assert report.diff_text(found) == "main -> branch: nothing changes in 1 lock"


def test_a_cpu_build_in_the_place_of_a_cuda_build_comes_first() -> None:
    found = difference({CUDA: lock_of(*GPU)}, {CUDA: lock_of(TORCH_CPU, *GPU[1:-2], "numpy 2.3.0 py312h1_0", GPU[-1])})
    assert kinds(found)[0] == ("flip", "environment", "CUDA 12.6", "CPU beside CUDA")
    assert ("flip", "pytorch", "CUDA 12.6", "CPU") in kinds(found)
    assert ("upgrade", "numpy", "2.2.6", "2.3.0") == kinds(found)[-1]


def test_a_cuda_build_in_the_place_of_a_cpu_build_is_a_flip_too() -> None:
    found = difference({CPU: lock_of(TORCH_CPU)}, {CPU: lock_of(TORCH_CUDA, "cuda-version 12.6 h0_3")})
    assert [row for row in kinds(found) if row[0] == "flip"] == [
        ("flip", "environment", "CPU", "CUDA 12.6"),
        ("flip", "pytorch", "CPU", "CUDA 12.6"),
    ]


def test_a_flip_to_another_package_of_the_framework_is_found() -> None:
    """The CPU wheel beside conda's CUDA build is another package with another name."""
    found = difference({CUDA: lock_of(*GPU)}, {CUDA: lock_of("pip torch 2.7.1+cpu", *GPU[1:])})
    assert ("flip", "pytorch", "CUDA 12.6", "CPU") in kinds(found)
    assert ("framework", "pytorch", "conda's pytorch", "pip's torch") in kinds(found)


def test_another_cuda_is_told_for_the_environment_the_driver_and_the_framework() -> None:
    new = ("pytorch 2.7.1 cuda129_mkl_py312_h0_300", "cuda-version 12.9 h0_3", *GPU[2:])
    found = difference({CUDA: lock_of(*GPU)}, {CUDA: lock_of(*new)})
    assert kinds(found)[0] == ("cuda", "environment", "CUDA 12.6", "CUDA 12.9")
    assert not found.of("driver")  # minor-version compatibility: every 12.x runs with the same oldest driver
    assert not found.of("flip", "framework")


def test_the_driver_floor_moves_with_the_cuda_major() -> None:
    new = ("pytorch 2.9.0 cuda130_mkl_py312_h0_300", "cuda-version 13.0 h0_3", *GPU[2:])
    assert ("driver", "driver floor", "525.60.13", "580.65.06") in kinds(difference({CUDA: lock_of(*GPU)}, {CUDA: lock_of(*new)}))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("cudnn 9.10.1.4 h0_0", "cudnn 9.13.0.50 h0_0", ("cudnn", "cuDNN", "9.10.1.4", "9.13.0.50")),
        ("python 3.12.11 h9_0_cpython", "python 3.13.5 h9_0_cpython", ("python", "python", "3.12.11", "3.13.5")),
        ("python 3.12.10 h9_0_cpython", "python 3.12.11 h9_0_cpython", ("upgrade", "python", "3.12.10", "3.12.11")),
        (TORCH_CUDA, "pytorch 2.8.0 cuda126_mkl_py312_h0_300", ("framework", "pytorch", "2.7.1", "2.8.0")),
        ("numpy 2.2.6 py312h1_0", "numpy 2.1.3 py312h1_0", ("downgrade", "numpy", "2.2.6", "2.1.3")),
        ("jpeg 9e h1_0", "jpeg 9d h1_0", ("downgrade", "jpeg", "9e", "9d")),
        ("jpeg 9e h1_0", "jpeg 9f h1_0", ("upgrade", "jpeg", "9e", "9f")),
        ("numpy 2.2.6 py312h1_0", "numpy 2.2.6 py312h2_1", ("rebuild", "numpy", "2.2.6", "2.2.6")),
        ("numpy 2.2.6 py312h1_0", "pip numpy 2.2.6", ("source", "numpy", "conda", "pip")),
    ],
)
def test_a_change_has_the_kind_that_matters_most(old: str, new: str, expected: tuple[str, str, str, str]) -> None:
    assert expected in moved(old, new)
    assert sum(row[1] == expected[1] for row in moved(old, new)) == 1


def test_packages_that_come_and_go() -> None:
    found = difference({CUDA: lock_of(*GPU, "tomli 2.0 h0_0")}, {CUDA: lock_of(*GPU, "rich 14.0 h0_0")})
    assert kinds(found) == [("removed", "tomli", "2.0", ""), ("added", "rich", "", "14.0")]


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (entry(GPU[3], sha="1" * 64), ("hash", "numpy", "sha256:111111111111")),
        (entry(GPU[3], channel="https://conda.anaconda.org/evil", sha="1" * 64), ("source", "numpy", "evil")),
        (
            entry(GPU[3], channel="https://mirror.example.org/conda-forge", sha="2" * 64),
            ("source", "numpy", "https://mirror.example.org/conda-forge"),
        ),
        (re.sub(r"  hash:\n.*\n", "  hash: {}\n", entry(GPU[3])), ("hash", "numpy", "")),
    ],
)
def test_another_content_or_source_at_the_same_version_is_a_red_flag(new: str, expected: tuple[str, str, str]) -> None:
    rest = [entry(spec) for spec in GPU if not spec.startswith("numpy")]
    found = difference({CUDA: lock_text([*rest, entry(GPU[3])])}, {CUDA: lock_text([*rest, new])})
    assert expected in [(change.kind, change.name, change.new) for change in found.changes]
    if expected[0] == "hash":
        assert "RED FLAG: 1 package" in report.diff_text(found).splitlines()[0]
        assert "[!CAUTION]" in markdown.diff_markdown(found)


def of_file(*specs: str) -> Mapping[str, tuple[Lock, ...]]:
    """An environment file with these specs, those with `==` for pip, read by its path."""
    conda, pip = ([f"  - {spec}" for spec in specs if ("==" in spec) == wheel] for wheel in (False, True))
    text = "\n".join(["dependencies:", *conda, *(["  - pip:", *(f"  {line}" for line in pip)] if pip else [])])
    return {"environment.yml": (read_environment_file(f"{text}\n", "environment.yml"),)}


def test_what_an_environment_file_does_not_pin_is_told_so() -> None:
    old, new = (
        of_file("pytorch", "numpy=2.2", "tqdm", "flask==3.1", "zlib=1.3"),
        of_file("pytorch=2.5", "numpy", "flask=3.1", "zlib=1.3"),
    )
    names = frozenset({"environment.yml"})
    sides = (Snapshot(name=name, names=names, locks=locks) for name, locks in (("main", old), ("branch", new)))
    found = compare(*sides, real_matrix())
    assert report.diff_text(found).splitlines()[1:] == [
        "",
        "Another source, or the same version with another content (1)",
        "  pip -> conda: flask 3.1",
        "",
        "Frameworks (1)",
        "  pytorch not pinned -> 2.5",
        "",
        "Removed (1)",
        "  tqdm",
        "",
        "Upgrades (1)",
        "  numpy 2.2 -> not pinned",
    ]


def test_the_same_content_from_a_mirror_is_no_red_flag() -> None:
    same = "7" * 64
    old, new = entry(GPU[3], sha=same), entry(GPU[3], sha=same, channel="https://mirror.example.org/conda-forge")
    found = difference({CUDA: lock_text([old])}, {CUDA: lock_text([new])})
    assert [change.kind for change in found.changes] == ["address"]


def test_versions_that_are_now_apart_between_cpu_and_cuda() -> None:
    cpu = (TORCH_CPU, "numpy 2.2.6 py312h1_0")
    found = difference(
        {CPU: lock_of(*cpu), CUDA: lock_of(*GPU)}, {CPU: lock_of(TORCH_CPU, "numpy 2.3.1 py312h1_0"), CUDA: lock_of(*GPU)}
    )
    assert ("apart", "numpy", "2.3.1", "2.2.6") in kinds(found)
    again = difference(
        {CPU: lock_of(TORCH_CPU, "numpy 2.3.1 py312h1_0"), CUDA: lock_of(*GPU)}, {CPU: lock_of(*cpu), CUDA: lock_of(*GPU)}
    )
    assert not again.of("apart")


def test_the_same_change_in_all_cells_is_one_line() -> None:
    places = [f"environments/{project}/{target}/conda-lock.yml" for project in "ab" for target in ("cpu", "cu126")]
    old, new = (
        {place: lock_of(f"numpy {version} h0_0", "tomli 2.0 h0_0", platforms="linux-64, win-64") for place in places}
        for version in ("2.3.1", "2.3.2")
    )
    assert "  numpy 2.3.1 -> 2.3.2 in all 8 cells\n" in f"{report.diff_text(difference(old, new))}\n"
    some = {**new, places[0]: old[places[0]]}
    assert "  numpy 2.3.1 -> 2.3.2 in all 6 cells that change\n" in f"{report.diff_text(difference(old, some))}\n"


def test_a_change_in_some_cells_names_projects_locks_and_platforms() -> None:
    places = [f"environments/{project}/{target}/conda-lock.yml" for project in "ab" for target in ("cpu", "cu126")]
    both = "linux-64, win-64"
    old = {place: lock_of("numpy 1.0 h0_0", "rich 1.0 h0_0", platforms=both) for place in places}
    new = {place: lock_of("numpy 1.0 h0_0", "rich 2.0 h0_0", platforms=both) for place in places}
    new[places[0]] = lock_of("numpy 2.0 h0_0", "rich 2.0 h0_0", platforms=both)
    new[places[1]] = lock_of("numpy 2.0 h0_0", "rich 2.0 h0_0", platforms=both)
    one = [entry("numpy 2.0 h0_0", "linux-64"), entry("numpy 1.0 h0_0", "win-64")]
    new[places[2]] = lock_text([*one, *(entry("rich 2.0 h0_0", platform) for platform in both.split(", "))], both)
    assert "  numpy 1.0 -> 2.0 in a, b/cpu (linux-64)" in report.diff_text(difference(old, new)).splitlines()


def test_locks_that_come_go_or_are_renamed() -> None:
    renamed = "environments/app/gpu/conda-lock.yml"
    old = {CUDA: lock_of(*GPU), "x/conda-lock.yml": lock_of("rich 1.0 h0_0")}
    new = {renamed: lock_of(*GPU[:-2], "numpy 2.3.0 py312h1_0", GPU[-1]), CPU: lock_of(TORCH_CPU)}
    found = difference(old, new)
    assert found.renamed == ((CUDA, renamed),)
    assert kinds(found) == [("upgrade", "numpy", "2.2.6", "2.3.0")]
    text = report.diff_text(found)
    assert "app/cu126 -> app/gpu: renamed" in text
    assert "+ app/cpu linux-64: cpu, 1 package" in text
    assert "- x/conda-lock.yml linux-64: none, 1 package" in text


def test_an_unread_lock_is_told_and_its_packages_do_not_seem_to_be_gone() -> None:
    base = side("main", {CUDA: lock_of(*GPU)})
    head = Snapshot(name="branch", names=frozenset({CUDA}), locks={}, unread={CUDA: "line 3: a merge conflict"})
    found = compare(base, head, real_matrix())
    assert (found.went, found.changes, found.unread_in_head) == ((), (), True)
    assert "in branch: line 3: a merge conflict" in report.diff_text(found)


def test_everything_is_in_the_json() -> None:
    found = difference({CUDA: lock_of(*GPU)}, {CUDA: lock_of(TORCH_CPU, *GPU[1:])})
    data = json.loads(report.diff_json(found))
    assert [(row["kind"], row["name"], row["from"], row["to"]) for row in data["changes"]] == [
        (kind, name, old or None, new or None) for kind, name, old, new in kinds(found)
    ]
    assert data["changes"][0]["cells"] == [{"lock": CUDA, "environment": "", "platform": "linux-64", "name": "app/cu126"}]


# --- pages and comments ---------------------------------------------------------------------------------------------------


def many(count: int, length: int = 0) -> Difference:
    """Many upgrades, downgrades, and packages that come and go, with long names."""
    pad = "x" * length
    old = [f"p{number}{pad} {2 + number % 2}.0 h0_0" for number in range(count)] + [
        f"gone{number}{pad} 1.0 h0_0" for number in range(count)
    ]
    new = [f"p{number}{pad} {3 - number % 2}.5 h0_0" for number in range(count)] + [
        f"came{number}{pad} 1.0 h0_0" for number in range(count)
    ]
    return difference({CUDA: lock_of(*old, TORCH_CUDA, "cuda-version 12.6 h0_0")}, {CUDA: lock_of(*new, TORCH_CPU)})


@pytest.mark.parametrize(("count", "length"), [(5, 0), (300, 0), (1500, 150)])
def test_a_comment_fits_and_says_what_it_cut(count: int, length: int) -> None:
    found = many(count, length)
    text = markdown.diff_markdown(found)
    assert len(text) <= markdown.LONGEST
    assert text.count("<details>") == text.count("</details>")
    shown = len(re.findall(r"^- `p\d+x*` ", text, re.MULTILINE))
    cut = sum(int(number.replace(",", "")) for number in re.findall(r"([\d,]+) of [\d,]+ lines of “(?:Up|Down)grades", text))
    assert shown + cut == count
    assert ("Cut to fit" in text) == (count == 1500)
    assert text.index("`CUDA 12.6` → ") < 500


def test_a_line_is_at_most_80_columns() -> None:
    assert max(map(len, report.diff_text(many(300, 60), everything=True).splitlines())) <= 80


EVIL = [
    "<img src=x onerror=alert(1)>",
    "`tick`",
    "a|b",
    "@everyone",
    "[x](javascript:alert(1))",
    "</details>",
    "</code><b>",
    "::error::x",
    "a\nb",
]


@pytest.mark.parametrize("evil", EVIL)
def test_nothing_from_a_lock_is_markup(evil: str) -> None:
    """Even names that the reader of locks would refuse: a comment and a page must not depend on it."""
    cells = (CellPlace(evil, evil, evil), CellPlace("x", evil, evil))
    changes = tuple(LockChange(kind=kind, name=evil, old=evil, new=evil, detail=evil, cells=cells[:1]) for kind in KINDS)
    resized = (Resized(place=cells[0], old=1, new=10**9),)
    found = Difference(
        resized=resized,
        base=evil,
        head=evil,
        compared=1,
        changed=cells,
        known=cells,
        changes=changes,
        unread=((evil, evil, evil),),
        renamed=((evil, evil),),
    )
    text, html = markdown.diff_markdown(found), page.diff_page(found)
    outside = re.sub(
        r"(`+)(?!`).*?(?<!`)\1(?!`)", "", re.sub(r"^</details>$", "", text.removeprefix(markdown.MARK), flags=re.MULTILINE)
    )
    assert not re.search(r"onerror|everyone|javascript|</details>|</code>|tick|\n::", outside)
    assert not re.search(r"<img|</code><b>|</details>", html)


def test_a_page_has_every_change_and_no_script() -> None:
    html = page.diff_page(many(300))
    assert len(re.findall(r"<code>p\d+</code>", html)) == 300
    assert "<script" not in html
    assert "default-src 'none'" in html


# --- what is read -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", sorted((REPO / "environments").glob("*/*/conda-lock.yml")), ids=lambda path: "/".join(path.parts[-3:-1])
)
def test_locks_that_share_packages_are_read_as_each_alone(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    alone, known = read_lock(text, "x"), dict[str, LockedPackage]()
    for _ in range(2):
        together = read_similar(text, "x", known)
        assert together.packages == tuple(replace(package, at=None) for package in alone.packages)
        assert (together.environment, together.format) == (alone.environment, alone.format)


@pytest.mark.parametrize(
    "text",
    [
        lock_of(*GPU).replace("category: main", "category: dev", 1),
        lock_of(*GPU).replace("- name: numpy", '- name: "numpy"'),
        lock_of(*GPU).replace("platforms: [linux-64]", "platforms:\n  - linux-64"),
        lock_text([entry(GPU[0]), entry(GPU[0]).replace("category: main", "category: dev")]),
        lock_text([entry(GPU[0]), entry(GPU[0])]),
        f"# a comment\n{lock_of(*GPU)}",
    ],
)
def test_locks_in_another_spelling_are_read_alike(text: str) -> None:
    plain = [replace(package, at=None) for package in read_lock(text, "x").packages]
    assert [replace(package, at=None) for package in read_similar(text, "x", {}).packages] == plain


@pytest.mark.parametrize(
    "text",
    [
        lock_of(*GPU)[:-30],
        lock_of(*GPU).rstrip(),
        lock_of(*GPU).replace("version: 1", "version: 2", 1),
        lock_of(*GPU).replace("- name: numpy", "<<<<<<< a\n- name: numpy"),
        f"<<<<<<< a\n{lock_of(*GPU)}",
        lock_of(*GPU).replace("name: numpy", "name: num$py"),
        lock_of(*GPU).replace("package:", "packages:"),
        "",
    ],
)
def test_what_is_wrong_with_a_lock_is_said_alike(text: str) -> None:
    alone = refused(lambda: read_lock(text, "x"))
    assert str(refused(lambda: read_similar(text, "x", {}))) == str(alone) != "None"


def test_a_package_that_many_locks_share_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    inner = similar_locks.plain_packages
    monkeypatch.setattr(similar_locks, "plain_packages", lambda text, *rest: parsed.append(text) or inner(text, *rest))
    known: dict[str, LockedPackage] = {}
    for number in range(20):
        read_similar(lock_of(*GPU, f"own{number} 1.0 h0_0"), "x", known)
    assert len(parsed) == len(GPU) + 20


# --- the list for git ------------------------------------------------------------------------------------------------------


def test_a_list_is_sorted_and_has_a_line_for_each_package() -> None:
    lock = read_lock(lock_of("numpy 2.2.6 h0_0", "pip einops 0.8", "attrs 1 h0_0"), "x")
    names = [line.split(" sha256:")[0] for line in list_text([lock]).splitlines()]
    assert names == [
        "linux-64 attrs 1 h0_0 conda-forge",
        "linux-64 pip einops 0.8 files.example.org",
        "linux-64 numpy 2.2.6 h0_0 conda-forge",
    ]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("conda-lock.yml", True),
        ("a/b/gpu.conda-lock.yaml", True),
        ("pixi.lock", True),
        ("conda-linux-64.lock", True),
        ("requirements/explicit-linux.txt", True),
        ("uv.lock", False),
        ("requirements.txt", False),
        ("environment.yml", False),
    ],
)
def test_a_lock_is_known_by_its_name(path: str, expected: bool) -> None:
    assert is_lock(path) is expected


# --- the first screen -------------------------------------------------------------------------------------------------------

BUILDS = [
    ("pytorch", "2.7.1"),
    ("tensorflow", "2.18.0"),
    ("jaxlib", "0.7.2"),
    ("lightgbm", "4.6.0"),
    ("libtorch", "2.7.1"),
]
CUDAS = ["", "126", "128", "129", "130"]


@pytest.mark.parametrize("seed", range(8))
def test_every_flip_and_every_move_of_cuda_is_on_the_first_screen(seed: int) -> None:
    """Many environments in which builds change at random, beside hundreds of other changes: found by the build strings alone."""
    draw = Random(seed)
    old, new, expected = {}, {}, set()
    for number in range(1 + seed):
        builds = [(draw.choice(CUDAS), draw.choice(CUDAS), draw.random() < 0.5) for _ in BUILDS]
        path = f"environments/p{number}/t/conda-lock.yml"
        sides: tuple[list[str], list[str]] = ([], [])
        for (name, version), (before, after, there) in zip(BUILDS, builds, strict=True):
            for side_, cuda in zip(sides, (before, after), strict=True):
                side_ += [f"{name} {version} {f'cuda{cuda}_py312_h0_0' if cuda else 'cpu_py312_h0_0'}"] if there else []
            if there and before != after and name != "libtorch":
                expected.add((name, *(f"CUDA {cuda[:2]}.{cuda[2]}" if cuda else "CPU" for cuda in (before, after))))
        old[path] = lock_of(*sides[0], *(f"lib{number}x{row} 1.0 h0_0" for row in range(20)))
        new[path] = lock_of(*sides[1], *(f"lib{number}x{row} 0.9 h0_0" for row in range(20)))
    screen = " ".join(" ".join(report.diff_text(difference(old, new)).splitlines()[:20]).split())
    for name, before, after in expected:
        lines = re.findall(rf"{re.escape(before)} -> {re.escape(after)}: (.*?)(?= in |$| CUDA|CPU)", screen)
        shown = {re.sub(r" .*", "", part) for line in lines for part in line.split(", ")} | {"jax"}
        assert {"jaxlib": "jax"}.get(name, name) in shown or "the" in shown, (name, before, after, screen)
