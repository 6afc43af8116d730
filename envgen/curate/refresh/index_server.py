"""Reading an index over HTTP: whole answers, and parts of files."""

from __future__ import annotations

import io
import re
import urllib.request
from base64 import b64encode
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit

from envgen.channels.limits import limits
from envgen.model.errors import BadInput, NoSolution

_ACCEPT = "application/vnd.pypi.simple.v1+json"
_NO_PARTS = (416, 501)  # the answers of HTTP of a server that does not send what was asked for, and may send the whole
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


def read(url: str) -> str:
    """The text at a URL. Raises BadInput for one that is not of HTTP, NoSolution where it cannot be read."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise BadInput(f"{shown(url)} is not the URL of an index", hint="write http:// or https://")
    most = limits()
    try:
        with urllib.request.urlopen(_request(url), timeout=most.timeout) as answer:  # noqa: S310 - the scheme is one of HTTP
            data: bytes = answer.read(most.size + 1)
        if len(data) > most.size:
            hint = "ENVGEN_MAX_SIZE or --max-size raises the limit"
            raise NoSolution(f"{shown(url)} sends too much: more than {most.size // 10**6} MB", hint=hint)
        return data.decode("utf-8")
    except (URLError, OSError, UnicodeDecodeError) as error:
        raise _unreadable(url, error) from None


def _unreadable(url: str, error: Exception) -> NoSolution:
    reason = getattr(error, "reason", None) or type(error).__name__
    return NoSolution(f"{shown(url)} cannot be read: {reason}", hint="is the index reachable?")


def shown(url: str) -> str:
    """A URL without its credentials."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _request(url: str, **headers: str) -> urllib.request.Request:
    """A request with the login of a URL in its header, where urllib wants it."""
    parts = urlsplit(url)
    login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    logged_in = {"Authorization": f"Basic {b64encode(login.encode()).decode()}"} if parts.username else {}
    return urllib.request.Request(shown(url), headers={"Accept": _ACCEPT, **logged_in, **headers})  # noqa: S310


class RemoteFile(io.RawIOBase):
    """A file on a server, of which only the parts that are read are fetched.

    Raises OSError where the server sends no parts of files, and where more is read than the limit; NoSolution where the file
    cannot be read.
    """

    def __init__(self, url: str) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise OSError(f"{shown(url)} is not a URL of HTTP")
        self._url, self._at, self._left = url, 0, limits().size
        self._size = self._part(0, 1)[1]

    def _part(self, begin: int, count: int) -> tuple[bytes, int]:
        """Some bytes, and how many the file has."""
        self._left -= count
        if self._left < 0:
            raise OSError(f"{shown(self._url)} sends too much")
        request = _request(self._url, Range=f"bytes={begin}-{begin + count - 1}", Accept="*/*")
        with self._answer(request) as answer:
            told = _RANGE.fullmatch(answer.headers.get("Content-Range") or "")
            if answer.status != 206 or not told or int(told[1]) != begin:
                raise OSError(f"{shown(self._url)} is not sent in parts")
            return answer.read(count), int(told[2])

    def _answer(self, request: urllib.request.Request) -> Any:
        try:
            return urllib.request.urlopen(request, timeout=limits().timeout)  # noqa: S310 - the scheme is one of HTTP
        except OSError as error:
            if isinstance(error, HTTPError) and error.code in _NO_PARTS:
                raise
            raise _unreadable(self._url, error) from None

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fetch as many bytes as the buffer has, from the place that was sought."""
        count = min(len(buffer), self._size - self._at)
        data = self._part(self._at, count)[0] if count > 0 else b""
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; nothing is fetched."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError("a place before the file")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """The place that was sought."""
        return self._at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True
