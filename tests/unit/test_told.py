"""Reasons and texts of the resolver, of the fit of a machine and of `probe`: each compared whole with what was written down."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from packaging.version import Version
from unit import told
from unit.small import FILES, project_of, real_matrix, small_matrix, write_matrix
from unit.test_verdict import ANSWERED_NOTHING, BARE, BLIND, CPU_BUILD, FINDINGS, FOREIGN, HOST, PLAIN_WHEEL, SEES, environment

from envgen.machine import fit
from envgen.matrix.load import load_matrix
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix, Platform, Reason, Target
from envgen.model.gpu import Gpu
from envgen.model.machine import Fit, LockedTarget, Machine, System
from envgen.model.resolution import Choice, Obstacle, Resolution
from envgen.probe.model import LaunchEnvironment, ProcessResult
from envgen.probe.verdict import evaluate
from envgen.resolver.availability import Availability, no_index
from envgen.resolver.resolve import Unsatisfiable, obstacles, resolve
from envgen.resolver.specs import groups
from envgen.targets import MachineWord

# --- the resolver ---------------------------------------------------------------------------------------------------------

GAMMA = """\
framework: gamma
because: https://gamma.example
providers:
  conda-forge:
    - releases: ">=1"
      channels: [conda-forge]
      newer-minor: true
      cpu: ["gamma {version}.* cpu_*"]
      cuda: ["gamma {version}.* cuda{cu}*", "cuda-version {cuda}.*"]
      because: https://gamma.example/feedstock
releases:
  - version: "1.1"
    builds:
      - {provider: conda-forge, variants: [cpu, "12.4"], platforms: [linux-64, win-64], python: "3.11"}
  - version: "1.0"
    builds:
      - {provider: conda-forge, variants: [cpu, "12.4"], platforms: [linux-64], python: "3.10"}
"""
DELTA = """\
framework: delta
because: https://delta.example
providers:
  conda-forge:
    - releases: ">=0.5"
      channels: [conda-forge]
      cpu: ["delta {version}.* cpu_*"]
      cuda: ["delta {version}.* cuda{cu}*", "cuda-version {cuda}.*"]
      because: https://delta.example/feedstock
releases:
  - version: "2.0"
    builds:
      - {provider: conda-forge, variants: [cpu], platforms: [linux-64, osx-arm64, win-64], python: "3.9-3.12"}
      - {provider: conda-forge, variants: ["12.6"], platforms: [linux-64, win-64], python: "3.9-3.12"}
  - version: "1.0"
    builds:
      - {provider: conda-forge, variants: [cpu], platforms: [linux-64], python: "3.9-3.10"}
      - {provider: conda-forge, variants: [cpu], platforms: [win-64], python: "3.11-3.12"}
      - {provider: conda-forge, variants: ["12.6"], platforms: [linux-64], python: "3.9-3.10"}
  - version: "0.9"
    builds:
      - {provider: conda-forge, variants: [cpu], platforms: [win-64], python: "3.10"}
code:
  - provider: conda-forge
    releases: ">=2"
    cuda: ">=12,<13"
    has: [sm_70]
    or: [{has: [sm_80], with: ["delta-arch * ampere"]}]
    because: https://delta.example/code
constraints:
  - {when: {delta: ">=2", platform: win-64}, need: {python: ">=3.11"}, because: https://delta.example/windows}
  - {when: {delta: "<2", python: ">=3.10", alpha: ">=2.1"}, need: {provider: vendor}, because: https://delta.example/vendor}
  - {when: {delta: "1.*"}, need: {cuda: ">=12.8"}, warn: true, because: https://delta.example/slow}
  - {when: {delta: "0.*", provider: conda-forge}, need: {python: ">=3.12"}, warn: true, because: https://delta.example/old}
bounds:
  - when: {delta: "<1.5"}
    need: {numpy: "<2"}
    breaks: "`import delta` ends in an error"
    because: https://delta.example/numpy
  - when: {delta: ">=2", python: ">=3.11"}
    need: {numpy: ">=1.23"}
    breaks: "numpy has no build"
    because: https://delta.example/old-numpy
"""
TOOLKIT = '  - {version: "12.4", linux: "550.54.14", windows: "551.61", capabilities: ["5.0", "9.0"]}\n'


@cache
def wider_matrix() -> Matrix:
    """The small matrix, and a framework whose newest build is for an older minor of CUDA."""
    cuda = FILES["cuda.yaml"].replace('  - {version: "11.8"', TOOLKIT + '  - {version: "11.8"')
    targets = FILES["targets.yaml"].replace("  cu126:", '  cu124: {cuda: "12.4", platforms: [linux-64, win-64]}\n  cu126:')
    with TemporaryDirectory() as folder:
        return load_matrix(
            write_matrix(
                Path(folder), {**FILES, "cuda.yaml": cuda, "targets.yaml": targets, "gamma.yaml": GAMMA, "delta.yaml": DELTA}
            )
        )


def project_text(
    frameworks: str = "{alpha: '>=2'}",
    targets: str = "[cpu, cu126]",
    platforms: str = "linux-64",
    python: str = ">=3.9",
    channels: str = "conda-forge",
    more: str = "",
) -> str:
    return f'python: "{python}"\nframeworks: {frameworks}\ntargets: {targets}\nplatforms: [{platforms}]\nchannels: [{channels}]\n{more}\n'


ALL = "linux-64, osx-arm64, win-64"
WITH = "{alpha: {version: '>=2', with: [alphavision]}}"
PROJECTS: Mapping[str, str] = {
    "one framework, two targets": project_text(),
    "one target alone": project_text(targets="[cpu]"),
    "all platforms, and which of them a CUDA target drops": project_text(platforms=ALL),
    "one platform for one target": project_text(platforms="linux-64, win-64", targets="{cpu: {platforms: [linux-64]}, cu126: }"),
    "a platform of one target that the project does not have": project_text(targets="{cpu: {platforms: [osx-arm64]}, cu126: }"),
    "a platform that a target is not for": project_text("{}", targets="{cpu: , cu118: {platforms: [linux-64, win-64]}}"),
    "virtual packages of one target": project_text(targets="{cpu: {virtual-packages: {__glibc: '2.17'}}, cu118: }"),
    "a companion": project_text(WITH),
    "a companion on all platforms": project_text(WITH, platforms=ALL),
    "two frameworks": project_text("{alpha: '*', beta: '*'}"),
    "two frameworks on two platforms": project_text("{alpha: '*', beta: '*'}", platforms="linux-64, osx-arm64"),
    "two frameworks of which one holds the other back": project_text("{alpha: '2.0.*', beta: '*'}", python="3.11"),
    "two frameworks that link different cuDNN": project_text("{alpha: '2.0.*', beta: '3.1.*'}", python="3.11"),
    "the same, each alone possible": project_text("{beta: '3.0.*', alpha: '2.1.*'}", python="3.11", targets="[cpu, cu126]"),
    "a range of Python": project_text(python=">=3.11,<3.13"),
    "a Python that no release has": project_text(python="3.13"),
    "a Python that is not known": project_text(python="2.7"),
    "no Python in common": project_text("{alpha: '2.0.*', beta: '3.1.*'}", targets="[cpu]", python=">=3.12"),
    "not aligned": project_text("{alpha: '*'}", targets="[cpu, cu118, cu126]", more="align: false"),
    "aligned": project_text("{alpha: '*'}", targets="[cpu, cu118, cu126]", channels="conda-forge, vendor"),
    "aligned, as far as possible": project_text("{alpha: '*', beta: '*'}", targets="[cpu, cu118, cu126]", channels="vendor, conda-forge"),
    "another provider": project_text("{alpha: {version: '<2', provider: vendor}}", targets="[cpu, cu118]", channels="vendor, conda-forge"),
    "a channel that is missing": project_text("{alpha: {version: '1.9.*', provider: vendor}}", targets="[cpu, cu118]"),
    "a provider that does not publish it": project_text("{alpha: {version: '>=2', provider: vendor}}", channels="vendor, conda-forge"),
    "no such release": project_text("{alpha: '>=7'}"),
    "never built for a target": project_text("{alpha: '*'}", targets="[cu118]", platforms="win-64"),
    "one release without a build for a platform": project_text("{alpha: '2.0.*'}", targets="[cu126]", platforms="linux-64, win-64"),
    "a driver that is too old": project_text(more="driver: '>=520'"),
    "a driver that is new enough": project_text("{alpha: '*', beta: '*'}", more="driver: '>=535'"),
    "GPUs with code": project_text(more="gpus: [V100, A100]"),
    "a GPU without code": project_text(more="gpus: [V100, B200]"),
    "a GPU that is too old": project_text(targets="[cpu, cu126, cu118]", more="gpus: [K40]"),
    "a libc that is too old": project_text(targets="{cpu: , cu126: {virtual-packages: {__glibc: '2.17'}}}"),
    "an older minor": project_text("{gamma: '*'}"),
    "an older minor on two platforms": project_text("{gamma: '*'}", platforms="linux-64, win-64"),
    "an older minor beside another framework": project_text("{gamma: '*', alpha: '*'}"),
    "another CUDA on each platform": project_text("{gamma: '*'}", platforms="linux-64, win-64", targets='{own: {cuda: {linux-64: "12.6", win-64: "12.4"}}}'),
    "a companion that goes with another release": project_text("{alpha: '2.1.*', alphavision: '0.20'}"),
    "a companion that holds its framework back": project_text("{alpha: '*', alphavision: '0.20'}"),
    "any Python": project_text(python="*"),
    "dependencies that need CUDA": project_text("{}", more="dependencies: [numpy, cudnn]"),
    "dependencies of one target": project_text(targets="{cpu: {dependencies: [einops]}, cu126: {dependencies: [cudnn]}}", more="dependencies: [numpy]"),
    "pip": project_text(more="pip: [einops]"),
    "two GPUs with code in different builds": project_text("{delta: '2.*'}", more="gpus: [V100, A100]"),
    "one GPU with code in one build": project_text("{delta: '2.*'}", more="gpus: [A100]"),
    "no Python that all platforms have": project_text("{delta: '1.*'}", targets="[cpu]", platforms="linux-64, win-64"),
    "a Python that one platform refuses": project_text("{delta: '2.*'}", targets="[cpu]", python="3.10", platforms="linux-64, win-64"),
    "a constraint on another release of the same framework": project_text("{delta: '0.*'}", targets="[cpu]", platforms="win-64"),
    "a Python that a constraint leaves": project_text("{delta: '2.*'}", platforms="linux-64, win-64", python=">=3.9,<3.12"),
    "a release that wants another provider beside another": project_text("{delta: '1.*', alpha: '2.1.*'}", python="3.10", targets="[cpu]"),
    "the same with an older Python": project_text("{delta: '1.*', alpha: '*'}", python="3.9", targets="[cpu]"),
    "a bound on a dependency": project_text("{delta: '1.*'}", more="dependencies: [numpy]"),
    "a bound that a dependency contradicts": project_text("{delta: '*'}", more="dependencies: ['numpy >=2']", targets="[cpu]"),
    "a bound, and an old dependency": project_text("{delta: '*'}", more="dependencies: ['numpy 1.19.*']"),
    "a dependency of which a build alone is requested": project_text("{delta: '1.*'}", more="dependencies: ['numpy * *_0']"),
    "two specs of one dependency, of which one is in brackets": project_text("{delta: '1.*'}", targets="{cpu: {dependencies: ['numpy >=2']}, cu126: }", more="dependencies: [\"numpy[version='<3']\"]"),
    "a bound of one target": project_text("{delta: '1.*'}", targets="{cpu: {dependencies: [numpy]}, cu126: }"),
    "a framework that another is older than": project_text("{delta: '*', gamma: '*'}", platforms="linux-64, win-64"),
    "no framework": project_text("{}", platforms=ALL, targets="[cpu, cu118, cu126]"),
}  # fmt: skip


def because(reason: Reason) -> str:
    """A reason with its place in the project; the facts' lines are their own affair, their file is not."""
    place = str(reason.at) if "project.yaml" in str(reason.at) else str(reason.at).partition(":")[0].rpartition("/")[2]
    return f"{reason.text} [{place}]{f' ({reason.because})' if reason.because else ''}"


def resolution_lines(row: Resolution) -> Iterator[str]:
    """Everything that a resolution says."""
    yield f"{row.target.name}: {', '.join(row.platforms)}; {', '.join(f'{pin.name} {pin.version}' for pin in row.pins)}"
    yield from (f"pin {pin.name} {pin.version}: {because(reason)}" for pin in row.pins for reason in pin.because)
    yield from (f"dropped {dropped.platform}: {because(dropped.because)}" for dropped in row.dropped)
    yield from (f"left out: {because(reason)}" for reason in row.left_out)
    yield from (f"excluded on {platform}: {', '.join(names)}" for platform, names in row.excluded.items() if names)
    yield from (f"bound: {bound.text(row.platforms)}: {because(bound.because)}" for bound in row.bounds)
    yield from (f"virtual on {platform}: {row.target.virtual[platform]}" for platform in row.platforms)
    yield from (f"specs: {', '.join(group.specs)} {group.only or ''}# {group.because}" for group in groups(row))
    yield from (f"warning: {because(reason)}" for reason in row.warnings)
    yield from map(obstacle_line, row.obstacles)


def obstacle_line(row: Obstacle) -> str:
    """What kept a release from being taken."""
    about = (row.target, row.platform, "" if row.release else "(all)", "(index)" * row.index)
    return f"obstacle {' '.join(filter(None, about))}: {because(row.reason)}"


def resolved(text: str, availability: Availability = no_index) -> list[str]:
    """What the resolver says of a project."""
    matrix = wider_matrix()
    try:
        return [line for row in resolve(matrix, project_of(text, matrix), availability) for line in resolution_lines(row)]
    except Unsatisfiable as error:
        said = [f"unsatisfiable: {line}" for line in str(error).splitlines() if line]
        return [*said, *map(obstacle_line, obstacles(error.problem))]
    except BadInput as error:
        return [f"bad input: {line}" for line in str(error).splitlines() if line]


def index_of(pythons: str, lacking: str = "") -> list[str]:
    """What the resolver says where an index holds only some Pythons, and nothing of one platform."""
    held = frozenset(map(Version, pythons.split()))

    def available(choice: Choice, target: Target, platform: Platform) -> frozenset[Version] | None:
        return frozenset() if platform == lacking else held

    return resolved(project_text("{alpha: '>=2', beta: '*'}", platforms="linux-64, osx-arm64"), available)


INDEXES = {
    "an index with one older Python": lambda: index_of("3.11"),
    "an index without any": lambda: index_of(""),
    "an index without one platform": lambda: index_of("3.11 3.12", "osx-arm64"),
}

# --- the fit of a machine -------------------------------------------------------------------------------------------------

V100, B200, K40, A100 = (
    Gpu(name=n, capability=Version(c)) for n, c in (("V100", "7.0"), ("B200", "10.0"), ("K40", "3.5"), ("A100", "8.0"))
)
LINUX = System(platform="linux-64", glibc=Version("2.36"), archspec="x86_64_v3")
OLD = System(platform="linux-64", glibc=Version("2.17"), archspec="x86_64")
MUSL = System(platform="linux-64", musl=True, archspec="x86_64_v2")
WSL = replace(LINUX, wsl=True)
MAC = System(platform="osx-arm64", archspec="m1")
WINDOWS = System(platform="win-64", archspec="x86_64_v3")


def machine(driver: str = "", cuda: str = "", *gpus: Gpu, **more: object) -> Machine:
    return Machine(driver=Version(driver) if driver else None, cuda=Version(cuda) if cuda else None, gpus=gpus, **more)


MACHINES: Mapping[str, tuple[Machine, System | None]] = {
    "no driver": (machine(), LINUX),
    "a note instead of a driver": (machine(note="NVML says no"), LINUX),
    "a new driver": (machine("580.65.06", "13.0", A100), LINUX),
    "a driver without a GPU": (machine("580.65.06", "13.0"), LINUX),
    "a driver whose GPUs are hidden": (machine("580.65.06", "13.0", hidden=(A100,)), LINUX),
    "a driver of CUDA 12.2": (machine("535.104.05", "12.2", V100), LINUX),
    "a driver whose CUDA nobody told": (machine("535.104.05", "", V100), LINUX),
    "a driver of CUDA 11": (machine("520.61.05", "11.8", A100), LINUX),
    "a driver of CUDA 11 with a GPU of a data centre": (machine("470.42.01", "11.4", replace(A100, data_centre=True)), LINUX),
    "two GPUs of which one is too old": (machine("580.65.06", "13.0", K40, A100), LINUX),
    "the same GPU twice": (machine("580.65.06", "13.0", K40, K40), LINUX),
    "a GPU that is too new": (machine("580.65.06", "13.0", B200), LINUX),
    "an old system": (machine("580.65.06", "13.0", A100), OLD),
    "musl": (machine("580.65.06", "13.0", A100), MUSL),
    "WSL": (machine("528.33", "12.0", A100), WSL),
    "WSL with a driver of CUDA 10": (machine("441.22", "10.2", V100), WSL),
    "macOS": (machine(), MAC),
    "Windows": (machine("580.65.06", "13.0", A100), WINDOWS),
    "a system that nobody looked at": (machine("580.65.06", "13.0", A100), None),
}
FIT = project_text("{alpha: '>=2', beta: '*'}", targets="[cpu, cu118, cu126]", platforms="linux-64, win-64")
V3 = project_text(targets="{cpu: {virtual-packages: {__archspec: '1 x86_64_v4'}}, cu126: {virtual-packages: {__glibc: '2.40'}}}")
NO_CUDA = project_text(targets="[cpu]")
LOCKS = {
    "cpu": LockedTarget(("linux-64",)),
    "cu126": LockedTarget(("linux-64", "win-64"), {"alpha": "2.1.0", "beta": "3.1.0"}, {"linux-64": Version("9.12.0.1")}),
}


def fit_lines(row: Fit) -> Iterator[str]:
    yield f"{row.target}: {row.mode or 'does not run'}{'' if row.locked else ', not locked'}{'' if row.driver_suffices else ', by its driver'}"
    yield from (f"why: {why}" for why in row.why)
    yield from (f"caution: {text}" for text in row.cautions)
    yield from (f"fix: {text}" for text in row.fixes)


def fits(here: Machine, system: System | None) -> Iterator[str]:
    """How two projects fit a machine, without and with locks, and which target each word takes."""
    small = small_matrix()
    for text, locks in ((FIT, None), (FIT, LOCKS), (FIT, {}), (V3, None), (NO_CUDA, None)):
        project = project_of(text, small)
        looked = "nobody looked for locks" if locks is None else f"locked: {', '.join(locks) or 'none'}"
        yield f"-- {', '.join(row.name for row in project.targets)}; {looked}"
        for row in fit.project_fits(here, small, project, system, locks):
            yield from fit_lines(row)
        for word in MachineWord:
            try:
                yield f"{word.name}: {': '.join(fit.choose_target(word, here, small, project, system, locks))}"
            except BadInput as error:
                yield from (f"{word.name}: {line}" for line in str(error).splitlines() if line)


# --- probe ----------------------------------------------------------------------------------------------------------------

ENDED = {
    f"ended by signal {number}": replace(SEES, done=False, step="matmul", process=ProcessResult(-number, "x\n"))
    for number in (4, 6, 9, 11, 99)
}
LAUNCH = {
    "nothing special": LaunchEnvironment(),
    "a library path": LaunchEnvironment(library_path=(("/usr/local/cuda-12.4/lib64", "/x"),)),
    "a folder that shadows": LaunchEnvironment(shadowing={"/x": ("libcublas.so.12",)}),
    "hidden devices": LaunchEnvironment(visible_devices="-1"),
}
OLDER = replace(FOREIGN, path="/usr/local/cuda-12.4/lib64/libcudart.so.11.0")
DYLIB = "dlopen(_C.so): Library not loaded: @rpath/libc10.dylib"
UNFOUND = "Could not load dynamic library 'libcudnn.so.8'; dlerror: libcudnn.so.8: cannot open shared object file\n"


def answers() -> Mapping[str, tuple[object, ...]]:
    """What a framework answered, the environment, and the machine."""
    nothing = {name: answer for name, (answer, _) in ANSWERED_NOTHING.items()} | ENDED
    return {
        **{name: (answer, here, host) for name, (answer, here, host, _) in FINDINGS.items()},
        **{name: (answer, environment(), HOST) for name, answer in nothing.items()},
        "blind": (BLIND, environment(), HOST),
        "blind on a bare machine": (BLIND, environment(), BARE),
        "a CPU build where CUDA is required": (BLIND, replace(environment(CPU_BUILD), cuda_required=True), HOST),
        "blind with a library of the system": (replace(BLIND, libraries=(FOREIGN,)), environment(), HOST),
        "libraries of two majors in one folder": (replace(SEES, cudnn=None, libraries=(FOREIGN, OLDER)), environment(), HOST),
        "ended by itself": (replace(SEES, done=False, step="matmul", process=ProcessResult(0, "x\n")), environment(), HOST),
        "a library that is missing on macOS": (replace(SEES, done=False, problems=(("import", DYLIB),)), environment(), HOST),
        "a driver whose CUDA nobody told": (BLIND, environment(), replace(HOST, cuda=None)),
        "a library that it did not find": (replace(BLIND, process=ProcessResult(0, UNFOUND)), environment(), HOST),
        "blind, and only the environment says what it is": (
            replace(BLIND, build="unknown"),
            environment(PLAIN_WHEEL, "cu126"),
            HOST,
        ),
        "blind, and nothing says what it is": (replace(BLIND, build="unknown"), environment(PLAIN_WHEEL), HOST),
    }


def verdicts(*case: object) -> list[str]:
    """What `probe` says of an answer, and what it says of it in other surroundings where that differs."""
    lines: list[str] = []
    for launch, surroundings in LAUNCH.items():
        found = evaluate(*case, surroundings, real_matrix())  # type: ignore[arg-type]
        said = [
            f"{found.state}: {found.reason}",
            *(f"{i.severity} {i.rule}: {i.text}; {i.hint}{f' [{i.folder}]' if i.folder else ''}" for i in found.issues),
        ]
        lines += [f"{launch}: {line}" for line in said] if said != lines[: len(said)] else []
    return lines


# --- all ------------------------------------------------------------------------------------------------------------------

FILES_OF_TEXTS: Mapping[str, Mapping[str, Callable[[], Iterable[str]]]] = {
    "resolver.txt": {**{name: partial(resolved, text) for name, text in PROJECTS.items()}, **INDEXES},
    "fit.txt": {name: partial(fits, *row) for name, row in MACHINES.items()},
    "probe.txt": {name: partial(verdicts, *case) for name, case in answers().items()},
}


@pytest.mark.parametrize("name", FILES_OF_TEXTS)
def test_each_file_has_the_texts_of_all_cases(name: str, update_golden: bool) -> None:
    if update_golden:
        told.write(name, {title: list(say()) for title, say in FILES_OF_TEXTS[name].items()})
    assert list(told.written(name)) == list(FILES_OF_TEXTS[name])


@pytest.mark.parametrize(("name", "title"), [(name, title) for name, rows in FILES_OF_TEXTS.items() for title in rows])
def test_everything_is_said_as_it_was_written_down(name: str, title: str) -> None:
    now = list(FILES_OF_TEXTS[name][title]())
    assert now
    assert now == told.written(name)[title]
