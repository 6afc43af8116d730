"""The rules about what a project does not want to exceed: what its targets download, and the licences of its packages."""

from __future__ import annotations

from envgen.composition.cells import licensed
from envgen.composition.licenses import refused
from envgen.composition.sizes import over_budget, size_text
from envgen.review.registry import LIMITS, Disagreements, LimitCase

rule = LIMITS.rule


@rule(
    "over-budget",
    "The target downloads more than its project allows.",
    fix="envgen size {project} --target {target}, then: drop what is too big, or raise budget: in project.yaml",
)
def over_the_budget(case: LimitCase) -> Disagreements:
    """`budget:` against the sizes of the packages of each platform in the recorded index."""
    for size, limit in over_budget(case.sizes, case.project.budget):
        package, most = size.packages[0]
        told = f"{size_text(size.total)} to download, and {size_text(limit)} allowed, most by {package.name} ({size_text(most)})"
        yield case.project.at("budget"), f"{size.platform}: {told}"


@rule(
    "license-refused",
    "The project does not allow the licence of a package.",
    fix="envgen licenses {project} --target {target}, then: drop what brings the package (`envgen why`), or allow its licence",
)
def license_refused(case: LimitCase) -> Disagreements:
    """`licenses:` against the licences in the recorded index; a package that it does not have, or pip brings, is `unknown`."""
    for package in case.lock.packages if case.project.licenses else ():
        for one in refused(licensed([package], case.records), case.project.licenses):
            told = f"{one.name} {one.version} has the licence {one.license}, which `licenses:` does not allow"
            yield package.at or case.project.at("licenses"), f"{package.platform}: {told}"
