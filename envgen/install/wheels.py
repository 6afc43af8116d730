"""The pip part of an environment: installed by the environment's own pip, each file by its hash.

pip works in the stage, so the scripts that it writes name the stage's python; they are corrected before the stage is put in
its place. Everything that pip does it does from an argv list; requirements go through a file.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from envgen.channels.channel import redacted
from envgen.formats.installed import Wheel
from envgen.install.prefixes import python
from envgen.model.errors import BadInput, CheckFailed, EnvgenError, NoSolution
from envgen.model.packages import LockedPackage

_OPTIONS = ("--no-input", "--disable-pip-version-check", "--no-color")
# Of the user's own settings of pip only those count that help to reach an index; one like PIP_TARGET would lead it elsewhere.
_REACH = {
    "PIP_CERT",
    "PIP_CLIENT_CERT",
    "PIP_PROXY",
    "PIP_TRUSTED_HOST",
    "PIP_TIMEOUT",
    "PIP_RETRIES",
    "PIP_CACHE_DIR",
    "PIP_CONFIG_FILE",
}
_EXPECTED = re.compile(r"Expected sha256 (\w+)")
_GOT = re.compile(r"Got\s+(\w+)")
_NETWORK = re.compile(
    r"HTTP error|Client Error|Server Error|Max retries|Connection (refused|reset|broken)|Errno -[23]|timed out", re.IGNORECASE
)
_FULL = re.compile(r"No space left on device|File too large|Disk quota exceeded|Permission denied|Read-only file system")


def check(wheels: Iterable[LockedPackage], shown: str) -> None:
    """Refuse a pip package that has no sha256: what cannot be checked is not installed."""
    for wheel in wheels:
        if not wheel.sha256:
            hint = "give a version instead of a url or a repository, and run `envgen lock`"
            raise BadInput(f"pip package {wheel.name} has no sha256 in this lock", where=shown, hint=hint)


def install(stage: Path, prefix: Path, wheels: Sequence[LockedPackage], environ: Mapping[str, str]) -> dict[str, Wheel]:
    """Install pip packages into a stage that will stand at `prefix`; what there is now, by name.

    `environ` are the variables that pip gets. Raises CheckFailed for a wrong hash, NoSolution where a file cannot be fetched,
    BadInput where the environment has no pip or the disk takes no more.
    """
    if not wheels:
        return {}
    with tempfile.TemporaryDirectory(prefix="envgen-") as scratch:
        listed = Path(scratch) / "requirements.txt"
        listed.write_text("".join(f"{w.name} @ {_bare(w.url)} --hash=sha256:{w.sha256}\n" for w in wheels), encoding="utf-8")
        words = ("install", "--no-deps", "--require-hashes", "--no-compile", "--force-reinstall", "-r", str(listed))
        done = _pip(stage, words, environ)
    if done.returncode:
        raise _failure(done.stdout + done.stderr, wheels, prefix)
    found = {wheel.name: _info(stage, wheel) for wheel in wheels}
    for info in found.values():
        _correct(info, stage, prefix)
    return {w.name: Wheel(w.version, w.sha256 or "", found[w.name].relative_to(stage).as_posix()) for w in wheels}


def uninstall(stage: Path, names: Sequence[str], environ: Mapping[str, str]) -> None:
    """Take pip packages out of a stage; one that is not there any more is no failure."""
    if names and (done := _pip(stage, ("uninstall", "--yes", *names), environ)).returncode:
        raise BadInput(
            f"pip cannot remove {', '.join(names)}: {_last(done.stderr)}", hint="remove the environment and install it anew"
        )


def _pip(stage: Path, words: Sequence[str], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the environment's own pip. It writes no bytecode: that would name the stage."""
    variables = {name: value for name, value in environ.items() if name in _REACH or not name.startswith(("PIP_", "__PYVENV"))}
    variables |= {"PATH": os.pathsep.join((str(python(stage).parent), environ.get("PATH", ""))), "PIP_USER": "0"}
    command = [str(python(stage)), "-I", "-B", "-X", "utf8", "-m", "pip", *words, *_OPTIONS]
    try:
        done = subprocess.run(  # noqa: S603 - an argv list
            command, env=variables, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False
        )
    except (FileNotFoundError, PermissionError, NotADirectoryError):
        raise _without("python") from None
    if done.returncode and "No module named pip" in done.stderr:
        raise _without("pip")
    return done


def _without(what: str) -> BadInput:
    hint = f"add `{what}` to `dependencies:` of the project and run `envgen lock`"
    return BadInput(f"the lock has pip packages, but its environment has no {what}", hint=hint)


def _bare(url: str) -> str:
    return url.partition("#")[0]


def _failure(said: str, wheels: Sequence[LockedPackage], prefix: Path) -> EnvgenError:
    """A failure of pip told apart by its words."""
    said = redacted(said)
    expected, got = _EXPECTED.search(said), _GOT.search(said)
    if expected and got:
        wheel = next((wheel for wheel in wheels if wheel.sha256 == expected[1]), None)
        return CheckFailed(
            f"{wheel.name if wheel else 'a pip package'} is not what was locked\n"
            f"  locked  sha256 {expected[1]}\n  fetched sha256 {got[1]}",
            where=redacted(_bare(wheel.url)) if wheel else prefix,
            hint="the index or something on the way changed the file: lock again; nothing was installed",
        )
    if _FULL.search(said):
        hint = "make room, or give another place with --prefix DIR; what was there is as it was"
        return BadInput(f"cannot be written: {_last(said)}", where=prefix, hint=hint)
    if _NETWORK.search(said):
        return NoSolution(
            f"pip packages cannot be fetched: {_last(said)}", where=prefix, hint="try again where the index can be reached"
        )
    return CheckFailed(
        f"pip refused: {_last(said)}", where=prefix, hint="a package may not fit this Python or platform; lock again"
    )


def _last(said: str) -> str:
    """The error line of pip line, or the last thing that it said."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ") and line != "ERROR: Exception:"]
    return (errors or lines or ["no reason given"])[-1]


# --- scripts --------------------------------------------------------------------------------------------------------------


def _info(stage: Path, wheel: LockedPackage) -> Path:
    """The dist-info folder that pip made: names are compared as PyPI does."""
    for folder in _site_packages(stage):
        for info in folder.glob("*.dist-info"):
            name, _, version = info.name.removesuffix(".dist-info").rpartition("-")
            if _normal(name) == _normal(wheel.name) and version:
                return info
    raise CheckFailed(f"pip installed {wheel.name}, but there is no dist-info folder of it", where=stage, hint="please report this")


def _site_packages(stage: Path) -> Iterator[Path]:
    yield from (stage / "lib").glob("python*/site-packages")
    yield stage / "Lib" / "site-packages"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _correct(info: Path, stage: Path, prefix: Path) -> None:
    """Make the scripts of one package name the final prefix, and its RECORD their new hashes."""
    record = info / "RECORD"
    rows = list(csv.reader(io.StringIO(record.read_text(encoding="utf-8"))))
    changed = [_corrected(row, info.parent, os.fsencode(stage), os.fsencode(prefix)) for row in rows]
    if changed != rows:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(changed)
        _replace(record, text.getvalue().encode())


def _corrected(row: Sequence[str], base: Path, stage: bytes, prefix: bytes) -> list[str]:
    """One row of a RECORD after its file was corrected; only files outside site-packages are scripts."""
    path = base / row[0]
    if not row[0].startswith("..") or not path.is_file() or stage not in (data := path.read_bytes()):
        return list(row)
    data = data.replace(stage, prefix)
    _replace(path, data)
    hashed = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
    return [row[0], f"sha256={hashed}", str(len(data))]


def _replace(path: Path, data: bytes) -> None:
    """Write a file anew: it may share its bytes with the environment that is still in its place."""
    scratch = path.with_name(f"{path.name}.envgen-tmp")
    scratch.write_bytes(data)
    scratch.chmod(path.stat().st_mode)
    scratch.replace(path)
