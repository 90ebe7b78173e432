"""JSON in the bodies of requests."""

from __future__ import annotations

import json
from typing import Any


def json_object(content: bytes) -> dict[str, Any] | None:
    """Return the JSON object that a body contains; None for any other body."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
