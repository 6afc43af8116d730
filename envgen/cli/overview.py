"""The commands in the order of the work, each with examples: what `envgen --help` and the help of each command show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import click

from envgen.cli.completion import complete_names
from envgen.cli.console import QUIET

SECTIONS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "Start": {
        "init": (
            "envgen init --project demo --framework pytorch --target cpu --target cu129",
            "envgen init --from environment-cpu.yml environment-gpu.yml",
            "envgen init --git --ci --hooks",
        ),
        "doctor": ("envgen doctor", "envgen doctor vision --json"),
    },
    "Lock": {
        "lock": ("envgen lock vision", "envgen lock --check"),
        "update": ("envgen update vision --package numpy", "envgen update --dry-run"),
        "add": ('envgen add vision "scipy >=1.14" polars', "envgen add vision nvtop --target cu129"),
        "remove": ("envgen remove vision polars", "envgen remove vision nvtop --target cu129"),
        "resolve": ("envgen resolve vision", "envgen resolve vision --target cu129 --explain"),
    },
    "Use": {
        "install": ("envgen install vision", "envgen install vision --target cu129 --dry-run"),
        "run": ("envgen run vision -- python train.py", "envgen run vision --target cpu -- pytest -q"),
        "probe": ("envgen probe vision", "envgen probe --python .venv/bin/python --require-cuda"),
        "list": ("envgen list", "envgen list vision --json"),
        "export": ("envgen export vision --target cu129 --format explicit", "envgen export vision --format pixi --output DIR"),
    },
    "Look into locks": {
        "why": ("envgen why vision mkl", "envgen why vision mkl --target cpu"),
        "tree": ("envgen tree vision --depth 1", "envgen tree vision --target cu129 --platform linux-64"),
        "size": ("envgen size vision", "envgen size vision --target cu129 --most 3"),
        "licenses": ("envgen licenses vision", "envgen licenses vision --deny 'GPL*'"),
        "diff": ("envgen diff", "envgen diff main...HEAD --markdown"),
    },
    "Check": {
        "verify": ("envgen verify", "envgen verify other/conda-lock.yml --target cu126"),
        "check": ("envgen check", "envgen check vision --fix"),
        "impact": ("envgen impact", "envgen impact main --merge-base --markdown"),
    },
    "Facts": {
        "matrix": (),
        "matrix show": ("envgen matrix show --framework pytorch --driver 535 --gpu A100", "envgen matrix show --html matrix.html"),
        "matrix lint": ("envgen matrix lint", "envgen matrix lint --strict"),
        "matrix schemas": ("envgen matrix schemas", "envgen matrix schemas --json"),
        "matrix verify": ("envgen matrix verify --framework pytorch", "envgen matrix verify --index DIR --complete"),
        "matrix refresh": ("envgen matrix refresh", "envgen matrix refresh --framework jax --write"),
        "facts": (),
        "facts status": ("envgen facts status", "envgen facts status --exit-code --json"),
        "facts update": ("envgen facts update --dry-run", "envgen facts update --theirs"),
    },
    "Many machines": {
        "plan": ("envgen plan", "envgen plan --shard 1/8 --json"),
        "ci-matrix": ("envgen ci-matrix", "envgen ci-matrix --changed origin/main --runner gpu=gpu-box --json"),
        "index": (),
        "index export": ("envgen index export /mnt/packages vision", "envgen index export /mnt/packages --platform linux-64"),
        "merge-driver": (),
    },
    "Help": {
        "help": ("envgen help", "envgen help projects", "envgen help --man ~/.local/share/man/man1"),
        "completion": ("envgen completion bash", "envgen completion powershell"),
    },
}
"""Section -> command -> examples. Git calls `merge-driver`, and groups are named by their commands."""


class Overview(click.Group):
    """The group of all commands, which lists them by section, in the order of the work."""

    def list_commands(self, _: click.Context) -> list[str]:
        """The names in the order of the sections."""
        return [name for _, names in self.sections() for name in names]

    def sections(self) -> Iterator[tuple[str, list[str]]]:
        """Each section with its commands; those of no section come last."""
        left = dict(self.commands)
        for title, rows in SECTIONS.items():
            found = [name for name in rows if left.pop(name, None)]
            yield from [(title, found)] if found else []
        yield from [("More", sorted(left))] if left else []

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """A list for each section."""
        label = max(map(len, self.commands))
        for title, names in self.sections():
            with formatter.section(title):
                rows = ((name, self.commands[name].get_short_help_str(limit=200)) for name in names)
                formatter.write_dl([(f"{name:<{label}}", text) for name, text in rows])


def complete(main: click.Group) -> None:
    """Give the group and all commands `--quiet`, and commands their examples."""
    examples = {name: rows for section in SECTIONS.values() for name, rows in section.items()}
    main.params.append(_quiet())
    for name, command in _all(main, ""):
        command.params.append(_quiet())
        complete_names(command)
        rows = examples.get(name)
        command.epilog = "\n".join(("\b", "Examples:", *(f"  {row}" for row in rows))) if rows else command.epilog


def _all(group: click.Group, before: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield f"{before}{name}", command
        if isinstance(command, click.Group):
            yield from _all(command, f"{before}{name} ")


def _quiet() -> click.Option:
    text = "Print results and errors, and no messages."
    return click.Option(["-q", "--quiet"], is_flag=True, expose_value=False, callback=_remember, help=text)


def _remember(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.meta[QUIET] = True
