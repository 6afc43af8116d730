"""A channel in a file, of a project or of the matrices: read into its one spelling, without a written credential."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from envgen.channels.canonical import CREDENTIALS, HINT, canonical_channel
from envgen.model.errors import BadInput

_CHANNEL = r"[^\s?#]+"


def _channel(value: object) -> str:
    """A channel in its one spelling; it may hold `$NAME` in place of a credential. The message does not repeat a credential."""
    if not isinstance(value, str) or not re.fullmatch(_CHANNEL, value) or ("@" in value and "://" not in value):
        raise PydanticCustomError("channel", "not a channel", {"hint": HINT})
    if re.search(CREDENTIALS, value):
        hint = "put it in an environment variable and write https://$NAME:$WORD@host/... or https://host/t/$TOKEN/..."
        raise PydanticCustomError("channel", "this URL contains a password or token", {"hint": hint})
    try:
        return canonical_channel(value)
    except BadInput as error:
        raise PydanticCustomError("channel", error.what, {"hint": error.hint}) from None


def without_credentials(pattern: str) -> WithJsonSchema:
    """The JSON Schema of a text that matches a pattern and has no credential in it."""
    return WithJsonSchema({"type": "string", "pattern": pattern, "not": {"pattern": CREDENTIALS}})


ChannelText = Annotated[str, BeforeValidator(_channel), without_credentials(f"^{_CHANNEL}$")]
