"""Reads `matrices/*.yaml` into a Matrix. An error has the file, line and column of what is wrong.

`cuda.yaml`, `cudnn.yaml`, `gpus.yaml` and `targets.yaml` must exist; `packages.yaml`, `withdrawn.yaml`, `advice.yaml` and
`words.yaml` may.
Every other file is a framework.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import chain
from pathlib import Path

from packaging.version import Version

from envgen.matrix.advice import HOLE, read_advice, read_aliases, read_also_runs, read_without_cuda, relevant
from envgen.matrix.conditions import bounds, constraints, no_repeats
from envgen.matrix.fields import AXES
from envgen.matrix.files import PACKAGES, WITHDRAWN, default_text, matrix_texts
from envgen.matrix.framework import framework_of
from envgen.matrix.gpu_code import code_constraints, tegra
from envgen.matrix.hardware_rows import gpu_names_of, gpus_of
from envgen.matrix.hardware_schema import GpuFile
from envgen.matrix.package_schema import PackagesFile
from envgen.matrix.packages import catalogue
from envgen.matrix.schema import (
    KINDS,
    CudaFile,
    CudnnFile,
    FrameworkFile,
    TargetFile,
)
from envgen.matrix.withdrawn import withdrawals
from envgen.model.constraint import Bound, Condition, Constraint
from envgen.model.errors import BadInput, closest
from envgen.model.facts import Framework, Matrix, Spelling, Target, Variant, variant_text
from envgen.model.platforms import PLATFORMS
from envgen.model.target_names import target_name
from envgen.model.toolkit import Cudnn, Toolkit
from envgen.yamlfile.document import Document, parsed
from envgen.yamlfile.schema import checked

_FACT_FILES = ("cuda.yaml", "cudnn.yaml", "gpus.yaml", "targets.yaml")
_HOLES = ("version", "cuda", "major", "cu")  # of what a spelling requests
_FILES = 64  # that are remembered: one run may ask what each of many changes alone would do
_ADVICE, _WORDS = "advice.yaml", "words.yaml"  # optional: they decide nothing


def load_matrix(folder: Path, shown: str = "matrices") -> Matrix:
    """Read every matrix file. Raises BadInput with file:line:column."""
    return matrix_of_texts(matrix_texts(folder, shown), shown)


def matrix_of_texts(texts: Mapping[str, str], shown: str = "matrices") -> Matrix:
    """The facts in these texts, by file name. Raises BadInput with file:line:column."""
    return matrix_of({name: parsed(text, f"{shown}/{name}") for name, text in texts.items()}, shown)


def matrix_of(documents: Mapping[str, Document], shown: str = "matrices") -> Matrix:
    """The facts in these documents, by file name. Raises BadInput with file:line:column."""
    for name in _FACT_FILES:
        if name not in documents:
            raise BadInput("there is no such file", where=f"{shown}/{name}", hint="`envgen init` writes one")
    files = [(document, _file(document)) for name, document in documents.items() if name not in KINDS]
    cuda, cudnn, targets = (documents[name] for name in ("cuda.yaml", "cudnn.yaml", "targets.yaml"))
    cuda_file, cudnn_file, target_file = checked(cuda, CudaFile), checked(cudnn, CudnnFile), checked(targets, TargetFile)
    gpu_file = checked(documents["gpus.yaml"], GpuFile)
    known = frozenset(row.version for row in cuda_file.toolkits)
    found = [(file, *_facts(document, known)) for document, file in files]
    matrix = Matrix(
        frameworks={framework.name: framework for _, framework, _ in found if framework.releases},
        targets=dict(_targets(targets, target_file)),
        without_cuda=dict(read_without_cuda(targets, target_file)),
        also_runs=dict(read_also_runs(targets, target_file)),
        toolkits={toolkit.version: toolkit for toolkit in _toolkits(cuda, cuda_file)},
        cudnn=_cudnn(cudnn, cudnn_file),
        gpus={gpu.name.lower(): gpu for gpu in gpus_of(documents["gpus.yaml"], gpu_file.gpus)},
        gpu_names=gpu_names_of(gpu_file),
        constraints=(
            *chain.from_iterable(rows for _, _, rows in found),
            *constraints(cuda, cuda_file.constraints),
            *constraints(cudnn, cudnn_file.constraints),
            *constraints(targets, target_file.constraints),
        ),
        bounds=tuple(chain.from_iterable(bounds(document, file.bounds) for document, file in files)),
        aliases=dict(read_aliases(documents[_WORDS], {framework.name for _, framework, _ in found})) if _WORDS in documents else {},
        catalogue=catalogue(((file, framework) for file, framework, _ in found), _packages(_or_ours(documents, PACKAGES))),
        withdrawn=withdrawals(_or_ours(documents, WITHDRAWN)),
    )
    _check_references(matrix)
    of_code = chain.from_iterable(code_constraints(framework, tegra(matrix)) for framework in matrix.frameworks.values())
    advice = read_advice(documents[_ADVICE]) if _ADVICE in documents else iter(())
    return replace(matrix, constraints=(*matrix.constraints, *of_code), advice=tuple(relevant(matrix, advice)))


@lru_cache(_FILES)
def _file(document: Document) -> FrameworkFile:
    return checked(document, FrameworkFile)


@lru_cache(_FILES)
def _facts(document: Document, toolkits: frozenset[Version]) -> tuple[Framework, tuple[Constraint, ...]]:
    """The framework of a file, and its constraints; `toolkits` are every known CUDA."""
    file = _file(document)
    return framework_of(document, file, toolkits), tuple(constraints(document, file.constraints))


def _or_ours(documents: Mapping[str, Document], name: str) -> Document:
    """A file of the repository, or where it has none the one that comes with envgen."""
    return documents.get(name) or parsed(default_text(name), name)


def _packages(document: Document) -> PackagesFile:
    """The packages of a repository; one that was written before envgen knew `wheels:` or `extras:` gets what comes with it."""
    file = checked(document, PackagesFile)
    if "extras" in file.wheels.model_fields_set:
        return file
    ours = checked(parsed(default_text(PACKAGES), PACKAGES), PackagesFile).wheels
    wheels = file.wheels.model_copy(update={"extras": ours.extras}) if "wheels" in file.model_fields_set else ours
    return file.model_copy(update={"wheels": wheels})


def _toolkits(document: Document, file: CudaFile) -> Iterator[Toolkit]:
    """The driver floor of a toolkit is its family's where minor-version compatibility holds, else the driver it came with."""
    families = {row.major: row for row in file.families}
    no_repeats(((row.major, document.at("families", i)) for i, row in enumerate(file.families)), "major")
    no_repeats(((row.version, document.at("toolkits", i)) for i, row in enumerate(file.toolkits)), "version")
    for index, row in enumerate(file.toolkits):
        family = families.get(row.version.major)
        driver = _by_system(row.linux, row.windows)
        floor = {**driver, **(_by_system(family.linux, family.windows) if family else {})}
        because = family.because if family else file.because
        low, high = row.capabilities
        if low > high:
            where = document.at("toolkits", index, "capabilities")
            raise BadInput(f"no compute capability is from {low} to {high}", where=where, hint="write the first, then the last")
        excludes = tuple(family.excludes) if family else ()
        yield Toolkit(
            version=row.version,
            driver=driver,
            floor=floor,
            capabilities=(low, high),
            excludes=excludes,
            because=because,
            at=document.at("toolkits", index),
            source=file.because,
        )


def _by_system(linux: Version | None, windows: Version | None) -> dict[str, Version]:
    return {system: version for system, version in (("linux", linux), ("windows", windows)) if version}


def _cudnn(document: Document, file: CudnnFile) -> tuple[Cudnn, ...]:
    rows = [
        Cudnn(
            version=row.version,
            cuda_majors=frozenset(row.cuda),
            floor=row.capability,
            because=file.because,
            at=document.at("releases", index),
        )
        for index, row in enumerate(file.releases)
    ]
    no_repeats(((row.version, row.at) for row in rows), "version")
    return tuple(sorted(rows, key=lambda row: row.version, reverse=True))


def _targets(document: Document, file: TargetFile) -> Iterator[tuple[str, Target]]:
    for name, row in file.targets.items():
        at = document.at("targets", name)
        expected = target_name(row.cuda)
        if name != expected:
            raise BadInput(
                f"a target for {variant_text(row.cuda)} must be called `{expected}`", where=at, hint="rename it, or correct cuda:"
            )
        missing = [platform for platform in row.platforms if platform not in file.virtual_packages]
        if missing:
            raise BadInput(f"virtual-packages: has no entry for {', '.join(missing)}", where=at, hint="add one")
        virtual = {platform: _promise(file.virtual_packages[platform], row.cuda) for platform in row.platforms}
        yield name, Target(name=name, cuda=row.cuda, platforms=tuple(row.platforms), virtual=virtual, at=at)


def _promise(base: Mapping[str, str], cuda: Variant) -> Mapping[str, str]:
    return {**base, "__cuda": str(cuda)} if cuda else dict(base)


def _check_references(matrix: Matrix) -> None:
    """Check names in constraints, the toolkits of targets, and that a release has one spelling. Raises BadInput."""
    axes = {*AXES, *matrix.frameworks}
    for constraint in matrix.constraints:
        for condition in (*constraint.when, *constraint.need):
            _check_condition(matrix, constraint, condition, axes)
    for bound in matrix.bounds:
        _check_bound(matrix, bound, {*matrix.frameworks})
    for target in matrix.targets.values():
        if target.cuda and target.cuda not in matrix.toolkits:
            raise BadInput(f"CUDA {target.cuda} is not in cuda.yaml", where=target.at, hint="add the toolkit there")
    for framework in matrix.frameworks.values():
        _check_host(matrix, framework)
        for spellings in framework.providers.values():
            _check_spellings(framework, spellings)


def _check_host(matrix: Matrix, framework: Framework) -> None:
    """Check that a companion's framework is not a companion itself, and that its builds name that alone. Raises BadInput."""
    host, at = framework.companion_of, framework.releases[0].at
    hosts = {name for name, other in matrix.frameworks.items() if not other.companion_of}
    if host and host not in hosts:
        hint = closest(host, hosts)
        raise BadInput(f"companion-of: `{host}` is not a framework with releases, or a companion itself", where=at, hint=hint)
    for spelling in (spelling for rows in framework.providers.values() for spelling in rows):
        for name in spelling.built_against if host else ():
            known = matrix.frameworks[host].providers
            if name not in known and name not in framework.providers:
                raise BadInput(f"built-against: {host} has no provider `{name}`", where=spelling.at, hint=closest(name, known))
    for build in (build for release in framework.releases for build in release.builds):
        for name, _ in build.needs:
            if name != host:
                hint = f"write `companion-of: {name}`; anything else is a row of constraints:"
                raise BadInput(f"needs: {framework.name} is not a companion of `{name}`", where=build.at, hint=hint)


def _check_bound(matrix: Matrix, bound: Bound, names: set[str]) -> None:
    """Check that a bound is about frameworks and companions, and bounds other packages. Raises BadInput."""
    for condition in bound.when:
        _check_condition(matrix, bound, condition, {*AXES, *names})
    for name in bound.comes_with:
        if name not in names:
            what = f"comes-with: `{name}` is not the name of a framework or companion"
            raise BadInput(what, where=bound.at, hint=closest(name, names))
    for condition in bound.need:
        if condition.axis in names or condition.axis in AXES:
            what = f"envgen chooses `{condition.axis}` itself, so nothing can bound it"
            raise BadInput(what, where=bound.at, hint="write a row of constraints: instead")


def _check_spellings(framework: Framework, spellings: tuple[Spelling, ...]) -> None:
    for spelling in spellings:
        for texts, known in (((*spelling.cpu, *spelling.cuda, *spelling.if_installed), _HOLES), ((spelling.index,), ("variant",))):
            for hole in (hole for text in texts for hole in HOLE.findall(text) if hole not in known):
                listed = ", ".join(f"{{{name}}}" for name in known)
                raise BadInput(f"there is no hole {{{hole}}}", where=spelling.at, hint=f"here are {listed}")
    for release in framework.releases:
        fitting = [spelling for spelling in spellings if release.version in spelling.releases]
        if len(fitting) > 1:
            what = f"{framework.name} {release.version} has another spelling at {fitting[0].at}"
            raise BadInput(what, where=fitting[1].at, hint="make the ranges of `releases` exclude each other")


def _check_condition(matrix: Matrix, constraint: Constraint, condition: Condition, axes: set[str]) -> None:
    if condition.axis not in axes:
        raise BadInput(f"there is no axis `{condition.axis}`", where=constraint.at, hint=f"one of {', '.join(sorted(axes))}")
    known = {
        "platform": set(PLATFORMS),
        "target": set(matrix.targets),
        "provider": {name for framework in matrix.frameworks.values() for name in framework.providers},
    }.get(condition.axis, condition.names)
    for name in sorted(condition.names - known):
        raise BadInput(f"there is no {condition.axis} `{name}`", where=constraint.at, hint=closest(name, known))
