"""Reads withdrawn.yaml: builds that a channel withdrew, by package. Pure."""

from __future__ import annotations

from collections import defaultdict

from envgen.matrix.schema import WithdrawnFile
from envgen.model.left_out import Withdrawals, Withdrawn
from envgen.yamlfile.document import Document, checked


def withdrawals(document: Document) -> Withdrawals:
    """Withdrawn builds by package."""
    found: dict[str, list[Withdrawn]] = defaultdict(list)
    for index, request in enumerate(checked(document, WithdrawnFile).withdrawn):
        for place, row in enumerate(request.builds):
            withdrawn = Withdrawn(
                channel=request.channel,
                packages=tuple(row.packages),
                versions=frozenset(row.versions),
                builds=tuple(row.builds),
                platforms=frozenset(row.platforms),
                on=request.on,
                because=request.because,
                at=document.at("withdrawn", index, "builds", place),
            )
            for package in withdrawn.packages:
                found[package].append(withdrawn)
    return {package: tuple(rows) for package, rows in found.items()}
