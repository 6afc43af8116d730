"""The conda specs of a choice and of a whole resolution: the only reader and writer of conda's spec syntax here. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from envgen.model.facts import Platform
from envgen.model.packages import SolveRequest
from envgen.model.project import Dependency
from envgen.model.resolution import AppliedBound, Choice, Pin, Resolution, on_platform
from envgen.resolver.pip_specs import pip_requests
from envgen.resolver.spelling import installed_by_pip, spelled

_NAME = re.compile(r"(?:[^\s:]+::)?[A-Za-z0-9_][A-Za-z0-9_.-]*")
_OPERATOR = re.compile(r"\s*(,|[=<>!~]+)\s*")
_WITH_BUILD = re.compile(r"=([^=,]+)=[^=,]+")
_COMPARISONS = re.compile(r"[<>!]=?[\w.*]+(?:,[<>!]=?[\w.*]+)*")


@dataclass(frozen=True, slots=True)
class Group:
    """Specs of one decision, and the line that says why they are there; without specs, a line that says what is not requested.

    `specs` are for every platform of the target, and each of `only` is for one.
    """

    specs: tuple[str, ...]
    because: str
    only: tuple[tuple[Platform, str], ...] = ()

    def on(self, platform: Platform) -> tuple[str, ...]:
        """The specs for one platform."""
        return (*(spec for other, spec in self.only if other == platform), *self.specs)


def spelled_group(choice: Choice, resolution: Resolution, because: str = "") -> Group:
    """The conda specs of one choice on every platform of a resolution."""
    return _group({platform: spelled(choice, resolution.target, platform) for platform in resolution.platforms}, because)


def pip_group(resolution: Resolution) -> Group:
    """The requirements of the pip section on every platform of a resolution."""
    asked = pip_requests(resolution)
    return _group({platform: asked[platform].requirements if platform in asked else () for platform in resolution.platforms}, "")


def _group(found: Mapping[Platform, tuple[str, ...]], because: str) -> Group:
    """What is requested on some platforms: what they have in common, and the rest by platform."""
    common = [spec for spec in next(iter(found.values())) if all(spec in specs for specs in found.values())]
    only = tuple((platform, spec) for platform, specs in found.items() for spec in specs if spec not in common)
    return Group(tuple(common), because, only)


def chosen(resolution: Resolution, platform: Platform) -> tuple[str, ...]:
    """The specs of all that is chosen for a target on one platform."""
    own = (spec for choice in resolution.choices for spec in spelled(choice, resolution.target, platform))
    return tuple(dict.fromkeys((python_spec(resolution.python), *own)))


def python_spec(python: Version) -> str:
    """The spec that pins a Python minor."""
    return f"python {python}.*"


def groups(resolution: Resolution) -> tuple[Group, ...]:
    """Everything that goes into `dependencies:`, in the order of the decisions; each spec once."""
    pins = {pin.name: pin for pin in resolution.pins}
    found = [Group((python_spec(resolution.python),), pins["python"].because[0].text)]
    for choice in resolution.choices:
        because = pins[choice.release.framework].because[0].text
        found.append(spelled_group(choice, resolution, f"{because}: pip installs it" if installed_by_pip(choice) else because))
    if not resolution.choices and resolution.cuda_specs:
        found.append(_group(resolution.cuda_specs, f"target {resolution.target.name}"))
    if resolution.code_specs:
        found.append(Group(resolution.code_specs, f"builds with code for {', '.join(gpu.name for gpu in resolution.project.gpus)}"))
    found.extend(_cudnn_groups(resolution, pins))
    if pip_requests(resolution) or resolution.project.local:
        found.append(Group(("pip",), "installs the pip section"))
    found.extend(_bound_groups(resolution))
    own = tuple(dependency.spec for dependency in resolution.dependencies if not _narrowed(resolution, dependency))
    if own:
        found.append(Group(own, "the project's own dependencies"))
    return tuple(_without_repeats(found))


def _cudnn_groups(resolution: Resolution, pins: Mapping[str, Pin]) -> Iterator[Group]:
    """The bound on cuDNN, unless all that is chosen brings it as a wheel, which `from_wheels` bounds."""
    if resolution.choices and all(map(installed_by_pip, resolution.choices)):
        return
    if "cudnn" in pins:
        yield Group((f"cudnn {pins['cudnn'].version}",), pins["cudnn"].because[0].text)
    for platform in resolution.platforms:
        pin = pins.get(on_platform("cudnn", platform))
        if pin:
            yield Group((), pin.because[0].text, ((platform, f"cudnn {pin.version}"),))


def _without_repeats(groups: Iterable[Group]) -> Iterator[Group]:
    """The groups without specs that an earlier group has, and without groups that are empty for that reason."""
    written: set[str] = set()
    for group in groups:
        specs = tuple(spec for spec in dict.fromkeys(group.specs) if spec not in written)
        written.update(specs)
        if specs or group.only or not group.specs:
            yield replace(group, specs=specs)


# --- bounds ---------------------------------------------------------------------------------------------------------------


def _bound_groups(resolution: Resolution) -> Iterator[Group]:
    """For each package that bounds are about a group: the project's spec for it, narrowed, or one of ours, or a remark alone.

    conda has no way to say which versions of a package are allowed if it is installed: so the remark is for people, and the solver
    gets the bound as a constraint.
    """
    for package in dict.fromkeys(bound.package for bound in resolution.bounds):
        bounds, specs = _everywhere(resolution, package), written_for(resolution, package)
        own = [dependency for dependency in resolution.dependencies if dependency.name == package]
        if bounds and not (own and all(_within(dependency, bounds) for dependency in own)):
            yield Group(specs, f"{'' if specs else f'if anything brings {package}: '}{_reasons(bounds)}")
    for bound in resolution.bounds:
        if bound.platforms != resolution.platforms:
            yield Group((), f"if anything brings {bound.package} on {', '.join(bound.platforms)}: {_reasons([bound])}")


def written_for(resolution: Resolution, package: str) -> tuple[str, ...]:
    """The specs that bounds on a package put into environment.yml: those of the project, narrowed, or one of ours."""
    bounds = _everywhere(resolution, package)
    own = [dependency for dependency in resolution.dependencies if dependency.name == package]
    if not own and any(bound.always for bound in bounds):
        return (_bounded(package, bounds),)
    return tuple(filter(None, (_narrowed(resolution, dependency) for dependency in own)))


def _everywhere(resolution: Resolution, package: str) -> list[AppliedBound]:
    """The bounds on a package that hold on every platform: environment.yml is the same for all."""
    return [bound for bound in resolution.bounds if bound.package == package and bound.platforms == resolution.platforms]


def _reasons(bounds: Iterable[AppliedBound]) -> str:
    return "; ".join(dict.fromkeys(f"{bound.because.text}; see {bound.because.because}" for bound in bounds))


def _narrowed(resolution: Resolution, dependency: Dependency) -> str:
    """A spec of the project's, narrowed to what bounds leave of its package on every platform; "" where it stays as it is.

    Two specs for one package would not do: conda-lock takes the last one.
    """
    bounds = _everywhere(resolution, dependency.name)
    rest = _NAME.sub("", dependency.spec, count=1).strip()
    if not bounds or _within(dependency, bounds) or (rest and not _COMPARISONS.fullmatch(rest)):
        return ""
    return f"{dependency.spec}{',' if rest else ' '}{_range(bounds)}"


def _within(dependency: Dependency, bounds: Iterable[AppliedBound]) -> bool:
    """Whether a spec of the project's leaves no version that a bound refuses."""
    requested = requested_versions(dependency.spec)
    return requested is not None and all(requested.is_subset(bound.versions) for bound in bounds)


def _bounded(package: str, bounds: Sequence[AppliedBound]) -> str:
    return f"{package} {_range(bounds)}".rstrip()


def _range(bounds: Sequence[AppliedBound]) -> str:
    """What several bounds on one package leave, as conda writes it; "" for any version."""
    ranges = dict.fromkeys(bound.versions for bound in bounds)
    narrow = (one for one in ranges if not any(other != one and other.is_subset(one) for other in ranges))
    return ",".join(str(one).replace("==", "") if ".*" in str(one) else str(one) for one in narrow)


def requested_versions(spec: str) -> SpecifierSet | None:
    """The versions that a conda spec admits; None where they are not one range, or are written in brackets."""
    rest = _OPERATOR.sub(r"\1", _NAME.sub("", spec, count=1).strip())
    text = rest.split(" ", maxsplit=1)[0]
    with_build = _WITH_BUILD.fullmatch(text)
    try:
        parts = [with_build[1]] if with_build else text.split(",")
        return SpecifierSet(",".join(map(_specifier, parts)), prereleases=True)
    except InvalidSpecifier:
        return None


def _specifier(part: str) -> str:
    """One part of a conda range as PEP 440 writes it: `1.2.*` and `=1.2` are any 1.2.x, `1.2` is 1.2 alone."""
    if part in ("", "*"):
        return ""
    if part[0] in "<>":
        return part.removesuffix(".*")
    if part[0] in "!~" or part.startswith("=="):
        return part
    return f"=={part[1:].removesuffix('.*')}.*" if part[0] == "=" else f"=={part}"


# --- the solver -----------------------------------------------------------------------------------------------------------


def requests(resolution: Resolution) -> tuple[SolveRequest, ...]:
    """What the solver is asked, one request for each platform."""
    decided = groups(resolution)
    return tuple(_request(resolution, platform, decided) for platform in resolution.platforms)


def request(resolution: Resolution, platform: Platform) -> SolveRequest:
    """What the solver is asked for one platform."""
    return _request(resolution, platform, groups(resolution))


def _request(resolution: Resolution, platform: Platform, decided: Iterable[Group]) -> SolveRequest:
    return SolveRequest(
        environment=environment_name(resolution),
        platform=platform,
        specs=tuple(spec for group in decided for spec in group.on(platform)),
        channels=resolution.project.channels,
        virtual=resolution.target.virtual[platform],
        constraints=constraints(resolution, platform),
        exclude_newer=resolution.project.exclude_newer,
        cuda=resolution.target.on(platform).cuda,
    )


def constraints(resolution: Resolution, platform: Platform) -> tuple[str, ...]:
    """What the solver may not break on one platform of a resolution."""
    bounds = (bound for bound in resolution.bounds if platform in bound.platforms)
    of_cuda = resolution.cuda_specs.get(platform, ()) if any(map(installed_by_pip, resolution.choices)) else ()
    return (*constraint_specs(bounds, resolution.excluded.get(platform, ())), *of_cuda)


def constraint_specs(bounds: Iterable[AppliedBound], excluded: Iterable[str]) -> tuple[str, ...]:
    """What a package must be if the solver installs it: within its bounds, and not one of another CUDA."""
    bounded = dict.fromkeys(text for bound in bounds if " " in (text := _bounded(bound.package, [bound])))
    return (*bounded, *(f"{name} <0a0" for name in excluded))


def environment_name(resolution: Resolution) -> str:
    """What a user activates: `vision-cu126`."""
    return resolution.environment
