"""The channels of several files as one list. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from envgen.channels.canonical import CREDENTIALS, canonical_channel
from envgen.migrate.model import WHY_CREDENTIAL, ChannelLine, NotCarried, ReadAs
from envgen.model.errors import BadInput

_OPEN = "conda-forge"
_NONE, _DEFAULTS = "nodefaults", ("defaults", "main", "pkgs/main", "r", "pkgs/r", "anaconda", "anaconda/pkgs/main")
"""`anaconda` is under the same terms: https://anaconda.org/anaconda/repo."""
_COPY = re.compile(r"https://(?:repo\.)?prefix\.dev/conda-forge/?")
"""Where pixi's own site has all of conda-forge, which many workspaces name: https://prefix.dev/channels/conda-forge."""
_WHY_NONE = "envgen never adds a channel that is not listed"
_WHY_DEFAULTS = (
    "Anaconda's own channel, whose terms may ask for a licence; conda-forge takes its place. If you want it, list its URL, such as "
    "https://repo.anaconda.com/pkgs/main"
)


@dataclass(slots=True)
class Channels:
    """The channels so far, in one order of priority, and what became of the others."""

    names: list[str] = field(default_factory=list)
    left: list[NotCarried] = field(default_factory=list)
    notes: list[ReadAs] = field(default_factory=list)

    def add(self, lines: Sequence[ChannelLine]) -> None:
        """Add those of one environment. Where two lists do not agree on an order, the first one's counts."""
        before = ""
        for line in lines:
            name = self._read(line)
            if name is None:
                continue
            if name not in self.names:
                self.names.insert(self.names.index(before) + 1 if before else len(self.names), name)
            before = name

    def _read(self, line: ChannelLine) -> str | None:
        if line.text == _NONE:
            self._drop(line, _WHY_NONE)
            return None
        if line.text in _DEFAULTS:
            self._drop(line, _WHY_DEFAULTS)
            return _OPEN
        if re.search(CREDENTIALS, line.text):
            self.left.append(NotCarried(line.text, line.at, WHY_CREDENTIAL))
            return None
        if _COPY.fullmatch(line.text):
            what = f"{_OPEN}, of which it is a copy: `envgen help channels` says how a machine keeps to a mirror"
            self.notes.append(ReadAs(text=line.text, at=line.at, meaning=what))
            return _OPEN
        try:
            return canonical_channel(line.text)
        except BadInput as error:
            self._drop(line, f"{error.what}: {error.hint}")
            return None

    def _drop(self, line: ChannelLine, why: str) -> None:
        self.left.append(NotCarried(line.text, line.at, why))
