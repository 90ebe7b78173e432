"""What JSON has no form for."""

from __future__ import annotations

from datetime import datetime


def plain(value: object) -> str:
    """Return a time as ISO 8601 and anything else as its text: the `default` of `json.dumps`."""
    return value.isoformat() if isinstance(value, datetime) else str(value)
