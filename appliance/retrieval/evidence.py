"""Whether anything that was found has to do with the question, and what of it."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.retrieval.model import Passage

# Measured, see docs/decisions/0001-lexical-ranking.md.
_LEAST_COVERAGE = 0.44
_FEWER_FOR_LONGER = 0.25
_LEAST_SIMILARITY = 0.6


def evidence(passages: Sequence[Passage], words: float) -> list[Passage]:
    """Return the passages that count for a question of so many `words`; none is “no evidence”.

    1. One passage must hold enough of the words by itself, or nearly the question's meaning. The
       longer a question, the less of it even a good passage holds: people paraphrase, and a
       Chinese question counts every pair of characters.
    2. Then those that hold half as much count too, because they may complete it, but they come
       after the others: vectors without meaning must not push a good passage down.
    """
    enough = least_coverage(words)
    strong = [passage for passage in passages if _counts(passage, enough)]
    if not strong:
        return []
    weak = [passage for passage in passages if not _counts(passage, enough)]
    return strong + [passage for passage in weak if _counts(passage, enough / 2)]


def least_coverage(words: float) -> float:
    """Return the share of a question's weight that shows that a passage is about it."""
    return float(_LEAST_COVERAGE / max(words, 1.0) ** _FEWER_FOR_LONGER)


def _counts(passage: Passage, coverage: float) -> bool:
    near = passage.similarity is not None and passage.similarity >= _LEAST_SIMILARITY
    return near or passage.coverage >= coverage
