"""A repository with the small matrix and a made-up channel, in which commands run in this process: a lock takes a tenth of a second."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import yaml
from click.testing import CliRunner, Result
from conftest import REPO
from unit.made_up import CHANNEL, Row, write_channel
from unit.small import write_matrix

from envgen.cli.main import main
from envgen.model.layout import LOCK, Layout

PROJECT = 'python: "3.12"\ntargets: [cpu]\nplatforms: [linux-64]\nchannels: [conda-forge]\ndependencies: [{own}]\n'


class Site:
    """A repository in a folder, and an index folder beside it."""

    def __init__(self, folder: Path, rows: Iterable[Row]) -> None:
        self.root, self.index = folder / "root", folder / "index"
        write_matrix(self.root / "matrices")
        shutil.copytree(REPO / "templates", self.root / "templates")
        self.channel(rows)

    @property
    def layout(self) -> Layout:
        return Layout(self.root)

    def channel(self, rows: Iterable[Row]) -> None:
        """Publish these packages and no others."""
        write_channel(self.index, list(rows))

    def project(self, text: str, name: str = "p") -> Path:
        """Write a project; returns its file."""
        path = self.root / "environments" / name / "project.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def run(self, *words: object) -> Result:
        """A command; what it raises is raised."""
        done = CliRunner().invoke(main, ["--root", str(self.root), *map(str, words)], standalone_mode=False)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    def lock(self, *words: object) -> Result:
        """`envgen lock` with the index folder."""
        return self.run("lock", "--index", self.index, *words)

    def path(self, target: str = "cpu", name: str = "p") -> Path:
        """The lock of a target."""
        return self.root / "environments" / name / target / LOCK

    def locked(self, target: str = "cpu", name: str = "p") -> dict[str, str]:
        """What a lock has: package -> version."""
        rows = yaml.safe_load(self.path(target, name).read_text(encoding="utf-8"))["package"]
        return {row["name"]: row["version"] for row in rows}

    def recorded(self) -> set[str]:
        """The files of all packages in the recorded index."""
        paths = (self.root / "environments/index").glob("**/repodata.json")
        return {name for path in paths for name in json.loads(path.read_text(encoding="utf-8"))["packages.conda"]}

    def named(self) -> set[str]:
        """The files of all packages in the locks."""
        texts = [path.read_text(encoding="utf-8") for path in self.root.glob(f"environments/*/*/{LOCK}")]
        return {url.rpartition("/")[2] for text in texts for url in re.findall(r"^  url: (\S+)$", text, re.MULTILINE)}

    def files(self) -> dict[str, bytes]:
        """Every file below `environments/`."""
        top = self.root / "environments"
        return {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()}


__all__ = ["CHANNEL", "PROJECT", "Row", "Site"]
