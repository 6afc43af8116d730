"""`environments/<name>/project.yaml` to a Project, or to exactly which line is wrong."""

from __future__ import annotations

from pathlib import Path

from packaging.utils import canonicalize_name

from envgen.model.errors import BadInput, closest
from envgen.model.facts import Matrix
from envgen.model.project import Project
from envgen.project.dates import date_addresses, exclude_newer_of
from envgen.project.draft import Draft
from envgen.project.limits_schema import budget_of, licenses_of
from envgen.project.newest import completed
from envgen.project.notes import channel_notes
from envgen.project.numerics import numerics_of
from envgen.project.pip_lines import local_note, pip_indexes
from envgen.project.schema import ProjectFile
from envgen.project.sections import Sections
from envgen.yamlfile.document import Document, read
from envgen.yamlfile.schema import checked


def load_project(path: Path, shown: str, matrix: Matrix) -> Project:
    """The project that a file describes; `shown` is the name of the file in addresses.

    Raises BadInput with file:line:column. Raises Unsatisfiable where a newest CUDA target is requested, and the project resolves
    with none.
    """
    return project_of(read(path, shown), path.parent.name, matrix)


def project_of(document: Document, name: str, matrix: Matrix) -> Project:
    """The project that a document describes; raises what `load_project` raises."""
    file, sections = checked(document, ProjectFile), Sections(document, matrix)
    python = sections.python(file)
    frameworks, targets = sections.frameworks(file.frameworks), sections.targets(file.targets, file.pip_build)
    gpus, gpu_notes = sections.gpus(file)
    cuda, platforms = sections.cuda(file.cuda), sections.platforms(file.platforms, "platforms")
    dependencies = sections.dependencies(file.dependencies, "dependencies")
    pip = sections.pip(file.pip, "pip", build=file.pip_build)
    aliases = (*frameworks.aliases, *targets.aliases, *cuda.aliases, *dependencies.aliases, *pip.aliases)
    python = sections.with_builds(python, aliases)
    project = Project(
        name=name,
        python=python.versions,
        python_text=python.text,
        frameworks=frameworks.items,
        targets=(),
        platforms=platforms,
        channels=tuple(file.channels),
        dependencies=dependencies.items,
        pip=pip.items,
        pip_repositories=tuple(file.pip_repositories),
        pip_indexes=pip_indexes(document, file.pip_indexes),
        find_links=tuple(file.find_links),
        pip_build=tuple(sorted({canonicalize_name(name) for name in file.pip_build})),
        local=sections.local(file.pip, "pip"),
        driver=sections.driver(file),
        gpus=gpus,
        align=file.align,
        exclude_newer=exclude_newer_of(document, file.exclude_newer, file.channels),
        numerics=numerics_of(document, matrix, file),
        budget=budget_of(file.budget),
        licenses=licenses_of(file.licenses),
        template=file.template,
        addresses={
            "": document.at(),
            **{key: document.at(key) for key in document.data},
            **sections.addresses(file.targets, targets.items),
            **date_addresses(document),
        },
        notes=(
            *python.notes,
            *channel_notes(file.channels, document),
            *gpu_notes,
            *map(local_note, sections.local(file.pip, "pip")),
        ),
    )
    found = completed(matrix, Draft(project, (*targets.items, *cuda.items), aliases))
    _check_budget(found, document)
    return found


def _check_budget(project: Project, document: Document) -> None:
    """Raise BadInput where the budget names a target that the project does not have."""
    names = {name for row in project.targets for name in (row.name, *row.others)}
    for name, _ in project.budget.targets:
        if name not in names:
            raise BadInput(f"budget: no target `{name}`", where=document.at("budget", name), hint=closest(name, names))
