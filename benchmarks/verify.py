"""`envgen verify`: its corpus, and the time for one lock in this process."""

from __future__ import annotations

import itertools
import re
import sys

from benchmarks.measure import REPO, ROUNDS, Row, in_turns, median, ratio, timed


def lock_of(count: int) -> str:
    """The text of a lock with `count` packages for one platform: those of vision for linux-64, repeated under other names."""
    text = (REPO / "environments" / "vision" / "cu126" / "conda-lock.yml").read_text(encoding="utf-8")
    head, _, body = text.partition("package:\n")
    entries = [entry for entry in re.split(r"^(?=- name: )", body, flags=re.MULTILINE) if "platform: linux-64" in entry]
    repeated = (again(entry, turn) if turn else entry for turn in range(count // len(entries) + 1) for entry in entries)
    declared = head.replace("  - win-64\n", "")
    return f"{declared}package:\n{''.join(itertools.islice(repeated, count))}"


def again(entry: str, turn: int) -> str:
    """The entry of a package under another name, with the same dependencies."""
    name = entry.split("\n", 1)[0].removeprefix("- name: ")
    return entry.replace(f"- name: {name}\n", f"- name: {name}-x{turn}\n", 1).replace(f"/{name}-", f"/{name}-x{turn}-", 1)


def verify_rows() -> list[Row]:
    """The rows on `envgen verify`: its corpus, and the time for one lock in this process."""
    import yaml

    from envgen.formats.conda_lock import read_lock
    from envgen.matrix.load import load_matrix
    from envgen.verify.check import check

    sys.path.insert(0, str(REPO / "tests"))
    from verify.corpus import score

    matrix, text = load_matrix(REPO / "matrices"), lock_of(970)

    def verify() -> None:
        lock = read_lock(text, "lock")
        if len(lock.packages) != 970 or [found for found in check(lock, {}, matrix) if found.rule != "edited"]:
            raise SystemExit("the lock of 970 packages does not verify")

    taken = in_turns(ROUNDS, verify=timed(verify), yaml=timed(lambda: yaml.load(text, Loader=yaml.CSafeLoader)))
    missed, false, locks = score(matrix)
    return [
        (f"verify, corpus of {locks} locks: misses / false alarms", f"{missed} / {false}", "0 / 0"),
        ("verify, one lock of 970 packages, without start-up", f"{median(taken['verify']) * 1000:.0f} ms", "below 100 ms"),
        (
            "the same, relative to loading its YAML with PyYAML's C loader",
            f"{ratio(taken['verify'], taken['yaml']):.2f}",
            "below 1",
        ),
    ]
