"""Where the process begins: an interrupt while the command line is imported ends it like any program, without a traceback."""

from __future__ import annotations

import signal
from typing import NoReturn


def run() -> NoReturn:
    """The entry point: import the command line and run it."""
    python = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else interrupts are ignored, as in the background
    if python:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from envgen.cli import main

    if python:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    main.run()
