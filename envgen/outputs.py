"""Findings for other programs: SARIF for a code host's pull requests, annotations for the logs of its workflows. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from envgen import __version__
from envgen.model.findings import Finding
from envgen.model.rules import Rule

FindingAt = tuple[Finding, str]
"""A finding, and the file that it is about."""

_BRACKETS = re.compile(r"[\\\[\]]")  # SARIF 2.1.0, 3.11.6: in a message, text in brackets is a link


def sarif(rows: Iterable[FindingAt], rules: Sequence[Rule[Any]], pages: Mapping[str, str]) -> str:
    """SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/); `pages` says where each rule is explained."""
    order = {rule.name: place for place, rule in enumerate(rules)}
    described = [
        {
            "id": rule.name,
            "shortDescription": {"text": rule.because},
            "help": {"text": pages[rule.name]},
            "defaultConfiguration": {"level": rule.severity},
        }
        for rule in rules
    ]
    driver = {"name": "envgen", "version": __version__, "rules": described}
    results = [_result(found, file, order[found.rule]) for found, file in rows]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2)


def _result(found: Finding, file: str, place: int) -> dict[str, Any]:
    region = {"startLine": found.at.line, "startColumn": found.at.column} if found.at else {"startLine": 1}
    return {
        "ruleId": found.rule,
        "ruleIndex": place,
        "level": found.severity,
        "message": {"text": _BRACKETS.sub(r"\\\g<0>", _sentence(found))},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": quote(file.replace("\\", "/"))}, "region": region}}],
        "partialFingerprints": {"envgen/v1": _fingerprint(found)},
    }


def _fingerprint(found: Finding) -> str:
    """What is the same in the next run, although lines move."""
    told = ":".join((found.rule, found.platform, found.package.split(" ")[0]))
    return f"{told}:{found.environment}:{found.text}" if found.project and not found.package else told


def _sentence(found: Finding) -> str:
    chain = f" (brought by {' > '.join(found.chain)})" if found.chain else ""
    return f"{': '.join(filter(None, (found.platform, found.package, found.text)))}{chain}"


def github(rows: Iterable[FindingAt]) -> str:
    """Workflow commands: one annotation for each finding, at its line."""
    return "\n".join(_annotation(found, file) for found, file in rows)


def _annotation(found: Finding, file: str) -> str:
    line = found.at.line if found.at else 1
    where = f"file={_property(file)},line={line},title={_property(f'envgen {found.rule}')}"
    return f"::{found.severity} {where}::{_data(_sentence(found))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
