"""How Sphinx builds the website: `make site`.

Its pages are the Markdown files of the repository at their own places, so a link that works on a code host works here, and one that
does not is an error. Nothing is fetched from another server, neither for the build nor by a reader's browser. Pages need no entry
here: which group one is in follows from its folder.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from html import escape
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from envgen import __version__  # noqa: E402

GROUPS: Mapping[str, tuple[str, ...]] = {
    "Tutorials": ("docs/tutorials/*quick*", "docs/tutorials/*", "docs/scenarios/*"),
    "How-to": ("docs/how-to/*", "docs/bring-in", "docs/export", "docs/without-make", "docs/team", "docs/scale", "docs/gpu-check"),
    "Reference": (
        "docs/reference/*",
        *(f"docs/{name}" for name in ("projects", "matrices", "templates", "channels", "pip", "locking", "install", "probe")),
        *(f"docs/{name}" for name in ("doctor", "diff", "composition", "review", "verify")),
    ),
    "Explanation": ("docs/architecture", "docs/decisions", "docs/glossary", "docs/security", "docs/comparison", "docs/*"),
    "Questions": ("docs/faq",),
    "Project": ("*",),
}
"""Group -> its pages, in the order of the navigation; a page is in the group whose pattern says most of it."""

PICTURE = "matrix.png"  # of the page of the facts, beside it
_LONGEST = 200  # letters of a description

project, release, html_title = "envgen", __version__, f"envgen {__version__}"
extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["*.md", "docs/**.md", "benchmarks/RESULTS.md"]
exclude_patterns = [".*", "dist", "envgen", "environments", "tests", "website"]
suppress_warnings = ["misc.highlighting_failure"]  # an example may be output, or a part of a file
myst_heading_anchors = 6
smartquotes = False  # `--option` in prose keeps its hyphens
templates_path, html_static_path, html_css_files = ["templates"], ["static"], ["site.css"]
html_theme, html_copy_source, html_show_sphinx, html_use_index = "furo", False, False, False
html_sidebars = {
    "**": [f"sidebar/{part}.html" for part in ("brand", "search", "matrix", "scroll-start", "navigation", "scroll-end")]
}
SITE = os.environ.get("ENVGEN_SITE", "").rstrip("/")
html_baseurl = f"{SITE}/" if SITE else ""  # where the site will be; each page says its own address
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b57a4", "color-brand-content": "#0b57a4"},
    "dark_css_variables": {"color-brand-primary": "#82baff", "color-brand-content": "#82baff"},
    **(
        {"source_repository": url, "source_branch": "main", "source_directory": ""} if (url := os.environ.get("ENVGEN_URL")) else {}
    ),
}


def grouped(pages: Iterable[str]) -> dict[str, list[str]]:
    """Group -> the pages in it, each in one: that of the longest pattern that it matches, in the order of the patterns."""
    places = {page: max(_places(page), key=lambda place: len(place[2])) for page in pages}
    ordered = sorted(places, key=lambda page: (places[page][1], page))
    return {group: [page for page in ordered if places[page][0] == group] for group in GROUPS}


def _places(page: str) -> list[tuple[str, int, str]]:
    """The groups whose patterns a page matches, with the place of the pattern in its group."""
    return [
        (group, place, pattern)
        for group, patterns in GROUPS.items()
        for place, pattern in enumerate(patterns)
        if fnmatchcase(page, pattern)
    ]


def _add_navigation(app: Sphinx, page: str, source: list[str]) -> None:
    """Give the first page the navigation, which no file of the repository needs to repeat."""
    if page == root_doc:
        groups = grouped(app.project.docnames - {root_doc})
        trees = (
            f"```{{toctree}}\n:hidden:\n:caption: {group}\n\n{chr(10).join(found)}\n```" for group, found in groups.items() if found
        )
        source[0] = "\n\n".join((source[0], *trees))


def _add_preview(_app: Sphinx, page: str, _template: str, context: dict[str, Any], doctree: Any) -> None:
    """Say in each page what programs that show links read: its title and first paragraph, and a picture, if it has an address."""
    if doctree is not None:
        tags = (f'<meta {kind}="{name}" content="{escape(text)}">' for kind, name, text in _preview(page, doctree))
        context["metatags"] = "\n".join((context.get("metatags", ""), *tags))


def _preview(page: str, doctree: Any) -> Iterator[tuple[str, str, str]]:
    """Attribute, name and text of each meta element."""
    title, first = (next(doctree.findall(lambda node, kind=kind: node.tagname == kind), None) for kind in ("title", "paragraph"))
    text = " ".join(first.astext().split()) if first else ""
    short = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1].rpartition(' ')[0]}…"
    yield "property", "og:site_name", "envgen"
    yield "property", "og:type", "website"
    yield "property", "og:title", title.astext() if title else "envgen"
    if short:
        yield "name", "description", short
        yield "property", "og:description", short
    if SITE:
        yield "property", "og:url", f"{SITE}/{page}.html"
        yield "property", "og:image", f"{SITE}/{PICTURE}"
    yield "name", "twitter:card", "summary_large_image" if SITE else "summary"


def _add_files(app: Sphinx, error: Exception | None) -> None:
    """Serve the first page as that of the folder, too; and the picture for previews."""
    if error is None:
        shutil.copyfile(Path(app.outdir) / f"{root_doc}.html", Path(app.outdir) / "index.html")
        if (picture := ROOT / "docs" / "images" / "page.png").is_file():
            shutil.copyfile(picture, Path(app.outdir) / PICTURE)


def setup(app: Sphinx) -> None:
    """Hook into the build."""
    app.connect("source-read", _add_navigation)
    app.connect("html-page-context", _add_preview)
    app.connect("build-finished", _add_files)
