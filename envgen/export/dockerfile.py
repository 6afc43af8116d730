"""A Dockerfile with a stage for each target of a project. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from envgen import __version__
from envgen.export.model import ExportedCell

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


def dockerfile_text(project: str, cells: Sequence[ExportedCell]) -> str:
    """The stages of the targets that have a lock for Linux, in the order of the cells."""
    targets = {cell.target: cell for cell in cells}
    head = _HEAD.format(project=project, version=__version__, last=next(reversed(targets)))
    return head + "".join(f"{line}\n" for cell in targets.values() for line in _stages(cell))


def _stages(cell: ExportedCell) -> Iterator[str]:
    target = cell.target
    yield from ("", f"FROM envgen AS install-{target}")
    yield f"RUN envgen install {cell.project} --target {target} --prefix /opt/env"
    yield from ("", f"FROM $BASE AS {target}", f"COPY --from=install-{target} /opt/env /opt/env")
    variables = "PATH=/opt/env/bin:$PATH CONDA_PREFIX=/opt/env"
    if "__cuda" in cell.virtual:
        variables += " NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility"
    yield f"ENV {variables}"
