"""The pages of the reference, by file name."""

from __future__ import annotations

from collections.abc import Mapping

from website.reference.commands import commands_page
from website.reference.exit_codes import exit_codes_page
from website.reference.keys import matrix_page, project_page
from website.reference.rules import rules_page
from website.reference.variables import variables_page

FOLDER = "docs/reference"


def pages() -> Mapping[str, str]:
    """File name -> text. The names are topics of `envgen help`, so none may be that of another page of docs/."""
    made = {
        "commands.md": commands_page(),
        "environment-variables.md": variables_page(),
        "exit-codes.md": exit_codes_page(),
        "matrix-keys.md": matrix_page(),
        "project-keys.md": project_page(),
        "rules.md": rules_page(),
    }
    return {name: _with_notice(text) for name, text in made.items()}


def _with_notice(text: str) -> str:
    """A page that says below its title where it comes from; the title stays the first line, which `envgen help` lists."""
    title, _, rest = text.partition("\n")
    return f"{title}\n\n<!-- Made from the code by `make reference`: edit the code, not this page. -->\n{rest}"
