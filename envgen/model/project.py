"""Projects, frozen: what `project.yaml` requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.model.address import Address
from envgen.model.dates import ExcludeNewer
from envgen.model.facts import Platform, Reason, Target
from envgen.model.gpu import Gpu
from envgen.model.limits import BudgetLimits, LicenseLimits
from envgen.model.pip import LocalPackage, PipIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedFramework:
    """A framework that a project asks for."""

    framework: str
    versions: SpecifierSet
    text: str
    provider: str | None
    at: Address
    host: str = ""  # the framework that it is a companion of

    def __str__(self) -> str:
        """`pytorch 2.7.*`, or `pytorch` where any version will do."""
        return f"{self.framework} {self.text}" if self.versions else self.framework


@dataclass(frozen=True, slots=True)
class Dependency:
    """A conda spec of the project's own, as written, and the package that it names."""

    spec: str
    name: str
    at: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedTarget:
    """A target that a project asks for, with what it changes about it; `own` is the target where it is one of the project's own.

    `driver` and `gpus` are those of this target's machines, where they are not those of the project.

    Where the project leaves it open, `others` are the older targets that it may be instead, the newest first, and `instead_of` is
    the newest that the facts allow, if the records have no solution for that.
    """

    name: str
    at: Address
    platforms: tuple[Platform, ...] | None = None
    virtual: Mapping[str, str] = field(default_factory=dict)
    dependencies: tuple[Dependency, ...] = ()
    others: tuple[str, ...] = ()
    instead_of: str = ""
    own: Target | None = None
    driver: Version | None = None
    gpus: tuple[Gpu, ...] = ()
    pip: tuple[str, ...] = ()  # requirements for this target only

    @property
    def instead_text(self) -> str:
        """`target cu126, not cu129`, where the newest that the facts allow has no solution."""
        return f"target {self.name}, not {self.instead_of}"

    def as_other(self, name: str) -> RequestedTarget:
        """The requested target as one of its others."""
        older = self.others[self.others.index(name) + 1 :]
        return replace(self, name=name, others=older, instead_of=self.instead_of or self.name)


@dataclass(frozen=True, slots=True)
class Numerics:
    """What must be the same in all targets beside the frameworks and what the matrices name, and what of all that may differ."""

    also: tuple[str, ...] = ()
    may_differ: tuple[str, ...] = ()


def target_key(requested: RequestedTarget, key: str) -> str:
    """The key under which a project has the address of what is written below a target: a virtual package, `driver`, `gpus`."""
    return f"{requested.at} {key}"


def date_key(package: str) -> str:
    """The key under which a project has the address of a package's own date."""
    return f"exclude-newer {package}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One `environments/<name>/project.yaml`."""

    name: str
    python: SpecifierSet
    python_text: str
    frameworks: tuple[RequestedFramework, ...]
    targets: tuple[RequestedTarget, ...]
    platforms: tuple[Platform, ...]
    channels: tuple[str, ...]
    dependencies: tuple[Dependency, ...]
    pip: tuple[str, ...]
    driver: Version | None  # oldest driver in the fleet
    gpus: tuple[Gpu, ...]
    align: bool
    exclude_newer: ExcludeNewer
    template: str
    addresses: Mapping[str, Address]  # key of the file -> where it is written
    numerics: Numerics = Numerics()
    pip_repositories: tuple[str, ...] = ()  # where pip packages come from, instead of the public index
    pip_indexes: tuple[PipIndex, ...] = ()  # indexes for the packages that they name
    find_links: tuple[str, ...] = ()  # pages or folders of wheels, beside the indexes
    pip_build: tuple[str, ...] = ()  # the pip packages that may be built from source
    local: tuple[LocalPackage, ...] = ()  # packages in folders, which are not locked
    budget: BudgetLimits = field(default_factory=BudgetLimits)  # what a platform of a target may download
    licenses: LicenseLimits = field(default_factory=LicenseLimits)
    notes: tuple[Reason, ...] = ()  # how words of the file that are not envgen's own were read

    @property
    def every_platform(self) -> tuple[Platform, ...]:
        """Its platforms, and those of its targets."""
        return tuple(dict.fromkeys((*self.platforms, *(name for row in self.targets for name in row.platforms or ()))))

    def for_target(self, name: str) -> Project:
        """The project with the driver and the GPUs of one target's machines, and with the pip requirements of the target."""
        row = next((row for row in self.targets if row.name == name), None)
        if row is None or not (row.driver or row.gpus or row.pip):
            return self
        own = {key: at for key in ("driver", "gpus") if getattr(row, key) and (at := self.addresses.get(target_key(row, key)))}
        return replace(
            self,
            driver=row.driver or self.driver,
            gpus=row.gpus or self.gpus,
            pip=tuple(dict.fromkeys((*self.pip, *row.pip))),
            addresses={**self.addresses, **own},
        )

    def at(self, key: str) -> Address:
        """Where `key` is written, or the top of the file when it is not."""
        return self.addresses.get(key, self.addresses[""])
