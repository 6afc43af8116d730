"""What a person asks of the facts: which frameworks, driver, GPUs, Python, platform. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from packaging.version import Version

from envgen.matrix.gpu_names import required_gpu
from envgen.matrix.hardware import driver_os
from envgen.model.errors import BadInput, closest
from envgen.model.facts import Gpu, Matrix, Platform, driver_text

_DRIVER, _MINOR = re.compile(r"\d+(\.\d+){0,3}"), re.compile(r"\d+\.\d+")


@dataclass(frozen=True, slots=True)
class Query:
    """What is known of the machine and the wish; None and () stand for anything, and refuse nothing."""

    frameworks: tuple[str, ...]
    driver: Version | None = None
    gpus: tuple[Gpu, ...] = ()
    python: Version | None = None
    platform: Platform | None = None


def asked(
    matrix: Matrix, frameworks: Sequence[str], driver: str | None, gpus: Sequence[str], python: str | None, platform: str | None
) -> Query:
    """A question from the words of a command line; without `frameworks` all of them. Raises BadInput with a suggestion."""
    platforms = platforms_of(matrix)
    for name in frameworks:
        _known("framework", name, matrix.frameworks)
    if platform is not None:
        _known("platform", platform, platforms)
    return Query(
        frameworks=tuple(dict.fromkeys(frameworks or matrix.frameworks)),
        driver=_version(driver, _DRIVER, "--driver", "a driver is written 535 or 535.104.05, as nvidia-smi prints it"),
        gpus=tuple(dict.fromkeys(required_gpu(matrix, name, "--gpu") for name in gpus)),
        python=_version(python, _MINOR, "--python", "a python is written 3.12, without the patch release"),
        platform=platform,
    )


def bare_branch(matrix: Matrix, question: Query) -> str | None:
    """That a bare branch (580) is its very first driver, and which of it came with a CUDA; None where there is nothing to say."""
    driver, family = question.driver, driver_os(question.platform or "linux-64")
    came = (kit.driver[family] for kit in matrix.toolkits.values() if family in kit.driver)
    first = min((version for version in came if driver and version.major == driver.major), default=None)
    if driver is None or first is None or len(driver.release) > 1:
        return None
    return f"driver {driver} is read as {driver}.0; the first {driver} driver that came with a CUDA is {driver_text(first)}"


def platforms_of(matrix: Matrix) -> tuple[Platform, ...]:
    """Every platform that a target serves, in the order of targets.yaml."""
    return tuple(dict.fromkeys(platform for target in matrix.targets.values() for platform in target.platforms))


def _known(kind: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise BadInput(f"no {kind} `{name}` in matrices/", where=f"--{kind}", hint=closest(name, known))


def _version(text: str | None, shape: re.Pattern[str], where: str, hint: str) -> Version | None:
    if text is None:
        return None
    if not shape.fullmatch(text.strip()):
        raise BadInput(f"{text!r} is no version", where=where, hint=hint)
    return Version(text.strip())
