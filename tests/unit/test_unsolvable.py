"""What has no solution and what would have one, told with solvers that are functions."""

from __future__ import annotations

import pytest
from packaging.version import Version
from unit.small import project_of

from envgen.explain.facts import facts
from envgen.explain.report import unsolvable_text
from envgen.explain.unsolvable import unsolvable
from envgen.model.facts import Matrix
from envgen.model.resolution import Choice, Resolution
from envgen.resolver.resolve import Problem, answer

HEAD = 'python: "3.12"\nplatforms: [linux-64]\n'


def without_newest_cudf(choice: Choice, *_: object) -> frozenset[Version] | None:
    """The Availability of an index that lacks one release."""
    return frozenset() if choice.release.framework == "cudf" and str(choice.release.version) == "26.8.0" else None


def nothing(*_: object) -> frozenset[Version]:
    """The Availability of an empty index."""
    return frozenset()


@pytest.mark.parametrize("targets", ["[cpu, cu129]", "[cu129, cpu]", "[cu129]"])
def test_a_framework_that_a_target_leaves_out_can_have_another_version_in_the_others(real: Matrix, targets: str) -> None:
    """cuDF needs CUDA: a CPU target leaves it out, whichever of the targets comes first."""
    rest = f"channels: [rapidsai, conda-forge]\nframeworks: {{cudf: '26.08.*'}}\ntargets: {targets}\n"
    problem = Problem(real, project_of(HEAD + rest, real), without_newest_cudf)
    found = unsolvable(problem, answer)
    assert [change.text for change in found.repairs[0].changes] == ["cudf 26.08.* -> 26.6.1"]


def test_what_an_index_lacks_is_said_once(real: Matrix) -> None:
    """A search for builds of the target's own CUDA and one for older minors both meet it."""
    rest = "channels: [conda-forge]\nframeworks: {jax: '0.9.*'}\ntargets: [cu129]\n"
    problem = Problem(real, project_of(HEAD + rest, real), nothing)
    lacking = unsolvable(problem, lambda _: None).lacking
    assert len(lacking) == len(set(lacking)) == 3
    assert unsolvable_text(unsolvable(problem, lambda _: None), "an index").count("no CUDA 12.9 build of jax 0.9.2") == 1
    told = next(part.reason(problem).text for part in facts(problem) if part.kind == "index")
    assert told == "the index holds no CUDA 12.9 build of jax 0.9.2 for linux-64 that this project can use (and 2 more)"


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("old: {cuda: '12.9', virtual-packages: {__glibc: '2.17'}}", "old"),
        ("cu129: {virtual-packages: {__glibc: '2.17'}}", "cu129"),
    ],
)
def test_what_a_project_promises_of_its_machines_can_be_the_reason(real: Matrix, key: str, name: str) -> None:
    """The facts allow CUDA 12.9 with glibc 2.17, and some package of the channel needs a newer one."""

    def solved(problem: Problem) -> tuple[Resolution, ...] | None:
        old = any(row.virtual.get("__glibc") == "2.17" for row in problem.project.targets)
        cuda = any(choice.variant for row in answer(problem) or () for choice in row.choices)
        return None if old and cuda else answer(problem)

    text = f"{HEAD}channels: [conda-forge]\nframeworks: {{pytorch: '2.10.*'}}\ntargets:\n  {key}\n"
    found = unsolvable(Problem(real, project_of(text, real)), solved)
    assert [reason.text for reason in found.requirements] == [f"target {name}: virtual-packages __glibc 2.17", "pytorch"]
    assert [change.text for repair in found.repairs for change in repair.changes] == [
        f"target {name}: virtual-packages __glibc 2.28, if every machine has it"
    ]
