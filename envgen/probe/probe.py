"""The story of a probe: what is installed, what each framework sees, whether that is what is meant."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from envgen import targets
from envgen.install.prefixes import python
from envgen.machine import nvml
from envgen.matrix.load import load_matrix
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix
from envgen.model.layout import Layout, find_root, starter
from envgen.model.run import Reporter
from envgen.probe import runner
from envgen.probe.environment import described
from envgen.probe.model import FRAMEWORKS, Answer, Probed, ProbedEnvironment, Surroundings
from envgen.probe.verdict import judge

TIMEOUT = 120.0  # seconds; the first import of a framework from a cold disk takes tens of them


def probe(prefix: Path, talk: Reporter, *, target: str = "", frameworks: Iterable[str] = (), timeout: float = TIMEOUT) -> Probed:
    """Ask the frameworks of an environment what they see, each for `timeout` seconds at most, and judge it.

    `target` is the word for what the environment is meant for ("" to take its own), `frameworks` those to ask (all that
    are installed). Raises BadInput for what cannot be asked: no environment, no Python, no framework.
    """
    facts = load_matrix(_facts())
    found = described(prefix.absolute(), _named(target, facts) if target else "")
    answers = _answers(found, _chosen(found, tuple(frameworks)), timeout, talk)
    machine, around = nvml.inspect(), surroundings()
    return Probed(found, machine, tuple(judge(answer, found, machine, around, facts) for answer in answers))


def surroundings() -> Surroundings:
    """What this process hands on to the frameworks."""
    folders = tuple(filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(":")))
    system = "windows" if sys.platform == "win32" else "linux"
    return Surroundings(os.environ.get("CUDA_VISIBLE_DEVICES"), tuple((name, os.path.realpath(name)) for name in folders), system)


def _chosen(found: ProbedEnvironment, asked: tuple[str, ...]) -> tuple[str, ...]:
    there = tuple(name for name in FRAMEWORKS if name in found.frameworks)
    if not there:
        what = f"none of {', '.join(FRAMEWORKS)} is installed: there is nothing to ask"
        raise BadInput(what, where=found.prefix, hint="name another environment with --prefix")
    for name in asked:
        if name not in there:
            raise BadInput(f"{name} is not installed", where=found.prefix, hint=f"installed here: {', '.join(there)}")
    return tuple(name for name in there if not asked or name in asked)


def _answers(found: ProbedEnvironment, frameworks: tuple[str, ...], timeout: float, talk: Reporter) -> tuple[Answer, ...]:
    answers = []
    talk.begin("asking the frameworks", len(frameworks))
    for name in frameworks:  # one after another: they share the GPU's memory
        answers.append(runner.ask(python(found.prefix), name, found.prefix, timeout))
        talk.step(name)
    talk.end()
    return tuple(answers)


def _named(word: str, matrix: Matrix) -> str:
    """The name of the target that a word means. Raises BadInput where it means none, or one that depends on the machine."""
    found = targets.described(targets.on_any_machine(word, matrix, "an environment was made for one target"), matrix)
    if found is None:
        raise BadInput(f"no target `{word}`", hint=targets.nearest(word, matrix))
    return found.name


def _facts() -> Path:
    """The matrices of the repository that we stand in, else those that came with envgen."""
    try:
        root = find_root(Path.cwd())
    except BadInput:
        root = starter()
    return Layout(root).matrices
