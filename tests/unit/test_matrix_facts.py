"""The pure half of matrix verify and refresh: rows, edits, text, virtual packages, the solver's explanation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version
from unit.small import ALPHA, examples, small_matrix

from envgen.curate import facts
from envgen.curate.refresh.edits import RecordedBuilds, edits
from envgen.curate.refresh.rows import BuildSet, SingleBuild, build_sets
from envgen.matrix.fields import minors_of
from envgen.matrix.schema import FrameworkFile
from envgen.model.errors import BadInput
from envgen.model.platforms import PLATFORMS
from envgen.model.text import minors_text
from envgen.yamlfile.document import parse
from envgen.yamlfile.edit import Edit, applied, flow, scalar, spliced
from envgen.yamlfile.nodes import spans
from envgen.yamlfile.schema import checked

PYTHONS = [Version(f"3.{minor}") for minor in range(8, 14)]
BUILDS = st.builds(
    lambda variant, platform, python, cudnn: build(variant, platform, python, cudnn if variant else None),
    st.sampled_from([None, Version("11.8"), Version("12.6")]),
    st.sampled_from(PLATFORMS),
    st.sampled_from(PYTHONS),
    st.sampled_from([None, 8, 9]),
)


def build(variant: Version | None, platform: str, python: Version, cudnn: int | None) -> SingleBuild:
    return SingleBuild(variant=variant, platform=platform, python=python, cudnn=cudnn)


TEXT = st.text(
    st.characters(exclude_categories=("C", "Zl", "Zp", "Nd"), include_characters="0123456789", codec="utf-8"),
    min_size=1,
    max_size=6,
)
KEY = TEXT.filter(lambda text: text != "<<")  # of a merge, which no file of ours has


# --- rows -----------------------------------------------------------------------------------------------------------------


@examples(200)
@given(st.frozensets(BUILDS))
def test_rows_claim_exactly_the_builds_that_they_are_made_of_each_once(builds: frozenset[SingleBuild]) -> None:
    found = [build for claimed in build_sets(builds) for build in claimed.builds]
    assert (frozenset(found), len(found)) == (builds, len(builds))


@examples(100)
@given(st.frozensets(st.sampled_from(PYTHONS), min_size=1))
def test_minors_are_read_back_as_they_were(minors: frozenset[Version]) -> None:
    assert minors_of(minors_text(minors)) == minors


def test_rows_are_what_a_person_would_write() -> None:
    pythons, linux, cuda = frozenset(PYTHONS[2:]), ("linux-64", "linux-aarch64"), (Version("12.6"), Version("12.9"))
    builds = {build(None, p, y, None) for p in PLATFORMS for y in pythons}
    builds |= {build(v, p, y, 9) for v in cuda for p in linux for y in pythons}
    builds |= {build(cuda[0], "win-64", y, 9) for y in pythons}
    assert build_sets(builds) == (
        BuildSet(variants=frozenset({None}), platforms=frozenset(PLATFORMS), pythons=pythons, cudnn=None),
        BuildSet(variants=frozenset(cuda), platforms=frozenset(linux), pythons=pythons, cudnn=9),
        BuildSet(variants=frozenset(cuda[:1]), platforms=frozenset({"win-64"}), pythons=pythons, cudnn=9),
    )


# --- proposals ------------------------------------------------------------------------------------------------------------


def file_of(rows: list[str]) -> FrameworkFile:
    body = "".join(f"      - {{provider: p, {row}}}\n" for row in rows)
    head = "framework: f\nbecause: b\nproviders: {p: [{releases: '>=1', channels: [c], cpu: [f], cuda: [f], because: b}]}\n"
    return checked(parse(f'{head}releases:\n  - version: "1.0"\n    builds:\n{body}', "f.yaml"), FrameworkFile)


def proposed(rows: list[str], recorded: set[SingleBuild], *, complete: bool = False) -> list[tuple[str, Any, Any]]:
    found = edits(file_of(rows), [RecordedBuilds("p", {Version("1.0"): frozenset(recorded)}, complete)])
    return [(edit.kind, edit.path[3:], edit.value) for edit in found]


CUDA = 'variants: ["12.6"], platforms: [linux-64], python: "3.10-3.11"'


def cuda(*pythons: str, cudnn: int | None = 9, variant: str = "12.6") -> set[SingleBuild]:
    return {build(Version(variant), "linux-64", Version(python), cudnn) for python in pythons}


def test_a_row_that_names_no_cudnn_agrees_with_every_record_and_grows_with_them() -> None:
    assert proposed([CUDA], cuda("3.10", "3.11", cudnn=9)) == []
    assert proposed([CUDA], cuda("3.12", cudnn=9)) == [("set", (0, "python"), "3.10-3.12")]


def test_a_record_that_names_no_cudnn_agrees_with_every_row() -> None:
    assert proposed([CUDA + ", cudnn: 9"], cuda("3.10", cudnn=None)) == []


def test_a_cudnn_that_no_record_links_is_corrected_and_a_second_one_gets_a_row() -> None:
    assert proposed([CUDA + ", cudnn: 8"], cuda("3.10")) == [("set", (0, "cudnn"), 9)]
    ((kind, path, row),) = proposed([CUDA + ", cudnn: 8"], cuda("3.10", cudnn=8) | cuda("3.10"))
    assert (kind, path, row["python"], row["cudnn"]) == ("insert", (1,), "3.10", 9)


def test_a_row_whose_cudnn_no_record_shows_stays_where_another_row_claims_what_they_link() -> None:
    rows = [CUDA + ", cudnn: 9", CUDA + ", cudnn: 8"]
    assert proposed(rows, cuda("3.10", "3.11", cudnn=8)) == []
    assert proposed(rows, cuda("3.10", "3.11", cudnn=8), complete=True) == [("remove", (0,), None)]


def test_what_is_gone_shrinks_a_row_along_its_lists_or_splits_it() -> None:
    row = 'variants: [cpu], platforms: [linux-64, win-64], python: "3.10-3.11"'
    cpu = {build(None, p, Version(y), None) for p in ("linux-64", "win-64") for y in ("3.10", "3.11")}
    one = build(None, "win-64", Version("3.11"), None)
    assert proposed([row], {b for b in cpu if b.platform != "win-64"}, complete=True) == [("remove", (0, "platforms", 1), None)]
    found = proposed([row], cpu - {one}, complete=True)
    assert [(kind, path) for kind, path, _ in found] == [("remove", (0, "platforms", 1)), ("insert", (1,))]
    assert found[1][2] == {"provider": "p", "variants": ["cpu"], "platforms": ["win-64"], "python": "3.10"}
    assert proposed([row], cpu - {one}) == []


def test_a_new_row_for_the_cpu_comes_before_those_for_cuda() -> None:
    ((_, path, _),) = proposed([CUDA], {build(None, "osx-64", Version("3.10"), None), *cuda("3.10", "3.11")})
    assert path == (0,)


# --- text -----------------------------------------------------------------------------------------------------------------

FILE = """\
releases:
  # the newest
  - version: "2"   # two

    builds: []
  # about one
  - version: "1"
    builds:
      # first
      - {variants: [cpu,
                    "12.6"], python: '3.9'}  # first row
      - variants:
          - cpu  # a
          # b
          - "11.8"
        python: "3.9"
      # the end
other: text
"""


def done(*changes: Edit) -> str:
    return spliced(FILE, changes, "f.yaml")


def test_scalars_lists_rows_and_releases_are_changed_where_they_stand() -> None:
    assert done(Edit(kind="set", path=("releases", 1, "builds", 0, "python"), value="3.10")) == FILE.replace("'3.9'", '"3.10"')
    assert done(Edit(kind="insert", path=("releases", 1, "builds", 0, "variants", 1), value="11.8")) == FILE.replace(
        "[cpu,", '[cpu, "11.8",'
    )
    assert done(Edit(kind="insert", path=("releases", 1, "builds", 0, "variants", 0), value="11.8")) == FILE.replace(
        "[cpu,", '["11.8", cpu,'
    )
    assert done(Edit(kind="remove", path=("releases", 1, "builds", 0, "variants", 0))) == FILE.replace(
        '[cpu,\n                    "12.6"]', '["12.6"]'
    )
    assert done(Edit(kind="insert", path=("releases", 1, "builds", 1, "variants", 2), value="12.6")) == FILE.replace(
        '          - "11.8"\n', '          - "11.8"\n          - "12.6"\n'
    )
    assert done(Edit(kind="remove", path=("releases", 1, "builds", 1, "variants", 0))) == FILE.replace("          - cpu  # a\n", "")
    assert done(Edit(kind="insert", path=("releases", 0, "builds", 0), value={"python": "3.9"})) == FILE.replace(
        "[]", '[{python: "3.9"}]'
    )
    assert done(Edit(kind="insert", path=("releases", 1, "builds", 2), value={"python": "3.8"})) == FILE.replace(
        "      # the end\n", '      - {python: "3.8"}\n      # the end\n'
    )
    assert done(Edit(kind="add", path=("releases", 1, "with"), value={"a": "0.1"})) == FILE.replace(
        '  - version: "1"\n', '  - version: "1"\n    with: {a: "0.1"}\n'
    )


def test_comments_stay_with_what_they_are_about() -> None:
    new = done(Edit(kind="insert", path=("releases", 1), value={"version": "1.5", "builds": [{"python": "3.9"}]}))
    assert new == FILE.replace("  # about one\n", '  - version: "1.5"\n    builds:\n      - {python: "3.9"}\n  # about one\n')
    first = done(Edit(kind="insert", path=("releases", 0), value={"version": "3", "builds": []}))
    assert first == FILE.replace("  # the newest\n", '  - {version: "3", builds: []}\n  # the newest\n')
    assert done(Edit(kind="remove", path=("releases", 1))).endswith("  # about one\n      # the end\nother: text\n")


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_the_last_line_ends_as_it_did(ending: str) -> None:
    newline = "\r\n" if ending == "\r\n" else "\n"
    text = f"releases:{newline}  - {{a: b}}{ending}"
    new = spliced(text, [Edit(kind="insert", path=("releases", 1), value={"c": "d"})], "f.yaml")
    assert new == f"releases:{newline}  - {{a: b}}{newline}  - {{c: d}}{ending}"
    assert spliced(new, [Edit(kind="remove", path=("releases", 1))], "f.yaml") == text


def test_characters_are_counted_and_a_byte_order_mark_stays() -> None:
    """libyaml reads bytes, and passes over the mark."""
    text = "\ufeffé: \U0001f600  # ü\nreleases: [é, b]\n"
    changes = [
        Edit(kind="insert", path=("releases", 1), value="ü"),
        Edit(kind="set", path=("é",), value="ö"),
        Edit(kind="remove", path=("releases", 1)),
    ]
    assert spliced(text, changes, "f.yaml") == '\ufeffé: "ö"  # ü\nreleases: [é, "ü"]\n'


def test_a_change_that_does_not_fit_the_text_is_refused_with_what_to_do() -> None:
    text = 'releases:\n  -\n    a: "1"\n  - {a: "2"}\n'
    with pytest.raises(BadInput, match=r"f\.yaml: cannot edit this file .*\n\nhint: edit it by hand: because"):
        spliced(text, [Edit(kind="remove", path=("releases", 0), why="because")], "f.yaml")


def test_inner_and_outer_changes_of_one_line_go_together() -> None:
    text = '{releases: [{builds: [{v: ["1"]}]}, {builds: []}]}\n'
    changes = [
        Edit(kind="insert", path=("releases", 0), value={"builds": []}),
        Edit(kind="insert", path=("releases", 0, "builds", 1), value={"v": ["2"]}),
        Edit(kind="insert", path=("releases", 0, "builds", 0, "v", 1), value="3"),
        Edit(kind="remove", path=("releases", 1)),
    ]
    assert spliced(text, changes, "f.yaml") == '{releases: [{builds: []}, {builds: [{v: ["1", "3"]}, {v: ["2"]}]}]}\n'


def test_applied_edits_are_by_the_paths_of_the_old_data() -> None:
    data = {"l": ["a", "b", "c"]}
    changes = [
        Edit(kind="remove", path=("l", 0)),
        Edit(kind="insert", path=("l", 1), value="x"),
        Edit(kind="insert", path=("l", 3), value="y"),
        Edit(kind="remove", path=("l", 2)),
    ]
    assert applied(data, changes) == {"l": ["x", "b", "y"]}
    assert data == {"l": ["a", "b", "c"]}


@examples(200)
@given(st.recursive(TEXT | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(KEY, inner)))
def test_a_value_on_one_line_is_read_back_as_it_was(value: Any) -> None:
    assert parse(f"k: {flow(value)}\n", "f.yaml").data == {"k": value}


@pytest.mark.parametrize(
    ("value", "text"), [("cpu", "cpu"), ("12.6", '"12.6"'), ("no", '"no"'), (9, "9"), ("linux-64", "linux-64")]
)
def test_a_scalar_is_quoted_where_yaml_would_read_something_else(value: Any, text: str) -> None:
    assert scalar(value) == text


def test_spans_are_where_values_stand() -> None:
    found = spans(ALPHA)
    data = parse(ALPHA, "alpha.yaml").data
    assert ALPHA[found[("framework",)].start : found[("framework",)].end] == "alpha"
    for place, release in enumerate(data["releases"]):
        span = found[("releases", place)]
        assert ALPHA[span.start : span.end].startswith(f'version: "{release["version"]}"')
        assert ALPHA[span.start : span.end].endswith("}")
        assert (span.flow, found[("releases", place, "builds", 0)].flow) == (False, True)


# --- what the solver is asked ----------------------------------------------------------------------------------------------


def test_every_combination_of_a_row_is_one_fact() -> None:
    matrix = small_matrix()
    found = facts.facts(matrix, tuple(matrix.frameworks), PLATFORMS)
    count = sum(
        len(b.variants) * len(b.platforms) * len(b.pythons)
        for f in matrix.frameworks.values()
        for r in f.releases
        for b in r.builds
    )  # fmt: skip
    assert len({(f.framework, f.provider, *f.build, f.cudnn) for f in found}) == len(found) == count


def test_a_fact_is_requested_as_lock_does_with_what_its_target_promises() -> None:
    matrix = small_matrix()
    fact = next(f for f in facts.facts(matrix, ["alpha"], ["win-64"]) if f.variant)
    assert fact.spelling
    specs = facts.specs(fact, fact.spelling)
    assert specs == ("alpha 2.1.0.* cuda126*", "cuda-version 12.6.*")
    request = facts.solve_request(matrix, fact, fact.spelling.channels, specs)
    assert request.specs == ("python 3.10.*", *specs)
    assert request.virtual == matrix.targets["cu126"].virtual["win-64"]
    assert request.constraints == ("cudatoolkit <0a0",)
    cpu = replace(fact, variant=None)
    assert "__cuda" not in facts.virtual_packages(matrix, cpu)
