"""Starting in a repository of one's own: matrices, templates, schemas, a Makefile include and a first project.

Overwrites nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from envgen.curate.json_schema import PROJECT, first_line, schemas
from envgen.files import write_files
from envgen.matrix.load import load_matrix
from envgen.model.errors import BadInput, closest
from envgen.model.facts import Address, Matrix, RequestedFramework
from envgen.model.layout import Layout, starter
from envgen.model.resolution import RenderedFile
from envgen.project.aliases import ANY, conda_spec, read_alias
from envgen.project.load import project_of
from envgen.yamlfile.document import parse

_MAKE = """\
# The verbs of envgen; written by `envgen init`. Use it with `include envgen.mk`.
ENVGEN ?= envgen

.PHONY: env-cpu env-gpu env verify matrix-lint schemas doctor install-cpu install-gpu
env-cpu:  ## Lock the CPU target of PROJECT, or of every project
	$(ENVGEN) lock $(PROJECT) --target cpu
env-gpu:  ## Lock the newest CUDA target that this machine can run
	$(ENVGEN) lock $(PROJECT) --target gpu
env:  ## Lock TARGET (cpu, cu126, ...) of PROJECT; without them everything
	$(ENVGEN) lock $(PROJECT) $(if $(TARGET),--target $(TARGET))
verify:  ## Hold every lock of PROJECT, or of every project, against the rules
	$(ENVGEN) verify $(if $(PROJECT),--project $(PROJECT)) $(if $(TARGET),--target $(TARGET))
matrix-lint:  ## Hold matrices/ against the rules
	$(ENVGEN) matrix lint --strict
schemas:  ## Write schemas/, by which editors check project.yaml and matrices/
	$(ENVGEN) matrix schemas
doctor:  ## Say what this machine has, what gets in the way, and which locked target fits
	$(ENVGEN) doctor $(PROJECT)
install-cpu:  ## Install the locked CPU environment of PROJECT, or of every project
	$(ENVGEN) install $(PROJECT) --target cpu
install-gpu:  ## Install the newest locked CUDA environment that this machine can run
	$(ENVGEN) install $(PROJECT) --target gpu
"""


def start(
    layout: Layout, project: str, frameworks: Sequence[str], targets: Sequence[str], platforms: Sequence[str]
) -> Iterator[str]:
    """Write what is missing and yield one line about each file: `wrote X`, or `kept X` where there was one.

    Raises BadInput before anything is written when a name is not one of the matrices.
    """
    path = layout.project(project)
    source = Layout(starter())
    own = layout.matrices if layout.matrices.is_dir() else source.matrices
    line = first_line(layout.shown(path.parent), PROJECT)
    text, said = _project_text(load_matrix(own), frameworks, targets, platforms)
    yield from said
    text = f"{line}\n{text}"
    yield from _copy(layout, source.matrices, layout.matrices, "*.yaml")
    yield from _copy(layout, source.templates, layout.templates, "*.j2")
    for file in schemas():
        yield from _write(layout, layout.schemas / file.name, file.text)
    yield from _write(layout, layout.root / "envgen.mk", _MAKE)
    yield from _write(layout, layout.root / "Makefile", "include envgen.mk\n")
    yield from _write(layout, path, text)
    yield f"next: envgen lock {project}"


def _copy(layout: Layout, source: Path, place: Path, pattern: str) -> Iterator[str]:
    for path in sorted(source.glob(pattern)):
        yield from _write(layout, place / path.name, path.read_text(encoding="utf-8"))


def _write(layout: Layout, path: Path, text: str) -> Iterator[str]:
    if path.exists():
        yield f"kept {layout.shown(path)}"
        return
    write_files(path.parent, (RenderedFile(path.name, text),), layout)
    yield f"wrote {layout.shown(path)}"


def _project_text(
    matrix: Matrix, frameworks: Sequence[str], targets: Sequence[str], platforms: Sequence[str]
) -> tuple[str, tuple[str, ...]]:
    """A project file that says in envgen's own words what was asked for, versions left open; and what was translated."""
    known = {platform for target in matrix.targets.values() for platform in target.platforms}
    for name in platforms:
        if name not in known:
            raise BadInput(f"no platform `{name}` in the matrices", hint=closest(name, known))
    channels = [channel for word in frameworks for channel in _channels(matrix, _wish(matrix, word))]
    data = {
        "python": ">=3.10",
        "frameworks": {},
        "targets": list(targets),
        "platforms": list(platforms),
        "channels": list(dict.fromkeys([*channels, "conda-forge"])),
        "dependencies": list(frameworks),
    }
    try:
        project = project_of(parse(yaml.safe_dump(data), "init"), "init", matrix)
    except BadInput as error:
        error.where = None  # what was typed has no line
        raise
    data |= {"frameworks": {wish.framework: _version(wish) for wish in project.frameworks}, "dependencies": []}
    data["targets"] = [wish.name for wish in project.targets]
    text = yaml.safe_dump(data, sort_keys=False)
    notes = (note.text.rpartition("; ")[0] for note in project.notes)  # what to write instead has been written
    said = tuple(note for note in notes if note.split("`")[1] not in matrix.frameworks)
    return f"# What this project wants; `envgen lock` turns it into one environment for each target.\n{text}", said


def _wish(matrix: Matrix, word: str) -> RequestedFramework:
    """The framework that a word asks for."""
    alias = read_alias(matrix, conda_spec(word), Address("init", 1, 1))
    if alias is None or alias.framework is None:
        raise BadInput(f"no framework `{word}` in the matrices", hint=closest(word, matrix.frameworks))
    return alias.framework


def _version(wish: RequestedFramework) -> object:
    version = "*" if wish.text == ANY else wish.text
    more = {"provider": wish.provider} if wish.provider else {}
    return {"version": version, **more, "with": list(wish.companions)} if more or wish.companions else version


def _channels(matrix: Matrix, wish: RequestedFramework) -> tuple[str, ...]:
    """The channels of the spelling of most releases, of the provider that is asked for or the first."""
    framework = matrix.frameworks[wish.framework]
    spellings = framework.providers[wish.provider or next(iter(framework.providers))]
    return max(spellings, key=lambda row: sum(release.version in row.releases for release in framework.releases)).channels
