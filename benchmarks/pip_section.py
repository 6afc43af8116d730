"""The cost of a pip section: a lock with five wheels from an index on loopback, beside the same lock without them."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.measure import REPO, Row

ROUNDS = 5
NAMES = ("one", "two", "three", "four", "five")
PROJECT = """\
python: "3.12"
frameworks: {pytorch: "2.7.*"}
targets: [cpu]
platforms: [linux-64]
channels: [conda-forge]
dependencies: [numpy, pip]
"""


class Quiet(SimpleHTTPRequestHandler):
    """Says nothing on stderr."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Nothing."""


def simple_index(folder: Path) -> None:
    """A simple index of five wheels, each of which needs the one before it and a package of conda."""
    for place, name in enumerate(NAMES):
        made, info = io.BytesIO(), f"{name}-1.0.dist-info"
        needs = ["numpy", *NAMES[:place][-1:]]
        metadata = "".join(f"Requires-Dist: {need}\n" for need in needs)
        with zipfile.ZipFile(made, "w") as archive:
            archive.writestr(f"{name}.py", "")
            archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{metadata}")
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: made\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{info}/RECORD", "")
        page, file = folder / name, f"{name}-1.0-py3-none-any.whl"
        page.mkdir(parents=True)
        (page / file).write_bytes(made.getvalue())
        digest = hashlib.sha256(made.getvalue()).hexdigest()
        (page / "index.html").write_text(f'<!DOCTYPE html><a href="{file}#sha256={digest}">{file}</a>\n', encoding="utf-8")


def seconds_of(root: Path, text: str, index: Path) -> float:
    """Seconds of `envgen lock`, the whole process, without a lock before."""
    path = root / "environments" / "wheels" / "project.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "envgen", "lock", "wheels", "--update", "--index", str(index), "--root", str(root)]
    begun = time.perf_counter()
    subprocess.run(command, cwd=REPO, capture_output=True, check=True)
    return time.perf_counter() - begun


def pip_rows(root: Path, index: Path) -> list[Row]:
    """The row on pip sections; the cache of uv is warm after the first round."""
    for name in ("matrices", "templates"):
        shutil.copytree(REPO / name, root / name)
    simple_index(root / "simple")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        listed = f'pip: [{", ".join(NAMES)}]\npip-repositories: ["http://127.0.0.1:{server.server_port}/simple"]\n'
        rounds = [(seconds_of(root, PROJECT, index), seconds_of(root, PROJECT + listed, index)) for _ in range(ROUNDS + 1)]
        alone, beside = (min(column) for column in zip(*rounds, strict=True))
    finally:
        server.shutdown()
        server.server_close()
    return [
        (
            "lock with 5 pip packages, the whole process, relative to the same conda packages alone",
            f"{beside / alone:.1f}",
            "below 1.5",
        )
    ]
