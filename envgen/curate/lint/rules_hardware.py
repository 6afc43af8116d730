"""The rules about toolkits, drivers, cuDNN, GPUs and targets."""

from __future__ import annotations

from itertools import pairwise

from packaging.version import Version

from envgen.curate.lint.registry import LintContext, LintResults, rule
from envgen.matrix.hardware import has_code
from envgen.model.facts import driver_text, variant_text
from envgen.model.gpu import Gpu
from envgen.model.toolkit import Toolkit

_SYSTEMS = ("linux", "windows")
_VIRTUAL = {  # by system: the virtual packages that every machine has, and those that none has
    "linux": ({"__unix", "__linux", "__glibc", "__archspec"}, {"__osx", "__win"}),
    "osx": ({"__unix", "__osx", "__archspec"}, {"__glibc", "__linux", "__win"}),
    "win": ({"__win", "__archspec"}, {"__unix", "__glibc", "__linux", "__osx"}),
}
_LOOK_UP = "check both against their source"


def _toolkits(context: LintContext) -> list[Toolkit]:
    """Oldest first."""
    return sorted(context.matrix.toolkits.values(), key=lambda toolkit: toolkit.version)


@rule("target-unserved", "A target, or one of its platforms, is useless if no release has builds for it.")
def target_unserved(context: LintContext) -> LintResults:
    """Platforms without a build for the target's CUDA, or for an older minor that can be used instead."""
    document = context.documents["targets.yaml"]
    for target in context.matrix.targets.values():
        what = f"no release of any framework has {variant_text(target.cuda)} builds for"
        unserved = {cell.platform for cell in context.cells if cell.target == target and not cell.rows}
        if unserved == set(target.platforms):
            yield target.at, f"{what} it", "add the builds, or remove the target"
            continue
        for platform in sorted(unserved):
            where = document.at("targets", target.name, "platforms", target.platforms.index(platform))
            yield where, f"{what} {platform}", "add the builds, or remove the platform"


@rule("toolkit-order", "A newer toolkit comes with a newer driver, and does not support older GPUs than the toolkit before it.")
def toolkit_order(context: LintContext) -> LintResults:
    """Drivers of each system, and the first compute capability, from toolkit to toolkit."""
    for older, newer in pairwise(_toolkits(context)):
        for system in _SYSTEMS:
            before, after = older.driver.get(system), newer.driver.get(system)
            if before and after and after < before:
                text = f"driver {driver_text(after)} is older than {driver_text(before)} of CUDA {older.version}"
                yield context.at(newer.at, system), text, _LOOK_UP
        if newer.capabilities[0] < older.capabilities[0]:
            text = f"CUDA {newer.version} begins at {newer.capabilities[0]}, the older {older.version} at {older.capabilities[0]}"
            yield context.at(newer.at, "capabilities"), text, _LOOK_UP


@rule("family-floor", "The driver floor of a family runs all its toolkits, so it cannot be above what a later one came with.")
def family_floor(context: LintContext) -> LintResults:
    """All toolkits but the first of a family: the floor came with an update of that one (450.80.02 with 11.0 Update 1)."""
    document = context.documents["cuda.yaml"]
    for index, row in enumerate(document.data["families"]):
        toolkits = [toolkit for toolkit in _toolkits(context) if toolkit.version.major == row["major"]]
        if not toolkits:
            where = document.at("families", index)
            yield where, f"there is no toolkit of CUDA {row['major']}", "add its toolkits, or remove the family"
        for toolkit in toolkits[1:]:
            for system in _SYSTEMS:
                floor, driver = toolkit.floor.get(system), toolkit.driver.get(system)
                if floor and driver and floor > driver:
                    text = f"{driver_text(floor)} is above driver {driver_text(driver)}, which came with CUDA {toolkit.version}"
                    yield document.at("families", index, system), text, _LOOK_UP


@rule("cudnn", "A cuDNN is for a CUDA in cuda.yaml, and does not support older GPUs than the release before it.")
def cudnn(context: LintContext) -> LintResults:
    """CUDA majors without a toolkit; within one cuDNN major, floors that fall."""
    majors = {version.major for version in context.matrix.toolkits}
    for row in context.matrix.cudnn:
        for major in sorted(row.cuda_majors - majors):
            text = f"cuda.yaml has no toolkit of CUDA {major}"
            yield context.at(row.at, "cuda"), text, "correct it, or add the toolkit to cuda.yaml"
    for newer, older in pairwise(context.matrix.cudnn):
        if newer.version.major == older.version.major and newer.floor < older.floor:
            text = f"cuDNN {newer.version} begins at {newer.floor}, the older {older.version} at {older.floor}"
            yield context.at(newer.at, "capability"), text, _LOOK_UP


@rule("gpu-without-toolkit", "A GPU is useless to every CUDA target if no toolkit has code for it.")
def gpu_without_code(context: LintContext) -> LintResults:
    """Compute capabilities outside the range of every toolkit."""
    document = context.documents["gpus.yaml"]
    for index, row in enumerate(document.data["gpus"]):
        gpu = Gpu.bare(Version(row["capability"]))
        if not any(has_code(toolkit, gpu) for toolkit in context.matrix.toolkits.values()):
            where = document.at("gpus", index, "capability")
            yield where, f"no toolkit has code for {gpu.capability}", "correct it, or add the toolkit to cuda.yaml"


@rule("virtual-packages", "A target must promise what its system has: one package too few hides builds, one too many breaks them.")
def virtual_packages(context: LintContext) -> LintResults:
    """For each platform of targets.yaml: packages that are missing, that belong to another system, or that no target uses."""
    document = context.documents["targets.yaml"]
    used = {cell.platform for cell in context.cells}
    for platform, virtual in document.data["virtual-packages"].items():
        where = document.at("virtual-packages", platform)
        required, foreign = _VIRTUAL[platform.split("-")[0]]
        if platform not in used:
            yield where, f"no target is for {platform}", "add it to the platforms of a target, or remove the row"
        for name in sorted(required - set(virtual)):
            yield where, f"{name} is missing", f'add it with its version, as in {{{name}: "0"}}'
        for name in sorted(set(virtual) & (foreign | {"__cuda"})):
            why = "every CUDA target promises its own" if name == "__cuda" else f"{platform} never has it"
            yield document.at("virtual-packages", platform, name), f"{name}: {why}", "remove it"
