"""Decide which of the passages that were found are relevant to the question."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.retrieval.model import Passage

# Measured, see docs/explanation/decisions/0001-lexical-ranking.md.
_LEAST_COVERAGE = 0.44
_FEWER_FOR_LONGER = 0.25
_LEAST_SIMILARITY = 0.6


def filter_relevant(passages: Sequence[Passage], words: float) -> list[Passage]:
    """Return the passages relevant to a question of so many `words`; none means “no evidence”.

    1. One passage must contain enough of the words by itself, or be close in meaning. The longer a
       question, the less of it even a good passage contains: people paraphrase, and a Chinese
       question counts every pair of characters.
    2. Passages that contain half as much then count too, because they may complete the first. They
       follow the others, so that a poor embedding model cannot push a good passage down.
    """
    enough = least_coverage(words)
    strong = [passage for passage in passages if _is_relevant(passage, enough)]
    if not strong:
        return []
    weak = [passage for passage in passages if not _is_relevant(passage, enough)]
    return strong + [passage for passage in weak if _is_relevant(passage, enough / 2)]


def least_coverage(words: float) -> float:
    """Return the least share of a question's weight that a relevant passage contains."""
    return float(_LEAST_COVERAGE / max(words, 1.0) ** _FEWER_FOR_LONGER)


def _is_relevant(passage: Passage, coverage: float) -> bool:
    is_close = passage.similarity is not None and passage.similarity >= _LEAST_SIMILARITY
    return is_close or passage.coverage >= coverage
