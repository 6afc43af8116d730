"""The models of the files about what people bring: advice that goes wrong, and words of other tools."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from envgen.matrix.channel_field import ChannelText
from envgen.matrix.fields import ADVISED, AskedText, Axes, Because, Names, PlatformText, WordText
from envgen.yamlfile.schema import FileModel, Text, VirtualName, VirtualText


class TrialRow(FileModel):
    """How to see with a conda solver what happens to people who follow the advice."""

    specs: Names = Field(description="The specs to solve, with holes; a spec for a package that was not chosen is left out.")
    channels: list[ChannelText] = Field(min_length=1, description="The channels, in their order.")
    platform: PlatformText | None = Field(default=None, description="The platform to solve for, if it is not the target's.")
    virtual: dict[VirtualName, VirtualText | None] = Field(
        default={}, description="Virtual packages to add to those of the target, or to replace; null removes one."
    )
    strict: bool = Field(default=True, description="false: solve without strict channel priority.")
    gets: Text = Field(
        description="What is installed: cpu, nothing, cuda, cuda12.6, or a conda spec that one of the packages matches."
    )


class AdviceRow(FileModel):
    """A piece of advice that people find, and where it goes wrong."""

    id: Text = Field(description="Several rows may share one; rows are shown in the order of their ids.")
    heard: Text = Field(description="The advice, with holes such as {python} and {cuda}.")
    when: Annotated[dict[Text, Text | Names], Field(min_length=1), Axes(ADVISED)] = Field(
        description="Where it goes wrong, written as the `when` of a constraint is."
    )
    but: Text = Field(description="What happens, with holes.")
    because: Because
    trial: TrialRow | None = Field(default=None, description="How to show it with a solver, where that is possible.")


class AdviceFile(FileModel):
    """Advice that is commonly found, where it goes wrong, and what happens. It decides nothing."""

    advice: list[AdviceRow] = Field(description="Pieces of advice.")


class AliasRow(FileModel):
    """A name from another tool or page, and what it requests."""

    word: WordText = Field(description="The alias as people write it: a package, or a package with one extra in brackets.")
    framework: Text | None = Field(default=None, description="The framework that it requests.")
    cuda: AskedText | None = Field(default=None, description="The CUDA that it requests: none, newest, a major or a minor.")
    version: Literal["framework", "cuda", "none"] = Field(description="What a version after the alias is a version of.")
    because: Because


class AliasFile(FileModel):
    """Aliases: names from other tools and pages, and what they request."""

    because: Because
    words: list[AliasRow] = Field(description="Aliases.")
