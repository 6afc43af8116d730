"""Is this solution what its target claims? Pure; run before a lock is written.

A wrong environment fails at nobody's desk: a CUDA target that holds a CPU build imports and runs, slowly. So every rule here
judges by build strings, never by what happens to be installed beside them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from packaging.version import Version

from envgen.model import Finding, Record, Resolution, Solution

Rule = Callable[[Resolution, Solution], Iterator[Finding]]

# cuda126_mkl_py312_..., cuda112py310h..., py3.10_cuda11.6_cudnn8.3.2_0, py310_cu116; cuda_py312_... names no version
_BUILT_FOR = re.compile(r"(?:^|_)cu(?:da)?(\d+\.\d|\d{1,3})?(?=_|py|$)")
_TOOLKIT = re.compile(
    r"cudatoolkit|cudnn|libcudnn.*|cuda-.*|pytorch-cuda|libcublas.*|libcufft.*|libcusparse.*|libcusolver.*|nccl|magma|libmagma.*"
)
_NAMES_CUDA = {"cuda-version", "cudatoolkit", "pytorch-cuda"}


def check(resolution: Resolution, solutions: Iterable[Solution]) -> tuple[Finding, ...]:
    """Everything that is wrong with the packages of one target."""
    return tuple(finding for solution in solutions for rule in RULES for finding in rule(resolution, solution))


def built_for(record: Record) -> str | None:
    """The CUDA that a build string names, "12.6" or "12"; "" for a CUDA build without a version, None for a CPU build."""
    found = _BUILT_FOR.search(record.build)
    if found is None:
        return None
    digits = found[1] or ""
    if "." in digits or len(digits) < 2 or digits in ("11", "12", "13"):  # cuda11.6, cuda, cuda12: as they stand
        return digits
    return f"{digits[:-1]}.{digits[-1]}"


def framework_build(resolution: Resolution, solution: Solution) -> Iterator[Finding]:
    """Every framework of a CUDA target is a build for just the CUDA that was chosen, every companion one for its major."""
    for name, (variant, exact) in _pinned(resolution).items():
        if not any(record.name == name for record in solution.records):
            yield Finding("framework-build", solution.platform, name, "is not in the solution")
        for record in (record for record in solution.records if record.name == name):
            found = built_for(record)
            if found is None:
                yield _finding("framework-build", solution, record, f"a CPU build, where one for CUDA {variant} was chosen")
            elif not _fits(found, variant, exact=exact):
                yield _finding("framework-build", solution, record, f"built for CUDA {found}, where one for {variant} was chosen")


def no_cuda_in_cpu(resolution: Resolution, solution: Solution) -> Iterator[Finding]:
    """A CPU target holds no CUDA build and no CUDA library."""
    if resolution.target.cuda is not None:
        return
    for record in solution.records:
        if built_for(record) is not None:
            yield _finding("no-cuda-in-cpu", solution, record, "a CUDA build in a CPU target")
        elif _TOOLKIT.fullmatch(record.name) or any(dep.split()[0] == "__cuda" for dep in record.depends):
            yield _finding("no-cuda-in-cpu", solution, record, "a CUDA package in a CPU target")


def one_cuda(resolution: Resolution, solution: Solution) -> Iterator[Finding]:
    """What names the environment's CUDA names the target's: exactly where the spelling pins it, else its major.

    In the pytorch-cuda dialect the pin is pytorch-cuda; the nvidia channel's newer helper libraries bring a newer cuda-version.
    """
    target = resolution.target
    wanted = target.cuda
    pins = {spec.split("::")[-1].split()[0] for choice in resolution.choices for spec in choice.spelling.cuda}
    for record in solution.records if wanted else ():
        named = ".".join(record.version.split(".")[:2])
        if wanted and record.name in _NAMES_CUDA and not _fits(named, wanted, exact=record.name in pins):
            yield _finding("one-cuda", solution, record, f"CUDA {record.version} in a target for CUDA {target.cuda}")


RULES: tuple[Rule, ...] = (framework_build, no_cuda_in_cpu, one_cuda)


def _fits(found: str, wanted: Version, *, exact: bool) -> bool:
    return found == str(wanted) if exact else found == "" or Version(found).major == wanted.major


def _pinned(resolution: Resolution) -> dict[str, tuple[Version, bool]]:
    """Packages whose build the CUDA spelling pins by a glob -> the CUDA of that build, and whether it must be just that."""
    found: dict[str, tuple[Version, bool]] = {}
    for choice in resolution.choices:
        own, beside = choice.spelling.cuda, [choice.spelling.companions[name][1] for name in choice.companions]
        for spec in (*beside, *own):
            name, *rest = spec.split("::")[-1].split()
            if choice.variant and len(rest) == 2:
                found[name] = (choice.variant, spec in own)
    return found


def _finding(rule: str, solution: Solution, record: Record, text: str) -> Finding:
    return Finding(rule, solution.platform, f"{record.name} {record.version} {record.build}", text)
