"""The rules about the lock itself: complete, consistent, and from the right channels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from packaging.utils import canonicalize_name

from envgen.channels.channel import locate, redacted
from envgen.formats.builds import applies, brings_cuda, requirement_name
from envgen.formats.wheel_files import file_name, of_python, variant_label
from envgen.model.errors import BadInput
from envgen.model.packages import LockedPackage
from envgen.model.withdrawn import withdrawal
from envgen.verify.entries import (
    channel_of,
    has_secret,
    is_commit,
    is_downloaded,
    is_local,
    is_run_by_pip,
    is_source,
    mismatch,
    names_secret,
    wrong_hashes,
)
from envgen.verify.registry import Case, Violations, rule
from envgen.verify.traits import named

_MANY = 10  # findings of one kind that people read one by one
_DEFAULTS = tuple(f"https://repo.anaconda.com/pkgs/{name}" for name in ("main", "r", "msys2", "free", "pro"))


def _locked(case: Case, among: Iterable[LockedPackage]) -> list[LockedPackage]:
    """The packages that tell where they are downloaded from, `among` some of a case."""
    pip_too = case.lock.format != "prefix"
    packages = among if case.lock.hashed else ()
    return [package for package in packages if (pip_too or package.manager == "conda") and is_downloaded(package)]


def _odd(case: Case) -> list[LockedPackage]:
    """Those of them whose entries are not ordinary."""
    return _locked(case, case.odd)


@rule("no-hash", "Without a hash, nobody notices that a download is not what was locked.")
def no_hash(case: Case) -> Violations:
    """Neither sha256 nor md5, or one that is cut short. A git commit is a hash; a folder beside the lock needs none.

    A list in which no package has one is one finding, and so are many packages. A virtual package is never downloaded.
    """
    judged = [package for package in _odd(case) if not is_commit(package) and not package.name.startswith("__")]
    lacking = [package for package in judged if not package.sha256 and not package.md5]
    if len(lacking) > 1 and _are_all(case, lacking, judged):
        yield None, f"none of its {len(lacking)} packages has a hash"
    else:
        yield from _once(lacking, "has no hash")
    for package in judged:
        for kind, text in wrong_hashes(package):
            yield package, f"its {kind} is not valid: {text}"


def _are_all(case: Case, some: list[LockedPackage], judged: list[LockedPackage]) -> bool:
    """Whether some packages are all of a case that are downloaded."""
    return len(some) == len(judged) and len(case.odd) == len(case.packages)


def _once(packages: list[LockedPackage], text: str) -> Violations:
    """A finding for each of a few packages; of many, the first, and how many others there are."""
    if len(packages) > _MANY:
        yield packages[0], f"{text}, as {len(packages) - 1} other packages"
    else:
        yield from ((package, text) for package in packages)


@rule("weak-hash", "An md5 reveals a broken download, but not a forged one.", severity="warning")
def weak_hash(case: Case) -> Violations:
    """md5 alone. Some old channel records have nothing better. A list in which no package has a sha256 is one finding."""
    weak = [package for package in _odd(case) if package.md5 and not package.sha256]
    if len(weak) > _MANY and _are_all(case, weak, _odd(case)):
        yield None, f"its {len(weak)} packages have an md5 and no sha256"
    else:
        yield from _once(weak, "has an md5 and no sha256")


@rule("source-package", "To install it, pip runs code from it, with all rights of the user.", severity="warning")
def source_package(case: Case) -> Violations:
    """Packages of pip whose URL is not that of a wheel."""
    for package in _odd(case):
        if is_run_by_pip(package):
            yield package, "is not a wheel"


@rule("local-file", "Nobody else has the file, and it may have changed since.", severity="warning")
def local_file(case: Case) -> Violations:
    """Packages from a folder of the machine that made the lock; in an environment, that is where it came from."""
    for package in _odd(case) if case.lock.format != "prefix" else ():
        if is_local(package):
            yield package, f"comes from a folder: {redacted(package.url)}"


@rule(
    "variants-open",
    "Each machine installs another build, by its driver and GPU: the lock does not say which.",
    severity="warning",
)
def variants_open(case: Case) -> Violations:
    """Variant wheels (PEP 825) of one package, of which several are for the platform and the Python."""
    for package in case.packages:
        if package.variants:
            labels = [*filter(None, package.variants), *(["no label"] if "" in package.variants else [])]
            told = variant_label(file_name(package.url)) or "the one without a label"
            yield package, f"the machine chooses among its variants {', '.join(labels)}; {told} is judged here"


@rule("platform-missing", "The lock declares a platform that it has no packages for: it is incomplete.")
def platform_missing(case: Case) -> Violations:
    """The platforms in a lock's metadata against those of its packages."""
    for platform in case.lock.declared if case.platform == case.lock.platforms[0] else ():
        if platform not in case.lock.platforms:
            yield None, f"{platform} is declared, but has no packages"


@rule("edited", "The packages are not those that envgen wrote.")
def edited(case: Case) -> Violations:
    """The stamp in the lock's metadata holds the digest of the package list."""
    if not case.lock.intact and case.platform == case.lock.platforms[0]:
        yield None, "its packages were changed after envgen wrote it"


@rule("other-run", "The files of a target are of different runs: what is requested is not what is locked.")
def other_run(case: Case) -> Violations:
    """The content hash in a lock of envgen's, against the two files beside it."""
    if case.platform in case.lock.of_other_run:
        yield None, "it was not made from the environment.yml and virtual-packages.yml beside it"


@rule("foreign-channel", "A package from a channel that the project does not use.")
def foreign_channel(case: Case) -> Violations:
    """Conda's packages against the project's channels."""
    for package, base in _from_elsewhere(case, case.claim.channels):
        yield package, f"comes from {redacted(base)}, not from {_any_of(case.claim.channels)}"


@rule("undeclared-channel", "A channel that the lock does not name: nobody reviewed it.", severity="warning")
def undeclared_channel(case: Case) -> Violations:
    """The channels of conda's packages against those that the lock declares, where no project says which are right: each once."""
    if case.claim.channels:
        return
    found: dict[str, list[LockedPackage]] = {}
    for package, base in _from_elsewhere(case, case.lock.channels):
        found.setdefault(base, []).append(package)
    for base, packages in found.items():
        more = f", and {len(packages) - 1} other package{'s' if len(packages) > 2 else ''}" if len(packages) > 1 else ""
        yield packages[0], f"comes from {redacted(base)}{more}; the lock declares {_any_of(case.lock.channels)}"


def _from_elsewhere(case: Case, allowed: tuple[str, ...]) -> Iterator[tuple[LockedPackage, str]]:
    """Conda's packages whose channel is none of these, and that channel."""
    bases = {base for channel in allowed for base in _bases(channel)}
    rows = [row for row in zip(case.packages, case.traits, strict=True) if row[0].manager == "conda"] if bases else []
    others = {base for base in {traits.base for _, traits in rows} if not bases.intersection(_bases(base))}
    for package, traits in rows if others else ():
        if traits.base in others and _locked(case, [package]):
            yield package, traits.base


def _any_of(channels: tuple[str, ...]) -> str:
    return " or ".join(redacted(channel) for channel in channels)


def _bases(channel: str) -> tuple[str, ...]:
    """The urls that mean a channel: without credentials, and as a lock writes it. What is not a channel means only itself."""
    if channel == "defaults":
        return _DEFAULTS
    try:
        found = locate(channel)
    except BadInput:
        return (channel,)
    return (found.url, found.canonical)


@rule(
    "withdrawn-build",
    "The channel does not offer the build any more, because it has a fault: no solve finds it again, even if its url still works.",
    severity="warning",
)
def withdrawn_build(case: Case) -> Violations:
    """Conda's packages whose channel is known, against matrices/withdrawn.yaml."""
    names = case.matrix.withdrawn.keys()
    for package in (package for package in case.packages if package.name in names):
        channel = channel_of(package)
        found = withdrawal(case.matrix.withdrawn, channel, package.name, package.version, package.build, package.platform)
        if found and package.manager == "conda":
            yield package, f"{channel} withdrew it on {found.on}: {found.because}"


@rule("credentials", "A lock is committed: everyone who can read it has the password.")
def credentials(case: Case) -> Violations:
    """User and password, or a token, in a url; `$NAME` in their place is right."""
    for package in _odd(case):
        if has_secret(package):
            yield package, f"its url contains a password or a token: {redacted(package.url)}"
    for channel in case.lock.channels if case.platform == case.lock.platforms[0] else ():
        if names_secret(channel, channel=False) or names_secret(f"{channel}/", channel=True):
            yield None, f"the url of a channel contains a password or a token: {redacted(channel)}"


@rule("url-mismatch", "The entry names one package and its url another: the installer takes the url's.")
def url_mismatch(case: Case) -> Violations:
    """Name, version, build and platform of every entry against its url, and the Python of a wheel against that of the lock."""
    for package in _odd(case):
        text = mismatch(package)
        if text:
            yield package, text
    python = case.conda("python")
    minor = ".".join(python.version.split(".")[:2]) if python else ""
    for package in _locked(case, case.wheels if minor else ()):
        file = file_name(package.url)
        if file.endswith(".whl") and not of_python(file, minor):
            yield package, f"its url is for another Python than {minor}: {file}"


@rule("package-twice", "A package is listed twice: the installer decides which entry counts.")
def package_twice(case: Case) -> Violations:
    """By manager and name, on one platform."""
    entries: dict[tuple[str, str], list[LockedPackage]] = {}
    for package in case.packages if len(case.by_name) < len(case.packages) else ():
        entries.setdefault((package.manager, package.name), []).append(package)
    for found in (found for found in entries.values() if len(found) > 1):
        more = ", ..." if len(found) > 10 else ""
        yield (
            found[0],
            f"is in the lock {len(found)} times ({', '.join(package.version or 'not pinned' for package in found[:10])}{more})",
        )


@rule("missing-dependency", "A dependency is not in the lock, and installers do not add it.")
def missing_dependency(case: Case) -> Violations:
    """Conda's packages, and CUDA's libraries that a wheel needs; what else it needs may be there under conda's name.

    What a package needs that is built from source is decided when it is built.
    """
    lacking = frozenset().union(*[traits.needs for traits in case.traits]) - case.conda_by_name.keys()
    among = case.packages if lacking else case.wheels
    for package in among if case.lock.linked else ():
        if package.manager == "conda" and not is_source(package):
            for need in package.depends:
                if named(need)[0] in lacking:
                    yield package, f"needs {need}, which is not in the lock"
        for need in package.depends if package.manager == "pip" else ():
            name = canonicalize_name(requirement_name(need))
            missing = ("pip", name) not in case.by_name and brings_cuda(case.catalogue, name)
            if missing and applies(need, case.platform):
                yield package, f"needs {need}, which is not in the lock"


@rule("unmet-dependency", "A package is locked in a version that another one does not allow.")
def unmet_dependency(case: Case) -> Violations:
    """Versions and builds of conda's packages, and their constraints where the source tells them."""
    ranges: dict[str, str] = {}
    for traits in case.traits:
        ranges.update(traits.ranges)
    unmet = _refused(case, ranges)
    for package in case.packages if case.lock.linked else ():
        if unmet and package.manager == "conda" and not is_source(package):
            for need in (need for need in package.depends if need in unmet):
                yield package, f"needs {need}; {unmet[need]} is locked"
        refused = _refused(case, {need: named(need)[0] for need in package.constrains}) if package.constrains else {}
        for need in (need for need in package.constrains if need in refused):
            yield package, f"allows only {need}; {refused[need]} is locked"


def _refused(case: Case, needs: Mapping[str, str]) -> dict[str, str]:
    """The conda specs, each with its name, that the locked package of that name does not meet, and that package."""
    locked = case.conda_traits
    refused = [(need, name) for need, name in needs.items() if (found := locked.get(name)) and not found.meets(need)]
    return {need: f"{(row := case.conda_by_name[name]).name} {row.version} {row.build}" for need, name in refused}


@rule("damaged-files", "Files of a package are missing or changed: an import fails, or runs something else.")
def damaged_files(case: Case) -> Violations:
    """In an installed environment, against the records in `conda-meta/`, and the RECORD of a pip package that envgen installed."""
    for package in case.packages:
        files = package.damaged
        if files:
            more = f" and {len(files) - 3} more" if len(files) > 3 else ""
            yield package, f"files that are missing or changed: {', '.join(files[:3])}{more}"
