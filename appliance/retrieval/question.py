"""From what a person typed to what is searched for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.retrieval.model import Question
from appliance.text.anaphora import references_back
from appliance.text.keywords import keywords, word_count
from appliance.text.language import SIMPLE
from appliance.text.words import all_words, question_language

_MOST_WORDS = 32
# A question with fewer keywords than this leans on the one before: “The price?”
_STANDS_ALONE = 2
# What a follow-up is about counts nearly as much as what it asks: “And the bridge in Bonn?” is
# not about the one in Cologne.
_SHARE_OF_SUBJECT = 0.9
# What helps to choose among the passages that a question finds, without deciding.
_SHARE_OF_CONTEXT = 0.5
# A message of more keywords than any question has is a text with a question in it.
_LONGEST_QUESTION = 20
# Far beyond any question, and below what the smallest embedding model reads at once.
_LONGEST_EMBEDDED = 2000
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])|\n+")  # noqa: RUF001
_QUESTION_MARKS = ("?", "？")  # noqa: RUF001


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question of a conversation: its keywords, and whether it means something before.

    `around` is what stands around the question in a long message.
    """

    text: str
    words: tuple[str, ...]
    points_back: bool
    around: tuple[str, ...] = ()

    @property
    def stands_alone(self) -> bool:
        return bool(self.around) or (
            not self.points_back and word_count(self.words) >= _STANDS_ALONE
        )


def read_question(question: str, earlier: Sequence[str] = ()) -> Question:
    """Return what to search for after the `earlier` questions of a conversation, the oldest first.

    1. A question that stands alone is taken as it is, so that a change of subject is not held
       back by the subject before. Of a long message its last question, or sentence, counts; what
       stands around it only helps to choose.
    2. One that points back (“When did he die?”) or only asks (“Why?”) means the questions before
       it, back to one that stands alone.
    3. One that says little (“The price?”) may mean either: what was before only helps to choose.
    """
    conversation = "\n".join([*earlier, question])
    asked = _read(question, conversation)
    if asked.stands_alone:
        return _searched(asked.words, asked.around, _help(asked.words, asked.around), question)
    before = _back_to_a_subject(earlier, conversation)
    context = tuple(word for each in reversed(before) for word in each.words)
    text = "\n".join([*(each.text for each in before), question])
    if not context:
        return _searched(asked.words or all_words(question), (), 0.0, question)
    follows = asked.points_back or not asked.words
    share = _SHARE_OF_SUBJECT if follows else _help(asked.words, context)
    return _searched(asked.words, context, share, text)


def _read(text: str, conversation: str) -> _Asked:
    """Read one question; where it is too short to tell its language, the conversation tells."""
    language = question_language(text)
    if language == SIMPLE:
        language = question_language(conversation)
    words = keywords(text, language)
    if word_count(words) > _LONGEST_QUESTION:
        last = keywords(_last_question(text), language) or words
        return _Asked(text, last[-_MOST_WORDS:], points_back=False, around=words[::-1])
    points_back = any(
        word_count(keywords(before, language)) < needed
        for before, needed in references_back(text, language)
    )
    return _Asked(text, words, points_back)


def _last_question(message: str) -> str:
    """Return the last sentence that ends with a question mark, or else the last of all."""
    sentences = [part for part in _SENTENCE_END.split(message) if part.strip()]
    asking = [part for part in sentences if part.rstrip().endswith(_QUESTION_MARKS)]
    return (asking or sentences)[-1]


def _back_to_a_subject(earlier: Sequence[str], conversation: str) -> list[_Asked]:
    """Return the end of a conversation from the last question on that stands alone."""
    before: list[_Asked] = []
    for text in reversed(earlier):
        before.insert(0, _read(text, conversation))
        if before[0].stands_alone:
            break
    return before


def _help(words: Sequence[str], context: Sequence[str]) -> float:
    """Return a share with which the context has together no more than half of the words'."""
    return _SHARE_OF_CONTEXT * min(1.0, len(words) / max(len(context), 1))


def _searched(
    words: tuple[str, ...], context: tuple[str, ...], share: float, text: str
) -> Question:
    words = words[:_MOST_WORDS]
    known = set(words)
    rest = tuple(word for word in dict.fromkeys(context) if word not in known)
    rest = rest[: _MOST_WORDS - len(words)]
    return Question(words + rest, (1.0,) * len(words) + (share,) * len(rest), _embedded(text))


def _embedded(text: str) -> str:
    # The end of a long text is the likelier place of what is asked. Half a surrogate pair, which
    # JSON can carry, must not break the request to the runner.
    return text.strip()[-_LONGEST_EMBEDDED:].encode("utf-8", "replace").decode()
