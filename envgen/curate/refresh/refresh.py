"""`envgen matrix refresh`: reads package records, and changes `matrices/*.yaml` to claim what they hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from packaging.version import Version

from envgen.curate import facts
from envgen.curate.model import UNKNOWN_CUDA, FrameworkProvider, PublishedBuild, variant_label
from envgen.curate.published import BuildIndex
from envgen.curate.refresh.edits import RecordedBuilds, edits
from envgen.curate.refresh.rows import SingleBuild
from envgen.curate.request import CurateRequest, Inputs, open_inputs
from envgen.files import write_files
from envgen.matrix.schema import FrameworkFile
from envgen.model.facts import Framework, Matrix
from envgen.model.layout import Layout
from envgen.model.platforms import PLATFORMS
from envgen.model.resolution import RenderedFile
from envgen.model.run import Reporter
from envgen.yamlfile.document import parsed
from envgen.yamlfile.edit import Edit, spliced
from envgen.yamlfile.schema import checked
from envgen.yamlfile.text import text_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFile:
    """One matrix file: its name, its path as shown, its text before and after, and the edits."""

    name: str
    shown: str
    old: str
    new: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """What is proposed, or was written. `by_hand` names what records show but do not tell enough about."""

    index: str
    complete: bool
    written: bool
    changed: tuple[ChangedFile, ...]
    by_hand: tuple[str, ...]


def refresh_matrices(layout: Layout, request: CurateRequest, reporter: Reporter, *, write: bool) -> Refreshed:
    """Read the records and propose changes; write them if `write`.

    Raises BadInput, and NoSolution where a live channel cannot be reached.
    """
    inputs = open_inputs(layout, request)
    reporter.begin("reading records", len(inputs.frameworks))
    proposals = [_proposal(layout, inputs, name, reporter) for name in inputs.frameworks]
    reporter.end()
    changed = tuple(file for file, _ in proposals if file.edits)
    notes = [note for _, found in proposals for note in found]
    if write and changed:
        write_files(layout.matrices, [RenderedFile(file.name, file.new) for file in changed], layout)
    return Refreshed(
        index=inputs.index.name,
        complete=inputs.complete,
        written=write,
        changed=changed,
        by_hand=tuple(dict.fromkeys((*notes, *_toolkits(inputs), *_cudnn(inputs)))),
    )


def _proposal(layout: Layout, inputs: Inputs, name: str, reporter: Reporter) -> tuple[ChangedFile, list[str]]:
    """A framework's file with its changes, and what a person must write."""
    path, framework = layout.matrices / f"{name}.yaml", inputs.matrix.frameworks[name]
    shown = layout.shown(path)
    text = text_of(path, shown, absent="`envgen init` writes one", exact=True)
    providers = facts.providers(inputs.matrix, [name])
    usable = [_usable(framework, inputs.builds, provider) for provider in providers]
    recorded = [
        _recorded(provider, builds, complete=inputs.complete) for provider, (builds, _) in zip(providers, usable, strict=True)
    ]
    by_hand = _is_by_hand(framework)
    changes = () if by_hand else edits(checked(parsed(text, shown), FrameworkFile), recorded)
    file = ChangedFile(name=path.name, shown=shown, old=text, new=spliced(text, changes, shown), edits=changes)
    notes = [note for _, problems in usable for note in problems]
    if by_hand:
        found = zip(providers, usable, strict=True)
        notes += [note for provider, (builds, _) in found for note in _unclaimed(framework, provider, builds)]
    reporter.step(name)
    return file, [*notes, *_without_target(inputs.matrix, framework, recorded)]


def _is_by_hand(framework: Framework) -> bool:
    """Whether rows say more than a record does: what a companion goes with, or several CUDA versions in one."""
    builds = (row for release in framework.releases for row in release.builds if not framework.is_of_wheels(row.provider))
    return bool(framework.companion_of) or any(build.spans for build in builds)


def _unclaimed(framework: Framework, provider: FrameworkProvider, builds: Iterable[PublishedBuild]) -> list[str]:
    """The builds that no row claims, by release, where a person must write the rows."""
    claimed = facts.claimed_builds(framework, provider.name)
    missing: dict[Version, list[PublishedBuild]] = defaultdict(list)
    for build in builds:
        if not build.is_among(claimed):
            missing[build.version].append(build)
    return [
        f"no row claims some builds of {framework.name} {version} from {provider.name}, such as {found[0]} for {found[0].platform}"
        for version, found in sorted(missing.items())
    ]


def _usable(framework: Framework, builds: BuildIndex, provider: FrameworkProvider) -> tuple[list[PublishedBuild], list[str]]:
    """The builds of a provider that are facts or can become facts, and why others cannot.

    A build that the matrix claims stays, even if its spelling does not select it: then the spelling is wrong.
    """
    claimed = facts.claimed_builds(framework, provider.name)
    usable, problems = [], []
    for build in builds.builds_of(framework, provider.name, PLATFORMS):
        known = bool(build.keys & claimed)
        skipped = build.version < provider.oldest or build.version.is_prerelease
        left_out = facts.left_out(framework, provider.name, build)
        if (left_out and left_out.builds) or (not known and (skipped or left_out)):
            continue
        problem = _problem(framework, builds, provider.name, build)
        problems += [problem] if problem else []
        usable += [build] if known or not problem else []
    return usable, problems


def _problem(framework: Framework, builds: BuildIndex, provider: str, build: PublishedBuild) -> str:
    """Why a build cannot become a fact without a person; "" if it can."""
    spelling = facts.spelling_for(framework, provider, build.version, build.variant)
    if spelling is None:
        what = f"{variant_label(build.variant)} of {framework.name} {build.version} from {provider}"
        return f"no row of `providers` has specs for {what}: add how it is requested"
    if build.variant == UNKNOWN_CUDA or not build.pythons:
        return f"{build} for {build.platform} does not say for which {'Python' if build.variant != UNKNOWN_CUDA else 'CUDA'}"
    if not builds.selects(framework, provider, spelling, build):
        return f"the spelling at {spelling.at} does not select {build}: correct it, or leave the build out"
    return ""


def _recorded(provider: FrameworkProvider, builds: Iterable[PublishedBuild], *, complete: bool) -> RecordedBuilds:
    """The builds by release. A channel without a single build of a framework does not prove that all are gone."""
    releases: dict[Version, set[SingleBuild]] = defaultdict(set)
    for build in builds:
        releases[build.version].update(
            SingleBuild(variant=build.variant, platform=build.platform, python=python, cudnn=build.cudnn)
            for python in build.pythons
        )
    found = {version: _best_known(group) for version, group in releases.items()}
    return RecordedBuilds(provider.name, found, complete and bool(found))


def _best_known(builds: Collection[SingleBuild]) -> frozenset[SingleBuild]:
    """The builds without those that name no cuDNN where another record of the same build does."""
    with_cudnn = {build.key for build in builds if build.cudnn is not None}
    return frozenset(build for build in builds if build.cudnn is not None or build.key not in with_cudnn)


# --- what a person must write ---------------------------------------------------------------------------------------------


def _without_target(matrix: Matrix, framework: Framework, recorded: Sequence[RecordedBuilds]) -> list[str]:
    """New CUDA versions that no target is for."""
    claimed = {variant for release in framework.releases for build in release.builds for variant in build.variants}
    targets = {target.cuda for target in matrix.targets.values()}
    found = {build.variant for item in recorded for builds in item.releases.values() for build in builds}
    return [
        f"{framework.name} has builds for CUDA {variant}, and targets.yaml has no target for it"
        for variant in sorted(variant for variant in found - claimed - targets if variant)
    ]


def _toolkits(inputs: Inputs) -> Iterator[str]:
    """CUDA versions newer than every toolkit. No record tells their drivers and GPUs."""
    newest = max(inputs.matrix.toolkits)
    found = {Version(".".join(version.split(".")[:2])) for version, _ in _versions(inputs, inputs.matrix.catalogue.namers)}
    for version in sorted(version for version in found if version > newest):
        yield f"CUDA {version} is published, and cuda.yaml has no such toolkit: add its drivers and GPUs"


def _cudnn(inputs: Inputs) -> Iterator[str]:
    """Releases of cuDNN newer than every row. No record tells their GPUs."""
    newest = max((row.version for row in inputs.matrix.cudnn), default=Version("0"))
    majors: dict[Version, set[str]] = defaultdict(set)
    catalogue = inputs.matrix.catalogue
    for text, needs in _versions(inputs, catalogue.bringing("cudnn", "conda")):
        words = (need.split() for need in needs)
        majors[Version(text)] |= {need[1].lstrip(">=")[:2] for need in words if len(need) > 1 and need[0] in catalogue.namers}
    for version in sorted(version for version in majors if version > newest):
        cuda = " and ".join(sorted(majors[version])) or "?"
        yield f"cuDNN {version} for CUDA {cuda} is published, and cudnn.yaml has no row for it: add its GPUs"


def _versions(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, list[Any]]]:
    """Every PEP 440 version of some packages in the channels of the matrix, with its dependencies."""
    for channel in inputs.matrix.channels:
        for name in names:
            for platform in PLATFORMS:
                for record in inputs.builds.records(name, channel, platform):
                    try:
                        Version(str(record.version))
                    except ValueError:
                        continue
                    yield str(record.version), list(record.depends)
