"""What decides which numbers come out is the same in all targets, or the project says that it may differ."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Workspace
from system.channel import EVERYTHING, Package, compiled, pure
from system.test_keep import FILE, channel, packages, project, run

LIBRARIES = (
    *(compiled("pytorch", "2.5.1", python, "cuda118_generic", ("__cuda", "cudatoolkit 11.8.*")) for python in ("3.11", "3.12")),
    *(
        compiled("pytorch", "2.8.0", python, "cuda129_generic", ("__cuda", "cuda-version >=12.9,<13"))
        for python in ("3.11", "3.12")
    ),
    Package("cudatoolkit", "11.8.0", "0", subdir="linux-64"),
    Package("cuda-version", "11.8", "0"),
    Package("cuda-version", "12.9", "0"),
    Package("libblas", "3.9.0", "1_h0000000_openblas"),
    Package("libblas", "3.9.0", "0_h0000000_mkl"),
    pure("old-only", "1.0", "numpy <2"),
    pure("new-only", "1.0", "numpy >=2"),
    pure("plot", "1.0"),
    pure("plot", "2.0"),
)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index folder in which targets can be made to differ."""
    return channel(tmp_path_factory.mktemp("numerics"), (*EVERYTHING, *LIBRARIES))


def of_targets(cpu: str, cu126: str, more: str = "") -> str:
    return project(targets=f"\n  cpu: {{dependencies: [{cpu}]}}\n  cu126: {{dependencies: [{cu126}]}}") + more


def blas(site: Workspace, target: str) -> str:
    text = (site.root / "environments/p" / target / "conda-lock.yml").read_text(encoding="utf-8")
    return "mkl" if "0_h0000000_mkl" in text else "openblas"


def test_a_framework_that_differs_is_an_error_unless_it_may(workspace: Workspace, index: Path) -> None:
    text = project(targets="[cu118, cu129]", pytorch=">=2.5")
    workspace.project("p", text)
    done = run(workspace, "lock", "--index", index, status=4)
    assert f"{FILE}:" in done.err
    assert "pytorch: 2.5.1 (cu118), 2.8.0 (cu129): pytorch 2.5.1 has no CUDA 12.9 build for linux-64" in done.err
    assert "numerics: {may-differ: [pytorch]}" in done.err
    assert not list(workspace.root.glob("environments/p/*/conda-lock.yml"))
    workspace.project("p", text + "numerics: {may-differ: [pytorch]}\n")
    run(workspace, "lock", "--index", index)
    assert [packages(workspace, name)["pytorch"] for name in ("cu118", "cu129")] == ["2.5.1", "2.8.0"]


def test_a_library_that_differs_is_an_error_with_its_reason(workspace: Workspace, index: Path) -> None:
    workspace.project("p", of_targets("old-only", "new-only"))
    done = run(workspace, "lock", "--index", index, status=4)
    assert "numpy: 1.26.4 (cpu), 2.2.6 (cu126) on linux-64: old-only 1.0 needs numpy <2" in done.err
    assert f"error: {FILE}:{workspace_line(workspace, 'dependencies: [numpy')}:" in done.err
    for waiver in ("numerics: {may-differ: [numpy]}\n", "align: false\n"):
        workspace.project("p", of_targets("old-only", "new-only", waiver))
        run(workspace, "lock", "--index", index)


def test_a_waiver_that_is_taken_back_is_said_though_the_locks_are_what_was_requested(workspace: Workspace, index: Path) -> None:
    text = of_targets("old-only", "new-only")
    workspace.project("p", text + "numerics: {may-differ: [numpy]}\n")
    run(workspace, "lock", "--index", index)
    run(workspace, "lock", "--check")
    workspace.project("p", text)
    told = "numpy: 1.26.4 (cpu), 2.2.6 (cu126) on linux-64"
    done = run(workspace, "lock", "--index", index, status=4)
    assert f"the targets would not compute with the same:\n  {told}\n" in done.err
    for words in (("lock", "--check"), ("check",)):
        done = run(workspace, *words, status=1)
        assert f"the targets would not compute with the same: {told}" in " ".join(f"{done.out} {done.err}".split()), words


def workspace_line(site: Workspace, start: str) -> int:
    lines = (site.root / FILE).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.startswith(start))


def test_a_library_that_is_locked_otherwise_is_an_error_until_it_is_updated(workspace: Workspace, index: Path) -> None:
    workspace.project("p", of_targets("", ""))
    run(workspace, "lock", "--index", index)
    files = workspace.files()
    workspace.project("p", of_targets("old-only", ""))
    done = run(workspace, "lock", "--index", index, status=4)
    assert "envgen update p" in done.err
    assert {name: data for name, data in workspace.files().items() if name != "p/project.yaml"} == {
        name: data for name, data in files.items() if name != "p/project.yaml"
    }
    run(workspace, "update", "p", "--package", "numpy", "--index", index)
    assert packages(workspace)["numpy"] == packages(workspace, "cu126")["numpy"] == "1.26.4"


def test_targets_take_the_implementation_that_one_requests(workspace: Workspace, index: Path) -> None:
    """Alone the second would take the newer build, of another implementation."""
    workspace.project("p", of_targets("'libblas * *_mkl'", "libblas"))
    run(workspace, "lock", "--index", index)
    assert (blas(workspace, "cpu"), blas(workspace, "cu126")) == ("mkl", "mkl")
    workspace.project("p", of_targets("'libblas * *_mkl'", "'libblas * *_openblas'"))
    done = run(workspace, "lock", "--update", "--index", index, status=4)
    assert "blas: mkl (cpu), openblas (cu126) on linux-64" in done.err


def test_more_packages_can_be_named(workspace: Workspace, index: Path) -> None:
    different = ('"plot <2"', '"plot >=2"')
    workspace.project("p", of_targets(*different))
    run(workspace, "lock", "--index", index)
    workspace.project("p", of_targets(*different, "numerics: {also: [plot]}\n"))
    done = run(workspace, "lock", "--update", "--index", index, status=4)
    assert "plot: 1.0 (cpu), 2.0 (cu126) on linux-64" in done.err
    workspace.project("p", of_targets(*different, "numerics: {also: [plto]}\n"))
    done = run(workspace, "lock", "--update", "--index", index, status=2)
    assert "no target has a package `plto`" in done.err
    assert "did you mean `plot`?" in done.err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            "numerics: {may-differ: [pytroch]}\n",
            "nothing that must be the same is called `pytroch`\n\nhint: did you mean `pytorch`?",
        ),
        ("numerics: {}\nalign: false\n", "`numerics:` needs `align: true`"),
        ("numerics: [numpy]\n", "numerics: expected a mapping"),
    ],
)
def test_what_the_key_cannot_say_is_named_with_its_place(workspace: Workspace, more: str, said: str) -> None:
    workspace.project("p", project() + more)
    done = run(workspace, "resolve", "p", status=2)
    assert f"error: {FILE}:{workspace_line(workspace, 'numerics')}:" in done.err
    assert said in done.err
