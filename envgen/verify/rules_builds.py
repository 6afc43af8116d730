"""The rules of build truth: a CUDA target holds CUDA builds, a CPU target holds none, and there is one CUDA.

They judge by what each package was built for, never by which CUDA packages are installed beside it: a conda package that names a
CUDA proves nothing, because its requirement on `__cuda` is a constraint, void where there is no driver.
"""

from __future__ import annotations

from collections.abc import Iterable

from packaging.version import Version

from envgen.formats.builds import cuda_of, cudnn_of, is_cpu_build, libraries_of, loads, matches, minor_of, needs_cuda
from envgen.matrix.hardware import runs_with
from envgen.model.catalogue import parsed
from envgen.model.facts import PLATFORMS, Spelling
from envgen.model.packages import LockedPackage
from envgen.verify.registry import Case, Violations, rule


def said(packages: Iterable[LockedPackage], most: int = 3) -> str:
    """Packages as a sentence names them: numpy 2.2.6, pandas 2.3.0 and 4 more."""
    names = [f"{package.name} {package.version}" for package in packages]
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
    for package, framework, cuda in case.frameworks:
        if cuda is None and not case.is_sibling(package, framework):
            meant = f"in a target for {case.told}"
            yield package, f"{_cpu(case, package, framework)} {meant}{_instead(case, package, framework)}"
    judged = {id(package) for package, _, _ in case.frameworks}
    companions = {id(package) for package, known in case.known if known.role == "companion"}
    told = {id(package) for package, _ in case.cudas}
    for package in (package for package in case.packages if id(package) not in judged):
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


@rule("cpu-sibling", "A CPU build beside CUDA leaves the GPU idle; many use one on purpose.", severity="warning")
def cpu_sibling(case: Case) -> Violations:
    """CPU builds that no project requests with CUDA, where the matrices have CUDA builds for the platform: the first of each."""
    found = {
        framework: package
        for package, framework, cuda in reversed(case.frameworks)
        if cuda is None and case.claim.kind in ("cuda", "mixed") and case.is_sibling(package, framework)
    }
    for framework, package in found.items():
        if _has_cuda(case, framework):
            hint = f"request {framework} under `frameworks:` to get a CUDA build"
            yield package, f"a CPU build of {framework} in an environment for {case.told}; {hint}"


def _has_cuda(case: Case, framework: str) -> bool:
    """Whether the matrices know a CUDA build of a framework for the platform; for any, where a list does not name its own."""
    facts = case.matrix.frameworks.get(framework)
    builds = [build for release in facts.releases for build in release.builds] if facts else []
    told = case.platform in PLATFORMS
    return any(build.variants - {None} and (not told or case.platform in build.platforms) for build in builds)


@rule("wrong-cuda", "A build for another CUDA needs another driver, or other libraries, than the target has.")
def wrong_cuda(case: Case) -> Violations:
    """Builds of frameworks, against what was chosen for them, else against the target."""
    wanted = case.claim.cuda
    if case.claim.kind != "cuda" or wanted is None:
        return
    found = [(package, cuda) for package, _, cuda in case.frameworks]
    judged = {id(package) for package, _ in found}
    follow = {id(package) for package, known in case.known if known.role == "companion"}
    follow |= {id(package) for package in case.packages if package.name in case.claim.builds}
    found += [(package, cuda) for package, cuda in case.cudas if id(package) in follow - judged]
    for package, cuda in found:
        chosen, exact = case.claim.builds.get(package.name, (wanted, False))
        if exact and cuda is not None and cuda != str(chosen):
            yield package, f"built for {f'CUDA {cuda}' if cuda else 'an unknown CUDA'}, but a build for CUDA {chosen} was chosen"
        elif cuda and _newer(cuda, chosen):
            yield package, f"built for CUDA {cuda} in a target for CUDA {wanted}"


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
    names = {package.name for package in case.packages}
    for name in case.claim.builds:
        if name not in names:
            yield None, f"{name} was chosen, but is not in the lock"


@rule("stub-package", "The package of that name is empty and fails on purpose.")
def stub_package(case: Case) -> Violations:
    """Packages of which the matrices say so."""
    for package, known in case.known:
        if known.stub:
            yield package, f"is empty and fails on purpose{f'; request {known.ask_for}' if known.ask_for else ''}"


# --- a CPU target ---------------------------------------------------------------------------------------------------------


@rule("silent-cpu", "A CPU build beside CUDA: a CUDA build was requested, and none was found.")
def silent_cpu(case: Case) -> Violations:
    """CPU builds of frameworks in an environment that also holds CUDA, whatever it calls itself."""
    if case.claim.kind not in ("cpu", "mixed"):
        return
    cuda = [package for package, known in case.known if known.names_cuda or cudnn_of(case.catalogue, package)]
    cuda += [package for package, _, built in case.frameworks if built is not None]
    for package, framework, built in case.frameworks:
        if built is None and cuda and not case.is_sibling(package, framework):
            why = _never_built(case, package, framework)
            yield package, f"{_cpu(case, package, framework)} beside {said(cuda)}: the silent CPU build{why}"


@rule("cuda-in-cpu", "A CUDA build in a CPU target brings gigabytes of unused libraries, or needs a GPU that is not there.")
def cuda_in_cpu(case: Case) -> Violations:
    """CUDA builds, parts of CUDA, and whatever needs a driver."""
    if case.claim.kind != "cpu":
        return
    parts = {id(package) for package, known in case.known if known.role == "cuda"}
    told = {id(package) for package, _ in case.cudas}
    built = {id(package): cuda for package, _, cuda in case.frameworks}
    for package in case.packages:
        if needs_cuda(case.catalogue, package):
            yield (
                package,
                "a part of CUDA in a CPU target" if id(package) in parts else "a package without CPU builds in a CPU target",
            )
        elif id(package) in told or built.get(id(package)) is not None:
            yield package, "a CUDA build in a CPU target"
        elif any(need.split()[:1] == ["__cuda"] for need in package.depends):
            yield package, "needs a GPU driver (`__cuda`) in a CPU target"


# --- one CUDA -------------------------------------------------------------------------------------------------------------


@rule("other-cuda", "A package that pins the CUDA of the environment pins another one than the target's.")
def other_cuda(case: Case) -> Violations:
    """The most binding conda package names just the target's CUDA; the others one of its major, before CUDA 12 of its minor."""
    wanted = case.claim.cuda
    if case.claim.kind != "cuda" or wanted is None or len(wanted.release) < 2:
        return
    named = [(package, cuda) for package in case.namers.values() if (cuda := cuda_of(case.catalogue, package))]
    for place, (package, cuda) in enumerate(named):
        loose = place > 0 and Version(cuda).major == wanted.major and wanted.major >= 12
        if cuda != str(wanted) and not loose:
            yield package, f"CUDA {package.version} in a target for CUDA {wanted}"


@rule("two-cuda-majors", "With libraries of two CUDA majors in one process, chance decides which ones are loaded.")
def two_cuda_majors(case: Case) -> Violations:
    """Conda's and pip's packages together; the larger group is taken for the environment's own."""
    groups: dict[int, list[LockedPackage]] = {}
    for package, cuda in case.cudas:
        if cuda and package.name not in case.overruled:
            groups.setdefault(Version(cuda).major, []).append(package)
    for major in sorted(groups, key=lambda major: len(groups[major]))[:-1]:
        others = [package for other, packages in groups.items() if other != major for package in packages]
        yield groups[major][0], f"CUDA {major} ({said(groups[major])}) beside {said(others)}"


@rule("two-cuda-minors", "Before CUDA 12, libraries of two minor versions do not work together.")
def two_cuda_minors(case: Case) -> Violations:
    """What names a minor of CUDA 11 or older. Build strings do not count: conda-forge's for 11.2 also run with newer ones."""
    naming = {id(package) for package, known in case.known if known.names_cuda}
    named: dict[str, list[LockedPackage]] = {}
    for package, cuda in case.cudas:
        tells = id(package) in naming or (package.manager == "pip" and "+cu" in package.version)
        if tells and "." in cuda and Version(cuda).major < 12:
            named.setdefault(cuda, []).append(package)
    if len({Version(cuda).major for cuda in named}) == 1 and len(named) > 1:
        first = min(named, key=Version)
        yield named[first][0], " beside ".join(f"CUDA {cuda} ({said(named[cuda])})" for cuda in sorted(named, key=Version))


@rule("two-cudnn-majors", "A framework links one major of cuDNN, and no other major replaces it.")
def two_cudnn_majors(case: Case) -> Violations:
    """Conda's and pip's cuDNN together."""
    found = {version.major: package for package in case.packages if (version := cudnn_of(case.catalogue, package))}
    if len(found) > 1:
        yield found[min(found)], " beside ".join(f"cuDNN {found[major].version}" for major in sorted(found))


@rule("cudnn-for-cuda", "This cuDNN was not built for the environment's CUDA.")
def cudnn_for_cuda(case: Case) -> Violations:
    """Conda's cuDNN against the majors that conda-forge built it for."""
    wanted = case.claim.cuda
    rows = {row.version: row for row in case.matrix.cudnn}
    for package in case.packages if wanted and case.claim.kind == "cuda" else ():
        version = cudnn_of(case.catalogue, package)
        row = rows.get(version) if version and package.manager == "conda" else None
        if row and wanted and wanted.major not in row.cuda_majors:
            majors = " and ".join(str(major) for major in sorted(row.cuda_majors))
            yield package, f"built for CUDA {majors}, in an environment for CUDA {wanted}"


@rule("cudnn-for-framework", "The framework was built with a newer cuDNN than the one in the lock.")
def cudnn_for_framework(case: Case) -> Violations:
    """What packages were built with, whatever brings cuDNN: it must be of the same major, and not older in major.minor."""
    here = [(package, version) for package in case.packages if (version := cudnn_of(case.catalogue, package))]
    for framework, known in case.known:
        made = known.made_with(framework.version)
        wants = made.cudnn if made else None
        for package, version in here if wants else ():
            if wants and (version < wants or version.major != wants.major):
                yield package, f"{framework.name} {framework.version} was built with cuDNN {wants}"


@rule("plugin-mismatch", "The framework ignores a CUDA plugin of another version, and runs on the CPU.")
def plugin_mismatch(case: Case) -> Violations:
    """A package that must be of the version of another: major.minor.micro are the same."""
    for package, known in case.known:
        partner = case.by_name.get((package.manager, known.same_version_as))
        wanted, version = parsed(partner.version) if partner else None, parsed(package.version)
        if partner and wanted and version and version.release[:3] != wanted.release[:3]:
            yield package, f"does not match {partner.name} {wanted}"


# --- one source -----------------------------------------------------------------------------------------------------------


@rule("framework-twice", "conda and pip both install the framework, and overwrite each other's files.")
def framework_twice(case: Case) -> Violations:
    """The pip package is named."""
    conda = {framework: package for package, framework, _ in case.frameworks if package.manager == "conda"}
    for package, framework, _ in case.frameworks:
        if package.manager == "pip" and framework in conda:
            yield package, f"{framework} from pip and from conda ({said([conda[framework]])})"


@rule("cuda-libraries-twice", "conda and pip both install a library of CUDA: the order of imports decides which one is loaded.")
def cuda_libraries_twice(case: Case) -> Violations:
    """Shared libraries of one name; tools and headers do no harm."""
    conda = {
        library: package
        for package in reversed(case.packages)
        if package.manager == "conda"
        for library in libraries_of(case.catalogue, package)
    }
    for package in (package for package in case.packages if package.manager == "pip"):
        both = {library: conda[library] for library in libraries_of(case.catalogue, package) if library in conda}
        if both:
            yield package, f"{' and '.join(both)} from pip and from conda ({said(dict.fromkeys(both.values()))})"


@rule(
    "companion-elsewhere",
    "A companion that was compiled against another build of its framework may fail at import.",
    severity="warning",
)
def companion_elsewhere(case: Case) -> Violations:
    """Wheels of companions beside conda's framework, and the reverse."""
    for package, known in case.known:
        of_it = {other.manager: other for other, framework, _ in case.frameworks if framework == known.framework}
        if known.linked and of_it and package.manager not in of_it:
            other = next(iter(of_it.values()))
            yield package, f"from {package.manager}, and {other.name} {other.version} from {other.manager}"
