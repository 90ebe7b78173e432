"""Which passages have anything to do with the question."""

from __future__ import annotations

from collections.abc import Sequence

from webchat.retrieval.model import Passage

# Measured, see docs/decisions/0001-lexical-ranking.md.
LEAST_COVERAGE = 0.4
LEAST_SIMILARITY = 0.6


def evidence(passages: Sequence[Passage], words: int) -> list[Passage]:
    """Keep the passages that hold enough of the question's `words`, or nearly its meaning.

    The more words a question has, the less of their weight a good passage holds: long questions
    paraphrase, and a Chinese one counts every pair of characters.
    """
    least = LEAST_COVERAGE / max(words, 1) ** 0.25
    return [
        passage
        for passage in passages
        if passage.coverage >= least
        or (passage.similarity is not None and passage.similarity >= LEAST_SIMILARITY)
    ]
