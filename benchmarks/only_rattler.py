"""Solve what `envgen lock` solves, from the same records, with py-rattler alone: the baseline for the lock of 8 cells.

The argument is a JSON file: the requests, and the repodata file of each subdir of conda-forge. All solves share a gateway, as those of
envgen do.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from rattler import Channel, Gateway, GenericVirtualPackage, MatchSpec, PackageName, SparseRepoData, Version, solve
from rattler.package.build_string import BuildString


def records(job: dict[str, Any], platform: str) -> list[SparseRepoData]:
    """The records of conda-forge for one platform and noarch."""
    channel = Channel("https://conda.anaconda.org/conda-forge")
    return [SparseRepoData(channel, subdir, job["files"][subdir]) for subdir in (platform, "noarch")]


async def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sources = {platform: records(job, platform) for platform in {request["platform"] for request in job["requests"]}}
    gateway = Gateway()

    async def one(request: dict[str, Any]) -> int:
        virtual = [virtual_package(name, value) for name, value in sorted(request["virtual"].items())]
        specs = [MatchSpec(spec, strict=False) for spec in request["specs"]]
        platforms = [request["platform"], "noarch"]
        found = await solve(
            sources[request["platform"]],
            specs,
            gateway=gateway,
            platforms=platforms,
            virtual_packages=virtual,
            constraints=request["constraints"],
        )
        return len(found)

    counts = await asyncio.gather(*(one(request) for request in job["requests"]))
    print(counts)


def virtual_package(name: str, value: str) -> GenericVirtualPackage:
    """A virtual package from `version` or `version build`."""
    version, _, build = value.partition(" ")
    return GenericVirtualPackage(PackageName(name), Version(version), BuildString(build or "0"))


asyncio.run(main())
sys.stdout.flush()
os._exit(0)  # skips the interpreter's shutdown, as envgen does
