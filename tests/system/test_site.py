"""The website: every page of the repository in one folder, with a navigation, a search and the page of the facts, from no other server."""

from __future__ import annotations

import html
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import REPO, made_once
from system.browser import chromium, complaints, requested

from envgen.cli.main import main

pytestmark = pytest.mark.thorough
SITE = "https://envgen.example/site"
PAGES = sorted(path.relative_to(REPO).with_suffix("").as_posix() for path in (*REPO.glob("*.md"), *(REPO / "docs").rglob("*.md")))


@pytest.fixture(scope="module")
def site() -> Path:
    """What `make site` makes."""
    return made_once("website", build) / "site"


def build(folder: Path) -> None:
    """Make the site in `folder`, by the two commands of `make site`."""
    recipe = re.search(r"^site: .*\n((?:\t.*\n)+)", (REPO / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[1]
    _, sphinx, page = recipe.replace("dist/", f"{folder}/").replace("$(SITE)", SITE).splitlines()
    setting, *words = shlex.split(sphinx)
    assert words[0] == "$(BIN)/python" and page.split()[:4] == ["$(ENVGEN)", "matrix", "show", "--html"]
    environment = {**os.environ, **dict([setting.split("=")])}
    done = subprocess.run(
        [sys.executable, *words[1:]], cwd=REPO, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    shown = shlex.split(page.replace(f"$(if {SITE},", "").removesuffix(")"))
    assert CliRunner().invoke(main, ["--root", str(REPO), *shown[1:]]).exit_code == 0


def test_every_page_is_in_the_navigation(site: Path) -> None:
    index = (site / "index.html").read_text(encoding="utf-8")
    tree = index[index.index('class="sidebar-tree"') :].partition("</aside>")[0]
    captions = re.findall(r'class="caption-text">(.*?)<', tree)
    known = ["Tutorials", "How-to", "Reference", "Explanation", "Questions", "Project"]
    assert captions == [name for name in known if name in captions] and len(captions) >= 5
    linked = {link.removesuffix(".html") for link in re.findall(r'class="reference internal" href="([^"#]+)"', tree)}
    assert linked == {*PAGES, "benchmarks/RESULTS"} - {"README"}
    assert index == (site / "README.html").read_text(encoding="utf-8")


def test_each_page_says_what_programs_that_show_links_read(site: Path) -> None:
    for name, title, text in (
        ("docs/install", "Install, run, list", "envgen install creates an environment from a committed lock."),
        ("matrix", "Which build runs on your GPU?", "Every conda build of "),
    ):
        page = (site / f"{name}.html").read_text(encoding="utf-8")
        told = {
            key: html.unescape(value) for key, value in re.findall(r'<meta (?:name|property)="([^"]+)" content="([^"]+)">', page)
        }
        assert (told["og:title"], told["og:url"], told["og:image"]) == (title, f"{SITE}/{name}.html", f"{SITE}/matrix.png")
        assert (
            told["description"].startswith(text)
            and told["description"] == told["og:description"]
            and len(told["description"]) <= 200
        )
        assert told["twitter:card"] == "summary_large_image"
    assert (site / "matrix.png").read_bytes() == (REPO / "docs" / "images" / "page.png").read_bytes()


def test_what_code_looks_like_is_not_made_pretty(site: Path) -> None:
    """An option in prose keeps both hyphens, so that it can be copied."""
    text = (site / "docs" / "reference" / "commands.html").read_text(encoding="utf-8")
    assert "<p>With --from, the project is" in text


def test_links_to_files_outside_of_docs_lead_to_pages_and_files_of_the_site(site: Path) -> None:
    page = (site / "docs" / "architecture.html").read_text(encoding="utf-8")
    assert 'href="../CONTRIBUTING.html#add-a-rule-to-verify"' in page
    facts = re.search(r'href="(_downloads/\w+/onnxruntime\.yaml)"', (site / "CONTRIBUTING.html").read_text(encoding="utf-8"))[1]
    assert (site / facts).read_bytes() == (REPO / "matrices" / "onnxruntime.yaml").read_bytes()
    assert (site / "matrix.html").is_file() and 'href="../matrix.html"' in page


def test_a_link_that_leads_nowhere_ends_the_build(tmp_path: Path) -> None:
    for name, text in {
        "README.md": "# A\n",
        "docs/a.md": "# B\n\n[c](no-such-page.md), [d](../README.md#no-such-heading)\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    words = (
        "-q",
        "-W",
        "--keep-going",
        "-E",
        "-b",
        "html",
        "-c",
        REPO / "website",
        "-d",
        tmp_path / "trees",
        tmp_path,
        tmp_path / "out",
    )
    done = subprocess.run([sys.executable, "-m", "sphinx", *words], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode != 0
    assert "'no-such-page.md'" in done.stderr and "'no-such-heading'" in done.stderr


def test_it_is_read_and_searched_without_another_server(site: Path, tmp_path: Path) -> None:
    """From the disk, as somebody reads it who was sent the folder."""
    with chromium(tmp_path / "profile") as browser:
        browser.get((site / "index.html").as_uri())
        browser.get(f"{(site / 'search.html').as_uri()}?q=cpu-build")
        wait = "const done = arguments[0], look = () => document.querySelectorAll('ul.search li').length ? done([...document.querySelectorAll('ul.search a')].map(a => a.href)) : setTimeout(look, 50); look()"
        found = browser.execute_async_script(wait)
        assert any("docs/verify.html#cpu-build" in link for link in found), json.dumps(found, indent=1)
        asked = requested(browser)
        assert [url for url in asked if url.startswith(("http", "//", "ws"))] == []
        assert sum(url.startswith("file:") for url in asked) > 10
        assert [line for line in complaints(browser) if "file:" not in line] == []


def test_the_workflow_publishes_what_make_builds() -> None:
    workflow = (REPO / ".github" / "workflows" / "pages.yml").read_text(encoding="utf-8")
    recipe = re.search(r"^site: .*\n((?:\t.*\n)+)", (REPO / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[1]
    assert re.findall(r"^ +run: (.*)$", workflow, re.MULTILINE) == ['make site URL="$SITE"']
    (published,) = re.findall(r"^ +path: (.*)$", workflow, re.MULTILINE)
    assert f" {published}/matrix.html " in recipe and f" . {published}\n" in recipe
