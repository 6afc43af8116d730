"""Requirements added to the text of a project file, or removed from it; the rest of the text stays as it is. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from envgen.model.errors import BadInput, closest
from envgen.project.package_spec import EXAMPLE, conda_spec
from envgen.yamlfile.document import Document, parse
from envgen.yamlfile.edit import Edit, spliced
from envgen.yamlfile.nodes import KeyPath, spans


@dataclass(frozen=True, slots=True)
class ProjectText:
    """The text of a project file, and the name that errors use for it."""

    text: str
    shown: str

    @property
    def document(self) -> Document:
        """The text as data."""
        return parse(self.text, self.shown)

    def with_spec(self, spec: str, frameworks: Collection[str], target: str | None = None) -> ProjectText:
        """The text with a requirement, for all targets or for one. A spec of the same package is replaced.

        One of `frameworks` goes below that key. Raises BadInput where the file is not written in a way that allows the edit.
        """
        read = conda_spec(spec)
        if not read.name:
            raise BadInput(f"not a conda spec: `{spec}`", hint=EXAMPLE)
        if read.name in frameworks and " " not in read.rest and not read.channel:
            if target:
                raise BadInput(f"{read.name} is a framework, which is for all targets", hint="leave out --target")
            return self._edited(self._framework(read.name, read.rest or "*"), f"add {spec}")
        return self._edited(self._dependency(spec, read.name, target), f"add {spec}")

    def without_package(self, name: str, target: str | None = None) -> ProjectText:
        """The text without the requirements of a package, for all targets or for one. Raises BadInput where there is none."""
        document = self.document
        lists: list[KeyPath] = [("targets", self._key(target), "dependencies")] if target else [("dependencies",), ("pip",)]
        for path in lists:
            items = _list_at(document, path)
            places = [place for place, item in enumerate(items) if _name(item) == name.lower()]
            if places and len(places) == len(items):
                return self._edited([Edit(kind="set", path=path, value=[])], f"remove {name}")
            if places:
                return self._edited([Edit(kind="remove", path=(*path, place)) for place in places], f"remove {name}")
        raise BadInput(f"`{name}` is not requested here", where=document.at(*lists[0]), hint=self._elsewhere(name))

    def _elsewhere(self, name: str) -> str:
        """Where a package is requested instead."""
        data = self.document.data
        if name in data.get("frameworks", {}):
            return f"it is a framework: remove it at {self.document.at('frameworks', name)}"
        targets = data.get("targets")
        rows = targets.items() if isinstance(targets, dict) else ()
        within = [key for key, row in rows if row and any(_name(item) == name for item in row.get("dependencies", ()))]
        requested = [_name(item) for item in data.get("dependencies", ())]
        return f"target {within[0]} requests it: add --target {within[0]}" if within else closest(name, requested)

    def _framework(self, name: str, version: str) -> list[Edit]:
        data = self.document.data
        if "frameworks" not in data:
            return [Edit(kind="add", path=("frameworks",), value={name: version})]
        row = data["frameworks"].get(name)
        if isinstance(row, dict):
            return [Edit(kind="set" if "version" in row else "add", path=("frameworks", name, "version"), value=version)]
        return [Edit(kind="add" if row is None else "set", path=("frameworks", name), value=version)]

    def _dependency(self, spec: str, name: str, target: str | None) -> list[Edit]:
        if target is None:
            return self._into_list(("dependencies",), spec, name)
        path, targets = ("targets", self._key(target)), self.document.data["targets"]
        if isinstance(targets, list):
            return [self._as_mapping(targets, target, spec)]
        if not targets[target]:
            return [Edit(kind="set", path=path, value={"dependencies": [spec]})]
        return self._into_list((*path, "dependencies"), spec, name)

    def _into_list(self, path: KeyPath, spec: str, name: str) -> list[Edit]:
        items = _list_at(self.document, path)
        if not items:
            exists = path in spans(self.text)
            return [Edit(kind="set" if exists else "add", path=path, value=[spec])]
        place = next((place for place, item in enumerate(items) if _name(item) == name.lower()), None)
        if place is not None:
            return [Edit(kind="set", path=(*path, place), value=spec)]
        return [Edit(kind="insert", path=(*path, len(items)), value=spec)]

    def _as_mapping(self, targets: Sequence[str], target: str, spec: str) -> Edit:
        """A list of targets as a mapping, in which one has a dependency. Raises BadInput where that would lose a comment."""
        span = spans(self.text)["targets",]
        if not span.flow or "#" in self.text[span.start : span.end]:
            hint = f"write targets: as a mapping: `{target}: {{dependencies: [{spec}]}}`, and the others without a value"
            raise BadInput("targets: is a list, which has no place for it", where=self.document.at("targets"), hint=hint)
        rows = {name: {"dependencies": [spec]} if name == target else {} for name in targets}
        return Edit(kind="set", path=("targets",), value=rows)

    def _key(self, target: str) -> str:
        """A target as the file names it."""
        found = self.document.data.get("targets", ())
        if target not in found:
            raise BadInput(f"there is no target `{target}` here", where=self.document.at("targets"), hint=closest(target, found))
        return target

    def _edited(self, edits: Sequence[Edit], why: str) -> ProjectText:
        told = [Edit(kind=edit.kind, path=edit.path, value=edit.value, why=why) for edit in edits]
        return ProjectText(spliced(self.text, told, self.shown), self.shown)


def _list_at(document: Document, path: KeyPath) -> list[str]:
    found = document.data
    for part in path:
        found = (found.get(part) if isinstance(found, dict) else None) or {}
    return found if isinstance(found, list) else []


def _name(spec: object) -> str:
    return conda_spec(str(spec)).name.lower()
