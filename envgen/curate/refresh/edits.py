"""The edits that make a framework's file claim what records hold: new releases, rows and values, and what is gone. Pure.

Where a record and the file disagree, the record is right. What is gone is only removed where the records are complete.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from packaging.version import Version

from envgen.curate.model import variant_name
from envgen.curate.refresh.rows import BuildSet, SingleBuild, build_sets, row
from envgen.matrix.schema import BuildRow, FrameworkFile, ReleaseRow
from envgen.model.facts import Variant
from envgen.model.platforms import PLATFORMS
from envgen.model.text import minors_text
from envgen.yamlfile.edit import Edit
from envgen.yamlfile.nodes import KeyPath


@dataclass(frozen=True, slots=True)
class RecordedBuilds:
    """The builds of one provider in the records, by release. `complete` says that there are no others."""

    provider: str
    releases: Mapping[Version, frozenset[SingleBuild]]
    complete: bool

    def of(self, version: Version) -> frozenset[SingleBuild]:
        """The builds of a release."""
        return self.releases.get(version, frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A row of `builds`: its place in the file and what it claims there (None: new), and what it is to claim (None: remove it)."""

    provider: str
    place: int | None = None
    old: BuildSet | None = None
    new: BuildSet | None

    @property
    def cpu(self) -> bool:
        found = self.new or self.old
        return found is not None and found.cpu

    @property
    def builds(self) -> frozenset[SingleBuild]:
        return self.new.builds if self.new else frozenset()


def edits(file: FrameworkFile, recorded: Sequence[RecordedBuilds]) -> tuple[Edit, ...]:
    """The edits that make a file claim what the records hold; none if it does already.

    Of a file whose rows state single variants and need nothing: `refresh` asks for no other.
    """
    known = {release.version for release in file.releases}
    new = {version for item in recorded for version in item.releases} - known
    return (
        *(edit for place, release in enumerate(file.releases) for edit in _of_known(file.framework, place, release, recorded)),
        *(_new_release(file, version, recorded) for version in sorted(new, reverse=True)),
    )


def _new_release(file: FrameworkFile, version: Version, recorded: Sequence[RecordedBuilds]) -> Edit:
    place = next((n for n, release in enumerate(file.releases) if release.version < version), len(file.releases))
    rows = [row(item.provider, found) for item in recorded for found in build_sets(item.of(version))]
    data = {"version": str(version), "builds": rows}
    return Edit(kind="insert", path=("releases", place), value=data, why=f"{file.framework} {version}: a new release")


# --- a release that the file has ------------------------------------------------------------------------------------------


def _of_known(framework: str, place: int, release: ReleaseRow, recorded: Sequence[RecordedBuilds]) -> Iterator[Edit]:
    what, path = f"{framework} {release.version}", ("releases", place)
    rows = tuple(_row(number, written) for number, written in enumerate(release.builds))
    for item in recorded:
        rows = _updated(rows, item, item.of(release.version))
    if release.builds and not any(item.new for item in rows):
        yield Edit(kind="remove", path=path, why=f"{what}: no build is left")
        return
    yield from _row_edits((*path, "builds"), release.builds, rows, what)


def _row(place: int, written: BuildRow) -> _Row:
    found = BuildSet(
        variants=frozenset(variant for variant in written.variants if variant is None or isinstance(variant, Version)),
        platforms=frozenset(written.platforms),
        pythons=written.python,
        cudnn=written.cudnn,
    )
    return _Row(provider=written.provider, place=place, old=found, new=found)


def _updated(rows: tuple[_Row, ...], recorded: RecordedBuilds, found: frozenset[SingleBuild]) -> tuple[_Row, ...]:
    """The rows of a release that claim what is recorded of one provider: cuDNN corrected, then what is gone, then what is new."""
    rows = _with_recorded_cudnn(rows, recorded.provider, found)
    if recorded.complete:
        rows = tuple(part for item in rows for part in _without_gone(item, recorded.provider, found))
    rows, missing = _widened_rows(rows, recorded.provider, found)
    for new in build_sets(missing):
        place = _place_for(rows, recorded.provider, new)
        rows = (*rows[:place], _Row(provider=recorded.provider, new=new), *rows[place:])
    return rows


def _claimed(rows: Iterable[_Row], provider: str) -> frozenset[SingleBuild]:
    return frozenset(build for item in rows if item.provider == provider for build in item.builds)


def _unmatched(builds: Iterable[SingleBuild], others: Iterable[SingleBuild]) -> frozenset[SingleBuild]:
    """The builds that none of the others is. A build without a cuDNN is the same as one with any cuDNN, on either side."""
    majors: dict[object, set[int | None]] = defaultdict(set)
    for other in others:
        majors[other.key].add(other.cudnn)

    def matched(build: SingleBuild) -> bool:
        found = majors.get(build.key, set())
        return bool(found) and (build.cudnn is None or bool(found & {None, build.cudnn}))

    return frozenset(build for build in builds if not matched(build))


# --- what is wrong, gone, and new -----------------------------------------------------------------------------------------


def _with_recorded_cudnn(rows: tuple[_Row, ...], provider: str, found: frozenset[SingleBuild]) -> tuple[_Row, ...]:
    """The rows, each with the cuDNN of its records where no record of its builds links the one that it names."""
    unclaimed = _unmatched(found, _claimed(rows, provider))
    return tuple(_corrected(item, found, unclaimed) if item.provider == provider else item for item in rows)


def _corrected(item: _Row, found: frozenset[SingleBuild], unclaimed: frozenset[SingleBuild]) -> _Row:
    if item.new is None or item.new.cudnn is None or item.new.cudnn in _majors(item, found):
        return item
    newest = max(_majors(item, unclaimed), default=item.new.cudnn)
    return replace(item, new=replace(item.new, cudnn=newest))


def _majors(item: _Row, builds: Iterable[SingleBuild]) -> set[int]:
    """The cuDNN versions that some builds link, of those that are the row's."""
    keys = {build.key for build in item.builds}
    return {build.cudnn for build in builds if build.key in keys and build.cudnn is not None}


def _without_gone(item: _Row, provider: str, found: frozenset[SingleBuild]) -> Iterator[_Row]:
    """The row without what is not recorded. What is left may need several rows, or none."""
    gone = _unmatched(item.builds, found) if item.provider == provider else frozenset()
    if not gone:
        yield item
        return
    left = build_sets(item.builds - gone)
    yield replace(item, new=left[0] if left else None)
    yield from (_Row(provider=provider, new=more) for more in left[1:])


def _widened_rows(
    rows: tuple[_Row, ...], provider: str, found: frozenset[SingleBuild]
) -> tuple[tuple[_Row, ...], frozenset[SingleBuild]]:
    """The rows of the file, with what they can take of the builds that no row claims, and the builds that are left."""
    missing = _unmatched(found, _claimed(rows, provider))
    widened = []
    for item in rows:
        new = item.new
        if new and item.provider == provider and item.place is not None:
            new, missing = _widened(new, missing)
        widened.append(replace(item, new=new))
    return tuple(widened), missing


def _widened(claimed: BuildSet, missing: frozenset[SingleBuild]) -> tuple[BuildSet, frozenset[SingleBuild]]:
    """The set with every value added for which all builds are missing, and what is missing then."""
    fitting = frozenset(build for build in missing if claimed.cudnn in (None, build.cudnn))
    keys = {build.key for build in fitting}
    for wider in _wider(claimed, fitting):
        added = {build.key for build in wider.builds - claimed.builds}
        if added <= keys:
            return _widened(wider, frozenset(build for build in missing if build not in fitting or build.key not in added))
    return claimed, missing


def _wider(claimed: BuildSet, missing: frozenset[SingleBuild]) -> Iterator[BuildSet]:
    """The set with one more Python, platform or variant of the missing builds. CPU and CUDA builds stay in sets of their own."""
    kinds = {variant is None for variant in claimed.variants}
    fitting = sorted((build for build in missing if (build.variant is None) in kinds), key=_order)
    for build in fitting:
        if build.python not in claimed.pythons:
            yield replace(claimed, pythons=claimed.pythons | {build.python})
    for build in fitting:
        if build.platform not in claimed.platforms:
            yield replace(claimed, platforms=claimed.platforms | {build.platform})
    for build in fitting:
        if build.variant not in claimed.variants:
            yield replace(claimed, variants=claimed.variants | {build.variant})


def _order(build: SingleBuild) -> tuple[Version, int, Version]:
    return _cuda(build.variant), PLATFORMS.index(build.platform), build.python


def _cuda(variant: Variant) -> Version:
    return variant or Version("0")


def _place_for(rows: Sequence[_Row], provider: str, new: BuildSet) -> int:
    """Where a new row goes: after the provider's rows, a CPU row after its CPU rows or before all others; else at the end."""
    own = [number for number, item in enumerate(rows) if item.provider == provider]
    same = [number for number in own if rows[number].cpu] if new.cpu else own
    if same:
        return same[-1] + 1
    return own[0] if own else len(rows)


# --- rows to edits --------------------------------------------------------------------------------------------------------


def _row_edits(path: KeyPath, written: Sequence[BuildRow], rows: Sequence[_Row], what: str) -> Iterator[Edit]:
    """The edits of one list of builds. A new row goes before the next one that the file has."""
    for number, item in enumerate(rows):
        where = f"{what}, {item.provider}"
        if item.place is None and item.new:
            place = next((later.place for later in rows[number:] if later.place is not None), len(written))
            yield Edit(kind="insert", path=(*path, place), value=row(item.provider, item.new), why=f"{where}: {item.new}")
        elif item.place is not None and item.new is None:
            yield Edit(kind="remove", path=(*path, item.place), why=f"{where}: gone: {item.old}")
        elif item.place is not None and item.old and item.new and item.old != item.new:
            yield from _value_edits((*path, item.place), written[item.place], item.old, item.new, where)


def _value_edits(path: KeyPath, written: BuildRow, old: BuildSet, new: BuildSet, where: str) -> Iterator[Edit]:
    if old.pythons != new.pythons:
        text = minors_text(new.pythons)
        yield Edit(kind="set", path=(*path, "python"), value=text, why=f"{where}: {old}: now Python {text}")
    if old.cudnn != new.cudnn:
        yield Edit(kind="set", path=(*path, "cudnn"), value=new.cudnn, why=f"{where}: {old}: links cuDNN {new.cudnn}")
    yield from _list_edits((*path, "platforms"), written.platforms, new.platforms, PLATFORMS.index, where, str)
    yield from _list_edits((*path, "variants"), written.variants, new.variants, _cuda, where, variant_name)


def _list_edits(
    path: KeyPath, old: Sequence[Any], new: Collection[Any], order: Callable[[Any], Any], where: str, name: Callable[[Any], str]
) -> Iterator[Edit]:
    """Values that are removed from a list or added to it; a new one goes before the first that is greater."""
    for place, value in enumerate(old):
        if value not in new:
            yield Edit(kind="remove", path=(*path, place), why=f"{where}: no longer {name(value)}")
    for value in sorted((value for value in new if value not in old), key=order):
        place = next((place for place, other in enumerate(old) if order(other) > order(value)), len(old))
        yield Edit(kind="insert", path=(*path, place), value=name(value), why=f"{where}: now also {name(value)}")
