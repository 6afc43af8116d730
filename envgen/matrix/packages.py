"""Rows about packages to a Catalogue: those that the files hold, and those that the spellings of a framework imply. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from envgen.matrix.package_schema import PackageRow, PackagesFile
from envgen.matrix.schema import FrameworkFile
from envgen.model.catalogue import BuiltWith, Catalogue, KnownPackage, Numeric, Role, WheelMarks, fits
from envgen.model.facts import PUBLIC_INDEX, Framework


def catalogue(frameworks: Iterable[tuple[FrameworkFile, Framework]], packages: PackagesFile) -> Catalogue:
    """All packages: those of the frameworks, then CUDA's own."""
    found = tuple(frameworks)
    rows = [row for file, framework in found for row in _of_framework(file, framework)]
    rows += [_row(row, "", row.role or "cuda") for row in packages.packages]
    return Catalogue(
        packages=tuple(rows),
        frameworks={framework.name: framework.import_name for _, framework in found if not framework.companion_of},
        cuda_import=packages.import_name or "",
        indexes=_indexes(framework for _, framework in found),
        numerics=tuple(Numeric(row.name, tuple(row.conda), by_build=row.by_build) for row in packages.numerics),
        wheels=WheelMarks(
            cpu_versions=tuple(packages.wheels.cpu.versions),
            cuda_versions=tuple(packages.wheels.cuda.versions),
            cuda_names=tuple(packages.wheels.cuda.names),
            cpu_indexes=tuple(packages.wheels.cpu.indexes),
            cuda_indexes=tuple(packages.wheels.cuda.indexes),
            other_versions=tuple(packages.wheels.other.versions),
            other_indexes=tuple(packages.wheels.other.indexes),
            extras=tuple(packages.wheels.extras),
            cpu_labels=tuple(packages.wheels.cpu.labels),
            cuda_labels=tuple(packages.wheels.cuda.labels),
            cuda_properties=tuple(packages.wheels.variant_properties.cuda),
            gpu_properties=tuple(packages.wheels.variant_properties.gpu),
        ),
    )


def _indexes(frameworks: Iterable[Framework]) -> dict[str, frozenset[str]]:
    """The indexes of wheels that spellings name, each with the frameworks whose wheels, or those of whose companions, it has."""
    found: dict[str, frozenset[str]] = {}
    for framework in frameworks:
        spellings = (row for rows in framework.providers.values() for row in rows)
        for index in {row.index for row in spellings if row.index not in ("", PUBLIC_INDEX)}:
            glob = index.replace("{variant}", "*")
            found[glob] = found.get(glob, frozenset()) | {framework.companion_of or framework.name}
    return found


def _of_framework(file: FrameworkFile, framework: Framework) -> Iterator[KnownPackage]:
    """The rows of a framework's file, then one for each package that only its spellings name."""
    default: Role = "companion" if framework.companion_of else "framework"
    of = framework.companion_of or framework.name
    loose = _any_minor(framework)
    written = [replace(_row(row, of, row.role or default), any_minor=loose) for row in file.packages]
    spelled = dict(_spelled(framework))
    for row in written:
        own = [builds for name, builds in spelled.items() if _names(row, name)]
        yield _with_builds(row, *own)
    for name, (cpu, cuda) in spelled.items():
        if not any(_names(row, name) for row in written):
            cpu_too = any(row.cpu for rows in framework.providers.values() for row in rows if row.manager == "conda")
            yield KnownPackage(
                role=default,
                conda=(name,),
                framework=of,
                cpu_builds=cpu,
                cuda_builds=cuda,
                only="" if cpu_too else "cuda",
                any_minor=loose,
            )


def _any_minor(framework: Framework) -> bool:
    """Whether each CUDA build of a framework stands for several minors, so that the one in its build string says nothing."""
    builds = [row for release in framework.releases for row in release.builds if not framework.is_of_wheels(row.provider)]
    stated = [span for build in builds for span in build.stated if span != {None}]
    return bool(stated) and all(len(span) > 1 for span in stated)


def _names(row: KnownPackage, name: str) -> bool:
    return any(fits(name, glob) for glob in row.conda)


def _with_builds(row: KnownPackage, *more: tuple[tuple[str, ...], tuple[str, ...]]) -> KnownPackage:
    cpu = (*row.cpu_builds, *(glob for globs, _ in more for glob in globs))
    cuda = (*row.cuda_builds, *(glob for _, globs in more for glob in globs))
    return replace(row, cpu_builds=tuple(dict.fromkeys(cpu)), cuda_builds=tuple(dict.fromkeys(cuda)))


def _spelled(framework: Framework) -> Iterator[tuple[str, tuple[tuple[str, ...], tuple[str, ...]]]]:
    """Each package whose build the spellings of a framework tell apart, with the globs of its CPU and its CUDA builds.

    Where they tell none apart, it is the package of the framework's name, or the first that they ask for.
    """
    spellings = [spelling for rows in framework.providers.values() for spelling in rows if spelling.manager == "conda"]
    pairs = [(spelling.cpu, spelling.cuda) for spelling in spellings]
    cpu, cuda = _builds(spec for specs, _ in pairs for spec in specs), _builds(spec for _, specs in pairs for spec in specs)
    own = {_parts(spec)[0]: None for spelling in spellings for spec in (*spelling.cuda, *spelling.cpu)}
    if own and not any(name in own for name in (*cpu, *cuda)):
        cuda.setdefault(framework.name if framework.name in own else next(iter(own)), ())
    for name in dict.fromkeys((*cpu, *cuda)):
        yield name, (cpu.get(name, ()), cuda.get(name, ()))


def _builds(specs: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Package -> the globs of its build in specs that have one."""
    found: dict[str, tuple[str, ...]] = {}
    for spec in specs:
        name, build = _parts(spec)
        if build not in ("", "*") and build not in found.get(name, ()):
            found[name] = (*found.get(name, ()), build)
    return found


def _parts(spec: str) -> tuple[str, str]:
    """The package of a spec, and its build; "" where the spec has none."""
    words = spec.rpartition("::")[2].split()
    return (words[0] if words else ""), (words[2] if len(words) > 2 else "")


def _row(row: PackageRow, framework: str, role: Role) -> KnownPackage:
    mine = role == "cuda" and row.holds != "nothing"
    return KnownPackage(
        role=role,
        conda=tuple(row.conda),
        pip=tuple(row.pip),
        framework=framework,
        versions=row.versions,
        platforms=frozenset(row.platforms),
        build=row.build or "",
        cpu_builds=tuple(row.builds.cpu),
        cuda_builds=tuple(row.builds.cuda),
        only=row.only or ("cuda" if mine else ""),
        tells=row.tells,
        holds=row.holds,
        brings=_sonames(row.brings),
        names_cuda=row.names_cuda,
        overrules=frozenset(row.overrules),
        constrains_driver=row.constrains_driver,
        compiles=row.compiles or "",
        linked=row.linked,
        beside={manager: tuple(names) for manager, names in row.beside.items()},
        beside_tells=row.beside_tells,
        runtime=row.runtime or "",
        built_with=tuple(
            BuiltWith(since=made.since, cuda=made.cuda or "", cudnn=made.cudnn, inside=made.inside) for made in row.built_with
        ),
        same_version_as=row.same_version_as or "",
        forward=row.forward or "",
        exists=tuple(row.exists),
        only_in=frozenset(row.only_in),
        stub=row.stub,
        ask_for=row.ask_for or "",
        extras=dict(row.extras),
        also_on_cpu=row.also_on_cpu,
        usual_on_cpu=row.usual_on_cpu,
        same_files_as=tuple(row.same_files_as),
    )


def _sonames(brings: Mapping[str, str]) -> dict[str, str]:
    return {library: "" if soname == "version" else soname for library, soname in brings.items()}
