"""Is this lock what it is meant to be? Pure: no network, no solve, no disk.

`check` runs every rule over every platform. What a lock is meant to be is a Claim; without one it is inferred from the packages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial

from packaging.version import Version

from envgen.formats.builds import Surroundings, cuda_of, frameworks_of, needs_cuda
from envgen.formats.marks import mark_in
from envgen.model.catalogue import Catalogue
from envgen.model.facts import Matrix, Platform
from envgen.model.findings import Claim, ClaimKind, Finding
from envgen.model.packages import Lock, LockedPackage
from envgen.model.resolution import Resolution
from envgen.model.rules import Rule
from envgen.verify import (  # noqa: F401 - they fill the registry
    rules_builds,
    rules_cuda,
    rules_integrity,
    rules_known,
    rules_promises,
    rules_requests,
)
from envgen.verify.brought import of_cpu_builds
from envgen.verify.registry import REGISTRY, Case, VerifyCheck

RULES: tuple[Rule[VerifyCheck], ...] = tuple(REGISTRY.values())


def check(lock: Lock, claims: Mapping[Platform, Claim], matrix: Matrix) -> tuple[Finding, ...]:
    """Everything that is wrong with a lock; a platform without a claim is checked against what it seems to be."""
    return tuple(found for case in cases(lock, claims, matrix) for found in found_in(case))


def found_in(case: Case, rules: Iterable[Rule[VerifyCheck]] = RULES) -> tuple[Finding, ...]:
    """Everything that is wrong with one platform of a lock, by some rules or all."""
    return tuple(_finding(rule, case, package, text) for rule in rules for package, text in rule.judge(case))


def integrity(lock: Lock, channels: tuple[str, ...], matrix: Matrix) -> tuple[Finding, ...]:
    """What is wrong with a lock itself, whatever it is meant to be; its packages may come from these channels."""
    rules = [rule for rule in RULES if rule.judge.__module__ == rules_integrity.__name__]
    claim = Claim(kind="none", cuda=None, source="", channels=channels)
    return tuple(found for case in cases(lock, dict.fromkeys(lock.platforms, claim), matrix) for found in found_in(case, rules))


def cases(lock: Lock, claims: Mapping[Platform, Claim], matrix: Matrix) -> tuple[Case, ...]:
    """One Case for each platform of a lock."""
    by_platform: dict[Platform, list[LockedPackage]] = {}
    for package in lock.packages:
        by_platform.setdefault(package.platform, []).append(package)
    found = [
        Case(
            lock=lock,
            platform=platform,
            claim=claims.get(platform) or inferred(matrix.catalogue, packages, complete=lock.complete),
            matrix=matrix,
            packages=tuple(packages),
            elsewhere=dict,
        )
        for platform, packages in by_platform.items()
    ]
    elsewhere = cache(partial(_on_cuda, found))
    return tuple(replace(case, elsewhere=elsewhere) for case in found)  # new ones: no circle keeps them in memory


def _on_cuda(found: Iterable[Case]) -> dict[str, Platform]:
    """Framework -> the first platform of a lock that has a CUDA build of it."""
    return {name: case.platform for case in reversed([*found]) for _, name, cuda in case.frameworks if cuda is not None}


def _finding(rule: Rule[VerifyCheck], case: Case, package: LockedPackage | None, text: str) -> Finding:
    name = " ".join(filter(None, (package.name, package.version, package.build))) if package else ""
    chain = case.way(package) if package and case.lock.linked else ()
    return Finding(
        rule=rule.name,
        severity=rule.severity,
        platform=case.platform,
        package=name,
        text=text,
        chain=chain,
        at=package.at if package else None,
    )


# --- what a lock is meant to be -------------------------------------------------------------------------------------------


def inferred(catalogue: Catalogue, packages: Sequence[LockedPackage], *, complete: bool = True) -> Claim:
    """What one platform seems to be: cpu, cuda X.Y, mixed (CPU frameworks beside CUDA), unknown, or none (no framework).

    CPU builds that people use beside CUDA on purpose make nothing mixed. There is no CUDA on macOS. `complete` says whether these
    are all packages.
    """
    named, unmarked = frameworks_of(catalogue, packages, Surroundings(catalogue, packages), complete=complete)
    told = [cuda for package, _, cuda in named if cuda is not None]
    on_cpu = [package for package, _, cuda in named if cuda is None and id(package) not in unmarked]
    of_cuda = [package for package in packages if needs_cuda(catalogue, package) and not package.platform.startswith("osx")]
    brought = of_cpu_builds(catalogue, packages) if of_cuda and on_cpu else frozenset[int]()
    with_cuda = any(id(package) not in brought for package in of_cuda)
    by_index = next(filter(None, (mark_in(catalogue.wheels.cuda_indexes, package.index) for package, _, _ in named)), "")
    selected = any(known.role == "selector" for package in packages if (known := catalogue.of(package)))
    kind: ClaimKind
    if any(not _also_on_cpu(catalogue, package) for package in on_cpu):
        kind = "mixed" if told or with_cuda else "cpu"
    elif told or with_cuda or by_index:
        kind = "cuda"
    else:
        kind = "cpu" if on_cpu or selected else "unknown" if named else "none"
    cuda = _named(catalogue, packages, told or [by_index]) if kind == "cuda" else None
    return Claim(kind=kind, cuda=cuda, source="inferred", stated=False)


def _also_on_cpu(catalogue: Catalogue, package: LockedPackage) -> bool:
    known = catalogue.of(package)
    return known is not None and known.also_on_cpu


def _named(catalogue: Catalogue, packages: Sequence[LockedPackage], frameworks: Sequence[str]) -> Version | None:
    """The CUDA that the environment names, by what binds most; a bare major where nothing tells a minor.

    What is for another major than every framework does not name it.
    """
    majors = {cuda.split(".")[0] for cuda in frameworks if cuda}
    cudas = [(package, cuda) for package in packages if (cuda := cuda_of(catalogue, package))]
    fitting = [(package, cuda) for package, cuda in cudas if not majors or cuda.split(".")[0] in majors]
    by_name = {package.name: cuda for package, cuda in fitting}
    told = [by_name[name] for name in catalogue.namers if name in by_name]
    told += [cuda for cuda in frameworks if cuda and "." in cuda]
    told += [cuda for package, cuda in fitting if (known := catalogue.of(package)) and known.tells == "minor"]
    told += [*filter(None, frameworks), *(cuda for _, cuda in cudas)]
    return Version(told[0]) if told else None


def claims_of(resolution: Resolution) -> dict[Platform, Claim]:
    """What a resolution decided, for each of its platforms."""
    target, project = resolution.target, resolution.project
    hosts = {row.framework for row in project.frameworks if not row.host}
    return {
        platform: Claim(
            kind="cuda" if target.cuda else "cpu",
            cuda=target.on(platform).cuda,
            source=f"target {target.name}",
            virtual=target.virtual[platform],
            frameworks=tuple(row.release.framework for row in resolution.choices if row.release.framework in hosts),
            builds=_chosen(resolution, platform),
            channels=project.channels,
            driver=project.driver,
            gpus=project.gpus,
        )
        for platform in resolution.platforms
    }


def _chosen(resolution: Resolution, platform: Platform) -> dict[str, tuple[Version, bool]]:
    """Packages whose build the CUDA spelling pins by a glob -> the CUDA of that build, and whether it must be just that.

    It must where the framework's own spec names the CUDA; a glob such as `*_cuda` does not say which one comes.
    """
    built = [(choice, cuda) for choice in resolution.choices if resolution.target.cuda and (cuda := choice.on(platform))]
    hosts = {row.framework for row in resolution.project.frameworks if not row.host}
    own = [
        (spec, variant, names_cuda(spec) and choice.release.framework in hosts)
        for choice, variant in built
        for spec in choice.spelling.cuda
    ]
    return {words[0]: (variant, exact) for spec, variant, exact in own if len(words := spec.rpartition("::")[2].split()) == 3}


def names_cuda(spec: str) -> bool:
    """Whether a spec of a spelling selects a build by the CUDA in its build string."""
    build = spec.split()[2:]
    return any(hole in text for text in build for hole in ("{cu}", "{cuda}"))
