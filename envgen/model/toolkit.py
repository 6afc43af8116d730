"""CUDA toolkits and cuDNN: drivers, GPUs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packaging.version import Version

from envgen.model.address import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolkit:
    """A CUDA toolkit, major.minor: the driver it came with, the driver it can run on, the GPUs it has code for.

    `driver` and `floor` map "linux" and "windows" to driver versions; `floor` is lower where minor-version compatibility
    holds (CUDA 11 and later). `capabilities` is the first and last compute capability.
    """

    version: Version
    driver: Mapping[str, Version]
    floor: Mapping[str, Version]
    capabilities: tuple[Version, Version]
    excludes: tuple[str, ...]  # packages that belong to another CUDA and may not come along
    because: str  # of the floor
    at: Address
    source: str = ""  # of the driver it came with and of the GPUs


@dataclass(frozen=True, slots=True, kw_only=True)
class Cudnn:
    """A cuDNN version: the CUDA majors it is built for and the lowest compute capability it has code for."""

    version: Version
    cuda_majors: frozenset[int]
    floor: Version
    because: str
    at: Address
