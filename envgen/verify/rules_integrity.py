"""The rules about the lock itself: complete, consistent, and from the right channels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from urllib.parse import unquote

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from envgen.channels.channel import locate, redacted
from envgen.channels.versions import admits
from envgen.formats.builds import applies, brings_cuda, is_wheel, requirement_name
from envgen.model.errors import BadInput
from envgen.model.packages import LockedPackage
from envgen.model.withdrawn import withdrawal
from envgen.verify.registry import Case, Violations, rule

# user:password@, a long user that is a token itself, /t/TOKEN/, ?token=...; `$NAME` in its place is right
_SECRET = re.compile(
    r"://[^/@\s:]+:(?!\$)[^/@\s]+@|://(?!\$)[^/@\s:]{20,}@"
    r"|[?&](?:access_token|token|api_?key|sig|signature|X-Amz-Signature)=(?!\$)[^&\s]+",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"/t/(?![$%<])[^/\s]+/")  # conda's; wheels may lie in a folder t/
_COMMIT = re.compile(r"^git\+.*[@#=][0-9a-f]{40}\b")
_NAME = re.compile(r"(?:\S+::)?([A-Za-z0-9_.-]+)\s*(.*)", re.DOTALL)  # channel::name, with or without a blank before the range
_DEFAULTS = tuple(f"https://repo.anaconda.com/pkgs/{name}" for name in ("main", "r", "msys2", "free", "pro"))


def _locked(case: Case) -> Iterable[LockedPackage]:
    """The packages that tell where they are downloaded from; one that is built from a folder or from git is none of them."""
    pip_too = case.lock.format != "prefix"
    packages = case.packages if case.lock.hashed else ()
    return [package for package in packages if (pip_too or package.manager == "conda") and _downloaded(package)]


def _downloaded(package: LockedPackage) -> bool:
    return "://" in package.url.partition("#")[0] and (package.manager == "pip" or not _is_source(package))


def _is_source(package: LockedPackage) -> bool:
    """Whether a conda package is built from a folder or a repository."""
    return package.url != "" and not package.url.partition("#")[0].endswith((".conda", ".tar.bz2"))


@rule("no-hash", "Without a hash, nobody notices that a download is not what was locked.")
def no_hash(case: Case) -> Violations:
    """Neither sha256 nor md5, or one that is cut short. A git commit is a hash; a folder beside the lock needs none.

    A list in which no package has one is one finding.
    """
    judged = [package for package in _locked(case) if not _COMMIT.search(package.url)]
    lacking = [package for package in judged if not package.sha256 and not package.md5]
    if len(lacking) > 1 and len(lacking) == len(judged):
        yield None, f"none of its {len(lacking)} packages has a hash"
        return
    for package in judged:
        if not package.sha256 and not package.md5:
            yield package, "has no hash"
        for kind, text, length in (("sha256", package.sha256, 64), ("md5", package.md5, 32)):
            if text and not re.fullmatch(rf"[0-9a-fA-F]{{{length}}}", text):
                yield package, f"its {kind} is not valid: {text}"


@rule("weak-hash", "An md5 reveals a broken download, but not a forged one.", severity="warning")
def weak_hash(case: Case) -> Violations:
    """md5 alone. Some old channel records have nothing better."""
    for package in _locked(case):
        if package.md5 and not package.sha256:
            yield package, "has an md5 and no sha256"


@rule("source-package", "To install it, pip runs code from it, with all rights of the user.", severity="warning")
def source_package(case: Case) -> Violations:
    """Packages of pip whose URL is not that of a wheel."""
    for package in _locked(case):
        if package.manager == "pip" and not is_wheel(package.url):
            yield package, "is not a wheel"


@rule("local-file", "Nobody else has the file, and it may have changed since.", severity="warning")
def local_file(case: Case) -> Violations:
    """Packages from a folder of the machine that made the lock; in an environment, that is where it came from."""
    for package in _locked(case) if case.lock.format != "prefix" else ():
        if package.url.startswith("file:"):
            yield package, f"comes from a folder: {redacted(package.url)}"


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
    known: dict[str, bool] = {}
    for package in _locked(case) if bases else ():
        base = package.url.rsplit("/", 2)[0]
        if package.manager == "conda" and not known.setdefault(base, bool(bases & set(_bases(base)))):
            yield package, base


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
    for package in (package for package in case.packages if package.name in case.matrix.withdrawn):
        channel = _channel_of(package)
        found = withdrawal(case.matrix.withdrawn, channel, package.name, package.version, package.build, package.platform)
        if found and package.manager == "conda":
            yield package, f"{channel} withdrew it on {found.on}: {found.because}"


def _channel_of(package: LockedPackage) -> str:
    """The name of the channel that a package comes from, a mirror's included; "" where nothing says it."""
    return package.url.rsplit("/", 3)[-3] if package.url.count("/") > 3 else ""


@rule("credentials", "A lock is committed: everyone who can read it has the password.")
def credentials(case: Case) -> Violations:
    """User and password, or a token, in a url; `$NAME` in their place is right."""
    for package in _locked(case):
        if _SECRET.search(package.url) or (package.manager == "conda" and _TOKEN.search(package.url)):
            yield package, f"its url contains a password or a token: {redacted(package.url)}"
    for channel in case.lock.channels if case.platform == case.lock.platforms[0] else ():
        if _SECRET.search(channel) or _TOKEN.search(f"{channel}/"):
            yield None, f"the url of a channel contains a password or a token: {redacted(channel)}"


@rule("url-mismatch", "The entry names one package and its url another: the installer takes the url's.")
def url_mismatch(case: Case) -> Violations:
    """Name, version, build and platform of every entry against its url."""
    for package in _locked(case):
        text = _conda_mismatch(package) if package.manager == "conda" else _pip_mismatch(package)
        if text:
            yield package, text


def _conda_mismatch(package: LockedPackage) -> str:
    _, _, rest = package.url.partition("://")
    subdir, _, file = rest.partition("#")[0].rpartition("/")
    parts = unquote(file).removesuffix(".conda").removesuffix(".tar.bz2").rsplit("-", 2)
    if parts != [package.name, package.version, package.build]:
        return f"its url is for {' '.join(parts)}"
    subdir = subdir.rsplit("/", 1)[-1]
    return "" if subdir in (package.platform, "noarch") else f"its url is for {subdir}, the entry for {package.platform}"


def _pip_mismatch(package: LockedPackage) -> str:
    file = unquote(package.url.partition("#")[0].rsplit("/", 1)[-1])
    try:
        if file.endswith(".whl"):
            name, version, *_ = parse_wheel_filename(file)
        elif file.endswith((".tar.gz", ".zip")):
            name, version = parse_sdist_filename(file)
        else:
            return ""
        same = name == canonicalize_name(package.name) and version == Version(package.version)
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return ""  # an old or a private file name: pip will judge it
    if not same:
        return f"its url is for {name} {version}"
    return "" if not file.endswith(".whl") or _runs(file, package.platform) else f"its url is for another platform: {file}"


def _runs(wheel: str, platform: str) -> bool:
    """Whether a wheel's platform tags fit a subdir; a subdir or a tag that is not known here fits."""
    known = {"linux-64": "linux.*_x86_64", "linux-aarch64": "linux.*_aarch64", "win-64": "win_amd64"}
    mac = {"osx-64": "macosx_.*_(x86_64|intel|universal2?|fat.*)", "osx-arm64": "macosx_.*_(arm64|universal2)"}
    fits = {**known, **mac}.get(platform)
    tags = wheel.removesuffix(".whl").rsplit("-", 1)[-1].split(".")
    told = [tag for tag in tags if re.match(r"(many|musl)?linux|macosx|win(_|32)", tag)]
    return fits is None or not told or any(re.fullmatch(f"(many|musl)?{fits}", tag) for tag in told)


@rule("package-twice", "A package is listed twice: the installer decides which entry counts.")
def package_twice(case: Case) -> Violations:
    """By manager and name, on one platform."""
    entries: dict[tuple[str, str], list[LockedPackage]] = {}
    for package in case.packages:
        entries.setdefault((package.manager, package.name), []).append(package)
    for found in (found for found in entries.values() if len(found) > 1):
        more = ", ..." if len(found) > 10 else ""
        yield found[0], f"is in the lock {len(found)} times ({', '.join(package.version for package in found[:10])}{more})"


@rule("missing-dependency", "A dependency is not in the lock, and installers do not add it.")
def missing_dependency(case: Case) -> Violations:
    """Conda's packages, and CUDA's libraries that a wheel needs; what else it needs may be there under conda's name.

    What a package needs that is built from source is decided when it is built.
    """
    names = {package.name for package in case.packages if package.manager == "conda"}
    for package in case.packages if case.lock.linked else ():
        for need in package.depends if package.manager == "conda" and not _is_source(package) else ():
            name = _named(need)[0]
            if name and not name.startswith("__") and name not in names:
                yield package, f"needs {need}, which is not in the lock"
        for need in package.depends if package.manager == "pip" else ():
            name = canonicalize_name(requirement_name(need))
            missing = ("pip", name) not in case.by_name and brings_cuda(case.catalogue, name)
            if missing and applies(need, case.platform):
                yield package, f"needs {need}, which is not in the lock"


@cache
def _named(need: str) -> tuple[str, str]:
    """The name in a conda spec, and the rest; ("", "") for one in brackets or with a condition, which solvers alone judge."""
    found = _NAME.fullmatch(need.strip())
    return (found[1].lower(), found[2]) if found and not set("[;") & set(need) else ("", "")


@rule("unmet-dependency", "A package is locked in a version that another one does not allow.")
def unmet_dependency(case: Case) -> Violations:
    """Versions and builds of conda's packages, and their constraints where the source tells them."""
    for package in case.packages if case.lock.linked else ():
        for need in package.depends if package.manager == "conda" and not _is_source(package) else ():
            text = _refused(case, need)
            if text:
                yield package, f"needs {need}; {text}"
        for need in package.constrains:
            text = _refused(case, need)
            if text:
                yield package, f"allows only {need}; {text}"


def _refused(case: Case, need: str) -> str:
    name, rest = _named(need)
    found = case.conda(name)
    words = rest.split()
    if found is None or not words:
        return ""
    fits = admits(words[0], found.version) is not False and (len(words) < 2 or fnmatchcase(found.build, words[1]))
    return "" if fits else f"{found.name} {found.version} {found.build} is locked"


@rule("damaged-files", "Files of a package are missing or changed: an import fails, or runs something else.")
def damaged_files(case: Case) -> Violations:
    """In an installed environment, against the records in `conda-meta/`, and the RECORD of a pip package that envgen installed."""
    for package in case.packages:
        files = package.damaged
        if files:
            more = f" and {len(files) - 3} more" if len(files) > 3 else ""
            yield package, f"files that are missing or changed: {', '.join(files[:3])}{more}"
