"""What a template of a stranger may do, what each step takes of its budget, and where an error in it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from jinja2 import TemplateError

from envgen.lock import sandbox
from envgen.model.errors import BadInput

VALUES: Mapping[str, Any] = {"name": "demo-cpu", "rows": ["b", "a"], "data": {"k": "v"}}
HINT = "a template can use data, name, rows and the filter `scalar`"


def templates(folder: Path, **texts: str) -> Path:
    """A folder of templates, `t` among them."""
    for name, text in texts.items():
        (folder / f"{name}.j2").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("text", "rendered", "units"),
    [
        ("ab{{ name }}", "abdemo-cpu", 1 + 2 + 8),
        ("a\n  {% if name %}\nb\n{% endif %}\n", "a\nb\n", 1 + 4),
        # a pass of a loop is one, and its characters
        ("{% for row in rows %}xy{{ row }}{% endfor %}", "xybxya", (1 + 2) + 2 * (1 + 2 + 1)),
        ("{% for row in rows if row == 'a' %}x{% endfor %}", "x", (1 + 1) + 2 * 1 + (1 + 1)),
        ("{% macro m(x) %}{{ x }}!{% endmacro %}{{ m('ab') }}{{ m('c') }}", "ab!c!", (1 + 1) + (2 + 2 + 2 + 3) + (2 + 1 + 1 + 2)),
        ("{% block b %}x{% endblock %}", "x", (1 + 1) + (1 + 1)),
        # what is put together is paid by its characters, also of constants
        ("{{ 'a' ~ name }}", "ademo-cpu", 1 + 9 + 2 + 9),
        ("{{ 'a' ~ 'b' }}", "ab", 1 + 2 + 2 + 2),
        ("{{ rows | join('--') }}", "b--a", 1 + 2 + 2 * (1 + 2) + 4),
        ("{{ rows | join }}", "ba", 1 + 2 + 2 + 2),
        ("{{ name + 'x' }}", "demo-cpux", 1 + 9 + 9),
        ("{{ rows + [1] }}", "['b', 'a', 1]", 1 + 3 + 13),
        ("{{ rows | sort }}", "['a', 'b']", 1 + 2 + 10),
        ("{{ rows | sort(reverse=true) }}", "['b', 'a']", 1 + 2 + 10),
        # a call by what it is called of and with
        ("{{ name.upper() }}", "DEMO-CPU", 1 + 8 + 8),
        ("{{ name.split('-') }}", "['demo', 'cpu']", 1 + 8 + 1 + 15),
        ("{{ data.get('k') }}", "v", 1 + 1 + 1 + 1),
        ("{% for k, v in data.items() %}{{ k }}{{ v }}{% endfor %}", "kv", 1 + 1 + (1 + 2)),
        ("{{ 2 + 3 * 4 - 6 // 4 }}{{ 7 % 4 }}{{ 1 / 4 }}", "1330.25", 1 + 2 + 1 + 4),
        ("{{ 1000000000 + 0 }}", "1000000000", 1 + 10),
        ("{{ none }}{{ true }}{{ 1.5 }}{{ data }}", "NoneTrue1.5{'k': 'v'}", 1 + 4 + 4 + 3 + 10),
        ("{{ 'a: b' | scalar }}", "'a: b'", 1 + 6),
    ],
)
def test_each_step_takes_units_of_the_budget(text: str, rendered: str, units: int, tmp_path: Path) -> None:
    folder = templates(tmp_path, t=text)
    assert sandbox.run(folder, "t.j2", "templates", VALUES) == rendered
    assert sandbox.BUDGET - sandbox._sandbox(folder, "templates").left == units


def refused(folder: Path, name: str = "t.j2") -> tuple[str, str, str]:
    with pytest.raises(BadInput) as caught:
        sandbox.run(folder, name, "templates", VALUES)
    return caught.value.what, str(caught.value.where), caught.value.hint


def test_a_budget_may_be_used_up_but_not_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = templates(tmp_path, t="ab{{ name }}")
    monkeypatch.setattr(sandbox, "BUDGET", 11)
    assert sandbox.run(folder, "t.j2", "templates", VALUES) == "abdemo-cpu"
    monkeypatch.setattr(sandbox, "BUDGET", 10)
    what = "cannot be rendered: it takes more than 10 steps and characters"
    assert refused(folder) == (what, "templates/t.j2:1:1", HINT)


@pytest.mark.parametrize(
    ("expression", "what"),
    [
        ("nmae", "'nmae' is undefined"),
        ("name.center(9)", "a template cannot call 'center'"),
        ("rows.index('a')", "a template cannot call 'index'"),
        ("data.copy()", "a template cannot call 'copy'"),
        ("name()", "a template cannot call 'str'"),
        ("2 ** 2", "a template cannot compute `**` of these"),
        ("1000000001 + 1", "a template cannot compute `+` of these"),
        ("name * 2", "a template cannot compute `*` of these"),
        ("rows * 2", "a template cannot compute `*` of these"),
        ("rows + name", "a template cannot compute `+` of these"),
        ("name - name", "a template cannot compute `-` of these"),
        ("rows - rows", "a template cannot compute `-` of these"),
        ("name % 1", "a template cannot compute `%` of these"),
        ("name.upper", "a template cannot write a builtin_function_or_method"),
        ("1 // 0", "integer division or modulo by zero"),
        ("rows | sort(attribute='x')", "'str object' has no attribute 'x'"),
    ],
)
def test_what_a_template_may_not_do_is_said_at_its_line(expression: str, what: str, tmp_path: Path) -> None:
    folder = templates(tmp_path, t=f"a\n{{{{ {expression} }}}}\n")
    assert refused(folder) == (f"cannot be rendered: {what}", "templates/t.j2:2:1", HINT)


def test_an_error_is_at_the_line_of_the_file_that_has_it(tmp_path: Path) -> None:
    folder = templates(
        tmp_path,
        t="a\n{% include 'syntax.j2' %}",
        syntax="b\nc\n{% for %}",
        gone="a\n\n{% include 'nowhere.j2' %}",
        deep="{% include 'late.j2' %}",
        late="\n\n\n{{ nothing }}",
        surrogate="a\n{{ '\\ud800' }}",
    )
    (tmp_path / "large.j2").write_text("x" * 100_001, encoding="utf-8")
    fix = "fix the line and run again"
    assert refused(folder) == (
        "not a template: Expected an expression, got 'end of statement block'",
        "templates/syntax.j2:3:1",
        fix,
    )
    missing = "`envgen init` writes environment.yml.j2; a template has at most 100000 bytes"
    assert refused(folder, "gone.j2") == ("there is no readable template 'nowhere.j2'", "templates/gone.j2:3:1", missing)
    assert refused(folder, "nowhere.j2") == ("there is no readable template 'nowhere.j2'", "templates/nowhere.j2:1:1", missing)
    assert refused(folder, "deep.j2") == ("cannot be rendered: 'nothing' is undefined", "templates/late.j2:4:1", HINT)
    what, where, hint = refused(folder, "surrogate.j2")
    assert (where, hint) == ("templates/surrogate.j2:1:1", HINT)
    assert what.startswith("cannot be rendered: 'utf-8' codec can't encode character")


def test_the_same_text_has_the_same_code_and_each_folder_its_own_files_and_names(tmp_path: Path) -> None:
    pages = {"one": "1{{ name }}", "other": "2{{ name }}"}
    for folder, page in pages.items():
        (tmp_path / folder).mkdir()
        templates(tmp_path / folder, t="{% include 'name.j2' %}", bad="{{ nothing }}", name=page)
    before = sandbox._compiled.cache_info().misses
    assert [sandbox.run(tmp_path / folder, "t.j2", "templates", VALUES) for folder in pages] == ["1demo-cpu", "2demo-cpu"]
    assert sandbox._compiled.cache_info().misses == before + 3
    for shown in ("templates", "here/templates"):
        with pytest.raises(BadInput) as caught:
            sandbox.run(tmp_path / "one", "bad.j2", shown, VALUES)
        assert str(caught.value.where) == f"{shown}/bad.j2:1:1"


@pytest.mark.parametrize(("error", "what"), [(TemplateError("odd"), "odd"), (KeyError(), "KeyError"), (ValueError("no"), "no")])
def test_an_error_that_no_line_has_is_at_the_first(
    error: Exception, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get_template(*_: object) -> None:
        raise error

    monkeypatch.setattr(sandbox._Sandbox, "get_template", get_template)
    assert refused(templates(tmp_path, t="")) == (f"cannot be rendered: {what}", "templates/t.j2:1:1", HINT)
