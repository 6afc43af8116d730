"""What uv is asked, what its answers mean, and what its refusals become, whole; uv itself is not run."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from unit import told
from unit.small import real_matrix

from envgen.channels.limits import Limits
from envgen.channels.watch import Unreachable
from envgen.model.dates import ExcludeNewer
from envgen.model.errors import BadInput, EnvgenError, NoSolution
from envgen.model.packages import Record
from envgen.model.pip import PipIndex, PipRequest
from envgen.pip import process, solve
from envgen.pip.answer import _needs, _platforms, locked
from envgen.pip.process import UvArrivals, run_uv
from envgen.pip.provided import provided
from envgen.pip.question import Question, configuration, constraints, hosts, options, places, preferences, pyproject, uv_platform
from envgen.pip.refusal import refusal
from envgen.pip.solve import locked_wheels

SHA = "ab" * 32
OWN = PipIndex(name="own", url="https://$USER:$PASS@own.example/simple", packages=("mine", "own-*"))
PLAIN = PipRequest(environment="p-cpu", platform="linux-64", requirements=("einops >=0.7",), virtual={"__glibc": "2.28"})
FULL = replace(
    PLAIN,
    requirements=("einops[x] >=0.7", "mine", "own-one ==1", "not a requirement !"),
    constraints=("numpy <2", "scipy >=1"),
    indexes=(OWN, PipIndex(name="b", url="https://b.example/simple", packages=("b",))),
    repositories=("https://first.example/simple", "https://last.example/simple"),
    find_links=("https://links.example/page", "./wheels"),
    build=("einops", "mine", "own-other", "b"),
    exclude_newer=ExcludeNewer(
        (("", datetime(2026, 6, 1, tzinfo=timezone.utc)), ("numpy", None), ("scipy", datetime(2026, 7, 1, tzinfo=timezone.utc)))
    ),
)
DATED = replace(PLAIN, exclude_newer=ExcludeNewer((("numpy", None), ("scipy", datetime(2026, 7, 1, tzinfo=timezone.utc)))))
STUBS = {"numpy": Path("/s/numpy-2.2-py3-none-any.whl"), "attrs": Path("/s/attrs-1-py3-none-any.whl")}
NO_URLS: Mapping[str, str] = {}


def on(platform: str, **virtual: str) -> PipRequest:
    return replace(PLAIN, platform=platform, virtual={f"__{name}": value for name, value in virtual.items()})


def question(request: PipRequest, **more: Any) -> Question:
    return Question(request=request, python="3.12.9", provided={"numpy": "2.2", "attrs": "1"}, **more)


def asked(request: PipRequest, **more: Any) -> Iterator[str]:
    """Everything that uv is given."""
    about = question(request, **more)
    urls = {url: url.replace("$USER:$PASS", "u:p") for url in places(request)}
    for name, text in (
        ("pyproject.toml", pyproject(about, urls)),
        ("uv.toml", configuration(request, urls)),
        ("constraints.txt", constraints(about, STUBS)),
        ("pylock.toml", preferences({"b": "2", "a": "1"})),
    ):
        yield from (f"{name}: {line}" for line in text.splitlines())
    yield f"options: {' '.join(options(about, urls))}"
    yield f"hosts: {hosts(urls)}"


def named(*requests: PipRequest) -> Iterator[str]:
    """How uv names platforms, and which tags of wheels fit them."""
    for request in requests:
        tags = list(_platforms(request))
        listed = " ".join(tags if len(tags) < 12 else [*tags[:4], "...", *tags[-4:]] if "linux" in tags[0] else tags[:4])
        try:
            yield f"{request.platform} {dict(request.virtual)}: {uv_platform(request)}; {listed}"
        except BadInput as error:
            yield f"{request.platform} {dict(request.virtual)}: {error.what}; {error.hint}; {listed}"


WHEELS = [
    "a-1-py3-none-any.whl",
    "a-1-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "a-1-cp312-cp312-manylinux_2_28_x86_64.whl",
    "a-1-2-cp312-cp312-manylinux_2_28_x86_64.whl",
    "a-1-cp312-cp312-manylinux_2_39_x86_64.whl",
    "a-1-cp311-abi3-manylinux2014_aarch64.whl",
    "a-1-cp312-cp312-macosx_11_0_arm64.whl",
    "a-1-cp312-cp312-macosx_14_0_universal2.whl",
    "a-1-cp312-cp312-win_amd64.whl",
    "a-1-cp313-cp313-win_amd64.whl",
    "odd.whl",
]


def best(*requests: PipRequest, wheels: Sequence[str] = WHEELS, python: str = "3.12.9") -> Iterator[str]:
    """Which wheel each platform takes."""
    rows = ", ".join(f"{{url = 'https://h.example/{name}', hashes = {{sha256 = '{SHA}'}}}}" for name in wheels)
    text = f"lock-version = '1.0'\n[[packages]]\nname = 'A'\nwheels = [{rows}]\n[[packages]]\nname = 'conda-s'\n"
    for request in requests:
        try:
            (found,) = locked(text, "a==0\n    # via b\n", request, python, ("conda-s",))
            yield f"{request.platform} {python}: {found.name} {found.version} {found.url.rpartition('/')[2]}"
        except NoSolution as error:
            yield f"{request.platform} {python}: {error.what}; {error.hint}"


LISTED = """\
a==1.0
    # via b
b[x]==2
    # via
    #   c
    #   D_d[y]
    #   -r pyproject.toml
    #   f (folder)
c @ https://h.example/c.whl
# a comment
d-d==1
    # via p-cpu (pyproject.toml)
"""


def record(name: str, version: str, *depends: str, **source: object) -> Record:
    return Record(
        name=name, version=version, build="0", channel="c", subdir="noarch", file="", url="", md5=None, sha256=None, size=1,
        depends=depends, source=source,
    )  # fmt: skip


RECORDS = [
    record("zlib", "1.3"),
    record("python", "3.12.9", "zlib"),
    record("numpy", "2.2.6", "python >=3.12"),
    record("Odd_Name", "1.0", "python_abi 3.12.*"),
    record("by-purl", "1.0", "python", purls=["pkg:pypi/One%2Dname@1.0", "pkg:npm/x", 5]),
    record("no-purl", "1.0", "python", purls=[]),
    record("words", "1.0", "python", purls="pkg:pypi/x"),
    record("own-version", "not.a version", "python"),
    record("pytorch", "2.7.1", "python"),
    record("pytorch-gpu", "2.7.1", "pytorch", "python"),
    record("tensorflow", "2.19", "python"),
    record("torchvision", "0.22", "python"),
    record("jaxlib", "0.7.2", "python"),
]


def given() -> Iterator[str]:
    """What conda's packages provide."""
    for name, version in provided(reversed(RECORDS), real_matrix().catalogue).items():
        yield f"{name} {version}"


REFUSALS = {
    "nothing": "",
    "noise alone": "warning: x\nResolved 3 packages\nUsing CPython 3.12\n\n",
    "what conda has": "error: Because numpy @ file:///s/numpy-2.2-py3-none-any.whl and einops needs numpy>=3,\n  it fails.  \n",
    "no connection": "error: Failed to fetch: `https://h.example`",
    "a damaged file": "  x invalid metadata of einops",
    "no wheel": "einops has no wheels with a matching Python ABI tag\nmatching Python",
    "another Python": "einops 9 does not satisfy Python>=3.13",
    "no dates": "filtered by `exclude-newer` (no dates)",
    "too new": "filtered by `exclude-newer`: published at 2027",
    "no such package": "einopsy was not found in the package registry",
    "withdrawn": "einops was yanked",
    "from source": "Building source distributions is disabled",
    "its build": "Failed to build einops",
    "longest": f"x{'y' * 5000}",
}


def refused(text: str) -> Iterator[str]:
    error = refusal(text, question(PLAIN))
    yield from (line.replace("y" * 3999, "y * 3999") for line in error.what.splitlines())
    yield f"hint: {error.hint}"


LINUX, MUSL = on("linux-64", glibc="2.28"), on("linux-64", glibc="1.2")
PLATFORMS = (
    LINUX, on("linux-64", glibc="2.17 0"), on("linux-64", glibc="2.45"), on("linux-64"), on("linux-64", glibc="2.12"), MUSL,
    on("linux-aarch64", glibc="2.35"), on("osx-arm64", osx="14.2"), on("osx-arm64", osx="13"), on("osx-arm64"),
    on("osx-64", osx="10.9"), on("osx-64"), on("win-64"), on("win-arm64"),
)  # fmt: skip
CASES: Mapping[str, Callable[[], Iterator[str]]] = {
    "a plain question": lambda: asked(PLAIN),
    "a question with indexes and dates": lambda: asked(FULL, indexed=("own-other",)),
    "dates of some packages": lambda: asked(DATED),
    "platforms": lambda: named(*PLATFORMS),
    "wheels": lambda: best(*(row for row in PLATFORMS if row.platform != "win-arm64")),
    "wheels of another Python": lambda: best(LINUX, on("win-64"), python="3.13.1"),
    "no wheel": lambda: best(LINUX, on("win-64"), wheels=WHEELS[-2:]),
    "who needs what": lambda: (f"{name}: {sorted(above)}" for name, above in _needs(LISTED).items()),
    "what conda provides": given,
    **{f"refused: {name}": lambda text=text: refused(text) for name, text in REFUSALS.items()},  # type: ignore[misc]
}


def test_the_file_has_all_cases(update_golden: bool) -> None:
    if update_golden:
        told.write("pip.txt", {title: say() for title, say in CASES.items()})
    assert list(told.written("pip.txt")) == list(CASES)


@pytest.mark.parametrize("title", CASES)
def test_everything_is_asked_and_understood_as_it_was_written_down(title: str) -> None:
    assert list(CASES[title]()) == told.written("pip.txt")[title]


# --- one round after another ----------------------------------------------------------------------------------------------


class FakeUv:
    """uv that answers with the packages that it is asked for, and those that they need; what it was given is kept."""

    def __init__(self, needs: Mapping[str, str], base: str = "https://own.example/f") -> None:
        self.needs, self.base = needs, base
        self.calls: list[tuple[list[str], dict[str, str], dict[str, str]]] = []

    def __call__(
        self, arguments: list[str], folder: Path, cache: Path, more: dict[str, str], say: Callable[[str], None]
    ) -> CompletedProcess[str]:
        say("waiting")
        self.calls.append((arguments, more, {path.name: path.read_text() for path in folder.iterdir() if path.suffix != ".whl"}))
        output = arguments[arguments.index("--output-file") + 1]
        every = [name for name in self.needs if name in self.calls[-1][2]["pyproject.toml"]]
        every += [self.needs[name] for name in every if self.needs[name] and self.needs[name] not in every]
        if output == "pylock.toml":
            rows = (f"[[packages]]\nname = '{name}'\nversion = '1.0'\narchive = {{url = '{self.base}/{name}-1.0.zip', hashes = {{sha256 = '{SHA}'}}}}\n" for name in every)  # fmt: skip
            (folder / output).write_text("lock-version = '1.0'\n" + "".join(rows))
        else:
            rows = (f"{name}==1.0\n    # via {above}\n" for above, name in self.needs.items() if name)
            (folder / output).write_text("".join(rows))
        for wheel in folder.glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                assert {name.rpartition("/")[2] for name in archive.namelist()} == {"METADATA", "WHEEL", "RECORD"}
                assert f"Name: {wheel.name.split('-')[0].replace('_', '-')}\n" in archive.read(archive.namelist()[0]).decode()
        return CompletedProcess([], 0, "", "")


def fake(monkeypatch: pytest.MonkeyPatch, uv: Any) -> Any:
    monkeypatch.setattr(solve, "run_uv", uv)
    monkeypatch.setenv("USER", "me")
    monkeypatch.setenv("PASS", "secret")
    return uv


TOLD: list[str] = []


def solved(request: PipRequest, **pins: str) -> list[tuple[str, str, tuple[str, ...]]]:
    TOLD.clear()
    found = locked_wheels(request, RECORDS, real_matrix().catalogue, pins, TOLD.append)
    return [(row.name, row.url, row.depends) for row in found]


def test_packages_with_an_index_of_their_own_are_requested_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    uv = fake(monkeypatch, FakeUv({"einops": "own-other", "own-other": ""}))
    request = replace(FULL, requirements=("einops",), find_links=("https://links.example/page",))
    assert solved(request, einops="0.9") == [
        ("einops", "https://${USER}:${PASS}@own.example/f/einops-1.0.zip", ("own-other",)),
        ("own-other", "https://${USER}:${PASS}@own.example/f/own-other-1.0.zip", ()),
    ]
    assert len(uv.calls) == 4  # two questions, each asked for files and for who needs what
    first, last = uv.calls[0], uv.calls[-1]
    assert 'dependencies = ["einops"]' in first[2]["pyproject.toml"]
    assert 'dependencies = ["einops", "own-other"]' in last[2]["pyproject.toml"]
    assert 'url = "https://me:secret@own.example/simple"' in first[2]["pyproject.toml"]
    assert 'version = "0.9"' in first[2]["pylock.toml"]
    assert first[0][:5] == ["pyproject.toml", "--config-file", "uv.toml", "--constraints", "constraints.txt"]
    assert first[0][-6:] == ["--refresh", "--format", "pylock.toml", "--generate-hashes", "--output-file", "pylock.toml"]
    assert last[0][-3:] == ["--no-strip-extras", "--output-file", "requirements.txt"]
    assert last[2]["requirements.txt"] == "einops==1.0\nown-other==1.0\n"
    assert [call[1] for call in uv.calls] == [{}] * 4
    assert TOLD == [f"{request.work}: waiting"] * 4


def test_without_pins_uv_is_given_no_lock_and_of_macos_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    uv = fake(monkeypatch, FakeUv({"einops": ""}, base="https://files.example"))
    request = replace(on("osx-arm64", osx="14.2"), requirements=("einops",))
    assert solved(request) == [("einops", "https://files.example/einops-1.0.zip", ())]
    assert "pylock.toml" not in uv.calls[0][2]
    assert uv.calls[0][1] == {"MACOSX_DEPLOYMENT_TARGET": "14.2"}


def test_indexes_that_lead_to_ever_more_packages_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = {f"own-{n}": f"own-{n + 1}" for n in range(20)}
    uv = fake(monkeypatch, FakeUv({"einops": "own-0", **chain}))
    with pytest.raises(NoSolution) as found:
        solved(replace(PLAIN, requirements=("einops",), indexes=(replace(OWN, url="https://own.example/simple"),)))
    assert found.value.what == "pip section of p-cpu, linux-64: its packages lead to ever more of pip-indexes"
    assert found.value.hint == "list the packages that you need under `pip:`"
    assert len(uv.calls) == 16


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (CompletedProcess([], 1, "", "error: https://u:secret@h.example was yanked"), "pip section of p-cpu, linux-64: https://***@h.example was yanked"),
        (NoSolution("the index is silent", hint="try again"), "pip section of p-cpu, linux-64: the index is silent"),
    ],
)  # fmt: skip
def test_what_uv_refuses_is_said_with_the_pip_section(answer: Any, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> CompletedProcess[str]:
        if isinstance(answer, EnvgenError):
            raise answer
        return answer  # type: ignore[no-any-return]

    fake(monkeypatch, refuse)
    with pytest.raises(NoSolution) as found:
        solved(PLAIN)
    assert found.value.what == said
    assert found.value.hint


# --- the process ----------------------------------------------------------------------------------------------------------


def test_uv_gets_its_own_options_and_an_environment_without_the_users_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[Any] = []
    log = "DEBUG uv_client\nDEBUG Sending fresh GET request for: https://u:p@one.example/a\n"

    def child(*words: Any, say: Callable[[str], None], errors: Path) -> CompletedProcess[str]:
        ran.append(words)
        errors.write_text("", encoding="utf-8")
        say("waiting")
        errors.write_text(log, encoding="utf-8")
        say("waiting")
        return CompletedProcess([], 0, "", f"{log}WARN x\nerror: it fails\n")

    told: list[str] = []
    monkeypatch.setattr(process, "run_child", child)
    monkeypatch.setattr(process, "limits", lambda: Limits(timeout=2.4, size=10**6))
    monkeypatch.setattr(os, "environ", {"PATH": "/bin", "http_proxy": "x", "UV_INDEX": "y", "PIP_INDEX_URL": "z"})
    done = run_uv(["pyproject.toml"], tmp_path, tmp_path / "cache", {"MORE": "1"}, told.append)
    assert done.stderr == "error: it fails\n"
    assert told == ["waiting", "waiting, last for https://***@one.example/a"]
    ((command, environ, folder, _, what, found),) = ran
    assert command[1:4] == ["pip", "compile", "pyproject.toml"]
    assert command[4:10] == ["--no-progress", "--color", "never", "--no-python-downloads", "--no-header", "--cache-dir"]
    assert command[10:12] == [str(tmp_path / "cache"), "--python"]
    assert environ.pop("RUST_LOG")
    assert environ == {
        "PATH": "/bin",
        "http_proxy": "x",
        "UV_HTTP_TIMEOUT": "2",
        "UV_HTTP_RETRIES": "2",
        "UV_SYSTEM_CERTS": "1",
        "LC_ALL": "C.UTF-8",
        "MORE": "1",
    }
    assert (folder, what, found.size) == (tmp_path, "the package index of `pip:`", 10**6)


def test_uv_that_cannot_be_run_or_is_not_there_is_bad_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> CompletedProcess[str]:
        raise PermissionError(13, "no permission")

    monkeypatch.setattr(process, "run_child", fails)
    with pytest.raises(BadInput) as found:
        run_uv([], tmp_path, tmp_path, {}, print)
    assert (found.value.what, found.value.hint) == (
        "uv cannot be run: no permission",
        "install envgen again: uv is one of its dependencies",
    )
    monkeypatch.setattr("uv.find_uv_bin", lambda: (_ for _ in ()).throw(FileNotFoundError()))
    with pytest.raises(BadInput) as found:
        process.uv()
    assert (found.value.what, found.value.hint) == (
        "uv, which resolves pip packages, is not installed",
        "python -m pip install uv",
    )


def test_an_index_may_take_twenty_time_outs_and_so_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    now, memory = [100.0], [10**6]
    monkeypatch.setattr(process.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(process, "memory", lambda number: memory[0] if number == 7 else 0)
    arrivals = UvArrivals(Limits(timeout=2, size=10**6), 7)
    before = arrivals.arrived()
    assert arrivals.arrived() > before
    assert (arrivals.excess(), arrivals.unfinished()) == ("", False)
    now[0], memory[0] = 140.0, 10**6 + 1
    assert arrivals.arrived()
    assert arrivals.excess() == "its answers take more than 1 MB"
    now[0] = 140.1
    with pytest.raises(Unreachable) as found:
        arrivals.arrived()
    assert found.value.what == "the package index of `pip:` is not read after 40 s"
    assert found.value.hint == "try again; ENVGEN_TIMEOUT or --timeout waits longer"
