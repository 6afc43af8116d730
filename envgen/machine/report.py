"""What `envgen doctor` found, as text for people and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from textwrap import wrap
from typing import Any

from packaging.version import Version

from envgen.model.facts import driver_text
from envgen.model.gpu import Gpu
from envgen.model.machine import Checkup, Diagnosis, Fit, Machine, Symptom, System
from envgen.table import grid

_LABEL = 9  # columns for labels, the same in every block


def page(found: Diagnosis, width: int) -> str:
    """The machine, its symptoms, and the targets, in lines of at most `width` columns."""
    blocks = (
        ("machine", *_columns(_machine(found.machine, found.system), width)),
        (_count(found.symptoms), *_columns(_symptoms(found.symptoms), width)),
        *(tuple(_checkup_lines(checkup, width)) for checkup in found.checkups),
    )
    return "\n\n".join("\n".join(block) for block in blocks)


def _columns(rows: Iterable[tuple[str, str]], width: int) -> tuple[str, ...]:
    return grid(rows, width, label_width=_LABEL)


def _machine(machine: Machine, system: System) -> Iterator[tuple[str, str]]:
    libc = f"glibc {system.glibc}" if system.glibc else "musl" if system.musl else ""
    kind = ("WSL" if system.wsl else "", f"{system.container} container" if system.container else "")
    yield "  system", ", ".join(filter(None, (system.platform, system.archspec, libc, *kind)))
    if machine.driver:
        yield "  driver", driver_text(machine.driver) + (f", runs CUDA {machine.cuda}" if machine.cuda else "")
    else:
        yield "  driver", machine.note or "no NVIDIA driver"
    for gpus, hidden in ((machine.gpus, ""), (machine.hidden, ", hidden by CUDA_VISIBLE_DEVICES")):
        for gpu, count in _counted(gpus).items():
            yield "  GPU", f"{f'{count} x ' if count > 1 else ''}{_gpu(gpu)}{hidden}"
    for place, variables in _outside(system).items():
        yield "  outside", place + (f" ({', '.join(variables)})" if variables else "")


def _counted(gpus: Iterable[Gpu]) -> dict[Gpu, int]:
    """Each kind of GPU and how many there are."""
    kinds = [Gpu(name=gpu.name, capability=gpu.capability, mig=gpu.mig) for gpu in gpus]
    return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}


def _gpu(gpu: Gpu) -> str:
    mig = "" if gpu.mig is None else f", MIG with {gpu.mig} instance{'' if gpu.mig == 1 else 's'}"
    return f"{gpu.name}, compute capability {gpu.capability}{mig}"


def _outside(system: System) -> dict[str, list[str]]:
    """CUDA and cuDNN outside of environments, each with the variables that lead to it."""
    places = [(f"{item.kind} {item.version} in {item.folder}".replace("  ", " "), item.via) for item in system.outside]
    return {place: [via for other, via in places if other == place and via != "disk"] for place, _ in places}


def _count(symptoms: Iterable[Symptom]) -> str:
    severities = [symptom.severity for symptom in symptoms]
    counts = ((name, severities.count(name)) for name in ("error", "warning", "note"))
    return ", ".join(f"{number} {name}{'s' if number > 1 else ''}" for name, number in counts if number) or "no problems found"


def _symptoms(symptoms: Iterable[Symptom]) -> Iterator[tuple[str, str]]:
    for symptom in symptoms:
        yield f"  {symptom.severity}", f"{symptom.text} [{symptom.id}]"
        yield "", f"-> {symptom.fix}"


def _checkup_lines(checkup: Checkup, width: int) -> Iterator[str]:
    if not checkup.project:
        yield "targets in the matrices"
        yield from _grouped(checkup.fits, width)
        return
    summary = f"{checkup.chosen} is chosen: {checkup.why}" if checkup.chosen else checkup.why
    yield from wrap(f"{checkup.project}: {summary}", width, subsequent_indent="    ")
    yield from _columns((row for fit in checkup.fits for row in _fit(fit, fit.target == checkup.chosen)), width)


def _fit(fit: Fit, chosen: bool) -> Iterator[tuple[str, str]]:
    why = _why(fit)
    yield f"{'>' if chosen else ' '} {fit.target}", why
    yield from (("", f"but {caution}") for caution in fit.cautions)
    yield from (("", f"-> {fix}") for fix in fit.fixes if fix not in why)


def _grouped(fits: Iterable[Fit], width: int) -> Iterator[str]:
    """The targets for which the same is true, in one line."""
    reasons = [(_why(fit), fit.target) for fit in fits]
    for why in dict.fromkeys(why for why, _ in reasons):
        names = ", ".join(target for other, target in reasons if other == why)
        yield from wrap(f"{names}  {why}", width, initial_indent="  ", subsequent_indent="    ")


def _why(fit: Fit) -> str:
    return f"{'' if fit.locked else 'not locked; '}{'runs: ' if fit.runs else 'no: '}{'; '.join(fit.why)}"


# --- JSON -----------------------------------------------------------------------------------------------------------------


def as_json(found: Diagnosis) -> str:
    """The diagnosis as JSON. Versions are strings; what is not known is null."""
    return json.dumps(
        {
            "ok": not found.failed,
            "machine": _machine_data(found.machine),
            "system": _system_data(found.system),
            "symptoms": [_symptom_data(symptom) for symptom in found.symptoms],
            "projects": [_checkup_data(checkup) for checkup in found.checkups if checkup.project],
            "targets": [_fit_data(fit) for checkup in found.checkups if not checkup.project for fit in checkup.fits],
        },
        indent=2,
    )


def _machine_data(machine: Machine) -> dict[str, Any]:
    return {
        "driver": driver_text(machine.driver) if machine.driver else None,
        "cuda": _text(machine.cuda),
        "gpus": [_gpu_data(gpu) for gpu in machine.gpus],
        "note": machine.note,
        "hidden": [_gpu_data(gpu) for gpu in machine.hidden],
    }


def _gpu_data(gpu: Gpu) -> dict[str, Any]:
    return {
        "name": gpu.name,
        "capability": str(gpu.capability),
        "uuid": gpu.uuid,
        "mig": gpu.mig,
        "data_centre": gpu.data_centre,
    }


def _system_data(system: System) -> dict[str, Any]:
    return {
        "platform": system.platform,
        "glibc": _text(system.glibc),
        "musl": system.musl,
        "archspec": system.archspec,
        "wsl": system.wsl,
        "container": system.container,
        "devices": system.devices,
        "libraries": system.driver_folders,
        "module": system.kernel_module,
        "outside": [{"kind": i.kind, "version": i.version, "folder": i.folder, "via": i.via} for i in system.outside],
        "mamba": system.mamba_cuda,
        "leaks": system.shadowing,
        "stray": system.relative_entries,
        "variables": dict(system.variables),
    }


def _symptom_data(symptom: Symptom) -> dict[str, str]:
    return {"rule": symptom.id, "severity": symptom.severity, "text": symptom.text, "cure": symptom.fix}


def _checkup_data(checkup: Checkup) -> dict[str, Any]:
    fits = [_fit_data(fit) for fit in checkup.fits]
    return {"project": checkup.project, "chosen": checkup.chosen or None, "why": checkup.why, "targets": fits}


def _fit_data(fit: Fit) -> dict[str, Any]:
    return {
        "target": fit.target,
        "cuda": _text(fit.cuda),
        "how": fit.mode or "",
        "why": fit.why,
        "cautions": fit.cautions,
        "unlock": fit.fixes,
        "locked": fit.locked,
        "fits": fit.runs,
    }


def _text(version: Version | None) -> str | None:
    return str(version) if version else None
