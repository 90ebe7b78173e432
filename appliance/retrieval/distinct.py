"""Passages that say nothing new are shown once."""

from __future__ import annotations

import re
from collections.abc import Sequence

from appliance.retrieval.model import Passage

_WORD = re.compile(r"\w+")


def distinct(passages: Sequence[Passage]) -> list[Passage]:
    """Leave out each passage whose words stand, in the same order, in a better one.

    Nothing less than that: contracts from one template differ in a number only, and whoever asks
    must see that they do.
    """
    kept: list[Passage] = []
    seen: list[str] = []
    for passage in passages:
        words = " ".join(_WORD.findall(passage.text.casefold())) or passage.text
        if not any(f" {words} " in f" {other} " for other in seen):
            kept.append(passage)
            seen.append(words)
    return kept
