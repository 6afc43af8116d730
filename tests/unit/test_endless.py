"""Numbers of more digits than Python reads, in every kind of file that a stranger may have written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version
from unit.small import examples, real_matrix

from envgen.curate.refresh.wheel_pages import _allows
from envgen.curate.show.query import parse_query
from envgen.formats.reading import read_any
from envgen.migrate.read import read_contents
from envgen.model.catalogue import parsed as version_of
from envgen.model.endless import no_endless_number
from envgen.model.errors import BadInput
from envgen.project.load import project_of
from envgen.yamlfile.document import parsed

LONG = "9" * 5001
SAID = "a number of more than 600 digits"
HEAD = "python: '>=3.10'\nframeworks: {pytorch: '*'}\ntargets: [cpu]\nplatforms: [linux-64]\nchannels: [conda-forge]\n"
WHEEL = "wheels = [{url = 'https://x.example/torch-2.6.0-py3-none-any.whl', hash = 'sha256:00'}]"
"""A wheel of a uv.lock."""


@examples(300)
@given(st.integers(0, 1300), st.integers(595, 700), st.integers(0, 1300), st.sampled_from(["a", "\n", "1.", "é"]))
def test_a_number_is_refused_from_601_digits_on_wherever_it_is(before: int, digits: int, after: int, other: str) -> None:
    text = f"{other * before}x{'7' * digits}x{other * after}"
    if digits <= 600:
        no_endless_number(text, "f")
        return
    with pytest.raises(BadInput) as caught:
        no_endless_number(text, "f")
    line, column = text[: text.index("7" * digits)].count("\n") + 1, len(text[: text.index("7" * digits)].rpartition("\n")[2]) + 1
    assert (caught.value.what, str(caught.value.where)) == (SAID, f"f:{line}:{column}")


READ = {
    "uv.lock": f"version = 1\nrequires-python = '>={LONG}'\n[[package]]\nname = 'torch'\nversion = '2.6.0'\n{WHEEL}\n",
    "pylock.toml": f"lock-version = \"1.0\"\nrequires-python = '>={LONG}'\ncreated-by = 'x'\n[[packages]]\nname = 'torch'\n",
    "requirements.txt": f"torch>=2,<{LONG}\nnumpy==2.0\n",
    "environment.yml": f"name: x\nchannels: [conda-forge]\ndependencies:\n- pytorch>={LONG}\n",
    "conda-lock.yml": f"version: 1\nmetadata: {{}}\npackage:\n- {{name: a, version: '{LONG}', manager: conda, platform: linux-64, url: u}}\n",
}
BROUGHT = {
    **READ,
    "pyproject.toml": f"[project]\nname = 'x'\ndependencies = ['torch>=2.5,<{LONG}']\n",
    "pixi.toml": f"[workspace]\nname = 'x'\nchannels = []\nplatforms = []\n[dependencies]\nnumpy = '>=1,<{LONG}'\n",
    "requirements.in": f"torch>=2,<{LONG}\n",
}


@pytest.mark.parametrize(
    ("read", "name", "text"),
    [
        *((read_any, name, text) for name, text in READ.items()),
        *((read_contents, name, text) for name, text in BROUGHT.items()),
    ],
)
def test_files_of_other_tools_are_refused_with_the_line(
    read: Callable[[Path, str], object], name: str, text: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        read(tmp_path / name, name)
    assert (caught.value.what, str(caught.value.where).split(":")[:2]) == (
        SAID,
        [name, str(text[: text.index(LONG)].count("\n") + 1)],
    )


@pytest.mark.parametrize(
    "row",
    [
        *("dependencies: ['numpy >=1,<{}']", "dependencies: ['numpy =={}']", "dependencies: ['torchvision >=0.1,<{}']"),
        *("pip: ['einops>=1,<{}']", "pip: ['einops==1+{}']", "pip: [\"einops; python_version < '{}'\"]", "driver: '{}'"),
        *("budget: {} MB", "gpus: [sm_{}]", "numerics: {also: [a{}]}"),
    ],
)
def test_projects_are_refused_with_the_line(row: str) -> None:
    with pytest.raises(BadInput) as caught:
        project_of(parsed(f"{HEAD}{row.replace('{}', LONG)}\n", "f"), "x", real_matrix())
    assert (caught.value.what, str(caught.value.where)) == (SAID, f"f:6:{row.index('{}') + 1}")


def test_a_size_that_is_none_is_refused() -> None:
    with pytest.raises(BadInput, match="budget: not a size"):
        project_of(parsed(f"{HEAD}budget: {'9' * 400} MB\n", "f"), "x", real_matrix())


def test_versions_of_others_that_are_none_are_as_those_that_pip_cannot_read() -> None:
    """Of a package of a lock or a channel, of an index that says which Pythons a wheel is for, of a driver on the command line."""
    assert version_of(LONG) is None
    assert _allows(f">={LONG}", Version("3.12"))
    with pytest.raises(BadInput, match="is not a version"):
        parse_query(real_matrix(), (), LONG, (), None, None)
