"""`envgen matrix refresh --pypi` against a simple index in JSON on loopback, made of small genuine wheels."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from zipfile import ZipFile

import pytest
from conftest import Workspace
from system.test_pip_indexes import wheel

NEEDS = ("cuda-toolkit[cublas]==13.2.2; platform_system == 'Linux'", "nvidia-cudnn-cu13==9.30.0.1")


class Pages(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        answer = self.server.answers.get(self.path)  # type: ignore[attr-defined]
        self.send_response(200 if answer else 404)
        self.end_headers()
        self.wfile.write(answer or b"")


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    found = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    found.answers = {}  # type: ignore[attr-defined]
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


def add(
    server: ThreadingHTTPServer, name: str, version: str, *tags: str, needs: tuple[str, ...] = (), yanked: bool = False
) -> None:
    """Put wheels of one release on the page of a package, and the metadata beside them."""
    answers: dict[str, bytes] = server.answers  # type: ignore[attr-defined]
    page = f"/simple/{name}/"
    files = json.loads(answers.get(page, b'{"files": []}'))["files"]
    for tag in tags:
        file, data = f"{name}-{version}-{tag}.whl", wheel(name, version, needs, tag)
        with ZipFile(BytesIO(data)) as archive:
            answers[f"/files/{file}.metadata"] = archive.read(f"{name}-{version}.dist-info/METADATA")
        files.append(
            {
                "filename": file,
                "url": f"../../files/{file}",
                "hashes": {"sha256": hashlib.sha256(data).hexdigest()},
                "core-metadata": True,
                "yanked": yanked,
            }
        )
    answers[page] = json.dumps({"meta": {"api-version": "1.1"}, "name": name, "files": files}).encode()


def refresh(site: Workspace, server: ThreadingHTTPServer, *more: str) -> tuple[str, str]:
    url = f"http://127.0.0.1:{server.server_port}/simple"
    done = site.envgen("matrix", "refresh", "--pypi", "--index-url", url, *more)
    assert done.status == 0, done.err
    return done.out, done.err


TAGS = ("cp312-cp312-manylinux_2_28_x86_64", "cp313-cp313-manylinux_2_28_x86_64", "cp313-cp313t-manylinux_2_28_x86_64")


def test_a_new_release_becomes_rows(workspace: Workspace, server: ThreadingHTTPServer) -> None:
    add(server, "torch", "9.0.0", *TAGS, "cp312-cp312-win_amd64", "cp312-cp312-macosx_14_0_arm64", needs=NEEDS)
    add(server, "torch", "2.14.1", *TAGS)
    add(server, "torch", "9.1.0", *TAGS, yanked=True)
    add(server, "torch", "9.2.0rc1", *TAGS)
    add(server, "torch", "9.3.0+cpu", *TAGS)
    out, err = refresh(workspace, server, "--framework", "pytorch", "--write")
    added = [line[1:].strip() for line in out.splitlines() if line.startswith("+") and not line.startswith("+++")]
    assert added == [
        '- version: "9.0.0"',
        "builds:",
        '- {provider: pypi, variants: [cpu], platforms: [linux-64], python: "3.12-3.13", glibc: "2.28"}',
        '- {provider: pypi, variants: [cpu], platforms: [osx-arm64, win-64], python: "3.12"}',
        '- {provider: pypi, variants: ["13.2"], platforms: [linux-64], python: "3.12-3.13", glibc: "2.28"}',
    ]
    assert "by hand: pytorch 9.0.0: its metadata pins CUDA 13.2: add other CUDA versions and platforms, and the cuDNN" in err
    assert refresh(workspace, server, "--framework", "pytorch") == (
        "",
        "unchanged: the index has nothing that the matrices do not claim\n",
    )


def test_a_companion_says_what_it_goes_with(workspace: Workspace, server: ThreadingHTTPServer) -> None:
    add(server, "torchvision", "9.0.0", *TAGS, needs=("numpy", "torch (==2.15.0)"))
    out, _ = refresh(workspace, server, "--framework", "torchvision")
    assert 'python: "3.12-3.13", glibc: "2.28", needs: {pytorch: "2.15.0"}}' in out


@pytest.mark.parametrize("page", [b"<html></html>", None])
def test_an_index_that_cannot_be_read_is_an_error(page: bytes | None, workspace: Workspace, server: ThreadingHTTPServer) -> None:
    server.answers["/simple/torch/"] = page  # type: ignore[attr-defined]
    url = f"http://me:secret@127.0.0.1:{server.server_port}/simple"
    done = workspace.envgen("matrix", "refresh", "--pypi", "--index-url", url, "--framework", "pytorch")
    assert done.status == 4
    assert "secret" not in done.err
    assert "Traceback" not in done.err


def test_an_index_must_be_named(workspace: Workspace) -> None:
    done = workspace.envgen("matrix", "refresh", "--pypi")
    assert done.status == 2
    assert "--index-url" in done.err
