"""Where results are kept: a folder, or a server that answers GET and PUT. A result is found by the key of its unit.

Whoever can write there can put packages into locks: a place is to be trusted as the branch is that the locks are committed to.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import Request, urlopen
from uuid import uuid4

from envgen.channels.channel import redacted, values_of
from envgen.channels.limits import limits
from envgen.model.errors import BadInput, NoSolution
from envgen.model.regular import regular_text

_LARGEST = 100_000_000  # bytes of a result; one with 12 cells of 300 packages has 2 million
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


class Results(Protocol):
    """Texts by the key of a unit."""

    def get(self, key: str) -> str | None:
        """The result with this key, or None. Raises NoSolution where the place cannot be reached."""

    def put(self, key: str, text: str) -> None:
        """Keep a result. Raises BadInput or NoSolution where that is not possible."""


def open_results(place: str) -> Results:
    """The results in a folder or at an http(s) URL, in which `$NAME` stands for an environment variable. Raises BadInput."""
    if "://" not in place:
        return FolderResults(Path(place))
    if not place.startswith(("http://", "https://")):
        raise BadInput(f"not a place for results: {redacted(place)}", hint="give a folder, or the URL of a server for GET and PUT")
    values = values_of(place, "--results")
    url = urlsplit(_VARIABLE.sub(lambda name: values[name[1] or name[2]], place.rstrip("/")))
    login = f"{unquote(url.username)}:{unquote(url.password or '')}" if url.username else ""
    bare = urlunsplit((url.scheme, url.netloc.rpartition("@")[2], url.path, "", ""))
    return HttpResults(bare, f"Basic {base64.b64encode(login.encode()).decode()}" if login else "")


@dataclass(frozen=True, slots=True)
class FolderResults:
    """A file for each result. Several processes may write at the same time."""

    folder: Path

    def get(self, key: str) -> str | None:
        try:
            return regular_text(self._path(key), largest=_LARGEST)
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise NoSolution(
                f"a result cannot be read: {error}", where=self._path(key), hint="delete it: it is made again"
            ) from None

    def put(self, key: str, text: str) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            scratch = self.folder / f".{key}.{uuid4().hex}.envgen-tmp"
            try:
                scratch.write_text(text, encoding="utf-8", newline="\n")
                scratch.replace(self._path(key))
            finally:
                scratch.unlink(missing_ok=True)
        except OSError as error:
            what = f"a result cannot be written: {error.strerror or error}"
            raise BadInput(what, where=self.folder, hint="give --results a writable folder") from None

    def every(self) -> Iterator[str]:
        """Every result, by key."""
        for path in sorted(self.folder.glob("*.json")):
            if found := self.get(path.stem):
                yield found

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"


@dataclass(frozen=True, slots=True)
class HttpResults:
    """`GET URL/KEY.json` and `PUT URL/KEY.json`; 404 means that there is none."""

    url: str
    authorization: str

    def get(self, key: str) -> str | None:
        try:
            data = self._asked("GET", key)
        except HTTPError as error:
            if error.code == 404:
                return None
            raise self._unreachable(f"{error.code} {error.reason}") from None
        except (URLError, OSError) as error:
            raise self._unreachable(str(error)) from None
        with suppress(UnicodeDecodeError):
            return data.decode()
        return None

    def put(self, key: str, text: str) -> None:
        try:
            self._asked("PUT", key, text.encode())
        except HTTPError as error:
            raise self._unreachable(f"{error.code} {error.reason}") from None
        except (URLError, OSError) as error:
            raise self._unreachable(str(error)) from None

    def _asked(self, method: str, key: str, data: bytes | None = None) -> bytes:
        headers = {"Content-Type": "application/json", **({"Authorization": self.authorization} if self.authorization else {})}
        request = Request(f"{self.url}/{key}.json", data, headers, method=method)  # noqa: S310 - open_results admits http(s) alone
        with urlopen(request, timeout=limits().timeout) as answer:  # noqa: S310
            found: bytes = answer.read(_LARGEST + 1)
        if len(found) > _LARGEST:
            raise OSError(f"more than {_LARGEST // 10**6} MB")
        return found

    def _unreachable(self, why: str) -> NoSolution:
        what = f"the results at {redacted(self.url)} cannot be reached: {redacted(why)}"
        return NoSolution(what, hint="check the URL and its login, or lock without --results")
