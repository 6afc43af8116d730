"""The models of the matrix files: what a row may contain, and the help that an editor shows. `load` reads them into a Matrix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from envgen.matrix.advice_schema import AdviceFile, AliasFile
from envgen.matrix.channel_field import ChannelText
from envgen.matrix.fields import (
    Axes,
    Because,
    BoundedText,
    Conditions,
    Day,
    ImportText,
    Major,
    Minors,
    MinorText,
    Names,
    PlatformKey,
    PlatformText,
    StatedText,
    VariantText,
    WheelIndexText,
)
from envgen.matrix.hardware_schema import CodeRow, GpuFile
from envgen.matrix.package_schema import PackageRow, PackagesFile
from envgen.matrix.withdrawn_schema import WithdrawnFile
from envgen.yamlfile.schema import FileModel, RangeText, TargetName, Text, VersionText, VirtualName, VirtualText


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
        default=None,
        description="The day from which this may no longer be true; `envgen matrix lint` fails then until somebody has checked.",
    )
    warn: bool = Field(default=False, description="true: only warn, and choose the release anyway.")


class BoundRow(FileModel):
    """Where all of `when` holds, other packages must have versions in these ranges."""

    when: Conditions = Field(
        min_length=1,
        description="Applies where all of these hold: frameworks and companions with ranges, and the other axes of constraints.",
    )
    need: dict[BoundedText, RangeText] = Field(
        min_length=1, description="Packages by their conda names, and the range that each must be in: {numpy: '<2'}."
    )
    breaks: Text = Field(description="What fails with any other version, as a person sees it.")
    because: Because
    partly: bool = Field(
        default=False, description="true: the rest of the framework works all the same; `envgen verify` only warns."
    )
    comes_with: list[Text] = Field(
        default=[],
        alias="comes-with",
        description="Frameworks and companions that bring the package or cannot do without it: with any of them it is requested.",
    )
    until: Day | None = Field(
        default=None,
        description="The day from which this may no longer be true; `envgen matrix lint` fails then until somebody has checked.",
    )


class BuildRow(FileModel):
    """One fact: these variants were published, each for all of these platforms and Python minors."""

    provider: Text = Field(description="Who publishes the builds: a name under `providers`.")
    variants: list[StatedText] = Field(
        min_length=1,
        description="`cpu`, or the CUDA versions that it was built for; `12.*` for builds that run with every CUDA 12, `any` for "
        "builds that do not depend on CUDA.",
    )
    platforms: list[PlatformText] = Field(min_length=1, description="Platforms that have these builds.")
    python: Minors = Field(description="Python minors: '3.9-3.13', or '3.10, 3.12', or both mixed.")
    cudnn: Major | None = Field(default=None, description="The cuDNN major that these builds link.")
    glibc: MinorText | None = Field(
        default=None, description="Of wheels: the oldest glibc that they run with, by their tags: 2.28 for manylinux_2_28."
    )
    because: Because | None = Field(default=None, description="The source of this row, where it is not that of the file.")
    needs: dict[Text, RangeText] = Field(default={}, description="As `needs` of the release, where these builds differ.")


class ReleaseRow(FileModel):
    """One published version and its builds."""

    version: VersionText = Field(description="The release, in full.")
    needs: dict[Text, RangeText] = Field(
        default={}, description="Of a companion: its framework, and the range of releases that these builds go with."
    )
    builds: list[BuildRow] = Field(description="Each row is one fact. A combination that is in no row does not exist.")
    note: Text | None = Field(default=None, description="What to know about this release.")


class SpellingRow(FileModel):
    """How a provider names the builds of a range of releases."""

    releases: RangeText = Field(description="The releases that are requested in this way. No release may be in two rows.")
    channels: list[ChannelText] = Field(
        default=[], min_length=1, description="Of conda packages: all of these must be in the project's `channels:`."
    )
    cpu_channels: list[ChannelText] = Field(
        default=[],
        min_length=1,
        alias="cpu-channels",
        description="The same for a project without a CUDA target, where its builds need fewer of the channels.",
    )
    index: WheelIndexText | None = Field(
        default=None,
        description="Of wheels: `public` for the index that pip asks by default, or the URL of the only index that the packages of "
        "this row are taken from; hole: {variant} (cpu, or cu126).",
    )
    newer_minor: bool = Field(
        default=False,
        alias="newer-minor",
        description="true where a build for an older CUDA minor may be used in a target for a newer one.",
    )
    same_cuda: bool = Field(
        default=False,
        alias="same-cuda",
        description="true where the CUDA builds of a companion go with builds of its framework for the same CUDA alone.",
    )
    built_against: list[Text] = Field(
        default=[],
        min_length=1,
        alias="built-against",
        description="Of a companion: the providers whose builds of its framework these go with. Left out: where its packages are "
        "`linked`, the provider of the same name alone, else every one with the same manager, conda or pip.",
    )
    cpu: list[Text] = Field(
        description="Conda specs, or with `index:` requirements of pip, for a CPU target; hole: {version}.",
    )
    cuda: list[Text] = Field(
        description="The same for a CUDA target; holes: {version}, {cuda} (the target's, 12.6), {major} (12), {cu} (the build's)."
    )
    if_installed: list[Text] = Field(
        default=[],
        alias="if-installed",
        description="Of wheels for CUDA: requirements of pip that hold where something brings the package; holes as in `cuda`.",
    )
    because: Because


class LeftOutRow(FileModel):
    """Published builds that the matrix does not have."""

    provider: Text = Field(description="The provider that published them.")
    platforms: list[PlatformText] = Field(default=[], description="Only on these platforms; left out: on all.")
    variants: list[VariantText] = Field(default=[], description="Only these variants; left out: all.")
    releases: RangeText | None = Field(default=None, description="Only of these releases; left out: of all.")
    builds: Text | None = Field(default=None, description="Only those whose build string this glob fits, such as `cuda_*`.")
    because: Because


class FrameworkFile(FileModel):
    """One framework: its releases and builds, how they are requested, and its packages."""

    framework: Text = Field(description="Its name, which is also the name of the file.")
    because: Because
    import_name: ImportText | None = Field(
        default=None, alias="import", description="What Python imports; left out: the framework's name."
    )
    companion_of: Text | None = Field(
        default=None,
        alias="companion-of",
        description="The framework that its builds were compiled against.",
    )
    packages: list[PackageRow] = Field(
        default=[],
        description="Its packages, and those that belong to it. Those that its spellings request need no row.",
    )
    providers: dict[Text, list[SpellingRow]] = Field(default={}, description="Provider, and how it spells its builds.")
    left_out: list[LeftOutRow] = Field(default=[], alias="left-out", description="Published builds that are left out on purpose.")
    code: list[CodeRow] = Field(
        default=[], description="Which GPUs the CUDA builds have code for. A build in no row is judged by its toolkit alone."
    )
    releases: list[ReleaseRow] = Field(
        default=[], description="Every known release, newest first. Without any, only `verify` and `probe` know the framework."
    )
    constraints: list[ConstraintRow] = Field(
        default=[], description="What does not work together, where the rows above do not say it."
    )
    bounds: list[BoundRow] = Field(
        default=[], description="Versions that other packages must have, where the records of the builds leave them open."
    )


class FamilyRow(FileModel):
    """All toolkits of one CUDA major: minor-version compatibility."""

    major: Major = Field(description="The CUDA major.")
    linux: VersionText | None = Field(description="Oldest Linux driver that runs every toolkit of the major; null: not known.")
    windows: VersionText | None = Field(description="Oldest Windows driver that runs every toolkit of the major; null: not known.")
    excludes: list[Text] = Field(default=[], description="Packages that may not be in an environment of this major.")
    because: Because


class ToolkitRow(FileModel):
    """One CUDA toolkit."""

    version: MinorText = Field(description="CUDA as major.minor.")
    linux: VersionText | None = Field(
        description="The Linux driver that came with its first release; null: none did, or it is not known."
    )
    windows: VersionText | None = Field(
        description="The Windows driver that came with its first release; null: none did, or it is not known."
    )
    capabilities: list[MinorText] = Field(
        min_length=2, max_length=2, description="First and last compute capability that it has code for."
    )
    note: Text | None = Field(default=None, description="What to know about this toolkit.")


class CudaFile(FileModel):
    """CUDA: which driver a toolkit needs, and which GPUs it has code for."""

    because: Because
    families: list[FamilyRow] = Field(description="One row for each major with minor-version compatibility, newest first.")
    toolkits: list[ToolkitRow] = Field(description="One row for each toolkit, newest first.")
    constraints: list[ConstraintRow] = Field(default=[], description="Constraints on CUDA, whatever the framework.")


class CudnnRow(FileModel):
    """One cuDNN version in conda-forge."""

    version: VersionText = Field(description="cuDNN, in full.")
    cuda: list[Major] = Field(min_length=1, description="CUDA majors that it was built for.")
    capability: MinorText = Field(description="Lowest compute capability that it has code for.")


class CudnnFile(FileModel):
    """cuDNN: for which CUDA, for which GPUs."""

    because: Because
    releases: list[CudnnRow] = Field(description="Every known version, newest first.")
    constraints: list[ConstraintRow] = Field(default=[], description="Constraints on cuDNN, whatever the framework.")


class TargetRow(FileModel):
    """What one environment is made for."""

    cuda: MinorText | None = Field(default=None, description="Its CUDA; without it a CPU target.")
    platforms: list[PlatformText] = Field(min_length=1, description="Platforms with any build for it.")


class WithoutCudaRow(FileModel):
    """Platforms that have no CUDA."""

    platforms: list[PlatformText] = Field(min_length=1, description="The platforms.")
    what: Text = Field(description="What a person who requests CUDA there is told.")
    instead: dict[Text, Text] = Field(default={}, description="By framework, what the CPU target computes with there.")
    because: Because


class AlsoRunsRow(FileModel):
    """Platforms whose machines run the environments of another platform, too."""

    platforms: list[PlatformText] = Field(min_length=1, description="The platforms.")
    platform: PlatformText = Field(description="The platform whose environments they run.")
    what: Text = Field(description="By what means, in a sentence.")
    because: Because


class TargetFile(FileModel):
    """Targets: what an environment is made for, and what its machine promises to the solver."""

    because: Because
    virtual_packages: dict[PlatformKey, dict[VirtualName, VirtualText]] = Field(
        alias="virtual-packages",
        description="What every machine of a platform has: a version, or a version and a build.",
    )
    targets: dict[TargetName, TargetRow] = Field(description="`cpu`, or `cu` and the digits of the CUDA.")
    without_cuda: list[WithoutCudaRow] = Field(default=[], alias="without-cuda", description="Platforms without any CUDA, and why.")
    also_runs: list[AlsoRunsRow] = Field(
        default=[], alias="also-runs", description="Platforms whose machines run the environments of another one, too."
    )
    constraints: list[ConstraintRow] = Field(default=[], description="Constraints on targets, whatever the framework.")


# Every file in matrices/ that is not a framework. A new kind of file is one line here: its schema and its lint follow.
KINDS: Mapping[str, type[FileModel]] = {
    "cuda.yaml": CudaFile,
    "cudnn.yaml": CudnnFile,
    "packages.yaml": PackagesFile,
    "gpus.yaml": GpuFile,
    "targets.yaml": TargetFile,
    "advice.yaml": AdviceFile,
    "words.yaml": AliasFile,
    "withdrawn.yaml": WithdrawnFile,
}
