"""Write the pages that are missing or out of date, and remove those that nothing makes: `make reference`."""

from __future__ import annotations

import sys
from pathlib import Path

from website.reference.pages import FOLDER, pages


def write(root: Path) -> list[str]:
    """Bring `docs/reference/` up to date below a folder; returns the names of the pages that were not."""
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    wanted = dict(pages())
    changed = sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))
    for name in changed:
        if name in wanted:
            (folder / name).write_text(wanted[name], encoding="utf-8", newline="\n")
        else:
            (folder / name).unlink()
    return changed


if __name__ == "__main__":
    for name in write(Path(__file__).parents[2]):
        sys.stdout.write(f"{FOLDER}/{name}\n")
