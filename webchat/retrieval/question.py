"""From what a person typed to what is searched for."""

from __future__ import annotations

import re

from appliance.ingest.words import question_words
from webchat.retrieval.model import Question

# A question with fewer words of its own than this leans on the one before: “And in 1998?”
_STANDS_ALONE = 3
_SHARE_OF_PREVIOUS = 0.5
# Far beyond any question, and below what the smallest embedding model reads at once.
_LONGEST_EMBEDDED = 2000
# Chinese and Japanese words that ask, or only join others. Without spaces no list of stop words
# finds them: they are cut out before the rest is read in pairs of characters.
_ASKING = re.compile(
    "为什么|為什麼|什么时候|什么|什麼|哪些|哪个|哪里|哪一|哪|谁|多少|怎么|怎样|如何|何时|何处|是否"
    "|[吗呢的了是在和与被有]|どこ|いつ|なぜ|ですか|ますか|[はがをにの]"
)


def read_question(question: str, previous: str | None = None) -> Question:
    """Return what to search for; the words of the `previous` question count for half.

    They are used only where `question` says too little by itself, so that a change of subject
    is not held back by the subject before.
    """
    own = _words(question)
    if previous is None or len(own) >= _STANDS_ALONE:
        return Question(own, (1.0,) * len(own), _embedded(question))
    earlier = tuple(word for word in _words(previous) if word not in own)
    shares = (1.0,) * len(own) + (_SHARE_OF_PREVIOUS,) * len(earlier)
    return Question(own + earlier, shares, _embedded(f"{previous}\n{question}"))


def _words(text: str) -> tuple[str, ...]:
    return question_words(_ASKING.sub(" ", text)) or question_words(text)


def _embedded(text: str) -> str:
    # The end of a long text is the likelier place of what is asked. Half a surrogate pair, which
    # JSON can carry, must not break the request to the runner.
    return text.strip()[-_LONGEST_EMBEDDED:].encode("utf-8", "replace").decode()
