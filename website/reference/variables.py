"""The page of the environment variables: those of options from click, and those that the code reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import click

from envgen.cli.main import main
from website.reference.markdown import code, page, prose, table

OWN: Mapping[str, str] = {
    "ENVGEN_CACHE": "The folder for the facts and projects as they were read, the records of channels, and what `check` found "
    "(default: the user's cache folder).",
    "ENVGEN_MIRROR": "The URL of a mirror of all channels, laid out as "
    "`<mirror>/<channel>/<subdir>`: see [channels](../channels.md).",
    "ENVGEN_TRACEBACK": "If it is set, a fault of envgen prints its traceback.",
}
"""Variables of envgen that no option stands for."""

OTHERS: Mapping[str, str] = {
    "BINSTAR_CONFIG_DIR": "Where the tokens of anaconda-client are.",
    "COLUMNS": "The width of the terminal.",
    "CONDARC, MAMBARC, CONDA_ROOT, MAMBA_ROOT_PREFIX, XDG_CONFIG_HOME": "Where conda's settings are: mirrors, channel aliases, "
    "certificates, and folders for environments.",
    "CONDA_ENVS_PATH, CONDA_ENVS_DIRS, CONDA_EXE": "Where `install` puts environments.",
    "CONDA_PREFIX": "The active environment, which `probe` asks and `doctor` looks at.",
    "CUDA_VISIBLE_DEVICES": "Which GPUs programs see; `doctor`, `probe` and the target word `gpu` take it into account.",
    "CUDA_HOME, CUDA_PATH, CUDA_ROOT, LD_LIBRARY_PATH, LD_PRELOAD, PYTHONPATH": "What may bring another CUDA or Python "
    "package into an environment; `doctor` reports it.",
    "FORCE_COLOR": "Colours although the output is not a terminal.",
    "NO_COLOR": "No colours.",
}
"""Variables of other programs that envgen reads, too."""


def variables_page() -> str:
    """The page."""
    options = ((code(name), prose(text), ", ".join(commands)) for name, (text, commands) in sorted(of_options().items()))
    own = ((code(name), text) for name, text in OWN.items())
    others = ((", ".join(map(code, name.split(", "))), text) for name, text in OTHERS.items())
    return page(
        "# Environment variables",
        "An option on the command line comes before its variable. `$NAME` in the URL of a channel or an index stands for a "
        "variable of your own, which no lock or message shows.",
        "## Of options",
        table(("variable", "meaning", "commands"), options),
        "## Of envgen",
        table(("variable", "meaning"), own),
        "## Of other programs",
        table(("variable", "meaning"), others),
    )


def of_options() -> dict[str, tuple[str, list[str]]]:
    """Variable -> the help of its option, and the commands that have it."""
    found: dict[str, tuple[str, list[str]]] = {}
    for name, option in _options(main, ""):
        for variable in [option.envvar] if isinstance(option.envvar, str) else option.envvar or ():
            _, commands = found.setdefault(variable, (f"{', '.join(option.opts)}: {option.help}", []))
            commands.append(f"[{name}](commands.md#envgen-{name.replace(' ', '-')})")
    return found


def _options(group: click.Group, before: str) -> Iterator[tuple[str, click.Option]]:
    for name, command in sorted(group.commands.items()):
        yield from ((f"{before}{name}", one) for one in command.params if isinstance(one, click.Option))
        if isinstance(command, click.Group):
            yield from _options(command, f"{before}{name} ")
