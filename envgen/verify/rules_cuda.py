"""The rules about one CUDA, and one source of it: which versions and libraries stand beside each other in an environment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from packaging.version import Version

from envgen.formats.builds import cuda_of, libraries_of, loads, version_names_cuda
from envgen.model.catalogue import parsed
from envgen.model.packages import LockedPackage
from envgen.verify.entries import channel_of
from envgen.verify.registry import Case, Violations, rule
from envgen.verify.rules_builds import said

# --- one CUDA -------------------------------------------------------------------------------------------------------------


@rule("other-cuda", "A package that pins the CUDA of the environment pins another one than the target's.")
def other_cuda(case: Case) -> Violations:
    """The most binding conda package names just the target's CUDA; the others one of its major, before CUDA 12 of its minor.

    Where nobody says what the lock is meant to be, it is for the CUDA that it names.
    """
    wanted = case.claim.cuda
    if case.claim.kind != "cuda" or wanted is None or len(wanted.release) < 2 or not case.claim.stated:
        return
    named = [(package, cuda) for package in case.namers.values() if (cuda := cuda_of(case.catalogue, package))]
    for place, (package, cuda) in enumerate(named):
        loose = place > 0 and Version(cuda).major == wanted.major and wanted.major >= 12
        if cuda != str(wanted) and not loose:
            yield package, f"CUDA {package.version} in a target for CUDA {wanted}"


@rule("two-cuda-majors", "With libraries of two CUDA majors in one process, chance decides which ones are loaded.")
def two_cuda_majors(case: Case) -> Violations:
    """What brings shared libraries whose sonames tell the major, and whatever loads them; of conda and of pip together.

    Headers, tools and metapackages do no harm, nor does what is inside a wheel. The larger group counts as the environment's own.
    """
    groups: dict[int, list[LockedPackage]] = {}
    brought = [(package, cuda) for package, cuda in case.cudas if "" in case.brings(package).values()]
    loading = [(package, cuda) for package, _, cuda in case.frameworks if not _holds_cuda(case, package)]
    loading += [(package, loads(case.catalogue, package)) for package, known in case.known if known.role == "user"]
    for package, cuda in (*brought, *loading):
        if cuda and package.name not in case.overruled:
            groups.setdefault(Version(cuda).major, []).append(package)
    for major in sorted(groups, key=lambda major: len(groups[major]))[:-1]:
        others = [package for other, packages in groups.items() if other != major for package in packages]
        yield groups[major][0], f"CUDA {major} ({said(groups[major])}) beside {said(others)}"


def _holds_cuda(case: Case, package: LockedPackage) -> bool:
    """Whether the libraries of CUDA are inside a package, under names of its own."""
    known = case.catalogue.of(package)
    made = known.made_with(package.version) if known else None
    return made is not None and made.inside


@rule("two-cuda-minors", "Before CUDA 12, libraries of two minor versions do not work together.")
def two_cuda_minors(case: Case) -> Violations:
    """What names a minor of CUDA 11 or older. Build strings do not count: conda-forge's for 11.2 also run with newer ones."""
    naming = {id(package) for package, known in case.known if known.names_cuda}
    named: dict[str, list[LockedPackage]] = {}
    for package, cuda in case.cudas:
        tells = id(package) in naming or (package.manager == "pip" and version_names_cuda(case.catalogue, package))
        if tells and "." in cuda and Version(cuda).major < 12:
            named.setdefault(cuda, []).append(package)
    if len({Version(cuda).major for cuda in named}) == 1 and len(named) > 1:
        first = min(named, key=Version)
        yield named[first][0], " beside ".join(f"CUDA {cuda} ({said(named[cuda])})" for cuda in sorted(named, key=Version))


@rule(
    "cuda-minor-open", "What runs and compiles CUDA code is of a newer minor than the target's: its driver may not know that code."
)
def cuda_minor_open(case: Case) -> Violations:
    """CUDA's own wheels whose version tells the minor, in a target for an older minor of their major.

    Wheels that a framework pins are of the CUDA that it was built for, which `wrong-cuda` judges. Those that tell no minor
    are newer on purpose: what one framework pins has several minors.
    """
    wanted = case.claim.cuda
    if case.claim.kind != "cuda" or wanted is None or not case.claim.stated:
        return
    built = {cuda for _, _, cuda in case.frameworks}
    newer: dict[str, list[LockedPackage]] = {}
    for package, known in case.known:
        cuda = (
            cuda_of(case.catalogue, package)
            if package.manager == "pip" and known.tells == "minor" and not known.framework
            else None
        )
        if cuda and cuda not in built and Version(cuda).major == wanted.major and Version(cuda) > wanted:
            newer.setdefault(cuda, []).append(package)
    for cuda, packages in newer.items():
        yield packages[0], f"CUDA {cuda} ({said(packages)}) in {case.meant} for CUDA {wanted}{_bound(case, wanted)}"


def _bound(case: Case, wanted: Version) -> str:
    """What to request so that CUDA's own wheels are of one minor; "" where the matrices know no such package."""
    name = next((name for row in case.catalogue.packages if row.names_cuda for name in row.pip), "")
    return f"; nothing bounds the minor: request {name}=={wanted}.*" if name else ""


@rule("two-cudnn-majors", "A framework links one major of cuDNN, and no other major replaces it.")
def two_cudnn_majors(case: Case) -> Violations:
    """Conda's and pip's cuDNN together."""
    found = {version.major: package for package, version in case.cudnns}
    if len(found) > 1:
        yield found[min(found)], " beside ".join(f"cuDNN {found[major].version}" for major in sorted(found))


@rule("cudnn-for-cuda", "This cuDNN was not built for the environment's CUDA.")
def cudnn_for_cuda(case: Case) -> Violations:
    """Conda's cuDNN against the majors that conda-forge built it for."""
    wanted = case.claim.cuda
    rows = {row.version: row for row in case.matrix.cudnn}
    for package, version in case.cudnns if wanted and case.claim.kind == "cuda" else ():
        row = rows.get(version) if package.manager == "conda" else None
        if row and wanted and wanted.major not in row.cuda_majors:
            majors = " and ".join(str(major) for major in sorted(row.cuda_majors))
            yield package, f"built for CUDA {majors}, in an environment for CUDA {wanted}"


@rule("cudnn-for-framework", "The framework was built with a newer cuDNN than the one in the lock.")
def cudnn_for_framework(case: Case) -> Violations:
    """What packages were built with, whatever brings cuDNN: it must be of the same major, and not older in major.minor."""
    for framework, known in case.known:
        made = known.made_with(framework.version)
        wants = made.cudnn if made else None
        for package, version in case.cudnns if wants else ():
            if wants and (version < wants or version.major != wants.major):
                yield package, f"{framework.name} {framework.version} was built with cuDNN {wants}"


@rule("plugin-mismatch", "The framework ignores a CUDA plugin of another version, and runs on the CPU.")
def plugin_mismatch(case: Case) -> Violations:
    """A package that must be of the version of another: major.minor.micro are the same."""
    for package, known in case.known:
        partner = case.by_name.get((package.manager, known.same_version_as))
        wanted, version = (parsed(partner.version), parsed(package.version)) if partner else (None, None)
        if partner and wanted and version and version.release[:3] != wanted.release[:3]:
            yield package, f"does not match {partner.name} {wanted}"


# --- one source -----------------------------------------------------------------------------------------------------------


@rule("framework-twice", "Two packages install the same framework, and overwrite each other's files.")
def framework_twice(case: Case) -> Violations:
    """The pip package is named. Also two wheels that install the same files."""
    conda = {framework: package for package, framework, _ in case.frameworks if package.manager == "conda"}
    for package, framework, _ in case.frameworks:
        if package.manager == "pip" and framework in conda:
            yield package, f"{framework} from pip and from conda ({said([conda[framework]])})"
    seen: dict[str, None] = {}
    for package, known in case.known:
        other = _with_the_same_files(case, package, known.same_files_as)
        if other and other.name not in seen:
            seen[package.name] = None
            yield package, f"{package.name} and {said([other])} install the same files and overwrite each other's"


def _with_the_same_files(case: Case, package: LockedPackage, names: Iterable[str]) -> LockedPackage | None:
    """The first other package of its manager that has one of these names, which may hold `*`, with or without a CUDA."""
    for name in names:
        for other in case.by_name.values():
            if other.manager == package.manager and other.name != package.name and case.catalogue.is_one_of((name,), other):
                return other
    return None


@rule("cuda-libraries-twice", "conda and pip both install a library of CUDA: the order of imports decides which one is loaded.")
def cuda_libraries_twice(case: Case) -> Violations:
    """Shared libraries of one soname; tools and headers do no harm."""
    for package, libraries, others in _twice(case):
        if not _same_version(package, others):
            yield package, f"{' and '.join(libraries)} from pip and from conda ({said(others)})"


@rule("cuda-library-copied", "conda and pip both install a library of CUDA, in one version: gigabytes twice.", severity="warning")
def cuda_library_copied(case: Case) -> Violations:
    """Shared libraries of one soname and one version: whichever is loaded is the right one."""
    for package, libraries, others in _twice(case):
        if _same_version(package, others):
            yield package, f"{' and '.join(libraries)} from pip and from conda ({said(others)})"


def _twice(case: Case) -> Iterator[tuple[LockedPackage, list[str], list[LockedPackage]]]:
    """Each pip package that brings libraries of sonames that conda packages bring, these libraries, and those packages."""
    conda = {
        soname: package
        for package, _ in reversed(case.known)
        if package.manager == "conda"
        for soname in libraries_of(case.catalogue, package).items()
    }
    for package in (package for package, _ in case.known if package.manager == "pip"):
        both = {soname: conda[soname] for soname in libraries_of(case.catalogue, package).items() if soname in conda}
        if both:
            yield package, [library for library, _ in both], list(dict.fromkeys(both.values()))


def _same_version(package: LockedPackage, others: Iterable[LockedPackage]) -> bool:
    version = parsed(package.version)
    return version is not None and all(parsed(other.version) == version for other in others)


@rule(
    "companion-elsewhere",
    "A companion that was compiled against another build of its framework may fail at import.",
    severity="warning",
)
def companion_elsewhere(case: Case) -> Violations:
    """Wheels of companions beside conda's framework, and the reverse; conda packages of another provider than the framework's."""
    hosts: dict[str, dict[str, LockedPackage]] = {}
    for host, framework, _ in case.frameworks:
        hosts.setdefault(framework, {})[host.manager] = host
    for package, known in case.known:
        of_it = hosts.get(known.framework, {})
        other = of_it.get(package.manager) or next(iter(of_it.values()), None)
        if known.linked and other and package.manager != other.manager:
            yield package, f"from {package.manager}, and {other.name} {other.version} from {other.manager}"
        elif known.linked and other and _is_for_another(case, package, other, known.framework):
            own, theirs = channel_of(package), channel_of(other)
            against = " or ".join(_built_against(case, package, own))
            yield package, f"from {own}, compiled against builds of {against}, and {other.name} {other.version} from {theirs}"


def _is_for_another(case: Case, package: LockedPackage, host: LockedPackage, framework: str) -> bool:
    """Whether both are conda packages of known providers, and the one was not compiled against builds of the other's."""
    facts, own, theirs = case.matrix.frameworks.get(framework), channel_of(package), channel_of(host)
    if facts is None or package.manager != "conda" or own not in facts.providers or theirs not in facts.providers:
        return False
    return theirs not in _built_against(case, package, own)


def _built_against(case: Case, package: LockedPackage, provider: str) -> tuple[str, ...]:
    """The providers whose builds a provider compiles a companion against: those of its rows, else its own."""
    facts = case.matrix.frameworks.get(package.name)
    rows = facts.providers.get(provider, ()) if facts else ()
    return tuple(dict.fromkeys(name for row in rows for name in row.built_against)) or (provider,)
