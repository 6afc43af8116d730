"""The story of `envgen matrix lint`: read every file, collect what cannot be read, hold the rest against all rules."""

from __future__ import annotations

from datetime import date

from envgen.curate.json_schema import SHAPES, kind_of, schemas
from envgen.curate.lint import rules_builds, rules_constraints, rules_hardware, rules_specs, rules_style  # noqa: F401 - they fill the registry
from envgen.curate.lint.registry import REGISTRY, Facts, LintCheck, LintFinding
from envgen.matrix.load import matrix_files, matrix_of
from envgen.model.errors import BadInput
from envgen.model.layout import Layout
from envgen.model.rules import Rule
from envgen.yamlfile.document import Document, parse, problems, source

RULES: tuple[Rule[LintCheck], ...] = tuple(REGISTRY.values())


def linted(layout: Layout, today: date) -> tuple[tuple[LintFinding, ...], tuple[BadInput, ...]]:
    """What the rules found, and what keeps the matrices from being read at all: then no rule was asked."""
    documents, heads, refused = _read(layout)
    if refused:
        return (), refused
    shown = layout.shown(layout.matrices)
    try:
        matrix = matrix_of(documents, shown)
    except BadInput as error:
        return (), (error,)
    return lint(Facts(matrix, documents, heads, _schemas(layout), today)), ()


def lint(facts: Facts) -> tuple[LintFinding, ...]:
    """Everything that is wrong with the facts, in the order of files and lines."""
    found = [LintFinding(rule.name, rule.severity, *what) for rule in RULES for what in rule.judge(facts)]
    return tuple(sorted(found, key=lambda finding: (finding.at, finding.rule, finding.text)))


def _read(layout: Layout) -> tuple[dict[str, Document], dict[str, str], tuple[BadInput, ...]]:
    """Every matrix file by its name, the first line of each, and everything in them that cannot be meant."""
    documents: dict[str, Document] = {}
    heads: dict[str, str] = {}
    refused: list[BadInput] = []
    for path in matrix_files(layout.matrices):
        shown = layout.shown(path)
        try:
            text = source(path, shown)
            document = parse(text, shown)
        except BadInput as error:
            refused.append(error)
            continue
        documents[path.name], heads[path.name] = document, text.partition("\n")[0]
        refused += problems(document, SHAPES[kind_of(path.name)])
    return documents, heads, tuple(refused)


def _schemas(layout: Layout) -> dict[str, bool]:
    """Every schema file that is there, and whether it says what it should."""
    wanted = {file.name: file.text for file in schemas()}
    return {
        layout.shown(path): path.read_text(encoding="utf-8", errors="replace") == wanted.get(path.name)
        for path in sorted(layout.schemas.glob("*.json"))
        if path.is_file()
    }
