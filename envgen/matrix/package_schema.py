"""The shape of a row about packages, in the file of a framework and in `packages.yaml`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from envgen.matrix.channel_field import ChannelText
from envgen.matrix.fields import Because, CudaText, ImportText, MinorText, PackageText, PlatformText, SonameText
from envgen.yamlfile.schema import FileModel, RangeText, Text, VersionText


class BuildGlobs(FileModel):
    """How the build strings of a package's CPU builds and of its CUDA builds look."""

    cpu: list[Text] = Field(default=[], description="Globs of the CPU builds: cpu_*, *_cpu.")
    cuda: list[Text] = Field(
        default=[], description="Globs of the CUDA builds; {cu} stands for digits such as 126, {cuda} for 12.6."
    )


class BuiltWithRow(FileModel):
    """What a package was built with, from one version on."""

    since: VersionText = Field(alias="from", description="The first version; it holds up to the row above.")
    cuda: CudaText | None = Field(default=None, description="The CUDA whose libraries it loads: a major, or a minor.")
    cudnn: MinorText | None = Field(
        default=None, description="The cuDNN that it was built with; it takes one of the same major that is not older."
    )
    inside: bool = Field(default=False, description="true where these libraries are inside the package itself.")


class PackageRow(FileModel):
    """What the packages of these names are, and what they tell of CUDA. Of several rows, the first whose conditions hold counts."""

    conda: list[PackageText] = Field(default=[], description="Names of conda packages; `*` stands for anything.")
    pip: list[PackageText] = Field(default=[], description="Names of wheels as PEP 503 spells them; -cu12 at the end is left off.")
    role: Literal["framework", "companion", "plugin", "selector", "cuda", "user"] | None = Field(
        default=None,
        description="framework: it is the framework, or a half of it. companion: it follows one. plugin: without it a framework"
        " has no CUDA. selector: it exists to select CPU builds. cuda: CUDA's own. user: it needs CUDA and is none of these."
        " Left out: framework in the file of a framework, else cuda.",
    )
    versions: RangeText | None = Field(default=None, description="Only these versions; left out: all.")
    platforms: list[PlatformText] = Field(default=[], description="Only on these platforms; left out: on all.")
    build: Text | None = Field(default=None, description="Only builds of this glob; left out: all.")
    builds: BuildGlobs = Field(
        default=BuildGlobs(), description="How its build strings are told apart, beside what the spellings of `providers` say."
    )
    only: Literal["cpu", "cuda"] | None = Field(default=None, description="The one variant that it is published for.")
    tells: Literal["minor", "major", "none"] = Field(
        default="none", description="What its version tells of its CUDA: 12.6.77 is of CUDA 12.6 (minor), or of CUDA 12 (major)."
    )
    holds: Literal["library", "tools", "headers", "metapackage", "nothing"] = Field(
        default="library",
        description="library: what is loaded at run time. tools, headers: what one builds with. metapackage: dependencies alone."
        " nothing: nothing of CUDA, whatever its name.",
    )
    brings: dict[Text, SonameText] = Field(
        default={},
        description="Its shared libraries, without prefix and suffix: the major of their soname, or `version` for the package's.",
    )
    names_cuda: bool = Field(
        default=False, alias="names-cuda", description="true where it says which CUDA the environment is for; the first binds most."
    )
    overrules: list[PackageText] = Field(
        default=[], description="Packages that say nothing of the environment's CUDA where this one is."
    )
    constrains_driver: bool = Field(
        default=False,
        alias="constrains-driver",
        description="true where its record constrains `__cuda` to its major, which a conda-lock.yml does not repeat.",
    )
    compiles: Text | None = Field(default=None, description="What it compiles with at run time, as people call it.")
    linked: bool = Field(default=False, description="true where it is compiled against one build of its framework.")
    beside: dict[Literal["conda", "pip"], list[PackageText]] = Field(
        default={}, description="Packages that make it a CUDA build where they are, because nothing in it tells: by manager."
    )
    beside_tells: Literal["minor", "major"] = Field(
        default="minor", alias="beside-tells", description="How much of the CUDA of those packages is its own."
    )
    runtime: PackageText | None = Field(
        default=None, description="The CUDA runtime, where it pins just the one that it was built with; that tells the minor."
    )
    built_with: list[BuiltWithRow] = Field(default=[], alias="built-with", description="What it was built with, newest first.")
    same_version_as: PackageText | None = Field(
        default=None, alias="same-version-as", description="The package of its manager whose version it must have."
    )
    forward: Text | None = Field(
        default=None, description="The folder with which it gives a driver the CUDA of a newer one, on LD_LIBRARY_PATH."
    )
    exists: list[RangeText] = Field(
        default=[], description="Ranges in which every version is that was ever published; left out: not known."
    )
    only_in: list[ChannelText] = Field(
        default=[],
        alias="only-in",
        description="The channels that have it, where no other channel of `providers` does; left out: not known.",
    )
    stub: bool = Field(default=False, description="true where it holds nothing and fails on purpose.")
    ask_for: Text | None = Field(default=None, alias="ask-for", description="What to ask for to get its CUDA build.")
    extras: dict[Text, RangeText] = Field(
        default={},
        description="Every extra for one kind of hardware, as PEP 685 spells it, and the releases with it; left out: not known.",
    )
    also_on_cpu: bool = Field(
        default=False,
        alias="also-on-cpu",
        description="true where people use its CPU build beside CUDA on purpose: `envgen verify` warns of one, and refuses it only"
        " where a project requests the framework with CUDA.",
    )
    usual_on_cpu: bool = Field(
        default=False,
        alias="usual-on-cpu",
        description="true where its CPU build is the usual one, even beside CUDA: nothing is said about one.",
    )
    same_files_as: list[PackageText] = Field(
        default=[],
        alias="same-files-as",
        description="Packages of its manager that install the same files, so that only one of them may be there.",
    )
    because: Because | None = Field(default=None, description="The source of this row, where it is not that of the file.")


class NumericRow(FileModel):
    """A library that decides which numbers come out, and should be the same in all targets of a project."""

    name: Text = Field(description="What `numerics:` of a project calls it.")
    conda: list[PackageText] = Field(min_length=1, description="Its conda package, or several: the first that is there counts.")
    by_build: bool = Field(
        default=False,
        alias="by-build",
        description="true where the last word of the build string counts, as in 9_h5875eb1_mkl, and not the version.",
    )
    because: Because | None = Field(default=None, description="The source of this row, where it is not that of the file.")


class WheelBuilds(FileModel):
    """How wheels of one variant are told apart."""

    versions: list[Text] = Field(default=[], description="Globs of their versions: *+cpu, *+cu{cu}.")
    names: list[Text] = Field(
        default=[], description="Globs of their names; of CUDA the first is how its own wheels are named: *-cu{cu}."
    )
    indexes: list[Text] = Field(
        default=[], description="Globs of the URLs of frameworks' wheels, and of the indexes that they come from: */whl/cu{cu}/*."
    )
    labels: list[Text] = Field(default=[], description="Globs of the labels of variant wheels (PEP 825): cu{cu}.")


class VariantProperties(FileModel):
    """The properties of variant wheels (PEP 825) that a machine of a target stands for, in their order."""

    cuda: list[Text] = Field(default=[], description="Of one whose driver has CUDA {cuda}.")
    gpu: list[Text] = Field(default=[], description="Of one with a GPU of compute capability {sm}, which is 90 for 9.0.")


class WheelRows(FileModel):
    """What tells that a wheel is a CPU or a CUDA build, whichever package it is; {cu} stands for 126 or 12."""

    cpu: WheelBuilds = Field(default=WheelBuilds(), description="CPU builds.")
    cuda: WheelBuilds = Field(default=WheelBuilds(), description="CUDA builds.")
    other: WheelBuilds = Field(default=WheelBuilds(), description="Builds for other GPUs than NVIDIA's: neither CPU nor CUDA.")
    extras: list[Text] = Field(
        default=[],
        description="Words that extras and dependency groups of a project for one kind of hardware are named by, so that of several"
        " one is installed; a version may follow: cu, as in torch-cu126.",
    )
    variant_properties: VariantProperties = Field(
        default=VariantProperties(),
        alias="variant-properties",
        description="The properties of variant wheels that targets stand for.",
    )
    because: Because | None = Field(default=None, description="The source, where it is not that of the file.")


class PackagesFile(FileModel):
    """CUDA's own packages, those that need CUDA and belong to no framework, and libraries that decide which numbers come out."""

    because: Because
    import_name: ImportText | None = Field(default=None, alias="import", description="What Python imports of CUDA's wheels.")
    wheels: WheelRows = Field(default=WheelRows(), description="How CPU and CUDA builds of wheels are told apart.")
    packages: list[PackageRow] = Field(
        default=[], description="Packages. Of several rows that name one, the first whose conditions hold counts."
    )
    numerics: list[NumericRow] = Field(
        default=[], description="Libraries beside the frameworks that should be the same in all targets of a project."
    )
