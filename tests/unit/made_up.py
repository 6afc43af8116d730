"""Made-up channels for made-up worlds: which builds of the frameworks there are, and dependencies that bind them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from rattler import Gateway
from unit.worlds import AT, CUDAS, OLDER, PLATFORMS, PYTHONS, worlds

from envgen.channels.index import FolderIndex
from envgen.model.facts import Build, Framework, Matrix, Release
from envgen.model.project import Dependency, Project

CHANNEL = "conda-forge"
_BINDS = (
    "alpha <3",
    "alpha >=2",
    "alpha 2.*",
    "beta <3",
    "beta >=2",
    "python <3.12",
    "python 3.10.*",
    "shared 1.*",
    "shared 2.*",
    "",
)


@dataclass(frozen=True)
class Row:
    """One record of a made-up channel."""

    name: str
    version: str
    build: str = "0"
    depends: tuple[str, ...] = ()
    subdir: str = "noarch"

    @property
    def file(self) -> str:
        return f"{self.name}-{self.version}-{self.build}.conda"


class MadeUpIndex(FolderIndex):
    """An index folder whose solves share one gateway: making one takes longer than such a solve."""

    gateway = Gateway()  # type: ignore[assignment]


def write_channel(folder: Path, rows: list[Row]) -> MadeUpIndex:
    """Write the repodata of a channel, and open it."""
    for subdir in ("noarch", *PLATFORMS):
        packages = {row.file: _record(row) for row in rows if row.subdir == subdir}
        path = folder / CHANNEL / subdir / "repodata.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"info": {"subdir": subdir}, "packages": {}, "packages.conda": packages}), encoding="utf-8")
    return MadeUpIndex(folder, "made up")


def _record(row: Row) -> Mapping[str, object]:
    digest = hashlib.sha256(row.file.encode()).hexdigest()
    return {
        "name": row.name,
        "version": row.version,
        "build": row.build,
        "build_number": 0,
        "depends": list(row.depends),
        "subdir": row.subdir,
        "sha256": digest,
        "md5": digest[:32],
        "size": 1,
        **({"noarch": "generic"} if row.subdir == "noarch" else {}),
    }


_NAMES = st.sampled_from([(), ("one",), ("one", "two"), ("one",), ("one", "two")])
_VERSIONS = st.sampled_from([("1.0",), ("1.0", "2.0"), ("1.0", "2.0", "3.0")])
_DEPENDS = st.lists(st.sampled_from(_BINDS), min_size=1, max_size=2)
_SUBDIRS = st.sampled_from([("noarch",), ("noarch",), ("noarch",), PLATFORMS, PLATFORMS[:1]])
_MOSTLY = st.integers(0, 9)
_NEEDS = st.sampled_from([(), (), ("shared 1.*",), ("shared 2.*",)])


@st.composite
def channels(draw: st.DrawFn, three: bool = False) -> tuple[Matrix, Project, list[Row]]:
    """A world, a project in it with dependencies of its own, and the records of its channel."""
    matrix, project = draw(worlds(three=three))
    matrix = replace(
        matrix, frameworks={name: _spelled(row) for name, row in matrix.frameworks.items()}, constraints=matrix.constraints[:1]
    )
    project = replace(project, python=SpecifierSet(), driver=None, gpus=())  # so that most worlds have a choice
    rows = [Row("python", f"{python}.0") for python in PYTHONS]
    rows += [Row("cuda-version", str(cuda)) for cuda in (*CUDAS[1:], OLDER)]
    rows += [Row("shared", version) for version in ("1.0", "2.0")]
    rows += draw(_builds(matrix))
    names = draw(_NAMES)
    for name in names:
        for version in draw(_VERSIONS):
            depends = draw(_DEPENDS)
            subdirs = draw(_SUBDIRS)
            rows += [Row(name, version, depends=tuple(filter(None, depends)), subdir=subdir) for subdir in subdirs]
    dependencies = tuple(Dependency(name, name, replace(AT, line=line)) for line, name in enumerate(names, 30))
    return matrix, replace(project, dependencies=dependencies), rows


def _spelled(framework: Framework) -> Framework:
    """The framework as a package of its own name, with builds for every target on every platform."""
    cpu, cuda = f"{framework.name} {{version}}.* cpu_*", f"{framework.name} {{version}}.* cuda{{cu}}_*"
    rows = tuple(replace(row, cpu=(cpu,), cuda=(cuda, "cuda-version {cuda}.*")) for row in framework.providers[CHANNEL])
    releases = tuple(replace(row, builds=tuple(_everywhere(row))) for row in framework.releases)
    return replace(framework, providers={CHANNEL: rows}, releases=releases)


def _everywhere(release: Release) -> Iterator[Build]:
    pythons = (row.pythons for row in release.builds)
    for cuda in CUDAS:
        yield Build(
            provider=CHANNEL,
            variants=frozenset({cuda}),
            platforms=frozenset(PLATFORMS),
            pythons=next(pythons, frozenset(PYTHONS)),
            at=AT,
            cudnn=None,
        )


@st.composite
def _builds(draw: st.DrawFn, matrix: Matrix) -> list[Row]:
    """The builds that the matrix has, but for a few, some of which need one or the other version of a shared package."""
    found = []
    for name, version, cuda, python, platform in _claimed(matrix):
        if draw(_MOSTLY) > 0:
            needs = draw(_NEEDS)
            build = f"{'cuda' + str(cuda).replace('.', '') if cuda else 'cpu'}_py{str(python).replace('.', '')}_0"
            found.append(Row(name, f"{version}.0", build, (f"python {python}.*", *needs), platform))
    return found


def _claimed(matrix: Matrix) -> Iterator[tuple[str, Version, Version | None, Version, str]]:
    claimed = {
        (name, release.version, cuda, python, platform)
        for name, framework in matrix.frameworks.items()
        for release in framework.releases
        for row in release.builds
        for cuda in row.variants
        for python in row.pythons
        for platform in row.platforms
    }
    yield from sorted(claimed, key=str)
