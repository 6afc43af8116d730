"""`envgen run`: a command in an installed environment, activated, without CUDA paths of the system."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Run, Workspace, clean_environment, repository
from system.channel import serve
from system.stand_in import MINOR, SUBDIR, Package, channel, python_package

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the packages that run are made for Linux")

ACTIVE = Package(
    "active",
    "1.0",
    "h0123456_0",
    subdir=SUBDIR,
    files={
        "etc/conda/activate.d/active.sh": 'export ACTIVE="on in $CONDA_PREFIX"\n',
        "etc/conda/env_vars.d/active.json": '{"FROM_PACKAGE": "yes"}\n',
        "bin/show": "#!/bin/sh\nprintf '%s\\n' \"$@\"\n",
    },
)


@dataclass(frozen=True)
class Site:
    workspace: Workspace
    prefix: Path

    def run(self, *command: str, quiet: bool = True, **variables: str) -> Run:
        """`envgen run`, in an environment without what the tests themselves need (PYTHONPATH is dropped in any case)."""
        words = ("run", "p", "--target", "cpu", *(("--quiet",) if quiet else ()), "--", *command)
        return self.workspace.envgen(*words, **variables)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    top = tmp_path_factory.mktemp("run")
    channel(top / "www" / "c", (python_package(), ACTIVE))
    workspace = repository(top / "site", clean_environment(top))
    with serve(top / "www") as server:
        head = f'python: "{MINOR}.*"\ntargets: [cpu]\nplatforms: [{SUBDIR}]\nchannels: ["{server.url("c")}"]\n'
        workspace.project("p", head + "dependencies: [active]\n")
        for words in (("lock",), ("install", "p", "--target", "cpu")):
            done = workspace.envgen(*words)
            assert done.status == 0, done.err
        yield Site(workspace, workspace.root / ".envs" / "p-cpu")


@pytest.fixture
def toolkit(tmp_path: Path) -> Path:
    """What a CUDA toolkit of the system looks like."""
    for name in ("lib64/libcudart.so.11.0", "lib64/libcudnn.so.8", "bin/nvcc", "include/cuda_runtime.h"):
        (tmp_path / "cuda-11.2" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "cuda-11.2" / name).touch(mode=0o755)
    return tmp_path / "cuda-11.2"


def test_the_command_runs_in_the_environment_activated(site: Site) -> None:
    done = site.run(
        "python", "-c", "import os, sys; print(sys.prefix, os.environ['ACTIVE'], os.environ['FROM_PACKAGE'], sep='\\n')"
    )
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines() == [str(site.prefix), f"on in {site.prefix}", "yes"]


def test_words_reach_the_command_as_they_are(site: Site) -> None:
    words = ["a b", "$HOME", "`id`", '"; exit 7; "', "--target", "-c", "", "*"]
    done = site.run("show", *words)
    assert (done.status, done.out.split("\n")[:-1]) == (0, words)


@pytest.mark.parametrize("status", [0, 1, 3, 130, 255])
def test_the_status_is_that_of_the_command(site: Site, status: int) -> None:
    assert site.run("sh", "-c", f"exit {status}").status == status


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV])
def test_a_shell_sees_128_and_the_signal(site: Site, sign: signal.Signals) -> None:
    command = f'"{sys.executable}" -m envgen run p --target cpu -- sh -c "kill -{int(sign)} \\$\\$"; echo $?'
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=site.workspace.root,
        env=dict(site.workspace.environment),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{128 + sign}\n"


def test_a_signal_goes_to_the_command_itself(site: Site) -> None:
    """No process of envgen stands between: what is sent to it, the command gets."""
    words = [
        sys.executable,
        "-m",
        "envgen",
        "run",
        "p",
        "--target",
        "cpu",
        "--",
        "sh",
        "-c",
        "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done",
    ]
    with subprocess.Popen(
        words, cwd=site.workspace.root, env=dict(site.workspace.environment), stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
        run.send_signal(signal.SIGTERM)
        assert run.wait(30) == 5


def test_paths_to_another_cuda_are_left_out_and_said_once(site: Site, toolkit: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    done = site.run(
        "sh",
        "-c",
        'echo "$LD_LIBRARY_PATH|$CUDA_HOME|$CPATH|$PYTHONPATH|$PYTHONNOUSERSITE"; echo "$PATH"',
        quiet=False,
        LD_LIBRARY_PATH=f"{toolkit}/lib64:{tmp_path}/mine",
        CUDA_HOME=str(toolkit),
        CPATH=f"{toolkit}/include",
        PATH=f"{toolkit}/bin:{os.environ['PATH']}",
    )
    assert done.out.splitlines() == [f"{tmp_path}/mine||||1", f"{site.prefix}/bin:{os.environ['PATH']}"]
    (said,) = done.err.splitlines()
    assert said.startswith("dropped, because they lead outside this environment: ")
    for dropped in (f"LD_LIBRARY_PATH={toolkit}/lib64", f"CUDA_HOME={toolkit}", f"CPATH={toolkit}/include", f"PATH={toolkit}/bin"):
        assert dropped in said


@pytest.mark.parametrize(
    ("file", "kept"), [("libcublas.so.12", False), ("libnccl.so.2", False), ("libnccl-net.so", True), ("libcurl.so.4", True)]
)
def test_a_folder_goes_for_any_library_of_cuda_and_for_no_other(site: Site, tmp_path: Path, file: str, kept: bool) -> None:
    (tmp_path / file).touch()
    done = site.run("sh", "-c", 'echo "${LD_LIBRARY_PATH-unset}"', LD_LIBRARY_PATH=str(tmp_path))
    assert done.out == f"{tmp_path if kept else 'unset'}\n"


def test_the_drivers_own_folder_stays(site: Site, tmp_path: Path) -> None:
    for name in ("libcuda.so.1", "libnvidia-ml.so.1", "libcudnn.so.8"):
        (tmp_path / name).touch()
    done = site.run("sh", "-c", 'echo "$LD_LIBRARY_PATH"', LD_LIBRARY_PATH=str(tmp_path))
    assert done.out == f"{tmp_path}\n"


def test_programs_of_another_environment_stay_but_its_libraries_go(site: Site, tmp_path: Path) -> None:
    for name in ("conda-meta/history", "bin/nvcc", "lib/libcudart.so.12"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    done = site.run("sh", "-c", 'echo "$PATH ${LD_LIBRARY_PATH-unset}"', PATH=path, LD_LIBRARY_PATH=f"{tmp_path}/lib")
    assert done.out == f"{site.prefix}/bin:{path} unset\n"


def test_a_folder_of_stubs_goes(site: Site, tmp_path: Path) -> None:
    """`stubs/libcuda.so` is for linking; loaded, it is a driver that does nothing."""
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    (stubs / "libcuda.so").touch()
    done = site.run("sh", "-c", 'echo "${LD_LIBRARY_PATH-unset}"', LD_LIBRARY_PATH=str(stubs))
    assert done.out == "unset\n"


def test_what_is_not_installed_is_told_with_the_line_that_installs_it(site: Site, tmp_path: Path) -> None:
    done = site.workspace.envgen("run", "p", "--target", "cpu", "--prefix", tmp_path / "no where", "--", "true")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"error: {tmp_path}/no where: p-cpu is not installed\n")
    assert f"hint: run `envgen install p --target cpu --prefix '{tmp_path}/no where'`" in done.err


@pytest.mark.parametrize("text", ["{", "[]", "3", "\x00"])
def test_variables_of_an_environment_that_cannot_be_read_are_named(site: Site, text: str) -> None:
    state = site.prefix / "conda-meta" / "state"
    state.write_text(text)
    try:
        done = site.run("true")
    finally:
        state.unlink()
    assert done.status == 2
    assert done.err.startswith(f"error: {state}: cannot be read: ")


def test_variables_that_the_user_gave_the_environment_are_set(site: Site) -> None:
    state = site.prefix / "conda-meta" / "state"
    state.write_text('{"version": 1, "env_vars": {"MINE": "1", "FROM_PACKAGE": "***unset***"}}')
    try:
        done = site.run("sh", "-c", 'echo "$MINE ${FROM_PACKAGE-unset}"')
    finally:
        state.unlink()
    assert (done.status, done.out) == (0, "1 unset\n")


def test_an_environment_of_another_target_is_not_run_in(site: Site) -> None:
    mark = site.prefix / "conda-meta" / "envgen"
    text = mark.read_text()
    mark.write_text(text.replace('"cpu"', '"cu126"'))
    try:
        done = site.run("true")
    finally:
        mark.write_text(text)
    assert done.status == 2
    assert "p-cpu is not installed" in done.err


def test_a_command_that_is_not_there_is_told(site: Site) -> None:
    done = site.run("no-such-command")
    assert done.status in (2, 127)
    assert "no-such-command" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("word", ["-a", "-c", "-l", "--help", "-"])
def test_a_word_like_an_option_reaches_no_shell(site: Site, word: str) -> None:
    done = site.run(word, "true")
    assert (done.status, done.out) == (2, "")
    assert done.err == f"error: `{word}` is not a command\n\nhint: write the command first, then its options\n"


def test_without_a_command_it_is_a_usage_error(site: Site) -> None:
    done = site.workspace.envgen("run", "p")
    assert done.status == 2
    assert "COMMAND" in done.err
