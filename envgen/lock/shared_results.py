"""Results that machines share: what another run has locked of the same inputs is taken, and what this one locks is kept."""

from __future__ import annotations

from envgen.lock.plan import Plan
from envgen.lock.result_file import Result, check_result, read_result, result_text
from envgen.lock.results import open_results
from envgen.lock.units import Unit, UnitKeys
from envgen.model.errors import BadInput, NoSolution
from envgen.model.facts import Matrix
from envgen.model.layout import Layout
from envgen.model.run import LockedProject, LockRequest, Reporter


class SharedResults:
    """The results of one run. Where only results are asked for (`cells`), they must be kept; else they may be missing."""

    def __init__(self, layout: Layout, matrix: Matrix, request: LockRequest, reporter: Reporter) -> None:
        self._matrix, self._request, self._reporter = matrix, request, reporter
        self._results = open_results(request.results)
        self._keys = UnitKeys(layout, request)
        self._lost = False

    def unit(self, found: Plan) -> Unit:
        """The unit of a project. Raises BadInput where its key is not that of the plan whose cells are asked for."""
        unit = self._keys.unit(found)
        if self._request.cells is not None and unit.key != self._request.cells[unit.project]:
            hint = "check out the commit of the plan and use its index and this version of envgen, or make a new plan"
            where = found.project.at("")
            raise BadInput(f"{unit.project}: the inputs are not those that the plan was made from", where=where, hint=hint)
        return unit

    def taken(self, unit: Unit) -> LockedProject | None:
        """What was locked for a unit, if that is known. A result that is damaged or breaks a rule is reported, and made again."""
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
            self._reporter.say(f"WARNING: {error.where}: {error.what}")
            return None

    def _checked(self, text: str, unit: Unit) -> LockedProject:
        shown = f"result {unit.key[:12]} of {unit.project}"
        found = read_result(text, shown)
        check_result(found, self._matrix, shown)
        if (found.key, found.locked.project) != (unit.key, unit.project):
            raise BadInput("it is of another unit", where=shown)
        return found.locked

    def keep(self, unit: Unit, locked: LockedProject) -> None:
        """Keep what was locked for a unit."""
        if self._lost:
            return
        try:
            self._results.put(unit.key, result_text(Result(key=unit.key, asked=unit.asked, locked=locked)))
        except (BadInput, NoSolution) as error:
            self._without(error)

    def _without(self, error: BadInput | NoSolution) -> None:
        """Go on without results, which is said once. Raises the error where results are all that is asked for."""
        if self._request.cells is not None:
            raise error
        self._reporter.say(f"WARNING: {error.what}; locking without results")
        self._lost = True
