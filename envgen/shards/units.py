"""The unit of work on many machines: a project, with a key that is a digest of all its inputs.

The targets of a project share a Python and the releases of their frameworks, and its cells agree on versions. So the cells of one
project cannot be locked apart to the same bytes; those of two projects can.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Literal

from envgen import __version__
from envgen.channels.channel import locate
from envgen.channels.recorded import recorded_lines
from envgen.lock.keep_records import named_by
from envgen.lock.plan import Plan
from envgen.lock.unchanged import digest_of
from envgen.matrix.files import DEFAULTS, default_text, matrix_texts
from envgen.model.dates import dates_text
from envgen.model.errors import BadInput
from envgen.model.layout import Layout
from envgen.model.run import LockRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One project of a plan. `asked` says which records and options its key is of; `cells` are those to be solved or written."""

    project: str
    key: str
    asked: str
    state: Literal["open", "locked"]
    cells: tuple[str, ...]


class UnitKeys:
    """The keys of the projects of a repository, for one request."""

    def __init__(self, layout: Layout, request: LockRequest) -> None:
        self._layout, self._request = layout, request
        self._folders = cache(_folder_digest)

    def unit(self, found: Plan) -> Unit:
        """The unit of a project."""
        name, asked = found.project.name, self.asked(found)
        cells = tuple(f"{target}/{platform}" for target in found.todo for platform in found.resolutions[target].platforms)
        state: Literal["open", "locked"] = "open" if found.todo else "locked"
        return Unit(project=name, key=unit_key(self.inputs(name), asked), asked=asked, state=state, cells=cells)

    def inputs(self, project: str) -> str:
        """The digest of what a repository says of a project: its files, the facts, the templates, its records."""
        files = self._layout.raw_files(project)
        found = digest_of(files, self._layout.root) if files is not None else ""
        if not (found and self._shared):
            what = "a link is among its files, or one cannot be read"
            raise BadInput(what, where=self._layout.shown(self._layout.project(project)), hint="make them plain files")
        records = (self._recorded.get(key, "") for key in sorted(named_by(self._layout, project)))
        return _digest(self._shared, found, *records)

    def asked(self, found: Plan) -> str:
        """The records that a project is locked from, and the options of the request."""
        date, update = dates_text(self._request.exclude_newer), self._request.update
        options = (f"exclude-newer {date}" if date else "", "update" if update else "", *self._request.packages)
        return " ".join(filter(None, (self._index(found), *options)))

    def _index(self, found: Plan) -> str:
        """The records that a project is locked from: the digest of a folder, or live channels as of a moment."""
        request, layout = self._request, self._layout
        if request.offline:
            return f"recorded {self._folders(layout.index)}"
        if request.index_folder:
            folders = [request.index_folder / locate(channel).folder for channel in found.project.channels]
            return f"folder {_digest(*map(self._folders, folders))}"
        dates = found.project.exclude_newer
        moment = str(dates) if dates.is_fixed else request.moment
        if not moment:
            what = f"{found.project.name}: live channels move: nothing says of which moment its result is"
            raise BadInput(what, hint="give --exclude-newer DATE or --index DIR, or make a plan with `envgen plan --json`")
        return f"live {moment}"

    @cached_property
    def _shared(self) -> str:
        layout = self._layout
        texts = matrix_texts(layout.matrices, layout.shown(layout.matrices))
        defaults = (default_text(name) for name in DEFAULTS if name not in texts)
        templates = sorted(path for path in layout.templates.rglob("*") if path.is_symlink() or not path.is_dir())
        found = digest_of(templates, layout.root)
        return _digest(_program(), *chain.from_iterable(texts.items()), *defaults, found) if found else ""

    @cached_property
    def _recorded(self) -> dict[str, str]:
        return recorded_lines(self._layout.index)


def unit_key(inputs: str, asked: str) -> str:
    """The key of a unit, from the digest of its inputs and what is asked."""
    return _digest(inputs, asked)


def _digest(*texts: str) -> str:
    found = hashlib.sha256()
    for text in texts:
        found.update(f"{len(text)} {text}".encode(errors="surrogatepass"))
    return found.hexdigest()


def _folder_digest(folder: Path) -> str:
    return digest_of(_repodata(folder), folder) or "unreadable"


def _repodata(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.rglob("repodata.json*") if path.is_file())


@cache
def _program() -> str:
    """The digest of this program, the same on every machine: its source, and the solver."""
    root = Path(__file__).parents[1]
    return _digest(__version__, version("py-rattler"), digest_of(sorted(root.rglob("*.py")), root))
