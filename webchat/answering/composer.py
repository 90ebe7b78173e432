"""How an answer comes to be, from the question to its last word; used by the chat and by the API.

1. Retrieve, always.
2. Without evidence say so; the model is not asked.
3. Wait for a place at the model.
4. Fit the passages into the context, and stream what the model writes with clean citations.
5. If the model fails before its first word, quote the passages instead.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

from appliance.core.errors import ApplianceError
from appliance.llm.client import ModelRunner
from appliance.llm.model import ChatChunk
from webchat.answering import prompt
from webchat.answering.admission import Admission
from webchat.answering.budget import Fitted, fit
from webchat.answering.choice import ChatModel, ModelChoice
from webchat.answering.citations import CitationFilter
from webchat.answering.errors import (
    AnswerTooLongError,
    EmptyAnswerError,
    UncitedAnswerError,
)
from webchat.answering.model import (
    Enquiry,
    Evidence,
    Numbered,
    Outcome,
    Part,
    Queued,
    Retriever,
    Usage,
    Words,
)
from webchat.answering.quote import quote
from webchat.conversations.model import AnswerKind
from webchat.retrieval.model import Passage

_LOG = logging.getLogger(__name__)

NO_EVIDENCE = (
    "The documents that you may see do not say anything about this. Try other words, or add a "
    "document that does."
)


@dataclass(slots=True)
class _Writing:
    """What is known about an answer while its model writes."""

    filter: CitationFilter
    written: bool = False
    note: ApplianceError | None = None
    usage: Usage = field(default_factory=Usage)


class Composer:
    """Makes answers. It keeps nothing and knows no connection: it yields parts."""

    def __init__(
        self,
        retriever: Retriever,
        runner: ModelRunner,
        choice: ModelChoice,
        admission: Admission,
    ) -> None:
        self._retriever = retriever
        self._runner = runner
        self._choice = choice
        self._admission = admission

    async def compose(self, enquiry: Enquiry) -> AsyncGenerator[Part, None]:
        """Yield Queued and Evidence, then Words, then one Outcome.

        Closing the generator, or cancelling who waits for it, stops the model at once. Raises
        ApplianceError when not even passages can be found, or the question fits no context.
        """
        earlier = tuple(turn.question for turn in enquiry.turns)
        retrieved = await self._retriever.retrieve(
            enquiry.reader, enquiry.question, earlier=earlier
        )
        passages = retrieved.passages
        if not passages:
            yield Evidence(0, ())
            yield Words(NO_EVIDENCE)
            yield Outcome(AnswerKind.NO_EVIDENCE)
            return
        try:
            model = await self._choice.named(enquiry.model)
        except ApplianceError as error:
            for part in _quoted(enquiry.question, passages, error):
                yield part
            return
        with self._admission.ticket(enquiry.reader.id) as ticket:
            async for ahead in ticket.places():
                yield Queued(ahead)
            async with aclosing(self._generate(enquiry, model, passages)) as parts:
                async for part in parts:
                    yield part

    async def _generate(
        self, enquiry: Enquiry, model: ChatModel, passages: tuple[Passage, ...]
    ) -> AsyncGenerator[Part, None]:
        fitted = fit(
            enquiry.question,
            passages,
            enquiry.turns,
            rules_tokens=prompt.RULES_TOKENS,
            context_tokens=model.context_tokens,
            answer_tokens=enquiry.limit_tokens,
        )
        yield Evidence(len(passages), fitted.passages, model.name)
        writing = _Writing(CitationFilter({each.number for each in fitted.passages}))
        failure: ApplianceError | None = None
        try:
            async with aclosing(self._write(enquiry, model, fitted, writing)) as pieces:
                async for words in pieces:
                    yield words
        except ApplianceError as error:
            _LOG.warning("the model %s failed: %s", model.name, error)
            self._choice.forget()
            failure = error
        if rest := writing.filter.finish().rstrip():
            writing.written = True
            yield Words(rest)
        if not writing.written:
            why = failure or EmptyAnswerError(model=model.name)
            for part in _quoted(enquiry.question, passages, why):
                yield part
            return
        cited = _cited(fitted, writing)
        note = writing.note or (None if cited or failure else UncitedAnswerError())
        yield Outcome(AnswerKind.GENERATED, cited, note, failure, writing.usage)

    async def _write(
        self, enquiry: Enquiry, model: ChatModel, fitted: Fitted, writing: _Writing
    ) -> AsyncGenerator[Words, None]:
        chunks = self._runner.chat(
            model.name,
            prompt.messages(enquiry.question, fitted),
            context_tokens=model.context_tokens,
            limit_tokens=fitted.answer_tokens,
        )
        async with aclosing(chunks):
            async for chunk in chunks:
                # Blocks of Markdown are counted in characters, and "\r" is sometimes none.
                if words := writing.filter.feed(chunk.text.replace("\r", "")):
                    writing.written = writing.written or bool(words.strip())
                    yield Words(words)
                if chunk.done:
                    _note_the_end(chunk, writing)


def _note_the_end(chunk: ChatChunk, writing: _Writing) -> None:
    if chunk.done_reason == "length":
        writing.note = AnswerTooLongError()
    writing.usage = Usage(chunk.prompt_tokens or 0, chunk.answer_tokens or 0)


def _cited(fitted: Fitted, writing: _Writing) -> tuple[Numbered, ...]:
    used = set(writing.filter.used)
    return tuple(each for each in fitted.passages if each.number in used)


def _quoted(question: str, passages: tuple[Passage, ...], why: ApplianceError) -> list[Part]:
    """Return an answer that needs no model, with the reason why there is none."""
    numbered = tuple(Numbered(number, passage) for number, passage in enumerate(passages, start=1))
    quoted = quote(question, numbered)
    return [
        Evidence(len(passages), quoted.cited),
        Words(quoted.text),
        Outcome(AnswerKind.QUOTED, quoted.cited, why),
    ]
