"""What conda's and mamba's settings say about channels: mirrors, logins and tokens. Files are read as conda reads them.

Places and keys: https://docs.conda.io/projects/conda/en/stable/user-guide/configuration/use-condarc.html; `mirrored_channels`:
https://mamba.readthedocs.io/en/latest/user_guide/configuration.html; tokens: those that `anaconda login` stores.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import yaml

from envgen.channels.channel import ALIAS
from envgen.model.errors import BadInput
from envgen.model.regular import regular_text

_TOKENS = "anaconda-client's tokens"


@dataclass(frozen=True, slots=True)
class Setting:
    """A URL as a file of settings has it, with its credentials. `said_by` is the file."""

    url: str
    said_by: str


@dataclass(frozen=True, slots=True)
class CondaSettings:
    """`mirrors`: the URL of a channel, or the beginning of one -> where it is fetched. `logins`: URLs, some with credentials."""

    mirrors: Mapping[str, tuple[Setting, ...]]
    logins: tuple[Setting, ...]


def conda_settings() -> CondaSettings:
    """The settings of this machine and user. Raises BadInput for a file that is not YAML."""
    mirrors: dict[str, tuple[Setting, ...]] = {}
    logins = list(_tokens())
    for path in _files():
        data = _read(path)
        mirrors |= {url: tuple(Setting(one, str(path)) for one in there) for url, there in _mirrors(data)}
        logins += [Setting(text, str(path)) for text in _urls(data.get("channels"), data.get("default_channels"))]
    return CondaSettings(mirrors, tuple(logins))


def _files() -> Iterator[Path]:
    """The files of settings that there are, the most important last."""
    home, names = Path(os.environ.get("HOME") or os.environ.get("USERPROFILE") or "/nowhere"), (".condarc", "condarc")
    system = (Path("C:/ProgramData/conda"),) if sys.platform == "win32" else (Path("/etc/conda"), Path("/var/lib/conda"))
    roots = [Path(text) for name in ("CONDA_ROOT", "MAMBA_ROOT_PREFIX") if (text := os.environ.get(name))]
    users = [Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "conda", home / ".conda"]
    for folder in (*system, *roots, *users):
        yield from (folder / name for name in names if (folder / name).is_file())
        yield from sorted((folder / "condarc.d").glob("*.y*ml"))
    prefix = os.environ.get("CONDA_PREFIX")
    last = [home / ".condarc", home / ".mambarc", *([Path(prefix) / ".condarc"] if prefix else [])]
    last += [Path(text) for name in ("CONDARC", "MAMBARC") if (text := os.environ.get(name))]
    yield from (path for path in last if path.is_file())


def _read(path: Path) -> Mapping[str, Any]:
    try:
        data = yaml.load(regular_text(path), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except (OSError, UnicodeDecodeError, RecursionError, yaml.YAMLError) as error:
        place = getattr(error, "problem_mark", None)
        where = f"{path}:{place.line + 1}:{place.column + 1}" if place else path
        raise BadInput(
            "conda's settings cannot be read: not YAML", where=where, hint="`conda config --validate` checks it"
        ) from None
    return data if isinstance(data, dict) else {}


def _mirrors(data: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each URL that is fetched elsewhere, and where. A longer URL is more important than its beginning."""
    for alias in _urls(data.get("channel_alias")):
        if alias != ALIAS:
            yield ALIAS, (alias,)
    for name, bases in _mapping(data.get("custom_channels")):
        yield f"{ALIAS}/{name}", tuple(f"{base}/{name}" for base in _urls(bases))
    for name, places in _mapping(data.get("mirrored_channels")):
        yield f"{ALIAS}/{name}", tuple(_urls(places))


def _mapping(data: object) -> Iterable[tuple[str, object]]:
    return [(str(key).strip("/"), value) for key, value in data.items()] if isinstance(data, dict) else []


def _urls(*values: object) -> Iterator[str]:
    """The URLs among some texts and lists of texts."""
    for value in values:
        texts = [_expanded(text) for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
        yield from (text.rstrip("/") for text in texts if "://" in text)


def _expanded(text: str) -> str:
    """A text with the values of the environment variables in it, as conda fills them in: `$NAME`, `${NAME}`."""
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda name: os.environ.get(name[1] or name[2], name[0]), text)


def _tokens() -> Iterator[Setting]:
    """The tokens of anaconda.org, or of a server like it, in the files that conda reads."""
    try:
        files = sorted(_token_folder().glob("*.token"))
        found = [(unquote_plus(path.stem), regular_text(path).strip()) for path in files]
    except (OSError, RuntimeError, UnicodeDecodeError):
        return  # what cannot be read gives access to nothing
    for url, token in found:
        for base in dict.fromkeys((url.rstrip("/"), url.rstrip("/").replace("://api.", "://conda."))):
            if token and "://" in base:
                yield Setting(f"{base}/t/{token}", _TOKENS)


def _token_folder() -> Path:
    named = os.environ.get("BINSTAR_CONFIG_DIR")
    if named:
        return Path(named) / "data"
    import platformdirs

    return platformdirs.user_data_path("binstar", "ContinuumIO")
