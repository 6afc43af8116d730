"""A Dockerfile with a stage for each target of a project. Pure."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Sequence

from envgen import __version__
from envgen.export.model import ExportedCell
from envgen.model.errors import BadInput
from envgen.model.pip import LocalPackage

_HEAD = """\
# A stage for each target of {project}, from its lock: docker build --target {last} . (beside matrices/ and environments/)
# Exported by envgen. Neither conda nor an image with CUDA is needed: CUDA comes with the lock, the driver from the host.
ARG ENVGEN=conda-envgen=={version}
ARG BASE=debian:12-slim

FROM python:3.12-slim AS envgen
ARG ENVGEN
RUN pip install --no-cache-dir "$ENVGEN"
WORKDIR /repository
COPY matrices matrices
COPY templates templates
COPY environments environments
"""
_ROOT = "/repository"
_GIT = "RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/*"
_EVERYTHING = "# `.` is all that lies beside this file: a .dockerignore with .git and .envs keeps these out."
_ABSOLUTE = re.compile(r"[/~]|[A-Za-z]:|file:|\.\.(?:/|$)")


def dockerfile_text(project: str, cells: Sequence[ExportedCell]) -> str:
    """The stages of the targets that have a lock for Linux, in the order of the cells.

    Raises BadInput for packages that lie outside of the repository, which a build of Docker does not see.
    """
    targets = {cell.target: cell for cell in cells}
    head = _HEAD.format(project=project, version=__version__, last=next(reversed(targets)))
    return head + "".join(f"{line}\n" for cell in targets.values() for line in _stages(cell))


def _stages(cell: ExportedCell) -> Iterator[str]:
    target, places = cell.target, {_place(package): package for package in cell.local}
    _check_urls(cell)
    yield from ("", f"FROM envgen AS install-{target}")
    if any(package.url.startswith("git+") for package in cell.pip):
        yield _GIT
    if "." in places:
        yield _EVERYTHING
    yield from (_copy(place, place) for place in places)
    yield f"RUN envgen install {cell.project} --target {target} --prefix /opt/env"
    yield from ("", f"FROM $BASE AS {target}", f"COPY --from=install-{target} /opt/env /opt/env")
    for place in (place for place, package in places.items() if package.editable):
        folder = posixpath.normpath(f"{_ROOT}/{place}")
        yield _copy(folder, folder, f"--from=install-{target} ")  # the environment refers to it
    variables = "PATH=/opt/env/bin:$PATH CONDA_PREFIX=/opt/env"
    if "__cuda" in cell.virtual:
        variables += " NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility"
    yield f"ENV {variables}"


def _place(package: LocalPackage) -> str:
    """The path of a package below the folder that Docker sees. Raises BadInput for one outside of it."""
    place = posixpath.normpath(package.path.replace("\\", "/"))
    if _ABSOLUTE.match(place):
        what = f"`{package}` is outside of the repository, and a build of Docker sees only what is inside of it"
        raise BadInput(what, where=package.at, hint="move it into the repository and write its path there, such as ./packages/mine")
    return place


def _check_urls(cell: ExportedCell) -> None:
    """Raise BadInput for a package from a folder of this machine."""
    for package in (*cell.conda, *cell.pip):
        if package.url.startswith(("file:", "git+file:")):
            what = f"{package.name} comes from a folder of this machine, which a build of Docker does not see: {package.url}"
            hint = "lock it from a channel or an index that a server has; `envgen index export` makes a channel to serve"
            raise BadInput(what, where=package.at or cell.lock.shown, hint=hint)


def _copy(source: str, place: str, option: str = "") -> str:
    """COPY, as JSON where a path has spaces."""
    paths = json.dumps([source, place]) if re.search(r"\s", source) else f"{source} {place}"
    return f"COPY {option}{paths}"
