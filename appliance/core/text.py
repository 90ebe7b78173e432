"""Text that can be stored: PostgreSQL and UTF-8 refuse a few characters."""

from __future__ import annotations

import re

# The null character, and halves of surrogate pairs, which JSON escapes can contain.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """Return whether a text can be stored as it is."""
    return _UNSTORABLE.search(text) is None


def storable(text: str) -> str:
    """Return a text without the characters that cannot be stored."""
    return _UNSTORABLE.sub("", text)
