"""A cell as conda reads it: a list of URLs (`@EXPLICIT`), and an environment.yml in which everything is pinned. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from envgen.channels.channel import locate
from envgen.export.model import ExportedCell
from envgen.formats.selectors import scalar
from envgen.model.errors import BadInput
from envgen.model.packages import LockedPackage


def explicit_text(cell: ExportedCell) -> str:
    """URLs with their hashes; pip packages are comments, as conda-lock writes them, because conda does not install them."""
    lines = [f"# {cell.environment}; exported by envgen", f"# platform: {cell.platform}", "@EXPLICIT"]
    lines += [f"{_bare(one)}#{one.md5 or f'sha256:{one.sha256}'}" for one in cell.conda]
    lines += [f"# pip {one.name} @ {_bare(one)}#sha256={one.sha256}" for one in cell.pip and cell.wheels()]
    return "".join(f"{line}\n" for line in lines)


def environment_text(cell: ExportedCell) -> str:
    """An environment.yml with version and build of every package, and pip's with URL and hash."""
    return "".join(f"{line}\n" for line in _environment(cell))


def _environment(cell: ExportedCell) -> Iterator[str]:
    yield f"# {cell.environment} on {cell.platform}; exported by envgen"
    yield f"name: {cell.environment}"
    yield "channels:"
    yield from (f"  - {scalar(channel)}" for channel in cell.lock.channels)
    yield "  - nodefaults"
    yield "dependencies:"
    several = len(cell.lock.channels) > 1
    yield from (f"  - {scalar(_pinned(cell, one, several=several))}" for one in cell.conda)
    if cell.pip:
        yield "  - pip:"
        yield from (f"      - {scalar(f'{one.name} @ {_bare(one)}#sha256={one.sha256}')}" for one in cell.wheels())


def _bare(package: LockedPackage) -> str:
    """Its URL without a fragment, whose place is taken by its hash."""
    return package.url.partition("#")[0]


def _pinned(cell: ExportedCell, package: LockedPackage, *, several: bool) -> str:
    """`channel::name=version=build`; the channel only where there are several."""
    spec = f"{package.name}={package.version}={package.build}"
    return f"{_channel(cell, package)}::{spec}" if several else spec


def _channel(cell: ExportedCell, package: LockedPackage) -> str:
    """The channel of the lock that a package is from, as the lock names it."""
    found = next((one for one in cell.lock.channels if package.url.startswith(f"{locate(one).url}/")), None)
    if found is None:
        hint = "export it as a list of URLs: --format explicit"
        raise BadInput(f"{package.name} is from a channel that the lock does not list", where=package.at, hint=hint)
    return found
