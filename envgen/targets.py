"""What a target word means: in `targets:` and `cuda:` of a project, for `--target` of every command, for `init`. Pure.

A word means the CPU target, or the newest CUDA target within a range of CUDA versions, or (`gpu`, `auto`) a target that depends on
the machine. The caller has the targets to choose from: those of a project, those that are locked, or those of the matrices.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from envgen.model.errors import BadInput, closest
from envgen.model.facts import Matrix, Target, Variant
from envgen.model.ranges import version_range
from envgen.model.target_names import CPU, named_cuda, target_name

NEWEST = ("newest", "latest", "*")
_LONGEST = 200  # letters of a word
_CUDA = re.compile(r"(?P<name>[a-z]+(?:[._-][a-z]+)*)?[\s=_-]*(?P<versions>[0-9.*,<>=!~\s]*)")
_MINOR = re.compile(r"(?P<sign>==|=|~=|>=)?\s*(?P<minor>[0-9]+\.[0-9]+)\.[0-9.*]+")
_OF_OTHERS = {
    **dict.fromkeys(("mps", "metal"), f"write {CPU}: a Mac's GPU is not a separate target"),
    **dict.fromkeys(("rocm", "hip", "amd", "xpu", "tpu"), f"targets are for CPU or CUDA: write {CPU}, or cu126"),
}
"""Words for what computes without CUDA, with what to do instead."""


class MachineWord(Enum):
    """A word whose target depends on the machine; `machine.fit` chooses it."""

    GPU = "gpu"  # the newest CUDA target that the machine can run
    AUTO = "auto"  # the same, or else the CPU target


@dataclass(frozen=True, slots=True)
class TargetRange:
    """The targets that a word allows, of which the newest is meant: those in a range of CUDA versions, or (None) the CPU target."""

    cuda: SpecifierSet | None

    def __contains__(self, variant: Variant) -> bool:
        """Whether a target for this CUDA version, or (None) for CPU, is one of them."""
        return variant is None if self.cuda is None else variant is not None and variant in self.cuda

    @property
    def minor(self) -> Version | None:
        """The one CUDA version in the range; None for CPU and where there may be several."""
        parts = [(part.operator, part.version.removesuffix(".*")) for part in self.cuda or ()]
        return Version(parts[0][1]) if len(parts) == 1 and parts[0][0] == "==" and "." in parts[0][1] else None


Meaning = TargetRange | MachineWord


# --- words ----------------------------------------------------------------------------------------------------------------


def meaning(word: str, matrix: Matrix) -> Meaning | None:
    """What a word means, in any case of letters; None where it is not a target word."""
    plain = word.strip().lower()
    if plain in (machine.value for machine in MachineWord):
        return MachineWord(plain)
    if plain in (CPU, *NEWEST):
        return TargetRange(None if plain == CPU else cuda_range("*"))
    match = _CUDA.fullmatch(plain) if len(plain) <= _LONGEST and any(letter.isalnum() for letter in plain) else None
    if match is None or plain == "cu" or (match["name"] and canonicalize_name(match["name"]) not in _cuda_names(matrix)):
        return None
    try:
        return TargetRange(cuda_range(dotted(match["versions"])))
    except ValueError:
        return None


def in_file(word: str, matrix: Matrix, where: object) -> TargetRange | None:
    """What a word of a file means, which is the same on every machine: `gpu` is the newest CUDA target, and `auto` is refused."""
    found = meaning(word, matrix)
    if found is MachineWord.AUTO:
        hint = f"write `{CPU}`, or `{NEWEST[0]}` for the newest CUDA target"
        raise BadInput(f"`{word}` depends on the machine, and a file means the same on every machine", where=where, hint=hint)
    return TargetRange(cuda_range("*")) if found is MachineWord.GPU else found


def in_command(word: str, matrix: Matrix) -> Meaning:
    """What a word after `--target` means. Raises BadInput where it is not a target word."""
    found = meaning(word, matrix)
    if found is None:
        raise _unknown(word, matrix)
    return found


def named(word: str, names: Iterable[str], matrix: Matrix, why: str) -> str | None:
    """The one of some targets that a word is the name of, or else that it means on any machine; None where none is.

    Raises BadInput for what is not a target word, and with the reason, `why`, for one that depends on the machine.
    """
    return word if word in names else newest_of(on_any_machine(word, matrix, why), names)


def on_any_machine(word: str, matrix: Matrix, why: str) -> TargetRange:
    """The same where a word must not depend on the machine; raises BadInput with the reason, `why`, where it does."""
    found = in_command(word, matrix)
    if isinstance(found, MachineWord):
        hint = f"name a target, or write `{NEWEST[0]}` for the newest CUDA target"
        raise BadInput(f"`{found.value}` depends on the machine, and {why}", where="--target", hint=hint)
    return found


def _unknown(word: str, matrix: Matrix) -> BadInput:
    name = str(canonicalize_name(re.split(r"[^\w.-]", word.strip(), maxsplit=1)[0]))
    if name in matrix.frameworks or any(name == alias for alias, _ in matrix.aliases):
        hint = f"write the target alone: {CPU}, cu126, or a CUDA version such as 12.6"
        return BadInput(f"`{word}` names a package; --target takes a target", where="--target", hint=hint)
    words = (*matrix.targets, NEWEST[0], *(machine.value for machine in MachineWord))
    return BadInput(f"no target `{word}` in matrices/targets.yaml", hint=of_others(word) or closest(word.lower(), words))


def of_others(word: str) -> str:
    """What to do about a word for what computes without CUDA, such as `mps` or `rocm6.2`; "" for any other word."""
    return _OF_OTHERS.get(re.split(r"[^a-z]", word.strip().lower(), maxsplit=1)[0], "")


def _cuda_names(matrix: Matrix) -> set[str]:
    """The names that may precede a CUDA version: also each alias whose version is one, and which requests nothing else."""
    rows = matrix.aliases.items()
    packages = {name for (name, extra), row in rows if row.version == "cuda" and not row.framework and not extra}
    return {"cuda", "cu", "gpu", *packages}


# --- CUDA versions --------------------------------------------------------------------------------------------------------


def cuda_range(text: str) -> SpecifierSet:
    """A range of CUDA minors: `12`, `=11.8.0`, `>=12,<13`, or any for `newest` and "". Raises ValueError."""
    plain = text.strip().lower()
    if plain in ("", *NEWEST):
        return version_range("*")
    return version_range(",".join(_by_minor(part.strip()) for part in plain.split(",") if part.strip()))


def _by_minor(part: str) -> str:
    """A part of a range without the patch release: `==11.8.0` is 11.8, and `>=11.8.1` is `>=11.8`."""
    match = _MINOR.fullmatch(part)
    if match is None:
        return part
    return f"{'>=' if match['sign'] == '>=' else ''}{match['minor']}"


def dotted(text: str) -> str:
    """The digits of a name with their dot: 126 is 12.6, 92 is 9.2, and 12 is the major."""
    plain = text.strip()
    return f"{plain[:-1]}.{plain[-1]}" if re.fullmatch(r"[0-9]{3,}|[2-9][0-9]", plain) else plain


def exactly(target: Target) -> TargetRange:
    """The range that holds one target and no other; from the oldest to the newest CUDA of its platforms where these differ."""
    found = sorted(variant for variant in target.variants if variant)
    return TargetRange(cuda_range(f">={found[0]},<={found[-1]}" if len(found) > 1 else str(found[0])) if found else None)


def intersection(one: TargetRange, other: TargetRange) -> TargetRange:
    """The range of both; `other` is for CUDA where `one` is."""
    return one if one.cuda is None or other.cuda is None else TargetRange(one.cuda & other.cuda)


# --- the target that is meant ---------------------------------------------------------------------------------------------


def newest_first(wanted: TargetRange, matrix: Matrix, wheels: Collection[str] = ()) -> tuple[Target, ...]:
    """The targets of the matrices that "the newest in a range" may mean, newest first; `wheels` are frameworks from wheels.

    A target that no build was made for, and which runs builds for an older CUDA, is meant only where it is asked for: where the
    range has no other.
    """
    found = sorted(_within(wanted, matrix), key=_place, reverse=True)
    built = matrix.built_with(wheels) if wheels else matrix.built
    return tuple([target for target in found if target.cuda in built] or found)


def exists(wanted: TargetRange, other: TargetRange, matrix: Matrix) -> bool:
    """Whether the matrices have a target that is in both ranges."""
    return any(target.cuda in other for target in _within(wanted, matrix))


def _within(wanted: TargetRange, matrix: Matrix) -> list[Target]:
    return [target for target in matrix.targets.values() if target.cuda in wanted]


def newest_of(wanted: TargetRange, names: Iterable[str]) -> str | None:
    """The newest target in a range, by name; None where none of the names is in it."""
    if wanted.cuda is None:
        return next((name for name in names if name == CPU), None)
    found = {cuda: name for name in names if (cuda := named_cuda(name)) and cuda in wanted}
    return found[max(found)] if found else None


def described(wanted: TargetRange, matrix: Matrix) -> Target | None:
    """The newest target of the matrices in a range; where they have none for just one CUDA version, one that promises nothing."""
    known = newest_first(wanted, matrix)
    if known or wanted.minor is None:
        return next(iter(known), None)
    return Target(
        name=target_name(wanted.minor), cuda=wanted.minor, platforms=(), virtual={}, at=next(iter(matrix.targets.values())).at
    )


def required(wanted: TargetRange, word: str, matrix: Matrix) -> TargetRange:
    """The range, if the matrices have a target in it. Raises BadInput where they have none."""
    if not newest_first(wanted, matrix):
        raise BadInput(f"no target `{word}` in matrices/targets.yaml", hint=nearest(word, matrix))
    return wanted


def nearest(text: str, matrix: Matrix) -> str:
    """The targets whose CUDA is nearest to the first version in a text, as a hint."""
    number = re.search(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", text.partition("[")[0] if "[" in text else text)
    wanted = _minors(Version(dotted(number[0]))) if number else 0
    built = (target for target in matrix.targets.values() if target.cuda and target.cuda in matrix.built)
    near = sorted(built, key=lambda target: (abs(_place(target) - wanted), target.name))[:3]
    return f"the nearest are {', '.join(target.name for target in sorted(near, key=_place))}" if near else "there is no CUDA target"


def lacking(project: str, word: str, own: Iterable[str], matrix: Matrix, where: object = None) -> BadInput:
    """The error for a target that a project does not have, with the command that adds one that the matrices have."""
    near = closest(word.lower(), own)
    add = f"{' Or add' if near.endswith('?') else '; add'} it: `envgen init --project {project} --target {word}`"
    hint = f"{near}{add}" if word in matrix.targets else near
    return BadInput(f"{project} has no target `{word}`", where=where, hint=hint)


def _place(target: Target) -> int:
    return _minors(target.cuda) if target.cuda else 0


def _minors(version: Version) -> int:
    """A CUDA version as a number in which 12.9 is nearer to 13.0 than to 12.0."""
    return version.major * 10 + version.minor
