"""What is read of a project file, whole: every field of the project and each note, or the error with its place and its hint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

import pytest
from unit import told
from unit.small import project_of, real_matrix, small_matrix
from unit.test_project import PROJECT, WHOLE, changed
from unit.test_words import SAME, WRONG, text_of

from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix
from envgen.resolver.resolve import Unsatisfiable

OWN: Mapping[str, str] = {
    "everything": WHOLE,
    "dates of packages and channels": PROJECT.replace("[conda-forge]", "[conda-forge, 'https://h.example/c/']") + "exclude-newer: {default: 2026-06-01, packages: {NumPy: 2026-01-01, b: none}, channels: {conda-forge: 2026-02-01, 'https://h.example/c': 2026-03-01}}\n",
    "a date for a channel that is not listed": PROJECT + "exclude-newer: {channels: {conda-forg: 2026-02-01}}\n",
    "two dates for a channel": PROJECT + "exclude-newer: {channels: {conda-forge: 2026-02-01, 'https://conda.anaconda.org/conda-forge': 2026-02-01}}\n",
    "two dates for a package": PROJECT + "exclude-newer: {packages: {a: 2026-02-01, A: 2026-02-01}}\n",
    "dates of nothing": PROJECT + "exclude-newer: {}\n",
    "numerics": PROJECT + "numerics: {also: [openblas], may-differ: [alpha, openblas]}\n",
    "numerics that nothing is called": PROJECT + "numerics: {may-differ: [alhpa]}\n",
    "numerics without alignment": PROJECT + "align: false\nnumerics: {also: [a]}\n",
    "a budget": PROJECT + "budget: {default: 4.5 GB, cpu: 800 MB}\n",
    "a budget for all": PROJECT + "budget: 1 GB\n",
    "a budget that is none": PROJECT + "budget: {cpu: 1 kB}\n",
    "a budget that is a number": PROJECT + "budget: {cpu: 5}\n",
    "a budget of another target": PROJECT + "budget: {cu127: 1 GB}\n",
    "licences": PROJECT + "licenses: {allow: [MIT], deny: [GPL-*]}\n",
    "pip of every kind": PROJECT + "pip: [einops, 'x >=1', 'tiny @ https://h.example/tiny-1.tar.gz', -e ., './a[b]', 'g @ git+https://h.example/g@1']\npip-build: [G, z]\npip-repositories: ['https://i.example/simple']\nfind-links: ['https://h.example/p']\npip-indexes: {own: {url: 'https://own.example/simple', packages: [Tiny_Ops, 'a.*']}}\n",
    "a repository that may not be built": PROJECT + "pip: ['g @ git+https://h.example/g@1']\n",
    "a repository without a name": PROJECT + "pip: ['git+https://h.example/some/g.git@1?x']\n",
    "a requirement that is none": PROJECT + "pip: ['a b']\n",
    "a file of this machine": PROJECT + "pip: ['a @ file:///x/a.whl']\n",
    "options of pip": PROJECT + "pip: ['--index-url=https://h.example/s']\n",
    "an editable that is no folder": PROJECT + "pip: ['-e x']\n",
    "one package from two indexes": PROJECT + "pip-indexes: {a: {url: 'https://a.example/s', packages: [x]}, b: {url: 'https://b.example/s', packages: [y, X]}}\n",
    "a repository with two questions": PROJECT + "pip: ['git+https://h.example/g?a?b']\n",
    "a repository after two words": PROJECT + "pip: ['a b @ git+https://h.example/g']\n",
    "a requirement that is a number": PROJECT + "pip: [1.5]\n",
    "a requirement with a comment": PROJECT + "pip: ['a #b']\n",
    "a requirement with a bell": PROJECT + 'pip: ["a\\x07"]\n',
    "a requirement with a password": PROJECT + "pip: ['a @ https://u:p@h.example/a.whl']\n",
    "an index that is none": PROJECT + "pip-repositories: [x]\n",
    "a dependency that is none": PROJECT + "dependencies: ['a #b']\n",
    "two Pythons, below a comment": "# c\n" + changed(">=3.9", "3.9") + "dependencies: [python=3.10]\n",
    "a target of its own on another platform": changed("[cpu, cu126]", '{old: {cuda: {win-64: "12.6"}, platforms: [win-64]}}'),
    "pip of one target": changed("[cpu, cu126]", "{cpu: {pip: [einops]}, cu126: {driver: '>=560', gpus: [V100]}}"),
    "a folder of one target": changed("[cpu, cu126]", "{cpu: {pip: [-e .]}}"),
    "a dependency that an own key is for": PROJECT + "dependencies: [cudatoolkit]\n",
    "a dependency with a channel that is not listed": PROJECT + "dependencies: ['bioconda::samtools']\n",
    "the same dependency twice": PROJECT + "dependencies: [numpy, 'numpy >=2']\n",
    "platforms twice": changed("[linux-64]", "[linux-64, linux-64, win-64]"),
    "a target that is listed twice": changed("[cpu, cu126]", "[cpu, cpu]"),
    "a platform that the project does not have": changed("[cpu, cu126]", "{cpu: {platforms: [osx-arm64]}}"),
}  # fmt: skip
REAL: Mapping[str, Mapping[str, Any]] = {
    "a companion with a version": {"frameworks": {"pytorch": {"version": "2.7.*", "with": ["torchvision"]}, "torchaudio": "2.7.*"}, "targets": ["cpu"]},
    "a companion of another release": {"frameworks": {"pytorch": "2.7.*", "torchvision": "0.20.*"}, "targets": ["cpu"]},
    "a companion of no release": {"frameworks": {"pytorch": "2.7.*", "torchvision": "0.99"}, "targets": ["cpu"]},
    "a companion of an unknown release": {"frameworks": {"pytorch": "9.*", "torchvision": "0.20.*"}, "targets": ["cpu"]},
    "providers, of which one names none": {"frameworks": {"pytorch": "2.5.*"}, "dependencies": ["pytorch::pytorch"], "channels": ["pytorch", "conda-forge"], "targets": ["cpu"]},
    "ranges of no release": {"frameworks": {"pytorch": ">=2.3"}, "dependencies": ["pytorch <2.3"], "targets": ["cpu"]},
    "ranges between releases": {"frameworks": {"pytorch": ">=2.5.2"}, "dependencies": ["pytorch <2.5.9"], "targets": ["cpu"]},
    "a framework without a build for a platform": {"frameworks": {"jax": "*"}, "platforms": ["win-64"], "targets": ["cu126"]},
    "CUDA on platforms that have none": {"platforms": ["osx-arm64", "win-64"], "dependencies": ["cudatoolkit=10.3", "tensorflow=1.15"]},
    "the newest with which nothing goes": {"frameworks": {"tensorflow": "2.4.*"}, "python": "3.12", "targets": ["cuda"]},
    "the newest with which nothing goes, beside cpu": {"frameworks": {"tensorflow": "2.4.*"}, "python": "3.12", "targets": {"cpu": {"dependencies": ["a"]}, "cuda": {"platforms": ["linux-64"], "dependencies": ["b"], "driver": ">=535", "gpus": ["V100"]}}, "dependencies": ["numpy"]},
    "a provider, and a range elsewhere": {"frameworks": {"pytorch": {"version": ">=2.3", "provider": "conda-forge"}}, "dependencies": ["pytorch <2.6"], "targets": ["cpu"]},
    "a release that nobody knows, elsewhere": {"frameworks": {"pytorch": ">=2.3"}, "dependencies": ["pytorch 9.*"], "targets": ["cpu"]},
    "a release that nobody knows, and a range elsewhere": {"frameworks": {"pytorch": "9.*"}, "dependencies": ["pytorch >=2.3"], "targets": ["cpu"]},
    "three words for CUDA, of which two differ": {"dependencies": ["cuda-version >=12", "cuda-version=12.6", "cudatoolkit=12.4"]},
    "CUDA beside two others": {"targets": ["cu118", "cu126"], "dependencies": ["cuda-version=12.9"]},
    "a wheel's framework with its provider": {"frameworks": {"pytorch": {"version": "*", "provider": "pypi"}}, "pip": ["torch==2.14.1+cu126"]},
    "ranges without a version": {"frameworks": {"pytorch": ">=9"}, "dependencies": ["pytorch <8"], "targets": ["cpu"]},
    "ranges without a version, the other way": {"frameworks": {"pytorch": "<8,>=7"}, "dependencies": ["pytorch >=2.6"], "targets": ["cpu"]},
    "a provider beside a range without a release": {"frameworks": {"pytorch": {"version": ">=2.3", "provider": "conda-forge"}}, "dependencies": ["pytorch <2.3"], "targets": ["cpu"]},
    "no CUDA, and no build for two platforms": {"frameworks": {"cudf": "*"}, "platforms": ["win-64", "osx-arm64"], "dependencies": ["cuda-version=99"]},
    "the newest with which nothing goes, beside an alias": {"frameworks": {"torch": "2.7.*"}, "python": "3.14", "targets": ["cuda"]},
    "two targets of which both name GPUs": {"frameworks": {"pytorch": "*"}, "targets": {"cu126": {"dependencies": ["a"]}, "12.6": {"gpus": ["V100"]}}},
    "a target of its own beside a word for its CUDA": {"targets": {"cpu": None, "old": {"cuda": "12.6"}}, "dependencies": ["cuda-version=12.6"]},
    "a build in brackets alone": {"dependencies": ["pytorch[build=cpu*]"]},
    "a version in brackets alone": {"dependencies": ["pytorch[version='2.5.*']"], "targets": ["cpu"]},
    "CUDA with two GPUs": {"frameworks": {"pytorch": "*"}, "cuda": {"gpus": ["V100", "A100"], "driver": "580"}},
    "two drivers": {"cuda": {"driver": "535"}, "driver": ">=550"},
    "a driver for the newest": {"frameworks": {"pytorch": "*"}, "driver": ">=470", "targets": ["cuda"]},
    "one build": {"dependencies": ["numpy=2.2.6=py312h_0", "conda-forge::zlib", "a[version='>=1']"], "targets": ["cpu"]},
    "two targets of which both change something": {"frameworks": {"pytorch": "*"}, "targets": {"cu126": {"dependencies": ["a"]}, "12.6": {"dependencies": ["b"]}}},
    "a GPU that is in machines of Arm alone": {"targets": ["cpu"], "gpus": ["GH200"]},
    "aliases of GPUs": {"frameworks": {"pytorch": "*"}, "targets": ["cpu"], "gpus": ["Tesla V100-SXM2-32GB", "8.0", "rtx 4090"]},
}  # fmt: skip


USUAL = ("()", "True", "environment.yml.j2")


def plain(value: Any) -> str:
    """A value as text: a place as line and column, of a dataclass what is not empty."""
    if isinstance(value, Address):
        return f"{value.line}:{value.column}"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{plain(key)}: {plain(one)}' for key, one in value.items())}}}"
    if isinstance(value, (tuple, list, frozenset)):
        return f"[{', '.join(map(plain, sorted(value, key=str) if isinstance(value, frozenset) else value))}]"
    if is_dataclass(value):
        found = {row.name: plain(getattr(value, row.name)) for row in fields(value)}
        return f"({', '.join(f'{name} {text}' for name, text in found.items() if text not in ('', 'None', '[]', '{}', '()', 'False'))})"
    return str(value)


def lines_of(text: str, matrix: Matrix) -> Iterator[str]:
    """Each field of a project that is not empty, and its notes, or what is wrong."""
    try:
        project = project_of(text, matrix)
    except BadInput as error:
        yield f"error {error.where}: {error.what}"
        yield f"hint: {error.hint}"
        return
    except Unsatisfiable as error:
        yield from (line for line in f"error {error}".splitlines() if line)
        yield from (f"asked: {plain(row)}" for row in error.problem.project.targets)
        return
    for row in fields(project):
        value = getattr(project, row.name)
        if row.name == "notes":
            yield from (f"note {plain(note.at)}: {note.text}" for note in value)
        elif value and row.name not in ("name", "python"):
            rows = value if row.name in ("frameworks", "targets", "dependencies") else [value]
            yield from (f"{row.name}: {plain(one)}" for one in rows if plain(one) not in USUAL)


@cache
def sections() -> dict[str, tuple[str, Matrix]]:
    real, small = real_matrix(), small_matrix()
    found = {title: (text, small) for title, text in OWN.items()}
    found |= {title: (text_of(dict(words)), real) for title, words in REAL.items()}
    found |= {f"words: {title}": (text_of(words), real) for title, (words, _) in SAME.items()}
    return found | {f"wrong: {title}": (text_of(words), real) for title, (words, _) in WRONG.items()}


SECTIONS = (*OWN, *REAL, *(f"words: {title}" for title in SAME), *(f"wrong: {title}" for title in WRONG))


def test_the_file_has_all_cases(update_golden: bool) -> None:
    if update_golden:
        told.write("project.txt", {title: list(lines_of(*row)) for title, row in sections().items()})
    assert list(told.written("project.txt")) == list(SECTIONS)


@pytest.mark.parametrize("title", SECTIONS)
def test_a_project_file_is_read_as_it_was_written_down(title: str) -> None:
    assert list(lines_of(*sections()[title])) == written()[title]


@cache
def written() -> dict[str, list[str]]:
    return told.written("project.txt")
