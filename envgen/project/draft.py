"""A project file that was read, before its aliases count and before every target has a name."""

from __future__ import annotations

from dataclasses import dataclass

from envgen.model.project import Project, RequestedTarget
from envgen.project.aliases import AliasMeaning
from envgen.targets import TargetRange


@dataclass(frozen=True, slots=True)
class DraftTarget:
    """A requested target, and the targets that it may be: its name is "" until the newest of them is chosen."""

    requested: RequestedTarget
    allowed: TargetRange


@dataclass(frozen=True, slots=True)
class Draft:
    """A project without its targets, the targets, and the aliases in their order in the file."""

    project: Project
    targets: tuple[DraftTarget, ...]
    aliases: tuple[AliasMeaning, ...] = ()
