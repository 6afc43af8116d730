"""The same records and the same solves with py-rattler and nothing else: what `lock of 8 cells` is held against."""

import asyncio
import json
import os
import sys
from pathlib import Path

from rattler import Channel, GenericVirtualPackage, MatchSpec, PackageName, SparseRepoData, Version, solve
from rattler.package.build_string import BuildString


def records(asked: dict, platform: str) -> list[SparseRepoData]:
    """conda-forge of one platform: the unpacked file that the folder holds, or the one that envgen unpacked into its cache."""
    channel, folder = Channel("https://conda.anaconda.org/conda-forge"), Path(asked["index"]) / "conda-forge"
    found = []
    for subdir in (platform, "noarch"):
        plain = folder / subdir / "repodata.json"
        path = plain if plain.is_file() else next(p for p in asked["cache"] if f'"subdir":"{subdir}"' in _head(p))
        found.append(SparseRepoData(channel, subdir, path))
    return found


def _head(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read(200).replace(" ", "")


async def main() -> None:
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sources = {platform: records(asked, platform) for platform in {request["platform"] for request in asked["requests"]}}

    async def one(request: dict) -> int:
        virtual = [name_and_value(name, value) for name, value in sorted(request["virtual"].items())]
        specs = [MatchSpec(spec, strict=False) for spec in request["specs"]]
        platforms = [request["platform"], "noarch"]
        return len(await solve(sources[request["platform"]], specs, platforms=platforms, virtual_packages=virtual))

    counts = await asyncio.gather(*(one(request) for request in asked["requests"]))
    print(counts)


def name_and_value(name: str, value: str) -> GenericVirtualPackage:
    version, _, build = value.partition(" ")
    return GenericVirtualPackage(PackageName(name), Version(version), BuildString(build or "0"))


asyncio.run(main())
sys.stdout.flush()
os._exit(0)
