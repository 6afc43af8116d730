"""Reads the specs of an environment.yml, the file that conda-lock and conda create environments from."""

from __future__ import annotations

import re
from functools import lru_cache

from envgen.formats.selectors import for_platform
from envgen.model.facts import Platform
from envgen.yamlfile.document import data_of

_NAME = re.compile(r"(?:\S+::)?([A-Za-z0-9_.-]+)")  # channel::name


def read_specs(text: str, shown: str, platform: Platform) -> tuple[str, ...]:
    """The conda specs of an environment.yml for a platform, as written, without pip's. Raises BadInput if it is not YAML."""
    return _specs(for_platform(text, platform), shown)


@lru_cache(16)  # most files say the same for every platform
def _specs(text: str, shown: str) -> tuple[str, ...]:
    data = data_of(text, shown)
    listed = data.get("dependencies") if isinstance(data, dict) else None
    return tuple(str(spec).strip() for spec in listed or () if isinstance(spec, str)) if isinstance(listed, list) else ()


@lru_cache(20_000)  # specs: what the packages of a repository need is the same again and again
def spec_name(spec: str) -> str:
    """The package that a conda spec names: numpy for `conda-forge::numpy >=2`; "" if it names none."""
    found = _NAME.match(spec.strip())
    return found[1].lower() if found else ""
