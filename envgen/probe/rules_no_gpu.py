"""Why a framework that is expected to see a GPU sees none. Pure; the first rule that yields an issue has the reason."""

from __future__ import annotations

import re
from collections.abc import Iterator

from packaging.version import Version

from envgen.machine.visible import selected
from envgen.model.facts import driver_text
from envgen.model.gpu import Gpu
from envgen.probe.gpu_code import first_capability, newest_code, without_code
from envgen.probe.libraries import driver_version, foreign, found_through, shadowing_hint
from envgen.probe.model import Comparison, Issue, ProbeRule
from envgen.probe.quote import excerpt, last_line


def cpu_build(case: Comparison) -> Iterator[Issue]:
    """A CPU build sees no GPU on any machine."""
    if case.build == "cpu" and case.expected.build == "cuda":
        text = f"is a CPU build ({case.package}), which sees no GPU on any machine"
        hint = "lock or install a CUDA build of it; `envgen verify` finds CPU builds in CUDA locks"
        yield Issue(rule="cpu-build", severity="error", text=text, hint=hint)


def no_driver(case: Comparison) -> Iterator[Issue]:
    """There is no driver."""
    if case.build != "cpu" and case.machine.driver is None and case.machine.cuda is None:
        text = f"sees no GPU: {case.machine.note or 'no NVIDIA driver here'}"
        hint = "install the driver; start a container with GPU access"
        yield Issue(rule="no-driver", severity=case.missing_gpu, text=text, hint=hint)


def driver_too_old(case: Comparison) -> Iterator[Issue]:
    """The driver cannot run the build's CUDA version, by the floors of cuda.yaml, which allow for minor-version compatibility."""
    cuda, driver, newest = case.cuda, case.machine.driver, case.machine.cuda
    if cuda is None:
        return
    floor = _floor(case, cuda)
    if driver and floor and driver < floor:
        text = f"sees no GPU: CUDA {cuda} requires driver {driver_text(floor)} or newer, and this is {driver_text(driver)}"
    elif (driver is None or floor is None) and newest and newest.major < cuda.major:
        text = f"sees no GPU: it is built for CUDA {cuda}, and this driver supports CUDA up to {newest}"
    else:
        return
    hint = f"update the driver, or use a target for CUDA {newest} or older" if newest else "update the driver"
    yield Issue(rule="driver-too-old", severity=case.missing_gpu, text=text, hint=hint)


def _floor(case: Comparison, cuda: Version) -> Version | None:
    """The oldest driver that runs a CUDA version; for a minor that the matrix does not list, that of any minor of its major."""
    toolkits = case.matrix.toolkits
    toolkit = toolkits.get(cuda)
    if toolkit is None and cuda.major > 10:  # before CUDA 11, every minor had a floor of its own
        toolkit = next((row for version, row in toolkits.items() if version.major == cuda.major), None)
    return toolkit.floor.get(case.launch.system) if toolkit else None


def no_gpu(case: Comparison) -> Iterator[Issue]:
    """There is a driver, but no GPU."""
    if case.build != "cpu" and case.machine.driver and not case.machine.gpus:
        text = f"sees no GPU: {case.machine.note or 'the driver lists none'}"
        hint = "check `nvidia-smi -L`; start a container with GPU access"
        yield Issue(rule="no-gpu", severity=case.missing_gpu, text=text, hint=hint)


def hidden(case: Comparison) -> Iterator[Issue]:
    """CUDA_VISIBLE_DEVICES hides every GPU."""
    visible = case.launch.visible_devices
    if case.build != "cpu" and visible is not None and not selected(case.machine.gpus, visible):
        text = f"sees no GPU: CUDA_VISIBLE_DEVICES={visible or '(empty)'} hides all of them"
        hint = "unset it, or name a GPU: CUDA_VISIBLE_DEVICES=0"
        yield Issue(rule="hidden", severity=case.missing_gpu, text=text, hint=hint)


def stub_driver(case: Comparison) -> Iterator[Issue]:
    """It loaded a toolkit's stand-in for the driver, which is only there to link against."""
    for library in case.answer.libraries:
        if "/stubs/" in library.path and library.name.startswith(("libcuda.so", "libnvidia-ml")):
            text = f"sees no GPU: it loaded {library.path}, a stub that is only for linking"
            hint = f"{found_through(case, library.folder)}; remove that folder"
            yield Issue(rule="stub-driver", severity=case.missing_gpu, text=text, hint=hint, folder=library.folder)


def other_driver(case: Comparison) -> Iterator[Issue]:
    """It loaded the libcuda of another driver than the machine's, as a toolkit's `compat` folder holds it."""
    for library in case.answer.libraries:
        theirs, ours = driver_version(library), case.machine.driver
        if theirs and ours and theirs != ours:
            of, here = driver_text(theirs), driver_text(ours)
            text = f"sees no GPU: it loaded libcuda of driver {of} from {library.folder}, and the driver here is {here}"
            hint = f"{found_through(case, library.folder)}; remove that folder"
            yield Issue(rule="other-driver", severity=case.missing_gpu, text=text, hint=hint, folder=library.folder)


def no_code_for_any(case: Comparison) -> Iterator[Issue]:
    """The build has no code for any GPU of the machine."""
    lacking = without_code(case)
    if lacking and len(lacking) == len(case.machine.gpus):
        yield no_code(case, lacking[0])


def foreign_library(case: Comparison) -> Iterator[Issue]:
    """A library from outside was loaded instead of the environment's own."""
    for folder, libraries in list(foreign(case.answer).items())[:1]:
        text = f"sees no GPU, and loaded {libraries[0].name} from outside the environment: {folder}"
        hint = f"{found_through(case, folder)}; try without it"
        yield Issue(rule="foreign-library", severity=case.missing_gpu, text=text, hint=hint, folder=folder)


_NOT_LOADED = re.compile(r"Could not load dynamic library '([^']+)'|(lib[\w.+-]+\.so[\w.]*): cannot open shared object file")


def missing_library(case: Comparison) -> Iterator[Issue]:
    """Some frameworks go on without a GPU if a library is missing, and name it on stderr."""
    told = [one or two for one, two in _NOT_LOADED.findall(case.answer.process.stderr)]
    names = [name for name in told if not any(name in files for files in case.launch.shadowing.values())]
    if case.build != "cpu" and names:
        text = f"sees no GPU: it did not find {', '.join(dict.fromkeys(names))}"
        hint = "the environment does not hold it, or not in this version; lock the target again with a CUDA build"
        yield Issue(rule="missing-library", severity=case.missing_gpu, text=text, hint=hint)


def shadowed(case: Comparison) -> Iterator[Issue]:
    """No foreign library stayed loaded, but LD_LIBRARY_PATH has some that may have failed to load."""
    hint = shadowing_hint(case)
    if case.build != "cpu" and hint:
        own = excerpt(case.answer.problem("devices")) or last_line(case.answer.process.stderr)
        text = f"sees no GPU; a library in LD_LIBRARY_PATH may have been loaded instead of its own{f': {own}' if own else ''}"
        yield Issue(rule="shadowed-library", severity=case.missing_gpu, text=text, hint=hint)


def unexplained(case: Comparison) -> Iterator[Issue]:
    """None of the known reasons applies; what may have selected another device is shown."""
    if case.build == "cpu" or (case.build == "unknown" and case.expected.build == "unknown"):
        return
    own = excerpt(case.answer.problem("devices")) or last_line(case.answer.process.stderr)
    gpus = ", ".join(gpu.name for gpu in case.machine.gpus) or "?"
    visible = case.launch.visible_devices
    settings = ", ".join((*((f"CUDA_VISIBLE_DEVICES={visible}",) if visible else ()), *case.answer.settings))
    text = (
        f"sees no GPU, although this machine has one ({gpus}){f', with {settings}' if settings else ''}{f': {own}' if own else ''}"
    )
    hint = "check `nvidia-smi`, /dev/nvidia* and the GPU settings of the container"
    if case.answer.settings:
        names = ", ".join(setting.partition("=")[0] for setting in case.answer.settings)
        hint = f"try without {names}, which selects its device; else {hint}"
    yield Issue(rule="unexplained", severity=case.missing_gpu, text=text, hint=hint)


def no_code(case: Comparison, gpu: Gpu) -> Issue:
    """The issue that the build has no code for a GPU: it is too old for the GPU, or too new."""
    code = " ".join(case.answer.code)
    has = f"only {code}" if code else f"CUDA {case.answer.cuda} begins at {first_capability(case)}"
    text = f"has no code for {gpu.name} (compute capability {gpu.capability}), {has}"
    newest = newest_code(case.answer.code)
    too_old = newest is not None and gpu.capability > newest
    hint = "use a build for a newer CUDA" if too_old else "use a build for an older CUDA: newer ones have dropped this GPU"
    computes = case.answer.ran_on == "gpu" and case.answer.agrees  # on another GPU than this one
    return Issue(rule="no-code", severity="warning" if computes else case.missing_gpu, text=text, hint=hint)


NO_GPU: tuple[ProbeRule, ...] = (
    cpu_build,
    no_driver,
    driver_too_old,
    no_gpu,
    hidden,
    stub_driver,
    other_driver,
    no_code_for_any,
    foreign_library,
    missing_library,
    shadowed,
    unexplained,
)
