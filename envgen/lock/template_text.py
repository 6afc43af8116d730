"""The text of a template, which may come from a stranger."""

from __future__ import annotations

from pathlib import Path

from envgen.model.errors import BadInput
from envgen.model.regular import real

_LARGEST = 100_000  # bytes: the template that envgen comes with has 800


def text_of_template(templates: Path, name: str) -> str:
    """The text of one template. Raises BadInput if it is too large or not a file, or if links or `..` lead out of the folder."""
    path = templates / name
    plain = path.parent == templates and name != ".." and not path.is_symlink()  # as nearly all are: nothing to follow
    if not plain and not real(path).is_relative_to(real(templates)):
        raise BadInput(f"template {name!r} lies outside templates/", hint="move it into templates/")
    try:
        text = path.read_text(encoding="utf-8") if path.is_file() and path.stat().st_size <= _LARGEST else None
    except (OSError, UnicodeDecodeError):
        text = None
    if text is None:
        hint = f"`envgen init` writes environment.yml.j2; a template has at most {_LARGEST} bytes"
        raise BadInput(f"there is no readable template {name!r}", hint=hint)
    return text
