"""The content hash that conda-lock writes into a lock: of what is requested, and of the virtual packages. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from envgen.formats.conda_specs import NotCovered, ReadSpec, read_spec
from envgen.formats.pip_requirements import ReadRequirement
from envgen.model.facts import Platform

_VARIABLE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")
_ONE, _PATH = r"\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*\})", r"(?:/(?!t/)[A-Za-z0-9._~-]+)"
_URL = re.compile(
    rf"https?://(?:{_ONE}(?::{_ONE})?@)?[a-z0-9.-]+(?::(?:[1-5][0-9]{{4}}|[1-9][0-9]{{0,3}}))?{_PATH}*(?:/t/{_ONE}{_PATH})?{_PATH}*/?"
)
_CHANNEL = re.compile(r"(?!nodefaults$)(?!.*://)[!-~]+")


def channel_entry(text: str) -> dict[str, Any]:
    """A channel as conda-lock writes it, with `${NAME}` where a credential belongs. Raises NotCovered."""
    if _CHANNEL.fullmatch(text):
        return {"url": text, "used_env_vars": []}
    if not _URL.fullmatch(text):
        raise NotCovered(text)
    names = {plain or braced for plain, braced in _VARIABLE.findall(text)}
    return {"url": _VARIABLE.sub(lambda found: f"${{{found[1] or found[2]}}}", text), "used_env_vars": sorted(names)}


def requested(texts: Iterable[str]) -> dict[str, ReadSpec]:
    """Conda specs by name, sorted; of two with the same name the last one counts. Raises NotCovered."""
    return {spec.name: spec for spec in sorted(map(read_spec, texts), key=lambda spec: spec.name)}


def content_hash(
    platform: Platform,
    channels: Iterable[object],
    requested: Mapping[str, ReadSpec],
    virtual: Mapping[str, str],
    pip: Iterable[ReadRequirement] = (),
    repositories: Sequence[str] = (),
) -> str:
    """The hash by which `conda-lock --check-input-hash` knows that nothing changed."""
    packages = dict(_virtual_package(platform, name, value) for name, value in virtual.items())
    content = {
        "channels": [json.dumps(channel, separators=(",", ":")) for channel in channels],
        "specs": [*map(_dependency, requested.values()), *map(_pip_dependency, pip)],
        **({"pip_repositories": [json.dumps({"url": url}, separators=(",", ":")) for url in repositories]} if repositories else {}),
        "virtual_package_hash": {
            "noarch": {"info": {"subdir": "noarch"}, "packages": {}},
            platform: {"info": {"subdir": platform}, "packages": packages},
        },
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _dependency(spec: ReadSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "manager": "conda",
        "category": "main",
        "extras": [],
        "version": spec.version,
        "build": spec.build,
        "conda_channel": spec.channel,
        "hash": None,
    }


def _pip_dependency(found: ReadRequirement) -> dict[str, Any]:
    conda = _dependency(ReadSpec(name=found.name, version=found.version, build=None, channel=None))
    return {**conda, "manager": "pip", "extras": list(found.extras)}


def _virtual_package(platform: Platform, name: str, value: str) -> tuple[str, dict[str, Any]]:
    """The file name and the record of a virtual package. conda-lock appends a build number to a build string, in both."""
    version, _, build_string = value.partition(" ")
    build = f"{build_string}_0" if build_string else "0"
    return f"{name}-{version}-{build}.tar.bz2", {
        "name": name,
        "version": version,
        "build_string": build_string,
        "build_number": 0,
        "noarch": "",
        "depends": [],
        "timestamp": 1577854800000,
        "package_type": "virtual_system",
        "build": build,
        "subdir": platform,
    }
