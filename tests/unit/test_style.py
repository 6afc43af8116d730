"""What a text looks like on a terminal: its lines fit, and errors, hints, paths and specs have one style each."""

from __future__ import annotations

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envgen.cli.style import coloured, styled, wrapped

RED, YELLOW, CYAN, PATH, BOLD = "\x1b[31m\x1b[1m", "\x1b[33m\x1b[1m", "\x1b[36m\x1b[1m", "\x1b[94m", "\x1b[1m"
END = "\x1b[0m"


@pytest.mark.parametrize(
    ("plain", "shown"),
    [
        ("error: no `x`", f"{RED}error{END}: no {BOLD}`x`{END}"),
        ("vision-cpu: warning: old", f"vision-cpu: {YELLOW}warning{END}: old"),
        ("\nhint: see matrices/cuda.yaml:3:1", f"\n{CYAN}hint{END}: see {PATH}matrices/cuda.yaml:3:1{END}"),
        ("    fix: `envgen lock`", f"{CYAN}    fix{END}: {BOLD}`envgen lock`{END}"),
        ("  note     a thing\n           -> do it", f"  note     a thing\n{CYAN}           ->{END} do it"),
        ("  cpu   ok", f"  cpu   {BOLD.replace('1', '32', 1)}{BOLD}ok{END}"),
        ("an error: and terror: and ok", f"an {RED}error{END}: and terror: and ok"),
    ],
)
def test_each_part_has_its_style(plain: str, shown: str) -> None:
    assert styled(plain) == shown


@given(st.text(st.sampled_from("ab `:/.\n-errohintwagyml 1"), max_size=60))
def test_colour_changes_no_letter(text: str) -> None:
    assert click.unstyle(styled(text)) == text


def test_a_long_line_is_broken_between_words_and_its_rest_is_indented() -> None:
    assert wrapped("  one two three\nshort", 10) == "  one two\n      three\nshort"
    assert wrapped("see environments/vision/project.yaml", 10) == "see\n    environments/vision/project.yaml"


@given(st.text(st.sampled_from("ab -\n"), max_size=80), st.integers(8, 40))
def test_breaking_lines_keeps_every_word(text: str, width: int) -> None:
    assert wrapped(text, width).split() == text.split()


@pytest.mark.parametrize(
    ("environ", "terminal", "colour"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
    ],
)
def test_variables_come_before_what_the_stream_is(environ: dict[str, str], terminal: bool, colour: bool) -> None:
    assert coloured(environ, terminal=terminal) == colour
