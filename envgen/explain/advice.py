"""Which advice commonly found would have gone wrong for a resolution, and how. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from packaging.version import Version

from envgen.matrix.constraints import Known, holds
from envgen.model.advice import Trial
from envgen.model.facts import Address, Constraint, Gpu, Matrix, Platform, driver_text
from envgen.model.resolution import Resolution
from envgen.resolver.cells import known_of, known_of_choices

_HOLE = re.compile(r"\{(\w+)\}")


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
    """Every piece of advice in the matrix that does not hold for a resolution, by its id, each text once."""
    known = {platform: _known(matrix, resolution, platform) for platform in resolution.platforms}
    found: dict[tuple[str, str, str], AppliedAdvice] = {}
    for rule, said in matrix.advice:
        where = tuple(platform for platform, values in known.items() if holds(rule, values))
        if where:
            holes = _holes(resolution, rule, where)
            heard, but = _filled(said.heard, holes), _filled(said.but, holes)
            about = () if any(condition.axis == "dropped" for condition in rule.when) else where
            trial = _tried(said.trial, holes) if said.trial else None
            found.setdefault(
                (said.id, heard, but),
                AppliedAdvice(id=said.id, heard=heard, but=but, because=rule.because, at=rule.at, platforms=about, trial=trial),
            )
    return tuple(sorted(found.values(), key=lambda item: item.id))


def _known(matrix: Matrix, resolution: Resolution, platform: Platform) -> Known:
    """What constraints know of a cell, and what only advice asks for: companions, and the platforms that were dropped."""
    promised = known_of(matrix, resolution.project, resolution.target, platform)
    companions = {name: (Version(version),) for name, version in _companions(resolution).items()}
    dropped = {"dropped": tuple(dropped.platform for dropped in resolution.dropped)}
    return {**promised, **known_of_choices(resolution.choices, resolution.python), **companions, **dropped}


def _companions(resolution: Resolution) -> dict[str, str]:
    return {name: choice.release.companions[name] for choice in resolution.choices for name in choice.companions}


def _holes(resolution: Resolution, rule: Constraint, platforms: tuple[Platform, ...]) -> Mapping[str, str]:
    """The values of all holes that this resolution can fill."""
    target, driver = resolution.target, resolution.project.driver
    releases = {choice.release.framework: str(choice.release.version) for choice in resolution.choices}
    holes = {"python": str(resolution.python), "target": target.name, "platform": ", ".join(platforms)}
    holes |= {**_companions(resolution), **releases, "frameworks": " ".join(f"{name}={text}" for name, text in releases.items())}
    if target.cuda:
        holes |= {"cuda": str(target.cuda), "cu": f"{target.cuda.major}{target.cuda.minor}", "major": str(target.cuda.major)}
        gpus = [gpu for gpu in resolution.project.gpus if _meant(rule, gpu)]
        holes |= {"gpu": ", ".join(gpu.name for gpu in gpus)} if gpus else {}
        holes |= {"driver": driver_text(driver)} if driver else {}
    return holes


def _meant(rule: Constraint, gpu: Gpu) -> bool:
    """Whether what a rule says of GPUs is said of this one."""
    ranges = [condition.versions for condition in rule.when if condition.axis == "gpu" and condition.versions is not None]
    return all(gpu.capability in found for found in ranges)


def _filled(text: str, holes: Mapping[str, str]) -> str:
    return _HOLE.sub(lambda hole: holes[hole[1]], text)


def _tried(trial: Trial, holes: Mapping[str, str]) -> Trial:
    """The trial for this resolution: without the specs of what is not in it."""
    specs = tuple(_filled(spec, holes) for spec in trial.specs if set(_HOLE.findall(spec)) <= set(holes))
    return replace(trial, specs=specs, gets=_filled(trial.gets, holes))
