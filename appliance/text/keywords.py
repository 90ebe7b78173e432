"""Keywords of a question, in every script: the words that say what it is about."""

from __future__ import annotations

import re
from collections.abc import Sequence

from appliance.text.words import UNSPACED, question_words

# Chinese and Japanese words that ask or plead. Without spaces no list of words finds them: they
# are cut out before the rest is read in pairs of characters. Some stand inside other words as
# well (application, explanatory leaflet), which must stay whole.
_ASKING = re.compile(
    "为什么|為什麼|什么时候|什么|什麼|哪些|哪个|哪里|哪一|哪|谁|多少|怎么|怎样|如何|何时|何处|是否"
    "|能不能|能否|可不可以|可以|我想知道|想知道|告诉我|告訴我|帮我|给我|请问|請問|一下|您"
    "|(?<![申邀聘恳])[请請](?![求假])|说明(?!书)|解释(?!权)|总结(?!会)|概括|概述|列出|介绍(?!信|人)"
    "|どこ|いつ|なぜ|ですか|ますか|ください|教えて|説明して|まとめて|について"
)
# Characters that only join others, but are half of many words as well.
_JOINING = re.compile("[吗呢的了是在和与被有]|[はがをにの]")
_ONE = UNSPACED.pattern
_ALONE = re.compile(f"(?<!{_ONE}){_ONE}(?!{_ONE})")


def keywords(text: str, language: str) -> tuple[str, ...]:
    """Return the words to search for, each once, in order; none if the text only asks.

    A word may be several with spaces between: then a text that holds one of them holds it.
    """
    asked = _ASKING.sub(lambda found: " " * len(found.group()), text)
    rest = _JOINING.sub(" ", asked)
    halves = _halves(asked, rest)
    return tuple(halves.get(word, word) for word in question_words(rest, language))


def word_count(words: Sequence[str]) -> float:
    """Return how many words those are for a reader: two characters of a script without spaces."""
    spaced = sum(1 for word in words if not UNSPACED.match(word))
    characters = {sign for word in words for sign in word if UNSPACED.match(sign)}
    return spaced + len(characters) / 2


def _halves(asked: str, rest: str) -> dict[str, str]:
    """Return each character that lost its neighbours, with the pairs that it makes with them.

    It may be half of a word (the accused, a purpose), or a word of its own (a year).
    """
    found = {}
    for alone in _ALONE.finditer(rest):
        pairs = (asked[at : at + 2] for at in (alone.start() - 1, alone.start()) if at >= 0)
        cut = [pair for pair in pairs if _JOINING.search(pair)]
        found[alone.group()] = " ".join([alone.group(), *cut])
    return found
