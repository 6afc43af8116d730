"""Environments made for real, from genuine `.conda` packages that the tests build: py-rattler installs them from a local channel.

    prefix = stand_in.environment(tmp_path, [stand_in.python_package(), *frameworks.torch("2.7.1", cuda="12.6")])

Their Python is the interpreter that runs the tests, behind a link: sys.prefix is the environment's folder, and what packages
put into site-packages is found. Nothing is downloaded, and nothing is kept.
"""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from compileall import compile_dir
from dataclasses import dataclass, field
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any

import pip
import zstandard
from conftest import made_once
from rattler import Channel, GenericVirtualPackage, MatchSpec, PackageName, Subdir, Version, VirtualPackage, install, solve
from rattler.index import index_fs
from rattler.package.build_string import BuildString
from rattler_build import assemble_package
from system.channel import MADE
from system.channel import Package as Described

MINOR = "3.12"  # what the stand-in for Python says it is, whichever runs the tests: the facts have frameworks for it
RUNS = f"python{sys.version_info.major}.{sys.version_info.minor}"
SITE = f"lib/python{MINOR}/site-packages"
SUBDIR = str(Subdir.current())
PLACEHOLDER = "/opt/placeholder_" + "placeholder_" * 8  # what packages call the prefix that they are installed into
File = str | bytes | Path  # text, bytes, or (Path) a link to that place


@dataclass(frozen=True)
class Package(Described):
    """A package with files: path in the environment -> what is there.

    A file that begins with `#!` is executable; one that names PLACEHOLDER will name the prefix. `folders` are copied whole.
    `python` makes a noarch python package, whose files lie in `site-packages/` and whose `entry_points` become scripts.
    `index` are more fields of its index.json.
    """

    files: Mapping[str, File] = field(default_factory=dict)
    folders: Mapping[str, Path] = field(default_factory=dict)
    python: bool = False
    entry_points: tuple[str, ...] = ()
    index: Mapping[str, Any] = field(default_factory=dict)


def python_package(version: str = f"{MINOR}.9", *, build: str = "h0123456_0_cpython", threads: bool = False) -> Package:
    """A package `python` of any version, whose bin/python is the interpreter that runs the tests.

    With `threads` it is free-threaded: packages lie in a folder of their own, which its index.json names.
    """
    interpreter, minor = Path(sys.executable).resolve(), ".".join(version.split(".")[:2])
    library = f"python{minor}{'t' if threads else ''}"
    files: dict[str, File] = {
        "bin/python": interpreter,
        "bin/python3": Path("python"),
        f"bin/python{minor}": Path("python"),
        "pyvenv.cfg": f"home = {interpreter.parent}\ninclude-system-site-packages = false\n",
        f"lib/{library}/site-packages/README.txt": "packages\n",
        **({} if RUNS == library else {f"lib/{RUNS}": Path(library)}),  # where the interpreter looks
    }
    index = {"python_site_packages_path": f"lib/{library}/site-packages", "track_features": "free_threading"} if threads else {}
    return Package("python", version, build, subdir=SUBDIR, files=files, index=index)


def pip_package() -> Package:
    """The pip of the interpreter that runs the tests, as a noarch python package."""
    folder = Path(pip.__file__).parent
    info = next(folder.parent.glob(f"pip-{pip.__version__}.dist-info"))
    folders = {"site-packages/pip": _compiled(folder), f"site-packages/{info.name}": info}
    return Package("pip", pip.__version__, "pyh1234567_0", ("python >=3.10",), folders=folders, python=True)


def _compiled(folder: Path) -> Path:
    """A copy of a folder of modules with what they compile to, which holds wherever they lie: to compile takes half of a run of pip."""

    def make(top: Path) -> None:
        made = shutil.copytree(folder, top / folder.name, ignore=shutil.ignore_patterns("__pycache__"))
        compile_dir(made, quiet=2, stripdir=str(top), invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)

    return made_once(f"compiled-{folder.name}", make) / folder.name


def python_module(name: str, version: str, text: str = "", *, build: str = "pyh1234567_0", script: bool = False) -> Package:
    """A noarch python package of one module, with `__version__`, what `text` says and, if wanted, a script that calls its `main`."""
    files: dict[str, File] = {f"site-packages/{name}/__init__.py": f'__version__ = "{version}"\n{text}'}
    points = (f"{name} = {name}:main",) if script else ()
    return Package(name, version, build, ("python >=3.10",), files=files, python=True, entry_points=points)


def channel(folder: Path, packages: Iterable[Described]) -> Path:
    """Make `folder` a channel that holds `packages` with their files; what it held before stays."""
    for subdir in ("noarch", SUBDIR):
        (folder / subdir).mkdir(parents=True, exist_ok=True)
    for package in packages:
        with tempfile.TemporaryDirectory() as scratch:
            _assemble(Path(scratch), package, folder / package.subdir)
    asyncio.run(index_fs(folder, write_zst=False, write_shards=False))
    return folder


def _assemble(scratch: Path, package: Described, folder: Path) -> None:
    filled = package if isinstance(package, Package) else Package(package.name, package.version)
    _write(scratch, filled.files)
    for path, source in filled.folders.items():
        shutil.copytree(source, scratch / path)
    assemble_package(
        package.name,
        package.version,
        package.subdir,
        package.build,
        folder,
        files_dir=scratch,
        depends=list(package.depends),
        constrains=list(package.constrains),
        noarch=None if package.subdir != "noarch" else "python" if filled.python else "generic",
        timestamp=MADE,
        compression_level=0,
    )
    named = [path for path, text in filled.files.items() if not isinstance(text, Path) and PLACEHOLDER.encode() in _bytes(text)]
    if named or filled.entry_points or filled.index:
        _finish(folder / f"{package.name}-{package.version}-{package.build}.conda", named, filled)


def _write(folder: Path, files: Mapping[str, File]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            path.symlink_to(content)
        else:
            path.write_bytes(_bytes(content))
            path.chmod(0o755 if _bytes(content).startswith(b"#!") else 0o644)


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _content(file: File | None) -> bytes:
    return b"" if file is None or isinstance(file, Path) else _bytes(file)


def _finish(archive: Path, named: Iterable[str], package: Package) -> None:
    """Say in a package's own metadata which files name the prefix, which scripts it has, and what else it says of itself."""
    with zipfile.ZipFile(archive) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as whole:
        for name, data in parts.items():
            whole.writestr(name, _told(data, set(named), package) if name.startswith("info-") else data)


def _told(packed: bytes, named: set[str], package: Package) -> bytes:
    """The packed info/ of a package with paths.json, link.json and index.json changed."""
    with tarfile.open(fileobj=io.BytesIO(zstandard.ZstdDecompressor().decompressobj().decompress(packed))) as source:
        files = {member.name: file.read() for member in source.getmembers() if (file := source.extractfile(member))}
    paths: Any = json.loads(files["info/paths.json"])
    for entry in paths["paths"]:
        mode = "binary" if b"\0" in _content(package.files.get(entry["_path"])) else "text"
        entry |= {"prefix_placeholder": PLACEHOLDER, "file_mode": mode} if entry["_path"] in named else {}
    files["info/paths.json"] = json.dumps(paths).encode()
    files["info/index.json"] = json.dumps({**json.loads(files["info/index.json"]), **package.index}).encode()
    if package.entry_points:
        points = list(package.entry_points)
        link = {"noarch": {"type": "python", "entry_points": points}, "package_metadata_version": 1}
        files["info/link.json"] = json.dumps(link).encode()
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as target:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            target.addfile(member, io.BytesIO(data))
    return zstandard.compress(content.getvalue())


def environment(folder: Path, packages: Iterable[Described], name: str = "env") -> Path:
    """Build `packages` into a channel below `folder` and install all of them into `folder`/`name`, which is returned."""
    packages = tuple(packages)
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
