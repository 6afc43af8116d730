"""What `envgen init` writes: matrices, templates, schemas, a Makefile include and a first project. Overwrites nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from envgen.cli.team import written
from envgen.curate.lint.json_schema import PROJECT, first_line, schemas
from envgen.files import write_files
from envgen.matrix.cached import cached_matrix
from envgen.model.errors import BadInput, closest
from envgen.model.facts import Address, Matrix
from envgen.model.layout import LOCK, SPEC, VIRTUAL, Layout, starter
from envgen.model.layout import PROJECT as PROJECT_FILE
from envgen.model.project import RequestedFramework
from envgen.model.resolution import RenderedFile
from envgen.project.aliases import ANY, read_alias
from envgen.project.load import project_of
from envgen.project.notes import reading
from envgen.project.package_spec import conda_spec
from envgen.revisions import set_config
from envgen.yamlfile.document import parse

_MAKE = """\
# The commands of envgen; written by `envgen init`. Use them with `include envgen.mk`.
ENVGEN ?= envgen
# What PROJECT and TARGET say is data: make does not expand it, and each word reaches the shell in quotes.
override PROJECT := $(value PROJECT)
override TARGET := $(value TARGET)
quoted = $(foreach word,$($(1)),$(2) '$(subst ','\\'',$(word))')

.PHONY: env-cpu env-gpu env verify matrix-lint schemas doctor install-cpu install-gpu
env-cpu:  ## Lock the CPU target of PROJECT, or of every project
	$(ENVGEN) lock --target cpu -- $(call quoted,PROJECT)
env-gpu:  ## Lock the newest CUDA target that this machine can run
	$(ENVGEN) lock --target gpu -- $(call quoted,PROJECT)
env:  ## Lock TARGET (cpu, cu126, ...) of PROJECT; without them every target and project
	$(ENVGEN) lock $(call quoted,TARGET,--target) -- $(call quoted,PROJECT)
verify:  ## Check every lock of PROJECT, or of every project
	$(ENVGEN) verify $(call quoted,PROJECT,--project) $(call quoted,TARGET,--target)
matrix-lint:  ## Check matrices/
	$(ENVGEN) matrix lint --strict
schemas:  ## Write schemas/, with which editors check project.yaml and matrices/
	$(ENVGEN) matrix schemas
doctor:  ## Show what this machine has, and which locked target fits it
	$(ENVGEN) doctor -- $(call quoted,PROJECT)
install-cpu:  ## Install the locked CPU environment of PROJECT, or of every project
	$(ENVGEN) install --target cpu -- $(call quoted,PROJECT)
install-gpu:  ## Install the newest locked CUDA environment that this machine can run
	$(ENVGEN) install --target gpu -- $(call quoted,PROJECT)
"""
_IGNORED = "# what envgen writes for a moment, and environments; written by `envgen init`\n.*.envgen-tmp\n.*.envgen-lock\n.envs/\n"
_ATTRIBUTES = f"""\
# How git shows and merges locks; written by `envgen init --git`, which each clone runs once.
*{LOCK} diff=envgen
pixi.lock diff=envgen
environments/*/*/{LOCK} diff=envgen merge=envgen
environments/*/*/{SPEC} merge=envgen
environments/*/*/{VIRTUAL} merge=envgen
environments/*/{PROJECT_FILE} merge=envgen
environments/index/** merge=envgen -diff linguist-generated
"""
_CONFIG = {
    "diff.envgen.textconv": "envgen diff --textconv",
    "diff.envgen.cachetextconv": "true",
    "merge.envgen.name": "locks from the merged inputs",
    "merge.envgen.driver": "envgen merge-driver %O %A %B %P",
    "merge.envgen.recursive": "text",
}
_HEADER = "# What this project requests; `envgen lock` makes one environment for each target of it."


def scaffold(
    layout: Layout, project: str, frameworks: Sequence[str], targets: Sequence[str], platforms: Sequence[str]
) -> Iterator[str]:
    """Write the files that are missing, and yield one line about each: `wrote X`, or `kept X` for one that exists.

    Raises BadInput, before anything is written, for what project.yaml would not accept.
    """
    path = layout.project(project)
    matrix = cached_matrix(layout if layout.matrices.is_dir() else Layout(starter()))
    text, notes = _project(matrix, frameworks, targets, platforms)
    yield from notes
    yield from base_files(layout)
    yield written(layout, path, f"{first_line(layout.shown(path.parent), PROJECT)}\n{_HEADER}\n{text}")
    yield f"next: envgen lock {project}"


def base_files(layout: Layout) -> Iterator[str]:
    """Write what a repository has beside its projects, as far as it is missing; one line about each file."""
    source = Layout(starter())
    yield from _copy(layout, source.matrices, layout.matrices, "*.yaml")
    yield from _copy(layout, source.templates, layout.templates, "*.j2")
    for file in schemas():
        yield written(layout, layout.schemas / file.name, file.text)
    yield written(layout, layout.root / "envgen.mk", _MAKE)
    yield written(layout, layout.root / "Makefile", "include envgen.mk\n")
    yield written(layout, layout.root / ".gitignore", _IGNORED)


def for_git(layout: Layout) -> Iterator[str]:
    """Add to .gitattributes what is missing, and configure this clone; one line about each. Raises BadInput outside of git."""
    set_config(layout.root, _CONFIG)
    path = layout.root / ".gitattributes"
    old = path.read_text(encoding="utf-8") if path.is_file() else ""
    missing = [line for line in _ATTRIBUTES.splitlines() if line not in old.splitlines()]
    if all(line.startswith("#") for line in missing):
        yield f"kept {layout.shown(path)}"
    else:
        text = f"{old}{'' if old.endswith(chr(10)) or not old else chr(10)}" + "".join(f"{line}\n" for line in missing)
        write_files(path.parent, (RenderedFile(path.name, text),), layout)
        yield f"wrote {layout.shown(path)}"
    yield "configured git in this clone: diff.envgen, merge.envgen"


def _copy(layout: Layout, source: Path, folder: Path, pattern: str) -> Iterator[str]:
    for path in sorted(source.glob(pattern)):
        yield written(layout, folder / path.name, path.read_text(encoding="utf-8"))


def _project(
    matrix: Matrix, frameworks: Sequence[str], targets: Sequence[str], platforms: Sequence[str]
) -> tuple[str, tuple[str, ...]]:
    """The text of a project file in envgen's own terms, and what each alias was read as."""
    channels = [channel for word in frameworks for channel in _channels(matrix, _framework(matrix, word))]
    requested = {
        "python": ">=3.10",
        "frameworks": dict.fromkeys(frameworks, "*"),
        "targets": list(targets),
        "platforms": list(platforms),
        "channels": list(dict.fromkeys([*channels, "conda-forge"])),
    }
    try:
        project = project_of(parse(yaml.safe_dump(requested, sort_keys=False), "init"), "init", matrix)
    except BadInput as error:
        error.where = None  # what is read here is in no file
        raise
    own = {
        "frameworks": {row.framework: _row(row) for row in project.frameworks},
        "targets": [row.name for row in project.targets],
        "dependencies": [],
    }
    return yaml.safe_dump(requested | own, sort_keys=False), tuple(map(reading, project.notes))


def _framework(matrix: Matrix, word: str) -> RequestedFramework:
    """The requirement that a framework, or an alias for one, makes."""
    alias = read_alias(matrix, conda_spec(word), Address("init", 1, 1))
    if alias is None or alias.framework is None:
        raise BadInput(f"no framework `{word}` in the matrices", hint=closest(word, matrix.frameworks))
    return alias.framework


def _row(row: RequestedFramework) -> object:
    """A requirement as the value of its key below `frameworks:`."""
    version = "*" if row.text == ANY else row.text
    more = {"provider": row.provider} if row.provider else {}
    return {"version": version, **more} if more else version


def _channels(matrix: Matrix, row: RequestedFramework) -> tuple[str, ...]:
    """The channels for most releases of the provider that is requested, or of the first."""
    framework = matrix.frameworks[row.framework]
    spellings = framework.providers[row.provider or next(iter(framework.providers))]
    return max(spellings, key=lambda spelling: sum(one.version in spelling.releases for one in framework.releases)).channels
