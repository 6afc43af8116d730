"""The command line: one command of another module for each verb, errors mapped to exit codes.

Data goes to stdout, talk to stderr. Heavy modules are imported by the command that needs them: `envgen --help` loads click
and nothing else.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import NoReturn

import click

from envgen import __version__
from envgen.cli import doctor, install, lock, matrix, probe, verify
from envgen.cli.options import root_option
from envgen.model.errors import BadInput, EnvgenError

INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="envgen")
@root_option
def main(root: Path | None) -> None:
    """CPU and GPU conda environments, side by side: one project file in, a pinned conda-lock.yml for every target out."""


_MAKE = (lock.lock, lock.resolve, lock.init)
_PROVE = (verify.verify, doctor.doctor, probe.probe)
_KNOW = (matrix.matrix,)
_USE = (install.install, install.run, install.list_)
for command in (*_MAKE, *_KNOW, *_PROVE, *_USE):
    main.add_command(command)


def _say_error(error: EnvgenError) -> None:
    from envgen.resolver.resolve import Unsatisfiable

    if isinstance(error, Unsatisfiable):
        from envgen.explain.explain import conflict
        from envgen.explain.report import conflict_text

        error.what = f"{error.what}\n\n{conflict_text(conflict(error.problem))}"
    click.echo(f"error: {error}", err=True)


def run() -> NoReturn:
    """The entry point. Ends in `os._exit`: py-rattler 0.28 can abort the interpreter's own shutdown when the machine is busy."""
    gc.disable()  # a run is short and its garbage little; collecting it costs a tenth of the time
    _leave(_status())


def _status() -> int:
    try:
        return int(main.main(standalone_mode=False) or 0)
    except EnvgenError as error:
        _say_error(error)
        return error.exit_code
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted: files that were not yet replaced are as they were", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        return 0
    except OSError as error:
        _say_error(
            BadInput(f"the system refused: {error}", hint="look at free space, permissions and limits; nothing is half written")
        )
        return BadInput.exit_code


def _leave(status: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            status = status or 1
    os._exit(status)
