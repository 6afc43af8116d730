"""The rules about toolkits, drivers, cuDNN, GPUs and targets."""

from __future__ import annotations

from itertools import pairwise

from packaging.version import Version

from envgen.curate.lint.registry import Facts, LintResults, rule
from envgen.matrix.hardware import has_code
from envgen.model.facts import Gpu, Toolkit, driver_text

_SYSTEMS = ("linux", "windows")
_PROMISES = {  # what a machine of each system has: what must be promised, and what can never be
    "linux": ({"__unix", "__linux", "__glibc", "__archspec"}, {"__osx", "__win"}),
    "osx": ({"__unix", "__osx", "__archspec"}, {"__glibc", "__linux", "__win"}),
    "win": ({"__win", "__archspec"}, {"__unix", "__glibc", "__linux", "__osx"}),
}


def _toolkits(facts: Facts) -> list[Toolkit]:
    """Oldest first."""
    return sorted(facts.matrix.toolkits.values(), key=lambda toolkit: toolkit.version)


@rule("target-unserved", "A target, or a platform of one, that no release can serve leads nowhere.")
def target_unserved(facts: Facts) -> LintResults:
    """Platforms without a build for its CUDA, or for an older minor that may stand in."""
    document = facts.documents["targets.yaml"]
    for target in facts.matrix.targets.values():
        what = f"CUDA {target.cuda}" if target.cuda else "CPU"
        empty = {spot.platform for spot in facts.spots if spot.target == target and not spot.rows}
        if empty == set(target.platforms):
            yield target.at, f"no release of any framework has {what} builds for it", "add the builds, or remove the target"
            continue
        for platform in sorted(empty):
            where = document.at("targets", target.name, "platforms", target.platforms.index(platform))
            yield where, f"no release of any framework has {what} builds for {platform}", "add the builds, or remove the platform"


@rule("toolkit-order", "A newer toolkit came with a newer driver, and never for older GPUs.")
def toolkit_order(facts: Facts) -> LintResults:
    """Drivers of each system, and the first compute capability, from toolkit to toolkit."""
    for older, newer in pairwise(_toolkits(facts)):
        for system in _SYSTEMS:
            before, after = older.driver.get(system), newer.driver.get(system)
            if before and after and after < before:
                text = f"driver {driver_text(after)} is older than {driver_text(before)} of CUDA {older.version}"
                yield facts.at(newer.at, system), text, "look both up again"
        if newer.capabilities[0] < older.capabilities[0]:
            text = f"CUDA {newer.version} begins at {newer.capabilities[0]}, {older.version} at {older.capabilities[0]}"
            yield facts.at(newer.at, "capabilities"), text, "look both up again"


@rule("family-floor", "A family's driver floor runs all its toolkits: it cannot be above what a later one came with.")
def family_floor(facts: Facts) -> LintResults:
    """But for the first toolkit of a family: its floor was promised with an update of that (450.80.02 with 11.0 Update 1)."""
    document = facts.documents["cuda.yaml"]
    for index, row in enumerate(document.data["families"]):
        own = [toolkit for toolkit in _toolkits(facts) if toolkit.version.major == row["major"]]
        if not own:
            where = document.at("families", index)
            yield where, f"no toolkit is of CUDA {row['major']}", "add its toolkits, or remove the family"
        for toolkit in own[1:]:
            for system in _SYSTEMS:
                floor, driver = toolkit.floor.get(system), toolkit.driver.get(system)
                if floor and driver and floor > driver:
                    text = f"{driver_text(floor)} is above driver {driver_text(driver)} that CUDA {toolkit.version} came with"
                    yield document.at("families", index, system), text, "look both up again"


@rule("cudnn", "A cuDNN is for toolkits that there are, and a newer one never has code for older GPUs.")
def cudnn(facts: Facts) -> LintResults:
    """CUDA majors without a toolkit; floors that fall within a major."""
    majors = {version.major for version in facts.matrix.toolkits}
    for row in facts.matrix.cudnn:
        for major in sorted(row.cuda_majors - majors):
            yield facts.at(row.at, "cuda"), f"no toolkit of cuda.yaml is of CUDA {major}", "correct it, or add the toolkit"
    for newer, older in pairwise(facts.matrix.cudnn):
        if newer.version.major == older.version.major and newer.floor < older.floor:
            text = f"cuDNN {newer.version} begins at {newer.floor}, the older {older.version} at {older.floor}"
            yield facts.at(newer.at, "capability"), text, "look both up again"


@rule("gpu-without-code", "No toolkit has code for this GPU, so no CUDA target can be for it.")
def gpu_without_code(facts: Facts) -> LintResults:
    """By the range of compute capabilities of every toolkit."""
    document = facts.documents["gpus.yaml"]
    for index, row in enumerate(document.data["gpus"]):
        name = next(iter((*row.get("models", ()), *row.get("data-centre", ()))), None)
        gpu = facts.matrix.gpus[name.lower()] if name else Gpu(name="", capability=Version(row["capability"]))
        if not any(has_code(toolkit, gpu) for toolkit in facts.matrix.toolkits.values()):
            where = document.at("gpus", index, "capability")
            yield where, f"no toolkit has code for {gpu.capability}", "correct it, or add the toolkit to cuda.yaml"


@rule("virtual-packages", "A machine has what its system has: a promise too few hides packages, one too many breaks them.")
def virtual_packages(facts: Facts) -> LintResults:
    """Each platform of targets.yaml: what is missing, what is another system's, and what is no target's."""
    document = facts.documents["targets.yaml"]
    used = {spot.platform for spot in facts.spots}
    for platform, promised in document.data["virtual-packages"].items():
        where = document.at("virtual-packages", platform)
        needed, foreign = _PROMISES[platform.split("-")[0]]
        if platform not in used:
            yield where, f"no target is for {platform}", "add it to the platforms of a target, or remove the row"
        for name in sorted(needed - set(promised)):
            yield where, f"nothing is promised of {name}", f'write {name} with its version, as in {{{name}: "0"}}'
        for name in sorted(set(promised) & (foreign | {"__cuda"})):
            told = "every CUDA target promises its own" if name == "__cuda" else f"{platform} never has it"
            yield document.at("virtual-packages", platform, name), f"{name}: {told}", "remove it"
