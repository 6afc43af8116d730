"""The page of the rules: from the registries of `check`, `verify` and `matrix lint`."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from envgen.curate.lint.lint import RULES as LINT_RULES
from envgen.model.rules import Rule
from envgen.review.rules import OWN_RULES
from envgen.verify.check import RULES as VERIFY_RULES
from website.reference.markdown import page, prose

_DOCS = Path(__file__).parents[2] / "docs"
_FIELD = re.compile(r"{(\w+)}")
_LINK = re.compile(r"\]\((?=[\w-]+\.md)")
_INTRODUCTION = """\
An error makes its command end with [exit code 1](exit-codes.md#commands-that-check), a warning does so with `--strict`. The same
names are in the output with `--json`, `--sarif` and `--github`, and `envgen help NAME` prints the section of a rule."""


def rules_page() -> str:
    """The page."""
    fixes = _of_page("verify.md")
    checked = (
        "It also reports the rules of `verify`, and those of `matrix lint` with `lint-` before their names: [review](../review.md)."
    )
    return page(
        "# Rules",
        _INTRODUCTION,
        "## Rules of check",
        f"Whether projects, matrices, templates, locks and the recorded index agree. {checked}",
        *_sections(OWN_RULES, _of_command),
        "## Rules of verify",
        "Whether a lock is what it is meant to be; `lock` checks them before it writes. [verify](../verify.md) says more of each.",
        *_sections(VERIFY_RULES, lambda rule: fixes[rule.name]),
        "## Rules of matrix lint",
        "Whether the facts are well written and consistent: [matrices](../matrices.md).",
        *_sections(LINT_RULES, lambda rule: _of_hints(rule.judge)),
    )


def _sections(rules: Iterable[Rule[Any]], fix: Callable[[Rule[Any]], str]) -> Iterator[str]:
    for rule in rules:
        looks = (inspect.getdoc(rule.judge) or "").partition("\n\n")[0]
        yield f"### {rule.name}"
        yield f"**{rule.severity.capitalize()}.** {prose(rule.because)}"
        yield f"*Looks at:* {prose(looks)}"
        yield f"*Fix:* {fix(rule)}"


def _of_page(name: str) -> Mapping[str, str]:
    """Rule -> what its section of a page says after `**Fix.**`, with links as seen from docs/reference/."""
    parts = re.split(r"^#{2,3} ", (_DOCS / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    fixes = {part.partition("\n")[0]: part.partition("**Fix.** ")[2].strip() for part in parts}
    return {rule: _LINK.sub("](../", fix.replace("](#", f"](../{name}#")) for rule, fix in fixes.items()}


def _of_command(rule: Rule[Any]) -> str:
    """The command that ends what a rule finds, with capitals in the place of what a finding fills in."""
    text = _FIELD.sub(lambda found: found[1].upper(), rule.fix)
    command, comma, more = text.partition(", ")
    return f"`{command}`{comma}{prose(more)}" if "`" in text or comma else f"`{text}`"


def _of_hints(judge: Callable[..., Any]) -> str:
    """The hints of the findings that a rule yields: the last of three parts; `...` for what a finding fills in."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(judge)))
    names = {**vars(sys.modules[judge.__module__]), **_assigned(tree)}
    hints = (_hint(node.elts[2], names) for node in ast.walk(tree) if isinstance(node, ast.Tuple) and len(node.elts) == 3)
    found = dict.fromkeys(hint for hint in hints if hint)
    return prose(f"{'; or: '.join(found)}.") if found else "the finding says what to write."


def _assigned(tree: ast.AST) -> Mapping[str, ast.expr]:
    """The names of a function that are set to a text."""
    return {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _hint(node: Any, names: Mapping[str, Any]) -> str:
    """The text of an expression, "" where it is none."""
    if isinstance(node, str):
        return node
    if isinstance(node, ast.Name):
        found = names.get(node.id)
        return "" if isinstance(found, ast.Name) else _hint(found, names)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "..." for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
