"""The command `completion`: what a shell needs to complete commands, options, projects and targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from envgen.cli.console import echo

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

SHELLS = ("bash", "zsh", "fish", "powershell")
_POWERSHELL = """\
Register-ArgumentCompleter -Native -CommandName envgen -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Where-Object { $_.Extent.StartOffset -lt $cursorPosition } |
        ForEach-Object { $_.ToString() })
    $before = $env:COMP_WORDS, $env:COMP_CWORD, $env:_ENVGEN_COMPLETE
    if ($wordToComplete) { $words = @($words | Select-Object -SkipLast 1) }
    $env:COMP_WORDS = (@($words) + @($wordToComplete)) -join "`n"
    $env:COMP_CWORD = $wordToComplete
    $env:_ENVGEN_COMPLETE = 'fish_complete'
    try {
        envgen | ForEach-Object {
            $kind, $rest = $_ -split ',', 2
            $value, $help = $rest -split "`t", 2
            if (-not $help) { $help = $value }
            [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $help)
        }
    } finally {
        $env:COMP_WORDS, $env:COMP_CWORD, $env:_ENVGEN_COMPLETE = $before
    }
}
"""


@click.command(short_help="Print what a shell needs to complete envgen's commands.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    r"""Print the script that completes commands, options, projects and targets in SHELL.

    \b
    bash        envgen completion bash >> ~/.bashrc
    zsh         envgen completion zsh >> ~/.zshrc
    fish        envgen completion fish > ~/.config/fish/completions/envgen.fish
    powershell  envgen completion powershell >> $PROFILE
    """
    echo(script(shell, context.find_root().command), nl=False)


def script(shell: str, main: click.Command) -> str:
    """The script: click's own; for PowerShell, which click does not have, one of ours that asks for fish's answers."""
    if shell == "powershell":
        return _POWERSHELL
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None, shell  # noqa: S101 - SHELLS has those that click knows
    return f"{(kind.source_template % kind(main, {}, 'envgen', '_ENVGEN_COMPLETE').source_vars()).strip()}\n"


def names(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """The projects of the repository, for a parameter of projects; the targets of all of them, for one of targets."""
    from click.shell_completion import CompletionItem

    from envgen.cli.options import layout_or_none
    from envgen.model.errors import EnvgenError

    try:
        layout = layout_or_none(context, context.params.get("root"))
        projects = layout.projects() if layout else ()
        targets = sorted({target for project in projects for target in layout.locked_targets(project)}) if layout else []
    except (EnvgenError, OSError):
        return []
    known = projects if parameter.name in ("project", "projects") else ("cpu", "gpu", "auto", "newest", *targets)
    return [CompletionItem(name) for name in dict.fromkeys(known) if name.startswith(typed)]


def complete_names(command: click.Command) -> None:
    """Have a command complete what names projects and targets."""
    for parameter in command.params:
        if parameter.name in ("project", "projects", "target", "targets") and command.name != "init":
            parameter._custom_shell_complete = names  # noqa: SLF001 - click takes it when a parameter is made, in each command
