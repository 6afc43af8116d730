"""Which PyPI projects the conda packages of a solution provide. Offline, and the same on every machine. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from packaging.utils import canonicalize_name
from packaging.version import Version

from envgen.model.catalogue import Catalogue, KnownPackage
from envgen.model.packages import Record

_PURL = "pkg:pypi/"


def provided(records: Iterable[Record], catalogue: Catalogue) -> dict[str, str]:
    """PyPI name -> version, for each Python package among some records; names are in PyPI's normal form.

    A record may say the name (`purls`); the matrices say it of frameworks and their companions; otherwise it is that of the
    conda package. A version that pip cannot read is left out.
    """
    found: dict[str, str] = {}
    for record in sorted((record for record in records if _is_python(record)), key=lambda record: record.name):
        try:
            version = str(Version(record.version))
        except ValueError:
            continue
        for name in _names(record, catalogue):
            found.setdefault(name, version)
    return found


def _is_python(record: Record) -> bool:
    """Whether a package is installed for a Python, not Python itself nor a library."""
    return any(need.split(" ", 1)[0] in ("python", "python_abi") for need in record.depends)


def _names(record: Record, catalogue: Catalogue) -> Iterator[str]:
    purls = record.source.get("purls")
    told = [canonicalize_name(unquote(one.removeprefix(_PURL).partition("@")[0])) for one in _texts(purls) if one.startswith(_PURL)]
    yield from told or (canonicalize_name(record.name),)
    for row in catalogue.named("conda", record.name):
        yield from map(canonicalize_name, _in_matrices(row, catalogue.packages))


def _texts(value: object) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list | tuple) else []


def _in_matrices(row: KnownPackage, rows: Iterable[KnownPackage]) -> list[str]:
    """The PyPI names of a conda package's row: its one other name, and for a framework all names that the framework has."""
    if row.role == "framework":
        return [name for other in rows if _same(row, other) for name in other.pip if "*" not in name]
    return [name for name in row.pip if len(row.conda) == len(row.pip) == 1 and "*" not in name]


def _same(row: KnownPackage, other: KnownPackage) -> bool:
    return (other.framework, other.role) == (row.framework, row.role) and not other.conda
