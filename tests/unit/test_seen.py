"""Facts that agree in what a project sees of them make the same of its targets, so that nothing has to be searched again."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import pytest
from conftest import some
from unit.small import FILES, REPO, refused, write_matrix

from envgen.lock.hold import stamped
from envgen.lock.plan import rendered
from envgen.lock.render import digest
from envgen.matrix import load
from envgen.matrix.load import matrix_of_texts
from envgen.model.errors import EnvgenError
from envgen.model.facts import Matrix
from envgen.model.layout import Layout
from envgen.model.project import Project
from envgen.model.resolution import Resolution
from envgen.model.run import Stamp
from envgen.project.cached import cached_project
from envgen.resolver import specs
from envgen.resolver.resolve import Problem, answer
from envgen.review import impact as impacts
from envgen.review.asks import Asks, least
from envgen.review.impact import impact
from envgen.review.rows import row_edits
from envgen.review.seen import seen
from envgen.review.shared import Shared
from envgen.review.states import states

PROJECTS = {
    "alpha": 'frameworks: {alpha: ">=2"}\ntargets: [cpu, cu126]\nplatforms: [linux-64]\n',
    "pinned": 'frameworks: {alpha: "2.0.*"}\ntargets: [cpu]\nplatforms: [linux-64, win-64]\n',
    "both": 'frameworks: {alpha: "*", beta: "*"}\ntargets: [cpu, cu126]\nplatforms: [linux-64]\n',
    "vision": 'frameworks: {alpha: {version: "*", with: [alphavision]}}\ntargets: [cpu]\nplatforms: [linux-64, osx-arm64]\n',
    "open": 'frameworks: {beta: "*"}\ntargets: [cpu]\ncuda: newest\nplatforms: [linux-64]\ngpus: [A100]\n',
}
MORE = """\
constraints:
  - {when: {alpha: ">=2"}, need: {python: "<3.12"}, because: https://alpha.example/python}
bounds:
  - {when: {alpha: ">=2.1"}, need: {left-pad: "<9"}, breaks: it, because: https://alpha.example/pad}
"""
WHOLE = {**FILES, "alpha.yaml": FILES["alpha.yaml"] + MORE}


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A repository with the projects."""
    root = tmp_path_factory.mktemp("seen")
    shutil.copytree(REPO / "templates", root / "templates")
    for name, text in PROJECTS.items():
        path = root / "environments" / name / "project.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(f'python: ">=3.9"\nchannels: [conda-forge]\n{text}', encoding="utf-8")
    return Layout(root)


def edits() -> Iterator[tuple[str, Matrix]]:
    """The facts without one row of one file, for each row; and with one that is read a line further down, or has another value."""
    texts = [(name, edit.text) for name, text in WHOLE.items() for edit in row_edits(text, "")]
    texts += [(name, f"# a line more\n{text}") for name, text in WHOLE.items()]
    texts += [("alpha.yaml", WHOLE["alpha.yaml"].replace(old, new)) for old, new in (('"<3.12"', '"<3.11"'), ('"<9"', '"<8"'))]
    for name, text in texts:
        files = {**WHOLE, name: text}
        if not refused(lambda files=files: matrix_of_texts(files)):  # type: ignore[misc]
            yield f"{name}\n{text}", matrix_of_texts(files)


@pytest.mark.thorough
def test_facts_that_agree_in_what_a_project_sees_make_the_same_of_its_targets(layout: Layout) -> None:
    old, counted = matrix_of_texts(WHOLE), {True: 0, False: 0}
    projects = {name: cached_project(layout, old, name) for name in PROJECTS}
    before = {name: tuple(states(layout, Asks(old), name)) for name in PROJECTS}
    for what, matrix in edits():
        for name, project in projects.items():
            same = seen(matrix, project) == seen(old, project)
            counted[same] += 1
            if same:
                assert tuple(states(layout, Asks(matrix), name)) == before[name], f"{name} is not the same with {what}"
    assert min(counted.values()) > 40


LIKE_ALPHA = {
    "numpy": "dependencies: [numpy, 'scipy >=1.10']\n",
    "padded": "dependencies: [left-pad, 'left-pad >=1.2']\n",
    "narrow": "dependencies: ['left-pad >=9']\n",
    "template": "pip: [requests]\nbudget: 9 GB\n",
    "bounded": "driver: '525.60.13'\n",
}
"""Projects that ask what `alpha` asks, but for what the facts are not about; `narrow` and `bounded` ask for something else."""


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A repository of such projects."""
    root = tmp_path_factory.mktemp("alike")
    shutil.copytree(REPO / "templates", root / "templates")
    for name, text in {"alpha": "", **LIKE_ALPHA}.items():
        path = root / "environments" / name / "project.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(f'python: ">=3.9"\nchannels: [conda-forge]\n{PROJECTS["alpha"]}{text}', encoding="utf-8")
    return Layout(root)


@pytest.mark.thorough
def test_an_ask_is_searched_once_and_answers_each_project_as_a_search_of_its_own(alike: Layout) -> None:
    """With and without what the old facts had locked, for each change of a row."""
    names = ["alpha", *LIKE_ALPHA]
    old = matrix_of_texts(WHOLE)
    locked = {
        row.target.name: stamp_of(row)
        for row in Asks(old).choices(cached_project(alike, old, "alpha"), {}).newest  # type: ignore[union-attr]
    }
    searched, drawn = 0, some(edits(), least=20)[::2]
    for what, matrix in drawn:
        shared, projects = Asks(matrix), {name: project for name in names if (project := read(alike, matrix, name))}
        for (name, project), stamps in product(projects.items(), ({}, locked)):
            found, own = shared.choices(project, stamps), answer(Problem(matrix, project))
            assert (found is None) == (own is None), f"{name} with {what}"
            if found and own:
                slow = least(matrix, project, stamps, own)
                assert [*map(told, found.least)] == [*map(told, slow)], f"{name} with {what}"
                assert [*map(stamped, found.newest)] == [*map(stamped, own)], f"{name} with {what}"
        searched += len(set(map(repr, map(shared.ask, projects.values()))))
    assert searched < 0.7 * len(names) * len(drawn)


CHANGES = (
    ("matrices/alpha.yaml", '"2.1.0"', '"2.0.5"'),
    ("matrices/cuda.yaml", "525.60.13", "530.30.02"),
    ("matrices/alpha.yaml", '"<9"', '"<8"'),
    ("templates/environment.yml.j2", "name:", "# new\nname:"),
    ("matrices/targets.yaml", 'cu126: {cuda: "12.6", platforms: [linux-64, win-64]}', ""),
    ("matrices/beta.yaml", '"3.1.0"', '"3.1.1"'),
    ("matrices/gpus.yaml", ", A30", ""),
)


@pytest.mark.thorough
def test_what_a_change_does_is_what_resolving_and_rendering_everything_says(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One change of the facts or of the template, and two at once: of all projects together, of each alone, again from the cache."""
    base, kinds, rows = tmp_path / "base", set[str](), 0
    shutil.copytree(layout.root, base)
    write_matrix(base / "matrices", WHOLE)
    for number, changes in enumerate(some([*zip(CHANGES), *pairwise(CHANGES)])):
        here = changed(base, tmp_path / str(number), changes)
        found = impact(here, "base", base)
        alone = [impact(here, "base", base, (project,)) for project in sorted(PROJECTS)]
        assert found.targets == tuple(row for one in alone for row in one.targets)
        assert found.count == sum(one.count for one in alone)
        assert impact(here, "base", base) == found
        with monkeypatch.context() as plainly:
            plainly.setattr(Asks, "sees_as", lambda *_: False)
            plainly.setattr(Shared, "files", lambda _, where, row, __: digest(row, rendered(where, row), where.templates))
            plainly.setattr(impacts, "remembered", lambda _, __, make: make())
            assert impact(here, "base", base) == found
        kinds |= {row.kind for row in found.targets}
        rows += len(found.rows)
    assert kinds >= {"lost", "moves", "solved-again", "rendered-again", "driver"}
    assert rows > len(CHANGES)


def test_files_that_are_rendered_once_are_those_of_their_own_decisions(layout: Layout) -> None:
    """Of one project by facts that choose, bound and promise something else; in any order."""
    shared, found = Shared(layout), dict[str, None]()
    texts = {name: text.replace('"2.1.0"', '"2.0.5"').replace("2.28", "2.31") for name, text in WHOLE.items()}
    matrices = [matrix_of_texts({**WHOLE, **changed}) for changed in ({}, *({name: text} for name, text in texts.items()))]
    for matrix, name in some(product(matrices, PROJECTS)):
        project = read(layout, matrix, name)
        for row in (project and answer(Problem(matrix, project))) or ():
            digested = digest(row, rendered(layout, row), layout.templates)
            assert shared.files(layout, row, specs.requests(row)) == digested
            found[digested] = None
    assert len(found) > len(PROJECTS)


def changed(base: Path, folder: Path, changes: Iterable[tuple[str, str, str]]) -> Layout:
    """A copy of a repository with some changes."""
    shutil.copytree(base, folder)
    for file, old, new in changes:
        text = (folder / file).read_text(encoding="utf-8")
        assert old in text
        (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    return Layout(folder)


def read(layout: Layout, matrix: Matrix, name: str) -> Project | None:
    """A project; None where these facts cannot read it."""
    try:
        return cached_project(layout, matrix, name)
    except EnvgenError:
        return None


def stamp_of(row: Resolution) -> Stamp:
    """What a lock of a resolution says was chosen."""
    return Stamp(wanted="", cells={}, chosen=stamped(row), packages="", downloads={})


def told(row: Resolution) -> tuple[object, ...]:
    """What decides about the files of a target and about its solve."""
    return (row.project.name, row.dependencies, row.left_out, stamped(row), row.platforms, specs.requests(row), specs.groups(row))


def test_a_project_does_not_see_where_facts_are_written_nor_what_it_does_not_request(layout: Layout) -> None:
    old = matrix_of_texts(WHOLE)
    lower = matrix_of_texts({name: f"# a line more\n{text}" if "framework:" in text else text for name, text in WHOLE.items()})
    without = replace(old, frameworks={name: row for name, row in old.frameworks.items() if name != "alpha"})
    for name in some(PROJECTS):
        project = cached_project(layout, old, name)
        assert seen(lower, project) == seen(old, project) != seen(without, project)
        assert (seen(without, project) is None) == (name != "open")


def test_files_that_did_not_change_are_remembered_as_they_are_read() -> None:
    """Also where another file decides what they say: a CUDA that is new in cuda.yaml is one of `12.*`."""
    every = WHOLE["alpha.yaml"].replace('variants: ["12.6"]', 'variants: ["12.*"]')
    newer = WHOLE["cuda.yaml"].replace(
        '  - {version: "11.8"',
        '  - {version: "12.9", linux: "575.51.03", windows: "576.02", capabilities: ["5.0", "12.0"]}\n  - {version: "11.8"',
    )
    changes = [WHOLE, {**WHOLE, "alpha.yaml": every}, {**WHOLE, "alpha.yaml": every, "cuda.yaml": newer}, WHOLE]
    remembered = [matrix_of_texts(files) for files in changes]
    for files, matrix in zip(changes, remembered, strict=True):
        load._file.cache_clear()
        load._facts.cache_clear()
        assert matrix_of_texts(files) == matrix
    assert len({len(matrix.frameworks["alpha"].built) for matrix in remembered}) == 2
