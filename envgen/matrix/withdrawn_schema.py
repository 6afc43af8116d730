"""The models of withdrawn.yaml: builds that a channel withdrew."""

from __future__ import annotations

from pydantic import Field

from envgen.matrix.channel_field import ChannelText
from envgen.matrix.fields import Because, Day, Names, PlatformText
from envgen.yamlfile.schema import FileModel


class WithdrawnRow(FileModel):
    """Every package in every version: the builds that one of the globs fits."""

    packages: Names = Field(description="Conda packages.")
    versions: Names = Field(description="Their versions, in full.")
    builds: Names = Field(
        description="Build strings, which may contain `*`. One without a build number includes whatever was built later."
    )
    platforms: list[PlatformText] = Field(default=[], description="Only on these platforms; left out: on all.")


class RequestRow(FileModel):
    """What a channel withdrew at one time, for one reason."""

    date: Day = Field(description="The day on which the channel withdrew them.")
    channel: ChannelText = Field(description="The channel, as `channels:` of a project names it.")
    because: Because
    builds: list[WithdrawnRow] = Field(min_length=1, description="The builds.")


class WithdrawnFile(FileModel):
    """Builds that a channel withdrew. No solve uses them, and `verify` warns of locks that have them."""

    because: Because
    withdrawn: list[RequestRow] = Field(description="Each withdrawal, newest first.")
