"""What records would change in a framework's file: new releases, rows, variants, platforms and Pythons; what is gone. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from packaging.version import Version

from envgen.matrix.rows import BuildCell, Line, lines, row, variant_name
from envgen.matrix.schema import BuildRow, FrameworkFile, ReleaseRow
from envgen.model.facts import PLATFORMS, Platform, Variant, by_cuda, minors_text
from envgen.yamlfile.edit import Edit
from envgen.yamlfile.nodes import KeyPath


@dataclass(frozen=True, slots=True)
class RecordedBuilds:
    """What the records hold of one provider: cells by release; all that there are, where it is `complete`."""

    provider: str
    spots: Mapping[Version, frozenset[BuildCell]]
    complete: bool


@dataclass(slots=True)
class _Row:
    """A row on its way: where it stands in the file (None: new), as it was, and as it will be (None: gone)."""

    place: int | None
    provider: str
    was: Line | None
    line: Line | None


def edits(file: FrameworkFile, held: Sequence[RecordedBuilds], companions: Mapping[Version, Mapping[str, str]]) -> tuple[Edit, ...]:
    """The changes that make a file claim what the records hold; none where it does."""
    found: list[Edit] = []
    for place, release in enumerate(file.releases):
        found += _known(place, release, held, companions.get(release.version, {}), file.framework)
    known = {release.version for release in file.releases}
    for version in sorted({version for item in held for version in item.spots} - known, reverse=True):
        index = next((i for i, release in enumerate(file.releases) if release.version < version), len(file.releases))
        data = _release(version, held, companions.get(version, {}))
        found.append(Edit("insert", ("releases", index), data, f"{file.framework} {version}: a new release"))
    return tuple(found)


def _release(version: Version, held: Sequence[RecordedBuilds], companions: Mapping[str, str]) -> dict[str, Any]:
    rows = [row(item.provider, line) for item in held for line in lines(item.spots.get(version, ()))]
    return {"version": str(version), **({"with": dict(companions)} if companions else {}), "builds": rows}


# --- a release that is known ----------------------------------------------------------------------------------------------


def _known(
    place: int, release: ReleaseRow, held: Sequence[RecordedBuilds], companions: Mapping[str, str], framework: str
) -> Iterator[Edit]:
    told = f"{framework} {release.version}"
    rows = [
        _Row(number, item.provider, line, line)
        for number, item in enumerate(release.builds)
        for line in [Line(frozenset(item.variants), frozenset(item.platforms), item.python, item.cudnn)]
    ]
    for item in held:
        _follow(rows, item, item.spots.get(release.version, frozenset()))
    if release.builds and not any(item.line for item in rows):
        yield Edit("remove", ("releases", place), why=f"{told}: no build is left")
        return
    missing = {name: prefix for name, prefix in companions.items() if name not in release.companions}
    if missing and release.companions:
        for name, prefix in missing.items():
            yield Edit("add", ("releases", place, "with", name), prefix, f"{told}: goes with {name} {prefix}")
    elif missing:
        names = ", ".join(f"{name} {prefix}" for name, prefix in missing.items())
        yield Edit("add", ("releases", place, "with"), missing, f"{told}: goes with {names}")
    yield from _row_edits(("releases", place, "builds"), release.builds, rows, told)


def _follow(rows: list[_Row], held: RecordedBuilds, spots: frozenset[BuildCell]) -> None:
    """Change one provider's rows of a release, in place, to what is held: first the cuDNN, then what is gone, then what is new."""
    own = [item for item in rows if item.provider == held.provider]
    _correct_cudnn(own, spots)
    if held.complete:
        for item in own:
            _shrink(rows, item, _alone(item.line.spots, spots) if item.line else frozenset())
    lines_now = [item.line for item in rows if item.provider == held.provider and item.line]
    missing = _alone(spots, [spot for line in lines_now for spot in line.spots])
    for item in own:
        if item.line:
            item.line, missing = _widened(item.line, missing)
    for line in lines(missing):
        rows.insert(_position(rows, held.provider, line), _Row(None, held.provider, None, line))


def _correct_cudnn(own: Sequence[_Row], spots: frozenset[BuildCell]) -> None:
    """Where the records of a row's builds all link a cuDNN that no row claims of them, the row was wrong: the record wins."""
    claimed = {spot for item in own if item.line for spot in item.line.spots}
    for item in own:
        if item.line is None or item.line.cudnn is None:
            continue
        builds = {spot.build for spot in item.line.spots}
        linked = {spot.cudnn for spot in spots if spot.build in builds and spot.cudnn is not None}
        unclaimed = {spot.cudnn for spot in _alone(spots, claimed) if spot.build in builds and spot.cudnn is not None}
        if unclaimed and item.line.cudnn not in linked:
            item.line = replace(item.line, cudnn=max(unclaimed))


def _alone(spots: Collection[BuildCell], others: Collection[BuildCell]) -> frozenset[BuildCell]:
    """The spots that agree with none of the others; one that names no cuDNN agrees with every one of the same build."""
    majors: dict[object, set[int | None]] = defaultdict(set)
    for other in others:
        majors[other.build].add(other.cudnn)
    return frozenset(spot for spot in spots if not _agrees(spot.cudnn, majors.get(spot.build, set())))


def _agrees(cudnn: int | None, majors: Collection[int | None]) -> bool:
    return bool(majors) and (cudnn is None or None in majors or cudnn in majors)


def _shrink(rows: list[_Row], item: _Row, gone: frozenset[BuildCell]) -> None:
    """Take cells out of a row; what is left may need several rows."""
    if not gone or item.line is None:
        return
    left = lines(item.line.spots - gone)
    item.line = left[0] if left else None
    after = rows.index(item) + 1
    rows[after:after] = [_Row(None, item.provider, None, line) for line in left[1:]]


def _widened(line: Line, missing: frozenset[BuildCell]) -> tuple[Line, frozenset[BuildCell]]:
    """The row with every value added whose cells are all missing, and what is missing then."""
    while True:
        fitting = frozenset(spot for spot in missing if line.cudnn in (None, spot.cudnn))
        builds = {spot.build for spot in fitting}
        for wider in _wider(line, fitting):
            come = {spot.build for spot in wider.spots - line.spots}
            if come <= builds:
                break
        else:
            return line, missing
        missing = frozenset(s for s in missing if s not in fitting or s.build not in come)
        line = wider


def _wider(line: Line, missing: frozenset[BuildCell]) -> Iterator[Line]:
    """The row with one more Python, platform or variant, of those that are missing; CPU and CUDA do not mix."""
    kinds = {variant is None for variant in line.variants}
    fitting = sorted((spot for spot in missing if (spot.variant is None) in kinds), key=_order)
    for spot in fitting:
        if spot.python not in line.pythons:
            yield replace(line, pythons=line.pythons | {spot.python})
    for spot in fitting:
        if spot.platform not in line.platforms:
            yield replace(line, platforms=line.platforms | {spot.platform})
    for spot in fitting:
        if spot.variant not in line.variants:
            yield replace(line, variants=line.variants | {spot.variant})


def _order(spot: BuildCell) -> tuple[Version, int, Version]:
    return spot.variant or Version("0"), PLATFORMS.index(spot.platform), spot.python


def _position(rows: Sequence[_Row], provider: str, line: Line) -> int:
    """Where a new row stands: after the provider's rows of its kind; CPU before CUDA; a new provider at the end."""
    own = [number for number, item in enumerate(rows) if item.provider == provider]
    kind = [number for number in own if None in _any_line(rows[number]).variants and None in line.variants]
    if None in line.variants:
        return kind[-1] + 1 if kind else own[0] if own else len(rows)
    return own[-1] + 1 if own else len(rows)


def _any_line(item: _Row) -> Line:
    found = item.line or item.was
    return found or Line(frozenset(), frozenset(), frozenset(), None)


# --- rows to edits --------------------------------------------------------------------------------------------------------


def _row_edits(path: KeyPath, builds: Sequence[BuildRow], rows: Sequence[_Row], told: str) -> Iterator[Edit]:
    """The edits of one list of builds. A new row comes before the next one that stands in the file already."""
    after = sum(item.place is not None for item in rows)
    for number, item in enumerate(rows):
        what = f"{told}, {item.provider}"
        if item.place is None and item.line:
            place = next((later.place for later in rows[number + 1 :] if later.place is not None), after)
            yield Edit("insert", (*path, place), row(item.provider, item.line), f"{what}: {_words(item.line)}")
        elif item.place is not None and item.line is None and item.was:
            yield Edit("remove", (*path, item.place), why=f"{what}: gone: {_words(item.was)}")
        elif item.place is not None and item.line and item.was and item.line != item.was:
            yield from _changed((*path, item.place), builds[item.place], item.was, item.line, what)


def _changed(path: KeyPath, written: BuildRow, was: Line, line: Line, what: str) -> Iterator[Edit]:
    if was.pythons != line.pythons:
        text = minors_text(line.pythons)
        yield Edit("set", (*path, "python"), text, f"{what}: {_words(was)}: now Python {text}")
    if was.cudnn != line.cudnn:
        yield Edit("set", (*path, "cudnn"), line.cudnn, f"{what}: {_words(was)}: links cuDNN {line.cudnn}")
    yield from _listed((*path, "platforms"), written.platforms, line.platforms, PLATFORMS.index, what)
    yield from _listed((*path, "variants"), written.variants, line.variants, lambda variant: variant or Version("0"), what)


def _listed(path: KeyPath, was: Sequence[Any], now: Collection[Any], order: Callable[[Any], Any], what: str) -> Iterator[Edit]:
    """Values that come into a list, or go; a new one comes before the first that is greater."""
    for place, value in enumerate(was):
        if value not in now:
            yield Edit("remove", (*path, place), why=f"{what}: no longer {_name(value)}")
    for value in sorted((value for value in now if value not in was), key=order):
        place = next((place for place, other in enumerate(was) if order(other) > order(value)), len(was))
        yield Edit("insert", (*path, place), _name(value), f"{what}: now also {_name(value)}")


def _name(value: Variant | Platform) -> str:
    return value if isinstance(value, str) else variant_name(value)


def _words(line: Line) -> str:
    variants = ", ".join(variant_name(v) for v in by_cuda(line.variants))
    platforms = ", ".join(platform for platform in PLATFORMS if platform in line.platforms)
    return f"{variants} for {platforms}, Python {minors_text(line.pythons)}"
