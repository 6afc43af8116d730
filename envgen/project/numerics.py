"""`numerics:` of a project: what decides which numbers come out, and what of it may differ between targets. Pure."""

from __future__ import annotations

from envgen.model.errors import BadInput, closest
from envgen.model.facts import Matrix
from envgen.model.project import Numerics
from envgen.project.schema import ProjectFile
from envgen.yamlfile.document import Document


def numerics_of(document: Document, matrix: Matrix, file: ProjectFile) -> Numerics:
    """What the key says. Raises BadInput for a name that nothing is called, and beside `align: false`."""
    row = file.numerics
    if "numerics" in document.data and not file.align:
        hint = "remove one of the two: with `align: false` everything may differ"
        raise BadInput("`numerics:` needs `align: true`", where=document.at("numerics"), hint=hint)
    known = {*matrix.frameworks, *(numeric.name for numeric in matrix.catalogue.numerics), *row.also}
    for index, name in enumerate(row.may_differ):
        if name not in known:
            what = f"nothing that must be the same is called `{name}`"
            raise BadInput(what, where=document.at("numerics", "may-differ", index), hint=closest(name, known))
    return Numerics(also=tuple(row.also), may_differ=tuple(row.may_differ))
