"""Fuzzing guided by coverage, where atheris is installed (it has wheels for some Pythons alone): `python tests/fuzz_atheris.py words`.

The first argument is a kind of tests/corpus/, and what follows are options of libFuzzer, such as `-max_total_time=60`. The readers and
the corpus are those of tests/unit/test_fuzz.py. A case that fails is a file in the current folder: rename it, and put it into the corpus.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

try:
    import atheris
except ModuleNotFoundError:
    sys.exit(
        "atheris is not installed: python -m pip install atheris (Linux, and Pythons that it has wheels for); `make fuzz` needs none"
    )

with atheris.instrument_imports(include=["envgen"]):
    from unit.test_fuzz import CORPUS, READ, REPO, Readers

    from envgen.matrix.load import load_matrix
    from envgen.model.errors import EnvgenError

NAMES = {"locks": ("lock.yml", "lock.json", "lock.txt", "pixi.lock"), "beside": ("environment.yml", "virtual-packages.yml")}


def main() -> None:
    """Read what atheris makes, for ever or as its options say."""
    kind = sys.argv.pop(1)
    readers = Readers(Path(tempfile.mkdtemp()), load_matrix(REPO / "matrices"))
    names = NAMES.get(kind, ("project.yaml",))

    def one(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        with suppress(EnvgenError):
            READ[kind](readers, names[len(data) % len(names)], text)

    atheris.Setup([*sys.argv, tempfile.mkdtemp(), str(CORPUS / kind)], one)  # what it finds goes into the first folder
    atheris.Fuzz()


if __name__ == "__main__":
    main()
