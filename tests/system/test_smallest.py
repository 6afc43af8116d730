"""Random edits of random projects: what moves is as little as the solver can prove, and the rest keeps its bytes.

ENVGEN_EXAMPLES=20 tries a thousand, and prints what it saw.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from conftest import REPO
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from packaging.version import Version
from system.test_choose import Silent
from unit.made_up import Row, write_channel
from unit.small import examples, real_matrix

from envgen.channels.index import FolderIndex
from envgen.channels.kept import exactly
from envgen.channels.package_url import split_url
from envgen.channels.solve import Unsolvable
from envgen.formats.conda_lock import read_lock
from envgen.lock import decide, pipeline
from envgen.lock.changes import changes_of
from envgen.lock.choose import Solver, choose
from envgen.lock.decide import Holdings
from envgen.lock.hold import Hold, versions
from envgen.lock.locked_cells import LockedCell
from envgen.lock.pipeline import lock
from envgen.lock.smallest import smallest
from envgen.lock.wrong import WrongBuilds
from envgen.model.errors import NoSolution
from envgen.model.layout import Layout
from envgen.model.packages import Solution, SolveRequest
from envgen.model.resolution import Resolution
from envgen.model.run import LockRequest, Outcome, Stamp
from envgen.project.load import project_of
from envgen.resolver import specs
from envgen.resolver.resolve import Unsatisfiable
from envgen.yamlfile.document import parse

MATRIX = real_matrix()
LIBRARIES = ("one", "two", "three", "four")
BINDS = (
    "",
    "",
    *(f"{name} {versions}".rstrip() for name in LIBRARIES for versions in ("<2", ">=2", "2.*", "")),
    "python <3.12",
    "pytorch <2.7.0a0",
)
BOUNDS = ("", "", "", " <2", " >=2", " <3")
LOOSE = ("", "", " <3")  # so that most projects can be locked before the edit
Cell = tuple[str, str]
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # a failing example is small, and each costs half a second


@dataclass(frozen=True)
class Asked:
    """What a project file says, as far as the edits change it."""

    dependencies: tuple[tuple[str, str], ...]
    targets: tuple[str, ...]
    platforms: tuple[str, ...]
    python: str
    framework: bool

    @property
    def text(self) -> str:
        requested = ", ".join(f'"{name}{bound}"' for name, bound in self.dependencies)
        return (
            f'python: "{self.python}"\n'
            + ('frameworks: {pytorch: ">=2.6,<2.8"}\n' if self.framework else "")
            + f"targets: [{', '.join(self.targets)}]\nplatforms: [{', '.join(self.platforms)}]\n"
            + f"channels: [conda-forge]\ndependencies: [{requested}]\n"
        )


specs_of = st.tuples(st.sampled_from(LIBRARIES), st.sampled_from(LOOSE))
asked = st.builds(
    Asked,
    st.lists(specs_of, min_size=1, max_size=3, unique_by=lambda row: row[0]).map(tuple),
    st.sampled_from([("cpu", "cu126"), ("cpu",)]),
    st.sampled_from([("linux-64",), ("linux-64", "win-64")]),
    st.sampled_from([">=3.11,<3.13", "3.12"]),
    st.sampled_from([True, True, False]),
)


@st.composite
def edits(draw: st.DrawFn) -> tuple[Asked, Asked]:
    """A project, and the project after one or two edits."""
    before = after = draw(asked)
    for _ in range(draw(COUNT)):
        after = draw(EDITS)(draw, after)
    return before, after


def _other_bound(draw: st.DrawFn, request: Asked) -> Asked:
    name = draw(st.sampled_from([name for name, _ in request.dependencies] or LIBRARIES))
    bound = draw(st.sampled_from([" <2", " >=2", " >=3", " <3", ""]))
    return replace(request, dependencies=(*(row for row in request.dependencies if row[0] != name), (name, bound)))


def _one_more(draw: st.DrawFn, request: Asked) -> Asked:
    there = {name for name, _ in request.dependencies}
    name = draw(st.sampled_from([name for name in LIBRARIES if name not in there] or LIBRARIES))
    rest = (row for row in request.dependencies if row[0] != name)
    return replace(request, dependencies=(*rest, (name, draw(st.sampled_from(BOUNDS)))))


def _one_less(draw: st.DrawFn, request: Asked) -> Asked:
    return replace(request, dependencies=request.dependencies[1:])


def _other_key(draw: st.DrawFn, request: Asked) -> Asked:
    other = draw(asked)
    key = draw(st.sampled_from(["targets", "platforms", "python"]))
    return replace(request, **{key: "3.11" if key == "python" else getattr(other, key)})


COUNT = st.sampled_from([1, 1, 2])
EDITS = st.sampled_from([_other_bound, _one_more, _other_bound, _one_more, _one_less, _other_key])
DEPENDS = st.lists(st.sampled_from(BINDS), max_size=2)
NEWEST = st.sampled_from([2, 3, 1])


def frameworks() -> Iterator[Row]:
    """Two releases of one framework, for two Pythons, CPU and CUDA, on two platforms."""
    yield Row("cuda-version", "12.6")
    for minor in ("11", "12"):
        yield Row("python", f"3.{minor}.9")
        needs = (f"python >=3.{minor},<3.{int(minor) + 1}.0a0",)
        for version in ("2.6.0", "2.7.1"):
            for platform in ("linux-64", "win-64"):
                yield Row("pytorch", version, f"cpu_generic_py3{minor}_0", needs, platform)
                yield Row("pytorch", version, f"cuda126_generic_py3{minor}_0", (*needs, "cuda-version >=12.6,<13"), platform)


@st.composite
def channels(draw: st.DrawFn) -> tuple[list[Row], list[Row]]:
    """A channel, and the same channel later: with newer versions, and sometimes without a package that was there."""
    fixed = list(frameworks())
    rows = [Row(name, f"{version}.0", depends=tuple(filter(None, draw(DEPENDS)))) for name in LIBRARIES for version in (1, 2, 3)]
    rows = [replace(row, depends=tuple(bind for bind in row.depends if bind.split()[0] != row.name)) for row in rows]
    newest = {name: draw(NEWEST) for name in LIBRARIES}
    old = [row for row in rows if int(row.version[0]) <= newest[row.name]]
    gone = draw(st.sampled_from([None, None, None, *rows]))
    return [*fixed, *old], [*fixed, *(row for row in rows if row != gone)]


@dataclass(frozen=True)
class Site:
    """A repository with one project, and what was locked in it."""

    layout: Layout

    @staticmethod
    def at(folder: Path) -> Site:
        folder.mkdir()
        for name in ("matrices", "templates"):
            (folder / name).symlink_to(REPO / name)
        return Site(Layout(folder))

    def locked(self, request: Asked, index: Path, *, update: bool = False) -> tuple[Outcome, ...] | None:
        """What becomes of each target; None where nothing can be locked."""
        path = self.layout.project("p")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(request.text, encoding="utf-8")
        try:
            asked = LockRequest(index_folder=index, jobs=2, update=update)
            return lock(self.layout, asked, Silent(), lambda *_: ("cpu", "")).whole()
        except (NoSolution, Unsatisfiable):
            return None

    def packages(self) -> dict[Cell, dict[str, str]]:
        """Package -> url, for each cell."""
        found: dict[Cell, dict[str, str]] = {}
        for path in self.layout.locks():
            for row in read_lock(path.read_text(encoding="utf-8"), path.name).packages:
                found.setdefault((path.parent.name, row.platform), {})[row.name] = row.url
        return found

    def bytes(self) -> dict[str, bytes]:
        top = self.layout.environments
        return {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def offered(url: str, rows: Sequence[Row]) -> bool:
    return split_url(url) in {(row.name, row.version, row.build) for row in rows}


def assert_no_package_could_have_stayed(
    before: Mapping[Cell, Mapping[str, str]],
    after: Mapping[Cell, Mapping[str, str]],
    outcomes: Sequence[Outcome],
    rows: list[Row],
    index: FolderIndex,
) -> int:
    """With any package that moved as it was, and all that did not, there is no solution. Returns how many moved."""
    requests = []
    for outcome in outcomes:
        for request in specs.requests(outcome.resolution):
            cell = (outcome.resolution.target.name, request.platform)
            old = {name: url for name, url in before.get(cell, {}).items() if offered(url, rows)}
            moved = {name for name, url in old.items() if after[cell].get(name, url) != url}
            fixed = tuple(exactly(url) for name, url in old.items() if name not in moved)
            requests += [
                replace(request, specs=(*request.specs, exactly(old[name])), constraints=(*request.constraints, *fixed))
                for name in moved
            ]
    solver = Solver(index, 2, WrongBuilds(MATRIX))
    solver.solve(requests)
    assert not [found for found in map(solver.answer, requests) if isinstance(found, Solution)]
    return len(requests)


def stamp_of(row: Resolution) -> Stamp:
    return Stamp(wanted="", cells={}, chosen=versions(row), packages="", downloads={})


def assert_no_choice_could_have_stayed(
    before: Sequence[Outcome], after: Sequence[Outcome], request: Asked, index: FolderIndex
) -> int:
    """With any choice that moved as it was, and all that did not, there is no answer. Returns how many moved."""
    old = {item.resolution.target.name: versions(item.resolution) for item in before}
    new = {item.resolution.target.name: versions(item.resolution) for item in after}
    both = old.keys() & new.keys()
    if not both:
        return 0
    project = project_of(parse(request.text, "p/project.yaml"), "p", MATRIX)
    names = {name for target in both for name in old[target].keys() & new[target].keys()}
    moved = {name for name in names if any(old[target][name] != new[target][name] for target in both)}
    stamps = {item.resolution.target.name: stamp_of(item.resolution) for item in before if item.resolution.target.name in both}
    solver, available = Solver(index, 2, WrongBuilds(MATRIX)), Holdings(MATRIX, index).of(project)
    for name in moved:
        kept = (names - moved) | {name}
        if (
            "python" in kept
            and "python" not in project.python_text
            and not project.python.contains(old[next(iter(both))]["python"])
        ):
            continue
        hold = Hold(stamps=stamps, python="python" in kept, frameworks=frozenset(kept - {"python"}))
        assert choose(hold.problem(MATRIX, project, available), solver) is None, f"{name} could have stayed"
    return len(moved)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The facts are read once, and nobody explains why there is no solution: that takes half of the time, and others test it."""
    monkeypatch.setattr(pipeline, "cached_matrix", lambda _: MATRIX)
    monkeypatch.setattr(decide, "_no_solution", lambda *_: NoSolution("no solution"))


@pytest.mark.usefixtures("quick")
def test_nothing_moves_that_could_have_stayed() -> None:
    seen: Counter[str] = Counter()

    @settings(examples(50, least=20), deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES)
    @given(channels(), edits())
    def look(indexes: tuple[list[Row], list[Row]], projects: tuple[Asked, Asked]) -> None:
        with TemporaryDirectory() as name:
            folder = Path(name)
            write_channel(folder / "before", indexes[0])
            index = write_channel(folder / "after", indexes[1])
            site = Site.at(folder / "site")
            first = site.locked(projects[0], folder / "before")
            if first is None:
                seen["nothing locked"] += 1
                return
            before, files = site.packages(), site.bytes()
            second = site.locked(projects[1], folder / "after")
            scratch = Site.at(folder / "scratch").locked(projects[1], folder / "after")
            if second is None:
                seen["nothing solves any more"] += 1
                assert {key: data for key, data in site.bytes().items() if key != "p/project.yaml"} == {
                    key: data for key, data in files.items() if key != "p/project.yaml"
                }
                return
            moved = assert_no_package_could_have_stayed(before, site.packages(), second, indexes[1], index)
            choices = assert_no_choice_could_have_stayed(first, second, projects[1], index)
            seen["packages moved" if moved else "no package moved"] += 1
            seen["choices moved"] += bool(choices)
            assert {item.state for item in site.locked(projects[1], folder / "after") or ()} == {"unchanged"}
            site.locked(projects[1], folder / "after", update=True)
            assert scratch is None or site.bytes() == Site(Layout(folder / "scratch")).bytes()

    look()
    print(dict(seen))
    assert all(seen[kind] for kind in ("packages moved", "no package moved")), seen


class Forgetful(Solver):
    """A solver that prefers the newest of everything, whatever it is to keep."""

    def answer(self, request: SolveRequest) -> Solution | Unsolvable:
        return super().answer(replace(request, kept=()))


def test_what_moves_is_minimal_whatever_the_solver_prefers(tmp_path: Path) -> None:
    """Two of four locked packages are forced to move: by a requirement, and by what that needs in turn."""
    rows = [Row(name, version) for name in ("a", "b", "d") for version in ("1.0", "2.0")]
    rows += [Row("c", "1.0"), Row("c", "2.0", depends=("d >=2",)), Row("wants", "1.0", depends=("c >=2",))]
    index = write_channel(tmp_path, rows)
    urls = {name: f"https://conda.anaconda.org/conda-forge/noarch/{name}-1.0-0.conda" for name in "abcd"}
    request = SolveRequest(
        environment="p-cpu", platform="linux-64", specs=("a", "b", "c", "wants"), channels=("conda-forge",), virtual={}
    )
    found = smallest(request, LockedCell(urls=urls, records={}), frozenset(), Forgetful(index, 1))
    assert {row.name: row.version for row in found.records} == {"a": "1.0", "b": "1.0", "c": "2.0", "d": "2.0", "wants": "1.0"}


def test_a_kept_build_that_its_target_must_not_have_moves_and_the_rest_stays(tmp_path: Path) -> None:
    """An older envgen, or other facts, may have locked a CPU build in a CUDA target."""
    rows = [*frameworks(), *(Row("lib", version, depends=("pytorch",)) for version in ("1.0", "2.0"))]
    index = write_channel(tmp_path, rows)
    solver = Solver(index, 1, WrongBuilds(MATRIX))
    kept = {
        "lib": "https://conda.anaconda.org/conda-forge/noarch/lib-1.0-0.conda",
        "pytorch": "https://conda.anaconda.org/conda-forge/linux-64/pytorch-2.6.0-cpu_generic_py312_0.conda",
    }
    request = SolveRequest(
        environment="p-cu126",
        platform="linux-64",
        specs=("python 3.12.*", "cuda-version 12.6.*", "lib"),
        channels=("conda-forge",),
        virtual={"__cuda": "12.6"},
        cuda=Version("12.6"),
        kept=tuple(kept.values()),
    )
    locked = LockedCell(urls=kept, records={})
    found = smallest(request, locked, frozenset(), solver)
    assert {row.name: f"{row.version} {row.build}" for row in found.records} == {
        "cuda-version": "12.6 0",
        "lib": "1.0 0",
        "python": "3.12.9 0",
        "pytorch": "2.7.1 cuda126_generic_py312_0",
    }
    (moved,) = changes_of(solver.strict(request), locked, found, index).moved
    assert (moved.name, moved.because) == ("pytorch", "`envgen verify` refuses this build in the target")


def test_a_package_that_could_stay_but_is_not_needed_any_more_goes(tmp_path: Path) -> None:
    """The newest `one` moves it, the one before does not need it."""
    rows = [Row("one", "1.0", depends=("three",)), Row("one", "2.0"), Row("one", "3.0", depends=("three >=2",))]
    index = write_channel(tmp_path, [*rows, Row("three", "1.0"), Row("three", "2.0")])
    urls = {name: f"https://conda.anaconda.org/conda-forge/noarch/{name}-1.0-0.conda" for name in ("one", "three")}
    request = SolveRequest(environment="p-cpu", platform="linux-64", specs=("one >=2",), channels=("conda-forge",), virtual={})
    found = smallest(request, LockedCell(urls=urls, records={}), frozenset(), Solver(index, 1))
    assert [(row.name, row.version) for row in found.records] == [("one", "2.0")]
