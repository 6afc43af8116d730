"""A Difference as one HTML file that needs no other and runs no script."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from html import escape
from pathlib import Path

from envgen.diff.model import Difference
from envgen.diff.report import FOLDED, SECTIONS, change_lines, chunks, download_lines, headline, summary_text
from envgen.files import PAGE_MARK, write_page
from envgen.model.layout import lock_name
from envgen.model.safe_text import safe

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem } h2 { font-size: 1.05rem; margin-bottom: .3rem }
ul { margin-top: 0 } li { overflow-wrap: anywhere } code { font-size: .9em; background: #8882; padding: 0 .2em; border-radius: 3px }
:root { color-scheme: light dark }
"""


def write_diff_page(path: Path, found: Difference) -> str:
    """Write the page; returns what was done. Raises BadInput if another file is there already."""
    return write_page(path, lambda: diff_page(found))


def diff_page(found: Difference) -> str:
    """The whole page, with every change; the same bytes for the same Difference."""
    digest = b64encode(sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    body = "\n".join(_body(found))
    title = _escaped(f"{found.base} -> {found.head}")
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n{PAGE_MARK}\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n'
        f"<body>\n<h1>{_escaped(headline(found))}</h1>\n{body}\n</body>\n</html>\n"
    )


def _body(found: Difference) -> Iterator[str]:
    yield from _list("Cannot be read", (f"in {_code(side)}: {_code(why)}" for side, _, why in found.unread))
    for place, (heading, kinds) in enumerate(SECTIONS):
        if place == 2:
            yield from _list("Cells that come or go", _cells(found))
        yield from _list(heading, change_lines(found, kinds, _code, "→"))
    for heading, kind in FOLDED:
        names = sorted({change.name for change in found.of(kind)})
        yield from _list(heading, (", ".join(map(_code, part)) for part in chunks(names)))
    yield from _list("Download", download_lines(found, _code, "→"))


def _cells(found: Difference) -> Iterator[str]:
    yield from (f"{_code(lock_name(old))} → {_code(lock_name(new))}: renamed" for old, new in found.renamed)
    yield from (f"new: {_code(summary_text(one))}" for one in found.came)
    yield from (f"gone: {_code(summary_text(one))}" for one in found.went)


def _list(heading: str, items: Iterable[str]) -> Iterator[str]:
    """A heading and a list of HTML; nothing for no items."""
    rows = "\n".join(f"<li>{item}</li>" for item in items)
    if rows:
        yield f"<h2>{heading}</h2>\n<ul>\n{rows}\n</ul>"


def _code(text: str) -> str:
    return f"<code>{_escaped(text)}</code>" if text else ""


def _escaped(text: str) -> str:
    return escape(safe(text))
