"""Install the pip packages of a lock with the environment's own pip, which checks the hash of every file.

pip runs in the stage, so the scripts that it writes contain the stage's path; this is corrected before the stage is moved to
its prefix. pip is started without a shell; requirements are passed in a file.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import math
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from envgen.channels.channel import redacted, values_of, with_braces
from envgen.channels.limits import limits
from envgen.formats.installed import Wheel, python
from envgen.formats.prefix import site_packages
from envgen.install.clean_env import within
from envgen.install.pip_process import run_pip
from envgen.install.provided import refuse_provided
from envgen.model.errors import BadInput, CheckFailed, EnvgenError, NoSolution
from envgen.model.packages import LockedPackage
from envgen.model.text import shortened

_OPTIONS = ("--no-input", "--disable-pip-version-check", "--no-color")
# What pip needs to find its files and to reach an index. Nothing else is passed on: what pip builds runs code, and a URL in a
# requirement may name any variable. Other settings of pip, such as PIP_TARGET, would change what is installed.
_PASSED = {
    *("PATH", "HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "NETRC"),
    *("TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT", "LANG", "LC_ALL", "LC_CTYPE", "TZ"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
    *("PIP_CERT", "PIP_CLIENT_CERT", "PIP_PROXY", "PIP_TRUSTED_HOST", "PIP_TIMEOUT", "PIP_RETRIES", "PIP_CACHE_DIR"),
    "PIP_CONFIG_FILE",
}
_COMMIT = re.compile(r"git\+(?:https?|ssh|file)://.+@[0-9a-f]{40}(?:#subdirectory=[\w./-]+)?")
_EXPECTED = re.compile(r"Expected sha256 (\w+)")
_GOT = re.compile(r"Got\s+(\w+)")
_NETWORK = re.compile(
    r"HTTP error|Client Error|Server Error|Max retries|Connection (refused|reset|broken)|Errno -[23]|timed out", re.IGNORECASE
)
_FULL = re.compile(r"No space left on device|File too large|Disk quota exceeded|Permission denied|Read-only file system")


def check(wheels: Iterable[LockedPackage], shown: str) -> None:
    """Raise BadInput if a pip package has no sha256: envgen only installs packages that it can check."""
    for wheel in wheels:
        if not wheel.sha256:
            hint = "require a version instead of a URL or a repository, and run `envgen lock`"
            raise BadInput(f"pip package {wheel.name} has no sha256 in this lock", where=shown, hint=hint)


def install(stage: Path, prefix: Path, wheels: Sequence[LockedPackage], environ: Mapping[str, str]) -> dict[str, Wheel]:
    """Install pip packages into a stage that will be moved to `prefix`, and return them by name.

    `environ` are the environment variables for pip. Raises CheckFailed if a hash does not match or conda has
    installed one of them, NoSolution if a file cannot be fetched, BadInput if the environment has no pip or the disk is full.
    """
    if not wheels:
        return {}
    refuse_provided(stage, wheels, site_packages(stage))
    commits = [wheel for wheel in wheels if is_commit(wheel)]
    for some, hashed in (([wheel for wheel in wheels if wheel not in commits], ("--require-hashes",)), (commits, ())):
        if some:
            _installed(stage, prefix, some, hashed, environ)
    found = {wheel.name: _dist_info(stage, wheel) for wheel in wheels}
    for name, info in found.items():
        _check_record(name, info, stage)
        _correct_scripts(info, stage, prefix)
    return {w.name: Wheel(w.version, w.sha256 or "", found[w.name].relative_to(stage).as_posix()) for w in wheels}


def _installed(
    stage: Path, prefix: Path, wheels: Sequence[LockedPackage], hashed: Sequence[str], environ: Mapping[str, str]
) -> None:
    """Install pip packages of one kind: files with a hash, or commits, which are their own."""
    with tempfile.TemporaryDirectory(prefix="envgen-") as scratch:
        requirements = Path(scratch) / "requirements.txt"
        requirements.write_text("".join(map(_requirement, wheels)), encoding="utf-8")
        arguments = ("install", "--no-deps", *hashed, "--no-compile", "--force-reinstall", "-r", str(requirements))
        done = run_pip_in(stage, arguments, environ, _credentials(wheels))
    if done.returncode:
        raise _failure(done.stdout + done.stderr, wheels, prefix)


def is_commit(wheel: LockedPackage) -> bool:
    """Whether a pip package is a commit of a repository, named whole in its URL."""
    return _COMMIT.fullmatch(wheel.url) is not None


def uninstall(stage: Path, wheels: Mapping[str, Wheel], environ: Mapping[str, str]) -> None:
    """Remove pip packages from a stage; packages that are not there are ignored. Raises BadInput if pip fails.

    pip does not remove a package without a RECORD, nor install over one: of such a package only the metadata is removed.
    """
    names = [name for name, wheel in wheels.items() if (stage / wheel.info / "RECORD").is_file()]
    for name in wheels.keys() - set(names):
        shutil.rmtree(stage / wheels[name].info, ignore_errors=True)
    if names and (done := run_pip_in(stage, ("uninstall", "--yes", *names), environ)).returncode:
        what = f"pip cannot remove {', '.join(names)}: {error_line(done.stderr)}"
        raise BadInput(what, hint="remove the environment and install it again")


def _credentials(wheels: Iterable[LockedPackage]) -> dict[str, str]:
    """The environment variables in the URLs of pip packages, which pip fills in. Raises BadInput if one is not set."""
    return {name: value for wheel in wheels for name, value in values_of(wheel.url, f"the URL of pip package {wheel.name}").items()}


def run_pip_in(
    stage: Path, arguments: Sequence[str], environ: Mapping[str, str], credentials: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the environment's own pip, without writing bytecode, which would contain the stage's path."""
    variables = {name: value for name, value in environ.items() if name.upper() in _PASSED} | dict(credentials or {})
    variables |= {"PATH": os.pathsep.join((str(python(stage).parent), environ.get("PATH", ""))), "PIP_USER": "0"}
    command = [str(python(stage)), "-I", "-B", "-X", "utf8", "-m", "pip", *arguments, *_OPTIONS]
    found = limits()
    command += ["--timeout", str(math.ceil(found.timeout))] if arguments[0] == "install" else []
    try:
        with tempfile.TemporaryDirectory(prefix="envgen-") as scratch:
            done = run_pip(command, variables, Path(scratch), found)
    except (FileNotFoundError, PermissionError, NotADirectoryError):
        raise _missing("python") from None
    if done.returncode and "No module named pip" in done.stderr:
        raise _missing("pip")
    return done


def _missing(package: str) -> BadInput:
    hint = f"add `{package}` to `dependencies:` in the project and run `envgen lock`"
    return BadInput(f"the lock has pip packages, but no {package} to install them with", hint=hint)


def _requirement(wheel: LockedPackage) -> str:
    if is_commit(wheel):
        url, _, below = with_braces(wheel.url).partition("#")  # older pips read no file: URL after `name @`
        return f"{url}#egg={wheel.name}{f'&{below}' if below else ''}\n"
    return f"{wheel.name} @ {_without_fragment(with_braces(wheel.url))} --hash=sha256:{wheel.sha256}\n"


def _without_fragment(url: str) -> str:
    return url.partition("#")[0]


def _failure(output: str, wheels: Sequence[LockedPackage], prefix: Path) -> EnvgenError:
    """Translate pip's error, recognized by its text, into one of ours."""
    output = redacted(output)
    line = error_line(output)
    expected, got = _EXPECTED.search(output), _GOT.search(output)
    if expected and got:
        wheel = next((wheel for wheel in wheels if wheel.sha256 == expected[1]), None)
        return CheckFailed(
            f"the hash of {wheel.name if wheel else 'a pip package'} does not match the lock\n"
            f"  locked  sha256 {expected[1]}\n  fetched sha256 {got[1]}",
            where=redacted(_without_fragment(wheel.url)) if wheel else prefix,
            hint="the file was changed in the index or on the way: lock again; nothing was installed",
        )
    if _FULL.search(output):
        hint = "free some space, or choose another folder with --prefix DIR; nothing was changed"
        return BadInput(f"cannot be written: {line}", where=prefix, hint=hint)
    if _NETWORK.search(output):
        return NoSolution(f"pip packages cannot be fetched: {line}", where=prefix, hint="check the connection to the index")
    return CheckFailed(f"pip failed: {line}", where=prefix, hint="if a package does not fit this Python or platform, lock again")


def error_line(output: str) -> str:
    """The last line of pip's output that begins with ERROR, or the last one of all."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ") and line != "ERROR: Exception:"]
    return (errors or lines or ["no reason given"])[-1]


# --- scripts --------------------------------------------------------------------------------------------------------------


def _dist_info(stage: Path, wheel: LockedPackage) -> Path:
    """The dist-info folder of a package; names are compared in PyPI's normalized form."""
    for folder in site_packages(stage):
        for info in folder.glob("*.dist-info"):
            name, _, version = info.name.removesuffix(".dist-info").rpartition("-")
            if _normal(name) == _normal(wheel.name) and version:
                return info
    raise CheckFailed(f"pip installed {wheel.name}, but its dist-info folder is missing", where=stage, hint="please report this")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _check_record(name: str, info: Path, stage: Path) -> None:
    """Raise CheckFailed if a RECORD lists a file outside the environment: with the package, pip would remove that file.

    pip keeps the rows of a wheel's RECORD even if the wheel does not have the file.
    """
    rows = csv.reader(io.StringIO((info / "RECORD").read_text(encoding="utf-8")))
    outside = next((row[0] for row in rows if row and not within(str(info.parent / row[0]), str(stage), os.path)), None)
    if outside:
        hint = "nothing was installed; do not use this package: tell whoever runs the index"
        raise CheckFailed(f"pip package {name} claims a file outside the environment: {shortened(outside)}", hint=hint)


def _correct_scripts(info: Path, stage: Path, prefix: Path) -> None:
    """Replace the stage's path by the prefix in the scripts of one package, and update their hashes in its RECORD."""
    record = info / "RECORD"
    rows = list(csv.reader(io.StringIO(record.read_text(encoding="utf-8"))))
    changed = [_corrected_row(row, info.parent, os.fsencode(stage), os.fsencode(prefix)) for row in rows]
    if changed != rows:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(changed)
        _replace(record, text.getvalue().encode())


def _corrected_row(row: Sequence[str], base: Path, stage: bytes, prefix: bytes) -> list[str]:
    """Correct the file of one RECORD row and return its new row; only files outside site-packages are scripts."""
    path = base / row[0]
    if not row[0].startswith("..") or not path.is_file() or stage not in (data := path.read_bytes()):
        return list(row)
    data = data.replace(stage, prefix)
    _replace(path, data)
    hashed = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
    return [row[0], f"sha256={hashed}", str(len(data))]


def _replace(path: Path, data: bytes) -> None:
    """Replace a file instead of writing into it: it may be a hard link to a file of the old environment.

    No package can have the name of the scratch file, and lead it out of the environment as a link.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".envgen-tmp")
    scratch = Path(name)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    scratch.chmod(path.stat().st_mode)
    scratch.replace(path)
