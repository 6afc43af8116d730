"""What a lock is meant to be, what `verify` found, and both together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from packaging.version import Version

from envgen.model.address import Address
from envgen.model.facts import Platform, Variant
from envgen.model.gpu import Gpu
from envgen.model.packages import Lock
from envgen.model.rules import Severity

ClaimKind = Literal["cpu", "cuda", "mixed", "unknown", "none"]
"""Inferred alone: mixed (CPU frameworks beside CUDA), unknown (nothing tells the variant), none (no framework)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a lock is meant to be on one platform; `source` says who says so.

    A claim about a target comes with what its machines promise (`virtual`), one that was inferred from the packages alone has
    None there; `more_virtual` says that the machines may have other virtual packages, too. `stated` is False where kind and CUDA
    are those that the packages seem to be for. `builds` maps a package to the CUDA that was chosen for it and whether it must be
    just that.
    """

    kind: ClaimKind
    cuda: Variant
    source: str
    stated: bool = True
    virtual: Mapping[str, str] | None = None
    more_virtual: bool = False
    frameworks: tuple[str, ...] = ()  # those that must be in it
    builds: Mapping[str, tuple[Version, bool]] = field(default_factory=dict)
    channels: tuple[str, ...] = ()  # where packages may come from; () where nobody says
    driver: Version | None = None  # oldest of the fleet
    gpus: tuple[Gpu, ...] = ()

    def __str__(self) -> str:
        return f"cuda {self.cuda}" if self.kind == "cuda" and self.cuda else self.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something a check found: which rule, about which package, what it means, and what brought the package there.

    `project` and `target` say whose lock it is about, and `fix` is the command that ends it, where the check knows them.
    """

    rule: str
    severity: Severity  # an error makes the check fail
    platform: Platform
    package: str
    text: str
    chain: tuple[str, ...] = ()  # from a package that nothing depends on, down to this one
    at: Address | None = None
    project: str = ""
    target: str = ""
    fix: str = ""

    @property
    def environment(self) -> str:
        """`vision-cu126`, or the project alone; "" where it is about neither."""
        return "-".join(filter(None, (self.project, self.target)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """One platform of a lock, checked against what it is meant to be.

    `driver` is the oldest driver that runs it, `compiling` the oldest on which code compiled at run time works; None where that is
    not known, or not needed.
    """

    lock: Lock
    platform: Platform
    claim: Claim
    packages: int
    driver: Version | None
    compiling: Version | None
    findings: tuple[Finding, ...]

    @property
    def machine(self) -> str:
        """The platform as the lock names it: linux-64, or gpu-box for a named one."""
        return self.lock.machine or self.platform

    @property
    def errors(self) -> int:
        """How many findings make the check fail."""
        return sum(found.severity == "error" for found in self.findings)
