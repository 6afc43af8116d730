"""For every row of advice.yaml a project that it speaks to, and one close by that it does not.

Rows are told apart by their id and their place among the rows of that id: G03/2. A project is written in one line: frameworks,
target, python, channels; what else it says follows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from unit.small import project_of

from envgen.explain.advice import AppliedAdvice, advice
from envgen.model.facts import Matrix
from envgen.model.resolution import Resolution
from envgen.resolver.resolve import resolve

FORGE, VENDOR, VENDOR_OLD = "conda-forge", "pytorch, nvidia, conda-forge", "pytorch, conda-forge"


@dataclass(frozen=True)
class Told:
    """A project with one target: its name, or what the project says of it (in braces)."""

    frameworks: str
    target: str
    python: str = ">=3.9"
    channels: str = FORGE
    platforms: str = "linux-64"
    more: str = ""

    def text(self) -> str:
        targets = self.target if self.target.startswith("{") else f"[{self.target}]"
        head = f'python: "{self.python}"\nframeworks: {{{self.frameworks}}}\ntargets: {targets}\n'
        return f"{head}platforms: [{self.platforms}]\nchannels: [{self.channels}]\n{self.more}"


OLD, NEW = 'driver: ">=535"\n', 'driver: ">=580.65.06"\n'
V100, B200, H100 = "gpus: [V100]\n", "gpus: [B200]\n", "gpus: [H100]\n"
AARCH, WINDOWS = "linux-64, linux-aarch64", "linux-64, win-64"
TORCH, TENSOR, JAX = (
    Told("pytorch: '2.7.1'", "cu129", "3.12"),
    Told("tensorflow: '2.18'", "cu126", "3.12"),
    Told("jax: '0.9.2'", "cu129", "3.12"),
)
CPU = Told("pytorch: '2.7.1'", "cpu", "3.12")
VENDOR_TORCH = Told("pytorch: '2.1.0'", "cu118", "3.10", VENDOR)
VENDOR_12 = Told("pytorch: '1.12.1'", "cu113", "3.10", VENDOR_OLD)
VENDOR_9 = Told("pytorch: '1.9.0'", "cu111", "3.9", VENDOR_OLD)
TENSOR_11 = Told("tensorflow: '2.14'", "cu118", "3.11")
V100_TORCH = Told("pytorch: '2.12.1'", "cu129", "3.14", more=V100)

# row -> (it speaks to this project, and not to this one)
TOLD: Mapping[str, tuple[Told, Told]] = {
    "G01/1": (TORCH, TENSOR_11),
    "G02/1": (TENSOR, CPU),
    "G02/2": (Told("pytorch: '1.13.1'", "cu112"), Told("pytorch: '1.11.0'", "cu112")),
    "G02/3": (TENSOR_11, Told("tensorflow: '2.6.0'", "cu112")),
    "G02/4": (Told("jax: '0.4.26'", "cu118"), JAX),
    "G03/1": (VENDOR_TORCH, VENDOR_12),
    "G03/2": (VENDOR_9, VENDOR_12),
    "G03/3": (VENDOR_12, VENDOR_9),
    "G03/4": (Told("pytorch: '1.12.1'", "cu113", channels=VENDOR_OLD, platforms=WINDOWS), VENDOR_12),
    "G04/1": (VENDOR_TORCH, VENDOR_12),
    "G04/2": (VENDOR_TORCH, VENDOR_12),
    "G05/1": (VENDOR_TORCH, TORCH),
    "G05/2": (VENDOR_12, VENDOR_TORCH),
    "G06/1": (Told("pytorch: {version: '2.7.1', with: [torchvision]}", "cu126"), TORCH),
    "G06/2": (Told("pytorch: {version: '2.7.1', with: [torchaudio]}", "cu126"), TORCH),
    "G07/1": (VENDOR_TORCH, VENDOR_12),
    "G07/2": (VENDOR_12, VENDOR_9),
    "G07/3": (Told("pytorch: '1.9.0'", "cpu", "3.9", VENDOR_OLD), Told("pytorch: '1.12.1'", "cpu", "3.9", VENDOR_OLD)),
    "G08/1": (Told("jax: '0.9.2'", "cu129", "3.12", more=OLD), Told("jax: '0.9.2'", "cu129", "3.12", more=NEW)),
    "G09/1": (V100_TORCH, Told("pytorch: '2.12.1'", "cu129", "3.14", more="gpus: [T4]\n")),
    "G10/1": (Told("pytorch: '2.7.1'", "cu126", "3.12", more=V100), Told("pytorch: '2.7.1'", "cu126", "3.12", more=H100)),
    "G11/1": (Told("pytorch: '2.7.1'", "cu129", "3.12", more=B200), Told("pytorch: '2.7.1'", "cu129", "3.12", more=H100)),
    "G11/2": (Told("pytorch: '>=2.10'", "cu130", more=B200), Told("pytorch: '>=2.10'", "cu130", more=H100)),
    "G11/3": (Told("tensorflow: '2.18'", "cu128", more=B200), Told("tensorflow: '2.18'", "cu128", more=H100)),
    "G12/1": (Told("pytorch: '2.12.1'", "cu129"), Told("pytorch: '2.12.1'", "cu130")),
    "G12/2": (Told("pytorch: '2.5.1'", "cu118"), Told("pytorch: '2.5.1'", "cu126")),
    "G13/1": (Told("pytorch: '2.7.1'", "cu126", platforms=WINDOWS), TORCH),
    "G13/2": (Told("pytorch: '2.4.1'", "cu120", platforms=WINDOWS), Told("pytorch: '2.7.1'", "cu126", platforms=WINDOWS)),
    "G13/3": (Told("tensorflow: '2.18'", "cu126", platforms=WINDOWS), Told("tensorflow: '2.9.1'", "cu112", platforms=WINDOWS)),
    "G13/4": (Told("tensorflow: '2.18'", "cu126", "3.12", platforms=WINDOWS), TENSOR),
    "G13/5": (Told("jax: '0.9.2'", "cu129", platforms=WINDOWS), JAX),
    "G14/1": (Told("tensorflow: '2.18'", "cu126", "3.12", platforms=AARCH), TENSOR),
    "G14/2": (Told("jax: '0.6.0'", "cu126", platforms=AARCH), Told("jax: '0.9.2'", "cu129", platforms=AARCH)),
    "G14/3": (Told("pytorch: '2.1.0'", "cu120", platforms=AARCH), Told("pytorch: '2.1.2'", "cu120", platforms=AARCH)),
    "G15/1": (Told("pytorch: '2.2.0'", "cu118", channels=VENDOR), VENDOR_TORCH),
    "G15/2": (Told("pytorch: '2.6.0'", "cu126", "3.12"), Told("pytorch: '2.5.1'", "cu126", "3.12")),
    "G15/3": (Told("tensorflow: '>=2.18'", "cpu", "3.12"), TENSOR),
    "G15/4": (TORCH, VENDOR_TORCH),
    "G15/5": (TENSOR_11, Told("tensorflow: '2.15'", "cu120")),
    "G16/1": (Told("pytorch: '2.1.0'", "cpu", "3.10", VENDOR), VENDOR_TORCH),
    "G16/2": (Told("pytorch: '1.10.2'", "cpu"), Told("pytorch: '1.12.1'", "cpu")),
    "G16/3": (Told("tensorflow: '2.6.0'", "cpu"), Told("tensorflow: '2.6.2'", "cpu")),
    "G17/1": (Told("pytorch: '2.12.1'", "cu130", "3.14"), Told("pytorch: '2.12.1'", "cu129", "3.14")),
    "G17/2": (
        Told("pytorch: '2.7.1'", '{cu126: {virtual-packages: {__glibc: "2.17"}}}', "3.12"),
        Told("pytorch: '2.7.1'", "cu126", "3.12"),
    ),
    "G18/1": (JAX, TENSOR),
    "G18/2": (JAX, Told("jax: '0.9.2'", "cpu")),
    "G19/1": (Told("pytorch: '>=2.11', tensorflow: '>=2.19'", "cpu"), Told("pytorch: '>=2.5', tensorflow: '2.18'", "cpu")),
    "G19/2": (Told("pytorch: '>=2.11', jax: '>=0.7'", "cu129"), Told("pytorch: '2.7.1', jax: '>=0.7'", "cu129")),
    "G19/3": (TORCH, VENDOR_TORCH),
    "G20/1": (Told("tensorflow: '2.13.1'", "cu118"), Told("tensorflow: '2.14'", "cu118")),
    "G21/1": (JAX, TENSOR_11),
    "G21/2": (VENDOR_TORCH, TORCH),
    "G22/1": (TORCH, TENSOR_11),
    "G23/1": (TORCH, TENSOR_11),
    "V01/1": (TENSOR_11, TENSOR),
    "V01/2": (Told("pytorch: '2.1.0'", "cu118", "3.10", VENDOR, more=H100), Told("pytorch: '2.1.0'", "cu118", "3.10", VENDOR, more=V100)),
    "V02/1": (TENSOR_11, Told("tensorflow: '2.11.1'", "cu112")),
    "V03/1": (Told("tensorflow: '2.4.1'", "cpu"), TENSOR),
    "V03/2": (TENSOR, Told("tensorflow: '2.11.1'", "cu112")),
    "V04/1": (TENSOR, TENSOR_11),
    "V04/2": (TENSOR_11, TENSOR),
}  # fmt: skip


def rows(matrix: Matrix) -> dict[str, int]:
    """The name of every row, and its line."""
    seen: Counter[str] = Counter()
    found: dict[str, int] = {}
    for rule, said in matrix.advice:
        seen[said.id] += 1
        found[f"{said.id}/{seen[said.id]}"] = rule.at.line
    return found


def resolved(matrix: Matrix, told: Told) -> Resolution:
    """What is chosen for a project of one target."""
    (found,) = resolve(matrix, project_of(told.text(), matrix))
    return found


def given(matrix: Matrix, told: Told) -> dict[int, AppliedAdvice]:
    """The advice that goes wrong for a project, by its line in advice.yaml."""
    return {item.at.line: item for item in advice(matrix, resolved(matrix, told))}
