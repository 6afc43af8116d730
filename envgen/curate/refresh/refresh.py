"""The story of `envgen matrix refresh`: what package records hold, as a change to `matrices/*.yaml`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from packaging.version import InvalidVersion, Version

from envgen.curate import claims
from envgen.curate.model import UNTOLD, Published, Source, told_variant
from envgen.curate.published import Evidence, belongs, carrier
from envgen.curate.refresh.diff import RecordedBuilds, edits
from envgen.curate.request import CurateRequest, opened
from envgen.files import write_files
from envgen.matrix.rows import BuildCell
from envgen.matrix.schema import FrameworkFile
from envgen.model.facts import PLATFORMS, Framework, Matrix
from envgen.model.layout import Layout
from envgen.model.resolution import RenderedFile
from envgen.model.run import Reporter
from envgen.yamlfile.document import checked, parse, text_of
from envgen.yamlfile.edit import Edit, spliced


@dataclass(frozen=True, slots=True)
class Changed:
    """One matrix file: its text as it is, as it would be, and the changes in words."""

    name: str
    shown: str
    old: str
    new: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What is proposed, or was written; `by_hand` is what records show and do not tell enough about."""

    index: str
    complete: bool
    written: bool
    changed: tuple[Changed, ...]
    by_hand: tuple[str, ...]


def refreshed(layout: Layout, asked: CurateRequest, talk: Reporter, *, write: bool) -> Refreshed:
    """Read the records, propose, and write where that is asked. Raises BadInput, and NoSolution without a channel."""
    matrix, index = opened(layout, asked)
    evidence, complete = Evidence(index, matrix.catalogue, sorted(matrix.pythons)), asked.complete or index.gateway is not None
    changed, by_hand = [], []
    talk.begin("reading records", len(asked.frameworks or matrix.frameworks))
    for name in asked.frameworks or tuple(matrix.frameworks):
        found, notes = _framework(layout, matrix, matrix.frameworks[name], evidence, complete=complete)
        changed += [found] if found.edits else []
        by_hand += notes
        talk.step(name)
    talk.end()
    by_hand += [*_toolkits(matrix, evidence), *_cudnn(matrix, evidence)]
    if write and changed:
        write_files(layout.matrices, [RenderedFile(item.name, item.new) for item in changed], layout)
    return Refreshed(index.name, complete, write, tuple(changed), tuple(dict.fromkeys(by_hand)))


def _framework(
    layout: Layout, matrix: Matrix, framework: Framework, evidence: Evidence, *, complete: bool
) -> tuple[Changed, list[str]]:
    path = layout.matrices / f"{framework.name}.yaml"
    shown = layout.shown(path)
    text = text_of(path, shown, absent="`envgen init` writes one", exact=True)
    held: list[RecordedBuilds] = []
    notes: list[str] = []
    for source in claims.sources(matrix, [framework.name]):
        spots: dict[Version, set[BuildCell]] = defaultdict(set)
        for build in _fitting(framework, evidence, source, notes):
            spots[build.version].update(BuildCell(build.variant, build.platform, python, build.cudnn) for python in build.pythons)
        found = {version: _told(group) for version, group in spots.items()}
        held.append(RecordedBuilds(source.provider, found, complete and bool(found)))  # a channel without any build is no evidence
    companions = {version: _companions(framework, version, held, evidence) for item in held for version in item.spots}
    file = checked(parse(text, shown), FrameworkFile)
    changes = edits(file, held, companions)
    notes += _homeless(matrix, framework, held)
    return Changed(path.name, shown, text, spliced(text, changes, shown), changes), notes


def _told(spots: set[BuildCell]) -> frozenset[BuildCell]:
    """Without those that name no cuDNN where another record of the same build does."""
    told = {spot.build for spot in spots if spot.cudnn is not None}
    return frozenset(spot for spot in spots if spot.cudnn is not None or spot.build not in told)


def _fitting(framework: Framework, evidence: Evidence, source: Source, notes: list[str]) -> Iterator[Published]:
    """The builds of a provider that may be facts, or are; of the others a person is told."""
    known = claims.builds(framework, source.provider)
    for build in evidence.builds_of(framework, source.provider, PLATFORMS):
        claimed = any((build.version, build.platform, build.variant, python) in known for python in build.pythons)
        passed_over = build.version < source.since or build.version.is_prerelease
        if not claimed and (passed_over or claims.left_out(framework, source.provider, build)):
            continue
        problem = _problem(framework, evidence, source.provider, build)
        notes += [problem] if problem else []
        if claimed or not problem:  # what is claimed and published stays, whoever has to mend how it is asked for
            yield build


def _problem(framework: Framework, evidence: Evidence, provider: str, build: Published) -> str:
    """Why a build cannot become a fact by itself; "" where it can."""
    spelling = claims.asking(framework, provider, build.version, build.variant)
    if spelling is None:
        what = f"no row of `providers` has specs for {told_variant(build.variant)} of {framework.name} {build.version}"
        return f"{what} from {provider}: how is it asked for?"
    if build.variant == UNTOLD or not build.pythons:
        return f"{build} for {build.platform} does not say for which {'Python' if build.variant != UNTOLD else 'CUDA'}"
    if not evidence.selects(framework, provider, spelling, build):
        return f"the spelling at {spelling.at} does not select {build}: as what is it asked for?"
    return ""


def _companions(framework: Framework, version: Version, held: Sequence[RecordedBuilds], evidence: Evidence) -> Mapping[str, str]:
    """The prefix of each companion that was made for a release, as far as records tell."""
    found: dict[str, str] = {}
    for item in held:
        spelling = claims.spelling_of(framework, item.provider, version)
        if version not in item.spots or spelling is None:
            continue
        package = carrier(framework.name, spelling, None).package
        for name, (spec, _) in spelling.companions.items():
            prefix = belongs(evidence, package, version, spelling, spec)
            if prefix:
                found.setdefault(name, prefix)
    return found


# --- what a person has to write -------------------------------------------------------------------------------------------


def _homeless(matrix: Matrix, framework: Framework, held: Sequence[RecordedBuilds]) -> list[str]:
    """New CUDA versions that no target and no toolkit is for."""
    claimed = {variant for release in framework.releases for build in release.builds for variant in build.variants}
    found = {spot.variant for item in held for spots in item.spots.values() for spot in spots} - claimed
    return [
        f"there are builds of {framework.name} for CUDA {variant}, and targets.yaml has no target for it"
        for variant in sorted(variant for variant in found if variant)
        if all(target.cuda != variant for target in matrix.targets.values())
    ]


def _toolkits(matrix: Matrix, evidence: Evidence) -> list[str]:
    """CUDA versions newer than every toolkit: which driver they need, and which GPUs they have code for, no record tells."""
    newest = max(matrix.toolkits)
    found = {Version(".".join(version.split(".")[:2])) for version, _ in _versions(matrix, evidence, matrix.catalogue.namers)}
    return [
        f"CUDA {version} is published, and cuda.yaml has no such toolkit: no record tells its drivers and GPUs"
        for version in sorted(found)
        if version > newest
    ]


def _cudnn(matrix: Matrix, evidence: Evidence) -> list[str]:
    """Releases of cuDNN newer than every row: the GPUs that they have code for, no record tells."""
    newest = max((row.version for row in matrix.cudnn), default=Version("0"))
    majors: dict[Version, set[str]] = defaultdict(set)
    namers = matrix.catalogue.namers
    for version, needs in _versions(matrix, evidence, matrix.catalogue.bringing("cudnn", "conda")):
        majors[Version(version)].update(
            words[1].lstrip(">=")[:2] for need in needs if len(words := need.split()) > 1 and words[0] in namers
        )
    return [
        f"cuDNN {version} for CUDA {' and '.join(sorted(majors[version])) or '?'} is published, and cudnn.yaml has no row: "
        "no record tells its GPUs"
        for version in sorted(majors)
        if version > newest
    ]


def _versions(matrix: Matrix, evidence: Evidence, names: Sequence[str]) -> Iterator[tuple[str, list[Any]]]:
    """Every version of some packages in the channels of the matrix that PEP 440 knows, and what it needs."""
    for channel in claims.channels_of(matrix):
        for name in names:
            for platform in PLATFORMS:
                for record in evidence.records(name, channel, platform):
                    try:
                        Version(str(record.version))
                    except InvalidVersion:
                        continue
                    yield str(record.version), list(record.depends)
