"""One thing wrong in a real lock, and it is found; in every committed lock, on every platform that it is wrong on."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import REPO
from unit.small import real_matrix

from envgen.formats.conda_lock import read_lock
from envgen.model.facts import Matrix
from envgen.model.layout import LOCK
from envgen.verify.check import check
from envgen.verify.verify import claims_for

LOCKS = sorted((REPO / "environments").glob(f"*/*/{LOCK}"))
FRAMEWORK = r"- name: (?:pytorch|tensorflow|tensorflow-base|jaxlib)\n(?:  .*\n)+"
ENTRY = r"^- name: .*\n(?:  .*\n)+"
Change = Callable[[str], str]


def each(pattern: str, change: Callable[[str], str], count: int = 0) -> Change:
    """Change whatever matches; all of it, or so many."""
    return lambda text: re.sub(pattern, lambda found: change(found[0]), text, count=count, flags=re.MULTILINE)


def renamed(old: str, new: str) -> Callable[[str], str]:
    return lambda entry: re.sub(old, new, entry)


def to_cpu(entry: str) -> str:
    """The url of the build for CPU, in the spelling of its channel."""
    url = r"(  url: .*)(?:cuda\d+_cudnn[\d.]+|cuda[\d.]+_cudnn[\d.]+|cuda\d+)(.*)"
    return re.sub(url, r"\1cpu\2", entry)


# what is done -> to which locks (a part of their target's name), and the rule that must fire
MUTATIONS: dict[str, tuple[str, str, Change]] = {
    "the framework is a CPU build": ("cu", "cpu-build", each(FRAMEWORK, to_cpu)),
    "the framework is for another major": ("cu12", "wrong-cuda", each(FRAMEWORK, renamed(r"(url: .*)cuda1[23]\.?\d", r"\1cuda118"))),
    "the framework is a CUDA build": ("cpu", "cuda-in-cpu", each(FRAMEWORK, renamed(r"(url: .*[-_])cpu", r"\1cuda126"))),
    "cudatoolkit came along": (
        "cu12",
        "two-cuda-majors",
        lambda text: text + re.findall(ENTRY, text, re.MULTILINE)[0].replace("name: ", "name: cudatoolkit\n  was: ").replace("version: ", "version: 11.8.0\n  has: "),
    ),
    "a package is there twice": ("c", "package-twice", lambda text: text + re.findall(ENTRY, text, re.MULTILINE)[-1]),
    "python is gone": ("c", "missing-dependency", each(r"^- name: python\n(?:  .*\n)+", lambda _: "")),
    "a url is of another version": ("c", "url-mismatch", each(r"  url: .*/python-3", renamed("python-3", "python-2"))),
    "a url is for another platform": ("c", "url-mismatch", each(r"  url: .*/linux-64/python-", renamed("linux-64", "linux-ppc64le"), 1)),
    "an md5 is all that is left": ("c", "weak-hash", each(r"    sha256: .*\n", lambda _: "", 1)),
    "no hash is left": ("c", "no-hash", each(r"  hash:\n(?:    .*\n)+", lambda _: "  hash: {}\n", 1)),
    "a hash is cut": ("c", "no-hash", each(r"(?<=sha256: )[0-9a-f]{64}", lambda found: found[:40], 1)),
    "a channel is another": ("c", "undeclared-channel", each(r"anaconda\.org/conda-forge", lambda _: "anaconda.org/conda-forgery", 1)),
    "a password is in a url": ("c", "credentials", each(r"url: https://", lambda found: f"{found}me:secret@", 1)),
    "python is older than packages want": ("c", "unmet-dependency", each(r"^- name: python\n  version: .*", renamed("version: .*", "version: 2.7.18"))),
    "it was edited": ("c", "edited", each(r"  category: main", lambda _: "  category: dev", 1)),
}  # fmt: skip


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return real_matrix()


def fired(text: str, target: str, matrix: Matrix) -> set[str]:
    lock = read_lock(text, "lock.yml")
    return {finding.rule for finding in check(lock, claims_for(lock, matrix.targets[target]), matrix)}


@pytest.mark.parametrize("name", MUTATIONS)
def test_one_thing_wrong_is_found_in_every_lock(name: str, matrix: Matrix) -> None:
    part, rule, change = MUTATIONS[name]
    tried = [path for path in LOCKS if path.parent.name.startswith(part)]
    assert tried
    for path in tried:
        text = path.read_text(encoding="utf-8")
        assert change(text) != text, path
        assert rule in fired(change(text), path.parent.name, matrix), path


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: "-".join(path.parts[-3:-1]))
def test_nothing_is_found_in_a_lock_that_nobody_touched(path: Path, matrix: Matrix) -> None:
    assert fired(path.read_text(encoding="utf-8"), path.parent.name, matrix) <= {"weak-hash"}
