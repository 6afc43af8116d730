"""Which GPUs the builds of a framework have code for: the rows `code` of its file, and the constraints that follow from them. Pure.

A build names its code as nvcc does: `sm_80` is binary code, `compute_90` is PTX, which a driver compiles. NVIDIA's rules
(https://docs.nvidia.com/cuda/cuda-c-programming-guide/, binary and PTX compatibility): binary code for X.Y runs on X.Z, Z >= Y, of
the same major; PTX for X.Y is compiled for any later GPU by a driver that knows the CUDA that it was made with. Neither among the
GPUs of Tegra nor between them and others is binary code compatible.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import groupby

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.model.constraint import Condition, Constraint
from envgen.model.facts import Code, Framework, Matrix, Platform
from envgen.model.gpu import Compiled, Gpu

CODE = re.compile(r"(sm|compute)_(\d{1,3})(\d)([af]?)")
_NEAREST = {((8, 6), (8, 7)), ((10, 0), (10, 1))}  # of the same major, and yet binary code for the first does not run on the second


def has_code(capability: Version, code: Iterable[str], *, compiles: bool = True, tegra: bool = False) -> bool | None:
    """Whether a GPU of a compute capability runs some of the code; None if no entry is of the form sm_90, compute_90.

    With the suffix `a` code runs only on its very capability, with `f` in its family. `compiles` is whether the driver compiles PTX
    of this build. On a Tegra only code for just its capability counts: it would compile PTX, but the CUDA libraries are others.
    """
    rows = _entries(tuple(code))
    wanted = (capability.major, capability.minor)
    return any(_runs(*row, wanted, compiles=compiles, tegra=tegra) for row in rows) if rows else None


_Number = tuple[int, int]  # 8.6 as major and minor
_Entry = tuple[str, _Number, str]


@cache
def _entries(code: tuple[str, ...]) -> tuple[_Entry, ...]:
    """Of each entry its kind, the compute capability and the suffix; entries of another form are left out."""
    return tuple((found[1], (int(found[2]), int(found[3])), found[4]) for text in code if (found := CODE.fullmatch(text)))


def _runs(kind: str, made: _Number, suffix: str, wanted: _Number, *, compiles: bool, tegra: bool) -> bool:
    if suffix == "a" or tegra:
        return made == wanted and (kind == "sm" or compiles)
    if kind == "compute" and not suffix:
        return compiles and made <= wanted
    return made[0] == wanted[0] and made <= wanted and (made, wanted) not in _NEAREST


def tegra(matrix: Matrix) -> frozenset[Version]:
    """The compute capabilities of Tegra, the GPUs of Jetson."""
    return frozenset(gpu.capability for gpu in matrix.gpus.values() if gpu.tegra)


def build_code(framework: Framework, release: Version, provider: str, cuda: Version, platform: Platform) -> Code | None:
    """What the builds of one release for one CUDA have code for; None where the matrix does not say."""
    return next((row for row in framework.code if row.covers(release, provider, cuda, platform)), None)


def compiled_for(code: Code, gpus: Iterable[Gpu]) -> Compiled | None:
    """The first of the builds of a row that has code for all of some GPUs; None where none has."""
    wanted = tuple(gpus)
    return next((row for row in code.compiled if all(_serves(row, gpu) for gpu in wanted)), None)


def _serves(row: Compiled, gpu: Gpu) -> bool:
    return (gpu.tegra or not row.tegra) and bool(has_code(gpu.capability, row.has, tegra=gpu.tegra))


# --- as constraints -------------------------------------------------------------------------------------------------------


BUILD = "build"  # the axis of these constraints that no file can name: the CUDA of one framework's build, an older minor perhaps


def code_constraints(framework: Framework, on_tegra: frozenset[Version]) -> Iterator[Constraint]:
    """The constraints that rows of code stand for; `on_tegra` are the compute capabilities of Tegra.

    One says which GPUs have any code; the other, where a driver is older than that of its CUDA, which have code without PTX.
    """
    for row in framework.code:
        when = (
            Condition(framework.name, row.releases),
            Condition("provider", names=frozenset({row.provider})),
            Condition(BUILD, row.cuda),
            *((Condition("platform", names=row.platforms),) if row.platforms else ()),
        )
        says = code_text(framework.name, row)
        any_code, binary = (capabilities(row, on_tegra, compiles=compiles) for compiles in (True, False))
        for more, needed in (((), any_code), *((((_OLDER,), binary),) if binary != any_code else ())):
            needs = (Condition("gpu", needed),)
            yield Constraint(when=(*when, *more), need=needs, because=row.because, at=row.at, says=says)


_OLDER = Condition("driver", names=frozenset({"older"}))


def code_text(framework: str, row: Code) -> str:
    """What builds have code for: `pytorch >=2.7 from conda-forge for CUDA >=12.8,<13 has code for 5.0, 6.0 and PTX of 12.0`."""
    where = f" on {' and '.join(sorted(row.platforms))}" if row.platforms else ""
    what = "; ".join(f"{_listed(one.has)}{f' (with {chr(44).join(one.specs)})' if one.specs else ''}" for one in row.compiled)
    return f"{framework} {row.releases} from {row.provider} for CUDA {row.cuda}{where} has code for {what}"


def _listed(has: Iterable[str]) -> str:
    found = [(kind, f"{major}.{minor}{suffix}") for kind, (major, minor), suffix in _entries(tuple(has))]
    binary, ptx = (", ".join(version for kind, version in found if kind == wanted) for wanted in ("sm", "compute"))
    return f"{binary} and PTX of {ptx}" if binary and ptx else binary or f"PTX of {ptx}"


def capabilities(row: Code, on_tegra: frozenset[Version], *, compiles: bool) -> SpecifierSet:
    """The compute capabilities that some build of a row runs on, as a range with its holes."""
    made = tuple(dict.fromkeys((entry, one.tegra) for one in row.compiled for entry in _entries(one.has)))
    return _range(made, frozenset((capability.major, capability.minor) for capability in on_tegra), compiles=compiles)


@cache  # rows share lists of code
def _range(made: tuple[tuple[_Entry, bool], ...], exact: frozenset[_Number], *, compiles: bool) -> SpecifierSet:
    majors = [major for (_, (major, _), _), _ in made]
    last, numbers = max(majors), [(major, minor) for major in range(min(majors), max(majors) + 1) for minor in range(10)]

    def runs(number: _Number, entry: _Entry, *, only_tegra: bool) -> bool:
        return (number in exact or not only_tegra) and _runs(*entry, number, compiles=compiles, tegra=number in exact)

    served = {number for number in numbers if any(runs(number, entry, only_tegra=only) for entry, only in made)}
    first = min(served)
    upward = compiles and any(kind == "compute" and not only for (kind, _, _), only in made)
    bounds = [f">={first[0]}.{first[1]}", *([] if upward else [f"<{last + 1}"])]
    return SpecifierSet(",".join((*bounds, *_holes([n for n in numbers if n > first], served))), prereleases=True)


def _holes(numbers: Iterable[_Number], served: set[_Number]) -> Iterator[str]:
    """What is not served, a whole major at once."""
    for major, group in groupby(numbers, key=lambda number: number[0]):
        all_of_it = list(group)
        missing = [f"!={major}.{minor}" for _, minor in all_of_it if (major, minor) not in served]
        yield from (f"!={major}.*",) if len(missing) == 10 else missing
