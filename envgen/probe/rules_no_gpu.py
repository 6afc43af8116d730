"""Why a framework that is meant to see a GPU sees none. Pure; the first rule that finds something has the reason."""

from __future__ import annotations

import re
from collections.abc import Iterator

from packaging.version import Version

from envgen.model.facts import Gpu, driver_text
from envgen.probe.libraries import culprit, first_capability, foreign, newest_code, without_code
from envgen.probe.model import Issue, ProbeCase, ProbeRule

_LINE = 300  # letters of a framework's own words in a reason; the whole is in the JSON


def cpu_build(case: ProbeCase) -> Iterator[Issue]:
    """A CPU build sees no GPU on any machine."""
    if case.answer.built is False and case.meant.gpu:
        hint = "lock the target again so that its build string names CUDA; `envgen verify` finds such locks"
        yield Issue("cpu-build", "error", f"is a CPU build ({case.package}): it sees no GPU on any machine", hint)


def no_driver(case: ProbeCase) -> Iterator[Issue]:
    """Nothing answers for the driver."""
    if case.answer.built is not False and case.machine.driver is None and case.machine.cuda is None:
        note = case.machine.note or "no NVIDIA driver here"
        yield Issue("no-driver", case.graver, f"sees no GPU: {note}", "install the driver; in a container, start it with GPUs")


def driver_too_old(case: ProbeCase) -> Iterator[Issue]:
    """The driver cannot run the CUDA of the build; by cuda.yaml, minor-version compatibility included."""
    cuda, driver, newest = case.answer.cuda, case.machine.driver, case.machine.cuda
    if cuda is None:
        return
    floor = _floor(case, cuda)
    hint = f"update the driver, or take a target for CUDA {newest} or older" if newest else "update the driver"
    if driver and floor and driver < floor:
        text = f"sees no GPU: CUDA {cuda} needs driver {driver_text(floor)} or newer, here is {driver_text(driver)}"
        yield Issue("driver-too-old", case.graver, text, hint)
    elif (driver is None or floor is None) and newest and newest.major < cuda.major:
        text = f"sees no GPU: it is built for CUDA {cuda}, and this driver runs CUDA up to {newest}"
        yield Issue("driver-too-old", case.graver, text, hint)


def _floor(case: ProbeCase, cuda: Version) -> Version | None:
    toolkit = case.facts.toolkits.get(cuda)
    if toolkit is None and cuda.major > 10:  # a minor that the facts do not hold: its family's floor is that of any minor
        toolkit = next((row for version, row in case.facts.toolkits.items() if version.major == cuda.major), None)
    return toolkit.floor.get(case.around.system) if toolkit else None


def no_gpu(case: ProbeCase) -> Iterator[Issue]:
    """There is a driver, and no GPU."""
    if case.answer.built is not False and case.machine.driver and not case.machine.gpus:
        note = case.machine.note or "the driver lists no GPU"
        yield Issue("no-gpu", case.graver, f"sees no GPU: {note}", "look at `nvidia-smi -L`; in a container, start it with GPUs")


def hidden(case: ProbeCase) -> Iterator[Issue]:
    """CUDA_VISIBLE_DEVICES hides every GPU: CUDA reads it up to the first that is not there."""
    visible = case.around.visible
    if case.answer.built is not False and visible is not None and _first_is_invalid(visible, len(case.machine.gpus)):
        text = f"sees no GPU: CUDA_VISIBLE_DEVICES={visible or '(empty)'} hides all of them"
        yield Issue("hidden", case.graver, text, "unset it, or name a GPU: CUDA_VISIBLE_DEVICES=0")


def _first_is_invalid(visible: str, count: int) -> bool:
    first = visible.partition(",")[0].strip()
    if first.startswith(("GPU-", "MIG-")):
        return False
    return not re.fullmatch(r"\d{1,9}", first) or int(first) >= count


def stub(case: ProbeCase) -> Iterator[Issue]:
    """The driver's library for linking, which only says that it is none."""
    for library in case.answer.libraries:
        if "/stubs/" in library.path and library.name.startswith(("libcuda.so", "libnvidia-ml")):
            text = f"sees no GPU: it loaded {library.path}, which is for linking only"
            yield Issue("stub-driver", case.graver, text, f"{culprit(case, library.folder)}: take that folder out")


def unseen_without_code(case: ProbeCase) -> Iterator[Issue]:
    """No GPU of the machine has code in the build."""
    bare = without_code(case)
    if bare and len(bare) == len(case.machine.gpus):
        yield no_code(case, bare[0])


def unseen_foreign(case: ProbeCase) -> Iterator[Issue]:
    """A library from outside was loaded in the place of the environment's own."""
    for folder, libraries in list(foreign(case.answer).items())[:1]:
        text = f"sees no GPU, and loaded {libraries[0].name} from outside the environment: {folder}"
        yield Issue("foreign-library", case.graver, text, f"{culprit(case, folder)}: try without it")


_UNLOADED = re.compile(r"Could not load dynamic library '([^']+)'|(lib[\w.+-]+\.so[\w.]*): cannot open shared object file")


def unseen_missing(case: ProbeCase) -> Iterator[Issue]:
    """TensorFlow goes on without a GPU where it finds no library, and says which on stderr."""
    names = [one or two for one, two in _UNLOADED.findall(case.answer.ended.said)]
    if case.answer.built is not False and names:
        text = f"sees no GPU: it did not find {', '.join(dict.fromkeys(names))}"
        hint = "the environment lacks it, or has another version of it: lock it with the CUDA build"
        yield Issue("missing-library", case.graver, text, hint)


def unexplained(case: ProbeCase) -> Iterator[Issue]:
    """None of the known reasons."""
    if case.answer.built is False or (case.answer.built is None and case.meant.gpu is None):
        return
    said = one_line(case.answer.problem("devices")) or last_line(case.answer.ended.said)
    here = ", ".join(gpu.name for gpu in case.machine.gpus) or "?"
    chosen = f", and CUDA_VISIBLE_DEVICES is {case.around.visible}" if case.around.visible else ""
    text = f"sees no GPU, although this machine has one ({here}){chosen}{f': {said}' if said else ''}"
    yield Issue("unexplained", case.graver, text, "look at `nvidia-smi`, /dev/nvidia* and the container's GPU settings")


def no_code(case: ProbeCase, gpu: Gpu) -> Issue:
    """The build has no code for this GPU: too young for it, or too old."""
    code = " ".join(case.answer.code)
    has = f"only {code}" if code else f"CUDA {case.answer.cuda} begins at {first_capability(case)}"
    text = f"has no code for {gpu.name} (compute capability {gpu.capability}), {has}"
    newest = newest_code(case.answer.code)
    young = newest is not None and gpu.capability > newest
    hint = "take a build for a newer CUDA" if young else "take a build for an older CUDA: newer ones have dropped this GPU"
    computes = case.answer.ran_on == "gpu" and case.answer.agrees  # then it is about another GPU than the first
    return Issue("no-code", "warning" if computes else case.graver, text, hint)


def last_line(said: str) -> str:
    """The last thing that was said."""
    lines = [line for line in said.splitlines() if line.strip()]
    return one_line(lines[-1]) if lines else ""


def one_line(said: str) -> str:
    """Words of a framework as they can stand in a line: without line ends and escape codes, and cut where they go on and on."""
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in said).split())
    return text if len(text) <= _LINE else f"{text[:_LINE]} ..."


UNSEEN: tuple[ProbeRule, ...] = (
    cpu_build,
    no_driver,
    driver_too_old,
    no_gpu,
    hidden,
    stub,
    unseen_without_code,
    unseen_foreign,
    unseen_missing,
    unexplained,
)
