"""`envgen ci-matrix`: the locked cells as the jobs of a CI workflow, each with the machine that it runs on."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

from envgen.formats.conda_lock import read_stamp
from envgen.matrix.cached import cached_matrix
from envgen.model.errors import BadInput, closest
from envgen.model.facts import Matrix, Platform
from envgen.model.layout import LOCK, Layout
from envgen.model.platforms import PLATFORMS
from envgen.project.cached import cached_project

MOST = 256
"""The jobs that GitHub makes of one matrix at most: https://docs.github.com/en/actions/reference/limits"""

_GPU = "gpu"
# https://docs.github.com/en/actions/reference/runners/github-hosted-runners
_RUNNERS: Mapping[Platform, str] = {
    "linux-64": "ubuntu-latest",
    "linux-aarch64": "ubuntu-24.04-arm",
    "osx-64": "macos-15-intel",
    "osx-arm64": "macos-latest",
    "win-64": "windows-latest",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CiJob:
    """A cell as a job: the label of its runner, and whether its target is for CUDA on this platform."""

    project: str
    target: str
    platform: Platform
    runner: str
    gpu: bool


def runners_of(words: Iterable[str]) -> Mapping[str, str]:
    """`linux-64=label`, `gpu=label` and `linux-64/gpu=label` as a mapping, over the runners of GitHub. Raises BadInput."""
    known = (*PLATFORMS, _GPU, *(f"{platform}/{_GPU}" for platform in PLATFORMS))
    found: dict[str, str] = dict(_RUNNERS)
    for word in words:
        what, _, label = word.partition("=")
        if what not in known:
            raise BadInput(f"no platform `{what}`", where="--runner", hint=closest(what, known))
        if not label:
            raise BadInput(f"`{word}` names no runner", where="--runner", hint=f"write {what}=LABEL")
        found[what] = label
    return found


def ci_jobs(
    layout: Layout, names: Iterable[str], runners: Mapping[str, str], changed: Collection[tuple[str, str, str]] | None = None
) -> tuple[CiJob, ...]:
    """The locked cells of some projects; with `changed`, those of (project, target, platform) that are in it.

    Raises BadInput for a project and a lock that cannot be read.
    """
    matrix = cached_matrix(layout)
    found = (job for name in names for job in _of_project(layout, matrix, name, runners))
    return tuple(job for job in found if changed is None or (job.project, job.target, job.platform) in changed)


def _of_project(layout: Layout, matrix: Matrix, name: str, runners: Mapping[str, str]) -> Iterator[CiJob]:
    locked = layout.locked_targets(name)
    for row in cached_project(layout, matrix, name).targets if locked else ():
        target = row.own or matrix.targets[row.name]
        for platform in _platforms(layout, name, row.name) if row.name in locked else ():
            gpu = target.on(platform).cuda is not None
            label = runners.get(f"{platform}/{_GPU}") or runners.get(_GPU) if gpu else None
            yield CiJob(project=name, target=row.name, platform=platform, runner=label or runners[platform], gpu=gpu)


def _platforms(layout: Layout, project: str, target: str) -> Iterable[Platform]:
    """The platforms of a lock; none of a lock that another tool made."""
    path = layout.target(project, target) / LOCK
    stamp = read_stamp(layout.read(path), layout.shown(path))
    return stamp.downloads if stamp else ()


def ci_json(jobs: Iterable[CiJob]) -> str:
    """The value of `strategy.matrix`, on one line as the outputs of a workflow must be."""
    return json.dumps({"include": [asdict(job) for job in jobs]}, separators=(",", ":"))
