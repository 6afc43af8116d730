"""Facts about builds in words, in the light of a question: only what it leaves is spoken of. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.version import Version

from envgen.matrix.constraints import within
from envgen.model.facts import Build, Platform, Reason, Release, RequestedFramework, by_cuda, minors_text, variant_text
from envgen.resolver.cells import provider_of
from envgen.resolver.resolve import Problem, seen


def offers_told(question: Problem, wish: RequestedFramework) -> Reason:
    """Which of the releases asked for the provider does not publish, and what it has instead."""
    framework = question.matrix.frameworks[wish.framework]
    provider = provider_of(question.matrix, question.project, wish)
    published = [row for row in framework.releases if any(build.provider == provider for build in row.builds)]
    inside = [row for row in published if within(wish.versions, row.version)]
    if inside:
        what = f"of {asked(wish)} {provider} has {listed(row.version for row in reversed(inside))}"
        return Reason(what, inside[0].at, framework.because)
    newer = [row for row in published if _above(row, wish)]
    older = [row for row in published if row not in newer]
    near = [row for row in (older[0] if older else None, newer[-1] if newer else None) if row]
    what = f"{provider} has no {asked(wish)}: it has {' and '.join(str(row.version) for row in near) or 'none'}"
    return Reason(what, near[0].at if near else None, framework.because)


def _above(release: Release, wish: RequestedFramework) -> bool:
    """Whether a release lies above a range that it is not in."""
    bounds = [Version(part.version.removesuffix(".*")) for part in wish.versions]
    return bool(bounds) and release.version > max(bounds)


def builds_told(question: Problem, wish: RequestedFramework) -> Reason:
    """For which variants the releases asked for are built, on the platforms asked for, with the pythons asked for."""
    framework, project = question.matrix.frameworks[wish.framework], question.project
    provider = provider_of(question.matrix, project, wish)
    rows = [row for row in _rows(question, wish) if any(within(project.python, python) for python in row.pythons)]
    everywhere = set(project.platforms) >= {p for target in question.matrix.targets.values() for p in target.platforms}
    where = [("", None)] if everywhere else [(f" on {platform}", platform) for platform in _platforms(question)]
    cpu = any(question.matrix.targets[target.name].cuda is None for target in project.targets)
    built = " and".join(f"{place} for {_variants(rows, platform, cpu=cpu)}" for place, platform in where)
    python = f" with python {project.python_text}" if project.python else ""
    at = rows[0].at if rows else framework.releases[0].at
    return Reason(f"{asked(wish)} from {provider} is built{python}{built}", at, framework.because)


def pythons_told(question: Problem, wish: RequestedFramework) -> Reason:
    """For which pythons the builds are that serve the targets asked for."""
    framework = question.matrix.frameworks[wish.framework]
    cudas = {question.matrix.targets[target.name].cuda for target in question.project.targets}
    every = [row for row in _rows(question, wish) if row.platforms.intersection(_platforms(question))]
    rows = [row for row in every if row.variants & cudas] or every
    variants = " and ".join(map(variant_text, by_cuda({cuda for row in rows for cuda in row.variants & cudas})))
    pythons = minors_text({python for row in rows for python in row.pythons}) or "none"
    what = f"the {variants + ' ' if variants else ''}builds of {asked(wish)} are for python {pythons}"
    return Reason(what, rows[0].at if rows else framework.releases[0].at, framework.because)


def asked(wish: RequestedFramework) -> str:
    """`pytorch 2.7.*`, or `pytorch` where any version will do."""
    return f"{wish.framework} {wish.text}" if wish.versions else wish.framework


def _rows(question: Problem, wish: RequestedFramework) -> list[Build]:
    provider = provider_of(question.matrix, question.project, wish)
    return [row for release in seen(question, wish) for row in release.builds if row.provider == provider]


def _platforms(question: Problem) -> tuple[Platform, ...]:
    """The platforms asked for that a target has."""
    targets = [(wish, question.matrix.targets[wish.name]) for wish in question.project.targets]
    asked_for = [p for wish, target in targets for p in wish.platforms or question.project.platforms if p in target.platforms]
    return tuple(dict.fromkeys(asked_for)) or question.project.platforms


def _variants(rows: Iterable[Build], platform: Platform | None, *, cpu: bool) -> str:
    found = {variant for row in rows if platform is None or platform in row.platforms for variant in row.variants}
    cudas = listed(variant for variant in by_cuda(found) if variant)
    return " and ".join(filter(None, ("CPU" if cpu and None in found else "", f"CUDA {cudas}" if cudas else ""))) or "no CUDA"


def listed(values: Iterable[object]) -> str:
    """`11.8, 12.0, 12.6`."""
    return ", ".join(map(str, values))
