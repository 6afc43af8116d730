"""Install the packages in folders that a project lists: after the lock, which does not have them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from envgen.channels.channel import redacted
from envgen.formats.prefix import site_packages
from envgen.install.clean_env import clean
from envgen.install.wheels import error_line, run_pip_in
from envgen.model.errors import BadInput, CheckFailed
from envgen.model.layout import Layout
from envgen.model.pip import LocalPackage
from envgen.model.project import Project
from envgen.model.regular import real
from envgen.model.run import Reporter


def install_local(layout: Layout, project: Project, prefix: Path, shown: str, reporter: Reporter) -> None:
    """Install what a project lists of folders, without dependencies; what is there in place, and editable, stays.

    Raises BadInput for a folder that is not there, CheckFailed where pip cannot build one.
    """
    todo = [(package, _folder(layout, package)) for package in project.local]
    editable = set(_editable(prefix)) if todo else set()
    for package, folder in todo:
        if package.editable and folder.as_uri() in editable:
            continue
        reporter.say(f"{shown}: installing `{package}`, which is not in the lock ({package.at})")
        variables, _ = clean(os.environ, str(prefix), lambda _: False, os.path)
        place = ("--editable", str(folder)) if package.editable else (str(folder),)
        done = run_pip_in(prefix, ("install", "--no-deps", "--force-reinstall", *place), variables)
        if done.returncode:
            what = f"pip cannot install `{package}`: {redacted(error_line(done.stderr))}"
            raise CheckFailed(
                what, where=package.at, hint="the locked packages are installed; correct the package and install again"
            )


def _folder(layout: Layout, package: LocalPackage) -> Path:
    folder = real(layout.root / Path(package.path.removeprefix("file:")).expanduser())
    if folder.is_file() or any((folder / name).is_file() for name in ("pyproject.toml", "setup.py")):
        return folder
    hint = "a path is relative to the folder that has matrices/ and environments/"
    raise BadInput(f"`{package}`: no Python package in {layout.shown(folder)}", where=package.at, hint=hint)


def _editable(prefix: Path) -> Iterator[str]:
    """The folders that are installed in place (PEP 610)."""
    for folder in site_packages(prefix):
        for path in folder.glob("*.dist-info/direct_url.json"):
            with suppress(OSError, ValueError, AttributeError):
                told = json.loads(path.read_text(encoding="utf-8"))
                if told.get("dir_info", {}).get("editable"):
                    yield str(told.get("url"))
