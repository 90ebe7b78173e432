"""The JSON that programs send."""

from __future__ import annotations

import json
from typing import Any


def read_object(content: bytes) -> dict[str, Any] | None:
    """Return a body's JSON object; None for anything else.

    Escapes can write half a surrogate pair, which neither the database nor the model runner takes
    for text, so a body with one is refused as a whole.
    """
    try:
        body = json.loads(content)
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
