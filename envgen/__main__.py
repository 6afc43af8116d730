"""`python -m envgen`."""

from envgen.cli import run

run()
