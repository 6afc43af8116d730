"""The mutator behind `make mutants`: what it changes, that it changes one thing, and that it draws the same for the same code."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from conftest import REPO, some
from mutants import run
from mutants.equivalent import same
from mutants.mutate import code_of, codes, mutants, sample, telling

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
    for (module, function, before, after, nth), because in some(same().items()):
        rows = mutants((REPO / module).read_text(encoding="utf-8"))
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


def test_two_equal_changes_in_one_function_are_told_apart() -> None:
    rows = [(mutant.before, mutant.nth) for mutant in mutants("def pair():\n    return 1, 1\n") if mutant.after == "2"]
    assert rows == [("1", 1), ("1", 2)]
