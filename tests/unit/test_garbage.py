"""What leaves nothing for Python's garbage collector, which the command line turns off: memory would grow with the projects."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from unit.small import PROJECT, project_of, small_matrix

from envgen.cache import encoded
from envgen.model.findings import Claim
from envgen.model.packages import Lock, LockedPackage
from envgen.resolver.resolve import Problem, answer, target_choices
from envgen.verify.check import check


@contextmanager
def left() -> Iterator[list[object]]:
    """What only the collector could remove, of what is made meanwhile; filled at the end."""
    found: list[object] = []
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found += gc.garbage
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def searched() -> None:
    problem = Problem(small_matrix(), project_of(PROJECT, small_matrix()))
    assert answer(problem)
    assert next(target_choices(problem, "cpu"))


def kept() -> None:
    assert encoded(project_of(PROJECT, small_matrix()))


def verified() -> None:
    packages = tuple(
        LockedPackage(name="alpha", version="2.1.0", build="cpu_0", manager="conda", platform=platform, depends=())
        for platform in ("linux-64", "win-64")
    )
    lock = Lock(shown="conda-lock.yml", format="conda-lock 1", environment="", packages=packages)
    check(lock, {"linux-64": Claim(kind="cpu", cuda=None, source="")}, small_matrix())


@pytest.mark.thorough
@pytest.mark.parametrize("work", [searched, kept, verified])
def test_nothing_is_left(work: Callable[[], None]) -> None:
    work()  # what is remembered for the rest of the process is made now
    with left() as found:
        work()
    kinds = {type(one).__name__ for one in found if type(one).__module__.startswith("envgen")}
    functions = {one.__qualname__ for one in found if callable(one) and getattr(one, "__module__", "").startswith("envgen")}
    assert (kinds, functions) == (set(), set())
