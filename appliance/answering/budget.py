"""Decide what fits into the model's context, instead of leaving that to the model runner.

The runner would truncate a long prompt silently. The number of tokens of a text is unknown until
the model reads it, so the estimate is on the safe side. If the runner still counts more tokens, its
refusal says how many, and `TokenCalibration` corrects the estimate for the next attempt.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

from appliance.answering.errors import QuestionDoesNotFitError
from appliance.answering.model import NumberedPassage, Turn
from appliance.answering.sentences import shortened
from appliance.llm.errors import PromptTooLongError
from appliance.retrieval.model import Passage

CHARACTERS_PER_TOKEN = 3
CYRILLIC_PER_TOKEN = 2
# What the chat template puts around a message, and the lines around a passage.
MESSAGE_OVERHEAD = 8
PASSAGE_OVERHEAD = 40
SMALLEST_PASSAGE = 40
LARGEST_ANSWER = 2048
# For a runner that refuses a prompt and does not say how many tokens it counted.
DEFAULT_FACTOR = 2.0

_CYRILLIC = re.compile(r"[\u0400-\u052f]")
# About one token each: digits and the characters between two digits, since many tokenisers never
# join digits; letters of most scripts, of which vocabularies hold few words; accented letters,
# which split words.
_SINGLE = re.compile(r"\d|(?<=\d)\W(?=\d)|[^\x00-\x7f\u0400-\u052f]")


@dataclass(frozen=True, slots=True)
class Fitted:
    """The content of the prompt.

    `shortened` counts the passages that lost their end, `left_out` the turns that did not fit.
    """

    passages: tuple[NumberedPassage, ...]
    turns: tuple[Turn, ...]
    found: int
    shortened: int
    left_out: int
    answer_tokens: int
    prompt_tokens: int

    @property
    def used(self) -> int:
        """How many passages the model reads."""
        return len(self.passages)


@dataclass(frozen=True, slots=True)
class TokenCalibration:
    """A model's context size, and how many tokens it counts for each estimated one."""

    context_tokens: int
    factor: float = 1.0

    def corrected(
        self, fitted: Fitted, refusal: PromptTooLongError, *, rules_tokens: int
    ) -> TokenCalibration:
        """Return the calibration after a refusal, which may say how many tokens were counted."""
        counted, size = (refusal.facts.get(name) for name in ("prompt_tokens", "context_tokens"))
        if not isinstance(counted, int):
            return replace(self, factor=DEFAULT_FACTOR)
        frame = _frame(rules_tokens)
        factor = (counted - frame) / (fitted.prompt_tokens - frame)
        known = min(size, self.context_tokens) if isinstance(size, int) else self.context_tokens
        return TokenCalibration(known, max(1.0, factor))


def tokens_in(text: str) -> int:
    """Estimate the tokens of a text: too many for plain English, about right for tables."""
    single, cyrillic = len(_SINGLE.findall(text)), len(_CYRILLIC.findall(text))
    rest = len(text) - single - cyrillic
    return (
        single + math.ceil(cyrillic / CYRILLIC_PER_TOKEN) + math.ceil(rest / CHARACTERS_PER_TOKEN)
    )


def answer_reserve(context_tokens: int, wanted: int | None = None) -> int:
    """Return how many tokens are kept for the answer: a quarter of the context at most."""
    most = min(LARGEST_ANSWER, context_tokens // 4)
    return most if wanted is None else max(1, min(wanted, most))


def fit(
    question: str,
    passages: tuple[Passage, ...],
    turns: tuple[Turn, ...],
    *,
    rules_tokens: int,
    calibration: TokenCalibration,
    answer_tokens: int | None = None,
) -> Fitted:
    """Choose what goes into the prompt, most important first.

    1. The rules, the question and room for the answer are always in.
    2. Passages from the best on, until the next does not fit. If the first does not fit, it is
       shortened at the end of a sentence.
    3. Turns from the newest on, in the remaining space.
    """
    reserve = answer_reserve(calibration.context_tokens, answer_tokens)
    frame = _frame(rules_tokens)
    room = int((calibration.context_tokens - reserve - frame) / calibration.factor)
    question_tokens = tokens_in(question)
    left = room - question_tokens
    if left < SMALLEST_PASSAGE + PASSAGE_OVERHEAD:
        raise QuestionDoesNotFitError(tokens=question_tokens, room=max(room, 0))
    chosen, cut, left = _choose_passages(passages, left)
    kept, left = _choose_turns(turns, left)
    return Fitted(
        passages=chosen,
        turns=kept,
        found=len(passages),
        shortened=cut,
        left_out=len(turns) - len(kept),
        answer_tokens=reserve,
        prompt_tokens=frame + room - left,
    )


def _frame(rules_tokens: int) -> int:
    """Return the tokens of a prompt without its question, passages and turns."""
    return rules_tokens + 2 * MESSAGE_OVERHEAD


def passage_tokens(passage: Passage) -> int:
    """Estimate the tokens of a passage with the lines around it."""
    place = " ".join((passage.file_name, *passage.heading_path))
    return tokens_in(passage.text) + tokens_in(place) + PASSAGE_OVERHEAD


def _choose_passages(
    passages: tuple[Passage, ...], left: int
) -> tuple[tuple[NumberedPassage, ...], int, int]:
    chosen: list[NumberedPassage] = []
    cut = 0
    for passage in passages:
        fitting = passage
        cost = passage_tokens(passage)
        if cost > left:
            if chosen:
                break
            fitting = _cut(passage, left)
            cost = passage_tokens(fitting)
            cut += 1
        chosen.append(NumberedPassage(len(chosen) + 1, fitting))
        left -= cost
    return tuple(chosen), cut, left


def _cut(passage: Passage, left: int) -> Passage:
    """Shorten a passage to `left` tokens; a dense text needs several attempts."""
    bare = replace(passage, heading_path=())
    place = tokens_in(passage.file_name) + PASSAGE_OVERHEAD
    longest = max(SMALLEST_PASSAGE, left - place) * CHARACTERS_PER_TOKEN
    while True:
        text = shortened(bare.text, longest)
        if tokens_in(text) + place <= left or longest <= SMALLEST_PASSAGE:
            return replace(bare, text=text, end=bare.start + len(text))
        longest = longest * 3 // 4


def _choose_turns(turns: tuple[Turn, ...], left: int) -> tuple[tuple[Turn, ...], int]:
    kept: list[Turn] = []
    for turn in reversed(turns):
        # Counting takes longer than seeing that a text cannot fit, however its tokens are cut.
        if len(turn.question) + len(turn.answer) > left * CHARACTERS_PER_TOKEN:
            break
        cost = tokens_in(turn.question) + tokens_in(turn.answer) + 2 * MESSAGE_OVERHEAD
        if cost > left:
            break
        kept.append(turn)
        left -= cost
    return tuple(reversed(kept)), left
