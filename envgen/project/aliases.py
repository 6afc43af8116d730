"""An alias, a package spec from another tool or an older page, to what it requests: a framework, a target, or both. Pure.

`matrices/words.yaml` has the aliases; the names of frameworks and of their companions are aliases, too. What is here knows how they
are written: as conda specs and as requirements of pip.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from envgen.model.address import Address
from envgen.model.alias import Alias
from envgen.model.errors import BadInput, closest
from envgen.model.facts import Matrix
from envgen.model.project import RequestedFramework
from envgen.model.ranges import version_range
from envgen.project.package_spec import EXAMPLE, PackageSpec, conda_spec, version_and_builds, without_brackets
from envgen.targets import TargetRange, cuda_range, dotted, intersection

ANY = "any version"
_PYTHON = re.compile(r"py(?P<major>[0-9])\.?(?P<minor>[0-9]{1,2})(?![0-9])")
_BUILT = re.compile(r"cu(?:da)?(?P<version>[0-9]+(?:\.[0-9]+)?)")

_NOARCH = re.compile(r"py(?:h[0-9a-f]{7})?_[0-9]+")  # the build of a package without compiled code, such as pyhd8ed1ab_0
_ANY_CUDA = re.compile(r"(?<![a-z])cu(?![a-z])")  # *cu*: any CUDA, as the builds of PyG's own channel spell it


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasMeaning:
    """What an alias requests. `target` is None where it says nothing of CPU or CUDA.

    `inside` is the address of the one target below which it is written, None where it is for the whole project. `also` is what
    else to write in its place. `python` is the Python of the build that it names, "" where it names none.
    """

    text: str
    at: Address
    because: str
    framework: RequestedFramework | None = None
    target: TargetRange | None = None
    inside: Address | None = None
    also: tuple[str, ...] = ()
    python: str = ""
    of_pip: bool = False  # whether it is written as a requirement of pip


def read_alias(matrix: Matrix, spec: PackageSpec, at: Address, inside: Address | None = None) -> AliasMeaning | None:
    """What a spec requests if it is an alias, else None. Raises BadInput for an alias that cannot be met as it is written."""
    rows = _rows(matrix, spec, at)
    name = _framework(matrix, spec) or next((row.framework for row in rows if row.framework), "")
    if not rows and not name:
        return None
    if spec.conditional:
        hint = "remove the marker: `platforms:` and `targets:` say where it is wanted"
        raise BadInput(f"`{spec.text}` has an environment marker, but a framework is for the whole project", where=at, hint=hint)
    spec = without_brackets(spec, at)
    version, builds = version_and_builds(spec, at)
    kind = rows[0].version if rows else "framework"
    target = _target(rows, version if kind == "cuda" else None, builds if name else (), spec, at)
    framework = _requested(matrix, name, spec, version if kind == "framework" else "", at) if name else None
    because = "; ".join(dict.fromkeys(row.because for row in rows)) or _of_framework(framework)
    python = next((f"{found['major']}.{found['minor']}" for build in builds if (found := _PYTHON.search(build))), "")
    return AliasMeaning(
        text=spec.text, at=at, because=because, framework=framework, target=target, inside=inside, python=python if name else ""
    )


def framework_named(matrix: Matrix, text: str) -> str:
    """The framework or companion that a spec requests, by its name or by an alias; "" where it requests none."""
    spec = conda_spec(text)
    name, extras = canonicalize_name(spec.name), ("", *(str(canonicalize_name(extra)) for extra in spec.extras))
    rows = (matrix.aliases[name, extra] for extra in extras if (name, extra) in matrix.aliases)
    return _framework(matrix, spec) or next((row.framework for row in rows if row.framework), "")


# --- the parts of a spec --------------------------------------------------------------------------------------------------


def _rows(matrix: Matrix, spec: PackageSpec, at: Address) -> list[Alias]:
    """The rows of words.yaml for the name and for each extra. Raises BadInput for an extra that is not known of a known name."""
    name = canonicalize_name(spec.name)
    extras = [str(canonicalize_name(extra)) for extra in spec.extras]
    known = {extra for alias, extra in matrix.aliases if alias == name}
    unknown = [extra for extra in extras if extra not in known]
    if unknown and (known or _framework(matrix, spec)):
        hint = f"list what it brings under `dependencies:`; {closest(unknown[0], known - {''})}"
        raise BadInput(f"envgen does not know the extra `{unknown[0]}` of {name}", where=at, hint=hint)
    return [matrix.aliases[name, extra] for extra in ("", *extras) if extra in known]


def _framework(matrix: Matrix, spec: PackageSpec) -> str:
    """The framework or companion that a spec names; "" for none."""
    name = str(canonicalize_name(spec.name))
    return next((framework for framework in matrix.frameworks if canonicalize_name(framework) == name), "")


def _parsed(parse: Callable[[str], SpecifierSet], text: str, spec: PackageSpec, at: Address) -> SpecifierSet:
    try:
        return parse(text)
    except ValueError as error:
        raise BadInput(f"`{spec.text}`: {error}", where=at, hint=EXAMPLE) from None


# --- the target -----------------------------------------------------------------------------------------------------------


def _target(rows: Sequence[Alias], cuda: str | None, builds: Sequence[str], spec: PackageSpec, at: Address) -> TargetRange | None:
    """The targets that an alias allows: by its rows, by a version that is one of CUDA, and by its builds. None: any target."""
    found = [TargetRange(row.cuda) for row in rows if row.cpu or row.cuda is not None]
    found += [] if cuda is None else [TargetRange(_parsed(cuda_range, cuda, spec, at))]
    built = [_built(build) for build in builds if not _NOARCH.fullmatch(build)]
    if None in built and not found:
        hint = "write the version alone: the target decides which build is taken"
        raise BadInput(f"`{spec.text}` names a build, and it does not say CPU or CUDA", where=at, hint=hint)
    found += filter(None, built)
    if len({one.cuda is None for one in found}) > 1:
        raise BadInput(f"`{spec.text}` requests a CPU build and a CUDA build", where=at, hint="keep one of the two")
    return reduce(intersection, found) if found else None


def _built(build: str) -> TargetRange | None:
    """The targets that a build string or a local version is for: `cuda126*`, `cu118`, `cpu`; None where it does not say."""
    plain = build.lower()
    match = _BUILT.search(plain)
    if match:
        return TargetRange(cuda_range(dotted(match["version"])))
    if "cpu" in plain:
        return TargetRange(None)
    if "cuda" in plain or "gpu" in plain or _ANY_CUDA.search(plain):
        return TargetRange(cuda_range(""))
    return None


# --- the framework --------------------------------------------------------------------------------------------------------


def _requested(matrix: Matrix, framework: str, spec: PackageSpec, version: str, at: Address) -> RequestedFramework:
    """The requirement on a framework that a spec of it, or of an alias for it, makes."""
    known = matrix.frameworks[framework]
    if spec.channel and spec.channel not in known.providers:
        raise BadInput(f"{framework} has no provider `{spec.channel}`", where=at, hint=closest(spec.channel, known.providers))
    versions = _parsed(version_range, version or "*", spec, at)
    text = version if versions != SpecifierSet() else ANY
    return RequestedFramework(
        framework=framework,
        versions=versions,
        text=text,
        provider=spec.channel or None,
        at=at,
        host=known.companion_of,
    )


def any_version(matrix: Matrix, framework: str, at: Address) -> RequestedFramework:
    """The requirement on a framework in any version."""
    return RequestedFramework(
        framework=framework,
        versions=version_range("*"),
        text=ANY,
        provider=None,
        at=at,
        host=matrix.frameworks[framework].companion_of,
    )


def _of_framework(framework: RequestedFramework | None) -> str:
    if framework and framework.host:
        return f"a companion of {framework.host}, which gets the same CPU or CUDA build"
    return "envgen chooses its build for every target"
