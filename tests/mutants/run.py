"""Which mutants of the core do the tests notice? `make mutants`.

The tests are collected once, in one process. For each mutant that process forks; the fork puts the changed code into the function
and runs the tests that call it, the quick ones first, until one fails. A run of the command line in a test is a fork of that
fork, so it is changed, too. What a test does in a new interpreter is not.

Which test calls which function is found out first, once for each file of tests. Both are written down as they come, in
`.mutants/`: a run that was ended goes on where it was, and a mutant is tried again once its function or its tests have changed.
"""

from __future__ import annotations

import argparse
import builtins
import gc
import hashlib
import importlib
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, NoReturn

import pytest
from _pytest.assertion.rewrite import AssertionRewritingHook

HERE = Path(__file__).resolve().parent
REPO = HERE.parent.parent
KEPT = REPO / ".mutants"
sys.path[:0] = [str(REPO), str(HERE.parent)]

from unit import small  # noqa: E402

from mutants.equivalent import is_same  # noqa: E402
from mutants.mutate import Mutant, code_of, codes, sample, telling  # noqa: E402

# The core: what decides, what judges, and what says why. A package stands for all that lies in it.
CORE = (
    *("resolver", "verify", "formats", "lock"),
    *("matrix/conditions", "matrix/constraints", "model/ranges", "targets", "machine/fit", "review/stale"),
    *("install/condition", "install/judge", "install/platform_lock", "install/messages", "install/plan", "install/transaction"),
    *("probe/rules_answer", "probe/rules_no_answer", "probe/rules_no_gpu", "pip", "migrate", "export"),
    *("project", "yamlfile", "machine", "diff"),
    *("channels/index", "channels/query", "channels/counted", "channels/kept", "channels/certain", "channels/alternatives"),
    *("channels/solve", "channels/recorded", "channels/canonical", "channels/channel", "channels/relations", "channels/versions"),
    *(
        "channels/mirrors",
        "channels/conda_settings",
        "channels/client",
        "channels/limits",
        "channels/cache",
        "channels/package_url",
    ),
)
# The tests that were written for a part of the core: they come first, and all of them.
CLOSE = {
    "channels/": (
        *("unit/test_channels_told.py", "unit/test_mirrors_told.py", "unit/test_canonical.py", "unit/test_ceps.py"),
        *("unit/test_recorded.py", "unit/test_waiting.py"),
    ),
    "channels/index": ("system/test_folder_index.py",),
    "channels/cache": ("system/test_folder_index.py",),
    "model/": ("unit/test_model_told.py",),
    "project/": ("unit/test_project_told.py", "unit/test_edit.py"),
    "project/cached": ("unit/test_project_cached.py",),
    "review/stale": ("system/test_check.py",),
    "resolver/": ("unit/test_told.py", "unit/test_cells.py", "unit/test_dependencies.py", "unit/test_unserved.py"),
    "verify/alone": ("unit/test_wrong_builds.py",),
    "verify/judgements": ("unit/test_verify_told.py",),
    "verify/report": ("unit/test_verify_told.py",),
    "verify/verify": ("unit/test_claims.py",),
    "matrix/conditions": ("unit/test_matrix.py",),
    "matrix/constraints": ("unit/test_wrong_builds.py",),
    "install/platform_lock": ("unit/test_claims.py",),
    "migrate/": ("unit/test_migrate_told.py",),
    "yamlfile/": ("unit/test_yaml_texts.py", "unit/test_document.py", "unit/test_edit.py"),
    "diff/": ("unit/test_diff_told.py", "unit/test_diff.py"),
    "diff/sources": ("system/test_diff_sources.py",),
    "export/": ("unit/test_export_told.py",),
    "lock/smallest": ("unit/test_smallest.py",),
    "lock/needs": ("unit/test_needs.py",),
    "lock/sandbox": ("unit/test_sandbox.py", "unit/test_render.py"),
    "lock/render": ("unit/test_render.py",),
    "lock/align": ("unit/test_align_told.py", "system/test_align.py"),
    "lock/choose": ("unit/test_choose.py",),
    "lock/moved": ("unit/test_moved_told.py",),
    "lock/stages": ("unit/test_moved_told.py",),
    "lock/decide": ("unit/test_moved_told.py",),
    "lock/not_kept": ("unit/test_moved_told.py",),
    "lock/lock_text": ("system/test_lock_text.py",),
    "lock/condalock": ("system/test_lock_text.py",),
    "lock/one_writer": ("unit/test_one_writer.py",),
    "verify/check": ("unit/test_inferred.py",),
    "verify/entries": ("unit/test_inferred.py",),
    "verify/registry": ("unit/test_inferred.py",),
    "verify/": ("unit/test_rule_texts.py", "unit/test_rules.py", "verify/test_corpus.py"),
    "machine/": ("unit/test_doctor_told.py", "unit/test_nvml.py", "unit/test_surroundings.py"),
    "machine/fit": ("unit/test_told.py", "unit/test_fit.py"),
    "probe/": ("unit/test_told.py", "unit/test_verdict.py"),
    "targets": ("unit/test_targets.py",),
    "model/ranges": ("unit/test_ranges.py",),
    "matrix/con": ("unit/test_told.py", "unit/test_rule_texts.py"),
    "install/condition": ("unit/test_install_told.py",),
    "install/judge": ("unit/test_judge.py",),
    "install/messages": ("unit/test_install_told.py",),
    "install/": ("unit/test_install_plan.py",),
    "formats/": ("unit/test_formats_told.py", "unit/test_formats_small.py", "unit/test_prefix_told.py", "unit/test_beside.py"),
    "pip/": ("unit/test_pip_told.py", "unit/test_answers_of_uv.py"),
    "formats/builds": ("unit/test_builds.py", "unit/test_rule_texts.py", "unit/test_formats_small.py"),
    "formats/conda_specs": ("system/test_lock_text.py",),
    "lock/": (
        *("unit/test_hold_and_numerics.py", "unit/test_lock_in_process.py", "unit/test_plan.py", "unit/test_nothing_to_do.py"),
        *("unit/test_lock_whole.py", "unit/test_lock_choices.py", "unit/test_lock_parts.py"),
    ),
}
LOADING = ("envgen/matrix/", "envgen/model/", "envgen/yamlfile/")  # what reads the matrices: with a mutant of it they are read anew
TESTS = ("tests/unit", "tests/verify", "tests/system")
Place = tuple[str, str, int]  # of a function: its file below the root, its qualified name, its first line
Functions = dict[Place, list[FunctionType]]


def modules(named: Iterable[str]) -> list[str]:
    """The files of the named modules and packages, below the root."""
    found = []
    for name in named:
        path = REPO / "envgen" / name
        paths = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
        found += [str(row.relative_to(REPO)) for row in paths if row.name != "__init__.py"]
    return found


# --- processes ------------------------------------------------------------------------------------------------------------


def forked(work: Callable[[], Any], seconds: float) -> Any:
    """What work returns in a process of its own, or None if that takes too long or dies."""
    folder = Path(tempfile.mkdtemp(prefix="mutant-"))
    answer = folder / "answer"
    pid = os.fork()
    if pid == 0:
        _alone(work, folder, answer)
    end = time.monotonic() + seconds
    while not os.waitpid(pid, os.WNOHANG)[0]:
        if time.monotonic() > end:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            break
        time.sleep(0.01)
    try:
        os.killpg(pid, signal.SIGKILL)  # what it left running
    except ProcessLookupError:
        pass
    said = json.loads(answer.read_text()) if answer.exists() else None
    shutil.rmtree(folder, ignore_errors=True)
    return said


def _alone(work: Callable[[], Any], folder: Path, answer: Path) -> NoReturn:
    """Do it in a process group, with a folder and a cache of its own, saying nothing."""
    status = 1
    try:
        os.setpgid(0, 0)
        (folder / "tmp").mkdir()
        os.environ["ENVGEN_CACHE"] = str(folder / "cache")
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder / "tmp")
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nowhere, number)
        said = json.dumps(work())
        written = answer.with_name("writing")
        written.write_text(said)
        written.rename(answer)
        status = 0
    finally:
        os._exit(status)


# --- tests ----------------------------------------------------------------------------------------------------------------


@dataclass
class Tests:
    """The tests of a session of pytest, to be run in forks of it."""

    session: pytest.Session
    failed: list[str] = field(default_factory=list)

    def files(self) -> dict[str, list[pytest.Item]]:
        """The tests of each file."""
        found: dict[str, list[pytest.Item]] = defaultdict(list)
        for item in self.session.items:
            found[str(item.path.relative_to(REPO))].append(item)
        return found

    def run(self, items: list[pytest.Item], before: Callable[[pytest.Item], None], stop: bool) -> Iterator[tuple[str, float, bool]]:
        """Run tests: each with the seconds that it took and whether it passed."""
        self.session.config._tmp_path_factory._basetemp = None
        self.session.config._tmp_path_factory._given_basetemp = Path(tempfile.mkdtemp()) / "tests"
        for item, following in zip(items, [*items[1:], None], strict=True):
            before(item)
            begun, self.failed = time.monotonic(), []
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            yield item.nodeid, time.monotonic() - begun, not self.failed
            if stop and self.failed:
                return


def in_forks() -> None:
    """Have the tests run the command line in forks of this process, where its code is the changed one."""
    from system import forks

    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        ours.close()
        _serve(theirs, forks)
    theirs.close()
    forks._server = lambda *_: ours


def _serve(requests: socket.socket, forks: Any) -> NoReturn:
    """As `forks.serve`, in a process that has its imports done already."""
    sys.meta_path[:] = [
        row for row in sys.meta_path if not isinstance(row, AssertionRewritingHook)
    ]  # `runpy` cannot run its modules
    forks.answer({requests.fileno(): requests})
    os._exit(0)


# --- which test calls which function --------------------------------------------------------------------------------------


class Calls:
    """The functions of the core that are called, by this process and its forks, written down for each test.

    A function tells of its first call in a test, then its own code is put back, so that the tests take as long as ever.
    """

    def __init__(self, functions: Functions, core: Iterable[str], folder: Path) -> None:
        self.folder, self.told = folder, os.open(folder / "test", os.O_RDWR | os.O_CREAT)
        self.own = {key: (rows, rows[0].__code__) for key, rows in functions.items() if key[0] in core}
        self.telling: dict[Place, CodeType] = {}
        for module in core:
            made = telling((REPO / module).read_text(encoding="utf-8"), str(REPO / module), "_a_test_calls")
            self.telling |= {(module, *key): code for key, code in made.items() if (module, *key) in self.own}
        builtins._a_test_calls = self.called

    def start(self, number: int) -> None:
        """From here on it is this test; a fork that was there before reads the number, too."""
        os.pwrite(self.told, b"%8d" % number, 0)
        for key, code in self.telling.items():
            for function in self.own[key][0]:
                function.__code__ = code

    def called(self, path: str, qualname: str, first: int) -> None:
        key = (os.path.relpath(path, REPO), qualname, first)
        rows, code = self.own[key]
        for function in rows:
            function.__code__ = code
        with open(self.folder / os.pread(self.told, 8, 0).decode().strip(), "a", encoding="utf-8") as file:
            file.write(json.dumps(key[:2]) + "\n")


def calls_of(tests: Tests, items: list[pytest.Item], functions: Functions, core: Iterable[str]) -> list[Any]:
    """Run tests: the name of each, its seconds, whether it passed, and which functions it calls."""
    folder = Path(tempfile.mkdtemp())
    calls, numbers = Calls(functions, core, folder), {item.nodeid: number for number, item in enumerate(items)}
    calls.start(0)
    in_forks()
    found = []
    for nodeid, seconds, passed in tests.run(items, lambda item: calls.start(numbers[item.nodeid]), stop=False):
        path = folder / str(numbers[nodeid])
        lines = set(path.read_text().splitlines()) if path.exists() else set()
        found.append((nodeid, seconds, passed, [json.loads(line) for line in sorted(lines)]))
    return found


def function_names(functions: Iterable[Place]) -> dict[str, str]:
    """For each module a digest of the names of its functions."""
    found: dict[str, set[str]] = defaultdict(set)
    for module, qualname, _ in functions:
        found[module].add(qualname)
    return {module: hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest() for module, names in found.items()}


def is_known(kept: dict[str, Any], digest: str, there: dict[str, str]) -> bool:
    """Whether the calls of a file of tests are still those that were found: a new function may be called by any test of its module."""
    return kept.get("digest") == digest and all(there.get(module) == names for module, names in kept.get("modules", {}).items())


def all_calls(tests: Tests, functions: Functions, core: Iterable[str], say: Callable[[str], None]) -> dict[str, list[Any]]:
    """The calls of each file of tests; asked anew for files that have changed, or that call a module with other functions now."""
    path = KEPT / "calls.json"
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    files, there = tests.files(), function_names(functions)
    digests = {name: hashlib.sha256((REPO / name).read_bytes()).hexdigest() for name in files}  # before any is edited
    for name, items in files.items():
        digest = f"{digests[name]}-{len(items)}"
        if not is_known(kept.get(name, {}), digest, there):
            begun = time.monotonic()
            rows = forked(lambda items=items: calls_of(tests, items, functions, core), 1200) or []
            wrong = sum(not row[2] for row in rows)
            say(f"{name}: {len(rows)} of {len(items)} tests, {wrong} fail here, {time.monotonic() - begun:.0f} s")
            called = {module for row in rows for module, _ in row[3]}
            kept[name] = {"digest": digest, "modules": {module: there[module] for module in sorted(called)}, "tests": rows}
            path.write_text(json.dumps(kept))
    return {name: kept[name]["tests"] for name in tests.files()}


# --- mutants --------------------------------------------------------------------------------------------------------------


def live(core: Iterable[str]) -> Functions:
    """The functions that are there, by their file, qualified name and first line; those of the core are, whoever imports them late."""
    for module in sorted(core):
        importlib.import_module(module.removesuffix(".py").replace("/", "."))
    known: dict[CodeType, Place] = {}
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None) or ""
        if path.startswith(str(REPO / "envgen")) and path.endswith(".py"):
            name = str(Path(path).relative_to(REPO))
            compiled = compile(Path(path).read_text(encoding="utf-8"), path, "exec", dont_inherit=True)
            known |= {code: (name, qualname, line) for (qualname, line), code in codes(compiled)}
    found: Functions = defaultdict(list)
    gc.unfreeze()  # the tests have it leave alone what they collected, and then it does not tell of that either
    for row in gc.get_objects():
        if isinstance(row, FunctionType) and row.__code__ in known:
            found[known[row.__code__]].append(row)
    gc.freeze()
    return found


def put(mutant: Mutant, module: str, functions: Functions) -> None:
    """Change the code of a function in this process."""
    code = code_of((REPO / module).read_text(encoding="utf-8"), str(REPO / module), mutant)
    for function in functions[module, mutant.function, mutant.first]:
        function.__code__ = code


def tried(tests: Tests, mutant: Mutant, module: str, functions: Any, chosen: list[pytest.Item]) -> str:
    """Which test notices a mutant; empty if none does."""
    put(mutant, module, functions)
    in_forks()
    if module.startswith(LOADING):
        for matrix in (small.real_matrix, small.small_matrix):
            matrix.cache_clear()
    for nodeid, _, passed in tests.run(chosen, lambda _: None, stop=True):
        if not passed:
            return nodeid
    return ""


def chosen(tests: Tests, calls: dict[str, list[Any]], key: list[str], budget: float) -> tuple[list[pytest.Item], float]:
    """The tests that call a function: those written for its module, then the quick ones, as many as fit into so many seconds."""
    items = {item.nodeid: item for item in tests.session.items}
    names = {f"tests/{name}" for part, files in CLOSE.items() if key[0].startswith(f"envgen/{part}") for name in files}
    rows = ((file not in names, *row) for file, rows in calls.items() for row in rows)
    mine = sorted(
        (far, seconds, nodeid) for far, nodeid, seconds, passed, keys in rows if passed and key in keys and nodeid in items
    )
    found: list[pytest.Item] = []
    spent = 0.0
    for far, seconds, nodeid in mine:
        if not far or spent + seconds <= budget or not found:
            found.append(items[nodeid])
            spent += seconds
    files = list(dict.fromkeys(item.path for item in found))
    return sorted(found, key=lambda item: files.index(item.path)), spent  # what a file makes for its tests is made once


class Mutants:
    """What pytest runs instead of its tests."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        self.tests: Tests | None = None
        self.below: list[str] = []

    def say(self, text: str) -> None:
        print(text, file=self.out, flush=True)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.tests:
            self.tests.failed.append(report.nodeid)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.tests = Tests(session)
        small.real_matrix(), small.small_matrix()
        core = set(modules(CORE)) | set(self.wanted())
        functions = live(core)
        calls = all_calls(self.tests, functions, core, self.say)
        for module in self.wanted():
            self.judge(module, functions, calls)
        self.report()
        return True

    def wanted(self) -> list[str]:
        return modules(self.options.modules or CORE)

    def drawn(self, module: str) -> list[Mutant]:
        """The mutants of a module that are tried: not those that change nothing that can be noticed."""
        found = sample((REPO / module).read_text(encoding="utf-8"), module, self.options.number, self.options.seed)
        return [mutant for mutant in found if not is_same(module, mutant)]

    def judge(self, module: str, functions: Any, calls: dict[str, list[Any]]) -> None:
        """Try the mutants of a module that were not tried yet."""
        kept = results()
        for mutant in self.drawn(module):
            before = kept.get(mutant.key)
            if before and (before["by"] or not self.options.survivors) and not before.get("again"):
                continue
            assert self.tests
            begun = time.monotonic()
            items, spent = chosen(self.tests, calls, [module, mutant.function], self.options.budget)
            limit = 30 + 6 * spent
            by = forked(lambda m=mutant, i=items: tried(self.tests, m, module, functions, i), limit) if items else ""
            by = "it never ended" if by is None else by
            row = {
                "key": mutant.key,
                "module": module,
                "line": mutant.line,
                "by": by,
                "tests": len(items),
                "seconds": round(time.monotonic() - begun, 1),
            }
            row |= {"function": mutant.function, "change": f"{mutant.before} -> {mutant.after}"}
            with (KEPT / "results.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            if not by:
                self.say(
                    f"survived {module}:{mutant.line} {mutant.function}: {row['change']}  ({len(items)} tests, {row['seconds']} s)"
                )

    def report(self) -> None:
        """Killed of tried, module by module, and the modules of which too few are killed."""
        kept, all_killed, all_tried = results(), 0, 0
        for module in self.wanted():
            rows = [kept[mutant.key] for mutant in self.drawn(module) if mutant.key in kept]
            killed = sum(bool(row["by"]) for row in rows)
            all_killed, all_tried = all_killed + killed, all_tried + len(rows)
            self.say(f"{module:40} {killed:3} of {len(rows):3} killed {100 * killed // max(len(rows), 1):4} %")
            self.below += [module] if 100 * killed < self.options.least * len(rows) else []
        self.say(f"{'together':40} {all_killed:3} of {all_tried:3} killed {100 * all_killed // max(all_tried, 1):4} %")
        if self.below:
            self.say(f"below {self.options.least} %: {', '.join(self.below)}")


def results() -> dict[str, dict[str, Any]]:
    """What is known of each mutant: the last word counts."""
    path = KEPT / "results.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {row["key"]: row for row in map(json.loads, lines)}


def main() -> int:
    """Options in; pytest's status out, or 1 where too few changes of a module are noticed."""
    parser = argparse.ArgumentParser(description="Mutants of the core: which of them do the tests notice?")
    parser.add_argument("modules", nargs="*", help="such as resolver or lock/plan; the whole core by default")
    parser.add_argument("--number", type=int, default=25, help="mutants of a module (25)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--budget", type=float, default=10, help="seconds of tests for a mutant (10)")
    parser.add_argument("--survivors", action="store_true", help="try those again that survived")
    parser.add_argument("--least", type=int, default=0, metavar="PERCENT", help="exit 1 where fewer of a module are killed")
    parser.add_argument("--tests", nargs="*", default=TESTS)
    options = parser.parse_args()
    os.environ.setdefault("ENVGEN_EXAMPLES", "0.2")
    KEPT.mkdir(exist_ok=True)
    words = ["-q", "-s", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header", "-W", "ignore", *options.tests]
    os.chdir(REPO)
    mutants = Mutants(options)
    return int(pytest.main(words, plugins=[mutants])) or int(bool(mutants.below))


if __name__ == "__main__":
    raise SystemExit(main())
