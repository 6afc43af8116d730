"""The command line: a module for each command, and errors mapped to exit codes.

Results go to stdout, everything else to stderr. A command imports what it needs when it runs: `envgen --help` loads click alone.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import NoReturn

import click

from envgen import __version__
from envgen.cli import doctor, edit, init, install, lock, matrix, probe, resolve, verify
from envgen.cli.options import root_option
from envgen.model.errors import BadInput, EnvgenError

INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="envgen")
@root_option
def main(root: Path | None) -> None:
    """CPU and GPU conda environments, side by side: one project file in, a pinned conda-lock.yml for every target out."""


_WRITE = (lock.lock, lock.update, edit.add, edit.remove, resolve.resolve, init.init)
_FACTS = (matrix.matrix,)
_CHECK = (verify.verify, doctor.doctor, probe.probe)
_USE = (install.install, install.run, install.list_)
for command in (*_WRITE, *_FACTS, *_CHECK, *_USE):
    main.add_command(command)


def run() -> NoReturn:
    """The entry point. Ends in `os._exit`: py-rattler 0.28 can abort the interpreter's own shutdown when the machine is busy."""
    gc.disable()  # a run is short and makes little garbage; collecting it takes a tenth of the time
    _leave(_status())


def _status() -> int:
    """Run the command; return its exit code."""
    try:
        return int(main.main(standalone_mode=False) or 0)
    except EnvgenError as error:
        return _failed(error)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted: files that were not replaced yet are unchanged", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        return 0
    except OSError as error:
        hint = "check free space, permissions and limits; no file is half written"
        return _failed(BadInput(f"the operating system reports: {error}", hint=hint))


def _failed(error: EnvgenError) -> int:
    """Print an error, with the conflict where a project is unsatisfiable; return its exit code."""
    from envgen.resolver.resolve import Unsatisfiable

    if isinstance(error, Unsatisfiable):
        from envgen.explain.explain import conflict
        from envgen.explain.report import conflict_text

        error.what = f"{error.what}\n\n{conflict_text(conflict(error.problem))}"
    click.echo(f"error: {error}", err=True)
    return error.exit_code


def _leave(status: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            status = status or 1
    os._exit(status)
