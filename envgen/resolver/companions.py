"""What a companion goes with: the builds of which provider, and which of the candidates of its framework. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from envgen.model.facts import Matrix, Reason, Release, Spelling
from envgen.model.project import Project, RequestedFramework
from envgen.model.requested import host_provider, provider_of
from envgen.model.resolution import Obstacle
from envgen.resolver.candidate import Candidate, build_text, named
from envgen.resolver.cells import Cell, versions_of


def made_for_others(
    matrix: Matrix, project: Project, requested: RequestedFramework, release: Release, spelling: Spelling
) -> Reason | None:
    """That a release of a companion goes with builds of other providers of its framework alone; None where it does not."""
    host = host_provider(matrix, project, requested)
    if not host or host in matrix.frameworks[requested.host].serving(spelling):
        return None
    what = f"{requested.framework} {release.version} from {provider_of(matrix, project, requested)}"
    return Reason(f"{what} {made_for_text(matrix, requested, spelling)}, not from {host}", release.at)


def made_for_text(matrix: Matrix, requested: RequestedFramework, spelling: Spelling) -> str:
    """`is built against pytorch from conda-forge`."""
    built = "is built against" if spelling.built_against else "goes with"
    providers = " or ".join(matrix.frameworks[requested.host].serving(spelling)) or "no provider"
    return f"{built} {requested.host} from {providers}"


def is_for_same_cuda(matrix: Matrix, project: Project, requested: RequestedFramework) -> bool:
    """Whether a companion goes with builds of its framework for the same CUDA alone."""
    rows = matrix.frameworks[requested.framework].providers[provider_of(matrix, project, requested)]
    return any(spelling.same_cuda for spelling in rows)


def without_companion(
    frameworks: Iterable[RequestedFramework], found: Mapping[str, Sequence[Candidate]], cells: tuple[Cell, ...]
) -> Iterator[Obstacle]:
    """The candidates of a framework that no requested release of a companion goes with, on some platform."""
    for requested in (row for row in frameworks if row.host in found):
        for host in found[requested.host]:
            cell = next((cell for cell in cells if not _any_goes(found[requested.framework], host, cell)), None)
            if cell:
                build = build_text(str(requested), host.choice.on(cell.platform))
                reason = Reason(f"no {build} for {cell.platform} goes with {named(host.choice)}", host.choice.release.at)
                yield Obstacle(reason=reason, target=cell.target.name, platform=cell.platform, release=reason.at)


def _any_goes(companions: Iterable[Candidate], host: Candidate, cell: Cell) -> bool:
    """Whether a candidate of a companion goes with one of its framework in a cell, for any Python."""
    known, chosen = versions_of(host.choice), {host.choice.release.framework: host.choice}
    return any(row.goes_with((cell.platform, python), known, chosen) for row in companions for python in row.pythons & host.pythons)
