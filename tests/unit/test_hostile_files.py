"""Files that are not what their names say: `init --from` and `lock --merge` refuse each with its place and a reason."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from unit.small import real_matrix

from envgen.migrate.merge import merged
from envgen.migrate.read import read_contents
from envgen.model.errors import BadInput, NoSolution
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
