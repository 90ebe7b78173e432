"""What the fake model runner "thinks": vectors that mean something, and answers from passages.

Pure functions of the standard library; the same text gives the same result in every process.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from operator import itemgetter
from zlib import crc32

WORD = re.compile(r"\w+")
PASSAGE = re.compile(r"^[ \t]*\[(\d+)\][ \t]*", re.MULTILINE)
QUESTION = re.compile(r"^[ \t#*]*(?:question|frage)[ \t*]*:[ \t*]*", re.IGNORECASE | re.MULTILINE)
SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?](?=\s|$)|[.!?](?=\S)[^.!?\n]*)*")
# What a prompt writes around passages: the fence's end and all after it, the lines with sources.
FRAME = re.compile(r"^[ \t]*(?:</.*\Z|\(from [^\n]*\)[ \t]*$)", re.MULTILINE | re.DOTALL)
WRAPPED = re.compile(r"\s*\n(?=[a-zäöüß0-9(])")
GRAMMAR_WORDS = (
    "a about an and are as at be been but by can did do does for from had has have how i if in is "
    "it its me my no not of on or our that the their there they this to was we were what when "
    "where which who why will with would you your "
    "an auf das dem den der des die ein eine einen einer es für hat haben ich im ist mit nicht "
    "sich sie sind und von war was welche wer wie wir wird wo zu zum zur"
)
GRAMMAR = frozenset(GRAMMAR_WORDS.split())
NOTHING_FOUND = "There is nothing about that in the passages that I was given."


@dataclass(frozen=True, slots=True)
class Passage:
    """A numbered passage of a prompt."""

    number: int
    text: str


def embed(text: str, dimensions: int) -> list[float]:
    """Return a vector of length 1: hashed words, pairs of words and character trigrams."""
    words = [word.casefold() for word in WORD.findall(text)]
    pairs = [f"{first} {second}" for first, second in pairwise(words)]
    sums = [0.0] * dimensions
    for feature, count in Counter(words + pairs).items():
        times = 1.0 + math.log(count)
        for hashed, weight in features(feature):
            sums[hashed % dimensions] += weight * times
    return normalised(sums)


@lru_cache(maxsize=50_000)
def features(feature: str) -> tuple[tuple[int, float], ...]:
    """Return the hashes of a word or a pair, each with a signed weight.

    Grammar weighs little; trigrams bring the forms of one word together.
    """
    if " " in feature:
        return (signed(feature, 0.4),)
    if feature in GRAMMAR:
        return (signed(feature, 0.1),)
    framed = f"^{feature}$"
    trigrams = [framed[start : start + 3] for start in range(len(framed) - 2)]
    share = 0.7 / math.sqrt(len(trigrams))
    return (signed(feature, 1.0), *(signed(f"#{trigram}", share) for trigram in trigrams))


def signed(feature: str, weight: float) -> tuple[int, float]:
    """Return the hash of a feature and its weight; the sign lets collisions cancel out."""
    hashed = crc32(feature.encode())
    return hashed >> 1, weight if hashed & 1 else -weight


def normalised(sums: list[float]) -> list[float]:
    """Scale to length 1; a text without words gets the first axis."""
    length = math.sqrt(math.fsum(value * value for value in sums))
    if not length:
        return [1.0] + [0.0] * (len(sums) - 1)
    return [value / length for value in sums]


def tokens(text: str) -> list[str]:
    """Cut a text as the fake writes it: word by word, each with the space before it."""
    return re.findall(r"\s*\S+", text)


def estimated_tokens(text: str, characters_per_token: float = 4.0) -> int:
    """Guess: about four characters a token, and a few for the frame."""
    return int(len(text) / characters_per_token) + 4


def answer(messages: list[dict[str, str]]) -> str:
    """Quote the sentence that shares most words with the question, and cite its passage."""
    prompt = "\n\n".join(
        [message["content"] for message in messages if message["role"] == "system"]
        + [message["content"] for message in messages if message["role"] == "user"][-1:]
    )
    passages, question = read_prompt(prompt)
    wanted = significant(question)
    quoted = [
        (shared(wanted, sentence), shared(wanted, passage.text), -place, sentence, passage.number)
        for place, passage in enumerate(passages)
        for sentence in sentences(passage.text)
    ]
    if not quoted:
        return NOTHING_FOUND
    *_, sentence, number = max(quoted, key=itemgetter(0, 1, 2))
    return f"{sentence} [{number}]"


def shared(wanted: frozenset[str], text: str) -> int:
    """Count the words that a text shares with the question."""
    return len(wanted & significant(text))


def read_prompt(prompt: str) -> tuple[list[Passage], str]:
    """Split a prompt into its numbered passages and its question.

    The question follows "Question:" if that is there; otherwise it is the last paragraph.
    """
    marks = list(QUESTION.finditer(prompt))
    if marks:
        before, question = prompt[: marks[-1].start()], prompt[marks[-1].end() :]
        # A question that stands before the passages ends where they begin.
        after = PASSAGE.search(question)
        if after is not None:
            before, question = before + question[after.start() :], question[: after.start()]
    else:
        before, _, question = prompt.rstrip().rpartition("\n\n")
    starts = list(PASSAGE.finditer(before))
    ends = [start.start() for start in starts[1:]] + [len(before)]
    passages = [
        Passage(int(start[1]), FRAME.sub("", before[start.end() : end]).strip())
        for start, end in zip(starts, ends, strict=False)
    ]
    return passages, question.strip()


def sentences(text: str) -> list[str]:
    """Return the sentences of a text; a line break ends one too, unless lower case follows."""
    found = SENTENCE.findall(WRAPPED.sub(" ", text))
    return [sentence.strip() for sentence in found if sentence.strip()]


def significant(text: str) -> frozenset[str]:
    """Return the words of a text that are not grammar."""
    return frozenset(word.casefold() for word in WORD.findall(text)) - GRAMMAR
