"""Bad input, through the command line: the exit code, the address, a next step, no traceback, and nothing lost."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from conftest import REPO, Run, Workspace, clean_environment, repository
from system.channel import PROJECT

FILE = "environments/p/project.yaml"
TEMPLATE = "templates/environment.yml.j2"
LOCK = "environments/p/cu126/conda-lock.yml"
Change = Callable[[Path], object]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, index: Path) -> Workspace:
    """A repository in which all is well: project `p`, locked."""
    folder = tmp_path_factory.mktemp("good")
    good = repository(folder / "repository", clean_environment(folder))
    good.project("p", PROJECT)
    done = good.envgen("lock", "--index", index)
    assert done.status == 0, done.err
    return good


@pytest.fixture
def site(good: Workspace, tmp_path: Path) -> Workspace:
    """A copy of it, to spoil."""
    shutil.copytree(good.root, tmp_path / "repository")
    return Workspace(tmp_path / "repository", good.environment)


def refused(site: Workspace, status: int, start: str, *words: object) -> Run:
    """The command ends as it should, says so beginning with `start`, gives a next step, and leaves every file as it was."""
    before = site.files()
    done = site.envgen(*words)
    assert "Traceback" not in done.err
    assert done.err.startswith(f"error: {start}"), done.err
    assert "\n\nhint: " in done.err
    assert done.err.rpartition("\n\nhint: ")[2].strip()
    assert (done.status, done.out) == (status, "")
    assert site.files() == before
    return done


def misused(site: Workspace, said: str, *words: object) -> None:
    """The same for what the option parser refuses: what is wrong, then where to read on."""
    before = site.files()
    done = site.envgen(*words)
    assert done.status == 2
    assert done.err.startswith("error: ") and said in done.err.partition("\n\nhint: ")[0]
    assert re.search(r"\n\nhint: see `envgen( \S+)* --help`\n\Z", done.err)
    assert (done.out, site.files()) == ("", before)


def replaced(*pairs: tuple[str, str], file: str = FILE) -> Change:
    """Change one file: every old text must be in it."""

    def change(root: Path) -> None:
        text = (root / file).read_text()
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new, 1)
        (root / file).write_text(text)

    return change


def added(text: str, file: str = FILE) -> Change:
    return lambda root: (root / file).write_text((root / file).read_text() + text)


def written(data: str | bytes, file: str = FILE) -> Change:
    return lambda root: (root / file).write_bytes(data if isinstance(data, bytes) else data.encode())


# --- the project file -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "start", "hint"),
    [
        (replaced(("cu126]", "cu126")), f"{FILE}:4:10: not YAML: ", "fix the line"),
        (replaced(("platforms", "\tplatforms")), f"{FILE}:4:1: not YAML: ", "fix the line"),
        (written(""), f"{FILE}:1:1: python is missing", "add it"),
        (written("- a\n- b\n"), f"{FILE}:1:1: the file: expected a mapping", ""),
        (written(b"\xff\xfe\x00"), f"{FILE}:1:1: not UTF-8 text: byte 0xff", "UTF-8"),
        (
            added("<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> other\n"),
            f"{FILE}:7:1: this file has an unresolved merge conflict",
            "keep one side",
        ),
        (replaced(("dependencies", "dependancies")), f"{FILE}:6:1: dependancies: unknown key", "did you mean `dependencies`?"),
        (added('python: "3.12"\n'), f"{FILE}:7:1: `python` is written twice", "keep one"),
        (replaced(("cu126", "cu127")), f"{FILE}:3:16: `cu127`: no target has this CUDA version", "the nearest are cu12"),
        (
            replaced(("linux-64", "linux-65")),
            f"{FILE}:4:13: no target supports the platform `linux-65`",
            "did you mean `linux-64`?",
        ),
        (replaced(("pytorch", "pytroch")), f"{FILE}:2:14: no framework `pytroch` in matrices/", "did you mean `pytorch`?"),
        (
            replaced(('">=3.11,<3.13"', '"3.99"')),
            f"{FILE}:1:1: python: the matrices know no minor in 3.99",
            "the matrices know Python 3.",
        ),
        (replaced(('">=3.11,<3.13"', '">=3.12.1,<3.12.4"')), f"{FILE}:1:1: `python: >=3.12.1,<3.12.4` in minors: ", "write minors"),
        (
            replaced(('">=3.11,<3.13"', "3.10")),
            f"{FILE}:1:1: python: expected a string, got the number 3.1",
            'put it in quotes: "3.10"',
        ),
        (
            replaced(('">=3.11,<3.13"', '">=3.12,<3.11"')),
            f"{FILE}:1:1: python: no version is in the range '>=3.12,<3.11'",
            "for example",
        ),
        (
            replaced(('"2.7"', '">=2.7,<2.6"')),
            f"{FILE}:2:14: frameworks.pytorch: no version is in the range '>=2.7,<2.6'",
            "for example",
        ),
        (
            replaced(('"2.7"', '"banana"')),
            f"{FILE}:2:14: frameworks.pytorch: 'banana' is not a version range",
            "for example",
        ),
        (replaced(("numpy, ", '"numpy >=>1", ')), f"{FILE}:6:16: ", ""),
        (
            replaced(("numpy, ", "nunpy, ")),
            f"{FILE}:6:16: no channel of conda-forge has a package `nunpy`",
            "did you mean `numpy`?",
        ),
        (
            replaced(("numpy, ", "python=3.6.9, ")),
            f"{FILE}:6:16: `python=3.6.9` requests python 3.6, but ",
            "they exclude each other",
        ),
        (
            replaced(("numpy, ", "cudatoolkit=12.7, ")),
            f"{FILE}:6:16: `cudatoolkit=12.7`: no target has this CUDA version",
            "the nearest are",
        ),
        (
            replaced(("[cpu, cu126]", "{cpu: {}, cu126: {dependencies: [enops]}}")),
            f"{FILE}:3:43: no channel of conda-forge has a package `enops`",
            "did you mean `einops`?",
        ),
    ],
)
def test_a_mistake_in_the_project_file_is_told_by_its_place(
    site: Workspace, index: Path, change: Change, start: str, hint: str
) -> None:
    change(site.root)
    done = refused(site, 2, start, "lock", "--index", index)
    assert hint in done.err.rpartition("hint: ")[2]


def test_an_unknown_channel_is_told_by_its_place(site: Workspace, index: Path) -> None:
    replaced(('frameworks: {pytorch: "2.7"}\n', ""), ("conda-forge", "conda-frge"))(site.root)
    done = refused(site, 4, f"{FILE}:4:", "lock", "--index", index)
    assert f"channel `conda-frge` is not in {index}" in done.err
    assert "did you mean `conda-forge`?" in done.err


# --- names ----------------------------------------------------------------------------------------------------------------


def test_an_unknown_project_gets_a_suggestion(site: Workspace, index: Path) -> None:
    done = refused(site, 2, "environments/pp/project.yaml: there is no project `pp`", "lock", "pp", "--index", index)
    assert done.err.endswith("hint: did you mean `p`?\n")


def test_a_target_that_does_not_exist_gets_a_suggestion(site: Workspace, index: Path) -> None:
    done = refused(site, 2, "no target `cu127` in matrices/targets.yaml", "lock", "--target", "cu127", "--index", index)
    assert done.err.endswith("hint: the nearest are cu126, cu128, cu129\n")


@pytest.mark.parametrize("words", [("lock",), ("lock", "--check"), ("install",)])
def test_a_word_for_a_target_of_one_project_needs_no_other_project(site: Workspace, words: tuple[str, ...]) -> None:
    site.project("wrong", "python: {\n")
    refused(site, 2, "no target `nightly` in matrices/targets.yaml", *words, "p", "--target", "nightly")


def test_a_target_that_the_project_lacks_gets_a_suggestion(site: Workspace, index: Path) -> None:
    done = refused(site, 2, f"{FILE}:3:1: p has no target `cu129`", "lock", "p", "--target", "cu129", "--index", index)
    assert done.err.endswith("hint: did you mean `cu126`? Or add it: `envgen init --project p --target cu129`\n")


@pytest.mark.parametrize("name", ["../x", "/etc", "..", ".", "", "index", "a/b", "p/../p", "p\n", "-"])
@pytest.mark.parametrize("command", [("lock", "--offline"), ("resolve",)])
def test_a_project_name_cannot_climb_out(site: Workspace, name: str, command: tuple[str, ...]) -> None:
    refused(site, 2, f"project name {name!r} cannot be used", *command, "--", name)


@pytest.mark.parametrize("name", ["../x", "/etc", "p/cpu", ""])
def test_a_target_name_cannot_climb_out(site: Workspace, index: Path, name: str) -> None:
    refused(site, 2, f"no target `{name}` in matrices/targets.yaml", "lock", "--target", name, "--index", index)


@pytest.mark.parametrize("name", ["my project", "ünï", "-dash", "a..b", ".hidden", "tab\tname", "new\nline", "index"])
def test_a_project_folder_with_an_odd_name_is_refused_by_that_name(site: Workspace, index: Path, name: str) -> None:
    folder = site.root / "environments" / name
    folder.mkdir(exist_ok=True)
    shutil.copy(site.root / FILE, folder)
    before = site.files()
    done = site.envgen("lock", "--index", index)
    assert (done.status, site.files()) == (2, before)
    assert f"error: project name {name!r} cannot be used\n\nhint: " in done.err


# --- templates ------------------------------------------------------------------------------------------------------------

ADDED = len((REPO / TEMPLATE).read_text().splitlines()) + 1  # the line that `added` writes


@pytest.mark.parametrize(
    ("change", "start"),
    [
        (added("{% if %}\n", TEMPLATE), f"{TEMPLATE}:{ADDED}:1: not a template: "),
        (added("# {{ name | pprint }}\n", TEMPLATE), f"{TEMPLATE}:{ADDED}:1: not a template: No filter named 'pprint'"),
        (added("# {{ nothing }}\n", TEMPLATE), f"{TEMPLATE}:{ADDED}:1: cannot be rendered: 'nothing' is undefined"),
        (added("# {{ 1 // 0 }}\n", TEMPLATE), f"{TEMPLATE}:{ADDED}:1: cannot be rendered: "),
        (
            added("# {{ ''.__class__.__mro__ }}\n", TEMPLATE),
            f"{TEMPLATE}:{ADDED}:1: cannot be rendered: access to attribute '__class__'",
        ),
        (added("# {{ groups.append(1) }}\n", TEMPLATE), f"{TEMPLATE}:{ADDED}:1: cannot be rendered: "),
        (
            added("{% for i in range(9) %}{% endfor %}\n", TEMPLATE),
            f"{TEMPLATE}:{ADDED}:1: cannot be rendered: 'range' is undefined",
        ),
        (added("{% include 'environment.yml.j2' %}\n", TEMPLATE), f"{TEMPLATE}:"),
        (written("", TEMPLATE), f"{TEMPLATE}:1:1: what it renders is not a conda environment"),
        (written("- a\n- b\n", TEMPLATE), f"{TEMPLATE}:1:1: what it renders is not a conda environment"),
        (written("name: [\n", TEMPLATE), f"{TEMPLATE} (rendered):2:1: not YAML: "),
        (
            replaced(("name: {{ name }}", "name: other"), file=TEMPLATE),
            f"{TEMPLATE}:1:1: it changes name: from ",
        ),
        (
            replaced(("\ndependencies:\n", "\ndependencies:\n  - scipy\n"), file=TEMPLATE),
            f"{TEMPLATE}:1:1: it changes dependencies: from ",
        ),
        (replaced(("\nchannels:\n", "\nchannels:\n  - evil\n"), file=TEMPLATE), f"{TEMPLATE}:1:1: it changes channels: from "),
    ],
)
def test_a_template_that_does_not_render_the_environment_is_told_by_its_place(
    site: Workspace, index: Path, change: Change, start: str
) -> None:
    change(site.root)
    refused(site, 2, start, "lock", "--index", index)


@pytest.mark.parametrize(
    "name", ["../environments/p/project.yaml", "/etc/passwd", "link.j2", "folder/../../environments/p/project.yaml"]
)
def test_a_template_reads_nothing_outside_its_folder(site: Workspace, index: Path, name: str) -> None:
    (site.root / "templates" / "link.j2").symlink_to("/etc/passwd")
    added(f"{{% include '{name}' %}}\n", TEMPLATE)(site.root)
    done = refused(site, 2, f"{TEMPLATE}:{ADDED}:1: ", "lock", "--index", index)
    assert f"template {name!r} lies outside templates/" in done.err
    assert "root:" not in done.err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../environments/p/project.yaml", "lies outside templates/"),
        ("/etc/passwd", "lies outside templates/"),
        ("gpu.yml.j2", "there is no readable template 'gpu.yml.j2'"),
    ],
)
def test_a_template_that_the_project_may_not_have_is_told_by_its_place(site: Workspace, index: Path, name: str, said: str) -> None:
    added(f"template: {name}\n")(site.root)
    done = refused(site, 2, f"{FILE}:7:1: ", "lock", "--index", index)
    assert said in done.err


# --- the index ------------------------------------------------------------------------------------------------------------


def test_an_index_folder_that_does_not_exist_is_named(site: Workspace, tmp_path: Path) -> None:
    refused(
        site, 2, f"--index {tmp_path / 'nowhere'}: there is no such folder", "lock", "--update", "--index", tmp_path / "nowhere"
    )


def test_an_index_folder_without_repodata_says_what_it_must_hold(site: Workspace, tmp_path: Path) -> None:
    (tmp_path / "index" / "conda-forge" / "linux-64").mkdir(parents=True)
    done = refused(site, 2, f"{tmp_path / 'index'}: no repodata in", "lock", "--update", "--index", tmp_path / "index")
    assert done.err.endswith("hint: it must hold <channel>/<subdir>/repodata.json or repodata.json.zst\n")


def test_an_index_that_is_a_file_is_misuse(site: Workspace) -> None:
    misused(site, "'--index'", "lock", "--index", site.root / FILE)


def _spoilt(data: bytes) -> dict[str, tuple[str, bytes]]:
    """Name of a test -> a file that stands in the place of linux-64's repodata.json."""
    packed = zstandard.compress(data)
    records = json.loads(data)["packages.conda"]

    def lacking(field: str) -> bytes:
        rows = {file: {key: value for key, value in record.items() if key != field} for file, record in records.items()}
        return json.dumps({"packages": {}, "packages.conda": rows}).encode()

    return {
        "no-zst": ("repodata.json.zst", b"nonsense"),
        "half-a-zst": ("repodata.json.zst", packed[: len(packed) // 2]),
        "empty-zst": ("repodata.json.zst", b""),
        "half-a-file": ("repodata.json", data[: len(data) // 2]),
        "empty-file": ("repodata.json", b""),
        "no-json": ("repodata.json", b"<html>404</html>"),
        "no-text": ("repodata.json", b"\xff\xfe\x00"),
        "a-list": ("repodata.json", b"[]"),
        "records-that-are-text": ("repodata.json", json.dumps({"packages.conda": dict.fromkeys(records, "text")}).encode()),
        **{f"no-{field}": ("repodata.json", lacking(field)) for field in ("name", "version", "build", "build_number")},
    }


SPOILT = ["no-zst", "half-a-zst", "empty-zst", "half-a-file", "empty-file", "no-json", "no-text", "a-list", "records-that-are-text"]
SPOILT += ["no-name", "no-version", "no-build", "no-build_number"]


@pytest.mark.parametrize("kind", SPOILT)
def test_repodata_that_cannot_be_read_is_named(site: Workspace, index: Path, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "index" / "conda-forge" / "linux-64"
    shutil.copytree(index, tmp_path / "index")
    name, data = _spoilt((folder / "repodata.json").read_bytes())[kind]
    (folder / "repodata.json").unlink()
    (folder / name).write_bytes(data)
    refused(site, 2, str(folder), "lock", "--update", "--index", tmp_path / "index")


def test_offline_without_a_recorded_index_says_so(site: Workspace) -> None:
    shutil.rmtree(site.root / "environments" / "index")
    refused(site, 2, "environments/index: no repodata in this index folder", "lock", "--update", "--offline")


@pytest.mark.parametrize("text", ["{", "", "<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> other\n", "[]"])
def test_a_recorded_index_that_cannot_be_read_is_named_before_anything_is_written(site: Workspace, index: Path, text: str) -> None:
    file = "environments/index/conda-forge/noarch/repodata.json"
    written(text, file)(site.root)
    replaced((", einops", ""))(site.root)
    refused(site, 2, file, "lock", "--index", index)


# --- no answer ------------------------------------------------------------------------------------------------------------


def test_without_a_solution_the_users_words_come_first_then_proven_repairs_then_the_solvers_words_once(
    site: Workspace, index: Path
) -> None:
    replaced(("einops", "needs-old-numpy, needs-new-numpy"))(site.root)
    done = refused(
        site,
        4,
        f"{FILE}:6:23: p: for cpu on linux-64 these have no solution together in {index}; without any one of them there is one:\n"
        f"  {FILE}:6:23: needs-old-numpy\n"
        f"  {FILE}:6:40: needs-new-numpy\n"
        "\n"
        "repairs, nearest first, each tried with the solver:\n"
        "  1. drop needs-old-numpy\n"
        "       cpu, cu126: pytorch 2.7.1, python 3.12\n"
        "  2. drop needs-new-numpy\n"
        "       cpu, cu126: pytorch 2.7.1, python 3.12\n"
        "\n"
        "the solver says of the best choice:\n"
        f"p-cpu on linux-64: no solution in {index}\nCannot solve the request because of: ",
        "lock",
        "--index",
        index,
    )
    tree = done.err.partition("\nrequested:\n")[0]
    assert "├─ needs-new-numpy" in tree
    assert "needs-old-numpy 1.0 would require" in tree
    assert "\nrequested:\n  - python 3.12.*\n  - pytorch 2.7.1.* cpu_*\n" in done.err
    assert done.err.count("Cannot solve the request") == 1


def test_a_version_that_nobody_has_is_no_solution(site: Workspace, index: Path) -> None:
    replaced(("numpy,", '"numpy >=99",'))(site.root)
    done = refused(
        site, 4, f"{FILE}:6:16: p: for cpu on linux-64 these have no solution together in {index};", "lock", "--index", index
    )
    assert "\n  1. numpy >=99 -> numpy\n       cpu, cu126: pytorch 2.7.1, python 3.12\n  2. drop numpy >=99\n" in done.err
    assert "No candidates were found for numpy >=99." in done.err


def test_demands_that_clash_are_told_with_their_addresses_and_proven_ways_out(site: Workspace, index: Path) -> None:
    added('driver: ">=450"\n')(site.root)
    done = refused(site, 3, f"{FILE}:1:1: p: no choice meets every requirement\n", "lock", "--index", index)
    assert f"\n  {FILE}:3:16: target cu126\n  {FILE}:7:1: driver 450\n  matrices/cuda.yaml:" in done.err
    assert ": CUDA 12.6 needs driver 525.60.13 or newer on Linux" in done.err
    assert "\n  1. driver 450 -> 525.60.13 on every machine\n       cpu, cu126: pytorch 2.7.1, python 3.12\n" in done.err


def test_a_clash_is_json_for_a_machine(site: Workspace) -> None:
    added('driver: ">=450"\n')(site.root)
    done = site.envgen("resolve", "p", "--json")
    assert done.status == 3
    told = json.loads(done.out)
    assert [row["text"] for row in told["demands"]] == ["target cu126", "driver 450"]
    assert told["ways_out"][0]["changes"] == ["driver 450 -> 525.60.13 on every machine"]


def test_what_the_index_lacks_is_named_with_the_fact_and_the_releases_that_it_has(site: Workspace, index: Path) -> None:
    """The matrix says that pytorch 2.1 can be had for cu126; the records have no such build, with any python asked for."""
    replaced(('"2.7"', '"2.1"'))(site.root)
    done = refused(site, 4, f"{FILE}:2:14: p: for cpu these have no solution together in {index};", "lock", "--index", index)
    assert f"\n  {FILE}:2:14: pytorch 2.1\n  matrices/pytorch.yaml:" in done.err
    assert ": the index holds no CPU build of pytorch 2.1.2 for linux-64 that this project can use\n" in done.err
    assert "\n  1. pytorch 2.1 -> 2.7.1\n       cpu, cu126: pytorch 2.7.1, python 3.12\n" in done.err
    assert "the solver says of the best choice:\np-cpu on linux-64: no solution in" in done.err
    assert "No candidates were found for pytorch 2.1.2.* cpu_*." in done.err
    assert "`envgen matrix verify`" in done.err


def test_a_python_that_the_index_lacks_is_one_of_the_requirements(site: Workspace, index: Path) -> None:
    replaced(('">=3.11,<3.13"', '"3.13"'))(site.root)
    done = refused(site, 4, f"{FILE}:", "lock", "--index", index)
    assert f"\n  {FILE}:1:1: python 3.13\n" in done.err
    assert "\n  1. python 3.13 -> 3.12\n" in done.err


def test_the_recorded_index_is_not_taken_for_the_channels(site: Workspace, index: Path) -> None:
    """It has what is locked: what it lacks, a channel may have."""
    assert site.envgen("lock", "--index", index).status == 0
    replaced(("numpy,", '"numpy >=99",'))(site.root)
    done = refused(
        site, 4, f"{FILE}:6:16: p: for cpu on linux-64 these have no solution together in the recorded index (", "lock", "--offline"
    )
    assert done.err.endswith(" has only the packages of the committed locks: lock from live channels, or give --index DIR\n")
    replaced(('"numpy >=99",', "nowhere,"))(site.root)
    refused(site, 2, f"{FILE}:6:16: the recorded index (environments/index) has no package `nowhere`\n", "lock", "--offline")


# --- old locks ------------------------------------------------------------------------------------------------------------


def _line(text: str, start: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if line.startswith(start))


@pytest.mark.parametrize("part", [0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("target", ["cpu", "cu126"])
def test_a_half_written_lock_is_never_taken_for_a_lock(site: Workspace, index: Path, part: float, target: str) -> None:
    file = f"environments/p/{target}/conda-lock.yml"
    text = (site.root / file).read_text()
    written(text[: int(len(text) * part)].rstrip("\n"), file)(site.root)
    done = refused(site, 2, f"{file}:", "lock", "--index", index)
    assert done.err.startswith(f"error: {file}:{(site.root / file).read_text().count(chr(10)) + 1}:1: this lock is truncated\n")


def test_a_lock_that_lost_its_last_package_is_not_taken_for_a_lock(site: Workspace, index: Path) -> None:
    text = (site.root / LOCK).read_text()
    written(text[: text.rindex("- name: ")], LOCK)(site.root)
    start = f"{LOCK}:{_line(text, 'package:')}:1: the packages of this lock were changed after it was written"
    refused(site, 2, start, "lock", "--index", index)


def test_a_merge_conflict_in_a_lock_is_told_by_its_line(site: Workspace, index: Path) -> None:
    text = (site.root / LOCK).read_text()
    replaced(("- name: numpy\n", "<<<<<<< HEAD\n- name: numpy\n=======\n- name: numpi\n>>>>>>> other\n"), file=LOCK)(site.root)
    start = f"{LOCK}:{_line(text, '- name: numpy')}:1: this lock has an unresolved merge conflict"
    done = refused(site, 2, start, "lock", "--index", index)
    assert "git checkout" in done.err


def test_a_lock_edited_by_hand_is_refused(site: Workspace, index: Path) -> None:
    text = (site.root / LOCK).read_text()
    replaced(("2.2.6", "2.2.5"), file=LOCK)(site.root)
    start = f"{LOCK}:{_line(text, 'package:')}:1: the packages of this lock were changed after it was written"
    refused(site, 2, start, "lock", "--index", index)


@pytest.mark.parametrize(
    "pair",
    [
        ("envgen-downloads: linux-64 ", "envgen-downloads: rubbish, "),
        ("envgen-downloads: linux-64 ", "envgen-downloads: linux-64 many "),
        ("envgen-chosen: python 3.12, ", "envgen-chosen: python, "),
        ("envgen-chosen: python 3.12, ", "envgen-chosen: python x.y, "),
        ("envgen-chosen: python 3.12, ", "envgen-chosen: "),
        ("  custom_metadata:", "  custom_metadata: ["),
    ],
)
def test_a_stamp_edited_by_hand_is_refused_by_its_place(site: Workspace, index: Path, pair: tuple[str, str]) -> None:
    replaced(pair, file=LOCK)(site.root)
    refused(site, 2, f"{LOCK}:", "lock", "--index", index)


def test_a_lock_of_bytes_that_are_no_text_is_refused(site: Workspace, index: Path) -> None:
    written(b"\xff\xfe", LOCK)(site.root)
    refused(site, 2, f"{LOCK}: cannot be read: ", "lock", "--index", index)


@pytest.mark.parametrize("file", ["environment.yml", "virtual-packages.yml"])
def test_a_spoilt_rendered_file_is_made_again(site: Workspace, index: Path, good: Workspace, file: str) -> None:
    written("name: [\n", f"environments/p/cpu/{file}")(site.root)
    done = site.envgen("lock", "--index", index)
    assert (done.status, site.files()) == (0, good.files())


# --- the command line and the root ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", ["0", "-1", "many", "257"])
def test_jobs_that_make_no_sense_are_misuse(site: Workspace, jobs: str) -> None:
    misused(site, "invalid value for '--jobs'", "lock", "--jobs", jobs)


def test_misspelt_commands_and_options_get_a_suggestion(site: Workspace) -> None:
    misused(site, "no such command 'lokc'", "lokc")
    misused(site, "no such option", "lock", "--tagret", "cpu")


def test_offline_excludes_an_index_folder(site: Workspace, index: Path) -> None:
    misused(site, "--offline and --index exclude each other", "lock", "--offline", "--index", index)


def test_no_project_at_all_says_how_to_begin(site: Workspace, index: Path) -> None:
    shutil.rmtree(site.root / "environments")
    done = refused(site, 2, "environments: there is no project", "lock", "--index", index)
    assert "envgen init --project" in done.err


def test_no_matrices_says_how_to_begin(site: Workspace, index: Path) -> None:
    shutil.rmtree(site.root / "matrices")
    done = refused(site, 2, f"no `matrices/` in {site.root} or above it", "lock", "--index", index)
    assert "envgen init --project" in done.err


@pytest.mark.parametrize(
    ("change", "start"),
    [
        (written("framework: [\n", "matrices/pytorch.yaml"), "matrices/pytorch.yaml:2:1: not YAML: "),
        (added("gups: []\n", "matrices/gpus.yaml"), "matrices/gpus.yaml:"),
        (lambda root: (root / "matrices" / "cuda.yaml").unlink(), "matrices/cuda.yaml: there is no such file"),
        (lambda root: shutil.rmtree(root / "templates"), ""),
    ],
)
def test_a_spoilt_root_is_told_by_its_place(site: Workspace, index: Path, change: Change, start: str) -> None:
    change(site.root)
    refused(site, 2, start, "lock", "--index", index)


def test_a_root_that_is_none_is_named(site: Workspace, tmp_path: Path) -> None:
    misused(site, "'--root'", "--root", tmp_path / "nowhere", "lock")
    (tmp_path / "empty").mkdir()
    refused(site, 2, "environments: there is no project", "--root", tmp_path / "empty", "lock")


def test_one_bad_project_does_not_keep_the_others_from_being_locked(site: Workspace, index: Path) -> None:
    site.project("a", PROJECT)
    site.project("z", PROJECT.replace("numpy", "nunpy"))
    done = site.envgen("lock", "--index", index)
    assert (done.status, "error: environments/z/project.yaml:6:16: " in done.err) == (2, True), done.err
    assert "error: 1 of 3 projects were not locked: z" in done.err
    assert {name.split("/")[0] for name in site.files() if name.endswith("conda-lock.yml")} == {"a", "p"}
