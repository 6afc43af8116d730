"""Target words: what each means, which target is taken, and what is said of a word that means none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from packaging.version import Version
from unit.small import real_matrix, small_matrix

from envgen import targets
from envgen.model.errors import BadInput, EnvgenError
from envgen.targets import MachineWord, TargetRange, cuda_range

SMALL = small_matrix()
NAMES = ("cpu", "cu118", "cu126")
WHY = "this is a test"


def said(do: Callable[[], object]) -> list[str]:
    """The lines of what is refused."""
    with pytest.raises(EnvgenError) as caught:
        do()
    return [line for line in str(caught.value).splitlines() if line]


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("cpu", "cpu"),
        ("CPU ", "cpu"),
        ("cu126", "cu126"),
        ("cu118", "cu118"),
        ("newest", "cu126"),
        ("latest", "cu126"),
        ("*", "cu126"),
        ("cuda", "cu126"),
        ("12", "cu126"),
        ("11", "cu118"),
        ("cuda 11.8", "cu118"),
        ("cuda<12", "cu118"),
        (">=12.6.1", "cu126"),
        ("11.8.0", "cu118"),
        ("<=11.8", "cu118"),
        ("13", None),
        ("cu999", None),
    ],
)
def test_a_word_takes_the_newest_target_that_it_allows(word: str, name: str | None) -> None:
    assert targets.named(word, NAMES, SMALL, WHY) == name


def test_a_name_is_taken_as_it_stands_before_it_is_read_as_a_word() -> None:
    assert targets.named("our-own", ("our-own", "cpu"), SMALL, WHY) == "our-own"
    assert targets.named("cpu", ("cu126",), SMALL, WHY) is None


def test_a_word_that_depends_on_the_machine_is_refused_with_the_reason() -> None:
    assert said(lambda: targets.named("gpu", NAMES, SMALL, WHY)) == [
        "--target: `gpu` depends on the machine, and this is a test",
        "hint: name a target, or write `newest` for the newest CUDA target",
    ]
    assert said(lambda: targets.in_file("auto", SMALL, "here")) == [
        "here: `auto` depends on the machine, and a file means the same on every machine",
        "hint: write `cpu`, or `newest` for the newest CUDA target",
    ]


def test_gpu_in_a_file_is_the_newest_cuda_target() -> None:
    assert targets.in_file("gpu", SMALL, "here") == targets.in_file("newest", SMALL, "here") == TargetRange(cuda_range("*"))
    assert (targets.meaning("GPU", SMALL), targets.meaning("auto", SMALL)) == (MachineWord.GPU, MachineWord.AUTO)


def test_what_is_no_target_word_is_refused_and_a_package_by_its_name() -> None:
    for word in ("alpha", "alpha=2.1", "Alpha >=2"):
        assert said(lambda word=word: targets.in_command(word, SMALL)) == [
            f"--target: `{word}` names a package; --target takes a target",
            "hint: write the target alone: cpu, cu126, or a CUDA version such as 12.6",
        ]
    assert said(lambda: targets.in_command("cu12x", SMALL))[0] == "no target `cu12x` in matrices/targets.yaml"
    assert said(lambda: targets.in_command("NEWESTT", SMALL)) == [
        "no target `NEWESTT` in matrices/targets.yaml",
        "hint: did you mean `newest`?",
    ]
    for word in ("cu", "", "--", "numpy 12", "<", "1,2,x"):
        assert targets.meaning(word, SMALL) is None, word


def test_a_word_has_at_most_200_letters() -> None:
    assert targets.meaning("cuda" + " " * 194 + "12", SMALL) == targets.meaning("12", SMALL)
    assert targets.meaning("cuda" + " " * 195 + "12", SMALL) is None


@pytest.mark.parametrize(
    ("text", "minor"),
    [("12.6", "12.6"), ("=12.6.1", "12.6"), ("12", None), (">=12.6", None), (">=12.1,<12.9", None), ("*", None)],
)
def test_a_range_of_one_cuda_version_has_it(text: str, minor: str | None) -> None:
    assert TargetRange(cuda_range(text)).minor == (Version(minor) if minor else None)


def test_the_cpu_target_has_no_cuda_version_and_is_in_no_range_of_them() -> None:
    cpu = TargetRange(None)
    assert cpu.minor is None
    assert None in cpu
    assert Version("12.6") not in cpu
    assert None not in TargetRange(cuda_range("*"))


@pytest.mark.parametrize(
    ("text", "with_dot"), [("126", "12.6"), ("92", "9.2"), ("12", "12"), ("1210", "121.0"), ("11.8", "11.8"), (" 118 ", "11.8")]
)
def test_the_digits_of_a_name_are_a_version(text: str, with_dot: str) -> None:
    assert targets.dotted(text) == with_dot


@pytest.mark.parametrize("name", NAMES)
def test_the_range_of_one_target_holds_it_and_no_other(name: str) -> None:
    found = targets.exactly(SMALL.targets[name])
    assert [other for other in NAMES if SMALL.targets[other].cuda in found] == [name]
    assert targets.newest_of(found, NAMES) == name


def test_the_range_of_two_words_is_what_both_allow() -> None:
    both = targets.intersection(TargetRange(cuda_range(">=11")), TargetRange(cuda_range("<12")))
    assert targets.newest_of(both, NAMES) == "cu118"
    assert targets.exists(both, TargetRange(cuda_range("11.8")), SMALL)
    assert not targets.exists(both, TargetRange(cuda_range("12")), SMALL)
    assert targets.intersection(TargetRange(None), both) == TargetRange(None)


def test_a_target_that_nobody_built_for_is_meant_only_where_there_is_no_other() -> None:
    newer = replace(SMALL.targets["cu126"], name="cu129", cuda=Version("12.9"))
    matrix = replace(SMALL, targets={**SMALL.targets, "cu129": newer})
    assert [row.name for row in targets.newest_first(TargetRange(cuda_range("*")), matrix)] == ["cu126", "cu118"]
    assert [row.name for row in targets.newest_first(TargetRange(cuda_range("12.9")), matrix)] == ["cu129"]


def test_a_cuda_version_without_a_target_is_described_by_its_name_alone() -> None:
    found = targets.described(TargetRange(cuda_range("13.0")), SMALL)
    assert found is not None
    assert (found.name, found.cuda, found.platforms, dict(found.virtual)) == ("cu130", Version("13.0"), (), {})
    assert targets.described(TargetRange(cuda_range("13")), SMALL) is None
    known = targets.described(TargetRange(cuda_range("12")), SMALL)
    assert known is SMALL.targets["cu126"]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("13", "the nearest are cu118, cu126"),
        ("cuda 12.4", "the nearest are cu118, cu126"),
        ("x", "the nearest are cu118, cu126"),
        ("alpha[cu118]", "the nearest are cu118, cu126"),
    ],
)
def test_the_nearest_targets_are_named_from_old_to_new(text: str, hint: str) -> None:
    assert targets.nearest(text, SMALL) == hint


def test_the_nearest_three_of_many_are_named() -> None:
    found = targets.nearest("12.7", real_matrix()).removeprefix("the nearest are ").split(", ")
    assert len(found) == 3
    assert {"cu126", "cu128"} < set(found)
    assert found == sorted(found)
    assert targets.nearest("torch[cu999]", real_matrix()) == targets.nearest("torch", real_matrix())


def test_a_matrix_without_cuda_says_so() -> None:
    assert targets.nearest("12", replace(SMALL, targets={"cpu": SMALL.targets["cpu"]})) == "there is no CUDA target"


def test_a_range_without_a_target_is_refused() -> None:
    wanted = TargetRange(cuda_range("11.8"))
    assert targets.required(wanted, "11.8", SMALL) is wanted
    with pytest.raises(BadInput, match="no target `13`"):
        targets.required(TargetRange(cuda_range("13")), "13", SMALL)


def test_the_range_of_a_target_with_two_cuda_versions_reaches_from_one_to_the_other() -> None:
    both = {"linux-64": Version("12.6"), "win-64": Version("12.4")}
    found = targets.exactly(replace(SMALL.targets["cu126"], by_platform=both))
    assert [text for text in ("12.3", "12.4", "12.5", "12.6", "12.8") if Version(text) in found] == ["12.4", "12.5", "12.6"]


@pytest.mark.parametrize(
    ("word", "minor"), [("cudatoolkit=11.8", "11.8"), ("cuda-version 12.6", "12.6"), ("gpu 12.6", "12.6"), ("CU-12.6", "12.6")]
)
def test_names_of_cuda_itself_may_precede_its_version(word: str, minor: str) -> None:
    assert targets.meaning(word, real_matrix()) == TargetRange(cuda_range(minor))


@pytest.mark.parametrize("word", ["torch 12", "tensorflow-gpu 12", "cpuonly 12", "jaxlib", "pytorch-cuda 12.4"])
def test_names_of_frameworks_may_not_also_those_that_request_one(word: str) -> None:
    assert targets.meaning(word, real_matrix()) is None
