"""The rules about the specs of a spelling: what they ask for once their holes are filled."""

from __future__ import annotations

from collections.abc import Iterator

from envgen.curate.lint.registry import Facts, LintResults, rule
from envgen.curate.lint.rules_builds import covered
from envgen.model.facts import Framework, Release, Spelling, Target, Variant, by_cuda
from envgen.model.resolution import Choice
from envgen.resolver.specs import spelled


def _spellings(facts: Facts) -> Iterator[tuple[Framework, str, Spelling, list[Release]]]:
    for framework in facts.matrix.frameworks.values():
        for provider, rows in framework.providers.items():
            yield from ((framework, provider, row, covered(framework, provider, row)) for row in rows)


@rule("spec", "What is asked of the solver must be a conda spec that names one package.")
def spec(facts: Facts) -> LintResults:
    """Every spec of every release and variant, filled, by rattler's own reading. The first that is none, for each row."""
    for _, provider, spelling, releases in _spellings(facts):
        asked = (
            text
            for release in releases
            for variant in _variants(release, provider)
            for text in _filled(release, provider, spelling, variant)
        )
        wrong = next(((text, why) for text in dict.fromkeys(asked) if (why := _wrong(text))), None)
        if wrong:
            yield spelling.at, f"`{wrong[0]}` is not a spec: {wrong[1]}", "write name, version and build: pytorch {version}.* cpu_*"


def _variants(release: Release, provider: str) -> list[Variant]:
    """Every variant of a release at a provider."""
    return by_cuda({variant for build in release.builds if build.provider == provider for variant in build.variants})


def _filled(release: Release, provider: str, spelling: Spelling, variant: Variant) -> tuple[str, ...]:
    companions = tuple(name for name in spelling.companions if name in release.companions)
    target = Target(name="", cuda=variant, platforms=(), virtual={}, at=release.at)
    return spelled(Choice(release=release, provider=provider, spelling=spelling, variant=variant, companions=companions), target)


def _wrong(text: str) -> str:
    """Why a text is no spec; empty when it is one."""
    from rattler import MatchSpec
    from rattler.exceptions import InvalidMatchSpecError

    try:
        found = MatchSpec(text, strict=False)
    except InvalidMatchSpecError as error:
        return str(error)
    return f"there is a blank in the build `{found.build}`" if " " in str(found.build or "") else ""


@rule("spec-cuda", "A CUDA spelling that names no CUDA takes whatever build comes first, perhaps the one for CPU.")
def spec_cuda(facts: Facts) -> LintResults:
    """Rows with CUDA builds: the target's CUDA must be pinned, and with `newer-minor` that of the build as well."""
    for _, provider, spelling, releases in _spellings(facts):
        text = " ".join(spelling.cuda)
        if not any(variant for release in releases for variant in _variants(release, provider)):
            continue
        if "{cuda}" not in text and (spelling.newer_minor or "{cu}" not in text):
            yield facts.at(spelling.at, "cuda"), "nothing pins the target's CUDA", "add for instance cuda-version {cuda}.*"
        elif spelling.newer_minor and "{cu}" not in text:
            yield facts.at(spelling.at, "cuda"), "nothing names the build's CUDA", "add {cu} to its build: cuda{cu}*"
