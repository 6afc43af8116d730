"""The rules about releases and their builds: can each be asked for, is each said once, can a target use it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, permutations

from envgen.curate.lint.registry import Facts, LintResults, rule
from envgen.curate.lint.satisfiable import final
from envgen.model.facts import Build, Framework, Platform, Release, Spelling, Variant, variant_text


def _releases(facts: Facts) -> Iterator[Release]:
    return (release for framework in facts.matrix.frameworks.values() for release in framework.releases)


def _spellings(facts: Facts) -> Iterator[tuple[Framework, str, Spelling]]:
    for framework in facts.matrix.frameworks.values():
        for provider, rows in framework.providers.items():
            yield from ((framework, provider, row) for row in rows)


def covered(framework: Framework, provider: str, spelling: Spelling) -> list[Release]:
    """The releases that a spelling is for: in its range, with builds of its provider; newest first."""
    return [
        release
        for release in framework.releases
        if release.version in spelling.releases and any(build.provider == provider for build in release.builds)
    ]


# --- builds ---------------------------------------------------------------------------------------------------------------


@rule("no-builds", "A release without builds can never be chosen.")
def no_builds(facts: Facts) -> LintResults:
    """A release whose `builds` is empty."""
    for release in _releases(facts):
        if not release.builds:
            yield release.at, f"{release.framework} {release.version} has no builds", "add its builds, or remove the release"


def _shared(one: Build, other: Build) -> str:
    """A build that two rows both have, in words; empty where there is none."""
    variants, platforms, pythons = one.variants & other.variants, one.platforms & other.platforms, one.pythons & other.pythons
    if one.provider != other.provider or not (variants and platforms and pythons):
        return ""
    variant = variant_text(max(variants, key=lambda found: (found is not None, found)))
    return f"{variant} for {min(platforms)} and Python {max(pythons)}"


def _covers(one: Build, other: Build) -> bool:
    return (
        (one.provider, one.cudnn) == (other.provider, other.cudnn)
        and one.variants >= other.variants
        and one.platforms >= other.platforms
        and one.pythons >= other.pythons
    )


@rule("shadowed-builds", "Another row of the release has all these builds.")
def shadowed_builds(facts: Facts) -> LintResults:
    """Of two rows that say the same, the later one."""
    for release in _releases(facts):
        for (first, one), (second, other) in permutations(enumerate(release.builds), 2):
            if _covers(one, other) and (first < second or not _covers(other, one)):
                yield other.at, f"it adds nothing to {one.at}", "remove it"


@rule("overlapping-builds", "A build that stands in two rows is changed in one of them one day.")
def overlapping_builds(facts: Facts) -> LintResults:
    """Rows that share builds in part and link the same cuDNN. With another cuDNN they are two builds, and both are facts."""
    for release in _releases(facts):
        for one, other in combinations(release.builds, 2):
            shared = _shared(one, other)
            if shared and one.cudnn == other.cudnn and not _covers(one, other) and not _covers(other, one):
                yield other.at, f"{shared} is at {one.at}, too", "say it in one of them"


@rule("contradicting-builds", "One build either links cuDNN or does not.")
def contradicting_builds(facts: Facts) -> LintResults:
    """Rows that share builds, of which one names a cuDNN major and the other none."""
    for release in _releases(facts):
        for one, other in combinations(release.builds, 2):
            shared = _shared(one, other)
            if shared and (one.cudnn is None) != (other.cudnn is None):
                yield other.at, f"{shared} links cuDNN {one.cudnn or other.cudnn} in one row and none in {one.at}", "correct one"


@rule("build-cudnn", "All frameworks of an environment share one cuDNN: each CUDA build says which, from those that there are.")
def build_cudnn(facts: Facts) -> LintResults:
    """A CPU build that names one; a CUDA build that names none; a major that cudnn.yaml has not for that CUDA."""
    for _, build in facts.builds:
        cudas = sorted(variant for variant in build.variants if variant)
        if build.cudnn is None and cudas:
            yield build.at, f"nothing says which cuDNN the build for CUDA {cudas[-1]} links", "add `cudnn:` with its major"
        elif build.cudnn is not None and None in build.variants:
            yield facts.at(build.at, "cudnn"), "a CPU build links no cuDNN", "remove it, or give the CPU build a row of its own"
        for cuda in cudas if build.cudnn is not None else ():
            if not any(row.version.major == build.cudnn and cuda.major in row.cuda_majors for row in facts.matrix.cudnn):
                text = f"cudnn.yaml has no cuDNN {build.cudnn} for CUDA {cuda.major}"
                yield facts.at(build.at, "cudnn"), text, "correct it, or add the cuDNN there"


@rule("unreachable-builds", "Builds that no target can use are never chosen.")
def unreachable_builds(facts: Facts) -> LintResults:
    """A CUDA without toolkit; a platform that no target has for it. What is older than any CUDA target may stay: it is history."""
    oldest = min((target.cuda for target in facts.matrix.targets.values() if target.cuda), default=None)
    for release, build in facts.builds:
        unknown = sorted(cuda for cuda in build.variants if cuda and cuda not in facts.matrix.toolkits)
        for cuda in unknown:
            yield facts.at(build.at, "variants"), f"CUDA {cuda} is not in cuda.yaml", "correct it, or add the toolkit there"
        for variant, platform in sorted(_cells(build), key=str):
            old = variant is not None and (oldest is None or variant < oldest)
            if variant not in unknown and not old and not _used(facts, release, build, variant, platform):
                text = f"no target is for {variant_text(variant)} on {platform}"
                yield facts.at(build.at, "platforms"), text, "add the platform to a target in targets.yaml, or the target"


def _cells(build: Build) -> Iterator[tuple[Variant, Platform]]:
    return ((variant, platform) for variant in build.variants for platform in build.platforms)


def _used(facts: Facts, release: Release, build: Build, variant: Variant, platform: Platform) -> bool:
    alone = Build(
        provider=build.provider, variants=frozenset({variant}), platforms=build.platforms, pythons=build.pythons, at=build.at
    )
    unspelled = (release.at, build.provider) not in facts.spellings  # a rule of its own
    return unspelled or any(
        platform in target.platforms and facts.serves(release, alone, target) for target in facts.matrix.targets.values()
    )


# --- how they are asked for -----------------------------------------------------------------------------------------------


@rule("unspelled", "Without a spelling nobody knows how to ask for a release.")
def unspelled(facts: Facts) -> LintResults:
    """A release with builds of a provider none of whose rows has it in its range."""
    seen = set()
    for release, build in facts.builds:
        if (release.at, build.provider) not in facts.spellings and (release.at, build.provider) not in seen:
            seen.add((release.at, build.provider))
            text = f"no row of providers.{build.provider} is for {release.version}"
            yield facts.at(build.at, "provider"), text, "widen the `releases:` of one, or add a row"


@rule("unused-spelling", "A spelling is for releases that there are.")
def unused_spelling(facts: Facts) -> LintResults:
    """A row of a provider in whose range no release with its builds lies."""
    for framework, provider, spelling in _spellings(facts):
        if not covered(framework, provider, spelling):
            where = facts.at(spelling.at, "releases")
            yield where, f"no release {spelling.releases} has builds of {provider}", "correct the range, or remove the row"


@rule("overlapping-ranges", "A release is asked for in one way: the next release may lie in both ranges.")
def overlapping_ranges(facts: Facts) -> LintResults:
    """Two rows of one provider. Where a release lies in both already, nothing can be locked at all (exit code 2)."""
    for framework in facts.matrix.frameworks.values():
        for rows in framework.providers.values():
            for one, other in combinations(rows, 2):
                if not final(one.releases).is_disjoint(final(other.releases)):
                    where = facts.at(other.at, "releases")
                    yield where, f"{other.releases} overlaps {one.releases} at {one.at}", "make them exclude each other"


@rule("companions", "A companion has a version in `with` and a spec in `companions`; one without the other is never used.")
def companions(facts: Facts) -> LintResults:
    """Both directions."""
    for release in _releases(facts):
        rows = [facts.spellings.get((release.at, build.provider)) for build in release.builds]
        for name in release.companions:
            if rows and not any(row and name in row.companions for row in rows):
                where = facts.at(release.at, "with", name)
                yield where, f"no spelling of {release.version} knows {name}", "add it to `companions` of the row in `providers`"
    for framework, provider, spelling in _spellings(facts):
        releases = covered(framework, provider, spelling)
        for name in spelling.companions:
            if releases and not any(name in release.companions for release in releases):
                where = facts.at(spelling.at, "companions", name)
                yield where, f"no release {spelling.releases} has {name} in `with`", "add it there, or remove it here"


@rule(
    "unheard",
    "Advice or a word about what the matrices do not have is never said: a slip, or a file that is gone.",
    severity="warning",
)
def unheard(facts: Facts) -> LintResults:
    """Rows of advice.yaml and words.yaml that name a framework, a companion, a provider or a target that is not there."""
    said = {constraint.at for constraint, _ in facts.matrix.advice} | {word.at for word in facts.matrix.aliases.values()}
    for kind in ("advice", "words"):
        document = facts.documents.get(f"{kind}.yaml")
        for index in range(len(document.data[kind])) if document else ():
            at = document.at(kind, index) if document else None
            if at and at not in said:
                yield at, "it names what the matrices do not have", "correct it, or remove the row"
