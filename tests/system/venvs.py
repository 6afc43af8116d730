"""Virtual environments with wheels that stand in for frameworks (see frameworks), as pip leaves them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from system import frameworks, stand_in


def venv(folder: Path) -> Path:
    """An empty virtual environment of the Python that runs the tests; its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder / "bin" / "python"


def site_of(python: Path) -> Path:
    """The folder that an interpreter of `venv` imports from."""
    return next(python.parent.parent.glob("lib/python3*/site-packages"))


def add_torch(site: Path, version: str, cuda: str | None) -> None:
    """Put a torch into a folder that Python imports from, with its metadata; it loads no library."""
    (packed,) = (package for package in frameworks.torch(version, cuda) if package.name == "pytorch")
    for name, content in packed.files.items():
        path = site / Path(name).relative_to(stand_in.SITE)
        if isinstance(content, str):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
    info = site / f"torch-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n", encoding="utf-8")


def program(path: Path, says: str, status: int = 0) -> Path:
    """A program that is no Python: whatever it is asked, it prints a text."""
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{says}\nEND\nexit {status}\n", encoding="utf-8")
    path.chmod(0o755)
    return path
