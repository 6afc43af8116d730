"""A probe as a table for people and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from packaging.version import Version

from envgen.model.facts import driver_text
from envgen.model.machine import Machine
from envgen.probe.model import Answer, Probed, Verdict

if TYPE_CHECKING:
    from rich.table import Table


def probe_table(probed: Probed) -> Table:
    """One row for each framework."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("framework", "version", "built for", "meant for", "GPUs seen", "matmul", "verdict"):
        table.add_column(heading, overflow="fold")
    for verdict in probed.verdicts:
        answer = verdict.answer
        table.add_row(
            answer.framework,
            answer.version or "-",
            built(answer),
            meant(verdict),
            "\n".join(device.name for device in answer.devices) or ("none" if answer.available is not None else "-"),
            computed(answer),
            verdict.state,
        )
    return table


def probe_lines(probed: Probed) -> list[str]:
    """What stands below the table: the machine; for each framework the reason of its verdict, and every issue with its way out."""
    lines = [f"machine: {machine(probed.machine)}"]
    for verdict in probed.verdicts:
        lines.extend(_lines(verdict))
    return lines


def _lines(verdict: Verdict) -> Iterator[str]:
    first = next((issue for issue in verdict.issues if issue.text == verdict.reason), None)
    yield f"{verdict.answer.framework}: {verdict.state}: {verdict.reason}{f' [{first.rule}]' if first else ''}"
    for issue in sorted(verdict.issues, key=lambda issue: issue is not first):
        if issue is not first:
            yield f"    {issue.severity}: {issue.text} [{issue.rule}]"
        if issue.hint:
            yield f"    hint: {issue.hint}"
    yield f"    judged by {verdict.meant.because or 'nothing'}; {libraries(verdict.answer)}"


def built(answer: Answer) -> str:
    """CPU, CUDA 12.6, CUDA where no version is known, - where nothing is."""
    if answer.built is None:
        return "-"
    return f"CUDA {answer.cuda or ''}".strip() if answer.built else "CPU"


def meant(verdict: Verdict) -> str:
    """What it is held against."""
    if verdict.meant.gpu is None:
        return "?"
    return f"CUDA {verdict.meant.cuda or ''}".strip() if verdict.meant.gpu else "CPU"


def computed(answer: Answer) -> str:
    """Where a matmul ran, and whether it came out right."""
    if not answer.ran_on:
        return "failed" if answer.problem("matmul") else "-"
    return f"{answer.ran_on}{'' if answer.agrees else ', wrong'}"


def machine(found: Machine) -> str:
    """Driver and GPUs in one line."""
    if found.driver is None:
        return found.note or "no NVIDIA driver"
    gpus = ", ".join(f"{gpu.name} ({gpu.capability})" for gpu in found.gpus) or "no GPU"
    return f"driver {driver_text(found.driver)}, runs CUDA up to {found.cuda or '?'}, {gpus}"


def libraries(answer: Answer) -> str:
    """How many CUDA libraries were loaded, from where."""
    counts = {kind: sum(item.origin == kind for item in answer.libraries) for kind in ("environment", "driver", "foreign")}
    names = {"environment": "from the environment", "driver": "of the driver", "foreign": "from outside"}
    told = ", ".join(f"{count} {names[kind]}" for kind, count in counts.items() if count)
    return f"CUDA libraries loaded: {told or 'none'}"


def probe_json(probed: Probed) -> str:
    """Everything for a machine."""
    found = {
        "prefix": str(probed.environment.prefix),
        "target": probed.environment.target or None,
        "state": probed.state,
        "machine": {
            "driver": driver_text(probed.machine.driver) if probed.machine.driver else None,
            "cuda": _text(probed.machine.cuda),
            "gpus": [{"name": gpu.name, "capability": str(gpu.capability)} for gpu in probed.machine.gpus],
            "note": probed.machine.note,
        },
        "frameworks": [_verdict(verdict, probed) for verdict in probed.verdicts],
    }
    return json.dumps(found, indent=2)


def _verdict(verdict: Verdict, probed: Probed) -> dict[str, Any]:
    answer, installed = verdict.answer, probed.environment.frameworks.get(verdict.answer.framework)
    return {
        "framework": answer.framework,
        "package": installed.package if installed else None,
        "state": verdict.state,
        "reason": verdict.reason,
        "meant": {"gpu": verdict.meant.gpu, "cuda": _text(verdict.meant.cuda), "because": verdict.meant.because},
        "issues": [
            {"rule": issue.rule, "severity": issue.severity, "text": issue.text, "hint": issue.hint} for issue in verdict.issues
        ],
        **_answer(answer),
    }


def _answer(answer: Answer) -> dict[str, Any]:
    return {
        "version": answer.version or None,
        "beside": answer.beside or None,
        "cuda_build": answer.built,
        "cuda": _text(answer.cuda),
        "cudnn": _text(answer.cudnn),
        "origin": answer.origin or None,
        "available": answer.available,
        "devices": [{"name": device.name, "capability": _text(device.capability)} for device in answer.devices],
        "code": list(answer.code),
        "ran_on": answer.ran_on or None,
        "agrees": answer.agrees,
        "problems": [{"step": step, "message": message} for step, message in answer.problems],
        "libraries": [{"path": library.path, "origin": library.origin} for library in answer.libraries],
        "status": answer.ended.status,
        "seconds": round(answer.ended.seconds, 1),
    }


def _text(version: Version | None) -> str | None:
    return str(version) if version else None
