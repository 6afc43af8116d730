"""A tiny conda channel of genuine `.conda` packages, made in milliseconds, and a loopback server that hands it out.

    build(tmp_path / "conda-forge")            # <subdir>/repodata.json and the packages beside it
    with serve(tmp_path) as server:            # http://127.0.0.1:PORT/conda-forge
        ...
        assert server.requests == []

The packages carry the names, builds and dependencies that real ones have where envgen cares: a CPU and a CUDA 12.6 build of
pytorch for two Pythons, `cuda-version` that holds `__cuda`, `python_abi`, numpy, and some pure Python.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from rattler.index import index_fs
from rattler_build import assemble_package

MADE = datetime(2025, 6, 1, tzinfo=timezone.utc)
PYTHONS = ("3.11", "3.12")


@dataclass(frozen=True)
class Package:
    """What a package of the channel says of itself."""

    name: str
    version: str
    build: str = "pyhd8ed1ab_0"
    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    subdir: str = "noarch"


def pure(name: str, version: str, *depends: str) -> Package:
    """A pure Python package."""
    return Package(name, version, depends=("python >=3.11", *depends))


def compiled(
    name: str, version: str, python: str, flavour: str = "", depends: Iterable[str] = (), subdir: str = "linux-64"
) -> Package:
    """A package built for one Python minor; `flavour` begins its build string (`cpu_generic`, `cuda126_generic`)."""
    minor = python.replace(".", "")
    low, high = python, f"3.{int(python.split('.')[1]) + 1}"
    needs = (f"python >={low},<{high}.0a0", f"python_abi {python}.* *_cp{minor}", *depends)
    return Package(name, version, "_".join(filter(None, (flavour, f"py{minor}h1234567_0"))), needs, subdir=subdir)


def pytorch(version: str, python: str, subdir: str = "linux-64") -> tuple[Package, ...]:
    """The CPU and the CUDA 12.6 build of a pytorch release."""
    cuda = ("__cuda", "cuda-version >=12.6,<13", "numpy >=1.23,<3")
    builds = [compiled("pytorch", version, python, "cpu_generic", ("numpy >=1.23,<3",), subdir)]
    builds += [compiled("pytorch", version, python, "cuda126_generic", cuda, subdir)] if subdir == "linux-64" else []
    return tuple(builds)


def of_python(python: str, subdir: str = "linux-64") -> tuple[Package, ...]:
    """What there is for one Python minor."""
    minor = python.replace(".", "")
    return (
        Package("python", f"{python}.9", "h9e4cc4f_0_cpython", constrains=(f"python_abi {python}.* *_cp{minor}",), subdir=subdir),
        Package("python_abi", python, f"8_cp{minor}", constrains=(f"python {python}.*",)),
        compiled("numpy", "1.26.4", python, subdir=subdir),
        compiled("numpy", "2.2.6", python, subdir=subdir),
        *pytorch("2.6.0", python, subdir),
        *pytorch("2.7.1", python, subdir),
    )


EVERYTHING: tuple[Package, ...] = (
    *(package for python in PYTHONS for package in of_python(python)),
    Package("cuda-version", "12.6", "h7480c83_3", constrains=("__cuda >=12", "cudatoolkit 12.6|12.6.*")),
    Package("cuda-version", "12.9", "h4f385c5_3", constrains=("__cuda >=12", "cudatoolkit 12.9|12.9.*")),
    pure("pip", "25.1"),
    pure("einops", "0.7.0"),
    pure("einops", "0.8.1"),
    pure("needs-old-numpy", "1.0", "numpy <2"),
    pure("needs-new-numpy", "1.0", "numpy >=2"),
)


# A project that this channel can serve.
PROJECT = """\
python: ">=3.11,<3.13"
frameworks: {pytorch: "2.7"}
targets: [cpu, cu126]
platforms: [linux-64]
channels: [conda-forge]
dependencies: [numpy, einops]
"""


def build(folder: Path, packages: Iterable[Package] = EVERYTHING, subdirs: Iterable[str] = ("linux-64",)) -> Path:
    """Make `folder` a channel that holds `packages`, index and all; what it held before stays."""
    for subdir in ("noarch", *subdirs):
        (folder / subdir).mkdir(parents=True, exist_ok=True)
    for package in packages:
        assemble_package(
            package.name,
            package.version,
            package.subdir,
            package.build,
            folder / package.subdir,
            depends=list(package.depends),
            constrains=list(package.constrains),
            noarch="generic" if package.subdir == "noarch" else None,
            timestamp=MADE,
            compression_level=0,
        )
    asyncio.run(index_fs(folder, write_zst=False, write_shards=False))
    return folder


# --- handing it out -------------------------------------------------------------------------------------------------------


@dataclass
class Server:
    """A running server. `requests` grows with every request: "GET /conda-forge/noarch/repodata.json 200"."""

    folder: Path
    port: int = 0
    login: tuple[str, str] | None = None  # user and password of basic auth
    token: str | None = None  # everything lies below /t/<token>/
    broken: int | None = None  # the status of every answer, whatever is asked
    requests: list[str] = field(default_factory=list)

    def url(self, channel: str) -> str:
        """The address of a channel, without credentials."""
        return f"http://127.0.0.1:{self.port}/{channel}"

    def answer(self, path: str, authorization: str | None) -> tuple[int, bytes]:
        """Status and body for one request."""
        if self.broken:
            return self.broken, b"broken"
        if self.login and authorization != "Basic " + base64.b64encode(":".join(self.login).encode()).decode():
            return 401, b"who are you?"
        if self.token:
            prefix = f"/t/{self.token}/"
            if not path.startswith(prefix):
                return 401, b"no token"
            path = path.removeprefix(prefix)
        file = (self.folder / path.lstrip("/")).resolve()
        file = file / "index.html" if file.is_dir() else file
        if not file.is_relative_to(self.folder.resolve()) or not file.is_file():
            return 404, b"not here"
        return 200, file.read_bytes()


@contextmanager
def serve(
    folder: Path, login: tuple[str, str] | None = None, token: str | None = None, broken: int | None = None
) -> Iterator[Server]:
    """Serve the channels below `folder` on a free port of 127.0.0.1."""
    server = Server(folder, login=login, token=token, broken=broken)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            status, body = server.answer(path, self.headers.get("Authorization"))
            tag = f'"{hashlib.sha256(body).hexdigest()}"'
            if status == 200 and self.headers.get("If-None-Match") == tag:
                status, body = 304, b""
            server.requests.append(f"{self.command} {path} {status}")
            with suppress(ConnectionError):  # who has heard of a failure may hang up
                self.send_response(status)
                if status == 401:
                    self.send_header("WWW-Authenticate", 'Basic realm="channel"')
                if status in (200, 304):
                    self.send_header("ETag", tag)
                if b"<html>" in body[:30]:  # the page of an index of wheels
                    self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is http.server's)
            """Nothing on stderr."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.port = http.server_address[1]
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
