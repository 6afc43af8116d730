"""Builds that `verify` refuses in a cell whatever is beside them, as a CPU build in a CUDA target: no solution may have one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from envgen.channels.channel import locate
from envgen.channels.counted import build_name
from envgen.channels.index import Index
from envgen.model.facts import Matrix, Platform, Variant
from envgen.model.findings import Claim, Finding
from envgen.model.packages import LockedPackage, Record, Solution, SolveRequest
from envgen.verify.alone import wrong_alone, wrong_builds


class WrongBuilds:
    """Judges builds by the rules of `verify`; each build once for each kind of cell."""

    def __init__(self, matrix: Matrix) -> None:
        self._matrix = matrix
        self._judged: dict[tuple[Platform, Variant, bool], dict[str, bool]] = {}

    def among(self, request: SolveRequest, records: Iterable[Record]) -> list[str]:
        """The packages of a solution whose builds are wrong in the cell of a request."""
        claim = _claim(request)
        return [row.name for row in records if self._is_wrong(request.platform, claim, row)]

    def offered(self, request: SolveRequest, names: Iterable[str], index: Index) -> frozenset[str]:
        """Every wrong build of some packages that the index has, as a request names them."""
        claim, places = _claim(request), [locate(channel) for channel in request.channels]
        rows = (row for name in names for place in places for row in index.records(name, place, request.platform))
        packages = {
            build_name(row): _package(row.name.normalized, str(row.version), str(row.build), request.platform, row.depends)
            for row in rows
        }
        return frozenset(name for name, package in packages.items() if wrong_alone(package, claim, self._matrix))

    def findings(self, request: SolveRequest, solution: Solution) -> tuple[Finding, ...]:
        """What is wrong with a solution, and what brought it there."""
        wrong = self.among(request, solution.records)
        packages = [_package(row.name, row.version, row.build, request.platform, row.depends) for row in solution.records]
        found = wrong_builds(packages, _claim(request), self._matrix) if wrong else ()
        return tuple(row for row in found if row.package.partition(" ")[0] in wrong)

    def _is_wrong(self, platform: Platform, claim: Claim, row: Record) -> bool:
        judged = self._judged.setdefault((platform, claim.cuda, row.name in claim.builds), {})
        if row.url not in judged:
            package = _package(row.name, row.version, row.build, platform, row.depends)
            judged[row.url] = wrong_alone(package, claim, self._matrix)
        return judged[row.url]


def _claim(request: SolveRequest) -> Claim:
    """What the cell of a request is meant to be. The builds that its specs name are chosen."""
    cuda = request.cuda
    words = (spec.rpartition("::")[2].split() for spec in request.specs) if cuda else ()
    builds = {row[0]: (cuda, False) for row in words if len(row) > 2 and cuda}
    return Claim(kind="cuda" if cuda else "cpu", cuda=cuda, source="", builds=builds)


def _package(name: str, version: str, build: str, platform: Platform, depends: Sequence[str]) -> LockedPackage:
    return LockedPackage(name=name, version=version, build=build, manager="conda", platform=platform, depends=tuple(depends))


def finding_line(found: Finding) -> str:
    """A finding in one line, with what brought the package there."""
    chain = f" (brought by {' > '.join(found.chain)})" if found.chain else ""
    return f"  {found.rule}: {found.package}{' ' if found.package else ''}({found.platform}): {found.text}{chain}"
