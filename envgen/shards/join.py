"""Joining what several machines locked: their results are written as if one run had made them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from envgen.lock.write import Writer
from envgen.matrix.cached import cached_matrix
from envgen.model.errors import BadInput, EnvgenError
from envgen.model.facts import Matrix
from envgen.model.layout import Layout
from envgen.model.run import Failure, LockRequest, LockRun, Outcome, Reporter
from envgen.project.cached import cached_project
from envgen.shards.result_file import Result, check_result, read_result
from envgen.shards.results import FolderResults
from envgen.shards.units import UnitKeys, unit_key

_AGAIN = "make a new plan with `envgen plan --json`, and lock its cells"


def join(layout: Layout, folders: Sequence[Path], expected: Iterable[str], request: LockRequest, reporter: Reporter) -> LockRun:
    """Write the results in some folders. A project that is `expected` and has no result is a failure.

    A result counts only for the inputs that it was made from. Where its files are there already, nothing is done. Raises BadInput
    for a folder that is not there, and for a file that is not a result.
    """
    results = _results(folders, reporter)
    names = sorted({*results, *expected})
    matrix, keys = cached_matrix(layout), UnitKeys(layout, request)
    writer = Writer(layout, replace(request, projects=tuple(names)), reporter)
    outcomes: dict[str, tuple[Outcome, ...]] = {}
    failures: dict[str, EnvgenError] = {}
    for name in names:
        try:
            outcomes[name] = _merged(layout, matrix, keys, writer, name, results.get(name, ()))
        except EnvgenError as error:
            failures[name] = error
    writer.finish(tuple(outcomes), None)
    return LockRun(
        outcomes=tuple(outcome for found in outcomes.values() for outcome in found),
        failures=tuple(Failure(name, error) for name, error in failures.items()),
    )


def _results(folders: Sequence[Path], reporter: Reporter) -> Mapping[str, Sequence[Result]]:
    """The results in the folders by project, one for each key; the first, where two differ."""
    texts: dict[str, str] = {}
    found: dict[str, list[Result]] = {}
    for folder in folders:
        if not folder.is_dir():
            raise BadInput("there is no such folder", where=folder, hint="give the folders that `envgen lock --cells` wrote")
        for text in FolderResults(folder).every():
            result = read_result(text, str(folder))
            if texts.setdefault(result.key, text) != text:
                reporter.say(
                    f"warning: {result.locked.project} was locked twice, and differs: the channels moved; the first counts"
                )
            elif texts[result.key] is text:
                found.setdefault(result.locked.project, []).append(result)
    return found


def _merged(
    layout: Layout, matrix: Matrix, keys: UnitKeys, writer: Writer, name: str, results: Sequence[Result]
) -> tuple[Outcome, ...]:
    """Write the result of one project."""
    there = next((result for result in results if _is_there(layout, result)), None)
    if there:
        return there.locked.outcomes
    project = cached_project(layout, matrix, name)
    inputs = keys.inputs(name)
    fitting = [result for result in results if result.key == unit_key(inputs, result.asked)]
    if len(fitting) != 1:
        what = "its results are of different plans" if fitting else "no result is of what its files say now"
        raise BadInput(f"{name}: {what if results else 'it has no result'}", where=project.at(""), hint=_AGAIN)
    unknown = fitting[0].locked.files.keys() - {target.name for target in project.targets}
    if unknown:
        raise BadInput(
            f"{name}: its result has target {min(unknown)}, which the project has not", where=project.at(""), hint=_AGAIN
        )
    check_result(fitting[0], matrix, f"result of {name}")
    writer.write(project, fitting[0].locked)
    return fitting[0].locked.outcomes


def _is_there(layout: Layout, result: Result) -> bool:
    """Whether the files of a result are those of the repository."""
    name = result.locked.project
    return all(
        (path := layout.target(name, target) / file.name).is_file() and layout.read(path) == file.text
        for target, files in result.locked.files.items()
        for file in files
    )
