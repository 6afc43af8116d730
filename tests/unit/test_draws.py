"""What is drawn at random in tests is the same in every run, so that a change is judged by itself; more examples are other ones."""

from __future__ import annotations

import pytest
from conftest import SAME


def test_each_generated_test_draws_as_the_settings_say(request: pytest.FixtureRequest) -> None:
    """Of all tests of this run: those of a file that is collected before the settings are made would not."""
    generated = [item for item in request.session.items if getattr(getattr(item, "obj", None), "is_hypothesis_test", False)]
    own = {item.nodeid: item.obj._hypothesis_internal_use_settings for item in generated}
    assert [name for name, settings in own.items() if settings.derandomize != SAME or settings.database is not None] == []
