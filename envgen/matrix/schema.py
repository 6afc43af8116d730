"""The shapes of the matrix files: what a row may hold, and the help that an editor shows. `matrix` makes nouns of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from envgen.matrix.fields import (
    ADVISED,
    AskedText,
    Axes,
    Because,
    Conditions,
    Day,
    ImportText,
    Major,
    Minors,
    MinorText,
    Names,
    PlatformKey,
    PlatformText,
    PrefixText,
    VariantText,
    WordText,
)
from envgen.matrix.package_schema import PackageRow
from envgen.yamlfile.document import FileModel, RangeText, TargetName, Text, VersionText, VirtualName, VirtualText


class ConstraintRow(FileModel):
    """Where all of `when` holds, all of `need` must hold."""

    when: Conditions = Field(
        default={}, description="Applies where all of these hold: axis and value, such as {cuda: '>=12', platform: linux-64}."
    )
    need: Annotated[dict[Text, Text | Names], Field(min_length=1), Axes()] = Field(
        description="What must then hold, written as `when` is."
    )
    because: Because
    until: Day | None = Field(
        default=None, description="The day from which this need no longer be so; `envgen matrix lint` asks again then."
    )
    warn: bool = Field(default=False, description="true: only say so, choose all the same.")


class BuildRow(FileModel):
    """One fact: these variants exist, each for all of these platforms and Python minors."""

    provider: Text = Field(description="Who publishes it: a name under `providers`.")
    variants: list[VariantText] = Field(min_length=1, description="`cpu`, or the CUDA versions that it was built for.")
    platforms: list[PlatformText] = Field(min_length=1, description="Platforms that have these builds.")
    python: Minors = Field(description="Python minors: '3.9-3.13', or '3.10, 3.12', or both mixed.")
    cudnn: Major | None = Field(default=None, description="The cuDNN major that these builds link.")


class ReleaseRow(FileModel):
    """One published version and its builds."""

    version: VersionText = Field(description="The release, in full.")
    companions: dict[Text, PrefixText] = Field(
        default={}, alias="with", description="Companions: name, and the prefix of the version that belongs to this release."
    )
    builds: list[BuildRow] = Field(description="Each line is one fact. A combination that stands in no line does not exist.")
    note: Text | None = Field(default=None, description="What a person should know of this release.")


class CompanionRow(FileModel):
    """One conda spec for a CPU target, one for a CUDA target."""

    cpu: Text = Field(description="The spec for a CPU target; {version} is the prefix in the release's `with`.")
    cuda: Text = Field(description="The spec for a CUDA target; holes: {version}, {cuda}, {cu}.")


class SpellingRow(FileModel):
    """How a provider names the builds of a range of releases."""

    releases: RangeText = Field(description="The releases that are asked for in this way. No release may be in two rows.")
    channels: list[Text] = Field(min_length=1, description="All of these must be in the project's `channels:`.")
    newer_minor: bool = Field(
        default=False,
        alias="newer-minor",
        description="true where a build for an older CUDA minor may be used in a target for a newer one.",
    )
    cpu: list[Text] = Field(description="Conda specs for a CPU target; hole: {version}.")
    cuda: list[Text] = Field(
        description="Conda specs for a CUDA target; holes: {version}, {cuda} (the target's, 12.6), {cu} (the build's, 126)."
    )
    companions: dict[Text, CompanionRow] = Field(default={}, description="One spec for each companion.")
    because: Because


class LeftOutRow(FileModel):
    """Builds that are published, and that the matrix leaves out."""

    provider: Text = Field(description="The provider that published them.")
    platforms: list[PlatformText] = Field(default=[], description="Only on these platforms; left out: on all.")
    releases: RangeText | None = Field(default=None, description="Only of these releases; left out: of all.")
    because: Because


class FrameworkFile(FileModel):
    """One framework: releases, builds, and how they are asked for."""

    framework: Text = Field(description="Its name; the file is called so.")
    because: Because
    import_name: ImportText | None = Field(
        default=None, alias="import", description="What Python imports; left out: the framework's name."
    )
    packages: list[PackageRow] = Field(
        default=[],
        description="Its packages, and those that belong to it. Those that its spellings ask for are known without a row.",
    )
    providers: dict[Text, list[SpellingRow]] = Field(default={}, description="Provider, and how it spells its builds.")
    left_out: list[LeftOutRow] = Field(
        default=[], alias="left-out", description="Builds that are published and deliberately no facts."
    )
    releases: list[ReleaseRow] = Field(
        default=[], description="Every known release, newest first. Without any, `verify` and `probe` alone know the framework."
    )
    constraints: list[ConstraintRow] = Field(
        default=[], description="What does not go together, and is not said by the rows above."
    )


class FamilyRow(FileModel):
    """All toolkits of one CUDA major: minor-version compatibility."""

    major: Major = Field(description="The CUDA major.")
    linux: VersionText | None = Field(description="Oldest Linux driver that runs every toolkit of the major; null: no figure.")
    windows: VersionText | None = Field(description="Oldest Windows driver that runs every toolkit of the major; null: no figure.")
    excludes: list[Text] = Field(default=[], description="Packages that may not be in an environment of this major.")
    because: Because


class ToolkitRow(FileModel):
    """One CUDA toolkit."""

    version: MinorText = Field(description="CUDA as major.minor.")
    linux: VersionText | None = Field(description="The Linux driver that came with its first release; null: no figure.")
    windows: VersionText | None = Field(description="The Windows driver that came with its first release; null: no figure.")
    capabilities: list[MinorText] = Field(
        min_length=2, max_length=2, description="First and last compute capability that it has code for."
    )
    note: Text | None = Field(default=None, description="What a person should know of this toolkit.")


class CudaFile(FileModel):
    """CUDA: which driver a toolkit needs, and which GPUs it has code for."""

    because: Because
    families: list[FamilyRow] = Field(description="One row for each major with minor-version compatibility, newest first.")
    toolkits: list[ToolkitRow] = Field(description="One row for each toolkit, newest first.")
    constraints: list[ConstraintRow] = Field(default=[], description="What holds of CUDA whatever the framework.")


class PackagesFile(FileModel):
    """CUDA's own packages, and those that need CUDA and belong to no framework."""

    because: Because
    import_name: ImportText | None = Field(default=None, alias="import", description="What Python imports of CUDA's wheels.")
    packages: list[PackageRow] = Field(
        description="Packages. Of several rows that name one, the first whose conditions hold counts."
    )


class CudnnRow(FileModel):
    """One cuDNN version in conda-forge."""

    version: VersionText = Field(description="cuDNN, in full.")
    cuda: list[Major] = Field(min_length=1, description="CUDA majors that it was built for.")
    capability: MinorText = Field(description="Lowest compute capability that it has code for.")


class CudnnFile(FileModel):
    """cuDNN: for which CUDA, for which GPUs."""

    because: Because
    releases: list[CudnnRow] = Field(description="Every known version, newest first.")
    constraints: list[ConstraintRow] = Field(default=[], description="What holds of cuDNN whatever the framework.")


class GpuRow(FileModel):
    """The models of one compute capability."""

    capability: MinorText = Field(description="Compute capability as major.minor.")
    models: list[Text] = Field(default=[], description="Models as people call them; capitals do not matter.")
    data_centre: list[Text] = Field(
        default=[], alias="data-centre", description="Models for data centres: forward compatibility is for these."
    )


class GpuFile(FileModel):
    """GPU models by compute capability."""

    because: Because
    gpus: list[GpuRow] = Field(description="One row for each compute capability, newest first.")


class TargetRow(FileModel):
    """What one environment is made for."""

    cuda: MinorText | None = Field(default=None, description="Its CUDA; without it a CPU target.")
    platforms: list[PlatformText] = Field(min_length=1, description="Platforms with any build for it.")


class TargetFile(FileModel):
    """Targets: what an environment is made for, and what its machine promises to the solver."""

    because: Because
    virtual_packages: dict[PlatformKey, dict[VirtualName, VirtualText]] = Field(
        alias="virtual-packages",
        description="What every machine of a platform is taken to have: a version, or a version and a build.",
    )
    targets: dict[TargetName, TargetRow] = Field(description="`cpu`, or `cu` and the digits of the CUDA.")
    constraints: list[ConstraintRow] = Field(default=[], description="What holds of targets whatever the framework.")


class TrialRow(FileModel):
    """How a conda solver can be asked to show what comes of a piece of advice."""

    specs: Names = Field(description="What is asked for, with holes; a spec about a package that was not chosen is left out.")
    channels: Names = Field(description="The channels, in their order.")
    platform: PlatformText | None = Field(default=None, description="Another platform than the one the advice is given for.")
    virtual: dict[VirtualName, VirtualText | None] = Field(
        default={}, description="What the machine promises in place of the target; null takes a promise away."
    )
    strict: bool = Field(default=True, description="false: the channels compete.")
    gets: Text = Field(description="cpu, nothing, cuda, cuda12.6, or a conda spec that one of the packages meets.")


class AdviceRow(FileModel):
    """Advice that people find, and that would have gone wrong."""

    id: Text = Field(description="Several rows may share one; rows are shown in the order of their ids.")
    heard: Text = Field(description="The advice, with holes such as {python} and {cuda}.")
    when: Annotated[dict[Text, Text | Names], Field(min_length=1), Axes(ADVISED)] = Field(
        description="Where it goes wrong, written as the `when` of a constraint is."
    )
    but: Text = Field(description="What comes of it, with holes.")
    because: Because
    trial: TrialRow | None = Field(default=None, description="How a solver shows it; left out where none can.")


class AdviceFile(FileModel):
    """Advice that is commonly found, where it goes wrong, and what comes of it. It decides nothing."""

    advice: list[AdviceRow] = Field(description="Pieces of advice.")


class AliasRow(FileModel):
    """A word that people bring."""

    word: WordText = Field(description="The word as people write it: a package, or a package with one extra in brackets.")
    framework: Text | None = Field(default=None, description="The framework that it asks for.")
    cuda: AskedText | None = Field(default=None, description="The CUDA that it asks for: none, newest, a major or a minor.")
    version: Literal["framework", "cuda", "none"] = Field(description="What the version behind the word is a version of.")
    because: Because


class AliasFile(FileModel):
    """Words that people bring, and what they ask for."""

    because: Because
    words: list[AliasRow] = Field(description="Words.")


# Every file in matrices/ that is not a framework. A new kind of file is one line here: its schema and its lint follow.
KINDS: Mapping[str, type[FileModel]] = {
    "cuda.yaml": CudaFile,
    "cudnn.yaml": CudnnFile,
    "packages.yaml": PackagesFile,
    "gpus.yaml": GpuFile,
    "targets.yaml": TargetFile,
    "advice.yaml": AdviceFile,
    "words.yaml": AliasFile,
}
