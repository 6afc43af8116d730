"""What each alias of a project was read as, why, and what to write in its place. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from envgen.model.address import Address
from envgen.model.facts import Matrix, Reason
from envgen.model.gpu import Gpu
from envgen.model.project import Project, RequestedFramework
from envgen.project.aliases import ANY, AliasMeaning
from envgen.project.draft import Draft
from envgen.project.python import WHY
from envgen.yamlfile.document import Document

_THEN = "; "  # between what an alias was read as, and what to write
_REMOVE = "remove it: the rest of the file says the same"
_SEVERAL = "defaults"
_LISTED = "https://www.anaconda.com/docs/getting-started/working-with-conda/reference/default-channels"
_FIRST = "https://repo.anaconda.com/pkgs/main"


def note(matrix: Matrix, draft: Draft, project: Project, alias: AliasMeaning) -> Reason:
    """The note about an alias of a draft that became a project."""
    framework = next((row for row in project.frameworks if alias.framework and row.framework == alias.framework.framework), None)
    names = _targets(matrix, project, alias)
    parts = [_described(alias.framework)] if alias.framework else []
    parts += [f"target{'s' if len(names) > 1 else ''} {' and '.join(names)}"] if names else []
    instead = list(alias.also)
    if framework and not _written(draft, framework):
        listed = [row.framework for row in draft.project.frameworks if row.host == framework.framework and row.text == ANY]
        instead.insert(0, f"`frameworks: {{{spelled(framework, listed)}}}`")
    if names and not set(names) <= _listed(draft):
        instead.append(f"`targets: [{', '.join(row.name for row in project.targets)}]`")
    wheels = _wheels(matrix, framework, alias) if framework else ""
    todo = f"write {' and '.join(instead)} instead{wheels}" if instead else _REMOVE
    return Reason(f"`{alias.text}` is read as {' for '.join(parts)} ({alias.because}){_THEN}{todo}", alias.at)


def _wheels(matrix: Matrix, framework: RequestedFramework, alias: AliasMeaning) -> str:
    """How to have wheels where an alias is spelled as only they are, with an extra or a local version, and the channels decide."""
    provider = matrix.frameworks[framework.framework].of_wheels
    if not alias.of_pip or not re.search(r"[+\[]", alias.text) or framework.provider or not provider:
        return ""
    releases = matrix.frameworks[framework.framework].releases
    wheels = (row for row in releases if any(build.provider == provider for build in row.builds))
    if not any(row.version in framework.versions for row in wheels):
        return ""
    return f", or give {framework.framework} the value `{{version: {_version(framework)}, provider: {provider}}}` for its wheels"


def python_note(shown: str, read: str, instead: str, at: Address) -> Reason:
    """The note about a Python that is not written as a minor under its key; without `instead` the key says the same."""
    todo = f'write `python: "{instead}"` instead' if instead else _REMOVE
    return Reason(f"`{shown}` is read as python {read} ({WHY}){_THEN}{todo}", at)


def host_note(host: RequestedFramework, rows: Iterable[RequestedFramework]) -> Reason:
    """The note about a framework that only its companions name."""
    names = " and ".join(row.framework for row in rows if row.host == host.framework)
    what = f"{host.framework} is requested in any version, because {names} cannot do without it"
    return Reason(f"{what}{_THEN}write `frameworks: {{{spelled(host)}}}` to say so", host.at)


def channel_notes(channels: Iterable[str], document: Document) -> Iterator[Reason]:
    """The note about conda's word for several channels, which is the name of none."""
    for place, name in enumerate(channels):
        if name == _SEVERAL:
            what = f"`{name}` is read as one channel of that name, and conda means several by it ({_LISTED})"
            todo = f"write conda-forge instead, or their URLs, such as {_FIRST}, whose terms may ask for a licence"
            yield Reason(f"{what}{_THEN}{todo}", document.at("channels", place))


def gpu_note(text: str, gpu: Gpu, at: Address) -> Reason | None:
    """The note about the name of a GPU; None where it is written as in the matrices."""
    bare = gpu.written != gpu.name
    if text.strip().lower() in (gpu.written.lower(), gpu.name.lower()):
        return None
    what = gpu.name if bare else f"{gpu.name} (compute capability {gpu.capability})"
    return Reason(f"`{text}` is read as {what}{_THEN}write `gpus: [{spelled_gpu(gpu)}]` instead", at)


def reading(found: Reason) -> str:
    """What a note says that an alias was read as, without what to write."""
    return found.text.rpartition(_THEN)[0]


def spelled(row: RequestedFramework, companions: Sequence[str] = ()) -> str:
    """A requirement as it is written below `frameworks:`, with companions in any version."""
    version = _version(row)
    more = [f"provider: {row.provider}"] if row.provider else []
    more += [f"with: [{', '.join(companions)}]"] if companions else []
    return f"{row.framework}: {{{', '.join((f'version: {version}', *more))}}}" if more else f"{row.framework}: {version}"


def _version(row: RequestedFramework) -> str:
    return '"*"' if row.text == ANY else f'"{row.text}"'


def spelled_gpu(gpu: Gpu) -> str:
    """A GPU as it is written in `gpus:`; a compute capability is a string."""
    return gpu.written if gpu.written == gpu.name else f'"{gpu.written}"'


def _targets(matrix: Matrix, project: Project, alias: AliasMeaning) -> list[str]:
    """The targets of a project that an alias is about."""
    if alias.target is None:
        return []
    names = [row.name for row in project.targets if row.at in (alias.inside, alias.at)]
    targets = [row.own or matrix.targets[row.name] for row in project.targets]
    return names or [target.name for target in targets if any(variant in alias.target for variant in target.variants)]


def _written(draft: Draft, framework: RequestedFramework) -> bool:
    """Whether the file has this very requirement under the framework's own name."""
    aliases = {alias.at for alias in draft.aliases}
    own = next((row for row in draft.project.frameworks if row.framework == framework.framework and row.at not in aliases), None)
    return own == framework


def _listed(draft: Draft) -> set[str]:
    """The targets that the file lists by name."""
    aliases = {alias.at for alias in draft.aliases}
    return {target.requested.name for target in draft.targets if target.requested.at not in aliases}


def _described(row: RequestedFramework) -> str:
    version = "" if row.text == ANY else f" {row.text}"
    return f"{row.framework}{version}{f' of {row.host}' if row.host else ''}{f' from {row.provider}' if row.provider else ''}"
