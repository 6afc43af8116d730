"""What a companion goes with: the builds of which provider, and which of the candidates of its framework. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from envgen.model.facts import Framework, Matrix, Reason, Spelling
from envgen.model.project import Project, RequestedFramework
from envgen.model.requested import provider_of
from envgen.model.resolution import Obstacle
from envgen.resolver.candidate import Candidate, build_text, named
from envgen.resolver.cells import Cell, versions_of


def made_for_others(host: Framework, provider: str, spelling: Spelling) -> str:
    """`is built against pytorch from conda-forge, not from pytorch`; "" where a companion goes with the builds of a provider."""
    return "" if provider in host.serving(spelling) else f"{made_for_text(host, spelling)}, not from {provider}"


def made_for_text(host: Framework, spelling: Spelling) -> str:
    """`is built against pytorch from conda-forge`."""
    built = "is built against" if spelling.built_against else "goes with"
    return f"{built} {host.name} from {' or '.join(host.serving(spelling)) or 'no provider'}"


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
