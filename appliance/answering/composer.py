"""How an answer comes to be, from the question to its last word; used by the chat and by the API.

1. Retrieve, always.
2. Without evidence say so; the model is not asked.
3. Wait for a place at the model.
4. Fit the passages into the context, and stream what the model writes, with clean citations and
   without what it thinks.
5. If the model counts the prompt as too long, try once more with less to read.
6. If the model fails before its first word, quote the passages instead.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from appliance.answering import prompt
from appliance.answering.admission import Admission
from appliance.answering.budget import Fitted, Measure, fit
from appliance.answering.choice import ChatModel, ModelChoice
from appliance.answering.errors import EmptyAnswerError, QuestionDoesNotFitError, UncitedAnswerError
from appliance.answering.model import (
    Enquiry,
    Evidence,
    Numbered,
    Outcome,
    Part,
    Queued,
    Retriever,
    Words,
)
from appliance.answering.quote import quote
from appliance.answering.writing import Writing
from appliance.conversations.model import AnswerKind
from appliance.core.errors import ApplianceError
from appliance.llm.client import ModelRunner
from appliance.llm.errors import PromptTooLongError
from appliance.retrieval.model import Passage

_LOG = logging.getLogger(__name__)

NO_EVIDENCE = (
    "The documents that you may see do not say anything about this. Try other words, or add a "
    "document that does."
)


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
        """Yield Queued and Evidence, perhaps Thinking, then Words, then one Outcome.

        Closing the generator, or cancelling who waits for it, stops the model at once. Raises
        ApplianceError when not even passages can be found, or the question fits no context.
        """
        earlier = tuple(turn.question for turn in enquiry.turns)
        retrieved = await self._retriever.retrieve(
            enquiry.reader, enquiry.question, earlier=earlier
        )
        passages = retrieved.passages
        if not passages:
            nothing = Evidence(0, ())
            yield nothing
            yield Words(NO_EVIDENCE)
            yield Outcome(AnswerKind.NO_EVIDENCE, nothing.reading)
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
        writing = Writing(_fitted(enquiry, passages, Measure(model.context_tokens)))
        async with aclosing(self._write(enquiry, model, writing)) as parts:
            async for part in parts:
                yield part
        if again := _with_less(enquiry, model, passages, writing):
            writing = again
            async with aclosing(self._write(enquiry, model, writing)) as parts:
                async for part in parts:
                    yield part
        for part in _ended(enquiry, model, passages, writing):
            yield part

    async def _write(
        self, enquiry: Enquiry, model: ChatModel, writing: Writing
    ) -> AsyncGenerator[Part, None]:
        """Yield what the model writes; why it ended too early is kept in `writing`."""
        yield writing.evidence(model.name)
        chunks = self._runner.chat(
            model.name,
            prompt.messages(enquiry.question, writing.fitted),
            context_tokens=model.context_tokens,
            limit_tokens=writing.fitted.answer_tokens,
        )
        try:
            async with aclosing(chunks):
                async for chunk in chunks:
                    for part in writing.take(chunk):
                        yield part
        except ApplianceError as error:
            _LOG.warning("the model %s failed: %s", model.name, error)
            self._choice.forget()
            writing.failure = error
        for part in writing.finish():
            yield part


def _fitted(enquiry: Enquiry, passages: tuple[Passage, ...], measure: Measure) -> Fitted:
    return fit(
        enquiry.question,
        passages,
        enquiry.turns,
        rules_tokens=prompt.RULES_TOKENS,
        measure=measure,
        answer_tokens=enquiry.limit_tokens,
    )


def _with_less(
    enquiry: Enquiry, model: ChatModel, passages: tuple[Passage, ...], refused: Writing
) -> Writing | None:
    """Return a second attempt with less to read, if the model counts more than was estimated."""
    refusal = refused.failure
    if refused.has_words or not isinstance(refusal, PromptTooLongError):
        return None
    measure = Measure(model.context_tokens).corrected(
        refused.fitted, refusal, rules_tokens=prompt.RULES_TOKENS
    )
    try:
        return Writing(_fitted(enquiry, passages, measure))
    except QuestionDoesNotFitError:
        # It seemed to fit at first: the refusal says better what is wrong.
        return None


def _ended(
    enquiry: Enquiry, model: ChatModel, passages: tuple[Passage, ...], writing: Writing
) -> Iterator[Part]:
    """Yield the end of what a model wrote; if that is nothing, the passages take its place."""
    if not writing.has_words:
        yield from _quoted(
            enquiry.question, passages, writing.failure or EmptyAnswerError(model=model.name)
        )
        return
    cited = writing.cited
    note = writing.note or (None if cited or writing.failure else UncitedAnswerError())
    reading = writing.evidence(model.name).reading
    yield Outcome(AnswerKind.GENERATED, reading, cited, note, writing.failure, writing.usage)


def _quoted(question: str, passages: tuple[Passage, ...], why: ApplianceError) -> list[Part]:
    """Return an answer that needs no model, with the reason why there is none."""
    numbered = tuple(Numbered(number, passage) for number, passage in enumerate(passages, start=1))
    quoted = quote(question, numbered)
    evidence = Evidence(len(passages), quoted.cited)
    return [
        evidence,
        Words(quoted.text),
        Outcome(AnswerKind.QUOTED, evidence.reading, quoted.cited, why),
    ]
