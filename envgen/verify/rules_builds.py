"""The rules of build truth: a CUDA target holds CUDA builds, a CPU target holds none, and there is one CUDA.

They judge by what each package was built for, never by which CUDA packages are installed beside it: a conda package that names a
CUDA proves nothing, because its requirement on `__cuda` is a constraint, void where there is no driver.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from packaging.version import Version

from envgen.formats.builds import (
    cuda_of,
    is_cpu_build,
    is_for_other_gpus,
    loads,
    needs_cuda,
)
from envgen.formats.marks import matches, minor_of
from envgen.matrix.hardware import runs_with
from envgen.model.catalogue import KnownPackage, parsed
from envgen.model.facts import Spelling
from envgen.model.packages import LockedPackage
from envgen.model.platforms import PLATFORMS
from envgen.verify.entries import admits
from envgen.verify.registry import Case, Violations, rule


def said(packages: Iterable[LockedPackage], most: int = 3) -> str:
    """Packages as a sentence names them: numpy 2.2.6, pandas 2.3.0 and 4 more."""
    names = [f"{package.name} {package.version}".rstrip() for package in packages]  # an environment file need not pin
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _newer(cuda: str, wanted: Version) -> bool:
    """Whether a build's CUDA is of another major than the target's, or a newer minor; a bare major says no minor."""
    found = Version(cuda)
    if found.major != wanted.major:
        return True
    return len(found.release) > 1 and len(wanted.release) > 1 and found > wanted


# --- a CUDA target --------------------------------------------------------------------------------------------------------


@rule("cpu-build", "A CPU build in a CUDA target gives no error: it runs, on the CPU.")
def cpu_build(case: Case) -> Violations:
    """Frameworks, their companions, and whatever a CUDA build was chosen for."""
    if case.claim.kind != "cuda":
        return
    for package, framework in case.cpu_builds:
        if not case.is_sibling(package, framework):
            meant = f"in {case.meant} for {case.told}"
            yield package, f"{_cpu(case, package, framework)} {meant}{_instead(case, package, framework)}"
    for package, framework in case.unmarked if case.claim.stated else ():
        if is_for_other_gpus(case.catalogue, package):
            yield package, f"a build of {framework} for other GPUs than NVIDIA's in {case.meant} for {case.told}"
    judged = {id(package) for package, _, _ in case.frameworks}
    companions = {id(package) for package, known in case.known if known.role == "companion" and case.claim.stated}
    told = {id(package) for package, _ in case.cudas}
    among = case.packages if case.claim.builds else [package for package, _ in case.known if id(package) in companions]
    for package in (package for package in among if id(package) not in judged):
        if id(package) in companions and is_cpu_build(case.catalogue, package):
            yield package, f"a CPU build beside frameworks for {case.told}"
        elif package.name in case.claim.builds and id(package) not in told:
            yield package, f"not a CUDA build, but one for CUDA {case.claim.builds[package.name][0]} was chosen"


def _cpu(case: Case, package: LockedPackage, framework: str) -> str:
    """What a package is that computes on the CPU; one with GPU code that loads its libraries from outside is not a CPU build."""
    major = "" if is_cpu_build(case.catalogue, package) else loads(case.catalogue, package)
    return f"{package.name}, which loads CUDA {major}," if major else f"a CPU build of {framework}"


def _instead(case: Case, package: LockedPackage, framework: str) -> str:
    if case.claim.frameworks and framework not in case.claim.frameworks:
        return f": another package brings it; request {framework} under `frameworks:` to get a CUDA build"
    known = case.catalogue.of(package)
    if known and known.ask_for:
        return f": the packages that make it a CUDA build are not locked; request {known.ask_for}"
    return _never_built(case, package, framework)


def _never_built(case: Case, package: LockedPackage, framework: str) -> str:
    """Why the CUDA build of a conda package did not come, by what names the environment's CUDA; "" where no fact says it."""
    provider, spelling = _provider(case, package, framework) or ("", None)
    if spelling is None or not case.namers:
        return ""
    pins = [spec.rpartition("::")[2].split()[0] for spec in spelling.cuda if len(spec.split()) == 2]
    namer = next((case.namers[name] for name in pins if name in case.namers), None)
    if namer is None:
        other = next(iter(case.namers))
        return f"; the CUDA builds of provider {provider} come with {' and '.join(pins)}, not with {other}" if pins else ""
    cuda = parsed(cuda_of(case.catalogue, namer) or "")
    builds = (
        build
        for release in case.matrix.frameworks[framework].releases
        if str(release.version) == package.version
        for build in release.builds
        if build.provider == provider and case.platform in build.platforms
    )
    variants = {variant for build in builds for variant in build.variants if variant and cuda}
    serving = {v for v in variants if v == cuda or (spelling.newer_minor and cuda and runs_with(v, cuda))}
    return "" if serving else f"; provider {provider} has no build of it for {namer.name} {minor_of(namer.version)}"


def _provider(case: Case, package: LockedPackage, framework: str) -> tuple[str, Spelling] | None:
    """The provider whose CPU builds of this release look like a conda package, and how they are asked for there."""
    version = parsed(package.version)
    facts = case.matrix.frameworks.get(framework)
    for provider in facts.providers if facts and version and package.manager == "conda" else ():
        spelling = case.matrix.frameworks[framework].spellings.get((provider, version)) if version else None
        specs = [spec.rpartition("::")[2].split() for spec in spelling.cpu] if spelling else []
        if spelling and any(words[0] == package.name and matches(words[2], package.build) for words in specs if len(words) > 2):
            return provider, spelling
    return None


@rule("unmarked-build", "Nothing tells whether the build computes on a GPU.", severity="warning")
def unmarked_build(case: Case) -> Violations:
    """Frameworks in a target for CUDA whose build string has no mark of a variant, or which were not pinned to a build."""
    if case.claim.kind == "cuda" and case.claim.stated:
        for package, framework in case.unmarked:
            if is_for_other_gpus(case.catalogue, package):
                continue  # `cpu-build` says what it is
            yield package, f"nothing tells whether it is a CPU or a CUDA build of {framework}, in a target for {case.told}"


@rule("cpu-sibling", "A CPU build beside CUDA leaves the GPU idle; many use one on purpose.", severity="warning")
def cpu_sibling(case: Case) -> Violations:
    """CPU builds that no project requests with CUDA, the first of each family; not where the family has a CUDA build, too."""
    promised = case.claim.kind == "cpu" and case.driver_cuda is not None
    if case.claim.kind not in ("cuda", "mixed") and not promised:
        return
    gpu = f"on a machine with __cuda {case.driver_cuda}" if promised else f"in an environment for {case.told}"
    on_cuda = {framework for _, framework, cuda in case.frameworks if cuda is not None}
    for framework, package in _siblings(case).items():
        if framework not in on_cuda:
            yield package, f"a CPU build of {framework} {gpu}{_to_get_cuda(case, package, framework)}"


def _to_get_cuda(case: Case, package: LockedPackage, framework: str) -> str:
    """What to request for the CUDA build of a framework: where nobody says what the lock is meant to be, what pip takes."""
    known = case.catalogue.of(package)
    if known and known.ask_for and not case.claim.stated:
        return f"; for the CUDA build request {known.ask_for}"
    return f"; request {framework} under `frameworks:` to get a CUDA build" if framework in case.matrix.frameworks else ""


def _siblings(case: Case) -> dict[str, LockedPackage]:
    """The first CPU build of each family of packages that nobody requests with CUDA: of a framework, or any other package."""
    found = {
        name: package for package, name in reversed(case.cpu_builds) if case.is_sibling(package, name) and _has_cuda(case, name)
    }
    judged = {id(package) for package, _, _ in case.frameworks}
    on_cpu = {name for _, name in case.cpu_builds}
    for package in (package for package, traits in case.telling if traits.cpu and id(package) not in judged):
        known = case.catalogue.of(package)
        if known is None or not (known.usual_on_cpu or known.role in ("selector", "framework") or _follows(case, known, on_cpu)):
            found.setdefault(package.name, package)
    return found


def _follows(case: Case, known: KnownPackage, on_cpu: Collection[str]) -> bool:
    """Whether a companion is spoken of elsewhere: as `cpu-build` in a target, or with its framework, which is a CPU build, too."""
    return known.role == "companion" and (case.claim.stated or known.framework in on_cpu)


def _has_cuda(case: Case, framework: str) -> bool:
    """Whether the matrices know a CUDA build of a framework for the platform; for any, where a list does not name its own."""
    facts = case.matrix.frameworks.get(framework)
    builds = [build for release in facts.releases for build in release.builds] if facts else []
    told = case.platform in PLATFORMS
    return not builds or any(build.variants - {None} and (not told or case.platform in build.platforms) for build in builds)


@rule("cpu-elsewhere", "One lock, and on another platform the same program computes on the CPU.", severity="warning")
def cpu_elsewhere(case: Case) -> Violations:
    """CPU builds of frameworks that have a CUDA build on another platform of the lock, where nobody says what it is meant to be."""
    if case.claim.stated or case.claim.kind != "cpu" or case.platform.startswith("osx"):
        return
    for framework, package in {name: package for package, name in reversed(case.cpu_builds)}.items():
        there = case.elsewhere().get(framework)
        if there:
            yield package, f"a CPU build of {framework}; on {there} this lock has a CUDA build"


@rule("wrong-cuda", "A build for another CUDA needs another driver, or other libraries, than the target has.")
def wrong_cuda(case: Case) -> Violations:
    """Builds of frameworks, against what was chosen for them, else against the target."""
    wanted = case.claim.cuda
    if case.claim.kind != "cuda" or wanted is None:
        return
    found = [(package, cuda) for package, _, cuda in case.frameworks]
    judged = {id(package) for package, _ in found}
    follow = {id(package) for package, known in case.known if known.role == "companion"}
    follow |= {id(package) for package, _ in case.cudas if package.name in case.claim.builds}
    found += [(package, cuda) for package, cuda in case.cudas if id(package) in follow - judged]
    for package, cuda in found:
        chosen, exact = case.claim.builds.get(package.name, (wanted, False))
        if exact and cuda is not None and cuda != str(chosen):
            yield package, f"built for {f'CUDA {cuda}' if cuda else 'an unknown CUDA'}, but a build for CUDA {chosen} was chosen"
        elif cuda and _newer(cuda, chosen):
            yield package, f"built for CUDA {cuda} in {case.meant} for CUDA {wanted}"
    for package, _ in case.unmarked:
        major = loads(case.catalogue, package)
        if major and major != str(wanted.major):
            yield package, f"loads CUDA {major}, in {case.meant} for CUDA {wanted}"


@rule("metapackage-mismatch", "A package without files of its own names another CUDA than the framework's.", severity="warning")
def metapackage_mismatch(case: Case) -> Violations:
    """Metapackages of frameworks beside the framework itself: what counts is the CUDA of the latter, where it tells one."""
    unmarked = {id(package) for package, _ in case.unmarked}
    told = (row for row in reversed(case.frameworks) if id(row[0]) not in unmarked)
    real = {framework: (package, cuda) for package, framework, cuda in told}
    for package, known in [row for row in case.known if row[1].role == "framework" and row[1].holds == "metapackage"]:
        other, cuda = real.get(known.framework, (None, None))
        own = cuda_of(case.catalogue, package)
        if other and other != package and _differ(own, cuda):
            built = f"CUDA {cuda}" if cuda else "no CUDA" if cuda is None else "CUDA"
            yield (
                package,
                f"names {f'CUDA {own}' if own else 'no CUDA' if own is None else 'CUDA'}; {other.name} is built for {built}",
            )


def _differ(cuda: str | None, other: str | None) -> bool:
    """Whether two packages name different CUDAs; one without a version may be the same."""
    return cuda != other and not (cuda is not None and other is not None and "" in (cuda, other))


@rule("cpu-selector", "A package that exists to select CPU builds keeps every later solve on the CPU.")
def cpu_selector(case: Case) -> Violations:
    """Packages that keep CUDA builds out, in a CUDA target."""
    if case.claim.kind != "cuda":
        return
    for package, known in case.known:
        if known.role == "selector":
            yield package, f"selects CPU builds in a target for {case.told}"


@rule("framework-missing", "The project requests a framework that is not in the lock.")
def framework_missing(case: Case) -> Violations:
    """Frameworks that the claim names, and packages whose build was chosen."""
    there = {framework for _, framework, _ in case.frameworks}
    for name in case.claim.frameworks:
        if name not in there:
            yield None, f"the project requests {name}, which is not in the lock"
    names = {package.name for package in case.packages} if case.claim.builds else set()
    for name in case.claim.builds:
        if name not in names:
            yield None, f"{name} was chosen, but is not in the lock"


@rule("stub-package", "The package of that name is empty and fails on purpose.")
def stub_package(case: Case) -> Violations:
    """Packages of which the matrices say so, and requirements whose newest release is one: pip takes that."""
    for package, known in case.known:
        is_open = package.manager == "pip" and package.asked != "" and not package.version
        for row in case.catalogue.named("pip", package.name) if is_open else (known,):
            if row.stub and (package.version or admits(package, row.versions)):
                what = "is" if package.version else "its newest release is"
                yield package, f"{what} empty and fails on purpose{f'; request {row.ask_for}' if row.ask_for else ''}"


# --- a CPU target ---------------------------------------------------------------------------------------------------------


@rule("silent-cpu", "A CPU build beside CUDA: a CUDA build was requested, and none was found.")
def silent_cpu(case: Case) -> Violations:
    """CPU builds of frameworks in an environment that also holds CUDA, or whose machines promise `__cuda`."""
    if case.claim.kind not in ("cpu", "mixed") or case.platform.startswith("osx"):
        return
    cuda = _cuda_beside(case)
    named = said(cuda)
    promise = "" if cuda or _on_purpose(case) or case.driver_cuda is None else f"__cuda {case.driver_cuda} of {case.claim.source}"
    for package, framework in case.cpu_builds if cuda or promise else ():
        if not case.is_sibling(package, framework):
            why = _never_built(case, package, framework)
            yield package, f"{_cpu(case, package, framework)} beside {named or promise}: the silent CPU build{why}"


def _cuda_beside(case: Case) -> list[LockedPackage]:
    """What shows that CUDA was requested: what names it, libraries, CUDA builds of frameworks; no mere tools in a CPU target."""
    cudnns = {id(package) for package, _ in case.cudnns}
    found = [package for package, known in case.known if known.names_cuda or id(package) in cudnns]
    found += [package for package, _, built in case.frameworks if built is not None]
    more = [package for package, _ in case.known if needs_cuda(case.catalogue, package)] if case.claim.kind == "mixed" else []
    return list({id(package): package for package in (*found, *more) if id(package) not in case.brought}.values())


def _on_purpose(case: Case) -> bool:
    """Whether packages are there that one installs to get CPU builds."""
    return any(known.role == "selector" or (known.only == "cpu" and known.holds == "metapackage") for _, known in case.known)


@rule("cuda-in-cpu", "A CUDA build in a CPU target brings gigabytes of unused libraries, or needs a GPU that is not there.")
def cuda_in_cpu(case: Case) -> Violations:
    """CUDA builds, parts of CUDA, and whatever needs a driver."""
    if case.claim.kind != "cpu" or (case.platform.startswith("osx") and not case.claim.stated):
        return
    parts = {id(package) for package, known in case.known if known.role == "cuda"}
    told = {id(package) for package, _ in case.cudas}
    built = {id(package): cuda for package, _, cuda in case.frameworks}
    of_cuda = {id(package) for package, _ in case.known if needs_cuda(case.catalogue, package)}
    brought = case.brought if of_cuda else frozenset[int]()
    for package, traits in (row for row in case.telling if id(row[0]) not in brought):
        if id(package) in of_cuda:
            yield (
                package,
                "a part of CUDA in a CPU target" if id(package) in parts else "a package without CPU builds in a CPU target",
            )
        elif id(package) in told or built.get(id(package)) is not None:
            yield package, "a CUDA build in a CPU target"
        elif traits.driver:
            yield package, "needs a GPU driver (`__cuda`) in a CPU target"
