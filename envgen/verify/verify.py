"""`envgen verify`: read each path, decide what it is meant to be, check it against the rules. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.version import InvalidVersion, Version

from envgen import targets
from envgen.formats.installed import installed_target
from envgen.formats.reading import read_any
from envgen.formats.virtual_packages import read_virtual_packages
from envgen.model.catalogue import Catalogue
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix, Platform, Target
from envgen.model.findings import Claim, Verified
from envgen.model.layout import VIRTUAL, Layout
from envgen.model.packages import Lock
from envgen.model.project import Project
from envgen.model.requested import is_left_out, with_gpus, with_overrides
from envgen.verify import check
from envgen.verify.judgements import Judgements


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest:
    """What `envgen verify` is asked. `target`, `project` and `virtual` say what the paths are meant to be.

    `hashes` compares the content of every file of an environment, not only its size.
    """

    paths: tuple[Path, ...]
    target: str | None = None
    project: str | None = None
    virtual: Path | None = None
    hashes: bool = False


_SAME = "`envgen verify` gives the same answer on every machine"
ProjectByName = Callable[[str], Project]
"""The project of the repository with that name; raises BadInput where there is none, or where it cannot be read."""


def verified(
    layout: Layout | None, matrix: Matrix, project: ProjectByName, asked: VerifyRequest
) -> tuple[tuple[Verified, ...], tuple[BadInput, ...]]:
    """Every platform of every path, and what keeps other paths from being read; without a path, of the repository's locks.

    Raises BadInput where there is nothing to verify, and about the only path.
    """
    paths = asked.paths or (_own(layout, asked, matrix, project) if layout else ())
    if not paths:
        raise BadInput(
            "nothing to verify", hint="give a lock, a list or the folder of an environment, or run in a repository with locks"
        )
    judgements, found, errors = Judgements(), list[Verified](), list[BadInput]()
    for path in paths:
        try:
            found += tuple(_of_path(path, layout, matrix, project, asked, judgements))
        except BadInput as error:
            if len(paths) == 1:
                raise
            errors.append(error)
    return tuple(found), tuple(errors)


def _of_path(
    path: Path, layout: Layout | None, matrix: Matrix, project: ProjectByName, asked: VerifyRequest, judgements: Judgements
) -> Iterator[Verified]:
    """Every platform of what is at a path. Raises BadInput where that, or what it is meant to be, cannot be read."""
    for lock in read_any(path, _shown(path, layout), hashes=asked.hashes, hardware=matrix.catalogue.wheels.extras):
        yield from _judged(lock, _claims(lock, path.absolute(), layout, asked, matrix, project), matrix, judgements)


def verified_as(lock: Lock, project: Project, target: str, matrix: Matrix, judgements: Judgements) -> tuple[Verified, ...]:
    """Every platform of a lock that is meant to be a target of a project; `judgements` are of other locks, by the same facts."""
    return tuple(_judged(lock, _of_project(lock, project, target, matrix), matrix, judgements))


def _own(layout: Layout, asked: VerifyRequest, matrix: Matrix, by_name: ProjectByName) -> tuple[Path, ...]:
    """The locks of the repository, of the requested project alone and of one target of each where these are named."""
    if asked.project:
        layout.known_project(asked.project)
    places = [path for path in layout.locks() if asked.project in (None, path.parent.parent.name)]
    if asked.target is None:
        return tuple(places)
    word, projects = asked.target, dict.fromkeys(path.parent.parent.name for path in places)
    is_name = any(word in _targets(by_name, name) for name in projects)
    chosen = {name: _chosen(word, layout.locked_targets(name), matrix, is_name=is_name) for name in projects}
    return tuple(path for path in places if path.parent.name == chosen[path.parent.parent.name])


def _targets(by_name: ProjectByName, name: str) -> frozenset[str]:
    """The names of a project's targets; none where it cannot be read, which is told of its locks."""
    try:
        return frozenset(row.name for row in by_name(name).targets)
    except BadInput:
        return frozenset()


def _chosen(word: str, names: Iterable[str], matrix: Matrix, *, is_name: bool) -> str | None:
    """The target of one project that a word means; where it is the name of any project's target, the one with that name."""
    return targets.named(word, names, matrix, _SAME) if word in names or not is_name else None


def _requested(word: str, matrix: Matrix) -> targets.TargetRange:
    return targets.on_any_machine(word, matrix, _SAME)


def _shown(path: Path, layout: Layout | None) -> str:
    """The path below the repository, as a code host knows the file; any other as it was given."""
    whole = path.absolute()
    return layout.shown(whole) if layout and whole.is_relative_to(layout.root) else str(path)


def _judged(lock: Lock, claims: Mapping[Platform, Claim], matrix: Matrix, judgements: Judgements) -> Iterable[Verified]:
    for case in check.cases(lock, claims, matrix):
        judgement = judgements.of(case)
        yield Verified(
            lock=lock,
            platform=case.platform,
            claim=case.claim,
            packages=len(case.packages),
            driver=judgement.driver,
            compiling=judgement.compiling,
            findings=judgement.findings,
        )


# --- what a path is meant to be -------------------------------------------------------------------------------------------


def _claims(
    lock: Lock, path: Path, layout: Layout | None, asked: VerifyRequest, matrix: Matrix, by_name: ProjectByName
) -> Mapping[Platform, Claim]:
    """By what was said on the command line, by the project whose lock it is, by the file beside it; else none: it is inferred."""
    place = _place(path, layout)
    project = asked.project or (place[0] if place else None)
    target = asked.target or (place[1] if place else None)
    if project and layout and target:
        return _of_project(lock, by_name(project), target, matrix)
    if asked.project:
        hint = "add --target TARGET" if layout else "run in the repository of that project"
        raise BadInput(f"no target of project {asked.project} given for {lock.shown}", hint=hint)
    if target:
        claims = claims_for(lock, requested_target(target, matrix))
        promised = read_virtual_packages(asked.virtual) if asked.virtual else {}
        return {p: replace(claim, virtual=promised[p]) if p in promised else claim for p, claim in claims.items()}
    virtual = asked.virtual or path.parent / VIRTUAL
    if asked.virtual or virtual.is_file():
        return _of_promise(lock, virtual, matrix.catalogue)
    return _of_machine(lock, matrix.catalogue) if lock.promises else {}


def _place(path: Path, layout: Layout | None) -> tuple[str, str] | None:
    """Project and target of a lock in its place in the repository, or of an environment that envgen installed."""
    if layout and (place := layout.lock_place(path)):
        return place
    try:
        named = installed_target(path)
    except BadInput:  # a damaged manifest claims nothing
        return None
    return named if named and layout and named[0] in layout.projects() else None


def _of_project(lock: Lock, project: Project, word: str, matrix: Matrix) -> dict[Platform, Claim]:
    rows = {row.name: row for row in project.targets}
    target = targets.named(word, rows, matrix, _SAME)
    if target is None:
        raise targets.lacking(project.name, word, rows, matrix, project.at("targets"))
    project = project.for_target(target)
    own = with_gpus(with_overrides(rows[target].own or matrix.targets[target], rows[target]), project)
    requested = (row for row in project.frameworks if not row.host and not is_left_out(matrix, project, row, own))
    frameworks = tuple(row.framework for row in requested)
    return {platform: _for_project(claim, project, frameworks) for platform, claim in claims_for(lock, own).items()}


def _for_project(claim: Claim, project: Project, frameworks: tuple[str, ...]) -> Claim:
    return replace(
        claim,
        frameworks=frameworks,
        channels=project.channels,
        driver=project.driver,
        gpus=project.gpus,
    )


def requested_target(word: str, matrix: Matrix) -> Target:
    """The target of the matrices that a word means, or one that it describes: cu127 is CUDA 12.7. Raises BadInput for neither."""
    found = targets.described(_requested(word, matrix), matrix)
    if found is None:
        raise BadInput(f"no target `{word}`", hint=targets.nearest(word, matrix))
    return found


def claims_for(lock: Lock, target: Target) -> dict[Platform, Claim]:
    """One claim for each platform; there is no CUDA on macOS, whatever the target."""
    return {
        platform: Claim(
            kind="cuda" if target.cuda and not platform.startswith("osx") else "cpu",
            cuda=None if platform.startswith("osx") else target.on(platform).cuda,
            source=f"target {target.name}",
            virtual=target.virtual.get(platform),
        )
        for platform in lock.platforms
    }


def _of_promise(lock: Lock, path: Path, catalogue: Catalogue) -> dict[Platform, Claim]:
    """What a `virtual-packages.yml` makes of a lock: without `__cuda` it is for the CPU, else for what its packages seem to be for.

    `__cuda` is the newest CUDA that the machine's driver runs.
    """
    promised = read_virtual_packages(path)
    return {
        platform: _promised(lock, platform, promised[platform], path, catalogue)
        for platform in lock.platforms
        if platform in promised
    }


def _promised(lock: Lock, platform: Platform, virtual: Mapping[str, str], path: Path, catalogue: Catalogue) -> Claim:
    if "__cuda" not in virtual:
        return Claim(kind="cpu", cuda=None, source=path.name, virtual=virtual)
    try:
        Version(virtual["__cuda"].split(" ")[0])
    except InvalidVersion:
        hint = 'write a version such as "12.6"'
        raise BadInput(f"`__cuda: {virtual['__cuda']}` is not a version", where=path, hint=hint) from None
    return replace(_seems(lock, platform, catalogue), source=path.name, virtual=virtual)


def _of_machine(lock: Lock, catalogue: Catalogue) -> dict[Platform, Claim]:
    """What the virtual packages in a lock make of it, which need not be all that the machine has."""
    source = f"platform {lock.machine}"
    return {
        platform: replace(_seems(lock, platform, catalogue), source=source, virtual=lock.promises, more_virtual=True)
        for platform in lock.platforms
    }


def _seems(lock: Lock, platform: Platform, catalogue: Catalogue) -> Claim:
    packages = [package for package in lock.packages if package.platform == platform]
    return check.inferred(catalogue, packages, complete=lock.complete)
