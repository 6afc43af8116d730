"""What `envgen init` writes: matrices, templates, schemas, a Makefile include and a first project. Overwrites nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from envgen.cli.team import written
from envgen.curate.lint.json_schema import PROJECT, first_line, schemas
from envgen.curate.update.origin import origin_text
from envgen.files import write_files
from envgen.matrix.cached import cached_matrix
from envgen.matrix.files import matrix_texts
from envgen.model.address import Address
from envgen.model.errors import BadInput, closest
from envgen.model.facts import Matrix
from envgen.model.layout import LOCK, SPEC, VIRTUAL, Layout, starter
from envgen.model.layout import PROJECT as PROJECT_FILE
from envgen.model.project import Project, RequestedFramework
from envgen.model.resolution import RenderedFile
from envgen.model.target_names import CPU
from envgen.project.aliases import ANY, read_alias
from envgen.project.edit import ProjectText
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
	$(ENVGEN) install --target gpu --probe -- $(call quoted,PROJECT)
"""
_FEW = 3  # files of a folder that are named
_OLDEST = ">=3.10"  # the Python of a new project, unless another is given
_PLATFORM = "linux-64"  # of a new project, unless others are given
_IGNORED = "# what envgen writes for a moment, and environments; written by `envgen init`\n.*.envgen-tmp\n.*.envgen-lock\n.envs/\n"
_ATTRIBUTES = f"""\
# How git shows and merges locks, in a clone in which `envgen init --git` was run once.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class NewProject:
    """What the options ask of a project; what is empty is not asked for."""

    frameworks: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    python: str = ""
    driver: str = ""
    gpus: tuple[str, ...] = ()


def scaffold(layout: Layout, project: str, wanted: NewProject) -> Iterator[str]:
    """Write the files that are missing, and yield one line about each: `wrote X`, or `kept X` for one that exists.

    A project that exists gets what it lacks. Raises BadInput, before anything is written, for what project.yaml would not accept.
    """
    path = layout.project(project)
    matrix = cached_matrix(layout if layout.matrices.is_dir() else Layout(starter()))
    if project in layout.projects():
        text, notes = extended(layout, layout.known_project(project), matrix, wanted)
    else:
        text, notes = _project(matrix, wanted)
        text = f"{first_line(layout.shown(path.parent), PROJECT)}\n{_HEADER}\n{text}"
    yield from notes
    yield from base_files(layout)
    yield _replaced(layout, path, text)
    yield f"next: envgen lock {project}"


def base_files(layout: Layout) -> Iterator[str]:
    """Write what a repository has beside its projects, as far as it is missing; one line about each file."""
    source = Layout(starter())
    copied = not layout.matrices.is_dir()
    yield from _copy(layout, source.matrices, layout.matrices, "*.yaml")
    if copied:
        yield written(layout, layout.origin, origin_text(matrix_texts(source.matrices, "envgen")))
    yield from _copy(layout, source.templates, layout.templates, "*.j2")
    yield from _together(layout, layout.schemas, [written(layout, layout.schemas / file.name, file.text) for file in schemas()])
    yield written(layout, layout.root / "envgen.mk", _MAKE)
    yield from _makefile(layout, layout.root / "Makefile")
    yield with_lines(layout, layout.root / ".gitignore", _IGNORED)
    yield with_lines(layout, layout.root / ".gitattributes", _ATTRIBUTES)


def init_json(lines: Sequence[str]) -> str:
    """The lines for a program: the files that were written and kept, what to do next, and what else was said."""
    kinds: dict[str, list[str]] = {"wrote": [], "kept": [], "next:": [], "notes": []}
    for line in lines:
        word, _, rest = line.partition(" ")
        kinds[word if word in kinds else "notes"].append(rest if word in kinds else line)
    return json.dumps({kind.rstrip(":"): found for kind, found in kinds.items()}, indent=2)


def for_git(layout: Layout) -> Iterator[str]:
    """Add to .gitattributes what is missing, and configure this clone; one line about each. Raises BadInput outside of git."""
    set_config(layout.root, _CONFIG)
    yield with_lines(layout, layout.root / ".gitattributes", _ATTRIBUTES)
    yield "configured git in this clone: diff.envgen, merge.envgen"


def with_lines(layout: Layout, path: Path, wanted: str) -> str:
    """Append the lines that a file lacks; the line that says so. A comment is not missing where nothing below it is."""
    old = layout.read(path) if path.is_file() else ""
    missing = [line for line in wanted.splitlines() if line not in old.splitlines()]
    if all(line.startswith("#") for line in missing):
        return f"kept {layout.shown(path)}"
    whole = old if old.endswith("\n") or not old else f"{old}\n"
    return _replaced(layout, path, whole + "".join(f"{line}\n" for line in missing))


def _makefile(layout: Layout, path: Path) -> Iterator[str]:
    """Write a Makefile of one line; in one that exists, say which line to add."""
    line = "include envgen.mk"
    yield written(layout, path, f"{line}\n")
    if line not in layout.read(path).splitlines():
        yield f"to use the commands of envgen.mk with make, add this line to {layout.shown(path)}: {line}"


def _copy(layout: Layout, source: Path, folder: Path, pattern: str) -> Iterator[str]:
    paths = sorted(source.glob(pattern))
    yield from _together(layout, folder, [written(layout, folder / path.name, path.read_text(encoding="utf-8")) for path in paths])


def _together(layout: Layout, folder: Path, lines: Sequence[str]) -> Iterator[str]:
    """One line about the files of a folder, if all were written or all were kept; else, or if there are few, one about each."""
    words = {line.partition(" ")[0] for line in lines}
    if len(words) == 1 and len(lines) > _FEW:
        yield f"{words.pop()} {layout.shown(folder)}/ ({len(lines)} files)"
    else:
        yield from lines


def _replaced(layout: Layout, path: Path, text: str) -> str:
    if path.is_file() and layout.read(path) == text:
        return f"kept {layout.shown(path)}"
    write_files(path.parent, (RenderedFile(path.name, text),), layout)
    return f"wrote {layout.shown(path)}"


def extended(layout: Layout, path: Path, matrix: Matrix, wanted: NewProject) -> tuple[str, tuple[str, ...]]:
    """The text of a project file that exists with the frameworks, targets, platforms and GPUs that it lacks, and a line about each.

    Raises BadInput, with the key to edit by hand, where the way that the file is written does not allow it.
    """
    text = ProjectText(layout.read(path), layout.shown(path), matrix)
    has, asked = project_of(text.document, text.shown, matrix), _read(matrix, wanted)
    frameworks = {row.framework for row in has.frameworks}
    added = []
    for row in (row for row in asked.frameworks if row.framework not in frameworks):
        text = text.with_spec(row.framework if row.text == ANY else f"{row.framework} {row.text}")
        added.append(row.framework)
    targets, gpus = {row.name for row in has.targets}, {gpu.name for gpu in has.gpus}
    missing = [("targets", row.name) for row in asked.targets if wanted.targets and row.name not in targets]
    missing += [("platforms", name) for name in asked.platforms if wanted.platforms and name not in has.platforms]
    missing += [("gpus", gpu.name) for gpu in asked.gpus if gpu.name not in gpus]
    for key, name in missing:
        text = text.with_item(key, name)
        added.append(name)
    same = {"driver": asked.driver in (None, has.driver), "python": wanted.python in ("", has.python_text)}
    if key := next((key for key in same if not same[key]), ""):
        what, value = f"this project exists, and its `{key}:` is another", _asked(matrix, wanted)[key]
        raise BadInput(what, where=text.document.at(key), hint=f'edit it by hand: {key}: "{value}"')
    project_of(text.document, text.shown, matrix)
    return text.text, tuple(f"added {name} to {text.shown}" for name in added)


def _project(matrix: Matrix, wanted: NewProject) -> tuple[str, tuple[str, ...]]:
    """The text of a project file in envgen's own terms, and what each alias was read as."""
    project, requested = _read(matrix, wanted), _asked(matrix, wanted)
    own = {
        "frameworks": {row.framework: _row(row) for row in project.frameworks},
        "targets": [row.name for row in project.targets],
        "dependencies": [],
    }
    return yaml.safe_dump(requested | own, sort_keys=False), tuple(map(reading, project.notes))


def _asked(matrix: Matrix, wanted: NewProject) -> dict[str, object]:
    """The options as the keys of a project file."""
    channels = [channel for word in wanted.frameworks for channel in _channels(matrix, _framework(matrix, word))]
    return {
        "python": wanted.python or _OLDEST,
        "frameworks": dict.fromkeys(wanted.frameworks, "*"),
        "targets": list(wanted.targets or (CPU,)),
        "platforms": list(wanted.platforms or (_PLATFORM,)),
        "channels": list(dict.fromkeys([*channels, "conda-forge"])),
        **({"driver": f">={wanted.driver.removeprefix('>=').strip()}"} if wanted.driver else {}),
        **({"gpus": list(wanted.gpus)} if wanted.gpus else {}),
    }


def _read(matrix: Matrix, wanted: NewProject) -> Project:
    """What the options ask for, as a project. Raises BadInput."""
    text = yaml.safe_dump(_asked(matrix, wanted), sort_keys=False)
    try:
        return project_of(parse(text, "init"), "init", matrix)
    except BadInput as error:
        error.where = None  # what is read here is in no file
        raise


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
