"""What would have an answer with a framework as wheels, where a project that does not ask for them has none. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from envgen.explain import edits
from envgen.model.facts import Reason
from envgen.model.requested import provider_of
from envgen.model.resolution import Resolution
from envgen.resolver.resolve import Problem
from envgen.resolver.spelling import installed_by_pip


def as_wheels(problem: Problem, answers: Callable[[Problem], tuple[Resolution, ...] | None]) -> Iterator[Reason]:
    """The line to write for each framework with whose wheels `answers` has an answer; `problem` must have none.

    Wheels for CUDA beside conda packages of another framework for CUDA would bring the libraries of CUDA twice: they do not count.
    """
    every = problem.matrix.with_wheels or problem.matrix
    for row in problem.project.frameworks:
        provider = every.frameworks[row.framework].of_wheels
        if row.host or not provider or provider_of(problem.matrix, problem.project, row) == provider:
            continue
        project = edits.with_framework(problem.project, row.framework, provider=provider)
        found = answers(replace(problem, matrix=every, project=project))
        if found and not any(map(_mixed, found)):
            line = f'{row.framework}: {{version: "{row.text if row.versions else "*"}", provider: {provider}}}'
            yield Reason(f"wheels of {row.framework} meet all of it: write `{line}` ({'; '.join(map(_held, found))})", row.at)


def _mixed(resolution: Resolution) -> bool:
    """Whether frameworks of a CUDA target come from pip and from conda."""
    return resolution.target.cuda is not None and len({installed_by_pip(choice) for choice in resolution.choices}) > 1


def _held(resolution: Resolution) -> str:
    chosen = (f"{choice.release.framework} {choice.release.version}" for choice in resolution.choices)
    return f"{resolution.target.name}: {', '.join((*chosen, f'python {resolution.python}'))}"
