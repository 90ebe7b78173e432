"""Extract the keywords of a question in every script: the words that describe its subject."""

from __future__ import annotations

import re
from collections.abc import Sequence

from appliance.text.words import UNSPACED, question_words

# Chinese and Japanese question and request words. Without spaces, no word list can match them, so
# they are removed before the rest is split into pairs of characters. Some are part of other words
# (application, explanatory leaflet), which must stay complete.
_REQUESTS = re.compile(
    "为什么|為什麼|什么时候|什么|什麼|哪些|哪个|哪里|哪一|哪|谁|多少|怎么|怎样|如何|何时|何处|是否"
    "|能不能|能否|可不可以|可以|我想知道|想知道|告诉我|告訴我|帮我|给我|请问|請問|一下|您"
    "|(?<![申邀聘恳])[请請](?![求假])|说明(?!书)|解释(?!权)|总结(?!会)|概括|概述|列出|介绍(?!信|人)"
    "|どこ|いつ|なぜ|ですか|ますか|ください|教えて|説明して|まとめて|について"
)
# Characters that act as particles, but are also half of many words.
_JOINING = re.compile("[吗呢的了是在和与被有]|[はがをにの]")
_ONE = UNSPACED
_UNSPACED = re.compile(UNSPACED)
_ALONE = re.compile(f"(?<!{_ONE}){_ONE}(?!{_ONE})")


def keywords(text: str, language: str) -> tuple[str, ...]:
    """Return the words to search for, each once, in order; none if it has only request words.

    A keyword may consist of several words: a text that contains one of them contains it.
    """
    asked = _REQUESTS.sub(lambda found: " " * len(found.group()), text)
    rest = _JOINING.sub(" ", asked)
    halves = _halves(asked, rest)
    return tuple(halves.get(word, word) for word in question_words(rest, language))


def word_count(words: Sequence[str]) -> float:
    """Return the number of words; in scripts without spaces, two characters count as one."""
    spaced = sum(1 for word in words if not _UNSPACED.match(word))
    characters = {sign for word in words for sign in word if _UNSPACED.match(sign)}
    return spaced + len(characters) / 2


def _halves(asked: str, rest: str) -> dict[str, str]:
    """Return each character that lost its neighbours, with the pairs that it forms with them.

    It may be half of a word (the accused, a purpose) or a complete word (a year).
    """
    found = {}
    for alone in _ALONE.finditer(rest):
        pairs = (asked[at : at + 2] for at in (alone.start() - 1, alone.start()) if at >= 0)
        cut = [pair for pair in pairs if _JOINING.search(pair)]
        found[alone.group()] = " ".join([alone.group(), *cut])
    return found
