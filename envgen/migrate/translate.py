"""One requirement of another tool in envgen's terms: a framework, a target, a Python, or a package. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from envgen.channels.canonical import CREDENTIALS
from envgen.formats.builds import cuda_of, is_cuda_wheel
from envgen.formats.conda_specs import NotCovered, read_spec
from envgen.formats.marks import minor_of
from envgen.migrate.model import WHY_CREDENTIAL, AskedSpec, NotCarried, ReadAs
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix
from envgen.model.packages import LockedPackage
from envgen.model.project import RequestedFramework
from envgen.model.ranges import version_range
from envgen.project.aliases import ANY, framework_named, read_alias
from envgen.project.package_spec import PackageSpec, conda_spec, pip_spec, version_and_builds, without_brackets
from envgen.project.python import by_minor
from envgen.targets import TargetRange, cuda_range

_PYTHON = "python"
_BUILD = re.compile(r"\S*[0-9a-f]{7}_\d+|\S*_\d+|\d+")  # py310h1234567_0: a build, not a kind of build
_ANY_VERSION = re.compile(r"^=?\s*\*\s*=(?=\S)")  # in front of a build: `x=*=mkl*`
_WHY_MARKER = "a package without files, which the others bring in the build that they need"
_WHY_BUILD = "without its build, which is one file of one platform"


@dataclass(frozen=True, slots=True, kw_only=True)
class Translated:
    """What a requirement asks for. `weak` is a CUDA that its version tells, which counts where nothing else tells one."""

    wanted: AskedSpec
    framework: RequestedFramework | None = None
    target: TargetRange | None = None
    weak: TargetRange | None = None
    python: str = ""
    package: str = ""  # the spec, or the requirement of pip
    name: str = ""
    channel: str = ""
    notes: tuple[ReadAs, ...] = ()


def translated(matrix: Matrix, wanted: AskedSpec) -> Translated | NotCarried:
    """A requirement in envgen's terms, or why it is not carried over."""
    if re.search(CREDENTIALS, wanted.text):
        return NotCarried(wanted.text, wanted.at, WHY_CREDENTIAL)
    try:
        return _pip(matrix, wanted) if wanted.manager == "pip" else _conda(matrix, wanted)
    except BadInput as error:
        hint = f": {error.hint}" if error.hint else ""
        return NotCarried(wanted.text, wanted.at, f"{error.what}{hint}")


def _conda(matrix: Matrix, wanted: AskedSpec) -> Translated | NotCarried:
    spec = conda_spec(wanted.text)
    if not spec.name:
        return NotCarried(wanted.text, wanted.at, "not a conda spec")
    if spec.name.startswith("_") and "*" not in wanted.text:
        return NotCarried(wanted.text, wanted.at, _WHY_MARKER)
    if spec.name.lower() == _PYTHON:
        version, _ = version_and_builds(without_brackets(spec, wanted.at), wanted.at)
        python = version or "*"
        try:
            version_range(by_minor(python).lstrip("= "))
        except ValueError as error:
            return NotCarried(wanted.text, wanted.at, str(error))
        return Translated(wanted=wanted, python=python, name=_PYTHON)
    if framework_named(matrix, wanted.text) or _is_alias(matrix, spec):
        return _alias(matrix, wanted, without_brackets(spec, wanted.at))
    return _package(matrix, wanted, without_brackets(spec, wanted.at))


def _is_alias(matrix: Matrix, spec: PackageSpec) -> bool:
    return (spec.name.lower(), "") in matrix.aliases


def _alias(matrix: Matrix, wanted: AskedSpec, spec: PackageSpec) -> Translated:
    """A framework or an alias; without a channel that does not provide it, and without a build that says nothing."""
    notes: list[ReadAs] = []
    name = framework_named(matrix, wanted.text)
    if spec.channel and not (name and spec.channel in matrix.frameworks[name].providers):
        spec = replace(spec, channel="")
    try:
        found = read_alias(matrix, spec, wanted.at)
    except BadInput:
        version, builds = version_and_builds(spec, wanted.at)
        if not builds:
            raise
        found = read_alias(matrix, replace(spec, rest=version), wanted.at)
        notes.append(ReadAs(text=wanted.text, at=wanted.at, meaning=f"{spec.name} {version}".strip() + f", {_WHY_BUILD}"))
    framework = found.framework if found else None
    if framework and framework.text != ANY:
        framework = replace(
            framework, text=framework.text.removeprefix("==").strip() if "," not in framework.text else framework.text
        )
    return Translated(
        wanted=wanted,
        framework=framework,
        target=found.target if found else None,
        python=found.python if found else "",
        name=spec.name.lower(),
        channel=spec.channel,
        notes=tuple(notes),
    )


def _package(matrix: Matrix, wanted: AskedSpec, spec: PackageSpec) -> Translated:
    """Any other package, in one spelling: `numpy=1.26` is `numpy 1.26.*`."""
    name, rest, notes = spec.name.lower(), _ANY_VERSION.sub("* ", spec.rest), []
    try:
        read = read_spec(f"{name} {rest}".strip())
        version, build = read.version, read.build or ""
    except NotCovered:
        version, build = rest, ""
    weak = _weak(matrix, name, version, build)
    version = "" if version == "*" else version
    if build and "*" not in build and _BUILD.fullmatch(build):
        notes.append(ReadAs(text=wanted.text, at=wanted.at, meaning=f"{name} {version}".strip() + f", {_WHY_BUILD}"))
        build = ""
    plain = " ".join(filter(None, (name, version or ("*" if build else ""), build)))
    return Translated(
        wanted=wanted,
        weak=weak,
        package=f"{spec.channel}::{plain}" if spec.channel else plain,
        name=name,
        channel=spec.channel,
        notes=tuple(notes),
    )


def _weak(matrix: Matrix, name: str, version: str, build: str) -> TargetRange | None:
    """The CUDA that a package of CUDA's own, or one with a CUDA in its name or its build string, is for."""
    number = re.match(r"[=~>]*\s*([0-9]+(?:\.[0-9]+)*)", version)
    plain = number[1] if number else ""
    package = LockedPackage(name=name, version=plain, build=build, manager="pip", platform="linux-64")
    of_conda = replace(package, manager="conda")
    row = matrix.catalogue.of(of_conda)
    if row and row.holds == "nothing":
        return None
    of_cuda = row is not None and row.role == "cuda"
    told = minor_of(plain) if row and of_cuda and row.tells != "none" else "" if of_cuda else cuda_of(matrix.catalogue, package)
    if told is None:  # `cuda118*` says what `cuda118_0` says
        told = cuda_of(matrix.catalogue, replace(of_conda, build=build.replace("*", "_")))
    if told is None and build and ("cuda" in build or re.search(r"cu(?![a-z])", build)):
        told = ""
    return None if told is None else TargetRange(cuda_range(told))


def _pip(matrix: Matrix, wanted: AskedSpec) -> Translated | NotCarried:
    spec = pip_spec(wanted.text)
    name = spec.name.lower()
    if name == _PYTHON:  # which no index for pip has
        return _conda(matrix, wanted)
    if spec.name and (framework_named(matrix, wanted.text) or _is_alias(matrix, spec)):
        return _alias(matrix, wanted, replace(spec, conditional=False))
    if is_cuda_wheel(matrix.catalogue, name):
        return NotCarried(wanted.text, wanted.at, "CUDA's own wheel: the build of the framework brings its libraries")
    package = LockedPackage(name=name, version=spec.rest.lstrip("=<>~! "), build="", manager="pip", platform="linux-64")
    told = cuda_of(matrix.catalogue, package)
    weak = TargetRange(cuda_range(told)) if told is not None else None
    return Translated(wanted=wanted, weak=weak, package=wanted.text, name=name)
