"""Reads withdrawn.yaml: builds that a channel withdrew, by package. Pure."""

from __future__ import annotations

from collections import defaultdict

from envgen.matrix.withdrawn_schema import WithdrawnFile
from envgen.model.withdrawn import Withdrawals, Withdrawn
from envgen.yamlfile.document import Document
from envgen.yamlfile.schema import checked


def withdrawals(document: Document) -> Withdrawals:
    """Withdrawn builds by package."""
    found: dict[str, list[Withdrawn]] = defaultdict(list)
    for request in checked(document, WithdrawnFile).withdrawn:
        for row in request.builds:
            withdrawn = Withdrawn(
                channel=request.channel,
                versions=frozenset(row.versions),
                builds=tuple(row.builds),
                platforms=frozenset(row.platforms),
                on=request.date,
                because=request.because,
            )
            for package in row.packages:
                found[package].append(withdrawn)
    return {package: tuple(rows) for package, rows in found.items()}
