"""Files that are not what their names say: `init --from` and `lock --merge` refuse each with its place and a reason."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from unit.small import real_matrix

from envgen.files import write_files
from envgen.formats.selectors import scalar
from envgen.install import wheels
from envgen.migrate.draft import DraftRow, ProjectDraft
from envgen.migrate.merge import merged
from envgen.migrate.read import read_contents
from envgen.migrate.text import project_text
from envgen.model.errors import BadInput, NoSolution
from envgen.model.layout import Layout
from envgen.model.resolution import RenderedFile
from envgen.shards.result_file import read_result
from envgen.shards.results import FolderResults
from envgen.shards.work_plan import read_plan

HEAD = '[workspace]\nname = "w"\nchannels = ["conda-forge"]\nplatforms = ["linux-64"]\n'
MANIFESTS = {
    "tool = 3": "the files ask for no package",
    "[workspace]\nplatforms = 3": "pixi.toml:2:1: expected a list `platforms`",
    "[project]\nchannels = 'x'": "pixi.toml:2:1: expected a list `channels`",
    f"{HEAD}[environments]\ngpu = {{features = 3}}": "pixi.toml:6:1: expected a list `features`",
    f"{HEAD}[feature.gpu]\nchannels = 1.5\n[environments]\ngpu = ['gpu']": "pixi.toml:6:1: expected a list `channels`",
    f"{HEAD}[feature.gpu]\nplatforms = true\n[environments]\ngpu = ['gpu']": "pixi.toml:6:1: expected a list `platforms`",
    f"{HEAD}[dependencies]\nnumpy = '*'\n[system-requirements]\ncuda = [1]": "pixi.toml:1:1: not a version of CUDA: '[1]'",
}
LISTS = "files:\n  all:\n    output: conda\n    includes: [run]\ndependencies:\n  run:\n"
RAPIDS = {
    "files:\n  all: 3\ndependencies: {}\n": "dependencies.yaml:2:3: expected a file with `output:` and `includes:`",
    "files:\n  all: {output: conda, includes: 3}\ndependencies: {}\n": "dependencies.yaml:2:24: expected a list `includes:`",
    f"{LISTS}    common: 3\n": "dependencies.yaml:7:5: expected a list `common:`",
    f"{LISTS}    common: [3]\n": "dependencies.yaml:7:14: expected a mapping",
    f"{LISTS}    common: [{{output_types: conda, packages: x}}]\n": "dependencies.yaml:7:36: expected a list `packages:`",
    f"{LISTS}    specific: [{{output_types: conda, matrices: [{{matrix: 3}}]}}]\n": "dependencies.yaml:7:50: expected a mapping `matrix:`",
    f"channels: 3\n{LISTS}    common: [{{output_types: conda, packages: [numpy]}}]\n": "dependencies.yaml:1:1: expected a list `channels:`",
}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [*(("pixi.toml", *row) for row in MANIFESTS.items()), *(("dependencies.yaml", *row) for row in RAPIDS.items())],
)
def test_a_value_of_another_kind_is_named_with_its_place(name: str, text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as found:
        merged(real_matrix(), [read_contents(tmp_path / name, name)], "p")
    assert said in str(found.value).splitlines()[0]


# What ends a line for YAML or for Python, what a terminal obeys, and what ends a text in quotes.
HOSTILE = [
    "a\npython: '2'",
    "a\r\nb",
    "a\x85b",
    "a\u2028b",
    "\x1b[31mred\x07",
    'a >=1"',
    "b\\c >1",
    "'",
    "# x",
    "- y",
    " lead ",
    "x: y",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_the_name_of_a_file_adds_no_key_to_the_project_that_is_made_of_it(name: str) -> None:
    text = project_text(drafted(sources=(f"{name}/environment.yml", "b.yml")))
    comment, rest = text.split("\n", 1)
    assert rest == project_text(drafted(sources=("b.yml",))).split("\n", 1)[1]
    assert comment.startswith("# What this project requests, brought in from ")
    assert comment.endswith("/environment.yml, b.yml.")
    assert comment.isprintable()


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("key", ["dependencies", "pip", "channels"])
def test_a_value_of_another_file_is_the_same_value_in_the_project(key: str, value: str) -> None:
    text = project_text(drafted(**{key: (value, "numpy")}))
    assert yaml.safe_load(text)[key] == [value, "numpy"]
    long = yaml.safe_load(project_text(drafted(**{key: (value, "numpy" * 40)})))
    assert long[key] == [value, "numpy" * 40]
    own = project_text(drafted(targets=(DraftRow(key="cpu", dependencies=(value, "numpy" * 40)),)))
    assert yaml.safe_load(own)["targets"] == {"cpu": {"dependencies": [value, "numpy" * 40]}}


@pytest.mark.parametrize("value", HOSTILE)
def test_a_text_in_environment_yml_is_one_line_and_the_same_text(value: str) -> None:
    assert scalar(value).isprintable()
    assert yaml.safe_load(f"a:\n  - {scalar(value)}\n") == {"a": [value]}


def drafted(**keys: Any) -> ProjectDraft:
    found: dict[str, Any] = {
        "targets": (DraftRow(key="cpu"),), "platforms": ("linux-64",), "channels": (), "dependencies": (), "pip": (), **keys
    }  # fmt: skip
    return ProjectDraft(name="p", python="3.11", frameworks={}, **found)


def test_a_python_that_is_no_range_is_not_carried_over(tmp_path: Path) -> None:
    (tmp_path / "environment.yml").write_text("dependencies:\n  - python >=3.8,=x\n  - numpy\n", encoding="utf-8")
    draft = merged(real_matrix(), [read_contents(tmp_path / "environment.yml", "environment.yml")], "p")
    assert [(one.text, str(one.at), one.why) for one in draft.left] == [
        ("python >=3.8,=x", "environment.yml:2:5", "'>=3.8,=x' is not a version range")
    ]


def test_results_and_plans_that_are_nested_without_end_are_refused() -> None:
    body = "[" * 200_000
    with pytest.raises(BadInput, match="not a result that this envgen can read"):
        read_result(f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}\n", "results")
    with pytest.raises(BadInput, match="not a plan"):
        read_plan(None, body)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with a name")
def test_a_result_that_is_a_pipe_or_a_device_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.json")
    (tmp_path / "b.json").symlink_to("/dev/zero")
    for key in ("a", "b"):
        with pytest.raises(NoSolution, match="a result cannot be read: it is not a regular file"):
            FolderResults(tmp_path).get(key)


# --- links that wait for a scratch file -----------------------------------------------------------------------------------


def link_to(victim: Path, *names: str) -> None:
    """Links with these names to a file that is nobody else's."""
    victim.write_text("mine", encoding="utf-8")
    for name in names:
        (victim.parent / name).symlink_to(victim)


def test_a_link_in_the_place_of_a_scratch_file_is_not_followed(tmp_path: Path) -> None:
    """The names can be guessed: a repository may have a link for each number of a process."""
    link_to(tmp_path / "victim", f".a.yml.{os.getpid()}.envgen-tmp")
    write_files(tmp_path, [RenderedFile("a.yml", "a: 1\n")], Layout(tmp_path))
    assert ((tmp_path / "victim").read_text(), (tmp_path / "a.yml").read_text()) == ("mine", "a: 1\n")
    assert not (tmp_path / "a.yml").is_symlink()


def test_a_link_that_a_conda_package_brought_is_not_written_through(tmp_path: Path) -> None:
    stage, prefix = tmp_path / "stage", tmp_path / "prefix"
    info = stage / "lib" / "python3.12" / "site-packages" / "says-1.0.dist-info"
    info.mkdir(parents=True)
    (stage / "bin").mkdir()
    script = stage / "bin" / "says"
    script.write_text(f"#!{stage}/bin/python\n", encoding="utf-8")
    (info / "RECORD").write_text("../../../bin/says,sha256=x,1\n", encoding="utf-8")
    link_to(
        tmp_path / "victim", "stage/bin/says.envgen-tmp", "stage/lib/python3.12/site-packages/says-1.0.dist-info/RECORD.envgen-tmp"
    )
    wheels._correct_scripts(info, stage, prefix)
    assert (tmp_path / "victim").read_text() == "mine"
    assert script.read_text() == f"#!{prefix}/bin/python\n"


def test_a_file_that_names_a_link_to_itself_is_read_without_it(tmp_path: Path) -> None:
    (tmp_path / "other.devenv.yml").symlink_to(tmp_path / "other.devenv.yml")
    path = tmp_path / "environment.devenv.yml"
    path.write_text("includes:\n  - {{ root }}/other.devenv.yml\ndependencies: [numpy]\n", encoding="utf-8")
    found = read_contents(path, path.name)
    assert [row.text for one in found.asked for row in one.wanted] == ["numpy"]
    assert [(str(row.at), row.text, row.why) for row in found.left] == [
        (f"{path.name}:2:5", "other.devenv.yml", "there is no such file that can be read")
    ]
