"""The environments of several files as one project: what they share is the project, what differs a target or a platform. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from packaging.utils import canonicalize_name
from packaging.version import Version

from envgen.migrate.channels import Channels
from envgen.migrate.draft import DraftRow, ProjectDraft
from envgen.migrate.model import Contents, NotCarried, ReadAs
from envgen.migrate.translate import Translated
from envgen.migrate.variants import CPU, ReadEnvironment, for_mac, of_all, read_environment_of
from envgen.migrate.versions import ANY, one_range
from envgen.migrate.wheel_indexes import frameworks_of_wheels, wheel_indexes
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix, Platform
from envgen.model.ranges import version_range
from envgen.model.target_names import target_name
from envgen.project.aliases import ANY as ANY_VERSION
from envgen.project.contradictions import unknown
from envgen.project.python import by_minor
from envgen.targets import TargetRange, nearest, newest_first

_ASSUMED: tuple[Platform, ...] = ("linux-64",)
_OPEN_CHANNEL = "conda-forge"
_OLDEST = ">=3.10"
_SHORT = {"linux-64": "linux", "linux-aarch64": "aarch64", "osx-64": "macos-intel", "osx-arm64": "macos", "win-64": "windows"}
_WHY_SHARED = "all targets of a project share its frameworks"


@dataclass(slots=True, kw_only=True)
class _Cell:
    """What one target has on one platform."""

    key: str
    platform: Platform
    items: list[Translated] = field(default_factory=list)

    def texts(self, manager: str) -> list[str]:
        """Its packages of conda or of pip, each once, in the order of the files."""
        found = (item.package for item in self.items if item.package and item.wanted.manager == manager)
        return list(dict.fromkeys(found))


def merged(matrix: Matrix, contents: Sequence[Contents], name: str, platforms: Sequence[Platform] = ()) -> ProjectDraft:
    """The project that some files ask for; `platforms` are those where no file says. Raises BadInput for a contradiction."""
    left = [one for file in contents for one in file.left]
    notes = [one for file in contents for one in file.notes]
    read = []
    for asked in (one for file in contents for one in file.asked):
        found, dropped = read_environment_of(matrix, asked)
        read.append(found)
        left += dropped
    if not any(one.items for one in read):
        raise BadInput("the files ask for no package", where=read[0].asked.at if read else None, hint="give a file with packages")
    sorted_ = of_all(read)
    left += sorted_.left
    files = tuple(dict.fromkeys(asked.at.file for file in contents for asked in file.asked))
    return _Merge(matrix, left, [*notes, *sorted_.notes], files).project(sorted_.common, sorted_.own, name, tuple(platforms))


class _Merge:
    def __init__(self, matrix: Matrix, left: list[NotCarried], notes: list[ReadAs], files: tuple[str, ...]) -> None:
        self.matrix, self.left, self.notes, self.files = matrix, left, notes, files

    def project(
        self, common: Sequence[ReadEnvironment], own: Sequence[ReadEnvironment], name: str, assumed: tuple[Platform, ...]
    ) -> ProjectDraft:
        own = self._with_targets(own)
        everything = [*common, *own]
        default = tuple(dict.fromkeys(platform for one in everything for platform in one.asked.platforms)) or assumed or _ASSUMED
        cells = self._cells(common, own, default)
        self._elsewhere(everything, {cell.platform for cell in cells})
        channels = self._channels(everything)
        items = [item for one in everything for item in one.items]
        self.notes += [note for item in items for note in item.notes]
        wheels = frameworks_of_wheels(self.matrix, everything)
        self._without_twins(cells)
        indexes = wheel_indexes(self.matrix, everything, wheels, {text for cell in cells for text in cell.texts("pip")})
        self.left += indexes.left
        self.notes += indexes.notes
        self._read_as(everything)
        return ProjectDraft(
            name=name,
            python=self._python(items),
            frameworks=self._frameworks(items, cells, wheels),
            targets=self._rows(cells),
            platforms=tuple(sorted({cell.platform for cell in cells})),
            channels=channels,
            dependencies=_shared(cells, "conda"),
            pip=_shared(cells, "pip"),
            pip_repositories=tuple(indexes.repositories),
            find_links=tuple(indexes.find_links),
            pip_indexes={url: tuple(names) for url, names in indexes.purposes.items()},
            sources=self.files,
            left=_each_once(self.left),
            notes=_each_once(self.notes),
        )

    # --- targets ----------------------------------------------------------------------------------------------------------

    def _cells(
        self, common: Sequence[ReadEnvironment], own: Sequence[ReadEnvironment], default: tuple[Platform, ...]
    ) -> list[_Cell]:
        found: dict[tuple[str, Platform], _Cell] = {}
        for one in own:
            variant = one.variant or CPU
            for platform in one.platforms or default:
                wanted = CPU if platform.startswith("osx") else variant
                key = self._key(wanted, one)
                if wanted is not CPU and (key, platform) not in found and not self._supports(key, platform):
                    continue
                cell = found.setdefault((key, platform), _Cell(key=key, platform=platform))
                everything = (*(item for base in common for item in base.items), *one.items)
                cell.items += [item for item in everything if not item.wanted.only or platform in item.wanted.only]
        return list(found.values())

    def _with_targets(self, own: Sequence[ReadEnvironment]) -> list[ReadEnvironment]:
        """The environments with a target in the matrices. Raises BadInput where there is none at all."""
        found, lacking = [], []
        for one in own:
            try:
                self._key(one.variant or CPU, one)
            except BadInput as error:
                lacking.append(error)
                self.left.append(NotCarried(one.asked.name, one.asked.at, f"{error.what}: {error.hint}"))
            else:
                found.append(one)
        if not found:
            raise lacking[0]
        return found

    def _elsewhere(self, environments: Sequence[ReadEnvironment], platforms: set[Platform]) -> None:
        """Leave out what is for platforms alone that the project does not have."""
        for item in (item for one in environments for item in one.items if item.wanted.only and not item.wanted.only & platforms):
            what = f"for {', '.join(sorted(item.wanted.only))} alone, and no file is for it: --platform adds one"
            self.left.append(NotCarried(item.wanted.text, item.wanted.at, what))

    def _supports(self, key: str, platform: Platform) -> bool:
        known = self.matrix.targets.get(key)
        return known is None or platform in known.platforms

    def _key(self, variant: TargetRange, one: ReadEnvironment) -> str:
        """The name of a target, or the word for the newest in its range."""
        if variant.cuda is None:
            return target_name(None)
        if variant.minor:
            key = target_name(variant.minor)
            if key in self.matrix.targets:
                return key
        if not newest_first(variant, self.matrix):
            text = str(variant.minor or variant.cuda)
            what = f"{one.why or one.asked.name} asks for CUDA {text}, and the matrices have no target for it"
            wanted = [item.framework for item in one.items if item.framework]
            lacking = [text for row in wanted for text in unknown(self.matrix, row, one.platforms or _ASSUMED)]
            raise BadInput(what, where=one.said_at, hint="; ".join((nearest(text, self.matrix), *dict.fromkeys(lacking))))
        majors = {str(target.cuda.major) for target in newest_first(variant, self.matrix) if target.cuda}
        return majors.pop() if len(majors) == 1 else "newest"

    def _rows(self, cells: Sequence[_Cell]) -> tuple[DraftRow, ...]:
        """The targets. Platforms of a target with other packages are a target of the project's own."""
        every = {cell.platform for cell in cells}
        rows: list[DraftRow] = []
        for key in sorted({cell.key for cell in cells}, key=lambda key: (key != target_name(None), key)):
            groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[Platform]] = {}
            for cell in (cell for cell in cells if cell.key == key):
                groups.setdefault((_own(cells, cell, "conda"), _own(cells, cell, "pip")), []).append(cell.platform)
            for place, (extra, found) in enumerate(
                sorted(groups.items(), key=lambda row: ("linux-64" not in row[1], -len(row[1]), min(row[1])))
            ):
                row = self._row(key, tuple(sorted(found)), every, own=place > 0)
                rows.append(replace(row, dependencies=extra[0], pip=extra[1]))
        return tuple(rows)

    def _row(self, key: str, platforms: tuple[Platform, ...], every: set[Platform], *, own: bool) -> DraftRow:
        known = self.matrix.targets.get(key)
        if own:
            cuda = key if known is None else str(known.cuda) if known.cuda else "none"
            return DraftRow(key=f"{key}-{_SHORT[platforms[-1]]}", cuda=cuda, platforms=platforms)
        usual = {platform for platform in every if known is None or platform in known.platforms}
        return DraftRow(key=key, platforms=() if usual == set(platforms) else platforms)

    # --- what all targets share -------------------------------------------------------------------------------------------

    def _channels(self, environments: Sequence[ReadEnvironment]) -> tuple[str, ...]:
        channels = Channels()
        for one in sorted(environments, key=lambda one: -len(one.asked.channels)):
            channels.add(one.asked.channels)
        for item in (item for one in environments for item in one.items if item.channel):
            if item.channel not in channels.names:
                channels.names.append(item.channel)
        self.left += channels.left
        self.notes += channels.notes
        return tuple(channels.names) or (_OPEN_CHANNEL,)

    def _python(self, items: Sequence[Translated]) -> str:
        asked = [item for item in items if item.python]
        if not asked:
            self.notes.append(
                ReadAs(
                    text="python",
                    at=replace(items[0].wanted.at, line=1, column=1),
                    meaning=f"`{_OLDEST}`: no file asks for a Python",
                )
            )
            return _OLDEST
        texts = {item: by_minor(item.python).lstrip("= ") for item in asked}
        found, agree = one_range(texts.values(), sorted(self.matrix.pythons))
        for item, text in texts.items():
            if not agree:
                what = f"python `{found}`: all targets of a project share one, and the files ask for several"
                self.notes.append(ReadAs(text=item.wanted.text, at=item.wanted.at, meaning=what))
            elif text != item.python.lstrip("= "):
                what = f"python `{text}`: a lock takes the newest patch release of a minor"
                self.notes.append(ReadAs(text=item.wanted.text, at=item.wanted.at, meaning=what))
        return found

    def _frameworks(
        self, items: Sequence[Translated], cells: Sequence[_Cell], wheels: Mapping[str, str]
    ) -> Mapping[str, Mapping[str, str]]:
        """Each framework once, hosts before their companions, with a version that all targets can have; `wheels` come from pip."""
        rows: dict[str, list[Translated]] = {}
        for item in items:
            if item.framework:
                rows.setdefault(item.framework.framework, []).append(item)
        found: dict[str, Mapping[str, str]] = {}
        for name in sorted(rows, key=lambda name: bool(self.matrix.frameworks[name].companion_of)):
            framework = self.matrix.frameworks[name] if name in wheels else self.matrix.frameworks[name].of_packages
            known = sorted(release.version for release in framework.releases)
            texts = [ANY if item.framework.text == ANY_VERSION else item.framework.text for item in rows[name] if item.framework]
            lacking = "wheel of {}" if name in wheels else "build of {} in a channel"
            version, agree = one_range(self._released(rows[name], texts, known, lacking), known)
            if not agree:
                self._apart(rows[name], version)
            self._below_some(rows[name][0], name, cells)
            provider = next((item.framework.provider for item in rows[name] if item.framework and item.framework.provider), None)
            if name in wheels and framework.companion_of not in rows:
                provider = wheels[name]
            found[name] = {"version": version, **({"provider": provider} if provider else {})}
        return found

    def _released(self, rows: Sequence[Translated], texts: Sequence[str], known: Sequence[Version], lacking: str) -> Iterator[str]:
        """The versions; any, with a note, where a wheel of a companion is asked for in one that is not known."""
        for item, text in zip(rows, texts, strict=True):
            wheel = item.wanted.manager == "pip" and item.framework and item.framework.host
            if wheel and text != ANY and not any(version in version_range(text) for version in known):
                what = f"any version: the matrices have no {lacking.format(text)}"
                self.notes.append(ReadAs(text=item.wanted.text, at=item.wanted.at, meaning=what))
                yield ANY
            else:
                yield text

    def _apart(self, rows: Sequence[Translated], version: str) -> None:
        for item in (item for item in rows if item.framework and item.framework.text != ANY_VERSION):
            what = f"`{version}`: the files ask for several versions, and {_WHY_SHARED}; make two projects to keep them apart"
            self.notes.append(ReadAs(text=item.wanted.text, at=item.wanted.at, meaning=what))

    def _below_some(self, item: Translated, name: str, cells: Sequence[_Cell]) -> None:
        """Note a framework that only some targets asked for."""
        having = {cell.key for cell in cells if any(other.framework and other.framework.framework == name for other in cell.items)}
        lacking = sorted({cell.key for cell in cells} - having)
        if having and lacking:
            what = f"{name} in all targets, {', '.join(lacking)} included: {_WHY_SHARED}"
            self.notes.append(ReadAs(text=item.wanted.text, at=item.wanted.at, meaning=what))

    def _without_twins(self, cells: Sequence[_Cell]) -> None:
        """Leave out requirements of pip on packages that conda is asked for as well."""
        for cell in cells:
            conda = {str(canonicalize_name(item.name)): item for item in cell.items if item.wanted.manager == "conda"}
            twins = [item for item in cell.items if item.wanted.manager == "pip" and str(canonicalize_name(item.name)) in conda]
            for item in twins:
                twin = conda[str(canonicalize_name(item.name))]
                if item.package:
                    what = f"conda's {twin.name} is asked for as well ({twin.wanted.at.place})"
                    self.left.append(NotCarried(item.wanted.text, item.wanted.at, what))
            cell.items = [item for item in cell.items if item not in twins]

    def _read_as(self, environments: Sequence[ReadEnvironment]) -> None:
        """What each word was read as."""
        for one in environments:
            for item in one.items:
                name = item.framework.framework if item.framework and item.name != item.framework.framework else ""
                variant = CPU if for_mac(item) else one.variant or CPU
                target = self._key(variant, one) if item.target is not None else ""
                if name or target:
                    self.notes.append(ReadAs(text=item.wanted.text, at=item.wanted.at, meaning=name, target=target))


def _shared(cells: Sequence[_Cell], manager: str) -> tuple[str, ...]:
    """The packages that all cells have."""
    return tuple(text for text in cells[0].texts(manager) if all(text in cell.texts(manager) for cell in cells))


def _own(cells: Sequence[_Cell], cell: _Cell, manager: str) -> tuple[str, ...]:
    """The packages of a cell that not all have."""
    shared = _shared(cells, manager)
    return tuple(text for text in cell.texts(manager) if text not in shared)


def _each_once(rows: Iterable[NotCarried] | Iterable[ReadAs]) -> tuple:  # type: ignore[type-arg]
    """The rows in the order of the files and lines, each once."""
    return tuple(sorted(dict.fromkeys(rows), key=lambda row: (row.at.file, row.at.line)))
