"""The schema of what a project does not want to exceed: `budget:` and `licenses:` of `project.yaml`."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from envgen.model.limits import BudgetLimits, LicenseLimits
from envgen.yamlfile.schema import FileModel, Text

_SIZE = r"(\d{1,9}(?:\.\d{1,9})?) ?(GB|MB)"
_FACTORS = {"GB": 10**9, "MB": 10**6}


def _bytes(value: object) -> int:
    found = re.fullmatch(_SIZE, value) if isinstance(value, str) else None
    if found is None:
        raise PydanticCustomError("size", "not a size", {"hint": "for example 800 MB or 4.5 GB"})
    return round(float(found[1]) * _FACTORS[found[2]])


def _by_target(value: object) -> object:
    """A size alone as a mapping with that size for all targets."""
    return value if isinstance(value, dict) else {"default": value}


SizeText = Annotated[int, BeforeValidator(_bytes), WithJsonSchema({"type": "string", "pattern": f"^{_SIZE}$"})]


class _SizeOr:
    """The JSON Schema of a size, or of a mapping of targets to sizes."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [{"type": "string", "pattern": f"^{_SIZE}$"}, handler(schema)]}


BudgetRows = Annotated[dict[Text, SizeText], BeforeValidator(_by_target), _SizeOr()]


class LicensesRow(FileModel):
    """Licences by their SPDX names; `*` stands for anything."""

    allow: list[Text] = Field(
        default=[], description="Only these: [MIT, BSD-*, Apache-2.0]. Left out: all that deny: does not name."
    )
    deny: list[Text] = Field(default=[], description="None of these: [GPL-*, AGPL-*].")


def budget_of(rows: dict[str, int]) -> BudgetLimits:
    """The budget of a file."""
    return BudgetLimits(rows.get("default"), tuple((name, size) for name, size in rows.items() if name != "default"))


def licenses_of(row: LicensesRow | None) -> LicenseLimits:
    """The licences of a file."""
    return LicenseLimits(tuple(row.allow), tuple(row.deny)) if row else LicenseLimits()
