"""What passes between retrieval, the model and whoever reads the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
        """Return passages, best first; `earlier` are the questions before, the oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question of the conversation and what was answered."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Numbered:
    """A passage under the number by which an answer cites it."""

    number: int
    passage: Passage


@dataclass(frozen=True, slots=True)
class Enquiry:
    """A question with all that is needed to answer it; no `model` means the chosen one."""

    reader: Account
    question: str
    turns: tuple[Turn, ...] = ()
    model: str | None = None
    limit_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Queued:
    """The answer waits; `ahead` others come before it."""

    ahead: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the answer is written from. It is told before the first word."""

    found: int
    passages: tuple[Numbered, ...]
    model: str | None = None
    shortened: int = 0
    questions_left_out: int = 0

    @property
    def reading(self) -> ContextUsage:
        """How much of what there is the answer is written from."""
        return ContextUsage(self.found, len(self.passages), self.shortened, self.questions_left_out)


@dataclass(frozen=True, slots=True)
class Thinking:
    """The model thinks before its first word. What it thinks is no part of the answer."""


@dataclass(frozen=True, slots=True)
class Words:
    """The next piece of the text, with its citations already checked."""

    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """How many tokens the model read and wrote, as it counted them."""

    prompt_tokens: int = 0
    answer_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """The last thing that is told: how the answer ended.

    `failure` says that the text is not complete; `note` says why a complete one was quoted or cut.
    """

    kind: AnswerKind
    reading: ContextUsage
    cited: tuple[Numbered, ...] = ()
    note: ApplianceError | None = None
    failure: ApplianceError | None = None
    usage: Usage = Usage()


Part = Queued | Evidence | Thinking | Words | Outcome
