"""Passages that say the same in two documents are shown once."""

from __future__ import annotations

import re
from collections.abc import Sequence

from webchat.retrieval.model import Passage

_WORD = re.compile(r"\w+")
_SAME = 0.9


def distinct(passages: Sequence[Passage]) -> list[Passage]:
    """Leave out each passage that shares nine tenths of its words with a better one."""
    kept: list[Passage] = []
    seen: list[frozenset[str]] = []
    for passage in passages:
        words = frozenset(_WORD.findall(passage.text.casefold())) or frozenset([passage.text])
        if all(len(words & other) < _SAME * len(words | other) for other in seen):
            kept.append(passage)
            seen.append(words)
    return kept
