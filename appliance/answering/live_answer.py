"""The state of an answer while it is written, for the pages that show it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar, assert_never
from uuid import UUID

from appliance.answering.model import (
    Context,
    Finished,
    NumberedPassage,
    Part,
    Queued,
    TextDelta,
    Thinking,
)
from appliance.answering.store import Progress
from appliance.conversations.model import Exchange, MessageState
from appliance.web.markdown_limits import LONGEST_TEXT

Shared = TypeVar("Shared")
# The limit of tokens ends an answer long before; a few models write tokens of a hundred spaces.
LONGEST_ANSWER = LONGEST_TEXT


class LiveAnswer:
    """The newest state of one answer, with a number that grows with each change.

    A reader asks for the state when it is ready for it. A slow reader skips intermediate states
    and delays neither the model nor other readers.
    """

    def __init__(self, account_id: UUID, exchange: Exchange) -> None:
        self.account_id = account_id
        self.question = exchange.question
        self.message = exchange.answer
        self.text = ""
        self.queued: Queued | None = None
        self.context: Context | None = None
        self.finished: Finished | None = None
        self.is_thinking = False
        self.version = 0
        self.has_ended = False
        self._changed = asyncio.Event()
        self._shared: Any = None

    @property
    def state(self) -> MessageState:
        """Waiting until the first word, then writing."""
        return MessageState.WRITING if self.text else MessageState.WAITING

    @property
    def is_full(self) -> bool:
        """Whether the text has reached the length at which an answer is cut."""
        return len(self.text) == LONGEST_ANSWER

    def take(self, part: Part) -> None:
        """Update the state with the next part of the answer."""
        match part:
            case Queued():
                self.queued = part
            case Context():
                self.queued = None
                self.context = part
            case Thinking():
                self.is_thinking = True
            case TextDelta(text=text):
                self.text = (self.text + text)[:LONGEST_ANSWER]
            case Finished():
                self.finished = part
            case _ as unreachable:
                assert_never(unreachable)
        self._publish()

    def end(self) -> None:
        """Announce that the answer is saved: from now on the database has its final state."""
        self.has_ended = True
        self._publish()

    async def changed_since(self, version: int) -> None:
        """Wait until the state is newer than `version`, or the answer has ended."""
        while self.version == version and not self.has_ended:
            await self._changed.wait()

    async def until_ended(self) -> None:
        """Wait until the answer has ended."""
        while not self.has_ended:
            await self._changed.wait()

    def progress(self) -> Progress:
        """Return the text so far, to be saved."""
        context = self.context
        if context is None:
            return Progress(self.message.id, self.text)
        return Progress(self.message.id, self.text, context.model, context.usage)

    def cited(self) -> tuple[NumberedPassage, ...]:
        """Return the passages whose number is in the text so far."""
        passages = self.context.passages if self.context else ()
        return tuple(each for each in passages if f"[{each.number}]" in self.text)

    def shared(self, make: Callable[[LiveAnswer], Shared]) -> Shared:
        """Return the object that all readers of this answer share; the first call makes it."""
        if self._shared is None:
            self._shared = make(self)
        kept: Shared = self._shared
        return kept

    def _publish(self) -> None:
        self.version += 1
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
