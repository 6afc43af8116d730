"""What an installed environment says of itself: its Python, its frameworks by their packages, and the target it was made for.

conda-meta names a package in the name of a file, `name-version-build.json`; what pip installed is known by its dist-info.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from packaging.version import Version

from envgen.errors import BadInput
from envgen.model import Record
from envgen.probing.answer import Claim, Installed, Meant
from envgen.proof.builds import built_for

MARK = "envgen"  # conda-meta/envgen: what `envgen install` made this environment from
_CONDA = {  # framework -> the packages whose build says what it was made for, the first that is there
    "pytorch": ("pytorch",),
    "tensorflow": ("tensorflow-base", "tensorflow"),
    "jax": ("jaxlib",),
    "cupy": ("cupy-core", "cupy"),
}
_PIP = {  # dist-info names, normalised
    "pytorch": r"torch",
    "tensorflow": r"tensorflow(?:_cpu|_gpu)?",
    "jax": r"jaxlib",
    "cupy": r"cupy(?:_cuda\d+x?)?",
}
_NAMES_CUDA = ("cuda-version", "pytorch-cuda", "cudatoolkit")  # where a build string says cuda and no more
_LOCAL = re.compile(r"\+cu(\d{2,3})$")
_TARGET = re.compile(r"cu(\d{1,2})(\d)")
Versions = dict[str, str]


def claim(prefix: Path, target: str = "") -> Claim:
    """What is installed in `prefix` and what it is meant to be: by `target`, else by its own mark, else by its build strings.

    Raises BadInput for what is no environment, or one without Python, and for a target that is none.
    """
    if not (prefix / "conda-meta").is_dir():
        raise BadInput("not a conda environment: it has no conda-meta", where=prefix, hint="give the folder of an environment")
    if not python(prefix).exists():
        raise BadInput(f"no Python in this environment: there is no {python(prefix)}", where=prefix, hint="install python into it")
    chosen, because = (target, "--target") if target else (_marked(prefix), f"conda-meta/{MARK}")
    meant = _meant(chosen, because) if chosen else None
    return Claim(prefix, chosen, meant, {found.framework: found for found in _installed(prefix)})


def python(prefix: Path) -> Path:
    """The environment's interpreter."""
    return prefix / "python.exe" if sys.platform == "win32" else prefix / "bin" / "python"


def _meant(target: str, because: str) -> Meant:
    if target == "cpu":
        return Meant(gpu=False, because=f"target cpu ({because})")
    found = _TARGET.fullmatch(target)
    if found is None:
        raise BadInput(f"`{target}` is no target ({because})", hint="cpu, or the CUDA version without its dot: cu126")
    return Meant(gpu=True, cuda=Version(f"{found[1]}.{found[2]}"), because=f"target {target} ({because})")


def _marked(prefix: Path) -> str:
    path = prefix / "conda-meta" / MARK
    if not path.exists():
        return ""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        target = found["target"]
    except (ValueError, KeyError, TypeError):
        target = None
    if not isinstance(target, str):
        raise BadInput("this mark does not name a target", where=path, hint="say with --target what is meant, or install again")
    return target


# --- packages -------------------------------------------------------------------------------------------------------------


def _installed(prefix: Path) -> Iterator[Installed]:
    conda, pip = dict(_conda(prefix)), dict(_pip(prefix))
    for framework, names in _CONDA.items():
        record = next((conda[name] for name in names if name in conda), None)
        wheel = next((name for name in pip if re.fullmatch(_PIP[framework], name)), None)
        if record:
            meant = _meant_by_build(record, conda)
            yield Installed(framework, f"{record.name} {record.version} {record.build}", record.version, meant)
        elif wheel:
            version = pip[wheel]
            yield Installed(framework, f"{wheel} {version} (pip)", version, _meant_by_wheel(framework, wheel, pip))


def _conda(prefix: Path) -> Iterator[tuple[str, Record]]:
    for path in sorted((prefix / "conda-meta").glob("*.json")):
        parts = path.stem.rsplit("-", 2)
        if len(parts) == 3:
            name, version, build = parts
            yield name, Record(name, version, build, "", "", f"{path.stem}.conda", "", None, None, None, (), {})


def _pip(prefix: Path) -> Iterator[tuple[str, str]]:
    """Distributions and their versions; conda's own Python packages are among them."""
    for site in (*prefix.glob("lib/python*/site-packages"), *prefix.glob("Lib/site-packages")):
        for path in sorted(site.glob("*.dist-info")):
            name, _, version = path.name.removesuffix(".dist-info").partition("-")
            yield re.sub(r"[-_.]+", "_", name).lower(), version


def _meant_by_build(record: Record, conda: dict[str, Record]) -> Meant:
    because = f"its build string, {record.build}"
    found = built_for(record.build)
    if found is None:
        return Meant(gpu=record.name.startswith("cupy"), because=because)  # there is no cupy for CPU
    named = next((conda[name].version for name in _NAMES_CUDA if name in conda), "")
    major = re.match(r"\d+", named)  # no more than the major: libraries of a newer minor may serve an older build
    cuda = found or (major[0] if major else "")
    return Meant(gpu=True, cuda=Version(cuda) if cuda else None, because=because)


def _meant_by_wheel(framework: str, wheel: str, pip: Versions) -> Meant:
    """What a wheel tells: torch by its local version, the others by what was installed beside them. A plain one tells nothing."""
    because = f"its wheel, {wheel} {pip[wheel]}"
    local = _LOCAL.search(pip[wheel])
    if local:
        return Meant(gpu=True, cuda=Version(f"{local[1][:-1]}.{local[1][-1]}"), because=because)
    if pip[wheel].endswith("+cpu") or wheel.endswith("_cpu"):
        return Meant(gpu=False, because=because)
    beside = {"jax": r"jax_cuda(\d+)_plugin", "cupy": r"cupy_cuda(\d+)x?"}.get(framework, r"nvidia_cuda_runtime(?:_cu(\d+))?")
    found = next(filter(None, (re.fullmatch(beside, name) for name in pip)), None)
    if found:
        return Meant(gpu=True, because=f"{found[0]}, which is installed beside it")
    if framework == "jax":
        return Meant(gpu=False, because="the absence of a CUDA plugin beside it")
    return Meant(gpu=True if framework == "cupy" else None, because=because)
