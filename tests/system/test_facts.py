"""The matrices held against real package records: where a record and a fact disagree, the record wins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import REPO
from packaging.version import Version
from rattler import MatchSpec, RepoDataRecord

from envgen.channel import place
from envgen.decisions import Choice
from envgen.index import FolderIndex, runs_on
from envgen.matrix import load_matrix
from envgen.model import Matrix, Release, Target, Variant
from envgen.proof.builds import built_for
from envgen.render import spelled

PACKAGES = {"pytorch": "pytorch", "tensorflow": "tensorflow", "jax": "jaxlib"}  # whose build says CPU or CUDA
SINCE = {"pytorch": Version("1.10"), "tensorflow": Version("2.10"), "jax": Version("0.4.14")}
PLATFORMS = ("linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64")
PROVIDERS = [("pytorch", "conda-forge"), ("pytorch", "pytorch"), ("tensorflow", "conda-forge"), ("jax", "conda-forge")]


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return load_matrix(REPO / "matrices")


@pytest.fixture(scope="module")
def index(snapshot: Path, unpacked_cache: Path) -> Iterator[FolderIndex]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENVGEN_CACHE", str(unpacked_cache))
        yield FolderIndex(snapshot, "snapshot")


def variant_of(record: RepoDataRecord) -> Variant:
    cuda = built_for(str(record.build))
    return Version(cuda) if cuda else None


def records(index: FolderIndex, framework: str, provider: str, platform: str) -> list[RepoDataRecord]:
    """The records of a framework from its own channel; the macOS builds of the pytorch channel are left out of the matrix."""
    if provider == "pytorch" and platform.startswith("osx"):
        return []
    found = index.records(PACKAGES[framework], place(provider), platform)
    return [record for record in found if Version(str(record.version)) >= SINCE[framework]]


def cells(matrix: Matrix, framework: str, provider: str) -> Iterator[tuple[Release, Variant, str]]:
    for release in matrix.frameworks[framework].releases:
        for build in release.builds:
            for variant in build.variants if build.provider == provider else ():
                yield from ((release, variant, platform) for platform in build.platforms)


def specs(matrix: Matrix, framework: str, provider: str, release: Release, variant: Variant) -> list[MatchSpec]:
    """The specs that choose the framework's own package for a variant."""
    spelling = next(row for row in matrix.frameworks[framework].providers[provider] if release.version in row.releases)
    target = Target("x", variant, (), {}, release.at)
    found = [MatchSpec(spec, strict=False) for spec in spelled(Choice(release, provider, spelling, variant, ()), target)]
    return [spec for spec in found if spec.name.as_package_name().normalized == PACKAGES[framework]]


@pytest.mark.parametrize(("framework", "provider"), PROVIDERS)
def test_a_spelling_selects_the_builds_of_its_variant_and_no_other(
    matrix: Matrix, index: FolderIndex, framework: str, provider: str
) -> None:
    confirmed = 0
    for release, variant, platform in cells(matrix, framework, provider):
        published = [r for r in records(index, framework, provider, platform) if Version(str(r.version)) == release.version]
        (spec,) = specs(matrix, framework, provider, release, variant)
        selected = [record for record in published if spec.matches(record)]
        assert {variant_of(record) for record in selected} <= {variant}, (str(spec), platform)
        assert bool(selected) == any(variant_of(record) == variant for record in published), (str(spec), platform)
        confirmed += bool(selected)
    assert confirmed > 15  # cells that records confirm


@pytest.mark.parametrize(("framework", "provider"), PROVIDERS)
def test_every_published_build_is_a_fact(matrix: Matrix, index: FolderIndex, framework: str, provider: str) -> None:
    known = {
        (release.version, variant, platform, python)
        for release in matrix.frameworks[framework].releases
        for build in release.builds
        if build.provider == provider
        for variant in build.variants
        for platform in build.platforms
        for python in build.pythons
    }
    published = {
        (Version(str(record.version)), variant_of(record), platform, python)
        for platform in PLATFORMS
        for record in records(index, framework, provider, platform)
        for python in matrix.pythons
        if runs_on(record, python)
    }
    assert published
    assert not published - known
