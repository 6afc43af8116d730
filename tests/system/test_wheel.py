"""What a team gets: `pip install conda-envgen`, `envgen init`, `envgen lock`, with nothing of this checkout around."""

from __future__ import annotations

import importlib.util
import io
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
from conftest import REPO, clean_environment

from envgen.cache import source_in

URL = "https://host.example/team/envgen"
_spec = importlib.util.spec_from_file_location("hatch_build", REPO / "hatch_build.py")
hatch_build = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(hatch_build)


def run(*argv: object, cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in argv], cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist of this checkout; the sdist is what the wheel is built from."""
    folder = tmp_path_factory.mktemp("dist")
    argv = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(REPO)]
    done = subprocess.run(argv, env={**os.environ, "ENVGEN_URL": URL}, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`envgen` in a fresh virtual environment that holds the wheel; its dependencies are this environment's, by path."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python, wheel = folder / "bin" / "python", next(built.glob("*.whl"))
    argv = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index", "--no-deps", str(wheel)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder / "bin" / "envgen"


def test_the_wheel_carries_matrices_and_templates_and_nothing_of_the_examples(built: Path) -> None:
    names = set(zipfile.ZipFile(next(built.glob("*.whl"))).namelist())
    starter = {f"envgen/starter/matrices/{path.name}" for path in (REPO / "matrices").glob("*.yaml")}
    assert starter | {"envgen/starter/templates/environment.yml.j2", "envgen/py.typed"} <= names
    starter |= {f"envgen/starter/{path.relative_to(REPO).as_posix()}" for path in (REPO / "docs").rglob("*.md")}
    modules = {path.relative_to(REPO).as_posix() for path in (REPO / "envgen").rglob("*.py")}
    packaged = {name for name in names if not name.startswith("conda_envgen-")}
    page = {
        path.relative_to(REPO).as_posix()
        for path in (REPO / "envgen/curate/show").iterdir()
        if path.suffix in (".html", ".css", ".js")
    }
    team = {".github/workflows/relock.yml", ".github/workflows/review.yml", ".pre-commit-hooks.yaml", "docs/ci/Dockerfile"}
    team |= {path.relative_to(REPO).as_posix() for kind in ("*.cast", "*.png") for path in (REPO / "docs").rglob(kind)}
    team = {f"envgen/starter/{name}" for name in (*team, "docs/ci/gitlab-ci.yml")}
    assert packaged == starter | modules | page | team | {"envgen/starter/templates/environment.yml.j2", "envgen/py.typed"}


def metadata(built: Path) -> Message:
    """METADATA of the wheel."""
    archive = zipfile.ZipFile(next(built.glob("*.whl")))
    name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    return message_from_bytes(archive.read(name))


def test_the_page_of_the_wheel_has_no_link_that_leads_nowhere(built: Path) -> None:
    found = metadata(built)
    text = found.get_payload(decode=True).decode()
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert [link for link in links if not link.startswith(URL)] == [] and len(links) > 20
    paths = [link.removeprefix(f"{URL}/blob/HEAD/").partition("#")[0] for link in links]
    assert [path for path in paths if not (REPO / path).exists()] == []
    assert text.startswith("# envgen\n") and found["Description-Content-Type"] == "text/markdown"
    assert f"Homepage, {URL}" in found.get_all("Project-URL")
    assert {"Programming Language :: Python :: 3", "Typing :: Typed"} <= set(found.get_all("Classifier"))


def test_the_page_of_the_wheel_can_be_rendered_by_an_index(built: Path) -> None:
    from readme_renderer import markdown

    warnings = io.StringIO()
    page = markdown.render(metadata(built).get_payload(decode=True).decode(), stream=warnings)
    assert page is not None and warnings.getvalue() == ""
    assert page.startswith('<h1 id="user-content-envgen">envgen<') and page.count("<table>") > 5 and "<pre" in page
    links = re.findall(r'href="([^"#]+)"', page)
    assert [link for link in links if not link.startswith(URL)] == [] and len(links) > 20


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("https://host.example/team/envgen.git\n", "https://host.example/team/envgen"),
        ("git@host.example:team/envgen.git", "https://host.example/team/envgen"),
        ("ssh://git@host.example/team/envgen", "https://host.example/team/envgen"),
        ("https://token:secret@host.example/team/envgen", ""),
        ("/srv/git/envgen", ""),
        ("", ""),
    ],
)
def test_the_address_is_a_web_address_without_secrets(remote: str, url: str) -> None:
    assert hatch_build.address(remote) == url


def test_without_an_address_a_link_is_its_text() -> None:
    assert hatch_build.absolute("see [a](docs/a.md), [b](https://b.example)", "") == "see a, [b](https://b.example)"
    assert hatch_build.urls("") == {}


def test_the_sdist_holds_what_a_wheel_is_built_from(built: Path) -> None:
    names = {name.split("/", 1)[1] for name in tarfile.open(next(built.glob("*.tar.gz"))).getnames() if "/" in name}
    assert {"pyproject.toml", "README.md", "LICENSE", "matrices/pytorch.yaml", "templates/environment.yml.j2"} <= names
    assert not any(name.startswith(("environments/", "tests/", ".venv/")) for name in names)


def test_what_is_remembered_is_found_again_after_envgen_is_installed_anew(built: Path, tmp_path: Path) -> None:
    """As in CI, where the cache folder is all that is left of the run before. A file that is changed after it counts as it is."""
    site, wheel = tmp_path / "site", next(built.glob("*.whl"))

    def install() -> list[str]:
        shutil.rmtree(site, ignore_errors=True)
        argv = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(site), str(wheel)]
        subprocess.run(argv, check=True, timeout=300)
        return source_in(site / "envgen")

    first, again = install(), install()
    assert again == first
    assert all(re.fullmatch(r"envgen/[\w/]+\.py,sha256=[\w-]+,\d+", row) for row in first)
    assert len(first) == len([*(REPO / "envgen").rglob("*.py")])
    changed = site / "envgen" / "cache.py"
    changed.write_text(f"{changed.read_text(encoding='utf-8')}\n", encoding="utf-8")
    assert source_in(site / "envgen") != first
    install()
    changed.unlink()
    assert source_in(site / "envgen") != first


def test_init_and_lock_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    team, env = tmp_path / "team", {**clean_environment(tmp_path), "PYTHONPATH": ""}
    team.mkdir()
    words = ("init", "--project", "demo", "--framework", "pytorch", "--target", "cpu", "--target", "cu129")
    begun = run(installed, *words, cwd=team, env=env)
    assert begun.returncode == 0, begun.stderr
    assert "wrote environments/demo/project.yaml" in begun.stdout.splitlines()
    done = run(installed, "lock", "--index", REPO / "environments" / "index", cwd=team, env=env)
    assert done.returncode == 0, done.stderr
    locked = (team / "environments" / "demo" / "cu129" / "conda-lock.yml").read_text(encoding="utf-8")
    assert "/pytorch-" in locked and "-cuda129_" in locked
    assert (
        "cuda" not in (team / "environments" / "demo" / "cpu" / "conda-lock.yml").read_text(encoding="utf-8").split("package:")[1]
    )
    where = run(installed.parent / "python", "-c", "import envgen; print(envgen.__file__)", cwd=team, env=env)
    assert Path(where.stdout.strip()).is_relative_to(installed.parent.parent)


def test_init_overwrites_nothing_and_says_so(installed: Path, tmp_path: Path) -> None:
    env = {**clean_environment(tmp_path), "PYTHONPATH": ""}
    (tmp_path / "Makefile").write_text("mine:\n", encoding="utf-8")
    first = run(installed, "init", "--project", "demo", "--framework", "jax", cwd=tmp_path, env=env)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    again = run(installed, "init", "--project", "demo", "--framework", "pytorch", cwd=tmp_path, env=env)
    assert first.returncode == again.returncode == 0
    assert "kept Makefile" in first.stdout.splitlines()
    assert "to use the commands of envgen.mk with make, add this line to Makefile: include envgen.mk" in first.stdout.splitlines()
    project = tmp_path / "environments" / "demo" / "project.yaml"
    assert [line for line in again.stdout.splitlines() if line.startswith("wrote")] == ["wrote environments/demo/project.yaml"]
    assert "added pytorch to environments/demo/project.yaml" in again.stdout.splitlines()
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {path for path in after if after[path] != before.get(path)} == {project}
    assert "\n  jax: '*'\n  pytorch: \"*\"\n" in project.read_text(encoding="utf-8")


def test_the_pages_that_messages_name_come_with_the_wheel(installed: Path, tmp_path: Path) -> None:
    done = run(installed, "help", "projects", cwd=tmp_path, env={**clean_environment(tmp_path), "PYTHONPATH": ""})
    assert done.stdout == (REPO / "docs" / "projects.md").read_text(encoding="utf-8")


def test_a_framework_that_the_matrices_do_not_know_writes_nothing(installed: Path, tmp_path: Path) -> None:
    env = {**clean_environment(tmp_path), "PYTHONPATH": ""}
    done = run(installed, "init", "--project", "demo", "--framework", "pytroch", cwd=tmp_path, env=env)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: no framework `pytroch` in the matrices\n\nhint: did you mean `pytorch`?\n"
    left = {path.name for path in tmp_path.iterdir()}
    assert left <= {"cache"}  # the facts that come with envgen, as they were read
