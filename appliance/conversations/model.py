"""Conversations: questions, answers, and the sources of the answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from appliance.web.formats import count_of

QUESTION_LIMIT = 8000
TITLE_LIMIT = 200


class Author(StrEnum):
    """Who wrote a message."""

    PERSON = "person"
    CLOISTER = "cloister"


class MessageState(StrEnum):
    """The progress of an answer; a question is complete at once."""

    WAITING = "waiting"
    WRITING = "writing"
    COMPLETE = "complete"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


UNFINISHED = frozenset({MessageState.WAITING, MessageState.WRITING})


class AnswerKind(StrEnum):
    """The origin of an answer's text."""

    GENERATED = "generated"
    QUOTED = "quoted"
    NO_EVIDENCE = "no_evidence"


@dataclass(frozen=True, slots=True)
class Conversation:
    """Questions and answers that belong together."""

    id: UUID
    account_id: UUID
    title: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ContextUsage:
    """How much of the material an answer was written from, so that nothing is left out silently.

    `found` and `used` count passages; `shortened` counts the used passages that lost their end.
    `questions_left_out` counts earlier questions of the conversation.
    """

    found: int
    used: int
    shortened: int = 0
    questions_left_out: int = 0

    @property
    def sentence(self) -> str:
        """Describe it in a line; empty if no passage was found."""
        if not self.found:
            return ""
        text = f"Used {self.used:,} of {count_of(self.found, 'passage')}"
        if self.shortened:
            text += f", {'one' if self.shortened == 1 else self.shortened} of them shortened"
        if self.questions_left_out:
            text += f"; {count_of(self.questions_left_out, 'earlier question')} left out"
        return text


@dataclass(frozen=True, slots=True)
class Message:
    """A question or an answer.

    `error_*` say why an answer failed, or why a complete one was quoted or cut. `html` is the text
    as `appliance.web.markdown` renders it, if `html_version` is the version that does.
    """

    id: UUID
    conversation_id: UUID
    ordinal: int
    author: Author
    state: MessageState
    kind: AnswerKind | None
    text: str
    error_code: str | None
    error_message: str | None
    error_hint: str | None
    model: str | None
    worker: int | None
    passages_found: int | None
    passages_used: int | None
    passages_shortened: int | None
    questions_left_out: int | None
    created_at: datetime
    finished_at: datetime | None
    html: str | None = None
    html_version: int | None = None

    @property
    def context_usage(self) -> ContextUsage | None:
        """What the answer was written from, once that is known."""
        if self.passages_found is None or self.passages_used is None:
            return None
        return ContextUsage(
            self.passages_found,
            self.passages_used,
            self.passages_shortened or 0,
            self.questions_left_out or 0,
        )

    @property
    def is_question(self) -> bool:
        """Whether a person wrote it."""
        return self.author == Author.PERSON

    @property
    def is_finished(self) -> bool:
        """Whether its text is final, unless it is tried again."""
        return self.state not in UNFINISHED

    @property
    def can_be_tried_again(self) -> bool:
        """Whether another attempt may give a better answer."""
        broken_off = (MessageState.STOPPED, MessageState.INTERRUPTED, MessageState.FAILED)
        return self.state in broken_off or (
            self.state == MessageState.COMPLETE and self.kind == AnswerKind.QUOTED
        )


@dataclass(frozen=True, slots=True)
class Citation:
    """The source of `[number]` in an answer; no `document_id` once the document was deleted.

    `label` names the page where a number would mislead, as in `retrieval.model`.
    """

    message_id: UUID
    number: int
    document_id: UUID | None
    file_name: str
    page: int
    start_at: int
    end_at: int
    label: str | None


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and its answer, as they were just saved."""

    question: Message
    answer: Message


@dataclass(frozen=True, slots=True)
class PageSize:
    """How much of a conversation is shown at once: messages, and characters of text and HTML."""

    messages: int = 40
    characters: int = 600_000


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation with consecutive messages of it, in order."""

    conversation: Conversation
    messages: tuple[Message, ...]
    citations: Mapping[UUID, tuple[Citation, ...]]

    @property
    def earlier(self) -> int | None:
        """The ordinal before which there are earlier messages, if there are any."""
        first = self.messages[0].ordinal if self.messages else 1
        return first if first > 1 else None

    def citations_of(self, message: Message) -> tuple[Citation, ...]:
        """Return the sources of one answer, by number."""
        return self.citations.get(message.id, ())


def title_of(question: str) -> str:
    """Return a conversation's first title: the beginning of its first question, in one line."""
    line = " ".join(question.split())
    if len(line) <= 80:
        return line
    cut = line[:80].rsplit(" ", 1)[0] if " " in line[:80] else line[:79]
    return f"{cut.rstrip(' ,;:.-')}…"
