"""Which common advice would have gone wrong for a resolution, and how. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from envgen.matrix.constraints import Known, holds
from envgen.model.address import Address
from envgen.model.advice import HOLE, Advice, Trial, filled
from envgen.model.constraint import Constraint
from envgen.model.facts import Matrix, Platform, driver_text
from envgen.model.gpu import Gpu
from envgen.model.resolution import Resolution
from envgen.resolver.cells import known_of, known_of_choices


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedAdvice:
    """Advice that goes wrong for a resolution on these platforms, with its holes filled; `because` is the source.

    `platforms` is empty where the advice is about platforms that the target had to drop.
    """

    id: str
    heard: str
    but: str
    because: str
    at: Address
    platforms: tuple[Platform, ...]
    trial: Trial | None = None


def advice(matrix: Matrix, resolution: Resolution) -> tuple[AppliedAdvice, ...]:
    """Every piece of advice in the matrix that goes wrong for a resolution, sorted by its id, each text once."""
    known = {platform: _known(matrix, resolution, platform) for platform in resolution.platforms}
    found: dict[tuple[str, str, str], AppliedAdvice] = {}
    for rule, piece in matrix.advice:
        platforms = tuple(platform for platform, values in known.items() if holds(rule, values))
        if platforms:
            applied = _applied(piece, rule, platforms, _holes(resolution, rule, platforms))
            found.setdefault((applied.id, applied.heard, applied.but), applied)
    return tuple(sorted(found.values(), key=lambda applied: applied.id))


def _applied(piece: Advice, rule: Constraint, platforms: tuple[Platform, ...], holes: Mapping[str, str]) -> AppliedAdvice:
    about_dropped = any(condition.axis == "dropped" for condition in rule.when)
    return AppliedAdvice(
        id=piece.id,
        heard=filled(piece.heard, holes),
        but=filled(piece.but, holes),
        because=rule.because,
        at=rule.at,
        platforms=() if about_dropped else platforms,
        trial=_filled_trial(piece.trial, holes) if piece.trial else None,
    )


def _known(matrix: Matrix, resolution: Resolution, platform: Platform) -> Known:
    """What constraints know of a cell, and what only advice asks for: the platforms that were dropped."""
    target = known_of(matrix, resolution.project, resolution.target.on(platform), platform)
    dropped = {"dropped": tuple(dropped.platform for dropped in resolution.dropped)}
    return {**target, **known_of_choices(resolution.choices, resolution.python), **dropped}


def _holes(resolution: Resolution, rule: Constraint, platforms: tuple[Platform, ...]) -> Mapping[str, str]:
    """The values of all holes that this resolution can fill."""
    target, driver = resolution.target, resolution.project.driver
    releases = {choice.release.framework: str(choice.release.version) for choice in resolution.choices}
    holes = {"python": str(resolution.python), "target": target.name, "platform": ", ".join(platforms)}
    holes |= {**releases, "frameworks": " ".join(f"{name}={text}" for name, text in releases.items())}
    if target.cuda:
        holes |= {"cuda": str(target.cuda), "cu": f"{target.cuda.major}{target.cuda.minor}", "major": str(target.cuda.major)}
        gpus = [gpu for gpu in resolution.project.gpus if _concerns(rule, gpu)]
        holes |= {"gpu": ", ".join(gpu.name for gpu in gpus)} if gpus else {}
        holes |= {"driver": driver_text(driver)} if driver else {}
    return holes


def _concerns(rule: Constraint, gpu: Gpu) -> bool:
    """Whether what a rule says of GPUs concerns this one."""
    ranges = [condition.versions for condition in rule.when if condition.axis == "gpu" and condition.versions is not None]
    return all(gpu.capability in found for found in ranges)


def _filled_trial(trial: Trial, holes: Mapping[str, str]) -> Trial:
    """The trial for this resolution: without the specs of what is not in it."""
    specs = tuple(filled(spec, holes) for spec in trial.specs if set(HOLE.findall(spec)) <= set(holes))
    return replace(trial, specs=specs, gets=filled(trial.gets, holes))
