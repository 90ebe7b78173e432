"""Drop passages whose text another passage contains."""

from __future__ import annotations

import re
from collections.abc import Sequence

from appliance.retrieval.model import Passage

_WORD = re.compile(r"\w+")


def deduplicate(passages: Sequence[Passage]) -> list[Passage]:
    """Drop each passage whose words a better one contains in the same order.

    Similar passages stay: contracts from one template may differ only in a number, and the reader
    must see that difference.
    """
    kept: list[Passage] = []
    seen: list[str] = []
    for passage in passages:
        words = " ".join(_WORD.findall(passage.text.casefold())) or passage.text
        if not any(f" {words} " in f" {other} " for other in seen):
            kept.append(passage)
            seen.append(words)
    return kept
