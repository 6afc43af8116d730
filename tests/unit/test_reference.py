"""docs/reference/ says what the code does now, of every command, key, rule, exit code and variable."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import click
import pytest
from conftest import REPO

sys.path.insert(0, str(REPO))
from envgen.cli.help_ import section  # noqa: E402
from envgen.cli.main import FAULT, INTERRUPTED, main  # noqa: E402
from envgen.curate.lint.json_schema import MODELS  # noqa: E402
from envgen.curate.lint.lint import RULES as LINT_RULES  # noqa: E402
from envgen.model.errors import EnvgenError  # noqa: E402
from envgen.review.rules import OWN_RULES, VERIFY_RULES  # noqa: E402
from website.reference import exit_codes, variables  # noqa: E402
from website.reference.__main__ import write  # noqa: E402
from website.reference.markdown import prose, table  # noqa: E402
from website.reference.pages import FOLDER, pages  # noqa: E402

SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in sorted((REPO / "envgen").rglob("*.py")))


def leaves(group: click.Group, before: str = "") -> dict[str, click.Command]:
    """Every command by its words, groups too."""
    found = {f"{before}{name}": command for name, command in group.commands.items()}
    inner = (leaves(command, f"{name} ") for name, command in found.items() if isinstance(command, click.Group))
    return found | {name: command for one in inner for name, command in one.items()}


COMMANDS = leaves(main)


def sections(page: str) -> dict[str, str]:
    """Heading -> what is below it."""
    parts = re.split(r"^#+ ", pages()[page], flags=re.MULTILINE)
    return {part.partition("\n")[0]: part for part in parts}


def test_what_is_committed_is_what_the_code_makes() -> None:
    """If it is not: `make reference`."""
    committed = {path.name: path.read_text(encoding="utf-8") for path in (REPO / FOLDER).iterdir()}
    stale = sorted(name for name in {*committed, *pages()} if committed.get(name) != pages().get(name))
    assert stale == [], "run `make reference`, and commit docs/reference/"


def test_writing_brings_a_folder_up_to_date(tmp_path: Path) -> None:
    assert write(tmp_path) == sorted(pages())
    assert write(tmp_path) == []
    (tmp_path / FOLDER / "rules.md").write_text("# Rules\n", encoding="utf-8")
    (tmp_path / FOLDER / "old.md").write_text("# Old\n", encoding="utf-8")
    assert write(tmp_path) == ["old.md", "rules.md"]
    assert {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / FOLDER).iterdir()} == dict(pages())


def test_every_command_has_its_usage_its_options_and_its_examples() -> None:
    found = sections("commands.md")
    assert {name.removeprefix("envgen ") for name in found if name.startswith("envgen ")} == COMMANDS.keys()
    for name, command in COMMANDS.items():
        text = found[f"envgen {name}"]
        flags = {
            flag for option in command.params if isinstance(option, click.Option) for flag in option.opts if option.name != "quiet"
        }
        assert isinstance(command, click.Group) or sorted(flag for flag in flags if flag not in text) == []
        assert f"```text\nenvgen {name} " in text
        examples = [line for line in (command.epilog or "").splitlines() if line.startswith("  envgen")]
        assert [line for line in examples if line.strip() not in text] == []


@pytest.mark.parametrize(("page", "kinds"), [("project-keys.md", {"project"}), ("matrix-keys.md", MODELS.keys() - {"project"})])
def test_every_key_of_every_row_is_there(page: str, kinds: set[str]) -> None:
    text = pages()[page]
    keys = {key for kind in kinds for row in rows(MODELS[kind].model_json_schema(by_alias=True)) for key in row}
    assert len(keys) > 20 and sorted(key for key in keys if f"| `{key}` | " not in text) == []


def rows(schema: dict) -> list[dict]:
    return [row["properties"] for row in (schema, *schema.get("$defs", {}).values()) if "properties" in row]


def test_every_rule_says_what_it_means_and_what_ends_it() -> None:
    found = sections("rules.md")
    for rule in (*OWN_RULES, *VERIFY_RULES, *LINT_RULES):
        assert f"**{rule.severity.capitalize()}.** {prose(rule.because)}\n" in found[rule.name]
        assert re.search(r"^\*Looks at:\* \S.{10}", found[rule.name], re.MULTILINE), rule.name
        assert re.search(r"^\*Fix:\* \S.{8}", found[rule.name], re.MULTILINE), rule.name


def test_a_rule_of_lint_is_a_topic_with_its_hints() -> None:
    text = section("no-builds")
    assert text.startswith("### no-builds\n") and "*Fix:* add its builds, or remove the release." in text


def test_every_exit_code_of_an_error_is_explained() -> None:
    kinds = [EnvgenError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    assert exit_codes.CODES.keys() == {0, FAULT, INTERRUPTED, *(kind.exit_code for kind in kinds)}
    assert exit_codes.FOUND.keys() <= COMMANDS.keys()


def test_every_command_that_checks_is_listed() -> None:
    """Those whose code ends them with 1."""
    ending = {name for name, command in COMMANDS.items() if ends_with_1(command)}
    assert len(ending) > 8 and ending <= exit_codes.FOUND.keys()


def ends_with_1(command: click.Command) -> bool:
    return "context.exit(1" in inspect.getsource(inspect.unwrap(command.callback))


def test_every_variable_that_the_code_reads_is_explained() -> None:
    read = set(re.findall(r"(?<![A-Z_])ENVGEN_[A-Z_]+", SOURCE))
    assert read <= {*variables.OWN, *variables.of_options()} and len(read) > 5
    named = {word for names in variables.OTHERS for word in names.split(", ")} | variables.OWN.keys()
    assert sorted(word for word in named if word not in SOURCE) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Read <channel>/x[.zst]", r"Read \<channel\>/x\[.zst\]"),
        ("a*b and `a*<b>` and __glibc, build_number", r"a\*b and `a*<b>` and \_\_glibc, build_number"),
    ],
)
def test_a_plain_text_is_shown_as_it_is(text: str, shown: str) -> None:
    assert prose(text) == shown


def test_a_pipe_does_not_end_a_cell() -> None:
    assert table(["a"], [["`x|y`"]]) == "| a |\n| --- |\n| `x\\|y` |"
