"""Which CPU or CUDA target, and which platforms, each environment of a file is for. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

from envgen.formats.marks import mark_in, minor_of
from envgen.migrate.model import Asked, NotCarried, ReadAs
from envgen.migrate.translate import Translated, translated
from envgen.model.address import Address
from envgen.model.catalogue import WheelMarks
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix, Platform
from envgen.model.platforms import PLATFORMS
from envgen.model.text import shortened
from envgen.targets import TargetRange, cuda_range, dotted, exists, intersection, newest_first

_CUDA_WORD = re.compile(r"(?<![a-z])(?:cu(?:da)?[-_]?(?P<version>[0-9]+\.[0-9]+|[0-9]{2,3})?(?![a-z0-9])|gpu|nvidia)")
_CPU_WORD = re.compile(r"(?<![a-z])cpu(?:only)?(?![a-z])")
_COMMON_WORD = re.compile(r"(?<![a-z])(?:common|base|shared|core)(?![a-z])")
_PLATFORM_WORDS = (("linux-64", r"linux"), ("osx-arm64", r"mac(?:os)?|osx|darwin|apple"), ("win-64", r"win(?:dows)?"))
CPU = TargetRange(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadEnvironment:
    """An environment in envgen's terms. `variant` is None where nothing says CPU or CUDA."""

    asked: Asked
    items: tuple[Translated, ...]
    variant: TargetRange | None
    platforms: tuple[Platform, ...]
    why: str = ""  # what said which variant
    said_at: Address  # its place

    @property
    def pythons(self) -> tuple[Translated, ...]:
        """What asks for a Python."""
        return tuple(item for item in self.items if item.python)

    @property
    def common(self) -> bool:
        """Whether its name says that it is for all."""
        return _COMMON_WORD.search(self.asked.label.lower()) is not None


def read_environment_of(matrix: Matrix, asked: Asked) -> tuple[ReadEnvironment, list[NotCarried]]:
    """An environment with its requirements read. Raises BadInput where it asks for CPU and for CUDA."""
    found = [translated(matrix, wanted) for wanted in asked.wanted]
    items = tuple(item for item in found if isinstance(item, Translated))
    variant, why, at = _variant(matrix, asked, items)
    platforms = asked.platforms or tuple(_platforms_of(asked.label)) or tuple(_platforms_in(items))
    read = ReadEnvironment(asked=asked, items=items, variant=variant, platforms=platforms, why=why, said_at=at)
    return read, [item for item in found if isinstance(item, NotCarried)]


def _variant(matrix: Matrix, asked: Asked, items: Sequence[Translated]) -> tuple[TargetRange | None, str, Address]:
    """What the packages say, else the indexes of wheels, what the file states, or its name; these narrow what is left open."""
    strong = [item for item in items if item.target is not None]
    told = list(_told(matrix, asked, items))
    if not strong:
        return (*(told[0] if told else (None, "")), asked.at)
    found = _together(matrix, strong)
    said = next((item for item in strong if item.target == found), strong[0]).wanted
    return _closer(matrix, found, [one for one, _ in told]), f"`{said.text}`", said.at


def _closer(matrix: Matrix, found: TargetRange, told: Sequence[TargetRange]) -> TargetRange:
    """What the packages allow, narrowed by the minor, else by the major that is told beside them."""
    if found.minor or found.cuda is None:
        return found
    minors = (one for one in told if one.minor and one.minor in found)
    majors = (intersection(found, one) for one in told if not one.minor and one.cuda and exists(found, one, matrix))
    return next(minors, None) or next(majors, found)


def _told(matrix: Matrix, asked: Asked, items: Sequence[Translated]) -> Iterator[tuple[TargetRange, str]]:
    """What says CPU or CUDA beside the words for it, the most reliable first."""
    yield from ((found, f"`{one.text}`") for one in asked.indexes if (found := index_variant(matrix.catalogue.wheels, one.bare)))
    if asked.cuda:
        try:
            yield TargetRange(cuda_range(minor_of(asked.cuda))), f"CUDA {asked.cuda}"
        except ValueError:
            hint = "write it as 12.6"
            raise BadInput(f"not a version of CUDA: {shortened(asked.cuda)}", where=asked.at, hint=hint) from None
    weak = [item for item in items if item.weak is not None]
    if weak:
        yield _narrowest(matrix, weak), f"`{weak[0].wanted.text}`"
    label = asked.label.lower()
    if match := _CUDA_WORD.search(label):
        yield TargetRange(cuda_range(dotted(match["version"] or ""))), "its name"
    elif _CPU_WORD.search(label):
        yield CPU, "its name"


def _together(matrix: Matrix, strong: Sequence[Translated]) -> TargetRange:
    """The one target that all words allow. A word for CPU beside one for a CUDA version is an error: one of the two is wrong.

    What a lock has on macOS alone says nothing of the other platforms, nor does a CUDA that another package overrules.
    """
    overruled = {name for item in strong for row in matrix.catalogue.named("conda", item.name) for name in row.overrules}
    asked = [(item, item.target) for item in strong if item.target and item.name not in overruled]
    cuda = [item for item, wanted in asked if wanted.cuda is not None]
    cpu = [item for item, wanted in asked if wanted.cuda is None and not (cuda and for_mac(item))]
    if cpu and cuda:
        what = f"`{cpu[0].wanted.text}` ({cpu[0].wanted.at.place}) asks for CPU, and `{cuda[0].wanted.text}` for CUDA"
        raise BadInput(what, where=cuda[0].wanted.at, hint="an environment is for one of the two: remove the other from the file")
    if cpu:
        return CPU
    found = _narrowest(matrix, cuda)
    other = next((item for item in cuda if item.target and not exists(found, item.target, matrix)), None)
    if other and newest_first(found, matrix):
        first = next(item for item in cuda if item is not other)
        what = f"`{first.wanted.text}` ({first.wanted.at.place}) and `{other.wanted.text}` ask for two CUDA versions"
        raise BadInput(what, where=other.wanted.at, hint="an environment has one: remove the other from the file")
    return found


def for_mac(item: Translated) -> bool:
    """Whether a requirement is for macOS alone, which has no CUDA."""
    return bool(item.wanted.only) and all(platform.startswith("osx") for platform in item.wanted.only)


def _narrowest(matrix: Matrix, items: Sequence[Translated]) -> TargetRange:
    """The range that all allow; what excludes the ones before it does not count."""
    ranges = [found for item in items if (found := item.target or item.weak)]

    def both(one: TargetRange, other: TargetRange) -> TargetRange:
        return intersection(one, other) if one.minor is None and exists(one, other, matrix) else one

    return reduce(both, sorted(ranges, key=lambda one: one.minor is None))


def index_variant(marks: WheelMarks, url: str) -> TargetRange | None:
    """The variant that an index of wheels is for, None for one with any."""
    cuda = mark_in(marks.cuda_indexes, url)
    if cuda is not None:
        return TargetRange(cuda_range(cuda))
    return CPU if mark_in(marks.cpu_indexes, url) is not None else None


def _platforms_of(label: str) -> Iterator[Platform]:
    """The platforms that the name of a file names."""
    for platform, words in _PLATFORM_WORDS:
        if re.search(rf"(?<![a-z])(?:{words})(?![a-z])", label.lower()):
            yield platform


def _platforms_in(items: Iterable[Translated]) -> Iterator[Platform]:
    """The first platform in the names of packages that are for every platform of the file: clang_osx-arm64."""
    for name in (item.name for item in items if not item.wanted.only):
        if re.search(r"(?<![a-z])macos(?![a-z])", name):
            yield "osx-arm64"
            return
        for platform in (one for one in PLATFORMS if name.endswith(f"_{one}")):
            yield platform
            return


@dataclass(slots=True, kw_only=True)
class SortedEnvironments:
    """Environments that are for all others, and the others, each with its variant; and what became of the rest."""

    common: list[ReadEnvironment] = field(default_factory=list)
    own: list[ReadEnvironment] = field(default_factory=list)
    left: list[NotCarried] = field(default_factory=list)
    notes: list[ReadAs] = field(default_factory=list)


def of_all(environments: Sequence[ReadEnvironment]) -> SortedEnvironments:
    """The environments, sorted by what they are for.

    One that says neither CPU nor CUDA is for all where the others cannot be environments alone, because they have no Python, or
    where a CPU environment is beside it already; else it is the CPU environment. Of several in one file for the same platforms, the
    first counts.
    """
    found = SortedEnvironments()
    said = [one for one in environments if one.variant is not None]
    for one in (one for one in environments if one.variant is None):
        twin = any(one.asked.at.file == row.asked.at.file and one.platforms == row.platforms for row in (*found.own, *found.common))
        if twin or any(_beside(one, row) for row in said):
            if not any({item.wanted for item in one.items} <= {item.wanted for item in row.items} for row in said):
                why = "another environment of this file, which says neither CPU nor CUDA: make a project of it"
                found.left.append(NotCarried(one.asked.name, one.asked.at, why))
        elif _is_common(one, said):
            found.common.append(one)
            found.notes.append(ReadAs(text=one.asked.name, at=one.asked.at, meaning="all targets: it says neither CPU nor CUDA"))
        else:
            found.own.append(replace(one, variant=CPU))
            if not _on_mac(one):
                found.notes.append(
                    ReadAs(text=one.asked.name, at=one.asked.at, meaning="nothing in it says CPU or CUDA", target="cpu")
                )
    found.own += said
    return found


def _beside(one: ReadEnvironment, other: ReadEnvironment) -> bool:
    """Whether two environments of one file may be for the same platform."""
    apart = one.platforms and other.platforms and not set(one.platforms) & set(other.platforms)
    return one.asked.at.file == other.asked.at.file and not apart


def _is_common(one: ReadEnvironment, said: Sequence[ReadEnvironment]) -> bool:
    fragments = not any(row.pythons for row in said) or not one.pythons or any(row.variant == CPU for row in said)
    return bool(said) and not _on_mac(one) and (one.common or fragments)


def _on_mac(one: ReadEnvironment) -> bool:
    return bool(one.platforms) and all(platform.startswith("osx") for platform in one.platforms)
