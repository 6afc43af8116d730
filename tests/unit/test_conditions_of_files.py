"""Lines of an environment file that count under a condition: the platforms of each line."""

from __future__ import annotations

import pytest

from envgen.migrate.conditions import without_conditions
from envgen.model.platforms import PLATFORMS

LINUX, OSX, WIN = ({one for one in PLATFORMS if one.startswith(system)} for system in ("linux", "osx", "win"))


def on(text: str, package: str) -> set[str]:
    """The platforms of the line of a package."""
    found = without_conditions(text, "environment.yml")
    (number,) = [number for number, line in enumerate(found.text.splitlines(), 1) if line.strip() == f"- {package}"]
    return set(found.only.get(number, frozenset(PLATFORMS)))


@pytest.mark.parametrize(
    ("package", "platforms"), [("a", LINUX), ("b", OSX), ("c", WIN), ("outer", {*LINUX, *OSX, *WIN}), ("inner", {"linux-aarch64"})]
)
def test_each_branch_has_what_the_ones_before_it_leave(package: str, platforms: set[str]) -> None:
    text = """\
{% if linux %}
  - a
{% if aarch64 %}
  - inner
{% endif %}
{% elif osx %}
  - b
{% else %}
  - c
{% endif %}
  - outer
"""
    assert on(text, package) == platforms


def test_a_branch_that_nothing_can_reach_is_for_no_platform() -> None:
    assert on("{% if unix %}\n  - a\n{% elif linux %}\n  - b\n{% endif %}\n", "b") == set()


@pytest.mark.parametrize("word", ["elif linux", "else"])
def test_after_a_condition_that_names_no_platform_every_branch_is_left_out(word: str) -> None:
    found = without_conditions(f"{{% if cuda %}}\n  - a\n{{% {word} %}}\n  - b\n{{% endif %}}\n", "environment.yml")
    assert [(row.text, row.at.line) for row in found.left] == [("- a", 2), ("- b", 4)]
    assert "cuda" in found.left[0].why
