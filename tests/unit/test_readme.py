"""The README names every command and every verb of the Makefile that it tells people to use."""

from __future__ import annotations

import re

import click
import pytest
from conftest import REPO

from envgen.cli.main import main

README = (REPO / "README.md").read_text(encoding="utf-8")
PAGES = sorted(path.relative_to(REPO).as_posix() for path in (REPO / "docs").rglob("*.md"))


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_has_help_and_a_row_in_the_readme(name: str) -> None:
    command = main.commands[name]
    assert command.help
    inner = sorted(command.commands) if isinstance(command, click.Group) else []
    assert f"`envgen {name}" in README
    assert [one for one in inner if not re.search(rf"`(envgen {name} )?{one}[ `]", README)] == []


def test_every_make_verb_of_the_readme_exists() -> None:
    verbs = set(re.findall(r"^([a-z-]+):", (REPO / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    used = set(re.findall(r"make (?:[A-Z]+=\S+ )*([a-z-]+)", README))
    assert used <= verbs


@pytest.mark.parametrize("page", [*PAGES, "README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_every_link_between_pages_leads_somewhere(page: str) -> None:
    """Relative links name a file of the repository, and a heading in it where they have a fragment."""
    text = re.sub(r"```.*?```", "", (REPO / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        file, _, fragment = target.partition("#")
        place = (REPO / page).parent / file if file else REPO / page
        assert place.exists(), f"{page}: {target}"
        if fragment:
            assert fragment in anchors(place.read_text(encoding="utf-8")), f"{page}: {target}"


def anchors(text: str) -> set[str]:
    """The fragments of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
