"""What the package's page on an index shows: the README with links that lead out of it, and the addresses of the repository.

The address is that of ENVGEN_URL, else of git's `origin`, if it is a web address. Without one, a relative link is its text alone.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"\[([^\]]+)\]\((?!https?://|#)([^)\s]+)\)")
_SSH = re.compile(r"(?:ssh://)?git@([^:/]+)[:/](.+)")


class ReadmeHook(MetadataHookInterface):
    """Fills in the fields `readme` and `urls`."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the fields."""
        root = Path(self.root)
        url = address(os.environ.get("ENVGEN_URL", "") or _origin(root))
        text = (root / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": absolute(text, url)}
        metadata["urls"] = urls(url)


def address(remote: str) -> str:
    """The web address of a repository, from that or from what git calls its remote; "" where it has none."""
    plain = remote.strip().removesuffix("/").removesuffix(".git")
    if match := _SSH.fullmatch(plain):
        plain = f"https://{match[1]}/{match[2]}"
    return plain if re.fullmatch(r"https://[^\s@]+", plain) else ""


def absolute(text: str, url: str) -> str:
    """A page with links to files of the repository as addresses; the text of a link alone where there is no address."""
    return _LINK.sub(lambda found: f"[{found[1]}]({url}/blob/HEAD/{found[2]})" if url else found[1], text)


def urls(url: str) -> dict[str, str]:
    """The links beside the page."""
    if not url:
        return {}
    pages = {"Documentation": "docs", "Changelog": "CHANGELOG.md"}
    return {
        "Homepage": url,
        "Source": url,
        "Issues": f"{url}/issues",
        **{name: f"{url}/blob/HEAD/{path}" for name, path in pages.items()},
    }


def _origin(root: Path) -> str:
    try:
        argv = ["git", "-C", str(root), "config", "--get", "remote.origin.url"]  # what is in a clone; an sdist has none
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout if (root / ".git").exists() else ""
    except OSError:
        return ""
