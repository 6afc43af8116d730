"""How Sphinx builds the website: `make site`.

Its pages are the Markdown files of the repository at their own places, so a link that works on a code host works here, and one that
does not is an error. Nothing is fetched from another server, neither for the build nor by a reader's browser. Pages need no entry
here: which group one is in follows from its folder.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

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


def _name_index(app: Sphinx, error: Exception | None) -> None:
    """Serve the first page as that of the folder, too."""
    if error is None:
        shutil.copyfile(Path(app.outdir) / f"{root_doc}.html", Path(app.outdir) / "index.html")


def setup(app: Sphinx) -> None:
    """Hook into the build."""
    app.connect("source-read", _add_navigation)
    app.connect("build-finished", _name_index)
