"""Reads the output of `conda list`: names, versions, builds and channels, without URLs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from packaging.utils import canonicalize_name

from envgen.formats.explicit import PLATFORM
from envgen.formats.json_text import parsed
from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.facts import Platform
from envgen.model.packages import Lock, LockedPackage

_EXPORT = re.compile(r"^[A-Za-z0-9_.-]+=[^=\s]+=[^=\s]+$")


def read_list_json(text: str, shown: str) -> Lock:
    """The output of `conda list --json`, or of mamba's or micromamba's: names, versions, builds, channels."""
    rows = parsed(text, shown, "create it again: conda list --json > FILE")
    if not all(isinstance(row, dict) and {"name", "version"} <= row.keys() for row in rows):
        raise BadInput("not the output of `conda list --json`", where=Address(shown, 1, 1), hint="create it again")
    platform = next((str(p) for row in rows if (p := row.get("platform")) and p not in ("noarch", "pypi")), "noarch")
    return Lock(
        shown=shown,
        format="conda list",
        environment="",
        packages=tuple(_listed(row, platform) for row in rows),
        linked=False,
        hashed=False,
    )


def _listed(row: Mapping[str, Any], platform: Platform) -> LockedPackage:
    pip = row.get("channel") == "pypi" or str(row.get("build_string", "")).startswith("pypi")
    build = "" if pip else str(row.get("build_string") or row.get("build") or "")
    name = canonicalize_name(str(row["name"])) if pip else str(row["name"])
    return LockedPackage(name=name, version=str(row["version"]), build=build, manager="pip" if pip else "conda", platform=platform)


def is_export(text: str) -> bool:
    """Whether a text is the output of `conda list --export`."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return bool(lines) and all(_EXPORT.match(line) for line in lines)


def read_export(text: str, shown: str) -> Lock:
    """The output of `conda list --export`: one name=version=build a line, `pypi_0` for what pip installed."""
    told = PLATFORM.search(text)
    packages = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            name, version, build = line.strip().split("=")
            pip = build.startswith("pypi_")
            row = {"name": name, "version": version, "build_string": build, "channel": "pypi" if pip else ""}
            found = _listed(row, told[1] if told else "noarch")
            packages.append(replace(found, at=Address(shown, number, 1)))
    return Lock(shown=shown, format="conda list", environment="", packages=tuple(packages), linked=False, hashed=False)
