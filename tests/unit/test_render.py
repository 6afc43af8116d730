"""Rendering: a template lays out what was decided, reads nothing else, and cannot change it."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from conftest import some
from hypothesis import given
from hypothesis import strategies as st
from unit.small import PROJECT, examples, project_of, small_matrix

from envgen.lock.render import digest, render, same_data
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix, Reason
from envgen.model.resolution import Pin, RenderedFile, Resolution
from envgen.resolver.resolve import resolve
from envgen.resolver.specs import environment_name, groups, requests

REPO = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
TEMPLATE = (REPO / "templates" / "environment.yml.j2").read_text(encoding="utf-8")
SOURCE = "environments/demo/project.yaml"


def resolution(text: str = PROJECT, target: str = "cu126", matrix: Matrix | None = None) -> Resolution:
    """One target of a project, resolved."""
    matrix = matrix or small_matrix()
    return next(r for r in resolve(matrix, project_of(text, matrix)) if r.target.name == target)


def templates(folder: Path, text: str, name: str = "environment.yml.j2") -> Path:
    """A templates folder with one file."""
    place = folder / "templates"
    place.mkdir(exist_ok=True)
    (place / name).write_text(text, encoding="utf-8")
    return place


def rendered(folder: Path, text: str, of: Resolution | None = None) -> str:
    """The environment file that a template renders."""
    return render(of or resolution(), templates(folder, text), "templates", SOURCE)[0].text


def refusal(folder: Path, text: str) -> str:
    """The whole message that a template gets."""
    with pytest.raises(BadInput) as caught:
        rendered(folder, text)
    return str(caught.value)


# --- golden files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", sorted(path.parent.name for path in GOLDEN.glob("*/project.yaml")))
def test_golden_files(case: str, update_golden: bool) -> None:
    """The set of files first, then each of them, byte for byte; `pytest --update-golden` writes what is rendered now."""
    matrix, expected = small_matrix(), GOLDEN / case / "expected"
    project = project_of((GOLDEN / case / "project.yaml").read_text(encoding="utf-8"), matrix, case)
    found = {
        f"{one.target.name}/{file.name}": file.text
        for one in resolve(matrix, project)
        for file in render(one, REPO / "templates", "templates", f"environments/{case}/project.yaml")
    }
    if update_golden:
        for name, text in found.items():
            (expected / name).parent.mkdir(parents=True, exist_ok=True)
            (expected / name).write_text(text, encoding="utf-8", newline="\n")
    assert sorted(path.relative_to(expected).as_posix() for path in expected.glob("*/*")) == sorted(found)
    for name, text in found.items():
        assert text == (expected / name).read_text(encoding="utf-8"), (
            f"{case}/{name}: run pytest --update-golden and look at the diff"
        )


def test_there_are_golden_cases() -> None:
    assert len(list(GOLDEN.glob("*/project.yaml"))) >= 4


# --- laws -----------------------------------------------------------------------------------------------------------------

TEXTS = {
    "plain": PROJECT,
    "vendor": 'python: "3.10"\nframeworks: {alpha: "1.9"}\ntargets: [cpu, cu118]\nplatforms: [linux-64]\nchannels: [vendor, conda-forge]\n',
    "both": 'python: ">=3.9"\nframeworks: {alpha: {version: ">=2", with: [alphavision]}, beta: ">=3"}\ntargets: [cpu, cu126]\nplatforms: [linux-64]\nchannels: [conda-forge]\npip: [einops, "x @ https://x.example/x.whl"]\ndependencies: [numpy, "cuda-version 12.6.*", numpy, pip]\ngpus: [V100]\n',
    "none": 'python: ">=3.9"\ntargets: [cpu, cu126]\nplatforms: [linux-64, win-64]\nchannels: [conda-forge]\n',
}  # fmt: skip


@pytest.mark.parametrize("target", ["cpu", "cu118", "cu126"])
@pytest.mark.parametrize("name", TEXTS)
def test_what_yaml_reads_back_is_what_was_decided(name: str, target: str) -> None:
    project = project_of(TEXTS[name])
    if target not in [wish.name for wish in project.targets]:
        return
    if name == "both" and target == "cu126":  # beta 3.1 and alpha 2.1 link cuDNN 9, for which the V100 pin asks below 9.11
        assert "cudnn <9.11" in [spec for group in groups(resolution(TEXTS[name], target)) for spec in group.specs]
    one = resolution(TEXTS[name], target)
    spec, virtual = render(one, REPO / "templates", "templates", SOURCE)
    data = yaml.safe_load(spec.text)
    assert set(data) == {"name", "channels", "platforms", "dependencies"}
    assert (data["name"], data["channels"], data["platforms"]) == (f"demo-{target}", list(project.channels), list(one.platforms))
    decided = [text for group in groups(one) for text in group.specs]
    pip = [{"pip": list(project.pip)}] if project.pip else []
    assert [item for item in data["dependencies"] if item != "pip"] == [*(text for text in decided if text != "pip"), *pip]
    assert yaml.safe_load(virtual.text) == {"subdirs": {p: {"packages": dict(one.target.virtual[p])} for p in one.platforms}}


@pytest.mark.parametrize("name", TEXTS)
def test_no_spec_stands_twice(name: str) -> None:
    for one in some(resolve(small_matrix(), project_of(TEXTS[name]))):
        specs = [spec for group in groups(one) for spec in group.specs]
        assert len(specs) == len(set(specs))
        written = [
            item
            for item in yaml.safe_load(render(one, REPO / "templates", "templates", SOURCE)[0].text)["dependencies"]
            if isinstance(item, str)
        ]
        assert len(written) == len(set(written))


def test_the_solver_is_asked_for_what_is_written() -> None:
    one = resolution(TEXTS["both"])
    (request,) = requests(one)
    written = yaml.safe_load(render(one, REPO / "templates", "templates", SOURCE)[0].text)["dependencies"]
    assert set(request.specs) == {item for item in written if isinstance(item, str)}
    assert (request.environment, request.platform, request.channels) == ("demo-cu126", "linux-64", ("conda-forge",))
    assert request.virtual["__cuda"] == "12.6"
    assert request.constraints == ("cudatoolkit <0a0",)


def test_rendering_twice_gives_the_same_bytes_and_digest() -> None:
    one, other = (render(resolution(), REPO / "templates", "templates", SOURCE) for _ in "ab")
    assert one == other
    assert digest(resolution(), one, REPO / "templates") == digest(resolution(), other, REPO / "templates")


def test_the_digest_follows_data_and_template_but_not_comments_and_the_date(tmp_path: Path) -> None:
    one, place = resolution(), templates(tmp_path, TEMPLATE)
    files = render(one, place, "templates", SOURCE)
    before = digest(one, files, place)
    commented = (RenderedFile(files[0].name, "# hello\n" + files[0].text), files[1])
    assert digest(one, commented, place) == before
    assert digest(resolution(PROJECT + "exclude-newer: 2026-06-01\n"), files, place) == before  # the lock has the date itself
    assert digest(one, (replace(files[0], text=files[0].text.replace("demo", "memo")), files[1]), place) != before
    other = templates(tmp_path, TEMPLATE + "# other\n")
    assert digest(one, files, other) != before


def test_same_data_ignores_comments_and_nothing_else() -> None:
    assert same_data("a: 1\n", "# x\na:   1\n")
    assert not same_data("a: 1\n", "a: '1'\n")
    assert not same_data("a: 1\n", "a: [\n")


@examples(100)
@given(st.text(max_size=30))
def test_a_reason_never_breaks_yaml(because: str) -> None:
    one = resolution()
    pins = tuple(Pin(name=pin.name, version=pin.version, because=(Reason(because),)) for pin in one.pins)
    text = render(replace(one, pins=pins), REPO / "templates", "templates", SOURCE)[0].text
    assert same_data(text, render(one, REPO / "templates", "templates", SOURCE)[0].text)


@examples(60)
@given(st.text(st.characters(exclude_categories=("C", "Nd"), include_characters="0123456789"), min_size=1, max_size=20))
def test_any_pip_requirement_is_read_back_as_it_was(requirement: str) -> None:
    one = resolution()
    one = replace(one, project=replace(one.project, pip=(requirement,)))
    data = yaml.safe_load(render(one, REPO / "templates", "templates", SOURCE)[0].text)
    assert data["dependencies"][-1] == {"pip": [requirement]}


def test_an_environment_is_called_by_project_and_target() -> None:
    assert environment_name(resolution()) == "demo-cu126"


# --- templates are not trusted ----------------------------------------------------------------------------------------------

HINT = "a template can use channels, groups, name, pip, pip_repositories, platforms, project, source, target, title and the filter `scalar`"
CANNOT = "templates/environment.yml.j2:2:1: cannot be rendered: "


@pytest.mark.parametrize(
    "expression",
    [
        "name.__class__",
        "name.__class__.__mro__",
        "''.__class__.__base__.__subclasses__()",
        "channels.__class__",
        "self.__init__.__globals__",
        "range.__globals__",
        "cycler.__init__.__globals__",
        "lipsum.__globals__.os",
        "joiner.__init__.__globals__",
        "name['__class__']",
        "name|attr('__class__')",
        "groups.append(1)",
        "groups[0].update({})",
        "groups[0].because.format.__self__",
        "'{0.__class__}'.format(name)",
        "range(10**9)|join",
        "missing",
        "groups[99]",
        "1 / 0",
        "name + 1",
        "name|nosuchfilter",
    ],
)
def test_an_expression_that_reaches_out_or_fails_is_refused_at_its_line(tmp_path: Path, expression: str) -> None:
    message = refusal(tmp_path, f"name: x\nvalue: {{{{ {expression} }}}}\n")
    assert message.startswith("templates/environment.yml.j2:2:1: ")
    assert "object at 0x" not in message


def test_an_undefined_name_is_named_with_file_line_and_what_there_is(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a: b\n{{ nmae }}\n") == f"{CANNOT}'nmae' is undefined\n\nhint: {HINT}"


def test_a_syntax_error_is_named_with_file_and_line(tmp_path: Path) -> None:
    message = refusal(tmp_path, "a\nb\n{% for x in %}\n")
    assert (
        message
        == "templates/environment.yml.j2:3:1: not a template: Expected an expression, got 'end of statement block'\n\nhint: fix the line and run again"
    )


DOUBLING = "".join(f"{{% set a{n + 1} %}}{{{{ a{n} }}}}{{{{ a{n} }}}}{{% endset %}}" for n in range(60))
TEN = "{% set a = [1, 2, 3, 4, 5, 6, 7, 8, 9, 0] %}"


@pytest.mark.thorough
@pytest.mark.parametrize(
    "attack",
    [
        "{% for i in range(10000000000) %}x{% endfor %}",
        "{{ cycler() }}{{ joiner() }}{{ namespace() }}{{ dict() }}",
        "{{ lipsum(10**6) }}",
        TEN + "{% for b in a %}" * 15 + "{% endfor %}" * 15,
        TEN + "".join(f"{{% for b{n} in a if b{n} > 0 %}}" for n in range(12)) + "{% endfor %}" * 12,
        "{{ 10 ** (10 ** 8) }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%0999999999d' % 1 }}",
        "{{ 'x' * 999999999 }}",
        "{{ [0] * 999999999 }}",
        "{{ 'x'.center(999999999) }}{{ 'x'.zfill(999999999) }}",
        "{{ '{:0999999999d}'.format(1) }}",
        "{{ 'aaa'.replace('a', 'b') }}",
        "{{ ','.join(groups) }}",
        "{{ name.encode() }}",
        "{% set a0 = 'x' %}" + DOUBLING + "{{ a60 }}",
        "{% set a0 = 'x' %}" + "".join(f"{{% set a{n + 1} = a{n} ~ a{n} %}}" for n in range(60)),
        "{% set a0 = 'x' %}" + "".join(f"{{% set a{n + 1} = a{n} + a{n} %}}" for n in range(60)),
        "{% set a0 = [1] %}" + "".join(f"{{% set a{n + 1} = a{n} + a{n} %}}" for n in range(60)),
        "{% set a0 = 'x' %}" + "".join(f"{{% set a{n + 1} = [a{n}, a{n}] | join %}}" for n in range(60)),
        "{% set a0 = 99999999 %}" + "".join(f"{{% set a{n + 1} = a{n} * a{n} %}}" for n in range(60)),
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(200) }}",
        "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}",
        "{% block b %}{{ self.b() }}{{ self.b() }}{% endblock %}",
        "{% for a in [[[[]]]] recursive %}{{ loop([[a]]) }}{% endfor %}",
        "{% include 'environment.yml.j2' %}{% include 'environment.yml.j2' %}",
        TEN + "{% for b in a %}{% for c in a %}{% for d in a %}" + "x" * 1000 + "{% endfor %}" * 3,
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
        "{{ " + "[" * 5000 + "]" * 5000 + " }}",
        "{{ name" + ".a" * 5000 + " }}",
        "{% if name %}" * 300 + "{% endif %}" * 300,
        "{% for a in groups %}" * 30 + "{% endfor %}" * 30,
        "{{ " + "9" * 5000 + " }}",
        "{{ '\\ud800' }}",
        "# {{ loop }}",
        "# {{ self }}",
        "{% macro f() %}{% endmacro %}# {{ f }}",
        "{% for g in groups %}# {{ loop.cycle }}{% endfor %}",
        "{{ groups[0].clear() }}",
        "{{ 1 // 0 }}",
        "{{ {}[1] }}",
        "{% import 'environment.yml.j2' as e %}",
        "{% extends 'environment.yml.j2' %}",
    ],
)
def test_a_template_that_would_run_for_ever_or_fail_is_an_error_at_its_line(tmp_path: Path, attack: str) -> None:
    """Soon, and by its own line."""
    begun = time.process_time()
    message = refusal(tmp_path, f"name: x\n{attack}\n")
    assert message.startswith("templates/environment.yml.j2:")
    assert "object at 0x" not in message
    assert time.process_time() - begun < 5


def test_a_template_may_do_all_of_this(tmp_path: Path) -> None:
    """Loops, conditions, macros, includes, and the methods of texts."""
    (templates(tmp_path, "# of {{ name.partition('-')[2].upper() }}\n", "head.j2"))
    text = TEMPLATE.replace(
        "name: {{ name }}\n",
        "{% macro line(text) %}# {{ text ~ '!' }}{% endmacro %}\n{{ line(title) }}\n{% include 'head.j2' %}\n"
        "{% set parts = name.split('-') %}\n# {{ parts | sort | join(', ') }} {{ loop is defined }} {{ 1 + 2 * 3 }}\n"
        "{% for platform in platforms if platform.startswith('linux') %}\n# {{ loop.index }} {{ platform }}{{ loop.cycle('a', 'b') }}\n{% endfor %}\n"
        "name: {{ name }}\n",
    )
    found = rendered(tmp_path, text).splitlines()
    assert found[2:6] == ["# CUDA 12.6!", "# of CU126", "# cu126, demo False 7", "# 1 linux-64a"]


def test_the_budget_is_that_of_one_run(tmp_path: Path) -> None:
    """And a large environment takes a small part of it."""
    specs = ", ".join(f"package-with-a-long-name-{n}" for n in range(1000))
    large = resolution(PROJECT.rstrip() + f"\ndependencies: [{specs}]\n")
    folder = templates(tmp_path, TEMPLATE)
    for _ in range(3):
        render(large, folder, "templates", SOURCE)
    from envgen.lock import sandbox

    assert sandbox.BUDGET - sandbox._sandbox(folder, "templates").left < sandbox.BUDGET / 2


def test_a_template_that_is_no_file_or_too_large_is_not_read(tmp_path: Path) -> None:
    folder = templates(tmp_path, TEMPLATE + "#" * 100_000)
    os.mkfifo(folder / "pipe.j2")
    for name in ("environment.yml.j2", "pipe.j2"):
        with pytest.raises(BadInput, match="there is no readable template"):
            render(resolution(PROJECT + f"template: {name}\n"), folder, "templates", SOURCE)


def test_an_error_in_an_included_file_names_that_file(tmp_path: Path) -> None:
    templates(tmp_path, "a\nb\n{{ nothing }}\n", "head.j2")
    assert refusal(tmp_path, "a\n{% include 'head.j2' %}\n").startswith("templates/head.j2:3:1: cannot be rendered: 'nothing'")


def test_a_template_that_includes_itself_is_refused(tmp_path: Path) -> None:
    assert "environment.yml.j2:" in refusal(tmp_path, "a\n{% include 'environment.yml.j2' %}\n")


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "link", "sub/../../secret", "folder/secret"])
def test_nothing_outside_the_folder_can_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("name: hunter2\n", encoding="utf-8")
    place = templates(tmp_path, TEMPLATE)
    (place / "sub").mkdir()
    (place / "link").symlink_to(tmp_path / "secret")
    (place / "folder").symlink_to(tmp_path)
    chosen = resolution(PROJECT + f"template: {name}\n")
    with pytest.raises(BadInput) as caught:
        render(chosen, place, "templates", SOURCE)
    assert str(caught.value) == f"{SOURCE}:6:1: template {name!r} lies outside templates/\n\nhint: move it into templates/"
    message = refusal(tmp_path, f"a\n{{% include '{name}' %}}\n")
    assert (
        message == f"templates/environment.yml.j2:2:1: template {name!r} lies outside templates/\n\nhint: move it into templates/"
    )


@pytest.mark.parametrize("name", ["absent.j2", ".", "''"])
def test_a_template_that_is_not_there_is_named_at_its_key(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput) as caught:
        render(resolution(PROJECT + f"template: {name}\n"), templates(tmp_path, TEMPLATE), "templates", SOURCE)
    shown = "" if name == "''" else name
    assert (
        str(caught.value)
        == f"{SOURCE}:6:1: there is no readable template {shown!r}\n\nhint: `envgen init` writes environment.yml.j2; a template has at most 100000 bytes"
    )


@pytest.mark.parametrize("text", ["", "just words\n", "[]\n", "a: b\n", "name: x\ndependencies: {}\n", "dependencies: none\n"])
def test_what_is_no_environment_is_refused(tmp_path: Path, text: str) -> None:
    assert refusal(tmp_path, text) == (
        "templates/environment.yml.j2:1:1: what it renders is not a conda environment\n\n"
        "hint: it must render name:, channels:, platforms: and dependencies:"
    )


def test_what_is_no_yaml_is_refused_with_the_rendered_line(tmp_path: Path) -> None:
    assert refusal(tmp_path, "name: [\n").startswith("templates/environment.yml.j2 (rendered):2:1: not YAML: ")


@pytest.mark.parametrize(
    ("key", "old", "new"),
    [
        ("name", "name: {{ name }}", "name: other"),
        ("name", "name: {{ name }}\n", ""),
        ("channels", "{{ channel | scalar }}", "defaults"),
        ("channels", "channels:\n", "channels:\n  - defaults\n"),
        ("platforms", "  - {{ platform }}\n", ""),
        ("platforms", "{{ platform }}", "win-64"),
        ("dependencies", "dependencies:\n", "dependencies:\n  - evil\n"),
        ("dependencies", "{{ spec | scalar }}", "{{ spec | scalar }}.0"),
        ("dependencies", "{% for spec in group.specs %}", "{% for spec in group.specs if 'cuda' not in spec %}"),
        ("dependencies", "dependencies:\n", "dependencies:\n  - {conda: [evil]}\n"),
        ("dependencies", "dependencies:\n", "dependencies:\n  - 5\n"),
        ("pip", "{% if pip %}", "{% if true %}\n  - pip:\n      - evil\n{% endif %}\n{% if pip %}"),
    ],
)
def test_a_template_cannot_change_what_was_decided(tmp_path: Path, key: str, old: str, new: str) -> None:
    assert old in TEMPLATE
    message = refusal(tmp_path, TEMPLATE.replace(old, new))
    assert message.startswith(f"templates/environment.yml.j2:1:1: it changes {key}: from ")
    assert message.endswith("\n\nhint: a template may arrange and comment, but not change what was decided")


def test_a_second_pip_section_is_refused(tmp_path: Path) -> None:
    one = resolution(PROJECT + "pip: [einops]\n")
    with pytest.raises(BadInput, match="it changes pip: from "):
        rendered(tmp_path, TEMPLATE + "  - pip:\n      - evil\n", one)


@pytest.mark.parametrize(
    "extra",
    ["variables: {LD_PRELOAD: /tmp/evil.so}", "prefix: /opt/other", "pip-repositories: [https://evil.example]", "category: dev"],
)
def test_a_key_that_nobody_decided_is_refused(tmp_path: Path, extra: str) -> None:
    assert "templates/environment.yml.j2:" in refusal(tmp_path, f"{TEMPLATE}{extra}\n")


@pytest.mark.parametrize("key", ["channels", "platforms", "dependencies"])
@pytest.mark.parametrize("value", ["5", "true", "{a: b}", "text"])
def test_a_value_of_another_kind_is_refused_with_an_address(tmp_path: Path, key: str, value: str) -> None:
    text = f"name: demo-cu126\nchannels: [conda-forge]\nplatforms: [linux-64]\ndependencies: []\n{key}: {value}\n"
    lines = [line for line in text.splitlines() if not line.startswith(f"{key}: [")]
    assert refusal(tmp_path, "\n".join(lines) + "\n").startswith("templates/environment.yml.j2:1:1: ")


def test_the_digest_follows_what_decides_about_wheels_and_is_in_no_file(tmp_path: Path) -> None:
    folder = templates(tmp_path, TEMPLATE)
    base = PROJECT.replace("targets: [cpu, cu126]", "targets: [cpu]") + "pip: [wheel-a, wheel-b]\n"
    more = [
        'pip-indexes: {team: {url: "https://one.example/simple", packages: [wheel-a]}}\n',
        'pip-indexes: {team: {url: "https://two.example/simple", packages: [wheel-a]}}\n',
        'pip-indexes: {team: {url: "https://one.example/simple", packages: [wheel-b]}}\n',
        "find-links: [https://links.example/]\n",
        "pip-build: [wheel-a]\n",
    ]
    digests = []
    for text in ("", *more):
        of = resolution(base + text, "cpu")
        digests.append(digest(of, render(of, folder, "templates", SOURCE), folder))
    assert len(set(digests)) == len(digests)


def test_the_indexes_of_wheels_are_in_the_file_and_the_public_index_is_not_asked(tmp_path: Path) -> None:
    of = resolution(PROJECT + "pip: [wheel-a]\npip-repositories: [https://own.example/simple]\n")
    data = yaml.safe_load(rendered(tmp_path, TEMPLATE, of))
    assert (data["pip-repositories"], data["allow-pypi-requests"]) == (["https://own.example/simple"], False)
