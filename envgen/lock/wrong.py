"""Builds that `verify` refuses in a cell whatever is beside them, as a CPU build in a CUDA target: no solution may have one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from envgen.channels.channel import locate
from envgen.channels.counted import build_name
from envgen.channels.index import Index
from envgen.model.facts import Matrix
from envgen.model.findings import Claim, Finding
from envgen.model.packages import LockedPackage, Record, Solution, SolveRequest
from envgen.verify.alone import wrong_alone, wrong_builds

if TYPE_CHECKING:
    from rattler import RepoDataRecord


class WrongBuilds:
    """Judges builds by the rules of `verify`; each build once for each claim."""

    def __init__(self, matrix: Matrix) -> None:
        self._matrix = matrix
        self._judged: dict[tuple[object, ...], bool] = {}

    def among(self, request: SolveRequest, records: Iterable[Record]) -> list[str]:
        """The packages of a solution whose builds are wrong in the cell of a request."""
        claim = _claim(request)
        rows = (_package(request, row.name, row.version, row.build, row.depends) for row in records)
        return [package.name for package in rows if self._is_wrong(package, claim)]

    def offered(self, request: SolveRequest, names: Iterable[str], index: Index) -> frozenset[str]:
        """Every wrong build of some packages that the index has, as a request refuses them."""
        claim, places = _claim(request), [locate(channel) for channel in request.channels]
        rows = (row for name in names for place in places for row in index.records(name, place, request.platform))
        return frozenset(build_name(row) for row in rows if self._is_wrong(_offered(request, row), claim))

    def findings(self, request: SolveRequest, solution: Solution) -> tuple[Finding, ...]:
        """What is wrong with a solution, and what brought it there."""
        wrong = self.among(request, solution.records)
        packages = [_package(request, row.name, row.version, row.build, row.depends) for row in solution.records]
        found = wrong_builds(packages, _claim(request), self._matrix) if wrong else ()
        return tuple(row for row in found if row.package.partition(" ")[0] in wrong)

    def _is_wrong(self, package: LockedPackage, claim: Claim) -> bool:
        key = (
            claim.cuda,
            package.name in claim.builds,
            package.platform,
            package.name,
            package.version,
            package.build,
            package.depends,
        )
        if key not in self._judged:
            self._judged[key] = wrong_alone(package, claim, self._matrix)
        return self._judged[key]


def _claim(request: SolveRequest) -> Claim:
    """What the cell of a request is meant to be. The builds that its specs name are chosen."""
    cuda = request.cuda
    words = (spec.rpartition("::")[2].split() for spec in request.specs) if cuda else ()
    builds = {row[0]: (cuda, False) for row in words if len(row) > 2 and cuda}
    return Claim(kind="cuda" if cuda else "cpu", cuda=cuda, source="", builds=builds)


def _package(request: SolveRequest, name: str, version: str, build: str, depends: tuple[str, ...]) -> LockedPackage:
    return LockedPackage(name=name, version=version, build=build, manager="conda", platform=request.platform, depends=depends)


def _offered(request: SolveRequest, record: RepoDataRecord) -> LockedPackage:
    return _package(request, record.name.normalized, str(record.version), str(record.build), tuple(record.depends))


def finding_line(found: Finding) -> str:
    """A finding in one line, with what brought the package there."""
    chain = f" (brought by {' > '.join(found.chain)})" if found.chain else ""
    return f"  {found.rule}: {found.package}{' ' if found.package else ''}({found.platform}): {found.text}{chain}"
