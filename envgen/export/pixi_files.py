"""Cells as a workspace of pixi: a manifest and a lock, with one named platform for each cell. Pure.

https://pixi.prefix.dev/v0.76.0/workspace/multi_platform_configuration/ says what a named platform is; pixi has them since 0.71. It
finds the platforms of its lock by what they promise, so both files list the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rattler import MatchSpec

from envgen.channels.channel import locate
from envgen.export.model import NO_PLACES, ExportedCell, WheelPlaces
from envgen.model.errors import BadInput
from envgen.model.facts import Platform
from envgen.model.packages import LockedPackage
from envgen.model.target_names import named_cuda

_KEYS = {"__cuda": "cuda", "__glibc": "glibc", "__linux": "linux", "__osx": "macos", "__win": "windows", "__archspec": "archspec"}
_NAMELESS = "0"  # the version of what every machine of a platform has: __unix


def manifest_text(project: str, cells: Sequence[ExportedCell], places: WheelPlaces = NO_PLACES) -> str:
    """The pixi.toml of some cells. pixi takes the first platform that a machine can run, so CUDA's come first, the newest first.

    `places` are written where a cell has pip packages.
    """
    channels = dict.fromkeys(channel for cell in cells for channel in cell.lock.channels)
    lines = ["# exported by envgen; the lock beside it has every package", "[workspace]", f"name = {_text(project)}"]
    lines += [f"channels = [{', '.join(map(_text, channels))}]", "platforms = ["]
    lines += [f"  {platform_entry(cell.target, cell.platform, cell.virtual)}," for cell in in_order(cells)]
    lines += ["]", *(_options(places) if any(cell.pip for cell in cells) else ())]
    for cell in in_order(cells):
        lines += ["", f'[target."{_name(cell)}".dependencies]', *(dependency_line(spec) for spec in cell.specs)]
        if cell.pip:
            lines += ["", f'[target."{_name(cell)}".pypi-dependencies]']
            lines += [f"{_key(one.name)} = {_wheel(one, places)}" for one in cell.wheels()]
    return "".join(f"{line}\n" for line in lines)


def _options(places: WheelPlaces) -> Iterator[str]:
    """`pypi-options`: pixi compares them with those of the lock."""
    if places.indexes or places.find_links:
        yield from ("", "[pypi-options]")
    if places.indexes:
        yield f"index-url = {_text(places.indexes[0])}"
    if places.indexes[1:]:
        yield f"extra-index-urls = [{', '.join(map(_text, places.indexes[1:]))}]"
    if places.find_links:
        yield f"find-links = [{', '.join(f'{{ {kind} = {_text(place)} }}' for kind, place in _links(places))}]"


def _links(places: WheelPlaces) -> list[tuple[str, str]]:
    """Pages and folders of files, each with the key that pixi has for it."""
    return [("url" if "://" in place else "path", place) for place in places.find_links]


def _wheel(package: LockedPackage, places: WheelPlaces) -> str:
    index = places.index_of(package)
    version = _text(f"=={package.version}")
    return f"{{ version = {version}, index = {_text(index)} }}" if index else version


def lock_text(cells: Sequence[ExportedCell], places: WheelPlaces = NO_PLACES) -> str:
    """The pixi.lock of some cells, version 7. pixi resolves again what has pip packages and no `indexes`."""
    lines = ["version: 7", "platforms:"]
    for cell in in_order(cells):
        lines += [f"- name: {_name(cell)}", f"  subdir: {cell.platform}", "  virtual-packages:"]
        lines += [f"  - {name}={value.replace(' ', '=')}" for name, value in _promises(cell.virtual).items()]
    channels = dict.fromkeys(locate(channel).url for cell in cells for channel in cell.lock.channels)
    lines += ["environments:", "  default:", "    channels:", *(f"    - url: {url}/" for url in channels)]
    if places.indexes and any(cell.pip for cell in cells):
        lines += ["    indexes:", *(f"    - {url}" for url in places.indexes)]
        lines += (
            ["    find-links:", *(f"    - {kind}: {_text(place)}" for kind, place in _links(places))] if places.find_links else []
        )
    lines += ["    packages:"]
    for cell in in_order(cells):
        lines += [f"      {_name(cell)}:"]
        lines += [f"      - conda: {one.url}" for one in _sorted(cell.conda)]
        lines += [f"      - pypi: {one.url}" for one in _sorted(cell.pip and cell.wheels())]
    lines += ["packages:"]
    every = {one.url: one for cell in cells for one in (*cell.conda, *cell.pip)}
    for one in _sorted(every.values()):
        lines += _entry(one)
    return "".join(f"{line}\n" for line in lines)


def in_order(cells: Sequence[ExportedCell]) -> list[ExportedCell]:
    """The cells in the order in which a machine is given one: the newest CUDA first, then the others, each platform together."""
    newest = {cell.target: cuda for cell in cells if (cuda := named_cuda(cell.target))}

    def rank(cell: ExportedCell) -> tuple[object, ...]:
        cuda = newest.get(cell.target)
        return ("__cuda" not in cell.virtual, *((-cuda.major, -cuda.minor) if cuda else (0, 0)), cell.target, cell.platform)

    return sorted(cells, key=rank)


def _name(cell: ExportedCell) -> str:
    return f"{cell.target}-{cell.platform}"


def _promises(virtual: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in sorted(virtual.items()) if value.split(" ")[0] != _NAMELESS}


def platform_entry(target: str, platform: Platform, virtual: Mapping[str, str]) -> str:
    """One target on one platform as an entry of `platforms`, with what its machine promises."""
    parts = {"name": _text(f"{target}-{platform}"), "platform": _text(platform)}
    promises = dict(_promises(virtual))
    arch = promises.pop("__cuda_arch", "")
    for name, value in promises.items():
        version, _, build = value.partition(" ")
        parts[_KEYS.get(name, name)] = _text(build if name == "__archspec" and build else version)
    if arch and "cuda" in parts:
        parts["cuda"] = f"{{ driver = {parts['cuda']}, arch = {_text(arch)} }}"
    return f"{{ {', '.join(f'{key} = {value}' for key, value in parts.items())} }}"


def dependency_line(spec: str) -> str:
    """A conda spec as an entry of a manifest."""
    found = MatchSpec(spec, strict=False)
    name = str(found.name.as_package_name().normalized) if found.name else spec  # type: ignore[union-attr]
    values = {"version": str(found.version or "*")}
    if found.build:
        values["build"] = str(found.build)
    if found.channel and found.channel.name:
        values["channel"] = str(found.channel.name)
    if len(values) == 1:
        return f"{_key(name)} = {_text(values['version'])}"
    return f"{_key(name)} = {{ {', '.join(f'{key} = {_text(value)}' for key, value in values.items())} }}"


def _sorted(packages: Iterable[LockedPackage]) -> list[LockedPackage]:
    return sorted(packages, key=lambda one: (one.manager, one.name, one.url))


def _entry(package: LockedPackage) -> Iterator[str]:
    """A package of the lock. Raises BadInput for one that pixi could not check."""
    if not package.sha256 and not package.md5:
        raise BadInput(f"{package.name} has no hash", where=package.at, hint="run `envgen lock --update`")
    if package.manager == "pip":
        yield from (f"- pypi: {package.url}", f"  name: {package.name}", f"  version: {_text(package.version)}")
    else:
        yield f"- conda: {package.url}"
    if package.sha256:
        yield f"  sha256: {package.sha256}"
    if package.md5:
        yield f"  md5: {package.md5}"
    if package.manager == "conda":
        depends = [f"  - {_text(need)}" for need in package.depends]
        yield from ("  depends:", *depends) if depends else ("  depends: []",)


def _key(name: str) -> str:
    return name if name.replace("-", "").replace("_", "").isalnum() else _text(name)


def _text(value: str) -> str:
    """A string as TOML and YAML both read it: that of JSON."""
    return json.dumps(value)
