"""The files of a Python package in a lock for every platform: which of its wheels goes with one. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote

from packaging.utils import canonicalize_name

from envgen.model.facts import Platform
from envgen.model.packages import LockedPackage

_FITS = {
    "linux-64": r"(?:many|musl)?linux.*_x86_64",
    "linux-aarch64": r"(?:many|musl)?linux.*_aarch64",
    "win-64": r"win_amd64",
    "osx-64": r"macosx_.*_(?:x86_64|intel|universal2?|fat.*)",
    "osx-arm64": r"macosx_.*_(?:arm64|universal2)",
}
_OF_PLATFORM = re.compile(r"(?:many|musl)?linux|macosx|win")
_LABEL = re.compile(r"[0-9a-z_.]+")
NULL = "null"
"""The label of the variant that runs on every machine."""


MANYLINUX = {"manylinux1": 5, "manylinux2010": 12, "manylinux2014": 17}
"""The older names of platform tags of Linux -> the X of the glibc 2.X that they stand for (PEP 600)."""
_MANYLINUX = re.compile(r"(?:manylinux_2_(?P<minor>[0-9]+)|(?P<older>manylinux(?:1|2010|2014)))_\w+")


@dataclass(frozen=True, slots=True)
class PackageFile:
    """One file, and its hash in hex, "" where the lock has none."""

    url: str
    sha256: str


def variant_label(wheel: str) -> str:
    """The label of a variant wheel (PEP 825): what follows the platform tags in its file name; "" for any other wheel.

    A build tag begins with a digit, and a Python tag does not: so six parts have a label unless the third begins with one.
    """
    parts = wheel.removesuffix(".whl").split("-")
    labelled = len(parts) == 7 or (len(parts) == 6 and not parts[2][:1].isdigit())
    return parts[-1] if labelled and _LABEL.fullmatch(parts[-1]) else ""


def without_label(wheel: str) -> str:
    """The file name that a variant wheel would have without its label."""
    label = variant_label(wheel)
    return f"{wheel.removesuffix(f'-{label}.whl')}.whl" if label else wheel


def runs_on(wheel: str, platform: Platform) -> bool:
    """Whether the platform tags of a wheel's file name fit a platform; a platform or a tag that is not known here fits."""
    fits = _FITS.get(platform)
    told = [tag for tag in platform_tags(wheel) if _OF_PLATFORM.match(tag)]
    return fits is None or not told or any(re.fullmatch(fits, tag) for tag in told)


def glibc_minor(tag: str) -> int | None:
    """The X of the glibc 2.X that a platform tag names; None for another one."""
    found = _MANYLINUX.fullmatch(tag)
    return None if found is None else MANYLINUX[found["older"]] if found["older"] else int(found["minor"])


def platform_tags(wheel: str) -> list[str]:
    """The platform tags of a wheel's file name."""
    return without_label(wheel).removesuffix(".whl").rsplit("-", 1)[-1].split(".")


def of_python(wheel: str, python: str) -> bool:
    """Whether the Python tags of a wheel's file name include a Python X.Y."""
    parts = without_label(wheel).removesuffix(".whl").rsplit("-", 3)
    wanted = f"cp{python.replace('.', '')}"
    tags = parts[1].split(".") if len(parts) == 4 else []
    return not tags or wanted in tags or "abi3" in parts[2] or any(tag.startswith("py") for tag in tags)


def fitting(wheels: Sequence[PackageFile], others: Iterable[PackageFile], platform: Platform, python: str) -> PackageFile | None:
    """The wheel that is installed on a platform: of those that fit it the first for this Python, else any; else the source.

    Of variants that which is installed where none is asked for: a wheel without a label, else `null`, else the first. None where
    there is no such file.
    """
    here = sorted((wheel for wheel in wheels if runs_on(file_name(wheel.url), platform)), key=_rank)
    own = (wheel for wheel in here if of_python(file_name(wheel.url), python))
    return next(own, None) or next(iter(here), None) or next(iter(others), None)


def _rank(wheel: PackageFile) -> int:
    """How early a wheel comes among variants."""
    return {"": 0, NULL: 1}.get(variant_label(file_name(wheel.url)), 2)


def variants_among(wheels: Iterable[PackageFile], platform: Platform, python: str) -> tuple[str, ...]:
    """The labels of the wheels for a platform and a Python, "" for one without; nothing where the machine has nothing to choose."""
    names = [name for wheel in wheels if runs_on(name := file_name(wheel.url), platform) and of_python(name, python)]
    found = tuple(sorted({*map(variant_label, names)}))
    return found if len(found) > 1 else ()


def with_present_needs(packages: Iterable[LockedPackage]) -> tuple[LockedPackage, ...]:
    """Packages with those dependencies that are there on their platform: some locks do not say on which platforms others apply."""
    found = tuple(packages)
    here = {(package.platform, package.name) for package in found}
    return tuple(
        replace(package, depends=tuple(need for need in package.depends if (package.platform, canonicalize_name(need)) in here))
        for package in found
    )


def file_name(url: str) -> str:
    """The name of the file that a URL or a path is for; also of one that cannot be taken apart, which a check refuses later."""
    return unquote(re.split(r"[?#]", url, maxsplit=1)[0]).rsplit("/", 1)[-1]
