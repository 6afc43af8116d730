"""`make gpu-check`: does envgen say the right things on a machine with a GPU? Docs: docs/gpu-check.md.

    python3 benchmarks/gpu/gpu_check.py [--wheels DIR] [--envgen FILE] [--python FILE]... [--out DIR] [--raw FILE] [--double]

Standard library only, and no network: with `--wheels` it installs envgen from that folder into a scratch folder, else it runs the
envgen that this Python imports. Every step is caught, timed and reported; none keeps the next from running. Without a driver, or with
`--double`, the machine is made up: a double of NVML and a stand-in for a framework answer instead.

The exit status is 0 if every check passed or was skipped, 1 if one failed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from site import getsitepackages
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from gpu_judge import Card, Check, Observed, Run, Told, judge, published
from gpu_page import page

REPO = Path(__file__).parents[2]
BUDGET = 170.0  # seconds for everything; what has not begun by then is left out, and said
STEP = 75.0  # seconds for one command
FIRST = 110.0  # and for the first probe of an interpreter, which reads its frameworks from a cold disk
MADE_UP = Told((Card("NVIDIA H100 80GB HBM3", "9.0"),), "580.65.06", "13.0")
_START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from envgen.cli.main import run; run()"


@dataclass
class Session:
    """The scratch folder, how envgen is started, what is added to its environment, and what ran so far.

    `plugin` is what pytest calls envgen's plugin, `folders` are those that another Python imports envgen from.
    """

    scratch: Path
    envgen: list[str]
    variables: dict[str, str]
    plugin: str
    folders: list[str]
    begun: float = field(default_factory=time.monotonic)
    runs: dict[str, Run] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def run(
        self, name: str, *words: object, variables: Mapping[str, str] | None = None, cwd: Path | None = None, limit: float = STEP
    ) -> Run:
        """Run envgen and keep what it said under a name."""
        return self.start(name, [*self.envgen, *map(str, words)], variables=variables, cwd=cwd, limit=limit)

    def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        variables: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        limit: float = STEP,
        terminal: bool = False,
    ) -> Run:
        """Run any command and keep what it said under a name."""
        if time.monotonic() - self.begun > BUDGET:
            self.faults.append(f"{name}: not run, the {BUDGET:.0f} seconds are used up")
            return Run(status=None)
        environment = {**os.environ, **self.variables, **(variables or {})}
        folder = cwd or self.scratch / "repository"
        self.runs[name] = found = (on_terminal if terminal else command)(argv, environment, folder, limit)
        self.seconds[name] = round(found.seconds, 1)
        print(f"  {found.seconds:6.1f} s  exit {found.status}  {name}{_tail(found)}", flush=True)
        return found

    def step(self, name: str, work: Callable[[], object]) -> None:
        """Do a part of the check; what it raises is reported."""
        print(f"{name} ...", flush=True)
        try:
            work()
        except Exception as error:  # noqa: BLE001 - no part may keep the others from running
            self.faults.append(f"{name}: {type(error).__name__}: {error}")


def _tail(run: Run) -> str:
    """The end of what a command wrote on stderr, where that may be a reason."""
    return f"\n{run.err.strip()[-600:]}" if run.status not in (0, 1) or not run.out else ""


def command(argv: Sequence[str], environment: Mapping[str, str], cwd: Path | None = None, limit: float = STEP) -> Run:
    """Run a command to its end, or until it is stopped at the limit."""
    begun = time.monotonic()
    try:
        done = subprocess.run(
            list(argv), env=dict(environment), cwd=cwd, capture_output=True, stdin=subprocess.DEVNULL, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        return Run(status=None, err=f"no answer within {limit:.0f} seconds", seconds=time.monotonic() - begun)
    except OSError as error:
        return Run(status=None, err=str(error), seconds=time.monotonic() - begun)
    out, err = (stream.decode("utf-8", "replace") for stream in (done.stdout, done.stderr))
    return Run(status=done.returncode, out=out, err=err, seconds=time.monotonic() - begun)


def on_terminal(argv: Sequence[str], environment: Mapping[str, str], cwd: Path | None = None, limit: float = STEP) -> Run:
    """The same with a terminal of 80 columns as its stdout; what it wrote there, without escape codes."""
    begun, pieces = time.monotonic(), []
    ours, theirs = os.openpty()
    wide, quiet = {**environment, "COLUMNS": "80"}, subprocess.DEVNULL
    process = subprocess.Popen(list(argv), env=wide, cwd=cwd, stdin=quiet, stdout=theirs, stderr=quiet)
    os.close(theirs)
    with os.fdopen(ours, "rb", buffering=0) as stream, contextlib.suppress(OSError):  # on Linux a terminal ends with an error
        while time.monotonic() - begun < limit:
            if select.select([stream], [], [], 1)[0]:
                pieces.append(stream.read(65_536))
            if pieces[-1:] == [b""]:
                break
    if process.poll() is None and time.monotonic() - begun >= limit:
        process.kill()
    out = b"".join(pieces).decode("utf-8", "replace").replace("\r\n", "\n")
    return Run(status=process.wait(), out=re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out), seconds=time.monotonic() - begun)


# --- envgen ---------------------------------------------------------------------------------------------------------------


def envgen_command(scratch: Path, wheels: Path | None) -> tuple[list[str], str, list[str]]:
    """How to start envgen, how it got here, and the folders it is in.

    It comes from the wheels, in an environment of its own, else it is the one that can be imported. pytest comes with the wheels.
    """
    if wheels is None:
        return [sys.executable, "-m", "envgen"], "the envgen that this Python imports", [str(REPO), *getsitepackages()]
    venv = scratch / "venv"
    # The wheels lack what only locking needs, so pip is not to look for it.
    packed = ["--no-index", "--no-cache-dir", "--no-deps", *map(str, sorted(wheels.glob("*.whl")))]
    made = command([sys.executable, "-m", "venv", str(venv)], os.environ)
    if made.status == 0:
        done = command([str(venv / "bin" / "python"), "-m", "pip", "install", "-q", *packed], os.environ)
        if done.status == 0:
            how = "installed by pip from the wheels into a virtual environment"
            return [str(venv / "bin" / "envgen")], how, [str(path) for path in venv.glob("lib/python3*/site-packages")]
        print(f"pip in a virtual environment: {done.err.strip()[-600:]}", flush=True)
    site = scratch / "site"
    start = [sys.executable, "-I", "-c", _START, str(site)]
    done = command([sys.executable, "-m", "pip", "install", "-q", *packed, "--target", str(site)], os.environ)
    if done.status == 0:
        return start, "installed by pip from the wheels into a folder", [str(site)]
    print(f"pip into a folder: {done.err.strip()[-600:]}", flush=True)
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
    return start, "unpacked from the wheels, because pip could not install them", [str(site)]


# --- the machine ----------------------------------------------------------------------------------------------------------


def told_by_nvidia_smi() -> Told | None:
    """What nvidia-smi says; None without it."""
    if shutil.which("nvidia-smi") is None:
        return None
    ask = ["nvidia-smi", "--query-gpu=name,compute_cap,mig.mode.current,driver_version", "--format=csv,noheader"]
    rows = [
        [cell.strip() for cell in line.split(",")] for line in command(ask, os.environ).out.splitlines() if line.count(",") == 3
    ]
    text = command(["nvidia-smi", "--version"], os.environ).out + command(["nvidia-smi"], os.environ).out
    cuda = re.search(r"CUDA (?:UMD )?Version\s*:\s*(\d+\.\d+)", text)
    cards = tuple(Card(name, capability, mig == "Enabled") for name, capability, mig, _ in rows)
    return Told(cards, rows[0][3], cuda[1] if cuda else "") if rows else None


def made_up_variables(told: Told) -> dict[str, str]:
    """What puts the double of NVML in place of the driver's."""
    major, minor = told.cuda.split(".")
    return {
        "PYTHONPATH": str(REPO / "tests" / "nvml" / "double"),
        "FAKE_NVML_DRIVER": told.driver,
        "FAKE_NVML_CUDA": str(int(major) * 1000 + int(minor) * 10),
        "FAKE_NVML_GPUS": ",".join(f"{card.name}:{card.capability}" for card in told.cards),
    }


def repository(folder: Path) -> Path:
    """A copy of the facts and the projects, in which nothing that happens matters."""
    for name in ("matrices", "templates", "environments"):
        shutil.copytree(REPO / name, folder / name)
    return folder


def stand_in(folder: Path) -> Path:
    """A virtual environment with a stand-in for a framework, which sees the GPUs of the double; its Python."""
    sources = REPO / "tests" / "system" / "stand_ins"
    command([sys.executable, "-m", "venv", "--without-pip", str(folder)], os.environ)
    site = next(folder.glob("lib/python3*/site-packages"))
    package, info = site / "torch", site / "torch-2.11.0+cu130.dist-info"
    package.mkdir()
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.11.0+cu130\n", encoding="utf-8")
    shutil.copy(sources / "torch.py", package / "__init__.py")
    shutil.copy(sources / "driver.py", package / "_driver.py")
    build = {"VERSION": "2.11.0+cu130", "CUDA": "13.0", "CODE": ("sm_90", "compute_90"), "CUDNN": 91000, "AT_IMPORT": ""}
    (package / "_build.py").write_text("".join(f"{key} = {value!r}\n" for key, value in build.items()), encoding="utf-8")
    return folder / "bin" / "python"


def pythons(named: Sequence[str]) -> dict[str, str]:
    """The interpreters to probe, by a label that names no path: those that are named, else this one and python3."""
    found = named or [sys.executable, *filter(None, [shutil.which("python3")])]
    return {f"python {number}": path for number, path in enumerate(dict.fromkeys(found), 1)}


# --- a wrong LD_LIBRARY_PATH ----------------------------------------------------------------------------------------------


def shadows(folder: Path, names: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Folders with files that shadow libraries of these names: no libraries at all, empty ones, and a stub of the driver."""
    text = folder / "not-a-library"
    text.mkdir(parents=True)
    for name in names:
        (text / name).write_text("not a library\n", encoding="utf-8")
    yield "not-a-library", text
    empty = empty_library(folder)
    if empty:
        (folder / "empty-library").mkdir()
        for name in names:
            shutil.copy(empty, folder / "empty-library" / name)
        yield "empty-library", folder / "empty-library"
    stub = next((path for path in map(Path, _STUBS) if path.is_file()), empty)
    if stub:
        (folder / "stubs").mkdir()
        for name in ("libcuda.so", "libcuda.so.1"):
            shutil.copy(stub, folder / "stubs" / name)
        yield "stubs", folder / "stubs"


_STUBS = [
    f"/usr/local/{cuda}/{lib}/stubs/libcuda.so"
    for cuda in ("cuda", "cuda-13", "cuda-13.0")
    for lib in ("lib64", "targets/x86_64-linux/lib")
]


def empty_library(folder: Path) -> Path | None:
    """A shared library without any function of CUDA: compiled, or a copy of a small one of the system."""
    source, library = folder / "empty.c", folder / "empty.so"
    source.write_text("int envgen_gpu_check;\n", encoding="utf-8")
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler and command([compiler, "-shared", "-fPIC", "-o", str(library), str(source)], os.environ).status == 0:
        return library
    places = ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/lib/x86_64-linux-gnu")
    return next((path for place in places for path in Path(place).glob("libbz2.so.1*")), None)


def library_names(base: Run, cuda: str) -> list[str]:
    """The sonames of cudart and cuBLAS that the frameworks loaded; those of the driver's CUDA major if none is known."""
    try:
        paths = [
            library["path"] for row in base.data["frameworks"] for library in row["libraries"] if library["origin"] == "environment"
        ]
    except (ValueError, KeyError, TypeError):
        paths = []
    found = [match[0] for path in paths if (match := re.search(r"lib(?:cudart|cublas|cublasLt)\.so\.\d+", path))]
    major = cuda.split(".", maxsplit=1)[0] or "13"
    return sorted({*found} or {f"lib{name}.so.{major}" for name in ("cudart", "cublas", "cublasLt")})


# --- the steps ------------------------------------------------------------------------------------------------------------


def ask_probes(session: Session, label: str, python: str, cuda: str, folders: dict[str, str]) -> None:
    """Probe one interpreter, first as the machine is, then in wrong surroundings, several at a time."""
    words = ["probe", "--python", python, "--json", "--timeout", "60"]
    base = session.run(f"probe/{label}/as-it-is", *words, limit=FIRST)
    able = able_frameworks(base)
    if not able:
        return
    names = [row["framework"] for row in base.data["frameworks"]]
    if not folders:
        made = shadows(session.scratch / "shadows", library_names(base, cuda))
        folders.update({name: str(folder) for name, folder in made})
    chosen = [word for name in able for word in ("--framework", name)]
    path = os.environ.get("LD_LIBRARY_PATH", "")

    def again(name: str, variables: Mapping[str, str], *more: str) -> None:
        session.run(f"probe/{label}/{name}", *words, *chosen, *more, variables=variables)

    def shadow(name: str) -> dict[str, str]:
        return {"LD_LIBRARY_PATH": os.pathsep.join(filter(None, (folders[name], path)))}

    one = next((name for name in _SETTINGS if name in able), "")
    clean, hidden = ({"LD_LIBRARY_PATH": ""} if path else {}), {"CUDA_VISIBLE_DEVICES": ""}
    works: list[Callable[[], object]] = [
        partial(again, "required", clean, "--require-cuda"),
        partial(again, "hidden", hidden),
        partial(again, "hidden-required", hidden, "--require-cuda"),
        *(partial(again, name, shadow(name)) for name in folders),
        *([partial(again, "clean", clean)] if path else []),
        *([partial(again, "stubs-required", shadow("stubs"), "--require-cuda")] if "stubs" in folders else []),
        *([partial(_with_setting, session, label, [*words, "--framework", one], one)] if one else []),
        partial(session.start, f"text/{label}", [*session.envgen, *words[:3], *_chosen_words(able, names)], terminal=True),
        *ask_pytest(session, label, python, able),
    ]
    with ThreadPoolExecutor(3) as pool:
        for work in [pool.submit(work) for work in works]:
            work.result()


_SETTINGS = {"jax": ("JAX_PLATFORMS", "cpu")}  # a variable with which a framework takes the CPU in silence
_TEST = "def test_that_needs_a_gpu():\n    pass\n"


def _with_setting(session: Session, label: str, words: Sequence[str], framework: str) -> None:
    """Probe a framework that is told to compute on the CPU, and must not."""
    session.run(f"probe/{label}/setting", *words, "--require-cuda", variables=dict([_SETTINGS[framework]]))


def _chosen_words(able: Sequence[str], names: Sequence[str]) -> list[str]:
    return [] if set(able) == set(names) else [word for name in able for word in ("--framework", name)]


def ask_pytest(session: Session, label: str, python: str, able: Sequence[str]) -> list[Callable[[], object]]:
    """What runs `pytest --require-cuda` in an interpreter, with the GPU and without; nothing where pytest does not start there."""
    path = [session.variables.get("PYTHONPATH", ""), *session.folders, os.environ.get("PYTHONPATH", "")]
    variables = {"PYTHONPATH": os.pathsep.join(filter(None, path)), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    folder = session.scratch / "tests"
    folder.mkdir(exist_ok=True)
    (folder / "test_gpu.py").write_text(_TEST, encoding="utf-8")
    argv = [python, "-m", "pytest", "-p", session.plugin, "-p", "no:cacheprovider"]
    if session.start(f"pytest/{label}/starts", [*argv, "--version"], variables=variables, cwd=folder).status != 0:
        return []
    argv += [f"--require-cuda={','.join(able)}", "test_gpu.py"]
    return [
        partial(session.start, f"pytest/{label}/{name}", argv, variables={**variables, **more}, cwd=folder)
        for name, more in (("seen", {}), ("hidden", {"CUDA_VISIBLE_DEVICES": ""}))
    ]


def able_frameworks(run: Run) -> list[str]:
    """The frameworks that were asked for GPUs and are no CPU builds."""
    try:
        rows = run.data["frameworks"]
    except (ValueError, KeyError, TypeError):
        return []
    asked = [row for row in rows if row["available"] is not None or row["problems"]]
    return [row["framework"] for row in asked if row["cuda_build"] is not False and row["meant"]["gpu"] is not False]


def ask_doctor(session: Session, folders: Mapping[str, str]) -> None:
    """The machine as it is, with hidden GPUs and with a wrong LD_LIBRARY_PATH."""
    session.start("text/doctor", [*session.envgen, "doctor"], terminal=True)
    session.run("doctor/hidden", "doctor", "--json", variables={"CUDA_VISIBLE_DEVICES": ""})
    path = os.environ.get("LD_LIBRARY_PATH", "")
    for name, folder in folders.items():
        variables = {"LD_LIBRARY_PATH": os.pathsep.join(filter(None, (folder, path)))}
        session.run(f"doctor/{name}", "doctor", "--json", variables=variables)


def ask_targets(session: Session) -> None:
    """What a machine's words mean on it: --target gpu for each project, cuda: newest for its driver and GPU, and the GPU's name."""
    outside = session.scratch / "outside"
    outside.mkdir()
    session.run("doctor/outside", "doctor", "--json", cwd=outside)
    found = session.runs["doctor"].data
    names = list(dict.fromkeys(gpu["name"] for gpu in found["machine"]["gpus"]))
    for name in names:
        session.run(f"name/{name}", "matrix", "show", "--gpu", name, "--json")
    for project in found["projects"]:
        session.run(f"lock/{project['project']}", "lock", project["project"], "--target", "gpu", "--offline", "--json")
    folder = session.scratch / "repository" / "environments" / "newest"
    folder.mkdir()
    text = 'python: ">=3.10"\nframeworks: {pytorch: "*"}\ntargets: [cpu]\ncuda: newest\nplatforms: [linux-64]\nchannels: [conda-forge]\n'
    (folder / "project.yaml").write_text(
        f'{text}driver: ">={found["machine"]["driver"]}"\ngpus: {json.dumps(names)}\n', encoding="utf-8"
    )
    session.run("newest", "resolve", "newest", "--json")


# --- the report -----------------------------------------------------------------------------------------------------------


def report(session: Session, observed: Observed, checks: Sequence[Check], how: str, *, made_up: bool) -> dict[str, Any]:
    """What is kept: the kind of the machine, the frameworks, the checks. No paths, UUIDs or host names."""
    machine = _data(session.runs.get("doctor")).get("machine", {})
    version = command([*session.envgen, "--version"], {**os.environ, **session.variables}).out.strip().rpartition(" ")[2]
    told = {
        "made_up": made_up,
        "machine": {
            "gpus": [{key: gpu.get(key) for key in ("name", "capability", "mig")} for gpu in machine.get("gpus", [])],
            "driver": machine.get("driver"),
            "cuda": machine.get("cuda"),
            "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        },
        "envgen": f"{version}, {how}",
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d}",
        "seconds": round(time.monotonic() - session.begun, 1),
        "frameworks": {label: _framework_rows(session, label) for label in observed.interpreters},
        "checks": [asdict(check) for check in checks],
        "pages": {name: run.out.splitlines() for name, run in session.runs.items() if name.startswith("text/")},
        "faults": session.faults,
        "timings": dict(sorted(session.seconds.items())),
    }
    cleaned: dict[str, Any] = published(told, hosts())
    return cleaned


def _framework_rows(session: Session, label: str) -> list[dict[str, Any]]:
    rows = _data(session.runs.get(f"probe/{label}/as-it-is")).get("frameworks", [])
    keys = ("framework", "version", "beside", "cuda", "cudnn", "state", "reason", "ran_on", "seconds")
    return [{key: row.get(key) for key in keys} for row in rows]


def _data(run: Run | None) -> dict[str, Any]:
    try:
        found = run.data if run else {}
    except ValueError:
        found = {}
    return found if isinstance(found, dict) else {}


def hosts() -> tuple[str, ...]:
    """The names of this machine."""
    return tuple({socket.gethostname(), platform.node(), socket.gethostname().partition(".")[0]} - {"localhost", "", "linux"})


def kind(told: Mapping[str, Any]) -> str:
    """The name of the report's files: that of the GPU; for a made-up machine `made-up`."""
    if told["made_up"]:
        return "made-up"
    names = dict.fromkeys(gpu["name"] for gpu in told["machine"]["gpus"])
    return re.sub(r"[^a-z0-9]+", "-", "-".join(names).lower()).strip("-") or "without-gpu"


def text(told: Mapping[str, Any]) -> str:
    """The checks for people."""
    lines = [f"{check['state'].upper():8}{check['group']}: {check['question']}" for check in told["checks"]]
    detail = [f"\n          expected {check['expected']}\n          found    {check['found']}" for check in told["checks"]]
    counts = ", ".join(
        f"{sum(check['state'] == state for check in told['checks'])} {state}" for state in ("passed", "failed", "skipped")
    )
    body = "\n".join(f"{line}{more}" for line, more in zip(lines, detail, strict=True))
    faults = "".join(f"\nfault: {fault}" for fault in told["faults"])
    return f"{body}{faults}\n{counts}, in {told['seconds']} seconds"


def options(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--wheels", type=Path, help="the folder that `make gpu-pack` filled")
    parser.add_argument("--envgen", help="the program to check, in place of the envgen that this Python imports")
    parser.add_argument("--python", action="append", default=[], help="an interpreter to probe; may be repeated")
    parser.add_argument("--out", type=Path, help="the folder for the report (default: benchmarks/gpu/, if the machine has a GPU)")
    parser.add_argument("--raw", type=Path, help="a file for everything that was said, which may name paths of this machine")
    parser.add_argument("--double", action="store_true", help="make the machine up, even if it has a driver")
    return parser.parse_args(argv)


def observe(session: Session, chosen: Sequence[str], *, made_up: bool) -> Observed:
    """Ask everything."""
    folders: dict[str, str] = {}
    told = MADE_UP if made_up else told_by_nvidia_smi()
    labelled = pythons([str(stand_in(session.scratch / "stand-in")), *chosen] if made_up else chosen)
    cuda = told.cuda if told else ""
    for label, python in labelled.items():
        session.step(label, partial(ask_probes, session, label, python, cuda, folders))
    if not folders:
        folders.update({name: str(path) for name, path in shadows(session.scratch / "shadows", library_names(Run(status=0), cuda))})
    session.step("doctor", lambda: ask_doctor(session, folders))
    session.step("targets", lambda: ask_targets(session))
    return Observed(told=told, runs=session.runs, folders=folders, interpreters=tuple(labelled))


def write(told: Mapping[str, Any], folder: Path) -> None:
    """Write the report as JSON and as a page."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{kind(told)}.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    (folder / f"{kind(told)}.html").write_text(page(told), encoding="utf-8")
    print(f"wrote {folder / kind(told)}.json and .html")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the check."""
    chosen = options(argv)
    with tempfile.TemporaryDirectory(prefix="gpu-check-", ignore_cleanup_errors=True) as scratch:
        begun = time.monotonic()
        envgen, how, folders = envgen_command(Path(scratch), chosen.wheels.absolute() if chosen.wheels else None)
        if chosen.envgen:
            envgen, how = [chosen.envgen], "the program that was named"
        print(f"envgen: {how} ({time.monotonic() - begun:.1f} s)", flush=True)
        variables = {"ENVGEN_CACHE": f"{scratch}/cache", **({} if chosen.wheels else {"PYTHONPATH": str(REPO)})}
        plugin = "envgen" if chosen.wheels else "envgen.cli.pytest_plugin"  # an installed one has a name of its own
        session = Session(Path(scratch), envgen, variables, plugin, folders, begun)
        repository(session.scratch / "repository")
        session.run("doctor", "doctor", "--json")
        made_up = chosen.double or not _data(session.runs.get("doctor")).get("machine", {}).get("driver")
        if made_up:
            print("no NVIDIA driver here: the machine is made up with a double of NVML", flush=True)
            extra = made_up_variables(MADE_UP)
            session.variables.update(
                extra, PYTHONPATH=os.pathsep.join(filter(None, (extra["PYTHONPATH"], variables.get("PYTHONPATH"))))
            )
            session.run("doctor", "doctor", "--json")
        observed = observe(session, chosen.python, made_up=made_up)
        if chosen.raw:
            chosen.raw.write_text(json.dumps({name: asdict(run) for name, run in session.runs.items()}, indent=1), encoding="utf-8")
        told = report(session, observed, judge(observed), how, made_up=made_up)
    print(text(told))
    if chosen.out or not made_up:
        write(told, chosen.out or Path(__file__).parent)
    return int(bool(told["faults"]) or any(check["state"] == "failed" for check in told["checks"]))


if __name__ == "__main__":
    sys.exit(main())
