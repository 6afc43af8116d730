"""What both sides of a comparison share, whatever their facts: stamps of locks, and what templates make of the same decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from envgen.formats import conda_lock
from envgen.lock.plan import rendered
from envgen.lock.render import digest
from envgen.model.errors import BadInput
from envgen.model.layout import LOCK, Layout
from envgen.model.packages import SolveRequest
from envgen.model.resolution import Resolution
from envgen.model.run import Stamp
from envgen.resolver.pip_specs import pip_requests
from envgen.resolver.specs import groups


class Shared:
    """The locks and the rendered files of one comparison: each is read, and made, once."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._stamps: dict[str, Mapping[str, Stamp]] = {}
        self._files: dict[str, str] = {}

    def stamps(self, project: str) -> Mapping[str, Stamp]:
        """The stamps of the locks of a project, by target. One that cannot be read is left out: `check` reports it."""
        if project not in self._stamps:
            found = ((target, self._stamp(project, target)) for target in self._layout.locked_targets(project))
            self._stamps[project] = {target: stamp for target, stamp in found if stamp}
        return self._stamps[project]

    def files(self, layout: Layout, chosen: Resolution, asked: Sequence[SolveRequest]) -> str:
        """The digest of what the templates of a layout make of a choice, for which the solver is asked this. Raises BadInput."""
        project, target = chosen.project, chosen.target
        names = (project.name, target.name, target.cuda_text, project.template, project.pip_repositories)
        key = repr((layout.templates, names, groups(chosen), asked, pip_requests(chosen)))
        if key not in self._files:
            self._files[key] = digest(chosen, rendered(layout, chosen), layout.templates)
        return self._files[key]

    def _stamp(self, project: str, target: str) -> Stamp | None:
        path = self._layout.target(project, target) / LOCK
        try:
            return conda_lock.read_stamp(self._layout.read(path), self._layout.shown(path))
        except BadInput:
            return None
