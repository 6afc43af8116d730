"""Is what the frameworks answered what the environment is meant to be, and if not, why not? Pure; a registry of small rules.

The rules stand in three groups. `BROKEN` is about frameworks that gave no answer: the first that holds is the reason, and the
rest is not asked. `UNSEEN` (a module of its own) is about a GPU that is meant and not seen: the first that holds is the reason.
`ALWAYS` all apply.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from signal import Signals

from packaging.version import Version

from envgen.matrix.hardware import cudnn_floor
from envgen.model.facts import Matrix
from envgen.model.machine import Machine
from envgen.probe.libraries import culprit, foreign, gpus, major_needed, major_of, without_code
from envgen.probe.model import Answer, Issue, Library, Meant, ProbeCase, ProbedEnvironment, ProbeRule, Surroundings, Verdict
from envgen.probe.rules_no_gpu import UNSEEN, last_line, no_code, one_line


def judge(answer: Answer, environment: ProbedEnvironment, machine: Machine, around: Surroundings, facts: Matrix) -> Verdict:
    """The verdict on one framework; `facts` are those of a repository, or those that come with envgen."""
    installed = environment.frameworks.get(answer.framework)
    meant = environment.meant or (installed.meant if installed else Meant(gpu=None))
    case = ProbeCase(answer, installed, meant, machine, around, facts)
    broken = _first(BROKEN, case)
    if broken:
        issues = broken
    else:
        unseen = _first(UNSEEN, case) if meant.gpu is not False and not answer.sees_gpu else ()
        issues = (*unseen, *(issue for rule in ALWAYS for issue in rule(case)))
    return Verdict(answer, meant, issues, _reason(case, issues))


def _first(rules: tuple[ProbeRule, ...], case: ProbeCase) -> tuple[Issue, ...]:
    return next((found for rule in rules if (found := tuple(rule(case)))), ())


def _reason(case: ProbeCase, issues: tuple[Issue, ...]) -> str:
    for severity in ("error", "warning"):
        for issue in issues:
            if issue.severity == severity:
                return issue.text
    if not case.answer.sees_gpu:
        return "sees no GPU, as is right for CPU"
    names = ", ".join(dict.fromkeys(device.name for device in case.answer.devices))
    count = len(case.answer.devices)
    return f"sees {count} GPU{'s' if count > 1 else ''} ({names}), and computes on it"


# --- no answer ------------------------------------------------------------------------------------------------------------

_MISSING = re.compile(r"(lib[\w.+-]+\.so[\w.]*): cannot open shared object file|Library not loaded: (\S+)")


def timed_out(case: ProbeCase) -> Iterator[Issue]:
    """It did not answer within the time limit."""
    answer = case.answer
    if answer.ended.status is None and not answer.done:
        text = f"did not answer within {answer.ended.seconds:.0f} seconds: {_during(answer)}"
        yield Issue("timed-out", "error", text, "a first start can be slow: try --timeout 600; a GPU that hangs is in `nvidia-smi`")


def crashed(case: ProbeCase) -> Iterator[Issue]:
    """A signal ended it."""
    answer = case.answer
    status = answer.ended.status
    if status is not None and status < 0 and not answer.done:
        said = last_line(answer.ended.said)
        text = f"was ended by {signal_name(-status)}: {_during(answer)}{f' ({said})' if said else ''}"
        yield Issue("crashed", "error", text, _crash_hint(case, -status))


def _crash_hint(case: ProbeCase, number: int) -> str:
    folders = list(foreign(case.answer))
    if folders:
        return f"{culprit(case, folders[0])}: try without it"
    if number == 4:  # SIGILL, on every system
        return "the build uses instructions that this processor lacks; take a build for an older one"
    if number == 9:
        return "the system may have run out of memory; look into its log"
    return "try without LD_LIBRARY_PATH and LD_PRELOAD; then install the environment again"


def import_failed(case: ProbeCase) -> Iterator[Issue]:
    """Python cannot import it."""
    problem = case.answer.problem("import")
    if not problem:
        return
    missing = _MISSING.search(problem)
    name = (missing[1] or missing[2]) if missing else ""
    if name.startswith(("libcuda.so", "libnvidia-")):
        text = f"cannot be imported: {name} is missing, which comes with the driver"
        yield Issue("no-driver", "error", text, "install the driver; in a container, start it with GPUs")
    elif name:
        text = f"cannot be imported: {name} is missing or cannot be loaded"
        hint = "install the environment again from its lock; `envgen verify` checks the lock"
        yield Issue("missing-library", "error", text, hint)
    else:
        text = f"cannot be imported: {one_line(problem)}"
        yield Issue("import-failed", "error", text, "install the environment again from its lock")


def no_answer(case: ProbeCase) -> Iterator[Issue]:
    """It ended without a word, or before its end."""
    answer = case.answer
    if not answer.done:
        said = last_line(answer.ended.said)
        text = f"ended early with status {answer.ended.status}: {_during(answer)}{f' ({said})' if said else ''}"
        yield Issue("no-answer", "error", text, "run the environment's Python by hand, and import the framework there")


def _during(answer: Answer) -> str:
    return f"it was busy with `{answer.doing}`" if answer.doing else "the environment's Python did not come to our question"


def signal_name(number: int) -> str:
    """SIGSEGV for 11; "signal 99" for one that has no name here."""
    try:
        return Signals(number).name
    except ValueError:
        return f"signal {number}"


# --- always ---------------------------------------------------------------------------------------------------------------


def gpu_in_cpu(case: ProbeCase) -> Iterator[Issue]:
    """A CPU target sees no GPU; a CUDA build in it is worth a word even where there is none to see."""
    if case.meant.gpu is not False:
        return
    hint = "lock the target again; `envgen verify` finds CUDA builds in CPU locks"
    if case.answer.sees_gpu:
        yield Issue("gpu-in-cpu", "error", f"sees a GPU in an environment for CPU: it is a CUDA build ({case.package})", hint)
    elif case.answer.built:
        yield Issue("cuda-in-cpu", "warning", f"is a CUDA build in an environment for CPU ({case.package})", hint)


def other_version(case: ProbeCase) -> Iterator[Issue]:
    """What was imported is of another version than the package that is installed."""
    installed, version = case.installed, case.answer.version
    if installed and version and _release(version) != _release(installed.version):
        text = f"is version {version}, where {installed.package} is installed"
        yield Issue("other-version", "error", text, "conda and pip both brought it, or it comes from elsewhere: install again")


def _release(version: str) -> str:
    """The numbers at its head: builds add to them, 2.7.1+cu126, 2.1.0.post300."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    return found[0] if found else version


def other_cuda(case: ProbeCase) -> Iterator[Issue]:
    """The build's CUDA is the one that its package names, and of the target's major."""
    cuda = case.answer.cuda
    if cuda is None:
        return
    package = case.installed.meant.cuda if case.installed else None
    if case.installed and package and not _agree(package, cuda):
        text = f"is built for CUDA {cuda}, where its package ({case.installed.package}) names {package}"
        yield Issue("other-cuda", "error", text, "conda and pip both brought it, or it comes from elsewhere: install again")
    elif case.meant.cuda and cuda.major != case.meant.cuda.major:
        text = f"is built for CUDA {cuda}, in an environment for CUDA {case.meant.cuda}"
        yield Issue("other-cuda", "error", text, "lock the target again, or name the right one with --target")


def _agree(one: Version, other: Version) -> bool:
    short = min(len(one.release), len(other.release), 2)
    return one.release[:short] == other.release[:short]


def outside(case: ProbeCase) -> Iterator[Issue]:
    """What was imported is not the environment's own."""
    if case.answer.outside:
        text = f"was imported from outside the environment: {case.answer.origin}"
        hint = "unset PYTHONPATH, and set PYTHONNOUSERSITE=1 against packages in the home folder"
        yield Issue("foreign-framework", "error", text, hint)


def foreign_libraries(case: ProbeCase) -> Iterator[Issue]:
    """CUDA libraries from outside, by folder: a warning, and an error where one is of another major than the build."""
    for folder, libraries in foreign(case.answer).items():
        other = [library for library in libraries if _of_another_major(case, library)]
        names = ", ".join(library.name for library in other or libraries)
        much = f", of another version than the build's (CUDA {case.answer.cuda}, cuDNN {case.answer.cudnn or '?'})" if other else ""
        text = f"loaded {names} from outside the environment: {folder}{much}"
        yield Issue("foreign-library", "error" if other else "warning", text, f"{culprit(case, folder)}: try without it")


def _of_another_major(case: ProbeCase, library: Library) -> bool:
    need, have = major_needed(case.answer, library), major_of(library)
    return need is not None and have is not None and need != have


def code_for_gpus(case: ProbeCase) -> Iterator[Issue]:
    """Every GPU that is seen has code in the build."""
    if case.meant.gpu is not False and case.answer.sees_gpu:
        yield from (no_code(case, gpu) for gpu in without_code(case))


def code_in_cudnn(case: ProbeCase) -> Iterator[Issue]:
    """Every GPU that is seen has code in cuDNN: a matmul runs without it, a convolution does not."""
    version = case.answer.cudnn
    if version is None or case.meant.gpu is False or not case.answer.sees_gpu:
        return
    floor = cudnn_floor(case.facts, version)
    for gpu in gpus(case.answer, case.machine.gpus):
        if floor and len(version.release) > 1 and gpu.capability < floor:
            text = f"loads cuDNN {version}, which has no code for {gpu.name} (compute capability {gpu.capability})"
            yield Issue("no-code-in-cudnn", "warning", text, "name the GPU under `gpus:` in the project, and lock it again")


def newer_than_driver(case: ProbeCase) -> Iterator[Issue]:
    """A build for a newer minor than the driver's runs; code that is compiled while it runs may not."""
    cuda, newest = case.answer.cuda, case.machine.cuda
    if case.answer.sees_gpu and cuda and newest and cuda.major == newest.major and cuda > newest:
        text = f"is built for CUDA {cuda}, and the driver is of CUDA {newest}: what is compiled at run time (Triton, XLA) may fail"
        yield Issue("newer-than-driver", "note", text, "update the driver if it does")


def some_hidden(case: ProbeCase) -> Iterator[Issue]:
    """Fewer GPUs are seen than the machine has."""
    seen, there = len(case.answer.devices), len(case.machine.gpus)
    if case.answer.sees_gpu and seen < there:
        visible = case.around.visible
        because = f"CUDA_VISIBLE_DEVICES={visible}" if visible is not None else "others are hidden from it"
        yield Issue("some-hidden", "note", f"sees {seen} of {there} GPUs: {because}")


def matmul(case: ProbeCase) -> Iterator[Issue]:
    """A small matmul ran, where it should, and came out right."""
    answer, problem = case.answer, case.answer.problem("matmul")
    wanted = case.meant.gpu is not False and answer.sees_gpu
    if problem and "no kernel image" in problem and not without_code(case):
        hint = "take a build for a newer CUDA, or an older one for an old GPU"
        yield Issue("no-code", "error", f"has no code for this GPU: {one_line(problem)}", hint)
    elif problem and (wanted or answer.framework != "cupy"):
        hint = "look at the message; `nvidia-smi` shows what else uses the GPU"
        yield Issue("matmul-failed", "error", f"cannot multiply two matrices: {one_line(problem)}", hint)
    elif wanted and answer.ran_on and answer.ran_on != "gpu":
        hint = "look for what chooses the device: JAX_PLATFORMS, a device scope in a start-up file"
        yield Issue("ran-on-cpu", "error", f"sees a GPU, and computes on {answer.ran_on}", hint)
    if answer.agrees is False:
        text = f"multiplies two matrices wrongly on {answer.ran_on or 'its device'}"
        yield Issue("wrong-result", "error", text, "a broken GPU, driver or build: run the vendor's diagnosis (`dcgmi diag`)")


def nothing_said(case: ProbeCase) -> Iterator[Issue]:
    """Nothing names what the environment is meant to be."""
    if case.meant.gpu is None:
        hint = "name it with --target cpu or --target cu126"
        yield Issue("no-target", "note", "nothing says whether it is meant for CPU or GPU", hint)


BROKEN: tuple[ProbeRule, ...] = (timed_out, crashed, import_failed, no_answer)
ALWAYS: tuple[ProbeRule, ...] = (
    gpu_in_cpu,
    other_version,
    other_cuda,
    outside,
    foreign_libraries,
    code_for_gpus,
    code_in_cudnn,
    newer_than_driver,
    some_hidden,
    matmul,
    nothing_said,
)
