"""JSON Schemas: as the models make them, in the files and in the editor; they accept what the loader accepts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.small import data_of, examples, real_matrix, refused, yaml_of

from envgen.curate.lint.json_schema import ENDING, MODELS, first_line, kind_of, named_schema, schemas, write_schemas
from envgen.matrix.load import matrix_of
from envgen.model.errors import BadInput
from envgen.model.layout import Layout
from envgen.project.load import load_project
from envgen.yamlfile.document import Document, parse
from envgen.yamlfile.schema import problems

REPO = Path(__file__).parents[2]
FILES = {
    **{path: kind_of(path.name) for path in sorted((REPO / "matrices").glob("*.yaml"))},
    **dict.fromkeys(sorted((REPO / "environments").glob("*/project.yaml")), "project"),
}


@cache
def checker(kind: str) -> Any:
    return fastjsonschema.compile(
        json.loads(next(file.text for file in schemas() if file.name == f"{kind}{ENDING}")), use_default=False
    )


def as_json(value: Any) -> Any:
    """The data as an editor's checker sees it: YAML 1.2 has no dates."""
    if isinstance(value, dict):
        return {key: as_json(held) for key, held in value.items()}
    if isinstance(value, list):
        return [as_json(held) for held in value]
    return value.isoformat() if isinstance(value, date) else value


def fits(kind: str, data: Any) -> bool:
    """Whether the schema accepts it."""
    try:
        checker(kind)(as_json(data))
    except fastjsonschema.JsonSchemaValueException:
        return False
    return True


def loads(kind: str, document: Document) -> bool:
    """Whether the loader accepts the shape of it."""
    return problems(document, MODELS[kind]) == ()


def reads(kind: str, text: str) -> bool:
    """Whether a text is a document that the loader accepts."""
    try:
        return loads(kind, parse(text, "f.yaml"))
    except BadInput:
        return False


# --- the files ------------------------------------------------------------------------------------------------------------


def test_the_schemas_in_the_repository_are_those_that_the_models_make() -> None:
    found = {path.name: path.read_text(encoding="utf-8") for path in (REPO / "schemas").iterdir()}
    schemas.cache_clear()
    assert found == {file.name: file.text for file in schemas()}, "run `make schemas`"


def test_writing_them_changes_only_what_is_stale(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert len(write_schemas(layout)) == len(MODELS)
    assert write_schemas(layout) == ()
    (tmp_path / "schemas" / "cuda.schema.json").write_text("{}\n", encoding="utf-8")
    (tmp_path / "schemas" / "gpus.schema.json").unlink()
    assert write_schemas(layout) == ("schemas/cuda.schema.json", "schemas/gpus.schema.json")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(REPO).as_posix())
def test_every_file_names_its_schema_and_fits_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    line = text.partition("\n")[0]
    assert line == first_line(path.parent.relative_to(REPO).as_posix(), FILES[path])
    assert (path.parent / str(named_schema(line))).resolve() == REPO / "schemas" / f"{FILES[path]}{ENDING}"
    document = parse(text, path.name)
    assert fits(FILES[path], document.data)
    assert loads(FILES[path], document)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("# yaml-language-server: $schema=../schemas/x.json", "../schemas/x.json"),
        ("\ufeff# yaml-language-server: $schema=x.json\r", "x.json"),
        ("# yaml-language-server:", None),
        ("framework: x", None),
        ("", None),
    ],
)
def test_what_a_first_line_names(line: str, named: str | None) -> None:
    assert named_schema(line) == named


# --- what they say --------------------------------------------------------------------------------------------------------


def rows(node: Any) -> Iterator[dict[str, Any]]:
    """Every part of a schema that describes a mapping with known keys."""
    if isinstance(node, dict):
        yield from [node] if isinstance(node.get("properties"), dict) else []
        for held in node.values():
            yield from rows(held)
    elif isinstance(node, list):
        for held in node:
            yield from rows(held)


@pytest.mark.parametrize("file", schemas(), ids=lambda file: file.name)
def test_every_key_is_described_and_every_row_is_closed(file: Any) -> None:
    schema = json.loads(file.text)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["title"].startswith("envgen: ")
    assert schema["description"].endswith(".")
    for row in rows(schema):
        assert "additionalProperties" in row
        assert [key for key, held in row["properties"].items() if not held.get("description")] == []


# --- what they accept -------------------------------------------------------------------------------------------------------

PROJECT = {"python": ">=3.10", "targets": ["cpu"], "platforms": ["linux-64"], "channels": ["conda-forge"]}
BETA = data_of((REPO / "matrices" / "tensorflow.yaml").read_text(encoding="utf-8"))
BETA["releases"] = BETA["releases"][:1]


def release(**changes: Any) -> dict[str, Any]:
    return {**BETA, "releases": [{**BETA["releases"][0], **changes}]}


def build(**changes: Any) -> dict[str, Any]:
    return release(builds=[{**BETA["releases"][0]["builds"][0], **changes}])


def constraint(**changes: Any) -> dict[str, Any]:
    return {**BETA, "constraints": [{**BETA["constraints"][0], **changes}]}


RIGHT = [
    ("project", PROJECT),
    ("project", {**PROJECT, "targets": {"cpu": None, "cu126": {}, "cu129": {"platforms": ["linux-64"], "virtual-packages": {"__glibc": "2.35"}}}}),
    ("project", {**PROJECT, "targets": {"cpu": {"platforms": None, "dependencies": []}}}),
    ("project", {**PROJECT, "frameworks": {"pytorch": "2.7.*", "jax": {"version": "*", "provider": None, "with": []}, "tensorflow": {}}}),
    ("project", {**PROJECT, "driver": None, "exclude-newer": None, "gpus": ["V100", "8.0"], "align": False}),
    ("project", {**PROJECT, "driver": ">= 535 ", "exclude-newer": date(2026, 6, 1), "pip": ["einops >=0.8"]}),
    ("project", {**PROJECT, "exclude-newer": {"default": date(2026, 6, 1), "channels": {"conda-forge": "none"}, "packages": {"numpy": "2026-06-01"}}}),
    ("project", {**PROJECT, "exclude-newer": "2026-06-01T12:30:00+02:00", "channels": ["https://$USER:$WORD@host.example/t/$TOKEN/c"]}),
    ("framework", build(cudnn=None, python="3.9-3.11, 3.13")),
    ("framework", release(note=None)),
    ("framework", constraint(until=date(2027, 6, 30))),
    ("framework", constraint(until="2027-06-30", warn=True)),
    ("framework", constraint(when={"platform": ["linux-64", "win-64"], "archspec": "x86_64_v3", "cuda": ">= 12, <13"})),
]  # fmt: skip
WRONG = [
    ("project", {key: value for key, value in PROJECT.items() if key != "python"}),
    ("project", {**PROJECT, "pyhton": "3.12"}),
    ("project", {**PROJECT, "python": 3.1}),
    ("project", {**PROJECT, "python": "three"}),
    ("project", {**PROJECT, "targets": []}),
    ("project", {**PROJECT, "targets": {}}),
    ("project", {**PROJECT, "targets": "cpu"}),
    ("project", {**PROJECT, "targets": {"cpu": {"platform": ["linux-64"]}}}),
    ("project", {**PROJECT, "targets": {"cpu": {"virtual-packages": {"glibc": "2.35"}}}}),
    ("project", {**PROJECT, "targets": {"cpu": {"virtual-packages": {"__glibc": 2.35}}}}),
    ("project", {**PROJECT, "frameworks": {"pytorch": 2.7}}),
    ("project", {**PROJECT, "frameworks": {"pytorch": None}}),
    ("project", {**PROJECT, "frameworks": {"pytorch": {"versions": "2.7"}}}),
    ("project", {**PROJECT, "platforms": []}),
    ("project", {**PROJECT, "channels": ["https://me:secret@host.example/c"]}),
    ("project", {**PROJECT, "channels": ["conda forge"]}),
    ("project", {**PROJECT, "dependencies": ["numpy # yes"]}),
    ("project", {**PROJECT, "driver": 535}),
    ("project", {**PROJECT, "driver": "new"}),
    ("project", {**PROJECT, "align": "yes"}),
    ("project", {**PROJECT, "exclude-newer": "June"}),
    ("project", {**PROJECT, "exclude-newer": {"packages": {"numpy": "June"}}}),
    ("project", {**PROJECT, "exclude-newer": {"packages": {"numpy >=2": "none"}}}),
    ("project", {**PROJECT, "exclude-newer": {"package": {}}}),
    ("framework", {**BETA, "because": "\u200b "}),
    ("framework", {**BETA, "include": "x"}),
    ("framework", release(version="two")),
    ("framework", release(**{"with": {"torchvision": "latest"}})),
    ("framework", build(variants=[])),
    ("framework", build(variants=["gpu"])),
    ("framework", build(variants=[12.6])),
    ("framework", build(platforms=["linux-65"])),
    ("framework", build(python="3")),
    ("framework", build(python="3.1-3.99999")),
    ("framework", build(cudnn="9")),
    ("framework", build(cudnn=0)),
    ("framework", constraint(need={})),
    ("framework", constraint(need={"platform": []})),
    ("framework", constraint(until="soon")),
    ("framework", constraint(warn="yes")),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "data"), RIGHT)
def test_what_is_right_fits_and_loads(kind: str, data: Any) -> None:
    assert fits(kind, data)
    assert loads(kind, parse(yaml_of(data), "f.yaml"))


@pytest.mark.parametrize(("kind", "data"), WRONG)
def test_what_is_wrong_neither_fits_nor_loads(kind: str, data: Any) -> None:
    assert not fits(kind, data)
    assert not reads(kind, yaml_of(data))


VALUES = st.one_of(
    st.sampled_from([None, True, 0, 3, 1.5, "", " ", "x", "cpu", "cu126", "12.6", "12", "3.10", "3.9-3.13", ">=2,<3", "==2.*,2.1", ">=2.*", "*", "~=2", "2.7rc1", "linux-64", "2026-01-01", date(2026, 1, 1), [], {}, ["x"], ["cpu", "12.6"], {"x": "y"}, {"cpu": None}]),
    st.text(max_size=5),
    st.from_regex(r"[0-9<>=!~.,* ab-]{1,9}", fullmatch=True),
)  # fmt: skip


@cache
def short(file: Path) -> Any:
    """What a file says, with few rows in its lists."""
    tree = data_of(file.read_text(encoding="utf-8"))
    lists = {key: tree[key][:2] for key in ("releases", "constraints", "gpus") if isinstance(tree.get(key), list)}
    return {**tree, **lists}


def paths(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from paths(value, (*path, key))


@cache
def places(file: Path) -> list[tuple[Any, ...]]:
    return sorted(paths(short(file)), key=str)


def replaced(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy: Any = dict(data) if isinstance(data, dict) else list(data)
    copy[path[0]] = replaced(data[path[0]], path[1:], value)
    return copy


@cache
def short_matrix() -> dict[str, Document]:
    return {path.name: parse(yaml_of(short(path)), f"matrices/{path.name}") for path in FILES if path.parent.name == "matrices"}


def test_the_short_files_are_right_before_they_are_changed() -> None:
    assert matrix_of(short_matrix()).frameworks


def wholly_loads(file: Path, text: str, folder: Path) -> bool:
    """Whether the loader accepts a file, names of other files included."""
    if FILES[file] != "project":
        return refused(lambda: matrix_of({**short_matrix(), file.name: parse(text, f"matrices/{file.name}")})) is None
    (folder / "project.yaml").write_text(text, encoding="utf-8")
    return refused(lambda: load_project(folder / "project.yaml", "project.yaml", real_matrix())) is None


@examples(300)
@given(st.data())
def test_whatever_the_loader_accepts_the_schema_accepts(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(sorted(FILES)))
    place = data.draw(st.sampled_from(places(file)))
    text = yaml_of(replaced(short(file), place, data.draw(VALUES)))
    if wholly_loads(file, text, tmp_path_factory.getbasetemp()):
        assert fits(FILES[file], parse(text, "f.yaml").data)
