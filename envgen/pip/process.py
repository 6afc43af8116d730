"""Running uv: without a shell, and with an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from envgen.channels.limits import limits
from envgen.channels.watch import Unreachable
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


def run_uv(arguments: Sequence[str], folder: Path, cache: Path, more: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `uv pip compile` in a folder. `more` are further environment variables.

    Raises Unreachable where it takes longer than 20 time-outs, BadInput where there is no uv.
    """
    environ = {name: value for name, value in os.environ.items() if name.upper() in _PASSED}
    found = limits()
    environ |= {"UV_HTTP_TIMEOUT": f"{max(1, round(found.timeout))}", "UV_HTTP_RETRIES": _RETRIES}
    environ |= {"UV_SYSTEM_CERTS": "1", "LC_ALL": "C.UTF-8", **more}
    command = [uv(), "pip", "compile", *arguments, *_OPTIONS, "--cache-dir", str(cache), "--python", sys.executable]
    longest = found.timeout * _LONGEST
    try:
        return subprocess.run(  # noqa: S603 - without a shell, and the program is that of the dependency
            command, cwd=folder, env=environ, capture_output=True, check=False, encoding="utf-8", errors="replace", timeout=longest
        )
    except subprocess.TimeoutExpired:
        what = f"uv has no answer from the package indexes after {longest:g} seconds"
        raise Unreachable(what, hint="try again; ENVGEN_TIMEOUT or --timeout waits longer") from None
    except OSError as error:
        raise BadInput(f"uv cannot be run: {error.strerror}", hint="install envgen again: uv is one of its dependencies") from None


def uv() -> str:
    """The program of the package `uv`. Raises BadInput where it is not there."""
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        raise BadInput("uv, which resolves pip packages, is not installed", hint="python -m pip install uv") from None
