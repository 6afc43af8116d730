"""The pip part of a cell: requirements with hashes, and pylock.toml (PEP 751). Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator

from envgen.export.model import ExportedCell
from envgen.formats.markers import marker_of
from envgen.formats.wheel_files import file_name
from envgen.model.packages import LockedPackage


def requirements_text(cell: ExportedCell) -> str:
    """A requirements.txt for `pip install --no-deps --require-hashes`. Raises BadInput where there are no pip packages."""
    head = f"# the pip packages of {cell.environment} on {cell.platform}, for Python {_python(cell)}; exported by envgen"
    lines = [head, "# pip install --no-deps --require-hashes -r FILE"]
    for one in cell.wheels():
        lines += [f"{one.name} @ {one.url.partition('#')[0]} \\", f"    --hash=sha256:{one.sha256}"]
    return "".join(f"{line}\n" for line in lines)


def pylock_text(cell: ExportedCell) -> str:
    """A pylock.toml for the cell's platform and Python. Raises BadInput where there are no pip packages."""
    return "".join(f"{line}\n" for line in _pylock(cell))


def _pylock(cell: ExportedCell) -> Iterator[str]:
    wheels = sorted(cell.wheels(), key=lambda one: one.name)
    yield f"# the pip packages of {cell.environment}; the others are conda's"
    yield 'lock-version = "1.0"'
    yield f"environments = [{_text(marker_of(cell.platform))}]"
    if python := _python(cell):
        yield f"requires-python = {_text(f'=={python}.*')}"
    yield 'created-by = "envgen"'
    for one in wheels:
        yield from ("", "[[packages]]", f"name = {_text(one.name)}", f"version = {_text(one.version)}")
        yield from _file(one)


def _file(package: LockedPackage) -> Iterator[str]:
    url, name = package.url.partition("#")[0], file_name(package.url)
    hashes = f"{{sha256 = {_text(package.sha256 or '')}}}"
    if name.endswith(".whl"):
        yield f"wheels = [{{name = {_text(name)}, url = {_text(url)}, hashes = {hashes}}}]"
    else:
        yield f"sdist = {{name = {_text(name)}, url = {_text(url)}, hashes = {hashes}}}"


def _python(cell: ExportedCell) -> str:
    """The Python minor of the cell; "" where it has no Python."""
    found = next((one.version for one in cell.conda if one.name == "python"), "")
    return ".".join(found.split(".")[:2])


def _text(value: str) -> str:
    """A basic string of TOML, whose escapes are those of JSON."""
    return json.dumps(value)
