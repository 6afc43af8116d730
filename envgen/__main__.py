"""`python -m envgen`."""

from envgen.cli.main import run

run()
