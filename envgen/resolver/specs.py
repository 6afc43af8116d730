"""The conda specs of a choice and of a whole resolution: the only writer of conda's spec syntax. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

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


def groups(resolution: Resolution) -> tuple[Group, ...]:
    """Everything that goes into `dependencies:`, in the order of the decisions; each spec once."""
    pins = {pin.name: pin for pin in resolution.pins}
    found = [Group((f"python {resolution.python}.*",), pins["python"].because[0].text)]
    for choice in resolution.choices:
        found.append(Group(spelled(choice, resolution.target), pins[choice.release.framework].because[0].text))
    if not resolution.choices:
        found.append(Group(resolution.cuda_specs, f"target {resolution.target.name}"))
    if resolution.code_specs:
        found.append(Group(resolution.code_specs, f"builds with code for {', '.join(gpu.name for gpu in resolution.project.gpus)}"))
    if "cudnn" in pins:
        found.append(Group((f"cudnn {pins['cudnn'].version}",), pins["cudnn"].because[0].text))
    if resolution.project.pip:
        found.append(Group(("pip",), "installs the pip section"))
    own = tuple(dependency.spec for dependency in resolution.dependencies)
    if own:
        found.append(Group(own, "the project's own dependencies"))
    return tuple(_without_repeats(found))


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
