"""Judge a lock before anything is fetched. It may come from a stranger: what it names is fetched, unpacked, and later run."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from urllib.parse import unquote

from envgen.channels.channel import redacted, with_braces
from envgen.formats.builds import is_wheel
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix, Platform
from envgen.model.findings import Finding
from envgen.model.packages import Lock, LockedPackage
from envgen.model.project import Project
from envgen.model.text import shortened

_CONDA = re.compile(r"(?:https?|file|oci)://[^?#]+/[^/?#]+/[^/?#]+\.(?:conda|tar\.bz2)")
_PIP = re.compile(r"(?:https?|file)://.+")
_VISIBLE = re.compile(r"[!#-;=?-\[\]_a-z{}~]+")  # of ASCII's visible characters those that a URL may have, and `{}` of a variable
_VARIABLE = re.compile(r"\$\{\w+\}")
_MANY = 5  # packages that a warning names


def judge(lock: Lock, platform: Platform, project: Project, matrix: Matrix, builds: Collection[str]) -> tuple[str, ...]:
    """Raise BadInput if the packages of a lock for a platform must not be fetched; return what the user should know.

    Refused are: what breaks a rule of `verify` about the lock itself; URLs that tools may read in another way; environment
    variables that the project does not use for the same place; pip packages that run code to be installed, unless `builds` names
    them.
    """
    mine = replace(lock, packages=tuple(item for item in lock.packages if item.platform == platform), declared=())
    for package in mine.packages:
        _check_url(package)
    _check_variables(mine, project)
    _check_sources(mine.packages, builds)
    return _check_integrity(mine, project, matrix)


# --- URLs -----------------------------------------------------------------------------------------------------------------


def _check_url(package: LockedPackage) -> None:
    pattern = _CONDA if package.manager == "conda" else _PIP
    path = unquote(_VARIABLE.sub("", with_braces(package.url))).split("/")
    plain = _VISIBLE.fullmatch(package.url) and not {"{", "}"} & set(_VARIABLE.sub("", with_braces(package.url)))
    if not plain or not pattern.fullmatch(package.url) or {".", ".."} & set(path):
        what = f"{package.name}: not the URL of a package: {shortened(redacted(package.url))}"
        raise BadInput(what, where=package.at, hint="restore the lock from git, or run `envgen lock`")


def _check_variables(lock: Lock, project: Project) -> None:
    """A variable holds a password or a token: it is only sent where the project sends it."""
    indexes = (*project.pip_repositories, *(index.url for index in project.pip_indexes), *project.find_links)
    known = tuple(map(with_braces, (*project.channels, *indexes)))
    texts = [(package.url, package.at or lock.shown) for package in lock.packages] + [(text, lock.shown) for text in lock.channels]
    for text, where in texts:
        if "$" in text and not _is_of(with_braces(text), known):
            name = next(iter(_VARIABLE.findall(with_braces(text))), "$")
            place = f"to a place where the project does not use it: {redacted(text)}"
            what = f"the lock would send the environment variable {name} {place}"
            hint = "add the channel or the index to the project if you trust it, and run `envgen lock`"
            raise BadInput(what, where=where, hint=hint)


def _is_of(url: str, places: Iterable[str]) -> bool:
    """Whether a URL has all of its variables, and its host, from one of the project's own URLs."""
    variables = [found.end() for found in _VARIABLE.finditer(url)]
    if url.count("$") != len(variables):
        return False
    begin = url.find("://") + 3
    host = url.find("/", begin)
    head = url[: max((*variables, host if host >= begin else len(url)))]
    return any(f"{place}/".startswith(f"{head}/") for place in places)


# --- code that runs, and rules --------------------------------------------------------------------------------------------


def _check_sources(packages: Iterable[LockedPackage], builds: Collection[str]) -> None:
    """What is not a wheel, pip builds: code from the package runs, with the rights of the user."""
    for package in packages:
        if package.manager == "pip" and not is_wheel(package.url) and package.name not in builds:
            what = f"pip package {package.name} {package.version} is not a wheel: to install it, pip runs code from it"
            hint = f"require a version that has a wheel, or use --allow-build {package.name} if you trust it"
            raise BadInput(what, where=package.at, hint=hint)


def _check_integrity(lock: Lock, project: Project, matrix: Matrix) -> tuple[str, ...]:
    """Raise BadInput for the errors that the rules about the lock itself find; return their warnings, one line for each rule."""
    from envgen.verify.check import integrity

    findings = integrity(lock, project.channels, matrix)
    errors = [found for found in findings if found.severity == "error"]
    if errors:
        lines = "\n".join(f"  {found.rule}: {_sentence(found)}" for found in errors)
        hint = "nothing was fetched; `envgen help verify` explains each rule. Restore the lock from git, or run `envgen lock`"
        raise BadInput(f"this lock breaks rules\n{lines}", where=errors[0].at or lock.shown, hint=hint)
    return tuple(_warnings(findings))


def _sentence(found: Finding) -> str:
    return ": ".join(filter(None, (found.package, found.text)))


def _warnings(findings: Iterable[Finding]) -> Iterator[str]:
    by_rule: dict[str, list[Finding]] = {}
    for found in findings:
        by_rule.setdefault(found.rule, []).append(found)
    for rule, some in by_rule.items():
        more = f"; and {len(some) - _MANY} more" if len(some) > _MANY else ""
        yield f"warning: {rule}: {'; '.join(map(_sentence, some[:_MANY]))}{more}"
