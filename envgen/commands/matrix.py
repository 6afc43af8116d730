"""The commands about the facts: matrix lint, verify, refresh, show."""

from __future__ import annotations

import click


@click.group(short_help="Keep the facts true: lint, verify, refresh, show.")
def matrix() -> None:
    """Look at matrices/: is it well written, do the channels confirm it, what is new there, what does it say."""
