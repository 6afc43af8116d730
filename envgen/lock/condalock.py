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
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envgen.channels.query import plain_spec
from envgen.channels.versions import NEWER
from envgen.lock.lock_text import LockTexts, dump, wheel_needs
from envgen.model.errors import BadInput
from envgen.model.facts import Platform
from envgen.model.layout import SPEC
from envgen.model.packages import LockedPackage, Record, Solution
from envgen.model.resolution import RenderedFile
from envgen.model.run import Solved

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


def lock_texts(item: Solved, files: Sequence[RenderedFile]) -> LockTexts:
    """The lock of a target, without its custom metadata."""
    warm()
    with _same_environment(), tempfile.TemporaryDirectory(prefix="envgen-") as scratch:
        folder = Path(scratch)
        (folder / SPEC).write_text(next(file.text for file in files if file.name == SPEC), encoding="utf-8")
        spec = _lock_spec(folder)
        repodata = _virtual_packages(folder, item.resolution.target.virtual)
        packages = [package for row in item.solutions for package in _packages(spec, row)]
        packages += [_locked_wheel(package) for wheels in item.wheels.values() for package in wheels]
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


def _packages(spec: LockSpecification, solution: Solution) -> Iterable[LockedDependency]:
    """The conda packages of one platform."""
    from conda_lock.lockfile import apply_categories

    names = {record.name for record in solution.records}
    planned = {record.name: _locked(record, solution.platform, names) for record in solution.records}
    requested = {row.name: row for row in spec.dependencies[solution.platform] if row.manager == "conda"}
    apply_categories(requested=requested, planned=planned, mapping_url="")
    return planned.values()


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


def _locked_wheel(package: LockedPackage) -> LockedDependency:
    from conda_lock.lockfile.v1.models import HashModel
    from conda_lock.lockfile.v2prelim.models import LockedDependency

    return LockedDependency(
        name=package.name,
        version=package.version,
        manager="pip",
        platform=package.platform,
        dependencies=wheel_needs(package),
        url=package.url,
        hash=HashModel(sha256=package.sha256),
        categories={"main"},
    )


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
