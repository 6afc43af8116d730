"""Why a framework gave no answer. Pure; the first rule that yields an issue has the reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from signal import Signals

from envgen.probe.libraries import foreign, found_through, shadowing_hint
from envgen.probe.model import Answer, Comparison, Issue, ProbeRule
from envgen.probe.quote import appended, excerpt, last_line

_MISSING = re.compile(r"(lib[\w.+-]+\.so[\w.]*): cannot open shared object file|Library not loaded: (\S+)")


def timed_out(case: Comparison) -> Iterator[Issue]:
    """It was stopped at the time limit."""
    answer = case.answer
    if answer.process.status is None and not answer.done:
        text = f"gave no answer within {answer.process.seconds:.0f} s, {_during(answer)}"
        hint = "if this is the first import from a slow disk, try --timeout 600; if a GPU hangs, `nvidia-smi` shows it"
        yield Issue(rule="timed-out", severity="error", text=text, hint=hint)


def crashed(case: Comparison) -> Iterator[Issue]:
    """A signal ended it."""
    answer, status = case.answer, case.answer.process.status
    if status is not None and status < 0 and not answer.done:
        text = f"crashed with {signal_name(-status)}, {_during(answer)}{appended(last_line(answer.process.stderr))}"
        yield Issue(rule="crashed", severity="error", text=text, hint=_crash_hint(case, -status))


def _crash_hint(case: Comparison, number: int) -> str:
    folders = list(foreign(case.answer))
    if folders:
        return f"{found_through(case, folders[0])}; try without it"
    if shadowing := shadowing_hint(case):
        return shadowing
    if number == 4:  # SIGILL, on every system
        return "the build uses instructions that this processor lacks; use a build for an older processor"
    if number == 9:
        return "the system may have run out of memory; check its log"
    return "try without LD_LIBRARY_PATH and LD_PRELOAD, then reinstall the environment"


def import_failed(case: Comparison) -> Iterator[Issue]:
    """Python cannot import it."""
    problem = case.answer.problem("import")
    if not problem:
        return
    missing = _MISSING.search(problem)
    name = (missing[1] or missing[2]) if missing else ""
    if name.startswith(("libcuda.so", "libnvidia-")):
        rule, text = "no-driver", f"cannot be imported: {name} is missing, which comes with the driver"
        hint = "install the driver; start a container with GPU access"
    elif name:
        rule, text = "missing-library", f"cannot be imported: {name} is missing or cannot be loaded"
        hint = "reinstall the environment from its lock; `envgen verify` checks the lock"
    else:
        rule, text = "import-failed", f"cannot be imported: {excerpt(problem)}"
        hint = "reinstall the environment from its lock"
    yield Issue(rule=rule, severity="error", text=text, hint=shadowing_hint(case) or hint)


def no_answer(case: Comparison) -> Iterator[Issue]:
    """It ended by itself before it was done."""
    answer = case.answer
    if not answer.done:
        text = f"exited early with status {answer.process.status}, {_during(answer)}{appended(last_line(answer.process.stderr))}"
        hint = "start the environment's Python and import the framework there"
        yield Issue(rule="no-answer", severity="error", text=text, hint=hint)


def _during(answer: Answer) -> str:
    return f"in the step `{answer.step}`" if answer.step else "before the probe began"


def signal_name(number: int) -> str:
    """SIGSEGV for 11; "signal 99" for one that has no name here."""
    try:
        return Signals(number).name
    except ValueError:
        return f"signal {number}"


NO_ANSWER: tuple[ProbeRule, ...] = (timed_out, crashed, import_failed, no_answer)
