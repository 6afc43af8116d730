"""What is drawn at random in tests is the same in every run, so that a change is judged by itself; more examples are other ones."""

from __future__ import annotations

import re

import pytest
from conftest import REPO, SAME


def test_each_generated_test_draws_as_the_settings_say(request: pytest.FixtureRequest) -> None:
    """Of all tests of this run: those of a file that is collected before the settings are made would not."""
    generated = [item for item in request.session.items if getattr(getattr(item, "obj", None), "is_hypothesis_test", False)]
    own = {item.nodeid: item.obj._hypothesis_internal_use_settings for item in generated}
    assert [name for name, settings in own.items() if settings.derandomize != SAME or settings.database is not None] == []


def test_every_night_draws_anew_in_every_file_that_draws() -> None:
    """Each file of tests with hypothesis is in a folder that the leg runs whole, or is found by the pattern of the leg."""
    leg = re.search(
        r"GENERATED=\"(?P<whole>\S+) \$\(grep -l '(?P<start>[^']+)' (?P<some>\S+) ", (REPO / ".ci" / "nightly").read_text()
    )
    assert leg is not None
    files = [
        path
        for path in REPO.glob("tests/**/test_*.py")
        if re.search(r"^(import|from) hypothesis\b", path.read_text(), re.MULTILINE)
    ]
    found = {path for path in REPO.glob(leg["some"]) if re.search(leg["start"], path.read_text(), re.MULTILINE)}
    assert [path.name for path in files if not path.is_relative_to(REPO / leg["whole"]) and path not in found] == []
    assert len(files) > 20
