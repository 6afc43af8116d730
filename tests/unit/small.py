"""A whole matrix folder that fits on a screen: two frameworks, three targets, few releases; and ways to write it, whole or broken."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import settings

from envgen.matrix.load import load_matrix
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix
from envgen.model.project import Project
from envgen.project import load
from envgen.yamlfile.document import parse

REPO = Path(__file__).parents[2]

ALPHA = """\
framework: alpha
because: https://alpha.example
providers:
  conda-forge:
    - releases: ">=2"
      channels: [conda-forge]
      cpu: ["alpha {version}.* cpu_*"]
      cuda: ["alpha {version}.* cuda{cu}*", "cuda-version {cuda}.*"]
      # {cu} is the CUDA of the build,
      # {cuda} that of the target
      because: https://alpha.example/feedstock
  vendor:
    - releases: ">=1,<2"
      channels: [vendor, conda-forge]
      cpu: ["vendor::alpha {version}.* *_cpu_*", "vendor::cpuonly"]
      cuda: ["vendor::alpha {version}.* *_cuda{cuda}_*", "cudatoolkit {cuda}.*"]
      because: https://alpha.example/vendor
releases:
  - version: "2.1.0"
    # the newest
    builds:
      - {provider: conda-forge, variants: [cpu], platforms: [linux-64, osx-arm64, win-64], python: "3.10-3.12"}
      - {provider: conda-forge, variants: ["12.6"], platforms: [linux-64, win-64], python: "3.10-3.12", cudnn: 9}
  - version: "2.0.0"
    # links cuDNN 8
    builds:
      - {provider: conda-forge, variants: [cpu], platforms: [linux-64, osx-arm64, win-64], python: "3.9-3.11"}
      - {provider: conda-forge, variants: ["11.8", "12.6"], platforms: [linux-64], python: "3.9-3.11", cudnn: 8}
  - version: "1.9.0"
    builds:
      - {provider: vendor, variants: [cpu, "11.8"], platforms: [linux-64], python: "3.9, 3.10"}
"""

ALPHAVISION = """\
framework: alphavision
companion-of: alpha
because: https://alpha.example/vision
providers:
  conda-forge:
    - releases: ">=0.2"
      channels: [conda-forge]
      newer-minor: true
      cpu: ["alphavision {version}.* cpu_*"]
      cuda: ["alphavision {version}.* cuda{cu}*"]
      because: https://alpha.example/vision/feedstock
releases:
  - version: "0.21"
    needs: {alpha: "2.1.*"}
    builds:
      - {provider: conda-forge, variants: [cpu], platforms: [linux-64, osx-arm64, win-64], python: "3.10-3.12"}
      - {provider: conda-forge, variants: ["12.6"], platforms: [linux-64, win-64], python: "3.10-3.12"}
  - version: "0.20"
    needs: {alpha: "2.0.*"}
    builds:
      - {provider: conda-forge, variants: [cpu], platforms: [linux-64, osx-arm64, win-64], python: "3.9-3.11"}
      - {provider: conda-forge, variants: ["11.8", "12.6"], platforms: [linux-64], python: "3.9-3.11"}
"""

BETA = """\
framework: beta
because: https://beta.example
providers:
  conda-forge:
    - releases: ">=3"
      channels: [conda-forge]
      cpu: ["beta {version}.*", "betalib {version}.* cpu_*"]
      cuda: ["beta {version}.*", "betalib {version}.* cuda{cu}*", "cuda-version {cuda}.*"]
      because: https://beta.example/feedstock
releases:
  - version: "3.1.0"
    builds:
      - {provider: conda-forge, variants: [cpu], platforms: [linux-64, osx-arm64], python: "3.11-3.12"}
      - {provider: conda-forge, variants: ["12.6"], platforms: [linux-64], python: "3.11-3.12", cudnn: 9}
  - version: "3.0.0"
    builds:
      - {provider: conda-forge, variants: [cpu], platforms: [linux-64], python: "3.10-3.11"}
      - {provider: conda-forge, variants: ["12.6"], platforms: [linux-64], python: "3.10-3.11", cudnn: 8}
constraints:
  - {when: {beta: ">=3.1"}, need: {alpha: ">=2.1"}, because: https://beta.example/news}
  - {when: {cuda: "12.6", beta: ">=3"}, need: {driver: ">=560"}, warn: true, because: https://beta.example/ptx}
"""

CUDA = """\
because: https://cuda.example
families:
  - {major: 12, linux: "525.60.13", windows: "528.33", excludes: [cudatoolkit], because: https://cuda.example/compatibility}
toolkits:
  - {version: "12.6", linux: "560.28.03", windows: "560.76", capabilities: ["5.0", "9.0"]}
  - {version: "11.8", linux: "520.61.05", windows: null, capabilities: ["3.5", "9.0"]}
constraints:
  - {when: {cuda: ">=12", provider: conda-forge}, need: {glibc: ">=2.28"}, because: https://cuda.example/sysroot}
"""

CUDNN = """\
because: https://cudnn.example
releases:
  - {version: "9.12.0.1", cuda: [12], capability: "7.5"}
  - {version: "9.11.0.98", cuda: [12], capability: "7.5"}
  - {version: "9.10.2.21", cuda: [11, 12], capability: "5.0"}
"""

GPUS = """\
because: https://gpus.example
gpus:
  - capability: "10.0"
    models: [B200]
  - capability: "8.0"
    models: [A100, A30]
  - capability: "7.0"
    models: [V100]
  - capability: "3.5"
    models: [K40]
"""

TARGETS = """\
because: https://targets.example
virtual-packages:
  linux-64: {__unix: "0", __linux: "5.10", __glibc: "2.28", __archspec: "1 x86_64"}
  osx-arm64: {__unix: "0", __osx: "13.0", __archspec: "1 arm64"}
  win-64: {__win: "0", __archspec: "1 x86_64"}
targets:
  cpu: {platforms: [linux-64, osx-arm64, win-64]}
  cu118: {cuda: "11.8", platforms: [linux-64]}
  cu126: {cuda: "12.6", platforms: [linux-64, win-64]}
"""

FILES: Mapping[str, str] = {
    "alpha.yaml": ALPHA,
    "alphavision.yaml": ALPHAVISION,
    "beta.yaml": BETA,
    "cuda.yaml": CUDA,
    "cudnn.yaml": CUDNN,
    "gpus.yaml": GPUS,
    "targets.yaml": TARGETS,
}

PROJECT = """\
python: ">=3.9"
frameworks: {alpha: ">=2"}
targets: [cpu, cu126]
platforms: [linux-64]
channels: [conda-forge]
"""


def write_matrix(folder: Path, files: Mapping[str, str] = FILES) -> Path:
    """Write matrix files; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def with_change(name: str, old: str, new: str) -> dict[str, str]:
    """All files, with the first `old` in one of them replaced."""
    assert old in FILES[name], f"{old!r} is not in {name}"
    return {**FILES, name: FILES[name].replace(old, new, 1)}


@cache
def real_matrix() -> Matrix:
    """The facts of this repository, read once in a process."""
    return load_matrix(REPO / "matrices")


@cache
def small_matrix() -> Matrix:
    """The small matrix, read once."""
    with TemporaryDirectory() as folder:
        return load_matrix(write_matrix(Path(folder)))


def project_of(text: str, matrix: Matrix | None = None, name: str = "demo") -> Project:
    """A project from the text of its file."""
    return load.project_of(parse(text, f"environments/{name}/project.yaml"), name, matrix or small_matrix())


def refused(do: Callable[[], object]) -> BadInput | None:
    """The BadInput that a call ends in, or None where it ends well; any other exception goes on."""
    try:
        do()
    except BadInput as error:
        return error
    return None


def assert_none(found: Iterable[object]) -> None:
    """Fail where anything was found, with all of it: one a line, which pytest does not shorten."""
    rows = list(map(str, found))
    if rows:
        pytest.fail("\n".join(["", *rows]), pytrace=False)


def data_of(text: str) -> Any:
    """YAML as data, by the parser in C: the one in Python takes ten times as long."""
    return yaml.load(text, Loader=yaml.CSafeLoader)


def yaml_of(data: object) -> str:
    """Data as YAML, keys in the order that they have."""
    return yaml.dump(data, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True)


def examples(count: int, least: int = 5) -> settings:
    """So many examples, times ENVGEN_EXAMPLES, which may be a fraction; but not fewer than `least`."""
    return settings(max_examples=max(least, round(count * float(os.environ.get("ENVGEN_EXAMPLES", "1")))))
