"""What changes in one cell: each as a CellChange, in the words of the report. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote

from packaging.utils import canonicalize_name

from envgen.channels.channel import redacted
from envgen.channels.versions import admits
from envgen.diff.cells import ComparedCell
from envgen.diff.model import ChangeKind
from envgen.formats.builds import cuda_of, cudnn_of, framework_cuda, framework_of, is_cpu_build, needs_cuda
from envgen.model.catalogue import parsed
from envgen.model.facts import driver_text
from envgen.model.packages import LockedPackage
from envgen.verify.registry import Case

_PYTHON = "python"
ENVIRONMENT = "environment"  # the name of what changes, where it is the environment as a whole


class CellChange(NamedTuple):
    """A change of one cell. What is the same in several cells becomes one LockChange."""

    kind: ChangeKind
    name: str
    old: str
    new: str
    detail: str = ""


Key = tuple[str, str]  # manager, name


def rows_of(before_cell: ComparedCell, after_cell: ComparedCell) -> Iterator[CellChange]:
    """Everything that changes from one lock of a cell to another."""
    before, after = differing_packages(before_cell, after_cell)
    if not (before or after):
        return
    old, new, differing = before_cell.case, after_cell.case, before.keys() | after.keys()
    yield from _environment(old, new)
    frameworks = list(_frameworks(old, new))
    yield from frameworks
    moved = _moved_managers(before, after, differing)
    yield from dict.fromkeys(moved.values())
    for key in sorted(differing - moved.keys()):
        for row in _of_package(old, new, before.get(key), after.get(key)):
            if not _is_told(row, _framework(old, new, before.get(key), after.get(key)), frameworks):
                yield row


def differing_packages(old: ComparedCell, new: ComparedCell) -> tuple[dict[Key, LockedPackage], dict[Key, LockedPackage]]:
    """The packages that are not the same on both sides, of each side."""
    both = {id(package) for package in old.packages} & {id(package) for package in new.packages}
    before, after = (
        {(package.manager, package.name): package for package in cell.packages if id(package) not in both} for cell in (old, new)
    )
    same = {key for key in before.keys() & after.keys() if _is_same(before[key], after[key])}
    return tuple({key: package for key, package in side.items() if key not in same} for side in (before, after))  # type: ignore[return-value]


def _is_same(old: LockedPackage, new: LockedPackage) -> bool:
    return (old.url, old.version, old.build, old.sha256, old.md5) == (new.url, new.version, new.build, new.sha256, new.md5)


# --- the environment ------------------------------------------------------------------------------------------------------

_VARIANTS = {"cpu": "CPU", "cuda": "CUDA", "mixed": "CPU beside CUDA"}


def _environment(old: Case, new: Case) -> Iterator[CellChange]:
    """What the whole environment is for, its CUDA, the oldest driver that runs it, its cuDNN."""
    kinds = old.claim.kind, new.claim.kind
    if kinds[0] != kinds[1] and set(kinds) <= _VARIANTS.keys():
        yield CellChange("flip", ENVIRONMENT, _variant_text(old), _variant_text(new))
    elif kinds[0] == kinds[1] and old.claim.cuda != new.claim.cuda:
        yield CellChange("cuda", ENVIRONMENT, old.told, new.told)
    floors = _floor(old), _floor(new)
    if floors[0] != floors[1]:
        yield CellChange("driver", "driver floor", *floors)
    libraries = _cudnn(old), _cudnn(new)
    if libraries[0] != libraries[1]:
        yield CellChange("cudnn", "cuDNN", *libraries)


def _variant_text(case: Case) -> str:
    return case.told if case.claim.kind == "cuda" else _VARIANTS[case.claim.kind]


def _floor(case: Case) -> str:
    floor, _ = case.driver_floors
    return driver_text(floor) if floor else ""


def _cudnn(case: Case) -> str:
    found = {str(version) for package in case.packages if (version := cudnn_of(case.catalogue, package))}
    return ", ".join(sorted(found))


# --- frameworks -----------------------------------------------------------------------------------------------------------


def _frameworks(old: Case, new: Case) -> Iterator[CellChange]:
    """Each framework by the package that speaks for it."""
    names = {name for case in (old, new) for _, name, _ in case.frameworks}
    for name in sorted(names):
        before, after = (case.catalogue.speaker(name, case.packages) for case in (old, new))
        if before and after:
            yield from _framework_moves(old, new, name, (before, after))
        elif before:
            yield CellChange("framework", name, _told(old, before), "")
        elif after:
            yield CellChange("framework", name, "", _told(new, after))


def _framework_moves(old: Case, new: Case, name: str, packages: tuple[LockedPackage, LockedPackage]) -> Iterator[CellChange]:
    before, after = packages
    if (before.manager, before.name) != (after.manager, after.name):
        yield CellChange("framework", name, f"{before.manager}'s {before.name}", f"{after.manager}'s {after.name}")
    variants = variant_of(old, before), variant_of(new, after)
    versions = _versions(before, after)
    if _is_flip(*variants):
        yield CellChange("flip", name, _named(variants[0]), _named(variants[1]), versions)
        return
    if variants[0] != variants[1] and (variants != (old.told, new.told) or old.claim.cuda == new.claim.cuda):
        yield CellChange("cuda", name, _named(variants[0]), _named(variants[1]), versions)
    if before.version != after.version:
        yield CellChange("framework", name, _pinned(before), _pinned(after), _direction(before.version, after.version))


def _versions(before: LockedPackage, after: LockedPackage) -> str:
    """Both versions of a package, or the one that they share."""
    return before.version if before.version == after.version else f"{_pinned(before)} -> {_pinned(after)}"


def _pinned(package: LockedPackage) -> str:
    """The version of a package, which an environment file need not tell."""
    return package.version or "not pinned"


def _told(case: Case, package: LockedPackage) -> str:
    variant = variant_of(case, package)
    return f"{package.version} {variant}".strip() if variant not in package.version else package.version


def variant_of(case: Case, package: LockedPackage) -> str:
    """`CUDA 12.6`, `CUDA` or `CPU`; "" for a package that does not say."""
    catalogue = case.catalogue
    is_framework = framework_of(catalogue, package)
    cuda = framework_cuda(catalogue, package, case.beside) if is_framework else cuda_of(catalogue, package)
    if cuda is not None:
        return f"CUDA {cuda}".rstrip()
    return "CPU" if is_cpu_build(catalogue, package) else ""


def _is_flip(old: str, new: str) -> bool:
    return old.startswith("CUDA") != new.startswith("CUDA")


def _named(variant: str) -> str:
    return variant or "no CUDA named"


def _framework(old: Case, new: Case, before: LockedPackage | None, after: LockedPackage | None) -> str:
    """The framework that a package is; "" for any other."""
    found = (before and framework_of(old.catalogue, before)) or (after and framework_of(new.catalogue, after))
    return found or ""


def _is_told(row: CellChange, framework: str, frameworks: list[CellChange]) -> bool:
    """Whether a change of a package is that of its framework, which is reported already."""
    if not framework:
        return False
    mine = [told for told in frameworks if told.name == framework]
    if row.kind in ("added", "removed"):
        return any(all(one in side.split() for one, side in ((row.old, told.old), (row.new, told.new)) if one) for told in mine)
    moved = f"{row.old} -> {row.new}"
    return any(moved in (told.detail, f"{told.old} -> {told.new}") for told in mine) or (row.kind == "rebuild" and bool(mine))


# --- one package ----------------------------------------------------------------------------------------------------------


def _of_package(old: Case, new: Case, before: LockedPackage | None, after: LockedPackage | None) -> Iterator[CellChange]:
    """What is not as it was, the most important first; at most one row about the version."""
    if before is None or after is None:
        if after:
            yield CellChange("added", after.name, "", after.version, variant_of(new, after))
        elif before:
            yield CellChange("removed", before.name, before.version, "", variant_of(old, before))
        return
    if old.lock.hashed and new.lock.hashed:
        yield from _other_source(before, after)
    variants = variant_of(old, before), variant_of(new, after)
    if _is_flip(*variants) and not needs_cuda(old.catalogue, before):
        yield CellChange("flip", after.name, _named(variants[0]), _named(variants[1]), _versions(before, after))
    elif before.version != after.version:
        yield _other_version(new, before, after)
    elif _file(before) != _file(after):
        yield CellChange("rebuild", after.name, after.version, after.version)


def _other_version(case: Case, before: LockedPackage, after: LockedPackage) -> CellChange:
    if after.manager == "conda" and after.name == _PYTHON and _minor(before.version) != _minor(after.version):
        return CellChange("python", _PYTHON, _pinned(before), _pinned(after), _direction(before.version, after.version))
    direction, known = _direction(before.version, after.version), case.catalogue.of(after)
    if known and known.role == "companion":
        return CellChange("framework", after.name, _pinned(before), _pinned(after), direction)
    kind: ChangeKind = "downgrade" if direction else "upgrade"
    return CellChange(kind, after.name, _pinned(before), _pinned(after))


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def _direction(old: str, new: str) -> str:
    """`downgrade` where a version is older than before, else ""."""
    ours = parsed(old), parsed(new)
    if ours[0] and ours[1]:
        return "downgrade" if ours[1] < ours[0] else ""
    return "downgrade" if admits(f"<{old}", new) else ""


def _other_source(before: LockedPackage, after: LockedPackage) -> Iterator[CellChange]:
    """Another content of the same file, a hash that is gone, another channel or host."""
    same_content = _same_hash(before, after)
    sources = source_of(before), source_of(after)
    if _file(before) == _file(after) and before.version == after.version and same_content is False:
        yield CellChange(
            "hash", after.name, _digest(before), _digest(after), f"{after.version}: the same file with another content"
        )
    elif _digest(before) and not _digest(after):
        yield CellChange("hash", after.name, _digest(before), "", f"{after.version}: no hash any more")
    if sources[0] != sources[1] and all(sources):
        kind: ChangeKind = "address" if same_content else "source"
        yield CellChange(kind, after.name, *sources, _versions(before, after))
    elif before.url != after.url and same_content:
        yield CellChange("address", after.name, *sources, after.version)


def _same_hash(before: LockedPackage, after: LockedPackage) -> bool | None:
    """Whether two packages have the same content; None where no hash is on both sides."""
    both = [(a, b) for a, b in ((before.sha256, after.sha256), (before.md5, after.md5)) if a and b]
    return all(a == b for a, b in both) if both else None


def _digest(package: LockedPackage) -> str:
    """The beginning of a package's hash, "" for none."""
    if package.sha256:
        return f"sha256:{package.sha256[:12]}"
    return f"md5:{package.md5[:12]}" if package.md5 else ""


def _file(package: LockedPackage) -> tuple[str, str]:
    """What identifies the file of a package: its build, or its name without the kind of archive."""
    file = unquote(package.url.partition("#")[0].rsplit("/", 1)[-1])
    return package.build, file.removesuffix(".conda").removesuffix(".tar.bz2") if package.manager == "pip" else ""


def source_of(package: LockedPackage) -> str:
    """Where a package comes from: its channel, the host of a wheel; "" where its URL does not say. Without credentials."""
    url = package.url.partition("#")[0]
    if package.manager == "conda":
        channel = url.rsplit("/", 2)[0] if url.count("/") > 3 else ""
        return redacted(channel).removeprefix("https://conda.anaconda.org/")
    return redacted(url).partition("://")[2].partition("/")[0]


def _moved_managers(
    before: dict[Key, LockedPackage], after: dict[Key, LockedPackage], differing: set[Key]
) -> dict[Key, CellChange]:
    """Packages that conda had and now pip has, or the reverse: both keys of each, and one row for the two."""
    gone = {canonicalize_name(name): (manager, name) for manager, name in sorted(differing) if (manager, name) not in after}
    found: dict[Key, CellChange] = {}
    for key in sorted(differing - before.keys()):
        was = gone.get(canonicalize_name(key[1]))
        if was and was[0] != key[0]:
            found[was] = found[key] = CellChange("source", key[1], was[0], key[0], _versions(before[was], after[key]))
    return found
