"""An answer while its model writes it: from what the model sends to words that may be shown."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.answering.budget import Fitted
from appliance.answering.citations import CitationFilter
from appliance.answering.errors import AnswerTooLongError
from appliance.answering.model import Evidence, Numbered, Part, Thinking, Usage, Words
from appliance.answering.thoughts import ThoughtFilter
from appliance.core.errors import ApplianceError
from appliance.core.text import storable
from appliance.llm.model import ChatChunk


class Writing:
    """Takes the chunks of an answer to what `fitted` holds, and knows what became of it so far."""

    def __init__(self, fitted: Fitted) -> None:
        self.fitted = fitted
        self.has_words = False
        self.failure: ApplianceError | None = None
        self.note: ApplianceError | None = None
        self.usage = Usage()
        self._is_thinking = False
        self._thoughts = ThoughtFilter()
        self._citations = CitationFilter({each.number for each in fitted.passages})

    @property
    def cited(self) -> tuple[Numbered, ...]:
        """The passages that the text so far cites."""
        used = set(self._citations.used)
        return tuple(each for each in self.fitted.passages if each.number in used)

    def evidence(self, model: str) -> Evidence:
        """Return what the model reads."""
        fitted = self.fitted
        return Evidence(fitted.found, fitted.passages, model, fitted.shortened, fitted.left_out)

    def take(self, chunk: ChatChunk) -> Iterator[Part]:
        """Yield what is certain so far."""
        if chunk.done:
            self._note_the_end(chunk)
        # Blocks of Markdown are counted in characters, and "\r" is sometimes none.
        written = storable(chunk.text.replace("\r", ""))
        words = self._citations.feed(self._thoughts.feed(written))
        if (chunk.thinking or self._thoughts.is_thinking) and not self._is_thinking:
            self._is_thinking = True
            yield Thinking()
        yield from self._words(words)

    def finish(self) -> Iterator[Part]:
        """Yield what was held back: nothing more will come."""
        rest = self._citations.feed(self._thoughts.finish()) + self._citations.finish()
        yield from self._words(rest.rstrip())

    def _words(self, words: str) -> Iterator[Part]:
        if words:
            self.has_words = self.has_words or bool(words.strip())
            yield Words(words)

    def _note_the_end(self, chunk: ChatChunk) -> None:
        if chunk.done_reason == "length":
            self.note = AnswerTooLongError()
        self.usage = Usage(chunk.prompt_tokens or 0, chunk.answer_tokens or 0)
