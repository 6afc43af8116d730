"""The rules about builds that a channel withdrew: they are of packages that there are, and no release claims them."""

from __future__ import annotations

from collections.abc import Iterator

from envgen.curate.lint.registry import LintContext, LintResults, ReleaseBuild, rule
from envgen.model.facts import Platform, Variant, variant_text


@rule("withdrawn-builds", "Nobody can get what its channel withdrew, so it is not a build of a release.")
def withdrawn_builds(context: LintContext) -> LintResults:
    """Rows whose builds withdrawn.yaml has all; a build number there leaves open that a later build replaced them."""
    for row in context.builds:
        for variant, platform in sorted(((v, p) for v in row.build.variants for p in row.build.platforms), key=str):
            gone = next(_withdrawn(context, row, variant, platform), None)
            if gone:
                text = f"the channel withdrew {gone}, all builds for {variant_text(variant)} on {platform}"
                yield context.at(row.build.at, "variants"), text, "remove them from the row, or correct withdrawn.yaml"


def _withdrawn(context: LintContext, row: ReleaseBuild, variant: Variant, platform: Platform) -> Iterator[str]:
    """The packages of a variant of a row whose builds, as its spelling requests them, were all withdrawn."""
    spelling, version = context.spelling(row.release, row.build.provider), str(row.release.version)
    if spelling is None or spelling.manager == "pip":
        return
    for spec in spelling.cuda if variant else spelling.cpu:
        channel, _, text = spec.rpartition("::")
        name, *rest = text.split()
        build = rest[-1].replace("{cuda}", str(variant)).replace("{cu}", str(variant).replace(".", "")) if len(rest) == 2 else ""
        for gone in context.matrix.withdrawn.get(name, ()) if build else ():
            if gone.channel in ([channel] if channel else spelling.channels) and gone.includes(version, build, platform):
                yield f"{name} {version} {build}"


@rule(
    "withdrawn-package",
    "A withdrawal of a package that no row names is never used: a typo, or a file that was removed.",
    severity="warning",
)
def withdrawn_package(context: LintContext) -> LintResults:
    """The packages of withdrawn.yaml."""
    document = context.documents.get("withdrawn.yaml")
    if document is None:
        return
    for index, request in enumerate(document.data["withdrawn"]):
        for place, row in enumerate(request["builds"]):
            for item, name in enumerate(row["packages"]):
                if not context.matrix.catalogue.named("conda", name):
                    at = document.at("withdrawn", index, "builds", place, "packages", item)
                    yield at, f"no row names {name}", "correct the name, or remove it"
