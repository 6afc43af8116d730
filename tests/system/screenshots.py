"""Takes the pictures of the page in docs/images/ again: `PYTHONPATH=tests python -m system.screenshots`, from the root.

The same Chromium and fonts give the same bytes; no test compares them, because other fonts give others.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from system.browser import chromium

from envgen.curate.show.page import html
from envgen.curate.show.query import parse_query
from envgen.matrix.load import load_matrix

ROOT = Path(__file__).parents[2]


class Picture(NamedTuple):
    """A file below docs/images/, what is picked, the size of the window, and the theme."""

    name: str
    words: str
    size: tuple[int, int]
    theme: str


PICTURES = (
    Picture("page.png", "framework=pytorch&platform=linux-64&driver=580.65.06&gpu=A100&with=torchvision", (1440, 900), "light"),
    Picture("page-closest.png", "framework=pytorch&platform=linux-64&driver=470&python=3.14", (1024, 768), "dark"),
    Picture("page-phone.png", "framework=pytorch&platform=linux-64&driver=580.65.06&gpu=V100", (390, 844), "light"),
)


def main() -> None:
    """Write every picture."""
    matrix = load_matrix(ROOT / "matrices")
    (ROOT / "docs" / "images").mkdir(exist_ok=True)
    with TemporaryDirectory() as folder, chromium(Path(folder) / "profile") as browser:
        page = Path(folder) / "page.html"
        page.write_text(html(matrix, parse_query(matrix, (), None, (), None, None)), encoding="utf-8")
        for picture in PICTURES:
            width, height = picture.size
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            media = {"features": [{"name": "prefers-color-scheme", "value": picture.theme}]}
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
            browser.get("about:blank")
            browser.get(f"{page.as_uri()}#{picture.words}")
            browser.save_screenshot(str(ROOT / "docs" / "images" / picture.name))


if __name__ == "__main__":
    main()
