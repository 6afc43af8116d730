"""`make gpu-pack`: what `make gpu-check` needs on a machine without a network, as wheels in one folder.

    python benchmarks/gpu/gpu_pack.py [--python-version 3.12] [--glibc 2.28] [--to dist/gpu-wheels]

The wheels are envgen, built from this checkout, its dependencies in the versions of constraints.txt, less what only locking needs,
and pytest for its plugin, for the Python, the processor (x86-64) and the glibc of that machine. Needs a network, or a folder of
wheels that pip is configured to look in.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

REPO = Path(__file__).parents[2]
CONSTRAINTS = REPO / "constraints.txt"
LIMIT = 60_000_000  # bytes; what carries a folder to such a machine often has a limit
LEFT_OUT = ("cryptography", "uv", "virtualenv")  # 28 MB that only locking needs, and gpu-check locks nothing


def platforms(glibc: str) -> list[str]:
    """The platform tags of wheels for x86-64 and a glibc, newest first; pip takes no tag that it is not given."""
    major, minor = map(int, glibc.split("."))
    return [
        *(f"manylinux_{major}_{number}_x86_64" for number in range(minor, 4, -1)),
        "manylinux2014_x86_64",
        "manylinux2010_x86_64",
        "manylinux1_x86_64",
    ]


def download(wheel: Path, version: str, glibc: str, folder: Path) -> list[str]:
    """The command that downloads the dependencies of a wheel, and pytest, for another machine."""
    tags = [word for tag in platforms(glibc) for word in ("--platform", tag)]
    abis = [word for abi in (f"cp{version.replace('.', '')}", "abi3", "none") for word in ("--abi", abi)]
    argv = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "--implementation", "cp", *abis, *tags]
    argv += ["--constraint", str(CONSTRAINTS), "--python-version", version, "--dest", str(folder)]
    return [*argv, str(wheel), "pytest"]


def leave_out(folder: Path) -> None:
    """Remove the wheels that only locking needs."""
    for path in folder.glob("*.whl"):
        if path.name.partition("-")[0] in LEFT_OUT:
            path.unlink()


def pack(folder: Path, version: str, glibc: str) -> int:
    """Fill the folder; return how many bytes it holds. Raises CalledProcessError if pip fails."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(REPO)]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    wheel = next(folder.glob("conda_envgen-*.whl"))
    subprocess.run(download(wheel, version, glibc, folder), check=True)
    leave_out(folder)
    return sum(path.stat().st_size for path in folder.iterdir())


def main(argv: Sequence[str] | None = None) -> int:
    """Pack, and fail where the folder is too large."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--python-version", default="3.12", help="of the machine with the GPU (default: 3.12)")
    parser.add_argument("--glibc", default="2.28", help="of that machine, or older (default: 2.28)")
    parser.add_argument("--to", type=Path, default=REPO / "dist" / "gpu-wheels", help="the folder (default: dist/gpu-wheels)")
    chosen = parser.parse_args(argv)
    try:
        size = pack(chosen.to, chosen.python_version, chosen.glibc)
    except subprocess.CalledProcessError as error:
        print(f"error: {' '.join(error.cmd[:4])} ... exited with {error.returncode}", file=sys.stderr)
        return 1
    count = len(list(chosen.to.glob("*.whl")))
    print(
        f"{count} wheels, {size / 1e6:.1f} MB, for Python {chosen.python_version} on x86-64 with glibc {chosen.glibc}: {chosen.to}"
    )
    if size > LIMIT:
        print(f"error: more than {LIMIT / 1e6:.0f} MB", file=sys.stderr)
    return int(size > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
