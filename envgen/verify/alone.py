"""Builds that a target must not have, whatever is beside them: what the rules say of a package alone. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from envgen.model.facts import Matrix
from envgen.model.findings import Claim, Finding
from envgen.model.packages import Lock, LockedPackage
from envgen.verify.check import cases, found_in
from envgen.verify.registry import REGISTRY

_RULES = tuple(REGISTRY[name] for name in ("cpu-build", "wrong-cuda", "cpu-selector", "stub-package", "cuda-in-cpu"))


def wrong_alone(package: LockedPackage, claim: Claim, matrix: Matrix) -> bool:
    """Whether a conda package is an error in every target of this claim.

    Not if what it was built for is only known from the packages beside it, nor if its build was chosen.
    """
    known = matrix.catalogue.of(package)
    if package.name in claim.builds or (known.beside.get(package.manager) if known else claim.kind == "cuda"):
        return False  # no rule asks about an unknown package in a CUDA target
    return bool(wrong_builds((package,), claim, matrix))


def wrong_builds(packages: Iterable[LockedPackage], claim: Claim, matrix: Matrix) -> tuple[Finding, ...]:
    """What the same rules say of the packages of one platform, with what brought each of them there."""
    found = tuple(packages)
    if not found:
        return ()
    lock = Lock(shown="", format="", environment="", packages=found)
    (case,) = cases(lock, {found[0].platform: claim}, matrix)
    return found_in(case, _RULES)
