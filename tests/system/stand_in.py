"""Environments made for real, from genuine `.conda` packages that the tests build: py-rattler installs them from a local channel.

    prefix = stand_in.environment(tmp_path, [stand_in.python_package(), *frameworks.torch("2.7.1", cuda="12.6")])

Their Python is the interpreter that runs the tests, behind a link: sys.prefix is the environment's folder.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rattler import Channel, GenericVirtualPackage, MatchSpec, PackageName, Subdir, Version, VirtualPackage, install, solve
from rattler.index import index_fs
from rattler.package.build_string import BuildString
from rattler_build import assemble_package
from system.channel import MADE
from system.channel import Package as Described

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
SITE = f"lib/python{MINOR}/site-packages"
SUBDIR = str(Subdir.current())
File = str | bytes | Path  # text, bytes, or (Path) a link to that place


@dataclass(frozen=True)
class Package(Described):
    """A package with files: path in the environment -> what is there."""

    files: Mapping[str, File] = field(default_factory=dict)


def python_package(version: str = f"{MINOR}.9") -> Package:
    """A package `python` of any version, whose bin/python is the interpreter that runs the tests."""
    interpreter = Path(sys.executable).resolve()
    files: dict[str, File] = {
        "bin/python": interpreter,
        "bin/python3": Path("python"),
        "pyvenv.cfg": f"home = {interpreter.parent}\ninclude-system-site-packages = false\n",
        f"{SITE}/README.txt": "packages\n",
    }
    return Package("python", version, "h0123456_0_cpython", subdir=SUBDIR, files=files)


def channel(folder: Path, packages: Iterable[Described]) -> Path:
    """Make `folder` a channel that holds `packages` with their files; what it held before stays."""
    for subdir in ("noarch", SUBDIR):
        (folder / subdir).mkdir(parents=True, exist_ok=True)
    for package in packages:
        with tempfile.TemporaryDirectory() as scratch:
            _write(Path(scratch), getattr(package, "files", {}))
            assemble_package(
                package.name,
                package.version,
                package.subdir,
                package.build,
                folder / package.subdir,
                files_dir=scratch,
                depends=list(package.depends),
                constrains=list(package.constrains),
                noarch="generic" if package.subdir == "noarch" else None,
                timestamp=MADE,
                compression_level=0,
            )
    asyncio.run(index_fs(folder, write_zst=False, write_shards=False))
    return folder


def _write(folder: Path, files: Mapping[str, File]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            path.symlink_to(content)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)


def environment(folder: Path, packages: Iterable[Described], name: str = "env") -> Path:
    """Build `packages` into a channel below `folder` and install all of them into `folder`/`name`, which is returned.

    Frameworks bring the same CUDA packages: of several with one name the last is taken.
    """
    packages = tuple({package.name: package for package in packages}.values())
    shutil.rmtree(folder / "channel", ignore_errors=True)
    asyncio.run(_install(channel(folder / "channel", packages), packages, folder / name))
    return folder / name


async def _install(source: Path, packages: tuple[Described, ...], prefix: Path) -> None:
    cuda = GenericVirtualPackage(PackageName("__cuda"), Version("99"), BuildString("0"))
    records = await solve(
        sources=[Channel(source.as_uri())],
        specs=[MatchSpec(f"{package.name} =={package.version} {package.build}") for package in packages],
        platforms=[SUBDIR, "noarch"],  # type: ignore[list-item]
        virtual_packages=[*(virtual.into_generic() for virtual in VirtualPackage.detect()), cuda],
    )
    await install(records, target_prefix=prefix, cache_dir=source.parent / "packages", show_progress=False)
