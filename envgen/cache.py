"""The cache folder, and values in it that take long to make: the facts and the projects, as they were read from their files.

A value is found by a key: a digest of everything that it was made from, and of the program that made it. It is kept as JSON, so
reading an entry never runs code. An entry that is missing, damaged or of another key is made again, and so is every value where
the folder cannot be written.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any, TypeVar

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen import __version__, model
from envgen.model.errors import BadInput

Value = TypeVar("Value")
_KEPT = 7 * 24 * 3600  # seconds after which an entry is removed; what is still used is made again


def cache_folder() -> Path:
    """`ENVGEN_CACHE`, or the user's cache folder. Raises BadInput where the user has no home."""
    named = os.environ.get("ENVGEN_CACHE")
    if named:
        return Path(named)
    import platformdirs

    try:
        return platformdirs.user_cache_path("envgen")
    except RuntimeError as error:
        raise BadInput(f"there is no folder for the cache: {error}", hint="set ENVGEN_CACHE to a writable folder") from None


def keep(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file of the cache from its parts, whole or not at all. Raises OSError, and what making a part raises."""
    import tempfile

    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(parts)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def key_of(*inputs: str) -> str:
    """The key of what is made from some texts by this program."""
    found = hashlib.sha256(_program().encode(errors="surrogatepass"))
    for text in inputs:
        found.update(f"{len(text)} {text}".encode(errors="surrogatepass"))
    return found.hexdigest()


def remembered(kind: type[Value], key: str, make: Callable[[], Value]) -> Value:
    """The value with this key, made only where the cache has none. What `make` raises is not remembered.

    Nor is a value with a part that is not of the model, and nothing where the folder cannot be written.
    """
    found = recalled(kind, key)
    if found is not None:
        return found
    made = make()
    remember(made, key)
    return made


def recalled(kind: type[Value], key: str) -> Value | None:
    """The value with this key; None where the cache has none."""
    with suppress(BadInput):
        found = _read(_place(kind, key), key)
        return found if isinstance(found, kind) else None
    return None


def remember(value: object, key: str) -> None:
    """Keep a value, if it is one of the model and the folder can be written."""
    with suppress(BadInput, OSError, TypeError):
        path, text = _place(type(value), key), encoded(value)
        _sweep(path.parent)
        keep(path, [f"{key_of(key, text)}\n{text}".encode()])


def _place(kind: type, key: str) -> Path:
    return cache_folder() / "values" / f"{kind.__name__}-{key}.json"


def _read(path: Path, key: str) -> object:
    """The value of an entry; None for one that is missing, damaged or of another key."""
    try:
        digest, _, text = path.read_text(encoding="utf-8").partition("\n")
        return decoded(text) if digest == key_of(key, text) else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


@cache
def _sweep(folder: Path) -> None:
    """Remove old entries, once in a run."""
    for path in folder.glob("*"):
        if time.time() - path.stat().st_mtime > _KEPT:
            path.unlink(missing_ok=True)


@cache
def _program() -> str:
    """What made a value: the version of envgen, Python, and envgen's source as it is."""
    root = Path(__file__).parent
    return "\n".join([__version__, sys.version, str(root), *source_in(root)])


def source_in(root: Path) -> list[str]:
    """What tells the source of envgen in a folder: the hashes that its installer recorded, which are those of every installation.

    Where there is no record, or a file is newer than it, each file by its time and size, as Python compiles it.
    """
    found, newest = [], 0
    for folder, _, names in sorted(os.walk(root)):
        for name in sorted(name for name in names if name.endswith(".py")):
            status = os.stat(f"{folder}/{name}")  # noqa: PTH116 - hundreds of files; a Path for each takes twice as long
            found.append(f"{name} {status.st_mtime_ns} {status.st_size}")
            newest = max(newest, status.st_mtime_ns)
    recorded = _recorded(root, newest)
    return recorded if len(recorded) == len(found) else found


def _recorded(root: Path, newest: int) -> list[str]:
    """The rows of an installer's record about the source in a folder; none if a file was changed after it, in nanoseconds."""
    record = root.parent / f"conda_envgen-{__version__}.dist-info" / "RECORD"
    with suppress(OSError, UnicodeDecodeError):
        if record.stat().st_mtime_ns >= newest:
            rows = record.read_text(encoding="utf-8").splitlines()
            return sorted(row for row in rows if row.startswith(f"{root.name}/") and ".py,sha256=" in row)
    return []


# --- values as JSON -------------------------------------------------------------------------------------------------------
# A list of parts, each part once: a text, number, bool or null as JSON has it, or [kind, place of a part, ...]. The parts of a
# part come first, and the value is the last. The fields of a dataclass are its parts, so the model is its own schema.


_PLAIN: Mapping[type, str] = {kind: kind.__name__ for kind in (str, int, bool, float, type(None))}


def _modules() -> tuple[str, ...]:
    """The modules of the model that are imported now."""
    return tuple(name for name in _of_model() if name in sys.modules)


@cache
def _of_model() -> tuple[str, ...]:
    """All modules of the model."""
    return tuple(sorted(f"{model.__name__}.{path.stem}" for path in Path(*model.__path__).glob("*.py")))


@cache
def _classes_in(modules: tuple[str, ...]) -> Mapping[str, type]:
    """The dataclasses of some modules by name."""
    kinds = (kind for name in modules for kind in vars(sys.modules[name]).values())
    return {kind.__name__: kind for kind in kinds if isinstance(kind, type) and is_dataclass(kind)}


def encoded(value: object) -> str:
    """A value of the model as JSON. Raises TypeError for a type that the model does not use."""
    places: dict[tuple[object, ...], int] = {}
    _place_of(value, places, {}, _classes_in(_modules()))
    rows = [row[1] if row[0] in _PLAIN.values() else row for row in places]
    return json.dumps(rows, separators=(",", ":"))


def _place_of(part: object, places: dict[tuple[object, ...], int], known: dict[int, int], classes: Mapping[str, type]) -> int:
    """The place of a part; `known` are those of objects that were met before, which live as long as the whole."""
    plain = _PLAIN.get(type(part))
    if plain:
        return places.setdefault((plain, part), len(places))
    place = known.get(id(part))
    if place is None:
        kind, parts = _taken_apart(part, classes)
        row = (kind, *[_place_of(inner, places, known, classes) for inner in parts])
        place = known[id(part)] = places.setdefault(row, len(places))
    return place


def _taken_apart(value: object, classes: Mapping[str, type]) -> tuple[str, Iterable[object]]:
    kind = type(value).__name__
    if isinstance(value, tuple):
        return kind, value
    if isinstance(value, frozenset):
        return kind, sorted(value, key=repr)  # the same text in every process
    if isinstance(value, dict):
        return kind, (part for item in value.items() for part in item)
    if isinstance(value, SpecifierSet):
        return kind, (str(value), value.prereleases)
    if isinstance(value, Version):
        return kind, (str(value),)
    if isinstance(value, date):
        return kind, (value.isoformat(),)
    if classes.get(kind) is type(value):
        return kind, (getattr(value, name) for name in _names(classes[kind]))
    raise TypeError(f"a {kind} cannot be kept in the cache")


@lru_cache(maxsize=64)  # one command reads the same facts before and after the projects; several in one process do, too
def decoded(text: str) -> Any:
    """The value that was encoded. Raises ValueError, LookupError or TypeError for other text."""
    parts: list[Any] = []
    makers = _makers(_modules())
    for row in json.loads(text):
        parts.append(makers[row[0]]([parts[place] for place in row[1:]]) if isinstance(row, list) else row)
    return parts[-1]


@cache
def _makers(modules: tuple[str, ...]) -> Mapping[str, Callable[[list[Any]], Any]]:
    """What puts the parts of each kind together, for the classes of some modules."""
    return {
        "tuple": tuple,
        "frozenset": frozenset,
        "dict": lambda parts: dict(zip(parts[::2], parts[1::2], strict=True)),
        "SpecifierSet": lambda parts: SpecifierSet(parts[0], prereleases=parts[1]),
        "Version": lambda parts: Version(*parts),
        "date": lambda parts: date.fromisoformat(*parts),
        "datetime": lambda parts: datetime.fromisoformat(*parts),
        **{name: partial(_instance, kind, _names(kind)) for name, kind in _classes_in(modules).items()},
    }


def _instance(kind: Any, names: tuple[str, ...], parts: list[Any]) -> Any:
    return kind(**dict(zip(names, parts, strict=True)))


@cache
def _names(kind: type) -> tuple[str, ...]:
    """The fields of a dataclass that it is made from."""
    return tuple(field.name for field in fields(kind) if field.init)
