"""The facts of a repository beside those that come with envgen, file by file, and what they are when they are merged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from envgen.curate.update.merge import BaseRow, Merged, RowDifference, RowState, base_rows, merge
from envgen.curate.update.origin import CopiedFrom, origin_of, origin_text
from envgen.files import remove_files, write_files
from envgen.matrix.files import matrix_texts
from envgen.matrix.load import matrix_of_texts
from envgen.model.errors import BadInput
from envgen.model.layout import Layout, starter
from envgen.model.regular import real
from envgen.model.resolution import RenderedFile
from envgen.yamlfile.document import parse
from envgen.yamlfile.text import text_of

_DATE = re.compile(r"\b20[0-9]{2}-[01][0-9](?:-[0-3][0-9])?\b")
_TAKEN = {"new", "changed", "gone"}
"""The states of rows that an update takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileUpdate:
    """A file of facts: its text here, its merged text (None: it is not there), and the rows that differ.

    `whole`: the file is new, gone or removed here as a whole.
    """

    name: str
    shown: str
    old: str | None
    text: str | None
    rows: tuple[RowDifference, ...] = ()
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsUpdate:
    """Every file in which something differs; where the facts here came from, and the newest date that each side names."""

    origin: CopiedFrom | None
    files: tuple[FileUpdate, ...]
    date: str
    newer_date: str
    own: bool = False  # the facts here are those that come with envgen

    @property
    def rows(self) -> tuple[tuple[FileUpdate, RowDifference], ...]:
        """Every row that differs, with its file."""
        return tuple((file, row) for file in self.files for row in file.rows)

    @property
    def is_newer(self) -> bool:
        """Whether envgen brings facts that are not here."""
        return any(row.state in {*_TAKEN, "conflict", "unknown"} for _, row in self.rows)


def facts_update(layout: Layout, *, take_newer: bool = False) -> FactsUpdate:
    """What the facts that come with envgen change here. Raises BadInput where a file cannot be read, or rows do not go together."""
    source = Layout(starter())
    newer, here = matrix_texts(source.matrices, "envgen"), _texts(layout)
    date, newer_date = _newest(here.values()), _newest(newer.values())
    if real(source.matrices) == real(layout.matrices):
        return FactsUpdate(origin=None, files=(), own=True, date=date, newer_date=newer_date)
    origin = origin_of(layout)
    found = (_file(layout, name, here.get(name), newer.get(name), origin, take_newer) for name in sorted({*here, *newer}))
    files = tuple(file for file in found if file.rows or file.whole)
    changed = {file.name: file.text for file in files if file.text != file.old}
    if changed:
        _check(layout, {name: text for name, text in {**here, **changed}.items() if text is not None})
    return FactsUpdate(origin=origin, files=files, date=date, newer_date=newer_date)


def write_update(layout: Layout, found: FactsUpdate) -> tuple[str, ...]:
    """Write the merged files, and from now on compare with the facts that come with envgen; returns the files that changed."""
    changed = [file for file in found.files if file.text != file.old]
    newer = matrix_texts(Layout(starter()).matrices, "envgen")
    texts = [RenderedFile(file.name, _as_written(layout, file)) for file in changed if file.text is not None]
    write_files(layout.matrices, [*texts, RenderedFile(layout.origin.name, origin_text(newer))], layout)
    remove_files(layout.matrices / file.name for file in changed if file.text is None)
    return tuple(file.shown for file in changed)


def _texts(layout: Layout) -> dict[str, str]:
    texts = matrix_texts(layout.matrices, layout.shown(layout.matrices))
    for name, text in texts.items():
        parse(text, layout.shown(layout.matrices / name))  # an error in a file here is named with its line here
    return {name: text.replace("\r\n", "\n") for name, text in texts.items()}


def _file(layout: Layout, name: str, here: str | None, newer: str | None, origin: CopiedFrom | None, take: bool) -> FileUpdate:
    shown, base = layout.shown(layout.matrices / name), origin.files.get(name) if origin else None
    if here is not None and newer is not None:
        found = Merged(here, ()) if here == newer else merge(here, newer, base, take_newer=take)
        return FileUpdate(name=name, shown=shown, old=here, text=found.text, rows=found.rows)
    if here is None:
        removed = base is not None
        rows = (_whole("removed" if removed else "new"),)
        return FileUpdate(name=name, shown=shown, old=None, text=None if removed else newer, rows=rows, whole=True)
    return _without_newer(name, shown, here, base, take=take)


def _without_newer(name: str, shown: str, here: str, base: tuple[BaseRow, ...] | None, *, take: bool) -> FileUpdate:
    """A file that does not come with envgen: of the repository's own, or one that envgen has no more."""
    if base is None:
        return FileUpdate(name=name, shown=shown, old=here, text=here)
    if base_rows(here) == base or take:
        return FileUpdate(name=name, shown=shown, old=here, text=None, rows=(_whole("gone"),), whole=True)
    return FileUpdate(name=name, shown=shown, old=here, text=here, rows=(_whole("conflict"),), whole=True)


def _whole(state: RowState) -> RowDifference:
    return RowDifference(state=state, name="the whole file", line=0, merged_line=0, newer="")


def _check(layout: Layout, texts: dict[str, str]) -> None:
    try:
        matrix_of_texts(texts, layout.shown(layout.matrices))
    except BadInput as error:
        what = f"the rows of this repository and the newer ones do not go together: {error.what}"
        hint = f"{error.hint}; the line is that of the merged file, nothing was written: edit the row here, or give --theirs"
        raise BadInput(what, where=error.where, hint=hint.removeprefix("; ")) from None


def _as_written(layout: Layout, file: FileUpdate) -> str:
    """The merged text with the ends of lines that the file has here."""
    path = layout.matrices / file.name
    windows = path.is_file() and "\r\n" in text_of(path, file.shown, absent="", exact=True)
    text = file.text or ""
    return text.replace("\n", "\r\n") if windows else text


def _newest(texts: Iterable[str]) -> str:
    """The newest date that facts name, as `2026-11-20` or `2026-11`; "" for none."""
    return max(_dates(texts), default="")


def _dates(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from _DATE.findall(text)
