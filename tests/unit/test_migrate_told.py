"""What becomes of files of other tools, whole: the project file that is written and each line of the report, or the error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from conftest import REPO
from packaging.version import Version
from unit import told
from unit.lock_texts import entry, lock_text
from unit.small import real_matrix
from unit.test_foreign import PIXI as PIXI_LOCK
from unit.test_foreign import TORCH as TORCH_URL
from unit.test_foreign_wheels import PYLOCK

from envgen.cli.bring import _resolved
from envgen.migrate.draft import DraftRow, ProjectDraft
from envgen.migrate.merge import merged
from envgen.migrate.model import Asked, AskedSpec, NotCarried, ReadAs
from envgen.migrate.pip_lines import PipLines
from envgen.migrate.read import read_contents
from envgen.migrate.records import needs_by
from envgen.migrate.report import held_text, report_json, report_text
from envgen.migrate.roots import reduced
from envgen.migrate.text import project_text
from envgen.migrate.variants import CPU, ReadEnvironment, index_variant, of_all, read_environment_of
from envgen.migrate.versions import one_range
from envgen.model.address import Address
from envgen.model.errors import BadInput, EnvgenError
from envgen.model.packages import LockedPackage
from envgen.targets import TargetRange, cuda_range

PINNED = {"one file with CUDA by a package", "platforms", "four platforms"}  # of which no newer facts change the choice
NARROW = {
    "lines for pip of every kind": 60,
    "platforms": 41,
    "four platforms": 60,
    "environments of pixi": 41,
    "an index of one file alone": 60,
}  # columns
NAMED = {"more.txt", "more.yml"}  # by another file
TORCH = "dependencies: [python=3.12, pytorch=2.6, numpy]\n"
CUDA = "dependencies: [python=3.12, pytorch=2.6, cuda-version=12.6, numpy]\n"
PIXI = '[workspace]\nname = "p"\nchannels = ["conda-forge"]\nplatforms = ["linux-64"]\n'
RAPIDS = "files:\n  all: {output: conda, includes: [a], MORE}\ndependencies:\n  a:\n    common:\n    - {output_types: conda, packages: [python=3.12, jax]}\nchannels: [conda-forge]\n"  # fmt: skip
FEED = "https://conda.anaconda.org/conda-forge"

CASES: Mapping[str, Mapping[str, str]] = {
    # environment files
    "one file without a word for CPU or CUDA": {"environment.yml": TORCH},
    "one file with CUDA by a package": {"environment.yml": CUDA},
    "one file with CUDA by its name": {"env-cu126.yml": TORCH},
    "one file with any CUDA by its name": {"env-gpu.yml": TORCH},
    "one file with a major of CUDA": {"e.yml": "dependencies: [python=3.12, pytorch=2.6, cuda-version=12]\n"},
    "CUDA on two systems, of which one has none": {"e.yml": f"platforms: [linux-64, osx-arm64]\nchannels: ['https://conda.anaconda.org/c/']\n{CUDA}"},
    "CPU by its name, on Windows": {"env-windows-cpu.yml": TORCH},
    "a file for macOS beside one for CUDA": {"env-macos.yml": TORCH, "env-linux-cuda.yml": CUDA},
    "two files that differ in a package, a channel and a version": {"cpu.yml": "channels: [conda-forge]\ndependencies: [python=3.12, 'pytorch>=2.5', cpuonly, zlib]\n", "cu126.yml": "channels: [nvidia, conda-forge]\ndependencies: [python>=3.11, pytorch=2.6, cuda-version=12.6, ninja, pip: [einops]]\n"},
    "two files with several versions and Pythons": {"cpu.yml": "dependencies: [python=3.11, pytorch=2.5, cpuonly]\n", "gpu.yml": "dependencies: [python=3.12, pytorch=2.6, cuda-version=12.6]\n"},
    "a file for all beside two": {"base.yml": "dependencies: [python=3.12, numpy]\n", "cpu.yml": "dependencies: [pytorch-cpu]\n", "gpu.yml": "dependencies: [pytorch-gpu, cuda-version=12.6]\n"},
    "a framework that only one file has": {"cpu.yml": "dependencies: [python=3.12, cpuonly, pytorch]\n", "gpu.yml": "dependencies: [python=3.12, pytorch, jax, cuda-version=12.6]\n"},
    "CUDA that no target is for": {"e.yml": "dependencies: [pytorch, cudatoolkit=9.0]\n"},
    "CUDA that no target is for, beside one": {"e.yml": "dependencies: [pytorch, cudatoolkit=9.0]\n", "cpu.yml": "dependencies: [python=3.12, pytorch, cpuonly]\n"},
    "CPU and CUDA in one": {"a.yml": "dependencies: [cpuonly, pytorch, cudatoolkit=11.3]\n"},
    "two CUDAs in one": {"a.yml": "dependencies: [pytorch, cudatoolkit=11.3, cuda-version=12.6]\n"},
    "no package": {"a.yml": "dependencies: []\n"},
    "no list": {"a.yml": "dependencies: {numpy: 1}\n"},
    "a list in a list": {"a.yml": "dependencies: [[numpy]]\n"},
    "keys that a project does not have": {"e.yml": f"name: my-env-cpu\nprefix: /home/u/e\nvariables: {{A: b}}\ncategory: x\nother: 1\n{TORCH}"},
    "the place of an environment on macOS": {"e.yml": f"prefix: /Users/u/e\n{TORCH}"},
    "the place of an environment on Windows": {"e.yml": f"prefix: C:\\u\\e\n{TORCH}"},
    "platforms": {"e.yml": f"platforms: [linux-64, osx-arm64, zos-z]\n{TORCH}"},
    "what conda exported": {"e.yml": "dependencies: [python=3.12.9=h1_0, pytorch=2.6.0=cpu_generic_py312_h1_0, _x=1=0, numpy=2.2.6=py312h1_0, c::zlib=1=h1_0]\n"},
    "specs in every spelling": {"e.yml": "dependencies: [python, 'numpy=1.26', 'scipy==1.14', 'pandas>=2,<3', 'a=1.0=py312h1234567_0', 'b=*=mkl*', 'c::d >=1', 'e[version=1]', 'F_g 1.*', 'h >=1  # why', '%', {npm: [x]}]\n"},
    "a text that is no mapping": {"e.yml": "'\ndependencies: x'\n"},
    "one package with its build": {"e.yml": "dependencies: [numpy=2.2.6=py312h1234567_0]\n"},
    **{f"CUDA by {spec}": {"e.yml": f"dependencies: [python=3.12, '{spec}']\n"} for spec in ("cuda-nvcc=12.4", "cuda-nvcc >=12.4.1", "cuda-nvcc", "cudnn=9.1", "x=1=cuda112*", "x=*=*cu*", "x=1=*_cucumber", "x=1=xcuda*", "x=1=*cuda118", "libarrow=19", "bitsandbytes=0.45=cuda126_*", "cuda-pathfinder=1.2", "cuda-nvcc=x", "libcublas=12.6.4.1")},
    "more spellings": {"e.yml": "dependencies: [python=3.12, 'a~=1.2', 'b==1.2=h_0', 'c=1=custom', 'd=1=h1234567_0', 'e!=1', 'pytorch>=2.5,<2.7', 'torchvision==0.21']\n"},
    "a Python that is none": {"e.yml": "dependencies: [python=x.y, numpy]\n"},
    "a patch release of Python": {"e.yml": "dependencies: [python=3.12.4, numpy]\n"},
    "channels of every kind": {"e.yml": f"channels: [nodefaults, defaults, pytorch, conda-forge, 'https://u:p@h.example/c', 'http://[x', 'https://h.example/c/']\n{TORCH}"},
    "channels in two orders": {"a.yml": f"channels: [a, b, conda-forge]\n{TORCH}", "gpu.yml": f"channels: [b, c, a]\n{CUDA}"},
    "a framework of a channel": {"e.yml": "channels: [pytorch]\ndependencies: [python=3.10, 'pytorch::pytorch=1.12.1=py3.10_cuda11.3_cudnn8.3.2_0', 'other::numpy']\n"},
    "selectors and statements of Jinja": {"e.yml": "dependencies:\n- python=3.12\n- a  # [linux64]\n- b  # [not win]\n- c  # [osx or win]\n- d  # [py>3]\n- e  # [linux and aarch64]\n{% set x = 1 %}\n{% if linux %}\n- f\n{% elif win %}\n- g\n{% else %}\n- h\n{% endif %}\n{% if foo %}\n- i\n# j\n{% elif linux %}\n- k\n{% endif %}\n- l={{ x }}\n- m  # a comment\n- n  # [(linux or win)]\n- o  # [linux or foo]\n{% if unix %}\n- p\n  {% if osx %}\n- q\n{% endif %}\n- r\n{% endif %}\n{% endif %}\nplatforms: [linux-64, osx-arm64, win-64]\n"},
    "other files": {"environment.devenv.yml": "includes:\n- {{ root }}/more.yml\n- '{{ root }}/gone.yml'\nname: x\ndependencies:\n- pytorch-cpu\n", "more.yml": "name: b\nchannels: [conda-forge]\nincludes:\n- {{ root }}/more.yml\ndependencies: [python=3.12, numpy]\n"},
    "another file for one system": {"environment.devenv.yml": "includes:\n- {{ root }}/more.yml  # [linux]\nplatforms: [linux-64, win-64]\ndependencies: [python=3.12]\n", "more.yml": "dependencies:\n- a  # [win]\n- b  # [linux64]\n- c\n- d  # [unix]\n- pip: [einops=0.8]\n"},
    "a list in the place of another file": {"environment.devenv.yml": "includes:\n- [x]\ndependencies: [numpy]\n"},
    "a file with a version of its own": {"e.yml": f"version: 1\n{TORCH}"},
    "the same in another spelling of its name": {"e.yaml": f"version: 1\n{TORCH}"},
    "a companion in a version that no channel has": {"e.yml": "dependencies: [python=3.12, pytorch=2.6, torchvision=0.99]\n"},
    **{f"other packages on Windows, CUDA {named or 'of any version'}": {"env-gpu.yml": f"platforms: [linux-64, win-64]\ndependencies:\n- python=3.12\n- pytorch=2.6\n{row}- a  # [linux]\n- b  # [win]\n"} for named, row in (("", ""), ("12", "- cuda-version=12\n"), ("12.6", "- cuda-version=12.6\n"))},
    # pip
    "lines for pip of every kind": {"requirements.txt": "# x\n-i https://i.example/simple\n--extra-index-url https://j.example/simple\n--extra-index-url https://download.pytorch.org/whl/cu126\n-f https://h.example/page.html\n--find-links ./wheels\n-f https://u:${TOKEN}@h.example/x\n-e .\n-c c.txt\n-r gone.txt\n-r more.txt\n--no-deps\ntorch==2.6.0\nnumpy=1.26\n./local\nx.whl\nwhat is this\na[b,a]>=1 ; sys_platform == 'linux'\nc ; python_version > '3.8' and sys_platform == 'win32'\nd @ https://h.example/d-1.0-py3-none-any.whl\ne==1 \\\n  --hash=sha256:aa\nnvidia-cublas-cu12==12.6.4.1\nf==1 --config-settings=x=y --no-binary f\ng ; sys_platform == 'linux' and implementation_name == 'cpython'\n--find-links https://h.example/${PART}/page\n--no-cache-dir\ncupy-cuda12x\n", "more.txt": "scipy\n-r more.txt\n"},
    "nothing for pip": {"requirements.txt": "# nothing\n"},
    "what a package needs, resolved": {"requirements.txt": "torch==2.6.0\n    # via x\nx==1\n    # via -r in\n"},
    "wheels by their index": {"requirements.txt": "--index-url https://download.pytorch.org/whl/cu126/\ntorch==2.14.1\ntorchvision\n"},
    "pip beside conda": {"e.yml": "dependencies: [python=3.12, numpy, Scipy, pip: [scipy, einops, pytorch==2.6.0, jax-cuda12-plugin]]\n"},
    "files for pip without a package name": {"requirements.txt": "a-1.0-py3-none-any.whl\nsub/b-1.0.tar.gz\nc.zip\nfile:d\n/abs/e\nhttps://h.example/f-1.0.whl\ngit+https://h.example/g\nodd name\nh@https://h.example/h-1.0.whl\n"},
    "a companion by pip in a version that no channel has": {"e.yml": "dependencies: [python=3.12, pytorch=2.6, pip: [torchvision==0.99, pytorch==2.6.0, torch-geometric]]\n"},
    "a range of CUDA that no target is for": {"e.yml": "dependencies: [pytorch, 'cuda-version >=99']\n"},
    "an index of one file alone": {"cpu.yml": "dependencies: [python=3.12, pytorch, cpuonly, pip: [a]]\n", "gpu.yml": "dependencies: [python=3.12, pytorch, cuda-version=12.6, pip: ['-f https://h.example/p', '--index-url https://i.example/simple', b]]\n"},
    # choices between what several words say
    "a framework in two bounds": {"e.yml": "dependencies: [python=3.12, 'pytorch==2.6,>=2.5']\n"},
    "CUDA narrowed by a package that tells it": {"e.yml": "dependencies: [python=3.12, pytorch-gpu, cuda-nvcc=12.4]\n"},
    "CPU beside a tool for any CUDA": {"e.yml": "dependencies: [python=3.12, cpuonly, pytorch, cuda-nvcc]\n"},
    "a major of CUDA beside a tool for another": {"e.yml": "dependencies: [python=3.12, pytorch, cuda-version=11, cuda-nvcc=12.4]\n"},
    "a version of CUDA and a range that has it": {"e.yml": "dependencies: [python=3.12, pytorch, cuda-version=12.6, 'cudatoolkit>=12']\n"},
    "a range of CUDA and a version in it": {"e.yml": "dependencies: [python=3.12, pytorch, 'cuda-version>=12', cudatoolkit=12.6]\n"},
    "a build of several Pythons": {"e.yml": "dependencies: [python=3.12, 'x=1=py312*_0', 'y=*=py312_0']\n"},
    "a file for all by its name, with a Python": {"env-common.yml": "dependencies: [python=3.12, numpy]\n", "gpu.yml": CUDA},
    "a file for all without a Python": {"env.yml": "dependencies: [zlib]\n", "gpu.yml": CUDA},
    "a channel with a letter of every kind": {"e.yml": f"channels: ['1.0', fooX, 'https://h.example/c#d']\n{TORCH}"},
    "targets of its own that cannot be": {"env-gpu.yml": "platforms: [linux-64, win-64]\ndependencies:\n- python=3.12\n- pytorch=2.6\n- torchvision=0.99\n- a  # [linux]\n- b  # [win]\n"},
    "Python and a group for pip": {"requirements.txt": "python>=3.11\neinops>=0.7\nnumpy ; implementation_name == 'pypy' and sys_platform == 'linux'\n"},
    "specs for conda in a list": {"requirements.txt": "# x\nnumpy=1.26\n\npython>=3.11  # y\nzlib\n"},
    "an option that is none": {"requirements.txt": "-\n--\neinops\n"},
    "a conda framework beside an index of wheels": {"e.yml": "dependencies: [python=3.12, pytorch=2.6, pip: ['--index-url https://download.pytorch.org/whl/cu126', einops]]\n"},
    "conda and pip for one framework, beside an index of wheels": {"e.yml": "dependencies: [python=3.12, pytorch=2.6, pip: ['--index-url https://download.pytorch.org/whl/cu126', torch==2.6.0]]\n"},
    "a wheel in a version that has none": {"requirements.txt": "--index-url https://download.pytorch.org/whl/cu126\ntorch==0.1\n"},
    "a companion of wheels from conda": {"e.yml": "dependencies: [python=3.12, torchvision=0.29, pip: ['--index-url https://download.pytorch.org/whl/cu126', torch==2.14.1]]\n"},
    "a companion of wheels in a version that has none": {"requirements.txt": "--index-url https://download.pytorch.org/whl/cu126\ntorch==2.14.1\ntorchvision==0.99\n"},
    "wheels of a folder beside a framework": {"requirements.txt": "-f /wheels\ntorch==2.6.0\n"},
    "two majors of CUDA in one": {"a.yml": "dependencies: [pytorch, cuda-version=11, cuda-version=12]\n"},
    "four platforms": {"env-cpu.yml": f"platforms: [linux-64, linux-aarch64, osx-arm64, win-64]\n{TORCH}"},
    "a text of YAML that stands for another": {"e.yml": "a: &x [python=3.12, zlib]\ndependencies: *x\n"},
    "a framework of a channel in one of two files": {"cpu.yml": "channels: [pytorch]\ndependencies: [python=3.10, pytorch=1.12.1, cpuonly]\n", "gpu.yml": "channels: [pytorch]\ndependencies: [python=3.10, 'pytorch::pytorch=1.12.1', cudatoolkit=11.3]\n"},
    "a word of a channel": {"e.yml": "channels: [pytorch]\ndependencies: [python=3.10, pytorch=1.12.1, 'pytorch::cpuonly']\n"},
    "a word for CUDA of a channel": {"e.yml": "dependencies: [python=3.12, pytorch=2.6, 'nvidia::cuda-version=12.6']\n"},
    "a file without a suffix": {"environment": TORCH},
    "words between dots in a name": {"requirements.gpu.txt": "torch==2.6.0\n"},
    "a version with a dot in a name": {"env-cuda12.6.yml": TORCH},
    "a list that a tool compiles": {"requirements.in": "einops\nx.zip \\\n"},
    "a word for CUDA, of pip": {"requirements.txt": "cuda-version==12.6\njax==0.7.2\n-f /wheels\n"},
    # pixi
    "pixi: what it names": {"pixi.toml": f'{PIXI}[tasks]\na = "b"\n[pypi-options]\nx = 1\n[dependencies]\npython = "3.12.*"\nnumpy = "*"\na = {{version = ">=1", channel = "c"}}\nb = {{build = "mkl*"}}\nc = {{version = "*", build = "mkl*"}}\npytorch-cpu = "2.6.*"\n[pypi-dependencies]\nd = "*"\ne = ">=1"\nf = {{version = ">=2", extras = ["x", "y"]}}\ng = {{path = "."}}\nh = {{git = "https://h.example/h"}}\ni = {{url = "https://h.example/i-1-py3-none-any.whl"}}\n[host-dependencies]\nj = "*"\n'},
    "pixi: environments": {"pixi.toml": f'{PIXI}[dependencies]\npython = "3.12.*"\npytorch = "2.6.*"\n[feature.gpu]\nchannels = ["nvidia", {{channel = "x", priority = 1}}]\nplatforms = ["linux-64", "win-64"]\n[feature.gpu.system-requirements]\ncuda = "12.6"\n[feature.unused.dependencies]\na = "*"\n[feature.lint]\ntasks = {{}}\n[feature.lint.target.linux-64.dependencies]\nruff = "*"\n[feature.lint.target.nowhere.dependencies]\nb = "*"\n[environments]\ngpu = ["gpu"]\nlint = {{features = ["lint"], no-default-feature = true}}\n'},
    "pixi: named platforms": {"pixi.toml": '[project]\nname = "p"\nchannels = ["conda-forge"]\nplatforms = [{name = "server", platform = "linux-64", cuda = {driver = "12.6"}}, {name = "laptop", subdir = "osx-arm64"}]\n[dependencies]\npython = "3.12.*"\npytorch = "2.6.*"\n[target."serv*".dependencies]\nninja = "*"\n[target.unix.dependencies]\ncmake = "*"\n'},
    "pixi: indexes": {"pixi.toml": f'{PIXI}[dependencies]\npython = "3.12.*"\n[pypi-options]\nindex-url = "https://i.example/simple"\nextra-index-urls = ["https://j.example/simple"]\nfind-links = [{{url = "https://h.example/page"}}, {{path = "wheels"}}]\n[pypi-dependencies]\na = {{version = "*", index = "https://a.example/simple"}}\n[target.win-64.pypi-dependencies]\nb = {{version = "*", index = "https://b.example/simple"}}\n[target.linux-64.pypi-dependencies]\nc = {{version = "*", index = "https://c.example/simple"}}\n'},
    "pixi: no list": {"pixi.toml": f"{PIXI}[environments]\na = {{features = 5}}\n"},
    "pixi: no TOML": {"pixi.toml": "[workspace\n"},
    "pyproject: its dependencies": {"pyproject.toml": '[project]\nname = "p"\nrequires-python = ">=3.11"\ndependencies = [\n"numpy>=2",\n"torch==2.6.0",\n"not a requirement"]\n[project.optional-dependencies]\ntest = ["pytest"]\n'},
    "pyproject: indexes of uv": {"pyproject.toml": '# https://i.example/simple\n[project]\nname = "p"\nrequires-python = ">=3.11"\ndependencies = ["torch==2.14.1", "a", "b"]\n[[tool.uv.index]]\nname = "pt"\nurl = "https://download.pytorch.org/whl/cu126"\nexplicit = true\n[[tool.uv.index]]\nname = "all"\nurl = "https://i.example/simple"\ndefault = true\n[[tool.uv.index]]\nname = "j"\nurl = "https://j.example/simple"\n[tool.uv.sources]\ntorch = [{index = "pt", marker = "sys_platform == \'linux\'"}, 5]\na = {index = "j"}\nb = {git = "https://h.example/b"}\n'},
    "pyproject: Poetry": {"pyproject.toml": '[tool.poetry]\nname = "p"\n[tool.poetry.dependencies]\npython = "^3.11"\nnumpy = ">=2"\n'},
    "pyproject: pixi": {"pyproject.toml": '[project]\nname = "p"\nrequires-python = ">=3.11"\ndependencies = ["einops"]\n[tool.pixi.workspace]\nchannels = ["conda-forge"]\nplatforms = ["linux-64"]\n[tool.pixi.dependencies]\npytorch-gpu = "2.6.*"\n[tool.pixi.environments]\ncuda = []\n'},
    "pixi: indexes on one host": {"pixi.toml": f'{PIXI}[dependencies]\npython = "3.12.*"\n[pypi-dependencies]\na = {{version = "*", index = "https://a.example/one"}}\nb = {{version = "*", index = "https://a.example/two"}}\nc = {{version = "*", index = "https://a.example/two"}}\n"D.e" = {{version = "*", index = "http://[::1]/simple"}}\n'},
    "pixi: a package from an index in one environment alone": {"pixi.toml": f'{PIXI}[dependencies]\npython = "3.12.*"\n[feature.cpu.pypi-dependencies]\na = "*"\n[feature.gpu.pypi-dependencies]\na = {{version = "*", index = "https://a.example/simple"}}\n[environments]\ncpu = {{features = ["cpu"], no-default-feature = false}}\ngpu = ["gpu"]\n'},
    "pixi: a package from an index beside the same of conda": {"pixi.toml": f'{PIXI}[dependencies]\npython = "3.12.*"\n[feature.cpu.dependencies]\na = "*"\n[feature.cpu.pypi-dependencies]\nb = "*"\n[feature.gpu.pypi-dependencies]\na = {{version = "*", index = "https://a.example/simple"}}\n[environments]\ncpu = ["cpu"]\ngpu = ["gpu"]\n'},
    "pixi: no default environment": {"pixi.toml": f'{PIXI}[feature.gpu.dependencies]\npython = "3.12.*"\npytorch = "2.6.*"\ncuda-version = "12.6.*"\n[environments]\ngpu = ["gpu"]\n'},
    "pixi: one environment, without a word for CPU or CUDA": {"pixi.toml": f'{PIXI}[feature.a.dependencies]\npython = "3.12.*"\n[environments]\na = ["a"]\n'},
    "pixi: a platform that is none": {"pixi.toml": PIXI.replace('"linux-64"', '"linux-64", "zos-z"') + '[dependencies]\npython = "3.12.*"\n'},
    "pixi: what cannot be taken over, in two environments": {"pixi.toml": f'{PIXI}[dependencies]\npython = "3.12.*"\npytorch = "2.6.*"\n[pypi-dependencies]\ng = {{path = "."}}\nx = {{path = "x"}}\n[feature.gpu.system-requirements]\ncuda = "12.6"\n[environments]\ngpu = ["gpu"]\n'},
    "pyproject: pixi with a Python": {"pyproject.toml": '[project]\nname = "p"\nrequires-python = ">=3.11.2"\ndependencies = ["einops"]\n[tool.pixi.workspace]\nchannels = ["conda-forge"]\nplatforms = ["linux-64"]\n[tool.pixi.dependencies]\npython = "3.12.*"\n'},
    "pyproject: a package beside Poetry": {"pyproject.toml": '[project]\nname = "p"\ndependencies = ["einops"]\n[tool.poetry]\nname = "p"\n'},
    "pyproject: no package at all": {"pyproject.toml": "[tool.ruff]\nline-length = 100\n"},
    "pyproject: extras of uv": {"pyproject.toml": '# https://own.example/simple\n[project]\nname = "p"\nrequires-python = ">=3.11.2"\ndependencies = ["einops"]\n[project.optional-dependencies]\ncpu = ["torch==2.14.1"]\ncu126 = ["torch==2.14.1", "numpy"]\n[dependency-groups]\ndev = ["pytest"]\n[tool.uv]\nconflicts = []\n[[tool.uv.index]]\nname = "pc"\nurl = "https://download.pytorch.org/whl/cpu"\nexplicit = true\n[[tool.uv.index]]\nname = "pt"\nurl = "https://download.pytorch.org/whl/cu126"\nexplicit = true\n[[tool.uv.index]]\nname = "own"\nurl = "https://own.example/simple"\nexplicit = true\n[tool.uv.sources]\ntorch = [{index = "pc", extra = "cpu"}, {index = "pt", extra = "cu126"}]\neinops = {index = "own"}\nunasked = {index = "own"}\n'},
    "pyproject: an index that is no list": {"pyproject.toml": '[project]\nname = "p"\nrequires-python = ">=3.11"\ndependencies = ["a"]\n[tool.uv]\nindex = 5\n'},
    # dependencies.yaml
    "rapids: a matrix": {"dependencies.yaml": RAPIDS.replace("MORE", 'matrix: {cuda: ["12.9", "12.6"], arch: [x86_64, aarch64]}')},
    "rapids: another axis": {"dependencies.yaml": RAPIDS.replace("MORE", 'matrix: {mode: [one, two, three], py: ["3.12", "3.13"]}').replace("channels: [conda-forge]", "channels: conda-forge")},
    "rapids: lists for some cells": {"dependencies.yaml": (REPO / "tests/migrate/rapids/dependencies.yaml").read_text(encoding="utf-8").replace("packages: [python=3.13]", "packages: ['python>=3.13', pip: [einops]]")},
    "rapids: no file": {"dependencies.yaml": "files:\n  {}\ndependencies:\n  y: {}\n"},
    "rapids: no list of that name": {"dependencies.yaml": RAPIDS.replace("[a]", "[b]").replace(", MORE", "")},
    "rapids: nothing": {"dependencies.yaml": "files:\n  all: 5\ndependencies:\n  y: {}\n"},
    "rapids: no mapping": {"dependencies.yaml": "files:\ndependencies:\n"},
    "rapids: a word for a mapping": {"dependencies.yaml": RAPIDS.replace("MORE", "matrix: 5")},
    "rapids: words for lists": {"dependencies.yaml": RAPIDS.replace("packages: [python=3.12, jax]", "packages: 5").replace(", MORE", "")},
    "rapids: a list for a mapping": {"dependencies.yaml": RAPIDS.replace("{output_types: conda, packages: [python=3.12, jax]}", "[]").replace(", MORE", "")},
    "rapids: for pip alone": {"dependencies.yaml": RAPIDS.replace("output: conda", "output: [requirements]").replace("output_types: conda", "output_types: requirements").replace(", MORE", "").replace("python=3.12, jax", "jax==0.7.2, numpy=2")},
    # lists and locks
    "a pylock.toml": {"pylock.toml": PYLOCK},
    "a list of URLs": {"spec.txt": f"@EXPLICIT\n{FEED}/linux-64/python-3.12.9-h1_0.conda\n{FEED}/linux-64/pytorch-2.6.0-cuda126_generic_py312_h1_200.conda\n{FEED}/noarch/einops-0.8-pyh1_0.conda\nhttps://h.example/own/noarch/x-1-0.conda\n{FEED}/linux-64/_openmp_mutex-4-0.conda\n"},
    "a list of names": {"list.txt": "# platform: win-64\npython=3.12.9=h1_0\npytorch=2.6.0=cpu_generic_py312_h1_0\neinops=0.8=pypi_0\n"},
    "environments of pixi": {"pixi.lock": PIXI_LOCK[6].replace("VERSION", "6").replace("packages:\n- conda", "  cuda:\n    channels:\n    - url: https://h.example/c/\n    packages:\n      linux-64:\n      - conda: " + TORCH_URL + "\npackages:\n- conda", 1)},
    "environments of pixi by their names": {"pixi.lock": PIXI_LOCK[6].replace("VERSION", "6").replace("default:", "gpu:", 1).replace("cuda126_mkl_py312_h30b5a27_300", "py312_h30b5a27_300")},
    "a named platform in a lock of pixi": {"pixi.lock": PIXI_LOCK[7].replace("VERSION", "7").replace("- name: linux-64\n", "- name: server\n  subdir: linux-64\n  virtual-packages:\n  - __cuda=12.6\n").replace("      linux-64:", "      server:")},
    "a named platform with a driver, in a lock of pixi": {"pixi.lock": PIXI_LOCK[7].replace("VERSION", "7").replace("- name: linux-64\n", "- name: server\n  subdir: linux-64\n  virtual-packages:\n  - __cuda=12.6\n").replace("      linux-64:", "      server:").replace("cuda126_mkl_py312_h30b5a27_300", "py312_h30b5a27_300")},
    "a lock for CUDA that no target is for": {"conda-lock.yml": f"version: 1\npackage:\n- {{name: pytorch, version: 2.6.0, manager: conda, platform: linux-64, url: '{FEED}/linux-64/pytorch-2.6.0-cuda90_0.conda#x/y', hash: {{}}}}\n- {{name: a, version: '1', manager: conda, platform: zos-z, url: '{FEED}/zos-z/a-1-0.conda', hash: {{}}}}\n"},
    "a build string for CUDA of a package that is not known": {"e.yml": "dependencies: [python=3.12, y=1=cuda118*, numpy=2]\n"},
    "an exported build string for CUDA of a package that is not known": {"e.yml": "dependencies: [python=3.12, y=1=cuda126_h1234567_0, numpy=2]\n"},
    "a list in JSON": {"list.json": '[{"name": "python", "version": "3.12.9", "build_string": "h1_0"}, {"name": "numpy", "version": "2.2.6", "build_string": "py312_0"}, {"name": "cuda-version", "version": "12.6", "build_string": "0"}]'},
    "a lock of two platforms": {"conda-lock.yml": f"version: 1\nmetadata: {{channels: [{{url: 'https://conda.anaconda.org/ownX/'}}, {{url: conda-forge}}]}}\npackage:\n- {{name: python, version: 3.12.9, manager: conda, platform: linux-64, url: '{FEED}/linux-64/python-3.12.9-h1_0.conda', hash: {{}}, dependencies: {{zlib: ''}}}}\n- {{name: zlib, version: '1.3', manager: conda, platform: linux-64, url: '{FEED}/linux-64/zlib-1.3-h1_0.conda', hash: {{}}, dependencies: {{}}}}\n- {{name: python, version: 3.12.9, manager: conda, platform: win-64, url: '{FEED}/win-64/python-3.12.9-h1_0.conda', hash: {{}}, dependencies: {{}}}}\n- {{name: numpy, version: 2.2.6, manager: conda, platform: win-64, url: '{FEED}/win-64/numpy-2.2.6-h1_0.conda', hash: {{}}, dependencies: {{python: ''}}}}\n- {{name: einops, version: '0.8', manager: pip, platform: linux-64, url: 'https://h.example/packages/py3/einops-0.8-py3-none-any.whl', hash: {{}}, dependencies: {{}}}}\n- {{name: einops, version: '0.8', manager: pip, platform: win-64, url: 'https://h.example/einops-0.8-py3-none-any.whl', hash: {{}}, dependencies: {{}}}}\n"},
    "a lock in which a package brings a framework": {"conda-lock.yml": f"version: 1\nmetadata: {{channels: [{{url: conda-forge}}]}}\npackage:\n- {{name: python, version: 3.12.9, manager: conda, platform: linux-64, url: '{FEED}/linux-64/python-3.12.9-h1_0.conda', hash: {{}}, dependencies: {{}}}}\n- {{name: pytorch, version: 2.6.0, manager: conda, platform: linux-64, url: '{FEED}/linux-64/pytorch-2.6.0-cuda126_generic_py312_h1_200.conda#0123', hash: {{}}, dependencies: {{python: '', cuda-version: ''}}}}\n- {{name: cuda-version, version: '12.6', manager: conda, platform: linux-64, url: '{FEED}/noarch/cuda-version-12.6-h1_0.conda', hash: {{}}, dependencies: {{}}}}\n- {{name: torchvision, version: 0.21.0, manager: conda, platform: linux-64, url: '{FEED}/linux-64/torchvision-0.21.0-cuda126_py312_h1_0.conda', hash: {{}}, dependencies: {{pytorch: ''}}}}\n- {{name: lightning, version: '2', manager: conda, platform: linux-64, url: 'https://conda.anaconda.org/own/label/dev/noarch/lightning-2-h1_0.conda#a/b-c-d', hash: {{}}, dependencies: {{torchvision: ''}}}}\n- {{name: torch, version: 2.6.0, manager: pip, platform: linux-64, url: 'https://h.example/torch-2.6.0-py3-none-any.whl', hash: {{}}, dependencies: {{}}}}\n- {{name: x, version: '1', manager: pip, platform: linux-64, url: 'https://h.example/x-1-py3-none-any.whl', hash: {{}}, dependencies: {{torch: ''}}}}\n"},
    "pins that a tool compiled, of conda": {"list.txt": "a=1=0\n    # via x\n"},
    "a text of no kind": {"list.txt": "@EXPLICIT\nwhat is this\n"},
    "a text alone": {"list.yml": "hello\n"},
    "a file that is no lock": {"list.yml": "a: 1\n"},
    "a lock that is damaged": {"conda-lock.yml": "version: 1\npackage: 5\n"},
    # what strangers write
    "a lock with CUDA on Linux and the CPU on macOS": {
        "conda-lock.yml": lock_text(
            (
                entry("pytorch 2.5.1 cuda126_mkl_py312_h0_300"),
                entry("cuda-version 12.6 h0_3"),
                entry("pytorch 2.5.1 cpu_generic_py312_h0_0", "osx-arm64"),
            ),
            "linux-64, osx-arm64",
        )
    },
    "a lock whose helpers bring a newer cuda-version": {
        "e.yml": "dependencies: [python=3.10, pytorch=2.3.1=py3.10_cuda11.8_cudnn8.7.0_0, pytorch-cuda=11.8, cuda-version=12.5]\n"
    },
    "the first minor of a major in a promise of pixi": {
        "pixi.toml": PIXI + '[dependencies]\npython = "3.12.*"\npytorch-gpu = "*"\n[system-requirements]\ncuda = "12.0"\n'
    },
    "a pixi.toml of TOML 1.1": {
        "pixi.toml": '[workspace]\nname = "p"\nchannels = ["conda-forge"]\nplatforms = [\n  {  # a GPU\n    platform = "linux-64",\n    cuda = "12.6",\n  },\n]\n[dependencies]\npython = "3.12.*"\npytorch = { version = "2.6.*",\n  channel = "conda-forge",\n}\n'
    },
    "the copy of conda-forge at pixi's site": {
        "pixi.toml": PIXI.replace("conda-forge", "https://prefix.dev/conda-forge") + '[dependencies]\npython = "3.12.*"\npytorch-gpu = "*"\n'
    },
    "a framework from a channel that only its own line names": {
        "environment.yml": "channels: [nvidia, conda-forge]\ndependencies: [python=3.11, 'pytorch::pytorch=2.3.1', 'pytorch::pytorch-cuda=12.1']\n"
    },
    "packages for a Mac alone": {
        "environment.yml": "channels: [apple, conda-forge]\ndependencies:\n- python=3.10\n- tensorflow-deps\n- pip: [tensorflow-macos==2.13, tensorflow-metal]\n"
    },
    "a compiler for one platform": {"environment.yml": "dependencies: [python=3.12, numpy, gxx_linux-aarch64]\n"},
    "a CUDA that no target has, and a release that the matrices do not know": {
        "environment.yml": "dependencies:\n- python=3.6\n- tensorflow-gpu=1.15.0\n- cudatoolkit=10.0\n"
    },
    "markers without files": {"environment.yml": "dependencies: [python=3.12, numpy, _libgcc_mutex=0.1=main, '_openmp_mutex=*=*_llvm']\n"},
    "the channel of Anaconda": {"environment.yml": "channels: [pytorch, anaconda]\ndependencies: [python=3.12, numpy]\n"},
    "an index of wheels that a vendor built again": {
        "requirements.txt": "--index-url https://w.example/3.6/cuda12.6-ubi9/simple/\ntorch==2.6.0\n"
    },
}  # fmt: skip


def needs(package: LockedPackage) -> list[str] | None:
    """What a package needs, by an index in which einops needs numpy, and everything else nothing."""
    return {"einops": ["numpy"], "x": None}.get(package.name, [])


def small(asked: Asked) -> tuple[Asked, tuple[ReadAs, ...]]:
    return reduced(real_matrix(), asked, needs) if asked.packages else (asked, ())


def lines_of(title: str, folder: Path) -> list[str]:
    """The project file and the report, or the error."""
    for name, text in CASES[title].items():
        (folder / name).write_text(text, encoding="utf-8")
    named = [folder / name for name in CASES[title] if name not in NAMED]
    matrix = real_matrix()
    try:
        contents = []
        for found in (read_contents(path, path.name) for path in named):
            rows = [small(asked) for asked in found.asked]
            notes = (note for _, more in rows for note in more)
            contents.append(replace(found, asked=tuple(asked for asked, _ in rows), notes=(*found.notes, *notes)))
        draft, held, error = _resolved(matrix, merged(matrix, contents, "p"), "p/project.yaml")
    except BadInput as wrong:
        return [f"error {wrong.where}: {wrong.what}", f"hint: {wrong.hint}"]
    names = [f"name: {one.name}" for one in contents if one.name]
    width = NARROW.get(title, 200)
    said = (project_text(draft), report_text(draft, width), held_text(held if title in PINNED else (), width), error_text(error))
    columns = sorted({one.at.column for one in (*draft.notes, *draft.left)} - {1})
    more = [f"columns: {columns}"] if columns else []
    return [*names, *(line for text in said for line in text.splitlines()), *more]


def row(version: str, build: str, *depends: str) -> SimpleNamespace:
    return SimpleNamespace(version=version, build=build, depends=list(depends))


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([row("1", "0", "a"), row("1", "1", "b"), row("1", "0", "c"), row("2", "0", "d")], ["c"]),
        ([row("1", "1", "a"), row("1", "2", "b"), row("2", "0", "d")], ["b"]),
        ([row("1", "0", "a"), row("1", "1", "b")], ["a"]),
        ([row("2", "0", "a"), row("3", "0", "b")], ["b"]),
        ([], None),
    ],
)
def test_what_a_package_needs_is_told_by_its_own_record_or_by_one_like_it(rows: list[Any], found: list[str] | None) -> None:
    fetched: list[Any] = []
    index: Any = SimpleNamespace(
        fetch=lambda names, place, platform: fetched.append((names, place.text, platform)),
        records=lambda name, place, platform: rows if (name, place.text, platform) == ("numpy", "own", "linux-64") else [],
    )
    package = LockedPackage(name="numpy", version="1", build="0", manager="conda", platform="linux-64")
    wheel = LockedPackage(name="einops", version="1", build="", manager="pip", platform="linux-64")
    needs_of = needs_by(index, ("conda-forge", "own"), [package, package, wheel], ("linux-64",))
    assert fetched == [(["numpy"], "conda-forge", "linux-64"), (["numpy"], "own", "linux-64")]
    assert needs_of(package) == found


def test_programs_are_told_the_same_with_lines_and_columns(tmp_path: Path) -> None:
    (tmp_path / "e.yml").write_text("dependencies:\n  - python=3.12\n  - pytorch-cpu=2.6\n  - a={{ b }}\n", encoding="utf-8")
    matrix = real_matrix()
    draft, held, _ = _resolved(matrix, merged(matrix, [read_contents(tmp_path / "e.yml", "e.yml")], "p"), "p/project.yaml")
    assert json.loads(report_json(draft, "p/project.yaml", held)) == {
        "project": "p",
        "file": "p/project.yaml",
        "read_as": [{"text": "pytorch-cpu=2.6", "at": "e.yml:3:5", "meaning": "pytorch", "target": "cpu"}],
        "not_carried_over": [{"text": "- a={{ b }}", "at": "e.yml:4:3", "why": "an expression of Jinja; write its value out"}],
        "targets": [{"target": "cpu", "platforms": ["linux-64"], "python": "3.12", "frameworks": {"pytorch": "2.6.0"}}],
    }
    assert report_json(draft, "p/project.yaml", held).startswith('{\n  "project"')


def error_text(error: EnvgenError | None) -> str:
    return str(error).replace("\n\n", "\n") if error else ""


def test_the_file_has_all_cases(tmp_path_factory: pytest.TempPathFactory, update_golden: bool) -> None:
    if update_golden:
        told.write("migrate.txt", {title: lines_of(title, tmp_path_factory.mktemp("migrate")) for title in CASES})
    assert list(told.written("migrate.txt")) == list(CASES)


@pytest.mark.parametrize("title", CASES)
def test_everything_becomes_what_was_written_down(title: str, tmp_path: Path) -> None:
    found = lines_of(title, tmp_path)
    assert found
    assert found == told.written("migrate.txt")[title]


RELEASES = [Version(text) for text in ("2.5.0", "2.6.0", "2.7.0")]
PYTHONS = [Version(text) for text in ("3.10", "3.11", "3.12", "3.13")]


@pytest.mark.parametrize(
    ("texts", "known", "found"),
    [
        ([], RELEASES, ("*", True)),
        (["*", "*"], RELEASES, ("*", True)),
        (["*", "2.6.*", ">=2.5"], RELEASES, ("2.6.*", True)),
        ([">=2.6", "<2.7"], RELEASES, (">=2.6,<2.7", True)),
        (["2.6", "2.6.0", ">=2.5"], RELEASES, ("2.6", True)),
        (["2.5.*", "2.6.*"], RELEASES, (">=2.5.0,<=2.6.0", False)),
        (["3.11", "3.12"], PYTHONS, (">=3.11,<3.13", False)),
        (["9.*", "2.6.*"], RELEASES, ("9.*", True)),
        (["2.5.*", "3.0"], [*RELEASES, Version("3.0")], (">=2.5.0,<3.1", False)),
    ],
)
def test_versions_of_several_files_are_one_range(texts: list[str], known: list[Version], found: tuple[str, bool]) -> None:
    assert one_range(texts, known) == found


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://download.pytorch.org/whl/cpu", CPU),
        ("https://download.pytorch.org/whl/cu126", TargetRange(cuda_range("12.6"))),
        ("https://h.example/simple", None),
    ],
)
def test_an_index_of_wheels_is_for_one_variant_or_for_any(url: str, found: TargetRange | None) -> None:
    assert index_variant(real_matrix().catalogue.wheels, url) == found


def environment(*platforms: str, label: str = "", wanted: str = "", file: str = "e.yml") -> ReadEnvironment:
    """One of several environments of a file."""
    asked = Asked(
        name=f"{file} [{label}]", at=Address(file, 1, 1), label=label, wanted=(AskedSpec(text=wanted, at=Address(file, 2, 1)),)
    )
    return replace(read_environment_of(real_matrix(), asked)[0], platforms=platforms)


@pytest.mark.parametrize(
    ("one", "other", "beside"),
    [
        ((), ("linux-64",), True),
        (("linux-64",), (), True),
        (("linux-64", "win-64"), ("win-64",), True),
        (("linux-64",), ("win-64",), False),
    ],
)
def test_an_environment_without_a_variant_is_one_too_many_beside_another_for_its_platforms(
    one: tuple[str, ...], other: tuple[str, ...], beside: bool
) -> None:
    found = of_all([environment(*one, wanted="zlib"), environment(*other, label="gpu", wanted="ninja")])
    assert [left.why for left in found.left] == [
        "another environment of this file, which says neither CPU nor CUDA: make a project of it"
    ] * beside


def test_a_file_that_includes_files_without_end_is_read_ten_times() -> None:
    read: list[str] = []

    def read_file(name: str) -> tuple[str, str]:
        read.append(name)
        return f"-r {len(read)}.txt\n", name

    lines = PipLines(read_file=read_file)
    lines.add("-r a.txt", Address("requirements.txt", 1, 1))
    assert read == ["a.txt", *(f"{number}.txt" for number in range(1, 10))]
    assert [(row.text, str(row.at)) for row in lines.left] == [("-r 10.txt", "9.txt:1:1")]


def test_passwords_are_not_shown() -> None:
    at = Address("e.yml", 1, 1)
    assert ReadAs(text="https://u:p@h.example/x", at=at, meaning="").text == "https://***@h.example/x"
    assert NotCarried("https://u:p@h.example/x", at, "").text == "https://***@h.example/x"


ODD = [
    "  - '1.0'",
    "  - 'null'",
    "  - '@x'",
    "  - 'a: b'",
    "  - '''x'",
    "  - '''x, y'''",
    "  - '#x'",
    '  - "x[y]"',
    '  - "\\U0001F600 >=1"',
    '  - "a\\nb"',
    '  - "x==1"',
    "  - plainX",
]
TEXTS = [
    "# What this project requests, brought in from a b.yml.",
    'python: "3.12"',
    "targets:",
    '  "12":',
    "    platforms: [linux-64]",
    "platforms: [linux-64]",
    "channels: [c]",
    "dependencies:",
    *ODD,
    "pip:",
    *ODD,
    "pip-indexes:",
    '  h-example: {url: "https://h.example/one", packages: [a, "b>=1"]}',
    '  h-example-2: {url: "https://h.example/two", packages: [a, "b>=1"]}',
    '  1: {url: "https://[::1]/s", packages: [a, "b>=1"]}',
    '  index: {url: "https://", packages: [a, "b>=1"]}',
]


def test_texts_that_yaml_would_read_as_something_else_are_in_quotes() -> None:
    """What is written is read as it was: numbers, words, brackets and what is no letter."""
    texts = ("1.0", "null", "@x", "a: b", "'x", "'x, y'", "#x", "x[y]", "\U0001f600 >=1", "a\nb", "x==1", "plainX")
    names = {f"https://{name}": ("a", "b>=1") for name in ("h.example/one", "h.example/two", "[::1]/s", "")}
    draft = ProjectDraft(
        name="p",
        python="3.12",
        frameworks={},
        targets=(DraftRow(key="12", platforms=("linux-64",)),),
        platforms=("linux-64",),
        channels=("c",),
        dependencies=texts,
        pip=texts,
        pip_indexes=names,
        sources=("a\nb.yml",),
    )
    text = project_text(draft)
    read = yaml.safe_load(text)
    assert (tuple(read["dependencies"]), tuple(read["pip"])) == (texts, texts)
    assert read["targets"] == {"12": {"platforms": ["linux-64"]}}
    assert {row["url"]: tuple(row["packages"]) for row in read["pip-indexes"].values()} == names
    assert text.splitlines() == TEXTS
