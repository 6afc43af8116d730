"""`environments/<name>/project.yaml` to a Project, or exactly which line is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.model.errors import BadInput, closest
from envgen.model.facts import Address, Dependency, Gpu, Matrix, Platform, Project, RequestedFramework, RequestedTarget, driver_text
from envgen.model.layout import Layout
from envgen.model.run import Reporter
from envgen.project.aliases import ANY, conda_phrase, pip_phrase
from envgen.project.collect import AliasCollector
from envgen.project.merge import Draft
from envgen.project.newest import settled
from envgen.project.schema import SPEC, CudaRow, ProjectFile, RequestedTargetRow, RequirementRow
from envgen.yamlfile.document import Document, checked, read


def load_project(path: Path, shown: str, matrix: Matrix) -> Project:
    """Read one project file, hold every name in it against the matrix, and settle what was said in other words than ours.

    Raises BadInput with file:line:column; Clash where no CUDA target goes with the rest, and the newest such was asked for.
    """
    return project_of(read(path, shown), path.parent.name, matrix)


def project_of(document: Document, name: str, matrix: Matrix) -> Project:
    """The same for a document that was read."""
    file = checked(document, ProjectFile)
    names = _Names(document, matrix)
    python = names.python(file.python)
    frameworks = tuple(wish for key, row in file.frameworks.items() if (wish := names.wish(key, row)))
    targets = tuple(names.target(key, row) for key, row in file.targets.items())
    gpus = names.gpus(file.gpus, "gpus")
    more = names.gpus(file.cuda.gpus if file.cuda else [], "cuda", "gpus")
    project = Project(
        name=name,
        python=python,
        python_text=_raw(document, "python"),
        frameworks=frameworks,
        targets=(*targets, *names.cuda(file.cuda, more)),
        platforms=names.platforms(file.platforms, "platforms"),
        channels=tuple(file.channels),
        dependencies=names.dependencies(file.dependencies, "dependencies"),
        pip=names.pip(file.pip),
        pip_repositories=tuple(file.pip_repositories),
        driver=names.driver(file),
        gpus=(*gpus, *more),
        align=file.align,
        exclude_newer=file.exclude_newer,
        template=file.template,
        addresses={"": document.at(), **{key: document.at(key) for key in document.data}},
        notes=tuple(names.heard.notes),
    )
    return settled(matrix, Draft(project, tuple(names.heard.words), names.heard.open))


def _raw(document: Document, *path: str) -> str:
    value: Any = document.data
    for part in path:
        value = value.get(part, "") if isinstance(value, Mapping) else ""
    return str(value)


class _Names:
    """Turns the names of one project file into nouns; an unknown one is an error with its address and a suggestion."""

    def __init__(self, document: Document, matrix: Matrix) -> None:
        self.document = document
        self.matrix = matrix
        self.heard = AliasCollector(matrix)

    def at(self, *path: str | int) -> Address:
        return self.document.at(*path)

    def python(self, found: SpecifierSet) -> SpecifierSet:
        known = sorted(self.matrix.pythons)
        patch = [str(part) for part in found if len(part.version.removesuffix(".*").split(".")) > 2]
        if patch:
            hint = "write minors, 3.12 and not 3.12.4: the solver takes the newest patch release"
            raise BadInput(f"python: {patch[0]} names a patch release", where=self.at("python"), hint=hint)
        if known and not any(version in found for version in known):
            hint = f"the matrices know python {known[0]} to {known[-1]}"
            raise BadInput(f"python: no known minor is in {_raw(self.document, 'python')}", where=self.at("python"), hint=hint)
        return found

    def wish(self, key: str, row: RequirementRow) -> RequestedFramework | None:
        """The wish that a key of frameworks: makes; None for a word that asks for a target alone."""
        path = ("frameworks", key)
        text = _raw(self.document, *path, "version") or _raw(self.document, *path)
        text = text if row.version != SpecifierSet() else ANY
        heard = None if key in self.matrix.frameworks else self.heard.framework(key, text, self.at(*path))
        if heard and heard.wish is None:
            return None
        said = heard.wish if heard else None
        name = said.framework if said else key
        framework = self.matrix.frameworks.get(name)
        if framework is None:
            raise BadInput(f"no framework `{name}` in matrices/", where=self.at(*path), hint=closest(name, self.matrix.frameworks))
        if row.provider is not None and row.provider not in framework.providers:
            hint = closest(row.provider, framework.providers)
            raise BadInput(f"{name} has no provider `{row.provider}`", where=self.at(*path, "provider"), hint=hint)
        for index, companion in enumerate(row.companions):
            if companion not in framework.companions:
                hint = closest(companion, framework.companions)
                raise BadInput(f"`{companion}` does not follow {name}", where=self.at(*path, "with", index), hint=hint)
        if said:
            companions = tuple(dict.fromkeys((*said.companions, *row.companions)))
            return replace(said, provider=row.provider or said.provider, companions=companions)
        return RequestedFramework(
            framework=name,
            versions=row.version,
            text=text,
            provider=row.provider,
            companions=tuple(row.companions),
            at=self.at(*path),
        )

    def target(self, key: str, row: RequestedTargetRow) -> RequestedTarget:
        listed = isinstance(self.document.data["targets"], list)
        path: tuple[str | int, ...] = ("targets", self.document.data["targets"].index(key) if listed else key)
        name = key if key in self.matrix.targets else self.heard.target(key, self.at(*path))
        platforms = self.platforms(row.platforms, *path, "platforms") if row.platforms is not None else None
        extra = self.dependencies(row.dependencies, *path, "dependencies", inside=self.at(*path))
        return RequestedTarget(name=name, at=self.at(*path), platforms=platforms, virtual=row.virtual_packages, dependencies=extra)

    def cuda(self, row: CudaRow | None, gpus: tuple[Gpu, ...]) -> Iterator[RequestedTarget]:
        """The target that the key `cuda:` asks for."""
        if row:
            at, data = self.at("cuda"), self.document.data["cuda"]
            also: tuple[str, ...] = (f'`driver: ">={driver_text(row.driver)}"`',) if row.driver else ()
            also += (f"`gpus: [{', '.join(gpu.written for gpu in gpus)}]`",) if gpus else ()
            self.heard.cuda(row.version or "newest", data if isinstance(data, str) else _flow(data), at, also)
            yield RequestedTarget(name="", at=at)

    def driver(self, file: ProjectFile) -> Version | None:
        other = file.cuda.driver if file.cuda else None
        if file.driver and other and file.driver != other:
            what = f"cuda.driver: {driver_text(other)}, and {driver_text(file.driver)} at {self.at('driver')}"
            raise BadInput(what, where=self.at("cuda", "driver"), hint="keep the older one")
        return file.driver or other

    def platforms(self, found: list[str], *path: str | int) -> tuple[Platform, ...]:
        known = {platform for target in self.matrix.targets.values() for platform in target.platforms}
        for index, platform in enumerate(found):
            if platform not in known:
                raise BadInput(f"no target serves `{platform}`", where=self.at(*path, index), hint=closest(platform, known))
        return tuple(sorted(set(found)))

    def dependencies(self, found: list[str], *path: str | int, inside: Address | None = None) -> tuple[Dependency, ...]:
        """The conda specs that are no words."""
        specs = [(spec, self.at(*path, index)) for index, spec in enumerate(found)]
        return tuple(self.dependency(spec, at) for spec, at in specs if not self.heard.phrase(conda_phrase(spec), at, inside))

    def dependency(self, spec: str, at: Address) -> Dependency:
        match = re.fullmatch(SPEC, spec)
        name = match[1].lower() if match else spec
        if name == "python":
            hint = "envgen chooses its build for every target; write only the version there"
            raise BadInput("`python` belongs to python:", where=at, hint=hint)
        return Dependency(spec, name, at)

    def pip(self, found: list[str]) -> tuple[str, ...]:
        """The requirements that are no words."""
        return tuple(line for i, line in enumerate(found) if not self.heard.phrase(pip_phrase(line), self.at("pip", i)))

    def gpus(self, found: list[str], *path: str) -> tuple[Gpu, ...]:
        return tuple(self.heard.gpu(name, self.at(*path, index)) for index, name in enumerate(found))


def _flow(data: Mapping[str, Any]) -> str:
    """A mapping on one line."""
    values = (f"[{', '.join(value)}]" if isinstance(value, list) else f'"{value}"' for value in data.values())
    return f"{{{', '.join(f'{key}: {value}' for key, value in zip(data, values, strict=True))}}}"


def load(layout: Layout, matrix: Matrix, name: str, talk: Reporter | None = None) -> Project:
    """The project of that name, or BadInput that says which projects there are; `talk` is told how its words were read."""
    path = layout.known_project(name)
    project = load_project(path, layout.shown(path), matrix)
    if talk:
        for note in project.notes:
            talk.say(f"{note.at}: {note.text}")
    return project
