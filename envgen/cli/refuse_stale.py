"""Which locks are stale, for the commands that use locks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from envgen.model.errors import CheckFailed, EnvgenError

if TYPE_CHECKING:
    from envgen.model.layout import Layout

# Rules about locks that are missing, damaged, or of nothing that the project has: the commands say so themselves.
_OTHERWISE = {"lock-missing", "lock-foreign", "target-removed", "merge-conflict", "lock-edited", "lock-unreadable"}

Reasons = Mapping[tuple[str, str], str]
"""(project, target) of each stale lock, and the first reason."""


def stale_locks(layout: Layout, projects: Iterable[str]) -> tuple[Reasons, tuple[str, ...]]:
    """The stale locks of some projects, and the projects of which it cannot be told, each with why."""
    from envgen.cli.options import best_here
    from envgen.matrix.cached import cached_matrix
    from envgen.review.check import stale_now
    from envgen.review.digests import Digests
    from envgen.review.registry import is_fixable

    names = tuple(dict.fromkeys(projects))
    try:
        matrix, digests = cached_matrix(layout), Digests(layout)
        found = [row for name in names for row in stale_now(layout, matrix, name, best_here, digests)]
    except EnvgenError as error:
        return {}, (f"{', '.join(names)}: {error.what.splitlines()[0]}",)
    rows = [row for row in found if row.rule not in _OTHERWISE and not is_fixable(row)]  # what can be fixed leaves the packages
    told = {(row.project, row.target): row.text for row in reversed(rows) if row.target}
    return told, tuple(f"{row.project}: {row.text}" for row in rows if not row.target)


def refuse_stale(layout: Layout, environments: Iterable[tuple[str, str]], instead: str) -> tuple[str, ...]:
    """Raise CheckFailed if one of these locks, (project, target), is stale. Returns why it cannot be told of some projects.

    `instead` is what --stale does with it: "install it as it is".
    """
    wanted = tuple(environments)
    found, unknown = stale_locks(layout, (project for project, _ in wanted))
    for project, target in wanted:
        if (project, target) in found:
            what = f"{project}-{target}: its lock is stale: {found[project, target]}"
            hint = f"lock it again with `envgen lock {project} --target {target}`, or {instead} with --stale"
            raise CheckFailed(what, hint=hint)
    return tuple(f"whether the locks are stale cannot be told: {text}" for text in unknown)
