"""What `envgen matrix refresh` proposes: a unified diff, the same in words, and JSON."""

from __future__ import annotations

import json
import re
from difflib import unified_diff

from envgen.curate.refresh.refresh import Changed, Refreshed

_LINE = re.compile(r"[^\n]*\n|[^\n]+")  # str.splitlines knows ends of lines that YAML does not


def diff_text(found: Refreshed) -> str:
    """Every changed file as a unified diff that `git apply` takes; "" where nothing changes."""
    return "".join(_diff(item) for item in found.changed)


def _diff(item: Changed) -> str:
    """The lines with their own ends, so that a file with CRLF can be patched; the last one may have none."""
    old, new = (_LINE.findall(text) for text in (item.old, item.new))
    lines = unified_diff(old, new, f"a/{item.shown}", f"b/{item.shown}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def summary_lines(found: Refreshed) -> list[str]:
    """What changes, in words; what a person has to look after; and what came of it."""
    lines = [f"{item.shown}: {why}" for item in found.changed for why in dict.fromkeys(edit.why for edit in item.edits)]
    lines += [f"by hand: {text}" for text in found.by_hand]
    if not found.changed:
        return [*lines, f"unchanged: {found.index} holds nothing that the matrices do not say"]
    files = ", ".join(item.shown for item in found.changed)
    if found.written:
        return [*lines, f"written: {files}. Look at the diff, then run `envgen matrix verify` and `envgen lock`"]
    return [*lines, f"not written: {files}. `--write` writes"]


def refresh_json(found: Refreshed) -> str:
    """All of it for a machine."""
    data = {
        "index": found.index,
        "complete": found.complete,
        "written": found.written,
        "changed": [
            {"file": item.shown, "changes": [edit.why for edit in item.edits], "diff": _diff(item)} for item in found.changed
        ],
        "by_hand": list(found.by_hand),
    }
    return json.dumps(data, indent=2)
