"""Locks of other tools as text, made of one line for each package: for tests that compare, verify or merge them."""

from __future__ import annotations

from collections.abc import Iterable

CHANNEL = "https://conda.anaconda.org/conda-forge"
HEAD = "version: 1\nmetadata:\n  content_hash: {{}}\n  channels:\n  - url: conda-forge\n    used_env_vars: []\n  platforms: [{}]\n"


def entry(spec: str, platform: str = "linux-64", sha: str = "", channel: str = CHANNEL) -> str:
    """One package as conda-lock writes it: `name version build`, or `pip name version`."""
    manager, name, version, build = ("", *spec.split())[-4:] if len(spec.split()) == 3 else ("", "", "", "")
    if spec.startswith("pip "):
        _, name, version = spec.split()
        url = f"https://files.example.org/packages/{name}-{version}-py3-none-any.whl"
    else:
        url = f"{channel}/{platform}/{name}-{version}-{build}.conda"
    kind = manager or ("pip" if spec.startswith("pip ") else "conda")
    digest = sha or f"{abs(hash_of(url)):064x}"[-64:]
    return (
        f"- name: {name}\n  version: '{version}'\n  manager: {kind}\n  platform: {platform}\n  dependencies: {{}}\n  url: {url}\n"
        f"  hash:\n    sha256: {digest}\n  category: main\n  optional: false\n"
    )


def hash_of(text: str) -> int:
    """A number that depends on a text alone."""
    return int.from_bytes(text.encode()[-32:], "big")


def lock_text(entries: Iterable[str], platforms: str = "linux-64") -> str:
    """A conda-lock.yml with these entries."""
    return f"{HEAD.format(platforms)}package:\n{''.join(entries)}"


def lock_of(*specs: str, platforms: str = "linux-64") -> str:
    """A conda-lock.yml with these packages on each platform."""
    return lock_text((entry(spec, platform) for platform in platforms.split(", ") for spec in specs), platforms)
