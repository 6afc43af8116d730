"""What a framework's answer shows, whether or not it sees a GPU. Pure; every rule applies."""

from __future__ import annotations

import re
from collections.abc import Iterator

from envgen.matrix.hardware import cudnn_floor
from envgen.probe.gpu_code import gpus, without_code
from envgen.probe.libraries import foreign, found_through, of_another_major, shadowing_hint
from envgen.probe.model import Comparison, Issue, IssueSeverity, ProbeRule
from envgen.probe.quote import appended, excerpt
from envgen.probe.rules_no_gpu import no_code

_TWICE = "conda and pip both installed it, or it comes from elsewhere; reinstall the environment"


def cuda_in_cpu(case: Comparison) -> Iterator[Issue]:
    """A CPU target sees no GPU; a CUDA build in it is worth a warning even if there is none to see."""
    if case.expected.build != "cpu":
        return
    own = [library.name for library in case.answer.libraries if library.origin == "environment"]
    hint = "lock the target again; `envgen verify` finds CUDA builds in CPU locks"
    if case.answer.sees_gpu:
        text = f"sees a GPU in an environment for CPU: it is a CUDA build ({case.package})"
        yield Issue(rule="gpu-in-cpu", severity="error", text=text, hint=hint)
    elif case.build == "cuda":
        yield Issue(
            rule="cuda-in-cpu", severity="warning", text=f"is a CUDA build in an environment for CPU ({case.package})", hint=hint
        )
    elif case.build == "unknown" and own:
        text = f"loads {own[0]} of the environment, which is for CPU"
        yield Issue(rule="cuda-in-cpu", severity="warning", text=text, hint=hint)


def other_version(case: Comparison) -> Iterator[Issue]:
    """The version that was imported is not that of the package; a module without a probe script may have numbers of its own."""
    installed, version = case.installed, case.answer.version
    if installed and version and not _agree(_release(version), _release(installed.version)):
        text = f"is version {version}, but {installed.package} is installed"
        severity: IssueSeverity = "error" if case.answer.asked_for_gpu else "warning"
        yield Issue(rule="other-version", severity=severity, text=text, hint=_TWICE)


def _release(version: str) -> tuple[str, ...]:
    """The numbers that a version begins with; builds append to them: 2.7.1+cu126, 2.1.0.post300."""
    found = re.match(r"[0-9]+(?:\.[0-9]+)*", version)
    return tuple(found[0].split(".")) if found else (version,)


def _agree(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    """Whether two versions are the same as far as both go."""
    return all(left == right for left, right in zip(one, other, strict=False))


def other_cuda(case: Comparison) -> Iterator[Issue]:
    """The build's CUDA version is not the one that its package names, or not of the target's major."""
    reported, cuda = case.answer.cuda, case.cuda
    package = case.installed.expected.cuda if case.installed else None
    if reported and package and not _agree(package.release[:2], reported.release[:2]):
        text = f"is built for CUDA {reported}, but its package ({case.package}) names CUDA {package}"
        yield Issue(rule="other-cuda", severity="error", text=text, hint=_TWICE)
    elif cuda and case.expected.cuda and cuda.major != case.expected.cuda.major:
        text = f"is built for CUDA {cuda}, in an environment for CUDA {case.expected.cuda}"
        hint = "lock the target again, or name the right one with --target"
        yield Issue(rule="other-cuda", severity="error", text=text, hint=hint)


def foreign_framework(case: Comparison) -> Iterator[Issue]:
    """What was imported is not the environment's own."""
    if case.answer.outside:
        text = f"was imported from outside the environment: {case.answer.file}"
        hint = "unset PYTHONPATH; set PYTHONNOUSERSITE=1 to ignore packages in your home folder"
        yield Issue(rule="foreign-framework", severity="error", text=text, hint=hint)


def foreign_libraries(case: Comparison) -> Iterator[Issue]:
    """CUDA libraries from outside, folder by folder: a warning, or an error if one is of another major version than the build."""
    for folder, libraries in foreign(case.answer).items():
        other = [library for library in libraries if of_another_major(case, library)]
        names = ", ".join(library.name for library in other or libraries)
        built = f", but the build is for CUDA {case.cuda or '?'} and cuDNN {case.answer.cudnn or '?'}" if other else ""
        text = f"loaded {names} from outside the environment: {folder}{built}"
        severity: IssueSeverity = "error" if other else "warning"
        hint = f"{found_through(case, folder)}; try without it"
        yield Issue(rule="foreign-library", severity=severity, text=text, hint=hint, folder=folder)


def no_code_for_one(case: Comparison) -> Iterator[Issue]:
    """The build has no code for a GPU that is seen."""
    if case.expected.build != "cpu" and case.answer.sees_gpu:
        yield from (no_code(case, gpu) for gpu in without_code(case))


def no_code_in_cudnn(case: Comparison) -> Iterator[Issue]:
    """The cuDNN has no code for a GPU that is seen: a matmul runs without it, a convolution does not."""
    version = case.answer.cudnn
    if version is None or case.expected.build == "cpu" or not case.answer.sees_gpu:
        return
    floor = cudnn_floor(case.matrix, version)
    for gpu in gpus(case.answer, case.machine.gpus):
        if floor and len(version.release) > 1 and gpu.capability < floor:
            text = f"loads cuDNN {version}, which has no code for {gpu.name} (compute capability {gpu.capability})"
            hint = "name the GPU under `gpus:` in the project, and lock it again"
            yield Issue(rule="no-code-in-cudnn", severity="warning", text=text, hint=hint)


def newer_than_driver(case: Comparison) -> Iterator[Issue]:
    """A build for a newer minor than the driver's runs, but code that is compiled at run time may not: what compiles it decides."""
    compiler, newest = case.answer.compiler, case.machine.cuda
    cuda = compiler or case.answer.cuda
    if case.answer.sees_gpu and cuda and newest and cuda.major == newest.major and cuda > newest:
        what = "compiles at run time with" if compiler else "is built for"
        text = f"{what} CUDA {cuda}, but the driver supports CUDA {newest}: code compiled at run time may fail"
        yield Issue(rule="newer-than-driver", severity="note", text=text, hint="update the driver if it does")


def some_hidden(case: Comparison) -> Iterator[Issue]:
    """Fewer GPUs are seen than the machine has."""
    seen, there = len(case.answer.devices), len(case.machine.gpus)
    if case.answer.sees_gpu and seen < there:
        visible = case.launch.visible_devices
        because = f"CUDA_VISIBLE_DEVICES={visible}" if visible is not None else "the others are hidden from it"
        yield Issue(rule="some-hidden", severity="note", text=f"sees {seen} of {there} GPUs: {because}")


def matmul(case: Comparison) -> Iterator[Issue]:
    """A small matmul failed, ran elsewhere than on the GPU, or came out wrong."""
    answer, problem = case.answer, case.answer.problem("matmul")
    if problem and "no kernel image" in problem and not without_code(case):
        hint = "use a build for a newer CUDA, or an older one for an old GPU"
        yield Issue(rule="no-code", severity="error", text=f"has no code for this GPU: {excerpt(problem)}", hint=hint)
    elif problem:
        hint = shadowing_hint(case) or "the message is the framework's own; `nvidia-smi` shows what else uses the GPU"
        yield Issue(rule="matmul-failed", severity="error", text=f"cannot multiply two matrices: {excerpt(problem)}", hint=hint)
    elif case.expected.build != "cpu" and answer.sees_gpu and answer.ran_on and answer.ran_on != "gpu":
        text = f"sees a GPU, but computes on {answer.ran_on}{appended(', '.join(answer.settings))}"
        hint = "look for what selects the device: a variable, a configuration file, a start-up file"
        yield Issue(rule="ran-on-cpu", severity="error", text=text, hint=hint)
    if answer.agrees is False:
        text = f"multiplies two matrices wrongly on {answer.ran_on or 'its device'}"
        hint = "the GPU, the driver or the build is broken; run the vendor's diagnostics (`dcgmi diag`)"
        yield Issue(rule="wrong-result", severity="error", text=text, hint=hint)


def import_only(case: Comparison) -> Iterator[Issue]:
    """There is no probe script for it."""
    if not case.answer.asked_for_gpu and not case.cuda_required:
        text = "was only imported: envgen has no probe script for it, so its GPUs and results were not checked"
        yield Issue(rule="import-only", severity="note", text=text)


def not_shown(case: Comparison) -> Iterator[Issue]:
    """A GPU is required, and nothing shows that it computes on one. Of a CPU build that was not asked this is told already."""
    answer = case.answer
    unasked = not answer.asked_for_gpu and case.build != "cpu"
    silent = answer.sees_gpu and not answer.ran_on and not answer.problem("matmul")
    if case.cuda_required and (unasked or silent):
        why = "envgen has no probe script for it" if unasked else "it has multiplied no matrices"
        text = f"nothing shows that it computes on a GPU: {why}"
        yield Issue(rule="not-shown", severity="error", text=text, hint="name the frameworks that must, with --framework")


def no_target(case: Comparison) -> Iterator[Issue]:
    """Nothing names what the environment is meant for."""
    if case.expected.build == "unknown":
        hint = "name it with --target cpu or --target cu126"
        yield Issue(rule="no-target", severity="note", text="nothing says whether it is meant for CPU or GPU", hint=hint)


ANSWER: tuple[ProbeRule, ...] = (
    cuda_in_cpu,
    other_version,
    other_cuda,
    foreign_framework,
    foreign_libraries,
    no_code_for_one,
    no_code_in_cudnn,
    newer_than_driver,
    some_hidden,
    matmul,
    import_only,
    not_shown,
    no_target,
)
