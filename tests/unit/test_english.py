"""Plain English: what a person reads uses the terms of docs/glossary.md, and none of the phrases below.

Each pattern is a regular expression for whole words; a space in it stands for any white space. Case does not matter.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from conftest import REPO

# Terms that docs/glossary.md replaces, in prose and in names.
TERMS = {
    r"hearsay|hearings?": "say advice or alias",
    r"clash(es|ed|ing)?": "say conflict or unsatisfiable",
    r"followers?": "say companion",
    r"mend(s|ed|ing)?|cure[sd]?": "say fix",
    r"publishers?": "say provider",
    r"wish(es|ed)?": "say requirement or requested",
    r"(?<!on )demand(s|ed)?": "say requirement or require",
    r"ways?[ _]out": "say repair",
}
# Terms that have another meaning in prose.
NAMES = {
    r"offers?": "say candidate",
    r"sayings?": "say advice",
    r"talk": "say reporter",
}
PROSE = {
    # terms of the glossary, where they have the meaning that it gives to another
    r"(hold|holds|held|holding)( \S+){0,6} against": "say check against",
    r"prov(e|es|ed|en|ing) (a|the|each|every) locks?": "say verify",
    r"(an?|the|its|their|each|every|these|those|no|other|of|about) promises?": "say virtual package; the verb is fine",
    # grammatical, and nobody says it
    r"(?<!there )(is|are|was|were) no (?!longer|more|less|fewer|better|worse|different|\w+er than)\S+": "say is not a ...",
    r"(?<!there )(is|are|was|were) (?-i:none)(?! of)": "say is not one, or is missing",
    r"no told": "say unknown",
    r"nothing is both": "say what contradicts what",
    r"(is|are) as (it|they) (was|were)": "say is unchanged",
    r"(stands?|stood) (at|on|here|there|twice|above|below|before|behind|between|together|against|to)": "say is, or is written",
    r"(stands?|stood) in (an?|the|no|this|that|which|what|one|two|three)": "say is, or is written",
    r"where ([\w`']+ ){1,6}(stands?|stood)(?! (for|in|side))": "say where something is",
    # old-fashioned, or jargon of this project
    r"shall": "say must, should or will",
    r"anew": "say again",
    r"be rid of": "say to remove or to silence",
    r"nouns?": "say type or value",
    r"the story": "say what the module does",
}
# Words of the glossary's third column that are good English with another meaning.
AMBIGUOUS = {"better", "dead", "held", "impossible", "offer", "option", "promise", "prove", "saying", "system", "word"}

# Areas that are not revised yet, with the findings that are left; more are an error, in any other area one is.
ALLOWED: dict[str, int] = {}

READ = ("*.md", "Makefile", "benchmarks/*", "docs/**/*.md", "envgen/**/*.py", "envgen/**/*.js", "matrices/*.yaml", "templates/*")
FILES = sorted({path.relative_to(REPO).as_posix() for pattern in READ for path in REPO.glob(pattern) if path.is_file()})


def area(file: str) -> str:
    """A package of envgen, a page or folder of docs/, else the first part of the path."""
    parts = file.split("/")
    return "/".join(parts[:2]) if parts[0] in {"docs", "envgen"} else parts[0]


@dataclass(frozen=True)
class Text:
    """Something that a person reads: its words, each with its line."""

    file: str
    words: tuple[tuple[str, int], ...]


def text(file: str, lines: str, first: int = 1) -> Text:
    """A text whose first line is line `first` of its file."""
    return Text(file, tuple((word, number) for number, line in enumerate(lines.splitlines(), first) for word in line.split()))


def findings(found: Text, patterns: dict[str, str]) -> list[str]:
    """`file:line: phrase: what to say instead`, for every match."""
    prose = " ".join(word for word, _ in found.words)
    return [
        f"{found.file}:{found.words[prose.count(' ', 0, match.start())][1]}: `{match[0]}`: {instead}"
        for pattern, instead in patterns.items()
        for match in re.finditer(rf"\b(?:{pattern})(?!\w)", prose, re.IGNORECASE)
    ]


# --- what a person reads --------------------------------------------------------------------------------------------------


def strings(file: str, tree: ast.Module) -> Iterator[Text]:
    """Docstrings and string constants; a constant without a space is a key, not prose. A field of an f-string becomes `{}`."""
    parts: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts.update(node.values)
            value = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in parts:
            value = node.value
        else:
            continue
        if " " in value:
            yield text(file, value, node.lineno)


def comments(file: str, source: str) -> Text:
    """All comments of a Python file."""
    found = [token for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type == tokenize.COMMENT]
    return Text(file, tuple((word, token.start[0]) for token in found for word in token.string.split()))


def names(file: str, tree: ast.Module) -> Text:
    """Each name of a Python file, where it is first used, as words: `asked_wish` and `AskedWish` have the same two."""
    first: dict[str, int] = {}
    for node in ast.walk(tree):
        for field in ("id", "attr", "arg", "name"):
            if isinstance(name := getattr(node, field, None), str):
                first[name] = min(node.lineno, first.get(name, node.lineno))
    words = ((re.sub(r"(?<=[a-z])(?=[A-Z])|[_.]", " ", name), line) for name, line in first.items())
    return Text(file, tuple((word, line) for name, line in words for word in (*name.split(), ";")))


def markdown(file: str, source: str) -> Text:
    """A page; the glossary without its column of words to avoid."""
    return text(file, re.sub(r"\|[^|\n]*\|$", "|", source, flags=re.MULTILINE) if file == "docs/glossary.md" else source)


def file_findings(file: str) -> list[str]:
    """What is wrong in a file."""
    source = (REPO / file).read_text(encoding="utf-8")
    if not file.endswith(".py"):
        return findings(markdown(file, source), TERMS | PROSE)
    tree = ast.parse(source)
    prose = [*strings(file, tree), comments(file, source)]
    return [found for one in prose for found in findings(one, TERMS | PROSE)] + findings(names(file, tree), TERMS | NAMES)


@pytest.mark.parametrize("name", sorted({area(file) for file in FILES}))
def test_what_a_person_reads_is_plain_english(name: str) -> None:
    found = [finding for file in FILES if area(file) == name for finding in file_findings(file)]
    assert len(found) <= ALLOWED.get(name, 0), "\n".join(["", *found])


def test_every_area_is_read() -> None:
    areas = {area(file) for file in FILES}
    assert {"README.md", "Makefile", "matrices", "docs/verify.md", "docs/scenarios", "envgen/cli", "envgen/table.py"} <= areas
    assert set(ALLOWED) <= areas


# --- the patterns themselves ----------------------------------------------------------------------------------------------


def test_the_glossary_and_the_patterns_forbid_the_same_terms() -> None:
    rows = re.findall(r"^\|.*\|.*\|([^|\n]+)\|$", (REPO / "docs" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)[2:]
    terms = {term.strip() for row in rows for term in row.split(",") if term.strip()}
    caught = {term for term in terms if findings(text("", f"the {term} against"), TERMS | PROSE)}
    assert len(terms) > 15
    assert terms - caught <= AMBIGUOUS <= terms


@pytest.mark.parametrize(
    "phrase",
    [
        "without any wish",
        "hold every lock\n    against the rules",
        "`CUDNN_VERSION` is no path",
        "a toolkit's stubs are none",
        "CUDA of no told version",
        "what was there is as it was",
        "a password stands in this url",
        "where every value of a text stands",
        "the promise of a target",
        "two demands that clash",
        "the nearest ways out",
    ],
)
def test_a_phrase_is_found_with_its_line(phrase: str) -> None:
    assert findings(text("page.md", f"One line.\n{phrase}", 6), TERMS | PROSE)[0].startswith("page.md:7: ")


@pytest.mark.parametrize(
    "phrase",
    [
        "there is no build, and there are none to come",
        "it is no longer published, is no older than 2.6, and there must be none",
        "`cudnn` is None where no row names one",
        "it is none of the packages",
        "the target promises `__cuda 12.6`",
        "$NAME stands for a credential; the recorded index stands in for live channels",
        "environments of one project stand side by side, alone",
        "packages are read on demand; as recommended, accuracy comes first",
        "the system, an option, the word and the offer that held",
    ],
)
def test_good_english_is_not_found(phrase: str) -> None:
    assert not findings(text("", phrase), TERMS | PROSE)


def test_names_are_read_as_words() -> None:
    found = names("a.py", ast.parse("class AskedWish:\n    the_wish = wished = 1\n"))
    assert [finding.split(": ")[0] for finding in findings(found, TERMS)] == ["a.py:1", "a.py:2", "a.py:2"]
