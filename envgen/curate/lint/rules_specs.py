"""The rules about the specs of a spelling: what they request once their holes are filled."""

from __future__ import annotations

from collections.abc import Iterator

from envgen.curate.lint.registry import LintContext, LintResults, ProviderRow, rule
from envgen.model.facts import Release, Target, Variant, by_cuda
from envgen.model.resolution import Choice
from envgen.resolver.spelling import filled, requested


@rule("spec", "The solver takes conda specs, and pip takes requirements, each for one package.")
def spec(context: LintContext) -> LintResults:
    """Every spec of every release and variant, filled, as rattler or pip reads it. Reports the first invalid one of each row."""
    for row in context.spellings:
        wheels = row.spelling.manager == "pip"
        judge = _invalid_requirement if wheels else _invalid
        invalid = next(((text, why) for text in dict.fromkeys(_filled(row)) if (why := judge(text))), None)
        if invalid:
            text, why = invalid
            name = row.framework.name
            hint = f"{name}=={{version}}" if wheels else f"write name, version and build: {name} {{version}}.* cpu_*"
            yield row.spelling.at, f"`{text}` is not a {'requirement' if wheels else 'spec'}: {why}", hint


def _variants(release: Release, provider: str) -> list[Variant]:
    """Every variant of a release by a provider."""
    return by_cuda({variant for build in release.builds if build.provider == provider for variant in build.variants})


def _filled(row: ProviderRow) -> Iterator[str]:
    """The specs of a row for every release and variant that it covers."""
    for release in row.releases:
        for variant in _variants(release, row.provider):
            choice = Choice(release=release, provider=row.provider, spelling=row.spelling, variant=variant)
            target = Target(name="", cuda=variant, platforms=(), virtual={}, at=release.at)
            yield from requested(choice, target)
            yield from filled(row.spelling.if_installed if variant else (), choice, target)


def _invalid_requirement(text: str) -> str:
    """Why a text is not a requirement of one version or range; "" if it is one."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        found = Requirement(text)
    except InvalidRequirement as error:
        return str(error).partition("\n")[0]
    return "" if found.specifier else "it names no version"


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
    of_conda = (row for row in context.spellings if row.spelling.manager == "conda")
    for row in (row for row in of_conda if not row.framework.companion_of):
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
