"""A requested target that may be any of several, such as the newest CUDA target."""

from __future__ import annotations

from dataclasses import dataclass

from envgen.model.project import RequestedTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTarget(RequestedTarget):
    """A target that may be any of `any_of`; `name` is what the file says, `gpu` or `cuda: newest`, and no target has that name.

    It is in a project only where no choice meets the rest of it with one of them: to explain why.
    """

    any_of: tuple[str, ...]


def names_of(requested: RequestedTarget) -> tuple[str, ...]:
    """The names of the targets that a requested target may be."""
    return requested.any_of if isinstance(requested, OpenTarget) else (requested.name,)
