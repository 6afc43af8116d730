"""Facts: the real matrices hold their laws; a broken cell of a small one gets its message and its address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from conftest import some
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version
from unit.small import FILES, data_of, examples, refused, small_matrix, with_change, write_matrix, yaml_of

from envgen.matrix.fields import AXES
from envgen.matrix.load import load_matrix
from envgen.model.constraint import Constraint
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix, Release, Target, Variant
from envgen.model.platforms import PLATFORMS
from envgen.model.resolution import Choice
from envgen.resolver.spelling import spelled

REPO = Path(__file__).parents[2]
ADDRESS = re.compile(r"(?s)matrices/[a-z_-]+\.yaml:[1-9]\d*:[1-9]\d*: .")
LINUX_AND_WINDOWS = {"linux-64", "linux-aarch64", "win-64"}
SPEC = re.compile(r"(?:[a-z0-9-]+::)?[a-z0-9][a-z0-9_.-]*(?: (?:[0-9][0-9.]*\.\*|==[0-9][0-9a-z.]*)(?: [A-Za-z0-9_.*]+)?)?")


# --- small and broken -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("alpha.yaml", "because: https://alpha.example\n", "", "alpha.yaml:1:1: because is missing\n\nhint: add it"),
        (
            "alpha.yaml",
            "because: https://alpha.example\n",
            'because: " "\n',
            "alpha.yaml:2:1: because: expected the source of this fact\n\nhint: a url, or a file and its date",
        ),
        ("alpha.yaml", "framework: alpha", "framework: beta", "alpha.yaml:1:1: framework: `beta` in a file named alpha.yaml\n\nhint: rename the file, or correct framework:"),
        ("alpha.yaml", "providers:", "provider:", "alpha.yaml:3:1: provider: unknown key\n\nhint: did you mean `providers`?"),
        ("alpha.yaml", '    - releases: ">=2"\n', "    - releases: 2\n", 'alpha.yaml:5:7: providers.conda-forge[0].releases: expected a string, got the number 2\n\nhint: put it in quotes: "2"'),
        ("alpha.yaml", "channels: [conda-forge]", "channels: []", "alpha.yaml:6:7: providers.conda-forge[0].channels: expected at least 1 item, not 0\n\nhint: add an item"),
        ("alpha.yaml", '"2.0.0"', '"2.1.0"', "alpha.yaml:24:5: version 2.1.0 is written twice\n\nhint: it is also at matrices/alpha.yaml:19:5; keep one"),
        ("alpha.yaml", '"2.0.0"', "2.10", 'alpha.yaml:24:5: releases[1].version: expected a string, got the number 2.1\n\nhint: put it in quotes: "2.10"'),
        ("alpha.yaml", "provider: vendor", "provider: vender", "alpha.yaml:31:10: provider `vender` has no entry in providers:\n\nhint: add its spelling there"),
        ("alpha.yaml", '"11.8", "12.6"', '"11.8", 12.60', 'alpha.yaml:28:52: releases[1].builds[1].variants[1]: expected a string, got the number 12.6\n\nhint: put it in quotes: "12.60"'),
        ("alpha.yaml", '"11.8", "12.6"', '"11.8", gpu', 'alpha.yaml:28:52: releases[1].builds[1].variants[1]: expected `cpu` or a CUDA version\n\nhint: write for instance [cpu] or ["12.6"], or "12.*" for builds that run with every CUDA 12'),
        ("alpha.yaml", "[linux-64, osx-arm64, win-64]", "[linux-64, osx-arm, win-64]", "alpha.yaml:22:72: releases[0].builds[0].platforms[1]: not a platform\n\nhint: one of linux-64, linux-aarch64, osx-64, osx-arm64, win-64"),
        ("alpha.yaml", '"3.10-3.12"', '"3.12-3.10"', 'alpha.yaml:22:92: releases[0].builds[0].python: expected Python minors\n\nhint: write for instance "3.9-3.13" or "3.10, 3.12"'),
        ("alpha.yaml", '"3.10-3.12"', "3.10", 'alpha.yaml:22:92: releases[0].builds[0].python: expected a string, got the number 3.1\n\nhint: put it in quotes: "3.10"'),
        ("alpha.yaml", "cudnn: 9", "cudnn: nine", "alpha.yaml:23:105: releases[0].builds[1].cudnn: expected a valid integer\n\nhint: see `envgen help matrices`"),
        ("beta.yaml", "need: {alpha", "need: {alhpa", "beta.yaml:20:5: there is no axis `alhpa`\n\nhint: one of alpha, alphavision, archspec, beta, cuda, driver, glibc, gpu, platform, provider, python, target"),
        ("beta.yaml", ", because: https://beta.example/news", "", "beta.yaml:20:5: constraints[0].because is missing\n\nhint: add it"),
        ("beta.yaml", '{beta: ">=3.1"}', '{beta: ">=3.1,<3"}', "beta.yaml:20:13: beta: no version is in the range '>=3.1,<3'\n\nhint: write for instance \">=12.8\""),
        ("beta.yaml", '{beta: ">=3.1"}', '{beta: ["3.1"]}', 'beta.yaml:20:13: beta: expected a version range\n\nhint: write for instance ">=12.8"'),
        ("beta.yaml", 'need: {alpha: ">=2.1"}', 'need: {alpha: ["2.1"]}', "beta.yaml:20:36: alpha: expected a version range\n\nhint: write for instance \">=12.8\""),
        ("beta.yaml", 'when: {beta: ">=3.1"}', "when: {beta: toolkit}", "beta.yaml:20:13: beta: 'toolkit' is not a version range\n\nhint: write for instance \">=12.8\""),
        ("beta.yaml", "constraints:", 'bounds:\n  - {when: {beta: ["3"]}, need: {numpy: "<2"}, breaks: b, because: c}\nconstraints:', "beta.yaml:20:13: beta: expected a version range\n\nhint: write for instance \">=12.8\""),
        ("cuda.yaml", "major: 12", "major: twelve", "cuda.yaml:3:6: families[0].major: expected a valid integer\n\nhint: see `envgen help matrices`"),
        ("cuda.yaml", '["5.0", "9.0"]', '["5.0"]', "cuda.yaml:5:62: toolkits[0].capabilities: expected at least 2 items, not 1\n\nhint: add an item"),
        ("cuda.yaml", '"11.8"', '"12.6"', "cuda.yaml:6:5: version 12.6 is written twice\n\nhint: it is also at matrices/cuda.yaml:5:5; keep one"),
        ("cuda.yaml", '"11.8"', '"11.7"', "targets.yaml:8:3: CUDA 11.8 is not in cuda.yaml\n\nhint: add the toolkit there"),
        ("cudnn.yaml", '"9.11.0.98"', '"9.12.0.1"', "cudnn.yaml:4:5: version 9.12.0.1 is written twice\n\nhint: it is also at matrices/cudnn.yaml:3:5; keep one"),
        ("gpus.yaml", "A30]", "v100]", "gpus.yaml:8:14: model v100 is written twice\n\nhint: it is also at matrices/gpus.yaml:6:20; keep one"),
        ("targets.yaml", "cu126:", "cu127:", "targets.yaml:9:3: a target for CUDA 12.6 must be called `cu126`\n\nhint: rename it, or correct cuda:"),
        ("targets.yaml", "  cpu:", "  none:", "targets.yaml:7:3: a target for CPU must be called `cpu`\n\nhint: rename it, or correct cuda:"),
        ("targets.yaml", "platforms: [linux-64]", "platforms: [linux-aarch64]", "targets.yaml:8:3: virtual-packages: has no entry for linux-aarch64\n\nhint: add one"),
        ("targets.yaml", '"2.28"', "2.28", 'targets.yaml:3:44: virtual-packages.linux-64.__glibc: expected a string, got the number 2.28\n\nhint: put it in quotes: "2.28"'),
    ],
)  # fmt: skip
def test_a_broken_cell_is_named_with_its_line_and_column(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        load_matrix(write_matrix(tmp_path, with_change(file, old, new)))
    assert str(caught.value) == f"matrices/{message}"


@pytest.mark.parametrize("odd", ["HTTPS://Conda.Example.com:443/./a/../team/", "https://conda.example.com/team"])
def test_a_channel_has_the_spelling_that_it_has_in_projects(tmp_path: Path, odd: str) -> None:
    changed = with_change("alpha.yaml", "channels: [vendor, conda-forge]", f"channels: ['{odd}', conda-forge]")
    spelling = load_matrix(write_matrix(tmp_path, changed)).frameworks["alpha"].providers["vendor"][0]
    assert spelling.channels == ("https://conda.example.com/team", "conda-forge")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("../team", "not a channel"),
        ("https://host/t/tk-1-secret/team", "this URL contains a password or token"),
        ("http://h:99999/c", "not a channel"),
    ],
)
def test_what_is_no_channel_is_refused_and_no_credential_is_repeated(tmp_path: Path, wrong: str, said: str) -> None:
    changed = with_change("alpha.yaml", "channels: [vendor, conda-forge]", f"channels: ['{wrong}', conda-forge]")
    error = refused(lambda: load_matrix(write_matrix(tmp_path, changed)))
    assert error and said in str(error)
    assert "alpha.yaml:14:18: " in str(error)
    assert "secret" not in str(error)


@pytest.mark.parametrize("name", ["cuda.yaml", "cudnn.yaml", "gpus.yaml", "targets.yaml"])
def test_a_missing_fact_file_is_named(tmp_path: Path, name: str) -> None:
    write_matrix(tmp_path, {file: text for file, text in FILES.items() if file != name})
    with pytest.raises(BadInput) as caught:
        load_matrix(tmp_path)
    assert str(caught.value) == f"matrices/{name}: there is no such file\n\nhint: `envgen init` writes one"


WITHOUT_CUDA = "without-cuda:\n  - {platforms: [osx-arm64], what: no CUDA here, instead: {alpha: it uses Metal}, because: https://targets.example/osx}\n"


def test_a_platform_without_cuda_says_so_and_what_a_framework_does_there(tmp_path: Path) -> None:
    text = FILES["targets.yaml"] + WITHOUT_CUDA
    said = load_matrix(write_matrix(tmp_path, {**FILES, "targets.yaml": text})).without_cuda
    assert [(key, reason.text, reason.because) for key, reason in said.items()] == [
        (("osx-arm64", ""), "no CUDA here", "https://targets.example/osx"),
        (("osx-arm64", "alpha"), "alpha: it uses Metal", ""),
    ]
    again = text + "  - {platforms: [osx-arm64], what: none, because: x}\n"
    with pytest.raises(BadInput, match=r"^matrices/targets\.yaml:12:5: "):
        load_matrix(write_matrix(tmp_path / "again", {**FILES, "targets.yaml": again}))


def test_a_constraint_may_name_only_platforms_and_targets_that_there_are(tmp_path: Path) -> None:
    row = "  - {when: {platform: linux-46}, need: {cuda: '>=12'}, because: x}\n"
    with pytest.raises(BadInput) as caught:
        load_matrix(write_matrix(tmp_path, {**FILES, "beta.yaml": FILES["beta.yaml"] + row}))
    assert str(caught.value) == "matrices/beta.yaml:22:5: there is no platform `linux-46`\n\nhint: did you mean `linux-64`?"


def test_two_spellings_of_a_provider_may_not_both_fit_a_release(tmp_path: Path) -> None:
    row = '    - {releases: ">=2.1", channels: [conda-forge], cpu: [], cuda: [], because: x}\n'
    with pytest.raises(BadInput, match=r"^matrices/alpha\.yaml:"):
        load_matrix(write_matrix(tmp_path, with_change("alpha.yaml", "  vendor:\n", f"{row}  vendor:\n")))


def test_an_unknown_hole_in_a_spelling_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^matrices/alpha\.yaml:"):
        load_matrix(write_matrix(tmp_path, with_change("alpha.yaml", "{cu}", "{cuad}")))


def test_the_small_matrix_says_what_its_files_say() -> None:
    matrix = small_matrix()
    assert [str(release.version) for release in matrix.frameworks["alpha"].releases] == ["2.1.0", "2.0.0", "1.9.0"]
    assert matrix.frameworks["alphavision"].companion_of == "alpha"
    assert matrix.pythons == {Version("3.9"), Version("3.10"), Version("3.11"), Version("3.12")}
    assert matrix.targets["cu126"].virtual["linux-64"] == {
        "__unix": "0",
        "__linux": "5.10",
        "__glibc": "2.28",
        "__archspec": "1 x86_64",
        "__cuda": "12.6",
    }
    assert "__cuda" not in matrix.targets["cpu"].virtual["linux-64"]
    assert [str(row.version) for row in matrix.cudnn] == ["9.12.0.1", "9.11.0.98", "9.10.2.21"]
    assert matrix.gpus["v100"].capability == Version("7.0")


def test_the_driver_floor_is_the_familys_where_there_is_one_else_the_toolkits() -> None:
    toolkits = small_matrix().toolkits
    assert toolkits[Version("12.6")].floor == {"linux": Version("525.60.13"), "windows": Version("528.33")}
    assert toolkits[Version("12.6")].driver == {"linux": Version("560.28.03"), "windows": Version("560.76")}
    assert toolkits[Version("11.8")].floor == {"linux": Version("520.61.05")}


# --- mutation: any damage to a real file is a Matrix or a BadInput with an address -------------------------------------------

REAL = {path.name: path.read_text(encoding="utf-8") for path in sorted((REPO / "matrices").glob("*.yaml"))}


def _short(name: str) -> str:
    """A real file with few rows in its lists, so that many examples cost little."""
    data = data_of(REAL[name])
    for key in ("releases", "toolkits", "constraints", "gpus", "advice"):
        if key in data:
            data[key] = data[key][:2] + data[key][-1:]
    return yaml_of(data)


@cache
def _short_files() -> dict[str, str]:
    return {name: _short(name) for name in REAL if name != "cuda.yaml"} | {"cuda.yaml": REAL["cuda.yaml"]}


DAMAGE = st.sampled_from([None, "", "x", 0, -1, 1.5, True, [], {}, [[]], [None], {"a": None}, "{", "99.99", "3.10", "nan", "cpu", "*", "../x", {"x": []}, ["x", ["y"]], date(2026, 1, 1), "1" * 400])  # fmt: skip


def _nodes(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from _nodes(value, (*path, key))


def _damaged(data: Any, path: tuple[Any, ...], how: str, value: Any) -> Any:
    if not path:
        return value
    copy: Any = dict(data) if isinstance(data, dict) else list(data)
    if len(path) > 1:
        copy[path[0]] = _damaged(data[path[0]], path[1:], how, value)
    elif how == "delete":
        del copy[path[0]]
    elif how == "rename" and isinstance(copy, dict):
        copy = {("x" if key == path[0] else key): kept for key, kept in copy.items()}
    else:
        copy[path[0]] = value
    return copy


@examples(120)
@given(st.data())
def test_a_damaged_matrix_is_a_matrix_or_bad_input_with_an_address(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(REAL)))
    tree = data_of(_short_files()[name])
    path = data.draw(st.sampled_from(list(_nodes(tree))))
    how = data.draw(st.sampled_from(["delete", "replace", "rename"]))
    text = yaml_of(_damaged(tree, path, how, data.draw(DAMAGE)))
    folder = write_matrix(tmp_path_factory.getbasetemp() / "damaged", {**_short_files(), name: text})
    error = refused(lambda: load_matrix(folder))
    assert error is None or (ADDRESS.match(str(error)) and error.hint)


# --- laws of the real facts -----------------------------------------------------------------------------------------------

OLDEST_CUDA = Version("10.2")  # targets begin here; rows may remember older builds


def _variants(matrix: Matrix) -> Iterator[tuple[Release, str, Variant]]:
    for framework in matrix.frameworks.values():
        for release in framework.releases:
            for build in release.builds:
                for variant in (variant for stated in build.stated if len(stated) == 1 for variant in stated):
                    if variant is None or variant >= OLDEST_CUDA:
                        yield release, build.provider, variant


def test_the_real_matrices_hold_frameworks_and_targets(real: Matrix) -> None:
    assert {"jax", "onnxruntime", "pytorch", "tensorflow", "torchaudio", "torchvision"} <= set(real.frameworks)
    assert {"cpu", "cu102", "cu118", "cu126", "cu129", "cu130"} <= set(real.targets)


def test_releases_stand_newest_first(real: Matrix) -> None:
    for framework in some(real.frameworks.values()):
        versions = [release.version for release in framework.releases]
        assert versions == sorted(set(versions), reverse=True)


def test_every_constraint_and_spelling_has_a_source_and_an_address(real: Matrix) -> None:
    rows = [*real.constraints, *(row for f in real.frameworks.values() for rows in f.providers.values() for row in rows)]
    assert rows
    for row in rows:
        assert row.because.strip()
        assert REAL[Path(row.at.file).name].splitlines()[row.at.line - 1][row.at.column - 1] not in " -"


def test_every_constraint_needs_something(real: Matrix) -> None:
    assert all(constraint.need for constraint in real.constraints)


def test_a_constraint_can_be_judged_every_axis_but_frameworks_is_known_to_the_resolver(real: Matrix) -> None:
    """`cudnn` is accepted as an axis, but no cell ever knows a cuDNN version: a row about it would never be heard."""
    written = [constraint for constraint in real.constraints if not constraint.says]
    axes = {condition.axis for constraint in written for condition in (*constraint.when, *constraint.need)}
    assert axes <= ({*AXES, *real.frameworks} - {"cudnn"})


def test_every_cuda_of_a_build_and_of_a_branch_of_drivers_has_its_target(real: Matrix) -> None:
    """From the oldest build on: with CUDA 12.2, which came with driver 535, builds for 12.0 run."""
    targets = {target.cuda for target in real.targets.values()}
    oldest = min(variant for variant in real.built if variant)
    branches = {toolkit.version for toolkit in real.toolkits.values() if "linux" in toolkit.driver and toolkit.version >= oldest}
    unserved = {Version("10.0")}  # nothing was built for it, and before CUDA 11 no build for an older minor runs
    assert targets == real.built | branches - unserved


def test_every_target_has_a_release_that_can_serve_it(real: Matrix) -> None:
    """A build for its own CUDA, or for an older minor from CUDA 11 on."""
    builds = [build for framework in real.frameworks.values() for release in framework.releases for build in release.builds]
    for target in some(real.targets.values()):
        older = {
            cuda for cuda in real.built if cuda and target.cuda and cuda.major == target.cuda.major > 10 and cuda < target.cuda
        }
        serving = {target.cuda, *older}
        assert any(serving & build.variants and set(target.platforms) & build.platforms for build in builds), target.name


def test_every_variant_that_was_built_has_its_target_with_that_platform(real: Matrix) -> None:
    for framework in real.frameworks.values():
        for release in framework.releases:
            for build in release.builds:
                for stated in (stated for stated in build.stated if any(v is None or v >= OLDEST_CUDA for v in stated)):
                    targets = [target for target in real.targets.values() if target.cuda in stated]
                    assert build.platforms <= {platform for target in targets for platform in target.platforms}, release.at


def test_every_build_row_serves_platforms_that_are_known(real: Matrix) -> None:
    assert all(build.platforms <= set(PLATFORMS) for f in real.frameworks.values() for r in f.releases for build in r.builds)


def test_no_two_spellings_of_a_provider_fit_one_release_and_each_built_release_has_one(real: Matrix) -> None:
    for framework in some(real.frameworks.values()):
        for release in some(framework.releases):
            for provider in some({build.provider for build in release.builds}):
                fitting = [row.at for row in framework.providers[provider] if release.version in row.releases]
                assert len(fitting) == 1, (release.at, provider)


def test_every_spec_that_can_be_asked_for_has_its_holes_filled_and_reads_as_name_version_build(real: Matrix) -> None:
    seen = 0
    for release, provider, variant in _variants(real):
        framework = real.frameworks[release.framework]
        spelling = next(row for row in framework.providers[provider] if release.version in row.releases)
        target = real.targets["cpu" if variant is None else f"cu{variant.major}{variant.minor}"]
        for spec in spelled(Choice(release=release, provider=provider, spelling=spelling, variant=variant), target):
            assert SPEC.fullmatch(spec), (release.at, spec)
            seen += 1
    assert seen > 500


def test_a_spelling_of_a_cuda_build_names_that_cuda(real: Matrix) -> None:
    """Without a build string that says CUDA the solver may take the CPU build, status 0; unless there is none.

    Of a companion whose specs name no build at all, the framework's build decides.
    """
    for release, provider, variant in some(_variants(real)):
        if variant is not None and any(None in build.variants for build in release.builds if build.platforms & LINUX_AND_WINDOWS):
            spelling = next(
                row for row in real.frameworks[release.framework].providers[provider] if release.version in row.releases
            )
            told = [spec for spec in (*spelling.cpu, *spelling.cuda) if len(spec.split()) == 3]
            if real.frameworks[release.framework].companion_of and not told:
                continue
            target = real.targets[f"cu{variant.major}{variant.minor}"]
            if spelling.manager == "pip":
                assert re.search(r"\{cu\}|\{cuda\}|and-cuda", " ".join(spelling.cuda)), release.at
                continue
            specs = spelled(Choice(release=release, provider=provider, spelling=spelling, variant=variant), target)
            assert any(len(spec.split()) == 3 and re.search("cuda|_cu1|_cu9", spec.split()[2]) for spec in specs), (
                release.at,
                specs,
            )


def test_every_build_of_a_companion_goes_with_a_release_of_its_framework_that_has_such_a_build(real: Matrix) -> None:
    """Of the same provider, for a CUDA that it runs with, on each of its platforms, for one of its Pythons."""
    for framework in some(framework for framework in real.frameworks.values() if framework.companion_of):
        for build in some(build for release in framework.releases for build in release.builds):
            ((name, versions),) = build.needs
            rows = [row for host in real.frameworks[name].releases if host.version in versions for row in host.builds]
            for platform in some(build.platforms):
                here = [row for row in rows if row.provider == build.provider and platform in row.platforms]
                assert any(row.pythons & build.pythons for row in here), (build.at, platform)


def test_cuda_rows_name_a_cudnn_major_and_cpu_rows_none(real: Matrix) -> None:
    for framework in some(real.frameworks.values()):
        builds = [build for release in framework.releases for build in release.builds]
        linking = any(build.cudnn for build in builds)
        for build in some(builds):
            if not framework.companion_of:
                assert (build.cudnn is not None) == (linking and build.variants != {None}), build


def test_driver_floors_are_never_above_the_driver_a_toolkit_came_with(real: Matrix) -> None:
    for toolkit in some(real.toolkits.values()):
        if toolkit.version >= Version("11.1"):  # 11.0 came with a driver below the floor that its family later promised
            assert all(
                floor <= toolkit.driver[system]
                for system, floor in toolkit.floor.items()
                if system in toolkit.driver and system == "linux"
            ), toolkit


def test_a_newer_toolkit_never_asks_for_an_older_driver(real: Matrix) -> None:
    ordered = sorted(real.toolkits.values(), key=lambda toolkit: toolkit.version)
    for older, newer in some(zip(ordered, ordered[1:], strict=False)):
        if "linux" in newer.driver:
            assert older.driver["linux"] <= newer.driver["linux"]
        assert older.capabilities[0] <= newer.capabilities[0]


def test_until_is_a_date_where_it_is_written(real: Matrix) -> None:
    def dated(constraint: Constraint) -> bool:
        return constraint.until is None or bool(date.fromisoformat(constraint.until))

    assert all(dated(constraint) for constraint in real.constraints)


def test_a_cpu_target_never_promises_cuda_and_a_cuda_target_promises_its_own(real: Matrix) -> None:
    def promised(target: Target) -> set[str | None]:
        return {target.virtual[platform].get("__cuda") for platform in target.platforms}

    for target in some(real.targets.values()):
        assert promised(target) == {str(target.cuda) if target.cuda else None}
