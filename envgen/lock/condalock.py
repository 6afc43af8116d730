"""conda-lock as a library: an environment file and records to the text of a lock. The only module that imports conda_lock.

conda-lock parses the environment file, hashes the input and defines the models and the format; only the conda solve is not its
own. A contract test compares the package list with that of the real `conda-lock` command, byte for byte.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from envgen.channels.channel import redacted, values_of
from envgen.channels.limits import limits
from envgen.channels.query import plain_spec
from envgen.channels.versions import NEWER
from envgen.channels.watch import TooLarge, Unreachable, waited
from envgen.lock.lock_text import LockTexts, dump
from envgen.lock.pip_pins import kept_pins
from envgen.model.errors import BadInput, NoSolution
from envgen.model.facts import Platform
from envgen.model.layout import LOCK, SPEC
from envgen.model.packages import Record, Solution
from envgen.model.resolution import RenderedFile
from envgen.model.run import Solved
from envgen.yamlfile.nodes import LOADER

if TYPE_CHECKING:
    from conda_lock.lockfile.v2prelim.models import LockedDependency
    from conda_lock.models.lock_spec import LockSpecification
    from conda_lock.virtual_package import FakeRepoData


@contextmanager
def _same_environment() -> Iterator[None]:
    """Restore the environment variables afterwards: importing conda_lock sets CONDA_ROOT, its helpers set CONDA_OVERRIDE_*."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)


def warm() -> None:
    """Import conda_lock, which takes about half a second because it includes Poetry."""
    with _same_environment():
        import conda_lock.content_hash
        import conda_lock.interfaces.vendored_conda
        import conda_lock.lockfile
        import conda_lock.src_parser
        import conda_lock.virtual_package  # noqa: F401


def lock_texts(name: str, item: Solved, files: Sequence[RenderedFile]) -> LockTexts:
    """The lock of a target, without its custom metadata. Raises NoSolution if the pip section has no solution.

    Raises BadInput if an environment variable in the URL of an index is not set.
    """
    for index in item.resolution.project.pip_repositories:
        values_of(index, f"index `{index}`")  # so that no message shows them
    warm()
    with _same_environment(), tempfile.TemporaryDirectory(prefix="envgen-") as scratch:
        folder = Path(scratch)
        (folder / SPEC).write_text(next(file.text for file in files if file.name == SPEC), encoding="utf-8")
        spec = _lock_spec(folder)
        repodata = _virtual_packages(folder, item.resolution.target.virtual)
        kept = _kept_pip_packages(item)
        packages = [package for row in item.solutions for package in _packages(name, spec, row, repodata, kept.get(row.platform))]
        return _texts(spec, repodata, packages)


def _lock_spec(folder: Path) -> LockSpecification:
    from conda_lock.src_parser import make_lock_spec

    logging.getLogger("conda_lock.src_parser.selectors").setLevel(logging.ERROR)  # it warns of each line for another platform
    # conda-lock downloads a name mapping if there is a pip section; an empty one prevents that
    mapping = folder / "mapping.json"
    mapping.write_text("{}", encoding="utf-8")
    try:
        return make_lock_spec(src_files=[folder / SPEC], mapping_url=mapping.as_uri())
    except (RuntimeError, ValueError) as error:
        raise BadInput(f"conda-lock cannot read the rendered {SPEC}: {error}", hint="see the project's dependencies") from None


def _virtual_packages(folder: Path, virtual: Mapping[Platform, Mapping[str, str]]) -> FakeRepoData:
    from conda_lock.virtual_package import FakeRepoData, VirtualPackage

    repodata = FakeRepoData(base_path=folder)
    for platform, promised in virtual.items():
        for name, value in sorted(promised.items()):
            version, _, build = value.partition(" ")
            repodata.add_package(VirtualPackage(name=name, version=version, build_string=build), subdirs=[platform])
    repodata.write()
    return repodata


def _packages(
    name: str, spec: LockSpecification, solution: Solution, repodata: FakeRepoData, kept: Sequence[LockedDependency] | None
) -> Iterable[LockedDependency]:
    """The packages of one platform, with the pip packages that are `kept`, or solved where there are none."""
    from conda_lock.lockfile import apply_categories

    asked = spec.dependencies[solution.platform]
    names = {record.name for record in solution.records}
    planned = {record.name: _locked(record, solution.platform, names) for record in solution.records}
    requested = {dependency.name: dependency for dependency in asked if dependency.manager == "conda"}
    apply_categories(requested=requested, planned=planned, mapping_url="")
    pip = {dependency.name: dependency for dependency in asked if dependency.manager == "pip"}
    if pip and kept is None:
        kept = _pip_packages(name, spec, solution.platform, planned, pip, repodata)
    return [*planned.values(), *(kept or ())]


def _locked(record: Record, platform: Platform, names: Collection[str]) -> LockedDependency:
    from conda_lock.lockfile.v1.models import HashModel
    from conda_lock.lockfile.v2prelim.models import LockedDependency

    return LockedDependency(
        name=record.name,
        version=record.version,
        manager="conda",
        platform=platform,
        dependencies=_dependencies(record.depends, names),
        url=record.url,
        hash=HashModel(md5=record.md5, sha256=record.sha256),
    )


def _dependencies(depends: Iterable[str], names: Collection[str]) -> dict[str, str]:
    """Package -> version range, as conda-lock writes it: ranges of the same package are merged.

    A conditional dependency on a package that is not among the `names` of the solution did not apply.
    """
    ranges: dict[str, list[str]] = {}
    for dependency in depends:
        spec, conditional = _known_spec(dependency)
        name = _match_spec(spec).name
        if not conditional or name in names:
            ranges.setdefault(name, []).append(spec)
    return {name: _version_range(tuple(specs)) for name, specs in ranges.items()}


@cache
def _known_spec(text: str) -> tuple[str, bool]:
    """A spec that conda-lock can read, and whether it is conditional."""
    return plain_spec(text) if NEWER.search(text) else (text, False)


@cache
def _match_spec(spec: str) -> Any:
    from conda_lock.interfaces.vendored_conda import MatchSpec

    return MatchSpec(spec)  # pyright: ignore[reportArgumentType]


@cache
def _version_range(specs: tuple[str, ...]) -> str:
    found = [_match_spec(spec) for spec in specs]
    merged = found[0] if len(found) == 1 else type(found[0]).merge(found)[0]
    return "" if merged.version is None else str(merged.version.spec_str)


def _kept_pip_packages(item: Solved) -> dict[Platform, list[LockedDependency]]:
    """The pip packages that stay as they are locked, by platform."""
    from conda_lock.lockfile.v2prelim.models import LockedDependency

    kept: dict[Platform, list[LockedDependency]] = {platform: [] for platform in kept_pins(item, LOCK)}
    rows = yaml.load(item.locked, LOADER)["package"] if kept else ()  # noqa: S506 - a safe one
    for row in rows:
        if row["manager"] == "pip" and row["platform"] in kept:
            fields = {key: value for key, value in row.items() if key not in ("category", "optional")}
            kept[row["platform"]].append(LockedDependency.model_validate({**fields, "categories": {row["category"]}}))
    return kept


def _pip_packages(
    name: str,
    spec: LockSpecification,
    platform: Platform,
    conda: Mapping[str, LockedDependency],
    pip: Mapping[str, Any],
    repodata: FakeRepoData,
) -> list[LockedDependency]:
    """The pip section, solved by conda-lock's vendored Poetry, which gets metadata from the package index."""
    from conda_lock.pypi_solver import solve_pypi

    mapping = repodata.base_path / "mapping.json"
    solve = partial(
        solve_pypi,
        pip_specs=dict(pip),
        use_latest=[],
        pip_locked={},
        conda_locked=dict(conda),
        python_version=conda["python"].version,
        platform=platform,
        platform_virtual_packages=dict(repodata.all_repodata[platform].get("packages", {})),
        pip_repositories=spec.pip_repositories,
        allow_pypi_requests=spec.allow_pypi_requests,
        mapping_url=mapping.as_uri(),
    )
    try:
        found = waited(solve, "the package index of `pip:`", limits())
    except (Unreachable, TooLarge) as error:
        raise NoSolution(f"pip section of {name}, {platform}: {error.what}", hint=error.hint) from None
    except Exception as error:  # Poetry's errors have no common base class
        what = f"pip section of {name}, {platform}: {type(error).__name__}: {redacted(str(error))}"
        raise NoSolution(what, hint="loosen the requirement, or take the package from a conda channel") from error
    return list(found.values())


def _texts(spec: LockSpecification, repodata: FakeRepoData, packages: list[LockedDependency]) -> LockTexts:
    """The file as conda-lock's models write it: everything before the packages as data, and the packages as text."""
    from conda_lock.content_hash import compute_content_hashes
    from conda_lock.lockfile.v2prelim.models import Lockfile, LockMeta

    meta = LockMeta(
        content_hash=compute_content_hashes(spec, repodata),
        channels=list(spec.channels),
        platforms=spec.platforms,
        sources=[SPEC],
    )
    lock = Lockfile(package=packages, metadata=meta)
    lock.alphasort_inplace()
    lock.filter_virtual_packages_inplace()
    data = lock.to_v1().dict_for_output()
    return data, dump({"package": data.pop("package")})
