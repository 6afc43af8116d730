"""Running uv: without a shell, and with an environment of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess

from envgen.channels.channel import redacted
from envgen.channels.child import run_child
from envgen.channels.limits import Limits, limits
from envgen.channels.watch import Say, Unreachable, memory
from envgen.model.errors import BadInput

# What uv needs to find its files and to reach an index. Nothing else is passed on: other settings of uv and of pip would change
# what is locked.
_PASSED = {
    *("PATH", "HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "NETRC"),
    *("TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT", "SSH_AUTH_SOCK"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSL_CLIENT_CERT"),
    *("UV_SYSTEM_CERTS", "UV_NATIVE_TLS", "UV_INSECURE_HOST", "UV_KEYRING_PROVIDER"),
}
_OPTIONS = ("--no-progress", "--color", "never", "--no-python-downloads", "--no-header")
_LONGEST = 20  # time-outs that one answer may take: uv's own is for a server that is silent
_RETRIES = "2"
_LOG = "uv.log"
_TOLD = "uv_client::cached_client=debug"  # the requests that uv makes, one a line
_REQUEST = re.compile(r"^DEBUG Sending .* request for: (\S+)$", re.MULTILINE)
_DEFAULT = re.compile(r"--default-index\b[^[]*?by\s+default:\s+<?(https?://[^\s>)]+)")
LOGGED = re.compile(r"^(?:DEBUG|WARN) .*\n?", re.MULTILINE)
"""What uv writes of its work, line by line, beside what it says to people."""


def run_uv(arguments: Sequence[str], folder: Path, cache: Path, more: Mapping[str, str], say: Say) -> CompletedProcess[str]:
    """Run `uv pip compile` in a folder. `more` are further environment variables; `say` is told what it waits for.

    Raises Unreachable where it takes longer than 20 time-outs, TooLarge where the indexes send too much, BadInput where there is no
    uv. What else goes wrong, a silent index too, is in its output.
    """
    environ = {name: value for name, value in os.environ.items() if name.upper() in _PASSED}
    found = limits()
    environ |= {"UV_HTTP_TIMEOUT": f"{max(1, round(found.timeout))}", "UV_HTTP_RETRIES": _RETRIES}
    environ |= {"UV_SYSTEM_CERTS": "1", "LC_ALL": "C.UTF-8", "RUST_LOG": _TOLD, **more}
    log = folder / _LOG
    command = [uv(), "pip", "compile", *arguments, *_OPTIONS, "--cache-dir", str(cache), "--python", sys.executable]
    try:
        done = run_child(
            command,
            environ,
            folder,
            partial(UvArrivals, found),
            "the package index of `pip:`",
            found,
            say=lambda text: say(f"{text}{_last_request(log)}"),
            errors=log,
        )
    except OSError as error:
        raise BadInput(f"uv cannot be run: {error.strerror}", hint="install envgen again: uv is one of its dependencies") from None
    done.stderr = LOGGED.sub("", done.stderr)
    return done


def _last_request(log: Path) -> str:
    """The URL that uv asked for last, as its log has it so far; "" where it asked for none."""
    found = _REQUEST.findall(log.read_text(encoding="utf-8", errors="replace"))
    return f", last for {redacted(found[-1])}" if found else ""


class UvArrivals:
    """What uv keeps in memory. uv itself ends a read that brings nothing for the time-out; 20 of them end all."""

    def __init__(self, limits: Limits, process: int) -> None:
        self._limits, self._process = limits, process
        self._end = time.monotonic() + _LONGEST * limits.timeout

    def arrived(self) -> int:
        """More and more, until the end."""
        if time.monotonic() > self._end:
            what = f"the package index of `pip:` is not read after {_LONGEST * self._limits.timeout:g} s"
            raise Unreachable(what, hint="try again; ENVGEN_TIMEOUT or --timeout waits longer")
        return time.monotonic_ns()

    def excess(self) -> str:
        """Its memory over the limit."""
        too_much = memory(self._process) > self._limits.size
        return f"its answers take more than {self._limits.size // 10**6} MB" if too_much else ""

    def unfinished(self) -> bool:
        return False


def default_index() -> str:
    """The index that uv asks where no other is named, as its help says; "" where it does not say."""
    try:
        told = subprocess.run([uv(), "pip", "compile", "--help"], capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return ""
    found = _DEFAULT.search(told.stdout)
    return found[1] if found else ""


def uv() -> str:
    """The program of the package `uv`. Raises BadInput where it is not there."""
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        raise BadInput("uv, which resolves pip packages, is not installed", hint="python -m pip install uv") from None
