"""One cell of a lock as it is exported. Frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from envgen.model.errors import BadInput
from envgen.model.facts import Platform
from envgen.model.packages import Lock, LockedPackage
from envgen.model.pip import LocalPackage, PipIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelPlaces:
    """Where the pip packages of a project come from: indexes in their order, those with a purpose, and pages or folders of files.

    `by_variant` are those of frameworks, by package, with `{variant}` in place of cpu or cu126. No URL has a login.
    """

    indexes: tuple[str, ...] = ()
    purposes: tuple[PipIndex, ...] = ()
    find_links: tuple[str, ...] = ()
    by_variant: Mapping[str, str] = field(default_factory=dict)

    def index_of(self, package: LockedPackage) -> str:
        """The index that a package comes from alone; "" for none. The local version of a framework's build is its variant."""
        variant = package.version.partition("+")[2]
        own = next((row.url for row in self.purposes if row.serves(package.name)), "")
        return own or (self.by_variant.get(package.name, "").replace("{variant}", variant) if variant else "")


NO_PLACES = WheelPlaces()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedCell:
    """The packages of one target on one platform; `specs` are those of environment.yml, `virtual` what its machine promises.

    `local` are packages in folders and files of the repository, which are not in the lock.
    """

    project: str
    target: str
    platform: Platform
    lock: Lock
    specs: tuple[str, ...] = ()
    virtual: Mapping[str, str]
    local: tuple[LocalPackage, ...] = ()

    @property
    def environment(self) -> str:
        """vision-cu126."""
        return f"{self.project}-{self.target}"

    @property
    def conda(self) -> tuple[LockedPackage, ...]:
        """The conda packages, in the order of the lock."""
        return tuple(one for one in self.lock.packages if one.platform == self.platform and one.manager == "conda")

    @property
    def pip(self) -> tuple[LockedPackage, ...]:
        """The pip packages, in the order of the lock."""
        return tuple(one for one in self.lock.packages if one.platform == self.platform and one.manager == "pip")

    def wheels(self) -> tuple[LockedPackage, ...]:
        """The pip packages, each with its URL and sha256. Raises BadInput where there are none, or one lacks these."""
        if not self.pip:
            hint = "export its conda packages: --format explicit, environment or pixi"
            raise BadInput(f"{self.environment} has no pip packages on {self.platform}", where=self.lock.shown, hint=hint)
        for package in self.pip:
            if not package.url or not package.sha256:
                hint = "run `envgen lock --update`, which asks the index for it"
                raise BadInput(f"{package.name} has no URL or no sha256", where=package.at or self.lock.shown, hint=hint)
        return self.pip
