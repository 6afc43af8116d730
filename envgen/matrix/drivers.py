"""By which rule a driver runs a target's CUDA, and what stands in where it cannot. Pure.

Three rules (https://docs.nvidia.com/deploy/cuda-compatibility/): a driver runs every toolkit up to the one that it came with; from
CUDA 11 on also newer minors of the same major (minor-version compatibility); on GPUs for data centres and Linux, with a package of
its own, also the next major (forward compatibility).
"""

from __future__ import annotations

from packaging.version import Version

from envgen.matrix.hardware import driver_os, has_code, latest_driver
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix, Platform, Reason, Target, Variant, driver_text
from envgen.model.project import Project
from envgen.model.resolution import Resolution
from envgen.model.toolkit import Toolkit

_SOURCE = "https://docs.nvidia.com/deploy/cuda-compatibility/forward-compatibility.html"


def native(matrix: Matrix, driver: Version, system: str) -> Variant:
    """The newest toolkit that came with this driver or before it, on "linux" or "windows"; None where none did."""
    latest = latest_driver(matrix, driver)
    return max(
        (version for version, row in matrix.toolkits.items() if system in row.driver and row.driver[system] <= latest), default=None
    )


def check_driver(matrix: Matrix, driver: Version, where: object) -> None:
    """Raise BadInput for a driver that is a CUDA version: nvidia-smi prints both, and a driver's number has three digits."""
    if driver.major >= 100:
        return
    minor = Version(f"{driver.major}.{driver.minor}")
    came_with = matrix.toolkits[minor].driver.get("linux") if minor in matrix.toolkits else None
    instead = f', or ">={came_with.major}", the branch that CUDA {minor} came with' if came_with else ""
    hint = f'write what nvidia-smi prints as "Driver Version"{instead}'
    what = f"`{driver}` is a CUDA version, as nvidia-smi prints it, and not a driver"
    raise BadInput(what, where=where, hint=hint)


def compat(matrix: Matrix) -> str:
    """What gives a driver the CUDA of a newer one, in words: the package, and the folder that must be on LD_LIBRARY_PATH."""
    found = next((row for row in matrix.catalogue.packages if row.forward), None)
    return f"conda-forge's {found.conda[0]}, {found.forward} on LD_LIBRARY_PATH" if found else "NVIDIA's package for it"


def driver_notes(matrix: Matrix, resolution: Resolution) -> tuple[Reason, ...]:
    """By which rule the fleet's oldest driver runs a target, or from which driver on it runs; one for each system of drivers."""
    if resolution.target.cuda is None:
        return ()
    targets = {platform: resolution.target.on(platform) for platform in resolution.platforms}
    rows = dict.fromkeys((driver_os(platform), target.cuda) for platform, target in targets.items() if target.cuda)
    found = [(system, matrix.toolkits[cuda]) for system, cuda in rows]
    return tuple(Reason(_note(matrix, toolkit, resolution.project.driver, system), toolkit.at) for system, toolkit in found)


def _note(matrix: Matrix, toolkit: Toolkit, driver: Version | None, system: str) -> str:
    cuda, floor, own = toolkit.version, toolkit.floor.get(system), toolkit.driver.get(system)
    where = f"on {system.capitalize()} "
    if floor is None:
        return f"{where}no driver is known for CUDA {cuda}"
    minor = own is not None and floor < own
    if driver is None and minor:
        rule = f"driver {driver_text(floor)} or newer runs CUDA {cuda}, by minor-version compatibility of CUDA {cuda.major}"
        return f"{where}{rule}; {_compiled(matrix, toolkit, system)}"
    if driver is None:
        return f"{where}driver {driver_text(floor)} or newer runs CUDA {cuda}: {_no_lower(toolkit)}"
    have = f"{where}driver {driver_text(driver)} runs CUDA {cuda}"
    if own is None:
        return f"{have}: any CUDA {cuda.major} runs on {driver_text(floor)} or newer; which driver {cuda} came with is not known"
    if minor and (native(matrix, driver, system) or Version("0")) < cuda:
        rule = f"by minor-version compatibility: any CUDA {cuda.major} runs on {driver_text(floor)} or newer"
        return f"{have} {rule}; {_compiled(matrix, toolkit, system)}"
    return f"{have} natively: {cuda} came with {driver_text(own)}"


def _compiled(matrix: Matrix, toolkit: Toolkit, system: str) -> str:
    """What minor-version compatibility leaves out."""
    own, by = driver_text(toolkit.driver[system]), ", ".join(matrix.catalogue.compilers)
    return f"what is compiled at run time{f' ({by})' if by else ''} and what is new in {toolkit.version} need {own}"


def _no_lower(toolkit: Toolkit) -> str:
    """Why no older driver will do: there is no such rule before CUDA 11, and the first toolkit of a major came with its floor."""
    if toolkit.version.major < 11:
        return "the one that it came with; before CUDA 11 there is no minor-version compatibility"
    return f"the floor of CUDA {toolkit.version.major}"


def forward_note(matrix: Matrix, project: Project, target: Target, platform: Platform) -> Reason | None:
    """What stands in where the project's driver is below the floor of a target; None wherever forward compatibility does not apply.

    It applies on Linux, for the next major of CUDA, where every GPU of the project is one for data centres and has code there.
    """
    gpus, system = project.gpus, driver_os(platform)
    if target.cuda is None or project.driver is None or not gpus:
        return None
    toolkit = matrix.toolkits[target.cuda]
    floor = toolkit.floor.get(system)
    serves = all(gpu.data_centre and has_code(toolkit, gpu) for gpu in gpus)
    if (
        floor is None
        or latest_driver(matrix, project.driver) >= floor
        or not serves
        or not forward(native(matrix, project.driver, system), toolkit, system)
    ):
        return None
    limits = "envgen does not add it, and `__cuda` stays what the driver says; on other GPUs CUDA ends with error 804"
    can = f"forward compatibility can run CUDA {target.cuda} on driver {driver_text(project.driver)}: {compat(matrix)}"
    return Reason(f"{can}; {limits} ({_SOURCE})", toolkit.at)


def forward(native: Variant, toolkit: Toolkit, system: str) -> bool:
    """Whether forward compatibility reaches from the CUDA that a driver runs natively to a toolkit, the GPUs aside."""
    return system == "linux" and native is not None and toolkit.version.major == native.major + 1
