"""A project as it will be written, and what became of every line of the files that it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from envgen.migrate.model import NotCarried, ReadAs
from envgen.model.facts import Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftRow:
    """A target: the word in its key, or a name of its own with `cuda` (a version, or the word of another row); what only it has."""

    key: str
    cuda: str = ""
    platforms: tuple[Platform, ...] = ()
    dependencies: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectDraft:
    """The keys of a `project.yaml`."""

    name: str
    python: str
    frameworks: Mapping[str, Mapping[str, str]]  # framework -> version and provider
    targets: tuple[DraftRow, ...]
    platforms: tuple[Platform, ...]
    channels: tuple[str, ...]
    dependencies: tuple[str, ...]
    pip: tuple[str, ...]
    pip_repositories: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    pip_indexes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # the URL of an index -> its packages
    sources: tuple[str, ...] = ()
    left: tuple[NotCarried, ...] = ()
    notes: tuple[ReadAs, ...] = ()
