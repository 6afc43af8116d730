"""The report of `make gpu-check` as one static page. Pure; standard library only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 72em; padding: 0 1em; color: #222; background: #fff }
table { border-collapse: collapse; width: 100%; margin: 0 0 2em } th, td { text-align: left; vertical-align: top; padding: .3em .8em .3em 0; border-bottom: 1px solid #ddd }
pre { font-size: 12px; line-height: 1.35; overflow-x: auto } td { overflow-wrap: anywhere } .passed { color: #146c2e } .failed { color: #b3261e; font-weight: bold } .skipped { color: #666 }
"""


def page(told: Mapping[str, Any]) -> str:
    """The whole page."""
    machine = told["machine"]
    gpus = ", ".join(f"{gpu['name']} (compute capability {gpu['capability']}{_mig(gpu)})" for gpu in machine["gpus"]) or "no GPU"
    title = f"envgen on {'a made-up machine with ' if told['made_up'] else ''}{gpus}"
    states = [check["state"] for check in told["checks"]]
    counts = ", ".join(f"{states.count(state)} {state}" for state in ("passed", "failed", "skipped"))
    facts = [
        ("driver", machine["driver"]),
        ("CUDA", machine["cuda"]),
        ("system", machine["system"]),
        ("envgen", told["envgen"]),
        ("date", told["date"]),
        ("checks", f"{counts}, in {told['seconds']} seconds"),
        *(("fault", fault) for fault in told["faults"]),
    ]
    checks = [[check[key] for key in ("group", "question", "expected", "found", "state")] for check in told["checks"]]
    body = [
        f"<h1>{escape(title)}</h1>",
        _table((), facts),
        "<h2>Checks</h2>",
        _table(("about", "question", "expected", "found", "verdict"), checks),
        "<h2>Frameworks</h2>",
        *(_frameworks(label, rows) for label, rows in told["frameworks"].items()),
        "<h2>What people see</h2>",
        *(f"<h3>{escape(name)}</h3>\n<pre>{escape(chr(10).join(lines))}</pre>" for name, lines in told["pages"].items()),
    ]
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n' + "\n".join(body) + "\n</body></html>\n"


def _mig(gpu: Mapping[str, Any]) -> str:
    return "" if gpu["mig"] is None else f", MIG with {gpu['mig']} instances"


def _frameworks(label: str, rows: Sequence[Mapping[str, Any]]) -> str:
    keys = ("framework", "version", "beside", "cuda", "cudnn", "ran_on", "state", "reason", "seconds")
    cells = [[row.get(key) for key in keys] for row in rows]
    names = ("framework", "version", "beside", "CUDA", "cuDNN", "computed on", "verdict", "reason", "seconds")
    return f"<h3>{escape(label)}</h3>\n" + (_table(names, cells) if rows else "<p>no framework</p>")


def _table(names: Iterable[str], rows: Iterable[Sequence[Any]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    lines = ["".join(_cell(cell) for cell in row) for row in rows]
    return "<table>\n" + "\n".join(f"<tr>{line}</tr>" for line in ([head] if head else []) + lines) + "\n</table>"


def _cell(value: object) -> str:
    mark = f' class="{value}"' if value in ("passed", "failed", "skipped") else ""
    return f"<td{mark}>{escape('' if value is None else str(value))}</td>"
