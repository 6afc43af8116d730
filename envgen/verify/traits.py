"""What rules ask of one package, whatever is beside it: worked out once for all locks that have its entry. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache

from envgen.channels.versions import admits
from envgen.formats.builds import cuda_of, is_cpu_build
from envgen.model.catalogue import Catalogue, KnownPackage
from envgen.model.packages import LockedPackage
from envgen.verify.entries import is_ordinary, needs_driver, virtual_needs

_NAME = re.compile(r"(?:\S+::)?([A-Za-z0-9_.-]+)\s*(.*)", re.DOTALL)  # channel::name, with or without a blank before the range
_REMEMBERED = 20_000  # entries: those of the locks of a repository are the same again and again


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Traits:
    """What one entry says, by itself and by the matrices. Two are the same only where they are of the same entry."""

    version: str
    build: str
    ordinary: bool  # whether no rule about an entry alone has anything to say of it
    known: KnownPackage | None  # what the matrices say of it
    cuda: str | None  # the CUDA that it has to do with, as `cuda_of` tells it
    cpu: bool  # whether it is a CPU build
    driver: bool  # whether it needs `__cuda`
    virtual: tuple[tuple[str, str], ...]  # the virtual packages that it needs, each with its range
    base: str  # the channel in its URL
    needs: frozenset[str]  # the names of the conda packages that it needs
    ranges: Mapping[str, str]  # the specs of these that say more than a name -> that name
    telling: bool  # whether a rule may have something to say of it, whatever else is there
    _met: dict[str, bool] = field(default_factory=dict)

    def meets(self, need: str) -> bool:
        """Whether the package is one that a conda spec with its name admits."""
        if need not in self._met:
            self._met[need] = _fits(named(need)[1], self.version, self.build)
        return self._met[need]


def traits_of(catalogue: Catalogue, package: LockedPackage) -> Traits:
    """The traits of a package. One whose index or variants count, which its entry does not hold, shares them with no other."""
    if package.index or package.variants:
        return _made(catalogue, package)
    known, content = catalogue.worked_out, package.content
    found = known.get(content)
    if not isinstance(found, Traits):
        if len(known) >= _REMEMBERED:
            known.clear()
        found = known[content] = _made(catalogue, package)
    return found


def _made(catalogue: Catalogue, package: LockedPackage) -> Traits:
    conda, known, cuda = package.manager == "conda", catalogue.of(package), cuda_of(catalogue, package)
    ordinary, cpu = is_ordinary(package.content), is_cpu_build(catalogue, package)
    driver, virtual = needs_driver(package.depends), virtual_needs(package.depends)
    names = frozenset(name for need in package.depends if (name := named(need)[0]) and not name.startswith("__"))
    return Traits(
        version=package.version,
        build=package.build,
        ordinary=ordinary,
        known=known,
        cuda=cuda,
        cpu=cpu,
        driver=driver,
        virtual=virtual,
        base=package.url.rsplit("/", 2)[0],
        needs=names if conda else frozenset(),
        ranges={need: row[0] for need in package.depends if conda and (row := named(need))[1]},
        telling=not ordinary or cpu or driver or cuda is not None or known is not None or bool(virtual),
    )


@lru_cache(100_000)
def named(need: str) -> tuple[str, str]:
    """The name in a conda spec, and the rest; ("", "") for one in brackets or with a condition, which solvers alone judge."""
    found = _NAME.fullmatch(need.strip())
    return (found[1].lower(), found[2]) if found and not set("[;") & set(need) else ("", "")


def _fits(wanted: str, version: str, build: str) -> bool:
    """Whether the range of a spec, and its glob of builds if it has one, admit a build."""
    words = wanted.split()
    return not words or (admits(words[0], version) is not False and (len(words) < 2 or fnmatchcase(build, words[1])))
