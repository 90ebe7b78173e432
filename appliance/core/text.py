"""What can be kept as text: PostgreSQL and UTF-8 refuse a few characters, whoever wrote them."""

from __future__ import annotations

import re

# The null character, and halves of surrogate pairs, which the escapes of JSON can write.
_UNKEEPABLE = re.compile("[\0\ud800-\udfff]")


def is_keepable(text: str) -> bool:
    """Tell whether a text can be kept as it is."""
    return _UNKEEPABLE.search(text) is None


def storable(text: str) -> str:
    """Return a text without what cannot be kept."""
    return _UNKEEPABLE.sub("", text)
