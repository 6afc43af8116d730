"""The conda specs of a choice and of a whole resolution: the only writer of conda's spec syntax. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from packaging.version import Version

from envgen.model.facts import Target, Variant
from envgen.model.packages import SolveRequest
from envgen.model.resolution import Choice, Resolution


@dataclass(frozen=True, slots=True)
class Group:
    """Specs of one decision, and the line that says why they are there."""

    specs: tuple[str, ...]
    because: str


def spelled(choice: Choice, target: Target) -> tuple[str, ...]:
    """The conda specs of one choice for a target's variant, companions included."""
    spelling, version = choice.spelling, str(choice.release.version)
    lines = [_filled(spec, version, target, choice.variant) for spec in (spelling.cuda if target.cuda else spelling.cpu)]
    for name in choice.companions:
        cpu, cuda = spelling.companions[name]
        lines.append(_filled(cuda if target.cuda else cpu, choice.release.companions[name], target, choice.variant))
    return tuple(lines)


def _filled(spec: str, version: str, target: Target, variant: Variant) -> str:
    built_for = str(variant or "").replace(".", "")
    return spec.replace("{version}", version).replace("{cuda}", str(target.cuda or "")).replace("{cu}", built_for)


def chosen(python: Version, choices: Iterable[Choice], target: Target) -> tuple[str, ...]:
    """The specs of all that is chosen for a target."""
    return tuple(dict.fromkeys((_python(python), *(spec for choice in choices for spec in spelled(choice, target)))))


def beside(resolution: Resolution) -> tuple[str, ...]:
    """The specs of a target that are the same whatever is chosen."""
    return tuple(dict.fromkeys(spec for group in _beside(resolution) for spec in group.specs))


def groups(resolution: Resolution) -> tuple[Group, ...]:
    """Everything that goes into `dependencies:`, in the order of the decisions; each spec once."""
    pins = {pin.name: pin for pin in resolution.pins}
    python = Group((_python(resolution.python),), pins["python"].because[0].text)
    frameworks = (
        Group(spelled(choice, resolution.target), pins[choice.release.framework].because[0].text) for choice in resolution.choices
    )
    return tuple(_without_repeats((python, *frameworks, *_beside(resolution))))


def _python(python: Version) -> str:
    return f"python {python}.*"


def _beside(resolution: Resolution) -> Iterator[Group]:
    if not resolution.choices:
        yield Group(resolution.cuda_specs, f"target {resolution.target.name}")
    yield from (Group((f"cudnn {pin.version}",), pin.because[0].text) for pin in resolution.pins if pin.name == "cudnn")
    if resolution.project.pip:
        yield Group(("pip",), "installs the pip section")
    yield Group(tuple(dependency.spec for dependency in resolution.dependencies), "the project's own dependencies")


def _without_repeats(groups: Iterable[Group]) -> Iterator[Group]:
    """The groups without specs that an earlier group has, and without groups that are empty then."""
    written: set[str] = set()
    for group in groups:
        specs = tuple(spec for spec in dict.fromkeys(group.specs) if spec not in written)
        written.update(specs)
        if specs:
            yield replace(group, specs=specs)


def requests(resolution: Resolution) -> tuple[SolveRequest, ...]:
    """What the solver is asked, one request for each platform."""
    specs = tuple(spec for group in groups(resolution) for spec in group.specs)
    return tuple(
        SolveRequest(
            environment=environment_name(resolution),
            platform=platform,
            specs=specs,
            channels=resolution.project.channels,
            virtual=resolution.target.virtual[platform],
            excluded=resolution.excluded,
            exclude_newer=resolution.project.exclude_newer,
        )
        for platform in resolution.platforms
    )


def environment_name(resolution: Resolution) -> str:
    """What a user activates: `vision-cu126`."""
    return f"{resolution.project.name}-{resolution.target.name}"
