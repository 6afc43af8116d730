"""The mutator behind `make mutants`: what it changes, that it changes one thing, and that it draws the same for the same code."""

from __future__ import annotations

import gc
from functools import cache
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import REPO, some
from mutants import run
from mutants.equivalent import same
from mutants.mutate import code_of, codes, mutants, sample, telling
from system import forks

from envgen import targets

TEXT = '''"""A module."""

LIMIT = 3


class Box:
    """A class."""

    @staticmethod
    def fits(size: int = 1, *, strict: bool = True) -> str:
        """Whether it fits."""
        if size > 2 and strict:
            return f"too large: {size}"
        return "fits" if size else ""


def total(rows: list[int]) -> int:
    print(rows)
    return sum(row for row in rows if row > 0) + 1
'''


def changes(text: str) -> set[tuple[str, str]]:
    return {(mutant.before, mutant.after) for mutant in mutants(text)}


def test_comparisons_conditions_texts_and_numbers_are_changed() -> None:
    found = changes(TEXT)
    assert {
        ("size > 2", "size >= 2"),
        ("size > 2 and strict", "size > 2 or strict"),
        ("size > 2 and strict", "strict"),
        ("'fits' if size else ''", "'fits'"),
        ("'too large: '", "'too large: XX'"),
        ("'fits'", "'fitsXX'"),
        ("print(rows)", "pass"),
        ("1", "2"),
    } <= found
    assert ("for row in rows if row > 0", "for row in rows") in {(before.strip(), after.strip()) for before, after in found}


def test_what_stands_outside_of_functions_docstrings_and_annotations_is_not() -> None:
    assert not any("LIMIT" in before or "Whether" in before or before in ("3", "str", "'A class.'") for before, _ in changes(TEXT))


def test_each_mutant_compiles_to_a_function_that_does_something_else() -> None:
    for mutant in some(mutants(TEXT), 15):
        scope: dict[str, object] = {}
        exec(compile(TEXT, "module.py", "exec", dont_inherit=True), scope)
        function = scope["total"] if mutant.function == "total" else scope["Box"].fits  # type: ignore[attr-defined]
        before = function.__code__
        function.__code__ = code_of(TEXT, "module.py", mutant)
        assert function.__code__ != before, mutant


def test_a_sample_is_the_same_for_the_same_code_and_mostly_after_an_edit_elsewhere() -> None:
    keys = {mutant.key for mutant in sample(TEXT, "m.py", 6, seed=1)}
    assert len(keys) == 6
    assert keys == {mutant.key for mutant in sample(TEXT, "m.py", 6, seed=1)}
    assert keys != {mutant.key for mutant in sample(TEXT, "m.py", 6, seed=2)}
    assert keys == {mutant.key for mutant in sample(TEXT.replace("LIMIT = 3", "LIMIT = 4\nOTHER = 5"), "m.py", 6, seed=1)}


@pytest.mark.parametrize("module", ["resolver/search.py", "verify/rules_builds.py", "machine/fit.py"])
def test_mutants_of_the_core_are_code_of_functions_that_are_there(module: str) -> None:
    path = REPO / "envgen" / module
    text = path.read_text(encoding="utf-8")
    there = dict(codes(compile(text, str(path), "exec", dont_inherit=True)))
    drawn = sample(text, module, 10, seed=3)
    assert len(drawn) == 10
    for mutant in drawn:
        assert code_of(text, str(path), mutant) != there[mutant.function, mutant.first]
    assert telling(text, str(path), "told").keys() >= {(mutant.function, mutant.first) for mutant in drawn}


@pytest.mark.thorough
def test_each_mutant_that_changes_nothing_is_one_and_says_why() -> None:
    of = cache(lambda module: mutants((REPO / module).read_text(encoding="utf-8")))
    for (module, function, before, after, nth), because in some(same().items()):
        rows = of(module)
        found = [row.nth for row in rows if (row.function, row.before, row.after) == (function, before, after)]
        assert found and max(found) >= nth, (module, function, before)
        assert len(because) > 20


def test_each_named_part_of_the_core_is_there() -> None:
    missing = [
        name for name in run.CORE if not (REPO / "envgen" / name).is_dir() and not (REPO / "envgen" / f"{name}.py").is_file()
    ]
    assert missing == []


def test_modules_of_the_core_that_nobody_has_imported_yet_are_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands import some late; what is not there cannot be changed, and would be called survived."""
    imported: list[str] = []
    monkeypatch.setattr(run, "importlib", SimpleNamespace(import_module=imported.append))
    monkeypatch.setattr(run, "sys", SimpleNamespace(modules={}))
    assert not run.live(["envgen/lock/write.py", "envgen/lock/plan.py"])
    assert imported == ["envgen.lock.plan", "envgen.lock.write"]


def test_functions_that_the_garbage_collector_leaves_alone_are_found() -> None:
    """As it does with all that was collected: a change that is put into no function would be called survived."""
    gc.freeze()
    found = run.live(["envgen/targets.py"])
    assert {function for rows in found.values() for function in rows} >= {targets.meaning, targets.lacking}


def test_two_equal_changes_in_one_function_are_told_apart() -> None:
    rows = [(mutant.before, mutant.nth) for mutant in mutants("def pair():\n    return 1, 1\n") if mutant.after == "2"]
    assert rows == [("1", 1), ("1", 2)]


@pytest.mark.parametrize(
    ("least", "killed", "status", "said"),
    [
        ("0", 0, 0, "lock/kept.py                        0 of   4 killed    0 %"),
        ("75", 3, 0, "lock/kept.py                        3 of   4 killed   75 %"),
        ("76", 3, 1, "below 76 %: envgen/lock/kept.py, envgen/lock/pin.py"),
    ],
)
def test_a_run_fails_where_too_few_changes_of_a_module_are_noticed(
    least: str, killed: int, status: int, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of a module whose changes were not tried nothing is known."""
    tried = {"kept": 4, "pin": 4, "plan": 0}
    out = StringIO()
    rows = {f"envgen/lock/{name}.py": [SimpleNamespace(key=f"{name}{n}") for n in range(count)] for name, count in tried.items()}

    def judged(_: object, plugins: list[run.Mutants]) -> int:
        (found,) = plugins
        found.out.close()
        found.out = out  # type: ignore[assignment]
        found.report()
        return 0

    monkeypatch.setattr(run.Mutants, "drawn", lambda _, module: rows[module])
    monkeypatch.setattr(
        run, "results", lambda: {row.key: {"by": row.key[-1] < str(killed)} for some in rows.values() for row in some}
    )
    monkeypatch.setattr(run, "pytest", SimpleNamespace(main=judged))
    monkeypatch.setattr(run, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(run.sys, "argv", ["run.py", "lock/kept", "lock/pin", "lock/plan", "--least", least])
    assert run.main() == status
    assert said in out.getvalue()


def test_the_calls_of_tests_are_asked_for_again_where_the_tests_or_the_functions_of_a_module_are_others() -> None:
    names = run.function_names([("a.py", "f", 1), ("a.py", "g", 9), ("b.py", "f", 1)])
    assert names == run.function_names([("a.py", "g", 2), ("a.py", "f", 7), ("b.py", "f", 3)])
    kept = {"digest": "1", "modules": {"a.py": names["a.py"]}, "tests": []}
    assert run.is_known(kept, "1", names)
    assert run.is_known(kept, "1", run.function_names([("a.py", "f", 1), ("a.py", "g", 9), ("b.py", "h", 1)]))
    assert not run.is_known(kept, "2", names)
    assert not run.is_known(kept, "1", run.function_names([("a.py", "f", 1), ("b.py", "f", 1)]))
    assert not run.is_known({}, "1", names)


def test_the_command_line_runs_in_forks_of_the_process_that_was_changed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(forks, "_server", forks._server)  # is put back
    with capfd.disabled():  # as `make mutants` runs pytest
        run.in_forks()
    environment = {"HOME": str(tmp_path), "ENVGEN_CACHE": str(tmp_path / "cache")}
    try:
        done = forks.run(["--version"], REPO, environment, 60)
        pair = [forks.begin(["--nonsense"], REPO, environment) for _ in range(2)]
        assert [one.end(60).returncode for one in pair] == [2, 2]
    finally:
        forks._server(None, ()).close()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("envgen, version ")
