"""JSON that another tool wrote, or a stranger."""

from __future__ import annotations

import json
from typing import Any

from envgen.model.address import Address
from envgen.model.errors import BadInput

UNREADABLE = (OSError, ValueError, RecursionError, OverflowError)
"""What reading a file of JSON may raise: no file, not JSON or not UTF-8, nested without end, an endless number."""


def parsed(text: str, shown: str, hint: str) -> Any:
    """What a text of JSON holds. Raises BadInput with the line, also for one that is nested without end or has endless numbers."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise BadInput(f"not JSON: {error.msg}", where=Address(shown, error.lineno, error.colno), hint=hint) from None
    except RecursionError:
        raise BadInput("not JSON that can be read: nested too deeply", where=Address(shown, 1, 1), hint=hint) from None
    except ValueError as error:  # a number of more than 4300 digits
        raise BadInput(f"not JSON that can be read: {error}", where=Address(shown, 1, 1), hint=hint) from None
