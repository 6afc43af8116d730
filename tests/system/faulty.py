"""A channel server that misbehaves: it stays silent, drips, never ends, breaks off, lies about lengths, sends bombs and garbage.

with faulty(folder, silent) as server:      # serves `folder`; `silent` decides what is wrong with an answer
    server.url("mychannel")
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import zstandard

BIG = 1 << 20


@dataclass
class Faulty:
    """A running server: `requests` grows with each request, `closing` is set when it ends."""

    folder: Path
    port: int = 0
    requests: list[str] = field(default_factory=list)
    closing: Event = field(default_factory=Event)

    def url(self, channel: str) -> str:
        return f"http://127.0.0.1:{self.port}/{channel}"


class Handler(BaseHTTPRequestHandler):
    """Serves files; a fault takes the place of the answer where it returns True."""

    protocol_version = "HTTP/1.1"
    site: Faulty
    fault: Callable[[Handler, str], bool]

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.site.requests.append(f"{self.command} {path}")
        with suppress(ConnectionError):
            if not type(self).fault(self, path):
                self.serve(path)

    do_HEAD = do_GET

    def serve(self, path: str) -> None:
        """The file, as a good server sends it."""
        file = self.site.folder / path.lstrip("/")
        body = file.read_bytes() if file.is_file() else b"not here"
        self.send(200 if file.is_file() else 404, body)

    def send(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self, path: str) -> bytes:
        """What the file of a path holds; without one, a small repodata."""
        file = self.site.folder / path.lstrip("/")
        return file.read_bytes() if file.is_file() else json.dumps({"packages": {}, "packages.conda": {}}).encode()

    def wait(self, seconds: float = 3600) -> bool:
        """Wait until the server ends; False after so many seconds."""
        return self.site.closing.wait(seconds)

    def handle(self) -> None:
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""


@contextmanager
def faulty(folder: Path, fault: Callable[[Handler, str], bool]) -> Iterator[Faulty]:
    """Serve the channels below `folder` with a fault on a free port of 127.0.0.1."""
    site = Faulty(folder)
    http = ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Handler,), {"site": site, "fault": staticmethod(fault)}))
    http.daemon_threads = True
    site.port = http.server_address[1]
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.closing.set()
        http.shutdown()
        http.server_close()
        thread.join()


def only(ending: str, fault: Callable[[Handler, str], bool]) -> Callable[[Handler, str], bool]:
    """A fault in the answers for paths that end so; everything else is well."""
    return lambda handler, path: path.endswith(ending) and fault(handler, path)


# --- faults ---------------------------------------------------------------------------------------------------------------


def silent(handler: Handler, path: str) -> bool:
    """The connection is accepted, and nothing comes."""
    handler.wait()
    return True


def stuck(handler: Handler, path: str) -> bool:
    """Half of the body comes, then nothing more."""
    body = handler.body(path)
    handler.send(200, body[: len(body) // 2], len(body))
    handler.wfile.flush()
    handler.wait()
    return True


def drip(handler: Handler, path: str) -> bool:
    """A byte every tenth of a second."""
    body = handler.body(path)
    handler.send(200, b"", len(body), **{"Content-Type": "text/html"})
    for place in range(len(body)):
        handler.wfile.write(body[place : place + 1])
        handler.wfile.flush()
        if handler.wait(0.1):
            break
    return True


def endless(handler: Handler, path: str) -> bool:
    """A body without an end, as fast as it is taken."""
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.send_header("Content-Type", "text/html")
    handler.end_headers()
    handler.close_connection = True
    handler.wfile.write(b'{"packages": {}, "packages.conda": {"x')
    while not handler.site.closing.is_set():
        handler.wfile.write(b"x" * BIG)
    return True


def bomb(handler: Handler, path: str, size: int = 1 << 28) -> bool:
    """A small zstd file that becomes a large one."""
    handler.send(200, bombed(size))
    return True


@cache
def bombed(size: int) -> bytes:
    compressor = zstandard.ZstdCompressor(level=1).compressobj()
    start = compressor.compress(b'{"packages": {}, "packages.conda": {}, "x": "')
    return b"".join([start, *(compressor.compress(b" " * BIG) for _ in range(size // BIG)), compressor.flush()])


def status(code: int) -> Callable[[Handler, str], bool]:
    def answer(handler: Handler, path: str) -> bool:
        handler.send(code, b"broken")
        return True

    return answer


def garbage(handler: Handler, path: str) -> bool:
    handler.send(200, b"<html>Please log in</html>")
    return True


def short(handler: Handler, path: str) -> bool:
    """Half of the body comes, then the connection is closed."""
    body = handler.body(path)
    handler.send(200, body[: len(body) // 2], len(body))
    handler.close_connection = True
    return True


def long(handler: Handler, path: str) -> bool:
    """More comes than the length says."""
    body = handler.body(path)
    handler.send(200, body, max(0, len(body) - 7))
    return True


def redirected_for_ever(handler: Handler, path: str) -> bool:
    handler.send(302, b"", Location=path)
    return True


def cut_zstd(handler: Handler, path: str) -> bool:
    """A zstd file without its end, with the right length."""
    body = zstandard.ZstdCompressor().compress(handler.body(path.removesuffix(".zst")) * 50)
    handler.send(200, body[: len(body) // 2])
    return True


_seen: dict[str, int] = {}


def changing(handler: Handler, path: str) -> bool:
    """Another set of packages with each answer."""
    count = _seen[path] = _seen.get(path, 0) + 1
    data = json.loads(handler.body(path))
    rows = dict(sorted(data["packages.conda"].items())[: len(data["packages.conda"]) // count])
    handler.send(200, json.dumps({**data, "packages.conda": rows}).encode(), **{"Cache-Control": "no-store"})
    return True


def later(seconds: float, fault: Callable[[Handler, str], bool]) -> Callable[[Handler, str], bool]:
    """The same, after some time."""

    def answer(handler: Handler, path: str) -> bool:
        time.sleep(seconds)
        return fault(handler, path)

    return answer
