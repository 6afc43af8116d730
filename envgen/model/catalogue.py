"""What the matrices know about packages by name: what each one is, and what it says about CUDA. Pure.

`matrix` reads the Catalogue from `matrices/*.yaml`; `formats.builds` uses it to say which CUDA a package is for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase, translate
from functools import cached_property
from typing import Literal, Protocol, TypeVar, get_args

from packaging.specifiers import SpecifierSet
from packaging.version import Version

Manager = Literal["conda", "pip"]
MANAGERS: tuple[Manager, ...] = get_args(Manager)
Role = Literal["framework", "companion", "plugin", "selector", "cuda", "user"]
Holds = Literal["library", "tools", "headers", "metapackage", "nothing"]
Precision = Literal["minor", "major", "none"]
_SIGN = re.compile(r"[*?[]")  # of a glob


class Package(Protocol):
    """What a row is looked up by; a LockedPackage is one."""

    @property
    def manager(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def build(self) -> str: ...
    @property
    def platform(self) -> str: ...


Located = TypeVar("Located", bound=Package)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltWith:
    """What the versions of a package from `since` on were built with, up to the next newer row.

    `cuda` is the major whose libraries it loads, or, where they are `inside` the package, their version; "" where it says nothing.
    """

    since: Version
    cuda: str = ""
    cudnn: Version | None = None
    inside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPackage:
    """A row of `packages`. `conda` and `pip` are names, which may contain `*`.

    The row is about the `versions`, `platforms` and `build` that it names; without them, about all.
    """

    role: Role
    conda: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()
    framework: str = ""  # the framework that it is or belongs to; "" for CUDA's own
    versions: SpecifierSet | None = None
    platforms: frozenset[str] = frozenset()
    build: str = ""  # a glob
    cpu_builds: tuple[str, ...] = ()  # globs of build strings; {cu} stands for 126, {cuda} for 12.6
    cuda_builds: tuple[str, ...] = ()
    only: Literal["cpu", "cuda", ""] = ""  # the one variant that there is
    tells: Precision = "none"  # how much of the CUDA version its own version tells
    holds: Holds = "library"
    brings: Mapping[str, str] = field(default_factory=dict)  # shared library -> soname major; "" for that of the package's version
    names_cuda: bool = False  # whether it exists to say which CUDA the environment is for
    overrules: frozenset[str] = frozenset()  # packages that say nothing of the environment's CUDA beside it
    constrains_driver: bool = False  # whether its record constrains `__cuda` to its major
    compiles: str = ""  # what it compiles with at run time, as people call it: Triton
    linked: bool = False  # whether it is compiled against one build of its framework
    beside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # manager -> packages that make it a CUDA build
    beside_tells: Precision = "minor"  # how much of the CUDA of those packages is its own
    runtime: str = ""  # the CUDA runtime that it pins, whose version tells the minor that it was built for
    built_with: tuple[BuiltWith, ...] = ()  # newest first
    same_version_as: str = ""  # the package of its manager whose version it must have
    forward: str = ""  # the folder with which it gives a driver the CUDA of a newer one
    exists: tuple[SpecifierSet, ...] = ()  # every version that was ever published is in one of these; () where nobody says
    only_in: frozenset[str] = frozenset()  # the channels that have it, where no other does
    stub: bool = False  # whether it is empty and fails on purpose
    ask_for: str = ""  # what to request instead, to get a CUDA build
    extras: Mapping[str, SpecifierSet] = field(default_factory=dict)  # its extras for one kind of hardware, and who has them
    also_on_cpu: bool = False  # whether people use its CPU build beside CUDA on purpose
    usual_on_cpu: bool = False  # whether its CPU build is the usual one, even beside CUDA
    same_files_as: tuple[str, ...] = ()  # packages of its manager that install the same files
    any_minor: bool = False  # whether a CUDA build runs with every minor of the major that it was made with

    def names(self, manager: str) -> tuple[str, ...]:
        """Its names with one manager."""
        return self.conda if manager == "conda" else self.pip

    def is_about(self, package: Package) -> bool:
        """Whether its conditions hold of a package that it names."""
        return (
            (self.versions is None or _within(package.version, self.versions))
            and (not self.platforms or package.platform in self.platforms)
            and (not self.build or fnmatchcase(package.build, self.build))
        )

    def made_with(self, version: str) -> BuiltWith | None:
        """What a version was built with, None where no row says."""
        known = parsed(version)
        return next((row for row in self.built_with if known and known >= row.since), None)


@dataclass(frozen=True, slots=True)
class Numeric:
    """A library that decides which numbers come out: what projects call it, and its packages.

    The first package that is there counts. Of one with builds for several implementations the last word of the build string counts,
    else its version.
    """

    name: str
    conda: tuple[str, ...]
    by_build: bool = False

    def value(self, packages: Mapping[str, tuple[str, str]]) -> str:
        """Its version or implementation among some packages, each with version and build; "" where it is not there."""
        version, build = next((packages[name] for name in self.conda if name in packages), ("", ""))
        return build.rpartition("_")[2] if self.by_build else version


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelMarks:
    """What tells that a wheel is a CPU or a CUDA build: globs, in which {cu} stands for 126 or 12."""

    cpu_versions: tuple[str, ...] = ()
    cuda_versions: tuple[str, ...] = ()
    cuda_names: tuple[str, ...] = ()  # the first is how CUDA's own wheels are named: *-cu{cu}
    cpu_indexes: tuple[str, ...] = ()  # of frameworks alone: an index has other wheels, too
    cuda_indexes: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()  # words that extras and groups for one kind of hardware are named by
    other_versions: tuple[str, ...] = ()  # for other GPUs than NVIDIA's
    other_indexes: tuple[str, ...] = ()
    cpu_labels: tuple[str, ...] = ()  # of variant wheels
    cuda_labels: tuple[str, ...] = ()
    cuda_properties: tuple[str, ...] = ()  # those that a machine with CUDA {cuda} in its driver stands for
    gpu_properties: tuple[str, ...] = ()  # those that a GPU of capability {sm} stands for, 90 for 9.0


@dataclass(frozen=True, kw_only=True)  # without slots: cached properties need a place
class Catalogue:
    """Every package that the matrices name; of several rows that name one, the first that is about it counts.

    `frameworks` maps a framework to what Python imports for it, those without releases included; `cuda_import` is what it imports
    of CUDA's own wheels. `numerics` are libraries that decide which numbers come out, frameworks aside.
    """

    packages: tuple[KnownPackage, ...] = ()
    frameworks: Mapping[str, str] = field(default_factory=dict)
    cuda_import: str = ""
    numerics: tuple[Numeric, ...] = ()
    wheels: WheelMarks = WheelMarks()
    indexes: Mapping[str, frozenset[str]] = field(default_factory=dict)  # glob of the URLs of an index -> the frameworks on it

    def is_index_of_others(self, url: str, framework: str) -> bool:
        """Whether an index is one of other frameworks alone, as far as the matrices know it."""
        owners = [names for glob, names in self.indexes.items() if fnmatchcase(url, glob)]
        return bool(owners) and not any(framework in names for names in owners)

    def of(self, package: Package) -> KnownPackage | None:
        """The row about a package, None for one that the matrices do not name.

        Remembered for each build: every rule of `verify` asks about every package.
        """
        key = (package.manager, package.name, package.version, package.build, package.platform)
        if key not in self._rows:
            self._rows[key] = next((row for row in self.named(package.manager, package.name) if row.is_about(package)), None)
        return self._rows[key]

    def named(self, manager: str, name: str) -> tuple[KnownPackage, ...]:
        """The rows that name a package, whatever their conditions; a wheel also by its name without the CUDA at its end."""
        key = (manager, name)
        if key not in self._remembered:
            self._remembered[key] = self._find(manager, name)
        return self._remembered[key]

    @cached_property
    def worked_out(self) -> dict[object, object]:
        """What was worked out of entries of locks, by the entry: it follows from that and these facts alone."""
        return {}

    @cached_property
    def _rows(self) -> dict[tuple[str, str, str, str, str], KnownPackage | None]:
        return {}

    @cached_property
    def _remembered(self) -> dict[tuple[str, str], tuple[KnownPackage, ...]]:
        return {}

    def _find(self, manager: str, name: str) -> tuple[KnownPackage, ...]:
        names = set(self._spelled(manager, name))
        places = {place for each in names for place in self._plain.get((manager, each), ())}
        if any(self._any_glob[manager].match(each) for each in names):
            places |= {place for place, glob in self._globs[manager] if any(fits(each, glob) for each in names)}
        return tuple(self.packages[place] for place in sorted(places))

    @cached_property
    def _plain(self) -> Mapping[tuple[str, str], tuple[int, ...]]:
        """(manager, name) -> the places of the rows that hold the name, globs aside."""
        found: dict[tuple[str, str], tuple[int, ...]] = {}
        for place, row in enumerate(self.packages):
            for key in (*(("conda", name) for name in row.conda), *(("pip", name) for name in row.pip)):
                found[key] = (*found.get(key, ()), place)
        return found

    @cached_property
    def _globs(self) -> Mapping[str, tuple[tuple[int, str], ...]]:
        """Manager -> (place of a row, glob in it)."""
        return {
            manager: tuple(
                (place, name) for place, row in enumerate(self.packages) for name in row.names(manager) if _is_glob(name)
            )
            for manager in ("conda", "pip")
        }

    @cached_property
    def _any_glob(self) -> Mapping[str, re.Pattern[str]]:
        """Manager -> a pattern that fits what any of its globs fits: most names fit none."""
        return {
            manager: re.compile("|".join(translate(glob) for _, glob in globs) or "(?!)") for manager, globs in self._globs.items()
        }

    @cached_property
    def namers(self) -> tuple[str, ...]:
        """Packages that say which CUDA the whole environment is for, the most binding first: a framework's own, then CUDA's."""
        rows = [row for row in self.packages if row.names_cuda]
        names = (name for row in sorted(rows, key=lambda row: not row.framework) for name in (*row.conda, *row.pip))
        return tuple(dict.fromkeys(names))

    @cached_property
    def cuda_pins(self) -> tuple[str, ...]:
        """The conda packages that pin the CUDA of an environment, and its drivers, by their version."""
        return tuple(name for row in self.packages if row.names_cuda and row.constrains_driver for name in row.conda)

    @cached_property
    def imports(self) -> frozenset[str]:
        """What Python imports of frameworks and of CUDA's own wheels."""
        return frozenset(filter(None, (*self.frameworks.values(), self.cuda_import)))

    @cached_property
    def libraries(self) -> frozenset[str]:
        """CUDA's shared libraries, without prefix and suffix: `cublas`, `cudart`."""
        return frozenset(library for row in self.packages for library in row.brings)

    @cached_property
    def compilers(self) -> tuple[str, ...]:
        """What compiles at run time, as people call it, each once."""
        return tuple(dict.fromkeys(row.compiles for row in self.packages if row.compiles))

    def speaker(self, framework: str, packages: Iterable[Located]) -> Located | None:
        """The package that speaks for a framework: the first of these, in the order of the framework's rows and their names."""
        there = tuple(packages)
        names = [("conda", name) for row in self._rows_of(framework) for name in row.conda]
        names += [("pip", name) for row in self._rows_of(framework) for name in row.pip]
        named = (
            package
            for manager, name in names
            for package in there
            if package.manager == manager and self.is_one_of((name,), package)
        )
        return next(named, None)

    def _rows_of(self, framework: str) -> tuple[KnownPackage, ...]:
        """The rows of what is the framework itself."""
        return tuple(row for row in self.packages if row.framework == framework and row.role == "framework")

    def bringing(self, library: str, manager: str) -> tuple[str, ...]:
        """The names of the packages that bring a shared library, such as cudnn."""
        return tuple(dict.fromkeys(name for row in self.packages if library in row.brings for name in row.names(manager)))

    def is_one_of(self, names: Iterable[str], package: Package) -> bool:
        """Whether one of the names, which may hold `*`, is that of a package; a wheel also goes by its name without a CUDA."""
        return any(fnmatchcase(spelled, name) for spelled in self._spelled(package.manager, package.name) for name in names)

    def wheels_for(self, major: int, names: Iterable[str]) -> tuple[str, ...]:
        """What CUDA's own wheels with these names are called for one major: NAME-cu12."""
        written = next(iter(self.wheels.cuda_names), "*").replace("{cu}", str(major))
        return tuple(written.replace("*", name) for name in names)

    def _spelled(self, manager: str, name: str) -> tuple[str, ...]:
        """A name, and that of a wheel without the CUDA at its end."""
        return (name, self._of_a_cuda.sub(r"\1", name)) if manager == "pip" else (name,)

    @cached_property
    def _of_a_cuda(self) -> re.Pattern[str]:
        """The name of one of CUDA's own wheels; its group is the name without the CUDA."""
        written = re.escape(next(iter(self.wheels.cuda_names), "*"))
        return re.compile(f"^{written.replace(re.escape('*'), '(.*)').replace(re.escape('{cu}'), '[0-9]+')}$")


def parsed(version: str) -> Version | None:
    """A version by PEP 440, or None if it does not follow it."""
    try:
        return Version(version)
    except ValueError:  # InvalidVersion, or a number of more digits than Python reads
        return None


def _within(version: str, versions: SpecifierSet) -> bool:
    known = parsed(version)
    return known is not None and versions.contains(known, prereleases=True)


def _is_glob(name: str) -> bool:
    return _SIGN.search(name) is not None


def fits(name: str, glob: str) -> bool:
    """Whether a name fits a glob. Most begin otherwise, which is seen before a pattern is compiled."""
    return name.startswith(_SIGN.split(glob, 1)[0]) and fnmatchcase(name, glob)
