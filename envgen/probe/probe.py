"""Probes an environment: which frameworks are installed, what each one sees, and whether that is what is expected."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from envgen.machine import nvml
from envgen.machine.cuda_paths import names
from envgen.model.catalogue import Catalogue
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix, Target
from envgen.model.run import Reporter
from envgen.probe.environment import read_environment, read_interpreter
from envgen.probe.interpreter import of_prefix, read_site
from envgen.probe.libraries import cuda_name, is_driver
from envgen.probe.location import within
from envgen.probe.model import Answer, InstalledEnvironment, Interpreter, LaunchEnvironment, ProbeResult
from envgen.probe.runner import run_probe
from envgen.probe.verdict import evaluate

TIMEOUT = 120.0  # seconds; the first import of a framework from a cold disk takes tens of them


def probe(
    place: Path | str,
    matrix: Matrix,
    reporter: Reporter,
    *,
    target: str | Target = "",
    frameworks: Iterable[str] = (),
    timeout: float = TIMEOUT,
    cuda_required: bool = False,
) -> ProbeResult:
    """Ask the frameworks of an environment what they see, each for at most `timeout` seconds, and judge their answers.

    `place` is the folder of a conda environment, or the text of a path or command that starts any Python. `target` is what the
    environment is meant for ("cpu", "cu126", a target of a project's own; "" to take its own word). `frameworks` are those to
    probe, by their name in the matrices or by import name; without any, all of the matrices' frameworks that are installed. With
    `cuda_required` each must compute on a GPU. Raises BadInput if there is nothing to probe: no environment, no Python in it, no
    framework.
    """
    interpreter, environment = _read(place, matrix.catalogue, target)
    environment = replace(environment, cuda_required=cuda_required)
    modules = _modules(environment, matrix.catalogue.frameworks, tuple(frameworks))
    answers = _answers(interpreter, environment, modules, matrix.catalogue, timeout, reporter)
    machine, launch = nvml.inspect(), launch_environment(matrix.catalogue, interpreter.homes)
    return ProbeResult(environment, machine, tuple(evaluate(answer, environment, machine, launch, matrix) for answer in answers))


def _read(place: Path | str, catalogue: Catalogue, target: str | Target) -> tuple[Interpreter, InstalledEnvironment]:
    """The Python to probe, and what is installed for it."""
    if isinstance(place, Path):
        prefix = place.absolute()
        return of_prefix(prefix), read_environment(prefix, catalogue, target)
    site = read_site(place)
    return site.interpreter, read_interpreter(site, catalogue, target)


def launch_environment(catalogue: Catalogue, homes: Iterable[Path]) -> LaunchEnvironment:
    """What this process hands on to the frameworks of an environment with these folders."""
    folders = tuple(filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(":")))
    own = tuple(homes)
    foreign = [folder for folder in folders if not any(within(folder, home) for home in own)]
    found = {folder: _shadowing(Path(folder), catalogue) for folder in foreign}
    return LaunchEnvironment(
        visible_devices=os.environ.get("CUDA_VISIBLE_DEVICES"),
        library_path=tuple((name, os.path.realpath(name)) for name in folders),
        system="windows" if sys.platform == "win32" else "linux",
        shadowing={folder: files for folder, files in found.items() if files},
    )


def _shadowing(folder: Path, catalogue: Catalogue) -> tuple[str, ...]:
    """The libraries of CUDA in a folder, and those of the driver where it is a toolkit's folder of stubs."""
    stubs = folder.name == "stubs"
    return tuple(name for name in names(folder) if cuda_name(catalogue, name) or (stubs and is_driver(name)))


def _modules(environment: InstalledEnvironment, known: Iterable[str], asked: tuple[str, ...]) -> Mapping[str, str]:
    """The frameworks to probe -> the module to import for each. A name that the matrices do not know is an import name."""
    installed = environment.frameworks.values()
    named = {found.module: found for found in installed} | {found.framework: found for found in installed}
    if not asked and not named:
        hint = "name another environment with --prefix or --python, or one of its modules with --framework"
        raise BadInput("no framework of the matrices is installed", where=environment.where, hint=hint)
    for name in asked:
        if name in known and name not in named:
            raise BadInput(f"`{name}` is not installed", where=environment.where, hint=_installed_here(environment))
    chosen = [named[name] for name in asked if name in named] if asked else installed
    return {found.framework: found.module for found in chosen} | {name: name for name in asked if name not in named}


def _answers(
    interpreter: Interpreter,
    environment: InstalledEnvironment,
    modules: Mapping[str, str],
    catalogue: Catalogue,
    timeout: float,
    reporter: Reporter,
) -> tuple[Answer, ...]:
    answers = []
    reporter.begin("probing the frameworks", len(modules))
    for name, module in modules.items():  # one after another: they share the GPU's memory
        answer = run_probe(interpreter, name, module, catalogue, timeout)
        if name not in environment.frameworks and answer.problem("import") == f"ModuleNotFoundError: No module named '{module}'":
            raise BadInput(f"`{name}` is not installed", where=environment.where, hint=_installed_here(environment))
        answers.append(answer)
        reporter.step(name)
    reporter.end()
    return tuple(answers)


def _installed_here(environment: InstalledEnvironment) -> str:
    return f"installed here: {', '.join(environment.frameworks) or 'no framework of the matrices'}"
