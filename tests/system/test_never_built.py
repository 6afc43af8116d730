"""What `verify` says was never built, checked against genuine package records: a conda solver finds no such build either."""

from __future__ import annotations

import asyncio
from itertools import product
from pathlib import Path

import pytest
from conftest import some
from rattler import ChannelPriority, GenericVirtualPackage, MatchSpec, PackageName, RepoDataRecord
from rattler import Version as CondaVersion
from rattler import solve as rattler_solve
from rattler.exceptions import SolverError
from rattler.package.build_string import BuildString
from unit.small import real_matrix

from envgen.channels.channel import locate
from envgen.channels.index import FolderIndex
from envgen.formats.builds import built_for
from envgen.formats.reading import read_any
from envgen.verify.check import check

MATRIX = real_matrix()
RULES = {"never-built", "not-built"}
MACHINE = {"__unix": "0", "__linux": "6.1", "__glibc": "2.35", "__archspec": "1 x86_64", "__cuda": "13.2"}
CHANNELS = {"conda-forge": ["conda-forge"], "pytorch": ["pytorch", "nvidia", "conda-forge"]}
# channel -> the frameworks whose releases its records have, and what names their CUDA
FRAMEWORKS = {
    "conda-forge": (["pytorch=2.6.0", "pytorch=2.7.1", "pytorch=2.9.1", "tensorflow=2.18.0", "jaxlib=0.9.2"], "cuda-version"),
    "pytorch": (["pytorch=2.0.1", "pytorch=2.1.0", "pytorch=2.3.0", "pytorch=2.5.1"], "pytorch-cuda"),
}
PYTHONS, CUDAS = ("3.9", "3.10", "3.12", "3.14"), ("11.7", "11.8", "12.0", "12.1", "12.6", "12.9")


def said(folder: Path, channel: str, specs: tuple[str, ...]) -> set[str]:
    """The rules that fire on a file that asks for these specs."""
    path = folder / "environment.yml"
    path.write_text(f"channels: [{', '.join(CHANNELS[channel])}]\ndependencies: [{', '.join(specs)}]\n", encoding="utf-8")
    return {finding.rule for lock in read_any(path, path.name) for finding in check(lock, {}, MATRIX)} & RULES


def solved(index: FolderIndex, channel: str, specs: tuple[str, ...]) -> dict[str, str]:
    """The builds that a solver finds, by package; none where it finds nothing."""
    virtual = [
        GenericVirtualPackage(PackageName(name), CondaVersion(value.split(" ")[0]), BuildString(value.partition(" ")[2] or "0"))
        for name, value in MACHINE.items()
    ]

    async def ask() -> list[RepoDataRecord]:
        return await rattler_solve(
            sources=index.sources([locate(name) for name in CHANNELS[channel]], "linux-64"),
            specs=[MatchSpec(spec) for spec in specs],
            gateway=None,  # type: ignore[arg-type]
            platforms=["linux-64", "noarch"],  # type: ignore[list-item]
            virtual_packages=virtual,
            channel_priority=ChannelPriority.Strict,
        )

    try:
        return {record.name.normalized: str(record.build) for record in asyncio.run(ask())}
    except SolverError:
        return {}


@pytest.fixture(scope="module")
def index(sample: Path) -> FolderIndex:
    return FolderIndex(sample, "sample", MATRIX.withdrawn)


@pytest.mark.parametrize("channel", CHANNELS)
def test_no_solver_finds_what_was_never_built(channel: str, index: FolderIndex, tmp_path: Path) -> None:
    """With none of these Pythons and CUDAs; and it finds some of the others."""
    frameworks, namer = FRAMEWORKS[channel]
    asked = [(f"python={p}", f, f"{namer}={c}") for f, p, c in product(frameworks, PYTHONS, CUDAS)]
    missing = [specs for specs in asked if said(tmp_path, channel, specs)]
    solutions = {specs: solved(index, channel, specs).get(specs[1].partition("=")[0], "") for specs in asked}
    found = {specs: build for specs, build in solutions.items() if built_for(build)}
    assert {specs: build for specs, build in found.items() if specs in some(missing, 40)} == {}
    assert len(found) > 3
