"""A test whose every assertion is in a loop says how often the loop runs: one that never runs would pass whatever the code does."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from conftest import REPO, some

COUNTING = {
    "some",
    "range",
    "spread",
    "mounted",
}  # never empty: `some` of conftest.py asserts it, a mount is there or the test is skipped
SEVERAL = (ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Constant)
# Generated examples of which none need have a row, where another assertion of the module counts them.
EXEMPT = {
    "test_advice_is_given_for_whatever_can_be_resolved",
    "test_a_version_is_in_a_range_exactly_when_its_place_is",
    "test_every_link_between_pages_leads_somewhere",
    "test_spoiled_locks",
    "test_the_history_of_the_examples_can_be_read",  # a clone may have but one commit
    "test_every_flip_and_every_move_of_cuda_is_on_the_first_screen",  # a seed may change no CUDA
    "test_every_flip_and_every_move_of_cuda_in_the_history_of_the_examples_is_on_the_first_screen",  # a clone may have but one commit
    "test_every_variant_that_was_built_has_its_target_with_that_platform",
}


def fixed(iterated: ast.expr) -> bool:
    """Whether what a loop goes through is written down there, or counted."""
    if isinstance(iterated, ast.Call) and isinstance(iterated.func, ast.Name):
        return iterated.func.id in COUNTING or (iterated.func.id in ("zip", "enumerate") and any(map(fixed, iterated.args)))
    return isinstance(iterated, SEVERAL)


def assertions(node: ast.AST, *, open_loop: bool = False) -> Iterator[bool]:
    """For each assertion below a node, whether it is in a loop that may never run."""
    for child in ast.iter_child_nodes(node):
        inside = open_loop or (isinstance(child, ast.For) and not fixed(child.iter))
        raises = isinstance(child, ast.With) and "'raises'" in ast.dump(child.items[0])
        if isinstance(child, ast.Assert) or raises:
            yield open_loop
        yield from assertions(child, open_loop=inside)


def unsure(text: str) -> list[str]:
    """The tests of a module of which no assertion need be reached."""
    tests = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    return [test.name for test in tests if (found := list(assertions(test))) and all(found)]


@pytest.mark.thorough
def test_no_test_passes_because_a_loop_never_runs() -> None:
    files = some(sorted((REPO / "tests").rglob("test_*.py")), 100)
    found = [
        f"{file.relative_to(REPO)}: {name}"
        for file in files
        for name in unsure(file.read_text(encoding="utf-8"))
        if name not in EXEMPT
    ]
    assert found == []


def test_such_a_loop_is_found() -> None:
    assert unsure("def test_it():\n    for row in rows():\n        assert row\n") == ["test_it"]
    assert unsure("def test_it():\n    for row in some(rows()):\n        assert row\n") == []
    assert unsure("def test_it():\n    for row in rows():\n        assert row\n    assert rows()\n") == []
    assert unsure("def test_it():\n    for row in (1, 2):\n        assert row\n") == []
