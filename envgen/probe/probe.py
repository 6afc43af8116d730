"""Probes an environment: which frameworks are installed, what each one sees, and whether that is what is expected."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from envgen.formats.installed import python
from envgen.machine import nvml
from envgen.model.catalogue import Catalogue
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix, Target
from envgen.model.run import Reporter
from envgen.probe.environment import read_environment
from envgen.probe.model import Answer, InstalledEnvironment, LaunchEnvironment, ProbeResult
from envgen.probe.runner import run_probe
from envgen.probe.verdict import evaluate

TIMEOUT = 120.0  # seconds; the first import of a framework from a cold disk takes tens of them


def probe(
    prefix: Path,
    matrix: Matrix,
    reporter: Reporter,
    *,
    target: str = "",
    own: Target | None = None,
    frameworks: Iterable[str] = (),
    timeout: float = TIMEOUT,
) -> ProbeResult:
    """Ask the frameworks of an environment what they see, each for at most `timeout` seconds, and judge their answers.

    `target` is what the environment is meant for ("cpu", "cu126"; "" to take its own word), and `own` what that name means where it
    is a target of a project's own. `frameworks` are those to probe, by
    their name in the matrices or by import name; without any, all of the matrices' frameworks that are installed. Raises BadInput
    if there is nothing to probe: no environment, no Python in it, no framework.
    """
    environment = read_environment(prefix.absolute(), matrix.catalogue, target, own)
    modules = _modules(environment, matrix.catalogue.frameworks, tuple(frameworks))
    answers = _answers(environment, modules, matrix.catalogue, timeout, reporter)
    machine, launch = nvml.inspect(), launch_environment()
    return ProbeResult(environment, machine, tuple(evaluate(answer, environment, machine, launch, matrix) for answer in answers))


def launch_environment() -> LaunchEnvironment:
    """What this process hands on to the frameworks."""
    folders = tuple(filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(":")))
    library_path = tuple((name, os.path.realpath(name)) for name in folders)
    return LaunchEnvironment(
        os.environ.get("CUDA_VISIBLE_DEVICES"), library_path, "windows" if sys.platform == "win32" else "linux"
    )


def _modules(environment: InstalledEnvironment, known: Iterable[str], asked: tuple[str, ...]) -> Mapping[str, str]:
    """The frameworks to probe -> the module to import for each. A name that the matrices do not know is an import name."""
    installed = environment.frameworks.values()
    named = {found.module: found for found in installed} | {found.framework: found for found in installed}
    if not asked and not named:
        hint = "name another environment with --prefix, or one of its modules with --framework"
        raise BadInput("no framework of the matrices is installed", where=environment.prefix, hint=hint)
    for name in asked:
        if name in known and name not in named:
            raise BadInput(f"`{name}` is not installed", where=environment.prefix, hint=_installed_here(environment))
    chosen = [named[name] for name in asked if name in named] if asked else installed
    return {found.framework: found.module for found in chosen} | {name: name for name in asked if name not in named}


def _answers(
    environment: InstalledEnvironment, modules: Mapping[str, str], catalogue: Catalogue, timeout: float, reporter: Reporter
) -> tuple[Answer, ...]:
    answers = []
    reporter.begin("probing the frameworks", len(modules))
    for name, module in modules.items():  # one after another: they share the GPU's memory
        answer = run_probe(python(environment.prefix), name, module, environment.prefix, catalogue, timeout)
        if name not in environment.frameworks and answer.problem("import") == f"ModuleNotFoundError: No module named '{module}'":
            raise BadInput(f"`{name}` is not installed", where=environment.prefix, hint=_installed_here(environment))
        answers.append(answer)
        reporter.step(name)
    reporter.end()
    return tuple(answers)


def _installed_here(environment: InstalledEnvironment) -> str:
    return f"installed here: {', '.join(environment.frameworks) or 'no framework of the matrices'}"
