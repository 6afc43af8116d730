"""The models of what matrix files say of GPUs: their models and names, and which of them builds have code for."""

from __future__ import annotations

from pydantic import Field

from envgen.matrix.fields import Because, CodeText, MinorText, PlatformText
from envgen.yamlfile.schema import FileModel, RangeText, Text


class CompiledRow(FileModel):
    """More builds of the same releases, with other code."""

    has: list[CodeText] = Field(min_length=1, description="The code in them: sm_87, compute_87.")
    specs: list[Text] = Field(default=[], alias="with", description="Conda specs that select these builds.")
    tegra: bool = Field(default=False, description="true: they are for the GPUs of Jetson alone, because their libraries are.")


class CodeRow(FileModel):
    """What CUDA builds have code for."""

    provider: Text = Field(description="The provider that published them.")
    releases: RangeText = Field(description="The releases.")
    cuda: RangeText = Field(description="The CUDA of the target.")
    platforms: list[PlatformText] = Field(default=[], description="Only on these platforms; left out: on all.")
    has: list[CodeText] = Field(
        min_length=1, description="The code in them as nvcc and get_arch_list() name it: sm_80 is binary code, compute_90 is PTX."
    )
    specs: list[Text] = Field(default=[], alias="with", description="Conda specs that select these builds, where there are others.")
    others: list[CompiledRow] = Field(default=[], alias="or", description="Other builds of the same releases, with other code.")
    because: Because


class GpuRow(FileModel):
    """The models of one compute capability."""

    capability: MinorText = Field(description="Compute capability as major.minor.")
    platforms: list[PlatformText] = Field(default=[], description="The only platforms that have these models; left out: any.")
    tegra: bool = Field(default=False, description="true for the GPUs of Jetson: only code for just their capability runs on them.")
    models: list[Text] = Field(default=[], description="Models as people call them; capitals do not matter.")
    data_centre: list[Text] = Field(
        default=[], alias="data-centre", description="Models for data centres, which have forward compatibility."
    )


class OtherGpusRow(FileModel):
    """The GPUs of a maker that do not run CUDA."""

    maker: Text = Field(description="Who makes them: AMD.")
    words: list[Text] = Field(description="Words that only names of these GPUs have: radeon, mi[0-9]*.")
    instead: Text = Field(description="What somebody with such a GPU can do.")
    because: Because


class GpuFile(FileModel):
    """GPU models by compute capability."""

    because: Because
    words: list[Text] = Field(default=[], description="Words that a name may have beside those of its model: pcie, laptop, sxm*.")
    brands: list[Text] = Field(default=[], description="Words of models that people leave out: geforce, quadro.")
    others: list[OtherGpusRow] = Field(default=[], description="GPUs that do not run CUDA, by who makes them.")
    gpus: list[GpuRow] = Field(description="One row for each compute capability, or several, newest first.")
