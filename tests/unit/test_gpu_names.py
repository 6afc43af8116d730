"""GPUs by the names that drivers, clouds and shops give them. The capabilities are those of the chips, not of gpus.yaml."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase

import pytest
from packaging.version import Version
from unit.small import assert_none, refused

from envgen.matrix.gpu_code import tegra
from envgen.matrix.gpu_names import gpu_named, required_gpu
from envgen.model.facts import Matrix

# README.md of NVIDIA/open-gpu-kernel-modules (df1c9a3de): every product from Turing on, by the first digits of its PCI ID: 1E, 1F and
# 21 are TU10x and TU11x; 20 is GA100; 22, 24 and 25 are GA10x; 23 is GH100; 26 to 28 are AD10x; 29 is GB100; 31 is GB110; 2B to 2D
# and 2F are GB20x; 2E is GB10.
PRODUCTS = {
    "7.5": [
        "NVIDIA TITAN RTX", "NVIDIA GeForce RTX 2080 Ti", "NVIDIA CMP 50HX", "Quadro RTX 6000", "Quadro RTX 8000",
        "NVIDIA GeForce RTX 2080 SUPER", "NVIDIA GeForce RTX 2080", "NVIDIA GeForce RTX 2070 SUPER",
        "NVIDIA GeForce RTX 2060", "NVIDIA GeForce RTX 2080 with Max-Q Design", "NVIDIA GeForce RTX 2070 Super",
        "NVIDIA GeForce RTX 2070 Super with Max-Q Design", "NVIDIA GeForce RTX 2080 Super",
        "NVIDIA GeForce RTX 2080 Super with Max-Q Design", "Quadro RTX 5000", "Quadro RTX 4000",
        "Quadro RTX 5000 with Max-Q Design", "Quadro RTX 4000 with Max-Q Design", "Tesla T4", "NVIDIA GeForce RTX 2070",
        "NVIDIA GeForce RTX 2060 SUPER", "NVIDIA GeForce GTX 1650", "NVIDIA CMP 40HX",
        "NVIDIA GeForce RTX 2070 with Max-Q Design", "NVIDIA GeForce RTX 2060 with Max-Q Design", "Quadro RTX 3000",
        "Quadro RTX 3000 with Max-Q Design", "NVIDIA GeForce GTX 1630", "NVIDIA GeForce GTX 1650 with Max-Q Design",
        "NVIDIA GeForce GTX 1650 Ti", "NVIDIA GeForce GTX 1650 Ti with Max-Q Design", "NVIDIA GeForce MX450",
        "NVIDIA GeForce MX550", "NVIDIA T1000", "NVIDIA T600", "NVIDIA T400", "NVIDIA T600 Laptop GPU",
        "NVIDIA T550 Laptop GPU", "Quadro T2000", "Quadro T2000 with Max-Q Design", "Quadro T1000",
        "Quadro T1000 with Max-Q Design", "NVIDIA T500", "NVIDIA T1200 Laptop GPU", "NVIDIA T1000 8GB", "NVIDIA T400 4GB",
        "NVIDIA T400E", "NVIDIA GeForce GTX 1660 Ti", "NVIDIA GeForce GTX 1660", "NVIDIA GeForce GTX 1650 SUPER",
        "NVIDIA CMP 30HX", "NVIDIA GeForce GTX 1660 Ti with Max-Q Design", "NVIDIA GeForce GTX 1660 SUPER",
    ],
    "8.0": [
        "NVIDIA A100-PG509-200", "NVIDIA A100-SXM4-40GB", "NVIDIA A100-SXM4-80GB", "NVIDIA PG509-210",
        "NVIDIA A100-SXM-64GB", "NVIDIA A100 80GB PCIe", "NVIDIA PG506-232", "NVIDIA A30", "NVIDIA A800-SXM4-40GB",
        "NVIDIA A100-PCIE-40GB", "NVIDIA A800-SXM4-80GB", "NVIDIA A800 80GB PCIe", "NVIDIA A800 80GB PCIe LC",
        "NVIDIA A800 40GB Active", "NVIDIA AX800",
    ],
    "8.6": [
        "NVIDIA GeForce RTX 3090 Ti", "NVIDIA GeForce RTX 3090", "NVIDIA GeForce RTX 3080", "NVIDIA GeForce RTX 3070 Ti",
        "NVIDIA GeForce RTX 3080 Ti", "NVIDIA CMP 90HX", "NVIDIA RTX A6000", "NVIDIA RTX A5000", "NVIDIA RTX A4500",
        "NVIDIA RTX A5500", "NVIDIA A40", "NVIDIA A10", "NVIDIA A10G", "NVIDIA A10M", "NVIDIA GeForce RTX 3060 Ti",
        "NVIDIA GeForce RTX 3080 Ti Laptop GPU", "NVIDIA RTX A5500 Laptop GPU", "NVIDIA GeForce RTX 3070",
        "NVIDIA GeForce RTX 3060", "NVIDIA CMP 70HX", "NVIDIA GeForce RTX 3060 Laptop GPU",
        "NVIDIA GeForce RTX 3080 Laptop GPU", "NVIDIA GeForce RTX 3070 Laptop GPU", "NVIDIA GeForce RTX 3070 Ti Laptop GPU",
        "NVIDIA RTX A4000", "NVIDIA RTX A4000H", "NVIDIA RTX A5000 Laptop GPU", "NVIDIA RTX A4000 Laptop GPU",
        "NVIDIA RTX A3000 Laptop GPU", "NVIDIA RTX A3000 12GB Laptop GPU", "NVIDIA RTX A4500 Laptop GPU",
        "NVIDIA RTX A4500 Embedded GPU", "NVIDIA GeForce RTX 3050", "NVIDIA GeForce RTX 3050 OEM",
        "NVIDIA GeForce RTX 3050 Ti Laptop GPU", "NVIDIA RTX A2000", "NVIDIA RTX A2000 12GB",
        "NVIDIA GeForce RTX 3050Ti Laptop GPU", "NVIDIA GeForce RTX 3050 Laptop GPU", "NVIDIA GeForce MX570",
        "NVIDIA GeForce RTX 2050", "NVIDIA GeForce MX570 A", "NVIDIA GeForce RTX 3050 4GB Laptop GPU",
        "NVIDIA GeForce RTX 3050 6GB Laptop GPU", "NVIDIA RTX A1000", "NVIDIA RTX A400", "NVIDIA A16", "NVIDIA A2",
        "NVIDIA RTX A2000 Laptop GPU", "NVIDIA RTX A1000 Laptop GPU", "NVIDIA RTX A2000 8GB Laptop GPU",
        "NVIDIA RTX A500 Laptop GPU", "NVIDIA RTX A1000 6GB Laptop GPU", "NVIDIA RTX A1000 Embedded GPU",
        "NVIDIA RTX A2000 Embedded GPU", "NVIDIA RTX A500 Embedded GPU",
    ],
    "8.9": [
        "NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 4090 D", "NVIDIA GeForce RTX 4070 Ti SUPER",
        "NVIDIA RTX 6000 Ada Generation", "NVIDIA RTX 5000 Ada Generation", "NVIDIA RTX 5880 Ada Generation", "NVIDIA L40",
        "NVIDIA L40S", "NVIDIA L20", "NVIDIA GeForce RTX 4080 SUPER", "NVIDIA GeForce RTX 4080", "NVIDIA GeForce RTX 4070",
        "NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA RTX 5000 Ada Generation Laptop GPU",
        "NVIDIA RTX 5000 Ada Generation Embedded GPU", "NVIDIA GeForce RTX 4070 Ti", "NVIDIA GeForce RTX 4070 SUPER",
        "NVIDIA GeForce RTX 4060 Ti", "NVIDIA GeForce RTX 4080 Laptop GPU", "NVIDIA RTX 4000 SFF Ada Generation",
        "NVIDIA RTX 4500 Ada Generation", "NVIDIA RTX 4000 Ada Generation", "NVIDIA L2", "NVIDIA L4",
        "NVIDIA RTX 4000 Ada Generation Laptop GPU", "NVIDIA RTX 3500 Ada Generation Laptop GPU",
        "NVIDIA RTX 3500 Ada Generation Embedded GPU", "NVIDIA GeForce RTX 4060", "NVIDIA GeForce RTX 4070 Laptop GPU",
        "NVIDIA GeForce RTX 3050 A Laptop GPU", "NVIDIA RTX 3000 Ada Generation Laptop GPU",
        "NVIDIA GeForce RTX 4060 Laptop GPU", "NVIDIA GeForce RTX 4050 Laptop GPU", "NVIDIA RTX 2000 Ada Generation",
        "NVIDIA RTX 2000E Ada Generation", "NVIDIA RTX 2000 Ada Generation Laptop GPU",
        "NVIDIA RTX 1000 Ada Generation Laptop GPU", "NVIDIA RTX 500 Ada Generation Laptop GPU",
        "NVIDIA RTX 2000 Ada Generation Embedded GPU",
    ],
    "9.0": [
        "NVIDIA H20 NVL16", "NVIDIA H100 NVL", "NVIDIA H800 PCIe", "NVIDIA H800", "NVIDIA H20", "NVIDIA H20-3e",
        "NVIDIA H100 80GB HBM3", "NVIDIA H100 PCIe", "NVIDIA H200", "NVIDIA H100", "NVIDIA H800 NVL", "NVIDIA H200 NVL",
        "NVIDIA GH200 120GB", "NVIDIA GH200 480GB", "NVIDIA GH200 144G HBM3e",
    ],
    "10.0": [
        "NVIDIA B200", "NVIDIA GB200",
    ],
    "10.3": [
        "NVIDIA B300 SXM6 AC", "NVIDIA GB300",
    ],
    "12.0": [
        "NVIDIA GeForce RTX 5090", "NVIDIA GeForce RTX 5090 D", "NVIDIA GeForce RTX 5090 D v2",
        "NVIDIA RTX PRO 6000 Blackwell Workstation Edition", "NVIDIA RTX PRO 5000 72GB Blackwell",
        "NVIDIA RTX PRO 5000 Blackwell", "NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition",
        "NVIDIA RTX PRO 6000 Blackwell Server Edition", "NVIDIA RTX 6000D", "NVIDIA GeForce RTX 5080",
        "NVIDIA GeForce RTX 5070 Ti", "NVIDIA GeForce RTX 5090 Laptop GPU", "NVIDIA GeForce RTX 5080 Laptop GPU",
        "NVIDIA RTX PRO 4500 Blackwell", "NVIDIA RTX PRO 4000 Blackwell SFF Edition", "NVIDIA RTX PRO 4000 Blackwell",
        "NVIDIA RTX PRO 5000 Blackwell Generation Laptop GPU", "NVIDIA RTX PRO 4000 Blackwell Generation Laptop GPU",
        "NVIDIA RTX PRO 5000 Blackwell Embedded GPU", "NVIDIA RTX PRO 4000 Blackwell Embedded GPU",
        "NVIDIA GeForce RTX 5060 Ti", "NVIDIA GeForce RTX 5060", "NVIDIA GeForce RTX 5070 Laptop GPU",
        "NVIDIA GeForce RTX 5060 Laptop GPU", "NVIDIA RTX PRO 2000 Blackwell",
        "NVIDIA RTX PRO 2000 Blackwell Generation Laptop GPU", "NVIDIA RTX PRO 2000 Blackwell Embedded GPU",
        "NVIDIA GeForce RTX 5050", "NVIDIA GeForce RTX 5050 Laptop GPU",
        "NVIDIA RTX PRO 1000 Blackwell Generation Laptop GPU", "NVIDIA RTX PRO 500 Blackwell Generation Laptop GPU",
        "NVIDIA RTX PRO 500 Blackwell Embedded GPU", "NVIDIA GeForce RTX 5070", "NVIDIA GeForce RTX 5070 Ti Laptop GPU",
        "NVIDIA RTX PRO 3000 Blackwell Generation Laptop GPU",
    ],
    "12.1": [
        "NVIDIA GB10",
    ],
}  # fmt: skip

# pci.ids (pciutils/pciids, c1c1254), as nvidia-smi prints the names: GV100; GP10x; GP100; GM20x; GM10x; GK210; GK110 and GK208; GK10x.
OLDER = {
    "3.0": [
        "GeForce GTX 680", "GeForce GTX 770", "GeForce GTX 660 Ti", "Quadro K2000", "Quadro K5000", "GRID K520", "GRID K1",
        "Tesla K10",
    ],
    "3.5": [
        "Tesla K40m", "Tesla K40c", "Tesla K40t", "Tesla K20m", "Tesla K20c", "Tesla K20Xm", "GeForce GTX TITAN Black",
        "GeForce GTX 780 Ti", "GeForce GT 710", "Quadro K6000",
    ],
    "3.7": [
        "Tesla K80",
    ],
    "5.0": [
        "GeForce GTX 750 Ti", "GeForce GTX 960M", "GeForce 940MX", "GeForce MX130", "Quadro K620", "Quadro K2200",
        "Quadro M1000M", "Quadro M2000M", "Tesla M10",
    ],
    "5.2": [
        "Tesla M40", "Tesla M40 24GB", "Tesla M60", "Tesla M4", "GeForce GTX 980 Ti", "GeForce GTX 960", "GeForce GTX 970M",
        "GeForce GTX TITAN X", "Quadro M4000", "Quadro M5000M", "Quadro M6000 24GB",
    ],
    "6.0": [
        "Tesla P100-PCIE-12GB", "Tesla P100-PCIE-16GB", "Tesla P100-SXM2-16GB", "Quadro GP100",
    ],
    "6.1": [
        "Tesla P4", "Tesla P40", "GeForce GTX 1080 Ti", "GeForce GTX 1080", "NVIDIA GeForce GTX 1070 Ti",
        "GeForce GTX 1060 6GB", "GeForce GTX 1060 with Max-Q Design", "GeForce GTX 1050 Ti", "GeForce GT 1030",
        "GeForce MX150", "NVIDIA GeForce MX250", "NVIDIA GeForce MX330", "TITAN X (Pascal)", "NVIDIA TITAN Xp",
        "TITAN Xp COLLECTORS EDITION", "Quadro P400", "Quadro P620", "Quadro P1000", "Quadro P2200", "Quadro P4000",
        "Quadro P5000 with Max-Q Design", "Quadro P6000",
    ],
    "7.0": [
        "Tesla V100-SXM2-16GB", "Tesla V100-SXM2-32GB", "Tesla V100-PCIE-16GB", "Tesla V100-PCIE-32GB",
        "Tesla V100S-PCIE-32GB", "Tesla V100-SXM3-32GB", "Tesla V100-FHHL-16GB", "Tesla V100-DGXS-32GB", "NVIDIA TITAN V",
        "TITAN V", "Quadro GV100", "Tesla PG503-216",
    ],
}  # fmt: skip

# vGPU and MIG (docs.nvidia.com/vgpu, docs.nvidia.com/datacenter/tesla/mig-user-guide), Jetson, accelerators of clouds, and what people write.
ELSEWHERE = {
    "3.7": [
        "nvidia-tesla-k80",
    ],
    "5.2": [
        "GRID M60-8Q", "M4000",
    ],
    "5.3": [
        "Jetson Nano", "NVIDIA Jetson Nano Developer Kit", "Jetson TX1", "NVIDIA Tegra X1",
    ],
    "6.0": [
        "nvidia-tesla-p100", "GRID P100X-16Q",
    ],
    "6.1": [
        "nvidia-tesla-p4", "GRID P40-24Q", "P4000",
    ],
    "6.2": [
        "Jetson TX2", "NVIDIA Tegra X2",
    ],
    "7.0": [
        "nvidia-tesla-v100", "GRID V100D-8Q", "GRID V100DX-32Q", "GRID V100S-16Q", "V100",
    ],
    "7.2": [
        "Jetson AGX Xavier", "Jetson Xavier NX", "NVIDIA Jetson Xavier NX Developer Kit", "Xavier",
    ],
    "7.5": [
        "nvidia-tesla-t4", "GRID T4-16Q", "NVIDIA T4G", "Tesla T4 16GB", "GTX 1650 Mobile",
    ],
    "8.0": [
        "nvidia-tesla-a100", "nvidia-a100-80gb", "GRID A100-40C", "NVIDIA A100-40C", "NVIDIA A100D-80C",
        "NVIDIA A100-SXM4-40GB MIG 1g.5gb", "NVIDIA A100-SXM4-80GB MIG 3g.40gb", "A800", "DGX A100", "A30-4-24C",
    ],
    "8.6": [
        "A16-2Q", "NVIDIA A10-24Q", "NVIDIA A40-48Q", "NVIDIA RTXA6000-48Q", "A2", "RTX A2000 Laptop", "RTX 3080 Laptop",
    ],
    "8.7": [
        "Orin (nvgpu)", "Jetson AGX Orin", "NVIDIA Jetson AGX Orin Developer Kit", "NVIDIA Jetson Orin Nano Developer Kit",
        "Jetson Orin NX 16GB", "AGX Orin", "NVIDIA IGX Orin",
    ],
    "8.9": [
        "nvidia-l4", "nvidia-l4-vws", "L40S-48Q", "NVIDIA L40-48Q", "NVIDIA RTX6000-Ada-48Q", "NVIDIA L40G", "RTX 4090",
        "GeForce RTX 4090 Laptop",
    ],
    "9.0": [
        "nvidia-h100-80gb", "nvidia-h100-mega-80gb", "nvidia-h200-141gb", "NVIDIA H100XM-80C", "NVIDIA H100-7-80C",
        "NVIDIA H100 80GB HBM3 MIG 1g.10gb", "DGX H100", "GH200 Grace Hopper Superchip",
    ],
    "10.0": [
        "nvidia-b200", "HGX B200", "DGX B200", "GB200",
    ],
    "10.3": [
        "B300", "GB300",
    ],
    "11.0": [
        "Jetson AGX Thor", "NVIDIA Jetson AGX Thor Developer Kit", "NVIDIA Thor", "Jetson T5000", "sm_110",
    ],
    "12.0": [
        "RTX PRO 6000", "NVIDIA RTX Pro 6000 Blackwell DC-96Q", "nvidia-rtx-pro-6000", "RTX 5090",
    ],
    "12.1": [
        "DGX Spark", "NVIDIA DGX Spark",
    ],
}  # fmt: skip

NAMES = [(name, capability) for names in (PRODUCTS, OLDER, ELSEWHERE) for capability, listed in names.items() for name in listed]


def test_a_gpu_is_known_by_its_name(real: Matrix) -> None:
    found = [(name, gpu and str(gpu.capability)) for name, _ in NAMES for gpu in [gpu_named(real, name)]]
    assert_none(f"{name}: {capability}" for (name, capability), said in zip(found, NAMES, strict=True) if capability != said[1])


@pytest.mark.parametrize(
    "name",
    [
        "p3.2xlarge",
        "a2-highgpu-1g",
        "g5.xlarge",
        "Standard_NC24ads_A100_v4x",
        "TITAN X",
        "V1000",
        "RTX 4090 and V100",
        "MI300X",
        "A",
        "",
    ],
)
def test_what_is_no_gpu_is_none(real: Matrix, name: str) -> None:
    """An instance type is not the name of a GPU: a2-highgpu has no A2."""
    assert gpu_named(real, name) is None


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("V10O", "did you mean `V100` (7.0)?"),
        ("GTX 1085", "did you mean `GTX 1050` (6.1)?"),
        ("M4100", ""),
        ("RTX 5095", ""),
        ("RTX4090Ti", "did you mean `RTX 4090` (8.9)?"),
        ("GTX 1070 Super", "did you mean `GTX 1070` (6.1)?"),
        ("A1000", "did you mean `RTX A1000` (8.6)?"),
        ("TPU v4", ""),
    ],
)
def test_a_hint_names_no_gpu_of_another_architecture(real: Matrix, name: str, hint: str) -> None:
    error = refused(lambda: required_gpu(real, name, "project.yaml:1:1"))
    assert error is not None and f"no GPU `{name}` in matrices/gpus.yaml" in str(error)
    assert error.hint.startswith(hint or "write a compute capability")


@pytest.mark.parametrize(
    ("name", "maker", "instead"),
    [
        ("MI300X", "AMD", "no target is for ROCm"),
        ("AMD Instinct MI250", "AMD", "no target is for ROCm"),
        ("Radeon VII", "AMD", "no target is for ROCm"),
        ("RX 7900 XTX", "AMD", "no target is for ROCm"),
        ("gfx1100", "AMD", "no target is for ROCm"),
        ("M1", "Apple", "on osx-arm64"),
        ("Apple M4 Max", "Apple", "on osx-arm64"),
        ("Intel Arc A770", "Intel", "no target is for XPU"),
    ],
)
def test_a_gpu_that_does_not_run_cuda_is_told_as_what_it_is(real: Matrix, name: str, maker: str, instead: str) -> None:
    error = refused(lambda: required_gpu(real, name, "project.yaml:1:1"))
    assert error is not None and error.what == f"`{name}` is a GPU of {maker}, which does not run CUDA"
    assert error.hint.startswith(f"leave it out: {instead}")


def test_no_word_of_another_maker_is_in_the_name_of_a_model(real: Matrix) -> None:
    """But for `M4` and `M6`, which are Tesla and Apple's: a name that fits a model is that."""
    both = [gpu.name for gpu in real.gpus.values() if any(map(_of(real), gpu.name.lower().split()))]
    assert set(both) == {"M4", "M6"}
    assert len(real.gpu_names.others) == 3


def _of(real: Matrix) -> Callable[[str], bool]:
    """Whether a word is one of another maker's."""
    patterns = [pattern for other in real.gpu_names.others for pattern in other.words]
    return lambda word: any(fnmatchcase(word, pattern) for pattern in patterns)


def test_a_name_of_several_architectures_is_asked_back(real: Matrix) -> None:
    error = refused(lambda: required_gpu(real, "RTX 6000", "project.yaml:1:1"))
    assert error is not None and error.what == "`RTX 6000` may be RTX 6000 Ada (8.9) or Quadro RTX 6000 (7.5)"


@pytest.mark.parametrize(
    ("name", "platforms", "jetson"),
    [
        ("Jetson AGX Orin", {"linux-aarch64"}, True),
        ("8.7", {"linux-aarch64"}, True),
        ("GH200", {"linux-aarch64"}, False),
        ("9.0", set(), False),
        ("GB10", {"linux-aarch64"}, False),
        ("A100", set(), False),
    ],
)
def test_a_gpu_is_on_the_platforms_that_have_it(real: Matrix, name: str, platforms: set[str], jetson: bool) -> None:
    found = gpu_named(real, name)
    assert found is not None and (set(found.platforms), found.tegra) == (platforms, jetson)


def test_the_tegras_are_those(real: Matrix) -> None:
    assert tegra(real) == {Version(text) for text in ("5.3", "6.2", "7.2", "8.7", "11.0")}
