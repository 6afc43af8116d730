"""Versions of several environments in one range: a project has one for all of its targets. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from packaging.version import Version

from envgen.model.ranges import version_range

ANY = "*"


def one_range(texts: Iterable[str], known: Sequence[Version]) -> tuple[str, bool]:
    """The range that all agree on, and True; where no known version is in all, that from the oldest to the newest, and False."""
    wanted = [text for text in dict.fromkeys(texts) if text != ANY]
    if not wanted:
        return ANY, True
    sets = {text: {version for version in known if version in version_range(text)} for text in wanted}
    common = set.intersection(*sets.values())
    if common or not all(sets.values()):
        narrowest = [text for text in wanted if not any(sets[other] < sets[text] for other in wanted)]
        same = [text for text in narrowest if not any(sets[text] == sets[other] for other in narrowest[: narrowest.index(text)])]
        return ",".join(dict.fromkeys(same)), True
    every = sorted(set.union(*sets.values()))
    return f">={every[0]},<={every[-1]}" if len(every[-1].release) > 2 else f">={every[0]},<{_next(every[-1])}", False


def _next(version: Version) -> str:
    *head, last = version.release
    return ".".join(map(str, (*head, last + 1)))
