"""An answer while the model writes it: turns the model's chunks into text that may be shown."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.answering.budget import Fitted
from appliance.answering.citations import CitationFilter
from appliance.answering.model import (
    Context,
    NumberedPassage,
    Part,
    StopReason,
    TextDelta,
    Thinking,
    TokenUsage,
)
from appliance.answering.reasoning_filter import ReasoningFilter
from appliance.core.errors import ApplianceError
from appliance.core.text import storable
from appliance.llm.model import ChatChunk

# How the model runner says that the limit of tokens ended the answer.
_LIMIT_REACHED = "length"


class AnswerStream:
    """Filters the chunks of one answer and records how the answer went so far."""

    def __init__(self, fitted: Fitted) -> None:
        self.fitted = fitted
        self.has_text = False
        self.failure: ApplianceError | None = None
        self.stop_reason = StopReason.COMPLETE
        self.tokens = TokenUsage()
        self._is_thinking = False
        self._reasoning = ReasoningFilter()
        self._citations = CitationFilter({each.number for each in fitted.passages})

    @property
    def cited(self) -> tuple[NumberedPassage, ...]:
        """The passages that the text cites so far."""
        used = set(self._citations.used)
        return tuple(each for each in self.fitted.passages if each.number in used)

    def context(self, model: str) -> Context:
        """Return what the model reads."""
        fitted = self.fitted
        return Context(fitted.found, fitted.passages, model, fitted.shortened, fitted.left_out)

    def feed(self, chunk: ChatChunk) -> Iterator[Part]:
        """Yield the parts that no later chunk can change."""
        if chunk.done:
            self._record_end(chunk)
        # Blocks of Markdown are counted in characters, and browsers drop some "\r".
        written = storable(chunk.text.replace("\r", ""))
        text = self._citations.feed(self._reasoning.feed(written))
        if (chunk.thinking or self._reasoning.is_thinking) and not self._is_thinking:
            self._is_thinking = True
            yield Thinking()
        yield from self._delta(text)

    def finish(self) -> Iterator[Part]:
        """Yield the text that the filters still hold, after the last chunk."""
        rest = self._citations.feed(self._reasoning.finish()) + self._citations.finish()
        yield from self._delta(rest.rstrip())

    def _delta(self, text: str) -> Iterator[Part]:
        if text:
            self.has_text = self.has_text or bool(text.strip())
            yield TextDelta(text)

    def _record_end(self, chunk: ChatChunk) -> None:
        if chunk.done_reason == _LIMIT_REACHED:
            self.stop_reason = StopReason.LENGTH
        self.tokens = TokenUsage(chunk.prompt_tokens or 0, chunk.answer_tokens or 0)
