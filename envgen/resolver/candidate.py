"""A candidate: what one choice means for all platforms of a target, and what it goes with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packaging.version import Version

from envgen.matrix.constraints import Known, within
from envgen.model.facts import Need, Platform, Variant, variant_text
from envgen.model.ranges import range_text
from envgen.model.resolution import Choice
from envgen.resolver.cells import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A choice that serves all platforms of one target, the Pythons that it leaves, and what its builds link and go with.

    By platform and Python: the cuDNN majors, no entry where a build links none; what each build of a companion needs, no entry
    where one needs nothing.
    """

    choice: Choice
    pythons: frozenset[Version]
    cudnn: Mapping[Place, frozenset[int]]
    needs: Mapping[Place, frozenset[tuple[Need, ...]]]

    def goes_with(self, place: Place, known: Known, chosen: Mapping[str, Choice]) -> bool:
        """Whether on one platform with one Python some build goes with the versions and the builds of other frameworks."""
        rows = self.needs.get(place)
        return rows is None or any(all(self._is_met(need, place[0], known, chosen) for need in row) for row in rows)

    def _is_met(self, need: Need, platform: Platform, known: Known, chosen: Mapping[str, Choice]) -> bool:
        name, versions = need
        host, own = chosen.get(name, self.choice), self.choice
        other = own.spelling.same_cuda and host.on(platform) != own.on(platform)
        return not other and all(isinstance(version, Version) and within(versions, version) for version in known.get(name, ()))

    @property
    def needed(self) -> str:
        """`pytorch ==2.10.*`: every range of other frameworks that some build goes with."""
        rows = sorted({row for rows in self.needs.values() for row in rows}, key=str)
        texts = dict.fromkeys(" and ".join(f"{name} {range_text(versions)}" for name, versions in row) for row in rows)
        return f"{' or '.join(texts)}{' for the same CUDA' if self.choice.spelling.same_cuda and self.choice.variant else ''}"


def named(choice: Choice) -> str:
    """`pytorch 2.7.1`."""
    return f"{choice.release.framework} {choice.release.version}"


def build_text(what: str, variant: Variant) -> str:
    """`CUDA 12.6 build of pytorch 2.7.1`."""
    return f"{variant_text(variant)} build of {what}"
