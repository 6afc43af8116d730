"""Errors as the command line reports them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import click

    from envgen.model.errors import EnvgenError
    from envgen.model.run import Failure


def error_text(error: EnvgenError) -> str:
    """An error as it is printed: with the conflict where a project is unsatisfiable."""
    from envgen.resolver.resolve import Unsatisfiable

    if isinstance(error, Unsatisfiable):
        from envgen.explain.explain import conflict
        from envgen.explain.report import conflict_text

        error.what = f"{error.what}\n\n{conflict_text(conflict(error.problem))}"
    return f"error: {error}"


def exit_with(context: click.Context, errors: Collection[EnvgenError]) -> None:
    """Print errors, each once, and end with the highest of their exit codes; go on where there are none."""
    from envgen.cli.console import echo

    for text in dict.fromkeys(map(error_text, errors)):
        echo(text, people=True, err=True)
    if errors:
        context.exit(max(error.exit_code for error in errors))


def failures_text(failures: Sequence[Failure], projects: int) -> str:
    """The errors of a run over many projects, each once, and the projects that they are about."""
    found: dict[str, list[str]] = {}
    for failure in failures:
        found.setdefault(error_text(failure.error), []).append(failure.project)
    texts = (f"{text}\n\nof {', '.join(names)}" if len(names) > 1 else text for text, names in found.items())
    names = ", ".join(failure.project for failure in failures)
    return "\n\n".join((*texts, f"error: {len(failures)} of {projects} projects were not locked: {names}"))


def failures_status(failures: Sequence[Failure]) -> int:
    """The exit code of a run with failures: the highest of theirs."""
    return max(failure.error.exit_code for failure in failures)
