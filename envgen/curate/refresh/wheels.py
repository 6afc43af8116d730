"""`envgen matrix refresh --pypi`: what an index of wheels has of the frameworks, as rows for new releases and as notes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from packaging.version import Version

from envgen.curate.refresh.refresh import ChangedFile, Refreshed
from envgen.curate.refresh.rows import SingleBuild, build_sets, row
from envgen.curate.refresh.wheel_pages import IndexedWheel, requirements_of, wheels_of
from envgen.files import write_files
from envgen.formats.builds import applies, requirement_name
from envgen.matrix.cached import cached_matrix
from envgen.matrix.schema import FrameworkFile
from envgen.model.catalogue import Catalogue
from envgen.model.errors import BadInput, closest
from envgen.model.facts import Framework, Matrix, Platform
from envgen.model.layout import Layout
from envgen.model.resolution import RenderedFile
from envgen.model.run import Reporter
from envgen.yamlfile.document import parsed
from envgen.yamlfile.edit import Edit, spliced
from envgen.yamlfile.schema import checked
from envgen.yamlfile.text import text_of

_WITH_CUDA = ("linux-64", "linux-aarch64")  # where the metadata of public wheels may pin a CUDA
_EXACT = re.compile(r"==\s*([0-9]+\.[0-9]+)")


def refresh_wheels(layout: Layout, index: str, names: Iterable[str], reporter: Reporter, *, write: bool) -> Refreshed:
    """Read an index of wheels and propose rows for releases that the matrices do not have; write them if `write`.

    Raises BadInput, and NoSolution where the index cannot be read.
    """
    matrix = cached_matrix(layout)
    for name in names:
        if name not in matrix.frameworks:
            raise BadInput(f"there is no framework `{name}`", hint=closest(name, matrix.frameworks))
    chosen = [framework for framework in matrix.frameworks.values() if framework.of_wheels]
    chosen = [framework for framework in chosen if not names or framework.name in names]
    reporter.begin("reading the index", len(chosen))
    found = [_proposal(layout, matrix, framework, index, reporter) for framework in chosen]
    reporter.end()
    changed = tuple(file for file, _ in found if file.edits)
    if write and changed:
        write_files(layout.matrices, [RenderedFile(file.name, file.new) for file in changed], layout)
    notes = tuple(note for _, rows in found for note in rows)
    return Refreshed(index="the index", complete=False, written=write, changed=changed, by_hand=notes)


def _packages(catalogue: Catalogue, framework: Framework) -> tuple[str, ...]:
    """The packages whose files tell for what a release was built: those that the spellings request, and the framework's own."""
    rows = framework.providers[framework.of_wheels]
    asked = [re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0] for spelling in rows for text in spelling.cpu[:1]]
    own = [known for known in catalogue.packages if known.framework == framework.name and known.role == "framework"]
    return tuple(dict.fromkeys((*asked, *(name for known in own for name in known.pip if "*" not in name and not known.stub))))


def _proposal(
    layout: Layout, matrix: Matrix, framework: Framework, index: str, reporter: Reporter
) -> tuple[ChangedFile, list[str]]:
    """A framework's file with its new releases, and what a person must write."""
    path = layout.matrices / f"{framework.name}.yaml"
    shown = layout.shown(path)
    text = text_of(path, shown, absent="`envgen init` writes one", exact=True)
    file = checked(parsed(text, shown), FrameworkFile)
    pages = (wheels_of(index, package, matrix.pythons) for package in _packages(matrix.catalogue, framework))
    wheels = next((page for page in pages if page), ())
    edits, notes = list[Edit](), list[str]()
    for version, own in sorted(_new(framework, wheels).items(), reverse=True):
        rows, more = _rows(matrix, framework, own)
        notes += [f"{framework.name} {version}: {note}" for note in more]
        edits += _edits(file, version, rows)
    reporter.step(framework.name)
    return ChangedFile(name=path.name, shown=shown, old=text, new=spliced(text, edits, shown), edits=tuple(edits)), notes


def _new(framework: Framework, wheels: Iterable[IndexedWheel]) -> Mapping[Version, list[IndexedWheel]]:
    """The wheels of releases that the file neither claims of this provider nor leaves out, and that are not older than those."""
    provider, known = framework.of_wheels, set[Version]()
    for release in framework.releases:
        known |= {release.version for build in release.builds if build.provider == provider}
    rows = [row for row in framework.left_out if row.provider == provider and row.releases and not (row.platforms or row.variants)]
    found: dict[Version, list[IndexedWheel]] = defaultdict(list)
    for wheel in wheels:
        left_out = any(row.releases and wheel.version in row.releases for row in rows)
        if wheel.version not in known and wheel.version > min(known, default=Version("0")) and not left_out:
            found[wheel.version].append(wheel)
    return found


def _edits(file: FrameworkFile, version: Version, rows: list[dict[str, Any]]) -> Iterator[Edit]:
    """The rows of a release: below it where the file has it, from another provider, else with it in its place."""
    why = f"{file.framework} {version}: wheels of a new release"
    place = next((n for n, release in enumerate(file.releases) if release.version == version), None)
    if place is None:
        after = next((n for n, release in enumerate(file.releases) if release.version < version), len(file.releases))
        yield Edit(kind="insert", path=("releases", after), value={"version": str(version), "builds": rows}, why=why)
        return
    for row_of_wheels in rows:
        yield Edit(
            kind="insert", path=("releases", place, "builds", len(file.releases[place].builds)), value=row_of_wheels, why=why
        )


def _rows(matrix: Matrix, framework: Framework, wheels: list[IndexedWheel]) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows for the builds of a release, for CUDA on the platforms where the metadata pins one; else what a person must find out.

    Where a wheel may be for CUDA and nothing has its metadata, there is no row.
    """
    first = {wheel.platform: wheel for wheel in reversed(wheels) if wheel.platform in _WITH_CUDA}
    found = {platform: requirements_of(wheel) for platform, wheel in sorted(first.items())}
    needs = {platform: rows for platform, rows in found.items() if rows is not None}
    pinned = {platform: _cuda(matrix.catalogue, rows, platform) for platform, rows in needs.items()}
    unknown = found.keys() - needs.keys()
    host = _host(matrix.catalogue, framework, needs.get("linux-64", ()))
    rows = _of(framework, [wheel for wheel in wheels if not (pinned.get(wheel.platform) or wheel.platform in unknown)], None)
    for cuda in sorted(set(filter(None, pinned.values()))):
        rows += _of(framework, [wheel for wheel in wheels if pinned.get(wheel.platform) == cuda], cuda)
    made = [{**found, **({"needs": {framework.companion_of: host}} if host else {})} for found in rows]
    lacking = [f"the index has no metadata of its wheel for {platform}: add the builds" for platform in sorted(unknown)]
    return made, [*lacking, *([] if unknown and not needs else [_note(needs.keys(), pinned)])]


def _note(told: Collection[Platform], pinned: Mapping[Platform, Version | None]) -> str:
    """What the metadata of the wheels for Linux tells, and what it does not."""
    found = {platform: cuda for platform, cuda in sorted(pinned.items()) if cuda}
    if not told:
        return "the index has no wheel of it for Linux: add the CUDA builds"
    if not found:
        return "its metadata pins no CUDA: add the CUDA builds"
    where = " and ".join(f"CUDA {cuda} on {platform}" for platform, cuda in found.items())
    return f"its metadata pins {where}: add the CPU builds there, other CUDA versions and platforms, and the cuDNN"


def _of(framework: Framework, wheels: Iterable[IndexedWheel], variant: Version | None) -> list[dict[str, Any]]:
    """Rows for one variant, apart by the glibc of the tags."""
    by_glibc: dict[Version | None, set[SingleBuild]] = defaultdict(set)
    for wheel in wheels:
        build = SingleBuild(variant=variant, platform=wheel.platform, python=wheel.python, cudnn=None)
        by_glibc[wheel.glibc].add(build)
    provider = framework.of_wheels
    return [
        {**row(provider, found), **({"glibc": str(glibc)} if glibc else {})}
        for glibc, builds in sorted(by_glibc.items(), key=lambda item: (item[0] is None, item[0] or Version("0")))
        for found in build_sets(builds)
    ]


def _cuda(catalogue: Catalogue, needs: Iterable[str], platform: Platform) -> Version | None:
    """The CUDA minor that requirements pin on a platform: that of the first package whose version tells it."""
    for need in (need for need in needs if applies(need, platform)):
        pinned = _EXACT.search(need.partition(";")[0])
        if pinned and any(known.tells == "minor" for known in catalogue.named("pip", requirement_name(need))):
            return Version(pinned[1])
    return None


def _host(catalogue: Catalogue, framework: Framework, needs: Iterable[str]) -> str:
    """The range of its framework that a companion requires; "" for a framework, and where it requires none."""
    for need in needs if framework.companion_of else ():
        found = re.match(r"([A-Za-z0-9._-]+)\s*\(?([<>=!~][^;)]*)?", need)
        rows = catalogue.named("pip", found[1]) if found else ()
        if found and any(known.framework == framework.companion_of and known.role == "framework" for known in rows):
            return str(found[2] or "").strip().removeprefix("==")
    return ""
