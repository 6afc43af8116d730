"""The platforms that envgen knows: conda's subdirs. A module of its own, which the command line loads for `--help`."""

from __future__ import annotations

PLATFORMS: tuple[str, ...] = ("linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64")
COMMONLY = {
    "windows": "win-64",
    "win": "win-64",
    "mac": "osx-arm64",
    "macos": "osx-arm64",
    "osx": "osx-arm64",
    "darwin": "osx-arm64",
}
"""What people call a platform, and the platform: here, because `--help` needs it without facts, and no release changes it."""
