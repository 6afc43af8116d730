"""From a solved target to its lock: written by `lock_text`, or by conda-lock where only that can."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from envgen.formats import conda_lock as lockfile
from envgen.formats.conda_specs import NotCovered
from envgen.lock.hold import stamped
from envgen.lock.inputs import cell_digest, pip_digest
from envgen.lock.lock_text import LockTexts, dump, head, lock_texts
from envgen.model.catalogue import Catalogue
from envgen.model.errors import BadInput
from envgen.model.facts import Platform
from envgen.model.layout import LOCK
from envgen.model.packages import Solution
from envgen.model.resolution import RenderedFile, Resolution
from envgen.model.run import PinWith, Solved, Stamp
from envgen.resolver import specs
from envgen.resolver.pip_specs import pip_requests

_COMMENT = """\
# Made by envgen with conda-lock; do not edit: change the project and run `envgen lock`.
# Create the environment with any of:
#   conda-lock install --name {name} {lock}
#   micromamba create --name {name} --file {lock}
"""


def prepare(resolutions: Iterable[Resolution], pin_with: PinWith) -> None:
    """Import conda-lock if it will be needed, which can be done while cells are solved."""
    if pin_with == "conda-lock" or not all(map(_covered, resolutions)):
        from envgen.lock import condalock

        condalock.warm()


def pin(
    item: Solved, files: Sequence[RenderedFile], wanted: str, catalogue: Catalogue, pin_with: PinWith = "envgen"
) -> RenderedFile:
    """The lock of one target, from its rendered files and the packages of each platform.

    `wanted` goes into the stamp. Raises BadInput for a package without an md5.
    """
    _check_hashes(item.solutions)
    top, body = _texts(item, files, pin_with)
    stamp = Stamp(
        wanted=wanted,
        cells={request.platform: cell_digest(request) for request in specs.requests(item.resolution)},
        chosen=stamped(item.resolution),
        packages=lockfile.digest(body),
        downloads=item.downloads,
        moved=item.resolution.moved,
        dropped=item.dropped,
        exclude_newer=str(item.resolution.project.exclude_newer),
        pip=_pip_digests(item, catalogue),
    )
    metadata = {**top["metadata"], "custom_metadata": lockfile.metadata(stamp)}
    return RenderedFile(
        LOCK, _COMMENT.format(name=item.resolution.environment, lock=LOCK) + dump({**top, "metadata": metadata}) + body
    )


def _check_hashes(solutions: Iterable[Solution]) -> None:
    record = next((record for solution in solutions for record in solution.records if record.md5 is None), None)
    if record:
        raise BadInput(f"{record.file} has no md5 in {record.channel}", hint="conda-lock's format needs one; choose another build")


def _texts(item: Solved, files: Sequence[RenderedFile], pin_with: PinWith) -> LockTexts:
    if pin_with == "envgen":
        try:
            return lock_texts(item)
        except NotCovered:
            pass
    from envgen.lock import condalock

    return condalock.lock_texts(item, files)


def _pip_digests(item: Solved, catalogue: Catalogue) -> dict[Platform, str]:
    """For each platform what its pip packages were resolved for; nothing without a pip section."""
    records = {row.platform: row.records for row in item.solutions}
    return {
        platform: pip_digest(request, records[platform], item.wheels[platform], catalogue)
        for platform, request in pip_requests(item.resolution).items()
        if platform in item.wheels
    }


def _covered(resolution: Resolution) -> bool:
    try:
        head(resolution)
    except NotCovered:
        return False
    return True
