"""What `envgen matrix show` is asked: which frameworks, driver, GPUs, Python and platform. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from packaging.version import Version

from envgen.matrix.drivers import check_driver
from envgen.matrix.gpu_names import required_gpu
from envgen.matrix.hardware import latest_driver
from envgen.model.catalogue import parsed
from envgen.model.errors import BadInput, closest
from envgen.model.facts import Matrix, Platform
from envgen.model.gpu import Gpu

_DRIVER, _MINOR = re.compile(r"[0-9]+(\.[0-9]+){0,3}"), re.compile(r"[0-9]+\.[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is known of a machine and a project. None and () mean anything, and exclude nothing.

    `latest` is the newest driver that `driver` stands for, which may be a whole branch.
    """

    frameworks: tuple[str, ...]
    driver: Version | None = None
    latest: Version | None = None
    gpus: tuple[Gpu, ...] = ()
    python: Version | None = None
    platform: Platform | None = None


def parse_query(
    matrix: Matrix, frameworks: Sequence[str], driver: str | None, gpus: Sequence[str], python: str | None, platform: str | None
) -> Query:
    """A query from the options of a command; without `frameworks` about all but companions. Raises BadInput with a suggestion."""
    platforms = platforms_of(matrix)
    for name in frameworks:
        _check_name("framework", name, matrix.frameworks)
    if platform is not None:
        _check_name("platform", platform, platforms)
    version = _version(driver, _DRIVER, "--driver", "write it as nvidia-smi prints it: 535 or 535.104.05")
    if version:
        check_driver(matrix, version, "--driver")
    return Query(
        frameworks=tuple(dict.fromkeys(frameworks or matrix.hosts)),
        driver=version,
        latest=latest_driver(matrix, version) if version else None,
        gpus=tuple(dict.fromkeys(required_gpu(matrix, name, "--gpu") for name in gpus)),
        python=_version(python, _MINOR, "--python", "write major and minor, without the patch release: 3.12"),
        platform=platform,
    )


def branch_note(query: Query) -> str | None:
    """How a bare driver branch (580) is read; None for a full version."""
    bare = query.driver is not None and query.latest != query.driver
    return f"driver {query.driver} is read as any driver {query.driver}.x of its branch" if bare else None


def platforms_of(matrix: Matrix) -> tuple[Platform, ...]:
    """Every platform that a target serves, in the order of targets.yaml."""
    return tuple(dict.fromkeys(platform for target in matrix.targets.values() for platform in target.platforms))


def _check_name(kind: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise BadInput(f"no {kind} `{name}` in matrices/", where=f"--{kind}", hint=closest(name, known))


def _version(text: str | None, shape: re.Pattern[str], where: str, hint: str) -> Version | None:
    if text is None:
        return None
    found = parsed(text.strip()) if shape.fullmatch(text.strip()) else None
    if found is None:
        raise BadInput(f"`{text}` is not a version", where=where, hint=hint)
    return found
