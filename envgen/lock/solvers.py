"""The solvers of a run: one for each list of channels, opened when the first project needs it.

Opening a large index takes longer than importing what solves, so the imports come after its beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envgen.channels.channel import locate
from envgen.channels.index import Index, IndexOptions, open_index
from envgen.lock.plan import Plan
from envgen.model.errors import BadInput, EnvgenError, NoSolution, addressed
from envgen.model.facts import Matrix
from envgen.model.layout import Layout
from envgen.model.project import date_key
from envgen.model.run import LockRequest, Reporter
from envgen.resolver.pip_specs import pip_requests

if TYPE_CHECKING:
    from envgen.lock.choose import Solver
    from envgen.lock.decide import Holdings

_RECORDED = "it has only the packages of the committed locks: lock from live channels, or give --index DIR"


@dataclass(frozen=True, slots=True)
class SolverWithHoldings:
    """A solver, and what its index holds."""

    solver: Solver
    holdings: Holdings


class Solvers:
    """The solvers of a run. A list of channels that could not be opened is not tried again for the next project."""

    def __init__(self, layout: Layout, matrix: Matrix, request: LockRequest, reporter: Reporter) -> None:
        self._layout, self._matrix, self._request, self._reporter = layout, matrix, request, reporter
        self._found: dict[tuple[str, ...], SolverWithHoldings | EnvgenError] = {}

    def of(self, found: Plan) -> SolverWithHoldings:
        """The solver for a plan. Raises what opening its index raises, and BadInput for a dependency that no channel has."""
        live = not (self._request.index_folder or self._request.offline)
        channels = found.project.channels if live else ()  # a folder has all channels
        if channels not in self._found:
            self._found[channels] = self._opened(found)
        there = self._found[channels]
        if isinstance(there, EnvgenError):
            raise there
        _check_names(found, there.solver.index)
        return there

    def _opened(self, found: Plan) -> SolverWithHoldings | EnvgenError:
        try:
            index = self._index(found.project.channels, found)
        except EnvgenError as error:
            return error
        index.begin([locate(channel) for channel in found.project.channels], found.project.every_platform)
        from envgen.lock.choose import Solver
        from envgen.lock.decide import Holdings
        from envgen.lock.wrong import WrongBuilds

        return SolverWithHoldings(Solver(index, self._request.jobs, WrongBuilds(self._matrix)), Holdings(self._matrix, index))

    def _index(self, channels: Sequence[str], found: Plan) -> Index:
        request, say = self._request, self._reporter.say
        self._reporter.begin("reading the index", 1)
        options = IndexOptions(request.index_folder, request.offline)
        index, warning = open_index(options, self._layout, channels, found.project.platforms[0], self._matrix.withdrawn, say)
        self._reporter.end()
        if warning:
            say(f"warning: {warning}")
        return index


def _check_names(found: Plan, index: Index) -> None:
    """A dependency that no channel has is more often a typo than a conflict: report it where it is written.

    Targets that were not asked for are solved, too. The lock of one that is unchanged stays, whatever the channels have today.
    """
    from envgen.channels.query import check_own, unknown_packages

    for resolution in (row for name, row in found.resolutions.items() if name not in found.unchanged):
        channels = resolution.project.channels
        own = {dependency.name: dependency for dependency in resolution.dependencies}
        for dependency in own.values():
            with addressed(dependency.at):
                check_own(dependency.spec)
        with addressed(resolution.project.at("channels"), NoSolution):
            unknown = unknown_packages(index, own, channels, resolution.platforms)
            may_be_wheels = index.recorded or bool(pip_requests(resolution))  # which of them uv takes is not known yet
            dated = () if may_be_wheels else resolution.project.exclude_newer.packages
            undatable = unknown_packages(index, dated, channels, resolution.platforms)
        for name, hint in unknown.items():
            what = f"{index.shown} has no package" if index.recorded else f"no channel of {', '.join(channels)} has a package"
            raise BadInput(f"{what} `{name}`", where=own[name].at, hint=_RECORDED if index.recorded else hint)
        for name, hint in undatable.items():
            where = resolution.project.addresses.get(date_key(name)) or "--exclude-newer"
            raise BadInput(f"no channel of {', '.join(channels)} has a package `{name}`", where=where, hint=hint)
