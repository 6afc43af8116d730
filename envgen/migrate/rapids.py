"""Reads dependencies.yaml, from which rapids-dependency-file-generator makes environment files. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import product
from typing import Any

from envgen.migrate.model import Asked, AskedSpec, ChannelLine, Contents, NotCarried
from envgen.migrate.pip_lines import PipLines
from envgen.model.errors import BadInput
from envgen.model.facts import Platform
from envgen.yamlfile.document import Document, parse

_ARCH: Mapping[str, Platform] = {"x86_64": "linux-64", "amd64": "linux-64", "aarch64": "linux-aarch64", "arm64": "linux-aarch64"}
_CONDA, _CUDA, _PYTHON, _PLATFORM = "conda", "cuda", "py", "arch"
_HINT = "it has `files:`, each with `output:` and `includes:`, and `dependencies:` with `common:` and `specific:`"
Path = tuple[str | int, ...]
MatrixCell = Mapping[str, str]


def is_rapids(text: str) -> bool:
    """Whether a text is a dependencies.yaml: it has `files:` and `dependencies:` at its top."""
    lines = text.splitlines()
    return "files:" in lines and any(line.startswith("dependencies:") for line in lines)


def read_rapids(text: str, shown: str) -> Contents:
    """The environments of the file that includes most: one for each CUDA and architecture of its matrix. Raises BadInput."""
    document = parse(text, shown, aliases=True)
    files = document.data.get("files") if isinstance(document.data, Mapping) else None
    if not isinstance(files, Mapping) or not isinstance(document.data.get("dependencies"), Mapping):
        raise BadInput("not a dependencies.yaml", where=document.at(), hint=_HINT)
    conda = {name: row for name, row in files.items() if isinstance(row, Mapping) and _CONDA in _outputs(row)}
    wrong = next((name for name, row in files.items() if not isinstance(row, Mapping)), None)
    if wrong is not None or not files:
        raise BadInput(
            "expected a file with `output:` and `includes:`", where=document.at("files", *filter(None, [wrong])), hint=_HINT
        )
    chosen = max(conda or files, key=lambda name: len(listed(document, "files", name, "includes")))
    reader = _Rapids(
        document, chosen, _CONDA if conda else next(iter(_outputs(files[chosen])), ""), PipLines(read_file=lambda _: None)
    )
    others = (
        NotCarried(f"files: {name}", document.at("files", name), f"made from the same lists; `{chosen}` includes most of them")
        for name in files
        if name != chosen
    )
    asked = tuple(reader.environments())
    return Contents(asked=asked, name="", left=(*others, *reader.left, *reader.pip.left), notes=tuple(reader.pip.notes))


def _outputs(row: Mapping[str, Any]) -> list[str]:
    found = row.get("output", row.get("generate", []))
    return [found] if isinstance(found, str) else [str(one) for one in found] if isinstance(found, list) else []


def _value(document: Document, path: Path) -> Any:
    """What is written at a path, None where nothing is. Raises BadInput where something on the way has another type."""
    found: Any = document.data
    for length, key in enumerate(path):
        if isinstance(found, list) and isinstance(key, int):
            found = found[key]
        elif isinstance(found, Mapping):
            found = found.get(key)
        else:
            raise BadInput("expected a mapping", where=document.at(*path[:length]), hint=_HINT)
    return found


def listed(document: Document, *path: str | int) -> Sequence[Any]:
    """The items of a list, none where it is missing. Raises BadInput, with its line, for anything else."""
    found = _value(document, path)
    if found is not None and not isinstance(found, list):
        raise BadInput(f"expected a list `{path[-1]}:`", where=document.at(*path), hint=_HINT)
    return found or ()


def mapped(document: Document, *path: str | int) -> Mapping[str, Any]:
    """A mapping, an empty one where it is missing. Raises BadInput, with its line, for anything else."""
    found = _value(document, path)
    if found is not None and not isinstance(found, Mapping):
        what = "a mapping" if isinstance(path[-1], int) else f"a mapping `{path[-1]}:`"
        raise BadInput(f"expected {what}", where=document.at(*path), hint=_HINT)
    return found or {}


class _Rapids:
    """One entry of `files:`, and the lists that it includes."""

    def __init__(self, document: Document, name: str, output: str, pip: PipLines) -> None:
        self.document, self.name, self.output, self.pip = document, name, output, pip
        self.left: list[NotCarried] = []
        self.includes: Sequence[str] = [str(one) for one in listed(document, "files", name, "includes")]
        self.matrix = {
            str(key): [None if one is None else str(one) for one in listed(document, "files", name, "matrix", key) or [None]]
            for key in mapped(document, "files", name, "matrix")
        }

    def environments(self) -> Iterator[Asked]:
        """The cells of the matrix, those for several Pythons together, each axis but CUDA, Python and architecture at its first."""
        axes = {key: values if key in (_CUDA, _PYTHON, _PLATFORM) else values[:1] for key, values in self.matrix.items()}
        for key in self.matrix.keys() - {_CUDA, _PYTHON, _PLATFORM}:
            rest = ", ".join(map(str, self.matrix[key][1:]))
            if rest:
                at = self.document.at("files", self.name, "matrix", key)
                self.left.append(
                    NotCarried(f"{key}: {rest}", at, f"one environment for each CUDA: `{self.matrix[key][0]}` is read")
                )
        outer = {key: values for key, values in axes.items() if key != _PYTHON}
        for values in product(*outer.values()):
            plain = {key: value for key, value in zip(outer, values, strict=True) if value is not None}
            yield self._environment(plain, axes.get(_PYTHON, [None]))

    def _environment(self, plain: MatrixCell, pythons: Sequence[str | None]) -> Asked:
        cells = [{**plain, _PYTHON: python} if python else plain for python in pythons]
        found = [{one.text: one for one in self._wanted(cell)} for cell in cells]
        wanted = list(dict.fromkeys(one for row in found for one in row.values() if all(one.text in other for other in found)))
        wanted += self._pythons([one for row in found for one in row.values() if one not in wanted])
        words = [f"{key}-{value}" for key, value in plain.items()]
        arch, cuda = plain.get(_PLATFORM, ""), plain.get(_CUDA)
        return Asked(
            name=f"{self.document.file} [{' '.join((self.name, *words))}]",
            at=self.document.at("files", self.name),
            label=" ".join(words) if cuda else f"{self.name} {' '.join(words)}",
            wanted=tuple(wanted),
            channels=tuple(self._channels()),
            platforms=(_ARCH[arch],) if arch in _ARCH else (),
            cuda=cuda,
        )

    def _pythons(self, some: Sequence[AskedSpec]) -> Iterator[AskedSpec]:
        """Of what only some Pythons of the matrix have: the Pythons themselves; the rest is left out."""
        for one in dict.fromkeys(some):
            if one.text.replace("=", " ").replace(">", " ").split(" ")[0] == "python":
                yield one
            elif not any(left.at == one.at for left in self.left):
                self.left.append(NotCarried(one.text, one.at, "for some Pythons of the matrix alone, and a project has one"))

    def _channels(self) -> Iterator[ChannelLine]:
        found = self.document.data.get("channels")
        for index, text in enumerate([found] if isinstance(found, str) else listed(self.document, "channels")):
            yield ChannelLine(str(text), self.document.at("channels", index))

    def _wanted(self, cell: MatrixCell) -> Iterator[AskedSpec]:
        """The packages of all lists that are included, in one cell of the matrix."""
        for name in self.includes:
            if not isinstance(self.document.data["dependencies"].get(name), Mapping):
                where = self.document.at("files", self.name, "includes")
                raise BadInput(f"includes `{name}`, and there is no such list", where=where, hint=_HINT)
            path = ("dependencies", name)
            for row in self._of_output(*path, "common"):
                yield from self._packages(listed(self.document, *row, "packages"), (*row, "packages"))
            for row in self._of_output(*path, "specific"):
                count = len(listed(self.document, *row, "matrices"))
                place = _matching([mapped(self.document, *row, "matrices", n, "matrix") for n in range(count)], cell)
                if place is not None:
                    own = (*row, "matrices", place, "packages")
                    yield from self._packages(listed(self.document, *own), own)

    def _of_output(self, *path: str | int) -> Iterator[Path]:
        """The rows of a list that are for the output that is read."""
        for index in range(len(listed(self.document, *path))):
            if self.output in _types(mapped(self.document, *path, index)):
                yield (*path, index)

    def _packages(self, found: Sequence[Any], path: Path) -> Iterator[AskedSpec]:
        """Specs, lists of specs, and mappings with `pip:`."""
        for index, item in enumerate(found):
            at = (*path, index)
            if isinstance(item, str):
                yield from self._spec(item, at)
            elif isinstance(item, list):
                yield from self._packages(item, at)
            elif isinstance(item, Mapping):
                for place, text in enumerate(listed(self.document, *at, "pip")):
                    yield from self._requirement(str(text), (*at, "pip", place))

    def _spec(self, text: str, path: Path) -> Iterator[AskedSpec]:
        if self.output == _CONDA:
            yield AskedSpec(text=text, at=self.document.at(*path))
        else:
            yield from self._requirement(text, path)

    def _requirement(self, text: str, path: Path) -> Iterator[AskedSpec]:
        before = len(self.pip.wanted)
        self.pip.add(text, self.document.at(*path))
        yield from self.pip.wanted[before:]


def _types(row: Mapping[str, Any]) -> list[str]:
    found = row.get("output_types", [])
    return [found] if isinstance(found, str) else [str(one) for one in found] if isinstance(found, list) else []


def _matching(matrices: Sequence[Mapping[str, Any]], cell: MatrixCell) -> int | None:
    """The first row whose matrix, of globs, fits the cell; where none does, the first without a matrix."""
    fallback = None
    for place, wanted in enumerate(matrices):
        if not wanted:
            fallback = place if fallback is None else fallback
        elif all(key in cell and fnmatchcase(cell[key], str(value)) for key, value in wanted.items()):
            return place
    return fallback
