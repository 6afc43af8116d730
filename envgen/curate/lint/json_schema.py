"""JSON Schemas of the files that people write, made from their models, for completion and checks in an editor.

Draft 7, which every editor's YAML support reads. What a schema cannot say (an empty range, a name that must be in another file) is
left to the loader: a schema accepts everything that the loader accepts.
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
from envgen.yamlfile.schema import FileModel

PROJECT, FRAMEWORK, ENDING = "project", "framework", ".schema.json"
MODELS: dict[str, type[FileModel]] = {
    PROJECT: ProjectFile,
    FRAMEWORK: FrameworkFile,
    **{name.removesuffix(".yaml"): model for name, model in KINDS.items()},
}
_DRAFT = "http://json-schema.org/draft-07/schema#"
_FIRST_LINE = re.compile(r"# yaml-language-server: \$schema=(\S+)\s*")


class _Draft7(GenerateJsonSchema):
    """Draft 7, without titles of keys: they would only repeat the key."""

    schema_dialect = _DRAFT

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


@cache
def schemas() -> tuple[RenderedFile, ...]:
    """Every schema file, sorted by name."""
    return tuple(RenderedFile(f"{kind}{ENDING}", _text(kind, model)) for kind, model in sorted(MODELS.items()))


def write_schemas(layout: Layout) -> tuple[str, ...]:
    """Write the schema files that are missing or out of date; returns their paths."""
    stale = [file for file in schemas() if _read(layout.schemas / file.name) != file.text]
    write_files(layout.schemas, stale, layout)
    return tuple(layout.shown(layout.schemas / file.name) for file in stale)


def kind_of(file: str) -> str:
    """The kind of a file in matrices/, by its name: cuda, targets, ..., or framework."""
    return file.removesuffix(".yaml") if file in KINDS else FRAMEWORK


def first_line(folder: str, kind: str) -> str:
    """The comment that names the schema to an editor, for a file in `folder` below the root (`matrices`)."""
    up = "../" * (folder.count("/") + 1)
    return f"# yaml-language-server: $schema={up}{Layout(Path()).schemas.name}/{kind}{ENDING}"


def named_schema(line: str) -> str | None:
    """The schema that the first line of a file names, or None."""
    found = _FIRST_LINE.fullmatch(line.lstrip("\ufeff"))
    return found[1] if found else None


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _text(kind: str, model: type[FileModel]) -> str:
    made = model.model_json_schema(by_alias=True, schema_generator=_Draft7)
    head = {"$schema": _DRAFT, "$comment": "Made by `make schemas` from the models of envgen.", "title": f"envgen: {kind}"}
    return json.dumps({**head, **_adapted(made)}, indent=2) + "\n"


def _adapted(node: Any) -> Any:
    """A schema without the names of models, and as draft 7 reads it.

    There, keywords beside `$ref` are ignored, and `patternProperties` alone does not forbid other keys.
    """
    if isinstance(node, list):
        return [_adapted(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: _adapted(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))}
    if "patternProperties" in made:
        made["additionalProperties"] = False
    if "$ref" in made and len(made) > 1:
        made["allOf"] = [{"$ref": made.pop("$ref")}]
    return made
