"""`python -m envgen`."""

from envgen.cli.start import run

run()
