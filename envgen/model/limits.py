"""What a project does not want to exceed: the download of its targets, and the licences of its packages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LicenseLimits:
    """Licences as globs of SPDX names; without `allow`, all that `deny` does not name."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.allow or self.deny)


@dataclass(frozen=True, slots=True)
class BudgetLimits:
    """The bytes that a target may download, for each platform: its own number, or that of all."""

    default: int | None = None
    targets: tuple[tuple[str, int], ...] = ()

    def of(self, target: str) -> int | None:
        """The bytes of one target; None where nothing limits it."""
        return dict(self.targets).get(target, self.default)
