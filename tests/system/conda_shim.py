"""A conda for tests: answers what `conda-lock lock` asks of one, with py-rattler and an index folder, ENVGEN_TEST_INDEX.

    conda_shim.py --version
    conda_shim.py info --json
    conda_shim.py create --prefix P --dry-run --json --override-channels --channel C ... SPEC ...

The platform is CONDA_SUBDIR; a channel that is a file:// url is conda-lock's own, and holds virtual packages only. Builds that a channel
withdrew are not in its index.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rattler import GenericVirtualPackage

REPO = Path(__file__).parents[2]


def virtual_packages(channel: str, platform: str) -> list[GenericVirtualPackage]:
    """What conda-lock promises for a platform, from the repodata it wrote."""
    from rattler import GenericVirtualPackage, PackageName, Version
    from rattler.package.build_string import BuildString

    data = json.loads((Path(channel.removeprefix("file://")) / platform / "repodata.json").read_text(encoding="utf-8"))
    rows = data["packages"].values()
    return [GenericVirtualPackage(PackageName(row["name"]), Version(row["version"]), BuildString(row["build"])) for row in rows]


def create(words: list[str]) -> dict[str, Any]:
    """The answer to `create --dry-run --json`; what it takes is imported here, because conda-lock asks for the version more often."""
    import argparse
    import asyncio

    from rattler import ChannelPriority, MatchSpec, solve

    from envgen.channels.channel import locate
    from envgen.channels.index import FolderIndex
    from envgen.matrix.cached import cached_matrix
    from envgen.model.layout import Layout

    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("specs", nargs="+")
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--channel", action="append", required=True)
    for flag in ("--dry-run", "--json", "--override-channels"):
        parser.add_argument(flag, action="store_true", required=True)
    asked, platform = parser.parse_intermixed_args(words), os.environ["CONDA_SUBDIR"]
    index = FolderIndex(Path(os.environ["ENVGEN_TEST_INDEX"]), "the test's index", cached_matrix(Layout(REPO)).withdrawn)
    channels = [locate(channel) for channel in asked.channel if not channel.startswith("file://")]
    work = solve(
        sources=index.sources(channels, platform),
        specs=[MatchSpec(spec, strict=False) for spec in asked.specs],
        platforms=[platform, "noarch"],  # type: ignore[list-item]
        virtual_packages=[virtual for c in asked.channel if c.startswith("file://") for virtual in virtual_packages(c, platform)],
        channel_priority=ChannelPriority.Strict,
    )
    found = [{**json.loads(record.to_json()), "url": record.url} for record in asyncio.run(work)]  # type: ignore[arg-type]
    return {"actions": {"FETCH": found, "LINK": found}, "success": True}


def answer(words: list[str]) -> str:
    """What a conda would print."""
    if words == ["--version"]:
        return "conda 25.1.1"
    return json.dumps({"pkgs_dirs": []} if words[0] == "info" else create(words[1:]))


if __name__ == "__main__":
    print(answer(sys.argv[1:]), flush=True)
    os._exit(0)  # py-rattler 0.28 can abort at the interpreter's exit
