"""Results that machines share: what another run has locked of the same inputs is taken, and what this one locks is kept."""

from __future__ import annotations

from functools import cached_property

from envgen.lock.pipeline import lock
from envgen.lock.plan import MachineTarget, Plan
from envgen.matrix.cached import cached_matrix
from envgen.model.errors import BadInput, NoSolution
from envgen.model.layout import Layout
from envgen.model.run import LockedProject, LockRequest, LockRun, Reporter
from envgen.shards.result_file import Result, check_result, read_result, result_text
from envgen.shards.results import Results, open_results
from envgen.shards.units import Unit, UnitKeys


def lock_shared(layout: Layout, request: LockRequest, reporter: Reporter, machine_target: MachineTarget) -> LockRun:
    """Lock as `envgen.lock.pipeline.lock` does, with the results that the request names a place for."""
    return lock(layout, request, reporter, machine_target, SharedResults(layout, request, reporter))


class SharedResults:
    """The results of one run. Where only results are asked for (`cells`), they must be kept; else they may be missing."""

    def __init__(self, layout: Layout, request: LockRequest, reporter: Reporter) -> None:
        self._layout, self._request, self._reporter = layout, request, reporter
        self._keys = UnitKeys(layout, request)
        self._units: dict[str, Unit] = {}
        self._lost = False

    @cached_property
    def _results(self) -> Results:
        return open_results(self._request.results)

    def _unit(self, found: Plan) -> Unit:
        """The unit of a project. Raises BadInput where its key is not that of the plan whose cells are asked for."""
        unit = self._keys.unit(found)
        if self._request.cells is not None and unit.key != self._request.cells[unit.project]:
            hint = "check out the commit of the plan and use its index and this version of envgen, or make a new plan"
            where = found.project.at("")
            raise BadInput(f"{unit.project}: the inputs are not those that the plan was made from", where=where, hint=hint)
        return unit

    def taken(self, found: Plan) -> LockedProject | None:
        """What was locked for a plan, if that is known. A result that is damaged or breaks a rule is reported, and made again.

        Raises BadInput where the plan is not that whose cells are asked for.
        """
        unit = self._units[found.project.name] = self._unit(found)
        try:
            text = self._results.get(unit.key) if not self._lost else None
        except NoSolution as error:
            self._without(error)
            return None
        if text is None:
            return None
        try:
            return self._checked(text, unit)
        except BadInput as error:
            self._reporter.say(f"warning: {error.where}: {error.what}")
            return None

    def _checked(self, text: str, unit: Unit) -> LockedProject:
        shown = f"result {unit.key[:12]} of {unit.project}"
        found = read_result(text, shown)
        check_result(found, cached_matrix(self._layout), shown)
        if (found.key, found.locked.project) != (unit.key, unit.project):
            raise BadInput("it is of another unit", where=shown)
        return found.locked

    def keep(self, found: Plan, locked: LockedProject) -> None:
        """Keep what was locked for a plan."""
        if self._lost:
            return
        unit = self._units[found.project.name]
        try:
            self._results.put(unit.key, result_text(Result(key=unit.key, asked=unit.asked, locked=locked)))
        except (BadInput, NoSolution) as error:
            self._without(error)

    def _without(self, error: BadInput | NoSolution) -> None:
        """Go on without results, which is said once. Raises the error where results are all that is asked for."""
        if self._request.cells is not None:
            raise error
        self._reporter.say(f"warning: {error.what}; locking without results")
        self._lost = True
