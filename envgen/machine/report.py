"""What `envgen doctor` found, as a page for people and as JSON. Strings only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from textwrap import wrap
from typing import Any

from envgen.model.facts import Gpu, driver_text
from envgen.model.machine import Checkup, Diagnosis, Fit, Machine, Symptom, System


def page(found: Diagnosis, width: int) -> str:
    """The machine, what is wrong with it, and its targets; lines are no longer than `width` where words allow it."""
    blocks = (
        ["machine", *_machine(found.machine, found.system, width)],
        [_count(found.symptoms), *(line for symptom in found.symptoms for line in _symptom(symptom, width))],
        *(_checkup_lines(checkup, width) for checkup in found.checkups),
    )
    return "\n\n".join("\n".join(block) for block in blocks)


def _machine(machine: Machine, here: System, width: int) -> Iterator[str]:
    libc = f"glibc {here.glibc}" if here.glibc else "musl" if here.musl else ""
    where = "WSL" if here.wsl else ""
    container = f"{here.container} container" if here.container else ""
    yield from _line("  system", ", ".join(filter(None, (here.platform, here.archspec, libc, where, container))), width)
    if machine.driver:
        runs = f", runs CUDA {machine.cuda}" if machine.cuda else ""
        yield from _line("  driver", f"{driver_text(machine.driver)}{runs}", width)
    else:
        yield from _line("  driver", machine.note or "no NVIDIA driver", width)
    for gpus, hidden in ((machine.gpus, ""), (machine.hidden, ", hidden by CUDA_VISIBLE_DEVICES")):
        for gpu, count in _counted(gpus).items():
            yield from _line("  GPU", f"{f'{count} x ' if count > 1 else ''}{_gpu(gpu)}{hidden}", width)
    for place, ways in _places(here).items():
        yield from _line("  outside", f"{place}{_in_brackets(ways)}", width)


def _counted(gpus: Iterable[Gpu]) -> dict[Gpu, int]:
    kinds = [Gpu(name=gpu.name, capability=gpu.capability, mig=gpu.mig) for gpu in gpus]
    return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}


def _gpu(gpu: Gpu) -> str:
    mig = "" if gpu.mig is None else f", MIG with {gpu.mig} instance{'' if gpu.mig == 1 else 's'}"
    return f"{gpu.name}, compute capability {gpu.capability}{mig}"


def _places(here: System) -> dict[str, list[str]]:
    """CUDA and cuDNN outside of environments: each once, with every variable that leads there."""
    found: dict[str, list[str]] = {}
    for thing in here.outside:
        ways = found.setdefault(f"{thing.kind} {thing.version} in {thing.folder}".replace("  ", " "), [])
        ways.extend([thing.via] if thing.via != "disk" else [])
    return found


def _in_brackets(words: list[str]) -> str:
    return f" ({', '.join(words)})" if words else ""


def _count(symptoms: Iterable[Symptom]) -> str:
    severities = [symptom.severity for symptom in symptoms]
    counts = ((name, severities.count(name)) for name in ("error", "warning", "note"))
    return ", ".join(f"{number} {name}{'s' if number > 1 else ''}" for name, number in counts if number) or "nothing is wrong"


def _symptom(symptom: Symptom, width: int) -> Iterator[str]:
    yield from _line(f"  {symptom.severity}", f"{symptom.text} [{symptom.rule}]", width)
    yield from _line("", f"-> {symptom.fix}", width)


def _checkup_lines(checkup: Checkup, width: int) -> Iterator[str]:
    if not checkup.project:
        yield "targets that the matrices describe"
        yield from _described(checkup.fits, width)
        return
    said = f"{checkup.chosen} is chosen, {checkup.why}" if checkup.chosen else checkup.why
    yield from wrap(f"{checkup.project}: {said}", width, subsequent_indent="    ")
    for verdict in checkup.fits:
        mark, why = ">" if verdict.target == checkup.chosen else " ", _why(verdict)
        yield from _line(f"{mark} {verdict.target}", why, width)
        yield from (line for caution in verdict.cautions for line in _line("", f"but {caution}", width))
        yield from (line for cure in verdict.fixes if cure not in why for line in _line("", f"-> {cure}", width))


def _described(verdicts: Iterable[Fit], width: int) -> Iterator[str]:
    """Targets of which the same is to be said share a line."""
    groups: dict[str, list[str]] = {}
    for verdict in verdicts:
        groups.setdefault(_why(verdict), []).append(verdict.target)
    for why, names in groups.items():
        yield from wrap(f"{', '.join(names)}  {why}", width, initial_indent="  ", subsequent_indent="    ")


def _why(verdict: Fit) -> str:
    state = "runs: " if verdict.fits else "no: "
    return f"{'' if verdict.locked else 'not locked; '}{state}{'; '.join(verdict.why)}"


def _line(label: str, text: str, width: int) -> Iterator[str]:
    """A label in a column of its own, and text that is wrapped beside it."""
    column = 11
    first = f"{label:<{column}}"
    yield from wrap(
        text, width, initial_indent=first, subsequent_indent=" " * column, break_long_words=False, break_on_hyphens=False
    )


# --- for a machine --------------------------------------------------------------------------------------------------------


def as_json(found: Diagnosis) -> str:
    """The same for a machine; versions are strings, what is not known is null."""
    return json.dumps(
        {
            "ok": not found.failed,
            "machine": _plain(asdict(found.machine)),
            "system": _plain(asdict(found.system)),
            "symptoms": [asdict(symptom) for symptom in found.symptoms],
            "projects": [_checkup(checkup) for checkup in found.checkups if checkup.project],
            "targets": [_verdict(verdict) for checkup in found.checkups if not checkup.project for verdict in checkup.fits],
        },
        indent=2,
    )


def _checkup(checkup: Checkup) -> dict[str, Any]:
    targets = [_verdict(verdict) for verdict in checkup.fits]
    return {"project": checkup.project, "chosen": checkup.chosen or None, "why": checkup.why, "targets": targets}


def _verdict(verdict: Fit) -> dict[str, Any]:
    return {**_plain(asdict(verdict)), "fits": verdict.fits}


def _plain(value: Any) -> Any:
    """Versions as text, in all that JSON can hold otherwise."""
    if isinstance(value, dict):
        return {key: driver_text(item) if key == "driver" and item else _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if isinstance(value, (str, int, bool, type(None))) else str(value)
