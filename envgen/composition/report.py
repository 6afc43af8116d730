"""What a lock is made of, for people. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from envgen.composition.graph import Branch, CellGraph, Chain, same_answer, tree_of
from envgen.composition.licenses import Licensed
from envgen.composition.sizes import CellSize, size_text
from envgen.formats.environment_yml import spec_name
from envgen.model.limits import BudgetLimits
from envgen.table import lines, table

_MOST_CHAINS = 5


# --- why --------------------------------------------------------------------------------------------------------------------


def why_text(project: str, name: str, cells: Sequence[CellGraph]) -> str:
    """Who brought a package, the cells with the same answer together; a cell without it says so."""
    found = same_answer(cells, [tuple(_why(cell, name)) for cell in cells])
    blocks = [f"{', '.join(_places(group))}:\n" + "\n".join(f"  {line}" for line in answer) for group, answer in found]
    return f"{name} in {project}\n" + "\n".join(blocks)


def _why(cell: CellGraph, name: str) -> Iterator[str]:
    package = cell.by_name.get(name)
    if package is None:
        yield "not locked"
        return
    manager = " (pip)" if package.manager == "pip" else ""
    yield f"{package.version}{manager}"
    chains = list(cell.chains(name))
    for chain in chains[:_MOST_CHAINS]:
        yield f"  {_chain(cell, chain)}"
    if len(chains) > _MOST_CHAINS:
        yield f"  and {len(chains) - _MOST_CHAINS} more requested packages need it"


def _chain(cell: CellGraph, chain: Chain) -> str:
    """`requested: numpy >=2`, or the way down from a requested package, with what each asks for."""
    top = next((spec for spec in cell.requested if spec_name(spec) == chain[0].name), "")
    first = f"{chain[0].name} (requested: {top})" if top else f"{chain[0].name} (nothing needs it)"
    return " > ".join((first, *(cell.spec(one, other.name) for one, other in pairwise(chain))))


def _places(cells: Iterable[CellGraph]) -> list[str]:
    """`cpu (linux-64, win-64)`, `cu126 (linux-64)`."""
    found: dict[str, list[str]] = {}
    for cell in cells:
        found.setdefault(cell.target, []).append(cell.platform)
    return [f"{target} ({', '.join(platforms)})" for target, platforms in found.items()]


def why_data(name: str, cells: Iterable[CellGraph]) -> list[dict[str, Any]]:
    """The same for a program: every chain, from a requested package down."""
    rows = []
    for cell in cells:
        package = cell.by_name.get(name)
        chains = [[each.name for each in chain] for chain in cell.chains(name)] if package else []
        version = package.version if package else None
        rows.append({"target": cell.target, "platform": cell.platform, "version": version, "chains": chains})
    return rows


# --- tree -------------------------------------------------------------------------------------------------------------------


def tree_text(cells: Sequence[CellGraph], depth: int | None) -> str:
    """A tree for each cell; cells with the same one share it. `(*)`: what it needs is shown above."""
    found = same_answer(cells, [tuple(_branch(branch) for branch in tree_of(cell, depth)) for cell in cells])
    return "\n\n".join("\n".join((", ".join(_places(group)), *answer)) for group, answer in found)


def _branch(branch: Branch) -> str:
    again = " (*)" if branch.seen else ""
    return f"{'  ' * (branch.depth + 1)}{branch.package.name} {branch.package.version}{again}"


def tree_data(cells: Iterable[CellGraph]) -> list[dict[str, Any]]:
    """What each package of each cell needs."""
    return [
        {
            "target": cell.target,
            "platform": cell.platform,
            "requested": list(cell.roots),
            "packages": {
                name: {"version": package.version, "needs": list(cell.needs(package))}
                for name, package in sorted(cell.by_name.items())
            },
        }
        for cell in cells
    ]


# --- size -------------------------------------------------------------------------------------------------------------------


def size_page(sizes: Sequence[CellSize], budget: BudgetLimits, most: int) -> str:
    """What each cell downloads beside what it may, and its biggest packages; cells with the same ones share them."""
    rows = [
        (each.target, each.platform, str(len(each.packages) + each.unknown), _total(each), _limit(each, budget)) for each in sizes
    ]
    drawn = table(("target", "platform", "packages", "download", "budget"), rows, right=("packages", "download", "budget"))
    return "\n".join((*lines(drawn, 80), *_biggest(sizes, most)))


def _total(size: CellSize) -> str:
    return f"{'>=' if size.unknown else ''}{size_text(size.total)}"


def _limit(size: CellSize, budget: BudgetLimits) -> str:
    limit = budget.of(size.target)
    return "-" if limit is None else f"{size_text(limit)}{' exceeded' if size.total > limit else ''}"


def _biggest(sizes: Sequence[CellSize], most: int) -> Iterator[str]:
    for size in sizes:
        yield ""
        yield f"the biggest of {size.target} {size.platform}:"
        rows = [(f"{package.name} {package.version}", size_text(each)) for package, each in size.packages[:most]]
        width = max((len(name) for name, _ in rows), default=0)
        yield from (f"  {name:{width}}  {text:>8}" for name, text in rows)


def size_data(sizes: Iterable[CellSize], budget: BudgetLimits) -> list[dict[str, Any]]:
    """The same for a program, in bytes."""
    return [
        {
            "target": size.target,
            "platform": size.platform,
            "bytes": size.total,
            "unknown": size.unknown,
            "budget": budget.of(size.target),
            "packages": [{"name": package.name, "version": package.version, "bytes": each} for package, each in size.packages],
        }
        for size in sizes
    ]


# --- licences -----------------------------------------------------------------------------------------------------------------


def licenses_text(found: Mapping[str, Sequence[Licensed]], wrong: Mapping[str, Sequence[Licensed]]) -> str:
    """The licences of each target with their packages, and which are not allowed; targets with the same ones share a list."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for target, packages in found.items():
        groups.setdefault(tuple(_licenses(packages)), []).append(target)
    blocks = ["\n".join((f"{', '.join(targets)}:", *rows)) for rows, targets in groups.items()]
    lines_ = [f"not allowed: {target}: {one.name} {one.version}: {one.license}" for target, rows in wrong.items() for one in rows]
    return "\n\n".join((*blocks, *(["\n".join(lines_)] if lines_ else [])))


def _licenses(packages: Iterable[Licensed]) -> Iterator[str]:
    names: dict[str, list[str]] = {}
    for package in packages:
        names.setdefault(package.license, []).append(package.name)
    width = len(str(max(map(len, names.values()), default=0)))
    for license_, those in sorted(names.items(), key=lambda row: (-len(row[1]), row[0])):
        shown = ", ".join(sorted(those)[:4]) + (", ..." if len(those) > 4 else "")
        yield f"  {len(those):>{width}}  {license_}: {shown}"


def licenses_data(found: Mapping[str, Sequence[Licensed]], wrong: Mapping[str, Sequence[Licensed]]) -> list[dict[str, Any]]:
    """The same for a program."""
    return [
        {
            "target": target,
            "packages": [
                {"name": one.name, "version": one.version, "license": one.license, "allowed": one not in wrong.get(target, ())}
                for one in packages
            ],
        }
        for target, packages in found.items()
    ]
