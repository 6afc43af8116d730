"""What a file of another tool asks for, with the place of every word. Frozen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envgen.channels.channel import redacted
from envgen.model.address import Address
from envgen.model.catalogue import Manager
from envgen.model.facts import Platform
from envgen.model.packages import LockedPackage


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedSpec:
    """One requirement as it is written; `only` are the platforms that it is for, empty where it is for all."""

    text: str
    at: Address
    manager: Manager = "conda"
    only: frozenset[Platform] = frozenset()


WHY_CREDENTIAL = "it has a password or a token: write its URL with $NAME in place of each"


@dataclass(frozen=True, slots=True)
class NotCarried:
    """What a project does not take over from a file, and why; the text without passwords and tokens."""

    text: str
    at: Address
    why: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", redacted(self.text))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadAs:
    """How something in a file was read; the text without passwords and tokens."""

    text: str
    at: Address
    meaning: str
    target: str = ""  # the target, or the word for one, that it asks for
    word: str = ""  # the word, where the target is the newest that it means

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", redacted(self.text))


@dataclass(frozen=True, slots=True)
class ChannelLine:
    """A channel of a file."""

    text: str
    at: Address


IndexOption = Literal["--index-url", "--extra-index-url", "--find-links"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedIndex:
    """An index, a page or a folder of wheels of a file, with the option that names it, and the packages that it is for alone."""

    text: str
    at: Address
    option: IndexOption
    packages: tuple[str, ...] = ()

    @property
    def bare(self) -> str:
        """The text without a slash at its end, which means nothing where a URL is compared."""
        return self.text.rstrip("/")


def promised(cuda: str | None) -> str | None:
    """The CUDA that a `__cuda` asks for: a driver that runs the first minor of a major runs all of it."""
    return cuda.removesuffix(".0") if cuda else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One environment that a file asks for: a file alone, one environment of several in it, or one cell of a matrix.

    `label` are the words that may say what it is for, such as the name of the file. `cuda` is the CUDA that it states apart from
    its packages; None where it states none. `indexes` are the indexes of wheels that it names. `packages` is not empty where the
    file lists everything that is installed.
    """

    name: str  # as messages call it
    at: Address
    label: str
    wanted: tuple[AskedSpec, ...] = ()
    channels: tuple[ChannelLine, ...] = ()
    platforms: tuple[Platform, ...] = ()
    cuda: str | None = None
    indexes: tuple[AskedIndex, ...] = ()
    packages: tuple[LockedPackage, ...] = ()
    linked: bool = False  # whether the packages say what they need


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a file holds: its environments, a name for the project, and what no environment can take over."""

    asked: tuple[Asked, ...]
    name: str = ""
    left: tuple[NotCarried, ...] = ()
    notes: tuple[ReadAs, ...] = ()
