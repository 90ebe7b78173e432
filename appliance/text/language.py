"""Detect the language of a text, so that PostgreSQL uses the right stemmer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from appliance.text.word_lists import STOP_WORDS

# PostgreSQL's configuration without stemming: for every other language.
SIMPLE = "simple"
LANGUAGES = frozenset({SIMPLE, *STOP_WORDS})

# Single letters are no evidence: the “s” after an apostrophe is a French word as well.
_WORD = re.compile(r"[^\W\d_]{2,}")
_LONGEST_SAMPLE = 20_000
# In prose of each known language, far more than a seventh of the words are stop words. Lists of
# names and other languages have a smaller share.
_LEAST_SHARE = 1 / 7
_FEWEST_HITS = 2


def detect(text: str, small_words: Mapping[str, frozenset[str]] = STOP_WORDS) -> str:
    """Return the PostgreSQL text search configuration for `text`, or `simple` when in doubt.

    Counts the stop words of each language; the language with the most is returned. A tie means that
    the text is too short to decide.
    """
    words = Counter(_WORD.findall(text[:_LONGEST_SAMPLE].casefold()))
    total = words.total()
    hits = Counter(
        {language: sum(words[word] for word in known) for language, known in small_words.items()}
    )
    (best, most), (_, second) = hits.most_common(2)
    if most < _FEWEST_HITS or most == second or most < total * _LEAST_SHARE:
        return SIMPLE
    return best
