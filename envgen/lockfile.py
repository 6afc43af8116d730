"""What a `conda-lock.yml` says, and the stamp that envgen leaves in its metadata. Knows the format, not the tool."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from envgen.document import plain
from envgen.errors import BadInput
from envgen.layout import LOCK
from envgen.model import Address, Platform
from envgen.run import Download, Stamp

_BODY = "\npackage:"
_URL = re.compile(r"^  url: (\S+\.(?:conda|tar\.bz2))$", re.MULTILINE)
_CONFLICT = re.compile(r"^(<<<<<<< |=======$|>>>>>>> |\|\|\|\|\|\|\| )", re.MULTILINE)
_CHOSEN = re.compile(r"([^\s,]+) (\d[\w.]*)")
_DOWNLOADS = re.compile(r"(\S+) (\d+) packages (>=)?(\d+) bytes")
_KEYS = ("envgen-wanted", "envgen-chosen", "envgen-packages", "envgen-downloads")


def metadata(stamp: Stamp) -> dict[str, str]:
    """The stamp as conda-lock's custom metadata: strings only."""
    chosen = ", ".join(f"{name} {version}" for name, version in stamp.chosen.items())
    sizes = ", ".join(f"{platform} {_size(download)}" for platform, download in stamp.downloads.items())
    return dict(zip(_KEYS, (stamp.wanted, chosen, stamp.packages, sizes), strict=True))


def _size(download: Download) -> str:
    return f"{download.packages} packages {'' if download.exact else '>='}{download.size} bytes"


def digest(body: str) -> str:
    """sha256 of the package section, as written."""
    return hashlib.sha256(body.encode()).hexdigest()


def read_stamp(text: str, shown: str) -> Stamp | None:
    """What envgen wrote into a lock; None for a lock that another tool made.

    Cheap: only the metadata is parsed, the packages are hashed. Raises BadInput when a merge conflict was left in the file, it
    ends early or was changed by hand, because then it is not known what it says.
    """
    conflict = _CONFLICT.search(text)
    if conflict:
        raise _broken("a merge conflict was left in this lock", _line(text, conflict.start(), shown))
    head, body, rest = text.partition(_BODY)
    if not body or not text.endswith("\n"):
        raise _broken("this lock ends early", _line(text, len(text), shown))
    meta = _metadata(head, shown)
    custom = meta.get("custom_metadata") or {}
    if not isinstance(custom, dict) or any(not isinstance(custom.get(key), str) for key in _KEYS):
        return None
    found = _parsed(custom)
    if metadata(found) != custom or "python" not in found.chosen or list(found.downloads) != meta.get("platforms"):
        raise _broken("the stamp of this lock cannot be read", _line(text, text.index("envgen-"), shown))
    if found.packages != digest(f"package:{rest}"):
        raise _broken("the packages of this lock are not those that were written", _line(text, len(head) + 1, shown))
    return found


def _parsed(custom: Mapping[str, str]) -> Stamp:
    wanted, chosen, packages, sizes = (custom[key] for key in _KEYS)
    rows = _DOWNLOADS.findall(sizes)
    downloads = {platform: Download(int(count), int(size), exact=not bound) for platform, count, bound, size in rows}
    return Stamp(wanted, dict(_CHOSEN.findall(chosen)), packages, downloads)


def _line(text: str, offset: int, shown: str) -> Address:
    return Address(shown, text.count("\n", 0, offset) + 1, 1)


def _broken(what: str, where: Address) -> BadInput:
    return BadInput(what, where=where, hint="take it from git again (`git checkout -- FILE`), or delete it and run `envgen lock`")


def _metadata(head: str, shown: str) -> Mapping[str, Any]:
    try:
        data = plain(head)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise _broken(f"not YAML: {error.problem}", Address(shown, mark.line + 1 if mark else 1, 1)) from None
    found = data.get("metadata") if isinstance(data, dict) else None
    if not isinstance(found, dict):
        raise _broken("this lock has no metadata", Address(shown, 1, 1))
    return found


def urls(text: str) -> list[str]:
    """The url of every conda package, without parsing the file."""
    return _URL.findall(text)


def counted(text: str) -> dict[Platform, int]:
    """The number of packages for each platform, as rattler's parser reads the file: a second opinion beside conda-lock's.

    Raises BadInput when that parser refuses the file.
    """
    from rattler import LockFile
    from rattler.exceptions import ParseCondaLockError

    with tempfile.TemporaryDirectory(prefix="envgen-") as scratch:
        path = Path(scratch) / LOCK
        path.write_text(text, encoding="utf-8")
        try:
            environment = LockFile.from_path(path).default_environment()
        except ParseCondaLockError as error:
            raise BadInput(f"not a lock: {error}", hint="please report this") from None
        if environment is None:
            return {}
        return {str(platform): len(environment.packages(platform) or ()) for platform in environment.platforms()}
