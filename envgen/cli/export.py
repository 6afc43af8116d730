"""The command `export`."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from envgen.cli.console import echo, tell
from envgen.cli.options import ANY_TARGET, facts_of, layout_of, root_option
from envgen.model.errors import BadInput, closest
from envgen.model.platforms import PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envgen.export.model import ExportedCell, WheelPlaces
    from envgen.model.facts import Matrix, Platform
    from envgen.model.layout import Layout
    from envgen.model.resolution import RenderedFile

_FORMATS = ("explicit", "environment", "pixi", "requirements", "pylock", "dockerfile")
_OF_SEVERAL = ("pixi", "dockerfile")  # formats of all targets together


@click.command(short_help="Write a lock as the files of other tools.")
@click.argument("project")
@click.option("--target", "targets", multiple=True, metavar="TARGET", help=f"Only this target: {ANY_TARGET}. May be repeated.")
@click.option("--format", "kind", required=True, type=click.Choice(_FORMATS), help="What to write.")
@click.option("--platform", "platforms", multiple=True, type=click.Choice(PLATFORMS), help="Only this platform. May be repeated.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="A file, or for pixi a folder. Without it, print the text; pixi has two files.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@root_option
@click.pass_context
def export(
    context: click.Context,
    project: str,
    targets: tuple[str, ...],
    kind: str,
    platforms: tuple[Platform, ...],
    output: Path | None,
    overwrite: bool,
    root: Path | None,
) -> None:
    """Write the lock of PROJECT's target as a list of URLs, a pinned environment.yml, files of pixi or pip, or a Dockerfile.

    pixi and dockerfile take all locked targets together, the others one target on one platform. Nothing is solved: each package is
    the one of the lock. requirements and pylock have the pip packages alone.
    """
    if kind == "pixi" and output is None:
        raise click.UsageError("pixi has two files: give a folder with --output DIR")
    layout, matrix = facts_of(layout_of(context, root))
    layout.known_project(project)
    from envgen.export.model import NO_PLACES

    cells = list(_cells(layout, matrix, project, targets, platforms))
    if not cells:
        raise BadInput("nothing that is requested is locked", where=project, hint="`envgen list` shows what is locked")
    if kind not in _OF_SEVERAL:
        _check_one(cells)
    places = _places(layout, matrix, project) if kind == "pixi" and any(cell.pip for cell in cells) else NO_PLACES
    files = _files(kind, project, cells, places)
    if kind != "dockerfile":  # which copies them
        for package in dict.fromkeys(package for cell in cells for package in cell.local):
            what = f"{package.at}: `{package}` is not in the lock, and so not in what is exported"
            tell(f"{what}; afterwards install it: pip install --no-deps {package}")
    if output is None:
        echo(files[0].text, nl=False)
        return
    _write(layout, kind, output, files, overwrite=overwrite)


def _cells(
    layout: Layout, matrix: Matrix, project: str, words: Sequence[str], platforms: Sequence[Platform]
) -> Iterator[ExportedCell]:
    """The requested cells of the locked targets."""
    from envgen import targets
    from envgen.export.model import ExportedCell
    from envgen.formats.conda_lock import read_lock
    from envgen.formats.environment_yml import read_specs
    from envgen.formats.virtual_packages import read_virtual_packages
    from envgen.model.layout import LOCK, SPEC, VIRTUAL
    from envgen.project.cached import cached_project

    names, known = layout.locked_targets(project), cached_project(layout, matrix, project)
    chosen = [targets.named(word, names, matrix, "an exported file is the same everywhere") for word in words] if words else names
    for word, name in zip(words, chosen, strict=False):
        if name is None:
            hint = closest(word, names) if names else f"run `envgen lock {project}` first"
            raise BadInput(f"{project} has no locked target `{word}`", hint=hint)
    for target in dict.fromkeys(filter(None, chosen)):
        folder = layout.target(project, target)
        lock = read_lock(layout.read(folder / LOCK), layout.shown(folder / LOCK))
        spec, virtual, local = layout.read(folder / SPEC), read_virtual_packages(folder / VIRTUAL), known.local
        for platform in (one for one in lock.platforms if not platforms or one in platforms):
            specs = read_specs(spec, layout.shown(folder / SPEC), platform)
            promised = virtual.get(platform, {})
            yield ExportedCell(
                project=project, target=target, platform=platform, lock=lock, specs=specs, virtual=promised, local=local
            )


def _check_one(cells: Sequence[ExportedCell]) -> None:
    """Raise BadInput where a format of one cell would have several."""
    names, found = [cell.target for cell in cells], [cell.platform for cell in cells]
    if len(set(names)) > 1:
        raise BadInput(
            f"{len(set(names))} targets are locked", hint=f"choose one: --target {' or --target '.join(dict.fromkeys(names))}"
        )
    if len(found) > 1:
        raise BadInput(
            f"{names[0]} is locked for {', '.join(found)}", hint=f"choose one: --platform {' or --platform '.join(found)}"
        )


def _places(layout: Layout, matrix: Matrix, project: str) -> WheelPlaces:
    """Where a project's pip packages come from; without `pip-repositories:` the index that uv asks by default."""
    from envgen.channels.channel import bare
    from envgen.export.model import WheelPlaces
    from envgen.formats.builds import requirement_name
    from envgen.model.facts import PUBLIC_INDEX
    from envgen.pip.process import default_index
    from envgen.project.cached import cached_project

    found = cached_project(layout, matrix, project)
    own = tuple(map(bare, found.pip_repositories)) or tuple(filter(None, [default_index()]))
    purposes = tuple(replace(row, url=bare(row.url)) for row in found.pip_indexes)
    of_wheels = (row for framework in matrix.frameworks.values() for row in framework.providers.get(framework.of_wheels, ()))
    rows = [row for row in of_wheels if row.index not in ("", PUBLIC_INDEX)]
    return WheelPlaces(
        indexes=own,
        purposes=purposes,
        find_links=tuple(map(bare, found.find_links)),
        by_variant={requirement_name(text): row.index for row in rows for text in row.cpu},
    )


def _files(kind: str, project: str, cells: Sequence[ExportedCell], places: WheelPlaces) -> list[RenderedFile]:
    from envgen.export import conda_files, dockerfile, pixi_files, wheel_files
    from envgen.model.layout import SPEC
    from envgen.model.resolution import RenderedFile

    if kind == "pixi":
        return [
            RenderedFile("pixi.toml", pixi_files.manifest_text(project, cells, places)),
            RenderedFile("pixi.lock", pixi_files.lock_text(cells, places)),
        ]
    if kind == "dockerfile":
        linux = [cell for cell in cells if cell.platform.startswith("linux")]
        if not linux:
            raise BadInput(f"{project} is not locked for Linux", hint="a Dockerfile needs a target for linux-64 or linux-aarch64")
        return [RenderedFile("Dockerfile", dockerfile.dockerfile_text(project, linux))]
    texts = {
        "explicit": ("explicit.txt", conda_files.explicit_text),
        "environment": (SPEC, conda_files.environment_text),
        "requirements": ("requirements.txt", wheel_files.requirements_text),
        "pylock": ("pylock.toml", wheel_files.pylock_text),
    }
    name, text = texts[kind]
    return [RenderedFile(name, text(cells[0]))]


def _write(layout: Layout, kind: str, output: Path, files: Sequence[RenderedFile], *, overwrite: bool) -> None:
    """Write the files: into the folder `output`, or one of them as that file. Raises BadInput where one exists."""
    from envgen.files import write_files
    from envgen.model.resolution import RenderedFile

    whole = kind == "pixi" or output.is_dir()
    folder = output if whole else output.parent
    named = list(files) if whole else [RenderedFile(output.name, files[0].text)]
    for file in named:
        if os.path.lexists(folder / file.name) and not overwrite:  # also a link that leads nowhere
            raise BadInput(
                "this file exists", where=folder / file.name, hint="replace it with --overwrite, or choose another place"
            )
    write_files(folder, named, layout)
    for file in named:
        echo(f"wrote {folder / file.name}", err=True)
