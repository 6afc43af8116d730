"""One repository on many machines: parts of a plan in any order, ended and begun again, join to the bytes of one run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from conftest import Workspace, clean_environment, repository
from system import forks

PROJECT = """\
python: ">=3.11"
frameworks: {{pytorch: "*"}}
targets: [cpu, cu126]
platforms: [linux-64]
channels: [conda-forge]
dependencies: [{own}]
"""
OWN = ("numpy", "einops", "numpy <2", "needs-old-numpy", "needs-new-numpy", "numpy, einops", "python-dateutil")[:6]
COUNT, SHARDS = 12, 8
# A sitecustomize that kills the process when it is about to put its N-th result in its place.
KILLED = """
import os, signal, sys
left = [int(os.environ["KILLED"])]
def hook(event, arguments):
    if event == "os.rename" and str(arguments[1]).endswith(".json") and "results" in str(arguments[1]):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
if left[0]:
    sys.addaudithook(hook)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, index: Path) -> Workspace:
    """Twelve projects: four are locked and up to date, one is locked and was edited."""
    folder = tmp_path_factory.mktemp("made")
    site = repository(folder / "repository", clean_environment(folder))
    for number in range(COUNT):
        site.project(f"p{number:02}", PROJECT.format(own=OWN[number % len(OWN)]))
    done = site.envgen("lock", "p00", "p01", "p02", "p03", "p07", "--index", index)
    assert done.status == 0, done.err
    site.project("p07", PROJECT.format(own="numpy, einops"))
    return site


@pytest.fixture(scope="module")
def whole(made: Workspace, index: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files after one run."""
    site = copied(made, tmp_path_factory.mktemp("whole"))
    done = site.envgen("lock", "--index", index)
    assert done.status == 0, done.err
    return site.files()


def copied(made: Workspace, folder: Path) -> Workspace:
    shutil.copytree(made.root, folder / "repository", ignore=shutil.ignore_patterns("cache"))
    return Workspace(folder / "repository", clean_environment(folder))


@pytest.fixture
def site(made: Workspace, tmp_path: Path) -> Workspace:
    return copied(made, tmp_path)


def planned(site: Workspace, *words: object) -> dict:
    done = site.envgen("plan", "--json", *words)
    assert done.status == 0, done.err
    return json.loads(done.out)


def begun(site: Workspace, index: Path, plan: Path, results: Path, killed: int = 0) -> forks.Begun:
    """`envgen lock --cells` in a process, which ends itself when it is about to keep so many results."""
    words = ["lock", "--cells", str(plan), "--results", str(results), "--index", str(index)]
    customized = results.parent / "killed"
    customized.mkdir(exist_ok=True)
    (customized / "sitecustomize.py").write_text(KILLED, encoding="utf-8")
    path = os.pathsep.join((str(customized), site.environment["PYTHONPATH"]))
    own = {"KILLED": str(killed), "PYTHONPATH": path, "ENVGEN_CACHE": str(results.parent / f"cache-{results.name}")}
    return forks.begin(words, site.root, {**site.environment, **own})


def test_eight_shards_two_of_them_killed_and_one_project_twice_make_the_bytes_of_one_run(
    made: Workspace, index: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    """Every shard on a checkout of its own, as on machines of their own; killed ones begin again where they were."""
    main = copied(made, tmp_path / "main")
    plan = planned(main, "--index", index)
    open_units = [unit["project"] for unit in plan["units"] if unit["state"] == "open"]
    assert open_units == ["p04", "p05", "p06", "p07", "p08", "p09", "p10", "p11"]
    parts, sites = [], []
    for number in range(1, SHARDS + 1):
        part = tmp_path / f"part{number}.json"
        found = planned(main, "--index", index, "--shard", f"{number}/{SHARDS}")
        if number in (2, 5):  # a unit of another shard as well
            found["units"] += [unit for unit in plan["units"] if unit["project"] == "p11"]
        part.write_text(json.dumps(found), encoding="utf-8")
        parts.append(part)
        sites.append(copied(made, tmp_path / f"machine{number}"))
    before = sites[0].files()
    results = [tmp_path / f"results{number}" for number in range(SHARDS)]
    running = [
        begun(site, index, part, result, killed={1: 1, 4: 2}.get(number, 0))
        for number, (site, part, result) in enumerate(zip(sites, parts, results, strict=True))
    ]
    ended = [run.end(300) for run in running]
    assert [number for number, run in enumerate(ended) if run.returncode == -signal.SIGKILL] == [1, 4], ended
    assert {run.returncode for run in ended if run.returncode != -signal.SIGKILL} == {0}, ended
    assert not list(results[1].glob("*.json"))
    assert main.envgen("lock", "--merge", *results, "--cells", parts[1]).status == 2, "what was killed has no result"
    for number in (1, 4):
        again = begun(sites[number], index, parts[number], results[number]).end(300)
        assert (again.stderr.count("error"), again.returncode) == (0, 0)
    assert all(site.files() == before for site in sites), "a shard leaves its checkout as it is"
    twice = [path for folder in results for path in folder.glob("*.json")]
    assert len(twice) == SHARDS + 2
    assert len({path.name for path in twice}) == len({(path.name, path.read_bytes()) for path in twice}) == SHARDS
    whole_plan = tmp_path / "plan.json"
    whole_plan.write_text(json.dumps(plan), encoding="utf-8")
    done = main.envgen("lock", "--merge", *reversed(results), "--cells", whole_plan)
    assert (done.status, main.files()) == (0, whole), done.err
    assert main.envgen("lock", "--check").status == 0
    again = main.envgen("lock", "--merge", *results, "--cells", whole_plan)
    assert (again.status, main.files()) == (0, whole), again.err


def test_a_shared_place_makes_the_bytes_of_one_run_and_solves_nothing_again(
    site: Workspace, made: Workspace, index: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    place = tmp_path / "shared"
    done = site.envgen("lock", "--index", index, "--results", place)
    assert (done.status, site.files()) == (0, whole), done.err
    kept = {path.name: path.stat().st_mtime_ns for path in place.iterdir()}
    assert len(kept) == 8
    other = copied(made, tmp_path / "other")
    empty = shutil.copytree(index, tmp_path / "elsewhere" / "index")  # the same records in another folder
    done = other.envgen("lock", "--index", empty, "--results", place)
    assert (done.status, other.files()) == (0, whole), done.err
    assert {path.name: path.stat().st_mtime_ns for path in place.iterdir()} == kept


def test_results_do_not_go_with_a_target(site: Workspace, index: Path, tmp_path: Path) -> None:
    """A result is of a whole project: the option is refused, and the variable is said to be unused."""
    place = tmp_path / "results"
    refused = site.envgen("lock", "p01", "--target", "cpu", "--index", index, "--results", place)
    assert (refused.status, place.exists()) == (2, False)
    assert "--results are of whole projects: leave out --target" in refused.err
    site.environment["ENVGEN_RESULTS"] = str(place)
    done = site.envgen("lock", "p01", "--target", "cpu", "--index", index)
    assert (done.status, place.exists()) == (0, False), done.err
    assert "ENVGEN_RESULTS is not used" in done.err


def test_a_result_is_of_its_inputs_and_of_no_others(site: Workspace, index: Path, tmp_path: Path) -> None:
    keys = {unit["project"]: unit["key"] for unit in planned(site, "--index", index)["units"]}
    assert keys == {unit["project"]: unit["key"] for unit in planned(site, "--index", index)["units"]}
    assert len(set(keys.values())) == COUNT
    update = planned(site, "--index", index, "--update")["units"]
    assert all(keys[unit["project"]] != unit["key"] and unit["state"] == "open" for unit in update)
    dated = planned(site, "--index", index, "--exclude-newer", "2026-01-01")["units"]
    assert all(keys[unit["project"]] != unit["key"] for unit in dated)
    site.project("p05", PROJECT.format(own="einops"))
    changed = {unit["project"]: unit["key"] for unit in planned(site, "--index", index)["units"]}
    assert {name for name in keys if keys[name] != changed[name]} == {"p05"}
    other = shutil.copytree(index, tmp_path / "other")
    path = other / "conda-forge" / "noarch" / "repodata.json"
    path.write_text(path.read_text(encoding="utf-8").replace("einops", "einopsy", 1), encoding="utf-8")
    assert all(keys[unit["project"]] != unit["key"] for unit in planned(site, "--index", other)["units"])
    fact = site.root / "matrices" / "targets.yaml"
    fact.write_text(fact.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert all(keys[unit["project"]] != unit["key"] for unit in planned(site, "--index", index)["units"])


def test_cells_of_other_inputs_are_refused(site: Workspace, index: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(planned(site, "--index", index)), encoding="utf-8")
    site.project("p05", PROJECT.format(own="einops, numpy"))
    words = ("lock", "--cells", plan, "--index", index, "--results", tmp_path / "results")
    done = site.envgen(*words)
    assert done.status == 2
    assert "environments/p05/project.yaml:1:1: p05: the inputs are not those that the plan was made from" in done.err
    assert "error: 1 of 8 projects were not locked: p05\n" in done.err
    assert len(list((tmp_path / "results").iterdir())) == 7
    merged = site.envgen("lock", "--merge", tmp_path / "results", "--cells", plan)
    assert merged.status == 2
    assert "p05: it has no result" in merged.err


def test_a_result_of_what_a_project_said_before_is_refused(site: Workspace, index: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(planned(site, "--index", index)), encoding="utf-8")
    assert site.envgen("lock", "--cells", plan, "--index", index, "--results", tmp_path / "results").status == 0
    before = site.files()
    site.project("p05", PROJECT.format(own="einops, numpy"))
    done = site.envgen("lock", "--merge", tmp_path / "results")
    assert (done.status, "p05: no result is of what its files say now" in done.err) == (2, True)
    assert {name for name in site.files() if name.startswith("p05/")} == {"p05/project.yaml"}
    assert {name.partition("/")[0] for name in site.files().keys() - before} >= {"p04", "p06", "p11"}


def spoiled(text: str, old: str, new: str) -> str:
    """A result in which something was replaced, with its digest made right."""
    import hashlib

    body = text.partition("\n")[2].removesuffix("\n")
    assert old in body
    body = body.replace(old, new)
    return f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}\n"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", "not a result, or not the whole of it"),
        ("https://conda.anaconda.org/conda-forge", "https://evil.example/conda-forge", "were changed after it was written"),
        ('"records": {"conda-forge/', '"records": {"../../conda-forge/', "records are not those of its locks"),
        ('"cpu": {', '"../../x": {', "target name '../../x' cannot be used"),
        ('"cpu": {', '"other": {', "its result has target other, which the project has not"),
        ("environment.yml", "environment.py", "not a result that this envgen can read"),
        ('"envgen-result": 1', '"envgen-result": 2', "not a result that this envgen can read: format 2"),
    ],
)
def test_a_result_that_was_tampered_with_is_not_written(
    site: Workspace, index: Path, tmp_path: Path, old: str, new: str, said: str
) -> None:
    words = ("lock", "p04", "--index", index, "--results", tmp_path / "results")
    assert site.envgen(*words).status == 0
    good = {name: data for name, data in site.files().items() if name.startswith("p04/")}
    for folder in ("cpu", "cu126"):
        shutil.rmtree(site.root / "environments" / "p04" / folder)
    [path] = (tmp_path / "results").iterdir()
    text = path.read_text(encoding="utf-8")
    path.write_text(spoiled(text, old, new) if old else text[:-500], encoding="utf-8")
    before = site.files()
    done = site.envgen("lock", "--merge", tmp_path / "results")
    assert (done.status, site.files()) == (2, before), done.err
    assert said in done.err
    done = site.envgen(*words)
    assert done.status == 0, done.err
    assert "warning: " in done.err
    assert {name: data for name, data in site.files().items() if name.startswith("p04/")} == good
    assert path.read_text(encoding="utf-8") == text, "it was made again"


# --- a server -------------------------------------------------------------------------------------------------------------


class Store(BaseHTTPRequestHandler):
    """GET and PUT, behind a login."""

    texts: dict[str, bytes] = {}
    status = 200

    def _answer(self, status: int, data: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        if self.status != 200 or self.headers.get("Authorization") != "Basic bWU6c2VjcmV0":
            self._answer(self.status if self.status != 200 else 401)
        elif self.path in self.texts:
            self._answer(200, self.texts[self.path])
        else:
            self._answer(404)

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if self.status == 200:
            self.texts[self.path] = data
        self._answer(self.status)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served() -> Iterator[tuple[type[Store], str]]:
    store = type("Fresh", (Store,), {"texts": {}, "status": 200})
    server = ThreadingHTTPServer(("127.0.0.1", 0), store)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield store, f"http://me:$PASS@127.0.0.1:{server.server_port}/results"
    finally:
        server.shutdown()
        server.server_close()


def test_results_on_a_server(site: Workspace, made: Workspace, index: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    with served() as (store, url):
        done = site.envgen("lock", "--index", index, "--results", url, PASS="secret")
        assert (done.status, site.files(), len(store.texts)) == (0, whole, 8), done.err
        other = copied(made, tmp_path / "other")
        kept = dict(store.texts)
        done = other.envgen("lock", "--index", index, "--results", url, PASS="secret")
        assert (done.status, other.files(), store.texts) == (0, whole, kept), done.err


def test_a_server_that_fails_keeps_nobody_from_locking_and_no_cells_are_lost_silently(
    site: Workspace, index: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(planned(site, "--index", index)), encoding="utf-8")
    with served() as (store, url):
        store.status = 503
        done = site.envgen("lock", "--cells", plan, "--index", index, "--results", url, PASS="secret")
        assert (done.status, "503" in done.err, "secret" in done.err) == (4, True, False)
        done = site.envgen("lock", "--index", index, "--results", url, PASS="secret")
        assert (done.status, site.files(), done.err.count("warning: ")) == (0, whole, 1), done.err


def test_a_login_that_is_not_set_is_named(site: Workspace, index: Path) -> None:
    done = site.envgen("lock", "--index", index, "--results", "https://me:$PASS@results.example")
    assert (done.status, "needs the environment variable PASS" in done.err) == (2, True)


# --- plans ----------------------------------------------------------------------------------------------------------------


def git(site: Workspace, *words: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *words], cwd=site.root, env={**os.environ, **site.environment}, check=True, capture_output=True)


def test_what_changed_since_a_commit_is_what_differs_or_has_something_to_do(site: Workspace, index: Path) -> None:
    assert site.envgen("lock", "--index", index).status == 0
    (site.root / ".gitignore").write_text("cache/\n")
    git(site, "init")
    git(site, "add", ".")
    git(site, "commit", "-m", "all")
    assert planned(site, "--index", index, "--changed", "HEAD")["units"] == []
    site.project("p03", PROJECT.format(own=OWN[3]) + "# a remark\n")  # its lock is still what it says
    site.project("p05", PROJECT.format(own="einops"))
    site.project("new", PROJECT.format(own="einops"))
    found = planned(site, "--index", index, "--changed", "HEAD")["units"]
    assert {unit["project"]: unit["state"] for unit in found} == {"p03": "locked", "p05": "open", "new": "open"}
    assert {tuple(unit["cells"]) for unit in found if unit["state"] == "open"} == {("cpu/linux-64", "cu126/linux-64")}
    done = site.envgen("plan", "--changed", "nonsense", "--index", index)
    assert (done.status, "there is no revision `nonsense`" in done.err) == (2, True)


def test_a_plan_of_live_channels_says_of_which_moment_it_is(site: Workspace) -> None:
    found = planned(site)
    assert found["moment"]
    assert {unit["asked"] for unit in found["units"]} == {f"live {found['moment']}"}
    done = site.envgen("lock", "--results", "somewhere")
    assert (done.status, "live channels move" in done.err) == (2, True)


def test_projects_that_cannot_be_planned_are_failures_of_the_plan(site: Workspace, index: Path) -> None:
    site.project("p05", PROJECT.format(own="einops").replace('pytorch: "*"', 'pytorch: ">=99"'))
    done = site.envgen("plan", "--json", "--index", index)
    assert done.status == 3
    data = json.loads(done.out)
    assert [row["project"] for row in data["failures"]] == ["p05"]
    assert len(data["units"]) == COUNT - 1


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"envgen-plan": 2}', '{"envgen-plan": 1, "units": [{"project": "a"}]}'])
def test_what_is_not_a_plan_is_refused(site: Workspace, text: str, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(text)
    done = site.envgen("lock", "--cells", tmp_path / "plan.json", "--results", tmp_path / "results")
    assert (done.status, "plan.json: not a plan" in done.err) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        ("lock", "--cells", "plan.json"),
        ("lock", "p05", "--cells", "plan.json", "--results", "x"),
        ("lock", "--cells", "plan.json", "--results", "x", "--dry-run"),
        ("lock", "--merge"),
        ("lock", "--check", "--merge", "x"),
        ("plan", "--shard", "9/8"),
        ("plan", "--shard", "x"),
    ],
)
def test_options_that_exclude_each_other(site: Workspace, words: tuple[str, ...]) -> None:
    assert site.envgen(*words).status == 2


# --- dask -----------------------------------------------------------------------------------------------------------------


@contextmanager
def cluster(folder: Path, environment: dict[str, str], workers: int) -> Iterator[tuple[str, list[subprocess.Popen[str]]]]:
    """A dask scheduler and its workers on loopback, each a process."""
    pytest.importorskip("distributed", reason="the extra conda-envgen[dask] is not installed")
    file = folder / "scheduler.json"
    own = {**environment, "PYTHONWARNINGS": "ignore", "ENVGEN_CACHE": str(folder / "cache-of-workers")}
    common = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file)]

    def started(*words: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "dask", *words, *common]
        return subprocess.Popen(argv, cwd=folder, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)

    running = [started("scheduler", "--port", "0")]
    try:
        for _ in range(600):
            with suppress(OSError, ValueError):
                address = json.loads(file.read_text(encoding="utf-8"))["address"]
                break
            time.sleep(0.1)
        running += [started("worker", "--nthreads", "1", "--no-nanny", "--name", f"w{number}") for number in range(workers)]
        yield address, running[1:]
    finally:
        for process in reversed(running):
            process.kill()
            process.wait()


SOME = ("p04", "p05", "p06", "p07")


def children(process: subprocess.Popen[str]) -> list[int]:
    """The processes that a process has started."""
    path = Path(f"/proc/{process.pid}/task")
    return [int(pid) for task in path.glob("*/children") for pid in task.read_text(encoding="utf-8").split()]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_dask_with_two_workers_one_killed_in_the_middle_makes_the_bytes_of_one_run(
    site: Workspace, index: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    with cluster(tmp_path, dict(site.environment), 2) as (address, workers):
        words = ["lock", *SOME, "--index", str(index), "--executor", f"dask={address}"]
        environment, pipe = {**site.environment, "PYTHONWARNINGS": "ignore"}, subprocess.PIPE
        argv = [sys.executable, "-m", "envgen", *words]
        with subprocess.Popen(argv, cwd=site.root, env=environment, stdout=pipe, stderr=pipe, text=True) as run:
            busy = None
            while busy is None and run.poll() is None:
                busy = next(filter(children, workers), None)
                time.sleep(0.01)
            assert busy, "a worker has a project to lock"
            busy.kill()
            out, err = run.communicate(timeout=600)
        assert run.returncode == 0, err
        assert [name in out for name in SOME] == [True] * len(SOME)
        locked = {name: data for name, data in site.files().items() if name.startswith(SOME)}
        assert locked == {name: data for name, data in whole.items() if name.startswith(SOME)}
        assert site.envgen("lock", "--check", *SOME).status == 0
        site.project("bad", PROJECT.format(own="numpyy"))
        site.project("p05", PROJECT.format(own="numpy, einops"))
        words[1 : len(SOME) + 1] = ["bad", "p05"]
        done = site.envgen(*words, fresh=True, PYTHONWARNINGS="ignore")
        assert (done.status, "numpyy" in done.err) == (2, True), done.err
        assert "error: 1 of 2 projects were not locked: bad\n" in done.err
        assert "p05" in done.out


def test_an_executor_that_is_not_one_is_refused(site: Workspace, index: Path) -> None:
    done = site.envgen("lock", "--index", index, "--executor", "slurm=here")
    assert (done.status, "not an executor" in done.err) == (2, True)
