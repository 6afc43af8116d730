"""The pages of the keys of project.yaml and of the files in matrices/: from the JSON Schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from envgen.curate.lint.json_schema import ENDING, FRAMEWORK, PROJECT, schemas
from website.reference.markdown import code, page, prose, table

Schema = Mapping[str, Any]
_PLAIN = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "nothing"}
_EDITOR = "An editor completes and checks these keys by the schemas in `schemas/`; `envgen matrix schemas` writes them."


def project_page() -> str:
    """The page of project.yaml."""
    lead = "A key that is not here is an error. [Projects](../projects.md) explains each of them with examples."
    return page("# Keys of project.yaml", f"{lead} {_EDITOR}", *_keys(_schema(PROJECT), "project.yaml", "##"))


def matrix_page() -> str:
    """The page of the files in matrices/."""
    lead = "A key that is not here is an error. [Matrices](../matrices.md) explains them with examples."
    kinds = [FRAMEWORK, *(name for file in schemas() if (name := file.name.removesuffix(ENDING)) not in (PROJECT, FRAMEWORK))]
    return page("# Keys of the matrices", f"{lead} {_EDITOR}", *(part for kind in kinds for part in _file(kind)))


def _schema(kind: str) -> Schema:
    found: Schema = json.loads(next(file.text for file in schemas() if file.name == f"{kind}{ENDING}"))
    return found


def _file(kind: str) -> Iterator[str]:
    schema = _schema(kind)
    name = "FRAMEWORK.yaml" if kind == FRAMEWORK else f"{kind}.yaml"
    yield f"## {name}"
    yield prose(schema["description"])
    yield from _keys(schema, name, "###")


def _keys(schema: Schema, name: str, level: str) -> Iterator[str]:
    """The keys of a file, then those of each kind of row in it, under the path that first leads there."""
    paths = _rows(schema, name)
    yield _table(schema, paths)
    for row, path in paths.items():
        yield f"{level} {path}"
        yield prose(schema["$defs"][row].get("description", ""))
        yield _table(schema["$defs"][row], paths)


def _rows(schema: Schema, name: str) -> dict[str, str]:
    """Row -> the first path to it, such as `project.yaml: targets`; in the order of the keys, each row before those in it."""
    paths: dict[str, str] = {}
    queue = [(name, schema)]
    for path, node in queue:  # grows while it is walked
        for key, value in node.get("properties", {}).items():
            for row in _named(value):
                if row not in paths:
                    paths[row] = f"{path}{': ' if path == name else ' '}{key}"
                    queue.append((paths[row], schema["$defs"][row]))
    return paths


def _named(node: Any) -> Iterator[str]:
    """The rows that a value may be or hold."""
    if isinstance(node, dict):
        yield from [node["$ref"].rpartition("/")[2]] if "$ref" in node else []
        for inner in node.values():
            yield from _named(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _named(inner)


def _table(node: Schema, paths: Mapping[str, str]) -> str:
    """The keys of a row; the meaning comes before the value, because a phone shows the first columns."""
    required = node.get("required", ())
    rows = (
        (code(key), prose(value["description"]), f"{_value(value, paths)}{'; required' if key in required else _default(value)}")
        for key, value in node["properties"].items()
    )
    return table(("key", "meaning", "value"), rows)


def _default(value: Schema) -> str:
    """What it is where it is left out; "" for nothing."""
    found = value.get("default")
    return (
        f"; default: {code(json.dumps(found).strip(chr(34)))}"
        if any(found.values() if isinstance(found, dict) else [found]) or found is False
        else ""
    )


def _value(node: Schema, paths: Mapping[str, str]) -> str:
    """What a value may be, in words."""
    if "$ref" in node:
        path = paths[node["$ref"].rpartition("/")[2]]
        return f"[{path.partition(': ')[2]}](#{_anchor(path)})"
    for several in ("anyOf", "allOf"):
        if several in node:
            words = (_value(one, paths) for one in node[several] if one.get("type") != "null")
            return " or ".join(dict.fromkeys(words))
    if "enum" in node or "const" in node:
        return ", ".join(code(str(one)) for one in node.get("enum", [node.get("const")]))
    if node.get("type") == "array":
        return f"list of {_several(_value(node['items'], paths))}"
    if node.get("type") == "object":
        return _mapping(node, paths)
    return "date" if node.get("format") == "date" else _PLAIN.get(node.get("type", ""), "anything")


def _mapping(node: Schema, paths: Mapping[str, str]) -> str:
    inner = [
        *node.get("patternProperties", {}).values(),
        *([node["additionalProperties"]] if node.get("additionalProperties") else []),
    ]
    if "properties" in node:
        return f"mapping with {', '.join(map(code, node['properties']))}"
    found = " or ".join(dict.fromkeys(_value(one, paths) for one in inner if isinstance(one, dict)))
    return f"mapping of names to {found}" if found else "mapping"


def _several(words: str) -> str:
    return "texts" if words == "text" else words


def _anchor(heading: str) -> str:
    """The fragment of a heading, as code hosts make it."""
    return "".join(letter for letter in heading.lower().replace(" ", "-") if letter.isalnum() or letter in "-_")
