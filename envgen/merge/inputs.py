"""The inputs of two sides, merged: lines as git does it, and requirements one by one."""

from __future__ import annotations

from envgen.model.errors import BadInput
from envgen.model.facts import Matrix
from envgen.project.edit import ProjectText
from envgen.project.package_spec import conda_spec
from envgen.revisions import merged_text

_LIST = "dependencies"


def merged_project(ours: bytes, base: bytes, theirs: bytes, matrix: Matrix) -> tuple[bytes, bool]:
    """A project file with the changes of both sides, and whether that was possible; else with git's markers.

    Where the lines conflict and one side changes nothing but `dependencies:`, its requirements are added to the other side's text.
    """
    merged, clean = merged_text(ours, base, theirs)
    if clean:
        return merged, True
    for one, other in ((ours, theirs), (theirs, ours)):
        try:
            found = _with_dependencies(one.decode(), base.decode(), other.decode(), matrix)
        except (BadInput, UnicodeDecodeError, AttributeError, TypeError):
            continue
        if found is not None:
            return found.encode(), True
    return merged, False


def _with_dependencies(text: str, base: str, other: str, matrix: Matrix) -> str | None:
    """A text with the requirements that another one changes; None where that changes something else, or both change a package."""
    if not (text.strip() and base.strip() and other.strip()):
        return None
    was, now, mine = (dict(ProjectText(each, "project", matrix).document.data) for each in (base, other, text))
    before, after, here = ({conda_spec(spec).name: spec for spec in data.pop(_LIST, None) or []} for data in (was, now, mine))
    changed = {name: after.get(name) for name in {**before, **after} if before.get(name) != after.get(name)}
    if was != now or any(here.get(name) not in (before.get(name), spec) for name, spec in changed.items()):
        return None
    found = ProjectText(text, "project", matrix)
    for name, spec in changed.items():
        if spec is None and name in here:
            found = found.without_package(name)
            if {key: value for key, value in found.document.data.items() if key != _LIST} != mine:
                return None  # another key requests it as well
        elif spec is not None and here.get(name) != spec:
            found = found.with_spec(spec)
    return found.text
