"""A probe as a table for people, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from packaging.version import Version

from envgen.model.facts import driver_text
from envgen.model.machine import Machine
from envgen.probe.model import Answer, BuildKind, Issue, Origin, ProbeResult, Verdict
from envgen.table import TextTable, table

_HEADINGS = ("framework", "version", "built for", "expected", "GPUs seen", "matmul", "verdict")
_WORDS: dict[Origin, str] = {"environment": "from the environment", "driver": "from the driver", "foreign": "from outside"}
_IS_CUDA: dict[BuildKind, bool | None] = {"cpu": False, "cuda": True, "unknown": None}


def probe_table(result: ProbeResult) -> TextTable:
    """One row for each framework."""
    return table(_HEADINGS, (_row(verdict) for verdict in result.verdicts), fold=("version",), spare=("expected",))


def _row(verdict: Verdict) -> tuple[str, ...]:
    answer = verdict.answer
    return (
        answer.framework,
        answer.version or "-",
        build_text(answer.build, answer.cuda) or "-",
        build_text(verdict.expected.build, verdict.expected.cuda) or "?",
        str(len(answer.devices) or ("none" if answer.available is not None else "-")),
        matmul_text(answer),
        verdict.state,
    )


def probe_lines(result: ProbeResult) -> list[str]:
    """The lines below the table: the machine, then for each framework the reason of its verdict and its issues with their hints."""
    lines = [f"machine: {machine_text(result.machine)}"]
    for verdict in result.verdicts:
        lines.extend(_lines(verdict))
    return lines


def _lines(verdict: Verdict) -> Iterator[str]:
    first = _first(verdict)
    yield verdict_text(verdict)
    for issue in sorted(verdict.issues, key=lambda issue: issue is not first):
        if issue is not first:
            yield f"    {issue.severity}: {issue.text} [{issue.rule}]"
        if issue.hint:
            yield f"    hint: {issue.hint}"
    yield f"    expected by {verdict.expected.because or 'nothing'}; {libraries_text(verdict.answer)}"


def verdict_text(verdict: Verdict) -> str:
    """One line: a framework, what it was judged to be, and why."""
    first = _first(verdict)
    return f"{verdict.answer.framework}: {verdict.state}: {verdict.reason}{f' [{first.rule}]' if first else ''}"


def _first(verdict: Verdict) -> Issue | None:
    return next((issue for issue in verdict.issues if issue.text == verdict.reason), None)


def build_text(build: BuildKind, cuda: Version | None) -> str:
    """CPU, CUDA 12.6, CUDA if no version is known; "" if nothing is."""
    return {"cpu": "CPU", "cuda": f"CUDA {cuda or ''}".strip(), "unknown": ""}[build]


def matmul_text(answer: Answer) -> str:
    """Where a matmul ran, and whether it came out right."""
    if not answer.ran_on:
        return "failed" if answer.problem("matmul") else "-"
    return f"{answer.ran_on}{'' if answer.agrees else ', wrong'}"


def machine_text(machine: Machine) -> str:
    """Driver and GPUs in one line."""
    if machine.driver is None:
        return machine.note or "no NVIDIA driver"
    gpus = ", ".join(f"{gpu.name} ({gpu.capability})" for gpu in machine.gpus) or "no GPU"
    return f"driver {driver_text(machine.driver)}, supports CUDA up to {machine.cuda or '?'}, {gpus}"


def libraries_text(answer: Answer) -> str:
    """How many CUDA libraries were loaded, and from where."""
    counts = {origin: sum(library.origin == origin for library in answer.libraries) for origin in _WORDS}
    told = ", ".join(f"{count} {_WORDS[origin]}" for origin, count in counts.items() if count)
    return f"CUDA libraries loaded: {told or 'none'}"


def probe_json(result: ProbeResult) -> str:
    """Everything, as JSON."""
    machine = result.machine
    found = {
        "prefix": str(result.environment.prefix),
        "target": result.environment.target or None,
        "state": result.state,
        "machine": {
            "driver": driver_text(machine.driver) if machine.driver else None,
            "cuda": _text(machine.cuda),
            "gpus": [{"name": gpu.name, "capability": str(gpu.capability)} for gpu in machine.gpus],
            "note": machine.note,
        },
        "frameworks": [_verdict(verdict, result) for verdict in result.verdicts],
    }
    return json.dumps(found, indent=2)


def _verdict(verdict: Verdict, result: ProbeResult) -> dict[str, Any]:
    answer, expected = verdict.answer, verdict.expected
    installed = result.environment.frameworks.get(answer.framework)
    return {
        "framework": answer.framework,
        "package": installed.package if installed else None,
        "state": verdict.state,
        "reason": verdict.reason,
        "meant": {"gpu": _IS_CUDA[expected.build], "cuda": _text(expected.cuda), "because": expected.because},
        "issues": [
            {"rule": issue.rule, "severity": issue.severity, "text": issue.text, "hint": issue.hint} for issue in verdict.issues
        ],
        **_answer(answer),
    }


def _answer(answer: Answer) -> dict[str, Any]:
    return {
        "version": answer.version or None,
        "beside": answer.companion or None,
        "cuda_build": _IS_CUDA[answer.build],
        "cuda": _text(answer.cuda),
        "compiler": _text(answer.compiler),
        "cudnn": _text(answer.cudnn),
        "origin": answer.file or None,
        "available": answer.available,
        "devices": [{"name": device.name, "capability": _text(device.capability)} for device in answer.devices],
        "code": list(answer.code),
        "ran_on": answer.ran_on or None,
        "agrees": answer.agrees,
        "problems": [{"step": step, "message": message} for step, message in answer.problems],
        "libraries": [{"path": library.path, "origin": library.origin} for library in answer.libraries],
        "status": answer.process.status,
        "seconds": round(answer.process.seconds, 1),
    }


def _text(version: Version | None) -> str | None:
    return str(version) if version else None
