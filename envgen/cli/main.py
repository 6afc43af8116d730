"""The command line: a module for each command, and errors mapped to exit codes.

Results go to stdout, everything else to stderr. A command imports what it needs when it runs: `envgen --help` loads click alone.
"""

from __future__ import annotations

import gc
import io
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import click

from envgen import __version__
from envgen.cli import (
    check,
    ci_matrix,
    completion,
    composition,
    diff,
    doctor,
    edit,
    export,
    facts,
    help_,
    impact,
    index,
    init,
    install,
    lock,
    matrix,
    merge_driver,
    overview,
    plan,
    probe,
    resolve,
    verify,
)
from envgen.cli.console import echo
from envgen.cli.options import root_option
from envgen.model.errors import BadInput, EnvgenError

FAULT, INTERRUPTED = 70, 130  # of envgen itself: EX_SOFTWARE in sysexits.h; 128 + SIGINT


@click.group(cls=overview.Overview, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="envgen")
@root_option
def main(root: Path | None) -> None:
    """CPU and GPU conda environments, side by side: one project file in, a pinned conda-lock.yml for every target out."""


_WRITE = (lock.lock, plan.plan, lock.update, edit.add, edit.remove, resolve.resolve, init.init)
_FACTS = (matrix.matrix, facts.facts)
_CONTENT = (composition.why, composition.tree, composition.size, composition.licenses)
_GIT = (merge_driver.merge_driver,)
_HELP = (help_.help_, completion.completion)
_CHECK = (check.check, impact.impact, diff.diff, ci_matrix.ci_matrix, verify.verify, doctor.doctor, probe.probe)
_USE = (install.install, install.run, install.list_, export.export, index.index)
for command in (*_WRITE, *_FACTS, *_CHECK, *_USE, *_CONTENT, *_GIT, *_HELP):
    main.add_command(command)
overview.complete(main)


def run() -> NoReturn:
    """Run the command line. Ends in `os._exit`: py-rattler 0.28 can abort the interpreter's own shutdown on a busy machine."""
    _open_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a character gets its number
    gc.disable()  # a run is short and makes little garbage; collecting it takes a tenth of the time
    _leave(_status())


def _open_streams() -> None:
    """Give a stream that was closed (`>&-`) to nobody: else the next file that is opened takes its number, and what is printed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - open until the process ends
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def _status() -> int:
    """Run the command; return its exit code."""
    try:
        return int(main.main(prog_name="envgen", standalone_mode=False) or 0)
    except EnvgenError as error:
        return _failed(error)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        echo(error.format_message(), people=True, err=True)
        return error.exit_code
    except click.ClickException as error:
        echo(f"error: {_misused(error)}", people=True, err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        echo("interrupted: files that were not replaced yet are unchanged", people=True, err=True)
        return INTERRUPTED
    except (BrokenPipeError, SystemExit):  # click exits where whoever reads the output, such as `head`, has read enough
        return 0
    except OSError as error:
        hint = "check free space, permissions and limits; no file is half written"
        return _failed(BadInput(f"the operating system reports: {error}", hint=hint))
    except BaseException as error:  # noqa: BLE001 - a fault of envgen, or a panic of rattler
        return _fault(error)


def _misused(error: click.ClickException) -> str:
    """What click refuses, as envgen writes errors: in one line, and where to read on."""
    what = " ".join(error.format_message().split())
    what = what if what.endswith("..") else what.removesuffix(".")
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"\n\nhint: see `{context.command_path} --help`" if context else ""
    return f"{what[:1].lower()}{what[1:]}{hint}"


def _fault(error: BaseException) -> int:
    """Say in one line that envgen has a fault, and where; with ENVGEN_TRACEBACK=1, print the traceback first."""
    import traceback

    trace = traceback.extract_tb(error.__traceback__)
    if os.environ.get("ENVGEN_TRACEBACK"):
        echo("".join(traceback.format_exception(error)), err=True, nl=False)
    ours = [frame for frame in trace if "envgen" in Path(frame.filename).parts] or trace
    place = f" at {'/'.join(Path(ours[-1].filename).parts[-3:])}:{ours[-1].lineno}" if ours else ""
    what = " ".join(str(error).split())[:200]
    report = "please report this, with the command and its input; ENVGEN_TRACEBACK=1 shows more"
    echo(f"error: a fault of envgen {__version__}{place}: {type(error).__name__}: {what}; {report}", people=True, err=True)
    return FAULT


def _failed(error: EnvgenError) -> int:
    """Print an error; return its exit code."""
    from envgen.cli.failures import error_text

    echo(error_text(error), people=True, err=True)
    return error.exit_code


def _leave(status: int) -> NoReturn:
    """End. A result that stdout did not take is a failure, unless its reader went away; a message that is lost is not."""
    with suppress(OSError):
        sys.stderr.flush()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        pass
    except OSError:
        status = status or 1
    os._exit(status)
