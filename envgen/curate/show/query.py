"""What `envgen matrix show` is asked: which frameworks, driver, GPUs, Python and platform. Pure."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is known of a machine and a project. None and () mean anything, and exclude nothing."""

    frameworks: tuple[str, ...]
    driver: Version | None = None
    gpus: tuple[Gpu, ...] = ()
    python: Version | None = None
    platform: Platform | None = None


def parse_query(
    matrix: Matrix, frameworks: Sequence[str], driver: str | None, gpus: Sequence[str], python: str | None, platform: str | None
) -> Query:
    """A query from the options of a command; without `frameworks` about all. Raises BadInput with a suggestion."""
    platforms = platforms_of(matrix)
    for name in frameworks:
        _check_name("framework", name, matrix.frameworks)
    if platform is not None:
        _check_name("platform", platform, platforms)
    return Query(
        frameworks=tuple(dict.fromkeys(frameworks or matrix.frameworks)),
        driver=_version(driver, _DRIVER, "--driver", "write it as nvidia-smi prints it: 535 or 535.104.05"),
        gpus=tuple(dict.fromkeys(required_gpu(matrix, name, "--gpu") for name in gpus)),
        python=_version(python, _MINOR, "--python", "write major and minor, without the patch release: 3.12"),
        platform=platform,
    )


def branch_note(matrix: Matrix, query: Query) -> str | None:
    """How a bare driver branch (580) is read, and its first driver that came with a CUDA; None for a full version."""
    driver, family = query.driver, driver_os(query.platform or "linux-64")
    came_with = (toolkit.driver[family] for toolkit in matrix.toolkits.values() if family in toolkit.driver)
    first = min((version for version in came_with if driver and version.major == driver.major), default=None)
    if driver is None or first is None or len(driver.release) > 1:
        return None
    return f"driver {driver} is read as {driver}.0; the first {driver} driver that came with a CUDA is {driver_text(first)}"


def platforms_of(matrix: Matrix) -> tuple[Platform, ...]:
    """Every platform that a target serves, in the order of targets.yaml."""
    return tuple(dict.fromkeys(platform for target in matrix.targets.values() for platform in target.platforms))


def _check_name(kind: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise BadInput(f"no {kind} `{name}` in matrices/", where=f"--{kind}", hint=closest(name, known))


def _version(text: str | None, shape: re.Pattern[str], where: str, hint: str) -> Version | None:
    if text is None:
        return None
    if not shape.fullmatch(text.strip()):
        raise BadInput(f"`{text}` is not a version", where=where, hint=hint)
    return Version(text.strip())
