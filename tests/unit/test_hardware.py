"""GPU architectures and drivers: the real facts against figures that are written here a second time, from NVIDIA's own tables."""

from __future__ import annotations

from itertools import product

import pytest
from conftest import some
from packaging.version import Version
from unit.heard import AARCH, B200, FORGE, V100, VENDOR, WINDOWS, Told, resolved
from unit.small import project_of, refused

from envgen.explain.explain import conflict
from envgen.matrix import drivers
from envgen.matrix.gpu_names import gpu_named
from envgen.matrix.hardware import cudnn_pin
from envgen.model.facts import Matrix
from envgen.model.project import Project
from envgen.model.resolution import Resolution
from envgen.resolver.cells import cell_of
from envgen.resolver.resolve import Unsatisfiable, resolve

# First and last capability that each toolkit compiles for; what is made for X.Y runs on X.Z, Z >= Y, of the same major.
COMPILES = {
    "9.2": ("3.0", "7.2"), "10.1": ("3.0", "7.5"), "10.2": ("3.0", "7.5"), "11.0": ("3.5", "8.0"), "11.1": ("3.5", "8.6"), "11.2": ("3.5", "8.6"), "11.3": ("3.5", "8.6"),
    "11.4": ("3.5", "8.7"), "11.5": ("3.5", "8.7"), "11.6": ("3.5", "8.7"), "11.7": ("3.5", "8.7"), "11.8": ("3.5", "9.0"), "12.0": ("5.0", "9.0"),
    "12.1": ("5.0", "9.0"), "12.2": ("5.0", "9.0"), "12.3": ("5.0", "9.0"), "12.4": ("5.0", "9.0"), "12.5": ("5.0", "9.0"), "12.6": ("5.0", "9.0"), "12.8": ("5.0", "12.0"), "12.9": ("5.0", "12.1"),
    "13.0": ("7.5", "12.1"), "13.1": ("7.5", "12.1"), "13.2": ("7.5", "12.1"), "13.3": ("7.5", "12.1"),
}  # fmt: skip
MODELS = {
    "K40": "3.5", "K80": "3.7", "GTX 750": "5.0", "M60": "5.2", "P100": "6.0", "GTX 1080": "6.1", "V100": "7.0", "T4": "7.5", "A100": "8.0",
    "RTX 3090": "8.6", "Jetson AGX Orin": "8.7", "L40S": "8.9", "H100": "9.0", "B200": "10.0", "B300": "10.3", "Jetson Thor": "11.0",
    "RTX 5090": "12.0", "GB10": "12.1",
}  # fmt: skip
THOR = "11.0"  # CUDA 12.8 and 12.9 know it under another number


def runs(cuda: str, capability: str) -> bool:
    """Whether a toolkit's binaries run on a GPU, by the table above."""
    first, last = (Version(end) for end in COMPILES[cuda])
    gpu = Version(capability)
    return first <= gpu and gpu.major <= last.major and not (capability == THOR and cuda < "13")


def dead(real: Matrix, cuda: str, platform: str, more: str) -> str:
    """Why the facts refuse a cell, before any release is looked at; "" where they do not."""
    target = real.targets[f"cu{cuda.replace('.', '')}"]
    project = project_of(Told("pytorch: '*'", target.name, platforms=platform, more=more).text(), real)
    found = cell_of(real, project, target, platform).unsatisfiable
    return found.text if found else ""


def clash(real: Matrix, told: Told) -> str:
    """The facts that refuse a project; "" where it can be resolved."""
    try:
        resolved(real, told)
    except Unsatisfiable as error:
        return "; ".join(reason.text for reason in conflict(error.problem).facts)
    return ""


def gpus(*names: str) -> str:
    return f"gpus: [{', '.join(names)}]\n"


def test_every_target_is_in_the_table(real: Matrix) -> None:
    assert {str(target.cuda) for target in real.targets.values() if target.cuda} == set(COMPILES)


@pytest.mark.parametrize("model", MODELS)
def test_a_gpu_has_its_capability(real: Matrix, model: str) -> None:
    assert str(real.gpus[model.lower()].capability) == MODELS[model]


@pytest.mark.parametrize("cuda", COMPILES)
def test_a_target_is_refused_for_just_the_gpus_that_its_toolkit_has_no_code_for(real: Matrix, cuda: str) -> None:
    """GPU by target by platform: Blackwell from 12.8 on, nothing below 7.5 from 13 on, Hopper from 11.8 on, Ampere from 11 on."""
    platforms = real.targets[f"cu{cuda.replace('.', '')}"].platforms
    for model, platform in some(row for row in product(MODELS, platforms) if real.gpus[row[0].lower()].on(row[1])):
        assert (dead(real, cuda, platform, gpus(model)) == "") == runs(cuda, MODELS[model]), (model, platform)


@pytest.mark.parametrize(
    ("told", "fits"),
    [
        (Told("pytorch: '2.12.1'", "cu129", more=gpus("M60")), True),
        (Told("tensorflow: '2.18'", "cu126", more=gpus("M60")), False),
        (Told("tensorflow: '2.18'", "cu126", more=gpus("P100")), True),
        (Told("tensorflow: '2.17'", "cu120", more=gpus("M60")), False),
        (Told("tensorflow: '2.14'", "cu118", more=gpus("M60")), True),
        (Told("jax: '0.9.2'", "cu129", more=gpus("M60")), False),
        (Told("jax: '0.4.28'", "cu120", more=gpus("M60")), False),
        (Told("jax: '0.4.26'", "cu118", more=gpus("M60")), True),
        (Told("jax: '0.9.2'", "cu129", more=gpus("P100")), True),
        (Told("pytorch: '2.1.0'", "cu118", channels=VENDOR, more=gpus("K40")), False),
        (Told("pytorch: '2.1.0'", "cu118", channels=VENDOR, more=gpus("K80")), True),
        (Told("pytorch: '2.1.0'", "cu121", channels=VENDOR, more=gpus("K80")), False),
        (Told("pytorch: '2.4.0'", "cu118", channels=VENDOR, more=gpus("K80")), False),  # links cuDNN 9
        (Told("pytorch: '2.4.0'", "cu118", more=gpus("K80")), True),  # links cuDNN 8
        (Told("pytorch: '2.5.1'", "cu118", more=gpus("K80")), False),
        (Told("pytorch: '2.5.1'", "cu118", more=gpus("M60")), True),
        (Told("pytorch: '2.0.0'", "cu118", channels=VENDOR, more=gpus("H100")), True),
        (Told("pytorch: '2.0.0'", "cu117", channels=VENDOR, more=gpus("H100")), False),
        (Told("pytorch: '2.7.1'", "cu128", platforms="win-64", more=gpus("M60", "RTX 5090")), True),
        (Told("pytorch: '2.7.1'", "cu126", platforms="win-64", more=gpus("RTX 5090")), False),
        (Told("tensorflow: '2.18'", "cu128", more=B200), True),
        (Told("tensorflow: '2.18'", "cu126", more=B200), False),
        (Told("jax: '0.7.2'", "cu129", more=B200), True),
        (Told("jax: '0.6.0'", "cu126", more=B200), False),
    ],
)
def test_what_the_builds_of_a_framework_hold_narrows_what_the_toolkit_can(real: Matrix, told: Told, fits: bool) -> None:
    assert (clash(real, told) == "") == fits


@pytest.mark.parametrize(
    ("model", "target", "pin"),
    [
        ("V100", "cu129", "<9.11"),
        ("P100", "cu126", "<9.11"),
        ("GTX 1080", "cu128", "<9.11"),
        ("T4", "cu129", ""),
        ("T4", "cu130", ""),
        ("H100", "cu126", ""),
        ("V100", "cu118", ""),  # no cuDNN from 9.11 on is for CUDA 11
        ("K80", "cu118", "<9.2"),  # cuDNN 9 begins at 5.0
        ("V100", "cu102", ""),
    ],
)
def test_cudnn_is_held_to_versions_with_code_for_the_oldest_gpu(real: Matrix, model: str, target: str, pin: str) -> None:
    project = project_of(Told("pytorch: '*'", target, more=gpus("RTX 3090" if model == "T4" else model, model)).text(), real)
    found = cudnn_pin(real, project.gpus, real.targets[target])
    assert (found[0] if found else "") == pin


@pytest.mark.parametrize(
    ("cuda", "platform", "glibc", "fits"),
    [
        ("cu130", "linux-64", "2.17", False),
        ("cu130", "linux-64", "2.27", False),
        ("cu130", "linux-64", "2.28", True),
        ("cu130", "linux-aarch64", "2.17", False),
        ("cu129", "linux-64", "2.17", True),
        ("cu129", "linux-aarch64", "2.17", False),
        ("cu129", "linux-aarch64", "2.28", True),
    ],
)
def test_cuda_13_needs_glibc_2_28(real: Matrix, cuda: str, platform: str, glibc: str, fits: bool) -> None:
    told = Told("pytorch: '>=2.10'", f'{{{cuda}: {{virtual-packages: {{__glibc: "{glibc}"}}}}}}', platforms=platform)
    assert (clash(real, told) == "") == fits


# --- drivers --------------------------------------------------------------------------------------------------------------


def notes(real: Matrix, told: Told) -> list[str]:
    return [reason.text for reason in drivers.driver_notes(real, resolved(real, told))]


COMPILED = "what is compiled at run time (CuPy, XLA, numba, torch.compile, Triton) and what is new in"


def test_minor_version_compatibility_is_told_with_its_floor_and_its_limits(real: Matrix) -> None:
    assert notes(real, Told("pytorch: '2.12.1'", "cu129", more='driver: ">=535"\n')) == [
        f"on Linux driver 535 runs CUDA 12.9 by minor-version compatibility: any CUDA 12 runs on 525.60.13 or newer; {COMPILED} 12.9 need 575.51.03"
    ]


def test_a_driver_of_its_own_runs_everything(real: Matrix) -> None:
    said = notes(real, Told("pytorch: '2.12.1'", "cu129", more='driver: ">=580"\n'))
    assert said == ["on Linux driver 580 runs CUDA 12.9 natively: 12.9 came with 575.51.03"]


def test_without_a_driver_the_floor_is_told_and_by_which_rule(real: Matrix) -> None:
    assert notes(real, Told("pytorch: '2.7.1'", "cu126", platforms=WINDOWS)) == [
        f"on Linux driver 525.60.13 or newer runs CUDA 12.6, by minor-version compatibility of CUDA 12; {COMPILED} 12.6 need 560.28.03",
        f"on Windows driver 528.33 or newer runs CUDA 12.6, by minor-version compatibility of CUDA 12; {COMPILED} 12.6 need 560.76",
    ]
    assert notes(real, Told("pytorch: '2.12.1'", "cu130", platforms=WINDOWS)) == [
        "on Linux driver 580.65.06 or newer runs CUDA 13.0: the floor of CUDA 13",
        "on Windows driver 580 or newer runs CUDA 13.0: the floor of CUDA 13",
    ]
    assert notes(real, Told("pytorch: '1.12.1'", "cu102", channels="pytorch, conda-forge")) == [
        "on Linux driver 440.33 or newer runs CUDA 10.2: the one that it came with; before CUDA 11 there is no minor-version compatibility"
    ]
    assert notes(real, Told("pytorch: '2.12.1'", "cpu")) == []


@pytest.mark.parametrize(
    ("driver", "fits"), [("550", False), ("576.02", False), ("579.99", False), ("580", True), ("580.88", True)]
)
@pytest.mark.parametrize("target", ["cu130", "cu131", "cu133"])
def test_cuda_13_needs_driver_580_on_windows(real: Matrix, target: str, driver: str, fits: bool) -> None:
    """No driver comes with the toolkit there; NVIDIA's tables name the branch."""
    told = Told("pytorch: '2.12.1'", target, platforms="win-64", more=f'driver: ">={driver}"\n')
    cuda = real.targets[target].cuda
    assert clash(real, told) == ("" if fits else f"CUDA {cuda} needs driver 580.65.06 or newer on Linux, 580 or newer on Windows")


@pytest.mark.parametrize(
    ("driver", "target", "platform", "fits"),
    [
        ("580", "cu130", "linux-64", True),  # the first driver of the branch that came with a CUDA is 580.65.06
        ("580.0", "cu130", "linux-64", False),
        ("579", "cu130", "linux-64", False),
        ("525", "cu120", "linux-64", True),
        ("525", "cu128", "win-64", True),  # 528.33 is of branch 525
        ("522", "cu128", "win-64", False),
        ("450", "cu112", "linux-64", True),
        ("440", "cu102", "linux-64", True),
        ("439", "cu102", "linux-64", False),
    ],
)
def test_a_branch_means_all_its_drivers(real: Matrix, driver: str, target: str, platform: str, fits: bool) -> None:
    project = project_of(Told("pytorch: '*'", target, platforms=platform, more=f'driver: ">={driver}"\n').text(), real)
    assert (cell_of(real, project, real.targets[target], platform).unsatisfiable is None) == fits


@pytest.mark.parametrize("key", ["driver: '12.2'\n", "cuda: {version: '12', driver: '12.2'}\n"])
def test_a_cuda_version_is_not_taken_for_a_driver(real: Matrix, key: str) -> None:
    error = refused(lambda: project_of(Told("pytorch: '*'", "cpu", more=key).text(), real))
    assert error is not None and "`12.2` is a CUDA version, as nvidia-smi prints it, and not a driver" in str(error)
    assert error.hint == 'write what nvidia-smi prints as "Driver Version", or ">=535", the branch that CUDA 12.2 came with'
    assert "project.yaml:" in str(error.where)


def warned(real: Matrix, told: Told) -> list[str]:
    return [reason.text.split(" (torch.compile")[0].split(" (XLA")[0] for reason in resolved(real, told).warnings]


@pytest.mark.parametrize("platforms", ["linux-64", "win-64", WINDOWS])
@pytest.mark.parametrize(("driver", "older"), [("555.90", {"Linux", "Windows"}), ("560.30", {"Windows"}), ("560.80", set())])
def test_run_time_compilation_is_warned_of_by_the_driver_of_each_system(
    real: Matrix, platforms: str, driver: str, older: set[str]
) -> None:
    """CUDA 12.6 came with 560.28.03 on Linux and 560.76 on Windows."""
    said = warned(real, Told("pytorch: '2.7.1'", "cu126", platforms=platforms, more=f'driver: ">={driver}"\n'))
    expected = {
        "linux-64": ("Linux", f"pytorch >=2.0 needs driver >=560.28.03 (that of CUDA 12.6), not driver {driver}"),
        "win-64": ("Windows", f"pytorch >=2.0 needs driver >=560.76 (that of CUDA 12.6 on Windows), not driver {driver}"),
    }
    assert said == [text for name, (kind, text) in expected.items() if name in platforms and kind in older]


@pytest.mark.parametrize(
    ("frameworks", "target", "driver", "count"),
    [
        ("pytorch: '2.12.1'", "cu129", "570.26", 1),
        ("jax: '0.9.2'", "cu129", "570.26", 1),
        ("jax: '0.9.2'", "cu129", "575.51.03", 0),
        ("tensorflow: '2.18'", "cu126", "535", 1),
        ("tensorflow: '2.17'", "cu121", "525.60.13", 1),  # a build for 12.0 beside the libraries of 12.1
        ("tensorflow: '2.9.1'", "cu112", "450.80.02", 1),
        ("pytorch: '1.13.1'", "cu112", "450.80.02", 0),  # before torch.compile
        ("pytorch: '2.12.1'", "cu130", "580.65.06", 0),
        ("pytorch: '>=2.5', tensorflow: '2.18'", "cu126", "535", 2),
    ],
)
def test_each_framework_that_compiles_at_run_time_is_warned_of_once(
    real: Matrix, frameworks: str, target: str, driver: str, count: int
) -> None:
    assert len(warned(real, Told(frameworks, target, more=f'driver: ">={driver}"\n'))) == count


def test_a_newer_minor_of_cuda_13_on_the_driver_of_13_0(real: Matrix) -> None:
    told = Told("pytorch: '2.12.1'", "cu131", more='driver: ">=580.65.06"\n')
    assert warned(real, told) == ["pytorch >=2.0 needs driver >=590.44.01 (that of CUDA 13.1), not driver 580.65.06"]
    assert notes(real, told) == [
        f"on Linux driver 580.65.06 runs CUDA 13.1 by minor-version compatibility: any CUDA 13 runs on 580.65.06 or newer; {COMPILED} 13.1 need 590.44.01"
    ]
    assert warned(real, Told("pytorch: '2.12.1'", "cu131", platforms="win-64", more='driver: ">=580.88"\n')) == []  # no figure
    assert notes(real, Told("pytorch: '2.12.1'", "cu131", platforms="win-64", more='driver: ">=580.88"\n')) == [
        "on Windows driver 580.88 runs CUDA 13.1: any CUDA 13 runs on 580 or newer; which driver 13.1 came with is not known"
    ]


@pytest.mark.parametrize(("model", "target", "count"), [("B300", "cu128", 1), ("B200", "cu128", 0), ("B300", "cu129", 0)])
def test_code_of_12_8_runs_on_the_younger_blackwells_but_nothing_compiles_for_them(
    real: Matrix, model: str, target: str, count: int
) -> None:
    said = resolved(real, Told("tensorflow: '2.18'", target, more=gpus(model))).warnings
    assert len([reason for reason in said if "needs cuda >=12.9" in reason.text]) == count


@pytest.mark.parametrize(
    ("platforms", "driver", "said"),
    [
        ("linux-64", "535", ["gpu >=10 with platform linux-64 or linux-aarch64 needs driver >=570.26, not driver 535"]),
        ("win-64", "570.30", ["gpu >=10 with platform win-64 needs driver >=570.65, not driver 570.30"]),
        ("linux-64", "570.26", []),
    ],
)
def test_blackwell_is_known_to_drivers_from_570_on(real: Matrix, platforms: str, driver: str, said: list[str]) -> None:
    target = "cu129" if platforms == "linux-64" else "cu128"
    told = Told("pytorch: '2.7.1'", target, platforms=platforms, more=f'driver: ">={driver}"\n{gpus("RTX 5090", "T4")}')
    found = [reason.text.split(" (https")[0] for reason in resolved(real, told).warnings]
    assert [text for text in found if text.startswith("gpu")] == said


# --- forward compatibility ------------------------------------------------------------------------------------------------


def asked(real: Matrix, target: str, platform: str, more: str) -> Project:
    return project_of(Told("pytorch: '*'", target, platforms=platform, more=more).text(), real)


def offered(real: Matrix, target: str, platform: str, more: str) -> str:
    found = drivers.forward_note(real, asked(real, target, platform, more), real.targets[target], platform)
    return found.text if found else ""


LTS = 'driver: ">=550.54.14"\n'


def test_cuda_compat_is_named_with_how_it_is_used_and_what_it_leaves_alone(real: Matrix) -> None:
    said = offered(real, "cu130", "linux-64", LTS + "gpus: [A100, T4]\n")
    assert said == (
        "forward compatibility can run CUDA 13.0 on driver 550.54.14: conda-forge's cuda-compat, $CONDA_PREFIX/cuda-compat on LD_LIBRARY_PATH;"
        " envgen does not add it, and `__cuda` stays what the driver says; on other GPUs CUDA ends with error 804"
        " (https://docs.nvidia.com/deploy/cuda-compatibility/forward-compatibility.html)"
    )


@pytest.mark.parametrize(
    ("target", "platform", "more", "applies"),
    [
        ("cu130", "linux-64", LTS + "gpus: [A100]\n", True),
        ("cu130", "linux-aarch64", LTS + "gpus: [GH200]\n", True),
        ("cu130", "win-64", LTS + "gpus: [A100]\n", False),
        ("cu130", "linux-64", LTS + "gpus: [RTX 4090]\n", False),
        ("cu130", "linux-64", LTS + "gpus: [A100, RTX 4090]\n", False),
        ("cu130", "linux-64", LTS + "gpus: [V100]\n", False),  # CUDA 13 has no code for it
        ("cu130", "linux-64", LTS + 'gpus: ["8.0"]\n', False),  # a capability is no model
        ("cu130", "linux-64", LTS, False),
        ("cu130", "linux-64", "gpus: [A100]\n", False),
        ("cu130", "linux-64", 'driver: ">=580.65.06"\ngpus: [A100]\n', False),  # not needed
        ("cu130", "linux-64", 'driver: ">=470.42.01"\ngpus: [A100]\n', False),  # not the next major
        ("cu126", "linux-64", 'driver: ">=470.42.01"\ngpus: [A100]\n', True),
        ("cu126", "linux-64", 'driver: ">=535"\ngpus: [A100]\n', False),  # minor-version compatibility does it
        ("cpu", "linux-64", LTS + "gpus: [A100]\n", False),
    ],
)
def test_forward_compatibility_is_mentioned_only_where_it_applies(
    real: Matrix, target: str, platform: str, more: str, applies: bool
) -> None:
    assert bool(offered(real, target, platform, more)) == applies


def test_the_models_for_data_centres_are_those(real: Matrix) -> None:
    found = {gpu.name for gpu in real.gpus.values() if gpu.data_centre}
    assert {"K80", "P100", "V100", "T4", "A100", "A30", "A10", "A40", "L4", "L40S", "H100", "GH200", "B200", "GB300"} <= found
    assert not [name for name in found if any(word in name for word in ("RTX", "GTX", "TITAN", "Quadro", "Jetson", "GB10", "DGX"))]


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("NVIDIA A100-SXM4-40GB", "a100"),
        ("Tesla V100-SXM2-16GB", "v100"),
        ("NVIDIA GeForce RTX 3080 Ti", "rtx 3080 ti"),
        ("NVIDIA GeForce RTX 3080", "rtx 3080"),
        ("NVIDIA RTX A6000", "rtx a6000"),
        ("NVIDIA H100 80GB HBM3", "h100"),
        ("NVIDIA GH200 480GB", "gh200"),
        ("NVIDIA GB10", "gb10"),
        ("Orin (nvgpu)", "orin"),
        ("", None),
    ],
)
def test_a_gpu_is_known_by_the_name_that_nvml_gives_it(real: Matrix, name: str, model: str | None) -> None:
    assert gpu_named(real, name) == (real.gpus[model] if model else None)


def test_a_resolution_on_aarch64_asks_the_linux_driver(real: Matrix) -> None:
    found: Resolution = resolve(real, project_of(Told("pytorch: '2.12.1'", "cu129", platforms=AARCH, more=V100).text(), real))[0]
    assert found.platforms == ("linux-64", "linux-aarch64")
    assert len(drivers.driver_notes(real, found)) == 1
    assert found.project.channels == (FORGE,)
