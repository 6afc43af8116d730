"""Edits of project files: requirements are added and removed where they are, and the rest of the text stays as it is."""

from __future__ import annotations

import pytest
from unit.small import real_matrix, small_matrix

from envgen.model.errors import BadInput
from envgen.project.edit import ProjectText

MATRIX = small_matrix()
BLOCK = """\
# about the project
python: ">=3.9"
frameworks:  # ours
  # needs the GPU
  alpha:
    version: ">=2"
    with:
      - alphavision  # for images
  beta: "3.*"  # the old one
targets:  # all of them
  - cpu
  # for the cluster
  - "cu126"
platforms: [linux-64]
channels: [conda-forge]
dependencies:
  - numpy  # for arrays
  # for tables
  - "pandas >=2"
pip: [einops]
"""
FLOW = """\
python: ">=3.9"
frameworks: {alpha: {version: ">=2", with: [alphavision]}, beta: "3.*"}  # ours
targets: [cpu, cu126]
platforms: [linux-64]
channels: [conda-forge]
dependencies: [numpy, "pandas >=2"]
"""


def read(text: str) -> ProjectText:
    return ProjectText(text, "p.yaml", MATRIX)


REMOVED = {
    "a framework below others": (BLOCK, "beta", [('  beta: "3.*"  # the old one\n', "")]),
    "a framework with its companions": (
        BLOCK,
        "alpha",
        [('  alpha:\n    version: ">=2"\n    with:\n      - alphavision  # for images\n', "")],
    ),
    "the only companion": (BLOCK, "alphavision", [("    with:\n      - alphavision  # for images\n", "    with: []\n")]),
    "a framework in braces": (FLOW, "beta", [(', beta: "3.*"', "")]),
    "the first framework in braces": (FLOW, "alpha", [('{alpha: {version: ">=2", with: [alphavision]}, beta', "{beta")]),
    "a companion in braces": (FLOW, "alphavision", [("with: [alphavision]", "with: []")]),
    "a dependency with a comment": (BLOCK, "numpy", [("  - numpy  # for arrays\n", "")]),
    "a requirement of pip": (BLOCK, "Einops", [("[einops]", "[]")]),
}


@pytest.mark.parametrize("kind", REMOVED)
def test_a_requirement_is_removed_and_the_rest_stays(kind: str) -> None:
    text, name, changes = REMOVED[kind]
    expected = text
    for old, new in changes:
        assert old in expected
        expected = expected.replace(old, new)
    assert read(text).without_package(name).text == expected


def test_the_last_of_a_list_or_of_the_frameworks_leaves_it_empty() -> None:
    found = read(BLOCK)
    for name in ("alpha", "beta", "numpy", "pandas"):
        found = found.without_package(name)
    assert "frameworks: {}  # ours\n  # needs the GPU\ntargets:" in found.text
    assert "dependencies: []\n  # for tables\npip: [einops]\n" in found.text


def test_every_key_that_requests_a_package_loses_it() -> None:
    text = FLOW.replace("numpy,", "alpha 2.*, einops, alphavision,") + "pip: [einops, alpha]\n"
    assert read(text).without_package("einops").text == text.replace("einops, ", "")
    assert "alpha 2" not in (found := read(text).without_package("alpha").text)
    assert '{beta: "3.*"}' in found
    assert found.endswith("pip: [einops]\n")
    assert read(text).without_package("alphavision").document.data["frameworks"]["alpha"]["with"] == []


def test_the_name_of_a_framework_removes_its_aliases_and_an_alias_itself_alone() -> None:
    real = real_matrix()
    text = FLOW.replace('{alpha: {version: ">=2", with: [alphavision]}, beta: "3.*"}', "{torch: '*'}").replace(
        "numpy", "numpy, cpuonly"
    )
    assert ProjectText(text, "p.yaml", real).without_package("pytorch").document.data["frameworks"] == {}
    assert "cpuonly" not in ProjectText(text, "p.yaml", real).without_package("PyTorch").text
    assert ProjectText(text, "p.yaml", real).without_package("cpuonly").text == text.replace(", cpuonly", "")


@pytest.mark.parametrize(
    ("name", "target", "message"),
    [
        ("scipy", None, "p.yaml:16:1: `scipy` is not requested here"),
        ("nunpy", None, "did you mean `numpy`?"),
        ("bet", None, "did you mean `beta`?"),
        ("alpha", "cpu", "it is requested for all targets: leave out --target"),
        ("numpy", "cu127", "p.yaml:10:1: there is no target `cu127` here\n\nhint: did you mean `cu126`?"),
    ],
)
def test_what_is_not_requested_is_named(name: str, target: str | None, message: str) -> None:
    with pytest.raises(BadInput) as failure:
        read(BLOCK).without_package(name, target)
    assert message in str(failure.value) + f"\n\nhint: {failure.value.hint}"


ADDED = {
    "a framework that is there": (BLOCK, "beta 4.*", 'beta: "3.*"', 'beta: "4.*"'),
    "a framework with other keys": (BLOCK, "alpha 2.1.*", 'version: ">=2"', 'version: "2.1.*"'),
    "a framework in braces": (FLOW, "alpha 2.1.*", 'version: ">=2"', 'version: "2.1.*"'),
    "a companion that is listed": (FLOW, "alphavision", "", ""),
    "a companion with a version": (
        FLOW,
        "alphavision 0.1.*",
        "with: [alphavision]}",
        'with: []}, alphavision: "0.1.*"',
    ),
    "a companion below `with`": (FLOW.replace("[alphavision]", "[]"), "alphavision", "with: []", "with: [alphavision]"),
    "a companion of a framework without `with`": (
        FLOW.replace('{version: ">=2", with: [alphavision]}', '">=2"'),
        "alphavision",
        'alpha: ">=2"',
        'alpha: ">=2", alphavision: "*"',
    ),
    "a dependency below others": (BLOCK, "scipy", '"pandas >=2"\n', '"pandas >=2"\n  - scipy\n'),
}


@pytest.mark.parametrize("kind", ADDED)
def test_a_requirement_is_added_where_the_file_has_such(kind: str) -> None:
    text, spec, old, new = ADDED[kind]
    assert read(text).with_spec(spec).text == text.replace(old, new, 1)


IN_TARGETS = FLOW.replace("[cpu, cu126]", "{cpu: , cu126: {dependencies: [scipy]}, cu118: {dependencies: }}")
NO_FRAMEWORKS = FLOW.replace('frameworks: {alpha: {version: ">=2", with: [alphavision]}, beta: "3.*"}  # ours\n', "")


@pytest.mark.parametrize(
    ("text", "name", "target", "where", "hint"),
    [
        (BLOCK, "numpy", "cpu", "10:1", "it is requested for all targets: leave out --target"),
        (IN_TARGETS, "NumPy", "cu126", "3:26", "it is requested for all targets: leave out --target"),
        (IN_TARGETS, "alpha", "cu118", "3:58", "it is requested for all targets: leave out --target"),
        (IN_TARGETS, "einops", "cu126", "3:26", "known here: alpha, beta, numpy, pandas"),
        (IN_TARGETS, "scipy", None, "6:1", "target cu126 requests it: add --target cu126"),
        (IN_TARGETS, "SciPy", None, "6:1", "target cu126 requests it: add --target cu126"),
        (IN_TARGETS, "nunpy", None, "6:1", "did you mean `numpy`?"),
        (FLOW.replace('[numpy, "pandas >=2"]', ""), "bet", None, "6:1", "did you mean `beta`?"),
        (NO_FRAMEWORKS, "pandsa", None, "5:1", "did you mean `pandas`?"),
        (NO_FRAMEWORKS + "frameworks:\n", "pandsa", None, "5:1", "did you mean `pandas`?"),
    ],
)
def test_where_a_package_is_requested_instead(text: str, name: str, target: str | None, where: str, hint: str) -> None:
    with pytest.raises(BadInput) as failure:
        read(text).without_package(name, target)
    assert (str(failure.value.where), failure.value.what) == (f"p.yaml:{where}", f"`{name}` is not requested here")
    assert failure.value.hint == hint


@pytest.mark.parametrize(
    ("text", "spec", "target", "old", "new"),
    [
        (NO_FRAMEWORKS, "alpha", None, '"pandas >=2"]\n', '"pandas >=2"]\nframeworks: {alpha: "*"}\n'),
        (NO_FRAMEWORKS + "frameworks: {}\n", "alpha 2.*", None, "frameworks: {}", 'frameworks: {alpha: "2.*"}'),
        (FLOW.replace('version: ">=2", ', ""), "alpha 2.*", None, "with: [alphavision]", 'with: [alphavision], version: "2.*"'),
        (FLOW, "numpy >=2", None, "numpy", '"numpy >=2"'),
        (FLOW, "c::alpha 2.*", None, '"pandas >=2"', '"pandas >=2", "c::alpha 2.*"'),
        (FLOW, "alpha 2.* cuda*", None, '"pandas >=2"', '"pandas >=2", "alpha 2.* cuda*"'),
        (
            FLOW.replace('dependencies: [numpy, "pandas >=2"]\n', ""),
            "x",
            None,
            "[conda-forge]\n",
            "[conda-forge]\ndependencies: [x]\n",
        ),
        (IN_TARGETS, "scipy >=2", "cu126", "[scipy]", '["scipy >=2"]'),
        (IN_TARGETS, "x", "cu126", "[scipy]", "[scipy, x]"),
        (IN_TARGETS, "x", "cu118", "dependencies: }", "dependencies:  [x]}"),
        (IN_TARGETS, "x", "cpu", "cpu: ", "cpu:  {dependencies: [x]}"),
    ],
)
def test_a_requirement_is_written_where_it_belongs(text: str, spec: str, target: str | None, old: str, new: str) -> None:
    assert read(text).with_spec(spec, target).text == text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("spec", "target", "what", "hint"),
    [
        ("%", None, "not a conda spec: `%`", 'for example "name >=2.5,<3"'),
        ("alpha", "cpu", "alpha is a framework, which is for all targets", "leave out --target"),
    ],
)
def test_what_cannot_be_added_is_named(spec: str, target: str | None, what: str, hint: str) -> None:
    with pytest.raises(BadInput) as failure:
        read(FLOW).with_spec(spec, target)
    assert (failure.value.what, failure.value.hint) == (what, hint)


@pytest.mark.parametrize(
    ("text", "key", "name", "old", "new"),
    [
        (BLOCK, "targets", "cu118", '  - "cu126"\n', '  - "cu126"\n  - cu118\n'),
        (FLOW, "targets", "cu118", "[cpu, cu126]", "[cpu, cu126, cu118]"),
        (IN_TARGETS, "targets", "cu130", "cpu: ,", "cpu: , cu130: {},"),
        (FLOW, "gpus", "V100", '"pandas >=2"]\n', '"pandas >=2"]\ngpus: [V100]\n'),
        (f"{FLOW}gpus: []\n", "gpus", "V100", "gpus: []", "gpus: [V100]"),
        (f"{FLOW}gpus: [A100]\n", "gpus", "V100", "gpus: [A100]", "gpus: [A100, V100]"),
    ],
)
def test_an_item_is_added_to_a_list_or_a_mapping(text: str, key: str, name: str, old: str, new: str) -> None:
    assert read(text).with_item(key, name).text == text.replace(old, new, 1)


def test_what_is_requested_for_one_target_is_removed_there() -> None:
    assert read(IN_TARGETS).without_package("SciPy", "cu126").text == IN_TARGETS.replace("[scipy]", "[]")
    both = IN_TARGETS.replace("[scipy]", "[scipy, numpy]")
    assert read(both).without_package("numpy").text == both.replace("[numpy, ", "[")
    assert read(both).without_package("numpy", "cu126").text == both.replace(", numpy]}", "]}")


def test_a_list_of_targets_becomes_a_mapping_where_it_is() -> None:
    found = read(BLOCK).with_spec("scipy", "cu126").text
    lines = 'targets:  # all of them\n  cpu: {}\n  # for the cluster\n  "cu126": {dependencies: [scipy]}\n'
    assert found == BLOCK.replace('targets:  # all of them\n  - cpu\n  # for the cluster\n  - "cu126"\n', lines)
    assert read(FLOW).with_spec("scipy", "cu126").text == FLOW.replace("[cpu, cu126]", "{cpu: {}, cu126: {dependencies: [scipy]}}")
    flat = BLOCK.replace("  - cpu", "- cpu").replace("  # for the cluster", "# for the cluster").replace('  - "cu126"', '- "cu126"')
    assert read(flat).with_spec("scipy", "cpu").document.data["targets"] == {"cpu": {"dependencies": ["scipy"]}, "cu126": {}}
    over_lines = FLOW.replace("[cpu, cu126]", "[cpu,  # small\n  cu126]")
    expected = over_lines.replace("[cpu,", "{cpu: {dependencies: [scipy]},").replace("cu126]", "cu126: {}}")
    assert read(over_lines).with_spec("scipy", "cpu").text == expected


def test_windows_line_ends_stay() -> None:
    text = BLOCK.replace("\n", "\r\n")
    assert read(text).without_package("beta").text == text.replace('  beta: "3.*"  # the old one\r\n', "")
    assert read(text).with_spec("scipy", "cpu").text == read(BLOCK).with_spec("scipy", "cpu").text.replace("\n", "\r\n")
