"""What a search may look at and take: the releases that count, and the builds that an index holds."""

from __future__ import annotations

from collections.abc import Callable

from packaging.version import Version

from envgen.model.facts import Platform, Release, Target, variant_text
from envgen.model.resolution import Choice
from envgen.model.text import minors_text

Availability = Callable[[Choice, Target, Platform], frozenset[Version] | None]
"""Which Python minors an index holds for a choice on one platform; None where no index was asked."""
Counts = Callable[[Target, Release], bool]
"""Whether a release is looked at for a target. No reason is kept why another one is not a candidate."""


def no_index(choice: Choice, target: Target, platform: Platform) -> None:
    """The Availability without any index: the facts alone decide."""


def every_release(*_: object) -> bool:
    """The Counts of a search for the best: every release that a project requests."""
    return True


def lacking_text(choice: Choice, platform: Platform, available: frozenset[Version]) -> str:
    """What an index lacks of a choice on a platform: its build, or the build for another Python than those that it has."""
    build = f"{variant_text(choice.on(platform))} build of {choice.release.framework} {choice.release.version} for {platform}"
    if available:
        return f"the index holds the {build} only for python {minors_text(available)}"
    return f"the index holds no {build} that this project can use"
