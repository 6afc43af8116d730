"""`envgen matrix lint`: reads every file, reports what cannot be read, and otherwise runs every rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from envgen.curate.lint import (  # noqa: F401 - they fill the registry
    rules_builds,
    rules_constraints,
    rules_hardware,
    rules_packages,
    rules_specs,
    rules_style,
    rules_withdrawn,
)
from envgen.curate.lint.finding import LintFinding
from envgen.curate.lint.json_schema import MODELS, kind_of, schemas
from envgen.curate.lint.registry import REGISTRY, LintCheck, LintContext
from envgen.matrix.files import matrix_files
from envgen.matrix.load import matrix_of
from envgen.model.errors import BadInput
from envgen.model.layout import Layout
from envgen.model.rules import Rule
from envgen.yamlfile.document import Document, parsed
from envgen.yamlfile.schema import problems
from envgen.yamlfile.text import source

RULES: tuple[Rule[LintCheck], ...] = tuple(REGISTRY.values())


def lint_matrices(layout: Layout, today: date) -> tuple[tuple[LintFinding, ...], tuple[BadInput, ...]]:
    """What the rules find, and the errors that keep the matrices from being read. If there are errors, no rule runs."""
    documents, first_lines, errors = _read(layout)
    if errors:
        return (), errors
    try:
        matrix = matrix_of(documents, layout.shown(layout.matrices))
    except BadInput as error:
        return (), (error,)
    written = replace(matrix, constraints=tuple(row for row in matrix.constraints if not row.says))
    context = LintContext(matrix=written, documents=documents, first_lines=first_lines, schemas=_schemas(layout), today=today)
    return findings(context), ()


def findings(context: LintContext) -> tuple[LintFinding, ...]:
    """Everything that the rules find, in the order of files and lines."""
    found = [
        LintFinding(rule=rule.name, severity=rule.severity, at=at, text=text, hint=hint)
        for rule in RULES
        for at, text, hint in rule.judge(context)
    ]
    return tuple(sorted(found, key=lambda finding: (finding.at, finding.rule, finding.text)))


def _read(layout: Layout) -> tuple[dict[str, Document], dict[str, str], tuple[BadInput, ...]]:
    """Every matrix file by name, the first line of each, and every error in them."""
    documents: dict[str, Document] = {}
    first_lines: dict[str, str] = {}
    errors: list[BadInput] = []
    for path in matrix_files(layout.matrices):
        shown = layout.shown(path)
        try:
            text = source(path, shown)
            document = parsed(text, shown)
        except BadInput as error:
            errors.append(error)
            continue
        documents[path.name], first_lines[path.name] = document, text.partition("\n")[0]
        errors += problems(document, MODELS[kind_of(path.name)])
    return documents, first_lines, tuple(errors)


def _schemas(layout: Layout) -> dict[str, bool]:
    """The path of every schema file, and whether it is what this envgen would write."""
    current = {file.name: file.text for file in schemas()}
    return {
        layout.shown(path): path.read_text(encoding="utf-8", errors="replace") == current.get(path.name)
        for path in sorted(layout.schemas.glob("*.json"))
        if path.is_file()
    }
