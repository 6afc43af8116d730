"""What is printed: no escape of a terminal, no order to a workflow, no secret."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator

import pytest
from conftest import some
from hypothesis import given
from hypothesis import strategies as st
from unit.small import examples
from unit.test_architecture import MODULES, nodes

from envgen.channels.canonical import CREDENTIALS
from envgen.channels.channel import redacted
from envgen.model import safe_text
from envgen.model.safe_text import remember_secret, safe
from envgen.verify.entries import names_secret


@pytest.fixture
def no_secrets() -> Iterator[None]:
    yield
    safe_text._SECRETS.clear()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("numpy 2.2.6: fine\n\ttabbed ├ ü 漢", "numpy 2.2.6: fine\n\ttabbed ├ ü 漢"),
        ("\x1b[31mred\x1b]0;title\x07", "\\u001b[31mred\\u001b]0;title\\u0007"),
        ("one\rtwo\x85three\u2028four", "one\\u000dtwo\\u0085three\\u2028four"),
        ("right to left \u202e and a lone \udc80", "right to left \\u202e and a lone \\udc80"),
        ("::error::x", "\\u003a:error::x"),
        ("a\n  ::set-output name=x::y", "a\n  \\u003a:set-output name=x::y"),
        ("a ::error::x", "a ::error::x"),
        ("conda-forge::numpy", "conda-forge::numpy"),
        ("see ##[error]x and ##vso[task.x]y", "see #\\u0023[error]x and #\\u0023vso[task.x]y"),
        ("## Heading", "## Heading"),
    ],
)
def test_control_characters_and_orders_to_workflows_are_shown_as_their_numbers(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_annotations_are_orders_and_stay_but_have_no_control_characters() -> None:
    assert safe("::error title=a::b\x1b", orders=True) == "::error title=a::b\\u001b"


@examples(200)
@given(st.text())
def test_nothing_gets_through(text: str) -> None:
    shown = safe(text)
    assert all(letter.isprintable() or letter in "\n\t" for letter in shown)
    assert not any(line.strip().startswith("::") for line in shown.split("\n"))
    assert "##[" not in shown
    shown.encode()


@examples(200)
@given(st.dictionaries(st.text(), st.text()))
def test_json_stays_what_it_was(data: dict[str, str]) -> None:
    assert json.loads(safe(json.dumps({**data, "##[": "##vso[ \x1b"}))) == {**data, "##[": "##vso[ \x1b"}


def test_a_secret_is_shown_by_the_name_of_its_variable(no_secrets: None) -> None:
    remember_secret("TOKEN", "s3/cr t")
    assert (
        safe("https://h/s3/cr t/c https://h/s3%2Fcr%20t/c https://h/s3/cr%20t")
        == "https://h/$TOKEN/c https://h/$TOKEN/c https://h/$TOKEN"
    )


def test_a_short_secret_is_replaced_in_urls_alone(no_secrets: None) -> None:
    remember_secret("TOKEN", "c")
    assert safe("https://h/c/x cannot be read") == "https://h/$TOKEN/x cannot be read"


@pytest.mark.thorough
def test_only_the_console_prints() -> None:
    """Whatever is printed elsewhere would get past `safe`. What a probe prints is read by envgen."""
    ways = {"print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write"}
    modules = some((name for name in MODULES if not name.startswith(("probe.child", "probe.scripts"))), 200)
    printed = {(name, ast.unparse(node.func)) for name in modules for node in nodes(name) if isinstance(node, ast.Call)}
    assert {(name, way) for name, way in printed if way in ways} == {("cli.console", "click.echo")}


@pytest.mark.thorough
def test_links_are_followed_where_a_circle_of_them_is_no_fault() -> None:
    """`Path.resolve` raises RuntimeError for one before Python 3.13; envgen.model.regular has `real`."""
    called = (node.func for name in some(MODULES, 200) for node in nodes(name) if isinstance(node, ast.Call) and not node.args)
    assert [ast.unparse(func) for func in called if isinstance(func, ast.Attribute) and func.attr == "resolve"] == []


# --- tokens ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["file:///home/t/x/c", "git+file:///home/t/x.git", "x @ file:///t/x/x-1-py3-none-any.whl"])
def test_a_folder_t_of_this_machine_is_no_token(text: str) -> None:
    assert (redacted(text), re.search(CREDENTIALS, text), names_secret(text, channel=True)) == (text, None, False)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://h.example/t/tk-1/c/linux-64/", "https://h.example/t/***/c/linux-64/"),
        ("h.example:80/t/tk-1/c/", "h.example:80/t/***/c/"),
        ("https://h.example/t/tk-1/file:///c", "https://h.example/t/***/file:///c"),
    ],
)
def test_a_token_of_a_server_is_one(text: str, shown: str) -> None:
    assert redacted(text) == shown
    assert re.search(CREDENTIALS, text)
    assert names_secret(text, channel=True)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("`/home/t/x`: not there", "`/home/t/x`: not there"),
        ("https://h.example/t/tk-1/c is not /home/t/x", "https://h.example/t/***/c is not /home/t/x"),
        ("/home/t/x:https://h.example/t/tk-1/c", "/home/t/***//h.example/t/***/c"),
    ],
)
def test_a_message_keeps_paths_and_loses_tokens(text: str, shown: str) -> None:
    assert redacted(text) == shown
