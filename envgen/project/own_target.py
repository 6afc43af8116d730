"""A target of a project's own: its name, and what its CUDA makes of the targets in the matrices. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from packaging.version import Version

from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix, Platform, Target, Variant
from envgen.model.target_names import CPU, target_name
from envgen.project.aliases import read_alias
from envgen.project.package_spec import conda_spec
from envgen.project.schema import OWN_CUDA_HINT
from envgen.targets import MachineWord, meaning, nearest
from envgen.yamlfile.document import Document

_NAME = re.compile(r"[a-z][a-z0-9-]*")
_NAMES = "a target of your own has a name of its own: lower case letters, digits and `-`, such as old-cluster"
_WITHOUT_CUDA = "none"  # as a value of `cuda:`: a target for CPU


def own_target(document: Document, matrix: Matrix, key: str, cuda: str | Mapping[Platform, str] | None) -> Target | None:
    """The target that a row with `cuda:` describes; None for a row without.

    Each platform has what a target of matrices/targets.yaml with its CUDA has. Raises BadInput for a name that means something
    else, for what is not one CUDA version, and for a platform that has no such target, or that the project does not list.
    """
    if cuda is None:
        return None
    at = document.at("targets", key)
    _check_name(matrix, key, at)
    if isinstance(cuda, str):
        known = _with_cuda(matrix, cuda, document.at("targets", key, "cuda"))
        return Target(name=key, cuda=known.cuda, platforms=known.platforms, virtual=known.virtual, at=at, own=True)
    rows = {platform: _on_platform(document, matrix, key, platform, text) for platform, text in sorted(cuda.items())}
    cudas = {platform: known.cuda for platform, known in rows.items() if known.cuda}
    return Target(
        name=key,
        cuda=max(cudas.values()),
        platforms=tuple(rows),
        virtual={platform: known.virtual[platform] for platform, known in rows.items()},
        at=at,
        by_platform=cudas if len(set(cudas.values())) > 1 else {},
        own=True,
    )


def _check_name(matrix: Matrix, key: str, at: Address) -> None:
    """Raise BadInput for a name that cannot be a folder, and for one that means a target already; `gpu` may be one's own."""
    if key in matrix.targets:
        known = matrix.targets[key]
        what = f"`{key}` is a target of matrices/targets.yaml, for {known.cuda_text}"
        raise BadInput(what, where=at, hint=f"remove `cuda:`, or choose another name; {_NAMES}")
    if not _NAME.fullmatch(key) or key == "index":
        raise BadInput(f"`{key}` cannot be the name of a target", where=at, hint=_NAMES)
    word = meaning(key, matrix)
    if (word and word is not MachineWord.GPU) or read_alias(matrix, conda_spec(key), at):
        raise BadInput(f"`{key}` has a meaning already, as a target word", where=at, hint=_NAMES)


def _on_platform(document: Document, matrix: Matrix, key: str, platform: Platform, text: str) -> Target:
    """The target of the matrices with the CUDA of one platform."""
    at = document.at("targets", key, "cuda", platform)
    known = _with_cuda(matrix, text, at)
    if known.cuda is None:
        hint = "a target is for CPU or for CUDA on all of its platforms: leave the platform out, and list it under `cpu`"
        raise BadInput(f"{platform} without CUDA, in a target with CUDA", where=at, hint=hint)
    if platform not in known.platforms:
        raise BadInput(
            f"CUDA {known.cuda} is not for {platform}, but for {', '.join(known.platforms)}", where=at, hint=OWN_CUDA_HINT
        )
    listed = document.data.get("platforms", ())
    if platform not in (document.data["targets"][key].get("platforms") or listed):
        hint = f"add it there, or remove its CUDA; there is {', '.join(map(str, listed))}"
        raise BadInput(f"{platform} has a CUDA here and is not in platforms:", where=at, hint=hint)
    return known


def _with_cuda(matrix: Matrix, text: str, at: Address) -> Target:
    """The target of the matrices for one CUDA version, or for CPU."""
    if text == _WITHOUT_CUDA:
        return matrix.targets[CPU]
    minor = _minor(text)
    if minor is None:
        raise BadInput(f"`{text}` is not one CUDA version", where=at, hint=OWN_CUDA_HINT)
    known = matrix.targets.get(target_name(minor))
    if known is None:
        raise BadInput(f"no target has CUDA {minor}", where=at, hint=nearest(text, matrix))
    return known


def _minor(text: str) -> Variant:
    """The CUDA version of a text that has one and nothing else: 12.9 and 12.9.1 are 12.9."""
    match = re.fullmatch(r"([0-9]+\.[0-9]+)(?:\.[0-9]+)?", text.strip())
    return Version(match[1]) if match else None
