"""JSON in the bodies of requests."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from appliance.core.errors import ApplianceError

# A body of a megabyte can be one text, or a million lists: those take a hundred times as long.
_SMALL = 64 * 1024
MOST_VALUES = 20_000


class TooManyValuesError(ApplianceError):
    """A large body consists of small pieces, which take long to read. Facts: `limit`."""

    code = "too_many_values"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "The body has more than {limit:,} values."
    hint = "Send fewer values at once; a long text counts as one."


def json_object(content: bytes) -> dict[str, Any] | None:
    """Return the JSON object that a body contains; None for any other body.

    Raises TooManyValuesError, unless the body is small.
    """
    if len(content) > _SMALL and _count_values(content) > MOST_VALUES:
        raise TooManyValuesError(limit=MOST_VALUES)
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _count_values(content: bytes) -> int:
    """Count the signs outside of strings that begin or separate values, without parsing them."""
    bare = content.replace(b"\\\\", b"").replace(b'\\"', b"")
    quotes = bare.count(b'"')
    if quotes > 4 * MOST_VALUES:
        return quotes
    outside = b"".join(bare.split(b'"')[::2])
    return outside.count(b",") + outside.count(b"[") + outside.count(b"{")
