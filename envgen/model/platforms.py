"""The platforms that envgen knows: conda's subdirs. A module of its own, which the command line loads for `--help`."""

from __future__ import annotations

PLATFORMS: tuple[str, ...] = ("linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64")
