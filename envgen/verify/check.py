"""Is this lock what it is meant to be? Pure: no network, no solve, no disk.

`check` runs every rule over every platform. What a lock is meant to be is a Claim; without one it is inferred from the packages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from packaging.version import Version

from envgen.formats.builds import cuda_of, framework_cuda, framework_of, needs_cuda
from envgen.model.catalogue import Catalogue
from envgen.model.facts import Matrix, Platform
from envgen.model.findings import Claim, ClaimKind, Finding
from envgen.model.packages import Lock, LockedPackage
from envgen.model.resolution import Resolution
from envgen.model.rules import Rule
from envgen.verify import rules_builds, rules_integrity, rules_known, rules_promises  # noqa: F401 - they fill the registry
from envgen.verify.registry import REGISTRY, Case, VerifyCheck

RULES: tuple[Rule[VerifyCheck], ...] = tuple(REGISTRY.values())


def check(lock: Lock, claims: Mapping[Platform, Claim], matrix: Matrix) -> tuple[Finding, ...]:
    """Everything that is wrong with a lock; a platform without a claim is checked against what it seems to be."""
    return tuple(found for case in cases(lock, claims, matrix) for found in found_by(RULES, case))


def found_by(rules: Iterable[Rule[VerifyCheck]], case: Case) -> tuple[Finding, ...]:
    """What some rules find on one platform of a lock."""
    return tuple(_finding(rule, case, package, text) for rule in rules for package, text in rule.judge(case))


def integrity(lock: Lock, channels: tuple[str, ...], matrix: Matrix) -> tuple[Finding, ...]:
    """What is wrong with a lock itself, whatever it is meant to be; its packages may come from these channels."""
    rules = [rule for rule in RULES if rule.judge.__module__ == rules_integrity.__name__]
    claim = Claim(kind="none", cuda=None, source="", channels=channels)
    return tuple(found for case in cases(lock, dict.fromkeys(lock.platforms, claim), matrix) for found in found_by(rules, case))


def cases(lock: Lock, claims: Mapping[Platform, Claim], matrix: Matrix) -> tuple[Case, ...]:
    """One Case for each platform of a lock."""
    by_platform = {p: tuple(package for package in lock.packages if package.platform == p) for p in lock.platforms}
    return tuple(
        Case(
            lock=lock,
            platform=platform,
            claim=claims.get(platform) or inferred(matrix.catalogue, packages),
            matrix=matrix,
            packages=packages,
        )
        for platform, packages in by_platform.items()
    )


def _finding(rule: Rule[VerifyCheck], case: Case, package: LockedPackage | None, text: str) -> Finding:
    name = f"{package.name} {package.version} {package.build}".rstrip() if package else ""
    chain = _chain(case, package) if package and case.lock.linked else ()
    return Finding(
        rule=rule.name,
        severity=rule.severity,
        platform=case.platform,
        package=name,
        text=text,
        chain=chain,
        at=package.at if package else None,
    )


def _chain(case: Case, package: LockedPackage) -> tuple[str, ...]:
    """The shortest way from a package that nothing depends on down to this one; () when nothing depends on it."""
    needed_by: dict[str, list[str]] = {}
    for other in case.packages:
        for need in other.depends:
            needed_by.setdefault(need.split(" ")[0], []).append(other.name)
    ways: list[tuple[str, ...]] = [(package.name,)]
    seen = {package.name}
    for way in ways:  # grows while it is walked: breadth first
        above = [name for name in needed_by.get(way[0], ()) if name not in seen]
        if not needed_by.get(way[0]):
            return way if len(way) > 1 else ()
        seen.update(above)
        ways.extend((name, *way) for name in above)
    return ()


# --- what a lock is meant to be -------------------------------------------------------------------------------------------


def inferred(catalogue: Catalogue, packages: Sequence[LockedPackage]) -> Claim:
    """What the packages of one platform seem to be: cpu, cuda X.Y, mixed (CPU frameworks beside CUDA) or none (no framework).

    CPU builds that people use beside CUDA on purpose make nothing mixed.
    """
    named = [(package, framework_cuda(catalogue, package, packages)) for package in packages if framework_of(catalogue, package)]
    frameworks = [cuda for package, cuda in named if cuda is not None or not _also_on_cpu(catalogue, package)]
    with_cuda = any(needs_cuda(catalogue, package) for package in packages)
    kind: ClaimKind
    if any(cuda is not None for cuda in frameworks):
        kind = "mixed" if None in frameworks else "cuda"
    elif frameworks:
        kind = "mixed" if with_cuda else "cpu"
    else:
        kind = "cuda" if with_cuda else "cpu" if named else "none"
    cuda = _named(catalogue, packages, frameworks) if kind == "cuda" else None
    return Claim(kind=kind, cuda=cuda, source="inferred")


def _also_on_cpu(catalogue: Catalogue, package: LockedPackage) -> bool:
    known = catalogue.of(package)
    return known is not None and known.also_on_cpu


def _named(catalogue: Catalogue, packages: Sequence[LockedPackage], frameworks: Sequence[str | None]) -> Version | None:
    """The CUDA that the environment names, by what binds most; a bare major where nothing tells a minor."""
    cudas = [(package, cuda) for package in packages if (cuda := cuda_of(catalogue, package))]
    by_name = {package.name: cuda for package, cuda in cudas}
    told = [by_name[name] for name in catalogue.namers if name in by_name]
    told += [cuda for cuda in frameworks if cuda and "." in cuda]
    told += [cuda for package, cuda in cudas if (known := catalogue.of(package)) and known.tells == "minor"]
    told += [cuda for _, cuda in cudas]
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
