"""What advice.yaml says of a conda solver, checked against one: rattler is asked for what is advised, with genuine package records.

The records are tests/records/, and the snapshot that they are cut from, where it is there. Only rattler is claimed for, and
"nothing" means nothing in the snapshot, which is not a full mirror.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from rattler import ChannelPriority, GenericVirtualPackage, MatchSpec, PackageName, RepoDataRecord
from rattler import Version as CondaVersion
from rattler import solve as rattler_solve
from rattler.exceptions import SolverError
from rattler.package.build_string import BuildString
from unit import heard
from unit.small import real_matrix

from envgen.channels.channel import locate
from envgen.channels.index import FolderIndex
from envgen.formats.builds import built_for
from envgen.model.advice import Trial
from envgen.model.facts import Matrix

NAMES = {"pytorch", "tensorflow", "jaxlib"}  # whose builds say CPU or CUDA
MATRIX = real_matrix()
TRIALS = [name for name, (_, said) in zip(heard.rows(MATRIX), MATRIX.advice, strict=True) if said.trial]


@pytest.fixture(scope="module")
def index(sample: Path) -> FolderIndex:
    return FolderIndex(sample, "sample", MATRIX.withdrawn)


@pytest.fixture
def whole_index(snapshot: Path, unpacked_cache: Path, monkeypatch: pytest.MonkeyPatch) -> FolderIndex:
    monkeypatch.setenv("ENVGEN_CACHE", str(unpacked_cache))
    return FolderIndex(snapshot, "snapshot", MATRIX.withdrawn)


def solved(index: FolderIndex, matrix: Matrix, told: heard.Told, trial: Trial) -> list[RepoDataRecord] | None:
    """The packages that come, or None: the trial on its platform, with the target's promises but for what the trial says."""
    resolution = heard.resolved(matrix, told)
    platform = trial.platform or resolution.platforms[0]
    base = next(target for target in (resolution.target, *matrix.targets.values()) if platform in target.virtual)
    cuda = {"__cuda": str(resolution.target.cuda)} if resolution.target.cuda else {}
    promised = {**{n: v for n, v in base.virtual[platform].items() if n != "__cuda"}, **cuda, **trial.virtual}
    virtual = [
        GenericVirtualPackage(PackageName(name), CondaVersion(value.split(" ")[0]), BuildString(value.partition(" ")[2] or "0"))
        for name, value in promised.items()
        if value is not None
    ]

    async def ask() -> list[RepoDataRecord]:
        return await rattler_solve(
            sources=index.sources([locate(channel) for channel in trial.channels], platform),
            specs=[MatchSpec(spec, strict=False) for spec in trial.specs],
            gateway=None,  # type: ignore[arg-type]
            platforms=[platform, "noarch"],  # type: ignore[list-item]
            virtual_packages=virtual,
            channel_priority=ChannelPriority.Strict if trial.strict else ChannelPriority.Disabled,
        )

    try:
        return asyncio.run(ask())
    except SolverError:
        return None


def outcome(found: list[RepoDataRecord] | None, expected: str) -> str:
    """What came, in the words of `gets`: cpu, nothing, cuda (of any version), cuda12.9, or a conda spec that holds."""
    if found is None:
        return "nothing"
    builds = {built_for(str(record.build)) for record in found if record.name.normalized in NAMES}
    if expected == "cuda" and builds and None not in builds:
        return "cuda"
    if " " in expected:
        return expected if any(MatchSpec(expected, strict=False).matches(record) for record in found) else "something else"
    return ", ".join(sorted(f"cuda{build}" if build else "cpu" for build in builds)) or "no framework"


@cache
def trial_of(name: str) -> Trial:
    """What is advised by a row."""
    found = heard.given(MATRIX, heard.TOLD[name][0])[heard.rows(MATRIX)[name]].trial
    assert found
    return found


BLIND = ("G01/1", "G02/1", "G17/1", "G18/1", "G23/1")  # where the same request is right on a machine that says what it has


CONTRARIES = (*BLIND, "G05/1", "G04/2")  # against G04, G05: what they leave out is what makes the difference


def contrary_of(name: str) -> Trial:
    """The same without what makes it go wrong: it gets what was wanted."""
    trial = trial_of(name)
    if name in BLIND:
        return replace(trial, virtual={}, gets="cuda")
    if name == "G05/1":
        return replace(trial, strict=True, gets="cuda")
    return replace(trial, channels=("pytorch", "nvidia", "conda-forge"), gets="cuda11.8")


def gets(index: FolderIndex, name: str, trial: Trial) -> str:
    return outcome(solved(index, MATRIX, heard.TOLD[name][0], trial), trial.gets)


@pytest.mark.parametrize("name", TRIALS)
def test_the_advice_goes_wrong_as_is_said(index: FolderIndex, name: str) -> None:
    trial = trial_of(name)
    assert gets(index, name, trial) == trial.gets


@pytest.mark.parametrize("name", CONTRARIES)
def test_it_goes_wrong_for_the_reason_that_is_given(index: FolderIndex, name: str) -> None:
    """The same request gets a CUDA build once the driver and glibc are told, the order is strict, or the nvidia channel is there."""
    trial = contrary_of(name)
    assert gets(index, name, trial) == trial.gets


def test_all_records_of_the_snapshot_give_the_same(whole_index: FolderIndex) -> None:
    asked = [*((name, trial_of(name)) for name in TRIALS), *((name, contrary_of(name)) for name in CONTRARIES)]
    assert [(name, gets(whole_index, name, trial)) for name, trial in asked] == [(name, trial.gets) for name, trial in asked]
