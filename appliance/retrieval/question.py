"""Turn a question and the conversation before it into keywords and a text to embed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from appliance.retrieval.model import Question
from appliance.text.anaphora import references_back
from appliance.text.keywords import keywords, word_count
from appliance.text.language import SIMPLE
from appliance.text.words import all_words, question_language

_MOST_WORDS = 32
# A question with fewer keywords than this depends on the one before: “The price?”
_SELF_CONTAINED = 2
# The subject of a follow-up counts nearly as much as its own words: “And the bridge in Bonn?”
# is not about the one in Cologne.
_WEIGHT_OF_SUBJECT = 0.9
# Context helps to rank the passages that a question finds, without outweighing the question.
_WEIGHT_OF_CONTEXT = 0.5
# A message with more keywords than this is a text that contains a question.
_LONGEST_QUESTION = 20
# Longer than any question, and within the context of the smallest embedding model.
_LONGEST_EMBEDDED = 2000
# Of a longer message, the beginning and the end are read: that is where the question is.
_LONGEST_BEGINNING, _LONGEST_END = 1000, 3000
# Of the questions before it, which are only read until one that stands on its own.
_MOST_EARLIER, _LONGEST_EARLIER = 6, 1000
# A word that refers back is looked for near the beginning.
_LONGEST_REFERRING = 1000
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])|\n+")  # noqa: RUF001
_QUESTION_MARKS = ("?", "？")  # noqa: RUF001


@dataclass(frozen=True, slots=True)
class _Parsed:
    """One question of a conversation: its keywords, and whether it refers to an earlier one.

    `surroundings` are the keywords of the text around the question in a long message.
    """

    text: str
    words: tuple[str, ...]
    refers_back: bool
    surroundings: tuple[str, ...] = ()

    @property
    def is_self_contained(self) -> bool:
        return bool(self.surroundings) or (
            not self.refers_back and word_count(self.words) >= _SELF_CONTAINED
        )


def read_question(question: str, earlier: Sequence[str] = ()) -> Question:
    """Return what to search for after the `earlier` questions of a conversation, the oldest first.

    1. A self-contained question is used as it is, so that the earlier subject does not hold back a
       change of subject. Of a long message, the last question or sentence counts; the text around
       it only helps to rank.
    2. A question that refers back (“When did he die?”) or has no keywords (“Why?”) includes the
       questions before it, back to a self-contained one.
    3. A question with few keywords (“The price?”) may mean either: the context only helps to rank.
    """
    question = _ends(question)
    earlier = [text[-_LONGEST_EARLIER:] for text in earlier[-_MOST_EARLIER:]]
    conversation = _Conversation(earlier, question)
    asked = _parse(question, conversation)
    if asked.is_self_contained:
        return _question(
            asked.words,
            asked.surroundings,
            _context_weight(asked.words, asked.surroundings),
            question,
        )
    before = _questions_since_subject(earlier, conversation)
    context = tuple(word for each in reversed(before) for word in each.words)
    text = "\n".join([*(each.text for each in before), question])
    if not context:
        return _question(asked.words or all_words(question), (), 0.0, question)
    is_follow_up = asked.refers_back or not asked.words
    weight = _WEIGHT_OF_SUBJECT if is_follow_up else _context_weight(asked.words, context)
    return _question(asked.words, context, weight, text)


class _Conversation:
    """All questions of a conversation, which have one language together."""

    def __init__(self, earlier: Sequence[str], question: str) -> None:
        self._text = "\n".join([*earlier, question])

    @cached_property
    def language(self) -> str:
        return question_language(self._text)


def _ends(question: str) -> str:
    """Return a question, or of a long text its beginning and its end."""
    question = question.strip()
    if len(question) <= _LONGEST_BEGINNING + _LONGEST_END:
        return question
    return f"{question[:_LONGEST_BEGINNING]}\n{question[-_LONGEST_END:]}"


def _parse(text: str, conversation: _Conversation) -> _Parsed:
    """Parse one question; the conversation gives its language if it is too short to show it."""
    language = question_language(text)
    if language == SIMPLE:
        language = conversation.language
    words = keywords(text, language)
    if word_count(words) > _LONGEST_QUESTION:
        last = keywords(_last_question(text), language) or words
        return _Parsed(text, last[-_MOST_WORDS:], refers_back=False, surroundings=words[::-1])
    refers_back = any(
        word_count(keywords(before, language)) < needed
        for before, needed in references_back(text[:_LONGEST_REFERRING], language)
    )
    return _Parsed(text, words, refers_back)


def _last_question(message: str) -> str:
    """Return the last sentence that ends with a question mark, or else the last of all."""
    sentences = [part for part in _SENTENCE_END.split(message) if part.strip()]
    asking = [part for part in sentences if part.rstrip().endswith(_QUESTION_MARKS)]
    return (asking or sentences)[-1]


def _questions_since_subject(earlier: Sequence[str], conversation: _Conversation) -> list[_Parsed]:
    """Return the end of a conversation, from its last self-contained question on."""
    before: list[_Parsed] = []
    for text in reversed(earlier):
        before.insert(0, _parse(text, conversation))
        if before[0].is_self_contained:
            break
    return before


def _context_weight(words: Sequence[str], context: Sequence[str]) -> float:
    """Return a weight with which all of the context counts at most half as much as `words`."""
    return _WEIGHT_OF_CONTEXT * min(1.0, len(words) / max(len(context), 1))


def _question(
    words: tuple[str, ...], context: tuple[str, ...], weight: float, text: str
) -> Question:
    words = words[:_MOST_WORDS]
    known = set(words)
    rest = tuple(word for word in dict.fromkeys(context) if word not in known)
    rest = rest[: _MOST_WORDS - len(words)]
    return Question(words + rest, (1.0,) * len(words) + (weight,) * len(rest), _text_to_embed(text))


def _text_to_embed(text: str) -> str:
    # A question is likelier at the end of a long text. Half a surrogate pair, which JSON can
    # carry, must not break the request to the runner.
    return text.strip()[-_LONGEST_EMBEDDED:].encode("utf-8", "replace").decode()
