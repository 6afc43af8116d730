"""A GPU, as the facts, a project or a machine know it; and the code in a build for GPUs."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.version import Version

_BARE = "compute capability "


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A GPU model, or a bare compute capability, with the capability as major.minor.

    Only a GPU of a machine has a `uuid` and, where it is cut into instances (MIG), their number; None where it is whole.
    Only a model of gpus.yaml is known to be one for data centres, for which alone there is forward compatibility, to exist on some
    `platforms` alone (none: on any), and to be a `tegra`, the GPU of a Jetson.
    """

    name: str
    capability: Version
    uuid: str = ""
    mig: int | None = None
    data_centre: bool | None = None  # None where gpus.yaml does not know the model
    platforms: frozenset[str] = frozenset()
    tegra: bool = False

    @classmethod
    def bare(cls, capability: Version, *, platforms: frozenset[str] = frozenset(), tegra: bool = False) -> Gpu:
        """Any GPU of a compute capability."""
        return cls(name=f"{_BARE}{capability}", capability=capability, platforms=platforms, tegra=tegra)

    def on(self, platform: str) -> bool:
        """Whether it can be in a machine of a platform."""
        return not self.platforms or platform in self.platforms

    @property
    def written(self) -> str:
        """What `gpus:` of a project calls it: `V100`, or the compute capability `7.0`."""
        return self.name.removeprefix(_BARE)


@dataclass(frozen=True, slots=True)
class OtherGpus:
    """GPUs that do not run CUDA: who makes them, the words that only their names have (may hold `*`), and what to do for them."""

    maker: str
    words: frozenset[str]
    instead: str


@dataclass(frozen=True, slots=True)
class GpuNames:
    """The words of names of GPUs: what may be `beside` those of a model (may hold `*`), and which of its own people leave out."""

    beside: frozenset[str] = frozenset()
    brands: frozenset[str] = frozenset()
    others: tuple[OtherGpus, ...] = ()


@dataclass(frozen=True, slots=True)
class Compiled:
    """The code in some builds, as nvcc names it (sm_80, compute_90), and the specs that select just these builds."""

    has: tuple[str, ...]
    specs: tuple[str, ...]
    tegra: bool = False  # for the GPUs of Tegra alone
