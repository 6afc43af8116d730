"""Files and words that are spoiled at random: each is read, or refused by its name; nothing else is raised, and none takes long.

A few hundred cases by default, the same in every run. `make fuzz SECONDS=600` goes on for as long with each reader, and prints what
it tried; ENVGEN_SEED names the draws, a new one each time by default. What fails is written into `tests/corpus/`, with the seed of its
draw: commit it, it is read in every run from then on. `tests/fuzz_atheris.py` looks for more, guided by what a case reaches.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from conftest import some
from unit.small import real_matrix, small_matrix

from envgen.channels.channel import locate, redacted
from envgen.channels.query import match_spec
from envgen.formats.conda_lock import read_stamp
from envgen.formats.conda_specs import NotCovered, read_spec
from envgen.formats.environment_yml import read_specs
from envgen.formats.reading import read_any
from envgen.formats.virtual_packages import read_virtual_packages
from envgen.install.judge import judge
from envgen.install.platform_lock import of_platform
from envgen.install.records import from_lock
from envgen.matrix.gpu_names import gpu_named
from envgen.migrate.merge import merged
from envgen.migrate.read import read_contents
from envgen.migrate.report import report_text
from envgen.migrate.text import project_text
from envgen.model.errors import EnvgenError
from envgen.model.facts import Matrix
from envgen.model.packages import Lock
from envgen.project.load import project_of
from envgen.project.package_spec import conda_spec, pip_spec
from envgen.targets import in_command, meaning
from envgen.verify.check import check
from envgen.verify.verify import claims_for, requested_target
from envgen.yamlfile.document import parse

REPO = Path(__file__).parents[2]
CORPUS = REPO / "tests" / "corpus"
SECONDS = float(os.environ.get("ENVGEN_FUZZ", "0"))
SEED = os.environ.get("ENVGEN_SEED") or (str(time.time_ns()) if SECONDS else "1")
CASES = 300  # without a time
KEPT = "kept"  # a case that is in the corpus already
SLOW = 5  # seconds of this process for one file
TOKENS = (
    *("http://[x/y", "http://h:port/x", "http://h/a.conda", "file:///x.conda", "x-y-z.conda", "１２", "٣.٤", "²", "é", "\u202e"),
    *("\x00", "\x1b[2J", "::error::x", '"\\n::error::x"', "'", '"', "{}", "[]", "[1,2]", "{a: b}", "? [a]\n: b", "&a", "*a", "<<"),
    *("null", "~", "true", "", "3.10", "1e400", ".inf", "0x1g", "2026-13-45", "!!float x", "!!timestamp 1", "!!int x", "9" * 5000),
    *("$HOME", "${X}", "../..", "//", "#", "@", ":", "-", "%", "sha256:", "\n", "\t", "  ", "a" * 300, "[" * 3000, "- " * 3000),
    *(">=", ">=1,<", "=*=", "==", "1!1!1", "__cuda", "conda-forge::", "cuda126_", "cu１２"),
)


def spoiled(text: str, chance: random.Random) -> str:
    """A text with one to three lines changed, removed, repeated or cut."""
    lines = text.split("\n")
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        n, token, way = chance.randrange(len(lines)), chance.choice(TOKENS), chance.random()
        line = lines[n]
        at = chance.randrange(len(line) + 1)
        if way < 0.35 and ": " in line:
            lines[n] = f"{line.partition(': ')[0]}: {token}"
        elif way < 0.7:
            lines[n] = line[:at] + token + line[at + chance.randrange(3) :]
        elif way < 0.8:
            lines = [*lines[:n], *lines[n + 1 :]] or [""]
        elif way < 0.9:
            lines.insert(n, chance.choice(lines))
        else:
            lines = (
                lines[: n + 1] if chance.random() < 0.3 else [*lines[:n], " " * chance.randrange(8) + line.strip(), *lines[n + 1 :]]
            )
    return "\n".join(lines)


def cases(draw: Callable[[random.Random], tuple[str, str]], count: int = CASES) -> Iterator[tuple[str, str, str]]:
    """The name of a file, its text spoiled, and what repeats the case."""
    end, tried = time.monotonic() + SECONDS, 0
    while time.monotonic() < end if SECONDS else tried < count:
        tried += 1
        name, text = draw(random.Random(f"{SEED}:{tried}"))
        yield name, text, f"{SEED}-{tried}"
    print(f"{tried} tried, seed {SEED}")


def of(texts: Mapping[str, str]) -> Callable[[random.Random], tuple[str, str]]:
    """Draw one of the files, spoiled."""

    def draw(chance: random.Random) -> tuple[str, str]:
        name = chance.choice(sorted(texts))
        return name, spoiled(texts[name], chance)

    return draw


def values(texts: Mapping[str, str], chance: random.Random) -> tuple[str, str]:
    """Draw one of the files, spoiled, or with other values than those that its keys have."""
    name, text = of(texts)(chance)
    if chance.random() < 0.5:
        return name, text
    lines, mark = texts[name].split("\n"), "=" if name.endswith(".toml") else ":"
    for n in chance.choices([n for n, line in enumerate(lines) if mark in line] or [0], k=2):
        lines[n] = f"{lines[n].partition(mark)[0]}{mark} {chance.choice(VALUES)}"
    return name, "\n".join(lines)


def survived(kind: str, found: Iterable[tuple[str, str, str]], read: Callable[[str, str], None]) -> None:
    """Every case is read or refused, soon; one that is not goes into the corpus."""
    for name, text, told in found:
        begun, why = time.process_time(), ""
        try:
            read(name, text)
        except EnvgenError:
            pass
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
        if time.process_time() - begun > SLOW:
            why = why or f"took {time.process_time() - begun:.0f} seconds"
        if why:
            path = CORPUS / kind / f"{told}-{name}"
            if SECONDS and told != KEPT:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8", errors="surrogatepass")
            raise AssertionError(f"{path.relative_to(REPO)}: {why}")


def kept(kind: str) -> Iterator[tuple[str, str, str]]:
    """What failed once."""
    for path in sorted((CORPUS / kind).iterdir()):
        yield path.name, path.read_text(encoding="utf-8", errors="surrogatepass"), KEPT


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return real_matrix()


VALUES = ("3", "true", "[1]", "{a: 1}", "{a = 1}", '"x"', "[[1]]", "[]", "{}", "1979-05-27", "[{a = 1}]", "null", '["\\u001b[2J"]')
KEYS = {"python", "frameworks", "targets", "platforms", "channels", "dependencies", "pip", "pip-repositories", "find-links"}


def uncovered(read: Callable[[str], object]) -> Callable[[str], None]:
    """What conda-lock reads instead is no failure."""

    def tried(text: str) -> None:
        with suppress(NotCovered):
            read(text)

    return tried


class Readers:
    """Each kind of file, and how it is read. `kind` is the folder of the corpus."""

    def __init__(self, folder: Path, matrix: Matrix) -> None:
        self.folder, self.matrix, self.small = folder, matrix, small_matrix()
        self.project = project_of(parse(PROJECT, "project.yaml"), "p", self.small)

    def lock(self, name: str, text: str) -> None:
        """Read, verified, and judged as before an installation."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8", errors="replace")
        for lock in read_any(path, name):
            claims = claims_for(lock, requested_target("cu126", self.matrix)) if len(text) % 2 else {}
            findings = check(lock, claims, self.matrix)
            assert all(finding.text.isprintable() for finding in findings), findings
            self.judged(lock)
        if name.endswith(".yml"):
            read_stamp(text, name)

    def judged(self, lock: Lock) -> None:
        """Judge each platform of a lock, and make the records with which it would be fetched."""
        for platform in lock.platforms if lock.hashed else ():
            judge(lock, platform, self.project, self.matrix, {package.name for package in lock.packages})
            for package in of_platform(lock, platform).conda.values():
                from_lock(package)

    def one_project(self, name: str, text: str) -> None:
        project_of(parse(text, name), "p", self.small)

    def beside(self, name: str, text: str) -> None:
        """What lies beside a lock."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8", errors="replace")
        if name.endswith("virtual-packages.yml"):
            read_virtual_packages(path)
        else:
            read_specs(text, name, "linux-64")

    def brought(self, name: str, text: str) -> None:
        """A file of another tool, as a project: its text has the keys of a project and no others."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8", errors="replace")
        draft = merged(self.matrix, [read_contents(path, name)], "p")
        report_text(draft, 80)
        document = parse(f"\n{project_text(draft)}", "project.yaml")
        assert set(document.data) <= KEYS
        project_of(document, "p", self.matrix)

    def word(self, name: str, text: str) -> None:
        """One word, in each place that takes one."""
        readers = (
            locate,
            redacted,
            match_spec,
            conda_spec,
            pip_spec,
            uncovered(read_spec),
            lambda word: meaning(word, self.matrix),
            lambda word: gpu_named(self.matrix, word),
            lambda word: in_command(word, self.matrix),
        )
        for read in readers:
            with suppress(EnvgenError):
                read(text)


@pytest.fixture(scope="module")
def readers(matrix: Matrix, tmp_path_factory: pytest.TempPathFactory) -> Readers:
    return Readers(tmp_path_factory.mktemp("spoiled"), matrix)


READ = {
    "locks": Readers.lock,
    "projects": Readers.one_project,
    "beside": Readers.beside,
    "words": Readers.word,
    "brought": Readers.brought,
}


def words(chance: random.Random) -> tuple[str, str]:
    """One to five words, with or without something between them."""
    drawn = chance.choices((*TOKENS, *WORDS), k=chance.choice((1, 1, 2, 3, 5)))
    return "word", chance.choice(("", "", " ", "/", ",", "-"))[:1].join(drawn)[: chance.choice((20, 400, 10**6))]


def draws() -> dict[str, Callable[[random.Random], tuple[str, str]]]:
    """What is drawn of each kind: locks of every format, a project, files beside a lock, words."""
    here = REPO / "environments" / "legacy" / "cpu"
    locks = {path.name: path.read_text(encoding="utf-8") for path in (REPO / "tests/verify/locks").iterdir() if path.is_file()}
    beside = {name: (here / name).read_text(encoding="utf-8") for name in ("environment.yml", "virtual-packages.yml")}
    files = (path for path in (REPO / "tests/migrate").glob("*/*") if path.is_file())
    migrate = {path.name: path for path in files if path.name not in ("project.yaml", "said.txt")}
    brought = {name: path.read_text(encoding="utf-8") for name, path in migrate.items()}
    return {
        "brought": partial(values, brought),
        "locks": of(locks),
        "projects": of({"project.yaml": PROJECT}),
        "beside": of(beside),
        "words": words,
    }


def test_spoiled_locks(readers: Readers) -> None:
    survived("locks", cases(draws()["locks"]), readers.lock)


@pytest.mark.parametrize("token", ["http://[", "http://h:port/", "//["])
def test_no_reader_of_locks_takes_apart_what_is_no_url(readers: Readers, token: str) -> None:
    """Where a lock has URLs only in what is not read, it is read; every other one is refused."""
    refused = 0
    for path in some((path for path in (REPO / "tests/verify/locks").iterdir() if path.is_file()), 50):
        try:
            readers.lock(path.name, path.read_text(encoding="utf-8").replace("https://", token))
        except EnvgenError:
            refused += 1
    assert refused > 50


def test_spoiled_projects(readers: Readers) -> None:
    survived("projects", cases(draws()["projects"]), readers.one_project)


def test_spoiled_files_beside_a_lock(readers: Readers) -> None:
    survived("beside", cases(draws()["beside"]), readers.beside)


def test_spoiled_files_of_other_tools(readers: Readers) -> None:
    survived("brought", cases(draws()["brought"]), readers.brought)


@pytest.mark.thorough
def test_spoiled_words(readers: Readers) -> None:
    survived("words", cases(draws()["words"], count=2000), readers.word)


@pytest.mark.parametrize("kind", READ)
def test_what_failed_once_does_not_fail_again(readers: Readers, kind: str) -> None:
    survived(kind, some(kept(kind)), partial(READ[kind], readers))


def test_every_folder_of_the_corpus_has_a_reader() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(READ)


WORDS = (
    *(
        "conda-forge",
        "https://h/c",
        "http://h:8080/t/$TOKEN/c",
        "file:///c",
        "pytorch",
        "numpy",
        "cu126",
        "cuda",
        "gpu",
        "newest",
        "12.6",
    ),
    *(
        "V100",
        "Tesla V100-SXM2-32GB",
        "sm_70",
        "7.0",
        "[build=*cuda*]",
        "[version='>=2']",
        "::",
        "=2.*=py_0",
        "; python_version<'3'",
    ),
    *(
        "torch==2.5.1+cu118",
        "jax[cuda12]",
        "x @ https://h/x.whl",
        ">=1,<2|>3",
        "~=1.0",
        "!=1",
        "*",
        "**",
        "(",
        ")",
        "\\",
        "\ud800",
        "\x85",
    ),
)
PROJECT = """\
python: ">=3.9"
frameworks:
  alpha: {version: ">=2", with: [alphavision]}
targets: {cpu: {dependencies: [numpy]}, cu126: null}
platforms: [linux-64, win-64]
channels: [conda-forge, "https://h/t/$TOKEN/c"]
dependencies: [numpy, "pandas >=2", "conda-forge::zlib 1.3.* *_0"]
pip: [einops, "x @ https://x.example/x.whl"]
driver: ">=535"
gpus: [V100, "8.0"]
exclude-newer: 2026-06-01
"""
