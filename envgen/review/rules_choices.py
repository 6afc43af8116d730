"""The rules about what a lock chose: that it is there, and that the project and the facts still allow it."""

from __future__ import annotations

from dataclasses import replace

from packaging.version import Version

from envgen.lock.hold import PYTHON, Hold, framework_of
from envgen.model.facts import Release
from envgen.model.layout import LOCK
from envgen.model.project import RequestedFramework
from envgen.model.requested import as_asked, is_left_out
from envgen.model.resolution import Obstacle
from envgen.model.run import Stamp
from envgen.resolver.resolve import obstacles
from envgen.review.registry import RELOCK, STALE, Disagreements, TargetCase

rule = STALE.rule


@rule("lock-missing", "A target without a lock cannot be installed.", fix=RELOCK)
def lock_missing(case: TargetCase) -> Disagreements:
    """A target of the project without a conda-lock.yml."""
    if LOCK not in case.texts:
        yield case.requested.at, f"there is no lock of target {case.name}"


@rule("lock-foreign", "What another tool locked was not made from the project and the facts.", fix=RELOCK)
def lock_foreign(case: TargetCase) -> Disagreements:
    """A lock without envgen's stamp."""
    if LOCK in case.texts and case.stamp is None:
        yield case.in_lock("metadata:"), "there is no lock that envgen wrote: another tool made this one"


@rule("python-not-allowed", "The lock has a Python that the project does not request.", fix=RELOCK)
def python_not_allowed(case: TargetCase) -> Disagreements:
    """The locked Python against `python:`."""
    stamp, project = case.refused, case.plan.project
    if stamp and Version(stamp.chosen[PYTHON]) not in project.python:
        yield project.at("python"), f"python {stamp.chosen[PYTHON]} is locked, and {project.python_text} is requested"


@rule("python-differs", "All targets of a project have the same Python.", fix=RELOCK)
def python_differs(case: TargetCase) -> Disagreements:
    """The locked Python against that of the project's first lock."""
    stamp, stamps = case.refused, case.plan.stamps
    first = next((row.name for row in case.plan.project.targets if row.name in stamps), case.name)
    if stamp and stamp.chosen[PYTHON] != stamps[first].chosen[PYTHON]:
        told = f"python {stamp.chosen[PYTHON]} is locked, and {stamps[first].chosen[PYTHON]} in {first}"
        yield case.in_lock("envgen-chosen"), told


@rule("framework-not-locked", "A framework that the project requests is not in its lock.", fix=RELOCK)
def framework_not_locked(case: TargetCase) -> Disagreements:
    """`frameworks:` against the stamp."""
    stamp, project = case.refused, case.plan.project
    target = case.requested.own or case.matrix.targets[case.name]
    for row in project.frameworks if stamp else ():
        if stamp and row.framework not in stamp.chosen and not is_left_out(case.matrix, project, row, target):
            yield row.at, f"{row.framework} is requested, and not locked"


@rule("framework-not-allowed", "The lock has a version of a framework that the project does not request.", fix=RELOCK)
def framework_not_allowed(case: TargetCase) -> Disagreements:
    """`frameworks:` against the versions in the stamp."""
    for row, stamp in _locked(case):
        version = stamp.chosen[row.framework]
        if Version(version) not in row.versions:
            yield row.at, f"{row.framework} {version} is locked, and {row.text} is requested"


@rule("release-unknown", "A release that is locked was removed from the matrices.", fix=RELOCK)
def release_unknown(case: TargetCase) -> Disagreements:
    """The versions in the stamp against `releases:`."""
    for row, stamp in _locked(case):
        if _release(case, row, stamp) is None:
            told = f"{row.framework} {stamp.chosen[row.framework]} is locked, and the matrices have no such release"
            yield case.in_lock("envgen-chosen"), told


@rule("build-unknown", "The builds that are locked were removed from the matrices.", fix=RELOCK)
def build_unknown(case: TargetCase) -> Disagreements:
    """The CUDA and the platforms of the lock against `builds:` of the release."""
    for row, stamp in _locked(case):
        release = _release(case, row, stamp)
        target = case.requested.own or case.matrix.targets[case.name]
        for platform in stamp.downloads if release else ():
            named = (f"{row.framework}-build-{platform}", f"{row.framework}-build")
            cuda = next((stamp.chosen[name] for name in named if name in stamp.chosen), str(target.on(platform).cuda))
            if release and not any(platform in b.platforms and cuda in map(str, b.variants) for b in release.builds):
                what = "CPU" if cuda == "None" else f"CUDA {cuda}"
                told = f"{row.framework} {release.version} is locked for {what} on {platform}: the matrices have no such build"
                yield release.at, told


@rule("choice-refused", "The facts no longer allow what is locked.", fix=RELOCK)
def choice_refused(case: TargetCase) -> Disagreements:
    """What is chosen against the constraints, the drivers and the GPUs; where no simpler rule says what is wrong."""
    stamp = case.refused
    told = (python_not_allowed, python_differs, framework_not_locked, framework_not_allowed, release_unknown, build_unknown)
    if stamp and not any(found for check in told for found in check(case)):
        chosen = ", ".join(f"{name} {version}" for name, version in stamp.chosen.items())
        what = f"{chosen}: the matrices no longer allow what is locked"
        reason = next((row.reason for row in _obstacles(case, stamp) if row.reason.at), None)
        yield (reason.at, f"{what}: {reason.text}") if reason and reason.at else (case.in_lock("envgen-chosen"), what)


def _obstacles(case: TargetCase, stamp: Stamp) -> list[Obstacle]:
    project = replace(case.plan.project, targets=(case.requested,))
    hold = Hold(stamps={case.name: stamp}, python=True, whole=frozenset({case.name}))
    return [row for row in obstacles(hold.problem(case.matrix, project)) if not row.index]


@rule("framework-not-requested", "The lock has a framework that the project does not request any more.", fix=RELOCK)
def framework_not_requested(case: TargetCase) -> Disagreements:
    """The stamp against `frameworks:`."""
    names = {PYTHON, *(row.framework for row in case.plan.project.frameworks)}
    for name in dict.fromkeys(map(framework_of, case.stamp.chosen)) if case.stamp else ():
        if name not in names:
            yield case.in_lock("envgen-chosen"), f"{name} is locked, and not requested"


def _locked(case: TargetCase) -> list[tuple[RequestedFramework, Stamp]]:
    """The requested frameworks that are locked, where what the lock chose is not allowed any more."""
    stamp = case.refused
    return [(row, stamp) for row in case.plan.project.frameworks if stamp and row.framework in stamp.chosen]


def _release(case: TargetCase, row: RequestedFramework, stamp: Stamp) -> Release | None:
    version = Version(stamp.chosen[row.framework])
    facts = as_asked(case.matrix, case.plan.project)
    return next((found for found in facts.frameworks[row.framework].releases if found.version == version), None)
