"""The rules about the specs of a spelling: what they request once their holes are filled."""

from __future__ import annotations

from collections.abc import Iterator

from envgen.curate.lint.registry import LintContext, LintResults, ProviderRow, rule
from envgen.model.facts import Release, Target, Variant, by_cuda
from envgen.model.resolution import Choice
from envgen.resolver.specs import spelled


@rule("spec", "The solver takes conda specs, each for one package.")
def spec(context: LintContext) -> LintResults:
    """Every spec of every release and variant, filled, as rattler reads it. Reports the first invalid one of each row."""
    for row in context.spellings:
        invalid = next(((text, why) for text in dict.fromkeys(_filled(row)) if (why := _invalid(text))), None)
        if invalid:
            text, why = invalid
            yield (
                row.spelling.at,
                f"`{text}` is not a spec: {why}",
                f"write name, version and build: {row.framework.name} {{version}}.* cpu_*",
            )


def _variants(release: Release, provider: str) -> list[Variant]:
    """Every variant of a release by a provider."""
    return by_cuda({variant for build in release.builds if build.provider == provider for variant in build.variants})


def _filled(row: ProviderRow) -> Iterator[str]:
    """The specs of a row for every release and variant that it covers."""
    for release in row.releases:
        for variant in _variants(release, row.provider):
            choice = Choice(release=release, provider=row.provider, spelling=row.spelling, variant=variant)
            yield from spelled(choice, Target(name="", cuda=variant, platforms=(), virtual={}, at=release.at))


def _invalid(text: str) -> str:
    """Why a text is not a spec; "" if it is one."""
    from rattler import MatchSpec
    from rattler.exceptions import InvalidMatchSpecError

    try:
        found = MatchSpec(text, strict=False)
    except InvalidMatchSpecError as error:
        return str(error)
    return f"there is a space in the build `{found.build}`" if " " in str(found.build or "") else ""


@rule("spec-cuda", "A CUDA spelling that names no CUDA version selects any build, perhaps the CPU build.")
def spec_cuda(context: LintContext) -> LintResults:
    """Rows with CUDA builds: they must pin the target's CUDA, and with `newer-minor` the build's CUDA too.

    Not those of a companion: the specs of its framework, which are always beside them, pin the CUDA.
    """
    for row in (row for row in context.spellings if not row.framework.companion_of):
        spelling, text = row.spelling, " ".join(row.spelling.cuda)
        if not any(variant for release in row.releases for variant in _variants(release, row.provider)):
            continue
        if "{cuda}" not in text and (spelling.newer_minor or "{cu}" not in text):
            yield (
                context.at(spelling.at, "cuda"),
                "no spec pins the target's CUDA",
                "add a spec that names it: its package, with {cuda}.*",
            )
        elif spelling.newer_minor and "{cu}" not in text:
            yield context.at(spelling.at, "cuda"), "no spec names the build's CUDA", "add {cu} to the build string: cuda{cu}*"
