"""The files of other tools that a lock is exported as, whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import pytest
from unit import told

from envgen import __version__
from envgen.export.conda_files import environment_text, explicit_text
from envgen.export.dockerfile import dockerfile_text
from envgen.export.model import ExportedCell
from envgen.export.pixi_files import dependency_line, lock_text, manifest_text, platform_entry
from envgen.export.wheel_files import pylock_text, requirements_text
from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.packages import Lock, LockedPackage
from envgen.model.pip import LocalPackage

FEED, OWN = "https://conda.anaconda.org/conda-forge", "https://h.example/own"
SHA, MD5 = "ab" * 32, "cd" * 16
SPECS = ("python 3.12.*", "numpy >=2,<3", "own::tool *=*cuda*", "any", "Odd.Name 1.*")


def conda(name: str, subdir: str, version: str = "1.0", feed: str = FEED, *depends: str, md5: str | None = MD5) -> LockedPackage:
    url = f"{feed}/{subdir}/{name}-{version}-h1_0.conda"
    platform = "linux-64" if subdir == "noarch" else subdir
    return LockedPackage(
        name=name, version=version, build="h1_0", manager="conda", platform=platform, url=url, md5=md5, sha256=SHA, depends=depends,
        at=Address("conda-lock.yml", 7, 3),
    )  # fmt: skip


def wheel(name: str, url: str) -> LockedPackage:
    return LockedPackage(name=name, version="2.0+cu1", build="", manager="pip", platform="linux-64", url=url, sha256=SHA)


PACKAGES = (
    conda("zlib", "linux-64", "1.3"),
    conda("python", "linux-64", "3.12.9", FEED, "zlib >=1.3", 'odd "name"'),
    conda("tool", "noarch", "1.0", OWN, md5=None),
    wheel("tinyops", "https://w.example/tinyops-2.0%2Bcu1-py3-none-any.whl"),
    wheel("smallops", "https://w.example/smallops-2.0.tar.gz"),
    conda("python", "osx-arm64", "3.12.9"),
)
LOCK = Lock(shown="conda-lock.yml", format="conda-lock 1", environment="", packages=PACKAGES, channels=("conda-forge", OWN))
AT = Address("environments/p/project.yaml", 5, 7)
LINUX = {"__unix": "0", "__linux": "5.10", "__glibc": "2.28", "__archspec": "1 x86_64_v3"}


def cell(target: str, platform: str = "linux-64", lock: Lock = LOCK, **virtual: str) -> ExportedCell:
    promises = {**(LINUX if platform == "linux-64" else {"__unix": "0", "__osx": "13.0", "__archspec": "1 arm64"}), **virtual}
    return ExportedCell(project="p", target=target, platform=platform, lock=lock, specs=SPECS, virtual=promises)


def less(**changes: object) -> ExportedCell:
    """A cell whose packages of pip, or the first of them, lack something."""
    rows = tuple(replace(row, **changes) if row.manager == "pip" else row for row in PACKAGES)  # type: ignore[arg-type]
    return cell("cpu", lock=replace(LOCK, packages=rows))


CPU, MAC = cell("cpu"), cell("cpu", "osx-arm64")
CELLS = (
    CPU,
    MAC,
    cell("cu118", __cuda="11.8"),
    cell("cu126", __cuda="12.6", __cuda_arch="7.0"),
    cell("cu130", __cuda="13.0"),
    cell("own", __cuda="12.9"),
)
FRAGMENT = cell("cpu", lock=replace(LOCK, packages=tuple(replace(row, url=f"{row.url}#egg=x") for row in PACKAGES[3:4])))
FRAGMENTS = cell("cpu", lock=replace(LOCK, packages=tuple(replace(row, url=f"{row.url}#a") for row in (PACKAGES[0], PACKAGES[3]))))
BARE = cell("cpu", lock=replace(LOCK, packages=PACKAGES[:1], channels=("conda-forge",)))
OTHER = cell("cpu", lock=replace(LOCK, channels=("conda-forge", "nvidia")))
UNCHECKED = cell("cpu", lock=replace(LOCK, packages=(replace(PACKAGES[0], sha256=None, md5=None),)))

CASES: Mapping[str, Callable[[], str]] = {
    "explicit": lambda: explicit_text(CPU),
    "explicit: on macOS": lambda: explicit_text(MAC),
    "explicit: wheels without a hash": lambda: explicit_text(less(sha256=None)),
    "explicit: URLs with a fragment": lambda: explicit_text(FRAGMENTS),
    "environment": lambda: environment_text(CPU),
    "environment: URLs with a fragment": lambda: environment_text(FRAGMENTS),
    "environment: of one channel": lambda: environment_text(BARE),
    "environment: of a channel that the lock does not list": lambda: environment_text(OTHER),
    "requirements": lambda: requirements_text(CPU),
    "requirements: a URL with a fragment": lambda: requirements_text(FRAGMENT),
    "requirements: none": lambda: requirements_text(MAC),
    "requirements: without a URL": lambda: requirements_text(less(url="")),
    "pylock": lambda: pylock_text(CPU),
    "pylock: without a Python, and a URL with a fragment": lambda: pylock_text(FRAGMENT),
    "pixi: the manifest": lambda: manifest_text("p", CELLS),
    "pixi: the lock": lambda: lock_text(CELLS[:3]),
    "pixi: without pip": lambda: manifest_text("p", [BARE]) + lock_text([BARE]),
    "pixi: a package that cannot be checked": lambda: lock_text([UNCHECKED]),
    "pixi: a platform with the processor alone": lambda: platform_entry("x", "win-64", {"__win": "0", "__archspec": "zen4"}),
    "pixi: a platform with GPUs and no driver": lambda: platform_entry("x", "linux-64", {"__cuda_arch": "7.0"}),
    "pixi: specs": lambda: "\n".join(map(dependency_line, ("a", "a.b >=1", "c::a 1.* *_0", "A_b-c * mkl*"))),
    "a Dockerfile": lambda: dockerfile_text("p", CELLS[2:4] + CELLS[:1]).replace(__version__, "VERSION"),
    "a Dockerfile: packages in folders": lambda: docker_of("-e ./packages/mine", "my wheels/a-1.0-py3-none-any.whl", "./b/../c"),
    "a Dockerfile: the repository itself": lambda: docker_of("-e ."),
    "a Dockerfile: from a repository": lambda: docker_of(url="git+https://host.example/x@0123"),
    "a Dockerfile: a folder beside the repository": lambda: docker_of("-e ../mine"),
    "a Dockerfile: a folder of this machine": lambda: docker_of("~/mine"),
    "a Dockerfile: a folder of a drive": lambda: docker_of("C:/mine"),
    "a Dockerfile: a wheel of this machine": lambda: docker_of(url="file:///srv/wheels/a-1.0-py3-none-any.whl"),
    "a Dockerfile: a repository of this machine": lambda: docker_of(url="git+file:///srv/x@0123"),
}


def docker_of(*local: str, url: str = "") -> str:
    """The Dockerfile of a cell with these packages in folders, or with a wheel that comes from a URL, from its stage on."""
    rows = [LocalPackage(path=text.removeprefix("-e "), editable=text.startswith("-e "), at=AT) for text in local]
    lock = replace(LOCK, packages=tuple(replace(row, url=url) for row in PACKAGES[3:4])) if url else LOCK
    return dockerfile_text("p", [replace(CPU, lock=lock, local=tuple(rows))]).partition("COPY environments environments\n\n")[2]


def lines_of(title: str) -> Iterable[str]:
    """The text, or the error."""
    try:
        return [line.replace(SHA, "SHA").replace(MD5, "MD5") for line in CASES[title]().splitlines()]
    except BadInput as error:
        return [f"error {error.where}: {error.what}", f"hint: {error.hint}"]


def test_the_file_has_all_cases(update_golden: bool) -> None:
    if update_golden:
        told.write("export.txt", {title: lines_of(title) for title in CASES})
    assert list(told.written("export.txt")) == list(CASES)


@pytest.mark.parametrize("title", CASES)
def test_everything_is_exported_as_it_was_written_down(title: str) -> None:
    assert lines_of(title) == told.written("export.txt")[title] != []
