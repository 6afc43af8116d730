"""Requirements added to the text of a project file, or removed from it; the rest of the text stays as it is. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from packaging.utils import canonicalize_name

from envgen.model.errors import BadInput, closest
from envgen.model.facts import Matrix
from envgen.project.aliases import framework_named
from envgen.project.package_spec import EXAMPLE, PackageSpec, conda_spec
from envgen.yamlfile.document import Document, parse
from envgen.yamlfile.edit import Edit, spliced
from envgen.yamlfile.nodes import KeyPath, spans

_FRAMEWORKS = "frameworks"


@dataclass(frozen=True, slots=True)
class ProjectText:
    """The text of a project file, the name that errors use for it, and the facts, which say what is a framework."""

    text: str
    shown: str
    matrix: Matrix

    @property
    def document(self) -> Document:
        """The text as data."""
        return parse(self.text, self.shown)

    def with_spec(self, spec: str, target: str | None = None) -> ProjectText:
        """The text with a requirement, for all targets or for one. A spec of the same package is replaced.

        A framework or a companion goes below `frameworks:`, unless the spec names a channel or a build. Raises BadInput where the
        file is not written in a way that allows the edit.
        """
        read = conda_spec(spec)
        if not read.name:
            raise BadInput(f"not a conda spec: `{spec}`", hint=EXAMPLE)
        if read.name not in self.matrix.frameworks or " " in read.rest or read.channel:
            return self._edited(self._dependency(spec, read.name, target), f"add {spec}")
        if target:
            raise BadInput(f"{read.name} is a framework, which is for all targets", hint="leave out --target")
        return self._edited(list(self._framework(read)), f"add {spec} below {_FRAMEWORKS}:")

    def with_item(self, key: str, name: str) -> ProjectText:
        """The text with one more item in a list at the top, or in a mapping with a key for each item, such as `targets:`."""
        rows, why = self.document.data.get(key), f"add {name} below {key}:"
        if isinstance(rows, dict):
            return self._edited([Edit(kind="add", path=(key, name), value={})], why)
        if not rows:
            return self._edited([Edit(kind="set" if (key,) in spans(self.text) else "add", path=(key,), value=[name])], why)
        return self._edited([Edit(kind="insert", path=(key, len(rows)), value=name)], why)

    def without_package(self, name: str, target: str | None = None) -> ProjectText:
        """The text without the requirements of a package, for all targets or for one: below every key that requests it.

        The name of a framework removes its aliases as well. Raises BadInput where there is nothing to remove.
        """
        plain = canonicalize_name(name)
        framework = next((row for row in self.matrix.frameworks if canonicalize_name(row) == plain), None)

        def same(text: str) -> bool:
            return canonicalize_name(conda_spec(text).name) == plain or framework_named(self.matrix, text) == framework

        edits = self._removed(same, target)
        if not edits:
            at = self.document.at("targets", self._key(target), "dependencies") if target else self.document.at("dependencies")
            raise BadInput(f"`{name}` is not requested here", where=at, hint=self._elsewhere(name, target))
        return self._edited(edits, f"remove {name}")

    # --- add ------------------------------------------------------------------------------------------------------------------

    def _framework(self, spec: PackageSpec) -> Iterator[Edit]:
        """The edits for a framework or a companion, where it is listed already or as the file lists others."""
        name, rows = spec.name, self.document.data.get(_FRAMEWORKS) or {}
        listed = next(self._companions(rows, lambda text: text == name), None)
        host = rows.get(self.matrix.frameworks[name].companion_of)
        if listed and not spec.rest:
            return
        if listed:
            yield from self._without((listed,))
        elif not spec.rest and name not in rows and isinstance(host, dict) and "with" in host:
            path = (_FRAMEWORKS, self.matrix.frameworks[name].companion_of, "with")
            yield from self._into_list(path, name, name)
            return
        yield self._key_of_framework(rows, name, spec.rest or "*")

    def _key_of_framework(self, rows: dict[str, Any], name: str, version: str) -> Edit:
        if not rows:
            exists = (_FRAMEWORKS,) in spans(self.text)
            return Edit(kind="set" if exists else "add", path=(_FRAMEWORKS,), value={name: version})
        row = rows.get(name)
        if isinstance(row, dict):
            return Edit(kind="set" if "version" in row else "add", path=(_FRAMEWORKS, name, "version"), value=version)
        return Edit(kind="set" if name in rows else "add", path=(_FRAMEWORKS, name), value=version)

    def _dependency(self, spec: str, name: str, target: str | None) -> list[Edit]:
        if target is None:
            return self._into_list(("dependencies",), spec, name)
        path, targets = ("targets", self._key(target)), self.document.data["targets"]
        if isinstance(targets, list):
            rows = {listed: {"dependencies": [spec]} if listed == target else {} for listed in targets}
            return [Edit(kind="unlist", path=("targets",), value=rows)]
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

    # --- remove ---------------------------------------------------------------------------------------------------------------

    def _removed(self, same: Callable[[str], bool], target: str | None) -> list[Edit]:
        """What removes every requirement whose text is the same: specs of a target, or specs, frameworks and companions of all."""
        if target:
            return self._without(self._items(("targets", self._key(target), "dependencies"), same))
        rows = self.document.data.get(_FRAMEWORKS) or {}
        keys = [(_FRAMEWORKS, key) for key in rows if same(key)]
        companions = [path for path in self._companions(rows, same) if path[:2] not in keys]
        return self._without([*self._items(("dependencies",), same), *self._items(("pip",), same), *keys, *companions])

    def _items(self, path: KeyPath, same: Callable[[str], bool]) -> list[KeyPath]:
        return [(*path, place) for place, item in enumerate(_list_at(self.document, path)) if same(str(item))]

    def _companions(self, rows: dict[str, Any], same: Callable[[str], bool]) -> Iterator[KeyPath]:
        """Where companions are listed below `with:`."""
        listed = (key for key, row in rows.items() if isinstance(row, dict))
        return (path for key in listed for path in self._items((_FRAMEWORKS, key, "with"), same))

    def _without(self, paths: Sequence[KeyPath]) -> list[Edit]:
        """Remove items and keys; a list or a mapping that would be empty is written as such."""
        found: list[Edit] = []
        for path in dict.fromkeys(path[:-1] for path in paths):
            gone, whole = [one for one in paths if one[:-1] == path], _at(self.document, path)
            if len(gone) == len(whole):
                found.append(Edit(kind="set", path=path, value=type(whole)()))
            else:
                found += [Edit(kind="remove", path=one) for one in gone]
        return found

    def _elsewhere(self, name: str, target: str | None) -> str:
        """Where a package is requested instead."""
        if target and self._removed(lambda text: _name(text) == name.lower(), None):
            return "it is requested for all targets: leave out --target"
        data = self.document.data
        targets = data.get("targets") or ()
        rows = {key: _list_at(self.document, ("targets", key, "dependencies")) for key in targets if isinstance(targets, dict)}
        within = [key for key, items in rows.items() if name.lower() in map(_name, items)]
        requested = [*map(_name, _list_at(self.document, ("dependencies",))), *(data.get(_FRAMEWORKS) or ())]
        return f"target {within[0]} requests it: add --target {within[0]}" if within else closest(name, requested)

    # --- the text -------------------------------------------------------------------------------------------------------------

    def _key(self, target: str) -> str:
        """A target as the file names it."""
        found = self.document.data.get("targets", ())
        if target not in found:
            raise BadInput(f"there is no target `{target}` here", where=self.document.at("targets"), hint=closest(target, found))
        return target

    def _edited(self, edits: Sequence[Edit], why: str) -> ProjectText:
        return replace(self, text=spliced(self.text, [replace(edit, why=why) for edit in edits], self.shown))


def _at(document: Document, path: KeyPath) -> Any:
    found = document.data
    for part in path:
        found = found[part]
    return found


def _list_at(document: Document, path: KeyPath) -> list[str]:
    found = document.data
    for part in path:
        found = (found.get(part) if isinstance(found, dict) else None) or {}
    return found if isinstance(found, list) else []


def _name(spec: object) -> str:
    return conda_spec(str(spec)).name.lower()
