"""What `envgen matrix refresh` proposes: a unified diff, a summary, and JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from difflib import unified_diff

from envgen.curate.refresh.refresh import ChangedFile, Refreshed

_LINE = re.compile(r"[^\n]*\n|[^\n]+")  # str.splitlines also splits where YAML does not


def diff_text(found: Refreshed) -> str:
    """The changes as a unified diff for `git apply`; "" if there are none."""
    return "".join(_diff(file) for file in found.changed)


def _diff(file: ChangedFile) -> str:
    """The diff of one file. Line endings are kept as they are: CRLF, and a last line without one."""
    old, new = (_LINE.findall(text) for text in (file.old, file.new))
    lines = unified_diff(old, new, f"a/{file.shown}", f"b/{file.shown}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def summary(found: Refreshed) -> Iterator[str]:
    """The lines of the summary: each change, what is left to a person, and what was written."""
    for file in found.changed:
        yield from (f"{file.shown}: {why}" for why in dict.fromkeys(edit.why for edit in file.edits))
    yield from (f"by hand: {text}" for text in found.by_hand)
    files = ", ".join(file.shown for file in found.changed)
    if not files:
        yield f"unchanged: {found.index} has nothing that the matrices do not claim"
    elif found.written:
        yield f"wrote {files}; review the diff, then run `envgen matrix verify` and `envgen lock`"
    else:
        yield f"not written: {files}; use --write to apply the changes"


def refresh_json(found: Refreshed) -> str:
    """The changes, the diff and the notes as JSON."""
    data = {
        "index": found.index,
        "complete": found.complete,
        "written": found.written,
        "changed": [
            {"file": file.shown, "changes": [edit.why for edit in file.edits], "diff": _diff(file)} for file in found.changed
        ],
        "by_hand": list(found.by_hand),
    }
    return json.dumps(data, indent=2)
