"""The rules about releases and their builds: each is requestable, written once, and of use to a target."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, permutations, product

from packaging.version import Version

from envgen.curate.lint.registry import LintContext, LintResults, ReleaseBuild, rule
from envgen.curate.lint.satisfiable import final
from envgen.model.facts import Build, Framework, Platform, Variant, by_cuda, variant_text

# --- builds ---------------------------------------------------------------------------------------------------------------


@rule("no-builds", "A release without builds is never chosen.")
def no_builds(context: LintContext) -> LintResults:
    """A release whose `builds` is empty."""
    for release in context.releases:
        if not release.builds:
            yield release.at, f"{release.framework} {release.version} has no builds", "add its builds, or remove the release"


def _shared(one: Build, other: Build) -> str:
    """A build that two rows both claim, in words; "" if there is none."""
    variants, platforms, pythons = one.variants & other.variants, one.platforms & other.platforms, one.pythons & other.pythons
    if one.provider != other.provider or not (variants and platforms and pythons):
        return ""
    variant = variant_text(max(variants, key=lambda found: (found is not None, found)))
    return f"{variant} for {min(platforms)} and Python {max(pythons)}"


def _includes(one: Build, other: Build) -> bool:
    return (
        (one.provider, one.cudnn, one.needs) == (other.provider, other.cudnn, other.needs)
        and one.variants >= other.variants
        and one.platforms >= other.platforms
        and one.pythons >= other.pythons
    )


@rule("shadowed-builds", "A row adds nothing if another row of the release has all its builds.")
def shadowed_builds(context: LintContext) -> LintResults:
    """Of two equal rows, the later one."""
    for release in context.releases:
        for (first, one), (second, other) in permutations(enumerate(release.builds), 2):
            if _includes(one, other) and (first < second or not _includes(other, one)):
                yield other.at, f"the row at {one.at} has all these builds", "remove this row"


@rule("overlapping-builds", "A build that is in two rows may later be changed in only one of them.")
def overlapping_builds(context: LintContext) -> LintResults:
    """Rows that share some builds, which link the same cuDNN and need the same. Otherwise they are different builds."""
    for release in context.releases:
        for one, other in combinations(release.builds, 2):
            shared = _shared(one, other)
            same = (one.cudnn, one.needs) == (other.cudnn, other.needs)
            if shared and same and not _includes(one, other) and not _includes(other, one):
                yield other.at, f"{shared} is also at {one.at}", "remove it from one of the rows"


@rule("contradicting-builds", "A build either links cuDNN or does not.")
def contradicting_builds(context: LintContext) -> LintResults:
    """Rows that share builds, of which only one names a cuDNN version."""
    for release in context.releases:
        for one, other in combinations(release.builds, 2):
            shared = _shared(one, other)
            if shared and (one.cudnn is None) != (other.cudnn is None):
                text = f"{shared} is also at {one.at}, and only one of the rows names a cuDNN"
                yield other.at, text, "correct one of the rows"


@rule("build-cudnn", "All frameworks in an environment share one cuDNN, so every CUDA build names one that cudnn.yaml has.")
def build_cudnn(context: LintContext) -> LintResults:
    """A CPU build that names cuDNN, a CUDA build that does not, or a version that cudnn.yaml does not have for that CUDA.

    A companion may link none, and neither may a framework none of whose builds names one.
    """
    linking = {row.release.framework for row in context.builds if row.build.cudnn is not None}
    for build, release in ((row.build, row.release) for row in context.builds):
        cudas = sorted(variant for variant in build.variants if variant)
        companion = context.matrix.frameworks[release.framework].companion_of
        if build.cudnn is None and cudas and release.framework in linking and not companion:
            yield build.at, f"no cuDNN for the build for CUDA {cudas[-1]}", "add `cudnn:` with its major version"
        elif build.cudnn is not None and None in build.variants:
            yield context.at(build.at, "cudnn"), "a CPU build links no cuDNN", "remove `cudnn:`, or give the CPU build its own row"
        for cuda in cudas if build.cudnn is not None else ():
            if not any(row.version.major == build.cudnn and cuda.major in row.cuda_majors for row in context.matrix.cudnn):
                text = f"cudnn.yaml has no cuDNN {build.cudnn} for CUDA {cuda.major}"
                yield context.at(build.at, "cudnn"), text, "correct the version, or add it to cudnn.yaml"


@rule("unreachable-builds", "A build that no target can use is never chosen.")
def unreachable_builds(context: LintContext) -> LintResults:
    """A CUDA version without a toolkit; a platform that no target has for it. Builds older than every CUDA target may stay."""
    targets = context.matrix.targets.values()
    oldest = min((target.cuda for target in targets if target.cuda), default=None)
    for row in context.builds:
        build = row.build
        unknown = sorted(cuda for cuda in build.variants if cuda and cuda not in context.matrix.toolkits)
        for cuda in unknown:
            yield (
                context.at(build.at, "variants"),
                f"CUDA {cuda} is not in cuda.yaml",
                "correct it, or add the toolkit there",
            )
        for stated, platform in product(build.stated, sorted(build.platforms)):
            variant = by_cuda(stated)[-1]
            old = variant is not None and (oldest is None or variant < oldest)
            if variant not in unknown and not old and not any(_used(context, row, one, platform) for one in stated):
                text = f"no target is for {variant_text(variant)} on {platform}"
                yield context.at(build.at, "platforms"), text, "add a target to targets.yaml, or the platform to a target there"


def _used(context: LintContext, row: ReleaseBuild, variant: Variant, platform: Platform) -> bool:
    release, provider = row.release, row.build.provider
    if context.spelling(release, provider) is None:
        return True  # the rule `unspelled` reports it
    targets = (target for target in context.matrix.targets.values() if platform in target.platforms)
    return any(context.serves(release, provider, frozenset({variant}), target) for target in targets)


# --- how builds are requested ---------------------------------------------------------------------------------------------


@rule("unspelled", "Without a spelling a release cannot be requested.")
def unspelled(context: LintContext) -> LintResults:
    """A release with builds by a provider none of whose rows covers it."""
    first = {(row.release.at, row.build.provider): row for row in reversed(context.builds)}
    for row in first.values():
        provider = row.build.provider
        if context.spelling(row.release, provider) is None:
            text = f"no row of providers.{provider} covers {row.release.version}"
            yield context.at(row.build.at, "provider"), text, "widen the `releases:` of a row, or add a row"


@rule("unused-spelling", "A row of `providers` must cover a release.")
def unused_spelling(context: LintContext) -> LintResults:
    """A row of a provider whose range has no release with builds by that provider."""
    for row in context.spellings:
        if not row.releases:
            text = f"no release {row.spelling.releases} has builds by {row.provider}"
            yield context.at(row.spelling.at, "releases"), text, "correct the range, or remove the row"


@rule("overlapping-ranges", "A release is requested in one way, but a future release could be in both ranges.")
def overlapping_ranges(context: LintContext) -> LintResults:
    """Two rows of one provider. A release that is in both already is an error when the matrices are loaded."""
    for framework in context.matrix.frameworks.values():
        for rows in framework.providers.values():
            for one, other in combinations(rows, 2):
                if not final(one.releases).is_disjoint(final(other.releases)):
                    text = f"{other.releases} overlaps {one.releases} at {one.at}"
                    yield context.at(other.at, "releases"), text, "change the ranges so that no release can be in both"


@rule("needs", "A companion goes with the releases that it was compiled against; a build that names none would go with all.")
def needs(context: LintContext) -> LintResults:
    """Builds of companions that need no release of their framework, ranges without a known release, providers without it."""
    frameworks = context.matrix.frameworks
    for framework in (row for row in frameworks.values() if row.companion_of):
        for spelling in (spelling for rows in framework.providers.values() for spelling in rows):
            for provider in (name for name in spelling.built_against if name not in frameworks[framework.companion_of].providers):
                text = f"these builds go with {framework.companion_of} from {provider}, which has no builds of it"
                yield spelling.at, text, "name the providers whose builds they were compiled against in built-against:"
    for row in (row for row in context.builds if (frameworks[row.release.framework].companion_of)):
        if not row.build.needs:
            host = frameworks[row.release.framework].companion_of
            yield row.build.at, f"no release of {host} is said to go with this build", f"add needs: {{{host}: ...}}"
        for name, versions in row.build.needs:
            if not any(release.version in versions for release in frameworks[name].releases):
                yield row.build.at, f"no release of {name} is in {versions}", "correct the range, or add the release"


@rule(
    "unheard",
    "Advice and aliases about what the matrices do not have are never used: a typo, or a file that was removed.",
    severity="warning",
)
def unheard(context: LintContext) -> LintResults:
    """Rows of advice.yaml and words.yaml that name a framework, companion, provider or target that does not exist."""
    used = {constraint.at for constraint, _ in context.matrix.advice} | {word.at for word in context.matrix.aliases.values()}
    for kind in ("advice", "words"):
        document = context.documents.get(f"{kind}.yaml")
        for index in range(len(document.data[kind])) if document else ():
            at = document.at(kind, index) if document else None
            if at and at not in used:
                yield at, "it names something that the matrices do not have", "correct the name, or remove the row"


# --- what builds have code for --------------------------------------------------------------------------------------------


@rule("unused-code", "A row of `code` must be about a build.")
def unused_code(context: LintContext) -> LintResults:
    """A row that no release, provider, CUDA and platform fits."""
    for framework in context.matrix.frameworks.values():
        for row in framework.code:
            if not any(row.covers(*build) for build in _cuda_builds(framework)):
                yield row.at, "no build is one of these", "correct its ranges, or remove the row"


@rule("code", "A CUDA build has one row of `code`; without one its toolkit alone says which GPUs it has code for.")
def code(context: LintContext) -> LintResults:
    """Builds in two rows, and, where a framework has any rows, builds in none; wheels only where a row is about wheels."""
    for framework in (framework for framework in context.matrix.frameworks.values() if framework.code):
        wheels = {provider for provider in framework.providers if framework.is_of_wheels(provider)}
        untold = wheels - {row.provider for row in framework.code}
        places = {release.version: release.at for release in framework.releases}
        for build in _cuda_builds(framework):
            rows = [row for row in framework.code if row.covers(*build)]
            version, provider, cuda, platform = build
            what = f"{framework.name} {version} from {provider} for CUDA {cuda} on {platform}"
            if not rows and provider not in untold:
                yield places[version], f"no row of `code` is about {what}", "add one, or widen the ranges of a row"
            for other in rows[1:]:
                yield other.at, f"{what} is also in the row at {rows[0].at}", "make the ranges exclude each other"


def _cuda_builds(framework: Framework) -> Iterator[tuple[Version, str, Version, Platform]]:
    for release in framework.releases:
        for build in release.builds:
            for cuda in sorted(variant for variant in build.variants if variant):
                for platform in sorted(build.platforms):
                    yield release.version, build.provider, cuda, platform
