"""An answer without a model: the best passages, quoted around the words of the question."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import log

from appliance.answering.model import NumberedPassage
from appliance.answering.sentences import Span, sentences, shortened
from appliance.retrieval.model import Passage
from appliance.text.keywords import keywords
from appliance.text.words import question_language

MOST_QUOTES = 3
LONGEST_QUOTE = 420
STEM = 5
# Of the question; each is looked for in every sentence.
MOST_WORDS = 32

_WORD = re.compile(r"\w{3,}")
_DENSE_PAIR = re.compile(r"(?=([\u2e80-\u9fff\uac00-\ud7af]{2}))")
# Characters that mean something in Markdown or in our citations.
_MARKS = re.compile(r"([\\`*_\[\]<>#|~!&])")
_LIST_MARK = re.compile(r"^(\d{0,9})([-+=.)])(?=\s|$)")
_ESCAPED = re.compile(r"\\([\\`*_\[\]<>#|~!&+=.)-])")
_NUMBER = re.compile(r"(?<=\\\[)(?=\d)")
_WORD_JOINER = "\u2060"


@dataclass(frozen=True, slots=True)
class Quoted:
    """The text of the answer, and the places that it quotes."""

    text: str
    cited: tuple[NumberedPassage, ...]


def quote(question: str, passages: tuple[NumberedPassage, ...]) -> Quoted:
    """Return the best passages as Markdown quotations, each with its number."""
    best = passages[:MOST_QUOTES]
    weights = _weights(question, best)
    chosen = tuple(_best_part(weights, numbered) for numbered in best)
    intro = (
        "These passages fit the question best, word for word:"
        if len(chosen) > 1
        else "This passage fits the question best, word for word:"
    )
    quotations = [f"{_block(each.passage.text)} [{each.number}]" for each in chosen]
    return Quoted("\n\n".join([intro, *quotations]), chosen)


def unescape(quotations: str) -> str:
    """Return quotations as plain text, as they are in the documents."""
    return _ESCAPED.sub(r"\1", quotations).replace(_WORD_JOINER, "")


def _weights(question: str, passages: tuple[NumberedPassage, ...]) -> dict[str, float]:
    """Return the weight of each word of the question: rarer words weigh more."""
    found = keywords(question, question_language(question))[:MOST_WORDS]
    wanted = sorted(_words(" ".join(found) or question[:LONGEST_QUOTE]))[:MOST_WORDS]
    texts = [numbered.passage.text for numbered in passages]
    held = [_words(text[span.start : span.end]) for text in texts for span in sentences(text)]
    counts = {word: sum(word in words for words in held) for word in wanted}
    return {word: log(1 + len(held) / count) for word, count in counts.items() if count}


def _best_part(weights: Mapping[str, float], numbered: NumberedPassage) -> NumberedPassage:
    """Narrow a passage to the sentences around the heaviest words of the question."""
    passage = numbered.passage
    spans = sentences(passage.text)
    if not spans:
        return numbered
    found = (_words(passage.text[span.start : span.end]) for span in spans)
    hits = [sum(weight for word, weight in weights.items() if word in words) for words in found]
    part = _grown(spans, hits.index(max(hits)))
    return replace(numbered, passage=_narrowed(passage, part))


def _grown(spans: list[Span], best: int) -> Span:
    """Add sentences after the best one, then before it, as long as they fit."""
    first = last = best
    while last + 1 < len(spans) and spans[last + 1].end - spans[first].start <= LONGEST_QUOTE:
        last += 1
    while first > 0 and spans[last].end - spans[first - 1].start <= LONGEST_QUOTE:
        first -= 1
    return Span(spans[first].start, spans[last].end)


def _narrowed(passage: Passage, part: Span) -> Passage:
    text = shortened(passage.text[part.start : part.end], LONGEST_QUOTE)
    start = passage.start + part.start
    return replace(passage, text=text, start=start, end=start + len(text))


def _words(text: str) -> set[str]:
    """Return the beginnings of the longer words, so that most forms of a word match."""
    folded = text.casefold()
    return {word[:STEM] for word in _WORD.findall(folded)} | set(_DENSE_PAIR.findall(folded))


def _block(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.strip().splitlines())
    return "\n".join(f"> {_escaped(line)}" for line in lines if line)


def _escaped(line: str) -> str:
    """Escape a line for Markdown; a document's own `[2]` must not become our citation."""
    escaped = _LIST_MARK.sub(r"\1\\\2", _MARKS.sub(r"\\\1", line))
    return _NUMBER.sub(_WORD_JOINER, escaped)
