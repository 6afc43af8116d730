"""Whether the targets of a project compute with the same frameworks and libraries, unless it says otherwise. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envgen.lock.locked_cells import CellName
from envgen.model.address import Address
from envgen.model.alignment import Differing
from envgen.model.catalogue import Numeric
from envgen.model.errors import BadInput, EnvgenError, NoSolution, closest
from envgen.model.facts import Matrix
from envgen.model.project import Project
from envgen.model.resolution import Resolution

if TYPE_CHECKING:
    from envgen.lock.align import Packages
    from envgen.lock.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Unequal:
    """What differs between targets: how a project calls it, target -> its version or implementation, and why.

    `platform` is one on which it differs, "" where it is the same on all.
    """

    name: str
    values: Mapping[str, str]
    because: str
    platform: str = ""

    def __str__(self) -> str:
        """`numpy: 2.2.6 (cpu, cu126), 1.26.4 (cu118): needs-old-numpy 1.0 needs numpy <2`."""
        targets: dict[str, list[str]] = {}
        for target, value in self.values.items():
            targets.setdefault(value, []).append(target)
        listed = ", ".join(f"{value} ({', '.join(names)})" for value, names in targets.items())
        where = f" on {self.platform}" if self.platform else ""
        return f"{self.name}: {listed}{where}{f': {self.because}' if self.because else ''}"


def check_numerics(
    matrix: Matrix,
    project: Project,
    resolutions: Sequence[Resolution],
    cells: Mapping[CellName, Packages],
    differing: Iterable[Differing],
    *,
    locked: bool,
) -> None:
    """Check that all targets have the same of what decides which numbers come out, on each platform that they share.

    `locked` says whether locks keep some packages. Raises NoSolution where targets differ and the project does not waive it.
    """
    numerics = (*matrix.catalogue.numerics, *(Numeric(name, (name,)) for name in project.numerics.also))
    _check_names(project, cells)
    reasons = {row.package: row.because for row in differing}
    values = {name: {numeric.name: numeric.value(packages) for numeric in numerics} for name, packages in cells.items()}
    of_numerics = {numeric.name: next(filter(None, map(reasons.get, numeric.conda)), "") for numeric in numerics}
    found = [*_frameworks(resolutions), *_unequal(values, of_numerics)]
    wrong = _without_companions(project, [row for row in found if row.name not in project.numerics.may_differ])
    if wrong:
        raise _error(project, wrong, locked=locked)


def check_locked(matrix: Matrix, found: Plan) -> None:
    """Check the same of locks that stay as they are: a project may have taken back what it waived when they were made.

    Raises NoSolution where targets differ.
    """
    targets = [row.name for row in found.project.targets if row.name in found.held]
    if found.project.align and len(targets) > 1:
        rows = [found.held[name] for name in targets]
        check_numerics(matrix, found.project, rows, found.locked.packages(targets), (), locked=True)


def _check_names(project: Project, cells: Mapping[CellName, Packages]) -> None:
    """A package under `also:` that no target has is more often a typo."""
    known = {name for packages in cells.values() for name in packages}
    for name in project.numerics.also:
        if name not in known:
            what = f"no target has a package `{name}`, which `numerics:` names"
            raise BadInput(what, where=project.at("numerics"), hint=closest(name, known))


def _without_companions(project: Project, found: Sequence[Unequal]) -> list[Unequal]:
    """What differs, without companions of frameworks that differ or may: they go with one release of it."""
    hosts = {row.framework: row.host for row in project.frameworks}
    named = {*project.numerics.may_differ, *(row.name for row in found)}
    return [row for row in found if hosts.get(row.name) not in named]


def _frameworks(resolutions: Sequence[Resolution]) -> Iterator[Unequal]:
    """The frameworks that differ, with the first obstacle to the version of the first target in one that has another."""
    chosen = {row.target.name: {choice.release.framework: choice.release for choice in row.choices} for row in resolutions}
    for name in dict.fromkeys(framework for releases in chosen.values() for framework in releases):
        having = {target: releases[name] for target, releases in chosen.items() if name in releases}
        first = next(iter(having.values()))
        others = [row for row in resolutions if having.get(row.target.name, first).version != first.version]
        own = (one for row in others for one in row.obstacles if one.target == row.target.name)
        met = (one.reason.text for one in own if one.release == first.at)
        if others:
            values = {target: str(release.version) for target, release in having.items()}
            yield Unequal(name=name, values=values, because=next(met, ""))


def _unequal(cells: Mapping[CellName, Mapping[str, str]], reasons: Mapping[str, str]) -> Iterator[Unequal]:
    """The libraries that differ on some platform, each once."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for (target, platform), values in cells.items():
        for name, value in values.items():
            if value:
                found.setdefault(name, {}).setdefault(platform, {})[target] = value
    for name, platforms in found.items():
        for platform, by_target in platforms.items():
            if len(set(by_target.values())) > 1:
                yield Unequal(name=name, values=by_target, platform=platform, because=reasons[name])
                break


def _error(project: Project, found: Sequence[Unequal], *, locked: bool) -> EnvgenError:
    lines = "\n".join(f"  {row}" for row in found)
    waiver = f"let them differ with `numerics: {{may-differ: [{', '.join(row.name for row in found)}]}}`"
    update = f"`envgen update {project.name}` moves what is locked, too; otherwise " if locked else ""
    return NoSolution(
        f"{project.name}: the targets would not compute with the same:\n{lines}",
        where=_written(project, found[0].name),
        hint=f"{update}request versions that all targets can have, or {waiver}",
    )


def _written(project: Project, name: str) -> Address:
    """Where a project asks for what differs, else where it says what must be the same."""
    own = [*((row.framework, row.at) for row in project.frameworks), *((row.name, row.at) for row in project.dependencies)]
    return next((at for called, at in own if called == name), project.at("numerics"))
