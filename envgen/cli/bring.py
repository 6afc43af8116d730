"""What `envgen init --from` does: read the files, write the project, say what became of each line, and resolve."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from envgen.channels.index import IndexOptions, open_index
from envgen.cli.console import echo, page_width, tell
from envgen.cli.failures import error_text
from envgen.cli.scaffold import base_files
from envgen.curate.lint.json_schema import PROJECT, first_line
from envgen.files import write_files
from envgen.matrix.cached import cached_matrix
from envgen.migrate.draft import ProjectDraft
from envgen.migrate.merge import merged
from envgen.migrate.named import WHY, renamed, with_versions, without_own
from envgen.migrate.read import read_contents
from envgen.migrate.records import needs_by
from envgen.migrate.report import held_text, report_json, report_text
from envgen.migrate.roots import Needs, reduced
from envgen.migrate.text import project_text
from envgen.model.errors import BadInput, NoSolution
from envgen.model.layout import Layout, starter
from envgen.model.resolution import RenderedFile
from envgen.project.load import project_of
from envgen.resolver.resolve import Unsatisfiable, resolve
from envgen.targets import named
from envgen.yamlfile.document import parse

if TYPE_CHECKING:
    from envgen.migrate.model import Asked, Contents, ReadAs
    from envgen.model.facts import Matrix, Platform
    from envgen.model.project import Project
    from envgen.model.resolution import Resolution

_FOR = re.compile(r"[-_.]?(?:cpu|gpu|cuda|cu)[-_]?[0-9.]*$|[-_.]?(?:env|environment|dev)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class BringRequest:
    """Files to bring in, and the project to write; an empty name is taken from the files."""

    files: tuple[Path, ...]
    project: str = ""
    platforms: tuple[Platform, ...] = ()
    index: IndexOptions
    overwrite: bool = False


def bring(layout: Layout, request: BringRequest, *, as_json: bool = False) -> int:
    """Write the project, print what became of each line, and resolve; the exit code. Raises BadInput before anything is written."""
    matrix = cached_matrix(layout if layout.matrices.is_dir() else Layout(starter()))
    contents = [read_contents(path, _shown(path), matrix.catalogue.wheels.extras) for path in request.files]
    name = request.project or _name(contents, request.files[0])
    path = layout.project(name)
    shown = layout.shown(path)
    if name in layout.projects() and not request.overwrite:
        raise BadInput("this project exists", where=shown, hint="choose another name with --project, or replace it: --overwrite")
    contents = [_reduced(layout, matrix, one, request) for one in contents]
    draft = merged(matrix, contents, name, request.platforms)
    draft, found, error = _resolved(matrix, draft, shown)
    lines = list(base_files(layout))
    head = f"{first_line(layout.shown(path.parent), PROJECT)}\n"
    write_files(path.parent, (RenderedFile(path.name, head + project_text(draft)),), layout)
    if as_json:
        echo(report_json(draft, shown, found))
    else:
        echo(f"{_base_text(lines)}wrote {shown}\n{report_text(draft, page_width())}".rstrip(), people=True)
    if error:
        echo(error_text(error), people=True, err=True)
    if not as_json:
        held = f"{name} would be locked as:\n{held_text(found, page_width())}\n" if found else ""
        echo(f"{held}next: {f'edit {shown}, then ' if error else ''}envgen lock {name}", people=True)
    return error.exit_code if error else 0


def _base_text(lines: Sequence[str]) -> str:
    """What was written beside the project, a line each; what was there is left out."""
    return "".join(f"{line}\n" for line in lines if not line.startswith("kept "))


def _resolved(
    matrix: Matrix, draft: ProjectDraft, shown: str
) -> tuple[ProjectDraft, Sequence[Resolution], BadInput | Unsatisfiable | None]:
    """The draft with the targets that its words mean, what each would be locked as, and why it cannot be."""
    try:
        plain = without_own(draft)
        every = [target.name for target in _project(matrix, plain, shown).targets]
        words = [row.key for row in plain.targets if row.key not in every]
        names = {word: name for word in words if (name := named(word, every, matrix, WHY))}
        draft = renamed(draft, names)
    except (BadInput, Unsatisfiable):  # which are told of the text that is written
        draft = with_versions(draft, matrix)
    try:
        return draft, resolve(matrix, _project(matrix, draft, shown)), None
    except (BadInput, Unsatisfiable) as error:
        return draft, (), error


def _project(matrix: Matrix, draft: ProjectDraft, shown: str) -> Project:
    text = "\n" + project_text(draft)  # the first line of the file names its schema
    return project_of(parse(text, shown), draft.name, matrix)


def _shown(path: Path) -> str:
    here = Path.cwd()
    whole = path.absolute()
    return whole.relative_to(here).as_posix() if whole.is_relative_to(here) else str(path)


def _name(contents: Sequence[Contents], first: Path) -> str:
    """The name that the files give to their environments, without what it says of CPU or CUDA; else that of their folder."""
    names = {re.sub(r"[^A-Za-z0-9._-]", "-", _FOR.sub("", one.name)).strip("-._") for one in contents if one.name}
    found = min(names, key=len) if names else ""
    folder = re.sub(r"[^A-Za-z0-9._-]", "-", first.absolute().parent.name).strip("-._")
    return found if found and found.lower() not in ("base", "index") else folder or "project"


def _reduced(layout: Layout, matrix: Matrix, contents: Contents, request: BringRequest) -> Contents:
    """The contents with the roots of what lists everything that is installed."""
    found: list[tuple[Asked, tuple[ReadAs, ...]]] = []
    for asked in contents.asked:
        found.append(reduced(matrix, asked, _needs(layout, matrix, asked, request)) if asked.packages else (asked, ()))
    notes = (note for _, more in found for note in more)
    return replace(contents, asked=tuple(asked for asked, _ in found), notes=(*contents.notes, *notes))


def _needs(layout: Layout, matrix: Matrix, asked: Asked, request: BringRequest) -> Needs:
    """What packages need, from the index; nothing where no index can be reached, which the report says."""
    channels = tuple(_public(line.text for line in asked.channels)) or ("conda-forge",)
    platforms = asked.platforms or ("linux-64",)
    if asked.linked:
        return lambda _: None
    try:
        index, _ = open_index(request.index, layout, channels, platforms[0], matrix.withdrawn)
        return needs_by(index, channels, asked.packages, platforms)
    except (BadInput, NoSolution) as error:
        if request.index.folder:
            raise
        tell(f"no index: {error.what}")
        return lambda _: None


def _public(names: Iterator[str]) -> Iterator[str]:
    return (name for name in names if name not in ("defaults", "nodefaults") and "@" not in name and "/t/" not in name)
