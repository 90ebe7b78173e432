"""What an answer is made from, and the parts in which it is delivered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from appliance.accounts.model import Account
from appliance.conversations.model import AnswerKind, ContextUsage
from appliance.core.errors import ApplianceError
from appliance.retrieval.model import Passage, Retrieved


class Retriever(Protocol):
    """Finds passages that the reader may see."""

    async def retrieve(
        self,
        reader: Account,
        question: str,
        *,
        k: int = 12,
        collection: UUID | None = None,
        earlier: Sequence[str] = (),
    ) -> Retrieved:
        """Return passages, best first; `earlier` holds the previous questions, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question of the conversation and its answer."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class NumberedPassage:
    """A passage with the number by which an answer cites it."""

    number: int
    passage: Passage


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """A question with everything that is needed to answer it; no `model` means the chosen one."""

    reader: Account
    question: str
    turns: tuple[Turn, ...] = ()
    model: str | None = None
    limit_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Queued:
    """The request waits for its turn, and `ahead` other requests come first.

    `seconds` is about how long that takes, if it is known.
    """

    ahead: int
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """The passages that the answer is written from. This part comes before the first text."""

    found: int
    passages: tuple[NumberedPassage, ...]
    model: str | None = None
    shortened: int = 0
    questions_left_out: int = 0

    @property
    def usage(self) -> ContextUsage:
        """How much of the material the answer is written from."""
        return ContextUsage(self.found, len(self.passages), self.shortened, self.questions_left_out)


@dataclass(frozen=True, slots=True)
class Thinking:
    """The model reasons before its first word. Its reasoning is not part of the answer."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the text; its citations are already checked."""

    text: str


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """How many tokens the model read and wrote, as the model runner counted them."""

    prompt_tokens: int = 0
    answer_tokens: int = 0


class StopReason(StrEnum):
    """What ended the text."""

    COMPLETE = "complete"
    LENGTH = "length"


@dataclass(frozen=True, slots=True)
class Finished:
    """The last part: how the answer ended.

    `failure` says why the text is incomplete; `note` says why a complete one was quoted or cut, or
    cannot be checked.
    """

    kind: AnswerKind
    context_usage: ContextUsage
    cited: tuple[NumberedPassage, ...] = ()
    note: ApplianceError | None = None
    failure: ApplianceError | None = None
    tokens: TokenUsage = TokenUsage()
    stop_reason: StopReason = StopReason.COMPLETE


Part = Queued | Context | Thinking | TextDelta | Finished
