"""Compose an answer, from the question to its last word; the chat and the API use it.

1. Wait for a slot: everything below costs something that others need as well.
2. Retrieve passages, always.
3. Without passages say so; the model is not asked.
4. Fit the passages into the context and stream what the model writes, with checked citations and
   without its reasoning.
5. If the model counts the prompt as too long, try once more with fewer passages.
6. If the model fails before its first word, quote the passages instead.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from appliance.answering import prompt
from appliance.answering.answer_stream import AnswerStream
from appliance.answering.budget import Fitted, TokenCalibration, fit
from appliance.answering.choice import ChatModel, ModelChoice
from appliance.answering.errors import (
    AnswerTooLongError,
    EmptyAnswerError,
    QuestionDoesNotFitError,
    UncitedAnswerError,
)
from appliance.answering.model import (
    AnswerRequest,
    Context,
    Finished,
    NumberedPassage,
    Part,
    Queued,
    Retriever,
    StopReason,
    TextDelta,
)
from appliance.answering.quote import quote
from appliance.conversations.model import AnswerKind
from appliance.core.errors import ApplianceError
from appliance.llm.client import ModelRunner
from appliance.llm.errors import PromptTooLongError
from appliance.retrieval.model import Passage, Retrieved
from appliance.shares.admission import Admission, Ticket

_LOG = logging.getLogger(__name__)

NO_EVIDENCE = (
    "The documents that you may see do not say anything about this. Try other words, or add a "
    "document that does."
)


class Composer:
    """Composes answers. It stores nothing and knows no connection: it yields parts."""

    def __init__(
        self,
        retriever: Retriever,
        runner: ModelRunner,
        choice: ModelChoice,
        searches: Admission,
    ) -> None:
        self._retriever = retriever
        self._runner = runner
        self._choice = choice
        self._searches = searches

    async def compose(self, request: AnswerRequest, ticket: Ticket) -> AsyncGenerator[Part, None]:
        """Yield Context, perhaps Thinking, then TextDelta parts, then one Finished.

        Before these, yield Queued while `ticket` waits. The ticket is given back at the end,
        whatever the end is. Closing the generator, or cancelling the task that waits for it, stops
        the model at once. Raises ApplianceError when the search fails, or when the question fits no
        context.
        """
        try:
            async with aclosing(ticket.places()) as places:
                async for place in places:
                    yield Queued(place.ahead, place.seconds)
            async with aclosing(self._admitted(request)) as parts:
                async for part in parts:
                    yield part
        finally:
            ticket.leave()

    async def _admitted(self, request: AnswerRequest) -> AsyncGenerator[Part, None]:
        passages = (await self._retrieve(request)).passages
        if not passages:
            nothing = Context(0, ())
            yield nothing
            yield TextDelta(NO_EVIDENCE)
            yield Finished(AnswerKind.NO_EVIDENCE, nothing.usage)
            return
        try:
            model = await self._choice.resolve(request.model)
        except ApplianceError as error:
            for part in _quote(request.question, passages, error):
                yield part
            return
        async with aclosing(self._generate(request, model, passages)) as parts:
            async for part in parts:
                yield part

    async def _retrieve(self, request: AnswerRequest) -> Retrieved:
        earlier = tuple(turn.question for turn in request.turns)
        # Before the searches of programs; the slots bound how many answers search at once.
        async with self._searches.turn(request.reader.id, is_urgent=True):
            return await self._retriever.retrieve(request.reader, request.question, earlier=earlier)

    async def _generate(
        self, request: AnswerRequest, model: ChatModel, passages: tuple[Passage, ...]
    ) -> AsyncGenerator[Part, None]:
        calibration = TokenCalibration(model.context_tokens)
        stream = AnswerStream(_fit(request, passages, calibration))
        async with aclosing(self._write(request, model, stream)) as parts:
            async for part in parts:
                yield part
        if second := _retry_with_less(request, passages, calibration, stream):
            stream = second
            async with aclosing(self._write(request, model, stream)) as parts:
                async for part in parts:
                    yield part
        for part in _finish(request, model, passages, stream):
            yield part

    async def _write(
        self, request: AnswerRequest, model: ChatModel, stream: AnswerStream
    ) -> AsyncGenerator[Part, None]:
        """Yield what the model writes; a failure of the model is recorded in `stream`."""
        yield stream.context(model.name)
        chunks = self._runner.chat(
            model.name,
            prompt.messages(request.question, stream.fitted),
            context_tokens=model.context_tokens,
            limit_tokens=stream.fitted.answer_tokens,
        )
        try:
            async with aclosing(chunks):
                async for chunk in chunks:
                    for part in stream.feed(chunk):
                        yield part
                    # Chunks that are here already would keep the event loop up to the last one.
                    await asyncio.sleep(0)
        except ApplianceError as error:
            _LOG.warning("the model %s failed: %s", model.name, error)
            self._choice.forget()
            stream.failure = error
        for part in stream.finish():
            yield part


def _fit(
    request: AnswerRequest, passages: tuple[Passage, ...], calibration: TokenCalibration
) -> Fitted:
    return fit(
        request.question,
        passages,
        request.turns,
        rules_tokens=prompt.RULES_TOKENS,
        calibration=calibration,
        answer_tokens=request.limit_tokens,
    )


def _retry_with_less(
    request: AnswerRequest,
    passages: tuple[Passage, ...],
    calibration: TokenCalibration,
    refused: AnswerStream,
) -> AnswerStream | None:
    """Return a second attempt with a shorter prompt, if the model refused the first as too long."""
    refusal = refused.failure
    if refused.has_text or not isinstance(refusal, PromptTooLongError):
        return None
    corrected = calibration.corrected(refused.fitted, refusal, rules_tokens=prompt.RULES_TOKENS)
    try:
        return AnswerStream(_fit(request, passages, corrected))
    except QuestionDoesNotFitError:
        # By the first estimate it did fit: the model's refusal describes the problem better.
        return None


def _finish(
    request: AnswerRequest, model: ChatModel, passages: tuple[Passage, ...], stream: AnswerStream
) -> Iterator[Part]:
    """Yield the end of the model's answer; if the model wrote nothing, quote the passages."""
    if not stream.has_text:
        why = stream.failure or EmptyAnswerError(model=model.name)
        yield from _quote(request.question, passages, why)
        return
    yield Finished(
        AnswerKind.GENERATED,
        stream.context(model.name).usage,
        stream.cited,
        _note(stream),
        stream.failure,
        stream.tokens,
        stream.stop_reason,
    )


def _note(stream: AnswerStream) -> ApplianceError | None:
    if stream.stop_reason is StopReason.LENGTH:
        return AnswerTooLongError()
    return None if stream.cited or stream.failure else UncitedAnswerError()


def _quote(question: str, passages: tuple[Passage, ...], why: ApplianceError) -> list[Part]:
    """Return an answer that needs no model, with the reason why the model did not answer."""
    numbered = tuple(
        NumberedPassage(number, passage) for number, passage in enumerate(passages, start=1)
    )
    quoted = quote(question, numbered)
    context = Context(len(passages), quoted.cited)
    return [
        context,
        TextDelta(quoted.text),
        Finished(AnswerKind.QUOTED, context.usage, quoted.cited, why),
    ]
