"""What a rule is, and what it looks at: one platform of a lock, what that is meant to be, and the facts.

A rule is a generator over a Case, a few lines long: it yields the package that is wrong (None: the whole platform) and what is
wrong with it. `@rule` puts it into REGISTRY; `docs/verify.md` has a section for every rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from packaging.version import Version

from envgen.formats.builds import Surroundings, cudnn_of, frameworks_of, has_plugin, requirement_name
from envgen.matrix.hardware import driver_os
from envgen.model.catalogue import Catalogue, KnownPackage, parsed
from envgen.model.facts import Matrix, Platform
from envgen.model.findings import Claim
from envgen.model.gpu import Gpu
from envgen.model.packages import Lock, LockedPackage
from envgen.model.rules import Registry
from envgen.model.toolkit import Toolkit
from envgen.verify.brought import needed_by, of_cpu_builds
from envgen.verify.traits import Traits, traits_of

_LONGEST_WAY = 20  # names; those of real packages have about ten


@dataclass(frozen=True, kw_only=True)
class Case:
    """One platform of a lock. Not slotted: what several rules ask is worked out once."""

    lock: Lock
    platform: Platform
    claim: Claim
    matrix: Matrix
    packages: tuple[LockedPackage, ...]
    elsewhere: Callable[[], Mapping[str, Platform]] = dict  # framework -> a platform of the lock with a CUDA build of it

    @property
    def catalogue(self) -> Catalogue:
        """What the matrices know of packages by their names."""
        return self.matrix.catalogue

    @cached_property
    def by_name(self) -> Mapping[tuple[str, str], LockedPackage]:
        """(manager, name) -> package."""
        return {(package.manager, package.name): package for package in self.packages}

    @cached_property
    def conda_by_name(self) -> Mapping[str, LockedPackage]:
        """Name -> conda package."""
        return {package.name: package for package in self.packages if package.manager == "conda"}

    @cached_property
    def traits(self) -> tuple[Traits, ...]:
        """What rules ask of each package by itself."""
        return tuple([traits_of(self.catalogue, package) for package in self.packages])

    @cached_property
    def telling(self) -> tuple[tuple[LockedPackage, Traits], ...]:
        """The packages that a rule may have something to say of, whatever else is there; of most no rule has."""
        return tuple([row for row in zip(self.packages, self.traits, strict=True) if row[1].telling])

    @cached_property
    def conda_traits(self) -> Mapping[str, Traits]:
        """Name -> what rules ask of the conda package by itself."""
        rows = zip(self.packages, self.traits, strict=True)
        return {package.name: traits for package, traits in rows if package.manager == "conda"}

    @cached_property
    def wheels(self) -> tuple[LockedPackage, ...]:
        """The packages of pip."""
        return tuple([package for package in self.packages if package.manager == "pip"])

    @cached_property
    def odd(self) -> tuple[LockedPackage, ...]:
        """The packages that a rule about an entry alone may have something to say of; most entries are as any tool writes them."""
        return tuple(package for package, traits in self.telling if not traits.ordinary)

    @cached_property
    def known(self) -> tuple[tuple[LockedPackage, KnownPackage], ...]:
        """Every package that the matrices know, and what they say of it."""
        return tuple((package, traits.known) for package, traits in self.telling if traits.known)

    @cached_property
    def cudas(self) -> tuple[tuple[LockedPackage, str], ...]:
        """Every package that has to do with CUDA, and with which CUDA."""
        return tuple((package, traits.cuda) for package, traits in self.telling if traits.cuda is not None)

    @cached_property
    def cudnns(self) -> tuple[tuple[LockedPackage, Version], ...]:
        """Every package that brings cuDNN, and its version."""
        return tuple((package, version) for package, _ in self.known if (version := cudnn_of(self.catalogue, package)))

    @cached_property
    def _frameworks(self) -> tuple[tuple[tuple[LockedPackage, str, str | None], ...], frozenset[int]]:
        known = [package for package, _ in self.known]
        return frameworks_of(self.catalogue, known, self.beside, complete=self.lock.complete)

    @property
    def frameworks(self) -> tuple[tuple[LockedPackage, str, str | None], ...]:
        """Every framework package, its framework, and the CUDA that it was built for; None for a CPU build, or an unmarked one."""
        return self._frameworks[0]

    @cached_property
    def cpu_builds(self) -> tuple[tuple[LockedPackage, str], ...]:
        """Every framework package that is a CPU build, and its framework."""
        found, unmarked = self._frameworks
        return tuple((package, name) for package, name, cuda in found if cuda is None and id(package) not in unmarked)

    @cached_property
    def brought(self) -> frozenset[int]:
        """The ids of the parts of CUDA that CPU builds alone bring: they say nothing of what the environment is for."""
        return of_cpu_builds(self.catalogue, self.packages)

    @cached_property
    def beside(self) -> Surroundings:
        """Its packages, as what is beside one of them."""
        return Surroundings(self.catalogue, self.packages)

    @cached_property
    def unmarked(self) -> tuple[tuple[LockedPackage, str], ...]:
        """Every framework package of which nothing tells whether it is a CPU or a CUDA build, and its framework."""
        found, unmarked = self._frameworks
        return tuple((package, name) for package, name, _ in found if id(package) in unmarked)

    @cached_property
    def _above(self) -> Mapping[str, str]:
        """Package -> the one above it on the shortest way from a package that nothing depends on, which has "" above it."""
        needs: dict[str, list[str]] = {}
        for package in self.packages:
            needs.setdefault(package.name, []).extend(map(requirement_name, package.depends))
        needed = {need for wanted in needs.values() for need in wanted}
        above = {name: "" for name in needs if name not in needed}
        queue = list(above)
        for name in queue:  # grows while it is walked: breadth first
            new = dict.fromkeys((need for need in needs.get(name, ()) if need not in above), name)
            above |= new
            queue.extend(new)
        return above

    def way(self, package: LockedPackage) -> tuple[str, ...]:
        """The shortest way from a package that nothing depends on down to this one; () when nothing depends on it.

        Of a way without end only the part next to the package.
        """
        names = [package.name]
        while len(names) < _LONGEST_WAY and (above := self._above.get(names[-1])):
            names.append(above)
        return tuple(reversed(names)) if len(names) > 1 else ()

    def is_sibling(self, package: LockedPackage, framework: str) -> bool:
        """Whether a package may be a CPU build beside CUDA: no project requests it with CUDA, and people use it on purpose.

        Where nobody says what the lock is meant to be, also one whose name asks for the CPU, and one that nobody asked for: another
        package brings it beside a framework that has its CUDA build. And one whose CUDA is a plugin, beside wheels of CUDA that
        nothing needs: the plugin would need them.
        """
        known = self.catalogue.of(package)
        if framework in self.claim.frameworks or (known is not None and known.also_on_cpu):
            return framework not in self.claim.frameworks
        told = "-cpu" in package.name or self._is_brought(package) or self._is_beside_leftovers(package)
        return not self.claim.stated and told

    def _is_beside_leftovers(self, package: LockedPackage) -> bool:
        """Whether a wheel's CUDA is a plugin, and all that there is of CUDA are wheels that nothing needs but one another."""
        of_plugin = package.manager == "pip" and has_plugin(self.catalogue, package)
        if not of_plugin or not self.lock.linked or any(cuda is not None for _, _, cuda in self.frameworks):
            return False
        parts = [row for row, known in self.known if known.role == "cuda"]
        needing, own = needed_by(self.packages), {id(row) for row in parts}
        above = (other for row in parts for other in needing.get((row.manager, row.name), ()))
        return all(row.manager == "pip" for row in parts) and all(id(other) in own for other in above)

    def _is_brought(self, package: LockedPackage) -> bool:
        """Whether a package that the matrices do not know brings it, and another framework has its CUDA build.

        Only of a wheel whose CUDA is a plugin: of others the tool that brings them may want the CUDA build.
        """
        of_plugin = package.manager == "pip" and has_plugin(self.catalogue, package)
        if not of_plugin or not self.lock.linked or not any(cuda is not None for _, _, cuda in self.frameworks):
            return False
        way = self.way(package)
        first = next((other for name in way[:1] for other in self.packages if other.name == name), None)
        return first is not None and first.name not in self.matrix.frameworks and self.catalogue.of(first) is None

    @property
    def driver_cuda(self) -> Version | None:
        """The newest CUDA that the promised driver runs, where it promises one."""
        return parsed((self.claim.virtual or {}).get("__cuda", "").split(" ")[0])

    @cached_property
    def namers(self) -> Mapping[str, LockedPackage]:
        """The conda packages that name the environment's CUDA, by name, the most binding first; none that another overrules."""
        overruled = self.overruled
        found = ((name, self.conda(name)) for name in self.catalogue.namers if name not in overruled)
        return {name: package for name, package in found if package}

    @cached_property
    def overruled(self) -> frozenset[str]:
        """Conda packages that say nothing of the environment's CUDA, because of another that is here."""
        return frozenset(name for package, known in self.known if package.manager == "conda" for name in known.overrules)

    def brings(self, package: LockedPackage) -> Mapping[str, str]:
        """The shared libraries of CUDA that a package brings, and the major of their soname; "" for that of its version."""
        known = self.catalogue.of(package)
        return known.brings if known else {}

    def conda(self, name: str) -> LockedPackage | None:
        """The conda package of that name."""
        return self.conda_by_name.get(name)

    @property
    def toolkit(self) -> Toolkit | None:
        """The facts of the environment's CUDA; None where the matrices have none."""
        return toolkit_of(self.matrix, self.claim.cuda)

    @cached_property
    def driver_floors(self) -> tuple[Version | None, Version | None]:
        """The oldest driver that runs it, and the oldest on which its run-time compilation works; None: not known.

        The first follows from minor-version compatibility; the second is None where nothing compiles at run time. Both are those of
        the newest of the environment's CUDA and those that its frameworks were built for.
        """
        if self.toolkit is None:
            return None, None
        built = {cuda for _, _, cuda in self.frameworks if cuda}
        toolkits = [self.toolkit, *(found for cuda in sorted(built) if (found := oldest_toolkit(self.matrix, Version(cuda))))]
        floors = [floor for each in toolkits if (floor := each.floor.get(self.system))]
        drivers = [driver for each in toolkits if (driver := each.driver.get(self.system))]
        return max(floors, default=None), max(drivers, default=None) if self.compilers else None

    @property
    def compilers(self) -> tuple[str, ...]:
        """What compiles at run time in it: it hands the driver code of this toolkit (PTX), each by its name.

        See https://docs.nvidia.com/deploy/cuda-compatibility/.
        """
        return tuple(dict.fromkeys(known.compiles for _, known in self.known if known.compiles))

    @property
    def gpus(self) -> tuple[Gpu, ...]:
        """The claim's GPUs that a machine of the platform can have."""
        return tuple(gpu for gpu in self.claim.gpus if gpu.on(self.platform))

    @property
    def told(self) -> str:
        """The claim's CUDA in words: CUDA 12.6, or CUDA where nothing tells a version."""
        return f"CUDA {self.claim.cuda}" if self.claim.cuda else "CUDA"

    @property
    def meant(self) -> str:
        """What the lock is: a target where somebody says what it is meant to be, else an environment."""
        return "a target" if self.claim.stated else "an environment"

    @property
    def system(self) -> str:
        """The driver family of the platform: linux or windows."""
        return driver_os(self.platform)


def toolkit_of(matrix: Matrix, cuda: Version | None) -> Toolkit | None:
    """The toolkit of a CUDA version; None for one that the matrix does not have: the figures of another are not its own."""
    return matrix.toolkits.get(cuda) if cuda else None


def oldest_toolkit(matrix: Matrix, cuda: Version) -> Toolkit | None:
    """The toolkit of a CUDA version, or the oldest of a major."""
    if len(cuda.release) > 1:
        return toolkit_of(matrix, cuda)
    return next((matrix.toolkits[version] for version in sorted(matrix.toolkits) if version.major == cuda.major), None)


Violations = Iterator[tuple[LockedPackage | None, str]]
VerifyCheck = Callable[[Case], Violations]


REGISTRY: Registry[VerifyCheck] = Registry()
rule = REGISTRY.rule
