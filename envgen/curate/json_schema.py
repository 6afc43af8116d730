"""JSON Schemas of the files that people write, made from their models, for the help that an editor gives.

Draft 7, which every editor's YAML support reads. What cannot be said in a schema (a range without a version in it, a name of
another file) is left to the loader: a schema accepts whatever the loader accepts.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from envgen.files import write_files
from envgen.matrix.schema import KINDS, FrameworkFile
from envgen.model.layout import Layout
from envgen.model.resolution import RenderedFile
from envgen.project.schema import ProjectFile
from envgen.yamlfile.document import FileModel

PROJECT, FRAMEWORK, ENDING = "project", "framework", ".schema.json"
SHAPES: dict[str, type[FileModel]] = {
    PROJECT: ProjectFile,
    FRAMEWORK: FrameworkFile,
    **{name.removesuffix(".yaml"): shape for name, shape in KINDS.items()},
}
_DRAFT = "http://json-schema.org/draft-07/schema#"
_LINE = re.compile(r"# yaml-language-server: \$schema=(\S+)\s*")


class _Draft7(GenerateJsonSchema):
    """Keys without titles, which would only repeat them."""

    schema_dialect = _DRAFT

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


@cache
def schemas() -> tuple[RenderedFile, ...]:
    """Every schema file, sorted by name."""
    return tuple(RenderedFile(f"{kind}{ENDING}", _text(kind, shape)) for kind, shape in sorted(SHAPES.items()))


def write_schemas(layout: Layout) -> tuple[str, ...]:
    """Write those that are not as they should be; returns their names."""
    stale = [file for file in schemas() if _found(layout.schemas / file.name) != file.text]
    write_files(layout.schemas, stale, layout)
    return tuple(layout.shown(layout.schemas / file.name) for file in stale)


def kind_of(file: str) -> str:
    """The kind of a file in matrices/, by its name: cuda, targets, ..., framework."""
    return file.removesuffix(".yaml") if file in KINDS else FRAMEWORK


def first_line(folder: str, kind: str) -> str:
    """The comment by which an editor finds the schema, in a file that lies in `folder` below the root, as `matrices`."""
    up = "../" * (folder.count("/") + 1)
    return f"# yaml-language-server: $schema={up}{Layout(Path()).schemas.name}/{kind}{ENDING}"


def referred(line: str) -> str | None:
    """What the first line of a file names as its schema; None where it names none."""
    found = _LINE.fullmatch(line.lstrip("\ufeff"))
    return found[1] if found else None


def _found(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _text(kind: str, shape: type[FileModel]) -> str:
    made = shape.model_json_schema(by_alias=True, schema_generator=_Draft7)
    named = {"$schema": _DRAFT, "$comment": "Made by `make schemas` from the models of envgen.", "title": f"envgen: {kind}"}
    return json.dumps({**named, **_plain(made)}, indent=2) + "\n"


def _plain(node: Any) -> Any:
    """Without the names of models, and as draft 7 reads it: keywords beside `$ref` are void there, and a pattern of keys
    lets other keys pass.
    """
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: _plain(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))}
    if "patternProperties" in made:
        made["additionalProperties"] = False
    if "$ref" in made and len(made) > 1:
        made["allOf"] = [{"$ref": made.pop("$ref")}]
    return made
