"""`envgen matrix refresh --pypi` against a simple index in JSON on loopback, made of small genuine wheels."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from base64 import b64encode
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
        login = self.server.answers.get("login")  # type: ignore[attr-defined]
        known = login is None or self.headers["Authorization"] == f"Basic {b64encode(login).decode()}"
        part = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"] or "") if known and answer else None
        if part and self.server.answers.get("parts"):  # type: ignore[attr-defined]
            begin, end = int(part[1]), min(int(part[2]) + 1, len(answer))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(answer)}")
            answer = answer[begin:end]
        else:
            self.send_response(401 if not known else 200 if answer else 404)
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
    server: ThreadingHTTPServer,
    name: str,
    version: str,
    *tags: str,
    needs: tuple[str, ...] = (),
    beside: bool = True,
    **more: object,
) -> None:
    """Put wheels of one release on the page of a package, and the metadata beside them, else the wheels themselves."""
    answers: dict[str, bytes] = server.answers  # type: ignore[attr-defined]
    page = f"/simple/{name}/"
    files = json.loads(answers.get(page, b'{"files": []}'))["files"]
    for tag in tags:
        file, data = f"{name}-{version}-{tag}.whl", wheel(name, version, needs, tag)
        if beside:
            with ZipFile(BytesIO(data)) as archive:
                answers[f"/files/{file}.metadata"] = archive.read(f"{name}-{version}.dist-info/METADATA")
        else:
            answers[f"/files/{file}"] = data
        files.append(
            {
                "filename": file,
                "url": f"../../files/{file}",
                "hashes": {"sha256": hashlib.sha256(data).hexdigest()},
                "core-metadata": beside,
                **more,
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
        '- {provider: pypi, variants: [cpu], platforms: [osx-arm64, win-64], python: "3.12"}',
        '- {provider: pypi, variants: ["13.2"], platforms: [linux-64], python: "3.12-3.13", glibc: "2.28"}',
    ]
    assert "by hand: pytorch 9.0.0: its metadata pins CUDA 13.2 on linux-64: add the CPU builds there, " in err
    assert refresh(workspace, server, "--framework", "pytorch") == (
        "",
        "unchanged: the index has nothing that the matrices do not claim\n",
    )


def test_a_wheel_that_pins_a_cuda_on_one_platform_is_a_cpu_build_on_the_others(
    workspace: Workspace, server: ThreadingHTTPServer
) -> None:
    """And a CUDA that only an extra brings says nothing of the wheel."""
    arm = "cp312-cp312-manylinux_2_28_aarch64"
    here = "nvidia-cuda-runtime-cu12==12.8.90; platform_system == 'Linux' and platform_machine == 'x86_64'"
    add(server, "torch", "9.0.0", *TAGS, arm, needs=(here,))
    add(server, "torch", "9.1.0", *TAGS, arm, needs=("nvidia-cuda-runtime==13.2.86; extra == 'cuda'",))
    out, _ = refresh(workspace, server, "--framework", "pytorch")
    rows = [line[1:].strip() for line in out.splitlines() if line.startswith("+") and "provider" in line]
    assert [row.partition("variants: ")[2].partition(", python")[0] for row in rows] == [
        "[cpu], platforms: [linux-64]",
        "[cpu], platforms: [linux-aarch64]",
        "[cpu], platforms: [linux-aarch64]",
        '["12.8"], platforms: [linux-64]',
    ]


def proposed(out: str) -> list[str]:
    """The rows of a diff."""
    return [line[1:].strip() for line in out.splitlines() if line.startswith("+") and "provider" in line]


def test_metadata_that_is_not_beside_a_wheel_is_read_out_of_it(workspace: Workspace, server: ThreadingHTTPServer) -> None:
    """Where the server sends parts of files; where it does not, nothing is claimed of the wheels that may be for CUDA."""
    add(server, "torch", "9.0.0", *TAGS, "cp312-cp312-win_amd64", needs=NEEDS, beside=False)
    windows = '- {provider: pypi, variants: [cpu], platforms: [win-64], python: "3.12"}'
    out, err = refresh(workspace, server, "--framework", "pytorch")
    assert proposed(out) == [windows]
    assert "by hand: pytorch 9.0.0: the index has no metadata of its wheel for linux-64: add the builds\n" in err
    assert "pins" not in err
    server.answers["parts"] = True  # type: ignore[attr-defined]
    out, err = refresh(workspace, server, "--framework", "pytorch")
    assert proposed(out) == [
        windows,
        '- {provider: pypi, variants: ["13.2"], platforms: [linux-64], python: "3.12-3.13", glibc: "2.28"}',
    ]
    assert "by hand: pytorch 9.0.0: its metadata pins CUDA 13.2 on linux-64: add the CPU builds there, " in err


def test_a_wheel_that_cannot_be_read_is_not_one_without_metadata(workspace: Workspace, server: ThreadingHTTPServer) -> None:
    add(server, "torch", "9.0.0", *TAGS, needs=NEEDS, beside=False)
    lost = next(path for path in server.answers if path.endswith(".whl"))  # type: ignore[attr-defined]
    del server.answers[lost]  # type: ignore[attr-defined]
    place = f"http://127.0.0.1:{server.server_port}"
    done = workspace.envgen("matrix", "refresh", "--pypi", "--framework", "pytorch", "--index-url", f"{place}/simple")
    assert (done.status, done.err) == (4, f"error: {place}{lost} cannot be read: Not Found\n\nhint: is the index reachable?\n")


def test_a_wheel_for_any_python_is_for_those_that_it_allows_and_the_matrices_know(
    workspace: Workspace, server: ThreadingHTTPServer
) -> None:
    add(server, "torchvision", "9.0.0", "py3-none-win_amd64", **{"requires-python": ">=3.12,!=3.14.*"})
    add(server, "torchvision", "9.1.0", "cp313-abi3-win_amd64", "cp399-cp399-win_amd64", **{"requires-python": ">=3.10"})
    out, err = refresh(workspace, server, "--framework", "torchvision")
    assert proposed(out) == [
        '- {provider: pypi, variants: [cpu], platforms: [win-64], python: "3.13-3.14"}',
        '- {provider: pypi, variants: [cpu], platforms: [win-64], python: "3.12-3.13"}',
    ]
    assert "by hand: torchvision 9.0.0: the index has no wheel of it for Linux: add the CUDA builds\n" in err


def test_a_companion_says_what_it_goes_with(workspace: Workspace, server: ThreadingHTTPServer) -> None:
    add(server, "torchvision", "9.0.0", *TAGS, needs=("numpy", "torch (==2.15.0)"))
    out, _ = refresh(workspace, server, "--framework", "torchvision")
    assert 'python: "3.12-3.13", glibc: "2.28", needs: {pytorch: "2.15.0"}}' in out


def test_an_index_with_a_login_is_read_and_the_login_is_printed_nowhere(workspace: Workspace, server: ThreadingHTTPServer) -> None:
    add(server, "torch", "9.0.0", *TAGS, needs=NEEDS)
    server.answers["login"] = b"me:s3cr@t"  # type: ignore[attr-defined]
    place = f"127.0.0.1:{server.server_port}/simple"
    options = ("matrix", "refresh", "--pypi", "--framework", "pytorch", "--index-url")
    done = workspace.envgen(*options, f"http://me:s3cr%40t@{place}")
    assert (done.status, '- version: "9.0.0"' in done.out) == (0, True), done.err
    assert "s3cr" not in done.out + done.err
    refused = workspace.envgen(*options, f"http://me:other@{place}")
    assert (refused.status, refused.err) == (
        4,
        f"error: http://{place}/torch/ cannot be read: Unauthorized\n\nhint: is the index reachable?\n",
    )


@pytest.mark.parametrize(
    ("page", "what"),
    [
        (b"<html></html>", ": the answer is not a list of files\n\nhint: an index must answer with the JSON of PEP 691\n"),
        (None, " cannot be read: Not Found\n\nhint: is the index reachable?\n"),
        (b"x" * 1_000_001, " sends too much: more than 1 MB\n\nhint: ENVGEN_MAX_SIZE or --max-size raises the limit\n"),
    ],
)
def test_an_index_that_cannot_be_read_is_an_error(
    page: bytes | None, what: str, workspace: Workspace, server: ThreadingHTTPServer
) -> None:
    server.answers["/simple/torch/"] = page  # type: ignore[attr-defined]
    place = f"127.0.0.1:{server.server_port}/simple"
    options = ("--framework", "pytorch", "--max-size", "1")
    done = workspace.envgen("matrix", "refresh", "--pypi", "--index-url", f"http://me:secret@{place}", *options)
    assert (done.status, done.err) == (4, f"error: http://{place}/torch/{what}")


def test_an_index_must_be_named(workspace: Workspace) -> None:
    done = workspace.envgen("matrix", "refresh", "--pypi")
    assert done.status == 2
    assert "--index-url" in done.err
