"""The events of one YAML document, made into plain data that remembers where everything is written."""

from __future__ import annotations

from typing import Any

import yaml

from envgen.model.errors import BadInput
from envgen.model.facts import Address

KeyPath = tuple[str | int, ...]
NO_INCLUDES = "there are no includes: every file in matrices/ is read; write out here what belongs here"
_DEEPEST = 20
_TAG = "tag:yaml.org,2002:"


class Reader:
    """Makes data of the events of one document; refuses what a reviewer would read wrongly: repeated keys, aliases, non-text keys.

    Events and not nodes: PyYAML composes nodes by recursion in C, and a file of brackets would end the process.
    """

    def __init__(self, loader: Any, shown: str) -> None:
        self.loader = loader
        self.shown = shown
        self.marks: dict[KeyPath, Address] = {}
        self.numbers: dict[KeyPath, str] = {}

    def address(self, event: Any) -> Address:
        return Address(self.shown, event.start_mark.line + 1, event.start_mark.column + 1)

    def document(self) -> Any:
        """The data of the only document; an empty file is an empty mapping."""
        self.loader.get_event()  # the stream begins
        if not self.loader.check_event(yaml.DocumentStartEvent):
            return {}
        self.loader.get_event()
        data = self.value((), self.loader.get_event())
        self.loader.get_event()  # the document ends
        if self.loader.check_event(yaml.DocumentStartEvent):
            where = self.address(self.loader.get_event())
            raise BadInput("not YAML: but found another document", where=where, hint="a file is one document: remove the `---`")
        return data

    def value(self, path: KeyPath, event: Any) -> Any:
        self.marks.setdefault(path, self.address(event))
        if isinstance(event, yaml.AliasEvent):
            raise BadInput("aliases (`*name`) are not used here", where=self.address(event), hint="write the value out")
        if len(path) > _DEEPEST:
            raise BadInput("nested too deeply", where=self.address(event), hint="no file here needs more than a few levels")
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(path, event)
        mapping = isinstance(event, yaml.MappingStartEvent)
        if event.tag not in (None, "!", f"{_TAG}map" if mapping else f"{_TAG}seq"):
            raise self.foreign_tag(event)
        return self.mapping(path) if mapping else self.sequence(path)

    def foreign_tag(self, event: Any) -> BadInput:
        hint = NO_INCLUDES if "include" in event.tag.lower() else "remove it"
        return BadInput(f"the tag {event.tag} is not used here", where=self.address(event), hint=hint)

    def scalar(self, path: KeyPath, event: Any) -> Any:
        if event.tag not in (None, "!") and not event.tag.startswith(_TAG):
            raise self.foreign_tag(event)
        tag = self.tag(event)
        if tag == f"{_TAG}str":
            return event.value
        if tag in (f"{_TAG}float", f"{_TAG}int"):
            self.numbers[path] = event.value
        try:
            return self.loader.construct_object(yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark))
        except ValueError as error:
            what, where = f"{quoted(event.value)}: {error}", self.address(event)
            raise BadInput(what, where=where, hint="put it in quotes") from None
        except (LookupError, AttributeError):  # of PyYAML's constructors, about a value that its tag does not fit
            what, where = f"{quoted(event.value)} does not fit its tag", self.address(event)
            raise BadInput(what, where=where, hint="put it in quotes") from None

    def tag(self, event: Any) -> str:
        """The tag that a scalar has, or that its spelling gives it."""
        return str(self.loader.resolve(yaml.ScalarNode, event.value, event.implicit) if event.tag in (None, "!") else event.tag)

    def sequence(self, path: KeyPath) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := self.loader.get_event(), yaml.SequenceEndEvent):
            found.append(self.value((*path, len(found)), event))
        return found

    def mapping(self, path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := self.loader.get_event(), yaml.MappingEndEvent):
            key = self.key(event)
            if key in found:
                raise BadInput(f"`{key}` is written twice", where=self.address(event), hint="keep one of them")
            self.marks[(*path, key)] = self.address(event)
            found[key] = self.value((*path, key), self.loader.get_event())
        return found

    def key(self, event: Any) -> str:
        if not isinstance(event, yaml.ScalarEvent) or event.value == "<<":
            merge = isinstance(event, yaml.ScalarEvent)
            hint = "there are no includes and no merges (`<<`): write the keys out" if merge else "write the keys out"
            raise BadInput("a key must be plain text", where=self.address(event), hint=hint)
        return str(event.value)


def quoted(text: str) -> str:
    """A value as an error quotes it: long ones cut."""
    return repr(text if len(text) <= 60 else f"{text[:60]}...")
