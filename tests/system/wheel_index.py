"""An index of wheels on loopback that says what an index says today: PEP 691's JSON, with hashes, upload times and what is yanked."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from packaging.utils import canonicalize_name

_JSON = "application/vnd.pypi.simple.v1+json"


@dataclass(frozen=True)
class WheelIndex:
    """Pages of projects and their files, both by their path; what was asked. `/NAME/` is an index."""

    port: int
    pages: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def url(self, index: str) -> str:
        return f"http://127.0.0.1:{self.port}/{index}"

    def add(self, index: str, file: str, data: bytes, **more: object) -> str:
        """Put a file on the page of its project, with its own sha256 and what `more` says of it; the path of the file."""
        path = f"/{index}/files/{file}"
        self.files[path] = data
        row = {
            "filename": file,
            "url": f"http://127.0.0.1:{self.port}{path}",
            "hashes": {"sha256": hashlib.sha256(data).hexdigest()},
        }
        self.pages.setdefault(f"/{index}/{canonicalize_name(file.partition('-')[0])}/", []).append({**row, **more})
        return path

    def wheel(self, index: str, name: str, version: str, *needs: str, tag: str = "py3-none-any", **more: object) -> str:
        return self.add(index, f"{name}-{version}-{tag}.whl", wheel(name, version, *needs, tag=tag), **more)

    def answer(self, path: str) -> tuple[str, bytes] | None:
        """The kind and the body of an answer; None for what is not there."""
        self.asked.append(path)
        if path in self.pages:
            name = path.rstrip("/").rpartition("/")[2]
            return _JSON, json.dumps({"meta": {"api-version": "1.1"}, "name": name, "files": self.pages[path]}).encode()
        return ("application/octet-stream", self.files[path]) if path in self.files else None


def wheel(name: str, version: str, *needs: str, tag: str = "py3-none-any", module: str = "") -> bytes:
    """A genuine wheel of one module."""
    made, info = io.BytesIO(), f"{name}-{version}.dist-info"
    required = "".join(f"Requires-Dist: {need}\n" for need in needs)
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(f"{name}.py", module)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{required}")
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")
    return made.getvalue()


@contextmanager
def wheel_index() -> Iterator[WheelIndex]:
    """An index without packages, as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            found = index.answer(self.path)
            kind, body = found or ("text/plain", b"")
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    index = WheelIndex(server.server_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()
