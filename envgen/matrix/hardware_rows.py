"""Rows about GPUs, read into facts: the models, and which of them builds have code for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from envgen.matrix.conditions import no_repeats
from envgen.matrix.hardware_schema import CodeRow, GpuFile, GpuRow
from envgen.model.address import Address
from envgen.model.facts import Code
from envgen.model.gpu import Compiled, Gpu, GpuNames, OtherGpus
from envgen.yamlfile.document import Document


def code_of(row: CodeRow, at: Address) -> Code:
    """What builds have code for."""
    return Code(
        provider=row.provider,
        releases=row.releases,
        cuda=row.cuda,
        platforms=frozenset(row.platforms),
        compiled=(
            Compiled(tuple(row.has), tuple(row.specs)),
            *(Compiled(tuple(other.has), tuple(other.specs), other.tegra) for other in row.others),
        ),
        because=row.because,
        at=at,
    )


def gpus_of(document: Document, rows: Sequence[GpuRow]) -> Iterator[Gpu]:
    """The models, in the order of the file; raises BadInput for one that is written twice."""
    names = [
        (name.lower(), document.at("gpus", i, key, j))
        for i, row in enumerate(rows)
        for key, models in (("models", row.models), ("data-centre", row.data_centre))
        for j, name in enumerate(models)
    ]
    no_repeats(names, "model")
    for row in rows:
        platforms = frozenset(row.platforms)
        for name, centre in (*((name, False) for name in row.models), *((name, True) for name in row.data_centre)):
            yield Gpu(name=name, capability=row.capability, data_centre=centre, platforms=platforms, tegra=row.tegra)


def gpu_names_of(file: GpuFile) -> GpuNames:
    """The words of names of GPUs."""
    others = tuple(OtherGpus(row.maker, frozenset(row.words), row.instead) for row in file.others)
    return GpuNames(frozenset(file.words), frozenset(file.brands), others)
