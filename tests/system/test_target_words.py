"""A target word means the same for every command and every file: all words through all of them, and the table in docs/projects.md."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from _pytest.mark import ParameterSet
from click.testing import CliRunner
from conftest import REPO, some
from packaging.version import Version
from system.channel import EVERYTHING, Package, build
from unit.small import real_matrix

from envgen.cli.main import main
from envgen.matrix.gpu_names import gpu_named
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix
from envgen.model.gpu import Gpu
from envgen.model.machine import Machine
from envgen.project.load import project_of
from envgen.yamlfile.document import parse

PROJECT = """\
python: "3.12"
targets: [cpu, cu118, cu126, cu129]
platforms: [linux-64]
channels: [conda-forge]
"""
FOREIGN = """\
@EXPLICIT
https://conda.anaconda.org/conda-forge/linux-64/zlib-1.3.1-hb9d3cd8_2.conda#c9f075ab2f33b3bbee9e62d4ad0a6cd8
"""
OLD = Machine(driver=Version("470.57.02"), cuda=Version("11.4"), gpus=(Gpu(name="Tesla V100", capability=Version("7.0")),))
NONE = Machine(note="no NVIDIA driver")


@dataclass(frozen=True)
class Site:
    """A repository with one project, whose four targets are locked, and a list of packages that is nobody's."""

    root: Path

    def run(self, *words: object) -> str:
        """What a command prints on stdout; raises what it raises."""
        done = CliRunner().invoke(main, ["--root", str(self.root), *map(str, words)], standalone_mode=False)
        if done.exception:
            raise done.exception
        return done.stdout

    def told(self, *words: object) -> str:
        """What a command that fails says."""
        with pytest.raises(BadInput) as error:
            self.run(*words)
        return str(error.value)


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository, locked once."""
    folder = tmp_path_factory.mktemp("words")
    old = Package("cuda-version", "11.8", "h70ddcb2_3", constrains=("__cuda >=11", "cudatoolkit 11.8|11.8.*"))
    build(folder / "index" / "conda-forge", (*EVERYTHING, old))
    site = Site(folder / "site")
    for name in ("matrices", "templates"):
        shutil.copytree(REPO / name, site.root / name)
    (site.root / "environments" / "p").mkdir(parents=True)
    (site.root / "environments" / "p" / "project.yaml").write_text(PROJECT, encoding="utf-8")
    (site.root / "list.txt").write_text(FOREIGN, encoding="utf-8")
    site.run("lock", "--index", folder / "index")
    return site.root


@pytest.fixture(scope="module")
def facts() -> Matrix:
    """The facts of this repository, read once for all cases."""
    return real_matrix()


@pytest.fixture
def site(locked: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Site:
    """The repository, on a machine whose driver runs CUDA 11 and nothing newer; conda is not here."""
    monkeypatch.setattr("envgen.machine.nvml.inspect", lambda *_: OLD)
    for name in ("CONDA_EXE", "CONDA_PREFIX", "CONDA_ENVS_PATH", "CONDA_ENVS_DIRS", "MAMBA_ROOT_PREFIX", "CONDARC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    monkeypatch.chdir(locked)
    return Site(locked)


# --- every place that takes a word: the target that it means there ----------------------------------------------------------


def in_targets(site: Site, word: str) -> str:
    return _of_file(site, {"targets": [word]})


def in_targets_as_a_key(site: Site, word: str) -> str:
    return _of_file(site, {"targets": {word: {"virtual-packages": {"__glibc": "2.35"}}}})


def in_cuda(site: Site, word: str) -> str:
    return _of_file(site, {"cuda": word})


def in_cuda_version(site: Site, word: str) -> str:
    return _of_file(site, {"cuda": {"version": word}})


def _of_file(site: Site, keys: dict[str, object]) -> str:
    folder = site.root / "environments" / "q"
    folder.mkdir()
    base = {name: value for name, value in yaml.safe_load(PROJECT).items() if name != "targets"}
    (folder / "project.yaml").write_text(yaml.safe_dump(base | keys), encoding="utf-8")
    try:
        (found,) = json.loads(site.run("resolve", "q", "--json"))
    finally:
        shutil.rmtree(folder)
    return str(found["target"])


def init(site: Site, word: str) -> str:
    folder = site.root / "environments" / "new"
    try:
        site.run("init", "--project", "new", "--target", word)
        (target,) = yaml.safe_load((folder / "project.yaml").read_text(encoding="utf-8"))["targets"]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return str(target)


def lock(site: Site, word: str) -> str:
    (found,) = json.loads(site.run("lock", "p", "--target", word, "--json"))
    assert found["state"] == "unchanged"
    return str(found["target"])


def lock_of_all(site: Site, word: str) -> str:
    (found,) = json.loads(site.run("lock", "--target", word, "--json"))
    return str(found["target"])


def resolve(site: Site, word: str) -> str:
    (found,) = json.loads(site.run("resolve", "p", "--target", word, "--json"))
    return str(found["target"])


def install(site: Site, word: str) -> str:
    (found,) = json.loads(site.run("install", "p", "--target", word, "--dry-run", "--json"))
    return str(found["target"])


def install_of_all(site: Site, word: str) -> str:
    (found,) = json.loads(site.run("install", "--target", word, "--dry-run", "--json"))
    return str(found["target"])


def run(site: Site, word: str) -> str:
    return _not_installed(lambda: site.run("run", "p", "--target", word, "true"))


def probe(site: Site, word: str) -> str:
    return _not_installed(lambda: site.run("probe", "p", "--target", word))


def _not_installed(command: Callable[[], object]) -> str:
    """The target of a command that wants an environment, and there is none."""
    with pytest.raises(BadInput) as error:
        command()
    found = re.search(r"p-(\w+) is not installed", str(error.value))
    if found is None:
        raise error.value
    return found[1]


def probe_prefix(site: Site, word: str) -> str:
    """An environment that is none: what it is probed for is told before it is looked at."""
    heard: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("envgen.probe.probe.read_environment", lambda *found: heard.append(found[-1]) or _stop())
        with pytest.raises((BadInput, _StoppedError)) as error:
            site.run("probe", "--prefix", site.root, "--target", word)
    if not isinstance(error.value, _StoppedError):
        raise error.value
    return heard[0]


class _StoppedError(Exception):
    """The command was stopped after the word was read."""


def _stop() -> None:
    raise _StoppedError


def verify(site: Site, word: str) -> str:
    return _verified(site, "list.txt", "--target", word)


def verify_of_a_project(site: Site, word: str) -> str:
    return _verified(site, "list.txt", "--project", "p", "--target", word)


def verify_of_a_lock(site: Site, word: str) -> str:
    return _verified(site, site.root / "environments" / "p" / "cpu" / "conda-lock.yml", "--target", word)


def verify_own(site: Site, word: str) -> str:
    return _verified(site, "--target", word)


def _verified(site: Site, *words: object) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(site.root)
        done = CliRunner().invoke(main, ["--root", str(site.root), "verify", *map(str, words), "--json"], standalone_mode=False)
    if isinstance(done.exception, BadInput):
        raise done.exception
    found = json.loads(done.stdout)
    return str(found[0]["source"]).removeprefix("target ")


FILES = (in_targets, in_targets_as_a_key, in_cuda, in_cuda_version, init)
MACHINE = (lock, lock_of_all, install, install_of_all, run, probe)
OWN = (resolve, verify_of_a_project, verify_of_a_lock, verify_own)
FREE = (verify, probe_prefix)
EVERYWHERE = (*FILES, *MACHINE, *OWN, *FREE)
COLUMNS = {"a file": FILES, "this machine": MACHINE, "any machine": (*OWN, *FREE)}

# A word -> the target that it means among those of the project, and among those of the matrices.
WORDS = {
    **dict.fromkeys(["cpu", "CPU", " cpu "], ("cpu", "cpu")),
    **dict.fromkeys(["cu126", "CU126", "cu12.6", "12.6", "cuda12.6", "CUDA126", "cuda-12.6", "12.6.85", "=12.6"], ("cu126", "cu126")),
    **dict.fromkeys(["cuda-version=12.6", "cudatoolkit=12.6", "Cuda_Version ==12.6.*"], ("cu126", "cu126")),
    **dict.fromkeys(["cu118", "11.8", "11", "cu11", "<12"], ("cu118", "cu118")),
    **dict.fromkeys(["12", "cu12", "cuda12", "CUDA 12", ">=12,<13", "<=12.9", "cuda-version >=12,<13"], ("cu129", "cu129")),
    **dict.fromkeys(["newest", "NEWEST", "latest", "cuda", "*", ">=11"], ("cu129", "cu130")),
}  # fmt: skip
PACKAGES = ["pytorch-cuda=12.6", "tensorflow-gpu", "jax[cuda12]", "pytorch=2.7.1=cuda126*"]
NO_WORDS = ["maybe", "cu", "cu1x6", "gpu-126x", "12.x", "126 7", "rocm6", "../cpu", "a" * 300]


NO_CUDA = [(place, word) for place in (in_cuda, in_cuda_version) for word in ("cpu", "CPU", " cpu ", *PACKAGES)]


def _cases(words: Sequence[str], places: Sequence[Callable[[Site, str], str]]) -> list[ParameterSet]:
    return [pytest.param(place, word, id=f"{place.__name__}-{word[:20]}") for place in places for word in words]


@pytest.mark.parametrize(("place", "word"), [case for case in _cases(list(WORDS), EVERYWHERE) if case.values not in NO_CUDA])
def test_a_word_means_the_same_everywhere(site: Site, place: Callable[[Site, str], str], word: str) -> None:
    own, all_targets = WORDS[word]
    assert place(site, word) == (own if place in (*MACHINE, *OWN) else all_targets)


@pytest.mark.parametrize(("place", "word"), NO_CUDA)
def test_the_key_cuda_takes_a_cuda_version_alone(site: Site, place: Callable[[Site, str], str], word: str) -> None:
    with pytest.raises(BadInput, match="is not a CUDA version"):
        place(site, word)


@pytest.mark.parametrize("place", MACHINE)
@pytest.mark.parametrize(("machine", "word", "target"), [
    (OLD, "gpu", "cu118"), (OLD, "GPU", "cu118"), (OLD, "auto", "cu118"), (NONE, "gpu", "cu129"), (NONE, "Auto", "cpu"),
])  # fmt: skip
def test_a_word_that_depends_on_the_machine_asks_the_machine(
    site: Site, monkeypatch: pytest.MonkeyPatch, place: Callable[[Site, str], str], machine: Machine, word: str, target: str
) -> None:
    monkeypatch.setattr("envgen.machine.nvml.inspect", lambda *_: machine)
    assert place(site, word) == target


@pytest.mark.parametrize("place", FILES)
def test_a_file_does_not_depend_on_the_machine(site: Site, place: Callable[[Site, str], str]) -> None:
    assert place(site, "gpu") == place(site, "newest")
    with pytest.raises(BadInput, match="`auto` depends on the machine, and a file means the same on every machine"):
        place(site, "auto")


@pytest.mark.parametrize(("place", "why"), [
    *((place, "`envgen verify` gives the same answer on every machine") for place in (verify, verify_of_a_project, verify_of_a_lock, verify_own)),
    (resolve, "`envgen resolve` gives the same answer on every machine"),
    (probe_prefix, "an environment was made for one target"),
])  # fmt: skip
@pytest.mark.parametrize("word", ["gpu", "AUTO"])
def test_what_does_not_depend_on_the_machine_says_why(site: Site, place: Callable[[Site, str], str], why: str, word: str) -> None:
    with pytest.raises(BadInput) as error:
        place(site, word)
    assert error.value.what == f"`{word.lower()}` depends on the machine, and {why}"
    assert "`newest`" in error.value.hint


@pytest.mark.parametrize(("place", "word"), _cases(PACKAGES, (*MACHINE, *OWN, *FREE)))
def test_a_package_is_not_a_target(site: Site, place: Callable[[Site, str], str], word: str) -> None:
    with pytest.raises(BadInput) as error:
        place(site, word)
    assert error.value.what == f"`{word}` names a package; --target takes a target"


@pytest.mark.parametrize(("place", "word"), _cases(NO_WORDS, EVERYWHERE))
def test_what_is_not_a_word_is_refused_everywhere(site: Site, place: Callable[[Site, str], str], word: str) -> None:
    with pytest.raises(BadInput) as error:
        place(site, word)
    assert f"`{word}`" in error.value.what or repr(word) in error.value.what
    assert error.value.hint


@pytest.mark.parametrize("word", ["cu127", "12.7", "cuda12.7", "CU127"])
def test_a_cuda_version_without_a_target_is_known_to_what_judges_packages_alone(site: Site, word: str) -> None:
    assert verify(site, word) == probe_prefix(site, word) == "cu127"
    for place in (*FILES, *MACHINE, *OWN):
        if place is verify_own:
            assert "nothing to verify" in site.told("verify", "--target", word)
        else:
            with pytest.raises(BadInput, match=r"no target has this CUDA version|no target|no locked target|no project has"):
                place(site, word)


@pytest.mark.parametrize("word", ["12.4", "CU124", "cu130"])
def test_a_target_that_the_project_lacks_is_refused_with_those_that_it_has(site: Site, word: str) -> None:
    assert f"p has no target `{word}`" in site.told("lock", "p", "--target", word)
    assert f"p has no target `{word}`" in site.told("resolve", "p", "--target", word)
    assert f"p has no target `{word}`" in site.told("verify", "list.txt", "--project", "p", "--target", word)
    for command in (("install", "p"), ("run", "p"), ("probe", "p")):
        more = ("true",) if command[0] == "run" else ()
        assert f"p has no locked target `{word}`\n\nhint: its targets are cpu, cu118, cu126, cu129" in site.told(
            *command, "--target", word, *more
        )


def test_a_hint_names_a_command_that_works(site: Site) -> None:
    folder = site.root / "environments" / "p" / "cu126"
    folder.rename(site.root / "away")
    try:
        told = site.told("install", "p", "--target", "12.6")
    finally:
        (site.root / "away").rename(folder)
    found = re.search(r"run `envgen (lock p --target cu126)` first", told)
    assert found
    assert json.loads(site.run(*found[1].split(), "--json"))[0]["target"] == "cu126"


# --- GPUs: the name of one means the same in a project, for `matrix show --gpu` and for a machine -----------------------------


GPUS = {
    **dict.fromkeys(["V100", "v100"], ("V100", "7.0")),
    **dict.fromkeys(["Tesla V100-SXM2-32GB", "tesla v100"], ("V100", "7.0")),
    **dict.fromkeys(["NVIDIA A100-SXM4-40GB", "a100 80gb"], ("A100", "8.0")),
    **dict.fromkeys(["NVIDIA GeForce RTX 4090", "rtx4090", "RTX 4090"], ("RTX 4090", "8.9")),
    **dict.fromkeys(["7.0", "sm_70", "SM_70", "compute_70", "cc 7.0"], ("compute capability 7.0", "7.0")),
}
NO_GPUS = ["V1000", "Radeon VII", "80", "RTX 6000", "RTX 4090 and V100", ""]


def in_gpus(_: Site, facts: Matrix, name: str) -> tuple[str, str]:
    return _of_project(facts, {"gpus": [name]})


def in_gpus_of_cuda(_: Site, facts: Matrix, name: str) -> tuple[str, str]:
    return _of_project(facts, {"cuda": {"gpus": [name]}})


def _of_project(facts: Matrix, keys: dict[str, object]) -> tuple[str, str]:
    (found,) = project_of(parse(yaml.safe_dump(yaml.safe_load(PROJECT) | keys), "project.yaml"), "p", facts).gpus
    return found.name, str(found.capability)


def in_show(site: Site, _: Matrix, name: str) -> tuple[str, str]:
    (found,) = json.loads(site.run("matrix", "show", "--framework", "onnxruntime", "--gpu", name, "--json"))["question"]["gpus"]
    return found["name"], found["capability"]


def of_a_machine(_: Site, facts: Matrix, name: str) -> tuple[str, str]:
    """As doctor reads what NVML prints."""
    found = gpu_named(facts, name)
    if found is None:
        raise BadInput(f"no GPU `{name}`")
    return found.name, str(found.capability)


GPU_PLACES = (in_gpus, in_gpus_of_cuda, in_show, of_a_machine)


@pytest.mark.parametrize("place", GPU_PLACES)
@pytest.mark.parametrize("name", GPUS)
def test_the_name_of_a_gpu_means_the_same_everywhere(
    site: Site, facts: Matrix, place: Callable[[Site, Matrix, str], tuple[str, str]], name: str
) -> None:
    assert place(site, facts, name) == GPUS[name]


@pytest.mark.parametrize("place", GPU_PLACES)
@pytest.mark.parametrize("name", NO_GPUS)
def test_what_names_no_gpu_is_refused_everywhere(
    site: Site, facts: Matrix, place: Callable[[Site, Matrix, str], tuple[str, str]], name: str
) -> None:
    with pytest.raises(BadInput, match=re.escape(f"`{name}`")):
        place(site, facts, name)


# --- the table in docs/projects.md ------------------------------------------------------------------------------------------


def rows() -> list[tuple[list[str], str, list[str]]]:
    """Each row of the table: its words, what they mean, and what each column says."""
    page = (REPO / "docs" / "projects.md").read_text(encoding="utf-8")
    table = page.partition("| word | means |")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return [(re.findall(r"`([^`]+)`", first), means, rest) for first, means, *rest in cells]


def test_the_table_has_a_column_for_every_kind_of_place() -> None:
    page = (REPO / "docs" / "projects.md").read_text(encoding="utf-8")
    assert f"| word | means | {' | '.join(COLUMNS)} |" in page


@pytest.mark.parametrize("words", [pytest.param(words, id=words[0]) for words, _, _ in rows()])
def test_the_table_says_what_the_code_does(site: Site, words: list[str]) -> None:
    (cells,) = [cells for found, _, cells in rows() if found == words]
    for (column, places), cell in some(zip(COLUMNS.items(), cells, strict=True)):
        for place in some(places):
            for word in some(words if place is places[0] else words[:1]):
                if (place, word) not in NO_CUDA:
                    assert _says(site, place, word) == cell, (column, place.__name__, word)


def _says(site: Site, place: Callable[[Site, str], str], word: str) -> str:
    """What the table has to say of a word in one place."""
    try:
        found = place(site, word)
    except BadInput:
        return "refused"
    if word.lower() == "gpu" and place in FILES:
        return "read as `newest`" if found == place(site, "newest") else found
    if word.lower() in ("gpu", "auto"):
        return "yes"
    return "yes" if found in WORDS.get(word, ()) else "also the framework"


def test_every_word_of_the_table_is_tested() -> None:
    told = {word for words, _, _ in rows() for word in words}
    assert told <= {*WORDS, *PACKAGES, "gpu", "auto"}
